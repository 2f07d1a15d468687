/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.json: what this machine knows of the tokens that open its vaults. Never replicated and
 * never taken from a vault: whoever can write a vault must not choose what code runs here. */
#ifndef VAULT_LOCAL_H
#define VAULT_LOCAL_H

#include "base/attr.h"
#include "base/err.h"
#include "pkcs11/token.h"
#include "vault/where.h"

struct local_token {
    uint8_t vault_id[VAULT_ID_LEN];
    uint8_t rid[RID_LEN];
    enum scheme scheme;
    struct token_where where;     /* module, softhsm_conf, label, serial */
    uint8_t key_id[TOKEN_ID_MAX]; /* CKA_ID of the sealing key */
    size_t key_id_len;
    char pin_file[TOKEN_PATH_MAX]; /* PIN source for unattended use; empty: none */
};

#define LOCAL_TOKENS_MAX 64u

struct local_tokens {
    struct local_token v[LOCAL_TOKENS_MAX];
    size_t n;
};

/* A missing file is an empty list. ERR_FORMAT, ERR_IO (owner, mode, link) otherwise. The struct is
 * large: keep it off deep stacks. */
int local_read(const struct where *w, struct local_tokens *out, struct err *e) MUST_USE;
/* Of them those of this vault: each recipient once, and no more than max. */
void local_keep(struct local_tokens *all, const uint8_t vault_id[VAULT_ID_LEN], size_t max);
/* The entry of this recipient; NULL: none. Of a list of one vault. */
const struct local_token *local_of(const struct local_tokens *all, const uint8_t rid[RID_LEN]);
bool local_same(const struct local_token *x, const struct local_token *y);
/* Another one for each change of tokens.json; all zero while there is none. */
struct local_mark {
    uint64_t dev, ino, size;
    int64_t changed_s, changed_ns;
};
void local_mark(const struct where *w, struct local_mark *out);
/* Adds the entry, or replaces the one with the same vault id and rid; creates directory and file.
 */
int local_put(const struct where *w, const struct local_token *t, struct err *e) MUST_USE;
/* Takes the entry with this vault id and rid out, where there is one. */
int local_drop(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
               const uint8_t rid[RID_LEN], struct err *e) MUST_USE;

#endif
