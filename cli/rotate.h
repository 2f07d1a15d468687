/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer rotate: a new exchange key (rotate.c), whether it may take over
 * (rotate_judge.c), the switch (rotate_put.c), the end of the old one (rotate_finish.c), and a new
 * sealing key (rotate_seal.c). */
#ifndef CLI_ROTATE_H
#define CLI_ROTATE_H

#include "agent/courier.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/candidate.h"
#include "cli/cli.h"
#include "vault/vault.h"

/* coffer rotate --seal */
int rotate_seal(struct cli *c, struct err *e) MUST_USE;
/* coffer rotate NAME --finish */
int rotate_finish(struct cli *c, struct err *e) MUST_USE;

/* The exchange knows the key, though it refuses it: it lacks a right, is used from an address that
 * is not on its list, or with an old nonce. */
bool failure_shows_life(enum failure_kind k);

/* What stands against the new key taking the old one's place, beside the dangers of checkup.h. */
struct objections {
    bool is_other_account;      /* never accepted: that is another record */
    bool is_account_unknown;    /* of one of the two the account is known, of the other it is not */
    char fewer[128], more[128]; /* rights, with commas; "" none */
    enum problem dangers[FINDINGS_MAX];
    size_t n_dangers;
};
/* old: of the present key; where it does not work, what is known of its account comes from
 * old_account (a note, or ""). now: of the new one, which works. info: what is accepted so far. */
void rotate_object(const struct checkup *old, const char *old_account, const struct checkup *now,
                   const struct record_info *info, struct objections *out);
bool rotate_objects(const struct objections *o);
/* ERR_POLICY that says what stands against it and what to do, with room for one more hint. */
int rotate_refuse(const struct record_info *info, const struct connector *k,
                  const struct verdict *now, const struct objections *o, struct err *e);
/* Writes accepted objections into info's risks, and drops those that the new key has no more.
 * ERR_POLICY (see dangers_accept), ERR_LIMIT; nothing is changed then. */
int rotate_accept(struct record_info *info, const struct objections *o, const struct verdict *now,
                  const char *reason, uint64_t now_ms, struct err *e) MUST_USE;

/* The switch: one commit. When another process was quicker the new key is kept under another name,
 * and the error says which. */
int rotate_put(struct cli *c, struct vault *v, const struct record *old, struct candidate *d,
               struct err *e) MUST_USE;

enum proof {
    PROOF_DEAD,     /* the exchange says that there is no such key */
    PROOF_ALIVE,    /* it is answered as a key that exists */
    PROOF_UNPROVEN, /* it is refused, but a living key can be refused so too */
    PROOF_UNREACHED /* nothing is known */
};
/* Tries the old key, which must fail, and when it does the new one, which must not. OK in e only
 * for PROOF_DEAD; else e says what was seen and what to do. */
enum proof rotate_prove(struct cli *c, struct courier *courier, struct record *old,
                        struct record *now, struct err *e);
const char *proof_name(enum proof p); /* "dead", "alive", "unproven", "unreached" */
/* One commit that forgets the old key, after the proof. old: of the key that was proven dead;
 * ERR_FAILED when another one is retiring by now. */
int rotate_drop(struct vault *v, const struct record_info *old, struct err *e) MUST_USE;
/* Runs one PURPOSE_VERIFY errand with an opened record. Shared by the parts. */
int rotate_try(struct cli *c, struct courier *courier, struct record *r, struct checkup *out,
               struct err *e) MUST_USE;

#endif
