/* SPDX-License-Identifier: Apache-2.0 */
/* A reply on its way to the client, and how a job ends: what the client is told, and what the
 * agent. In doubt it was sent. */
#include "base/text.h"
#include "base/wipe.h"
#include "net/work.h"

#define LENGTH_MAX (UINT64_MAX - 1)

/* -- the reply as it comes, from within libcurl -- */

/* Those of one connection only. */
static bool is_hop_by_hop(struct bytes name)
{
    const struct bytes names[] = {
        BYTES_LIT("connection"),        BYTES_LIT("keep-alive"), BYTES_LIT("proxy-connection"),
        BYTES_LIT("transfer-encoding"), BYTES_LIT("te"),         BYTES_LIT("trailer"),
        BYTES_LIT("upgrade"),           BYTES_LIT("proxy-authenticate")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name.n == names[i].n && text_eq_nocase(name, names[i]))
            return true;
    return false;
}

struct reply_head {
    struct wire_header h[WIRE_HEADERS_MAX];
    size_t n;
    struct bytes connection[WIRE_HEADERS_MAX]; /* every header of that name */
    size_t n_connection;
    uint64_t length;
    bool has_length, is_coded, is_bad;
};

static bool is_of_connection(const struct reply_head *r, struct bytes name)
{
    for (size_t i = 0; i < r->n_connection; i++)
        if (text_in_list(r->connection[i], name))
            return true;
    return false;
}

static void look_at(struct reply_head *r, struct wire_header h)
{
    uint64_t n;

    if (text_eq_nocase(h.name, BYTES_LIT("transfer-encoding")))
        r->is_coded = true;
    if (text_eq_nocase(h.name, BYTES_LIT("connection")))
        r->connection[r->n_connection++] = h.value;
    if (!text_eq_nocase(h.name, BYTES_LIT("content-length")))
        return;
    if (!text_u64(h.value, LENGTH_MAX, &n) || (r->has_length && r->length != n))
        r->is_bad = true;
    else
        r->length = n;
    r->has_length = true;
}

/* without_length: the body will have another. */
static void read_head(const struct transfer *t, bool without_length, struct reply_head *r)
{
    r->n = r->n_connection = 0;
    r->has_length = r->is_coded = r->is_bad = false;
    for (uint32_t i = 0; i < t->n_spans; i++)
        look_at(r, transfer_header(t, i));
    bool keeps_length = r->has_length && !r->is_coded && !without_length, has_it = false;
    for (uint32_t i = 0; i < t->n_spans; i++) {
        struct wire_header h = transfer_header(t, i);
        bool is_length = text_eq_nocase(h.name, BYTES_LIT("content-length"));
        if (is_hop_by_hop(h.name) || is_of_connection(r, h.name) ||
            (is_length && (!keeps_length || has_it)))
            continue;
        has_it = has_it || is_length;
        r->h[r->n++] = h;
    }
    if (!keeps_length)
        r->length = UINT64_MAX;
}

static bool on_head(void *owner, struct transfer *t)
{
    struct job *j = owner;
    struct reply_head r;

    read_head(t, false, &r);
    if (r.is_bad) {
        t->fault = FAULT_GARBAGE;
        t->why = "a malformed length";
        return false;
    }
    j->is_masked = t->session_token.n > 0 || j->has_token;
    if (j->is_masked || !j->calls)
        return true;
    j->has_head = true;
    j->calls->head(j->ctx, t->status, r.h, r.n, r.length);
    return !j->wants_cancel;
}

static bool on_body(void *owner, struct transfer *t, struct bytes v)
{
    struct job *j = owner;

    if (j->is_masked) {
        buf_add(&j->reply, v);
        if (!j->reply.failed)
            return true;
        t->fault = FAULT_TOO_LARGE;
        t->why = "a reply with a session token of over 64 KiB";
        return false;
    }
    if (j->calls)
        j->calls->body(j->ctx, v);
    return !j->wants_cancel;
}

static void on_ended(void *owner, struct transfer *t, CURLcode code)
{
    (void)t;
    job_sent(owner, code);
}

const struct upstream_calls job_upstream_calls = {{on_head, on_body}, on_ended};

/* -- the end -- */

static void delist(struct job *j)
{
    struct gate *g = j->gate;

    *(j->before ? &j->before->after : &g->first) = j->after;
    *(j->after ? &j->after->before : &g->last) = j->before;
    g->n_jobs--;
    g->size -= j->size;
}

/* After its last call. */
static void forget(struct job *j)
{
    struct gate *g = j->gate;

    delist(j);
    upstream_give(g->upstream, j->t);
    g->wants_wipe = g->wants_wipe || j->t;
    wipe_free(j->doom);
    buf_free(&j->reply);
    buf_free(&j->record);
    *j = (struct job){.state = JOB_NONE};
    gate_turn(g);
}

void job_fail(struct job *j, unsigned status, const struct err *e, enum wire_result result,
              enum wire_fault fault)
{
    job_become(j, JOB_ENDING);
    if (j->calls)
        j->calls->failed(j->ctx, status, e, result, fault);
    forget(j);
}

void job_unanswered(struct job *j)
{
    struct err e;

    err_set(&e, ERR_FAILED, "the agent is not there: nothing was sent");
    err_hint(&e, "it is being started again, or it has ended: 'coffer status' tells");
    job_fail(j, 503, &e, WIRE_NOT_SENT, FAULT_NONE);
}

void job_doomed(struct job *j)
{
    if (!j->doom) {
        job_unanswered(j);
        return;
    }
    job_fail(j, j->doom->code == ERR_MEMORY ? 503 : 422, j->doom, WIRE_NOT_SENT, FAULT_NONE);
}

static const char *words(enum wire_fault fault)
{
    switch (fault) {
    case FAULT_REFUSED_HERE:
        return "the request is none that is sent";
    case FAULT_DNS:
        return "the name does not resolve";
    case FAULT_CONNECT:
        return "it cannot be reached";
    case FAULT_PROXY:
        return "the HTTP proxy does not lead to it";
    case FAULT_TLS:
        return "no TLS connection can be made";
    case FAULT_CERTIFICATE:
        return "its certificate is signed by nobody that is trusted";
    case FAULT_CERTIFICATE_NAME:
        return "its certificate is another host's";
    case FAULT_CERTIFICATE_TIME:
        return "its certificate has expired, or is not yet valid";
    case FAULT_TIMEOUT_CONNECT:
        return "no connection in time";
    case FAULT_TIMEOUT:
        return "no whole answer in time";
    case FAULT_CLOSED:
        return "the connection ended before the answer was whole";
    case FAULT_TOO_LARGE:
        return "the answer is too large";
    case FAULT_GARBAGE:
        return "the answer is not HTTP";
    default:
        return "it failed here";
    }
}

/* Of what never became an answer. */
static void fail_sent(struct job *j, CURLcode code, enum wire_result result, enum wire_fault fault)
{
    struct transfer *t = j->t;
    const char *host = t->goal.host[0] ? t->goal.host : "the exchange";
    struct err e;

    j->detail = transfer_detail(t, code);
    if (result == WIRE_NOT_SENT)
        err_set(&e, ERR_FAILED, "nothing was sent to '%s': %s (%s)", host, words(fault), j->detail);
    else if (t->is_get)
        err_set(&e, ERR_FAILED, "no answer from '%s': %s (%s)", host, words(fault), j->detail);
    else
        err_set(&e, ERR_FAILED, "order state unknown: it went to '%s', then: %s (%s)", host,
                words(fault), j->detail);
    if (result == WIRE_UNKNOWN && !t->is_get)
        err_hint(&e, "it may have been carried out: look at the open orders before it is repeated");
    job_fail(j, result == WIRE_NOT_SENT ? 502 : 504, &e, result, fault);
}

/* An error hands out no token, but may show the one that it was asked with. */
static int mask(struct job *j, struct buf *out, struct err *e)
{
    struct sessions *s = j->gate->sessions;
    struct bytes record = buf_bytes(&j->record), reply = buf_bytes(&j->reply);
    AUTO_BUF body = BUF_INIT(2 * SESSION_REPLY_MAX);

    if (j->t->session_token.n == 0 || j->t->status >= 400)
        return sessions_hide(s, record, reply, ticks_ms(), out, e);
    if (sessions_mask(s, record, j->t->session_token, reply, ticks_ms(), &body, e))
        return e->code;
    return sessions_hide(s, record, buf_bytes(&body), ticks_ms(), out, e);
}

/* A redirection, say, to what was asked for. */
static void drop_shown(const struct job *j, struct reply_head *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        if (!sessions_show(j->gate->sessions, buf_bytes(&j->record), r->h[i].value))
            r->h[n++] = r->h[i];
    r->n = n;
}

/* The reply that was kept whole. */
static void give_masked(struct job *j)
{
    AUTO_BUF body = BUF_INIT(8 * SESSION_REPLY_MAX);
    struct reply_head r;
    struct err e;

    if (mask(j, &body, &e)) {
        err_hint(&e, "the exchange answered with status %u; its reply is held back", j->t->status);
        job_fail(j, 502, &e, WIRE_UNKNOWN, FAULT_GARBAGE);
        return;
    }
    job_become(j, JOB_ENDING);
    read_head(j->t, true, &r);
    drop_shown(j, &r);
    if (j->calls)
        j->calls->head(j->ctx, j->t->status, r.h, r.n, body.n);
    if (j->calls && body.n > 0)
        j->calls->body(j->ctx, buf_bytes(&body));
    if (j->calls)
        j->calls->ended(j->ctx, true);
    forget(j);
}

void job_sent(struct job *j, CURLcode code)
{
    struct transfer *t = j->t;
    bool is_whole = transfer_is_whole(t, code);
    enum wire_fault fault = is_whole ? FAULT_NONE : transfer_fault(t, code);
    enum wire_result result = is_whole         ? WIRE_REPLIED
                              : t->n_sent == 0 ? WIRE_NOT_SENT
                                               : WIRE_UNKNOWN;
    const struct wire_done d = {
        .id = j->id,
        .result = (uint8_t)result,
        .fault = (uint8_t)fault,
        .status = (uint16_t)(result != WIRE_NOT_SENT && t->head_is_done ? t->status : 0)};

    gate_done(j->gate, j, &d);
    if (is_whole && j->is_masked) {
        give_masked(j);
    } else if (is_whole || j->has_head) {
        job_become(j, JOB_ENDING);
        j->detail = is_whole ? NULL : transfer_detail(t, code);
        if (j->calls)
            j->calls->ended(j->ctx, is_whole);
        forget(j);
    } else {
        fail_sent(j, code, result, fault);
    }
}

void job_cancelled(struct job *j)
{
    upstream_cancel(j->gate->upstream, j->t);
    j->t->fault = FAULT_CLOSED;
    j->t->why = "the client is gone";
    job_sent(j, CURLE_ABORTED_BY_CALLBACK);
}

void job_expired(struct job *j)
{
    struct err e;

    if (j->state == JOB_SENDING) {
        upstream_cancel(j->gate->upstream, j->t);
        job_sent(j, CURLE_OPERATION_TIMEDOUT);
    } else if (j->state == JOB_DOOMED) {
        job_doomed(j);
    } else {
        err_set(&e, ERR_FAILED, "the agent did not answer in time: nothing was sent");
        err_hint(&e, "a token may be waiting for a touch");
        job_fail(j, 503, &e, WIRE_NOT_SENT, FAULT_NONE);
    }
}
