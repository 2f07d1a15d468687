/* SPDX-License-Identifier: Apache-2.0 */
/* Talks for the tests of connectors that read replies: made up answers, and the next call that they
 * lead to. */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include "connectors/checks.h"
#include "connectors/guide.h"
#include "connectors/target.h"
#include "tests/harness.h"

#define TALK_NOW_MS 1780000000000u
#define TALK_TAG "0123456789abcdef"

static inline struct reply reply_of(unsigned status, const char *body)
{
    return (struct reply){.status = status,
                          .body = bytes_str(body),
                          .sent_us = TALK_NOW_MS * 1000,
                          .answered_us = TALK_NOW_MS * 1000 + 5000};
}

static inline void answer(struct talk *t, unsigned status, const char *body)
{
    t->replies[t->n_asked] = reply_of(status, body);
    t->is_answered[t->n_asked++] = true;
}

static inline void no_answer(struct talk *t, bool is_unknown)
{
    t->replies[t->n_asked] = (struct reply){.is_unknown = is_unknown};
    t->is_answered[t->n_asked++] = true;
}

static inline unsigned problems_of(const struct verdict *v)
{
    unsigned bits = 0;

    for (size_t i = 0; i < v->n_findings; i++)
        bits |= 1u << v->findings[i].problem;
    return bits;
}
#define BIT(p) (1u << PROBLEM_##p)

/* Of a url that passes the check of every request. */
static inline enum req_class class_of(const struct talk *t, const struct inquiry *q)
{
    struct call c = {.conn = t->conn, .env = t->env, .region = t->region};
    struct err e = {.msg = ""};

    if (!OK_CALL(target_parse(bytes_str(q->url), false, &c, &e), &e))
        return CLASS_UNKNOWN;
    c.method = bytes_str(q->method);
    c.body = bytes_str(q->body);
    return connector_classify(&c);
}

/* The next call, which must be asked now and be of that class. */
static inline void next_is(const struct talk *t, enum req_class cls, const char *url,
                           const char *body)
{
    struct inquiry q = {.method = ""};
    enum ask ask = ASK_DONE;
    struct err e = {.msg = ""};

    OK_CALL(t->conn->checks->next(t, &q, &ask, &e), &e);
    EQ_INT(ask, ASK_NOW);
    EQ_STR(q.url, url);
    EQ_STR(q.body, body);
    if (ask == ASK_NOW)
        EQ_INT(class_of(t, &q), cls);
}

static inline void then_is(const struct talk *t, enum ask want)
{
    struct inquiry q;
    enum ask ask = ASK_NOW;
    struct err e = {.msg = ""};

    OK_CALL(t->conn->checks->next(t, &q, &ask, &e), &e);
    EQ_INT(ask, want);
}

static inline void lines_are_whole(const char *const *list)
{
    CHECK(list && list[0]);
    for (; list && *list; list++)
        CHECK(strlen(*list) > 3 && !strchr(*list, '\n'));
}

/* Every function and text is there. */
static inline void checks_are_whole(const struct checks *c)
{
    const struct guide *g = c->guide;

    CHECK(c->next && c->server_time && c->judge && c->balance && c->trade && c->explain);
    CHECK(c->no_withdraw && c->no_transfer && c->bind_ip && c->symbol && c->delete_at);
    CHECK(g->where && g->ip && g->own_key && g->life && g->limits && g->hummingbot && g->checked);
    lines_are_whole(g->before);
    lines_are_whole(g->steps);
    lines_are_whole(g->tick);
    lines_are_whole(g->never);
    lines_are_whole(g->you_get);
    lines_are_whole(g->traps);
}

#endif
