/* SPDX-License-Identifier: Apache-2.0 */
/* Data objects: what a host has put there, and the few that the card answers by itself. */
#include "tests/card/card.h"

#include <string.h>

enum { TAG_CHUID = 0x5fc102, TAG_CCC = 0x5fc107, TAG_DISCOVERY = 0x7e, TAG_PRINTED = 0x5fc109 };

struct object *object_find(struct card *c, unsigned tag)
{
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        if (c->objects[i].tag == tag)
            return &c->objects[i];
    return NULL;
}

bool object_store(struct card *c, unsigned tag, const void *p, size_t n)
{
    struct object *x = object_find(c, tag);
    if (n > OBJECT_MAX || tag == 0)
        return false;
    if (!x && n)
        x = object_find(c, 0);
    if (x) {
        x->tag = n ? tag : 0;
        x->n = n;
        if (n)
            memcpy(x->v, p, n);
    } else if (n) {
        return false;
    }
    state_save_object(c, tag, p, n);
    return true;
}

bool object_store_certificate(struct card *c, unsigned tag, struct view der)
{
    static struct out o;
    o.n = 0;
    o.is_full = false;
    out_tlv(&o, 0x70, der.p, der.n);
    out_tlv_byte(&o, 0x71, 0);
    out_tlv(&o, 0xfe, NULL, 0);
    return !o.is_full && object_store(c, tag, o.p, o.n);
}

static void add_chuid(const struct card *c, struct out *o)
{
    /* Of no agency; expires 2049-12-31. */
    static const uint8_t fascn[25] = {0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce,
                                      0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10,
                                      0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb};
    out_head(o, 0x53, 2 + sizeof(fascn) + 2 + 16 + 2 + 8 + 2 + 2);
    out_tlv(o, 0x30, fascn, sizeof(fascn));
    out_tlv(o, 0x34, c->kept.guid, 16);
    out_tlv(o, 0x35, "20491231", 8);
    out_tlv(o, 0x3e, NULL, 0);
    out_tlv(o, 0xfe, NULL, 0);
}

static void add_ccc(const struct card *c, struct out *o)
{
    uint8_t id[21] = {0xa0, 0, 0, 0x01, 0x16, 0xff, 0x02};
    memcpy(id + 7, c->kept.guid, 14);
    static const uint8_t rest[] = {0xf1, 1,    0x21, 0xf2, 1,    0x21, 0xf3, 0, 0xf4, 1,
                                   0,    0xf5, 1,    0x10, 0xf6, 0,    0xf7, 0, 0xfa, 0,
                                   0xfb, 0,    0xfc, 0,    0xfd, 0,    0xfe, 0};
    out_head(o, 0x53, 2 + sizeof(id) + sizeof(rest));
    out_tlv(o, 0xf0, id, sizeof(id));
    out_add(o, rest, sizeof(rest));
}

static void add_discovery(struct out *o)
{
    static const uint8_t aid[] = {0xa0, 0, 0, 0x03, 0x08, 0, 0, 0x10, 0, 0x01, 0};
    static const uint8_t policy[] = {0x40, 0};
    out_head(o, 0x7e, 2 + sizeof(aid) + 3 + sizeof(policy));
    out_tlv(o, 0x4f, aid, sizeof(aid));
    out_tlv(o, 0x5f2f, policy, sizeof(policy));
}

static bool read_tag(struct view *in, unsigned *tag)
{
    struct view v;
    unsigned t;
    if (!tlv_next(in, &t, &v) || t != 0x5c || v.n == 0 || v.n > 3)
        return false;
    *tag = 0;
    for (size_t i = 0; i < v.n; i++)
        *tag = *tag << 8 | v.p[i];
    return *tag != 0;
}

uint16_t object_get(struct card *c, const struct apdu *a, struct out *o)
{
    struct view in = a->data;
    unsigned tag;
    if (a->p1 != 0x3f || a->p2 != 0xff)
        return SW_P1P2;
    if (!read_tag(&in, &tag))
        return SW_DATA;
    if (tag == TAG_PRINTED && !c->is_pin_ok)
        return SW_SECURITY;
    const struct object *x = object_find(c, tag);
    if (x)
        out_tlv(o, 0x53, x->v, x->n);
    else if (tag == TAG_CHUID)
        add_chuid(c, o);
    else if (tag == TAG_CCC)
        add_ccc(c, o);
    else if (tag == TAG_DISCOVERY)
        add_discovery(o);
    else
        return SW_NOT_FOUND;
    return SW_OK;
}

uint16_t object_put(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct view in = a->data, v;
    unsigned tag, t;
    if (!c->is_management_ok)
        return SW_SECURITY;
    if (a->p1 != 0x3f || a->p2 != 0xff)
        return SW_P1P2;
    if (!read_tag(&in, &tag) || !tlv_next(&in, &t, &v) || t != 0x53)
        return SW_DATA;
    return object_store(c, tag, v.p, v.n) ? SW_OK : SW_NO_SPACE;
}
