/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/placing.c by way of Binance and OKX: which order is placed, and that none is
 * left behind, whatever is answered or not. */
#include "tests/harness.h"

#include "tests/talk_fixture.h"

#define BINANCE (&connector_binance)
#define OKX (&connector_okx)

#define B_MARKET                                                                                   \
    "{\"timezone\":\"UTC\",\"symbols\":[{\"symbol\":\"BTCUSDT\",\"status\":\"TRADING\","           \
    "\"quoteAsset\":\"USDT\",\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0."      \
    "01000000\","                                                                                  \
    "\"maxPrice\":\"1000000.00000000\",\"tickSize\":\"0.01000000\"},{\"filterType\":"              \
    "\"LOT_SIZE\",\"minQty\":\"0.00001000\",\"maxQty\":\"9000.0\",\"stepSize\":\"0.00001000\"},"   \
    "{\"filterType\":\"PERCENT_PRICE_BY_SIDE\",\"bidMultiplierUp\":\"5\","                         \
    "\"bidMultiplierDown\":\"0.2\",\"askMultiplierUp\":\"5\",\"askMultiplierDown\":\"0.2\"},"      \
    "{\"filterType\":\"NOTIONAL\",\"minNotional\":\"5.00000000\"}]}]}"
#define B_PRICE "{\"symbol\":\"BTCUSDT\",\"price\":\"62012.40000000\"}"
#define B_ORDER "{\"symbol\":\"BTCUSDT\",\"orderId\":28,\"status\":\"NEW\"}"
#define B_CANCELLED "{\"symbol\":\"BTCUSDT\",\"orderId\":28,\"status\":\"CANCELED\"}"
#define B_NO_CANCEL                                                                                \
    {                                                                                              \
        "DELETE " B_FIND, 400, "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}"                  \
    }
#define B_NO_ORDER                                                                                 \
    {                                                                                              \
        "GET " B_FIND, 400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}"                   \
    }
#define B_POST                                                                                     \
    "POST /api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.00017&price=31006.2"   \
    "&newClientOrderId=coffer-0123456789abcdef"
#define B_FIND "/api/v3/order?symbol=BTCUSDT&origClientOrderId=coffer-0123456789abcdef"
#define O_MARKET                                                                                   \
    "{\"code\":\"0\",\"data\":[{\"instId\":\"BTC-USDT\",\"instType\":\"SPOT\",\"lotSz\":"          \
    "\"0.00000001\",\"minSz\":\"0.00001\",\"tickSz\":\"0.1\",\"quoteCcy\":\"USDT\",\"state\":"     \
    "\"live\"}],\"msg\":\"\"}"
#define O_PRICE "{\"code\":\"0\",\"data\":[{\"instId\":\"BTC-USDT\",\"last\":\"62012.4\"}]}"
#define O_SAYS(code, s)                                                                            \
    "{\"code\":\"" code "\",\"data\":[{\"clOrdId\":\"coffer0123456789abcdef\",\"ordId\":\"312\","  \
    "\"sCode\":\"" s "\",\"sMsg\":\"\"}],\"msg\":\"\"}"
#define O_STATE(s) "{\"code\":\"0\",\"data\":[{\"ordId\":\"312\",\"state\":\"" s "\"}]}"
#define O_ID "{\"instId\":\"BTC-USDT\",\"clOrdId\":\"coffer0123456789abcdef\"}"
#define O_CANCEL "POST /api/v5/trade/cancel-order " O_ID
#define O_FIND "GET /api/v5/trade/order?instId=BTC-USDT&clOrdId=coffer0123456789abcdef"

#define LOST 0u
#define NOT_SENT 1u

/* One step: what must be asked, and what is answered. */
struct answered {
    const char *asks;
    unsigned status; /* LOST, NOT_SENT, or of HTTP */
    const char *body;
};

struct course {
    const struct connector *conn;
    const struct answered steps[8]; /* after the two public calls */
    bool is_placed, is_cancelled;
    const char *order;
};

static struct talk begin(const struct connector *conn)
{
    bool is_binance = conn == BINANCE;
    struct talk t = talk_with(conn, PURPOSE_TRADE, ENV_LIVE);
    enum req_class c;
    t.symbol = is_binance ? "BTCUSDT" : "BTC-USDT";
    EQ_STR(talk_next(&t, &c), is_binance ? "GET /api/v3/exchangeInfo?symbol=BTCUSDT"
                                         : "GET /api/v5/public/instruments?instType=SPOT"
                                           "&instId=BTC-USDT");
    EQ_INT(c, CLASS_PUBLIC);
    EQ_STR(talk_next(&t, &c), is_binance ? "GET /api/v3/ticker/price?symbol=BTCUSDT"
                                         : "GET /api/v5/market/ticker?instId=BTC-USDT");
    EQ_INT(c, CLASS_PUBLIC);
    EQ_STR(talk_next(&t, &c), "wait");
    talk_put(&t, 0, 200, is_binance ? B_MARKET : O_MARKET);
    EQ_STR(talk_next(&t, &c), "wait");
    talk_put(&t, 1, 200, is_binance ? B_PRICE : O_PRICE);
    return t;
}

static void run_course(const struct course *w)
{
    struct talk t = begin(w->conn);
    struct trade_test got;
    enum req_class c;
    size_t i = 0;
    for (; w->steps[i].asks; i++) {
        const struct answered *s = &w->steps[i];
        EQ_STR(talk_next(&t, &c), s->asks);
        EQ_INT(c, i == 0 ? CLASS_TRADE : i % 2 ? CLASS_CANCEL : CLASS_READ);
        if (s->status <= NOT_SENT)
            talk_lose(&t, t.n_asked - 1, s->status == LOST);
        else
            talk_put(&t, t.n_asked - 1, s->status, s->body);
    }
    EQ_STR(talk_next(&t, &c), "done");
    w->conn->checks->trade(&t, &got);
    EQ_INT(got.is_placed, w->is_placed);
    EQ_INT(got.is_cancelled, w->is_cancelled);
    EQ_STR(got.order, w->order);
    EQ_STR(got.line, w->conn == BINANCE ? "buy 0.00017 BTCUSDT at 31006.2 (market 62012.4)"
                                        : "buy 0.00001 BTC-USDT at 31006.2 (market 62012.4)");
}

static void binance_leaves_no_order_behind(void)
{
    static const struct course courses[] = {
        {BINANCE, {{B_POST, 200, B_ORDER}, {"DELETE " B_FIND, 200, B_CANCELLED}}, true, true, "28"},
        {BINANCE,
         {{B_POST, 400, "{\"code\":-2010,\"msg\":\"Account has insufficient balance\"}"}},
         false,
         false,
         ""},
        {BINANCE, {{B_POST, 401, "{\"code\":-2015,\"msg\":\"\"}"}}, false, false, ""},
        {BINANCE, {{B_POST, 429, ""}}, false, false, ""},
        {BINANCE, {{B_POST, NOT_SENT, ""}}, false, false, ""},
        /* nobody knows whether it was placed */
        {BINANCE, {{B_POST, LOST, ""}, {"DELETE " B_FIND, 200, B_CANCELLED}}, true, true, ""},
        {BINANCE,
         {{B_POST, 503, ""},
          B_NO_CANCEL,
          B_NO_ORDER,
          B_NO_CANCEL,
          B_NO_ORDER,
          B_NO_CANCEL,
          B_NO_ORDER},
         false,
         false,
         ""},
        /* on its way while it was looked for */
        {BINANCE,
         {{B_POST, LOST, ""}, B_NO_CANCEL, B_NO_ORDER, {"DELETE " B_FIND, 200, B_CANCELLED}},
         true,
         true,
         ""},
        {BINANCE,
         {{B_POST, LOST, ""},
          B_NO_CANCEL,
          B_NO_ORDER,
          B_NO_CANCEL,
          B_NO_ORDER,
          B_NO_CANCEL,
          {"GET " B_FIND, LOST, ""}},
         true,
         false,
         ""},
        {BINANCE,
         {{B_POST, 408, "{\"code\":-1007,\"msg\":\"\"}"},
          {"DELETE " B_FIND, 400, "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}"},
          {"GET " B_FIND, 200, B_ORDER},
          {"DELETE " B_FIND, 200, B_CANCELLED}},
         true,
         true,
         ""},
        {BINANCE, {{B_POST, 200, "<html>"}, {"DELETE " B_FIND, 200, B_CANCELLED}}, true, true, ""},
        {BINANCE, {{B_POST, 200, "{}"}, {"DELETE " B_FIND, 200, B_CANCELLED}}, true, true, ""},
        /* cancelling fails */
        {BINANCE,
         {{B_POST, 200, B_ORDER},
          {"DELETE " B_FIND, 503, ""},
          {"GET " B_FIND, 400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}"}},
         true,
         false,
         "28"},
        {BINANCE,
         {{B_POST, 200, B_ORDER}, {"DELETE " B_FIND, LOST, ""}, {"GET " B_FIND, 200, B_CANCELLED}},
         true,
         true,
         "28"},
        {BINANCE,
         {{B_POST, 200, B_ORDER},
          {"DELETE " B_FIND, 400, "{\"code\":-2011,\"msg\":\"\"}"},
          {"GET " B_FIND, 200, "{\"orderId\":28,\"status\":\"FILLED\"}"}},
         true,
         false,
         "28"},
        {BINANCE,
         {{B_POST, 200, B_ORDER},
          {"DELETE " B_FIND, 503, ""},
          {"GET " B_FIND, 503, ""},
          {"DELETE " B_FIND, 503, ""},
          {"GET " B_FIND, 200, B_ORDER},
          {"DELETE " B_FIND, 429, ""},
          {"GET " B_FIND, LOST, ""}},
         true,
         false,
         "28"},
        {BINANCE,
         {{B_POST, LOST, ""},
          {"DELETE " B_FIND, LOST, ""},
          {"GET " B_FIND, LOST, ""},
          {"DELETE " B_FIND, LOST, ""},
          {"GET " B_FIND, LOST, ""},
          {"DELETE " B_FIND, NOT_SENT, ""},
          {"GET " B_FIND, NOT_SENT, ""}},
         true,
         false,
         ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(courses); i++)
        run_course(&courses[i]);
}

#define O_NO_CANCEL                                                                                \
    {                                                                                              \
        O_CANCEL, 200, O_SAYS("1", "51603")                                                        \
    }
#define O_NO_ORDER                                                                                 \
    {                                                                                              \
        O_FIND, 200, "{\"code\":\"51603\",\"msg\":\"\",\"data\":[]}"                               \
    }
#define O_POST                                                                                     \
    "POST /api/v5/trade/order {\"instId\":\"BTC-USDT\",\"tdMode\":\"cash\",\"side\":\"buy\","      \
    "\"ordType\":\"post_only\",\"px\":\"31006.2\",\"sz\":\"0.00001\","                             \
    "\"clOrdId\":\"coffer0123456789abcdef\"}"

static void okx_leaves_no_order_behind(void)
{
    static const struct course courses[] = {
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 200, O_STATE("canceled")}},
         true,
         true,
         "312"},
        {OKX, {{O_POST, 200, O_SAYS("1", "51008")}}, false, false, ""},
        {OKX, {{O_POST, 200, O_SAYS("0", "51155")}}, false, false, ""},
        {OKX, {{O_POST, 401, "{\"code\":\"50110\",\"msg\":\"\"}"}}, false, false, ""},
        {OKX, {{O_POST, 200, "{\"code\":\"50120\",\"msg\":\"\"}"}}, false, false, ""},
        {OKX,
         {{O_POST, 400, "{\"code\":\"50004\",\"msg\":\"\"}"},
          O_NO_CANCEL,
          O_NO_ORDER,
          O_NO_CANCEL,
          O_NO_ORDER,
          O_NO_CANCEL,
          O_NO_ORDER},
         false,
         false,
         ""},
        /* taken, and not seen to be done */
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 503, ""},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 503, ""},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, LOST, ""}},
         true,
         false,
         "312"},
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")}, {O_CANCEL, 200, O_SAYS("0", "0")}, O_NO_ORDER},
         true,
         true,
         "312"},
        /* refused as a whole, taken as one */
        {OKX,
         {{O_POST, 200, O_SAYS("1", "0")},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 200, O_STATE("canceled")}},
         true,
         true,
         ""},
        /* accepted, and still there; then not any more */
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 200, O_STATE("live")},
          {O_CANCEL, 200, O_SAYS("1", "51400")},
          {O_FIND, 200, O_STATE("canceled")}},
         true,
         true,
         "312"},
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")},
          {O_CANCEL, 200, O_SAYS("1", "51400")},
          {O_FIND, 200, O_STATE("filled")}},
         true,
         false,
         "312"},
        {OKX,
         {{O_POST, LOST, ""},
          {O_CANCEL, 200, O_SAYS("0", "0")},
          {O_FIND, 200, O_STATE("canceled")}},
         true,
         true,
         ""},
        {OKX,
         {{O_POST, 200, O_SAYS("0", "0")},
          {O_CANCEL, 503, ""},
          {O_FIND, 200, O_STATE("live")},
          {O_CANCEL, 503, ""},
          {O_FIND, 200, "{}"},
          {O_CANCEL, LOST, ""},
          {O_FIND, LOST, ""}},
         true,
         false,
         "312"},
    };
    for (size_t i = 0; i < ARRAY_LEN(courses); i++)
        run_course(&courses[i]);
}

static void only_markets_are_asked_for(void)
{
    static const char *const bad[] = {"",         "btcusdt", "BTC/USDT", "BTC&side=SELL",
                                      "BTC USDT", "BTC\"",   "../BTC",   NULL};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            struct talk t = talk_with(k ? OKX : BINANCE, PURPOSE_TRADE, ENV_LIVE);
            struct inquiry q;
            enum ask ask;
            struct err e;
            t.symbol = bad[i];
            EQ_INT(t.conn->checks->next(&t, &q, &ask, &e), ERR_USAGE);
        }
}

static int third(const struct connector *conn, unsigned s0, const char *b0, unsigned s1,
                 const char *b1)
{
    struct talk t = begin(conn);
    struct inquiry q;
    enum ask ask;
    struct err e;
    talk_put(&t, 0, s0, b0);
    talk_put(&t, 1, s1, b1);
    return conn->checks->next(&t, &q, &ask, &e);
}

static void no_order_without_rules_and_price(void)
{
    EQ_INT(third(BINANCE, 400, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}", 200, B_PRICE),
           ERR_USAGE);
    EQ_INT(third(BINANCE, 200, "{\"symbols\":[]}", 200, B_PRICE), ERR_USAGE);
    EQ_INT(third(BINANCE, 200, "{\"symbols\":[{\"symbol\":\"BTCUSDT\",\"status\":\"BREAK\"}]}", 200,
                 B_PRICE),
           ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200,
                 "{\"symbols\":[{\"symbol\":\"BTCUSDT\",\"status\":\"TRADING\",\"filters\":[]}]}",
                 200, B_PRICE),
           ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200, B_MARKET, 200, "{}"), ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200, B_MARKET, 200, "{\"symbol\":\"BTCUSDT\",\"price\":\"-1\"}"),
           ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200, B_MARKET, 200, "{\"symbol\":\"ETHUSDT\",\"price\":\"3000\"}"),
           ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200, B_MARKET, 503, ""), ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 0, "", 200, B_PRICE), ERR_EXCHANGE);
    EQ_INT(third(BINANCE, 200, B_MARKET, 200, B_PRICE), OK);
    EQ_INT(third(OKX, 200, "{\"code\":\"51001\",\"msg\":\"\",\"data\":[]}", 200, O_PRICE),
           ERR_USAGE);
    EQ_INT(third(OKX, 200, O_PRICE, 200, O_PRICE), ERR_EXCHANGE);
    EQ_INT(third(OKX, 200, O_MARKET, 200, O_MARKET), ERR_EXCHANGE);
    EQ_INT(third(OKX, 200, O_MARKET, 200, "<html>"), ERR_EXCHANGE);
    EQ_INT(third(OKX, 200, O_MARKET, 200, O_PRICE), OK);
}

int main(void)
{
    RUN(binance_leaves_no_order_behind);
    RUN(okx_leaves_no_order_behind);
    RUN(only_markets_are_asked_for);
    RUN(no_order_without_rules_and_price);
    return harness_end();
}
