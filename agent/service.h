/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager gives and wants to hear (systemd's protocols); for agent/spawner*.c. */
#ifndef AGENT_SERVICE_H
#define AGENT_SERVICE_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Sockets that are bound already, named "agent" and "proxy" (FileDescriptorName=); -1: not given.
 * The caller's to close. path: of the proxy's. ERR_USAGE: others, or of another kind. */
struct service_sockets {
    int agent, proxy;
    char proxy_path[128];
};
int service_sockets(struct service_sockets *out, struct err *e) MUST_USE;
/* "READY=1", "STOPPING=1"; to nobody where nobody asked. */
void service_tell(const char *text);
/* Whether it gave a PIN for unlocking (the credential coffer-pin). */
bool service_has_pin(void);
/* This process's environment for a token's driver, or for `coffer unlock`, less what is a service
 * manager's or leads to a person's screen; with_credentials: its directory stays in. Borrowed; ends
 * with NULL. */
#define SERVICE_ENV_MAX 120u
void service_environment(bool with_credentials, char *out[SERVICE_ENV_MAX + 1]);

#endif
