/* SPDX-License-Identifier: Apache-2.0 */
/* PIN and PUK: their counters, how they block, change and open again, and the reset of the applet.
 */
#include "tests/card/card.h"

#include <openssl/crypto.h>
#include <string.h>

#define PIN_DEFAULT "123456"
#define PUK_DEFAULT "12345678"

void reference_set(struct reference *r, const char *text, uint8_t max)
{
    size_t n = strlen(text);
    memset(r->value, 0xff, sizeof(r->value));
    memcpy(r->value, text, n < sizeof(r->value) ? n : sizeof(r->value));
    r->tries = r->max = max;
}

bool pin_is_default(const struct reference *r, const char *text)
{
    struct reference d;
    reference_set(&d, text ? text : PIN_DEFAULT, 1);
    return memcmp(r->value, d.value, sizeof(d.value)) == 0;
}

void pin_defaults(struct card *c)
{
    reference_set(&c->kept.pin, PIN_DEFAULT, c->kept.pin.max ? c->kept.pin.max : 3);
    reference_set(&c->kept.puk, PUK_DEFAULT, c->kept.puk.max ? c->kept.puk.max : 3);
}

static uint16_t tries_left(const struct reference *r)
{
    if (r->tries == 0)
        return SW_BLOCKED;
    return (uint16_t)(SW_TRIES | (r->tries < 15 ? r->tries : 15));
}

/* One try. The counter goes down first, so that a card that is pulled has lost it. */
static uint16_t try(struct card *c, struct reference *r, const uint8_t *value)
{
    if (r->tries == 0)
        return SW_BLOCKED;
    r->tries--;
    state_save(c);
    if (CRYPTO_memcmp(r->value, value, REFERENCE_LEN) != 0)
        return tries_left(r);
    r->tries = r->max;
    state_save(c);
    return SW_OK;
}

/* Six to eight bytes, then FF. */
static bool is_well_formed(const uint8_t *value)
{
    size_t n = 0;
    while (n < REFERENCE_LEN && value[n] != 0xff)
        n++;
    for (size_t i = n; i < REFERENCE_LEN; i++)
        if (value[i] != 0xff)
            return false;
    return n >= 6;
}

uint16_t pin_verify(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p2 != 0x80)
        return SW_NO_REFERENCE;
    if (a->p1 == 0xff && a->data.n == 0) {
        c->is_pin_ok = c->is_pin_fresh = false;
        return SW_OK;
    }
    if (a->p1 != 0)
        return SW_P1P2;
    if (a->data.n == 0)
        return c->is_pin_ok ? SW_OK : tries_left(&c->kept.pin);
    if (a->data.n != REFERENCE_LEN)
        return SW_DATA;
    c->n_verifies++;
    uint16_t sw = try(c, &c->kept.pin, a->data.p);
    c->is_pin_ok = c->is_pin_fresh = sw == SW_OK;
    return sw;
}

static uint16_t replace(struct card *c, struct reference *proof, struct reference *target,
                        struct view data)
{
    if (data.n != (size_t)2 * REFERENCE_LEN)
        return SW_DATA;
    uint16_t sw = try(c, proof, data.p);
    if (sw != SW_OK)
        return sw;
    if (!is_well_formed(data.p + REFERENCE_LEN))
        return SW_DATA;
    memcpy(target->value, data.p + REFERENCE_LEN, REFERENCE_LEN);
    target->tries = target->max;
    state_save(c);
    return SW_OK;
}

uint16_t pin_change(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0 || (a->p2 != 0x80 && a->p2 != 0x81))
        return SW_NO_REFERENCE;
    struct reference *r = a->p2 == 0x80 ? &c->kept.pin : &c->kept.puk;
    uint16_t sw = replace(c, r, r, a->data);
    if (a->p2 == 0x80)
        c->is_pin_ok = c->is_pin_fresh = sw == SW_OK;
    return sw;
}

uint16_t pin_unblock(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (a->p1 != 0 || a->p2 != 0x80)
        return SW_NO_REFERENCE;
    return replace(c, &c->kept.puk, &c->kept.pin, a->data);
}

uint16_t pin_retries(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (!c->is_management_ok || !c->is_pin_ok)
        return SW_SECURITY;
    if (a->p1 == 0 || a->p2 == 0)
        return SW_P1P2;
    c->kept.pin.max = a->p1;
    c->kept.puk.max = a->p2;
    pin_defaults(c);
    state_save(c);
    return SW_OK;
}

/* Only when nobody can get in any more. The attesting key stays. */
uint16_t pin_reset_applet(struct card *c, const struct apdu *a, struct out *o)
{
    (void)a;
    (void)o;
    if (c->kept.pin.tries || c->kept.puk.tries)
        return SW_CONDITIONS;
    for (size_t i = 0; i < N_SLOTS; i++)
        if (slot_number(i) != SLOT_ATTEST)
            slot_empty(c, i);
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        if (c->objects[i].tag && c->objects[i].tag != slot_certificate(SLOT_ATTEST))
            object_store(c, c->objects[i].tag, NULL, 0);
    c->kept.pin.max = c->kept.puk.max = 3;
    pin_defaults(c);
    management_defaults(c);
    c->is_pin_ok = c->is_pin_fresh = c->is_management_ok = false;
    state_save(c);
    return SW_OK;
}
