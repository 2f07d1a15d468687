/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/http.c and net/http_request.c: what becomes of what a client of the proxy says. The
 * jobs are the test's own (tests/http_fixture.h), here and in test_http_*.c. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include "base/env.h"

#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_asks(void)
{
    open_hub();
    say(fd, "POST /main~0123456789abcdef0123456789abcdef/https%3A%2F%2Fapi.test%2Fa%3Fb%3Dc "
            "HTTP/1.1\r\nHost: localhost:1\r\nX-Key: k\r\nContent-Length: 5\r\nCookie: c\r\n"
            "Connection: keep-alive, x-hop\r\nX-Hop: h\r\nOrigin: *\r\nUser-Agent: u\r\n"
            "connection: X-Hip\r\nX-Hip: h\r\nsec-fetch-mode: cors\r\n\r\nv=1&w");
    if (CHECK(n_jobs == 1)) {
        const struct wire_ask *a = &jobs[0]->ask;
        EQ_MEM(a->record, BYTES_LIT("main"));
        EQ_MEM(a->bearer, BYTES_LIT("0123456789abcdef0123456789abcdef"));
        EQ_MEM(a->method, BYTES_LIT("POST"));
        EQ_MEM(a->url, BYTES_LIT("https://api.test/a?b=c"));
        EQ_MEM(a->body, BYTES_LIT("v=1&w"));
        EQ_INT(a->uid, 1001);
        EQ_INT(a->pid, 4711);
        EQ_INT(a->is_tcp, 0);
        if (EQ_INT(a->n_headers, 2)) {
            EQ_MEM(a->headers[0].name, BYTES_LIT("X-Key"));
            EQ_MEM(a->headers[0].value, BYTES_LIT("k"));
            EQ_MEM(a->headers[1].name, BYTES_LIT("User-Agent"));
        }
        EQ_STR(hear(fd), "");
        job_reply(jobs[0], 200, "{}");
        EQ_STR(hear(fd), "HTTP/1.1 200 OK\r\n" REPLY_HEADERS "Content-Length: 2\r\n\r\n{}");
    }
    close_hub();
}

static void test_tcp(void)
{
    open_hub();
    int tcp = client_new(hub, SOCK_STREAM, 8080);
    say(tcp, GET "\r\n");
    EQ_INT(n_jobs, 0);
    EQ_INT(status_of(hear(tcp)), 422); /* the Host of a Unix socket */
    say(tcp, "GET /m/https://a/ HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
    if (CHECK(n_jobs == 1)) {
        EQ_INT(jobs[0]->ask.is_tcp, 1);
        EQ_INT(jobs[0]->ask.uid, UINT32_MAX);
        EQ_INT(jobs[0]->ask.pid, UINT32_MAX);
    }
    close(tcp);
    close_hub();
}

static void test_keeps(void)
{
    open_hub();
    for (unsigned i = 0; i < 100; i++) {
        say(fd, i % 2 ? GET "\r\n" : GET "Content-Length: 2\r\n\r\nxy");
        if (!CHECK(n_jobs == i + 1))
            break;
        job_reply(jobs[i], 200 + i, i % 3 ? "reply" : "");
        EQ_INT(status_of(hear(fd)), 200 + i);
    }
    CHECK(!hears_end(fd));
    close_hub();
}

/* However it is cut. */
static void test_pieces(void)
{
    static const char text[] =
        "PUT /main/https://api.test/ HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\nGET /x\r\n";

    open_hub();
    for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
        say_bytes(fd, bytes_of(text, cut));
        EQ_INT(n_jobs, cut - 1);
        say_bytes(fd, bytes_of(text + cut, sizeof(text) - 1 - cut));
        if (!CHECK(n_jobs == cut))
            break;
        EQ_MEM(jobs[cut - 1]->ask.body, BYTES_LIT("GET /x\r\n"));
        job_reply(jobs[cut - 1], 200, "ok");
        EQ_INT(status_of(hear(fd)), 200);
    }
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        say_bytes(fd, bytes_of(text + i, 1));
    EQ_INT(n_jobs, sizeof(text) - 1);
    close_hub();
}

static void test_large_body(void)
{
    struct buf b = BUF_INIT(2u << 20);

    open_hub();
    buf_adds(&b,
             "POST /main/https://api.test/ HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n");
    size_t at = b.n;
    for (unsigned i = 0; i < 1048576; i++)
        buf_addc(&b, (char)(i * 7 % 251));
    say_bytes(fd, buf_bytes(&b));
    if (CHECK(n_jobs == 1))
        EQ_MEM(jobs[0]->ask.body, bytes_of(b.p + at, 1048576));
    buf_free(&b);
    close_hub();
}

static void test_continue(void)
{
    open_hub();
    say(fd,
        "POST /m/https://a/ HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EQ_STR(hear(fd), "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "ab");
    EQ_STR(hear(fd), "");
    say(fd, "c");
    if (CHECK(n_jobs == 1)) {
        EQ_MEM(jobs[0]->ask.body, BYTES_LIT("abc"));
        EQ_INT(jobs[0]->ask.n_headers, 0);
        job_reply(jobs[0], 200, "");
        EQ_INT(status_of(hear(fd)), 200);
    }
    /* a body that is there already is not asked for */
    say(fd, "POST /m/https://a/ HTTP/1.1\r\n" HOST
            "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    EQ_STR(hear(fd), "");
    EQ_INT(n_jobs, 2);
    job_reply(jobs[1], 200, "");
    hear(fd);
    /* nor one that nobody will take */
    say(fd, "POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EQ_INT(status_of(hear(fd)), 422);
    CHECK(hears_end(fd));
    EQ_INT(n_jobs, 2);
    close_hub();
}

static void test_pipelined(void)
{
    open_hub();
    say(fd, GET "X: 0\r\n\r\n" GET "X: 1\r\nContent-Length: 1\r\n\r\ny" GET "X: 2\r\n\r\n"
                "GET / HTTP/1.1\r\n" HOST "\r\n" GET "X: 3\r\n\r\n" GET "X: 4");
    for (unsigned i = 0; i < 4; i++) {
        pump();
        if (!CHECK(n_jobs == i + 1))
            break;
        EQ_INT(jobs[i]->ask.headers[0].value.p[0], '0' + i);
        if (i == 1)
            say(fd, "4\r\n\r\n"); /* more comes meanwhile */
        job_reply(jobs[i], 200 + i, "");
        const char *got = hear(fd);
        EQ_INT(status_of(got), 200 + i);
        CHECK((i == 2) == (strstr(got, "HTTP/1.1 422") != NULL)); /* our own, in its place */
    }
    pump();
    if (CHECK(n_jobs == 5)) {
        EQ_MEM(jobs[4]->ask.headers[0].value, BYTES_LIT("44"));
        job_reply(jobs[4], 200, "");
        EQ_INT(status_of(hear(fd)), 200);
    }
    close_hub();
}

static void test_pipelined_after_close(void)
{
    open_hub();
    say(fd, GET "Connection: close\r\n\r\n" GET "\r\n");
    EQ_INT(n_jobs, 1);
    job_reply(jobs[0], 200, "x");
    EQ_INT(status_of(hear(fd)), 200);
    CHECK(hears_end(fd));
    say(fd, GET "\r\n");
    EQ_INT(n_jobs, 1);
    close_hub();
}

/* A thousand in one go. */
static void test_pipelined_many(void)
{
    struct buf b = BUF_INIT(1u << 20);

    open_hub();
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, GET "\r\n");
    say_bytes(fd, buf_bytes(&b));
    unsigned n = 0;
    for (unsigned i = 0; i < 1000 && CHECK(n_jobs == i + 1); i++) {
        job_reply(jobs[i], 200, "");
        n += status_of(hear(fd)) == 200;
    }
    EQ_INT(n, 1000);
    buf_free(&b);
    close_hub();
}

static void test_frames(void)
{
    static const uint8_t frame[] = {0, 0, 0, 5, 3, 'a'};

    open_hub();
    say_bytes(fd, BYTES_ARR(frame));
    EQ_INT(frames_seen.n, 1);
    EQ_INT(frames_seen.uid, 1001);
    EQ_INT(frames_seen.pid, 4711);
    EQ_MEM(buf_bytes(&frames_seen.first), BYTES_ARR(frame));
    EQ_INT(http_count(hub), 0);
    CHECK(!hears_end(fd)); /* it is handed on open */
    CHECK(send(frames_seen.fd, "hi", 2, 0) == 2);
    EQ_STR(hear(fd), "hi");
    close(frames_seen.fd);
    int tcp = client_new(hub, SOCK_STREAM, 8080); /* commands do not come by TCP */
    say_bytes(tcp, BYTES_ARR(frame));
    EQ_INT(frames_seen.n, 1);
    EQ_INT(status_of(hear(tcp)), 422);
    close(tcp);
    int later = client_new(hub, SOCK_STREAM, 0); /* nor after HTTP */
    say(later, GET "\r\n");
    job_reply(jobs[0], 200, "");
    hear(later);
    say_bytes(later, BYTES_ARR(frame));
    EQ_INT(frames_seen.n, 1);
    EQ_INT(status_of(hear(later)), 422);
    close(later);
    buf_free(&frames_seen.first);
    close_hub();
}

/* A thousand that wait, after a request each, take little. */
static void test_memory(void)
{
    enum { N = 200 };
    int many[N];

    open_hub();
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < N; i++) {
        many[i] = client_new(hub, SOCK_STREAM, 0);
        say(many[i], GET "\r\n");
        job_reply(jobs[0], 200, "{}");
        hear(many[i]);
        jobs_forget();
    }
    size_t each = (mallinfo2().uordblks - before) / N;
    printf("# %zu bytes for each connection that waits\n", each);
    if (IS_SANITIZED || each == 0)
        harness_skip("another allocator, of a sanitizer or valgrind, counts otherwise");
    else
        CHECK(each < 4096);
    for (size_t i = 0; i < N; i++)
        close(many[i]);
    close_hub();
}

/* The hub goes while all kinds of connections are open. */
static void test_hub_free(void)
{
    open_hub();
    int half = client_new(hub, SOCK_STREAM, 0), busy = client_new(hub, SOCK_STREAM, 0);
    say(half, "GET /");
    say(busy, GET "\r\n");
    job_head(jobs[0], 200, UINT64_MAX);
    http_hub_free(hub);
    CHECK(jobs[0]->is_abandoned);
    CHECK(hears_end(half) && hears_end(fd));
    close(half);
    close(busy);
    close(fd);
    jobs_forget();
    pump();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_asks);
    RUN(test_tcp);
    RUN(test_keeps);
    RUN(test_pieces);
    RUN(test_large_body);
    RUN(test_continue);
    RUN(test_pipelined);
    RUN(test_pipelined_after_close);
    RUN(test_pipelined_many);
    RUN(test_frames);
    RUN(test_memory);
    RUN(test_hub_free);
    event_base_free(loop);
    return harness_end();
}
