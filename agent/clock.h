/* SPDX-License-Identifier: Apache-2.0 */
/* One question for an exchange's clock serves all keys that reach it the same way. For errand.c. */
#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H

#include "agent/errand.h"

/* Whether this call, whose class is known, is the public question for the clock. */
bool clock_is(const struct errand *r, unsigned call);
/* The one in the list whose question, asked already, serves r too; NULL: r asks by itself. */
const struct errand *clock_find(struct errand *const *list, size_t n, const struct errand *r);
/* The answer with a frame of its own. to: fresh. ERR_MEMORY. */
int clock_copy(struct answer *to, const struct answer *from, struct err *e) MUST_USE;

#endif
