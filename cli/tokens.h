/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer tokens: where drivers are (tokens_find.c), what is said of one token
 * (tokens_show.c) and of its keys (tokens_keys.c). */
#ifndef CLI_TOKENS_H
#define CLI_TOKENS_H

#include "base/attr.h"
#include "cli/cli.h"
#include "pkcs11/token.h"
#include "vault/local.h"

#define MODULES_MAX 64u

struct place {
    char module[TOKEN_PATH_MAX], conf[TOKEN_PATH_MAX];
    bool is_asked; /* by --module */
    bool is_used;  /* by a vault of this machine, or an embedded token */
};

struct places {
    struct place v[MODULES_MAX];
    size_t n;
};

/* Drivers that are worth asking: of this machine's vaults, of its embedded tokens, and known ones
 * that are installed; SoftHSM's where the person has a configuration for it. With --module that one
 * alone. The same one under two names is there once. */
void token_places_find(struct cli *c, const struct local_tokens *l, bool has_softhsm_conf,
                       struct places *out);

#define SEEN_MAX 64u

/* A key that was shown, and by which driver: one card can be there twice. */
struct seen_key {
    uint8_t rid[RID_LEN];
    char token[TOKEN_LABEL_MAX], module[TOKEN_PATH_MAX];
};

struct tokens_view {
    struct cli *c;
    const struct local_tokens *l;
    cJSON *list; /* NULL: not --json */
    struct seen_key seen[SEEN_MAX];
    size_t n_seen;
    bool has_yubikey, has_piv, has_twins;
};

#define KEYS_SHOWN 32u

/* One token of the listing. */
struct token_view {
    struct tokens_view *all;
    const struct token_info *i;
    const struct place *place;
    struct token_key *keys; /* KEYS_SHOWN */
    size_t n_keys;          /* there; more than KEYS_SHOWN are not shown */
    struct err keys_err;    /* code OK, or why they were not read */
    cJSON *json;            /* NULL: not --json */
};

void token_keys_read(struct token_view *v);
void token_keys_show(struct token_view *v);
size_t token_keys_shown(const struct token_view *v);
#define TOKEN_URI_TEXT (3 * (TOKEN_ID_MAX + TOKEN_PATH_MAX) + 256u)
/* What --token takes; key NULL: the token alone. Empty for an embedded token: its module sees it
 * only with a configuration that no URI can name. */
void token_uri_text(const struct token_view *v, const struct token_key *key,
                    char out[TOKEN_URI_TEXT]);

void tokens_show(struct tokens_view *v, const struct token_info *i, const struct place *p);

#endif
