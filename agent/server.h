/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: who connects, the lines that come, the answers that go. What the operations
 * do is ops.c's; the protocol is agent/PROTOCOL.md. */
#ifndef AGENT_SERVER_H
#define AGENT_SERVER_H

#include "agent/agent.h"
#include "base/attr.h"
#include "base/err.h"

#define SERVER_CLIENTS_MAX 1200u

int server_new(struct agent *a, int listener, struct err *e) MUST_USE; /* sets a->server */
void server_free(struct agent *a);

#endif
