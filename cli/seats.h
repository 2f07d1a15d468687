/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for a command that needs two: two keys of one token after a single login, two tokens side
 * by side, or two of which one has to go while the other is used, as a process has one SoftHSM
 * configuration at a time. */
#ifndef CLI_SEATS_H
#define CLI_SEATS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "pkcs11/token.h"
#include "vault/local.h"
#include "vault/vault.h"

struct seat {
    const struct cli *cli;
    struct token *token; /* NULL: not open now */
    struct token_where where;
    struct token_info info;  /* as it was when it was opened */
    struct secret pin;       /* that worked; empty: entered on the device */
    uint8_t in_use[RID_LEN]; /* the key that the token uses now; all zero: none of ours */
    struct seat *other;      /* NULL: there is only one */
};

/* A key on a seat: what an opener acts on. */
struct seat_key {
    struct seat *seat;
    uint8_t rid[RID_LEN], id[TOKEN_ID_MAX];
    size_t id_len;
};

/* Takes a token that is open; from here on its long calls are told (waiting.h). */
void seat_fill(struct seat *s, const struct cli *c, struct token *t, const struct token_where *w);
/* The token that this machine has for the vault, with no login yet: its seat, the sealing key on
 * it, an opener by that key, and this machine's entry. */
int seat_of_vault(struct cli *c, const struct vault *v, struct seat *s, struct seat_key *k,
                  struct opener *o, struct local_token *entry, struct err *e) MUST_USE;
/* Logs in as pin_login does and keeps the PIN that worked for seat_take. */
int seat_login(struct seat *s, const char *pin_file, struct err *e) MUST_USE;
/* Makes room for s: closes the other one where both cannot be open. */
void seat_make_room(struct seat *s, const char *softhsm_conf);
/* Open and logged in again, if it is not. */
int seat_take(struct seat *s, struct err *e) MUST_USE;
void seat_close(struct seat *s); /* wipes the PIN too */
bool seat_is_same(const struct seat *a, const struct token_info *b);
/* Each operation of o takes the seat and the key when they are not in use. k lives as long as o. */
void seat_opener(struct opener *o, struct seat_key *k, enum scheme scheme);

#endif
