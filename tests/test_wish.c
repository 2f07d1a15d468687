/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of a client's request: what it takes, and the many things that it refuses. */
#include "agent/prepare.h"
#include "tests/harness.h"

static void parse_all_members(void)
{
    static const char text[] =
        "{\"method\":\"POST\",\"url\":\"https:\\/\\/x/"
        "y\",\"headers\":{\"A\":\"b\\u0020c\",\"D\":\"e\"},"
        "\"body\":\"{\\\"a\\\":1}\",\"clock\":{\"timestamp_ms\":5,\"nonce\":\"77\","
        "\"uuid\":\"fa4e0001-1111-4111-8111-0123456789ab\","
        "\"random_hex16\":\"000102030405060708090a0b0c0d0e0f\"}}";
    struct wish w;
    struct err e;

    wish_init(&w);
    OK_CALL(wish_parse(bytes_str(text), &w, &e), &e);
    EQ_MEM(w.method, BYTES_LIT("POST"));
    EQ_MEM(w.url, BYTES_LIT("https://x/y"));
    EQ_MEM(w.body, BYTES_LIT("{\"a\":1}"));
    EQ_INT(w.n_headers, 2);
    EQ_MEM(w.headers[0].value, BYTES_LIT("b c"));
    EQ_MEM(w.headers[1].name, BYTES_LIT("D"));
    CHECK(w.clock.has_time && w.clock.has_random && w.clock.timestamp_ms == 5);
    EQ_INT(w.clock.random[15], 15);
    EQ_MEM(w.clock.nonce, BYTES_LIT("77"));
    wish_free(&w);
}

static void parse_null_is_empty(void)
{
    struct wish w;
    struct err e;

    wish_init(&w);
    OK_CALL(wish_parse(BYTES_LIT("{\"method\":\"GET\",\"url\":\"/\",\"body\":null}"), &w, &e), &e);
    EQ_INT(w.body.n, 0);
    wish_free(&w);
    OK_CALL(wish_parse(BYTES_LIT("{\"kind\":\"ws_login\",\"message\":null}"), &w, &e), &e);
    CHECK(w.is_ws && w.message.n == 0 && w.url.n == 0);
    wish_free(&w);
}

static void parse_refuses(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"method\":\"GET\"}",
        "{\"url\":\"/\"}",
        "{\"method\":\"GET\",\"url\":\"/\"",
        "{\"method\":\"GET\",\"url\":\"/\"} ,",
        "{\"method\":\"GET\",\"url\":\"/\",\"url\":\"/a\"}",
        "{\"method\":\"GET\",\"url\":\"/\",\"\\u0075rl\":\"/a\"}",
        "{\"method\":\"GET\",\"url\":\"/\",\"Body\":\"\"}",
        "{\"method\":\"GET\",\"url\":5}",
        "{\"method\":null,\"url\":\"/\"}",
        "{\"method\":\"GET\",\"url\":\"/\",\"body\":{}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"headers\":[]}",
        "{\"method\":\"GET\",\"url\":\"/\",\"headers\":null}",
        "{\"method\":\"GET\",\"url\":\"/\",\"headers\":{\"a\":1}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"headers\":{\"a\":\"1\",\"a\":\"2\"}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"headers\":{\"a\":{\"b\":{\"c\":{\"d\":\"\"}}}}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":5}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"time\":5}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"timestamp_ms\":1.5}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"timestamp_ms\":-1}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"timestamp_ms\":\"5\"}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"timestamp_ms\":9007199254740993}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"nonce\":5}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"nonce\":\"\"}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"nonce\":\"1 2\"}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"uuid\":\"fa4e0001\"}}",
        "{\"method\":\"GET\",\"url\":\"/\",\"clock\":{\"random_hex16\":\"00\"}}",
        "{\"kind\":\"rest\",\"url\":\"/\"}",
        "{\"kind\":\"ws_login\",\"method\":\"GET\"}",
        "{\"kind\":\"ws_login\",\"message\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {.code = OK};
        struct wish w;
        wish_init(&w);
        int rc = wish_parse(bytes_str(bad[i]), &w, &e);
        harness_ok(rc == ERR_USAGE && e.msg[0], __FILE__, __LINE__, "%s: %d", bad[i], rc);
        wish_free(&w);
    }
}

static void short_form_headers(void)
{
    struct wish w;
    struct err e;

    wish_init(&w);
    OK_CALL(wish_header(&w, BYTES_LIT("Name:  a: b "), &e), &e);
    EQ_MEM(w.headers[0].name, BYTES_LIT("Name"));
    EQ_MEM(w.headers[0].value, BYTES_LIT("a: b"));
    EQ_INT(wish_header(&w, BYTES_LIT("Name"), &e), ERR_USAGE);
    for (size_t i = 1; i < HEADERS_MAX; i++)
        OK_CALL(wish_header(&w, BYTES_LIT("A: b"), &e), &e);
    EQ_INT(wish_header(&w, BYTES_LIT("A: b"), &e), ERR_USAGE);
    wish_free(&w);
}

int main(void)
{
    RUN(parse_all_members);
    RUN(parse_null_is_empty);
    RUN(parse_refuses);
    RUN(short_form_headers);
    return harness_end();
}
