/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes and descriptors on the two sockets of this process. */
#include "helper/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PASSED_MAX 4u
#define IN_MAX (2u * TOKENWIRE_MAX)

void channel_init(struct channel *c)
{
    *c = (struct channel){.fd = -1, .passed = -1, .in = BUF_INIT(IN_MAX)};
    pthread_mutex_init(&c->lock, NULL);
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void channel_close(struct channel *c)
{
    pthread_mutex_lock(&c->lock);
    drop(&c->fd);
    pthread_mutex_unlock(&c->lock);
    drop(&c->passed);
    buf_free(&c->in);
}

void channel_open(struct channel *c, int fd)
{
    channel_close(c);
    pthread_mutex_lock(&c->lock);
    c->fd = fd;
    pthread_mutex_unlock(&c->lock);
}

/* recvmsg; the last of the descriptors that came is *passed, the others are closed. */
static ssize_t receive(int fd, void *at, size_t n, int *passed)
{
    union {
        char space[CMSG_SPACE(PASSED_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {at, n};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (got < 0)
        return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            drop(passed);
            memcpy(passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
    return got;
}

static bool is_nothing_yet(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

int channel_receive(struct channel *c, struct err *e)
{
    size_t before = c->in.n;
    uint8_t *at = before < TOKENWIRE_MAX ? buf_extend(&c->in, TOKENWIRE_MAX) : NULL;

    if (!at)
        return err_set(e, ERR_FAILED, "the agent sent more than one frame can be");
    ssize_t n = receive(c->fd, at, TOKENWIRE_MAX, &c->passed);
    bool is_nothing = is_nothing_yet(n);
    buf_cut(&c->in, before + (n > 0 ? (size_t)n : 0));
    return n > 0 || is_nothing ? OK : err_set(e, ERR_FAILED, "the agent has hung up");
}

int channel_frame(struct channel *c, struct bytes *frame, enum tokenwire_kind *kind, struct err *e)
{
    size_t n = 0;

    if (tokenwire_frame(buf_bytes(&c->in), &n, kind, e))
        return e->code;
    *frame = bytes_of(c->in.p, n);
    if (c->in.n == 0) /* what it came with did not take it */
        drop(&c->passed);
    return OK;
}

void channel_took(struct channel *c, size_t n)
{
    if (n > c->in.n) /* the channel was closed meanwhile */
        return;
    memmove(c->in.p, c->in.p + n, c->in.n - n);
    buf_cut(&c->in, c->in.n - n);
}

int channel_take_fd(struct channel *c)
{
    int fd = c->passed;

    c->passed = -1;
    return fd;
}

int channel_send(struct channel *c, struct bytes v, struct err *e)
{
    int rc = OK;

    pthread_mutex_lock(&c->lock);
    while (!rc && v.n > 0) {
        ssize_t n = c->fd < 0 ? -1 : send(c->fd, v.p, v.n, MSG_NOSIGNAL);
        if (n > 0)
            v = bytes_of(v.p + n, v.n - (size_t)n);
        else if (c->fd < 0 || errno != EINTR)
            rc = err_set(e, ERR_FAILED, "the agent has hung up");
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int control_receive(int control, int *fd, struct err *e)
{
    char byte = 0;

    *fd = -1;
    ssize_t n = receive(control, &byte, 1, fd);
    if (n == 1 || is_nothing_yet(n))
        return OK;
    return err_set(e, ERR_FAILED, "the agent is gone");
}
