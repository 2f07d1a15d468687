/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine noted of a key: when it was last verified and what came out, when it was last
 * reviewed. For `coffer status`, which needs no PIN. Kept in the state directory in clear, not
 * authenticated: all that hangs on it is that `rotate` refuses a key of another account. No secret,
 * no balance. */
#ifndef VAULT_NOTES_H
#define VAULT_NOTES_H

#include "base/attr.h"
#include "base/err.h"
#include "vault/record.h"
#include "vault/where.h"

#define NOTE_PROBLEMS 16u

struct verify_note {
    uint64_t at_ms;          /* 0: never verified on this machine */
    uint64_t version;        /* of the record that was tried */
    char works[12];          /* "yes", "refused", "unreached" */
    uint64_t worked_ms;      /* when it last worked; 0: never seen */
    uint64_t expires_ms, exchange_created_ms; /* 0: not told */
    char expires[8], ip_bound[8], withdraw[8], transfer[8]; /* "yes", "no", "unknown" */
    char account[80];
    char problems[NOTE_PROBLEMS][32]; /* names (connectors/checks.h); those accepted too */
    size_t n_problems;
};
struct review_note {
    uint64_t at_ms;          /* 0: never */
    char open[16][32];       /* points that were not in order, by name */
    size_t n_open;
};

/* A missing note is OK and all zero; an unreadable or malformed one too, since nothing hangs on it
 * (*is_bad says so; may be NULL). */
int notes_read(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rec_id[REC_ID_LEN], struct verify_note *verify,
               struct review_note *review, bool *is_bad, struct err *e) MUST_USE;
/* Replaces that part, keeps the other. Either may be NULL. An answer that is empty is written as
 * "unknown"; ERR_USAGE for one that is none of its words, `works` above all. Does not wait for the
 * disk: with the power a note may be lost. */
int notes_write(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                const uint8_t rec_id[REC_ID_LEN], const struct verify_note *verify,
                const struct review_note *review, struct err *e) MUST_USE;

#endif
