/* SPDX-License-Identifier: Apache-2.0 */
/* Asks of coffer-net to the desk, and what the desk decided back. Who may ask over which way is
 * counter_bearer.c's; whether it is signed is the desk's. */
#include "agent/counter.h"

#include "agent/bearers.h"
#include "agent/counter_bearer.h"
#include "agent/courier_start.h"
#include "agent/desk.h"
#include "agent/spawn.h"
#include "base/stream.h"
#include "base/text.h"
#include "base/wipe.h"

#include <sys/queue.h>
#include <unistd.h>

#define TOTAL_MS 8800u /* from the ask to the reply: clients give up after 10 s */
#define SEND_MS 1000u  /* and at least this for sending */
#define IN_MAX (WIRE_FRAME_MAX + 65536u)
#define OUT_MAX (64u * 1024 * 1024)
#define BUCKETS 1024u
#define AT_ONCE 65536u /* what is sent in one piece, and room that is kept for it */

struct open { /* an ask without its end */
    LIST_ENTRY(open) link;
    struct counter *c;
    struct stream *s; /* by which it came: another coffer-net has the same numbers */
    uint32_t id;
    uint64_t desk, asked_ms;
    bool is_permitted;
};

struct counter {
    struct agent *a;
    struct stream *s;       /* NULL: there is no coffer-net */
    struct stream *leaving; /* of one that only finishes what it has begun; NULL: none does */
    LIST_HEAD(, open) buckets[BUCKETS];
    struct buf out;         /* what goes to out_to at the end of the turn */
    struct stream *out_to;
    struct knocks knocks;
};

unsigned refusal_status(const struct err *e)
{
    switch (e->code) {
    case ERR_USAGE:
    case ERR_POLICY:
        return 422;
    case ERR_NOT_FOUND:
    case ERR_PERSON:
    case ERR_PIN:
    case ERR_PIN_LOCKED:
    case ERR_TRUST:
        return 401;
    case ERR_LIMIT:
        return 429;
    default:
        return 503;
    }
}

int counter_new(struct agent *a, struct err *e)
{
    struct counter *c = wipe_malloc(sizeof(*c));

    if (!c)
        return err_set(e, ERR_MEMORY, "out of memory");
    *c = (struct counter){.a = a, .out = BUF_INIT(WIRE_FRAME_MAX + AT_ONCE)};
    a->counter = c;
    return OK;
}

static struct open *find_open(const struct counter *c, const struct stream *s, uint32_t id)
{
    struct open *o;

    LIST_FOREACH(o, &c->buckets[id % BUCKETS], link)
    if (o->id == id && o->s == s)
        return o;
    return NULL;
}

static void end_open(struct open *o)
{
    LIST_REMOVE(o, link);
    wipe_free(o);
}

static struct open *any_of(struct counter *c, const struct stream *s)
{
    struct open *o;

    for (size_t i = 0; i < BUCKETS; i++)
        LIST_FOREACH(o, &c->buckets[i], link)
        if (o->s == s)
            return o;
    return NULL;
}

/* The other end is gone, or makes no sense: what it had may have been sent, or not. */
static void hang_up(struct counter *c, struct stream **at)
{
    struct stream *s = *at;
    struct open *o;

    *at = NULL;
    if (c->out_to == s)
        buf_reset(&c->out);
    while (s && (o = any_of(c, s))) {
        uint64_t desk = o->desk;
        bool is_permitted = o->is_permitted;
        end_open(o);
        if (is_permitted)
            desk_done(c->a, desk, 0, true);
        else
            desk_forget(c->a, desk);
    }
    stream_free(s);
}

void counter_free(struct agent *a)
{
    struct counter *c = a->counter;

    if (!c)
        return;
    hang_up(c, &c->s);
    hang_up(c, &c->leaving);
    buf_free(&c->out);
    wipe_free(c);
    a->counter = NULL;
}

bool counter_is_open(const struct agent *a)
{
    return a->counter && a->counter->s;
}

void counter_gone(struct agent *a, int status)
{
    (void)status;
    hang_up(a->counter, &a->counter->s);
}

/* coffer-net is started again when it is gone; one that is leaving is not needed. */
static void give_up(struct counter *c, struct stream *s)
{
    struct err quiet;
    bool is_leaving = s != c->s;

    hang_up(c, is_leaving ? &c->leaving : &c->s);
    if (!is_leaving && c->a->spawner)
        (void)!spawn_ask(c->a->spawner, SPAWN_KILL, SPAWN_NET, &quiet);
}

/* Sends what was put into c->out. */
static bool flush(struct counter *c)
{
    struct err quiet;
    bool ok = c->out.n == 0 || stream_put(c->out_to, buf_bytes(&c->out), &quiet) == OK;

    if (c->out.cap > 2 * AT_ONCE)
        buf_free(&c->out);
    else
        buf_reset(&c->out);
    return ok;
}

/* c->out is for s from here on. */
static bool put_to(struct counter *c, struct stream *s)
{
    struct stream *before = c->out_to;
    bool ok = (before == s && c->out.n <= AT_ONCE) || flush(c);

    if (!ok && before != s)
        give_up(c, before);
    c->out_to = s;
    return ok || before != s;
}

void counter_turn(struct agent *a)
{
    struct counter *c = a->counter;

    while (c->out.n > 0)
        if (!flush(c)) {
            give_up(c, c->out_to);
            desk_turn(a);
        }
}

static bool refuse(struct counter *c, struct stream *s, uint32_t id, unsigned status,
                   const struct err *why)
{
    struct wire_refusal f = {.id = id, .status = (uint16_t)status, .err = *why};
    struct err quiet;

    return put_to(c, s) && wire_put_refusal(&c->out, &f, &quiet) == OK;
}

static bool permit(struct open *o, const struct decision *d, struct err *e)
{
    struct counter *c = o->c;
    uint64_t waited = ticks_ms() - o->asked_ms;
    UNSET struct wire_permit p;

    p.is_order = d->is_order;
    p.request.id = o->id;
    p.request.timeout_ms = waited + SEND_MS < TOTAL_MS ? (uint32_t)(TOTAL_MS - waited) : SEND_MS;
    /* no class is lowered by parameters: one that only reads has no path that gives tokens */
    const char *member = d->is_order ? session_token_member(&d->prepared->call.base) : NULL;
    p.session_token = member ? bytes_str(member) : bytes_of(NULL, 0);
    return courier_fill(&p.request, d->request, d->info, e) == OK &&
           wire_put_permit(&c->out, &p, e) == OK;
}

static void decided(void *ctx, struct decision *d)
{
    struct open *o = ctx;
    struct counter *c = o->c;
    struct stream *s = o->s;
    UNSET struct err e;
    uint32_t id = o->id;
    bool ok;

    if (d->err.code != OK) {
        end_open(o);
        ok = refuse(c, s, id, refusal_status(&d->err), &d->err);
    } else {
        o->is_permitted = true;
        ok = put_to(c, s);
        if (ok && !permit(o, d, &e)) {
            end_open(o);
            desk_done(c->a, d->id, 0, false);
            ok = refuse(c, s, id, refusal_status(&e), &e);
        }
    }
    if (!ok)
        give_up(c, s);
}

/* -- what comes -- */

static int read_wish(const struct wire_ask *ask, struct wish *w, struct err *e)
{
    wish_init(w);
    if (ask->n_headers > HEADERS_MAX)
        return err_set(e, ERR_USAGE, "the request has more than %u headers", HEADERS_MAX);
    w->method = ask->method;
    w->url = ask->url;
    w->body = ask->body;
    for (uint32_t i = 0; i < ask->n_headers; i++) {
        struct bytes name, bearer;
        /* it is for us, in whichever exchange's header it came */
        if (!bearer_from_key(ask->headers[i].value, &name, &bearer))
            w->headers[w->n_headers++] =
                (struct header){ask->headers[i].name, ask->headers[i].value};
    }
    return OK;
}

static int hand_in(struct open *o, const struct wire_ask *ask, unsigned *status, struct err *e)
{
    struct asker who = {
        .way = ask->is_tcp ? ASKER_TCP : ASKER_PROXY, .uid = ask->uid, .pid = ask->pid};
    char record[NAME_MAX_LEN + 1];
    UNSET struct wish w;

    int rc = bearer_let_in(o->c->a, ask, record, &who, &o->c->knocks, e);
    if (rc) {
        *status = rc == ERR_POLICY ? 401 : refusal_status(e);
        return rc;
    }
    rc = read_wish(ask, &w, e);
    if (!rc) {
        o->desk = desk_ask(o->c->a, DESK_SEND, &who, record, &w, decided, o, e);
        rc = o->desk ? OK : e->code;
    }
    *status = rc ? refusal_status(e) : 0;
    return rc;
}

static bool take_ask(struct counter *c, struct stream *s, struct bytes frame)
{
    UNSET struct wire_ask ask;
    struct open *o = NULL;
    unsigned status = 503;
    UNSET struct err e;

    if (wire_get_ask(frame, &ask, &e) || find_open(c, s, ask.id))
        return false;
    if (!(o = wipe_malloc(sizeof(*o)))) {
        err_set(&e, ERR_MEMORY, "out of memory");
        return refuse(c, s, ask.id, status, &e);
    }
    *o = (struct open){.c = c, .s = s, .id = ask.id, .asked_ms = ticks_ms()};
    LIST_INSERT_HEAD(&c->buckets[ask.id % BUCKETS], o, link);
    if (hand_in(o, &ask, &status, &e) == OK)
        return true;
    end_open(o);
    return refuse(c, s, ask.id, status, &e);
}

/* Of an ask that was not answered yet: its client is gone. */
static bool take_done(struct counter *c, struct stream *s, struct bytes frame)
{
    struct wire_done d;
    UNSET struct err e;

    if (wire_get_done(frame, &d, &e))
        return false;
    struct open *o = find_open(c, s, d.id);
    if (!o)
        return true;
    if (o->is_permitted)
        desk_done(c->a, o->desk, d.status, d.result == WIRE_UNKNOWN);
    else
        desk_forget(c->a, o->desk);
    end_open(o);
    return true;
}

static bool take(struct counter *c, struct stream *s, struct bytes frame)
{
    switch (wire_kind(frame)) {
    case WIRE_ASK:
        return take_ask(c, s, frame);
    case WIRE_DONE:
        return take_done(c, s, frame);
    default:
        return false;
    }
}

static void on_input(void *ctx, struct stream *s)
{
    struct counter *c = ctx;
    struct bytes in = stream_in(s);
    size_t taken = 0, n = 0;
    UNSET struct err quiet;

    agent_moment(c->a);
    for (;;) {
        struct bytes rest = bytes_of(in.p + taken, in.n - taken);
        if (wire_frame(rest, &n, &quiet)) {
            give_up(c, s);
            return;
        }
        if (n == 0)
            break;
        if (!take(c, s, bytes_of(rest.p, n))) {
            give_up(c, s);
            return;
        }
        taken += n;
    }
    if (taken > 0)
        stream_took(s, taken);
}

static void on_ended(void *ctx, struct stream *s)
{
    struct counter *c = ctx;

    hang_up(c, s == c->leaving ? &c->leaving : &c->s);
}

/* The old one's other end is gone already, or will be when it has finished what it has begun. */
void counter_channel(struct agent *a, int fd)
{
    static const struct stream_calls calls = {.input = on_input, .ended = on_ended};
    static const struct stream_limits limits = {.in = IN_MAX, .out = OUT_MAX};
    struct counter *c = a->counter;
    struct err e;

    if (c->s) {
        hang_up(c, &c->leaving);
        c->leaving = c->s;
        c->s = NULL;
    }
    if (stream_new(a->loop, fd, &limits, &calls, c, &c->s, &e)) {
        c->s = NULL;
        give_up(c, NULL);
    }
}
