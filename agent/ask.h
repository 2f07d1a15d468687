/* SPDX-License-Identifier: Apache-2.0 */
/* A request that was checked here and goes out unsigned, for the agent to decide on and to sign. */
#ifndef AGENT_ASK_H
#define AGENT_ASK_H

#include "agent/courier.h"
#include "agent/prepare.h"
#include "base/attr.h"

/* As courier_send. c: of courier_by_agent. ERR_USAGE, ERR_LIMIT: the request; ERR_FAILED: the agent
 * is gone. */
int ask_agent(struct courier *c, uint32_t id, const char *record, const struct prepared *p,
              struct err *e) MUST_USE;

#endif
