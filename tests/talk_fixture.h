/* SPDX-License-Identifier: Apache-2.0 */
/* Talks with an exchange whose replies a test writes itself: for the tests of struct checks. */
#ifndef TESTS_TALK_FIXTURE_H
#define TESTS_TALK_FIXTURE_H

#include "connectors/checks.h"
#include "connectors/target.h"
#include "tests/harness.h"

#include <stdio.h>

#define TALK_NOW_MS 1763812800000u /* 2025-11-22 12:00 UTC */

static inline struct talk talk_with(const struct connector *conn, enum purpose p,
                                    enum environment env)
{
    return (struct talk){.conn = conn, .purpose = p, .env = env, .tag = "0123456789abcdef"};
}

/* The reply to call number i; body is borrowed. */
static inline void talk_put(struct talk *t, unsigned i, unsigned status, const char *body)
{
    t->replies[i] = (struct reply){.status = status,
                                   .body = bytes_str(body),
                                   .sent_us = TALK_NOW_MS * 1000,
                                   .answered_us = TALK_NOW_MS * 1000 + 50000};
    t->is_answered[i] = true;
    if (t->n_asked <= i)
        t->n_asked = i + 1;
}

/* Call number i got no reply. */
static inline void talk_lose(struct talk *t, unsigned i, bool is_unknown)
{
    talk_put(t, i, 0, "");
    t->replies[i].is_unknown = is_unknown;
}

/* The class of what is asked, by the way that every request goes; CLASS_UNKNOWN when it does not
 * pass. */
static inline enum req_class talk_class(const struct talk *t, const struct inquiry *q)
{
    struct call c = {.conn = t->conn,
                     .env = t->env,
                     .region = t->region,
                     .method = bytes_str(q->method),
                     .body = bytes_str(q->body)};
    struct err e;
    if (target_check_method(c.method, &e) || target_parse(bytes_str(q->url), false, &c, &e)) {
        printf("# %s\n", e.msg);
        return CLASS_UNKNOWN;
    }
    return connector_classify(&c);
}

/* Asks for the next call and counts it. "GET /path body", "wait", "done" or "error". */
static inline const char *talk_next(struct talk *t, enum req_class *cls)
{
    static char text[2200];
    struct inquiry q;
    enum ask ask;
    struct err e;
    *cls = CLASS_UNKNOWN;
    if (t->conn->checks->next(t, &q, &ask, &e))
        return "error";
    if (ask != ASK_NOW)
        return ask == ASK_WAIT ? "wait" : "done";
    *cls = talk_class(t, &q);
    t->n_asked++;
    snprintf(text, sizeof(text), "%s %s%s%s", q.method, q.url, q.body[0] ? " " : "", q.body);
    return text;
}

static inline const struct finding *talk_finding(const struct verdict *v, enum problem p)
{
    for (size_t i = 0; i < v->n_findings; i++)
        if (v->findings[i].problem == p)
            return &v->findings[i];
    return NULL;
}

/* The problems found, one bit each. */
static inline unsigned talk_problems(const struct verdict *v)
{
    unsigned bits = 0;
    for (size_t i = 0; i < v->n_findings; i++)
        bits |= 1u << v->findings[i].problem;
    return bits;
}

static inline enum failure_kind talk_explain(const struct connector *conn, unsigned status,
                                             const char *body, struct failure *f)
{
    struct talk t = {.conn = conn};
    talk_put(&t, 0, status, body);
    conn->checks->explain(&t.replies[0], f);
    return f->kind;
}

#endif
