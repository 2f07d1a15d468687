/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a token by URI and the sealing key on it. */
#ifndef CLI_PICK_H
#define CLI_PICK_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "pkcs11/token.h"

/* A token's URI, which must name its module: a vault never does. what: where it stands, for the
 * errors ("--to", "the URI"). */
int pick_uri_from(const char *text, const char *what, struct token_uri *uri,
                  struct token_where *where, struct err *e) MUST_USE;
/* --token's. */
int pick_uri(const struct cli *c, struct token_uri *uri, struct token_where *where,
             struct err *e) MUST_USE;
/* --generate[=KIND]; p256 when the value is missing. */
int pick_kind(const struct cli *c, enum seal_key_kind *kind, struct err *e) MUST_USE;
/* Makes a key on a token that is logged in, label and id from the URI where it has them. */
int pick_generate(const struct cli *c, struct token *t, const struct token_uri *uri,
                  struct token_key *key, struct err *e) MUST_USE;
/* The one key that matches the URI and passes the probe. ERR_USAGE lists several. */
int pick_key(struct token *t, const struct token_uri *uri, struct token_key *key,
             enum scheme *scheme, struct err *e) MUST_USE;
/* A key id as "0102ab"; cut to cap. */
void hex_text(const uint8_t *id, size_t n, char *out, size_t cap);

#endif
