/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, base64url and hex without tables or branches on the text, because secrets pass through:
 * each character is compared with every range, and masks pick the result. */
#include "base/codec.h"

/* 0xff when a <= c <= b, else 0; all in 0..255. */
static unsigned in_range(unsigned c, unsigned a, unsigned b)
{
    return (((a - 1 - c) & (c - b - 1)) >> 8) & 0xff;
}

/* c62, c63: the characters of 62 and 63, which are the only difference between the alphabets. */
struct alphabet {
    unsigned c62, c63;
};

static const struct alphabet standard = {'+', '/'}, url = {'-', '_'};

static uint8_t to_char(unsigned v, struct alphabet a)
{
    unsigned c = in_range(v, 0, 25) & (v + 'A');
    c |= in_range(v, 26, 51) & (v + 'a' - 26);
    c |= in_range(v, 52, 61) & (v + '0' - 52);
    c |= in_range(v, 62, 62) & a.c62;
    c |= in_range(v, 63, 63) & a.c63;
    return (uint8_t)c;
}

/* 0 to 63, or over 255 for a character that is none of the alphabet's. */
static unsigned to_value(unsigned c, struct alphabet a)
{
    unsigned upper = in_range(c, 'A', 'Z'), lower = in_range(c, 'a', 'z');
    unsigned digit = in_range(c, '0', '9'), s62 = in_range(c, a.c62, a.c62);
    unsigned s63 = in_range(c, a.c63, a.c63);
    unsigned v = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52));

    v |= (s62 & 62) | (s63 & 63);
    return v | (~(upper | lower | digit | s62 | s63) & 0xff) << 8;
}

static void encode(struct buf *out, struct bytes in, struct alphabet a, size_t n_out)
{
    uint8_t *q = in.n <= SIZE_MAX / 8 ? buf_extend(out, n_out) : NULL;

    if (!q) {
        /* Only an absurd length comes here without a failure of its own. */
        out->failed = out->failed ? out->failed : ERR_LIMIT;
        return;
    }
    size_t o = 0;
    for (size_t i = 0; i < in.n; i += 3) {
        unsigned v = (unsigned)in.p[i] << 16;
        v |= i + 1 < in.n ? (unsigned)in.p[i + 1] << 8 : 0;
        v |= i + 2 < in.n ? in.p[i + 2] : 0;
        for (unsigned k = 0; k < 4 && o < n_out; k++)
            q[o++] = k > in.n - i ? '=' : to_char(v >> (18 - 6 * k) & 63, a);
    }
}

void b64_encode(struct buf *out, struct bytes in)
{
    encode(out, in, standard, B64_LEN(in.n));
}

void b64url_encode(struct buf *out, struct bytes in)
{
    encode(out, in, url, B64URL_LEN(in.n));
}

/* in: without padding. The bits that fill up the last character must be zero. */
static bool decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in, struct alphabet a)
{
    size_t n = in.n / 4 * 3 + (in.n % 4 > 0 ? in.n % 4 - 1 : 0), o = 0;
    unsigned acc = 0, bits = 0, bad = 0;

    if (in.n % 4 == 1 || n > cap)
        return false;
    for (size_t i = 0; i < in.n; i++) {
        unsigned v = to_value(in.p[i], a);
        bad |= v >> 8;
        acc = acc << 6 | (v & 63);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[o++] = (uint8_t)(acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }
    if (bad | acc)
        return false;
    *n_out = n;
    return true;
}

bool b64_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in)
{
    if (in.n % 4 != 0)
        return false;
    for (unsigned i = 0; i < 2 && in.n > 0 && in.p[in.n - 1] == '='; i++)
        in.n--;
    return decode(out, cap, n_out, in, standard);
}

bool b64url_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in)
{
    return decode(out, cap, n_out, in, url);
}

static uint8_t hex_char(unsigned v)
{
    return (uint8_t)(v + '0' + (((9 - v) >> 8) & ('a' - '0' - 10))); /* more from 10 on */
}

void hex_encode(struct buf *out, struct bytes in)
{
    uint8_t *q = in.n <= SIZE_MAX / 8 ? buf_extend(out, in.n * 2) : NULL;

    if (!q) {
        out->failed = out->failed ? out->failed : ERR_LIMIT;
        return;
    }
    for (size_t i = 0; i < in.n; i++) {
        q[2 * i] = hex_char(in.p[i] >> 4);
        q[2 * i + 1] = hex_char(in.p[i] & 15);
    }
}

static unsigned hex_value(unsigned c)
{
    unsigned digit = in_range(c, '0', '9'), upper = in_range(c, 'A', 'F');
    unsigned lower = in_range(c, 'a', 'f');
    unsigned v = (digit & (c - '0')) | (upper & (c - 'A' + 10)) | (lower & (c - 'a' + 10));

    return v | (~(digit | upper | lower) & 0xff) << 8;
}

bool hex_decode(uint8_t *out, size_t cap, size_t *n_out, struct bytes in)
{
    unsigned bad = 0;

    if (in.n % 2 != 0 || in.n / 2 > cap)
        return false;
    for (size_t i = 0; i < in.n / 2; i++) {
        unsigned v = hex_value(in.p[2 * i]), w = hex_value(in.p[2 * i + 1]);
        bad |= (v | w) >> 8;
        out[i] = (uint8_t)((v & 15) << 4 | (w & 15));
    }
    if (bad)
        return false;
    *n_out = in.n / 2;
    return true;
}
