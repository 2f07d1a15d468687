/* SPDX-License-Identifier: Apache-2.0 */
/* OKX: the test order, post_only so that it never takes, at half the price. Each order's own code
 * (sCode) decides; a cancelling that was accepted is not yet done, so the order is looked up. */
#include "connectors/okx.h"

#include "connectors/member.h"
#include "connectors/placing.h"

#include <stdio.h>

#define SYMBOL_MAX 32u
#define SITE_HINT "letters, digits and a hyphen, as in BTC-USDT"

static int check_symbol(const char *s, struct err *e)
{
    size_t n = s ? strlen(s) : 0;

    if (n && n <= SYMBOL_MAX && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n)
        return OK;
    err_set(e, ERR_USAGE, "'%s' is no market of OKX", s ? s : "");
    return err_hint(e, SITE_HINT);
}

static int unlisted(const char *symbol, struct err *e)
{
    err_set(e, ERR_USAGE, "okx does not list '%s' for spot trading", symbol);
    return err_hint(e, SITE_HINT);
}

/* data[0] of a public call, when it is about this market. */
static int read_public(const struct talk *t, unsigned n, struct json *first, struct err *e)
{
    const struct reply *r = talk_reply(t, n);
    struct failure f;
    struct json root, name;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "okx did not tell the price of '%s'", t->symbol);
    okx_explain(r, &f);
    if (!strcmp(f.code, "51001"))
        return unlisted(t->symbol, e);
    if (f.kind != FAILURE_NONE || reply_json(r, &root, e))
        return okx_refused(r, e);
    if (!member_first(root, "data", first) || !json_get(*first, "instId", &name) ||
        !json_str_eq(name, t->symbol))
        return unlisted(t->symbol, e);
    return OK;
}

static int plan_order(const struct talk *t, struct far_order *plan, struct err *e)
{
    struct json market, price, state;
    int rc = read_public(t, CALL_MARKET, &market, e);

    if (!rc && (!json_get(market, "state", &state) || !json_str_eq(state, "live")))
        rc = err_set(e, ERR_EXCHANGE, "okx does not trade '%s' now", t->symbol);
    if (!rc)
        rc = read_public(t, CALL_PRICE, &price, e);
    if (rc)
        return rc;
    struct far_order_rules rules = {
        .market = member_raw(price, "last"),
        .tick = member_raw(market, "tickSz"),
        .step = member_raw(market, "lotSz"),
        .min_quantity = member_raw(market, "minSz"),
        .quote = member_raw(market, "quoteCcy"),
        .symbol = t->symbol,
    };
    if (!rules.tick.n || !rules.min_quantity.n)
        return err_set(e, ERR_EXCHANGE, "okx does not tell the rules of '%s'", t->symbol);
    rc = far_order_plan(&rules, plan, e);
    return rc ? err_wrap(e, "okx: '%s'", t->symbol) : OK;
}

/* data[0] of a success. */
static bool read_order(const struct reply *r, struct json *order, struct failure *f)
{
    struct json root;
    struct err e;

    okx_explain(r, f);
    return f->kind == FAILURE_NONE && !reply_json(r, &root, &e) &&
           member_first(root, "data", order) && order->type == JSON_OBJECT;
}

/* A code of OKX's own says that it read the request and refused it, unless that code says
 * otherwise. */
static bool is_refusal(const struct reply *r, const struct failure *f)
{
    return r->status < 500 && f->kind != FAILURE_NONE && f->kind != FAILURE_UNKNOWN_STATE &&
           f->kind != FAILURE_BUSY && f->kind != FAILURE_GARBAGE;
}

static bool is_done(struct json order)
{
    struct json code;

    return json_get(order, "sCode", &code) && json_str_eq(code, "0");
}

/* The whole says that it failed, the order that it was taken. */
static bool contradicts(const struct reply *r)
{
    struct json root, order;
    struct err e;

    return !reply_json(r, &root, &e) && member_first(root, "data", &order) && is_done(order);
}

static enum standing placed(const struct reply *r, char *id, size_t cap)
{
    struct failure f;
    struct json order;

    if (!read_order(r, &order, &f))
        return is_refusal(r, &f) && !contradicts(r) ? STANDING_REFUSED : STANDING_UNCLEAR;
    if (!is_done(order) || !member_text(order, "ordId", id, cap))
        return STANDING_UNCLEAR;
    return STANDING_ACCEPTED;
}

static enum standing cancelled(const struct reply *r)
{
    struct failure f;
    struct json order;

    if (!read_order(r, &order, &f))
        return !strcmp(f.code, "51603") ? STANDING_ABSENT : STANDING_UNCLEAR;
    return is_done(order) ? STANDING_ACCEPTED : STANDING_UNCLEAR;
}

static enum standing looked(const struct reply *r)
{
    struct failure f;
    struct json order, state;

    if (!read_order(r, &order, &f))
        return !strcmp(f.code, "51603") ? STANDING_ABSENT : STANDING_UNCLEAR;
    if (!json_get(order, "state", &state))
        return STANDING_UNCLEAR;
    if (json_str_eq(state, "canceled") || json_str_eq(state, "mmp_canceled"))
        return STANDING_OVER;
    if (json_str_eq(state, "filled"))
        return STANDING_FILLED;
    bool is_open = json_str_eq(state, "live") || json_str_eq(state, "partially_filled");
    return is_open ? STANDING_OPEN : STANDING_UNCLEAR;
}

static const struct placing placing = {
    .placed = placed,
    .cancelled = cancelled,
    .looked = looked,
};

static int ask_order(const struct talk *t, struct inquiry *out, struct err *e)
{
    struct far_order plan;
    int rc = plan_order(t, &plan, e);

    if (rc)
        return rc;
    *out = (struct inquiry){.method = "POST", .url = "/api/v5/trade/order"};
    snprintf(out->body, sizeof(out->body),
             "{\"instId\":\"%s\",\"tdMode\":\"cash\",\"side\":\"buy\",\"ordType\":\"post_only\","
             "\"px\":\"%s\",\"sz\":\"%s\",\"clOrdId\":\"coffer%s\"}",
             t->symbol, plan.price, plan.quantity, t->tag);
    return OK;
}

int okx_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    enum step step = placing_step(&placing, t);
    int rc = check_symbol(t->symbol, e);

    if (rc)
        return rc;
    *out = (struct inquiry){.method = "GET"};
    *ask = ASK_NOW;
    switch (step) {
    case STEP_MARKET:
        snprintf(out->url, sizeof(out->url), "/api/v5/public/instruments?instType=SPOT&instId=%s",
                 t->symbol);
        return OK;
    case STEP_PRICE:
        snprintf(out->url, sizeof(out->url), "/api/v5/market/ticker?instId=%s", t->symbol);
        return OK;
    case STEP_ORDER:
        return ask_order(t, out, e);
    case STEP_CANCEL:
        *out = (struct inquiry){.method = "POST", .url = "/api/v5/trade/cancel-order"};
        snprintf(out->body, sizeof(out->body), "{\"instId\":\"%s\",\"clOrdId\":\"coffer%s\"}",
                 t->symbol, t->tag);
        return OK;
    case STEP_LOOK:
        snprintf(out->url, sizeof(out->url), "/api/v5/trade/order?instId=%s&clOrdId=coffer%s",
                 t->symbol, t->tag);
        return OK;
    case STEP_WAIT:
    case STEP_DONE:
        break;
    }
    *ask = step == STEP_WAIT ? ASK_WAIT : ASK_DONE;
    return OK;
}

void okx_trade(const struct talk *t, struct trade_test *out)
{
    struct far_order plan;
    struct err e;

    placing_result(&placing, t, out);
    if (t->n_asked > CALL_ORDER && !check_symbol(t->symbol, &e) && !plan_order(t, &plan, &e))
        placing_line(t, &plan, out);
}
