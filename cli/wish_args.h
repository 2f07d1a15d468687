/* SPDX-License-Identifier: Apache-2.0 */
/* A request as it stands on the command line: METHOD, URL, -d and -H. Shared by sign and request.
 */
#ifndef CLI_WISH_ARGS_H
#define CLI_WISH_ARGS_H

#include "agent/prepare.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/command.h"

/* Fills w (fresh from wish_init) from words[1], words[2] and the options. text: where a body that
 * is read from a file goes; w borrows from it and from argv. ERR_USAGE, ERR_NOT_FOUND, ERR_IO. */
int wish_from_words(const struct args *a, struct wish *w, struct buf *text, struct err *e) MUST_USE;
/* A file of the user's, or "-". Too long is the caller's mistake: ERR_USAGE. */
int wish_read(const char *path, size_t max, const char *what, struct buf *out,
              struct err *e) MUST_USE;

#endif
