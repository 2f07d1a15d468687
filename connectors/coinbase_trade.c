/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase's test order: the smallest that the product takes, at half the price, post-only,
 * cancelled at once. When nobody knows whether it was placed, it is looked for among the open and
 * pending ones. A cancelling that was taken is not yet done, so the order is looked up. */
#include "connectors/coinbase.h"

#include "connectors/far_order.h"
#include "connectors/member.h"

#include <stdio.h>

#define V3 "/api/v3/brokerage/"
#define CALL_PRODUCT 0u
#define CALL_ORDER 1u
#define CALL_AFTER 2u /* looking for the order, cancelling it */
#define TRIES_MAX 3u  /* of each */
#define SYMBOL_MIN 3u
#define SYMBOL_MAX 40u
#define ID_MAX 64u
#define UUID_TEXT 37u

static int check_symbol(const struct talk *t, struct err *e)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    const char *s = t->symbol ? t->symbol : "";
    size_t n = strlen(s);

    if (t->env != ENV_LIVE) {
        err_set(e, ERR_USAGE, "an order in Coinbase's sandbox proves nothing");
        return err_hint(e, "it gives every key the same made-up answers");
    }
    if (n >= SYMBOL_MIN && n <= SYMBOL_MAX && strspn(s, allowed) == n)
        return OK;
    err_set(e, ERR_USAGE, "'%s' is no product as Coinbase writes it", s);
    return err_hint(e, "capital letters, digits and '-': BTC-USD");
}

static int refuse_product(const struct talk *t, const struct reply *r, struct err *e)
{
    struct failure f;

    if (r && r->status) {
        coinbase_explain(r, &f);
        if (f.kind == FAILURE_REQUEST) {
            err_set(e, ERR_USAGE, "Coinbase lists no product '%s'", t->symbol);
            return err_hint(e, "products are written as BTC-USD");
        }
    }
    (void)coinbase_refused(r, e);
    return err_wrap(e, "no price for '%s'", t->symbol);
}

static int plan_order(const struct talk *t, struct far_order *out, struct err *e)
{
    static const char *const stops[] = {"trading_disabled", "is_disabled", "cancel_only",
                                        "view_only"};
    const struct reply *r = talk_reply(t, CALL_PRODUCT);
    struct json p, v;

    if (!coinbase_good(r, &p))
        return refuse_product(t, r, e);
    if (!json_get(p, "product_id", &v) || !json_str_eq(v, t->symbol))
        return err_set(e, ERR_EXCHANGE, "Coinbase did not tell the price of '%s'", t->symbol);
    if (json_get(p, "product_type", &v) && !json_str_eq(v, "SPOT"))
        return err_set(e, ERR_USAGE, "'%s' is no spot product of Coinbase", t->symbol);
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (member_fact(p, stops[i]) == FACT_YES)
            return err_set(e, ERR_EXCHANGE, "Coinbase takes no orders for '%s' now (%s)", t->symbol,
                           stops[i]);
    struct far_order_rules rules = {
        .market = member_raw(p, "price"),
        .tick = member_raw(p, "price_increment"),
        .step = member_raw(p, "base_increment"),
        .min_quantity = member_raw(p, "base_min_size"),
        .min_value = member_raw(p, "quote_min_size"),
        .quote = member_raw(p, "quote_currency_id"),
        .symbol = t->symbol,
    };
    if (!rules.tick.n)
        rules.tick = member_raw(p, "quote_increment");
    int rc = far_order_plan(&rules, out, e);
    return rc ? err_wrap(e, "'%s' at Coinbase", t->symbol) : OK;
}

/* The tag as an identifier of the usual form (RFC 9562, version 8: its content is one's own). */
static void client_id(const struct talk *t, char out[UUID_TEXT])
{
    char tag[17] = "0000000000000000";
    size_t n = strnlen(t->tag ? t->tag : "", 16);

    for (size_t i = 0; i < n; i++)
        tag[i] = t->tag[i];
    snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-8%.1s00-000000000000", tag, tag + 8, tag + 12,
             tag + 15);
}

static int ask_order(const struct talk *t, struct inquiry *out, struct err *e)
{
    char id[UUID_TEXT];
    struct far_order plan;
    int rc = plan_order(t, &plan, e);

    if (rc)
        return rc;
    client_id(t, id);
    *out = (struct inquiry){.method = "POST", .url = V3 "orders"};
    snprintf(out->body, sizeof(out->body),
             "{\"client_order_id\":\"%s\",\"product_id\":\"%.40s\",\"side\":\"BUY\","
             "\"order_configuration\":{\"limit_limit_gtc\":{\"base_size\":\"%s\","
             "\"limit_price\":\"%s\",\"post_only\":true}}}",
             id, t->symbol, plan.quantity, plan.price);
    return OK;
}

/* An identifier that goes into a request again. */
static bool read_id(struct json object, const char *name, char out[ID_MAX])
{
    struct json v;

    out[0] = 0;
    if (json_get(object, name, &v) && json_cstr(v, out, ID_MAX) && out[0] &&
        strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
            strlen(out))
        return true;
    out[0] = 0;
    return false;
}

enum fate { FATE_NONE, FATE_PLACED, FATE_UNSURE };

static enum fate order_fate(const struct talk *t, char id[ID_MAX])
{
    const struct reply *r = talk_reply(t, CALL_ORDER);
    struct json root, inside;

    id[0] = 0;
    if (!r)
        return FATE_NONE;
    if (r->status == 0)
        return r->is_unknown ? FATE_UNSURE : FATE_NONE;
    if (!coinbase_good(r, &root))
        return coinbase_is_refusal(r) ? FATE_NONE : FATE_UNSURE;
    if (json_get(root, "success_response", &inside) && read_id(inside, "order_id", id))
        return FATE_PLACED;
    return read_id(root, "order_id", id) ? FATE_PLACED : FATE_UNSURE;
}

enum look { LOOK_FAILED, LOOK_FOUND, LOOK_ABSENT };

/* Our order among the open ones. */
static enum look look_for(const struct talk *t, const struct reply *r, char id[ID_MAX])
{
    char mine[UUID_TEXT];
    struct json_iter it;
    struct json root, list, key, order, v;

    if (!coinbase_good(r, &root) || !json_get(root, "orders", &list) || list.type != JSON_ARRAY)
        return LOOK_FAILED;
    client_id(t, mine);
    json_iter(&it, list);
    while (json_next(&it, &key, &order))
        if (json_get(order, "client_order_id", &v) && json_str_eq(v, mine))
            return read_id(order, "order_id", id) ? LOOK_FOUND : LOOK_FAILED;
    return member_fact(root, "has_next") == FACT_YES ? LOOK_FAILED : LOOK_ABSENT;
}

enum cancel { CANCEL_OPEN, CANCEL_DONE, CANCEL_REFUSED };

static enum cancel cancel_fate(const struct reply *r)
{
    struct json root, first;
    struct failure f;

    if (!r || r->status == 0)
        return CANCEL_OPEN;
    if (coinbase_good(r, &root))
        return member_first(root, "results", &first) && member_fact(first, "success") == FACT_YES
                   ? CANCEL_DONE
                   : CANCEL_OPEN;
    coinbase_explain(r, &f);
    if (strcmp(f.code, "DUPLICATE_CANCEL_REQUEST") == 0)
        return CANCEL_DONE;
    if (strcmp(f.code, "UNKNOWN_CANCEL_ORDER") == 0) /* gone, or not known yet */
        return CANCEL_OPEN;
    bool is_final = f.kind == FAILURE_RIGHT || f.kind == FAILURE_KEY || f.kind == FAILURE_REQUEST;
    return is_final && coinbase_is_refusal(r) ? CANCEL_REFUSED : CANCEL_OPEN;
}

/* What a look at the one order says. */
enum standing { STANDING_UNCLEAR, STANDING_OPEN, STANDING_OVER, STANDING_HIDDEN };

static enum standing standing_of(const struct reply *r)
{
    static const char *const over[] = {"CANCELLED", "EXPIRED", "FAILED"};
    struct json root, order, status;
    struct failure f;

    if (!r || r->status == 0)
        return STANDING_UNCLEAR;
    if (!coinbase_good(r, &root)) {
        coinbase_explain(r, &f);
        return f.kind == FAILURE_RIGHT ? STANDING_HIDDEN : STANDING_UNCLEAR;
    }
    if (!json_get(root, "order", &order) || !json_get(order, "status", &status) ||
        status.type != JSON_STRING)
        return STANDING_UNCLEAR;
    for (size_t i = 0; i < ARRAY_LEN(over); i++)
        if (json_str_eq(status, over[i]))
            return STANDING_OVER;
    return STANDING_OPEN; /* OPEN, PENDING, CANCEL_QUEUED, FILLED: not taken back at any rate */
}

/* Where a talk stands after its order. */
struct course {
    enum fate fate;
    char id[ID_MAX];
    bool is_absent; /* looked for to the end, and not there */
    unsigned
        first_cancel; /* the call that cancels; before it are looks, after it look, cancel ... */
};

/* Not there once may mean not there yet. */
static void find_course(const struct talk *t, struct course *c)
{
    *c = (struct course){.first_cancel = CALL_AFTER};
    c->fate = order_fate(t, c->id);
    if (c->fate != FATE_UNSURE)
        return;
    while (!c->id[0] && c->first_cancel < t->n_asked && c->first_cancel < CALL_AFTER + TRIES_MAX) {
        enum look l = look_for(t, talk_reply(t, c->first_cancel++), c->id);
        c->is_absent = l == LOOK_ABSENT && c->first_cancel == CALL_AFTER + TRIES_MAX;
    }
}

static void ask_look(const struct talk *t, struct inquiry *out)
{
    /* Open orders and others cannot be asked for at once. */
    const char *status = (t->n_asked - CALL_AFTER) % 2 ? "PENDING" : "OPEN";

    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url),
             V3 "orders/historical/batch?product_ids=%.40s&order_status=%s", t->symbol, status);
}

static void ask_cancel(const struct course *c, struct inquiry *out)
{
    *out = (struct inquiry){.method = "POST", .url = V3 "orders/batch_cancel"};
    snprintf(out->body, sizeof(out->body), "{\"order_ids\":[\"%s\"]}", c->id);
}

static void ask_standing(const struct course *c, struct inquiry *out)
{
    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url), V3 "orders/historical/%s", c->id);
}

static bool is_cancel(const struct course *c, unsigned call)
{
    return (call - c->first_cancel) % 2 == 0;
}

static enum ask next_after(const struct talk *t, struct inquiry *out)
{
    struct course c;
    unsigned last = t->n_asked - 1;

    find_course(t, &c);
    if (c.fate == FATE_NONE || c.is_absent)
        return ASK_DONE;
    if (!c.id[0]) {
        if (t->n_asked >= CALL_AFTER + TRIES_MAX)
            return ASK_DONE;
        ask_look(t, out);
        return ASK_NOW;
    }
    if (t->n_asked == c.first_cancel) {
        ask_cancel(&c, out);
    } else if (is_cancel(&c, last)) {
        if (cancel_fate(talk_reply(t, last)) == CANCEL_REFUSED)
            return ASK_DONE;
        ask_standing(&c, out);
    } else {
        enum standing s = standing_of(talk_reply(t, last));
        if (s == STANDING_OVER || s == STANDING_HIDDEN ||
            t->n_asked >= c.first_cancel + 2 * TRIES_MAX)
            return ASK_DONE;
        ask_cancel(&c, out);
    }
    return ASK_NOW;
}

int coinbase_trade_next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    int rc = OK;

    *ask = ASK_NOW;
    if (t->n_asked == CALL_PRODUCT) {
        rc = check_symbol(t, e);
        if (rc)
            return rc;
        *out = (struct inquiry){.method = "GET"};
        snprintf(out->url, sizeof(out->url), V3 "market/products/%s", t->symbol);
        return OK;
    }
    if (!talk_reply(t, t->n_asked - 1))
        *ask = ASK_WAIT;
    else if (t->n_asked == CALL_ORDER)
        rc = ask_order(t, out, e);
    else
        *ask = next_after(t, out);
    return rc;
}

void coinbase_trade(const struct talk *t, struct trade_test *out)
{
    struct far_order plan;
    struct course c;
    struct err e;

    *out = (struct trade_test){0};
    if (t->n_asked <= CALL_ORDER)
        return;
    if (plan_order(t, &plan, &e) == OK)
        snprintf(out->line, sizeof(out->line), "buy %.40s %.40s at %.40s (market %.40s)",
                 plan.quantity, t->symbol, plan.price, plan.market);
    find_course(t, &c);
    /* While nobody knows, it is said to be there. */
    out->is_placed = c.fate != FATE_NONE && !c.is_absent;
    snprintf(out->order, sizeof(out->order), "%s", c.id);
    bool is_taken = false;
    for (unsigned i = c.first_cancel; out->is_placed && c.id[0] && i < t->n_asked; i++) {
        if (is_cancel(&c, i)) {
            is_taken = is_taken || cancel_fate(talk_reply(t, i)) == CANCEL_DONE;
            continue;
        }
        /* A key that may not look takes the word of the cancelling. */
        enum standing s = standing_of(talk_reply(t, i));
        out->is_cancelled = s == STANDING_OVER || (s == STANDING_HIDDEN && is_taken);
    }
}
