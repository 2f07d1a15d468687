/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a socket of the agent without trusting what lies at its path; for agent/client*.c
 * and courier_agent.c. */
#ifndef AGENT_DIAL_H
#define AGENT_DIAL_H

#include "base/attr.h"
#include "base/err.h"

enum {
    DIAL_PRIVATE = 1 /* its directory and it are open to nobody else; without: others may connect to
                      * it too */
};
/* dir/name. The socket is ours and no link, and our own uid or root listens at it (root: a service
 * manager that holds the socket for us). ERR_NOT_FOUND: nothing is there, or nothing listens.
 * ERR_TRUST: what is there is not the agent's. *fd: closes on exec. */
int dial(const char *dir, const char *name, unsigned flags, int *fd, struct err *e) MUST_USE;

#endif
