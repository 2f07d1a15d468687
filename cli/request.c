/* SPDX-License-Identifier: Apache-2.0 */
/* coffer request: signs one request, has it sent once, prints the reply. Nothing is tried again: an
 * order that is sent twice is two orders. */
#include "agent/courier.h"
#include "agent/prepare.h"
#include "base/wipe.h"
#include "cli/cli.h"
#include "cli/failure_text.h"
#include "cli/reply_text.h"
#include "cli/session.h"
#include "cli/wish_args.h"

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
        reply_print(&r, c->args->given[OPT_INCLUDE]);
    if (!is_no)
        return;
    c->status = err_exit(failure_error(s->prepared.conn, &f, r.status, &why));
    /* FAILURE_UNKNOWN_STATE has a hint of its own. */
    if (is_order(s) && (f.kind == FAILURE_GARBAGE || (f.kind == FAILURE_BUSY && r.status >= 500)))
        err_hint(&why, "it may have been carried out: look at the open orders before doing it "
                       "again");
    out_error(&why);
    if (c->out.is_json)
        failure_json(out_json(&c->out), &f);
}

static int send_and_show(struct cli *c, struct vault *v, struct sending *s, struct err *e)
{
    const struct record_info *only[] = {&s->info};
    char host[160];
    int rc;

    if (courier_start(only, 1, &s->courier, e))
        return e->code;
    rc = s->prepared.cls == CLASS_PUBLIC ? send_unsigned(s, e) : send_signed(c, v, s, e);
    if (rc)
        return rc;
    if (courier_wait(s->courier, &s->answer, e)) {
        if (is_order(s))
            err_hint(e, "it may have been carried out: look at the open orders before doing it "
                        "again");
        return e->code;
    }
    if (s->answer.result != WIRE_REPLIED)
        return answer_fault(&s->answer, host_text(s, host), is_order(s), e);
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
