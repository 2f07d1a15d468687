/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures that are given to a client of the socket; for ops.c. */
#ifndef AGENT_OPS_SIGN_H
#define AGENT_OPS_SIGN_H

#include "agent/ops.h"

void op_run_sign(struct client *c, const struct op_words *w, size_t cost);
/* ops.c */
void op_fail(struct client *c, struct bytes id, const struct err *e);

#endif
