/* SPDX-License-Identifier: Apache-2.0 */
/* Starting coffer-agent: its arguments from those of a command, and the wait until it listens. */
#ifndef CLI_AGENT_START_H
#define CLI_AGENT_START_H

#include "base/attr.h"
#include "cli/cli.h"

#include <sys/types.h>

/* Reads the options of `coffer agent`, and checks those that need no agent for it. ERR_USAGE. */
int agent_options_check(const struct cli *c, struct err *e) MUST_USE;
/* In the background; returns when it listens, or why it does not, as it says. listen: NULL, or what
 * it gets where --listen was not given. life: NULL, or gets a descriptor: the agent ends when that
 * is closed, however this process ends. */
int agent_start(const struct cli *c, const char *listen, int *life, pid_t *pid,
                struct err *e) MUST_USE;
/* This process becomes the agent; returns only when that failed. */
int agent_become(const struct cli *c, struct err *e);

#endif
