/* SPDX-License-Identifier: Apache-2.0 */
/* The courier's end of a talk in frames, for agent/courier*.c: with a coffer-net of our own, or
 * with the agent's. */
#ifndef AGENT_COURIER_TALK_H
#define AGENT_COURIER_TALK_H

#include "agent/courier.h"

#include <sys/types.h>

struct courier {
    int fd;
    pid_t pid;     /* of our own coffer-net; -1: it is the agent's */
    struct buf in; /* what came; of it the first n_taken bytes are done with */
    size_t n_taken;
    size_t n_open; /* sent and not answered */
    unsigned longest_ms;
    uint64_t deadline_ms; /* of the send or the wait that goes on, by ticks_ms */
    bool is_gone;
    struct err why; /* when it is gone */
};

/* One whole frame that asks for an answer, within timeout_ms (0: the default). Replies are taken in
 * meanwhile. ERR_FAILED: the other end is gone. */
int courier_put(struct courier *c, struct bytes frame, unsigned timeout_ms, struct err *e) MUST_USE;
/* The answer in a frame of the agent's coffer-net: a reply or a refusal. */
int answer_read_refusal(struct answer *a, struct bytes frame, struct err *e) MUST_USE;

#define COURIER_TIMEOUT_MS 10000u

#endif
