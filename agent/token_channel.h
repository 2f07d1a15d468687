/* SPDX-License-Identifier: Apache-2.0 */
/* The core's end of the socketpair to one coffer-token. What comes is read straight into locked
 * memory, because a shared value may be in it: base/stream.h's buffers are not. Nothing waits. */
#ifndef AGENT_TOKEN_CHANNEL_H
#define AGENT_TOKEN_CHANNEL_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/tokenwire.h"

#include <stdbool.h>

#define CHANNEL_IN_MAX 4096u /* of a frame from coffer-token */

struct event_base;
struct token_channel;

struct channel_calls {
    /* A whole frame came. False: it is not as documented, and the channel ends. */
    bool (*frame)(void *ctx, enum tokenwire_kind kind, struct bytes frame);
    /* The other end is gone, or what came is of no use. Called once; the owner frees the channel.
     */
    void (*ended)(void *ctx);
};

/* fd: taken over, on failure too. calls: lives as long as the channel. */
int token_channel_new(struct event_base *loop, int fd, const struct channel_calls *calls, void *ctx,
                      struct token_channel **out, struct err *e) MUST_USE;
void token_channel_free(struct token_channel *c); /* in one of its own calls too; takes NULL */
/* One frame, with a descriptor unless fd is -1 (it stays the caller's). ERR_TOKEN: the kernel does
 * not take it whole and at once, which is of no use any more. */
int token_channel_send(struct token_channel *c, struct bytes frame, int fd, struct err *e) MUST_USE;

#endif
