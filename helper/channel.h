/* SPDX-License-Identifier: Apache-2.0 */
/* This process's end of the socketpair to the agent's core: frames in, with the descriptors that
 * came along, and frames out. What they say is serve.c's affair. */
#ifndef HELPER_CHANNEL_H
#define HELPER_CHANNEL_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/tokenwire.h"

#include <pthread.h>

struct channel {
    int fd;     /* -1: none */
    int passed; /* the descriptor that came and was not taken; -1: none */
    struct buf in;
    pthread_mutex_t lock; /* for sending: a driver's thread says that it waits */
};

void channel_init(struct channel *c);
void channel_close(struct channel *c); /* and what came on it is forgotten */
/* Takes fd over, in place of the one before. */
void channel_open(struct channel *c, int fd);
/* Reads what is there. ERR_FAILED: the other end is gone, or sent what is no frame. */
int channel_receive(struct channel *c, struct err *e) MUST_USE;
/* The first whole frame, until channel_took; n 0: none is whole. With the last of what came a
 * descriptor that was not taken is closed: it is of no later frame. */
int channel_frame(struct channel *c, struct bytes *frame, enum tokenwire_kind *kind,
                  struct err *e) MUST_USE;
void channel_took(struct channel *c, size_t n);
int channel_take_fd(struct channel *c); /* -1: none */
/* Whole, or ERR_FAILED. Waits while the other end does not read. From any thread. */
int channel_send(struct channel *c, struct bytes v, struct err *e) MUST_USE;

/* One message of the control socket: *fd the new channel, or -1 for none yet. ERR_FAILED: the
 * spawner is gone. */
int control_receive(int control, int *fd, struct err *e) MUST_USE;

#endif
