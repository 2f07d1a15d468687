/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer-net can no longer do once it has begun to talk to strangers: its tables. */
#ifndef NET_SANDBOX_H
#define NET_SANDBOX_H

#include "base/attr.h"
#include "base/err.h"

#include <stddef.h>

enum net_role {
    NET_CARRY, /* for one command: connections outward only */
    NET_PROXY  /* also takes connections from listeners that it was given */
};

/* Files: only what resolving names and checking certificates reads, nothing is written. TCP: only
 * connections to these ports. Signals and abstract sockets: none outside. As far as the kernel can;
 * a kernel without landlock is no error. */
int net_landlock(const unsigned *ports, size_t n, struct err *e) MUST_USE;
/* System calls: only those that this program makes. Not under sanitizers, which make more. Signals
 * then reach only the process that calls this. No role binds, with listen, a new listener, nor
 * opens a socket of the family unix. */
int net_seccomp(enum net_role role, struct err *e) MUST_USE;

#endif
