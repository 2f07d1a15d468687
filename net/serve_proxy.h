/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-net as the agent's proxy: clients on one side, the exchanges on the other, the agent's
 * core beside them. */
#ifndef NET_SERVE_PROXY_H
#define NET_SERVE_PROXY_H

#include "base/env.h"
#include "base/err.h"
#include "net/listener.h"
#include "net/proxy.h"

/* control: a SOCK_SEQPACKET socket; each message is one byte 'C' and a descriptor, the new channel
 * to the agent's core, or one byte 'F': takes no more connections, finishes what it has begun, and
 * returns. OK then, and at once when the other end is gone. */
int serve_proxy(int control, const struct listener_config *doors, const struct proxy *proxy,
                const struct env *env, struct err *e) MUST_USE;

#endif
