/* SPDX-License-Identifier: Apache-2.0 */
/* The two callbacks by which libcurl says what it waits for. A socket of a connection that is kept
 * stays in the loop between two requests, so that neither costs a system call for it. */
#include "net/watch.h"

#include "base/env.h"
#include "base/wipe.h"

#include <event2/event.h>

#define FDS_MAX 65536

struct watch {
    struct watches *all;
    struct watched *of;
    struct event *event;
    int what;    /* CURL_POLL_IN, _OUT, _INOUT; 0: libcurl waits for nothing there */
    short armed; /* EV_READ, EV_WRITE: in the loop; 0: not */
};

struct watched {
    struct watches *all;
    CURLM *multi;
    struct event *timer, *now;
    uint64_t wanted_ms, armed_ms; /* by ticks_ms: libcurl's moment, and the timer's; 0: none */
};

struct watches {
    struct event_base *loop;
    struct sockets *sockets;
    void (*moved)(void *ctx, CURLM *multi);
    void *ctx;
    struct watch **v; /* by descriptor */
    int n;
};

/* -- sockets -- */

static void act(struct watched *m, curl_socket_t fd, int bits)
{
    int n;

    (void)curl_multi_socket_action(m->multi, fd, bits, &n);
    m->all->moved(m->all->ctx, m->multi);
}

static void disarm(struct watch *x)
{
    if (x->armed)
        event_del(x->event);
    x->armed = 0;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct watch *x = arg;

    if (x->what == 0) { /* it was closed, or speaks unasked: seen before its next use */
        disarm(x);
        return;
    }
    act(x->of, fd,
        ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0));
}

static struct watch *find(const struct watches *w, int fd)
{
    return fd >= 0 && fd < w->n ? w->v[fd] : NULL;
}

static bool grow(struct watches *w, int fd)
{
    int n = w->n > 0 ? w->n : 64;

    if (fd < 0 || fd >= FDS_MAX)
        return false;
    while (n <= fd)
        n *= 2;
    struct watch **v = wipe_realloc(w->v, (size_t)n * sizeof(*v));
    if (!v)
        return false;
    for (int i = w->n; i < n; i++)
        v[i] = NULL;
    w->v = v;
    w->n = n;
    return true;
}

static struct watch *make(struct watches *w, int fd)
{
    if (fd >= w->n && !grow(w, fd))
        return NULL;
    struct watch *x = wipe_malloc(sizeof(*x));
    if (!x)
        return NULL;
    *x = (struct watch){.all = w, .event = event_new(w->loop, fd, EV_READ, on_socket, x)};
    if (!x->event) {
        wipe_free(x);
        return NULL;
    }
    w->v[fd] = x;
    return x;
}

static void drop(struct watches *w, int fd)
{
    struct watch *x = find(w, fd);

    if (!x)
        return;
    disarm(x);
    event_free(x->event);
    wipe_free(x);
    w->v[fd] = NULL;
}

static int arm(struct watch *x, int fd, short wanted)
{
    if (x->armed == wanted)
        return 0;
    disarm(x);
    if (event_assign(x->event, x->all->loop, fd, (short)(wanted | EV_PERSIST), on_socket, x) ||
        event_add(x->event, NULL))
        return -1;
    x->armed = wanted;
    return 0;
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct watched *m = arg;
    struct watches *w = m->all;
    struct watch *x = find(w, fd);

    (void)easy, (void)unused;
    if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE) {
        /* sockets of libcurl's own are closed without a word */
        if (!sockets_has(w->sockets, fd))
            drop(w, fd);
        else if (x && x->armed != EV_READ)
            disarm(x);
        if ((x = find(w, fd)) != NULL)
            x->what = 0;
        return 0;
    }
    if (!x)
        x = make(w, fd);
    if (!x)
        return -1;
    x->of = m;
    x->what = what;
    return arm(
        x, fd,
        (short)(((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0)));
}

static void on_closing(void *arg, int fd)
{
    drop(arg, fd);
}

/* -- time -- */

static void set_timer(struct watched *m, uint64_t now)
{
    uint64_t left = m->wanted_ms > now ? m->wanted_ms - now : 0;
    struct timeval in = {(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};

    m->armed_ms = event_add(m->timer, &in) ? 0 : m->wanted_ms;
}

/* It may be earlier than libcurl wants it by now: then it is set again. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct watched *m = arg;
    uint64_t now = ticks_ms();

    (void)fd, (void)what;
    m->armed_ms = 0;
    if (m->wanted_ms == 0)
        return;
    if (m->wanted_ms > now) {
        set_timer(m, now);
        return;
    }
    m->wanted_ms = 0;
    act(m, CURL_SOCKET_TIMEOUT, 0);
}

static void on_now(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_moment(CURLM *multi, long in_ms, void *arg)
{
    struct watched *m = arg;

    (void)multi;
    m->wanted_ms = 0;
    if (in_ms == 0) {
        event_active(m->now, EV_TIMEOUT, 0);
    } else if (in_ms > 0) {
        uint64_t now = ticks_ms();
        m->wanted_ms = now + (uint64_t)in_ms;
        if (m->armed_ms == 0 || m->armed_ms > m->wanted_ms)
            set_timer(m, now);
    }
    return 0;
}

/* -- all of it -- */

int watched_new(struct watches *w, CURLM *multi, struct watched **out, struct err *e)
{
    struct watched *m = wipe_malloc(sizeof(*m));

    if (!m)
        return err_set(e, ERR_MEMORY, "out of memory");
    *m = (struct watched){.all = w, .multi = multi};
    m->timer = event_new(w->loop, -1, 0, on_timer, m);
    m->now = event_new(w->loop, -1, 0, on_now, m);
    if (!m->timer || !m->now ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_interest) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, m) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_moment) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, m) != CURLM_OK) {
        watched_free(m);
        return err_set(e, ERR_FAILED, "libcurl does not start");
    }
    *out = m;
    return OK;
}

void watched_free(struct watched *m)
{
    if (!m)
        return;
    for (int fd = 0; fd < m->all->n; fd++)
        if (m->all->v[fd] && m->all->v[fd]->of == m)
            drop(m->all, fd);
    if (m->timer)
        event_free(m->timer);
    if (m->now)
        event_free(m->now);
    wipe_free(m);
}

int watches_new(struct event_base *loop, struct sockets *sockets,
                void (*moved)(void *ctx, CURLM *multi), void *ctx, struct watches **out,
                struct err *e)
{
    struct watches *w = wipe_malloc(sizeof(*w));

    if (!w)
        return err_set(e, ERR_MEMORY, "out of memory");
    *w = (struct watches){.loop = loop, .sockets = sockets, .moved = moved, .ctx = ctx};
    sockets->closing = on_closing;
    sockets->ctx = w;
    *out = w;
    return OK;
}

void watches_free(struct watches *w)
{
    if (!w)
        return;
    w->sockets->closing = NULL;
    for (int fd = 0; fd < w->n; fd++)
        drop(w, fd);
    wipe_free(w->v);
    wipe_free(w);
}
