/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of commands: whole requests in, whole replies out. */
#include "net/frames.h"

#include "base/text.h"
#include "base/wipe.h"
#include "net/work.h"

#include <unistd.h>

#define ASKS_MAX 16u /* under way, of one connection */
#define IN_STEP 65536u
#define ASK_MAX (2u * 1024 * 1024)
#define OUT_STEP (256u * 1024)
#define OUT_MAX (ASKS_MAX * WIRE_FRAME_MAX)
#define OUT_FULL (4u * 1024 * 1024) /* over this, nothing more is asked for it */
#define HELD_MAX (32u * 1024 * 1024)

struct ask {
    struct frames *frames;
    struct job *job;
    uint32_t id; /* the command's */
    unsigned status;
    size_t n_headers, names[WIRE_HEADERS_MAX], values[WIRE_HEADERS_MAX]; /* lengths, in head */
    struct buf head, body;
};

struct frames {
    struct frames *next;
    struct gate *gate;
    struct stream *stream;
    uint32_t uid, pid;
    struct buf in, out;
    size_t n_given; /* of out */
    struct ask *asks[ASKS_MAX];
    unsigned n_asks;
    bool is_over, is_taking;
};

/* -- its end -- */

static void let_go(struct ask *a)
{
    struct frames *f = a->frames;

    for (unsigned i = 0; i < ASKS_MAX; i++)
        if (f->asks[i] == a)
            f->asks[i] = NULL;
    f->n_asks--;
    f->gate->held -= a->body.n;
    buf_free(&a->head);
    buf_free(&a->body);
    wipe_free(a);
}

static void frames_free(struct frames *f)
{
    struct frames **at = &f->gate->frames;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    f->gate->n_frames--;
    for (unsigned i = 0; i < ASKS_MAX; i++) {
        if (!f->asks[i])
            continue;
        job_abandon(f->asks[i]->job);
        let_go(f->asks[i]);
    }
    stream_free(f->stream);
    buf_free(&f->in);
    buf_free(&f->out);
    wipe_free(f);
}

void gate_frames_close(struct gate *g)
{
    while (g->frames)
        frames_free(g->frames);
}

/* From anywhere: nothing is freed under a caller. */
static void give_up(struct frames *f)
{
    f->is_over = true;
    stream_finish(f->stream);
}

/* -- out -- */

static void feed(struct frames *f)
{
    struct err e;

    while (f->n_given < f->out.n && stream_waiting(f->stream) == 0) {
        size_t left = f->out.n - f->n_given, n = left < OUT_STEP ? left : OUT_STEP;
        if (stream_put(f->stream, bytes_of(f->out.p + f->n_given, n), &e))
            return; /* its end is told by the stream */
        f->n_given += n;
    }
    if (f->n_given < f->out.n)
        return;
    if (f->out.cap > IN_STEP)
        buf_free(&f->out);
    else
        buf_reset(&f->out);
    f->n_given = 0;
}

static void take(struct frames *f);

/* rc: of what was put. */
static void send_put(struct frames *f, int rc)
{
    if (rc || f->out.failed)
        give_up(f);
    else
        feed(f);
}

static void put_refusal(struct frames *f, uint32_t id, unsigned status, const struct err *why)
{
    const struct wire_refusal r = {.id = id, .status = (uint16_t)status, .err = *why};
    struct err e;

    send_put(f, wire_put_refusal(&f->out, &r, &e));
}

static void put_fault(struct frames *f, uint32_t id, enum wire_result result, enum wire_fault fault,
                      const struct ask *a, const char *detail)
{
    struct wire_reply y = {
        .id = id, .result = (uint8_t)result, .fault = (uint8_t)fault, .detail = bytes_str(detail)};
    struct err e;

    job_times(a->job, &y.sent_us, &y.answered_us);
    if (y.detail.n > 500)
        y.detail.n = 500;
    send_put(f, wire_put_reply(&f->out, &y, &e));
}

static void put_reply(struct frames *f, const struct ask *a)
{
    struct wire_reply y = {.id = a->id,
                           .result = WIRE_REPLIED,
                           .status = (uint16_t)a->status,
                           .n_headers = (uint32_t)a->n_headers,
                           .body = buf_bytes(&a->body)};
    size_t at = 0;
    struct err e;

    job_times(a->job, &y.sent_us, &y.answered_us);
    for (size_t i = 0; i < a->n_headers; i++) {
        y.headers[i].name = bytes_of(a->head.p + at, a->names[i]);
        y.headers[i].value = bytes_of(a->head.p + at + a->names[i], a->values[i]);
        at += a->names[i] + a->values[i];
    }
    send_put(f, wire_put_reply(&f->out, &y, &e));
}

/* -- of a job -- */

static void on_head(void *ctx, unsigned status, const struct wire_header *h, size_t n,
                    uint64_t length)
{
    struct ask *a = ctx;

    (void)length;
    a->status = status;
    a->n_headers = n;
    for (size_t i = 0; i < n; i++) {
        a->names[i] = h[i].name.n;
        a->values[i] = h[i].value.n;
        buf_add(&a->head, h[i].name);
        buf_add(&a->head, h[i].value);
    }
}

static void on_body(void *ctx, struct bytes v)
{
    struct ask *a = ctx;
    struct frames *f = a->frames;
    struct gate *g = f->gate;

    if (g->held + v.n <= HELD_MAX) {
        buf_add(&a->body, v);
        if (!a->body.failed) {
            g->held += v.n;
            return;
        }
    }
    put_fault(f, a->id, WIRE_UNKNOWN, FAULT_TOO_LARGE, a, "a body of over 4 MiB");
    job_abandon(a->job);
    let_go(a);
    take(f);
}

static void on_ended(void *ctx, bool is_whole)
{
    struct ask *a = ctx;
    struct frames *f = a->frames;

    if (is_whole && !a->head.failed)
        put_reply(f, a);
    else
        put_fault(f, a->id, WIRE_UNKNOWN, FAULT_CLOSED, a, job_detail(a->job));
    let_go(a);
    take(f);
}

static void on_failed(void *ctx, unsigned status, const struct err *e, enum wire_result result,
                      enum wire_fault fault)
{
    struct ask *a = ctx;
    struct frames *f = a->frames;

    if (fault == FAULT_NONE)
        put_refusal(f, a->id, status, e);
    else
        put_fault(f, a->id, result, fault, a, job_detail(a->job));
    let_go(a);
    take(f);
}

static const struct job_calls job_calls = {on_head, on_body, on_ended, on_failed};

/* -- in -- */

/* The peer is who the kernel says, and its replies are read as they come. */
static void correct(const struct frames *f, struct wire_ask *q)
{
    uint32_t n = 0;

    q->uid = f->uid;
    q->pid = f->pid;
    q->is_tcp = 0;
    for (uint32_t i = 0; i < q->n_headers; i++)
        if (!text_eq_nocase(q->headers[i].name, BYTES_LIT("accept-encoding")))
            q->headers[n++] = q->headers[i];
    q->n_headers = n;
}

static struct ask *slot(struct frames *f, uint32_t id)
{
    struct ask *a = wipe_malloc(sizeof(*a));
    unsigned i = 0;

    if (!a)
        return NULL;
    memset(a, 0, sizeof(*a));
    a->frames = f;
    a->id = id;
    a->head = (struct buf)BUF_INIT(HEAD_MAX);
    a->body = (struct buf)BUF_INIT(WIRE_BODY_MAX);
    while (f->asks[i])
        i++;
    f->asks[i] = a;
    f->n_asks++;
    return a;
}

static void begin(struct frames *f, struct bytes frame)
{
    struct wire_ask q;
    struct err e;

    if (wire_get_ask(frame, &q, &e)) {
        give_up(f);
        return;
    }
    correct(f, &q);
    struct ask *a = slot(f, q.id);
    if (!a) {
        give_up(f);
        return;
    }
    a->job = job_begin(f->gate, &q, &job_calls, a, &e);
    if (a->job)
        return;
    put_refusal(f, q.id, 429, &e);
    let_go(a);
}

static bool has_room(const struct frames *f)
{
    return !f->is_over && f->n_asks < ASKS_MAX && f->out.n - f->n_given < OUT_FULL;
}

/* Begins what is whole; the rest waits here, or in the kernel. */
static void take(struct frames *f)
{
    size_t at = 0, n = 0;
    struct err e;

    if (f->is_taking)
        return;
    f->is_taking = true;
    while (has_room(f)) {
        if (wire_frame(bytes_of(f->in.p + at, f->in.n - at), &n, &e))
            give_up(f);
        if (f->is_over || n == 0)
            break;
        begin(f, bytes_of(f->in.p + at, n));
        at += n;
    }
    if (at > 0) {
        memmove(f->in.p, f->in.p + at, f->in.n - at);
        buf_cut(&f->in, f->in.n - at);
    }
    if (f->in.n == 0)
        buf_free(&f->in);
    f->is_taking = false;
    stream_pause(f->stream, !has_room(f));
}

static void on_input(void *ctx, struct stream *s)
{
    struct frames *f = ctx;
    struct bytes v = stream_in(s);

    buf_add(&f->in, v);
    stream_took(s, v.n);
    if (f->in.failed)
        give_up(f);
    else
        take(f);
}

static void on_drained(void *ctx, struct stream *s)
{
    (void)s;
    feed(ctx);
    take(ctx);
}

static void on_closed(void *ctx, struct stream *s)
{
    (void)s;
    frames_free(ctx);
}

void frames_accept(struct event_base *loop, struct gate *g, int fd, struct bytes first,
                   uint32_t uid, uint32_t pid)
{
    static const struct stream_calls calls = {on_input, on_closed, on_drained};
    static const struct stream_limits limits = {.in = 2 * IN_STEP, .out = 2 * OUT_STEP};
    struct frames *f = g->n_frames < FRAMES_MAX ? wipe_malloc(sizeof(*f)) : NULL;
    struct err e;

    if (!f) {
        close(fd);
        return;
    }
    *f = (struct frames){.next = g->frames,
                         .gate = g,
                         .uid = uid,
                         .pid = pid,
                         .in = BUF_INIT(ASK_MAX),
                         .out = BUF_INIT(OUT_MAX)};
    if (stream_new(loop, fd, &limits, &calls, f, &f->stream, &e)) {
        wipe_free(f);
        return;
    }
    g->frames = f;
    g->n_frames++;
    buf_add(&f->in, first);
    take(f);
}
