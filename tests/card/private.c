/* SPDX-License-Identifier: Apache-2.0 */
/* GENERAL AUTHENTICATE: the private operations, with what guards them (PIN, touch) and with the
 * mishaps that a test orders. */
#include "tests/card/crypto.h"

#include <string.h>
#include <time.h>

#define CACHED_MS 15000

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool may_use(const struct card *c, const struct key_facts *f)
{
    return f->pin == PIN_NEVER || (f->pin == PIN_ALWAYS ? c->is_pin_fresh : c->is_pin_ok);
}

/* Until it is touched, or the time is out. */
static uint16_t await_touch(struct card *c, const struct key_facts *f)
{
    bool needs =
        f->touch == TOUCH_ALWAYS ||
        (f->touch == TOUCH_CACHED && (c->touched_ms == 0 || now_ms() - c->touched_ms >= CACHED_MS));
    if (!needs)
        return SW_OK;
    if (c->touch_ms && c->wait && !c->wait(c->wait_ctx, c->touch_ms))
        return SW_BROKEN;
    if (c->touch_times_out)
        return SW_SECURITY;
    c->touched_ms = now_ms();
    return SW_OK;
}

static uint16_t operate(struct card *c, size_t index, struct view body, struct out *o)
{
    uint8_t result[512];
    size_t n = sizeof(result);
    struct view v;
    EVP_PKEY *key = c->keys[index];
    bool is_rsa = c->kept.keys[index].alg == ALG_RSA2048, ok;
    if (!is_rsa && tlv_find(body, 0x85, &v))
        ok = key_ecdh(key, v, result, &n);
    else if (tlv_find(body, 0x81, &v))
        ok = is_rsa ? key_rsa_raw(key, v, result, &n) : key_ecdsa(key, v, result, &n);
    else
        ok = false;
    if (!ok)
        return SW_DATA;
    if (c->tampers) {
        c->tampers = c->tampers == TAMPER_ONCE ? TAMPER_OFF : TAMPER_UNDER_WAY;
        result[n / 2] ^= 1;
    }
    out_head(o, 0x7c, n + (n > 0xff ? 4 : n > 0x7f ? 3 : 2));
    out_tlv(o, 0x82, result, n);
    return SW_OK;
}

uint16_t private_authenticate(struct card *c, const struct apdu *a, struct out *o)
{
    struct view body, asked;
    int index = slot_index(a->p2);
    if (!tlv_find(a->data, 0x7c, &body))
        return SW_DATA;
    if (a->p2 == SLOT_MANAGEMENT)
        return management_authenticate(c, a, body, o);
    if (index < 0 || a->p2 == SLOT_ATTEST)
        return SW_SLOT;
    if (!c->keys[index])
        return SW_NO_REFERENCE;
    if (a->p1 != c->kept.keys[index].alg || !tlv_find(body, 0x82, &asked) || asked.n != 0)
        return SW_DATA;
    if (!may_use(c, &c->kept.keys[index]))
        return SW_SECURITY;
    c->n_private++;
    uint16_t sw = await_touch(c, &c->kept.keys[index]);
    if (sw == SW_OK && c->fails_with) {
        sw = c->fails_with;
        c->fails_with = 0;
    }
    return sw == SW_OK ? operate(c, (size_t)index, body, o) : sw;
}
