/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/http_reply.c: what a client of the proxy reads, from an exchange and from us. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_framing(void)
{
    static const struct {
        const char *request;
        unsigned status;
        uint64_t length;
        const char *want;
        bool is_end;
    } rows[] = {
        {GET "\r\n", 200, UINT64_MAX,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS "Transfer-Encoding: chunked\r\n\r\n"
         "5\r\nfirst\r\n2\r\n\r\n\r\n0\r\n\r\n",
         false},
        {GET "\r\n", 404, 7,
         "HTTP/1.1 404 Not Found\r\n" REPLY_HEADERS "Content-Length: 7\r\n\r\nfirst\r\n", false},
        {GET "\r\n", 299, 6,
         "HTTP/1.1 299 Success\r\n" REPLY_HEADERS "Content-Length: 6\r\n\r\nfirst\r", false},
        {"GET /m/https://a/ HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", 200, UINT64_MAX,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS "Connection: close\r\n\r\nfirst\r\n", true},
        {"GET /m/https://a/ HTTP/1.0\r\n" HOST "\r\n", 200, 7,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS
         "Content-Length: 7\r\nConnection: close\r\n\r\nfirst\r\n",
         true},
        {GET "Connection: close\r\n\r\n", 200, UINT64_MAX,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS
         "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
         "5\r\nfirst\r\n2\r\n\r\n\r\n0\r\n\r\n",
         true},
        {"HEAD /m/https://a/ HTTP/1.1\r\n" HOST "\r\n", 200, 70,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS "Content-Length: 70\r\n\r\n", false},
        {"HEAD /m/https://a/ HTTP/1.1\r\n" HOST "\r\n", 200, UINT64_MAX,
         "HTTP/1.1 200 OK\r\n" REPLY_HEADERS "\r\n", false},
        {GET "\r\n", 204, UINT64_MAX, "HTTP/1.1 204 No Content\r\n" REPLY_HEADERS "\r\n", false},
        {GET "\r\n", 204, 0, "HTTP/1.1 204 No Content\r\n" REPLY_HEADERS "\r\n", false},
        {GET "\r\n", 304, 9,
         "HTTP/1.1 304 Not Modified\r\n" REPLY_HEADERS "Content-Length: 9\r\n\r\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        open_hub();
        say(fd, rows[i].request);
        if (CHECK(n_jobs == 1)) {
            job_head(jobs[0], rows[i].status, rows[i].length);
            job_body(jobs[0], BYTES_LIT("first"));
            job_body(jobs[0], BYTES_LIT(""));
            job_body(jobs[0], BYTES_LIT("\r\n"));
            job_end(jobs[0], true);
            const char *got = hear(fd);
            ROW(strcmp(got, rows[i].want) == 0, i, got);
            CHECK(hears_end(fd) == rows[i].is_end);
        }
        close_hub();
    }
}

/* What an exchange sends cannot become a second reply, nor say where this one ends. */
static void test_reply_headers(void)
{
    const struct wire_header h[] = {
        {BYTES_LIT("A"), BYTES_LIT("a\r\nEvil: x")},
        {BYTES_LIT("B"), BYTES_LIT("b\rEvil: x")},
        {BYTES_LIT("C"), BYTES_LIT("c\nEvil: x")},
        {BYTES_LIT("D"), BYTES_LIT("d\0Evil")},
        {BYTES_LIT("E\r\nEvil"), BYTES_LIT("e")},
        {BYTES_LIT("content-LENGTH"), BYTES_LIT("9")},
        {BYTES_LIT("Transfer-Encoding"), BYTES_LIT("chunked")},
        {BYTES_LIT("Connection"), BYTES_LIT("close")},
        {BYTES_LIT("F"), BYTES_LIT("caf\xc3\xa9")},
    };

    open_hub();
    say(fd, GET "\r\n");
    if (CHECK(n_jobs == 1)) {
        jobs[0]->calls->head(jobs[0]->ctx, 200, h, ARRAY_LEN(h), 0);
        job_end(jobs[0], true);
        EQ_STR(hear(fd), "HTTP/1.1 200 OK\r\nF: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n");
    }
    close_hub();
}

/* The exchange sends on and on: what has come is passed on with each turn of the loop. */
static void test_streams(void)
{
    open_hub();
    say(fd, GET "\r\n");
    if (CHECK(n_jobs == 1)) {
        job_head(jobs[0], 200, UINT64_MAX);
        CHECK(strstr(hear(fd), "chunked\r\n\r\n") != NULL);
        job_body(jobs[0], BYTES_LIT("one"));
        EQ_STR(hear(fd), "3\r\none\r\n");
        job_body(jobs[0], BYTES_LIT("two"));
        job_body(jobs[0], BYTES_LIT("three"));
        EQ_STR(hear(fd), "3\r\ntwo\r\n5\r\nthree\r\n");
        job_end(jobs[0], true);
        EQ_STR(hear(fd), "0\r\n\r\n");
    }
    close_hub();
}

/* Head and body are one message to the kernel. Seen where each send is one. */
static void test_one_send(void)
{
    char got[32768];

    open_hub();
    int packets = client_new(hub, SOCK_SEQPACKET, 0);
    for (unsigned i = 0; i < 3; i++) {
        static char body[12000];
        memset(body, 'x', sizeof(body) - 1);
        say(packets, GET "\r\n");
        if (!CHECK(n_jobs == i + 1))
            break;
        if (i == 2) {
            job_head(jobs[i], 200, UINT64_MAX);
            job_body(jobs[i], bytes_str(body));
            job_end(jobs[i], true);
        } else {
            job_reply(jobs[i], 200, i ? body : "small");
        }
        ssize_t n = recv(packets, got, sizeof(got), 0);
        CHECK(n > 0 && (i == 0 || n > 12000));
        CHECK(recv(packets, got, sizeof(got), 0) < 0);
    }
    close(packets);
    close_hub();
}

/* Two replies at once do not mix. */
static void test_two_clients(void)
{
    open_hub();
    int other = client_new(hub, SOCK_STREAM, 0);
    say(fd, GET "\r\n");
    say(other, GET "\r\n");
    if (CHECK(n_jobs == 2)) {
        job_head(jobs[0], 200, 6);
        job_head(jobs[1], 201, UINT64_MAX);
        job_body(jobs[0], BYTES_LIT("abc"));
        job_body(jobs[1], BYTES_LIT("xyz"));
        job_body(jobs[0], BYTES_LIT("def"));
        job_end(jobs[1], true);
        job_end(jobs[0], true);
        const char *got = hear(fd);
        CHECK(status_of(got) == 200 && strstr(got, "\r\n\r\nabcdef"));
        got = hear(other);
        CHECK(status_of(got) == 201 && strstr(got, "\r\n\r\n3\r\nxyz\r\n0\r\n\r\n"));
    }
    close(other);
    close_hub();
}

static void test_broken_off(void)
{
    static const struct {
        uint64_t length;
        const char *body;
        bool is_whole;
    } rows[] = {
        {10, "abc", false},        {10, "abc", true},       {UINT64_MAX, "abc", false},
        {10, "0123456789", false}, {UINT64_MAX, "", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        open_hub();
        say(fd, GET "\r\n");
        if (CHECK(n_jobs == 1)) {
            job_head(jobs[0], 200, rows[i].length);
            job_body(jobs[0], bytes_str(rows[i].body));
            job_end(jobs[0], rows[i].is_whole);
            const char *got = hear(fd);
            ROW(!strstr(got, "0\r\n\r\n") || rows[i].length == 10, i, got);
            ROW(strstr(got, rows[i].body) != NULL, i, got);
            CHECK(hears_end(fd));
        }
        close_hub();
    }
}

/* A reply that only the end of the connection ends, to a client of HTTP/1.0. */
static void test_broken_off_old(void)
{
    open_hub();
    say(fd, "GET /m/https://a/ HTTP/1.0\r\n" HOST "\r\n");
    if (CHECK(n_jobs == 1)) {
        job_head(jobs[0], 200, UINT64_MAX);
        job_body(jobs[0], BYTES_LIT("abc"));
        job_end(jobs[0], false);
        EQ_INT(http_count(hub), 0);
    }
    close_hub();
}

static void test_own_answers(void)
{
    static const struct {
        const char *request, *name, *text;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "usage", "hint: a url of this proxy is /NAME/https://"},
        {"GET /favicon.ico HTTP/1.1\r\n" HOST "\r\n", "usage", "/NAME/https://HOST/PATH"},
        {"POST /v1/sign HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", "usage", "/NAME/"},
        {"GET /m/http://a/ HTTP/1.1\r\n" HOST "\r\n", "usage", "/NAME/"},
        {"GET /m/wss://a/ HTTP/1.1\r\n" HOST "\r\n", "usage", "WebSockets"},
        {"GET /m~12/https://a/ HTTP/1.1\r\n" HOST "\r\n", "usage", "bearer"},
        {GET "Origin: https://evil.test\r\n\r\n", "policy", "web page"},
        {"OPTIONS /m/https://a/ HTTP/1.1\r\n" HOST "Origin: null\r\n\r\n", "policy", "web page"},
        {GET "Sec-Fetch-Site: same-origin\r\n\r\n", "policy", "browser"},
        {"GET /m/https://a/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", "policy", "Host"},
    };

    open_hub();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[64];
        snprintf(name, sizeof(name), "\r\nX-Coffer-Error: %s\r\n", rows[i].name);
        say(fd, rows[i].request);
        const char *got = hear(fd);
        ROW(strncmp(got, "HTTP/1.1 422 ", 13) == 0, i, got);
        ROW(strstr(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n") != NULL, i, got);
        ROW(strstr(got, name) && strstr(got, rows[i].text) && !strstr(got, "{"), i, got);
        CHECK(!hears_end(fd)); /* and it goes on */
    }
    EQ_INT(n_jobs, 0);
    close_hub();
}

static void test_failed(void)
{
    static const unsigned statuses[] = {401, 422, 429, 502, 503, 504};
    struct err e;

    open_hub();
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        say(fd, i == 5 ? "HEAD /m/https://a/ HTTP/1.1\r\n" HOST "\r\n" : GET "\r\n");
        if (!CHECK(n_jobs == i + 1))
            break;
        err_set(&e, ERR_PERSON, "the agent is locked");
        err_hint(&e, "run 'coffer unlock'");
        err_hint(&e, "or wait");
        job_fail(jobs[i], statuses[i], &e);
        const char *got = hear(fd), *body = strstr(got, "\r\n\r\n");
        EQ_INT(status_of(got), statuses[i]);
        CHECK(strstr(got, "\r\nX-Coffer-Error: person\r\n") != NULL);
        CHECK(strstr(got, "\r\nContent-Length: 60\r\n") != NULL);
        if (CHECK(body != NULL))
            EQ_STR(body + 4, i == 5 ? ""
                                    : "the agent is locked\nhint: run 'coffer unlock'\n"
                                      "hint: or wait\n");
    }
    jobs_are_full = true;
    say(fd, GET "\r\n");
    jobs_are_full = false;
    const char *got = hear(fd);
    CHECK(status_of(got) == 429 && strstr(got, "X-Coffer-Error: limit\r\n"));
    close_hub();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_framing);
    RUN(test_reply_headers);
    RUN(test_streams);
    RUN(test_one_send);
    RUN(test_two_clients);
    RUN(test_broken_off);
    RUN(test_broken_off_old);
    RUN(test_own_answers);
    RUN(test_failed);
    event_base_free(loop);
    return harness_end();
}
