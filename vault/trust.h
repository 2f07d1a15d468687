/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's pin of a vault: {vault id, fingerprint, generation, SHA-256 of vault.json}. It is
 * what tells a forged, rolled back or forked vault from the one that this machine knows. */
#ifndef VAULT_TRUST_H
#define VAULT_TRUST_H

#include "base/attr.h"
#include "base/crypto.h"
#include "base/err.h"
#include "vault/seal.h"

#define PIN_FILE "pin.json" /* in STATE/VAULT_ID */

struct sighting {                       /* a vault whose MAC holds, as seen now */
    const struct where *where;
    const uint8_t *id, *fingerprint;
    uint64_t generation;
    const uint8_t *sha;                 /* of the whole file */
};

struct seen { /* the newest vault that this process has believed; zeroed: none yet */
    uint64_t generation;
    uint8_t sha[SHA256_LEN];
};
/* Whatever the pin says by now, which others can write: nothing older than this process has seen,
 * and no fork of it. ERR_TRUST. */
int trust_not_older(const struct sighting *s, const struct seen *seen, struct err *e) MUST_USE;

/* Judges s by the pin; a higher generation moves the pin forward. ERR_TRUST: older generation, same
 * generation with other bytes, other fingerprint, or a pin that cannot be read. */
int trust_check(const struct sighting *s, enum trust_state *out, struct err *e) MUST_USE;
/* Without a key (s->fingerprint is not used): what the pin says of generation and bytes. fp: the
 * pinned fingerprint, set with TRUST_PINNED and TRUST_NEWER. ERR_TRUST: older, forked, or no
 * readable pin. */
int trust_look(const struct sighting *s, uint8_t fp[FINGERPRINT_LEN], enum trust_state *out,
               struct err *e) MUST_USE;
/* Sets the pin to s whatever was there. */
int trust_set(const struct sighting *s, struct err *e) MUST_USE;
/* Before a commit that changes the vault key: from now on the pin accepts `next`, exactly these
 * bytes or what follows them, beside what it accepted before. So being killed on either side of the
 * commit leaves a vault that this machine trusts. The first opening of either state under its key
 * that moves the pin, and trust_set, end it. s: the vault as it is, which must be pinned. */
int trust_announce(const struct sighting *s, const struct sighting *next, struct err *e) MUST_USE;
/* The commit was not made: s alone again. A failure does no harm. */
void trust_withdraw(const struct sighting *s);
/* Whether the pin knows exactly these bytes, whatever their key. */
bool trust_knows(const struct sighting *s) MUST_USE;
/* OK when a write may go on: pinned, and the pin can be moved. ERR_TRUST otherwise. */
int trust_may_write(const struct sighting *s, enum trust_state state, struct err *e) MUST_USE;
void fingerprint_text(const uint8_t fp[FINGERPRINT_LEN], char out[FINGERPRINT_TEXT]);
/* Opens (and makes) STATE/VAULT_ID. */
int state_dir(const struct where *w, const uint8_t id[VAULT_ID_LEN], bool create, int *fd,
              struct err *e) MUST_USE;

#endif
