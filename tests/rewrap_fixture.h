/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of changed recipients begin with, and see through another key. Each test program
 * includes it once. */
#ifndef TESTS_REWRAP_FIXTURE_H
#define TESTS_REWRAP_FIXTURE_H

#include "tests/harness.h"
#include "tests/vault_steps.h"

/* a; b with an old key beside it; c: four files. */
static inline void fresh(struct world *o)
{
    struct err e;
    world_new(o, "P-256", SCHEME_ECDH_P256);
    OK_CALL(step_add(o, "a", "a1", &e), &e);
    OK_CALL(step_add(o, "b", "b1", &e), &e);
    OK_CALL(step_rotate(o, "b", "b2", &e), &e);
    OK_CALL(step_add(o, "c", "c1", &e), &e);
}

static inline void all_there(struct world *o)
{
    SECRETS(o, "a", "a1");
    SECRETS(o, "b", "b2 b1");
    SECRETS(o, "c", "c1");
    EQ_INT(world_count_files(o), 4);
}

/* What another key sees of the vault. The pin is this machine's. */
static inline struct world seen_by(const struct world *o, const struct softkey *k)
{
    struct world other = *o;
    other.key = *k; /* its opener goes on using k */
    return other;
}

static inline void all_there_for(const struct world *o, const struct softkey *k)
{
    struct world as = seen_by(o, k);
    all_there(&as);
}

static inline void add_new(struct world *o, struct softkey *k, const char *kind, enum scheme s)
{
    struct err e;
    softkey_new(k, kind, s, "spare");
    const struct rewrap r = {.from = &o->key.opener, .add = &k->recipient, .prove = &k->opener};
    OK_CALL(step_rewrap(o, &r, &e), &e);
}

#endif
