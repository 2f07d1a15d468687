/* SPDX-License-Identifier: Apache-2.0 */
/* One question with a few answers of one letter each, at the terminal. */
#ifndef CLI_CHOOSE_H
#define CLI_CHOOSE_H

#include "base/attr.h"
#include "base/err.h"

struct choice {
    char letter;
    const char *text; /* "try again" */
};

/* Prints the choices and reads one; anything else asks again, three times. list ends with letter
 * 0. ERR_PERSON without a terminal or an answer. */
int choose(const char *question, const struct choice *list, char *picked, struct err *e) MUST_USE;
/* A reason for --accept-risk, typed: 1 to 255 bytes of UTF-8, trimmed; "" when nothing was typed.
 */
int choose_reason(const char *question, char out[256], struct err *e) MUST_USE;

#endif
