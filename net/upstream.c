/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on the event loop. It closes kept connections only when it looks for
 * one or gets one back: so those that a rush made have a multi of their own, that can be given up.
 */
#include "net/upstream.h"

#include "base/wipe.h"
#include "net/watch.h"

#include <event2/event.h>

/* Handles that wait for the next request. */
#define SPARE_MAX 24u
#define SPARE_FEW 4u /* after a rush */
/* Connections that are kept. Those in use count, too: with fewer than transfers, each would close
 * another's as it ends. */
#define KEPT_MAX 64L
#define KEPT_RUSH_MAX 256L
#define RUSH 8u      /* more transfers than these at once */
#define REST_MS 700u /* so long after the last of a rush its connections are kept */

struct pool {
    CURLM *multi;
    struct watched *watched;
    unsigned n; /* transfers */
};

struct upstream {
    struct common common;
    struct sockets sockets;
    struct upstream_calls calls;
    struct watches *watches;
    struct pool few, rush; /* the second may have no multi */
    struct event *rest;
    bool is_resting;        /* rest is armed */
    uint64_t rest_ms;       /* when the rush had none any more */
    struct transfer *spare; /* used last comes first */
    size_t n_spare;
};

/* -- pools -- */

static void pool_close(struct pool *p)
{
    curl_multi_cleanup(p->multi);
    watched_free(p->watched);
    *p = (struct pool){0};
}

static bool pool_open(struct upstream *u, struct pool *p, long n_kept)
{
    struct err e;

    p->multi = curl_multi_init();
    if (p->multi &&
        curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
        curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, n_kept) == CURLM_OK &&
        !watched_new(u->watches, p->multi, &p->watched, &e))
        return true;
    pool_close(p);
    return false;
}

static struct pool *choose(struct upstream *u)
{
    if (u->few.n < RUSH)
        return &u->few;
    return u->rush.multi || pool_open(u, &u->rush, KEPT_RUSH_MAX) ? &u->rush : &u->few;
}

static bool add(struct pool *p, struct transfer *t)
{
    if (curl_multi_add_handle(p->multi, t->easy) != CURLM_OK)
        return false;
    t->pool = p;
    p->n++;
    return true;
}

/* Once in a while, not for each. */
static void set_rest(struct upstream *u, uint64_t in_ms)
{
    struct timeval t = {(time_t)(in_ms / 1000), (suseconds_t)(in_ms % 1000 * 1000)};

    u->is_resting = event_add(u->rest, &t) == 0;
}

static void take_off(struct upstream *u, struct transfer *t)
{
    curl_multi_remove_handle(t->pool->multi, t->easy);
    if (--t->pool->n > 0 || t->pool != &u->rush)
        return;
    u->rest_ms = ticks_ms();
    if (!u->is_resting)
        set_rest(u, REST_MS);
}

static void drop_spare(struct upstream *u, size_t n_left)
{
    struct transfer **at = &u->spare;

    for (size_t i = 0; i < n_left && *at; i++)
        at = &(*at)->next;
    while (*at) {
        struct transfer *t = *at;
        *at = t->next;
        u->n_spare--;
        transfer_free(t);
    }
}

static void on_rest(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u = arg;
    uint64_t since = ticks_ms() - u->rest_ms;

    (void)fd, (void)what;
    u->is_resting = false;
    if (u->rush.n > 0)
        return;
    if (since < REST_MS) {
        set_rest(u, REST_MS - since);
        return;
    }
    pool_close(&u->rush);
    drop_spare(u, SPARE_FEW);
    wipe_give_back();
}

/* -- ends -- */

static void end(struct upstream *u, struct transfer *t, CURLcode code)
{
    take_off(u, t);
    if (transfer_renew(t) && add(t->pool, t))
        return;
    t->is_spoiled = code != CURLE_OK;
    u->calls.ended(t->owner, t, code);
}

static void on_moved(void *arg, CURLM *multi)
{
    struct upstream *u = arg;
    CURLMsg *m;
    int n;

    while ((m = curl_multi_info_read(multi, &n)) != NULL) {
        struct transfer *t = NULL;
        CURLcode code = m->data.result;
        if (m->msg == CURLMSG_DONE &&
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
            end(u, t, code);
    }
}

int upstream_new(struct event_base *loop, const struct proxy *proxy, const struct env *env,
                 const struct upstream_calls *calls, struct upstream **out, struct err *e)
{
    struct upstream *u = wipe_malloc(sizeof(*u));

    if (!u)
        return err_set(e, ERR_MEMORY, "out of memory");
    memset(u, 0, sizeof(*u));
    u->calls = *calls;
    u->common = (struct common){.proxy = proxy,
                                .env = env,
                                .sockets = &u->sockets,
                                .fd = -1,
                                .sink = &u->calls.sink,
                                .share = curl_share_init()};
    u->rest = event_new(loop, -1, 0, on_rest, u);
    /* the names that were resolved, too: else each of a rush would ask for them */
    if (!u->rest || !u->common.share ||
        curl_share_setopt(u->common.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
            CURLSHE_OK ||
        curl_share_setopt(u->common.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK) {
        upstream_free(u);
        return err_set(e, ERR_FAILED, "libcurl does not start");
    }
    if (watches_new(loop, &u->sockets, on_moved, u, &u->watches, e)) {
        upstream_free(u);
        return e->code;
    }
    if (!pool_open(u, &u->few, KEPT_MAX)) {
        upstream_free(u);
        return err_set(e, ERR_FAILED, "libcurl does not start");
    }
    *out = u;
    return OK;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    drop_spare(u, 0);
    pool_close(&u->few);
    pool_close(&u->rush);
    watches_free(u->watches);
    curl_share_cleanup(u->common.share);
    if (u->rest)
        event_free(u->rest);
    wipe_free(u);
}

/* One that is set for another place, used longest ago, is as good as a new one when there is no
 * room for more. */
struct transfer *upstream_take(struct upstream *u, const struct wire_request *q)
{
    struct transfer **at = &u->spare;

    while (*at && !transfer_suits(*at, q) && ((*at)->next || u->n_spare < SPARE_MAX))
        at = &(*at)->next;
    struct transfer *t = *at;
    if (!t)
        return transfer_new(&u->common);
    *at = t->next;
    t->next = NULL;
    u->n_spare--;
    return t;
}

bool upstream_begin(struct upstream *u, struct transfer *t)
{
    return transfer_prepare(t) && add(choose(u), t);
}

void upstream_cancel(struct upstream *u, struct transfer *t)
{
    take_off(u, t);
    t->is_spoiled = true;
}

void upstream_give(struct upstream *u, struct transfer *t)
{
    if (!t)
        return;
    if (u->n_spare == SPARE_MAX) {
        transfer_free(t);
        return;
    }
    transfer_clear(t);
    t->next = u->spare;
    u->spare = t;
    u->n_spare++;
}
