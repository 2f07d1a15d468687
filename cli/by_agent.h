/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a command's requests go through the agent that runs, with no PIN, or the command opens
 * the vault itself. */
#ifndef CLI_BY_AGENT_H
#define CLI_BY_AGENT_H

#include "agent/courier.h"
#include "base/attr.h"
#include "cli/cli.h"
#include "vault/vault.h"

/* *out: a courier of the agent, or NULL: no agent runs for this vault, it is locked (at a terminal
 * it is offered to unlock it), it has no proxy, or --no-agent is given. is_public: only requests
 * that need no key are to be made, so that nothing is offered. What is wrong with the agent is a
 * warning; an error is only a PIN that was asked for here, and not right. */
int by_agent(const struct cli *c, const struct vault *v, bool is_public, struct courier **out,
             struct err *e) MUST_USE;

#endif
