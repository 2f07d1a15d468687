/* SPDX-License-Identifier: Apache-2.0 */
/* The token that a new recipient is on: opened, logged in, its sealing key chosen or made, tried,
 * and what the vault and this machine will note of it. Sealing the vault to it is not here. */
#ifndef CLI_NEW_TOKEN_H
#define CLI_NEW_TOKEN_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/seats.h"
#include "pkcs11/uri.h"
#include "vault/local.h"
#include "vault/vault.h"

struct new_token {
    struct seat seat;           /* its own; not used where the key is on the present token */
    struct seat_key key;        /* key.seat is the one that it is on */
    struct opener opener;       /* proves the new key: struct rewrap's prove */
    struct recipient recipient; /* tested: the probe has used it; for struct rewrap's add */
    struct local_token entry;   /* for tokens.json */
    bool has_made_key;
    bool has_new_entry; /* by new_token_remember */
};

/* What is known before. Seats must stay where they are as long as the new token is used. */
struct new_token_from {
    const struct vault *v;
    struct seat *present;            /* the token that opens the vault; NULL: none does (paper) */
    const struct local_token *entry; /* of present */
    const struct token_uri *uri;     /* of the new one; NULL: a key beside the present one */
    const struct token_where *where; /* pick_uri_from gives both */
    bool makes_key;                  /* --generate; always with uri NULL */
    const char *kind;                /* of it, as --generate takes it; NULL: as it was given */
};

/* The options that speak of the new token (--new-pin-fd, --new-pin-file, --generate's kind), before
 * anything is opened. uri_from: what gives its URI, for the error: "--to". has_uri: whether there
 * is one. ERR_USAGE. */
int new_token_check(const struct cli *c, const char *uri_from, bool has_uri,
                    struct err *e) MUST_USE;
/* Opens the token (beside the present one, or in its place where both cannot be open at once), logs
 * in by --new-pin-fd, --new-pin-file or the terminal, takes or makes the key and tries it. --label
 * is the recipient's, else the token's own. t all zero. ERR_USAGE when the vault is sealed to that
 * key. Also after a failure: new_token_undo, then new_token_close. */
int new_token_take(struct cli *c, struct new_token *t, const struct new_token_from *f,
                   struct err *e) MUST_USE;
/* Puts it into tokens.json: before the commit, so that killed anywhere this machine can open
 * whichever vault it finds. */
int new_token_remember(struct cli *c, struct new_token *t, const struct vault *v,
                       struct err *e) MUST_USE;
/* After a failure e: takes the entry out again unless the vault on disk is sealed to the key, and
 * adds a hint of a key that was made for nothing. Returns e's code. */
int new_token_undo(struct cli *c, struct new_token *t, struct err *e);
void new_token_close(struct new_token *t); /* takes one that is all zero */

/* --label, where it is given: text that can be read, and that fits. ERR_USAGE. */
int label_check(const struct cli *c, struct err *e) MUST_USE;
/* For all that makes a new vault key: ERR_FAILED while a record file that the index does not name
 * holds a key, which could not be taken back under another vault key. */
int new_key_allowed(struct vault *v, struct err *e) MUST_USE;
/* The recipient with this rid; NULL when there is none. */
const struct recipient *recipient_find(const struct vault *v, const uint8_t rid[RID_LEN]);

#endif
