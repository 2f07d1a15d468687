/* SPDX-License-Identifier: Apache-2.0 */
/* A connected socket in an event loop, with bounded buffers both ways. Nothing here waits. One that
 * reads faster than it is answered, or is not read by its other end, is held up and not buffered
 * for without limit: its owner sees to that by stream_pause. Linked only where libevent is. */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

struct event_base;
struct stream;

struct stream_calls {
    /* Bytes came: look at stream_in, take what is whole by stream_took. Not called again for what
     * is left before more comes. */
    void (*input)(void *ctx, struct stream *s);
    /* The other end has hung up or failed, or what waits in stream_in has reached its limit and
     * nothing was taken. Called once; nothing is called after it. The owner frees the stream. */
    void (*ended)(void *ctx, struct stream *s);
    /* What had to wait is with the kernel; not called for a put that went at once. May be NULL. */
    void (*drained)(void *ctx, struct stream *s);
};

struct stream_limits {
    size_t in, out; /* ceilings of the buffers */
    unsigned fds;   /* descriptors that may wait to be taken; 0: those that come are closed */
};

/* fd: a connected socket, which is the stream's from here on (closed on failure too). calls: lives
 * as long as the stream. */
int stream_new(struct event_base *loop, int fd, const struct stream_limits *limits,
               const struct stream_calls *calls, void *ctx, struct stream **out,
               struct err *e) MUST_USE;
void stream_free(struct stream *s); /* in one of its own calls too; takes NULL */
void stream_freep(struct stream **s);

/* What came and was not taken; valid until the next call with this stream. */
struct bytes stream_in(const struct stream *s);
/* Takes n bytes off its start, and wipes them. */
void stream_took(struct stream *s, size_t n);
/* The next descriptor that came along (SCM_RIGHTS), the caller's from then on; -1: none. */
int stream_take_fd(struct stream *s);

/* Appends, and sends what the kernel takes at once; the rest goes when it can. Calls nothing of the
 * owner's. ERR_LIMIT: the other end does not read; what was put before still goes. ERR_FAILED: it
 * has hung up; `ended` comes from the loop. */
int stream_put(struct stream *s, struct bytes v, struct err *e) MUST_USE;
size_t stream_waiting(const struct stream *s); /* bytes put and not yet with the kernel */
/* While it is paused nothing is read, and `ended` is not called either. Off: what waits in
 * stream_in is shown again. */
void stream_pause(struct stream *s, bool is_paused);
/* Ends when all that was put is with the kernel: `ended` is called then. Nothing more is read. */
void stream_finish(struct stream *s);

int stream_fd(const struct stream *s); /* to ask who it is; never to read or write */

#endif
