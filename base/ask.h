/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person at the terminal, on /dev/tty so that stdin and stdout stay free.
 * Without a terminal every call fails with ERR_PERSON and says which option gives the answer
 * instead. */
#ifndef BASE_ASK_H
#define BASE_ASK_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

enum ask_flags {
    ASK_HIDDEN = 1,   /* echo off; restored on every way out, signals included */
    ASK_MULTILINE = 2 /* a PEM block: to its end line or an empty line; anything else is one line */
};

bool ask_possible(void);
/* One answer into locked memory, without its (last) line end; may be empty. prompt: ": " is added
 * unless it ends in a blank, a blank after ":" or "?". hint: what to use without a terminal. */
int ask_secret(const char *prompt, unsigned flags, const char *hint, struct secret *out,
               struct err *e) MUST_USE;
int ask_line(const char *prompt, const char *hint, char *out, size_t cap, struct err *e) MUST_USE;
/* y or n; anything else asks again, three times. */
int ask_yes(const char *prompt, const char *hint, bool *yes, struct err *e) MUST_USE;

#endif
