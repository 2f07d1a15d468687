/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of coffer-token for tests: its process, the channels that it is given, and frames
 * both ways, one at a time. */
#ifndef TESTS_TOKEN_LINK_H
#define TESTS_TOKEN_LINK_H

#include "base/attr.h"
#include "base/tokenwire.h"

#include <sys/types.h>

struct token_link {
    pid_t pid;            /* -1: none */
    int control, channel; /* -1: none */
    uint32_t id;          /* of the last wish */
    struct buf in, out;
    struct tokenwire_state state; /* as it was told last */
    unsigned n_waits;             /* notes that the token waits; the caller sets it back */
};

#define TOKEN_LINK_INIT                                                                            \
    {                                                                                              \
        .pid = -1, .control = -1, .channel = -1, .in = BUF_INIT(4 * TOKENWIRE_MAX),                \
        .out = BUF_INIT(TOKENWIRE_MAX)                                                             \
    }

/* argv[0]: the program. Then its first channel, and its state. */
int link_start(struct token_link *l, char **argv, struct err *e) MUST_USE;
/* A channel in place of the one before. */
int link_channel(struct token_link *l, struct err *e) MUST_USE;
/* What is in l->out, with a descriptor or -1. */
int link_send(struct token_link *l, int fd, struct err *e) MUST_USE;
/* Reads frames until one of that kind has come (of a DONE: for l->id, into *done). */
int link_await(struct token_link *l, enum tokenwire_kind want, struct tokenwire_done *done,
               struct err *e) MUST_USE;
/* Closes the control socket, or kills; waits. */
int link_end(struct token_link *l, bool with_kill, int *status, struct err *e) MUST_USE;

#endif
