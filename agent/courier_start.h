/* SPDX-License-Identifier: Apache-2.0 */
/* How the courier gets its coffer-net; for agent/courier*.c, and for tests that name a program. */
#ifndef AGENT_COURIER_START_H
#define AGENT_COURIER_START_H

#include "agent/courier.h"

#include <sys/types.h>

/* As courier_start, with the program given. */
int courier_start_at(const char *program, const struct record_info *const *records, size_t n,
                     struct courier **out, struct err *e) MUST_USE;
/* Takes over a running coffer-net: fd is our end of the pair, and is closed on failure. pid -1: it
 * is not ours, but the agent's. */
int courier_new(int fd, pid_t pid, struct courier **out, struct err *e) MUST_USE;
/* What courier_start_at would allow: each host's port and the connect-to's, each once. */
#define COURIER_PORTS_MAX 64u
struct ports {
    unsigned v[COURIER_PORTS_MAX];
    size_t n;
};
int courier_ports(const struct record_info *const *records, size_t n, struct ports *out,
                  struct err *e) MUST_USE;
/* The hosts that requests of rec may go to, of its connector's table. ERR_FAILED: none. */
int courier_hosts(const struct record_info *rec, struct bytes out[WIRE_HOSTS_MAX], uint32_t *n,
                  struct err *e) MUST_USE;
/* All of q but id and timeout_ms, borrowed from r and rec. */
int courier_fill(struct wire_request *q, const struct request *r, const struct record_info *rec,
                 struct err *e) MUST_USE;

#endif
