/* SPDX-License-Identifier: Apache-2.0 */
/* A job from its beginning to the moment at which libcurl has it. How it ends: net/finish.c. */
#include "net/job.h"

#include "base/wipe.h"
#include "net/work.h"

struct job *job_find(struct gate *g, uint32_t id)
{
    struct job *j = &g->jobs[id & (JOBS_MAX - 1)];

    return j->state != JOB_NONE && j->id == id ? j : NULL;
}

bool job_is_late(const struct job *j, uint64_t now_ms)
{
    return now_ms - j->begun_ms >= JOB_TOTAL_MS;
}

void job_become(struct job *j, enum job_state state)
{
    if (j->state == JOB_ASKED)
        j->gate->n_asked--;
    j->state = state;
    if (state == JOB_ASKED)
        j->gate->n_asked++;
}

static struct job *free_slot(struct gate *g)
{
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        uint32_t slot = (g->n_begun + i) % JOBS_MAX;
        if (g->jobs[slot].state == JOB_NONE)
            return &g->jobs[slot];
    }
    return NULL;
}

static void enlist(struct gate *g, struct job *j, const struct job_calls *calls, void *ctx)
{
    uint32_t slot = (uint32_t)(j - g->jobs);

    *j = (struct job){.gate = g,
                      .id = ++g->n_begun << SLOT_BITS | slot,
                      .channel = g->channel,
                      .begun_ms = ticks_ms(),
                      .before = g->last,
                      .calls = calls,
                      .ctx = ctx,
                      .reply = BUF_INIT(SESSION_REPLY_MAX),
                      .record = BUF_INIT(RECORD_NAME_MAX)};
    *(g->last ? &g->last->after : &g->first) = j;
    g->last = j;
    if (++g->n_jobs > g->n_peak)
        g->n_peak = g->n_jobs;
    job_become(j, JOB_ASKED);
}

/* -- the question -- */

static size_t size_of(const struct wire_ask *a)
{
    size_t n = a->url.n + a->body.n + a->record.n + a->bearer.n + 1024;

    for (uint32_t i = 0; i < a->n_headers; i++)
        n += a->headers[i].name.n + a->headers[i].value.n + 8;
    return n;
}

/* The url's query; before it nothing is replaced. */
static int unmask_url(struct gate *g, struct wire_ask *a, struct buf *url, struct err *e)
{
    const uint8_t *mark = memchr(a->url.p, '?', a->url.n);
    size_t n = mark ? (size_t)(mark - a->url.p) + 1 : a->url.n;

    buf_add(url, bytes_of(a->url.p, n));
    if (sessions_unmask(g->sessions, a->record, bytes_of(a->url.p + n, a->url.n - n), ticks_ms(),
                        url, e))
        return e->code;
    a->url = buf_bytes(url);
    return OK;
}

static int put_unmasked(struct gate *g, struct wire_ask *a, struct err *e)
{
    AUTO_BUF url = BUF_INIT(WIRE_BODY_MAX);
    AUTO_BUF body = BUF_INIT(WIRE_BODY_MAX);

    if (unmask_url(g, a, &url, e) ||
        sessions_unmask(g->sessions, a->record, a->body, ticks_ms(), &body, e))
        return e->code;
    a->body = buf_bytes(&body);
    return wire_put_ask(&g->out, a, e);
}

int job_ask(struct job *j, const struct wire_ask *ask, struct err *e)
{
    struct gate *g = j->gate;
    struct wire_ask a = *ask;

    a.id = j->id;
    j->has_token =
        sessions_are_for(a.method, a.url) && (sessions_are_in(a.url) || sessions_are_in(a.body));
    if (j->has_token)
        return put_unmasked(g, &a, e);
    return wire_put_ask(&g->out, &a, e);
}

static void doom(struct job *j, const struct err *e)
{
    job_become(j, JOB_DOOMED);
    j->gate->wants_scan = true;
    if (!e)
        return;
    j->doom = wipe_malloc(sizeof(*j->doom));
    if (j->doom)
        *j->doom = *e;
}

struct job *job_begin(struct gate *g, const struct wire_ask *ask, const struct job_calls *calls,
                      void *ctx, struct err *e)
{
    size_t size = size_of(ask);
    uint64_t asker = share_asker(g, ask), client = share_client(g, ask, asker);
    struct job *j = share_is_left(g, client, size) ? free_slot(g) : NULL;

    if (!j) {
        err_set(e, ERR_LIMIT, "too many requests are under way");
        return NULL;
    }
    enlist(g, j, calls, ctx);
    buf_add(&j->record, ask->record);
    j->asker = asker;
    j->client = client;
    j->size = size;
    g->size += size;
    if (!g->agent)
        doom(j, NULL);
    else if (job_ask(j, ask, e))
        doom(j, e);
    gate_turn(g);
    return j;
}

/* -- the answer -- */

void job_refused(struct job *j, const struct wire_refusal *r)
{
    job_fail(j, r->status, &r->err, WIRE_NOT_SENT, FAULT_NONE);
}

static void unsent(struct job *j, enum wire_fault fault)
{
    const struct wire_done d = {.id = j->id, .result = WIRE_NOT_SENT, .fault = (uint8_t)fault};

    gate_done(j->gate, j, &d);
}

static bool load(struct job *j, struct bytes frame, const struct wire_permit *p, uint64_t left_ms)
{
    struct upstream *u = j->gate->upstream;
    struct err e;

    j->t = upstream_take(u, &p->request);
    if (!j->t)
        return false;
    if (transfer_load(j->t, frame, p, &e)) {
        upstream_give(u, j->t);
        j->t = NULL;
        return false;
    }
    j->t->owner = j;
    /* what is read here must not be compressed */
    j->t->keeps_encoding = j->t->session_token.n == 0 && !j->has_token;
    if (j->t->q.timeout_ms > left_ms)
        j->t->q.timeout_ms = (uint32_t)left_ms;
    return true;
}

void job_permitted(struct job *j, struct bytes frame, const struct wire_permit *p)
{
    uint64_t now = ticks_ms(), end = j->begun_ms + JOB_TOTAL_MS;
    struct err e;

    share_prove(j->gate, j->asker);
    if (now + LEFT_MIN_MS > end) {
        unsent(j, FAULT_TIMEOUT_CONNECT);
        err_set(&e, ERR_FAILED, "the agent's answer came too late: nothing was sent");
        job_fail(j, 503, &e, WIRE_NOT_SENT, FAULT_NONE);
        return;
    }
    if (!load(j, frame, p, end - now)) {
        unsent(j, FAULT_INTERNAL);
        err_set(&e, ERR_MEMORY, "out of memory: nothing was sent");
        job_fail(j, 503, &e, WIRE_NOT_SENT, FAULT_NONE);
        return;
    }
    job_become(j, JOB_SENDING);
    if (!upstream_begin(j->gate->upstream, j->t))
        job_sent(j, CURLE_FAILED_INIT);
}

/* -- the client's side -- */

void job_abandon(struct job *j)
{
    j->calls = NULL;
    if (j->state == JOB_ASKED) {
        unsent(j, FAULT_CLOSED);
        j->gate->is_held = false; /* a person may be asked to touch a token for it */
        job_fail(j, 0, NULL, WIRE_NOT_SENT, FAULT_CLOSED);
        return;
    }
    if (j->state != JOB_SENDING)
        return;
    if (j->t->n_sent == 0 || j->t->is_get) {
        j->t->is_cancelled = true;
        j->wants_cancel = true;
    } else {
        j->wants_resume = true;
    }
    j->gate->wants_scan = true;
    gate_turn(j->gate);
}

void job_pause(struct job *j, bool is_paused)
{
    if (j->state != JOB_SENDING || j->wants_cancel)
        return;
    j->wants_resume = !is_paused;
    if (is_paused) {
        (void)curl_easy_pause(j->t->easy, CURLPAUSE_RECV);
        return;
    }
    j->gate->wants_scan = true;
    gate_turn(j->gate);
}

void job_times(const struct job *j, uint64_t *sent_us, uint64_t *answered_us)
{
    *sent_us = j->t ? j->t->sent_us : 0;
    *answered_us = j->t ? j->t->answered_us : 0;
}

const char *job_detail(const struct job *j)
{
    return j->detail ? j->detail : "";
}
