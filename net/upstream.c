/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on the event loop. */
#include "net/upstream.h"

#include "base/wipe.h"
#include "net/watch.h"

/* Handles that wait for the next request. */
#define SPARE_MAX 24u
/* Connections that are kept; what is under way beyond them is not held up. */
#define KEPT_MAX 64L

struct upstream {
    struct common common;
    struct sockets sockets;
    struct upstream_calls calls;
    CURLM *multi;
    struct watches *watches;
    struct transfer *spare; /* used last comes first */
    size_t n_spare;
};

static void end(struct upstream *u, struct transfer *t, CURLcode code)
{
    curl_multi_remove_handle(u->multi, t->easy);
    if (transfer_renew(t) && curl_multi_add_handle(u->multi, t->easy) == CURLM_OK)
        return;
    t->is_spoiled = code != CURLE_OK;
    u->calls.ended(t->owner, t, code);
}

static void on_moved(void *arg)
{
    struct upstream *u = arg;
    CURLMsg *m;
    int n;

    while ((m = curl_multi_info_read(u->multi, &n)) != NULL) {
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
    u->multi = curl_multi_init();
    if (!u->multi || !u->common.share ||
        curl_share_setopt(u->common.share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
            CURLSHE_OK ||
        curl_multi_setopt(u->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, KEPT_MAX) != CURLM_OK) {
        upstream_free(u);
        return err_set(e, ERR_FAILED, "libcurl does not start");
    }
    if (watches_new(loop, u->multi, &u->sockets, on_moved, u, &u->watches, e)) {
        upstream_free(u);
        return e->code;
    }
    *out = u;
    return OK;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    while (u->spare) {
        struct transfer *t = u->spare;
        u->spare = t->next;
        transfer_free(t);
    }
    curl_multi_cleanup(u->multi);
    watches_free(u->watches);
    curl_share_cleanup(u->common.share);
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
    return transfer_prepare(t) && curl_multi_add_handle(u->multi, t->easy) == CURLM_OK;
}

void upstream_cancel(struct upstream *u, struct transfer *t)
{
    curl_multi_remove_handle(u->multi, t->easy);
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
