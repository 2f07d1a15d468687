/* SPDX-License-Identifier: Apache-2.0 */
/* The channel to the agent's core, the limit of time, and what is left for the end of a turn of the
 * loop: so that all that is said to the agent in one turn goes out in one write. */
#include "net/gate.h"

#include "base/wipe.h"
#include "net/work.h"

/* What became of a request waits so long for a question to go along with, when the agent has no
 * question that could depend on it: each message alone wakes the agent. So long, too, requests that
 * were on the stack may lie there: it is not wiped for each. */
#define HOLD_MS 20
#define HOLD_BYTES 2048u
#define RUSH 32u    /* jobs at once */
#define LATER_MS 5u /* so that the clock does not come just before the time */

static void on_turn(evutil_socket_t fd, short what, void *arg);
static void on_clock(evutil_socket_t fd, short what, void *arg);
static void on_hold(evutil_socket_t fd, short what, void *arg);

int gate_new(struct event_base *loop, const struct proxy *proxy, const struct env *env,
             struct gate **out, struct err *e)
{
    struct gate *g = wipe_malloc(sizeof(*g));

    if (!g)
        return err_set(e, ERR_MEMORY, "out of memory");
    memset(g, 0, sizeof(*g));
    g->loop = loop;
    g->env = env;
    g->out = (struct buf)BUF_INIT(2 * AGENT_OUT_MAX);
    g->turn = event_new(loop, -1, 0, on_turn, g);
    g->clock = event_new(loop, -1, 0, on_clock, g);
    g->hold = event_new(loop, -1, 0, on_hold, g);
    if (!g->turn || !g->clock || !g->hold)
        err_set(e, ERR_MEMORY, "out of memory");
    else if (!env->random(env, (uint8_t *)&g->share_seed, sizeof(g->share_seed), e) &&
             !sessions_new(env, &g->sessions, e) &&
             !upstream_new(loop, proxy, env, &job_upstream_calls, &g->upstream, e)) {
        *out = g;
        return OK;
    }
    gate_free(g);
    return e->code;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    gate_frames_close(g);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &g->jobs[i];
        if (j->state == JOB_SENDING) {
            upstream_cancel(g->upstream, j->t);
            upstream_give(g->upstream, j->t);
        }
        wipe_free(j->doom);
        buf_free(&j->reply);
        buf_free(&j->record);
    }
    stream_free(g->agent);
    upstream_free(g->upstream);
    sessions_free(g->sessions);
    buf_free(&g->out);
    if (g->turn)
        event_free(g->turn);
    if (g->clock)
        event_free(g->clock);
    if (g->hold)
        event_free(g->hold);
    wipe_free(g);
}

void gate_turn(struct gate *g)
{
    if (!g->is_turning)
        event_active(g->turn, EV_TIMEOUT, 0);
    g->is_turning = true;
}

/* -- time -- */

static void set_clock(struct gate *g)
{
    uint64_t now = ticks_ms(), end = g->first->begun_ms + JOB_TOTAL_MS;
    uint64_t in = (end > now ? end - now : 0) + LATER_MS;
    struct timeval t = {(time_t)(in / 1000), (suseconds_t)(in % 1000 * 1000)};

    g->has_clock = event_add(g->clock, &t) == 0;
}

/* One timer for all, set once in a while: they have the same limit. */
static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = arg;
    uint64_t now = ticks_ms();

    (void)fd, (void)what;
    g->has_clock = false;
    while (g->first && job_is_late(g->first, now))
        job_expired(g->first);
    if (g->first && !g->has_clock)
        set_clock(g);
}

/* -- the agent -- */

static void drop_agent(struct gate *g)
{
    stream_free(g->agent);
    g->agent = NULL;
    g->channel++;
    buf_reset(&g->out);
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (g->jobs[i].state == JOB_ASKED)
            job_unanswered(&g->jobs[i]);
}

/* false: what came is no answer. */
static bool take_permit(struct gate *g, struct bytes frame)
{
    struct wire_permit p;
    struct err e;

    if (wire_get_permit(frame, &p, &e))
        return false;
    struct job *j = job_find(g, p.request.id);
    if (j && j->state == JOB_ASKED)
        job_permitted(j, frame, &p);
    else if (!j) { /* its time is over, or its client gone */
        const struct job gone = {.id = p.request.id, .channel = g->channel};
        const struct wire_done d = {
            .id = gone.id, .result = WIRE_NOT_SENT, .fault = FAULT_TIMEOUT_CONNECT};
        gate_done(g, &gone, &d);
    }
    return true;
}

static bool take_refusal(struct gate *g, struct bytes frame)
{
    struct wire_refusal r;
    struct err e;

    if (wire_get_refusal(frame, &r, &e))
        return false;
    struct job *j = job_find(g, r.id);
    if (j && j->state == JOB_ASKED)
        job_refused(j, &r);
    return true;
}

static bool take_frame(struct gate *g, struct bytes frame)
{
    switch (wire_kind(frame)) {
    case WIRE_PERMIT:
        return take_permit(g, frame);
    case WIRE_REFUSAL:
        return take_refusal(g, frame);
    default:
        return false;
    }
}

static void on_agent_input(void *arg, struct stream *s)
{
    struct gate *g = arg;
    struct bytes in = stream_in(s);
    size_t at = 0, n = 0;
    bool ok = true;
    struct err e;

    while (ok && at < in.n) {
        ok = wire_frame(bytes_of(in.p + at, in.n - at), &n, &e) == OK;
        if (!ok || n == 0)
            break;
        ok = take_frame(g, bytes_of(in.p + at, n));
        at += n;
    }
    if (ok)
        stream_took(s, at);
    else
        drop_agent(g);
}

static void on_agent_ended(void *arg, struct stream *s)
{
    (void)s;
    drop_agent(arg);
}

void gate_agent(struct gate *g, int fd)
{
    static const struct stream_calls calls = {.input = on_agent_input, .ended = on_agent_ended};
    static const struct stream_limits limits = {.in = 2 * WIRE_FRAME_MAX, .out = 2 * AGENT_OUT_MAX};
    struct err e;

    drop_agent(g);
    if (fd >= 0 && stream_new(g->loop, fd, &limits, &calls, g, &g->agent, &e))
        g->agent = NULL;
}

void gate_done(struct gate *g, const struct job *j, const struct wire_done *d)
{
    struct err e;

    if (!g->agent || j->channel != g->channel)
        return; /* who permitted it is gone */
    g->is_held = g->is_held || g->out.n == 0;
    if (wire_put_done(&g->out, d, &e))
        return;
    gate_turn(g);
}

/* -- the end of a turn -- */

/* What must not be done from within somebody's call. Calls of ours may begin more. */
static void scan(struct gate *g)
{
    g->wants_scan = false;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &g->jobs[i];
        if (j->state == JOB_DOOMED) {
            job_doomed(j);
        } else if (j->state == JOB_SENDING && j->wants_cancel) {
            job_cancelled(j);
        } else if (j->state == JOB_SENDING && j->wants_resume) {
            j->wants_resume = false;
            (void)curl_easy_pause(j->t->easy, CURLPAUSE_CONT);
        }
    }
}

static void tell_agent(struct gate *g)
{
    struct err e;

    g->is_held = false;
    if (g->out.n == 0 || !g->agent)
        return;
    if (g->out.failed || stream_put(g->agent, buf_bytes(&g->out), &e)) {
        drop_agent(g);
        return;
    }
    if (g->out.cap > 65536)
        buf_free(&g->out);
    else
        buf_reset(&g->out);
}

static void wipe(struct gate *g)
{
    if (g->wants_wipe)
        wipe_stack(); /* requests passed over it on their way to OpenSSL */
    g->wants_wipe = false;
}

/* Armed once in a while, not for each. */
static void on_hold(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = arg;

    (void)fd, (void)what;
    g->has_hold = false;
    tell_agent(g);
    wipe(g);
}

static bool hold(struct gate *g)
{
    const struct timeval t = {0, HOLD_MS * 1000};

    g->has_hold = g->has_hold || event_add(g->hold, &t) == 0;
    return g->has_hold;
}

static bool can_wait(struct gate *g)
{
    return g->is_held && g->n_asked == 0 && g->out.n < HOLD_BYTES && hold(g);
}

/* What a rush left free between what lives on. */
static void give_back(struct gate *g)
{
    wipe_give_back();
    g->n_peak = 0;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = arg;

    (void)fd, (void)what;
    g->is_turning = false;
    if (g->wants_scan)
        scan(g);
    if (!can_wait(g))
        tell_agent(g);
    if (g->first && !g->has_clock)
        set_clock(g);
    if (g->wants_wipe && !hold(g))
        wipe(g);
    if (g->n_jobs == 0 && g->n_peak > RUSH)
        give_back(g);
}
