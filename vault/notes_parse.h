/* SPDX-License-Identifier: Apache-2.0 */
/* The parser and the printer of a note by themselves, for their tests. */
#ifndef VAULT_NOTES_PARSE_H
#define VAULT_NOTES_PARSE_H

#include "base/buf.h"
#include "vault/notes.h"

#define NOTES_MAX 8192u

struct notes {
    struct verify_note verify; /* at_ms 0: there is none */
    struct review_note review;
};

/* False, and out all zero, when the text is not exactly as documented. */
bool notes_parse(struct bytes text, struct notes *out) MUST_USE;
int notes_print(const struct notes *n, struct buf *out, struct err *e) MUST_USE;

#endif
