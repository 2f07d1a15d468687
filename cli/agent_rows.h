/* SPDX-License-Identifier: Apache-2.0 */
/* What status and doctor say of the agent. */
#ifndef CLI_AGENT_ROWS_H
#define CLI_AGENT_ROWS_H

#include "cli/cli.h"
#include "cli/doctor.h"

/* A line, or the member "agent" (null: none runs). No agent, no line. */
void agent_status(struct cli *c, const struct vault *v, uint64_t now_ms);
void doctor_agent(struct doctor *d, const struct vault *v);

#endif
