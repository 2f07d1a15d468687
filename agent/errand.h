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

/* Large: lives on the heap (errand_new). */
struct errand {
    const struct record_info *info; /* borrowed; authenticated, or the candidate's */
    struct signer *signer;          /* borrowed, for as long as the errand runs */
    struct talk talk;
    struct answer answers[CALLS_MAX];
    enum req_class classes[CALLS_MAX];
    bool is_order[CALLS_MAX];
    char tag[17];
    /* set when it is done */
    bool is_done;
    struct err failed; /* code OK, or why it could not be asked: policy, signing, nothing reached */
};
struct errand *errand_new(enum purpose p, const struct record_info *info, struct signer *signer,
                          struct err *e);
void errand_free(struct errand *r); /* takes NULL; wipes */
void errand_freep(struct errand **r);

/* Runs them all side by side until each is done; public calls (the clock) go unsigned. Kraken's
 * kind of key has one private call under way at a time. progress: called whenever one is done, may
 * be NULL. Errors are those that end everything (coffer-net gone, no memory); what goes wrong with
 * one stands in its failed. */
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
    struct failure failure;  /* the first private call that was refused; kind NONE: none */
    bool has_skew;
    int64_t skew_ms;         /* this machine's clock less the exchange's; + is ahead */
    uint64_t skew_error_ms;  /* half the way there and back, and the clock's resolution */
    uint64_t latency_ms;     /* of the private call; 0: none */
    struct err not_reached;  /* REACH_NOT: why */
};
void errand_checkup(const struct errand *r, uint64_t now_ms, struct checkup *out);

#endif
