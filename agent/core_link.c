/* SPDX-License-Identifier: Apache-2.0 */
/* What the core asks of the spawner, and what it hears from it. coffer-net is kept running from
 * here; the tokens are tokens.c's. */
#include "agent/core.h"
#include "agent/counter.h"
#include "agent/notice.h"
#include "agent/tokens.h"
#include "base/file.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 200u
#define AGAIN_MAX_MS 5000u
#define LIVED_MS 10000u
#define KEPT_MAX 64u

struct spawn_link {
    int fd;
    struct event *readable, *writable, *again;
    struct spawn_message kept[KEPT_MAX]; /* that go when the spawner reads again */
    size_t n_kept;
    bool is_net_wanted, is_net_down;
    uint64_t net_since_ms;
    unsigned net_deaths; /* in a row */
};

static int keep(struct spawn_link *l, const struct spawn_message *m, struct err *e)
{
    if (l->n_kept == KEPT_MAX || event_add(l->writable, NULL))
        return err_set(e, ERR_LIMIT, "the agent's first process does not listen");
    l->kept[l->n_kept++] = *m;
    return OK;
}

static int ask(struct spawn_link *l, const struct spawn_message *m, struct err *e)
{
    if (l->n_kept > 0)
        return keep(l, m, e);
    int rc = spawn_send(l->fd, m, -1, e);
    return rc == ERR_LIMIT ? keep(l, m, e) : rc;
}

int spawn_ask(struct spawn_link *l, enum spawn_kind kind, uint32_t place, struct err *e)
{
    const struct spawn_message m = {.kind = kind, .place = place};

    return ask(l, &m, e);
}

int spawn_ask_token(struct spawn_link *l, enum spawn_kind kind, const uint8_t rid[RID_LEN],
                    struct err *e)
{
    struct spawn_message m = {.kind = kind, .place = SPAWN_TOKEN};

    memcpy(m.rid, rid, RID_LEN);
    return ask(l, &m, e);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct spawn_link *l = arg;
    size_t n = 0;
    struct err e = {.code = OK};

    (void)fd, (void)what;
    while (n < l->n_kept && spawn_send(l->fd, &l->kept[n], -1, &e) == OK)
        n++;
    l->n_kept -= n;
    memmove(l->kept, l->kept + n, l->n_kept * sizeof(l->kept[0]));
    if (l->n_kept > 0 && e.code == ERR_LIMIT)
        (void)event_add(l->writable, NULL); /* else with the next that is kept */
}

static void later(struct agent *a, uint64_t in_ms)
{
    const struct timeval t = {(time_t)(in_ms / 1000), (suseconds_t)(in_ms % 1000 * 1000)};

    if (event_add(a->spawner->again, &t))
        a->is_ending = true;
}

/* Without a spawner the agent is at its end, and finds that out by itself. */
static void start_net(struct agent *a)
{
    struct err e;

    a->spawner->net_since_ms = ticks_ms();
    if (spawn_ask(a->spawner, SPAWN_START, SPAWN_NET, &e))
        later(a, AGAIN_MAX_MS);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct agent *a = arg;

    (void)fd, (void)what;
    if (a->spawner->is_net_wanted && !a->is_ending)
        start_net(a);
}

void spawn_link_want_net(struct agent *a)
{
    a->spawner->is_net_wanted = true;
    start_net(a);
}

void spawn_link_renew_net(struct agent *a)
{
    struct err e;

    if (a->spawner->is_net_wanted && spawn_ask(a->spawner, SPAWN_RENEW, SPAWN_NET, &e))
        later(a, AGAIN_MAX_MS); /* a start does it, too */
}

static void net_gone(struct agent *a, int status, bool has_failed)
{
    struct spawn_link *l = a->spawner;
    uint64_t now = ticks_ms(), wait_ms = AGAIN_MS;

    counter_gone(a, status);
    if (a->is_ending || !l->is_net_wanted)
        return;
    l->is_net_down = true;
    l->net_deaths = now - l->net_since_ms > LIVED_MS ? 1 : l->net_deaths + 1;
    for (unsigned i = 1; i < l->net_deaths && wait_ms < AGAIN_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > AGAIN_MAX_MS)
        wait_ms = AGAIN_MAX_MS;
    notice(a, NOTICE_PROXY, "", "the proxy %s: it is started again",
           has_failed ? "could not be started" : "has ended");
    later(a, wait_ms);
}

static void take_channel(struct agent *a, const struct spawn_message *m, int fd)
{
    struct spawn_link *l = a->spawner;

    if (fd < 0)
        return;
    if (m->place != SPAWN_NET) {
        tokens_channel(a, m->rid, fd);
        return;
    }
    counter_channel(a, fd);
    event_del(l->again); /* it runs */
    if (l->is_net_down)
        notice(a, NOTICE_PROXY, "", "the proxy runs again");
    l->is_net_down = false;
}

static void take(struct agent *a, const struct spawn_message *m, int fd)
{
    if (m->kind == SPAWN_CHANNEL) {
        take_channel(a, m, fd);
        return;
    }
    fd_closep(&fd);
    if (m->kind == SPAWN_GONE || m->kind == SPAWN_FAILED) {
        bool has_failed = m->kind == SPAWN_FAILED;
        int status = has_failed ? -1 : m->value;
        if (m->place == SPAWN_NET)
            net_gone(a, status, has_failed);
        else
            tokens_gone(a, m->rid, status);
    } else if (m->kind == SPAWN_SIGNAL && m->value == SIGHUP) {
        tokens_release(a);
    } else if (m->kind == SPAWN_SIGNAL) {
        a->is_ending = true;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct agent *a = arg;
    struct spawn_message m;
    int passed = -1, r;

    (void)fd, (void)what;
    while ((r = spawn_receive(a->spawner->fd, &m, &passed)) > 0)
        take(a, &m, passed);
    if (r < 0)
        a->is_ending = true; /* all end with the spawner */
}

int spawn_link_new(struct agent *a, int control, struct err *e)
{
    struct spawn_link *l = calloc(1, sizeof(*l));

    if (!l) {
        close(control);
        return err_set(e, ERR_MEMORY, "no memory for the agent");
    }
    a->spawner = l;
    l->fd = control;
    l->readable = event_new(a->loop, control, EV_READ | EV_PERSIST, on_readable, a);
    l->writable = event_new(a->loop, control, EV_WRITE, on_writable, l);
    l->again = event_new(a->loop, -1, 0, on_again, a);
    if (!l->readable || !l->writable || !l->again || event_add(l->readable, NULL))
        return err_set(e, ERR_MEMORY, "no memory for the agent");
    return OK;
}

void spawn_link_free(struct agent *a)
{
    struct spawn_link *l = a->spawner;

    if (!l)
        return;
    if (l->readable)
        event_free(l->readable);
    if (l->writable)
        event_free(l->writable);
    if (l->again)
        event_free(l->again);
    fd_closep(&l->fd);
    free(l);
    a->spawner = NULL;
}
