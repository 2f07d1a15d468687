/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase's error replies and its test order: which call follows which answer, and that no order
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

static void errors(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
        const char *code;
        unsigned n_causes;
    } cases[] = {
        {200, "{}", FAILURE_NONE, "", 0},
        {200, "{\"error\":\"\",\"accounts\":[]}", FAILURE_NONE, "", 0},
        {401, "Unauthorized", FAILURE_KEY, "", 4},
        {401, "Unauthorized\n", FAILURE_KEY, "", 4},
        {401, "", FAILURE_KEY, "", 4},
        {401, "{\"error\":\"unauthorized\",\"message\":\"x\"}", FAILURE_KEY, "unauthorized", 4},
        {401, "<html>Unauthorized</html>", FAILURE_GARBAGE, NULL, 2},
        {403, "{\"error\":\"PERMISSION_DENIED\",\"error_details\":\"Missing required scopes\"}",
         FAILURE_RIGHT, "PERMISSION_DENIED", 2},
        {403, "<html>blocked</html>", FAILURE_GARBAGE, NULL, 2},
        {404, "{\"error\":\"NOT_FOUND\",\"message\":\"account not found\"}", FAILURE_REQUEST,
         "NOT_FOUND", 0},
        {400, "{\"error\":\"INVALID_ARGUMENT\"}", FAILURE_REQUEST, "INVALID_ARGUMENT", 0},
        {400, "{\"error\":\"something new\"}", FAILURE_REQUEST, "something new", 0},
        {429, "{\"error\":\"rate_limit_exceeded\"}", FAILURE_RATE, "rate_limit_exceeded", 0},
        {429, "{\"error\":\"RESOURCE_EXHAUSTED\"}", FAILURE_RATE, "RESOURCE_EXHAUSTED", 0},
        {429, "too many", FAILURE_RATE, "", 1},
        {500, "{\"error\":\"INTERNAL\"}", FAILURE_UNKNOWN_STATE, "INTERNAL", 0},
        {503, "{\"error\":\"UNAVAILABLE\"}", FAILURE_BUSY, "UNAVAILABLE", 0},
        {503, "{\"error\":\"odd\"}", FAILURE_BUSY, "odd", 1},
        {502, "<html>", FAILURE_BUSY, NULL, 1},
        {200, "<html>", FAILURE_GARBAGE, NULL, 2},
        {200, "{\"accounts\":[", FAILURE_GARBAGE, NULL, 2},
        {200, "[]", FAILURE_GARBAGE, NULL, 2},
        {401, "{\"errors\":[{\"id\":\"invalid_token\",\"message\":\"x\"}]}", FAILURE_KEY,
         "invalid_token", 4},
        {403, "{\"errors\":[{\"id\":\"invalid_scope\",\"message\":\"x\"}]}", FAILURE_RIGHT,
         "invalid_scope", 2},
        {402, "{\"errors\":[{\"id\":\"two_factor_required\",\"message\":\"x\"}]}", FAILURE_RIGHT,
         "two_factor_required", 1},
        {404, "{\"errors\":[{\"id\":7}]}", FAILURE_REQUEST, "errors", 0},
        {200, FAILED("INSUFFICIENT_FUND"), FAILURE_FUNDS, "INSUFFICIENT_FUND", 0},
        {200, FAILED("INVALID_PRODUCT_ID"), FAILURE_REQUEST, "INVALID_PRODUCT_ID", 0},
        {200, FAILED("UNKNOWN_FAILURE_REASON"), FAILURE_OTHER, "success: false", 0},
        {200, "{\"success\":false}", FAILURE_OTHER, "success: false", 0},
        {200,
         "{\"success\":false,\"error_response\":{\"preview_failure_reason\":"
         "\"PREVIEW_INSUFFICIENT_FUND\"}}",
         FAILURE_FUNDS, "PREVIEW_INSUFFICIENT_FUND", 0},
        {200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"), FAILURE_REQUEST, "UNKNOWN_CANCEL_ORDER",
         0},
        {200, CANCELLED("true", "UNKNOWN_CANCEL_FAILURE_REASON"), FAILURE_NONE, "", 0},
    };
    struct failure f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply r = reply_of(cases[i].status, cases[i].body);
        coinbase_checks.explain(&r, &f);
        harness_ok(f.kind == cases[i].kind && (!cases[i].code || !strcmp(f.code, cases[i].code)) &&
                       f.n_causes == cases[i].n_causes,
                   __FILE__, __LINE__, "%u %s: %s '%s' %zu", cases[i].status, cases[i].body,
                   failure_name(f.kind), f.code, f.n_causes);
    }
}

static void html_by_its_type(void)
{
    struct header type = {BYTES_LIT("content-type"), BYTES_LIT("text/html")};
    struct reply r = reply_of(401, "Unauthorized");
    struct failure f;

    r.headers = &type;
    r.n_headers = 1;
    coinbase_checks.explain(&r, &f);
    EQ_INT(f.kind, FAILURE_GARBAGE);
}

static void words_are_fit_for_a_terminal(void)
{
    struct reply r = reply_of(403, "{\"error\":\"PERMISSION_DENIED\",\"message\":\"\\u001b[2J\"}");
    struct failure f;

    coinbase_checks.explain(&r, &f);
    EQ_STR(f.message, "\\x1b[2J");
}

#define PRODUCT                                                                                    \
    "{\"product_id\":\"BTC-USD\",\"price\":\"62012.40\",\"base_increment\":\"0.00000001\","        \
    "\"quote_increment\":\"0.01\",\"price_increment\":\"0.01\",\"base_min_size\":\"0.00000001\","  \
    "\"quote_min_size\":\"1\",\"trading_disabled\":false}"
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
    then_is(&t, ASK_DONE);
    came_to(&t, true, true, "0a-1b");
}

static void cancel_is_tried_again(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    answer(&t, 502, "<html>");
    next_is(&t, CLASS_CANCEL, CANCEL, CANCEL_BODY);
    no_answer(&t, true);
    next_is(&t, CLASS_CANCEL, CANCEL, CANCEL_BODY);
    struct talk gone = t;
    answer(&gone, 200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"));
    then_is(&gone, ASK_DONE);
    came_to(&gone, true, true, "0a-1b");
    answer(&t, 429, "slow");
    then_is(&t, ASK_DONE);
    came_to(&t, true, false, "0a-1b");
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
        then_is(&t, ASK_DONE);
        came_to(&t, true, true, "0a-1b");
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
        next_is(&t, CLASS_READ, LOOK, "");
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
        {200, "{\"price\":\"0\",\"base_min_size\":\"1\"}", ERR_EXCHANGE},
        {200, "{\"price\":\"10\",\"base_min_size\":\"1\",\"trading_disabled\":true}", ERR_EXCHANGE},
        {200, "{\"price\":\"10\",\"base_min_size\":\"x\"}", ERR_EXCHANGE},
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
    RUN(errors);
    RUN(html_by_its_type);
    RUN(words_are_fit_for_a_terminal);
    RUN(order_and_cancel);
    RUN(cancel_is_tried_again);
    RUN(cancel_is_refused);
    RUN(unknown_orders_are_looked_for);
    RUN(looks_may_fail);
    RUN(refused_orders_end_it);
    RUN(bad_products);
    RUN(symbols);
    return harness_end();
}
