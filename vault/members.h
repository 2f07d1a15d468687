/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that both halves of the format share: base64url members, unknown ones refused. */
#ifndef VAULT_MEMBERS_H
#define VAULT_MEMBERS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* A line that is one JSON value and nothing else. */
int line_check(struct bytes line, const struct json_limits *lim, struct json *root,
               struct err *e) MUST_USE;
bool member_b64(struct json v, uint8_t *out, size_t cap, size_t *n) MUST_USE;
bool member_b64_exact(struct json v, uint8_t *out, size_t len) MUST_USE;
int member_unknown(struct json key, const char *where, struct err *e);
void member_print_b64(struct buf *out, const char *name, struct bytes v);
void member_print_str(struct buf *out, const char *name, const char *v);

#endif
