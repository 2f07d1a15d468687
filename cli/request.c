/* SPDX-License-Identifier: Apache-2.0 */
/* coffer request: signs one request, has it sent once, prints the reply. Nothing is tried again: an
 * order that is sent twice is two orders. */
#include "agent/ask.h"
#include "agent/prepare.h"
#include "base/wipe.h"
#include "cli/by_agent.h"
#include "cli/cli.h"
#include "cli/failure_text.h"
#include "cli/reply_text.h"
#include "cli/session.h"
#include "cli/waiting.h"
#include "cli/wish_args.h"

static const char may_be_done[] = "it may have been carried out: look at the open orders before "
                                  "doing it again";

/* Large, so it lives on the heap. */
struct sending {
    struct wish wish;
    struct buf text;         /* the body; the wish borrows from it */
    struct record_info info; /* as it was sent by */
    struct prepared prepared;
    struct courier *courier;
    struct answer answer;
};

static void sending_freep(struct sending **p)
{
    struct sending *s = *p;

    if (!s)
        return;
    courier_free(s->courier);
    answer_free(&s->answer);
    record_info_free(&s->info);
    wish_free(&s->wish);
    buf_free(&s->text);
    wipe_free(s);
    *p = NULL;
}

static struct sending *sending_new(void)
{
    struct sending *s = wipe_malloc(sizeof(*s));

    if (!s)
        return NULL;
    memset(s, 0, sizeof(*s));
    wish_init(&s->wish);
    s->text = (struct buf)BUF_INIT(BODY_MAX);
    record_info_init(&s->info);
    answer_init(&s->answer);
    return s;
}

static int hand_over(struct sending *s, const struct request *r, const struct record_info *info,
                     struct err *e)
{
    if (courier_send(s->courier, 1, r, info, 0, e))
        return e->code;
    return OK;
}

static int send_unsigned(struct sending *s, struct err *e)
{
    struct request r;

    request_init(&r);
    int rc = prepare_unsigned(&s->prepared, &r, e);
    if (!rc)
        rc = hand_over(s, &r, &s->info, e);
    request_free(&r);
    return rc;
}

static int sign_and_send(const struct cli *c, struct sending *s, struct record *rec, struct err *e)
{
    struct request r;

    /* What was believed so far was not authenticated. */
    if (prepare_check(&s->wish, record_info(rec), &s->prepared, e))
        return e->code;
    request_init(&r);
    int rc = prepare_sign(&s->prepared, &s->wish, record_info(rec), record_signer(rec), &c->where,
                          c->env, &r, e);
    if (!rc)
        rc = hand_over(s, &r, record_info(rec), e);
    request_free(&r);
    return rc;
}

/* The token is let go while the request is under way. */
static int send_signed(const struct cli *c, struct vault *v, struct sending *s, struct err *e)
{
    AUTO_SESSION session = {0};
    AUTO(record_freep) struct record *r = NULL;

    waiting_why("to open '%s'", c->args->words[0]);
    if (session_begin(c, v, &session, e))
        return e->code;
    int rc = vault_open_record(v, &session.opener, c->args->words[0], &r, e);
    if (session_explain(&session, rc, e))
        return e->code;
    session_say_trust(v);
    return sign_and_send(c, s, r, e);
}

/* -- the reply -- */

/* Reads may be asked again; all else may have changed something. */
static bool is_order(const struct sending *s)
{
    return s->prepared.cls != CLASS_PUBLIC && s->prepared.cls != CLASS_READ;
}

/* The list that would show the order: below the same first segment of the path. */
static const char *open_orders(const struct sending *s)
{
    const struct checks *k = s->prepared.conn->checks;
    struct bytes path = s->prepared.call.base.path;

    for (const char *const *v = k ? k->open_orders : NULL; v && *v; v++) {
        const char *p = strchr(*v, '/');
        size_t n = p ? strcspn(p + 1, "/") + 2 : 0;
        if (n > 0 && path.n > n && memcmp(path.p, p, n) == 0)
            return *v;
    }
    return NULL;
}

/* Room is made for it: the command says more than a fourth cause does. */
static void name_open_orders(const struct sending *s, struct err *e)
{
    const char *what = open_orders(s), *path = what ? strchr(what, '/') : NULL;

    if (!path || (s->prepared.cls != CLASS_TRADE && s->prepared.cls != CLASS_CANCEL))
        return;
    if (e->n_hints == ERR_HINTS)
        e->n_hints--;
    err_hint(e,
             "the open orders: coffer request %s %.*s'%s'; one that was filled at once shows in: "
             "coffer balance %s",
             s->info.name, (int)(path - what), what, path, s->info.name);
}

static const char *host_text(const struct sending *s, char out[160])
{
    struct bytes h = s->prepared.call.base.host;

    if (h.n == 0 || h.n >= 160)
        return s->prepared.conn->title;
    memcpy(out, h.p, h.n);
    out[h.n] = 0;
    return out;
}

/* The exchange's own table tells more than HTTP does; both can say no. */
static bool is_refusal(const struct sending *s, const struct reply *r, struct failure *f)
{
    if (s->prepared.conn->checks)
        s->prepared.conn->checks->explain(r, f);
    return f->kind != FAILURE_NONE || r->status < 200 || r->status >= 300;
}

/* A page in the place of a reply says most by its status. */
static void tell_no_path(const struct reply *r, struct failure *f)
{
    static const struct cause no_path = {
        "the exchange does not know this path",
        "check its spelling; 'coffer connectors' names the documentation"};

    if (r->status != 404 || f->kind != FAILURE_GARBAGE)
        return;
    if (f->n_causes == CAUSES_MAX)
        f->n_causes--;
    memmove(f->causes + 1, f->causes, f->n_causes * sizeof(f->causes[0]));
    f->causes[0] = no_path;
    f->n_causes++;
}

/* The reply does not tell whether the request was carried out. */
static bool is_unclear(const struct failure *f)
{
    return f->kind == FAILURE_UNKNOWN_STATE || f->kind == FAILURE_GARBAGE ||
           f->kind == FAILURE_BUSY;
}

static void show_reply(struct cli *c, const struct sending *s)
{
    struct failure f = {.kind = FAILURE_NONE};
    struct reply r;
    struct err why;

    answer_reply(&s->answer, &r);
    bool is_no = is_refusal(s, &r, &f);
    if (c->out.is_json)
        reply_members(out_json(&c->out), &r);
    else
        reply_print(&r, c->args->given[OPT_INCLUDE], is_no);
    if (!is_no)
        return;
    tell_no_path(&r, &f);
    c->status = err_exit(failure_error(s->prepared.conn, &f, r.status, &why));
    if (is_unclear(&f)) {
        /* Nobody said no: a script must not take it for that and send it again. */
        if (is_order(s))
            c->status = 1;
        /* FAILURE_UNKNOWN_STATE has a hint of its own. */
        if (is_order(s) && f.kind != FAILURE_UNKNOWN_STATE)
            err_hint(&why, "%s", may_be_done);
        name_open_orders(s, &why);
    }
    out_error(&why);
    if (c->out.is_json)
        failure_json(out_json(&c->out), &f);
}

static int hand_to_anyone(struct cli *c, struct vault *v, struct sending *s, struct err *e)
{
    const struct record_info *only[] = {&s->info};
    bool is_public = s->prepared.cls == CLASS_PUBLIC;

    if (by_agent(c, v, is_public, &s->courier, e))
        return e->code;
    if (s->courier)
        return ask_agent(s->courier, 1, s->info.name, &s->prepared, e);
    if (courier_start(only, 1, &s->courier, e))
        return e->code;
    return is_public ? send_unsigned(s, e) : send_signed(c, v, s, e);
}

static int send_and_show(struct cli *c, struct vault *v, struct sending *s, struct err *e)
{
    char host[160];

    if (hand_to_anyone(c, v, s, e))
        return e->code;
    if (courier_wait(s->courier, &s->answer, e)) {
        if (is_order(s))
            err_hint(e, "%s", may_be_done);
        name_open_orders(s, e);
        return e->code;
    }
    if (s->answer.result != WIRE_REPLIED) {
        answer_fault(&s->answer, host_text(s, host), is_order(s), e);
        if (s->answer.result != WIRE_NOT_SENT)
            name_open_orders(s, e);
        return e->code;
    }
    show_reply(c, s);
    return OK;
}

int run_request(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(sending_freep) struct sending *s = sending_new();
    const char *name = c->args->words[0];

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for the request");
    if (wish_from_words(c->args, &s->wish, &s->text, e) || record_check_name(name, e) ||
        vault_load(&c->where, c->env, &v, e) || vault_peek(v, name, &s->info, e) ||
        prepare_check(&s->wish, &s->info, &s->prepared, e) || send_and_show(c, v, s, e))
        return err_wrap(e, "request with '%s'", name);
    return OK;
}
