/* SPDX-License-Identifier: Apache-2.0 */
/* A person is asked through a pinentry: a program of the desktop or terminal that shows the
 * question, and gives the answer over a pipe (Assuan). When a PIN is needed, and how often it is
 * tried, is pin_login.c's affair. */
#ifndef CLI_PINENTRY_H
#define CLI_PINENTRY_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "pkcs11/uri.h"

struct pinentry_question {
    const char *label, *serial; /* of the token; serial may be empty */
    const char *why;            /* "to open 'main'", or empty */
    const char *tries;          /* what is known of the tries left, a sentence, or empty */
    const char *wrong;          /* why the PIN before this was not taken, or empty */
};

/* The pinentry to ask through: its absolute path, or "" when the terminal is to be asked.
 * ERR_USAGE: --pinentry names none. */
int pinentry_find(const struct cli *c, char out[TOKEN_PATH_MAX], struct err *e) MUST_USE;
/* --pinentry names a program: a person is to be asked. */
bool pinentry_is_wanted(const struct cli *c);
/* out: what was typed, 1 to NEW_PIN_MAX bytes without a NUL. ERR_PERSON: cancelled, interrupted, or
 * nobody there; ERR_PIN: too long; ERR_FAILED: the program could not ask, so another way may. */
int pinentry_pin(const char *program, const struct pinentry_question *q, struct secret *out,
                 struct err *e) MUST_USE;
/* Shows text (lines end with \n), with a button to go on and one to stop. Errors as pinentry_pin.
 */
int pinentry_confirm(const char *program, const char *text, const char *go_on,
                     struct err *e) MUST_USE;

#endif
