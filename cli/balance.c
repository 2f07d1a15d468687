/* SPDX-License-Identifier: Apache-2.0 */
/* coffer balance: what the key's account holds. Amounts are text from the exchange to the screen;
 * nothing counts with them here. */
#include "agent/errand.h"
#include "cli/by_agent.h"
#include "cli/cli.h"
#include "cli/failure_text.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <stdio.h>
#include <stdlib.h>

static int by_wallet(const void *a, const void *b)
{
    const struct balance *x = a, *y = b;
    int d = strcmp(x->wallet, y->wallet);

    return d ? d : strcmp(x->asset, y->asset);
}

static void show_table(struct out *o, const struct balances *b)
{
    struct table t = {.n_columns = 0};

    table_row(&t, (const char *const[]){"WALLET", "ASSET", "FREE", "LOCKED", "TOTAL"}, 5);
    for (size_t i = 0; i < b->n; i++) {
        const struct balance *v = &b->v[i];
        table_row(&t,
                  (const char *const[]){v->wallet, v->asset, v->free[0] ? v->free : "-",
                                        v->locked[0] ? v->locked : "-", v->total},
                  5);
    }
    table_print(o, &t);
    table_free(&t);
}

static void amount(cJSON *j, const char *name, const char *text)
{
    if (text[0])
        json_text(j, name, text);
    else
        cJSON_AddNullToObject(j, name);
}

static void show_json(struct out *o, const struct balances *b)
{
    cJSON *list = json_array(out_json(o), "balances");

    for (size_t i = 0; i < b->n; i++) {
        cJSON *j = json_object(list, NULL);
        json_text(j, "wallet", b->v[i].wallet);
        json_text(j, "asset", b->v[i].asset);
        amount(j, "free", b->v[i].free);
        amount(j, "locked", b->v[i].locked);
        amount(j, "total", b->v[i].total);
    }
    amount(out_json(o), "missing", b->missing[0] ? b->missing : b->closed);
}

static void show(struct cli *c, struct balances *b)
{
    if (b->n > 0)
        qsort(b->v, b->n, sizeof(*b->v), by_wallet);
    if (c->out.is_json)
        show_json(&c->out, b);
    else if (b->n > 0)
        show_table(&c->out, b);
    else
        out_line(&c->out, "(nothing)");
    if (b->missing[0])
        out_warn("not all wallets could be read: %s", b->missing);
    if (b->closed[0])
        out_advice(&c->out, "%s", b->closed);
}

/* -- what came back -- */

/* About the key, so that another try would end the same way. */
static bool is_about_key(const struct failure *f)
{
    return f->kind != FAILURE_RATE && f->kind != FAILURE_BANNED && f->kind != FAILURE_BUSY &&
           f->kind != FAILURE_UNKNOWN_STATE && f->kind != FAILURE_GARBAGE;
}

/* The first refusal, *n_good: how many private calls went well. */
static bool find_refusal(const struct errand *r, struct failure *out, unsigned *status,
                         size_t *n_good)
{
    bool is_found = false;

    *n_good = 0;
    for (unsigned i = 0; i < r->talk.n_asked; i++) {
        const struct reply *reply = &r->talk.replies[i];
        struct failure f = {.kind = FAILURE_NONE};
        if (!r->talk.is_answered[i] || reply->status == 0)
            continue;
        r->talk.conn->checks->explain(reply, &f);
        if (f.kind == FAILURE_NONE)
            *n_good += r->classes[i] != CLASS_PUBLIC;
        else if (!is_found) {
            *out = f;
            *status = reply->status;
            is_found = true;
        }
    }
    return is_found;
}

static int no_answer(const struct errand *r, struct err *e)
{
    for (unsigned i = 0; i < r->talk.n_asked; i++)
        if (r->talk.is_answered[i] && r->talk.replies[i].status == 0) {
            char host[160];
            snprintf(host, sizeof(host), "%.*s", (int)(r->hosts[i].n < 128 ? r->hosts[i].n : 128),
                     (const char *)r->hosts[i].p);
            return answer_fault(&r->answers[i], host, false, e);
        }
    return err_set(e, ERR_FAILED, "%s was not asked", r->talk.conn->title);
}

static int judge(const struct errand *r, struct balances *b, struct err *e)
{
    struct failure f = {.kind = FAILURE_NONE};
    unsigned status = 0;
    size_t n_good;

    if (r->failed.code) {
        *e = r->failed;
        return e->code;
    }
    bool is_refused = find_refusal(r, &f, &status, &n_good);
    if (n_good > 0) {
        int rc = r->talk.conn->checks->balance(&r->talk, b, e);
        if (rc && e->n_hints == 0)
            err_hint(e, "nothing is shown rather than a wrong amount: try again later, or look "
                        "whether there is a newer coffer");
        return rc;
    }
    if (!is_refused)
        return no_answer(r, e);
    failure_error(r->talk.conn, &f, status, e);
    return is_about_key(&f) ? e->code : (e->code = ERR_FAILED);
}

/* signer NULL: by the agent. */
static int ask_exchange(const struct cli *c, struct courier *courier,
                        const struct record_info *info, struct signer *signer, struct balances *b,
                        struct err *e)
{
    AUTO(errand_freep) struct errand *r = errand_new(PURPOSE_BALANCE, info, signer, e);

    if (!r || errands_run(courier, &r, 1, &c->where, c->env, NULL, NULL, e))
        return e->code;
    return judge(r, b, e);
}

/* Before a PIN is asked for. */
static int can_ask(const struct record_info *info, struct err *e)
{
    const struct connector *k = connector_find(info->connector);

    if (k && k->checks && k->checks->balance)
        return OK;
    return err_set(e, ERR_FAILED, "this version of coffer cannot ask %s for balances",
                   info->connector);
}

static int open_and_ask(struct cli *c, struct vault *v, const struct record_info *info,
                        struct balances *b, struct err *e)
{
    AUTO(courier_freep) struct courier *courier = NULL;
    AUTO_SESSION session = {0};
    AUTO(record_freep) struct record *r = NULL;
    const struct record_info *only[] = {info};

    if (courier_start(only, 1, &courier, e) || session_begin(c, v, &session, e) ||
        session_explain(&session, vault_open_record(v, &session.opener, info->name, &r, e), e))
        return e->code;
    session_say_trust(v);
    return ask_exchange(c, courier, record_info(r), record_signer(r), b, e);
}

static int balance(struct cli *c, struct record_info *info, struct balances *b, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(courier_freep) struct courier *agents = NULL;
    const char *name = c->args->words[0];

    waiting_why("to open '%s'", name);
    if (record_check_name(name, e) || vault_load(&c->where, c->env, &v, e) ||
        vault_peek(v, name, info, e) || can_ask(info, e) || by_agent(c, v, false, &agents, e))
        return e->code;
    if (agents)
        return ask_exchange(c, agents, info, NULL, b, e);
    return open_and_ask(c, v, info, b, e);
}

int run_balance(struct cli *c, struct err *e)
{
    struct record_info info;
    struct balances b = {.v = NULL};

    record_info_init(&info);
    int rc = balance(c, &info, &b, e);
    if (rc)
        err_wrap(e, "balance of '%s'", c->args->words[0]);
    else
        show(c, &b);
    balances_free(&b);
    record_info_free(&info);
    return rc;
}
