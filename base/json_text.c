/* SPDX-License-Identifier: Apache-2.0 */
/* The strings of json_text.h. Whole values are json.c's and json_check.c's. */
#include "base/json_text.h"

/* Eight bytes at a time, then one by one. A borrow marks only bytes behind one that is marked
 * rightly. */
size_t json_plain_run(const uint8_t *p, const uint8_t *end)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    const uint8_t *q = p;

    for (; end - q >= 8; q += 8) {
        uint64_t w, quote, slash;
        memcpy(&w, q, 8);
        quote = w ^ (ones * '"');
        slash = w ^ (ones * '\\');
        uint64_t marks = (w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & high;
        if (marks && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
            return (size_t)(q - p) + (size_t)__builtin_ctzll(marks) / 8;
        if (marks)
            break;
    }
    while (q < end && *q >= 0x20 && *q < 0x80 && *q != '"' && *q != '\\')
        q++;
    return (size_t)(q - p);
}

static bool hex4(const uint8_t *p, const uint8_t *end, unsigned *out)
{
    unsigned v = 0;

    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned c = p[i], d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            d = (c | 0x20) - 'a' + 10;
        else
            return false;
        v = v << 4 | d;
    }
    *out = v;
    return true;
}

static size_t put_utf8(unsigned c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* The \uXXXX (a pair, for a code point beyond 16 bits) whose digits start at *p. 0: malformed. */
static size_t take_unicode(const uint8_t **p, const uint8_t *end, uint8_t out[4])
{
    unsigned c, low;

    if (!hex4(*p, end, &c))
        return 0;
    *p += 4;
    if (c < 0xd800 || c > 0xdfff)
        return put_utf8(c, out);
    if (c > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
        !hex4(*p + 2, end, &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    *p += 6;
    return put_utf8(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00), out);
}

size_t json_take_escape(const uint8_t **p, const uint8_t *end, uint8_t out[4])
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";

    if (*p == end)
        return 0;
    uint8_t c = *(*p)++;
    if (c == 'u')
        return take_unicode(p, end, out);
    for (size_t i = 0; i + 1 < sizeof(pairs); i += 2)
        if (c == (uint8_t)pairs[i]) {
            out[0] = (uint8_t)pairs[i + 1];
            return 1;
        }
    return 0;
}

bool json_next_piece(struct span *s, uint8_t room[4], struct bytes *piece)
{
    if (s->p == s->end)
        return false;
    if (*s->p != '\\') {
        const uint8_t *slash = memchr(s->p, '\\', (size_t)(s->end - s->p));
        size_t n = (size_t)((slash ? slash : s->end) - s->p);
        *piece = bytes_of(s->p, n);
        s->p += n;
        return true;
    }
    s->p++;
    *piece = bytes_of(room, json_take_escape(&s->p, s->end, room));
    return piece->n > 0;
}

bool json_same_text(struct span a, struct span b)
{
    uint8_t room_a[4], room_b[4];
    struct bytes x = {0}, y = {0};

    for (;;) {
        bool more_a = x.n > 0 || json_next_piece(&a, room_a, &x);
        bool more_b = y.n > 0 || json_next_piece(&b, room_b, &y);
        if (!more_a || !more_b)
            return more_a == more_b;
        size_t n = x.n < y.n ? x.n : y.n;
        if (memcmp(x.p, y.p, n) != 0)
            return false;
        x = bytes_of(x.p + n, x.n - n);
        y = bytes_of(y.p + n, y.n - n);
    }
}

enum json_type json_type_of(uint8_t c)
{
    switch (c) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}
