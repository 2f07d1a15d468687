/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/http*.c: clients that are gone, slow, or do nothing at all. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

static void test_hang_up(void)
{
    open_hub();
    int other = client_new(hub, SOCK_STREAM, 0);
    say(fd, GET "\r\n");
    say(other, GET "\r\n");
    if (CHECK(n_jobs == 2)) {
        close(other);
        CHECK(shutdown(fd, SHUT_WR) == 0); /* nobody knows whether it reads on */
        pump();
        CHECK(jobs[0]->is_abandoned && jobs[1]->is_abandoned);
    }
    EQ_INT(http_count(hub), 0);
    close_hub();
}

static void test_hang_up_while_more_waits(void)
{
    open_hub();
    say(fd, GET "\r\n" GET "\r\n");
    shutdown(fd, SHUT_RDWR);
    pump();
    http_tick(hub, 3000);
    CHECK(jobs[0]->is_abandoned);
    EQ_INT(http_count(hub), 0);
    EQ_INT(n_jobs, 1);
    close_hub();
}

/* Of a reply that is being written, too. */
static void test_hang_up_in_reply(void)
{
    static uint8_t piece[65536];

    open_hub();
    say(fd, GET "\r\n");
    job_head(jobs[0], 200, UINT64_MAX);
    close(fd);
    fd = -1;
    for (int i = 0; i < 40; i++)
        job_body(jobs[0], BYTES_ARR(piece));
    pump();
    http_tick(hub, 3000);
    CHECK(jobs[0]->is_abandoned);
    EQ_INT(http_count(hub), 0);
    close_hub();
}

static void test_slow_reader(void)
{
    static uint8_t piece[16384];
    size_t sent = 0, got = 0;

    open_hub();
    say(fd, GET "\r\n");
    if (CHECK(n_jobs == 1)) {
        job_head(jobs[0], 200, 4u << 20);
        while (sent < 4u << 20) {
            if (!jobs[0]->is_paused) {
                memset(piece, (int)(sent >> 14 & 0xff), sizeof(piece));
                job_body(jobs[0], BYTES_ARR(piece));
                sent += sizeof(piece);
                continue;
            }
            char room[5000];
            ssize_t n = recv(fd, room, sizeof(room), 0);
            if (n > 0)
                got += (size_t)n;
            pump();
        }
        CHECK(jobs[0]->n_pauses > 1);
        job_end(jobs[0], true);
        pump();
        char room[5000];
        for (ssize_t n; (n = recv(fd, room, sizeof(room), 0)) > 0; pump())
            got += (size_t)n;
        CHECK(got > sent && got < sent + 300);
    }
    say(fd, GET "\r\n");
    EQ_INT(n_jobs, 2); /* and it goes on */
    close_hub();
}

static void test_never_reads(void)
{
    static uint8_t piece[16384];

    open_hub();
    say(fd, GET "\r\n");
    job_head(jobs[0], 200, UINT64_MAX);
    unsigned n = 0;
    for (; !jobs[0]->is_paused && n < 1000; n++)
        job_body(jobs[0], BYTES_ARR(piece));
    CHECK(n < 100);
    http_tick(hub, 2000);
    pump();
    http_tick(hub, 11000);
    CHECK(!jobs[0]->is_abandoned);
    http_tick(hub, 13000);
    CHECK(jobs[0]->is_abandoned);
    EQ_INT(http_count(hub), 0);
    close_hub();
}

/* Its job ends before it reads: what is left goes when it does. */
static void test_reads_late(void)
{
    static uint8_t piece[16384];
    struct buf b = BUF_INIT(4096);

    open_hub();
    say(fd, GET "\r\n" GET "\r\n");
    job_head(jobs[0], 200, 40 * sizeof(piece));
    for (unsigned n = 0; n < 40; n++)
        job_body(jobs[0], BYTES_ARR(piece));
    job_end(jobs[0], true);
    pump();
    EQ_INT(n_jobs, 1);
    char room[60000];
    size_t got = 0;
    for (ssize_t n; (n = recv(fd, room, sizeof(room), 0)) > 0; pump())
        got += (size_t)n;
    CHECK(got > 40 * sizeof(piece));
    EQ_INT(n_jobs, 2);
    buf_free(&b);
    close_hub();
}

static void test_slow_head(void)
{
    open_hub();
    say(fd, "GET /m/https://a/ HT");
    for (uint64_t ms = 2000; ms < 11000; ms += 1000) {
        say(fd, ms < 3500 ? "T" : "x"); /* a byte a second */
        http_tick(hub, ms);
        EQ_STR(hear(fd), "");
    }
    http_tick(hub, 12000);
    const char *got = hear(fd);
    CHECK(status_of(got) == 422 && strstr(got, "over 10 s") && strstr(got, "Connection: close"));
    CHECK(hears_end(fd));
    http_tick(hub, 15000);
    EQ_INT(http_count(hub), 0); /* though the client has not closed */
    close_hub();
}

static void test_slow_body(void)
{
    open_hub();
    say(fd, "POST /m/https://a/ HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
    for (uint64_t ms = 2000; ms < 31000; ms += 1000) {
        say(fd, "x");
        http_tick(hub, ms);
        EQ_STR(hear(fd), "");
    }
    http_tick(hub, 32000);
    const char *got = hear(fd);
    CHECK(status_of(got) == 422 && strstr(got, "over 30 s"));
    CHECK(hears_end(fd));
    EQ_INT(n_jobs, 0);
    close_hub();
}

static void test_idle(void)
{
    open_hub();
    int fresh = client_new(hub, SOCK_STREAM, 0);
    http_tick(hub, 5000);
    say(fd, GET "\r\n");
    job_reply(jobs[0], 200, "");
    hear(fd);
    http_tick(hub, 75000);
    CHECK(!hears_end(fresh));
    http_tick(hub, 80000);
    CHECK(!hears_end(fd));
    http_tick(hub, 91000);
    CHECK(hears_end(fd) && hears_end(fresh));
    EQ_INT(http_count(hub), 0);
    close(fresh);
    close_hub();
}

/* A request that takes its time is not idle. */
static void test_busy_is_not_idle(void)
{
    open_hub();
    say(fd, GET "\r\n");
    http_tick(hub, 500000);
    job_reply(jobs[0], 200, "");
    EQ_INT(status_of(hear(fd)), 200);
    http_tick(hub, 570000);
    CHECK(!hears_end(fd));
    close_hub();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_hang_up);
    RUN(test_hang_up_while_more_waits);
    RUN(test_hang_up_in_reply);
    RUN(test_slow_reader);
    RUN(test_never_reads);
    RUN(test_reads_late);
    RUN(test_slow_head);
    RUN(test_slow_body);
    RUN(test_idle);
    RUN(test_busy_is_not_idle);
    event_base_free(loop);
    return harness_end();
}
