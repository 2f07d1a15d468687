/* SPDX-License-Identifier: Apache-2.0 */
/* The key slots: which there are, how a key gets into one, and what is told of it. */
#include "tests/card/crypto.h"

#include <stdio.h>

/* 9a 9c 9d 9e, 82 to 95, f9. */
unsigned slot_number(size_t index)
{
    static const uint8_t first[] = {0x9a, SLOT_SIGN, 0x9d, SLOT_FREE};
    return index < sizeof(first)  ? first[index]
           : index + 1 == N_SLOTS ? SLOT_ATTEST
                                  : (unsigned)(0x82 + index - sizeof(first));
}

int slot_index(unsigned slot)
{
    for (size_t i = 0; i < N_SLOTS; i++)
        if (slot_number(i) == slot)
            return (int)i;
    return -1;
}

bool slot_is_retired(unsigned slot)
{
    return slot >= 0x82 && slot <= 0x95;
}

unsigned slot_certificate(unsigned slot)
{
    return slot_is_retired(slot) ? 0x5fc10d + slot - 0x82
           : slot == 0x9a        ? 0x5fc105
           : slot == SLOT_SIGN   ? 0x5fc10a
           : slot == 0x9d        ? 0x5fc10b
           : slot == SLOT_FREE   ? 0x5fc101
                                 : 0x5fff01;
}

bool firmware_at_least(const struct card *c, unsigned major, unsigned minor)
{
    const uint8_t *f = c->kept.firmware;
    return f[0] > major || (f[0] == major && f[1] >= minor);
}

void slot_empty(struct card *c, size_t index)
{
    EVP_PKEY_free(c->keys[index]);
    c->keys[index] = NULL;
    c->kept.keys[index] = (struct key_facts){0};
    state_save_key(c, index);
}

/* Takes the key. */
static void put_key(struct card *c, size_t index, EVP_PKEY *key, struct key_facts f)
{
    unsigned slot = slot_number(index);
    EVP_PKEY_free(c->keys[index]);
    c->keys[index] = key;
    f.alg = key_alg(key);
    if (f.pin == 0)
        f.pin = slot == SLOT_SIGN ? PIN_ALWAYS : slot == SLOT_FREE ? PIN_NEVER : PIN_ONCE;
    if (f.touch == 0)
        f.touch = TOUCH_NEVER;
    c->kept.keys[index] = f;
    state_save_key(c, index);
    state_save(c);
}

bool slot_fill(struct card *c, unsigned slot, uint8_t alg, uint8_t pin, uint8_t touch)
{
    static struct out der;
    char name[32];
    int index = slot_index(slot);
    EVP_PKEY *key = index < 0 ? NULL : key_generate(alg);
    if (!key)
        return false;
    put_key(c, (size_t)index, key,
            (struct key_facts){.pin = pin, .touch = touch, .origin = ORIGIN_GENERATED});
    snprintf(name, sizeof(name), slot == SLOT_ATTEST ? "PIV Attestation" : "test card %02x", slot);
    der.n = 0;
    der.is_full = false;
    return certificate_make(key, name, key, name, &der) &&
           object_store_certificate(c, slot_certificate(slot), view_of(der.p, der.n));
}

/* Policies that the host asks for, in both commands. */
static bool read_policies(struct view v, struct key_facts *f)
{
    struct view any;
    f->pin = f->touch = 0;
    return (!tlv_find(v, 0xaa, &any) || (tlv_byte(v, 0xaa, &f->pin) && f->pin <= PIN_ALWAYS)) &&
           (!tlv_find(v, 0xab, &any) || (tlv_byte(v, 0xab, &f->touch) && f->touch <= TOUCH_CACHED));
}

uint16_t slot_generate(struct card *c, const struct apdu *a, struct out *o)
{
    static struct out public;
    struct view control;
    struct key_facts f = {.origin = ORIGIN_GENERATED};
    uint8_t alg;
    int index = slot_index(a->p2);
    if (!c->is_management_ok)
        return SW_SECURITY;
    if (a->p1 != 0 || index < 0)
        return SW_SLOT;
    if (!tlv_find(a->data, 0xac, &control) || !tlv_byte(control, 0x80, &alg) ||
        !read_policies(control, &f))
        return SW_DATA;
    EVP_PKEY *key = key_generate(alg);
    if (!key)
        return SW_DATA;
    put_key(c, (size_t)index, key, f);
    public.n = 0;
    public.is_full = false;
    if (!key_public(key, &public))
        return SW_BROKEN;
    out_tlv(o, 0x7f49, public.p, public.n);
    return SW_OK;
}

uint16_t slot_import(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    struct view p, q;
    struct key_facts f = {.origin = ORIGIN_IMPORTED};
    EVP_PKEY *key = NULL;
    int index = slot_index(a->p2);
    if (!c->is_management_ok)
        return SW_SECURITY;
    if (index < 0)
        return SW_SLOT;
    if (!read_policies(a->data, &f))
        return SW_DATA;
    if (a->p1 == ALG_RSA2048 && tlv_find(a->data, 0x01, &p) && tlv_find(a->data, 0x02, &q))
        key = key_import_rsa(p, q);
    else if (a->p1 != ALG_RSA2048 && tlv_find(a->data, 0x06, &p))
        key = key_import_ec(a->p1, p);
    if (!key)
        return SW_DATA;
    put_key(c, (size_t)index, key, f);
    return SW_OK;
}

static uint16_t reference_metadata(const struct reference *r, bool is_default, struct out *o)
{
    const uint8_t tries[2] = {r->max, r->tries};
    out_tlv_byte(o, 0x01, 0xff);
    out_tlv_byte(o, 0x05, is_default);
    out_tlv(o, 0x06, tries, sizeof(tries));
    return SW_OK;
}

uint16_t slot_metadata(struct card *c, const struct apdu *a, struct out *o)
{
    static struct out public;
    int index = slot_index(a->p2);
    if (!firmware_at_least(c, 5, 3))
        return SW_NO_INS;
    if (a->p2 == 0x80)
        return reference_metadata(&c->kept.pin, pin_is_default(&c->kept.pin, NULL), o);
    if (a->p2 == 0x81)
        return reference_metadata(&c->kept.puk, pin_is_default(&c->kept.puk, "12345678"), o);
    if (a->p2 == SLOT_MANAGEMENT) {
        const uint8_t policies[2] = {0, c->kept.management_touch};
        out_tlv_byte(o, 0x01, c->kept.management_alg);
        out_tlv(o, 0x02, policies, sizeof(policies));
        out_tlv_byte(o, 0x05, management_is_default(c));
        return SW_OK;
    }
    if (index < 0)
        return SW_DATA;
    if (!c->keys[index])
        return SW_NO_REFERENCE;
    const struct key_facts *f = &c->kept.keys[index];
    const uint8_t policies[2] = {f->pin, f->touch};
    out_tlv_byte(o, 0x01, f->alg);
    out_tlv(o, 0x02, policies, sizeof(policies));
    out_tlv_byte(o, 0x03, f->origin);
    public.n = 0;
    public.is_full = false;
    if (!key_public(c->keys[index], &public))
        return SW_BROKEN;
    out_tlv(o, 0x04, public.p, public.n);
    return SW_OK;
}

uint16_t slot_attest(struct card *c, const struct apdu *a, struct out *o)
{
    int index = slot_index(a->p1);
    if (!firmware_at_least(c, 4, 3))
        return SW_NO_INS;
    if (index < 0 || a->p2 != 0 || a->p1 == SLOT_ATTEST)
        return SW_DATA;
    if (!c->keys[index])
        return SW_NO_REFERENCE;
    if (c->kept.keys[index].origin != ORIGIN_GENERATED)
        return SW_DATA;
    return attestation_make(c, (size_t)index, o) ? SW_OK : SW_BROKEN;
}
