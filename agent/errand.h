/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer asks exchanges by itself: one errand a key, many at a time. Every request passes
 * policy and is signed by the same way as a client's (prepare.h), then goes out by the courier. */
#ifndef AGENT_ERRAND_H
#define AGENT_ERRAND_H

#include "agent/courier.h"
#include "base/env.h"
#include "connectors/checks.h"
#include "vault/vault.h"
#include "vault/where.h"

/* Large: lives on the heap (errand_new). The caller sets symbol and wants_account of its talk. */
struct errand {
    const struct record_info *info; /* borrowed; authenticated, or the candidate's */
    struct signer *signer;          /* borrowed, while the errand runs; NULL: the agent's */
    struct talk talk;
    struct answer answers[CALLS_MAX];
    enum req_class classes[CALLS_MAX];
    bool is_order[CALLS_MAX];      /* it changes something at the exchange */
    struct bytes hosts[CALLS_MAX]; /* whom each call goes to; of the connector's table */
    char tag[17];
    /* errands_run's own */
    bool is_over;                 /* asks no more; done when all that is under way has come */
    bool is_waiting;              /* for a reply of its own */
    const struct errand *clock_of; /* the one that asks the exchange's clock for this one too */
    /* set when it is done */
    bool is_done;
    struct err failed; /* code OK, or why it could not be asked: policy, signing, nothing reached */
};
/* NULL: no memory. A record that this version has no connector or checks for is done at once, and
 * failed says so. signer NULL: by the agent, whose courier errands_begin gets; what is asked is
 * checked here, and decided and signed there. */
struct errand *errand_new(enum purpose p, const struct record_info *info, struct signer *signer,
                          struct err *e);
void errand_free(struct errand *r); /* takes NULL; wipes */
void errand_freep(struct errand **r);

/* Several side by side, at most 64 calls under way; public calls (the clock) go unsigned, and an
 * exchange's clock is asked once for all keys that reach it the same way. Kraken's kind of key has
 * one private call under way at a time. Errors are those that end everything (coffer-net gone, no
 * memory); what goes wrong with one stands in its failed. */
struct errands;
int errands_begin(struct courier *c, size_t max, const struct where *where, const struct env *env,
                  struct errands **out, struct err *e) MUST_USE;
void errands_freep(struct errands **run);
/* Its first calls go out at once, while the caller makes the next one ready. At most max. */
int errands_add(struct errands *run, struct errand *r, struct err *e) MUST_USE;
/* Until each is done. progress: called whenever one is, may be NULL. */
int errands_end(struct errands *run, void (*progress)(void *ctx, size_t n_done, size_t n),
                void *ctx, struct err *e) MUST_USE;
/* All of that for a list. */
int errands_run(struct courier *c, struct errand *const *list, size_t n, const struct where *where,
                const struct env *env, void (*progress)(void *ctx, size_t n_done, size_t n),
                void *ctx, struct err *e) MUST_USE;

enum reach {
    REACH_WORKS,  /* a private call was answered well */
    REACH_REFUSED,/* the exchange answered, and said no: failure tells why */
    REACH_NOT     /* no answer that is about the key: network, maintenance, garbage */
};
/* What a PURPOSE_VERIFY errand found, in one piece. */
struct checkup {
    enum reach reach;
    struct verdict verdict;
    struct failure failure;  /* a private call that was refused: the first, or the first whose
                              * refusal is about the key; kind NONE: none */
    bool has_skew;
    int64_t skew_ms;         /* this machine's clock less the exchange's; + is ahead */
    uint64_t skew_error_ms;  /* half the way there and back, and the clock's resolution */
    uint64_t latency_ms;     /* of the private call; 0: none */
    struct err not_reached;  /* REACH_NOT: why */
};
/* A refusal for maintenance, rate, a ban or garbage is REACH_NOT: it says nothing about the key. To
 * a refusal for the clock the message gets by how much it is off, when that is known. */
void errand_checkup(const struct errand *r, uint64_t now_ms, struct checkup *out);

#endif
