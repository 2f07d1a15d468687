/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that are here: taken in, found again, timed out, and answered at the end of the turn
 * in which they were decided. The decision itself is desk_sign.c's. */
#include "agent/desk_inside.h"

#include "base/wipe.h"

#include <event2/event.h>
#include <stdio.h>

#define TICK_MS 100
#define ROUNDS_MAX 64u /* of answers that bring new requests, in one turn */

static void on_timer(evutil_socket_t fd, short what, void *ctx);

int desk_new(struct agent *a, struct err *e)
{
    struct desk *k = wipe_malloc(sizeof(*k));

    if (!k)
        return err_set(e, ERR_MEMORY, "out of memory");
    *k = (struct desk){.a = a, .next_id = 1, .last_ms = ticks_ms()};
    TAILQ_INIT(&k->all);
    TAILQ_INIT(&k->staged);
    TAILQ_INIT(&k->ready);
    TAILQ_INIT(&k->spare);
    int rc = nonces_new(&a->where, a->vault_id, a->env, &k->nonces, e);
    if (!rc) {
        k->timer = event_new(a->loop, -1, 0, on_timer, k);
        if (!k->timer)
            rc = err_set(e, ERR_MEMORY, "out of memory");
    }
    if (rc) {
        nonces_free(k->nonces);
        wipe_free(k);
        return rc;
    }
    a->desk = k;
    return OK;
}

/* -- entries -- */

struct entry *desk_find(const struct desk *k, uint64_t id)
{
    struct entry *n;

    LIST_FOREACH(n, &k->buckets[id % DESK_BUCKETS], by_id)
    if (n->d.id == id)
        return n;
    return NULL;
}

static struct entry *entry_new(struct desk *k)
{
    struct entry *n = TAILQ_FIRST(&k->spare);

    if (n) {
        TAILQ_REMOVE(&k->spare, n, link);
        k->n_spare--;
        return n;
    }
    n = wipe_malloc(sizeof(*n));
    if (n) {
        memset(n, 0, sizeof(*n));
        n->text = (struct buf)BUF_INIT(REQUEST_FILE_MAX);
    }
    return n;
}

/* Some are kept for the next requests, small ones. */
static void entry_keep(struct desk *k, struct entry *n)
{
    if (k->n_spare < DESK_SPARE_MAX && n->text.cap <= 65536) {
        buf_reset(&n->text);
        TAILQ_INSERT_HEAD(&k->spare, n, link);
        k->n_spare++;
        return;
    }
    buf_free(&n->text);
    wipe_free(n);
}

static void unlist(struct entry *n)
{
    if (n->list)
        TAILQ_REMOVE(n->list, n, link);
    n->list = NULL;
}

static void let_go(struct entry *n)
{
    if (n->held)
        held_release(n->held);
    n->held = NULL;
}

/* Nobody finds it from here on; what it held up goes on. */
void desk_drop(struct entry *n)
{
    struct desk *k = n->a->desk;

    if (n->wait)
        keyring_cancel(n->wait);
    n->wait = NULL;
    LIST_REMOVE(n, by_id);
    TAILQ_REMOVE(&k->all, n, by_age);
    k->n_open--;
    let_go(n);
    if (n->lane)
        lane_leave(n);
    unlist(n);
    request_free(&n->request);
    if (n->has_info)
        record_info_free(&n->info);
    n->has_info = false;
    entry_keep(k, n);
}

void desk_free(struct agent *a)
{
    struct desk *k = a->desk;
    struct entry *n;
    struct lane *l;

    if (!k)
        return;
    while ((n = TAILQ_FIRST(&k->all))) {
        /* nothing goes on in its place */
        if ((l = n->lane) && n->list == &l->waiting) {
            unlist(n);
        } else if (l) {
            l->active = NULL;
        }
        n->lane = NULL;
        desk_drop(n);
    }
    while ((l = LIST_FIRST(&k->lanes))) {
        LIST_REMOVE(l, link);
        wipe_free(l);
    }
    while ((n = TAILQ_FIRST(&k->spare))) {
        TAILQ_REMOVE(&k->spare, n, link);
        buf_free(&n->text);
        wipe_free(n);
    }
    event_free(k->timer);
    nonces_free(k->nonces);
    wipe_free(k);
    a->desk = NULL;
}

/* -- taking in -- */

static void set_timer(struct desk *k)
{
    struct timeval tick = {.tv_usec = TICK_MS * 1000};

    if (k->is_timer_set)
        return;
    k->is_timer_set = true;
    event_add(k->timer, &tick);
}

static void list_entry(struct desk *k, struct entry *n)
{
    n->d.id = k->next_id++;
    LIST_INSERT_HEAD(&k->buckets[n->d.id % DESK_BUCKETS], n, by_id);
    TAILQ_INSERT_TAIL(&k->all, n, by_age);
    k->n_open++;
    set_timer(k);
}

uint64_t desk_ask(struct agent *a, enum desk_way way, const struct asker *who, const char *record,
                  const struct wish *w, desk_decided *decided, void *ctx, struct err *e)
{
    struct desk *k = a->desk;
    struct entry *n = NULL;

    if (k->n_open >= DESK_OPEN_MAX) {
        err_set(e, ERR_LIMIT, "too many requests at once");
        return 0;
    }
    if (!(n = entry_new(k))) {
        err_set(e, ERR_MEMORY, "out of memory");
        return 0;
    }
    if (desk_copy(n, w, record, e)) {
        entry_keep(k, n);
        return 0;
    }
    n->a = a;
    n->d.way = way;
    n->d.who = *who;
    n->d.err.code = OK;
    n->d.info = NULL;
    n->d.prepared = NULL;
    n->d.request = NULL;
    n->d.is_order = false;
    n->decided = decided;
    n->ctx = ctx;
    n->deadline_ms = ticks_ms() + DESK_WAIT_MS;
    n->p.conn = NULL;
    n->p.cls = CLASS_UNKNOWN;
    n->p.call.base.method = n->p.call.base.path = bytes_of(NULL, 0);
    n->gist.n = 0;
    request_init(&n->request);
    list_entry(k, n);
    uint64_t id = n->d.id;
    desk_start(n);
    return id;
}

/* -- deciding -- */

void desk_decide(struct entry *n, const struct err *e)
{
    struct desk *k = n->a->desk;

    n->d.err.code = e->code;
    if (e->code != OK) {
        n->d.err = *e;
        request_free(&n->request);
        desk_log_refusal(n, err_name(e->code));
    } else {
        n->d.prepared = &n->p;
        n->d.request = &n->request;
    }
    n->stage = STAGE_DECIDED;
    unlist(n);
    n->list = &k->staged;
    TAILQ_INSERT_TAIL(&k->staged, n, link);
}

/* What the log does not hold must not leave. */
static void take_back(struct entry *n, const struct err *why)
{
    if (n->d.err.code != OK || n->p.cls == CLASS_PUBLIC)
        return;
    n->d.err = *why;
    n->d.prepared = NULL;
    n->d.request = NULL;
    request_free(&n->request);
}

static void answer(struct desk *k, struct entry *n)
{
    uint64_t id = n->d.id;

    unlist(n);
    n->stage = STAGE_SENT;
    n->deadline_ms = ticks_ms() + DESK_SENT_MS;
    n->decided(n->ctx, &n->d);
    n = desk_find(k, id);
    if (!n)
        return;
    n->d.info = NULL;
    let_go(n);
    if (n->d.way == DESK_RELEASE || n->d.err.code != OK)
        desk_drop(n);
}

void desk_turn(struct agent *a)
{
    struct desk *k = a->desk;
    struct entry *n;
    struct err e;

    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        int rc = audit_commit(a, &e);
        if (TAILQ_EMPTY(&k->staged))
            return;
        TAILQ_CONCAT(&k->ready, &k->staged, link);
        TAILQ_FOREACH(n, &k->ready, link)
        {
            n->list = &k->ready;
            if (rc)
                take_back(n, &e);
        }
        while ((n = TAILQ_FIRST(&k->ready)))
            answer(k, n);
    }
    if (!TAILQ_EMPTY(&k->staged))
        event_active(k->timer, EV_TIMEOUT, 0);
}

/* -- ends -- */

void desk_forget(struct agent *a, uint64_t id)
{
    struct entry *n = desk_find(a->desk, id);

    /* What was sent is coffer-net's, and desk_done tells its end. */
    if (n && n->stage != STAGE_SENT)
        desk_drop(n);
}

void desk_done(struct agent *a, uint64_t id, unsigned status, bool is_unknown)
{
    struct entry *n = desk_find(a->desk, id);
    char text[16];

    if (!n || n->stage != STAGE_SENT)
        return;
    if (n->d.err.code == OK && n->d.is_order) {
        snprintf(text, sizeof(text), "%u", status);
        desk_log(n, is_unknown ? "unknown" : status ? text : "not_sent");
    }
    desk_drop(n);
}

static void expire(struct entry *n)
{
    struct err e;

    if (n->stage == STAGE_SENT) {
        desk_done(n->a, n->d.id, 0, true);
        return;
    }
    if (n->wait)
        keyring_cancel(n->wait);
    n->wait = NULL;
    if (n->stage == STAGE_QUEUED) {
        err_set(&e, ERR_LIMIT, "the requests before this one for '%s' took too long", n->d.record);
        err_hint(&e, "this key takes one request at a time; ask for less, or again");
    } else {
        err_set(&e, ERR_TOKEN, "the key of '%s' could not be opened within %u s", n->d.record,
                DESK_WAIT_MS / 1000);
        err_hint(&e, "is the token there, and does it wait for a touch?");
    }
    if (n->lane)
        lane_leave(n);
    desk_decide(n, &e);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct desk *k = ctx;
    struct entry *n, *next;
    uint64_t now = ticks_ms();

    (void)fd, (void)what;
    k->is_timer_set = false;
    /* Ending one starts another, but takes none away that is younger. */
    for (n = TAILQ_FIRST(&k->all); n; n = next) {
        next = TAILQ_NEXT(n, by_age);
        if (n->stage != STAGE_DECIDED && now >= n->deadline_ms)
            expire(n);
    }
    if (!TAILQ_EMPTY(&k->all))
        set_timer(k);
}

uint64_t desk_last_ms(const struct agent *a)
{
    return a->desk->last_ms;
}

size_t desk_open(const struct agent *a)
{
    return a->desk->n_open;
}
