/* SPDX-License-Identifier: Apache-2.0 */
/* All HTTP connections: their number, and which of them makes room for a new one. What each waits
 * for is net/http.c's. */
#include "net/http_parts.h"

#include <event2/event.h>
#include <stdlib.h>

#define BODIES_MAX (32u * 1024u * 1024u) /* of a side; one body is at most 1 MiB */

/* -- who stands where -- */

static struct http_side *side_of(const struct http *c)
{
    return &c->hub->sides[c->peer.port != 0];
}

static struct http_line *line_of(const struct http *c)
{
    return c->is_known ? &side_of(c)->known : &side_of(c)->fresh;
}

void http_enlist(struct http *c)
{
    TAILQ_INSERT_TAIL(line_of(c), c, link);
    side_of(c)->n++;
}

void http_delist(struct http *c)
{
    TAILQ_REMOVE(line_of(c), c, link);
    side_of(c)->n--;
}

void http_know(struct http *c)
{
    if (c->is_known)
        return;
    http_delist(c);
    c->is_known = true;
    http_enlist(c);
}

/* -- room -- */

/* An answer that was not permitted keeps no place for one that does not read it. */
static bool is_at_work(const struct http *c)
{
    return c->job || (c->is_known && c->state == HTTP_SENDING);
}

static bool is_silent(const struct http *c)
{
    return c->state == HTTP_IDLE || c->state == HTTP_LEAVING;
}

static struct http *oldest(struct http_line *line, const uint32_t *uid, bool is_any)
{
    struct http *c;

    TAILQ_FOREACH(c, line, link)
    if ((!uid || *uid == c->peer.uid) && (is_silent(c) || (is_any && !is_at_work(c))))
        return c;
    return NULL;
}

bool http_make_room(struct http_hub *hub, bool is_tcp, const uint32_t *uid)
{
    struct http_side *side = &hub->sides[is_tcp];
    struct http *c = NULL;

    if (!is_tcp) { /* there what a user has begun need not go before what is silent */
        c = oldest(&side->fresh, uid, false);
        if (!c)
            c = oldest(&side->known, uid, false);
    }
    if (!c)
        c = oldest(&side->fresh, uid, true);
    if (!c)
        c = oldest(&side->known, uid, true);
    if (c)
        http_free(c);
    return c != NULL;
}

static struct http *oldest_booked(struct http_line *line)
{
    struct http *c;

    TAILQ_FOREACH(c, line, link)
    if (c->booked > 0)
        return c;
    return NULL;
}

static void tell_off(struct http *c)
{
    struct err e;

    http_unbook(c);
    err_set(&e, ERR_LIMIT, "too many requests with large bodies at once");
    c->is_close = true;
    http_answer(c, 503, &e);
}

void http_book(struct http *c, uint64_t n)
{
    struct http_side *side = side_of(c);

    while (n > BODIES_MAX - side->bodies_n) {
        struct http *slow = oldest_booked(&side->fresh);
        tell_off(slow ? slow : oldest_booked(&side->known));
    }
    side->bodies_n += n;
    c->booked = n;
    c->state = HTTP_BODY;
}

void http_unbook(struct http *c)
{
    side_of(c)->bodies_n -= c->booked;
    c->booked = 0;
}

size_t http_count(const struct http_hub *hub)
{
    return hub->sides[0].n + hub->sides[1].n;
}

static size_t count(const struct http_line *line, uint32_t uid)
{
    const struct http *c;
    size_t n = 0;

    TAILQ_FOREACH(c, line, link)
    n += c->peer.uid == uid;
    return n;
}

size_t http_count_of(const struct http_hub *hub, bool is_tcp, const uint32_t *uid)
{
    const struct http_side *side = &hub->sides[is_tcp];

    return uid ? count(&side->fresh, *uid) + count(&side->known, *uid) : side->n;
}

/* -- time -- */

static void tick(struct http_line *line, uint64_t now_ms)
{
    struct http *c, *next;

    for (c = TAILQ_FIRST(line); c; c = next) {
        next = TAILQ_NEXT(c, link);
        http_tick_one(c, now_ms);
    }
}

void http_tick(struct http_hub *hub, uint64_t now_ms)
{
    hub->now_ms = now_ms;
    http_flush(hub);
    for (size_t i = 0; i < ARRAY_LEN(hub->sides); i++) {
        tick(&hub->sides[i].fresh, now_ms);
        tick(&hub->sides[i].known, now_ms);
    }
}

/* -- the whole -- */

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    http_flush(arg);
}

int http_hub_new(struct event_base *loop, struct gate *gate, struct http_hub **out, struct err *e)
{
    struct http_hub *hub = calloc(1, sizeof(*hub));

    if (!hub)
        return err_set(e, ERR_MEMORY, "out of memory");
    hub->loop = loop;
    hub->gate = gate;
    hub->out = (struct buf)BUF_INIT(HTTP_OUT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(hub->sides); i++) {
        TAILQ_INIT(&hub->sides[i].fresh);
        TAILQ_INIT(&hub->sides[i].known);
    }
    hub->later = event_new(loop, -1, 0, on_later, hub);
    if (!hub->later) {
        free(hub);
        return err_set(e, ERR_MEMORY, "out of memory");
    }
    *out = hub;
    return OK;
}

void http_hub_free(struct http_hub *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; i < ARRAY_LEN(hub->sides); i++) {
        while (!TAILQ_EMPTY(&hub->sides[i].fresh))
            http_free(TAILQ_FIRST(&hub->sides[i].fresh));
        while (!TAILQ_EMPTY(&hub->sides[i].known))
            http_free(TAILQ_FIRST(&hub->sides[i].known));
    }
    event_free(hub->later);
    buf_free(&hub->out);
    free(hub);
}
