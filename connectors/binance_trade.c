/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: the test order, LIMIT_MAKER so that it never takes, at half the price. Filters: page
 * "Filters" below the connector's .docs. */
#include "connectors/binance.h"

#include "connectors/member.h"
#include "connectors/placing.h"

#include <stdio.h>

#define SYMBOL_MAX 32u

static int check_symbol(const char *s, struct err *e)
{
    size_t n = s ? strlen(s) : 0;

    if (n && n <= SYMBOL_MAX && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n)
        return OK;
    err_set(e, ERR_USAGE, "'%s' is no market of Binance", s ? s : "");
    return err_hint(e, "capital letters and digits, as in BTCUSDT");
}

static int unlisted(const char *symbol, struct err *e)
{
    err_set(e, ERR_USAGE, "binance does not list '%s'", symbol);
    return err_hint(e, "capital letters and digits, as in BTCUSDT");
}

/* The object that a public call answered with. */
static int read_public(const struct talk *t, unsigned n, struct json *root, struct err *e)
{
    const struct reply *r = talk_reply(t, n);
    struct failure f;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "binance did not tell the price of '%s'", t->symbol);
    binance_explain(r, &f);
    if (!strcmp(f.code, "-1121"))
        return unlisted(t->symbol, e);
    if (f.kind != FAILURE_NONE || reply_json(r, root, e) || root->type != JSON_OBJECT)
        return binance_refused(r, e);
    return OK;
}

static void read_filter(struct json filter, struct far_order_rules *r)
{
    struct json type;

    if (!json_get(filter, "filterType", &type))
        return;
    if (json_str_eq(type, "PRICE_FILTER")) {
        r->tick = member_raw(filter, "tickSize");
        r->min_price = member_raw(filter, "minPrice");
    } else if (json_str_eq(type, "LOT_SIZE")) {
        r->step = member_raw(filter, "stepSize");
        r->min_quantity = member_raw(filter, "minQty");
    } else if (json_str_eq(type, "MIN_NOTIONAL") || json_str_eq(type, "NOTIONAL")) {
        r->min_value = member_raw(filter, "minNotional");
    } else if (json_str_eq(type, "PERCENT_PRICE")) {
        r->floor = member_raw(filter, "multiplierDown");
    } else if (json_str_eq(type, "PERCENT_PRICE_BY_SIDE")) {
        r->floor = member_raw(filter, "bidMultiplierDown");
    }
}

static int read_market(const struct talk *t, struct far_order_rules *r, struct err *e)
{
    struct json root, market, name, list, status, key, filter;
    struct json_iter it;
    int rc = read_public(t, CALL_MARKET, &root, e);

    if (rc)
        return rc;
    if (!member_first(root, "symbols", &market) || !json_get(market, "symbol", &name) ||
        !json_str_eq(name, t->symbol))
        return unlisted(t->symbol, e);
    if (!json_get(market, "status", &status) || !json_str_eq(status, "TRADING"))
        return err_set(e, ERR_EXCHANGE, "binance does not trade '%s' now", t->symbol);
    if (!json_get(market, "filters", &list) || list.type != JSON_ARRAY)
        return err_set(e, ERR_EXCHANGE, "binance does not tell the rules of '%s'", t->symbol);
    r->quote = member_raw(market, "quoteAsset");
    json_iter(&it, list);
    while (json_next(&it, &key, &filter))
        read_filter(filter, r);
    if (!r->tick.n || !r->step.n)
        return err_set(e, ERR_EXCHANGE, "binance does not tell the rules of '%s'", t->symbol);
    return OK;
}

static int plan_order(const struct talk *t, struct far_order *plan, struct err *e)
{
    struct far_order_rules rules = {.symbol = t->symbol};
    struct json root, name;
    int rc = read_market(t, &rules, e);

    if (!rc)
        rc = read_public(t, CALL_PRICE, &root, e);
    if (!rc && (!json_get(root, "symbol", &name) || !json_str_eq(name, t->symbol)))
        rc = err_set(e, ERR_EXCHANGE, "binance did not tell the price of '%s'", t->symbol);
    if (rc)
        return rc;
    rules.market = member_raw(root, "price");
    rc = far_order_plan(&rules, plan, e);
    return rc ? err_wrap(e, "binance: '%s'", t->symbol) : OK;
}

/* Binance read the request and did nothing of it: its codes 4xx, but those that say "unknown". */
static bool is_refusal(const struct reply *r, const struct failure *f)
{
    return r->status >= 400 && r->status < 500 && f->kind != FAILURE_NONE &&
           f->kind != FAILURE_UNKNOWN_STATE && f->kind != FAILURE_BUSY &&
           f->kind != FAILURE_GARBAGE;
}

static bool read_order(const struct reply *r, struct json *order, struct failure *f)
{
    struct err e;

    binance_explain(r, f);
    return f->kind == FAILURE_NONE && !reply_json(r, order, &e) && order->type == JSON_OBJECT;
}

static enum standing placed(const struct reply *r, char *id, size_t cap)
{
    struct failure f;
    struct json order;
    uint64_t n;

    if (!read_order(r, &order, &f))
        return is_refusal(r, &f) ? STANDING_REFUSED : STANDING_UNCLEAR;
    if (!member_u64(order, "orderId", &n))
        return STANDING_UNCLEAR;
    snprintf(id, cap, "%llu", (unsigned long long)n);
    return STANDING_ACCEPTED;
}

static enum standing standing_of(const struct reply *r)
{
    static const struct {
        const char *status;
        enum standing s;
    } words[] = {
        {"NEW", STANDING_OPEN},         {"PARTIALLY_FILLED", STANDING_OPEN},
        {"PENDING_NEW", STANDING_OPEN}, {"PENDING_CANCEL", STANDING_OPEN},
        {"CANCELED", STANDING_OVER},    {"EXPIRED", STANDING_OVER},
        {"REJECTED", STANDING_OVER},    {"EXPIRED_IN_MATCH", STANDING_OVER},
        {"FILLED", STANDING_FILLED},
    };
    struct failure f;
    struct json order, status;

    if (!read_order(r, &order, &f)) {
        bool is_absent = !strcmp(f.code, "-2011") || !strcmp(f.code, "-2013");
        return is_absent ? STANDING_ABSENT : STANDING_UNCLEAR;
    }
    if (!json_get(order, "status", &status))
        return STANDING_UNCLEAR;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (json_str_eq(status, words[i].status))
            return words[i].s;
    return STANDING_UNCLEAR;
}

static const struct placing placing = {
    .placed = placed,
    .cancelled = standing_of,
    .looked = standing_of,
};

static int ask_order(const struct talk *t, struct inquiry *out, struct err *e)
{
    struct far_order plan;
    int rc = plan_order(t, &plan, e);

    if (rc)
        return rc;
    out->method = "POST";
    snprintf(out->url, sizeof(out->url),
             "/api/v3/order?symbol=%s&side=BUY&type=LIMIT_MAKER&quantity=%s&price=%s"
             "&newClientOrderId=coffer-%s",
             t->symbol, plan.quantity, plan.price, t->tag);
    return OK;
}

int binance_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    enum step step = placing_step(&placing, t);
    int rc = check_symbol(t->symbol, e);

    if (rc)
        return rc;
    *out = (struct inquiry){.method = "GET"};
    *ask = ASK_NOW;
    switch (step) {
    case STEP_MARKET:
        snprintf(out->url, sizeof(out->url), "/api/v3/exchangeInfo?symbol=%s", t->symbol);
        return OK;
    case STEP_PRICE:
        snprintf(out->url, sizeof(out->url), "/api/v3/ticker/price?symbol=%s", t->symbol);
        return OK;
    case STEP_ORDER:
        return ask_order(t, out, e);
    case STEP_CANCEL:
    case STEP_LOOK:
        out->method = step == STEP_CANCEL ? "DELETE" : "GET";
        snprintf(out->url, sizeof(out->url), "/api/v3/order?symbol=%s&origClientOrderId=coffer-%s",
                 t->symbol, t->tag);
        return OK;
    case STEP_WAIT:
    case STEP_DONE:
        break;
    }
    *ask = step == STEP_WAIT ? ASK_WAIT : ASK_DONE;
    return OK;
}

void binance_trade(const struct talk *t, struct trade_test *out)
{
    struct far_order plan;
    struct err e;

    placing_result(&placing, t, out);
    if (t->n_asked > CALL_ORDER && !check_symbol(t->symbol, &e) && !plan_order(t, &plan, &e))
        placing_line(t, &plan, out);
}
