/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/gate.c, job.c, finish.c and upstream.c: replies as they come, and what holds up
 * whom. Where something fails: test_gate_bad.c. */
#include "tests/gate_world.h"

#include <stdio.h>

static void test_permit(void)
{
    struct client c = {0};
    char seen[4096];

    hire(PERMITS);
    ask(&c, "GET", "/ok?a=1&b=%20/../x");
    EQ_INT(c.status, 200);
    EQ_STR(buf_str(&c.body), "hello");
    EQ_INT(c.length, 5);
    CHECK(c.is_whole);
    CHECK(strstr(c.headers, "X-Weight: 7\n") != NULL);
    CHECK(strstr(c.headers, "X-Hop") == NULL);
    CHECK(strstr(c.headers, "Connection") == NULL);
    CHECK(strstr(c.headers, "Content-Length: 5\n") != NULL);
    EQ_INT(w.n_asks, 1);
    EQ_INT(w.n_dones, 1);
    EQ_INT(w.done.result, WIRE_REPLIED);
    EQ_INT(w.done.status, 200);
    tls_server_last(w.server, seen, sizeof(seen));
    CHECK(strstr(seen, "GET /ok?a=1&b=%20/../x HTTP/1.1\r\nHost: api.test\r\n") == seen);
    CHECK(strstr(seen, "X-Key: k1\r\n") != NULL);
    CHECK(strstr(seen, "Accept-Encoding: gzip\r\n") != NULL);
    done_with(&c);
}

static void test_kept(void)
{
    struct client c = {0};
    char seen[4096];

    hire(PERMITS);
    ask(&c, "GET", "/ok");
    done_with(&c);
    unsigned n = tls_server_connections(w.server);
    ask(&c, "POST", "/ok");
    done_with(&c);
    tls_server_last(w.server, seen, sizeof(seen));
    CHECK(strstr(seen, "POST /ok HTTP/1.1\r\n") == seen);
    CHECK(strstr(seen, "Content-Length: 8\r\n") != NULL && strstr(seen, "\r\n\r\nside=BUY"));
    ask(&c, "DELETE", "/ok");
    done_with(&c);
    tls_server_last(w.server, seen, sizeof(seen));
    CHECK(strstr(seen, "DELETE /ok HTTP/1.1\r\n") == seen && strstr(seen, "\r\n\r\nside=BUY"));
    ask(&c, "GET", "/ok2");
    done_with(&c);
    tls_server_last(w.server, seen, sizeof(seen));
    CHECK(strstr(seen, "GET /ok2 HTTP/1.1\r\n") == seen);
    CHECK(strstr(seen, "side=BUY") == NULL && strcasestr(seen, "content-length") == NULL);
    EQ_INT(tls_server_connections(w.server), n);
}

static void test_encoding_untouched(void)
{
    struct client c = {0};

    hire(PERMITS);
    ask(&c, "GET", "/zip");
    EQ_STR(buf_str(&c.body), "not really gzip");
    CHECK(strstr(c.headers, "Content-Encoding: gzip\n") != NULL);
    done_with(&c);
}

static void test_status_untouched(void)
{
    struct client c = {0};

    hire(PERMITS);
    ask(&c, "POST", "/say?418={\"code\":-1003}");
    EQ_INT(c.status, 418);
    EQ_STR(buf_str(&c.body), "{\"code\":-1003}");
    CHECK(c.is_whole);
    EQ_INT(w.done.status, 418);
    done_with(&c);
}

static void test_refusal(void)
{
    struct client c = {0};
    unsigned n = tls_server_requests(w.server);

    hire(REFUSES);
    ask(&c, "POST", "/ok");
    CHECK(c.has_failed);
    EQ_INT(c.status, 422);
    EQ_STR(c.text, "class 'withdraw' is not allowed");
    EQ_INT(c.fault, FAULT_NONE);
    EQ_INT(w.n_dones, 0);
    EQ_INT(tls_server_requests(w.server), n);
    done_with(&c);
}

static void test_slow_reader(void)
{
    struct client c = {.pauses = true};

    hire(PERMITS);
    begin(&c, "GET", "/big", "");
    run(NULL, 300);
    EQ_INT(c.n_heads, 1);
    CHECK(c.n_body < 100000 && !c.is_over);
    CHECK(c.length == UINT64_MAX);
    size_t before = c.n_body;
    run(NULL, 100);
    EQ_INT(c.n_body, before);
    job_pause(c.job, false);
    finish(&c);
    EQ_INT(c.n_body, 16u * 1024 * 1024);
    CHECK(c.is_whole);
    done_with(&c);
}

static void test_never_reads(void)
{
    struct client c = {.pauses = true};

    hire(PERMITS);
    w.timeout_ms = 400;
    begin(&c, "GET", "/big", "");
    finish(&c);
    CHECK(!c.is_whole && !c.has_failed);
    EQ_INT(w.done.result, WIRE_UNKNOWN);
    done_with(&c);
}

#define REAL "AbC+/12345678901"
#define REAL_IN_URL "AbC%2B%2F12345678901"

/* Hands out REAL; the opaque value goes to opaque. */
static void log_in(char *opaque, size_t cap)
{
    struct client c = {0};

    w.session_token = "listenKey";
    ask(&c, "POST", "/say?200={\"listenKey\":\"" REAL "\"}");
    EQ_INT(c.status, 200);
    CHECK(strstr(buf_str(&c.body), "AbC") == NULL);
    CHECK(strncmp(buf_str(&c.body), "{\"listenKey\":\"coffer-session-", 29) == 0);
    EQ_INT(c.length, c.body.n - 1);
    CHECK(strcasestr(c.headers, "content-length") == NULL);
    snprintf(opaque, cap, "%s", buf_str(&c.body) + strlen("{\"listenKey\":\""));
    *strchr(opaque, '"') = 0;
    done_with(&c);
    w.session_token = "";
}

static void test_session(void)
{
    struct client c = {0};
    char opaque[256], path[512], body[512];

    hire(PERMITS);
    log_in(opaque, sizeof(opaque));
    snprintf(path, sizeof(path), "/fapi/v1/listenKey?listenKey=%s&a=b", opaque);
    snprintf(body, sizeof(body), "listenKey=%s", opaque);
    begin(&c, "PUT", path, body);
    finish(&c);
    EQ_STR(w.url, "https://api.test/fapi/v1/listenKey?listenKey=" REAL_IN_URL "&a=b");
    EQ_STR(w.body, "listenKey=" REAL_IN_URL);
    done_with(&c);
}

/* What an exchange could show again never has the real one. */
static void test_session_elsewhere(void)
{
    static const struct {
        const char *method, *path;
    } rows[] = {{"POST", "/say?200="},
                {"POST", "/ok?listenKey="},
                {"GET", "/fapi/v1/listenKey?listenKey="},
                {"PUT", "/fapi/v1/listenKey?note="},
                {"PUT", "/fapi/v1/listenKey/"},
                {"PUT", "/fapi/v1/listenKey&listenKey="}};
    char opaque[256], path[512], want[600];
    struct client c = {0};

    hire(PERMITS);
    log_in(opaque, sizeof(opaque));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(path, sizeof(path), "%s%s", rows[i].path, opaque);
        snprintf(want, sizeof(want), "https://api.test%s", path);
        begin(&c, rows[i].method, path, opaque);
        finish(&c);
        EQ_STR(w.url, want);
        EQ_STR(w.body, opaque);
        done_with(&c);
    }
}

/* A reply to a request that had it: the body, the headers, and of an error too. */
static void test_session_shown(void)
{
    char opaque[256], path[512];
    struct client c = {0};

    hire(PERMITS);
    log_in(opaque, sizeof(opaque));
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/fapi/v1/listenKey?listenKey=%s&%s", opaque,
                 i % 2 ? "fail" : "x");
        w.session_token = i < 2 ? "" : "msg"; /* and where it hands one out */
        ask(&c, "PUT", path);
        EQ_INT(c.status, i % 2 ? 400 : 200);
        CHECK(strstr(w.url, REAL_IN_URL) != NULL);
        CHECK(strstr(buf_str(&c.body), "coffer-session-") != NULL);
        CHECK(strstr(buf_str(&c.body), "AbC") == NULL);
        CHECK(strstr(c.headers, "AbC") == NULL && strstr(c.headers, "Location") == NULL);
        CHECK(strstr(c.headers, "X-Weight: 7\n") != NULL);
        EQ_INT(c.length, c.body.n - 1);
        done_with(&c);
    }
}

static void test_session_missing(void)
{
    static const struct {
        const char *path;
        unsigned status;
    } rows[] = {
        {"/say?200={\"key\":\"AbC123456789012345\"}", 502},
        {"/say?200=[]", 502},
        {"/say?200=AbC", 502},
        {"/big", 504},
        {"/say?200={}", 200},
        {"/say?401={\"key\":\"AbC123456789012345\"}", 401},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c = {0};
        hire(PERMITS);
        w.session_token = "listenKey";
        ask(&c, "POST", rows[i].path);
        EQ_INT(c.status, rows[i].status);
        EQ_INT(c.has_failed, rows[i].status > 500);
        done_with(&c);
    }
}

/* An order that hangs holds up no cancel, and none of them leaves memory or connections behind. */
static void test_beside_each_other(void)
{
    struct client slow[8] = {0}, quick[8] = {0};

    hire(PERMITS);
    w.timeout_ms = 1500;
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        begin(&slow[i], "POST", "/silent", "x");
    run(NULL, 100);
    uint64_t t = ticks_ms();
    for (size_t i = 0; i < ARRAY_LEN(quick); i++)
        begin(&quick[i], "DELETE", "/ok", "x");
    for (size_t i = 0; i < ARRAY_LEN(quick); i++)
        finish(&quick[i]);
    CHECK(ticks_ms() - t < 1000);
    for (size_t i = 0; i < ARRAY_LEN(quick); i++) {
        EQ_INT(quick[i].status, 200);
        done_with(&quick[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        finish(&slow[i]);
        EQ_INT(slow[i].status, 504);
        done_with(&slow[i]);
    }
}

int main(void)
{
    if (!world_start())
        return 1;
    RUN(test_permit);
    RUN(test_kept);
    RUN(test_encoding_untouched);
    RUN(test_status_untouched);
    RUN(test_refusal);
    RUN(test_slow_reader);
    RUN(test_never_reads);
    RUN(test_session);
    RUN(test_session_elsewhere);
    RUN(test_session_shown);
    RUN(test_session_missing);
    RUN(test_beside_each_other);
    world_end();
    return harness_end();
}
