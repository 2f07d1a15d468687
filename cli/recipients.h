/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer recipients: who opens the vault (recipients_list.c), one more
 * (recipients_add.c), whether one really does (recipients_test.c), one less (recipients_remove.c);
 * and what they share with coffer recover. */
#ifndef CLI_RECIPIENTS_H
#define CLI_RECIPIENTS_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/seats.h"
#include "vault/local.h"
#include "vault/paper.h"
#include "vault/vault.h"

int recipients_list(struct cli *c, struct err *e) MUST_USE;
int recipients_add(struct cli *c, struct err *e) MUST_USE;
int recipients_test(struct cli *c, struct err *e) MUST_USE;
int recipients_remove(struct cli *c, struct err *e) MUST_USE;

/* -- recipients_text.c: what is said of them, everywhere -- */
#define SHORT_ID_TEXT 9u
void recipient_short_id(const struct recipient *r, char out[SHORT_ID_TEXT]);
/* "tested"; or "UNTESTED": it has never opened the vault, and may not be able to. */
const char *recipient_state_text(const struct recipient *r);
/* "token", "software token", "token, not seen here" (nobody knows what it is), "paper, not a
 * token". local: this machine's entry, or NULL. */
const char *recipient_kind_text(const struct recipient *r, const struct local_token *local);
/* How many have never opened the vault, as it says of itself. */
size_t recipients_untested(const struct vault *v);
/* No spare: there is one recipient, or all of them are keys of one token by its serial. */
bool recipients_on_one(const struct vault *v);
/* As it would be without this one (RID_LEN bytes, or NULL). */
bool recipients_on_one_but(const struct vault *v, const uint8_t *but);
/* After one went: that there is no spare now, or what is untested; or nothing. */
void recipients_say_left(struct out *o, const struct vault *v);
/* After an embedded token went: its directory, which nobody removes. gone: this machine's entry. */
void recipients_say_embedded(struct out *o, const struct local_token *gone);
/* A line for who asks for a new token and has no other. */
#define SOFTWARE_TOKEN_HOW                                                                        \
    "a software token: 'softhsm2-util --init-token --free --label NAME' makes one, 'coffer "       \
    "tokens' shows its URI, 'man coffer' says more"
/* "'spare' (serial 12, token, EC P-256, id 0123abcd), UNTESTED". */
#define RECIPIENT_LINE 320u
void recipient_line(const struct recipient *r, const struct local_token *local,
                    char out[RECIPIENT_LINE]);
/* The one with this label, serial, or id that begins so (four digits or more); *out is borrowed
 * until the vault is read again. ERR_NOT_FOUND, ERR_USAGE (several: lists them). */
int recipient_named(const struct vault *v, const char *name, const struct recipient **out,
                    struct err *e) MUST_USE;
/* The table of all. */
void recipients_table(struct cli *c, const struct vault *v, const struct local_tokens *l);
/* Members of one, in an object of an array (name NULL) or a member. */
void recipient_put_json(cJSON *to, const char *name, const struct recipient *r,
                        const struct local_token *local);
/* All keys of the vault, some on a line; in JSON as an array of that name. */
void keys_say(struct out *o, const struct vault *v, const char *json_name);
/* "3, of token 'X'; ..." n: record files opened, and one for the vault. */
struct way_in;
/* A token's own tries of a new key: one that opens, one that must not, and the proof. */
#define PROBE_OPERATIONS 3u
void cost_say(struct out *o, const struct way_in *w, size_t n);

/* -- recipients_open.c: who opens the vault for the change -- */
struct way_in {
    struct recipient who; /* as the vault has it; of a token by URI after way_in_login */
    struct local_token entry;
    struct seat seat; /* a token's */
    struct seat_key key;
    struct paper paper;
    bool is_paper;
    bool is_known;              /* entry stands in tokens.json */
    struct token_key_want want; /* by URI: which key; borrows from uri */
    struct token_uri uri;
    struct opener opener; /* after way_in_login */
};
/* w: all zero, stays where it is. The first token of this vault that this machine knows and that is
 * there, but: not this one (RID_LEN bytes, or NULL). wants_untested: rather one that is untested.
 * No login. ERR_PERSON when it knows none, ERR_NOT_FOUND when none is there. */
int way_in_known(struct cli *c, const struct vault *v, const uint8_t *but, bool wants_untested,
                 struct way_in *w, struct err *e) MUST_USE;
/* The token of a URI, without a login. what: where the URI stands, for errors. */
int way_in_uri(struct cli *c, const char *uri, const char *what, struct way_in *w,
               struct err *e) MUST_USE;
/* The 24 words, from --words-fd or the terminal. ERR_NOT_FOUND: they are no recipient. */
int way_in_paper(struct cli *c, const struct vault *v, struct way_in *w, struct err *e) MUST_USE;
/* --words-fd: by paper; else as way_in_known; where no token is there, asks at a terminal whether
 * the words shall do. */
int way_in_any(struct cli *c, const struct vault *v, const uint8_t *but, struct way_in *w,
               struct err *e) MUST_USE;
/* The PIN, and the vault's key on the token. ERR_NOT_FOUND: it has none of them. */
int way_in_login(struct cli *c, const struct vault *v, struct way_in *w, struct err *e) MUST_USE;
/* rc: of opening; as session_explain. */
int way_in_explain(struct way_in *w, int rc, struct err *e);
/* Login, opening, and whether this machine may change the vault. */
int way_in_open(struct cli *c, struct vault *v, struct way_in *w, struct err *e) MUST_USE;
void way_in_close(struct way_in *w);
/* Whether one such recipient opens the vault, but: not this one (RID_LEN bytes, or NULL). */
bool vault_has_paper(const struct vault *v, const uint8_t *but);
bool vault_has_token(const struct vault *v, const uint8_t *but);

/* -- recipients.c -- */
/* What a person was shown before the vault was open, when it was only read: who can write to it may
 * have shown another list, and put the true one back while the PIN was typed. */
struct recipients_shown {
    struct recipient v[RECIPIENTS_MAX];
    size_t n;
};
void recipients_note(struct recipients_shown *s, const struct vault *v);
/* Locks, seals anew with progress, unlocks. v: open. shown: ERR_FAILED when the recipients are
 * others; NULL where none were shown. */
int recipients_commit(struct cli *c, struct vault *v, const struct rewrap *r,
                      const struct recipients_shown *shown, struct err *e) MUST_USE;

/* -- recipients_key_file.c -- */
/* Fills spki, rid and scheme of r from --public-key and --scheme. ERR_USAGE, ERR_FORMAT,
 * ERR_NOT_FOUND, ERR_POLICY (a weak key). */
int key_file_read(const struct cli *c, struct recipient *r, struct err *e) MUST_USE;

#endif
