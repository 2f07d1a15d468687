/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of the proxy, and the descriptor by which it hears of new channels and of its end:
 * at a word, with what it has begun; with the other end of the descriptor, at once. */
#include "net/serve_proxy.h"

#include "net/frames_parts.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEW_CHANNEL 'C'
#define FINISH 'F'
#define LAST_STEP_US 20000
#define LAST_CALL_MS 1000u /* clients that ask often hear by a reply that they are to come anew */

struct proxy_server {
    struct event_base *loop;
    struct event *control, *last;
    uint64_t finish_ms; /* since when it finishes; 0: it does not */
    struct gate *gate;
    struct listener *listener;
};

/* The descriptor that came along, or -1; whatever else came is closed. */
static int take_fd(struct msghdr *m)
{
    int fd = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof(one), sizeof(one));
            if (fd < 0)
                fd = one;
            else
                close(one);
        }
    }
    return fd;
}

/* -- the end -- */

static bool gate_is_done(const struct gate *g)
{
    return g->n_jobs == 0 && !g->frames &&
           (!g->agent || (g->out.n == 0 && stream_waiting(g->agent) == 0));
}

static void step(struct proxy_server *s)
{
    struct gate *g = s->gate;
    enum last which = !g->agent                                  ? LAST_REPLY
                      : ticks_ms() - s->finish_ms < LAST_CALL_MS ? LAST_CALL
                                                                 : LAST_WORK;

    for (struct frames *f = g->frames; f && which == LAST_REPLY; f = f->next)
        if (f->n_asks == 0 && f->n_given == f->out.n)
            frames_give_up(f);
    if (listener_finish(s->listener, which) && gate_is_done(g))
        event_base_loopbreak(s->loop);
}

static void on_last(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    step(arg);
}

static void finish(struct proxy_server *s)
{
    const struct timeval t = {0, LAST_STEP_US};

    if (s->finish_ms != 0)
        return;
    s->finish_ms = ticks_ms();
    if (event_add(s->last, &t))
        event_base_loopbreak(s->loop);
    step(s);
}

/* -- the other end -- */

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    struct proxy_server *s = arg;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    char kind = 0;
    struct iovec v = {&kind, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    (void)what;
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    int channel = n > 0 ? take_fd(&m) : -1;
    if (n <= 0)
        event_base_loopbreak(s->loop);
    else if (kind == NEW_CHANNEL && channel >= 0)
        gate_agent(s->gate, channel);
    else if (kind == FINISH && channel < 0)
        finish(s);
    else if (channel >= 0)
        close(channel);
}

static struct event_base *loop_new(void)
{
    struct event_config *c = event_config_new();

    if (!c)
        return NULL;
    (void)event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(c, EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *loop = event_base_new_with_config(c);
    event_config_free(c);
    return loop;
}

static int start(struct proxy_server *s, int control, const struct listener_config *doors,
                 const struct proxy *proxy, const struct env *env, struct err *e)
{
    s->loop = loop_new();
    if (!s->loop)
        return err_set(e, ERR_FAILED, "the event loop does not start");
    s->control = event_new(s->loop, control, EV_READ | EV_PERSIST, on_control, s);
    s->last = event_new(s->loop, -1, EV_PERSIST, on_last, s);
    if (!s->control || !s->last || event_add(s->control, NULL))
        return err_set(e, ERR_FAILED, "the event loop does not start");
    if (gate_new(s->loop, proxy, env, &s->gate, e))
        return e->code;
    return listener_new(s->loop, s->gate, doors, &s->listener, e);
}

int serve_proxy(int control, const struct listener_config *doors, const struct proxy *proxy,
                const struct env *env, struct err *e)
{
    struct proxy_server s = {.loop = NULL};
    int rc = start(&s, control, doors, proxy, env, e);

    if (!rc && event_base_dispatch(s.loop) < 0)
        rc = err_set(e, ERR_FAILED, "the event loop gave up");
    listener_free(s.listener);
    gate_free(s.gate);
    if (s.control)
        event_free(s.control);
    if (s.last)
        event_free(s.last);
    if (s.loop)
        event_base_free(s.loop);
    return rc;
}
