/* SPDX-License-Identifier: Apache-2.0 */
/* The 24 words between the program and a person: shown once on the terminal and nowhere else, and
 * typed back. */
#ifndef CLI_PAPER_WORDS_H
#define CLI_PAPER_WORDS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "cli/cli.h"

/* Shows the words of the seed until the person says that they are on paper, clears them from the
 * screen, and asks two of them back. fingerprint: the vault's, which belongs on the paper too.
 * ERR_PERSON: no terminal, or the words were not repeated. */
int paper_words_show(const struct cli *c, const struct secret *seed, const char *fingerprint,
                     struct err *e) MUST_USE;
/* From --words-fd, else hidden from the terminal, one a line or several. ERR_PERSON, ERR_USAGE. */
int paper_words_read(const struct cli *c, struct secret *seed, struct err *e) MUST_USE;

#endif
