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

static void test_session(void)
{
    struct client c = {0};
    char body[256], path[512], want[512];

    hire(PERMITS);
    w.session_token = "listenKey";
    ask(&c, "POST", "/say?200={\"listenKey\":\"AbC+/12345678901\"}");
    EQ_INT(c.status, 200);
    CHECK(strstr(buf_str(&c.body), "AbC") == NULL);
    CHECK(strncmp(buf_str(&c.body), "{\"listenKey\":\"coffer-session-", 29) == 0);
    EQ_INT(c.length, c.body.n - 1);
    CHECK(strcasestr(c.headers, "content-length") == NULL);
    snprintf(body, sizeof(body), "%s", buf_str(&c.body) + strlen("{\"listenKey\":\""));
    *strchr(body, '"') = 0;
    done_with(&c);
    w.session_token = "";
    snprintf(path, sizeof(path), "/ok?listenKey=%s&a=b", body);
    begin(&c, "PUT", path, body);
    finish(&c);
    snprintf(want, sizeof(want), "https://api.test/ok?listenKey=%s&a=b", "AbC%2B%2F12345678901");
    EQ_STR(w.url, want);
    EQ_STR(w.body, "AbC%2B%2F12345678901");
    done_with(&c);
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

static void test_too_many(void)
{
    static struct client many[JOBS_MAX];
    const struct wire_ask one = {.record = BYTES_LIT("main"),
                                 .method = BYTES_LIT("GET"),
                                 .url = BYTES_LIT("https://api.test/ok")};
    struct client c = {0};
    struct err e;

    hire(IS_SILENT);
    for (size_t i = 0; i < JOBS_MAX; i++)
        begin(&many[i], "GET", "/ok", "");
    CHECK(job_begin(w.gate, &one, &client_calls, &c, &e) == NULL);
    EQ_INT(e.code, ERR_LIMIT);
    run(NULL, 50);
    gate_agent(w.gate, -1);
    for (size_t i = 0; i < JOBS_MAX; i++)
        CHECK(many[i].is_over && many[i].status == 503);
    EQ_INT(w.gate->n_jobs, 0);
    EQ_INT(w.gate->size, 0);
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
    RUN(test_session_missing);
    RUN(test_too_many);
    RUN(test_beside_each_other);
    world_end();
    return harness_end();
}
