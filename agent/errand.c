/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the talks of many keys at once. Which call comes next is the connector's, whether it may
 * be signed is policy's; here is only who may ask when, and whose reply is whose. */
#include "agent/errand.h"

#include "agent/ask.h"
#include "agent/clock.h"
#include "agent/prepare.h"
#include "base/wipe.h"

#include <assert.h>
#include <stdio.h>

#define UNDER_WAY_MAX 64u

struct errands {
    struct courier *c;
    size_t max, n, n_done, n_under_way;
    const struct where *where;
    const struct env *env;
    void (*progress)(void *ctx, size_t n_done, size_t n);
    void *ctx;
    struct errand *list[];
};

/* -- who may ask -- */

static bool is_under_way(const struct errand *r, unsigned call)
{
    return call < r->talk.n_asked && !r->talk.is_answered[call];
}

static bool has_under_way(const struct errand *r, bool only_private)
{
    for (unsigned i = 0; i < r->talk.n_asked; i++)
        if (is_under_way(r, i) && !(only_private && r->classes[i] == CLASS_PUBLIC))
            return true;
    return false;
}

static bool is_same_key(const struct record_info *a, const struct record_info *b)
{
    return memcmp(a->vault_id, b->vault_id, sizeof(a->vault_id)) == 0 &&
           memcmp(a->rec_id, b->rec_id, sizeof(a->rec_id)) == 0;
}

/* Two requests of one key may overtake each other on the way, and the exchange would refuse the
 * lower nonce. */
static bool must_queue(const struct errands *run, const struct errand *r, enum req_class cls)
{
    if (!r->talk.conn->needs_nonce || cls == CLASS_PUBLIC)
        return false;
    for (size_t i = 0; i < run->n; i++)
        if ((run->list[i] == r || is_same_key(run->list[i]->info, r->info)) &&
            has_under_way(run->list[i], true))
            return true;
    return false;
}

/* -- replies come in -- */

static void give_up(struct errand *r, const struct err *why)
{
    r->failed = *why;
    r->is_over = true;
}

static void take_answer(struct errand *r, unsigned call)
{
    const struct answer *a = &r->answers[call];
    struct reply *reply = &r->talk.replies[call];

    *reply = (struct reply){0};
    /* What may have been done is looked after by the talk itself. */
    if (a->refused.code && a->result == WIRE_NOT_SENT && !r->failed.code)
        give_up(r, &a->refused);
    if (a->result == WIRE_REPLIED && a->status != 0)
        answer_reply(a, reply);
    else
        reply->is_unknown = a->result != WIRE_NOT_SENT;
    r->talk.is_answered[call] = true;
    r->is_waiting = false;
}

static int share_clock(const struct errands *run, const struct errand *from, struct err *e)
{
    for (size_t i = 0; i < run->n; i++) {
        struct errand *r = run->list[i];
        if (r->clock_of != from || r->talk.is_answered[0])
            continue;
        if (clock_copy(&r->answers[0], &from->answers[0], e))
            return e->code;
        take_answer(r, 0);
    }
    return OK;
}

/* Takes a over, when it is to something that was asked. */
static int deliver(struct errands *run, struct answer *a, struct err *e)
{
    size_t i = a->id / CALLS_MAX;
    unsigned call = a->id % CALLS_MAX;

    if (i >= run->n || !is_under_way(run->list[i], call) || (call == 0 && run->list[i]->clock_of))
        return OK;
    struct errand *r = run->list[i];
    answer_free(&r->answers[call]);
    r->answers[call] = *a;
    answer_init(a);
    run->n_under_way--;
    take_answer(r, call);
    return clock_is(r, call) ? share_clock(run, r, e) : OK;
}

/* -- requests go out -- */

static int prepare(struct errands *run, const struct errand *r, struct prepared *p,
                   const struct wish *w, struct request *out, struct err *e)
{
    if (p->cls == CLASS_PUBLIC)
        return prepare_unsigned(p, out, e);
    return prepare_sign(p, w, r->info, r->signer, run->where, run->env, out, e);
}

/* About this request, and not about the courier. */
static bool is_own_fault(int rc)
{
    return rc == ERR_LIMIT || rc == ERR_USAGE || rc == ERR_POLICY;
}

/* *is_lost: it is the courier that failed. */
static int sign_and_send(struct errands *run, struct errand *r, uint32_t id, struct prepared *p,
                         const struct wish *w, bool *is_lost, struct err *e)
{
    struct request req;

    request_init(&req);
    int rc = prepare(run, r, p, w, &req, e);
    if (!rc) {
        rc = courier_send(run->c, id, &req, r->info, 0, e);
        *is_lost = rc && !is_own_fault(rc);
    }
    request_free(&req);
    return rc;
}

static int send_call(struct errands *run, size_t i, struct prepared *p, const struct wish *w,
                     struct err *e)
{
    struct errand *r = run->list[i];
    uint32_t id = (uint32_t)(i * CALLS_MAX + r->talk.n_asked);
    bool is_lost = false;
    struct err why;
    int rc;

    if (r->signer) {
        rc = sign_and_send(run, r, id, p, w, &is_lost, &why);
    } else {
        rc = ask_agent(run->c, id, r->info->name, p, &why);
        is_lost = rc && !is_own_fault(rc);
    }
    if (rc && !is_lost) {
        give_up(r, &why);
        return OK;
    }
    if (rc) {
        *e = why;
        return rc;
    }
    run->n_under_way++;
    r->talk.n_asked++;
    return OK;
}

/* Takes the answer that another key's call brings, or has brought. */
static int join_clock(struct errand *r, const struct errand *of, struct err *e)
{
    r->clock_of = of;
    if (of->talk.is_answered[0] && clock_copy(&r->answers[0], &of->answers[0], e))
        return e->code;
    r->talk.n_asked = 1;
    if (of->talk.is_answered[0])
        take_answer(r, 0);
    return OK;
}

/* One call of the talk. *is_queued: it may not go yet, and is asked for again later. */
static int ask(struct errands *run, size_t i, const struct inquiry *q, bool *is_queued,
               struct err *e)
{
    struct errand *r = run->list[i];
    unsigned call = r->talk.n_asked;
    const struct errand *clock = NULL;
    struct prepared p;
    struct wish w;
    struct err why;
    int rc = OK;

    wish_init(&w);
    w.method = bytes_str(q->method);
    w.url = bytes_str(q->url);
    w.body = bytes_str(q->body);
    if (prepare_check(&w, r->info, &p, &why)) {
        give_up(r, &why);
    } else if (must_queue(run, r, p.cls)) {
        *is_queued = true;
    } else {
        r->classes[call] = p.cls;
        r->is_order[call] = p.cls != CLASS_PUBLIC && p.cls != CLASS_READ;
        r->hosts[call] = p.call.base.host;
        if (clock_is(r, call))
            clock = clock_find(run->list, run->n, r);
        rc = clock ? join_clock(r, clock, e) : send_call(run, i, &p, &w, e);
    }
    wish_free(&w);
    return rc;
}

/* As many calls of one talk as may go now. */
static int advance(struct errands *run, size_t i, struct err *e)
{
    struct errand *r = run->list[i];
    bool is_queued = false;

    while (!r->is_over && !r->is_waiting && !is_queued && run->n_under_way < UNDER_WAY_MAX) {
        struct inquiry q = {0};
        enum ask what = ASK_DONE;
        struct err why;
        if (r->talk.n_asked >= CALLS_MAX)
            what = ASK_DONE;
        else if (r->talk.conn->checks->next(&r->talk, &q, &what, &why))
            give_up(r, &why);
        if (r->is_over)
            break;
        if (what == ASK_DONE) {
            r->is_over = true;
        } else if (what == ASK_NOW) {
            if (ask(run, i, &q, &is_queued, e))
                return e->code;
        } else if (has_under_way(r, false)) {
            r->is_waiting = true;
        } else {
            err_set(&why, ERR_FAILED, "the %s connector waits for a reply to nothing",
                    r->talk.conn->name);
            give_up(r, &why);
        }
    }
    return OK;
}

/* -- the end of one -- */

/* Without any answer to a private call, the first call that failed says why. */
static void name_fault(struct errand *r)
{
    unsigned fault = CALLS_MAX;

    for (unsigned i = r->talk.n_asked; i-- > 0;) {
        if (r->talk.replies[i].status == 0)
            fault = i;
        else if (r->classes[i] != CLASS_PUBLIC)
            return;
    }
    if (fault == CALLS_MAX)
        return;
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)r->hosts[fault].n, (const char *)r->hosts[fault].p);
    answer_fault(&r->answers[fault], host, r->is_order[fault], &r->failed);
}

static void finish(struct errand *r)
{
    if (r->failed.code == OK)
        name_fault(r);
    r->is_done = true;
}

static void count_done(struct errands *run)
{
    for (size_t i = 0; i < run->n; i++) {
        struct errand *r = run->list[i];
        if (r->is_done || !r->is_over || has_under_way(r, false))
            continue;
        finish(r);
        run->n_done++;
        if (run->progress)
            run->progress(run->ctx, run->n_done, run->n);
    }
}

/* -- all of them -- */

static int make_tag(const struct env *env, char out[17], struct err *e)
{
    uint8_t v[8];

    if (env->random(env, v, sizeof(v), e))
        return e->code;
    for (size_t i = 0; i < sizeof(v); i++)
        snprintf(out + 2 * i, 3, "%02x", v[i]);
    return OK;
}

int errands_begin(struct courier *c, size_t max, const struct where *where, const struct env *env,
                  struct errands **out, struct err *e)
{
    struct errands *run = wipe_malloc(sizeof(*run) + max * sizeof(struct errand *));

    if (!run)
        return err_set(e, ERR_MEMORY, "no memory to ask exchanges");
    *run = (struct errands){.c = c, .max = max, .where = where, .env = env};
    *out = run;
    return OK;
}

void errands_freep(struct errands **run)
{
    wipe_free(*run);
    *run = NULL;
}

int errands_add(struct errands *run, struct errand *r, struct err *e)
{
    assert(run->n < run->max);
    if (r->talk.purpose == PURPOSE_TRADE && !r->tag[0] && make_tag(run->env, r->tag, e))
        return e->code;
    run->list[run->n++] = r;
    run->n_done += r->is_done;
    return advance(run, run->n - 1, e);
}

/* The courier is gone, and with it the replies. */
static int lost(const struct errands *run, struct err *e)
{
    for (size_t i = 0; i < run->n; i++)
        for (unsigned k = 0; k < run->list[i]->talk.n_asked; k++)
            if (is_under_way(run->list[i], k) && run->list[i]->is_order[k])
                return err_hint(e, "an order may have been placed: look at the open orders of '%s'",
                                run->list[i]->info->name);
    return e->code;
}

static int next_answer(struct errands *run, struct err *e)
{
    struct answer a;
    int rc;

    answer_init(&a);
    if (courier_wait(run->c, &a, e))
        rc = lost(run, e);
    else
        rc = deliver(run, &a, e);
    answer_free(&a);
    return rc;
}

int errands_end(struct errands *run, void (*progress)(void *ctx, size_t n_done, size_t n),
                void *ctx, struct err *e)
{
    run->progress = progress;
    run->ctx = ctx;
    if (progress && run->n_done > 0)
        progress(ctx, run->n_done, run->n);
    for (;;) {
        for (size_t i = 0; i < run->n; i++)
            if (advance(run, i, e))
                return e->code;
        count_done(run);
        if (run->n_done == run->n)
            return OK;
        if (next_answer(run, e))
            return e->code;
    }
}

int errands_run(struct courier *c, struct errand *const *list, size_t n, const struct where *where,
                const struct env *env, void (*progress)(void *ctx, size_t n_done, size_t n),
                void *ctx, struct err *e)
{
    AUTO(errands_freep) struct errands *run = NULL;

    if (errands_begin(c, n, where, env, &run, e))
        return e->code;
    for (size_t i = 0; i < n; i++)
        if (errands_add(run, list[i], e))
            return e->code;
    return errands_end(run, progress, ctx, e);
}
