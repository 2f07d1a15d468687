/* SPDX-License-Identifier: Apache-2.0 */
/* The vault as the agent sees it, and the records that are open: each for one signature, for a
 * time, or until the lock, as its owner said (unseal.h). A change of the vault by another process
 * is seen before the next signature: a rotated key is used from its commit on. */
#ifndef AGENT_KEYRING_H
#define AGENT_KEYRING_H

#include "agent/agent.h"
#include "base/attr.h"
#include "vault/vault.h"

/* How long a record stays open. In its header: "each-use", "session", or a time as "90s", "15m",
 * "8h"; empty: each-use when the token's key may ask for a touch, else UNSEAL_DEFAULT_S. */
#define UNSEAL_DEFAULT_S 900u
#define UNSEAL_MAX_S 604800u
enum unseal_kind { UNSEAL_DEFAULT, UNSEAL_EACH_USE, UNSEAL_FOR, UNSEAL_SESSION };
struct unseal {
    enum unseal_kind kind;
    uint64_t ms; /* of UNSEAL_FOR */
};
/* ERR_USAGE */
int unseal_parse(struct bytes text, struct unseal *out, struct err *e) MUST_USE;

/* An open record, counted: the last release of one that is no longer to be held wipes it. */
struct held;
const struct record_info *held_info(const struct held *h); /* authenticated */
/* Refuses (ERR_PERSON) once the agent was locked. Sign in the same turn: what is held longer may
 * have been rotated meanwhile. */
struct signer *held_signer(struct held *h);
void held_release(struct held *h);

int keyring_new(struct agent *a, struct err *e) MUST_USE; /* sets a->keyring, a->vault_id */
void keyring_free(struct agent *a);

/* Looks whether the vault changed on disk, once a moment (agent.h), and reads it again.
 * keyring_open does it by itself. ERR_TRUST: it is not the vault that this machine trusts; nothing
 * is signed, and nothing of it is to be followed. Others: it cannot be read now; what is held is
 * not used then. */
int keyring_refresh(struct agent *a, struct err *e) MUST_USE;
/* The record's header: for refusals that need no key, and for list. Authenticated only if the
 * record is held. Looks at the vault as keyring_refresh does, but ERR_TRUST is no obstacle. */
int keyring_peek(struct agent *a, const char *name, struct record_info *out,
                 struct err *e) MUST_USE;
/* The same, of its id alone. */
int keyring_rec_id(struct agent *a, const char *name, uint8_t rec_id[REC_ID_LEN],
                   struct err *e) MUST_USE;
/* As of the last look: the vault key is held, and all that the index and the headers say is under
 * its MAC. */
bool keyring_is_proven(const struct agent *a);
/* The vault was proven, and what lies there now is not: forged, until an opening proves it. */
bool keyring_is_doubted(const struct agent *a);
struct vault *keyring_vault(struct agent *a); /* for list and status; read only */

typedef void keyring_done(void *ctx, struct held *h, const struct err *e); /* h NULL: e */
struct keyring_wait;
/* Opens it. When it is held, or cannot be opened, that is told before this returns, and *w is NULL;
 * else later, once. Many may wait for one opening, except of records for each use. why: "bot 'mm1':
 * BUY 0.5 ETHUSDT", for the person who is asked to touch. done gets a reference of its own. */
void keyring_open(struct agent *a, const char *name, const char *why, keyring_done *done, void *ctx,
                  struct keyring_wait **w);
/* done is not called any more. What a token was asked already goes on: the record is then held if
 * it is one that is held, and if not, the same `why` asked again takes over. */
void keyring_cancel(struct keyring_wait *w);

struct keyring_view {
    bool is_held;
    uint64_t left_ms; /* UINT64_MAX: until the lock */
    struct unseal unseal;
};
/* Reads the record's file when it is not held. */
void keyring_view(struct agent *a, const char *name, struct keyring_view *out);
bool keyring_is_held(const struct agent *a, const char *name); /* reads nothing */
/* Wipes what is held, in use or not, and the vault key; what waits fails. Not the tokens:
 * agent_lock locks them first, so that nothing is opened again by who is told. */
void keyring_lock(struct agent *a);
/* Gives up what was unused for longest until locked memory has room for a secret of that size.
 * False: there is nothing left to give up. */
bool keyring_make_room(struct agent *a, size_t cap);
size_t keyring_held(const struct agent *a);

/* The whole lock: records, vault key, tokens; with a notice that says why. core.c */
void agent_lock(struct agent *a, const char *why);

#endif
