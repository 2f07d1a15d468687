/* SPDX-License-Identifier: Apache-2.0 */
/* What clients that think they hold a key send through the proxy, signed anew: their time, nonce,
 * signature and key are gone, and all the rest is as they wrote it. */
#include "agent/prepare.h"
#include "tests/harness.h"
#include "tests/has_header.h"

#include <stdio.h>

static int fixed_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = 1700000000123456;
    return OK;
}

static int fixed_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)e;
    memset(p, 1, n);
    return OK;
}

static const struct env fixed = {fixed_now, fixed_random, NULL};

static int zeros(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                 struct sig *out, struct err *e)
{
    (void)s, (void)f, (void)msg, (void)e;
    memset(out, 0, sizeof(*out));
    out->n = alg == SIG_HMAC_SHA256 ? 32 : 64;
    return OK;
}

static int place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)e;
    buf_adds(out, f == FIELD_API_KEY ? "REALKEY" : "REALPASS");
    return OK;
}

#define SIG "signature=0000000000000000000000000000000000000000000000000000000000000000"
#define NOW "timestamp=1700000000123"
#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define BN "https://api.binance.com"
#define KR "https://api.kraken.com"
#define OX "https://www.okx.com"
#define CB "https://api.coinbase.com"

struct row {
    const char *what, *exchange, *method, *url, *body;
    const char *headers[8]; /* as the client sends them */
    const char *want_url, *want_body;
    const char *want[6], *none[6]; /* headers that go out; names that do not occur */
};

static const struct row rows[] = {
    {"query: time, window and signature",
     "binance",
     "GET",
     BN "/api/v3/openOrders?symbol=A%2FB&timestamp=1&recvWindow=10000&signature=ab",
     "",
     {"X-MBX-APIKEY: coffer_r", "User-Agent: ccxt", "Accept-Encoding: gzip"},
     BN "/api/v3/openOrders?symbol=A%2FB&" NOW "&recvWindow=5000&" SIG,
     "",
     {"X-MBX-APIKEY: REALKEY", "User-Agent: ccxt", "Accept-Encoding: gzip"},
     {"Content-Type"}},
    {"a form said to be JSON",
     "binance",
     "POST",
     BN "/api/v3/order",
     "symbol=A&side=BUY&quantity=1&timestamp=5&signature=ab",
     {"x-mbx-apikey: coffer_r", "Content-Type: application/json"},
     BN "/api/v3/order",
     "symbol=A&side=BUY&quantity=1&" NOW "&" SIG,
     {"X-MBX-APIKEY: REALKEY", "Content-Type: " FORM},
     {0}},
    {"in the query and in the body",
     "binance",
     "POST",
     BN "/api/v3/order?symbol=A&timestamp=5&signature=ab",
     "side=BUY&timestamp=6&signature=cd",
     {"Content-Type: " FORM "; charset=utf-8"},
     BN "/api/v3/order?symbol=A&" NOW,
     "side=BUY&" SIG,
     {"Content-Type: " FORM "; charset=utf-8"},
     {0}},
    {"in a charset in which it would say something else",
     "binance",
     "POST",
     BN "/api/v3/order",
     "symbol=A&side=BUY&quantity=1",
     {"Content-Type: " FORM "; charset=ibm037"},
     BN "/api/v3/order",
     "symbol=A&side=BUY&quantity=1&" NOW "&" SIG,
     {"Content-Type: " FORM},
     {0}},
    {"a listen key",
     "binance",
     "POST",
     BN "/api/v3/userDataStream",
     "",
     {"X-MBX-APIKEY: x"},
     BN "/api/v3/userDataStream",
     "",
     {"X-MBX-APIKEY: REALKEY"},
     {0}},
    {"a listen key kept alive",
     "binance",
     "PUT",
     BN "/api/v3/userDataStream?listenKey=opaque-1",
     "",
     {0},
     BN "/api/v3/userDataStream?listenKey=opaque-1",
     "",
     {"X-MBX-APIKEY: REALKEY"},
     {0}},
    {"and signed without need",
     "binance",
     "PUT",
     BN "/api/v3/userDataStream?listenKey=opaque-1&timestamp=4&signature=ab",
     "",
     {0},
     BN "/api/v3/userDataStream?listenKey=opaque-1",
     "",
     {"X-MBX-APIKEY: REALKEY"},
     {0}},
    {"the same in a body",
     "binance",
     "POST",
     BN "/api/v3/userDataStream",
     "timestamp=4&signature=ab",
     {0},
     BN "/api/v3/userDataStream",
     "",
     {"X-MBX-APIKEY: REALKEY"},
     {0}},
    {"a form",
     "kraken",
     "POST",
     KR "/0/private/AddOrder",
     "pair=XBTUSD&nonce=1&type=buy&volume=1",
     {"API-Key: coffer_r", "API-Sign: abc", "Content-Type: " FORM},
     KR "/0/private/AddOrder",
     "pair=XBTUSD&nonce=1700000000123456&type=buy&volume=1",
     {"API-Key: REALKEY", "Content-Type: " FORM},
     {0}},
    {"JSON with a number",
     "kraken",
     "POST",
     KR "/0/private/AddOrderBatch",
     "{\"pair\": \"XBTUSD\", \"nonce\":17, \"orders\":[ {\"price\":\"1.0\"} ]}",
     {"api-key: coffer_r", "Content-Type: " FORM},
     KR "/0/private/AddOrderBatch",
     "{\"pair\": \"XBTUSD\", \"nonce\":1700000000123456, \"orders\":[ {\"price\":\"1.0\"} ]}",
     {"API-Key: REALKEY", "Content-Type: " JSON},
     {0}},
    {"JSON with a text",
     "kraken",
     "POST",
     KR "/0/private/CancelOrderBatch",
     "{\"nonce\":\"17\",\"orders\":[\"A\"]}",
     {"Content-Type: " JSON},
     KR "/0/private/CancelOrderBatch",
     "{\"nonce\":\"1700000000123456\",\"orders\":[\"A\"]}",
     {"Content-Type: " JSON},
     {0}},
    {"an array",
     "okx",
     "POST",
     OX "/api/v5/trade/batch-orders",
     "[{\"instId\":\"A-B\", \"sz\":\"1.0\"}]",
     {"OK-ACCESS-KEY: coffer_r", "OK-ACCESS-SIGN: s", "OK-ACCESS-TIMESTAMP: t",
      "OK-ACCESS-PASSPHRASE: coffer", "Content-Type: " JSON, "x-simulated-trading: 1"},
     OX "/api/v5/trade/batch-orders",
     "[{\"instId\":\"A-B\", \"sz\":\"1.0\"}]",
     {"OK-ACCESS-KEY: REALKEY", "OK-ACCESS-PASSPHRASE: REALPASS",
      "OK-ACCESS-TIMESTAMP: 2023-11-14T22:13:20.123Z", "Content-Type: " JSON},
     {"x-simulated-trading"}},
    {"a query",
     "okx",
     "GET",
     OX "/api/v5/trade/orders-pending?instType=SPOT&x=%20",
     "",
     {"ok-access-key: coffer_r", "ok-access-sign: s"},
     OX "/api/v5/trade/orders-pending?instType=SPOT&x=%20",
     "",
     {"OK-ACCESS-KEY: REALKEY"},
     {"Content-Type"}},
    {"keys of the old kind",
     "coinbase",
     "GET",
     CB "/api/v3/brokerage/accounts?limit=250",
     "",
     {"CB-ACCESS-KEY: coffer_r", "CB-ACCESS-SIGN: s", "CB-ACCESS-TIMESTAMP: 1",
      "CB-VERSION: 2018-05-30", "Authorization: Bearer e30.e30.x"},
     CB "/api/v3/brokerage/accounts?limit=250",
     "",
     {"CB-VERSION: 2018-05-30"},
     {"CB-ACCESS-KEY", "CB-ACCESS-SIGN", "CB-ACCESS-TIMESTAMP"}},
};

static bool has(const struct request *r, const char *line)
{
    struct bytes name, value;
    size_t at = strcspn(line, ":");

    name = bytes_of(line, at);
    value = bytes_str(line[at] ? line + at + 2 : "");
    for (size_t i = 0; i < r->n_headers; i++)
        if (bytes_eq_str(name, buf_str(&r->names[i])) &&
            (!line[at] || bytes_eq(value, buf_bytes(&r->values[i]))))
            return true;
    return false;
}

static void check_row(const struct row *t, const struct request *r)
{
    size_t n_auth = 0;

    harness_str(buf_str(&r->url), t->want_url, __FILE__, __LINE__, t->what);
    harness_str(buf_str(&r->body), t->want_body, __FILE__, __LINE__, t->what);
    for (size_t i = 0; i < ARRAY_LEN(t->want) && t->want[i]; i++)
        harness_ok(has(r, t->want[i]), __FILE__, __LINE__, "%s: no %s", t->what, t->want[i]);
    for (size_t i = 0; i < ARRAY_LEN(t->none) && t->none[i]; i++)
        harness_ok(!has_header(r, t->none[i]), __FILE__, __LINE__, "%s: %s", t->what,
                   t->none[i]);
    for (size_t i = 0; i < r->n_headers; i++) {
        n_auth += bytes_eq_str(buf_bytes(&r->names[i]), "Authorization");
        harness_ok(!strstr(buf_str(&r->values[i]), "coffer"), __FILE__, __LINE__, "%s: %s", t->what,
                   buf_str(&r->values[i]));
    }
    EQ_INT(n_auth, strcmp(t->exchange, "coinbase") == 0);
}

/* The middle of a JWT says how long it lives. */
static void check_life(const struct request *r)
{
    static const char want[] =
        "eyJzdWIiOiJSRUFMS0VZIiwiaXNzIjoiY2RwIiwibmJmIjoxNzAwMDAwMDAwLCJleHAiOjE3"
        "MDAwMDAwMzAs"; /* 30 s */

    for (size_t i = 0; i < r->n_headers; i++)
        if (bytes_eq_str(buf_bytes(&r->names[i]), "Authorization"))
            CHECK(strstr(buf_str(&r->values[i]), want) != NULL);
}

static void resign(const struct row *t)
{
    struct signer s = {strcmp(t->exchange, "coinbase") ? KEY_HMAC : KEY_EC_P256, zeros, place};
    struct where where = {.vault = ""};
    static struct record_info info;
    static struct prepared p;
    struct request r;
    struct wish w;
    struct err e;

    snprintf(where.state, sizeof(where.state), "%s/%s", harness_dir(), t->method);
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "r");
    snprintf(info.connector, sizeof(info.connector), "%s", t->exchange);
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.classes, sizeof(info.classes), "session");
    info.rec_id[0] = (uint8_t)(t - rows);
    wish_init(&w);
    w.method = bytes_str(t->method);
    w.url = bytes_str(t->url);
    w.body = bytes_str(t->body);
    for (size_t i = 0; i < ARRAY_LEN(t->headers) && t->headers[i]; i++)
        OK_CALL(wish_header(&w, bytes_str(t->headers[i]), &e), &e);
    request_init(&r);
    if (OK_CALL(prepare_check_limited(&w, &info, &sign_to_send, &p, &e), &e) &&
        OK_CALL(prepare_sign(&p, &w, &info, &s, &where, &fixed, &r, &e), &e)) {
        check_row(t, &r);
        if (strcmp(t->exchange, "coinbase") == 0)
            check_life(&r);
    }
    request_free(&r);
    wish_free(&w);
}

static void test_resign(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        resign(&rows[i]);
}

/* The window of a WebSocket message, and its kinds of values. */
static void test_ws_window(void)
{
    static const struct {
        const char *text, *want;
    } all[] = {
        {"{\"method\":\"account.status\",\"params\":{\"recvWindow\":60000,\"x\":1}}",
         "\"params\":{\"recvWindow\":5000,\"x\":1,"},
        {"{\"method\":\"account.status\",\"params\":{\"recvWindow\":\"60000\"}}",
         "\"params\":{\"recvWindow\":5000,"},
        {"{\"method\":\"account.status\",\"params\":{\"recvWindow\":4000}}",
         "\"params\":{\"recvWindow\":4000,"},
        {"{\"method\":\"account.status\",\"params\":{}}", "\"params\":{\"apiKey\":"},
    };
    struct signer s = {KEY_HMAC, zeros, place};
    struct where where = {.vault = ""};
    static struct record_info info;
    static struct prepared p;
    struct request r;
    struct wish w;
    struct err e;

    record_info_init(&info);
    snprintf(info.connector, sizeof(info.connector), "binance");
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.classes, sizeof(info.classes), "session");
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        wish_init(&w);
        w.is_ws = true;
        w.message = bytes_str(all[i].text);
        request_init(&r);
        OK_CALL(prepare_check_limited(&w, &info, &sign_to_release, &p, &e), &e);
        OK_CALL(prepare_sign(&p, &w, &info, &s, &where, &fixed, &r, &e), &e);
        harness_ok(strstr(buf_str(&r.body), all[i].want) != NULL, __FILE__, __LINE__, "%s",
                   buf_str(&r.body));
        request_free(&r);
    }
}

int main(void)
{
    RUN(test_resign);
    RUN(test_ws_window);
    return harness_end();
}
