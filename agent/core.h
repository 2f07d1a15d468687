/* SPDX-License-Identifier: Apache-2.0 */
/* The core from the inside; for agent/core*.c and agent/sandbox.c. */
#ifndef AGENT_CORE_H
#define AGENT_CORE_H

#include "agent/agent.h"
#include "agent/spawn.h"
#include "base/attr.h"
#include "base/err.h"

/* core_link.c: the core's end of the pair to the spawner; sets a->spawner. Takes over control. */
int spawn_link_new(struct agent *a, int control, struct err *e) MUST_USE;
void spawn_link_free(struct agent *a);
/* coffer-net shall run, and be started again when it ends. */
void spawn_link_want_net(struct agent *a);
/* The vault is another: it may lead to ports that coffer-net was not given. */
void spawn_link_renew_net(struct agent *a);

/* core_watch.c: looks at the vault as soon as a new one is there. NULL: it cannot. */
struct core_watch *core_watch_new(struct agent *a);
void core_watch_free(struct core_watch *w); /* takes NULL */

/* sandbox.c: from here on the core reads the vault and the configuration, writes this vault's
 * state, takes connections from its listener, and can do nothing else. */
int core_confine(const struct agent *a, struct err *e) MUST_USE;

#endif
