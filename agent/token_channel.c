/* SPDX-License-Identifier: Apache-2.0 */
/* Reading frames into locked memory, sending them with a descriptor. */
#include "agent/token_channel.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/wipe.h"

#include <event2/event.h>

#include <errno.h>
#include <sys/socket.h>

struct token_channel {
    int fd;
    struct event *readable;
    struct secret in;
    const struct channel_calls *calls;
    void *ctx;
    bool is_busy, is_over; /* in one of its calls; freed meanwhile */
};

static void release(struct token_channel *c)
{
    secret_free(&c->in);
    wipe_free(c);
}

void token_channel_free(struct token_channel *c)
{
    if (!c)
        return;
    if (c->readable)
        event_free(c->readable);
    c->readable = NULL;
    fd_closep(&c->fd);
    c->fd = -1;
    c->is_over = true;
    if (!c->is_busy)
        release(c);
}

static void took(struct token_channel *c, size_t n)
{
    size_t rest = c->in.n - n;
    if (rest > 0)
        memmove(c->in.p, c->in.p + n, rest);
    mem_wipe(c->in.p + rest, n);
    c->in.n = rest;
}

/* False: what came is of no use. */
static bool frames(struct token_channel *c)
{
    while (!c->is_over) {
        enum tokenwire_kind kind = TOKENWIRE_STATE;
        struct err quiet;
        size_t n = 0;
        if (tokenwire_frame(secret_bytes(&c->in), &n, &kind, &quiet))
            return false;
        if (n == 0)
            return c->in.n < c->in.cap;
        if (!c->calls->frame(c->ctx, kind, bytes_of(c->in.p, n)))
            return false;
        took(c, n);
    }
    return true;
}

/* False: the other end is gone. */
static bool receive(struct token_channel *c)
{
    ssize_t n = recv(c->fd, c->in.p + c->in.n, c->in.cap - c->in.n, MSG_DONTWAIT);
    if (n > 0)
        c->in.n += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct token_channel *c = ctx;
    (void)fd, (void)what;
    c->is_busy = true;
    bool is_good = receive(c) && frames(c);
    if (!is_good && !c->is_over) {
        event_del(c->readable);
        c->calls->ended(c->ctx);
    }
    c->is_busy = false;
    if (c->is_over)
        release(c);
}

int token_channel_new(struct event_base *loop, int fd, const struct channel_calls *calls, void *ctx,
                      struct token_channel **out, struct err *e)
{
    struct token_channel *c = wipe_malloc(sizeof(*c));
    if (!c) {
        fd_closep(&fd);
        return err_set(e, ERR_MEMORY, "no memory for a channel to a token");
    }
    *c = (struct token_channel){.fd = fd, .calls = calls, .ctx = ctx};
    int rc = secret_new(&c->in, CHANNEL_IN_MAX, e);
    if (!rc) {
        c->readable = event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, c);
        if (!c->readable || event_add(c->readable, NULL))
            rc = err_set(e, ERR_MEMORY, "no memory for a channel to a token");
    }
    if (rc) {
        token_channel_free(c);
        return rc;
    }
    *out = c;
    return OK;
}

int token_channel_send(struct token_channel *c, struct bytes frame, int fd, struct err *e)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec part;
    memcpy(&part.iov_base, &frame.p, sizeof(part.iov_base)); /* drops const; it is only read */
    part.iov_len = frame.n;
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof(control.room);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &fd, sizeof(fd));
    }
    ssize_t n;
    do {
        n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)frame.n ? OK
                                 : err_set(e, ERR_TOKEN, "the token's process does not listen");
}
