/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/target.c: which urls, headers and methods pass, and what is kept of them. */
#include "tests/harness.h"

#include "connectors/target.h"

#include <stdio.h>
#include <stdlib.h>

static struct call call_for(const struct connector *c, enum environment env, const char *region)
{
    return (struct call){.conn = c, .env = env, .region = region};
}

static int parse(struct call *c, const char *url, bool is_ws, struct err *e)
{
    return target_parse(bytes_str(url), is_ws, c, e);
}

static void parts_keep_their_bytes(void)
{
    struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
    struct err e;
    const char *url = "https://API.binance.com:443/api/v3/order?a=%2F%2e//..;b=[c](d)'+,:@!$*~";
    if (!OK_CALL(parse(&c, url, false, &e), &e))
        return;
    EQ_MEM(c.origin, BYTES_LIT("https://API.binance.com:443"));
    EQ_MEM(c.host, BYTES_LIT("api.binance.com"));
    EQ_MEM(c.path, BYTES_LIT("/api/v3/order"));
    CHECK(c.has_query);
    EQ_MEM(c.query, BYTES_LIT("a=%2F%2e//..;b=[c](d)'+,:@!$*~"));
}

static void path_goes_to_first_host(void)
{
    struct call c = call_for(&connector_okx, ENV_LIVE, NULL);
    struct err e;
    OK_CALL(parse(&c, "/api/v5/account/balance?", false, &e), &e);
    EQ_MEM(c.host, BYTES_LIT("www.okx.com"));
    EQ_INT(c.origin.n, 0);
    CHECK(c.has_query && c.query.n == 0);
    c = call_for(&connector_okx, ENV_DEMO, "my");
    OK_CALL(parse(&c, "/ws/v5/private", true, &e), &e);
    EQ_MEM(c.host, BYTES_LIT("wseeapap.okx.com:8443"));
    c = call_for(&connector_kraken, ENV_TEST, NULL);
    EQ_INT(parse(&c, "/0/public/Time", false, &e), ERR_USAGE);
}

static void some_paths_have_a_host_of_their_own(void)
{
    static const struct {
        enum environment env;
        bool is_ws;
        const char *url, *host;
    } rows[] = {
        {ENV_LIVE, false, "/fapi/v1/order?a=b", "fapi.binance.com"},
        {ENV_TEST, false, "/fapi/v1/order", "testnet.binancefuture.com"},
        {ENV_DEMO, false, "/fapi/v1/order", "demo-fapi.binance.com"},
        {ENV_LIVE, true, "/ws-fapi/v1", "ws-fapi.binance.com"},
        {ENV_TEST, true, "/ws-fapi/v1", "testnet.binancefuture.com"},
        {ENV_LIVE, true, "/ws-api/v3", "ws-api.binance.com"},
        {ENV_LIVE, false, "/api/v3/account", "api.binance.com"},
        {ENV_LIVE, false, "/sapi/v1/account/status", "api.binance.com"},
        {ENV_LIVE, false, "/fapi", "api.binance.com"},
        {ENV_LIVE, false, "/fapix/v1/order", "api.binance.com"},
        {ENV_LIVE, false, "/FAPI/v1/order", "api.binance.com"},
        {ENV_LIVE, false, "/api/v3/fapi/v1/x", "api.binance.com"},
        {ENV_TEST, false, "/api/v3/account", "testnet.binance.vision"},
        {ENV_DEMO, false, "/api/v3/account", "demo-api.binance.com"},
        {ENV_LIVE, false, "https://api.binance.com/fapi/v1/order", "api.binance.com"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct call c = call_for(&connector_binance, rows[i].env, NULL);
        struct err e;
        if (OK_CALL(parse(&c, rows[i].url, rows[i].is_ws, &e), &e))
            EQ_MEM(c.host, bytes_str(rows[i].host));
    }
    struct call c = call_for(&connector_kraken, ENV_LIVE, NULL);
    struct err e;
    OK_CALL(parse(&c, "/fapi/v1/order", false, &e), &e);
    EQ_MEM(c.host, BYTES_LIT("api.kraken.com"));
}

static void url_is_written_as_it_came(void)
{
    static const char *const urls[] = {
        "https://Api.Binance.com:443/api/v3/time?x=1", "https://api.binance.com/api/v3/time?",
        "https://api.binance.com/api/v3/time",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
        struct request r;
        struct err e;
        request_init(&r);
        OK_CALL(parse(&c, urls[i], false, &e), &e);
        request_unsigned(&r, &c);
        EQ_STR(buf_str(&r.url), urls[i]);
        request_free(&r);
    }
}

static void a_message_without_url_has_none(void)
{
    struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
    struct request r;
    c.is_ws = true;
    request_init(&r);
    request_origin_path(&r, &c);
    EQ_INT(r.url.n, 0);
    request_free(&r);
}

static void hosts_are_a_closed_list(void)
{
    static const char *const bad[] = {
        "https://binance.com/api/v3/time",           "https://api.binance.com.evil.org/api/v3/time",
        "https://evil.org/api.binance.com",          "https://api.binance.com@evil.org/api/v3/time",
        "https://user:pw@api.binance.com/api",       "https://api.binance.com:8443/api/v3/time",
        "https://api.binance.com:0443/api/v3/time",  "https://api.binance.com:/api/v3/time",
        "https://testnet.binance.vision/api/v3",     "https://ws-api.binance.com/ws-api/v3",
        "http://api.binance.com/api/v3/time",        "HTTPS://api.binance.com/api/v3/time",
        "wss://ws-api.binance.com/ws-api/v3",        "ftp://api.binance.com/x",
        "//api.binance.com/api/v3/time",             "api.binance.com/api/v3/time",
        "https://api.binance.com",                   "https://api.binance.com?x=1",
        "https://",                                  "https:///api/v3/time",
        "https://[::1]/api/v3/time",                 "https://api.binance.com./api/v3/time",
        "https://api.binance.com:443:443/api/v3/t",  "",
        "https://1.2.3.4/api/v3/time",               "https://api.binance.com\\@evil.org/",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
        struct err e;
        harness_ok(parse(&c, bad[i], false, &e) == ERR_USAGE, __FILE__, __LINE__, "'%s' passed",
                   bad[i]);
        harness_ok(c.host.n == 0, __FILE__, __LINE__, "'%s' left a host behind", bad[i]);
    }
}

static void paths_mean_one_thing(void)
{
    static const char *const bad[] = {
        "/api//v3/time",      "//api/v3/time",      "/api/./v3",         "/api/../sapi/v1",
        "/api/v3/..",         "/api/v3/.",          "/..",               "/api/v3/time//",
        "/api/v3;x=1/time",   "/api/v3%2ftime",     "/api/v3%2Ftime",    "/api/v3%5ctime",
        "/api/v3%5Ctime",     "/api/%2e%2e/sapi",   "/api/%2E/v3",       "/api/v3/%74ime",
        "/api/v3/%6Frder",    "/api/v3/%7e",        "/api/v3/%5F",       "/api/v3/%00",
        "/api/v3/%0a",        "/api/v3/%",          "/api/v3/%2",        "/api/v3/%zz",
        "/api/v3/time?a=%",   "/api/v3/time?a=%g0", "/api/v3/time#x",    "/api/v3/time?a#b",
        "/api/v3/ti me",      "/api/v3/time?a= b",  "/api/v3/time\r\n",  "/api/v3/time\n",
        "/api/v3/\x01",       "/api/v3/\x7f",       "/api/v3/\xc3\xa9",  "/api/v3/<",
        "/api/v3/>",          "/api/v3/\"",         "/api/v3/\\",        "/api/v3/^",
        "/api/v3/{a}",        "/api/v3/}",          "/api/v3/a|b",       "/api/v3/`",
    };
    static const char *const good[] = {
        "/api/v3/time",  "/api/v3/time/", "/api/v3/...",    "/api/v3/.a",
        "/api/v3/a..",   "/api/v3/%20",   "/api/v3/%C3%A9", "/api/v3/a:b@c,d'e(f)g!h*i+j=k&l$m~",
        "/",             "/api/v3/%3B",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
        struct err e;
        harness_ok(parse(&c, bad[i], false, &e) == ERR_USAGE, __FILE__, __LINE__, "'%s' passed",
                   bad[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
        struct err e;
        OK_CALL(parse(&c, good[i], false, &e), &e);
        EQ_MEM(c.path, bytes_str(good[i]));
    }
}

static void a_nul_is_refused(void)
{
    struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
    struct err e;
    EQ_INT(target_parse(BYTES_LIT("/api/v3/time\0/x"), false, &c, &e), ERR_USAGE);
    EQ_INT(target_parse(BYTES_LIT("https://api.binance.com\0.x.org/"), false, &c, &e), ERR_USAGE);
    EQ_INT(target_check_header(BYTES_LIT("a"), BYTES_LIT("b\0c"), &e), ERR_USAGE);
}

static void length_has_a_limit(void)
{
    char *url = malloc(URL_MAX + 2);
    struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
    struct err e;
    memset(url, 'a', URL_MAX + 1);
    memcpy(url, "/api?", 5);
    OK_CALL(target_parse(bytes_of(url, URL_MAX), false, &c, &e), &e);
    EQ_INT(target_parse(bytes_of(url, URL_MAX + 1), false, &c, &e), ERR_USAGE);
    free(url);
}

static void websocket_hosts(void)
{
    static const struct {
        const char *url, *host;
    } good[] = {
        {"wss://ws-api.binance.com:443/ws-api/v3", "ws-api.binance.com"},
        {"wss://ws-api.binance.com:9443/ws-api/v3", "ws-api.binance.com:9443"},
        {"wss://WS-API.binance.com/ws-api/v3", "ws-api.binance.com"},
        {"wss://ws-fapi.binance.com", "ws-fapi.binance.com"},
    };
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct call c = call_for(&connector_binance, ENV_LIVE, NULL);
        OK_CALL(parse(&c, good[i].url, true, &e), &e);
        EQ_MEM(c.host, bytes_str(good[i].host));
        CHECK(c.is_ws);
    }
    struct call c = call_for(&connector_okx, ENV_LIVE, NULL);
    EQ_INT(parse(&c, "wss://ws.okx.com/ws/v5/private", true, &e), ERR_USAGE);
    EQ_INT(parse(&c, "wss://ws.okx.com:443/ws/v5/private", true, &e), ERR_USAGE);
    EQ_INT(parse(&c, "wss://wspap.okx.com:8443/ws/v5/private", true, &e), ERR_USAGE);
    EQ_INT(parse(&c, "https://www.okx.com/api/v5/x", true, &e), ERR_USAGE);
    EQ_INT(parse(&c, "ws://ws.okx.com:8443/ws/v5/private", true, &e), ERR_USAGE);
}

static void header_fields(void)
{
    struct err e;
    OK_CALL(target_check_header(BYTES_LIT("X-Custom_1"), BYTES_LIT("a\tb \xc3\xa9"), &e), &e);
    EQ_INT(target_check_header(BYTES_LIT(""), BYTES_LIT("x"), &e), ERR_USAGE);
    EQ_INT(target_check_header(BYTES_LIT("a b"), BYTES_LIT("x"), &e), ERR_USAGE);
    EQ_INT(target_check_header(BYTES_LIT("a:"), BYTES_LIT("x"), &e), ERR_USAGE);
    EQ_INT(target_check_header(BYTES_LIT("a"), BYTES_LIT("x\r\nHost: y"), &e), ERR_USAGE);
    EQ_INT(target_check_header(BYTES_LIT("a"), BYTES_LIT("x\x7f"), &e), ERR_USAGE);
}

static void headers_that_turn_the_request_are_refused(void)
{
    static const char *const names[] = {
        "X-HTTP-Method-Override", "x-http-method",   "X_Method_Override", "X-Original-URL",
        "X-REWRITE-URL",          "X-Forwarded-Uri", "X-Forwarded-Host",  "Forwarded",
        "Content-Encoding",
    };
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        EQ_INT(target_check_header(bytes_str(names[i]), BYTES_LIT("x"), &e), ERR_USAGE);
    OK_CALL(target_check_header(BYTES_LIT("X-Forwarded-For"), BYTES_LIT("x"), &e), &e);
}

static void dropped_headers(void)
{
    const struct connector *c = &connector_okx;
    CHECK(target_drops_header(c, BYTES_LIT("HOST")));
    CHECK(target_drops_header(c, BYTES_LIT("Content-length")));
    CHECK(target_drops_header(c, BYTES_LIT("Transfer-Encoding")));
    CHECK(target_drops_header(c, BYTES_LIT("ok-access-sign")));
    CHECK(target_drops_header(c, BYTES_LIT("X-Simulated-Trading")));
    CHECK(target_drops_header(c, BYTES_LIT("OK_ACCESS_KEY")));
    CHECK(target_drops_header(c, BYTES_LIT("Content_Length")));
    CHECK(target_drops_header(c, BYTES_LIT("X-Forwarded-For")));
    CHECK(target_drops_header(c, BYTES_LIT("True-Client-IP")));
    CHECK(!target_drops_header(c, BYTES_LIT("OK-ACCESS-KEYS")));
    CHECK(!target_drops_header(c, BYTES_LIT("Content-Type")));
    CHECK(!target_drops_header(c, BYTES_LIT("X-MBX-APIKEY")));
    CHECK(target_drops_header(&connector_binance, BYTES_LIT("x-mbx-apikey")));
    CHECK(target_drops_header(&connector_kraken, BYTES_LIT("api-sign")));
    CHECK(target_drops_header(&connector_coinbase_advanced_trade, BYTES_LIT("authorization")));
}

static void methods(void)
{
    struct err e;
    OK_CALL(target_check_method(BYTES_LIT("GET"), &e), &e);
    OK_CALL(target_check_method(BYTES_LIT("PATCH"), &e), &e);
    EQ_INT(target_check_method(BYTES_LIT("get"), &e), ERR_USAGE);
    EQ_INT(target_check_method(BYTES_LIT("HEAD"), &e), ERR_USAGE);
    EQ_INT(target_check_method(BYTES_LIT(""), &e), ERR_USAGE);
    EQ_INT(target_check_method(BYTES_LIT("GET "), &e), ERR_USAGE);
    EQ_INT(target_check_method(BYTES_LIT("GET\0"), &e), ERR_USAGE);
}

int main(void)
{
    RUN(parts_keep_their_bytes);
    RUN(path_goes_to_first_host);
    RUN(some_paths_have_a_host_of_their_own);
    RUN(url_is_written_as_it_came);
    RUN(a_message_without_url_has_none);
    RUN(hosts_are_a_closed_list);
    RUN(paths_mean_one_thing);
    RUN(a_nul_is_refused);
    RUN(length_has_a_limit);
    RUN(websocket_hosts);
    RUN(header_fields);
    RUN(headers_that_turn_the_request_are_refused);
    RUN(dropped_headers);
    RUN(methods);
    return harness_end();
}
