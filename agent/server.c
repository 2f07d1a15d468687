/* SPDX-License-Identifier: Apache-2.0 */
/* The listener of the agent's socket: who may come in, how many, who is told what happens, and who
 * goes because it does not read. The lines are server_client.c's. */
#include "agent/server.h"

#include "agent/notice.h"
#include "agent/server_client.h"
#include "base/wipe.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define COME_AT_ONCE 64
#define COME_LATER_MS 100 /* when no descriptor was left */
#define STUCK_LOOK_S 5

/* -- who comes -- */

/* The kernel says who it is, before anything that it wrote is looked at. */
static bool is_ours(int fd, struct asker *who)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || peer.uid != geteuid())
        return false;
    *who = (struct asker){.way = ASKER_SOCKET, .uid = peer.uid, .pid = (uint32_t)peer.pid};
    return true;
}

static void turn_away(int fd)
{
    static const char text[] =
        "{\"error\":{\"code\":\"limit\",\"message\":\"the agent has too many "
        "clients\",\"hints\":[]}}\n";

    (void)!send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void let_in(struct server *s, int fd)
{
    struct asker who;
    struct err e;

    if (!is_ours(fd, &who)) {
        close(fd);
        return;
    }
    if (s->n_clients == SERVER_CLIENTS_MAX) {
        turn_away(fd);
        return;
    }
    /* without memory it is as if nobody had listened */
    if (client_new(s, fd, &who, &e))
        return;
}

static void on_come(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval later = {.tv_usec = COME_LATER_MS * 1000};
    struct server *s = arg;

    (void)what;
    for (int i = 0; i < COME_AT_ONCE; i++) {
        int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (c >= 0) {
            let_in(s, c);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            event_del(s->come);
            evtimer_add(s->come_later, &later);
        }
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void on_come_later(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;

    (void)fd, (void)what;
    event_add(s->come, NULL);
}

/* -- who waits, who is dead -- */

void server_again(struct server *s)
{
    event_active(s->again, EV_TIMEOUT, 0);
}

void server_due(struct client *c)
{
    struct server *s = c->server;

    if (c->is_due || c->is_dead)
        return;
    c->is_due = true;
    c->next_due = NULL;
    *s->due_end = c;
    s->due_end = &c->next_due;
    server_again(s);
}

/* What ends with one may bring others back, and be the end of them. */
static void free_dead(struct server *s)
{
    while (s->dead && !s->due) {
        struct client *c = s->dead;
        s->dead = c->next_dead;
        client_free(c);
    }
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    struct client *c = s->due;

    (void)fd, (void)what;
    s->due = NULL;
    s->due_end = &s->due;
    agent_moment(s->a);
    while (c) {
        struct client *next = c->next_due;
        c->is_due = false;
        client_take(c);
        c = next;
    }
    free_dead(s);
}

/* -- who does not read -- */

static void look_at(struct server *s, struct client *c, uint64_t now)
{
    size_t waiting = stream_waiting(c->stream);
    uint64_t n_read = c->n_put - waiting;

    if (waiting == 0 || n_read != c->n_read || c->stuck_ms == 0)
        c->stuck_ms = waiting ? now : 0;
    c->n_read = n_read;
    if (waiting > 0)
        server_look_for_stuck(s);
    if (c->stuck_ms && now - c->stuck_ms >= SERVER_STUCK_MS)
        client_kill(c);
}

static void on_stuck(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    struct client *next;
    uint64_t now = ticks_ms();

    (void)fd, (void)what;
    s->is_stuck_looked_for = false;
    for (struct client *c = s->clients; c; c = next) {
        next = c->next;
        look_at(s, c, now);
    }
}

void server_look_for_stuck(struct server *s)
{
    static const struct timeval soon = {.tv_sec = STUCK_LOOK_S};

    if (s->is_stuck_looked_for)
        return;
    s->is_stuck_looked_for = true;
    evtimer_add(s->stuck, &soon);
}

/* -- who is told -- */

static void on_notice(void *ctx, enum notice_kind k, const char *subject, const char *text)
{
    struct server *s = ctx;
    struct client *next;
    uint64_t now_us;
    struct err ignored;
    AUTO_BUF line = BUF_INIT(4096);

    if (k == NOTICE_LOCKED && s->a->env->now_us(s->a->env, &now_us, &ignored) == OK) {
        s->last_lock_ms = now_us / 1000;
        snprintf(s->last_lock, sizeof(s->last_lock), "%s", text);
    }
    buf_addf(&line, "{\"event\":\"%s\",\"subject\":", notice_name(k));
    buf_add_json(&line, bytes_str(subject));
    buf_adds(&line, ",\"text\":");
    buf_add_json(&line, bytes_str(text));
    buf_adds(&line, "}\n");
    if (buf_check(&line, "the event", &ignored))
        return;
    for (struct client *c = s->clients; c; c = next) {
        next = c->next;
        if (c->is_subscribed)
            client_event(c, buf_bytes(&line));
    }
}

/* -- life -- */

static int make_events(struct server *s, struct err *e)
{
    struct event_base *loop = s->a->loop;

    s->come = event_new(loop, s->listener, EV_READ | EV_PERSIST, on_come, s);
    s->come_later = evtimer_new(loop, on_come_later, s);
    s->again = evtimer_new(loop, on_again, s);
    s->stuck = evtimer_new(loop, on_stuck, s);
    if (!s->come || !s->come_later || !s->again || !s->stuck ||
        evutil_make_socket_nonblocking(s->listener) || event_add(s->come, NULL))
        return err_set(e, ERR_FAILED, "cannot wait for clients");
    return OK;
}

int server_new(struct agent *a, int listener, struct err *e)
{
    struct server *s = wipe_malloc(sizeof(*s));
    uint64_t now_us = 0;

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for the agent's socket");
    *s = (struct server){.a = a, .listener = listener, .due_end = &s->due};
    a->server = s;
    if (a->env->now_us(a->env, &now_us, e) || make_events(s, e)) {
        server_free(a);
        return e->code;
    }
    s->started_ms = now_us / 1000;
    notices_listen(a, on_notice, s);
    return OK;
}

void server_free(struct agent *a)
{
    struct server *s = a->server;
    struct event **all[4];

    if (!s)
        return;
    notices_listen(a, NULL, NULL);
    while (s->clients)
        client_kill(s->clients);
    s->due = NULL;
    s->due_end = &s->due;
    free_dead(s);
    /* what they wait for has their address: whoever ends it later finds them on their own */
    for (struct op *o = s->orphans; o; o = o->next)
        o->a = NULL;
    all[0] = &s->come, all[1] = &s->come_later, all[2] = &s->again, all[3] = &s->stuck;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (*all[i])
            event_free(*all[i]);
    a->server = NULL;
    wipe_free(s);
}
