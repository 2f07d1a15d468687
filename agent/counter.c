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

struct open { /* an ask without its end */
    LIST_ENTRY(open) link;
    struct counter *c;
    uint32_t id;
    uint64_t desk, asked_ms;
    bool is_permitted;
};

struct counter {
    struct agent *a;
    struct stream *s; /* NULL: there is no coffer-net */
    LIST_HEAD(, open) buckets[BUCKETS];
    struct buf out;
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
    *c = (struct counter){.a = a, .out = BUF_INIT(WIRE_FRAME_MAX)};
    a->counter = c;
    return OK;
}

static struct open *find_open(const struct counter *c, uint32_t id)
{
    struct open *o;

    LIST_FOREACH(o, &c->buckets[id % BUCKETS], link)
    if (o->id == id)
        return o;
    return NULL;
}

static void end_open(struct open *o)
{
    LIST_REMOVE(o, link);
    wipe_free(o);
}

/* The other end is gone, or makes no sense: what it had may have been sent, or not. */
static void hang_up(struct counter *c)
{
    struct open *o;

    stream_freep(&c->s);
    for (size_t i = 0; i < BUCKETS; i++)
        while ((o = LIST_FIRST(&c->buckets[i]))) {
            uint64_t desk = o->desk;
            bool is_permitted = o->is_permitted;
            end_open(o);
            if (is_permitted)
                desk_done(c->a, desk, 0, true);
            else
                desk_forget(c->a, desk);
        }
}

void counter_free(struct agent *a)
{
    struct counter *c = a->counter;

    if (!c)
        return;
    hang_up(c);
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
    hang_up(a->counter);
}

/* coffer-net is started again when it is gone. */
static void give_up(struct counter *c)
{
    struct err quiet;

    hang_up(c);
    if (c->a->spawner)
        (void)!spawn_ask(c->a->spawner, SPAWN_KILL, SPAWN_NET, &quiet);
}

/* Sends what was put into c->out. */
static bool flush(struct counter *c)
{
    struct err quiet;
    bool ok = stream_put(c->s, buf_bytes(&c->out), &quiet) == OK;

    buf_reset(&c->out);
    return ok;
}

static bool refuse(struct counter *c, uint32_t id, unsigned status, const struct err *why)
{
    struct wire_refusal f = {.id = id, .status = (uint16_t)status, .err = *why};
    struct err quiet;

    return wire_put_refusal(&c->out, &f, &quiet) == OK && flush(c);
}

static bool permit(struct open *o, const struct decision *d, struct err *e)
{
    struct counter *c = o->c;
    uint64_t waited = ticks_ms() - o->asked_ms;
    struct wire_permit p = {.is_order = d->is_order};

    p.request.id = o->id;
    p.request.timeout_ms = waited + SEND_MS < TOTAL_MS ? (uint32_t)(TOTAL_MS - waited) : SEND_MS;
    const char *member = session_token_member(&d->prepared->call.base);
    if (member)
        p.session_token = bytes_str(member);
    return courier_fill(&p.request, d->request, d->info, e) == OK &&
           wire_put_permit(&c->out, &p, e) == OK;
}

static void decided(void *ctx, struct decision *d)
{
    struct open *o = ctx;
    struct counter *c = o->c;
    struct err e = {.code = OK};
    uint32_t id = o->id;
    bool ok;

    if (d->err.code != OK) {
        end_open(o);
        ok = refuse(c, id, refusal_status(&d->err), &d->err);
    } else if (permit(o, d, &e)) {
        o->is_permitted = true;
        ok = flush(c);
    } else {
        end_open(o);
        desk_done(c->a, d->id, 0, false);
        ok = refuse(c, id, refusal_status(&e), &e);
    }
    if (!ok)
        give_up(c);
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
    struct wish w;

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

static bool take_ask(struct counter *c, struct bytes frame)
{
    struct wire_ask ask;
    struct open *o = NULL;
    unsigned status = 503;
    struct err e;

    if (wire_get_ask(frame, &ask, &e) || find_open(c, ask.id))
        return false;
    if (!(o = wipe_malloc(sizeof(*o)))) {
        err_set(&e, ERR_MEMORY, "out of memory");
        return refuse(c, ask.id, status, &e);
    }
    *o = (struct open){.c = c, .id = ask.id, .asked_ms = ticks_ms()};
    LIST_INSERT_HEAD(&c->buckets[ask.id % BUCKETS], o, link);
    if (hand_in(o, &ask, &status, &e) == OK)
        return true;
    end_open(o);
    return refuse(c, ask.id, status, &e);
}

/* Of an ask that was not answered yet: its client is gone. */
static bool take_done(struct counter *c, struct bytes frame)
{
    struct wire_done d;
    struct err e;

    if (wire_get_done(frame, &d, &e))
        return false;
    struct open *o = find_open(c, d.id);
    if (!o)
        return true;
    if (o->is_permitted)
        desk_done(c->a, o->desk, d.status, d.result == WIRE_UNKNOWN);
    else
        desk_forget(c->a, o->desk);
    end_open(o);
    return true;
}

static bool take(struct counter *c, struct bytes frame)
{
    switch (wire_kind(frame)) {
    case WIRE_ASK:
        return take_ask(c, frame);
    case WIRE_DONE:
        return take_done(c, frame);
    default:
        return false;
    }
}

static void on_input(void *ctx, struct stream *s)
{
    struct counter *c = ctx;
    struct bytes in = stream_in(s);
    size_t taken = 0, n = 0;
    struct err quiet;

    for (;;) {
        struct bytes rest = bytes_of(in.p + taken, in.n - taken);
        if (wire_frame(rest, &n, &quiet)) {
            give_up(c);
            return;
        }
        if (n == 0)
            break;
        if (!take(c, bytes_of(rest.p, n))) {
            give_up(c);
            return;
        }
        taken += n;
    }
    if (taken > 0)
        stream_took(s, taken);
}

static void on_ended(void *ctx, struct stream *s)
{
    (void)s;
    hang_up(ctx);
}

void counter_channel(struct agent *a, int fd)
{
    static const struct stream_calls calls = {.input = on_input, .ended = on_ended};
    static const struct stream_limits limits = {.in = IN_MAX, .out = OUT_MAX};
    struct counter *c = a->counter;
    struct err e;

    hang_up(c);
    if (stream_new(a->loop, fd, &limits, &calls, c, &c->s, &e)) {
        c->s = NULL;
        give_up(c);
    }
}
