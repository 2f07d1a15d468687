/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of commands: who may have one and for how long, and what is asked. */
#include "net/frames_parts.h"

#include "base/text.h"
#include "base/wipe.h"

#include <unistd.h>

#define ASK_MAX (2u * 1024 * 1024)
#define OUT_MAX (ASKS_MAX * WIRE_FRAME_MAX)
#define OUT_FULL (4u * 1024 * 1024) /* over this, nothing more is asked for it */

/* -- its end -- */

/* Half a frame, or answers that are not read, must not hold a place. */
static void wait_for_ask(struct frames *f)
{
    static const struct timeval limit = {.tv_sec = FRAMES_IDLE_S};

    (void)event_add(f->idle, &limit);
}

void frames_let_go(struct ask *a)
{
    struct frames *f = a->frames;

    for (unsigned i = 0; i < ASKS_MAX; i++)
        if (f->asks[i] == a)
            f->asks[i] = NULL;
    if (--f->n_asks == 0)
        wait_for_ask(f);
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
        frames_let_go(f->asks[i]);
    }
    stream_free(f->stream);
    event_free(f->idle);
    buf_free(&f->in);
    buf_free(&f->out);
    wipe_free(f);
}

void gate_frames_close(struct gate *g)
{
    while (g->frames)
        frames_free(g->frames);
}

void frames_give_up(struct frames *f)
{
    f->is_over = true;
    stream_finish(f->stream);
}

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
    if (f->n_asks++ == 0)
        (void)event_del(f->idle);
    return a;
}

static void begin(struct frames *f, struct bytes frame)
{
    struct wire_ask q;
    struct err e;

    if (wire_get_ask(frame, &q, &e)) {
        frames_give_up(f);
        return;
    }
    correct(f, &q);
    struct ask *a = slot(f, q.id);
    if (!a) {
        frames_give_up(f);
        return;
    }
    a->job = job_begin(f->gate, &q, &frames_job_calls, a, &e);
    if (a->job)
        return;
    frames_refuse(f, q.id, 429, &e);
    frames_let_go(a);
}

static bool has_room(const struct frames *f)
{
    return !f->is_over && f->n_asks < ASKS_MAX && f->out.n - f->n_given < OUT_FULL;
}

/* By its length alone: what is too long is not waited for. */
static bool is_too_long(struct bytes in)
{
    return in.n >= 4 && ((uint32_t)in.p[0] << 24 | (uint32_t)in.p[1] << 16 |
                         (uint32_t)in.p[2] << 8 | in.p[3]) > ASK_MAX - 4;
}

/* The rest waits here, or in the kernel. */
void frames_take(struct frames *f)
{
    size_t at = 0, n = 0;
    struct err e;

    if (f->is_taking)
        return;
    f->is_taking = true;
    while (has_room(f)) {
        struct bytes rest = bytes_of(f->in.p + at, f->in.n - at);
        if (is_too_long(rest) || wire_frame(rest, &n, &e))
            frames_give_up(f);
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
        frames_give_up(f);
    else
        frames_take(f);
}

static void on_drained(void *ctx, struct stream *s)
{
    (void)s;
    frames_feed(ctx);
    frames_take(ctx);
}

static void on_closed(void *ctx, struct stream *s)
{
    (void)s;
    frames_free(ctx);
}

static void on_idle(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    frames_free(ctx);
}

/* -- the beginning -- */

static bool may_come(const struct gate *g, uint32_t uid)
{
    uint32_t own = (uint32_t)getuid();
    unsigned n_foreign = 0, n_same = 0;

    for (const struct frames *f = g->frames; f; f = f->next) {
        n_foreign += f->uid != own;
        n_same += f->uid == uid;
    }
    if (uid == own)
        return g->n_frames < FRAMES_MAX;
    return g->n_frames < FRAMES_MAX && n_foreign < FRAMES_MAX - FRAMES_OWN_KEPT &&
           n_same < FRAMES_FOREIGN_MAX;
}

static struct frames *frames_new(struct event_base *loop, struct gate *g, int fd, uint32_t uid,
                                 uint32_t pid)
{
    static const struct stream_calls calls = {on_input, on_closed, on_drained};
    static const struct stream_limits limits = {.in = 2 * IN_STEP, .out = 2 * OUT_STEP};
    struct frames *f = may_come(g, uid) ? wipe_malloc(sizeof(*f)) : NULL;
    struct event *idle = f ? event_new(loop, -1, 0, on_idle, f) : NULL;
    struct err e;

    if (!idle) {
        close(fd);
        wipe_free(f);
        return NULL;
    }
    *f = (struct frames){.next = g->frames,
                         .gate = g,
                         .idle = idle,
                         .uid = uid,
                         .pid = pid,
                         .in = BUF_INIT(ASK_MAX + 2 * IN_STEP), /* and a part of the next */
                         .out = BUF_INIT(OUT_MAX)};
    if (stream_new(loop, fd, &limits, &calls, f, &f->stream, &e)) {
        event_free(idle);
        wipe_free(f);
        return NULL;
    }
    return f;
}

void frames_accept(struct event_base *loop, struct gate *g, int fd, struct bytes first,
                   uint32_t uid, uint32_t pid)
{
    struct frames *f = frames_new(loop, g, fd, uid, pid);

    if (!f)
        return;
    g->frames = f;
    g->n_frames++;
    wait_for_ask(f);
    buf_add(&f->in, first);
    frames_take(f);
}
