/* SPDX-License-Identifier: Apache-2.0 */
/* base/tokenwire.h: frames from the other end of the socketpair. Whatever is taken comes out of the
 * encoder as the same bytes, and lies within the frame. */
#include "base/secret.h"
#include "base/tokenwire.h"
#include "tests/fuzz/fuzz.h"

static void same(struct bytes frame, int rc, struct buf *again)
{
    MUST(rc == OK);
    MUST(bytes_eq(frame, buf_bytes(again)));
    buf_free(again);
}

static void try_wishes(struct bytes frame)
{
    struct buf again = BUF_INIT(TOKENWIRE_MAX);
    uint32_t id, flags;
    struct bytes ct;
    struct err e;
    if (tokenwire_get_unlock(frame, &id, &flags, &e) == OK)
        same(frame, tokenwire_put_unlock(&again, id, flags, &e), &again);
    if (tokenwire_get_decap(frame, &id, &ct, &e) == OK) {
        MUST(ct.n == 0 || (ct.p >= frame.p && ct.p + ct.n <= frame.p + frame.n));
        same(frame, tokenwire_put_decap(&again, id, ct, &e), &again);
    }
}

static void try_notes(struct bytes frame)
{
    struct buf again = BUF_INIT(TOKENWIRE_MAX);
    struct tokenwire_state s;
    uint32_t id;
    struct err e;
    if (tokenwire_get_waiting(frame, &id, &e) == OK)
        same(frame, tokenwire_put_waiting(&again, id, &e), &again);
    if (tokenwire_get_state(frame, &s, &e) == OK)
        same(frame, tokenwire_put_state(&again, &s, &e), &again);
}

static void try_done(struct bytes frame)
{
    struct secret again = {0};
    struct tokenwire_done d;
    struct err e;
    MUST(secret_arena_open(&e) == OK);
    if (tokenwire_get_done(frame, &d, &e)) {
        MUST(e.code == ERR_FORMAT);
        return;
    }
    MUST(d.z.n == 0 || (d.z.n == TOKENWIRE_Z && d.err.code == OK));
    MUST(d.err.n_hints <= ERR_HINTS);
    MUST(secret_new(&again, TOKENWIRE_MAX, &e) == OK);
    MUST(tokenwire_put_done(&again, &d, &e) == OK);
    MUST(bytes_eq(frame, secret_bytes(&again)));
    secret_free(&again);
    secret_free(&d.z);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    enum tokenwire_kind kind = 0;
    struct err e;
    size_t size = 0;
    if (tokenwire_frame(in, &size, &kind, &e)) {
        MUST(e.code == ERR_FORMAT && n >= 5);
    } else {
        MUST(size <= n && size <= TOKENWIRE_MAX && (size == 0 || (size >= 5 && kind > 0)));
        try_wishes(bytes_of(p, size));
        try_notes(bytes_of(p, size));
        try_done(bytes_of(p, size));
    }
    try_wishes(in);
    try_notes(in);
    try_done(in);
    return 0;
}
