/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a client of the proxy is let in, by which way it came and what it shows. */
#ifndef AGENT_COUNTER_BEARER_H
#define AGENT_COUNTER_BEARER_H

#include "agent/agent.h"
#include "agent/audit.h"
#include "base/attr.h"
#include "base/wire.h"

/* How many were not let in, in this second: who knocks often fills no disk. */
struct knocks {
    uint64_t second;
    unsigned n;
};
/* TCP: a bearer is required, in the path or as the dummy API key of the same record. Unix socket:
 * one that is shown must be right. record: its name; who->client: whose bearer it is. ERR_POLICY:
 * not let in, in the same words whether the record is there or not; ERR_NOT_FOUND: no such name
 * can be; else the vault or the bearers cannot be read. */
int bearer_let_in(struct agent *a, const struct wire_ask *ask, char record[NAME_MAX_LEN + 1],
                  struct asker *who, struct knocks *k, struct err *e) MUST_USE;

#endif
