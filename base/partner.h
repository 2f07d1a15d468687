/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs that coffer or coffer-agent starts do alike at their start, before their
 * sandbox stands. Not how they are started, and not the sandbox. */
#ifndef BASE_PARTNER_H
#define BASE_PARTNER_H

#include "base/attr.h"
#include "base/err.h"

/* The terminal's signals are for who started us, which ends us when it has finished. */
int partner_ignore_signals(struct err *e) MUST_USE;
/* Descriptors first to 2 become /dev/null: the terminal, on which a PIN is typed, can be read
 * through the one for errors too. *errors: a copy of that one, above `above`; to be closed with
 * partner_hushed when the sandbox stands. */
int partner_leave_terminal(int first, int above, int *errors, struct err *e) MUST_USE;
void partner_hushed(int *errors);

#endif
