/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of tokens.json by itself, for its tests. */
#ifndef VAULT_LOCAL_PARSE_H
#define VAULT_LOCAL_PARSE_H

#include "vault/local.h"

int local_parse(struct bytes text, struct local_tokens *out, struct err *e) MUST_USE;

#endif
