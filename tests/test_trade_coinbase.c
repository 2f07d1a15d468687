/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase's test order: which call follows which answer, and that no order
 * stays behind unnoticed. Replies are written from its documentation. */
#include "connectors/coinbase.h"
#include "tests/harness.h"
#include "tests/talk.h"

#define V3 "/api/v3/brokerage/"

static struct talk talk_of(enum purpose p)
{
    return (struct talk){.conn = &connector_coinbase_advanced_trade,
                         .purpose = p,
                         .symbol = "BTC-USD",
                         .tag = TALK_TAG};
}

#define FAILED(reason)                                                                             \
    "{\"success\":false,\"failure_reason\":\"UNKNOWN_FAILURE_REASON\",\"order_id\":\"\","          \
    "\"error_response\":{\"error\":\"" reason "\",\"message\":\"no\"}}"
#define CANCELLED(flag, reason)                                                                    \
    "{\"results\":[{\"success\":" flag ",\"failure_reason\":\"" reason "\",\"order_id\":"          \
    "\"0a-1b\"}]}"

#define PRODUCT                                                                                    \
    "{\"product_id\":\"BTC-USD\",\"price\":\"62012.40\",\"base_increment\":\"0.00000001\","        \
    "\"quote_increment\":\"0.01\",\"price_increment\":\"0.01\",\"base_min_size\":\"0.00000001\","  \
    "\"quote_min_size\":\"1\",\"trading_disabled\":false,\"product_type\":\"SPOT\","               \
    "\"quote_currency_id\":\"USD\"}"
#define MY_ID "01234567-89ab-8cde-8f00-000000000000"
#define ORDER_BODY                                                                                 \
    "{\"client_order_id\":\"" MY_ID "\",\"product_id\":\"BTC-USD\",\"side\":\"BUY\","              \
    "\"order_configuration\":{\"limit_limit_gtc\":{\"base_size\":\"0.00003226\","                  \
    "\"limit_price\":\"31006.2\",\"post_only\":true}}}"
#define PLACED                                                                                     \
    "{\"success\":true,\"success_response\":{\"order_id\":\"0a-1b\",\"product_id\":\"BTC-USD\","   \
    "\"client_order_id\":\"" MY_ID "\"}}"
#define CANCEL V3 "orders/batch_cancel"
#define CANCEL_BODY "{\"order_ids\":[\"0a-1b\"]}"
#define STATE V3 "orders/historical/0a-1b"
#define IS(status) "{\"order\":{\"order_id\":\"0a-1b\",\"status\":\"" status "\"}}"
#define LOOK_PENDING V3 "orders/historical/batch?product_ids=BTC-USD&order_status=PENDING"
#define LOOK V3 "orders/historical/batch?product_ids=BTC-USD&order_status=OPEN"
#define OPEN(id, order)                                                                            \
    "{\"orders\":[{\"order_id\":\"zz\",\"client_order_id\":\"other\"},{\"order_id\":\"" order      \
    "\",\"client_order_id\":\"" id "\"}],\"has_next\":false}"

static struct talk up_to_order(void)
{
    struct talk t = talk_of(PURPOSE_TRADE);

    next_is(&t, CLASS_PUBLIC, V3 "market/products/BTC-USD", "");
    t.n_asked = 1;
    then_is(&t, ASK_WAIT);
    t.n_asked = 0;
    answer(&t, 200, PRODUCT);
    next_is(&t, CLASS_TRADE, V3 "orders", ORDER_BODY);
    t.n_asked = 2;
    then_is(&t, ASK_WAIT);
    t.n_asked = 1;
    return t;
}

static void came_to(const struct talk *t, bool is_placed, bool is_cancelled, const char *order)
{
    struct trade_test got;

    coinbase_checks.trade(t, &got);
    EQ_INT(got.is_placed, is_placed);
    EQ_INT(got.is_cancelled, is_cancelled);
    EQ_STR(got.order, order);
    EQ_STR(got.line, "buy 0.00003226 BTC-USD at 31006.2 (market 62012.4)");
}

static void order_and_cancel(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    next_is(&t, CLASS_CANCEL, CANCEL, CANCEL_BODY);
    came_to(&t, true, false, "0a-1b");
    t.n_asked = 3;
    then_is(&t, ASK_WAIT);
    t.n_asked = 2;
    answer(&t, 200, CANCELLED("true", ""));
    next_is(&t, CLASS_READ, STATE, "");
    came_to(&t, true, false, "0a-1b");
    answer(&t, 200, IS("CANCELLED"));
    then_is(&t, ASK_DONE);
    came_to(&t, true, true, "0a-1b");
}

/* What cancelling, and the look after it, say; and whether the order is known to be over then. */
static void cancel_is_looked_at(void)
{
    static const struct {
        unsigned c_status;
        const char *cancel;
        unsigned l_status;
        const char *look;
        bool is_last, is_cancelled;
    } cases[] = {
        {200, CANCELLED("true", ""), 200, IS("CANCELLED"), true, true},
        {200, CANCELLED("true", ""), 200, IS("EXPIRED"), true, true},
        {200, CANCELLED("true", ""), 200, IS("CANCEL_QUEUED"), false, false},
        {200, CANCELLED("true", ""), 200, IS("OPEN"), false, false},
        {200, CANCELLED("true", ""), 200, IS("FILLED"), false, false},
        {200, CANCELLED("true", ""), 200, "{}", false, false},
        {200, CANCELLED("true", ""), 200, "{\"order\":{\"status\":7}}", false, false},
        {200, CANCELLED("true", ""), 503, "", false, false},
        {200, CANCELLED("true", ""), 403, "{\"error\":\"PERMISSION_DENIED\"}", true, true},
        {502, "<html>", 403, "{\"error\":\"PERMISSION_DENIED\"}", true, false},
        {502, "<html>", 200, IS("OPEN"), false, false},
        {502, "<html>", 200, IS("CANCELLED"), true, true},
        /* gone, or not known yet */
        {200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"), 200, IS("CANCELLED"), true, true},
        {200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"), 404, "{\"error\":\"NOT_FOUND\"}", false,
         false},
        {200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"), 200, IS("OPEN"), false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = up_to_order();
        answer(&t, 200, PLACED);
        for (int k = 0; k < 3; k++) {
            next_is(&t, CLASS_CANCEL, CANCEL, CANCEL_BODY);
            answer(&t, cases[i].c_status, cases[i].cancel);
            next_is(&t, CLASS_READ, STATE, "");
            answer(&t, cases[i].l_status, cases[i].look);
            came_to(&t, true, cases[i].is_cancelled, "0a-1b");
            if (cases[i].is_last)
                break;
        }
        then_is(&t, ASK_DONE);
    }
}

static void cancel_is_refused(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    answer(&t, 403, "{\"error\":\"PERMISSION_DENIED\"}");
    then_is(&t, ASK_DONE);
    came_to(&t, true, false, "0a-1b");
}

/* Nobody knows whether it was placed: it is looked for, and counts as placed until it is not
 * found. */
static void unknown_orders_are_looked_for(void)
{
    static const struct {
        unsigned status;
        const char *body;
    } unsure[] = {
        {0, ""},         {500, "{\"error\":\"INTERNAL\"}"},
        {502, "<html>"}, {200, "<html>"},
        {200, "{}"},     {200, "{\"success\":true,\"success_response\":{\"order_id\":\"a\\\"b\"}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(unsure); i++) {
        struct talk t = up_to_order();
        answer(&t, unsure[i].status, unsure[i].body);
        t.replies[1].is_unknown = true;
        next_is(&t, CLASS_READ, LOOK, "");
        came_to(&t, true, false, "");
        struct talk none = t;
        answer(&t, 200, OPEN(MY_ID, "0a-1b"));
        next_is(&t, CLASS_CANCEL, CANCEL, CANCEL_BODY);
        came_to(&t, true, false, "0a-1b");
        answer(&t, 200, CANCELLED("true", ""));
        answer(&t, 200, IS("CANCELLED"));
        then_is(&t, ASK_DONE);
        came_to(&t, true, true, "0a-1b");
        answer(&none, 200, OPEN("someone-else", "yy"));
        next_is(&none, CLASS_READ, LOOK_PENDING, "");
        came_to(&none, true, false, "");
        answer(&none, 200, OPEN("someone-else", "yy"));
        next_is(&none, CLASS_READ, LOOK, "");
        struct talk late = none;
        answer(&late, 200, OPEN(MY_ID, "0a-1b"));
        next_is(&late, CLASS_CANCEL, CANCEL, CANCEL_BODY);
        answer(&none, 200, OPEN("someone-else", "yy"));
        then_is(&none, ASK_DONE);
        came_to(&none, false, false, "");
    }
}

static void looks_may_fail(void)
{
    static const char *const bad[] = {
        "<html>",
        "{}",
        "{\"orders\":{}}",
        "{\"orders\":[],\"has_next\":true}",
        "{\"orders\":[{\"client_order_id\":\"" MY_ID "\"}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct talk t = up_to_order();
        no_answer(&t, true);
        answer(&t, 200, bad[i]);
        next_is(&t, CLASS_READ, LOOK_PENDING, "");
        answer(&t, 503, "");
        struct talk later = t;
        no_answer(&t, true);
        then_is(&t, ASK_DONE);
        came_to(&t, true, false, "");
        answer(&later, 200, OPEN(MY_ID, "0a-1b"));
        next_is(&later, CLASS_CANCEL, CANCEL, CANCEL_BODY);
    }
}

static void refused_orders_end_it(void)
{
    static const struct {
        unsigned status;
        const char *body;
    } cases[] = {
        {200, FAILED("INSUFFICIENT_FUND")},
        {200, FAILED("UNKNOWN_FAILURE_REASON")},
        {401, "Unauthorized"},
        {403, "{\"error\":\"PERMISSION_DENIED\"}"},
        {429, "{\"error\":\"rate_limit_exceeded\"}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = up_to_order();
        answer(&t, cases[i].status, cases[i].body);
        then_is(&t, ASK_DONE);
        came_to(&t, false, false, "");
    }
    struct talk t = up_to_order();
    no_answer(&t, false);
    then_is(&t, ASK_DONE);
    came_to(&t, false, false, "");
}

#define BTC(members) "{\"product_id\":\"BTC-USD\",\"quote_currency_id\":\"USD\"," members "}"

static void bad_products(void)
{
    static const struct {
        unsigned status;
        const char *body;
        int rc;
    } cases[] = {
        {404, "{\"error\":\"NOT_FOUND\"}", ERR_USAGE},
        {400, "{\"error\":\"INVALID_ARGUMENT\"}", ERR_USAGE},
        {429, "slow", ERR_EXCHANGE},
        {200, "<html>", ERR_EXCHANGE},
        {200, "{}", ERR_EXCHANGE},
        {200, "{\"price\":62012.4}", ERR_EXCHANGE},
        {200, BTC("\"price\":62012.4"), ERR_EXCHANGE},
        {200, BTC("\"price\":\"10\",\"base_min_size\":\"1\""), OK},
        {200, BTC("\"price\":\"10\",\"base_min_size\":\"1\",\"product_type\":\"FUTURE\""),
         ERR_USAGE},
        {200,
         "{\"product_id\":\"ETH-USD\",\"quote_currency_id\":\"USD\",\"price\":\"10\","
         "\"base_min_size\":\"1\"}",
         ERR_EXCHANGE},
        {200, BTC("\"price\":\"0\",\"base_min_size\":\"1\""), ERR_EXCHANGE},
        {200, BTC("\"price\":\"10\",\"base_min_size\":\"1\",\"trading_disabled\":true"),
         ERR_EXCHANGE},
        {200, BTC("\"price\":\"10\",\"base_min_size\":\"x\""), ERR_EXCHANGE},
        {0, "", ERR_EXCHANGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = talk_of(PURPOSE_TRADE);
        struct inquiry q;
        enum ask ask;
        struct err e = {.msg = ""};
        answer(&t, cases[i].status, cases[i].body);
        int rc = coinbase_checks.next(&t, &q, &ask, &e);
        harness_ok(rc == cases[i].rc, __FILE__, __LINE__, "%u %s: %d %s", cases[i].status,
                   cases[i].body, rc, e.msg);
    }
}

static void symbols(void)
{
    static const char *const bad[] = {
        "",
        "B",
        "btc-usd",
        "BTC/USD",
        "BTC USD",
        "../x",
        "BTC-USD?x",
        "BTC%2DUSD",
        "BTC.USD",
        "BTC-USD\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
    };
    struct talk t = talk_of(PURPOSE_TRADE);
    struct inquiry q;
    enum ask ask;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        t.symbol = bad[i];
        harness_int(coinbase_checks.next(&t, &q, &ask, &e), ERR_USAGE, __FILE__, __LINE__, bad[i]);
    }
    t.symbol = NULL;
    EQ_INT(coinbase_checks.next(&t, &q, &ask, &e), ERR_USAGE);
    t = talk_of(PURPOSE_TRADE);
    t.env = ENV_TEST;
    EQ_INT(coinbase_checks.next(&t, &q, &ask, &e), ERR_USAGE);
}

int main(void)
{
    RUN(order_and_cancel);
    RUN(cancel_is_looked_at);
    RUN(cancel_is_refused);
    RUN(unknown_orders_are_looked_for);
    RUN(looks_may_fail);
    RUN(refused_orders_end_it);
    RUN(bad_products);
    RUN(symbols);
    return harness_end();
}
