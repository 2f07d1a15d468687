/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of stream.h. What was read and what was sent is wiped as soon as it is done with, and
 * an idle stream holds no buffer. */
#include "base/stream.h"

#include "base/pile.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_MIN 2048u
#define CHUNK_MAX 65536u
#define FDS_AT_ONCE 4u

struct stream {
    struct event *readable, *writable, *later;
    const struct stream_calls *calls;
    void *ctx;
    struct stream_limits limits;
    struct pile in, out;
    size_t chunk;
    int fd;
    unsigned busy; /* calls of the owner that are under way */
    bool is_paused, is_finishing, is_shown_again;
    bool has_failed; /* the other end is gone; ended may be still to come */
    bool is_over;    /* ended was called */
    bool is_freed;
    unsigned n_fds;
    int fds[];
};

static void destroy(struct stream *s)
{
    struct event **all[] = {&s->readable, &s->writable, &s->later};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (*all[i])
            event_free(*all[i]);
    }
    while (s->n_fds > 0)
        close(s->fds[--s->n_fds]);
    pile_free(&s->in);
    pile_free(&s->out);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

static void enter(struct stream *s)
{
    s->busy++;
}

static void leave(struct stream *s)
{
    if (--s->busy == 0 && s->is_freed)
        destroy(s);
}

static bool is_live(const struct stream *s)
{
    return !s->is_freed && !s->is_over;
}

static void end(struct stream *s)
{
    if (!is_live(s))
        return;
    s->is_over = true;
    event_del(s->readable);
    event_del(s->writable);
    event_del(s->later);
    s->calls->ended(s->ctx, s);
}

/* The owner hears of it from the loop, not from within what it has just called. */
static void fail(struct stream *s)
{
    s->has_failed = true;
    event_del(s->readable);
    event_del(s->writable);
    if (!s->is_paused)
        event_active(s->later, EV_TIMEOUT, 0);
}

static void show(struct stream *s)
{
    s->calls->input(s->ctx, s);
    if (is_live(s) && !s->is_paused && !s->is_finishing && s->in.n >= s->limits.in)
        end(s);
}

static void keep_fds(struct stream *s, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (s->n_fds < s->limits.fds)
                s->fds[s->n_fds++] = fd;
            else
                close(fd);
        }
    }
}

/* Once, so that one that sends much does not keep others waiting. 1: something came, 0: nothing
 * yet, -1: it is over. */
static int receive(struct stream *s)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))];
    } control;
    size_t room = s->limits.in - s->in.n, want = s->chunk < room ? s->chunk : room;
    uint8_t *p = room > 0 ? pile_room(&s->in, want) : NULL;
    struct iovec v = {p, want};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (!p)
        return -1;
    if (s->limits.fds > 0) { /* without room for them the kernel closes what comes */
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
    }
    ssize_t got = recvmsg(s->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got > 0) {
        s->in.n += (size_t)got;
        if ((size_t)got == s->chunk && s->chunk < CHUNK_MAX)
            s->chunk *= 2;
        else if ((size_t)got < s->chunk / 4 && s->chunk > CHUNK_MIN)
            s->chunk /= 2;
    }
    int err_no = errno;
    if (got >= 0 && s->limits.fds > 0)
        keep_fds(s, &m);
    if (s->in.n == 0)
        pile_free(&s->in);
    if (got < 0 && (err_no == EAGAIN || err_no == EINTR))
        return 0;
    return got > 0 ? 1 : -1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd, (void)what;
    if (!is_live(s) || s->is_paused || s->is_finishing || s->has_failed)
        return;
    enter(s);
    int r = receive(s);
    if (r > 0)
        show(s);
    else if (r < 0)
        end(s);
    leave(s);
}

/* Bytes that the kernel took; -1: it is over. */
static ssize_t send_some(struct stream *s, struct bytes v)
{
    size_t done = 0;

    while (done < v.n) {
        ssize_t n = send(s->fd, v.p + done, v.n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd, (void)what;
    if (!is_live(s) || s->has_failed || s->out.n == 0)
        return;
    ssize_t n = send_some(s, bytes_of(s->out.p + s->out.at, s->out.n));
    if (n < 0) {
        fail(s);
        return;
    }
    if (n == 0)
        return;
    pile_drop(&s->out, (size_t)n);
    if (s->out.n > 0)
        return;
    event_del(s->writable);
    enter(s);
    if (s->calls->drained)
        s->calls->drained(s->ctx, s);
    if (is_live(s) && s->is_finishing && s->out.n == 0)
        end(s);
    leave(s);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd, (void)what;
    if (!is_live(s) || s->is_paused)
        return;
    enter(s);
    if (s->has_failed || (s->is_finishing && s->out.n == 0)) {
        end(s);
    } else if (s->is_shown_again && !s->is_finishing) {
        s->is_shown_again = false;
        if (s->in.n > 0)
            show(s);
    }
    leave(s);
}

int stream_new(struct event_base *loop, int fd, const struct stream_limits *limits,
               const struct stream_calls *calls, void *ctx, struct stream **out, struct err *e)
{
    struct stream *s = calloc(1, sizeof(*s) + limits->fds * sizeof(s->fds[0]));

    if (!s) {
        close(fd);
        return err_set(e, ERR_MEMORY, "no memory for a connection");
    }
    s->fd = fd;
    s->limits = *limits;
    s->calls = calls;
    s->ctx = ctx;
    s->chunk = CHUNK_MIN;
    s->readable = event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, s);
    s->writable = event_new(loop, fd, EV_WRITE | EV_PERSIST, on_writable, s);
    s->later = event_new(loop, -1, 0, on_later, s);
    if (!s->readable || !s->writable || !s->later || event_add(s->readable, NULL)) {
        destroy(s);
        return err_set(e, ERR_MEMORY, "no memory for a connection");
    }
    *out = s;
    return OK;
}

void stream_free(struct stream *s)
{
    if (!s || s->is_freed)
        return;
    s->is_freed = true;
    if (s->busy == 0) {
        destroy(s);
        return;
    }
    event_del(s->readable);
    event_del(s->writable);
    event_del(s->later);
    close(s->fd); /* the other end sees it now, whatever the owner's call does next */
    s->fd = -1;
}

void stream_freep(struct stream **s)
{
    stream_free(*s);
    *s = NULL;
}

struct bytes stream_in(const struct stream *s)
{
    return s->in.n > 0 ? bytes_of(s->in.p + s->in.at, s->in.n) : bytes_of(NULL, 0);
}

void stream_took(struct stream *s, size_t n)
{
    if (n > 0)
        pile_drop(&s->in, n);
}

int stream_take_fd(struct stream *s)
{
    if (s->n_fds == 0)
        return -1;
    int fd = s->fds[0];
    s->n_fds--;
    memmove(s->fds, s->fds + 1, s->n_fds * sizeof(s->fds[0]));
    return fd;
}

static int hung_up(struct err *e)
{
    return err_set(e, ERR_FAILED, "the other end has hung up");
}

/* What the kernel did not take of a put. */
static int keep(struct stream *s, struct bytes v, struct err *e)
{
    bool was_empty = s->out.n == 0;
    uint8_t *p = pile_room(&s->out, v.n);

    if (!p || (was_empty && event_add(s->writable, NULL))) {
        fail(s); /* half of it may be sent */
        return err_set(e, ERR_MEMORY, "no memory for what is to be sent");
    }
    memcpy(p, v.p, v.n);
    s->out.n += v.n;
    return OK;
}

int stream_put(struct stream *s, struct bytes v, struct err *e)
{
    size_t done = 0;

    if (!is_live(s) || s->has_failed)
        return hung_up(e);
    if (v.n > s->limits.out || s->out.n > s->limits.out - v.n)
        return err_set(e, ERR_LIMIT, "the other end does not read");
    if (s->out.n == 0) {
        ssize_t n = send_some(s, v);
        if (n < 0) {
            fail(s);
            return hung_up(e);
        }
        done = (size_t)n;
    }
    return done < v.n ? keep(s, bytes_of(v.p + done, v.n - done), e) : OK;
}

size_t stream_waiting(const struct stream *s)
{
    return s->out.n;
}

void stream_pause(struct stream *s, bool is_paused)
{
    if (!is_live(s) || s->is_finishing || s->is_paused == is_paused)
        return;
    s->is_paused = is_paused;
    if (is_paused) {
        event_del(s->readable);
        return;
    }
    s->is_shown_again = s->in.n > 0;
    if (!s->has_failed && event_add(s->readable, NULL))
        s->has_failed = true;
    if (s->is_shown_again || s->has_failed)
        event_active(s->later, EV_TIMEOUT, 0);
}

void stream_finish(struct stream *s)
{
    if (!is_live(s) || s->is_finishing)
        return;
    s->is_finishing = true;
    s->is_paused = false;
    event_del(s->readable);
    if (s->out.n == 0 || s->has_failed)
        event_active(s->later, EV_TIMEOUT, 0);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}
