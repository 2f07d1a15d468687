/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken's test order: which call follows which answer, and that no order stays behind unnoticed.
 * Replies are written from its documentation. */
#include "connectors/kraken.h"
#include "tests/harness.h"
#include "tests/talk.h"

#define OK_BODY(result) "{\"error\":[],\"result\":" result "}"
#define ERR_BODY(text) "{\"error\":[\"" text "\"]}"

static struct talk talk_of(enum purpose p)
{
    return (struct talk){
        .conn = &connector_kraken, .purpose = p, .symbol = "XBTUSD", .tag = TALK_TAG};
}

#define PAIR                                                                                       \
    OK_BODY("{\"XXBTZUSD\":{\"altname\":\"XBTUSD\",\"quote\":\"ZUSD\",\"pair_decimals\":1,\"lot_"  \
            "decimals\":8,"                                                                        \
            "\"ordermin\":\"0.00005\",\"costmin\":\"0.5\",\"tick_size\":\"0.1\"}}")
#define TICKER                                                                                     \
    OK_BODY("{\"XXBTZUSD\":{\"a\":[\"62013.0\",\"1\",\"1.000\"],\"b\":[\"62012.0\",\"1\","         \
            "\"1.000\"],\"c\":[\"62012.40000\",\"0.001\"]}}")
#define PLACED OK_BODY("{\"descr\":{\"order\":\"buy\"},\"txid\":[\"OUF4EM-FRGI2-MQMWZD\"]}")
#define ORDER_BODY                                                                                 \
    "pair=XBTUSD&type=buy&ordertype=limit&oflags=post&price=31006.2&volume=0.00005&"               \
    "timeinforce=GTD&expiretm=%2B60&cl_ord_id=0123456789abcdef"

static struct talk up_to_order(void)
{
    struct talk t = talk_of(PURPOSE_TRADE);

    next_is(&t, CLASS_PUBLIC, "/0/public/AssetPairs?pair=XBTUSD", "");
    t.n_asked = 1;
    next_is(&t, CLASS_PUBLIC, "/0/public/Ticker?pair=XBTUSD", "");
    t.n_asked = 2;
    then_is(&t, ASK_WAIT);
    t.n_asked = 0;
    answer(&t, 200, PAIR);
    t.n_asked = 2;
    then_is(&t, ASK_WAIT);
    t.n_asked = 1;
    answer(&t, 200, TICKER);
    next_is(&t, CLASS_TRADE, "/0/private/AddOrder", ORDER_BODY);
    t.n_asked = 3;
    then_is(&t, ASK_WAIT);
    t.n_asked = 2;
    return t;
}

static void came_to(const struct talk *t, bool is_placed, bool is_cancelled, const char *order)
{
    struct trade_test got;

    kraken_checks.trade(t, &got);
    EQ_INT(got.is_placed, is_placed);
    EQ_INT(got.is_cancelled, is_cancelled);
    EQ_STR(got.order, order);
    EQ_STR(got.line, "buy 0.00005 XBTUSD at 31006.2 (market 62012.4)");
}

#define CANCEL "/0/private/CancelOrder"
#define BY_TXID "txid=OUF4EM-FRGI2-MQMWZD"
#define BY_TAG "cl_ord_id=0123456789abcdef"

static void order_and_cancel(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    next_is(&t, CLASS_CANCEL, CANCEL, BY_TXID);
    came_to(&t, true, false, "OUF4EM-FRGI2-MQMWZD");
    t.n_asked = 4;
    then_is(&t, ASK_WAIT);
    t.n_asked = 3;
    answer(&t, 200, OK_BODY("{\"count\":1}"));
    then_is(&t, ASK_DONE);
    came_to(&t, true, true, "OUF4EM-FRGI2-MQMWZD");
}

static void cancel_is_tried_again(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    answer(&t, 502, "<html>");
    next_is(&t, CLASS_CANCEL, CANCEL, BY_TXID);
    no_answer(&t, true);
    next_is(&t, CLASS_CANCEL, CANCEL, BY_TXID);
    came_to(&t, true, false, "OUF4EM-FRGI2-MQMWZD");
    struct talk gone = t;
    answer(&gone, 200, ERR_BODY("EOrder:Unknown order"));
    then_is(&gone, ASK_DONE);
    came_to(&gone, true, true, "OUF4EM-FRGI2-MQMWZD");
    answer(&t, 200, ERR_BODY("EService:Busy"));
    then_is(&t, ASK_DONE);
    came_to(&t, true, false, "OUF4EM-FRGI2-MQMWZD");
}

/* Not known yet is not cancelled. */
static void young_orders_are_cancelled(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    answer(&t, 200, ERR_BODY("EOrder:Unknown order"));
    next_is(&t, CLASS_CANCEL, CANCEL, BY_TXID);
    came_to(&t, true, false, "OUF4EM-FRGI2-MQMWZD");
    struct talk none = t;
    answer(&t, 200, OK_BODY("{\"count\":1}"));
    then_is(&t, ASK_DONE);
    came_to(&t, true, true, "OUF4EM-FRGI2-MQMWZD");
    answer(&none, 200, ERR_BODY("EOrder:Unknown order"));
    then_is(&none, ASK_DONE);
    came_to(&none, true, false, "OUF4EM-FRGI2-MQMWZD");
}

static void cancel_is_refused(void)
{
    struct talk t = up_to_order();

    answer(&t, 200, PLACED);
    answer(&t, 200, ERR_BODY("EGeneral:Permission denied"));
    then_is(&t, ASK_DONE);
    came_to(&t, true, false, "OUF4EM-FRGI2-MQMWZD");
}

/* Nobody knows whether it was placed: it is cancelled by its own name, and counts as placed until
 * Kraken says that there is none. */
static void unknown_orders_are_cancelled(void)
{
    static const struct {
        unsigned status;
        const char *body;
    } unsure[] = {
        {0, ""},
        {502, "<html>"},
        {200, "<html>"},
        {200, OK_BODY("{}")},
        {200, OK_BODY("{\"txid\":[\"a&b=c\"]}")},
        {200, ERR_BODY("EGeneral:Internal error")},
        {200, ERR_BODY("EService:Unavailable")},
    };

    for (size_t i = 0; i < ARRAY_LEN(unsure); i++) {
        struct talk t = up_to_order();
        answer(&t, unsure[i].status, unsure[i].body);
        t.replies[2].is_unknown = true;
        next_is(&t, CLASS_CANCEL, CANCEL, BY_TAG);
        came_to(&t, true, false, "");
        struct talk none = t;
        answer(&t, 200, OK_BODY("{\"count\":1}"));
        then_is(&t, ASK_DONE);
        came_to(&t, true, true, "");
        answer(&none, 200, ERR_BODY("EOrder:Unknown order"));
        then_is(&none, ASK_DONE);
        came_to(&none, false, false, "");
    }
}

static void refused_orders_end_it(void)
{
    static const char *const refusals[] = {
        ERR_BODY("EOrder:Insufficient funds"),  ERR_BODY("EGeneral:Permission denied"),
        ERR_BODY("EAPI:Invalid nonce"),         ERR_BODY("EOrder:Rate limit exceeded"),
        ERR_BODY("EGeneral:Invalid arguments"),
    };

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct talk t = up_to_order();
        answer(&t, 200, refusals[i]);
        then_is(&t, ASK_DONE);
        came_to(&t, false, false, "");
    }
    struct talk t = up_to_order();
    no_answer(&t, false);
    then_is(&t, ASK_DONE);
    came_to(&t, false, false, "");
}

static void bad_markets(void)
{
    static const struct {
        const char *pair, *ticker;
        int rc;
    } cases[] = {
        {ERR_BODY("EQuery:Unknown asset pair"), TICKER, ERR_USAGE},
        {PAIR, ERR_BODY("EQuery:Unknown asset pair"), ERR_USAGE},
        {ERR_BODY("EService:Busy"), TICKER, ERR_EXCHANGE},
        {PAIR, "<html>", ERR_EXCHANGE},
        {OK_BODY("{}"), TICKER, ERR_EXCHANGE},
        {OK_BODY("{\"A\":{},\"B\":{}}"), TICKER, ERR_EXCHANGE},
        {PAIR, OK_BODY("{\"XBTUSD\":{\"c\":[]}}"), ERR_EXCHANGE},
        {PAIR, OK_BODY("{\"XBTUSD\":{\"c\":[62012.4]}}"), ERR_EXCHANGE},
        {PAIR, OK_BODY("{\"XBTUSD\":{\"c\":[\"0\"]}}"), ERR_EXCHANGE},
        {PAIR, OK_BODY("{\"XBTUSD\":{\"c\":[\"1e99\"]}}"), ERR_EXCHANGE},
        {PAIR, OK_BODY("{\"XBTUSD\":{\"c\":[\"62012.4\"]}}"), OK},
        {PAIR, OK_BODY("{\"XETHZUSD\":{\"c\":[\"3000.0\"]}}"), ERR_EXCHANGE},
        {OK_BODY("{\"X\":{\"lot_decimals\":8,\"ordermin\":\"x\"}}"), TICKER, ERR_EXCHANGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = talk_of(PURPOSE_TRADE);
        struct inquiry q;
        enum ask ask;
        struct err e = {.msg = ""};
        answer(&t, 200, cases[i].pair);
        answer(&t, 200, cases[i].ticker);
        int rc = kraken_checks.next(&t, &q, &ask, &e);
        harness_ok(rc == cases[i].rc, __FILE__, __LINE__, "%s %s: %d %s", cases[i].pair,
                   cases[i].ticker, rc, e.msg);
    }
}

/* A dear minimum decides the volume, and without a tick the decimals do the price. */
static void sizes(void)
{
    struct talk t = talk_of(PURPOSE_TRADE);
    struct inquiry q;
    enum ask ask;
    struct err e = {.msg = ""};

    t.symbol = "ADA/EUR";
    answer(&t, 200,
           OK_BODY("{\"ADAEUR\":{\"quote\":\"ZEUR\",\"pair_decimals\":6,\"lot_decimals\":4,"
                   "\"ordermin\":\"4\","
                   "\"costmin\":\"5\"}}"));
    answer(&t, 200, OK_BODY("{\"ADAEUR\":{\"c\":[\"0.700000\",\"1\"]}}"));
    OK_CALL(kraken_checks.next(&t, &q, &ask, &e), &e);
    CHECK(strstr(q.body, "pair=ADA%2FEUR&") && strstr(q.body, "&price=0.35&") &&
          strstr(q.body, "&volume=14.2858&"));
}

static void symbols(void)
{
    static const char *const bad[] = {
        "",        "XB",       "xbtusd",  "XBT USD", "XBT&USD",
        "XBT%USD", "XBTUSD\n", "../../x", "XBTÜSD",  "ABCDEFGHIJKLMNOPQRSTU"};
    struct talk t = talk_of(PURPOSE_TRADE);
    struct inquiry q;
    enum ask ask;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        t.symbol = bad[i];
        harness_int(kraken_checks.next(&t, &q, &ask, &e), ERR_USAGE, __FILE__, __LINE__, bad[i]);
    }
    t.symbol = "XBT/USD";
    next_is(&t, CLASS_PUBLIC, "/0/public/AssetPairs?pair=XBT%2FUSD", "");
    t.symbol = "ETH2.SEUR";
    next_is(&t, CLASS_PUBLIC, "/0/public/AssetPairs?pair=ETH2.SEUR", "");
}

int main(void)
{
    RUN(order_and_cancel);
    RUN(cancel_is_tried_again);
    RUN(young_orders_are_cancelled);
    RUN(cancel_is_refused);
    RUN(unknown_orders_are_cancelled);
    RUN(refused_orders_end_it);
    RUN(bad_markets);
    RUN(sizes);
    RUN(symbols);
    return harness_end();
}
