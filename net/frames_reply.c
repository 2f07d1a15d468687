/* SPDX-License-Identifier: Apache-2.0 */
/* What a command is answered: whole replies, refusals and faults, as fast as it reads. */
#include "net/frames_parts.h"

#define HELD_MAX (32u * 1024 * 1024)

/* -- out -- */

void frames_feed(struct frames *f)
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

/* rc: of what was put. */
static void send_put(struct frames *f, int rc)
{
    if (rc || f->out.failed)
        frames_give_up(f);
    else
        frames_feed(f);
}

void frames_refuse(struct frames *f, uint32_t id, unsigned status, const struct err *why)
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
    frames_let_go(a);
    frames_take(f);
}

static void on_ended(void *ctx, bool is_whole)
{
    struct ask *a = ctx;
    struct frames *f = a->frames;

    if (is_whole && !a->head.failed)
        put_reply(f, a);
    else
        put_fault(f, a->id, WIRE_UNKNOWN, FAULT_CLOSED, a, job_detail(a->job));
    frames_let_go(a);
    frames_take(f);
}

static void on_failed(void *ctx, unsigned status, const struct err *e, enum wire_result result,
                      enum wire_fault fault)
{
    struct ask *a = ctx;
    struct frames *f = a->frames;

    if (fault == FAULT_NONE)
        frames_refuse(f, a->id, status, e);
    else
        put_fault(f, a->id, result, fault, a, job_detail(a->job));
    frames_let_go(a);
    frames_take(f);
}

const struct job_calls frames_job_calls = {on_head, on_body, on_ended, on_failed};
