/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an exchange credential on their way from the person into locked memory: typed, from
 * a file, or from one JSON object. */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/field.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "connectors/connector.h"

/* Options that contradict each other (ERR_USAGE) and files that cannot be read; before anything is
 * read. */
int fields_check(const struct cli *c, struct err *e) MUST_USE;
/* Fills typed (all empty before) from --from-json, --from-fd, --field-file and, where neither of
 * the first two is given, the terminal. The caller frees with fields_free, on failure too. */
int fields_read(const struct cli *c, const struct connector *k, struct secret typed[FIELD_COUNT],
                struct err *e) MUST_USE;
/* Reads one JSON object of strings. text is never quoted in an error. */
int fields_parse(struct bytes text, struct secret typed[FIELD_COUNT], struct err *e) MUST_USE;
void fields_free(struct secret v[FIELD_COUNT]);

#endif
