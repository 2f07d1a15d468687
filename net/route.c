/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request of the proxy leads, by its target alone. The url comes out as the client meant
 * it, byte for byte; whether anything may go there is for others to say. */
#include "net/head.h"

#include "base/text.h"

#define NAME_MAX_LEN 64u
#define BEARER_LEN 32u

static const char *const shape_why = "the path is not /NAME/https://HOST/PATH";

static bool is_alnum(uint8_t c)
{
    uint8_t lower = c | 0x20;

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* -1: not a hexadecimal digit. */
static int digit_of(uint8_t c)
{
    uint8_t lower = c | 0x20;

    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_name(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (i == 0 || (s.p[i] != '_' && s.p[i] != '-')))
            return false;
    return s.n > 0 && s.n <= NAME_MAX_LEN;
}

static bool is_bearer(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (digit_of(s.p[i]) < 0)
            return false;
    return s.n == BEARER_LEN;
}

static const char *take_who(struct bytes who, struct route *out)
{
    bool has_bearer = text_cut(who, '~', &out->name, &out->bearer);

    if (!is_name(out->name))
        return "the path does not start with the name of a record";
    if (has_bearer && !is_bearer(out->bearer))
        return "what follows '~' in the path is no bearer";
    return NULL;
}

static bool is_encoded(struct bytes rest)
{
    return (rest.n >= 8 && text_eq_nocase(bytes_of(rest.p, 8), BYTES_LIT("https%3A"))) ||
           (rest.n >= 6 && text_eq_nocase(bytes_of(rest.p, 6), BYTES_LIT("wss%3A")));
}

/* One layer, and only as a whole: a query that stands there in clear was perhaps never encoded. */
static const char *decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (c == '?')
            return "the url in the path is encoded, but its query is not";
        if (c == '%') {
            int high = in.n - i > 2 ? digit_of(in.p[i + 1]) : -1;
            int low = in.n - i > 2 ? digit_of(in.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return "a percent sign without two hexadecimal digits";
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (c <= ' ' || c > '~')
            return "the url has a character that is not sent";
        if (n == cap)
            return "the url is too long";
        out[n++] = c;
    }
    *n_out = n;
    return NULL;
}

const char *route_read(struct bytes target, struct route *out, uint8_t *scratch, size_t cap)
{
    struct route route = {.is_ws = false};
    struct bytes who, rest;
    size_t n = 0;

    if (target.n == 0 || target.p[0] != '/' ||
        !text_cut(bytes_of(target.p + 1, target.n - 1), '/', &who, &rest))
        return shape_why;
    const char *why = take_who(who, &route);
    if (!why && is_encoded(rest)) {
        why = decode(rest, scratch, cap, &n);
        rest = bytes_of(scratch, n);
    }
    if (why)
        return why;
    route.url = rest;
    route.is_ws = text_starts(rest, "wss://");
    if (!route.is_ws && !text_starts(rest, "https://"))
        return shape_why;
    *out = route;
    return NULL;
}
