/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine remembers and must never lose or share: nonce marks, the unattended-PIN guard
 * and the wrong PINs of tokens that count in secret. (The pin is trust.h's.) */
#ifndef VAULT_STATE_H
#define VAULT_STATE_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "vault/record.h"
#include "vault/where.h"

/* The next nonce of a key, in microseconds: above every earlier one and not below the clock. Its
 * mark is on disk (fsynced) before this returns. ERR_FAILED when the mark is more than a day ahead
 * of the clock, ERR_IO when it cannot be kept. */
int state_nonce(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                const uint8_t rec_id[REC_ID_LEN], const struct env *env, uint64_t *nonce,
                struct err *e) MUST_USE;

/* "ID in hex, suffix": how files of a state directory are named. */
void state_name(const uint8_t *id, size_t n, const char *suffix, char *out, size_t cap);
/* Guards a login whose PIN nobody typed: one failed or unfinished try, and no further unattended
 * try is made until a person succeeds. begin: ERR_PERSON after an earlier failure, or when no place
 * for the mark is writable. Held (locked) until done. */
struct pin_guard {
    int fd;
};
int pin_guard_begin(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                    const uint8_t rid[32], struct pin_guard *g, struct err *e) MUST_USE;
/* Whether begin would refuse because of an earlier failure. Waits for nobody, changes nothing;
 * while another process tries, it says yes. */
bool pin_guard_is_set(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                      const uint8_t rid[32]) MUST_USE;
/* ok: the login succeeded, or failed for a reason that spent no try. */
void pin_guard_end(struct pin_guard *g, bool ok);
/* A person's login succeeded: unattended tries are allowed again. */
void pin_guard_clear(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                     const uint8_t rid[32]);

/* Wrong PINs of a token that never tells how many it has taken, and forgives them by time alone, as
 * a TPM does: one in PIN_FORGIVEN_S in which none was added and the machine ran. */
#define PIN_FORGIVEN_S 1200u /* a TPM's own 1000 by default, and its clock may be slow */
#define PIN_LOCKED_S 800u    /* and not before this: nor too fast */
struct pin_count {
    int fd;          /* -1: nothing is kept */
    unsigned kept;   /* as the file had it, at that time */
    uint64_t at;     /* seconds since 1970: of the last wrong one */
    bool is_locked;  /* the token has answered since that it is locked */
    unsigned n;      /* as it counts now; 0 when locked and none can be forgiven yet, for then the
                      * token is locked still and a try costs nothing, or it was cleared */
};
/* Waits for nobody and changes nothing. */
struct pin_count pin_count_read(const struct where *w, const uint8_t rid[32],
                                const struct env *env);
/* Held (locked) until the end; counts one from here on, so that a try that never ends counts. Fails
 * where no place is writable. */
int pin_count_begin(const struct where *w, const uint8_t rid[32], const struct env *env,
                    struct pin_count *k, struct err *e) MUST_USE;
enum pin_end {
    PIN_END_UNTRIED, /* not compared */
    PIN_END_WRONG,   /* or unknown */
    PIN_END_RIGHT,   /* lowers no count, but shows that a locked token was cleared */
    PIN_END_LOCKED   /* the token's answer: not compared either */
};
void pin_count_end(struct pin_count *k, enum pin_end end);

#endif
