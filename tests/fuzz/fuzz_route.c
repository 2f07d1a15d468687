/* SPDX-License-Identifier: Apache-2.0 */
/* route_read of net/head.h: targets. A url that comes out is a run of the target or one layer of
 * percent signs away from it, and encoded again it leads to the same place. */
#include "base/buf.h"
#include "base/text.h"
#include "net/head.h"
#include "tests/fuzz/fuzz.h"

static void check_parts(const struct route *r)
{
    MUST(r->name.n > 0 && r->name.n <= 64 && (r->bearer.n == 0 || r->bearer.n == 32));
    MUST(!memchr(r->name.p, '/', r->name.n) && !memchr(r->name.p, '.', r->name.n));
    MUST(text_starts(r->url, r->is_ws ? "wss://" : "https://"));
}

/* Encoded whole, as clients do it that encode. */
static void check_encoded(const struct route *r)
{
    struct buf b = BUF_INIT(1u << 20);
    struct route other;

    buf_addc(&b, '/');
    buf_add(&b, r->name);
    if (r->bearer.n > 0)
        buf_addc(&b, '~');
    buf_add(&b, r->bearer);
    buf_addc(&b, '/');
    size_t from = b.n;
    for (size_t i = 0; i < r->url.n; i++) {
        uint8_t c = r->url.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
        if (is_plain)
            buf_addc(&b, (char)c);
        else
            buf_addf(&b, "%%%02X", c);
    }
    uint8_t *room = malloc(b.n - from);
    MUST(!b.failed && room);
    MUST(!route_read(buf_bytes(&b), &other, room, b.n - from));
    MUST(bytes_eq(other.url, r->url) && bytes_eq(other.name, r->name));
    MUST(bytes_eq(other.bearer, r->bearer) && other.is_ws == r->is_ws);
    free(room);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint8_t *in = malloc(n + 1), *room = malloc(n + 1);
    struct route r;

    MUST(in && room);
    if (n > 0)
        memcpy(in + 1, p, n);
    if (!route_read(bytes_of(in + 1, n), &r, room, n)) {
        check_parts(&r);
        bool is_visible = true;
        for (size_t i = 0; i < r.url.n; i++)
            is_visible = is_visible && r.url.p[i] > ' ' && r.url.p[i] <= '~';
        MUST(is_visible || r.url.p != room);
        if (is_visible) /* raw ones were judged with the head */
            check_encoded(&r);
    }
    free(room);
    free(in);
    return 0;
}
