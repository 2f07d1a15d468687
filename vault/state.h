/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine remembers and must never lose or share: nonce marks and the unattended-PIN
 * guard. (The pin is trust.h's.) */
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

#endif
