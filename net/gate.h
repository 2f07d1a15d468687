/* SPDX-License-Identifier: Apache-2.0 */
/* What the proxy does for a client: asks the agent, and sends what the agent permitted. */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "net/proxy.h"

struct event_base;
struct gate;

int gate_new(struct event_base *loop, const struct proxy *proxy, const struct env *env,
             struct gate **out, struct err *e) MUST_USE;
void gate_free(struct gate *g);
/* A new channel to the agent's core, in the place of the old one. Asks that were open there are
 * answered 503; what was permitted goes on. fd -1: there is none now, and jobs fail with 503. */
void gate_agent(struct gate *g, int fd);

#endif
