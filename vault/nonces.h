/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces that rise, for a process that gives out many: reserved on disk a block ahead, so that not
 * each waits for the disk. Others may take theirs by state_nonce meanwhile. */
#ifndef VAULT_NONCES_H
#define VAULT_NONCES_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "vault/record.h"
#include "vault/where.h"

#define NONCES_AHEAD_US 1000000u

struct nonces;
/* where, env: live as long. */
int nonces_new(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN], const struct env *env,
               struct nonces **out, struct err *e) MUST_USE;
void nonces_free(struct nonces *n); /* takes NULL */
/* As state_nonce: above every earlier one of any process, also after a crash; the mark on disk is
 * at or above it before this returns. ERR_FAILED also when another process keeps the
 * lock: that is waited for only a moment. */
int nonces_next(struct nonces *n, const uint8_t rec_id[REC_ID_LEN], uint64_t *nonce,
                struct err *e) MUST_USE;

#endif
