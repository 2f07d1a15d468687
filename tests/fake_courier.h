/* SPDX-License-Identifier: Apache-2.0 */
/* A courier without a process behind it: keeps what it is handed, answers by a table. For one file
 * of a test, which then links in the place of agent/courier.c and ask.c what is defined here. */
#ifndef TESTS_FAKE_COURIER_H
#define TESTS_FAKE_COURIER_H

#include "agent/ask.h"
#include "base/text.h"
#include "tests/harness.h"
#include "tests/has_header.h"

#include <stdio.h>

#define SENT_MAX 512u

/* The answer to every url that holds this text; the first that fits. Without one: 200 "good". */
struct scripted {
    const char *url;
    unsigned status; /* 0: no reply, but result and fault */
    const char *body;
    enum wire_result result;
    enum wire_fault fault;
};

struct sent {
    uint32_t id;
    bool is_signed; /* it carries a key */
    bool is_asked;  /* of the agent */
    bool is_answered;
    char method[8], url[512], body[512];
    char name[NAME_MAX_LEN + 1]; /* of the record */
};

struct courier {
    const struct scripted *script; /* ends with url NULL */
    struct sent sent[SENT_MAX];
    size_t n_sent, n_answered, most_open;
    size_t n_before_wait;  /* how many were sent when the first answer was asked for */
    bool is_backwards;     /* the last asked is the first answered */
    bool has_strays;       /* an answer to nothing comes before each */
    size_t gone_after;     /* so many answers, then coffer-net is gone; 0: never */
    enum err_code refuses; /* what courier_send fails with, for the record "refused" */
    const char *no_to;     /* the agent refuses what has this in its url; NULL: nothing */
};

void answer_init(struct answer *a)
{
    *a = (struct answer){.frame = BUF_INIT(WIRE_FRAME_MAX)};
}

void answer_free(struct answer *a)
{
    buf_free(&a->frame);
    answer_init(a);
}

void answer_reply(const struct answer *a, struct reply *out)
{
    *out = (struct reply){
        .status = a->status,
        .headers = a->headers,
        .n_headers = a->n_headers,
        .body = a->body,
        .sent_us = a->sent_us,
        .answered_us = a->answered_us,
    };
}

int answer_fault(const struct answer *a, const char *host, bool is_order, struct err *e)
{
    return err_set(e, ERR_FAILED, "fault %d at %s%s", (int)a->fault, host,
                   is_order ? ", an order" : "");
}

static inline void keep(char *out, size_t cap, const struct buf *b)
{
    snprintf(out, cap, "%s", buf_str(b));
}

int courier_send(struct courier *c, uint32_t id, const struct request *r,
                 const struct record_info *rec, unsigned timeout_ms, struct err *e)
{
    struct sent *s = &c->sent[c->n_sent];

    if (strcmp(rec->name, "refused") == 0 && c->refuses)
        return err_set(e, c->refuses, "not taken");
    if (c->n_sent == SENT_MAX)
        return err_set(e, ERR_FAILED, "more than the test has room for");
    EQ_INT(timeout_ms, 0);
    for (size_t i = 0; i < c->n_sent; i++)
        CHECK(c->sent[i].id != id);
    c->n_sent++;
    *s = (struct sent){.id = id};
    keep(s->method, sizeof(s->method), &r->method);
    keep(s->url, sizeof(s->url), &r->url);
    keep(s->body, sizeof(s->body), &r->body);
    s->is_signed = has_header(r, "X-MBX-APIKEY") || has_header(r, "API-Key");
    snprintf(s->name, sizeof(s->name), "%s", rec->name);
    if (c->n_sent - c->n_answered > c->most_open)
        c->most_open = c->n_sent - c->n_answered;
    return OK;
}

int ask_agent(struct courier *c, uint32_t id, const char *record, const struct prepared *p,
              struct err *e)
{
    struct record_info rec = {.version = 0};
    struct request r;

    request_init(&r);
    snprintf(rec.name, sizeof(rec.name), "%s", record);
    int rc = prepare_unsigned(p, &r, e);
    if (!rc)
        rc = courier_send(c, id, &r, &rec, 0, e);
    request_free(&r);
    if (!rc)
        c->sent[c->n_sent - 1].is_asked = true;
    return rc;
}

static inline struct sent *next_open(struct courier *c)
{
    for (size_t i = 0; i < c->n_sent; i++) {
        struct sent *s = &c->sent[c->is_backwards ? c->n_sent - 1 - i : i];
        if (!s->is_answered)
            return s;
    }
    return NULL;
}

static inline const struct scripted *line_for(const struct courier *c, const char *url)
{
    static const struct scripted good = {"", 200, "good", WIRE_REPLIED, FAULT_NONE};

    for (const struct scripted *s = c->script; s && s->url; s++)
        if (strstr(url, s->url))
            return s;
    return &good;
}

static inline void write_answer(struct answer *a, uint32_t id, const struct scripted *line)
{
    answer_free(a);
    a->id = id;
    a->result = line->result;
    a->fault = line->fault;
    a->status = line->status;
    a->sent_us = 1000000;
    a->answered_us = 1100000;
    buf_addf(&a->frame, "frame|X-Id|%u|%s", id, line->body ? line->body : "");
    struct bytes all = buf_bytes(&a->frame), head, name, value, body;
    text_cut(all, '|', &head, &name);
    text_cut(name, '|', &name, &value);
    text_cut(value, '|', &value, &body);
    a->headers[0] = (struct header){name, value};
    a->n_headers = 1;
    a->body = body;
}

int courier_wait(struct courier *c, struct answer *a, struct err *e)
{
    static const struct scripted stray = {"", 200, "stray", WIRE_REPLIED, FAULT_NONE};
    struct sent *s = next_open(c);

    if (c->n_answered == 0)
        c->n_before_wait = c->n_sent;
    if (!s || (c->gone_after && c->n_answered == c->gone_after))
        return err_set(e, ERR_FAILED, s ? "coffer-net is gone" : "waited for nothing");
    if (c->has_strays) {
        write_answer(a, 0xffffffff, &stray);
        c->has_strays = false;
        return OK;
    }
    s->is_answered = true;
    c->n_answered++;
    write_answer(a, s->id, line_for(c, s->url));
    if (!c->no_to || !strstr(s->url, c->no_to))
        return OK;
    a->status = 0;
    a->result = WIRE_NOT_SENT;
    err_set(&a->refused, ERR_POLICY, "the agent says no");
    return OK;
}

/* Of those sent, how many urls hold the text. */
static inline size_t sent_count(const struct courier *c, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_sent; i++)
        n += strstr(c->sent[i].url, text) != NULL;
    return n;
}

#endif
