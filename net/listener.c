/* SPDX-License-Identifier: Apache-2.0 */
/* Lets clients in. Who they are is asked before anything of theirs is read; what they want is
 * net/http.c's. */
#include "net/listener.h"

#include "base/env.h"
#include "net/http.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 64 /* connections taken before others get their turn */
#define TICK_S 1

struct entrance {
    struct listener *owner;
    struct event *ready;
    int fd;
    unsigned port;
};

struct listener {
    struct http_hub *hub;
    struct event *clock;
    struct entrance entrances[LISTENER_DOORS_MAX];
    size_t n_entrances;
    uint32_t uids[LISTENER_UIDS_MAX];
    size_t n_uids;
    uint32_t own_uid;
    bool is_ticking;
    bool is_shut; /* no descriptors are left: nobody is let in before the next tick */
};

static const struct timeval second = {.tv_sec = TICK_S};

/* -- time -- */

static void open_doors(struct listener *l)
{
    l->is_shut = false;
    for (size_t i = 0; i < l->n_entrances; i++)
        if (event_add(l->entrances[i].ready, NULL))
            l->is_shut = true; /* another try with the next tick */
}

static void keep_time(struct listener *l)
{
    l->is_ticking = (l->is_shut || http_count(l->hub) > 0) && event_add(l->clock, &second) == 0;
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd, (void)what;
    http_tick(l->hub, ticks_ms());
    if (l->is_shut)
        open_doors(l);
    keep_time(l);
}

/* Without free descriptors; who comes by the port shuts only the port. */
static void shut_doors(struct listener *l, bool is_tcp_only)
{
    l->is_shut = true;
    for (size_t i = 0; i < l->n_entrances; i++)
        if (l->entrances[i].port != 0 || !is_tcp_only)
            event_del(l->entrances[i].ready);
    if (!l->is_ticking)
        keep_time(l);
}

/* -- who -- */

static bool is_welcome(const struct listener *l, uint32_t uid)
{
    if (uid == l->own_uid)
        return true;
    for (size_t i = 0; i < l->n_uids; i++)
        if (uid == l->uids[i])
            return true;
    return false;
}

static bool ask_who(const struct listener *l, const struct entrance *in, int fd,
                    struct http_peer *peer)
{
    struct ucred who;
    socklen_t n = sizeof(who);
    int one = 1;

    *peer = (struct http_peer){HTTP_NOBODY, HTTP_NOBODY, in->port};
    if (in->port != 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return true;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) || n != sizeof(who))
        return false;
    peer->uid = who.uid;
    peer->pid = (uint32_t)who.pid;
    return is_welcome(l, who.uid);
}

/* -- how many -- */

static bool has_room(struct listener *l, const struct http_peer *peer)
{
    if (peer->port != 0)
        return http_count_of(l->hub, true, NULL) < LISTENER_TCP_MAX ||
               http_make_room(l->hub, true, NULL);
    if (http_count_of(l->hub, false, &peer->uid) >= LISTENER_SHARE_MAX)
        return http_make_room(l->hub, false, &peer->uid);
    return http_count_of(l->hub, false, NULL) < LISTENER_CLIENTS_MAX ||
           http_make_room(l->hub, false, NULL);
}

static void turn_away(int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "X-Coffer-Error: limit\r\n"
                               "Content-Length: 37\r\n"
                               "Connection: close\r\n\r\n"
                               "too many connections are open at once";
    _Static_assert(sizeof("too many connections are open at once") - 1 == 37, "its length");

    (void)send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* -- in -- */

static void let_in(struct listener *l, const struct entrance *in, int fd)
{
    struct http_peer peer;
    struct err e;

    if (!ask_who(l, in, fd, &peer)) {
        close(fd);
        return;
    }
    if (!has_room(l, &peer)) {
        turn_away(fd);
        return;
    }
    if (!l->is_ticking) /* the hub's time stood still */
        http_tick(l->hub, ticks_ms());
    if (http_open(l->hub, fd, &peer, &e))
        (void)http_make_room(l->hub, peer.port != 0, NULL); /* no memory: perhaps for the next */
    if (!l->is_ticking)
        keep_time(l);
}

/* One that is not at work makes room for one that waits outside, where there is one: without a free
 * descriptor the kernel does not even look. Else its queue holds them. Who comes by TCP takes no
 * place of the Unix sockets. */
static bool make_room(struct listener *l, const struct entrance *in)
{
    struct pollfd p = {.fd = in->fd, .events = POLLIN};

    if (poll(&p, 1, 0) <= 0)
        return false;
    if (http_make_room(l->hub, true, NULL) ||
        (in->port == 0 && http_make_room(l->hub, false, NULL)))
        return true;
    shut_doors(l, in->port != 0);
    return false;
}

static void on_ready(evutil_socket_t listening, short what, void *arg)
{
    struct entrance *in = arg;

    (void)what;
    for (int i = 0; i < AT_ONCE; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            let_in(in->owner, in, fd);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR)
            continue;
        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
            return;
        if (!make_room(in->owner, in))
            return;
    }
}

/* -- the whole -- */

static int open_entrance(struct listener *l, struct event_base *loop, const struct door *door,
                         struct err *e)
{
    struct entrance *in = &l->entrances[l->n_entrances];
    int flags = fcntl(door->fd, F_GETFL);

    if (flags < 0 || fcntl(door->fd, F_SETFL, flags | O_NONBLOCK))
        return err_sys(e, errno, "listen for clients");
    *in = (struct entrance){l, NULL, door->fd, door->port};
    in->ready = event_new(loop, door->fd, EV_READ | EV_PERSIST, on_ready, in);
    if (!in->ready || event_add(in->ready, NULL)) {
        if (in->ready)
            event_free(in->ready);
        return err_set(e, ERR_MEMORY, "no memory to listen for clients");
    }
    l->n_entrances++;
    return OK;
}

static int set_up(struct listener *l, struct event_base *loop, struct gate *gate,
                  const struct listener_config *c, struct err *e)
{
    if (c->n_doors > LISTENER_DOORS_MAX || c->n_uids > LISTENER_UIDS_MAX)
        return err_set(e, ERR_LIMIT, "too many sockets or users");
    memcpy(l->uids, c->uids, sizeof(l->uids));
    l->n_uids = c->n_uids;
    l->own_uid = (uint32_t)getuid();
    l->clock = evtimer_new(loop, on_clock, l);
    if (!l->clock)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (http_hub_new(loop, gate, &l->hub, e))
        return e->code;
    for (size_t i = 0; i < c->n_doors; i++)
        if (open_entrance(l, loop, &c->doors[i], e))
            return e->code;
    return OK;
}

static void take_down(struct listener *l)
{
    http_hub_free(l->hub);
    for (size_t i = 0; i < l->n_entrances; i++)
        event_free(l->entrances[i].ready);
    if (l->clock)
        event_free(l->clock);
    free(l);
}

int listener_new(struct event_base *loop, struct gate *gate, const struct listener_config *config,
                 struct listener **out, struct err *e)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (!l)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (set_up(l, loop, gate, config, e)) {
        take_down(l);
        return e->code;
    }
    *out = l;
    return OK;
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_entrances; i++)
        close(l->entrances[i].fd);
    take_down(l);
}

bool listener_finish(struct listener *l, enum last which)
{
    for (size_t i = 0; i < l->n_entrances; i++) {
        event_free(l->entrances[i].ready);
        close(l->entrances[i].fd);
    }
    l->n_entrances = 0;
    return http_finish(l->hub, which);
}
