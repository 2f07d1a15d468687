/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a name can be given to a key of a vault. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "base/attr.h"
#include "base/err.h"
#include "vault/vault.h"

/* ERR_EXISTS when the name is taken, or differs from another only in case. but: a name that does
 * not count, or NULL. */
int name_is_free(const struct vault *v, const char *name, const char *but, struct err *e) MUST_USE;

#endif
