/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of an agent and what they told, for the tests of agent/token*.c. Each test program
 * includes it once. */
#ifndef TESTS_TOKENS_FIXTURE_H
#define TESTS_TOKENS_FIXTURE_H

#include "tests/fake_spawner.h"
#include "tests/harness.h"

#include <stdio.h>

struct told {
    bool is_done;
    unsigned n;
    enum err_code code;
    size_t n_z;
    char msg[200];
};

static inline void on_done(void *ctx, const struct tokenwire_done *d)
{
    struct told *t = ctx;
    t->is_done = true;
    t->n++;
    t->code = d->err.code;
    t->n_z = d->z.n;
    snprintf(t->msg, sizeof(t->msg), "%.199s", d->err.code ? d->err.msg : "");
}

struct scene {
    struct world o;
    struct softkey spare;
    struct fake_agent f;
};

static inline void scene_new(struct scene *s, size_t n)
{
    struct softkey *keys[] = {&s->o.key, &s->spare};
    world_new(&s->o, "P-256", SCHEME_ECDH_P256);
    softkey_new(&s->spare, "P-256", SCHEME_ECDH_P256, "spare");
    fake_start(&s->f, &s->o, keys, n);
}

static inline void scene_free(struct scene *s)
{
    fake_end(&s->f);
    softkey_free(&s->o.key);
    softkey_free(&s->spare);
}

/* A ciphertext for that key. */
static inline int decap(struct scene *s, struct softkey *key, struct told *t, struct tokens_op **op)
{
    struct err e;
    uint8_t ct[KEM_CT_MAX];
    size_t n = 0;
    AUTO_SECRET z = {0};
    *t = (struct told){.n = 0};
    OK_CALL(kem_encap(SCHEME_ECDH_P256, &key->recipient.spki, ct, &n, &z, &e), &e);
    return tokens_decap(&s->f.a, key->recipient.rid, bytes_of(ct, n), "main", "bot 'b': BUY 1 X",
                        on_done, t, op, &e);
}

#endif
