/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' end of the agent's socket (agent/PROTOCOL.md), and the way from a command through
 * the agent's proxy to an exchange. Waits, as a command may. */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include "agent/courier.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "vault/where.h"

struct agent_client;
/* Connects to WHERE.run/agent.sock and says hello. ERR_NOT_FOUND: no agent is there (nothing
 * listens, or the socket is missing). ERR_TRUST: what is there is not ours (owner, mode, a link,
 * another uid at the other end). ERR_FAILED: it speaks another protocol. vault_id: NULL, or
 * ERR_NOT_FOUND when the agent has another vault. */
int agent_connect(const struct where *w, const uint8_t *vault_id, struct agent_client **out,
                  struct err *e) MUST_USE;
void agent_client_free(struct agent_client *c); /* takes NULL */
void agent_client_freep(struct agent_client **c);
int agent_client_fd(const struct agent_client *c); /* to wait for its end */
/* While any of them waits, fd is looked at, too: when there is something to read of it what is
 * called, and true from it ends the wait with ERR_FAILED. fd -1: nothing is. */
void agent_client_beside(int fd, bool (*what)(void *ctx), void *ctx);
/* One request, a JSON object on one line without its LF, and its answer. fd: goes along, or -1.
 * *result: the member "result" of the answer, borrowed until the next call. The agent's error comes
 * back as e with its hints, and *result is then the member "error"; of every other failure it is
 * {0}, of no type but null. timeout_ms 0: no limit. */
int agent_call(struct agent_client *c, struct bytes line, int fd, unsigned timeout_ms,
               struct json *result, struct err *e) MUST_USE;
/* The next event of a subscription, within timeout_ms; ERR_NOT_FOUND: none came. */
int agent_event(struct agent_client *c, unsigned timeout_ms, struct json *event,
                struct err *e) MUST_USE;

/* A courier whose coffer-net is the agent's: requests go out unsigned, with courier_ask, and the
 * agent decides and signs. Answers come by courier_wait. */
int courier_by_agent(const struct where *w, struct agent_client *c, struct courier **out,
                     struct err *e) MUST_USE;
/* As courier_send, for a request as a client would make it. The answer to one that the agent
 * refused has result WIRE_NOT_SENT and refused with its error. */
int courier_ask(struct courier *c, uint32_t id, const char *record, const struct wire_ask *ask,
                struct err *e) MUST_USE;

#endif
