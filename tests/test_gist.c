/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/gist.h: what an order is about, for each exchange; and what is no order, or
 * could be read in two ways, says nothing. */
#include "tests/harness.h"

#include "connectors/gist.h"
#include "connectors/target.h"

#include <stdio.h>


struct row {
    const char *exchange, *method, *url, *body, *want;
    bool is_quote;
};

#define BN "binance"
#define OX "okx"
#define KR "kraken"
#define CB "coinbase"
#define B_ORDER "https://api.binance.com/api/v3/order"
#define B_BATCH "https://fapi.binance.com/fapi/v1/batchOrders"
#define O_ORDER "/api/v5/trade/order"
#define O_BATCH "/api/v5/trade/batch-orders"
#define K_ORDER "/0/private/AddOrder"
#define K_BATCH "/0/private/AddOrderBatch"
#define C_ORDER "/api/v3/brokerage/orders"

static const struct row rows[] = {
    /* Binance: query, body, either; sizes of both kinds; pairs; lists */
    {BN, "POST", B_ORDER, "symbol=ETHUSDT&side=BUY&type=LIMIT&quantity=0.5&price=9",
     "BUY 0.5 ETHUSDT", false},
    {BN, "POST", B_ORDER "?symbol=ETHUSDT&side=sell&quantity=10", "", "SELL 10 ETHUSDT", false},
    {BN, "POST", B_ORDER "?symbol=ETHUSDT", "side=SELL&quoteOrderQty=25.10",
     "SELL ETHUSDT for 25.10", true},
    {BN, "POST", B_ORDER, "symbol=%45THUSDT&s%69de=BUY&quantity=1", "BUY 1 ETHUSDT", false},
    {BN, "POST", "https://fapi.binance.com/fapi/v1/order", "symbol=A_B&side=BUY&closePosition=true",
     "BUY A_B", false},
    {BN, "POST", "https://api.binance.com/api/v3/orderList/oto",
     "symbol=LTCBTC&workingSide=BUY&workingQuantity=3&pendingSide=SELL", "BUY 3 LTCBTC", false},
    {BN, "POST", B_BATCH,
     "batchOrders=%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22side%22%3A%22SELL%22%2C%22quantity%22%3A"
     "%220.001%22%7D%2C%7B%7D%5D",
     "SELL 0.001 BTCUSDT and 1 more", false},
    {BN, "POST", B_BATCH, "batchOrders=%5B%5D", "", false},
    {BN, "POST", B_BATCH, "batchOrders=%5B1%5D", "", false},
    {BN, "POST", B_BATCH "?batchOrders=%5B%5D", "batchOrders=%5B%5D", "", false},
    {BN, "POST", B_BATCH, "", "", false},
    /* twice is not once */
    {BN, "POST", B_ORDER "?side=BUY", "symbol=ETHUSDT&side=BUY&quantity=1", "", false},
    {BN, "POST", B_ORDER, "symbol=A&symbol=B&side=BUY&quantity=1", "", false},
    {BN, "POST", B_ORDER, "symbol=A&side=BUY&quantity=1&quantity=2", "BUY A", false},
    {BN, "POST", B_ORDER, "symbol=A&side=HOLD&quantity=1", "", false},
    {BN, "POST", B_ORDER, "symbol=A%0aB&side=BUY&quantity=1", "", false},
    {BN, "POST", B_ORDER, "symbol=A%00&side=BUY&quantity=1", "", false},
    {BN, "POST", B_ORDER, "symbol=A&side=BUY&quantity=1e3", "BUY A", false},
    {BN, "POST", B_ORDER, "symbol=A&side=BUY&quantity=-1", "BUY A", false},
    {BN, "POST", B_ORDER, "symbol=A+B&side=BUY", "", false},
    /* no order */
    {BN, "DELETE", B_ORDER "?symbol=ETHUSDT&side=BUY&quantity=1", "", "", false},
    {BN, "GET", B_ORDER "?symbol=ETHUSDT&side=BUY&quantity=1", "", "", false},
    /* OKX: alone and in an array */
    {OX, "POST", O_ORDER,
     "{\"instId\":\"BTC-USDT\",\"side\":\"buy\",\"ordType\":\"limit\",\"sz\":\"2\"}",
     "BUY 2 BTC-USDT", false},
    {OX, "POST", O_ORDER,
     "{\"instId\":\"BTC-USDT\",\"side\":\"buy\",\"ordType\":\"market\",\"sz\":\"100\"}",
     "BUY BTC-USDT for 100", true},
    {OX, "POST", O_ORDER,
     "{\"instId\":\"BTC-USDT\",\"side\":\"buy\",\"ordType\":\"market\",\"tgtCcy\":\"base_ccy\","
     "\"sz\":\"1\"}",
     "BUY 1 BTC-USDT", false},
    {OX, "POST", O_ORDER,
     "{\"instId\":\"BTC-USDT-SWAP\",\"side\":\"buy\",\"ordType\":\"market\",\"sz\":1}",
     "BUY 1 BTC-USDT-SWAP", false},
    {OX, "POST", O_BATCH,
     "[{\"instId\":\"A-B\",\"side\":\"sell\",\"sz\":\"1\",\"tgtCcy\":\"quote_ccy\"}]",
     "SELL A-B for 1", true},
    {OX, "POST", O_BATCH, "[{\"instId\":\"A-B\",\"side\":\"sell\",\"sz\":\"1\"},{},{}]",
     "SELL 1 A-B and 2 more", false},
    {OX, "POST", "/api/v5/sprd/order", "{\"sprdId\":\"A-B_C-D\",\"side\":\"buy\",\"sz\":\"3\"}",
     "BUY 3 A-B_C-D", false},
    {OX, "POST", O_BATCH, "[]", "", false},
    {OX, "POST", O_ORDER, "{\"instId\":\"A\\u0000\",\"side\":\"buy\"}", "", false},
    {OX, "POST", O_ORDER, "{\"instId\":\"A-B\",\"side\":\"buy\",\"side\":\"sell\"}", "", false},
    {OX, "POST", O_ORDER, "{\"instId\":\"A-B\",\"side\":\"bu", "", false},
    {OX, "POST", O_ORDER, "", "", false},
    {OX, "POST", O_ORDER, "{\"instId\":\"A-B\",\"side\":7}", "", false},
    {OX, "POST", "/api/v5/trade/cancel-order", "{\"instId\":\"A-B\",\"side\":\"buy\"}", "", false},
    /* Kraken: form and JSON */
    {KR, "POST", K_ORDER, "nonce=1&pair=XBTUSD&type=buy&ordertype=limit&volume=0.01&price=1",
     "BUY 0.01 XBTUSD", false},
    {KR, "POST", K_ORDER, "pair=ETH%2FEUR&type=sell&volume=50&oflags=post,viqc",
     "SELL ETH/EUR for 50", true},
    {KR, "POST", K_ORDER, "{\"pair\":\"XBTUSD\",\"type\":\"buy\",\"volume\":0.5}", "BUY 0.5 XBTUSD",
     false},
    {KR, "POST", K_BATCH,
     "{\"nonce\":\"1\",\"pair\":\"XBTUSD\",\"orders\":[{\"type\":\"sell\",\"volume\":\"2\"},{}]}",
     "SELL 2 XBTUSD and 1 more", false},
    {KR, "POST", K_BATCH, "{\"pair\":\"XBTUSD\",\"orders\":{}}", "", false},
    {KR, "POST", K_ORDER, "pair=XBTUSD&volume=1", "", false},
    {KR, "POST", K_ORDER, "type=buy&volume=1", "", false},
    {KR, "POST", "/0/private/CancelOrder", "pair=X&type=buy", "", false},
    /* Coinbase */
    {CB, "POST", C_ORDER,
     "{\"product_id\":\"BTC-USD\",\"side\":\"BUY\",\"order_configuration\":{\"limit_limit_gtc\":"
     "{\"base_size\":\"0.1\",\"limit_price\":\"1\"}}}",
     "BUY 0.1 BTC-USD", false},
    {CB, "POST", C_ORDER,
     "{\"product_id\":\"BTC-USD\",\"side\":\"SELL\",\"order_configuration\":{\"market_market_ioc\":"
     "{\"quote_size\":\"10\"}}}",
     "SELL BTC-USD for 10", true},
    {CB, "POST", C_ORDER,
     "{\"product_id\":\"BTC-USD\",\"side\":\"SELL\",\"order_configuration\":{\"a\":{\"base_size\":"
     "\"1\"},\"b\":{\"base_size\":\"2\"}}}",
     "SELL BTC-USD", false},
    {CB, "POST", C_ORDER, "{\"product_id\":\"BTC-USD\"}", "", false},
    {CB, "POST", C_ORDER, "[1]", "", false},
};

static bool make_call(const char *exchange, const char *method, const char *url, const char *body,
                      struct call *c)
{
    struct err e;

    *c = (struct call){
        .conn = connector_find(exchange), .method = bytes_str(method), .body = bytes_str(body)};
    return OK_CALL(target_parse(bytes_str(url), false, c, &e), &e);
}

static void test_rows(void)
{
    char text[GIST_TEXT];
    struct gist g;
    struct call c;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        if (!make_call(r->exchange, r->method, r->url, r->body, &c))
            continue;
        gist_of(&c, &g);
        gist_text(&g, text);
        harness_ok(strcmp(text, r->want) == 0 && g.is_quote == r->is_quote, __FILE__, __LINE__,
                   "row %zu: '%s', not '%s'", i, text, r->want);
        if (!text[0]) {
            EQ_INT(g.n, 0);
            EQ_STR(g.side, "");
            EQ_STR(g.size, "");
            EQ_STR(g.market, "");
        }
    }
}

/* Words as long as they may be, and longer. */
static void test_lengths(void)
{
    static const char digits[] = "123456789012345678901234567890123456789"; /* 39 */
    char body[400], text[GIST_TEXT];
    struct gist g;
    struct call c;

    snprintf(body, sizeof(body), "symbol=%s&side=BUY&quantity=%s", digits, digits);
    if (!make_call(BN, "POST", B_ORDER, body, &c))
        return;
    gist_of(&c, &g);
    EQ_STR(g.size, digits);
    EQ_STR(g.market, digits);
    g.n = UINT32_MAX;
    g.is_quote = true;
    gist_text(&g, text);
    CHECK(strlen(text) < GIST_TEXT && strstr(text, " and 4294967294 more"));
    snprintf(body, sizeof(body), "symbol=A&side=BUY&quantity=%s0", digits);
    c.body = bytes_str(body);
    gist_of(&c, &g);
    EQ_STR(g.size, "");
    EQ_INT(g.n, 1);
    snprintf(body, sizeof(body), "symbol=%s0&side=BUY&quantity=1", digits);
    c.body = bytes_str(body);
    gist_of(&c, &g);
    EQ_INT(g.n, 0);
}

static void test_session_tokens(void)
{
    static const struct {
        const char *exchange, *method, *url, *want;
    } all[] = {
        {BN, "POST", "/api/v3/userDataStream", "listenKey"},
        {BN, "PUT", "/api/v3/userDataStream?listenKey=x", "listenKey"},
        {BN, "DELETE", "/api/v3/userDataStream?listenKey=x", NULL},
        {BN, "POST", "/fapi/v1/listenKey", "listenKey"},
        {BN, "PUT", "/fapi/v1/listenKey", "listenKey"},
        {BN, "POST", "/sapi/v1/userDataStream", "listenKey"},
        {BN, "POST", "/sapi/v1/userDataStream/isolated", "listenKey"},
        {BN, "POST", "/sapi/v1/userListenToken", "token"},
        {BN, "POST", "/api/v3/order", NULL},
        {BN, "GET", "/api/v3/account", NULL},
        {KR, "POST", "/0/private/GetWebSocketsToken", "result.token"},
        {KR, "POST", "/0/private/Balance", NULL},
        {OX, "GET", "/api/v5/account/balance", NULL},
        {CB, "GET", "/api/v3/brokerage/accounts", NULL},
    };
    struct call c;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!make_call(all[i].exchange, all[i].method, all[i].url, "", &c))
            continue;
        const char *got = session_token_member(&c);
        harness_ok(got == all[i].want || (got && all[i].want && !strcmp(got, all[i].want)),
                   __FILE__, __LINE__, "%s: %s", all[i].url, got ? got : "none");
    }
}

int main(void)
{
    RUN(test_rows);
    RUN(test_lengths);
    RUN(test_session_tokens);
    return harness_end();
}
