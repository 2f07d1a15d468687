/* SPDX-License-Identifier: Apache-2.0 */
/* From a vault on disk to one that its token has opened: which token this machine has for it, the
 * login, the sealing key, and what the pin says. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "pkcs11/token.h"
#include "vault/local.h"
#include "vault/vault.h"

struct session {
    struct token *token;      /* logged in, its sealing key in use */
    struct local_token entry; /* this machine's entry of tokens.json */
    struct opener opener;
    const struct cli *cli;    /* NULL before the login */
};

/* Opens the token of this vault, logs in, and takes the sealing key. No private-key operation yet.
 * ERR_PERSON when this machine knows no token for the vault. */
int session_begin(const struct cli *c, const struct vault *v, struct session *s,
                  struct err *e) MUST_USE;
void session_end(struct session *s);
#define AUTO_SESSION AUTO(session_end) struct session

/* Opens only the token of the vault, without a login; *entry says which. Caller closes *t. */
int session_token(const struct cli *c, const struct vault *v, struct token **t,
                  struct local_token *entry, struct err *e) MUST_USE;
/* Opens the token of one entry, without a login; tells when an embedded token's directory is gone.
 */
int session_open_token(const struct local_token *t, struct token **out, struct err *e) MUST_USE;
/* session_lost.c: the tokens that this machine knows of the vault do not open it, for the reason e.
 * Adds a hint of another recipient that does, by coffer recover. rid: of the one that e is about;
 * NULL: this machine knows none. Returns e's code. */
int session_hint_lost(const struct vault *v, const uint8_t *rid, struct err *e);
/* Logs in and opens, to change the vault after vault_lock. A vault that this machine does not trust
 * is refused here, before anything is asked of the person. */
int session_write(const struct cli *c, struct vault *v, struct session *s, struct err *e) MUST_USE;
/* The token shows no key with the public half that the vault is sealed to: another one has taken
 * its id, or the token shows no public halves. */
bool session_key_is_other(struct session *s);
/* rc: of opening the vault or a record, and what is returned. Adds a hint when the token's key is
 * the likely cause. */
int session_explain(struct session *s, int rc, struct err *e);
/* Says on stderr when the vault was opened without a pin. */
void session_say_trust(const struct vault *v);

/* The key on the token, among those wanted, that the vault is sealed to: entry gets its recipient,
 * scheme and id. ERR_NOT_FOUND. */
int session_find_key(const struct vault *v, struct token *t, const struct token_key_want *want,
                     struct local_token *entry, struct err *e) MUST_USE;
/* Whether text has the form of a fingerprint, as a person types one. ERR_USAGE. */
#define FINGERPRINT_TYPED 80u
int fingerprint_check(const char *text, struct err *e) MUST_USE;

/* Entries of tokens.json that belong to a vault; free with local_list_freep. NULL out on failure.
 */
int local_list(const struct cli *c, struct local_tokens **out, struct err *e) MUST_USE;
void local_list_freep(struct local_tokens **l);
bool local_is_software(const struct local_token *t);
/* The entry for one recipient of a vault; NULL when this machine has none. */
const struct local_token *local_find(const struct local_tokens *l, const struct vault *v,
                                     const struct recipient *r);
/* One of the tokens that open the vault is, as far as this machine knows, software. */
bool opens_by_software(const struct vault *v, const struct local_tokens *l);
/* Lines or JSON for all recipients of a vault. */
void recipients_show(struct cli *c, const struct vault *v, const struct local_tokens *l);

#endif
