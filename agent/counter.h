/* SPDX-License-Identifier: Apache-2.0 */
/* The core's end of the channel to coffer-net as proxy: asks come in, permits and refusals go out.
 * (The clients' HTTP is net/'s.) */
#ifndef AGENT_COUNTER_H
#define AGENT_COUNTER_H

#include "agent/agent.h"
#include "base/attr.h"
#include "base/err.h"

int counter_new(struct agent *a, struct err *e) MUST_USE; /* sets a->counter */
void counter_free(struct agent *a);
/* From the spawner: a new channel. What is open on the old one goes on there until that ends. */
void counter_channel(struct agent *a, int fd);
void counter_gone(struct agent *a, int status);
/* The end of a turn, after desk_turn: what was answered in it goes out in one piece. */
void counter_turn(struct agent *a);
bool counter_is_open(const struct agent *a);
/* The HTTP status that a refusal has: 422 policy and malformed requests, 401 no such record, locked
 * or bearer, 429 too many, 503 token or vault not there, 504 never (nothing was sent yet). */
unsigned refusal_status(const struct err *e);

#endif
