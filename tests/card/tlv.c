/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reader and writer of tag, length, value. */
#include "tests/card/tlv.h"

#include <string.h>

static bool take(struct view *in, uint8_t *v)
{
    if (in->n == 0)
        return false;
    *v = *in->p++;
    in->n--;
    return true;
}

bool tlv_next(struct view *in, unsigned *tag, struct view *value)
{
    struct view v = *in;
    uint8_t b, n;
    if (!take(&v, &b))
        return false;
    unsigned t = b;
    if ((b & 0x1f) == 0x1f) {
        if (!take(&v, &b) || (b & 0x80))
            return false;
        t = t << 8 | b;
    }
    if (!take(&v, &n))
        return false;
    size_t len = n;
    if (n > 0x82 || n == 0x80)
        return false;
    if (n > 0x80) {
        len = 0;
        for (unsigned i = n & 0x7fu; i > 0; i--) {
            if (!take(&v, &b))
                return false;
            len = len << 8 | b;
        }
    }
    if (len > v.n)
        return false;
    *tag = t;
    *value = view_of(v.p, len);
    *in = view_of(v.p + len, v.n - len);
    return true;
}

bool tlv_find(struct view in, unsigned tag, struct view *value)
{
    unsigned t;
    struct view v;
    while (tlv_next(&in, &t, &v))
        if (t == tag) {
            *value = v;
            return true;
        }
    return false;
}

bool tlv_byte(struct view in, unsigned tag, uint8_t *value)
{
    struct view v;
    if (!tlv_find(in, tag, &v) || v.n != 1)
        return false;
    *value = v.p[0];
    return true;
}

void out_add(struct out *o, const void *p, size_t n)
{
    if (n > OUT_MAX - o->n) {
        o->is_full = true;
        return;
    }
    if (n)
        memcpy(o->p + o->n, p, n);
    o->n += n;
}

void out_byte(struct out *o, unsigned v)
{
    uint8_t b = (uint8_t)v;
    out_add(o, &b, 1);
}

void out_head(struct out *o, unsigned tag, size_t n)
{
    if (tag > 0xff)
        out_byte(o, tag >> 8);
    out_byte(o, tag & 0xff);
    if (n > 0xff)
        out_byte(o, 0x82);
    else if (n > 0x7f)
        out_byte(o, 0x81);
    if (n > 0xff)
        out_byte(o, (unsigned)(n >> 8));
    out_byte(o, (unsigned)(n & 0xff));
}

void out_tlv(struct out *o, unsigned tag, const void *p, size_t n)
{
    out_head(o, tag, n);
    out_add(o, p, n);
}

void out_tlv_byte(struct out *o, unsigned tag, unsigned v)
{
    uint8_t b = (uint8_t)v;
    out_tlv(o, tag, &b, 1);
}
