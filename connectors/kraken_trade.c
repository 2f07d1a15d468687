/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken's test order: the smallest that the pair takes, at half the price, post-only, cancelled at
 * once; and it expires by itself after a minute, should no cancelling get through. */
#include "connectors/kraken.h"

#include "connectors/far_order.h"
#include "connectors/form.h"
#include "connectors/member.h"

#include <inttypes.h>
#include <stdio.h>

#define CALL_PAIR 0
#define CALL_TICKER 1
#define CALL_ORDER 2
#define CALL_CANCEL 3 /* and after it */
#define CANCELS_MAX 3u
#define SYMBOL_MIN 3u
#define SYMBOL_MAX 20u
#define DECIMALS_MAX 18u
#define STEP_TEXT 8u
#define NAME_TEXT 32u

static int check_symbol(const char *s, struct err *e)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./";
    size_t n = s ? strlen(s) : 0;

    if (n >= SYMBOL_MIN && n <= SYMBOL_MAX && strspn(s, allowed) == n)
        return OK;
    err_set(e, ERR_USAGE, "'%s' is no pair as Kraken writes it", s ? s : "");
    return err_hint(e, "capital letters and digits: XBTUSD, or ETH/EUR");
}

/* The one member of the result, whatever Kraken calls the pair. */
static bool only_member(const struct reply *r, char name[NAME_TEXT], struct json *value)
{
    struct json_iter it;
    struct json result, key;

    if (!kraken_result(r, &result) || json_count(result) != 1)
        return false;
    json_iter(&it, result);
    return json_next(&it, &key, value) && value->type == JSON_OBJECT &&
           json_cstr(key, name, NAME_TEXT);
}

static bool is_named(struct json pair, const char *member, const char *name)
{
    struct json v;

    return json_get(pair, member, &v) && json_str_eq(v, name);
}

/* The price is of the pair that the rules are of: by any of its names, or by the one asked for. */
static bool is_same_pair(const struct talk *t, struct json pair, const char *rules,
                         const char *price)
{
    return strcmp(rules, price) == 0 || strcmp(t->symbol, price) == 0 ||
           is_named(pair, "altname", price) || is_named(pair, "wsname", price);
}

/* The first text of a ticker's list: its price. */
static struct bytes ticker_price(struct json ticker, const char *name)
{
    struct json v;

    if (!member_first(ticker, name, &v) || v.type != JSON_STRING)
        return (struct bytes){0};
    return json_raw(v);
}

/* The step that a number of decimals means; "" where there is none. */
static void step_of(struct json pair, const char *name, char out[STEP_TEXT])
{
    uint64_t n;

    out[0] = 0;
    if (member_u64(pair, name, &n) && n <= DECIMALS_MAX)
        snprintf(out, STEP_TEXT, "1E-%" PRIu64, n);
}

static int refuse_pair(const struct talk *t, const struct reply *r, struct err *e)
{
    struct failure f;

    kraken_explain(r, &f);
    if (f.kind == FAILURE_REQUEST) {
        err_set(e, ERR_USAGE, "Kraken lists no pair '%s'", t->symbol);
        return err_hint(e, "pairs are written as XBTUSD or XBT/USD; Kraken's name of Bitcoin is "
                           "XBT");
    }
    if (f.message[0])
        return err_set(e, ERR_EXCHANGE, "no price for '%s': %s", t->symbol, f.message);
    return err_set(e, ERR_EXCHANGE,
                   "no price for '%s': Kraken's reply is not in the documented "
                   "form",
                   t->symbol);
}

static int plan_order(const struct talk *t, struct far_order *out, struct err *e)
{
    char price_step[STEP_TEXT], size_step[STEP_TEXT], name[NAME_TEXT], priced[NAME_TEXT];
    struct json pair, ticker;

    if (!only_member(&t->replies[CALL_PAIR], name, &pair))
        return refuse_pair(t, &t->replies[CALL_PAIR], e);
    if (!only_member(&t->replies[CALL_TICKER], priced, &ticker))
        return refuse_pair(t, &t->replies[CALL_TICKER], e);
    if (!is_same_pair(t, pair, name, priced))
        return err_set(e, ERR_EXCHANGE, "no price for '%s': Kraken tells that of another pair",
                       t->symbol);
    step_of(pair, "pair_decimals", price_step);
    step_of(pair, "lot_decimals", size_step);
    struct far_order_rules rules = {
        .market = ticker_price(ticker, "c"),
        .tick = member_raw(pair, "tick_size"),
        .step = bytes_str(size_step),
        .min_quantity = member_raw(pair, "ordermin"),
        .min_value = member_raw(pair, "costmin"),
        .quote = member_raw(pair, "quote"),
        .symbol = t->symbol,
    };
    if (!rules.tick.n)
        rules.tick = bytes_str(price_step);
    int rc = far_order_plan(&rules, out, e);
    return rc ? err_wrap(e, "'%s' at Kraken", t->symbol) : OK;
}

static int ask_order(const struct talk *t, struct inquiry *out, struct err *e)
{
    AUTO_BUF body = BUF_INIT(sizeof(out->body) - 1);
    struct far_order plan;
    int rc = plan_order(t, &plan, e);

    if (rc)
        return rc;
    buf_adds(&body, "pair=");
    form_encode(&body, bytes_str(t->symbol));
    buf_addf(&body, "&type=buy&ordertype=limit&oflags=post&price=%s&volume=%s", plan.price,
             plan.quantity);
    buf_addf(&body, "&timeinforce=GTD&expiretm=%%2B60&cl_ord_id=%s", t->tag);
    rc = buf_check(&body, "order", e);
    if (rc)
        return rc;
    *out = (struct inquiry){.method = "POST", .url = "/0/private/AddOrder"};
    snprintf(out->body, sizeof(out->body), "%s", buf_str(&body));
    return OK;
}

static int ask_pair(const struct talk *t, const char *path, struct inquiry *out, struct err *e)
{
    AUTO_BUF url = BUF_INIT(sizeof(out->url) - 1);
    int rc = check_symbol(t->symbol, e);

    if (rc)
        return rc;
    buf_adds(&url, path);
    form_encode(&url, bytes_str(t->symbol));
    rc = buf_check(&url, "url", e);
    if (rc)
        return rc;
    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url), "%s", buf_str(&url));
    return OK;
}

enum fate { FATE_NONE, FATE_PLACED, FATE_UNSURE };

/* txid: "" where it is not told. */
static enum fate order_fate(const struct talk *t, char *txid, size_t cap)
{
    const struct reply *r = &t->replies[CALL_ORDER];
    struct json result, id;

    txid[0] = 0;
    if (t->n_asked <= CALL_ORDER || !t->is_answered[CALL_ORDER])
        return FATE_NONE;
    if (r->status == 0)
        return r->is_unknown ? FATE_UNSURE : FATE_NONE;
    if (!kraken_result(r, &result))
        return kraken_is_refusal(r) ? FATE_NONE : FATE_UNSURE;
    if (!member_first(result, "txid", &id) || !json_cstr(id, txid, cap) || !txid[0] ||
        strspn(txid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != strlen(txid)) {
        txid[0] = 0;
        return FATE_UNSURE;
    }
    return FATE_PLACED;
}

enum cancel { CANCEL_OPEN, CANCEL_DONE, CANCEL_NO_SUCH, CANCEL_REFUSED };

static enum cancel cancel_fate(const struct reply *r)
{
    struct json result;
    struct failure f;
    uint64_t n;

    if (r->status == 0)
        return CANCEL_OPEN;
    if (kraken_result(r, &result))
        return member_u64(result, "count", &n) && n > 0 ? CANCEL_DONE : CANCEL_OPEN;
    kraken_explain(r, &f);
    if (strcmp(f.code, "EOrder:Unknown order") == 0)
        return CANCEL_NO_SUCH;
    return kraken_is_refusal(r) && f.kind != FAILURE_RATE ? CANCEL_REFUSED : CANCEL_OPEN;
}

/* An order that was placed a moment ago and is not known yet is asked for again. */
static bool is_last_word(enum fate fate, unsigned call, enum cancel c)
{
    return c != CANCEL_OPEN && !(c == CANCEL_NO_SUCH && fate == FATE_PLACED && call == CALL_CANCEL);
}

static int next_cancel(const struct talk *t, struct inquiry *out, enum ask *ask)
{
    char txid[64];
    enum fate fate = order_fate(t, txid, sizeof(txid));
    unsigned last = t->n_asked - 1;

    *ask = ASK_DONE;
    if (fate == FATE_NONE)
        return OK;
    if (last >= CALL_CANCEL && (is_last_word(fate, last, cancel_fate(&t->replies[last])) ||
                                t->n_asked >= CALL_CANCEL + CANCELS_MAX))
        return OK;
    /* A request that was overtaken by this one is refused for its nonce. */
    *out = (struct inquiry){.method = "POST", .url = "/0/private/CancelOrder"};
    snprintf(out->body, sizeof(out->body), txid[0] ? "txid=%s" : "cl_ord_id=%s",
             txid[0] ? txid : t->tag);
    *ask = ASK_NOW;
    return OK;
}

int kraken_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    int rc;

    if (t->n_asked < CALL_ORDER) {
        rc = ask_pair(
            t,
            t->n_asked == CALL_PAIR ? "/0/public/AssetPairs?pair=" : "/0/public/Ticker?pair=", out,
            e);
        if (!rc)
            *ask = ASK_NOW;
        return rc;
    }
    for (unsigned i = 0; i < t->n_asked; i++)
        if (!t->is_answered[i]) {
            *ask = ASK_WAIT;
            return OK;
        }
    if (t->n_asked > CALL_ORDER)
        return next_cancel(t, out, ask);
    rc = ask_order(t, out, e);
    if (!rc)
        *ask = ASK_NOW;
    return rc;
}

void kraken_trade(const struct talk *t, struct trade_test *out)
{
    struct far_order plan;
    char txid[64];
    struct err e;

    memset(out, 0, sizeof(*out));
    if (t->n_asked <= CALL_ORDER)
        return;
    if (plan_order(t, &plan, &e) == OK)
        snprintf(out->line, sizeof(out->line), "buy %.40s %.20s at %.40s (market %.40s)",
                 plan.quantity, t->symbol, plan.price, plan.market);
    enum fate fate = order_fate(t, txid, sizeof(txid));
    bool was_tried = false;
    out->is_placed = fate != FATE_NONE;
    snprintf(out->order, sizeof(out->order), "%s", txid);
    for (unsigned i = CALL_CANCEL; out->is_placed && i < t->n_asked; i++) {
        enum cancel c = t->is_answered[i] ? cancel_fate(&t->replies[i]) : CANCEL_OPEN;
        if (c == CANCEL_DONE)
            out->is_cancelled = true;
        else if (c == CANCEL_NO_SUCH && fate == FATE_PLACED)
            out->is_cancelled = was_tried; /* an earlier try did it, or it expired */
        else if (c == CANCEL_NO_SUCH)
            out->is_placed = i > CALL_CANCEL;
        was_tried = was_tried || c == CANCEL_OPEN;
    }
}
