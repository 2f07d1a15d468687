/* SPDX-License-Identifier: Apache-2.0 */
/* What this process can no longer do once it has begun to talk to strangers. */
#ifndef NET_SANDBOX_H
#define NET_SANDBOX_H

#include "base/attr.h"
#include "base/err.h"

#include <stddef.h>

/* Files: only what resolving names and checking certificates reads, nothing is written. TCP: only
 * connections to these ports. Signals and abstract sockets: none outside. As far as the kernel can;
 * a kernel without landlock is no error. */
int sandbox_landlock(const unsigned *ports, size_t n, struct err *e) MUST_USE;
/* System calls: only those that this program makes. Not under sanitizers, which make more. Signals
 * then reach only the process that calls this. */
int sandbox_seccomp(struct err *e) MUST_USE;

#endif
