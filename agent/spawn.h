/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-agent is two processes. The first, the spawner, binds the sockets, starts the others and
 * starts again what dies; it holds no secret and reads nothing that a client wrote. The second, the
 * core, is shut in a sandbox in which it can start nothing, and asks the first for it. coffer-net
 * and the coffer-tokens live on when the core dies: it is started again, and finds them. They end
 * with the spawner, at once; at an end that was asked for, and when another coffer-net takes its
 * place, coffer-net finishes what it has begun, for at most 10 s. */
#ifndef AGENT_SPAWN_H
#define AGENT_SPAWN_H

#include "agent/agent.h"
#include "base/attr.h"
#include "base/err.h"

#include <stdint.h>

#define SPAWN_TOKENS_MAX 16u
#define SPAWN_TOKEN 0u       /* the place of a token: its rid says which */
#define SPAWN_NET UINT32_MAX /* the place of coffer-net */

enum spawn_kind {
    /* core to spawner */
    SPAWN_START = 1, /* start the process of this place, or give a new channel to it if it runs */
    SPAWN_KILL,      /* end it now; a PIN that it holds is gone */
    SPAWN_RENEW,     /* the vault is another: where coffer-net was not given a port that it leads
                      * to, another one takes its place, and it finishes what it has begun */
    SPAWN_UNLOCK,    /* run `coffer unlock` with the unattended PIN source, if there is one */
    SPAWN_RELOAD,    /* read tokens.json again: ends the tokens whose entry changed */
    SPAWN_STOP,      /* end everything */
    SPAWN_READY,     /* the core has all its parts: clients are served from now on */
    /* spawner to core */
    SPAWN_CHANNEL, /* with a descriptor: the core's end of a socketpair to that process */
    SPAWN_GONE,    /* it has ended; value: its wait status */
    SPAWN_FAILED,  /* it could not be started, or not be given a channel */
    SPAWN_SIGNAL   /* value: SIGHUP or SIGTERM came */
};

struct spawn_message {
    uint32_t kind, place;
    int32_t value;
    uint8_t rid[RID_LEN]; /* of the token's recipient: the two lists may not be the same */
};

/* -- the spawner's side -- */
/* Runs the agent until it ends; returns the exit status. The core is a fork that calls core_run and
 * returns from here like the spawner itself. Both have said by then what went wrong. */
int spawner_run(const struct agent_options *o, const struct where *w, const struct env *env,
                struct err *e) MUST_USE;
/* How a start went, for who waits for it: to o->ready_fd one byte 0, or as lines the error's code
 * in decimal, its message and its hints, and then its end; without one, the error to stderr. */
void spawner_report(const struct agent_options *o, const struct err *e);
/* A line on stderr, the terminal's or the journal's. */
void spawner_say(const char *fmt, ...) PRINTF(1, 2);

/* -- the core's side -- */
struct listen_file;
struct core_start {
    int control;  /* the core's end of the SOCK_SEQPACKET pair */
    int listener; /* of the agent's socket */
    /* What was put at WHERE.run/agent.sock: when it is gone, so is the session, and the agent ends.
     * NULL: the socket is not ours to watch. */
    const struct listen_file *file;
    bool is_first; /* not started again after one that died */
};
/* Takes over both descriptors. Returns when the agent shall end. */
int core_run(struct agent *a, const struct core_start *start, struct err *e) MUST_USE;
/* What does not fit in now goes later, in order. ERR_FAILED: the spawner is gone, and so is the
 * agent in a moment. ERR_LIMIT: it has not listened for so long that no more is kept for it. */
int spawn_ask(struct spawn_link *l, enum spawn_kind kind, uint32_t place, struct err *e) MUST_USE;
int spawn_ask_token(struct spawn_link *l, enum spawn_kind kind, const uint8_t rid[RID_LEN],
                    struct err *e) MUST_USE;

/* -- both -- */
/* On a SOCK_SEQPACKET pair; never waits. fd: goes along, or -1; stays the caller's. ERR_LIMIT: the
 * other end has not read what was sent before, or the kernel has no room. ERR_FAILED: it is gone.
 */
int spawn_send(int control, const struct spawn_message *m, int fd, struct err *e) MUST_USE;
/* 1: one came, with *fd (or -1), the caller's; fd NULL: none may come along. 0: none is there.
 * SPAWN_ENDED: the other end is gone. SPAWN_GARBAGE: it sends what is no message. */
#define SPAWN_ENDED (-1)
#define SPAWN_GARBAGE (-2)
int spawn_receive(int control, struct spawn_message *m, int *fd);

#endif
