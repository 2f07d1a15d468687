/* SPDX-License-Identifier: Apache-2.0 */
/* A recipient on paper: a P-256 key made from 32 bytes, which a person keeps as 24 words. It is not
 * a token: whoever reads the paper can open the vault. Source: vault/FORMAT.md, section "Paper". */
#ifndef VAULT_PAPER_H
#define VAULT_PAPER_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "vault/vault.h"

#define PAPER_SEED_LEN 32u

/* The key of one paper, in memory while it is used. */
struct paper {
    struct secret d; /* the private scalar, 32 bytes, big end first */
    uint8_t rid[RID_LEN];
};

/* Derives the key. seed: PAPER_SEED_LEN bytes. r: kind paper, scheme ecdh-p256, label as given,
 * untested, no serial and no key id. */
int paper_from_seed(const struct secret *seed, const char *label, struct paper *out,
                    struct recipient *r, struct err *e) MUST_USE;
void paper_free(struct paper *p); /* wipes; takes one that is all zero */
/* The opener lives as long as the paper. */
void paper_opener(struct opener *o, struct paper *p);

#endif
