/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a desk_room.h, and what was answered, in order. Included once, by a test. */
#ifndef TESTS_DESK_ASKS_H
#define TESTS_DESK_ASKS_H

#include "tests/desk_room.h"

#define MANY 400u

/* What was answered, in order. */
struct answer_seen {
    uint64_t id;
    struct err err;
    char url[400], body[400];
    bool is_order;
};
static struct answer_seen seen[MANY];
static size_t n_seen;
static unsigned n_done_by_itself; /* ends each at once when it is answered */

static inline void decided(void *ctx, struct decision *d)
{
    struct answer_seen *s = &seen[n_seen++ % MANY];

    CHECK(ctx == &room);
    *s = (struct answer_seen){.id = d->id, .is_order = d->is_order};
    s->err.code = d->err.code;
    if (d->err.code != OK) {
        s->err = d->err;
        CHECK(!d->request && !d->prepared);
    } else {
        CHECK(d->info && d->prepared);
        snprintf(s->url, sizeof(s->url), "%s", buf_str(&d->request->url));
        snprintf(s->body, sizeof(s->body), "%s", buf_str(&d->request->body));
    }
    if (n_done_by_itself && d->err.code == OK)
        desk_done(&room.agent, d->id, 200, false);
}

static const struct asker bot = {.way = ASKER_PROXY, .uid = 1000, .pid = 42, .client = "mm1"};

static inline uint64_t ask_way(enum desk_way way, const char *record, const char *method,
                               const char *url, const char *body)
{
    char text[2000];
    struct err e;
    struct wish w;

    /* What is borrowed is gone by the time of the decision. */
    wish_init(&w);
    snprintf(text, sizeof(text), "%s%s%s", method, url, body);
    w.method = bytes_of(text, strlen(method));
    w.url = bytes_of(text + strlen(method), strlen(url));
    w.body = bytes_of(text + strlen(method) + strlen(url), strlen(body));
    uint64_t id = desk_ask(&room.agent, way, &bot, record, &w, decided, &room, &e);
    memset(text, 'x', sizeof(text));
    memset(&w, 'x', sizeof(w));
    return id;
}

static inline uint64_t ask(const char *record, const char *method, const char *url,
                           const char *body)
{
    return ask_way(DESK_SEND, record, method, url, body);
}

static inline void begin(void)
{
    n_seen = 0;
    n_done_by_itself = 0;
    room_begin();
}

static inline bool answered(size_t i, uint64_t id, int code)
{
    return harness_ok(i < n_seen && seen[i].id == id && (int)seen[i].err.code == code, __FILE__,
                      __LINE__, "answer %zu of %zu: %d %s", i, n_seen,
                      i < n_seen ? (int)seen[i].err.code : 0, i < n_seen ? seen[i].err.msg : "");
}

#endif
