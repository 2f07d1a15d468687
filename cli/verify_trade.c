/* SPDX-License-Identifier: Apache-2.0 */
/* The proof that a key may trade: the smallest order far below the market, cancelled at once. An
 * order that may still be open is said as loudly as anything. */
#include "cli/verify.h"

#include "agent/policy.h"
#include "base/ask.h"
#include "base/text.h"
#include "connectors/guide.h"

#include <stdio.h>

int verify_trade_check(const struct cli *c, const struct record_info *info, struct err *e)
{
    const struct connector *k = connector_find(info->connector);

    if (!k || !k->checks)
        return err_set(e, ERR_FAILED, "this version of coffer cannot place an order for '%s'",
                       info->name);
    if (policy_check(info, CLASS_TRADE, "an order", e))
        return e->code;
    if (c->args->given[OPT_YES] || ask_possible())
        return OK;
    err_set(e, ERR_PERSON, "--trade places an order, and there is no terminal to ask at");
    return err_hint(e, "--yes places it without asking");
}

static int confirm(const struct cli *c, const struct connector *k, const char *name, bool *yes,
                   struct err *e)
{
    char prompt[400];

    *yes = true;
    if (c->args->given[OPT_YES])
        return OK;
    snprintf(prompt, sizeof(prompt),
             "With '%s', at %s: buy the smallest amount of %.40s at about half the price, as an "
             "order that only rests, and cancel it at once?",
             name, k->title, c->args->value[OPT_TRADE]);
    return ask_yes(prompt, "--yes places it without asking", yes, e);
}

/* The first call that was more than a look. n_asked when there was none. */
static unsigned first_order(const struct errand *r)
{
    unsigned i = 0;

    while (i < r->talk.n_asked && !r->is_order[i])
        i++;
    return i;
}

/* The request by which the connector cancels, as a command: what it asks next after the order.
 * false when it would not. */
static bool cancel_command(const struct errand *r, char *out, size_t cap)
{
    unsigned i = first_order(r);
    struct inquiry q = {0};
    enum ask what = ASK_DONE;
    struct talk t = r->talk;
    struct err e;

    if (i == r->talk.n_asked)
        return false;
    t.n_asked = i + 1;
    for (unsigned n = t.n_asked; n < CALLS_MAX; n++)
        t.is_answered[n] = false;
    if (t.conn->checks->next(&t, &q, &what, &e) || what != ASK_NOW)
        return false;
    int n = snprintf(out, cap, "coffer request %s %s '%s'%s%s%s", r->info->name, q.method, q.url,
                     q.body[0] ? " -d '" : "", q.body, q.body[0] ? "'" : "");
    return n > 0 && (size_t)n < cap;
}

static void result_json(struct cli *c, const struct trade_test *t)
{
    if (!c->out.is_json)
        return;
    cJSON *j = json_object(out_json(&c->out), "trade");
    json_bool_member(j, "placed", t->is_placed);
    json_bool_member(j, "cancelled", t->is_cancelled);
    json_text(j, "order", t->order);
    json_text(j, "line", t->line);
}

static int maybe_open(const struct errand *r, const struct trade_test *t, struct err *e)
{
    char command[ERR_HINT_MAX];

    err_set(e, ERR_FAILED, "AN ORDER MAY STILL BE OPEN: %s%s%s%s", t->line[0] ? t->line : "a test",
            t->order[0] ? ", order " : ", client's order id ", t->order[0] ? t->order : r->tag,
            t->is_placed ? "" : " (whether it was placed is unknown)");
    err_hint(e, "look at the open orders of %.40s at %s now, and cancel it there", r->talk.symbol,
             r->talk.conn->title);
    if (cancel_command(r, command, sizeof(command)))
        err_hint(e, "or by: %s", command);
    return e->code;
}

/* What the symbol's market is paid with, or what can be said of it. */
static const char *paid_with(const char *symbol)
{
    static const char *const known[] = {"FDUSD", "USDT", "USDC", "USD", "EUR", "GBP",
                                        "TRY",   "BRL",  "JPY",  "BTC", "ETH", "BNB"};
    size_t at = strcspn(symbol, "-/");

    if (symbol[at])
        return symbol + at + 1;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (text_ends(bytes_str(symbol), known[i]))
            return known[i];
    return "of what it is paid with";
}

/* One statement: an account without money says nothing about the key. */
static int poor(const struct errand *r, struct err *e)
{
    return err_set(e, ERR_EXCHANGE,
                   "no order was placed: too little %.40s; whether the key may trade is not proven",
                   paid_with(r->talk.symbol));
}

/* What became of the order only looking has shown, and a look can come too early. */
static int look_again(const struct errand *r, const struct failure *f, struct err *e)
{
    unsigned i = first_order(r);
    bool is_lost =
        i < r->talk.n_asked && r->talk.replies[i].status == 0 && r->talk.replies[i].is_unknown;

    if (is_lost || f->kind == FAILURE_UNKNOWN_STATE || f->kind == FAILURE_GARBAGE ||
        f->kind == FAILURE_BUSY)
        err_hint(e, "no order was found; look at the open orders of %.40s at %s once more",
                 r->talk.symbol, r->talk.conn->title);
    return e->code;
}

static int no_word(const struct errand *r, struct err *e)
{
    if (r->failed.code)
        *e = r->failed;
    else
        err_set(e, ERR_FAILED, "%s gave no answer that tells anything about the order",
                r->talk.conn->title);
    return err_wrap(e, "test order for '%s'", r->info->name);
}

static int refused(const struct errand *r, struct err *e)
{
    const struct connector *k = r->talk.conn;
    struct failure f = {.kind = FAILURE_NONE};
    unsigned i = first_order(r);
    char words[FAILURE_WORDS];

    if (i < r->talk.n_asked && r->talk.replies[i].status != 0)
        k->checks->explain(&r->talk.replies[i], &f);
    if (f.kind == FAILURE_FUNDS)
        return poor(r, e);
    if (f.kind == FAILURE_NONE) {
        no_word(r, e);
        return look_again(r, &f, e);
    }
    failure_words(&f, words);
    err_set(e, ERR_EXCHANGE, "%s refuses the test order of '%s': %s", k->title, r->info->name,
            words);
    for (size_t n = 0; n < f.n_causes && n + 1 < ERR_HINTS; n++)
        err_hint(e, "%s%s%s", f.causes[n].what, f.causes[n].tell ? ": " : "",
                 f.causes[n].tell ? f.causes[n].tell : "");
    return look_again(r, &f, e);
}

static int judge(struct cli *c, const struct errand *r, struct err *e)
{
    struct trade_test t;

    r->talk.conn->checks->trade(&r->talk, &t);
    result_json(c, &t);
    if (t.is_placed && !t.is_cancelled)
        return maybe_open(r, &t, e);
    if (!t.is_placed)
        return refused(r, e);
    out_line(&c->out, "trade test     passed: %s, placed and cancelled%s%s", t.line,
             t.order[0] ? ", order " : "", t.order);
    return OK;
}

/* The courier died on the way: nobody knows how far the order got. */
static int lost(const struct errand *r, struct err *e)
{
    struct trade_test t = {.is_placed = false};
    char why[160];

    if (first_order(r) == r->talk.n_asked)
        return e->code;
    snprintf(why, sizeof(why), "%.150s", e->msg);
    maybe_open(r, &t, e);
    return err_hint(e, "why: %s", why);
}

static int refuse_order(const char *name, const struct connector *k, struct err *e)
{
    const struct guide *g = k->checks->guide;

    err_set(e, ERR_POLICY, "no test order: '%s' may not trade", name);
    if (g && g->where)
        err_hint(e, "the right to trade is ticked at %s", g->where);
    return err_hint(e, "which box it is: coffer guide %s", k->name);
}

int verify_trade(struct cli *c, struct courier *courier, const struct patient *p, struct err *e)
{
    AUTO(errand_freep) struct errand *r = NULL;
    const struct record_info *info = &p->info;
    const struct connector *k = connector_find(info->connector);
    bool yes;

    if (verify_trade_check(c, info, e))
        return e->code;
    if (p->k.verdict.trade_spot == FACT_NO)
        return refuse_order(info->name, k, e);
    if (confirm(c, k, info->name, &yes, e))
        return e->code;
    if (!yes)
        return err_set(e, ERR_FAILED, "no order was placed");
    r = errand_new(PURPOSE_TRADE, info, p->r ? record_signer(p->r) : NULL, e);
    if (!r)
        return e->code;
    r->talk.symbol = c->args->value[OPT_TRADE];
    if (errands_run(courier, &r, 1, &c->where, c->env, NULL, NULL, e))
        return lost(r, e);
    return judge(c, r, e);
}
