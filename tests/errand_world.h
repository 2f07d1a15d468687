/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of one exchange and errands for them, on the fake courier. Connector, policy and signing are
 * the real ones; what is asked comes from a script. For test_errand.c. */
#ifndef TESTS_ERRAND_WORLD_H
#define TESTS_ERRAND_WORLD_H

#include "agent/errand.h"
#include "tests/fake_courier.h"
#include "tests/harness.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 48u
#define ALWAYS 0u
#define ANSWER(n) (1u << (n)) /* waits for the answer to call n */
#define FAILS 0xffffffffu

struct step {
    const char *method, *url;
    unsigned after;
};
static const struct step *script; /* of every talk; ends with method NULL */

static inline int next_of_script(const struct talk *t, struct inquiry *out, enum ask *ask,
                                 struct err *e)
{
    const struct step *s = &script[t->n_asked];

    *ask = s->method ? ASK_NOW : ASK_DONE;
    if (s->after == FAILS)
        return err_set(e, ERR_USAGE, "no such symbol");
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if ((s->after & ANSWER(i)) && !t->is_answered[i])
            *ask = ASK_WAIT;
    if (*ask == ASK_NOW) {
        out->method = s->method;
        snprintf(out->url, sizeof(out->url), "%s", s->url);
    }
    return OK;
}

static const struct checks fake_checks = {.next = next_of_script};

static inline int fixed_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = 1700000000123456u;
    return OK;
}

static inline int counted_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)e;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(0xa0 + i);
    return OK;
}

static const struct env fixed_env = {fixed_now, counted_random, NULL};

static inline int fake_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                            struct sig *out, struct err *e)
{
    (void)s, (void)f, (void)msg, (void)e;
    memset(out, 0, sizeof(*out));
    out->n = alg == SIG_HMAC_SHA512 ? 64 : 32;
    return OK;
}

static inline int no_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                          struct sig *out, struct err *e)
{
    (void)s, (void)alg, (void)f, (void)msg, (void)out;
    return err_set(e, ERR_TOKEN, "the token was pulled");
}

static inline int fake_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)f, (void)e;
    buf_adds(out, "KEY");
    return OK;
}

static struct signer good_signer = {KEY_HMAC, fake_sign, fake_place};
static struct signer bad_signer = {KEY_HMAC, no_sign, fake_place};

/* Keys of one exchange, and a courier to ask it by. */
struct world {
    struct connector conn; /* the real one with checks from here */
    struct courier courier;
    struct where where;
    struct record_info info[KEYS_MAX];
    struct errand *list[KEYS_MAX];
    size_t n, n_progress, last_progress;
    struct err e;
};

static inline struct world *world_new(const char *connector, enum purpose purpose, size_t n,
                                      const struct step *steps, const struct scripted *answers)
{
    struct world *w = calloc(1, sizeof(*w));

    script = steps;
    w->conn = *connector_find(connector);
    w->conn.checks = &fake_checks;
    w->courier.script = answers;
    w->n = n;
    snprintf(w->where.state, sizeof(w->where.state), "%s/state", harness_dir());
    for (size_t i = 0; i < n; i++) {
        struct record_info *r = &w->info[i];
        record_info_init(r);
        snprintf(r->name, sizeof(r->name), "key%zu", i);
        snprintf(r->connector, sizeof(r->connector), "%s", connector);
        snprintf(r->environment, sizeof(r->environment), "live");
        r->rec_id[0] = (uint8_t)(i + 1);
        w->list[i] = errand_new(purpose, r, &good_signer, &w->e);
        if (CHECK(w->list[i] && !w->list[i]->is_done))
            w->list[i]->talk.conn = &w->conn;
    }
    return w;
}

static inline void world_free(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        errand_free(w->list[i]);
        record_info_free(&w->info[i]);
    }
    free(w);
}

static inline void count_progress(void *ctx, size_t n_done, size_t n)
{
    struct world *w = ctx;

    EQ_INT(n, w->n);
    CHECK(n_done > w->last_progress);
    w->last_progress = n_done;
    w->n_progress++;
}

static inline int run(struct world *w)
{
    return errands_run(&w->courier, w->list, w->n, &w->where, &fixed_env, count_progress, w, &w->e);
}

static inline const struct talk *talk(const struct world *w, size_t i)
{
    return &w->list[i]->talk;
}

#endif
