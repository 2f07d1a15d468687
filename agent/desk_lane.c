/* SPDX-License-Identifier: Apache-2.0 */
/* Keys whose nonces must arrive in the order in which they were made: their requests wait here for
 * the end of the one before. */
#include "agent/desk_inside.h"

#include "base/wipe.h"

static struct lane *find_lane(struct desk *k, const uint8_t rec_id[REC_ID_LEN])
{
    struct lane *l;

    LIST_FOREACH(l, &k->lanes, link)
    if (memcmp(l->rec_id, rec_id, REC_ID_LEN) == 0)
        return l;
    l = wipe_malloc(sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct lane){0};
    memcpy(l->rec_id, rec_id, REC_ID_LEN);
    TAILQ_INIT(&l->waiting);
    LIST_INSERT_HEAD(&k->lanes, l, link);
    return l;
}

/* Cancels are not counted among those that are too many. */
static bool is_counted(const struct entry *n)
{
    return n->p.cls != CLASS_CANCEL;
}

/* In order, but cancels before all else. is_first: of its kind. */
static void put_in(struct lane *l, struct entry *n, bool is_first)
{
    struct entry *at;

    n->stage = STAGE_QUEUED;
    n->list = &l->waiting;
    l->n_waiting += is_counted(n);
    if (is_first || n->p.cls == CLASS_CANCEL)
        TAILQ_FOREACH(at, &l->waiting, link)
    if (at->p.cls != CLASS_CANCEL) {
        TAILQ_INSERT_BEFORE(at, n, link);
        return;
    }
    TAILQ_INSERT_TAIL(&l->waiting, n, link);
}

static void refuse(struct entry *n, const char *why, enum err_code code)
{
    struct err e;

    err_set(&e, code, "%s", why);
    desk_decide(n, &e);
}

bool lane_enter(struct entry *n, const uint8_t rec_id[REC_ID_LEN])
{
    struct desk *k = n->a->desk;
    struct lane *l = find_lane(k, rec_id);

    if (!l) {
        refuse(n, "out of memory", ERR_MEMORY);
        return false;
    }
    if (l->active && is_counted(n) && l->n_waiting >= DESK_QUEUE_MAX) {
        refuse(n, "too many requests wait for this key, which takes one at a time", ERR_LIMIT);
        return false;
    }
    n->lane = l;
    if (!l->active) {
        l->active = n;
        return true;
    }
    put_in(l, n, false);
    return false;
}

/* The next one of a lane whose turn is over. */
static void go_on(struct lane *l)
{
    struct entry *n = TAILQ_FIRST(&l->waiting);

    if (l->active)
        return;
    if (!n) {
        LIST_REMOVE(l, link);
        wipe_free(l);
        return;
    }
    TAILQ_REMOVE(&l->waiting, n, link);
    l->n_waiting -= is_counted(n);
    n->list = NULL;
    l->active = n;
    desk_open_key(n);
}

void lane_leave(struct entry *n)
{
    struct lane *l = n->lane;

    if (!l)
        return;
    n->lane = NULL;
    if (l->active == n) {
        l->active = NULL;
    } else if (n->list == &l->waiting) {
        TAILQ_REMOVE(&l->waiting, n, link);
        l->n_waiting -= is_counted(n);
        n->list = NULL;
    }
    go_on(l);
}

bool lane_gives_way(struct entry *n)
{
    struct lane *l = n->lane;
    struct entry *first = l ? TAILQ_FIRST(&l->waiting) : NULL;

    if (!first || first->p.cls != CLASS_CANCEL || n->p.cls == CLASS_CANCEL)
        return false;
    /* A touch was given for this one, and for nothing else. */
    if (!keyring_is_held(n->a, n->d.record))
        return false;
    l->active = NULL;
    put_in(l, n, true);
    go_on(l);
    return true;
}
