/* SPDX-License-Identifier: Apache-2.0 */
/* base/wire.h: frames from the other end of the socketpair. Whatever is taken comes out of the
 * encoder as the same bytes, and lies within the frame. */
#include "base/wire.h"
#include "tests/fuzz/fuzz.h"

static void same(struct bytes frame, int rc, const struct buf *again)
{
    MUST(rc == OK);
    MUST(bytes_eq(frame, buf_bytes(again)));
}

static void within(struct bytes frame, struct bytes v)
{
    if (v.n > 0)
        MUST(v.p >= frame.p && v.p + v.n <= frame.p + frame.n);
}

static void try_request(struct bytes frame)
{
    static struct wire_request q;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_request(frame, &q, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    within(frame, q.method);
    within(frame, q.url);
    within(frame, q.body);
    within(frame, q.ca);
    within(frame, q.connect_to);
    same(frame, wire_put_request(&again, &q, &e), &again);
    buf_free(&again);
}

static void try_reply(struct bytes frame)
{
    static struct wire_reply y;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_reply(frame, &y, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    within(frame, y.detail);
    within(frame, y.body);
    MUST(y.result <= WIRE_UNKNOWN && y.fault < FAULT_COUNT);
    MUST((y.result == WIRE_REPLIED) == (y.status != 0));
    same(frame, wire_put_reply(&again, &y, &e), &again);
    buf_free(&again);
}

static void try_ask(struct bytes frame)
{
    static struct wire_ask a;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_ask(frame, &a, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    within(frame, a.record);
    within(frame, a.bearer);
    within(frame, a.url);
    within(frame, a.body);
    MUST(a.is_tcp <= 1);
    same(frame, wire_put_ask(&again, &a, &e), &again);
    buf_free(&again);
}

static void try_permit(struct bytes frame)
{
    static struct wire_permit p;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_permit(frame, &p, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    within(frame, p.request.url);
    within(frame, p.session_token);
    MUST(p.is_order <= 1);
    same(frame, wire_put_permit(&again, &p, &e), &again);
    buf_free(&again);
}

static void try_refusal(struct bytes frame)
{
    static struct wire_refusal f;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_refusal(frame, &f, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    MUST(f.err.code != OK && f.err.n_hints <= ERR_HINTS && f.status >= 401 && f.status <= 504);
    MUST(strnlen(f.err.msg, ERR_MSG_MAX) < ERR_MSG_MAX);
    same(frame, wire_put_refusal(&again, &f, &e), &again);
    buf_free(&again);
}

static void try_done(struct bytes frame)
{
    struct wire_done d;
    struct buf again = BUF_INIT(WIRE_FRAME_MAX);
    struct err e;
    if (wire_get_done(frame, &d, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    same(frame, wire_put_done(&again, &d, &e), &again);
    buf_free(&again);
}

static void try_all(struct bytes frame)
{
    try_request(frame);
    try_reply(frame);
    try_ask(frame);
    try_permit(frame);
    try_refusal(frame);
    try_done(frame);
    MUST(wire_kind(frame) <= WIRE_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    struct err e;
    size_t size = 0;
    if (wire_frame(in, &size, &e)) {
        MUST(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
        MUST(n >= 4);
    } else {
        MUST(size <= n && (size == 0 || size >= 5));
        if (size > 0)
            try_all(bytes_of(p, size));
    }
    try_all(in);
    return 0;
}
