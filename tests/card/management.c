/* SPDX-License-Identifier: Apache-2.0 */
/* The management key: proving it, either way round, and replacing it. */
#include "tests/card/crypto.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

static const uint8_t maker_key[24] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4,
                                      5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

bool management_is_default(const struct card *c)
{
    return c->kept.management_len == sizeof(maker_key) &&
           memcmp(c->kept.management, maker_key, sizeof(maker_key)) == 0;
}

void management_defaults(struct card *c)
{
    memcpy(c->kept.management, maker_key, sizeof(maker_key));
    c->kept.management_len = sizeof(maker_key);
    c->kept.management_alg = ALG_3DES;
    c->kept.management_touch = TOUCH_NEVER;
}

static bool crypt(const struct card *c, bool encrypt, const uint8_t *in, uint8_t *out)
{
    return cipher_blocks(c->kept.management_alg, c->kept.management, encrypt,
                         view_of(in, cipher_block(c->kept.management_alg)), out);
}

static uint16_t offer(struct out *o, unsigned tag, const uint8_t *p, size_t n)
{
    out_head(o, 0x7c, n + 2);
    out_tlv(o, tag, p, n);
    return SW_OK;
}

/* The card asks: encrypt this. */
static uint16_t ask(struct card *c, size_t block, struct out *o)
{
    if (RAND_bytes(c->challenge, (int)block) != 1)
        return SW_BROKEN;
    c->n_challenge = block;
    return offer(o, 0x81, c->challenge, block);
}

/* The card asks: decrypt this; the host will ask back. */
static uint16_t ask_witness(struct card *c, size_t block, struct out *o)
{
    uint8_t sealed[16];
    if (RAND_bytes(c->witness, (int)block) != 1 || !crypt(c, true, c->witness, sealed))
        return SW_BROKEN;
    c->n_witness = block;
    return offer(o, 0x80, sealed, block);
}

static uint16_t judge_response(struct card *c, size_t block, struct view response)
{
    uint8_t expected[16];
    bool asked = c->n_challenge == block;
    c->n_challenge = 0;
    if (!asked || response.n != block || !crypt(c, true, c->challenge, expected) ||
        CRYPTO_memcmp(expected, response.p, block) != 0)
        return SW_SECURITY;
    c->is_management_ok = true;
    return SW_OK;
}

static uint16_t judge_witness(struct card *c, size_t block, struct view witness,
                              struct view challenge, struct out *o)
{
    uint8_t answer[16];
    bool asked = c->n_witness == block;
    c->n_witness = 0;
    if (!asked || witness.n != block || challenge.n != block ||
        CRYPTO_memcmp(c->witness, witness.p, block) != 0 || !crypt(c, true, challenge.p, answer))
        return SW_SECURITY;
    c->is_management_ok = true;
    return offer(o, 0x82, answer, block);
}

uint16_t management_authenticate(struct card *c, const struct apdu *a, struct view body,
                                 struct out *o)
{
    struct view witness, challenge, response;
    size_t block = cipher_block(c->kept.management_alg);
    if (a->p1 != c->kept.management_alg && a->p1 != 0)
        return SW_DATA;
    bool has_witness = tlv_find(body, 0x80, &witness);
    bool has_challenge = tlv_find(body, 0x81, &challenge);
    bool has_response = tlv_find(body, 0x82, &response);
    if (has_witness && witness.n == 0)
        return ask_witness(c, block, o);
    if (has_witness && has_challenge)
        return judge_witness(c, block, witness, challenge, o);
    if (has_challenge && challenge.n == 0)
        return ask(c, block, o);
    if (has_response)
        return judge_response(c, block, response);
    return SW_DATA;
}

/* 03|08|0a|0c, 9b, length, key. */
uint16_t management_set(struct card *c, const struct apdu *a, struct out *o)
{
    (void)o;
    if (!c->is_management_ok)
        return SW_SECURITY;
    if (a->p1 != 0xff || (a->p2 != 0xff && a->p2 != 0xfe))
        return SW_P1P2;
    const uint8_t *d = a->data.p;
    if (a->data.n < 3 || d[1] != SLOT_MANAGEMENT || cipher_block(d[0]) == 0 ||
        d[2] != cipher_key_len(d[0]) || a->data.n != 3u + d[2])
        return SW_DATA;
    c->kept.management_alg = d[0];
    c->kept.management_len = d[2];
    c->kept.management_touch = a->p2 == 0xfe ? TOUCH_ALWAYS : TOUCH_NEVER;
    memcpy(c->kept.management, d + 3, d[2]);
    state_save(c);
    return SW_OK;
}
