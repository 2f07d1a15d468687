/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/http_hub.c: which connection makes room for another, and how much room bodies have
 * that have not come. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include "net/http_parts.h"

#include <sys/socket.h>
#include <unistd.h>

#define TCP_HOST "Host: 127.0.0.1:8080\r\n"
#define TCP_GET "GET /m/https://a/ HTTP/1.1\r\n" TCP_HOST "\r\n"

/* Whoever was permitted something keeps its place longer than whoever came first. */
static void test_make_room(void)
{
    uint32_t uid = 1001, other = 1002;

    open_hub();
    int second = client_new(hub, SOCK_STREAM, 0), third = client_new(hub, SOCK_STREAM, 0);
    say(fd, GET "\r\n");
    job_reply(jobs[0], 200, "");
    say(third, GET "\r\n");
    job_reply(jobs[1], 200, "");
    say(fd, GET "\r\n");
    job_reply(jobs[2], 200, "");
    EQ_INT(http_count_of(hub, false, &uid), 3);
    EQ_INT(http_count_of(hub, false, &other), 0);
    EQ_INT(http_count_of(hub, true, NULL), 0);
    CHECK(!http_make_room(hub, false, &other));
    CHECK(!http_make_room(hub, true, NULL));
    CHECK(http_make_room(hub, false, &uid));
    CHECK(hears_end(second)); /* it never asked */
    hear(fd);
    hear(third);
    CHECK(!hears_end(third) && !hears_end(fd));
    CHECK(http_make_room(hub, false, NULL));
    CHECK(hears_end(third) && !hears_end(fd)); /* it is ready for longer */
    say(fd, GET "\r\n");
    CHECK(!http_make_room(hub, false, NULL)); /* one that is at work is not closed */
    close(second);
    close(third);
    close_hub();
}

/* Of one user's connections the silent ones go first, and then what it has only begun. */
static void test_half_on_unix(void)
{
    open_hub();
    int half = client_new(hub, SOCK_STREAM, 0);
    say(half, "GET /m");
    say(fd, GET "\r\n");
    job_reply(jobs[0], 200, "");
    hear(fd);
    CHECK(http_make_room(hub, false, NULL));
    CHECK(hears_end(fd) && !hears_end(half));
    CHECK(http_make_room(hub, false, NULL));
    CHECK(hears_end(half));
    CHECK(!http_make_room(hub, false, NULL));
    close(half);
    close_hub();
}

/* What has only begun makes room, and so does one that does not read that it is refused. */
static void test_who_makes_room(void)
{
    static const char *const texts[] = {
        "", "G", "POST /m/https://a/ HTTP/1.1\r\n" TCP_HOST "Content-Length: 100\r\n\r\nx",
        "POST /m/https://a/ HTTP/1.1\r\n" TCP_HOST "Content-Length: 100000\r\n\r\nx"};
    int n = 1, one = 1;
    struct err e;

    open_hub();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int half = client_new(hub, SOCK_STREAM, 8080);
        say(half, texts[i]);
        EQ_INT(http_count_of(hub, true, NULL), 1);
        CHECK(http_make_room(hub, true, NULL));
        CHECK(hears_end(half));
        EQ_INT(http_count_of(hub, true, NULL), 0);
        close(half);
    }
    EQ_INT(hub->sides[1].bodies_n, 0);
    int tcp = client_new(hub, SOCK_STREAM, 8080);
    CHECK(setsockopt(tcp, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one)) == 0);
    err_set(&e, ERR_POLICY, "no bearer");
    for (; n <= 5000 && TAILQ_FIRST(&hub->sides[1].fresh)->state != HTTP_SENDING; n++) {
        say(tcp, TCP_GET);
        if (n_jobs == 0)
            continue;
        job_fail(jobs[0], 401, &e);
        jobs_forget();
    }
    EQ_INT(TAILQ_FIRST(&hub->sides[1].fresh)->state, HTTP_SENDING);
    CHECK(http_make_room(hub, true, NULL));
    close(tcp);
    tcp = client_new(hub, SOCK_STREAM, 8080);
    say(tcp, TCP_GET);
    CHECK(!http_make_room(hub, true, NULL)); /* the agent has it */
    job_head(jobs[0], 200, UINT64_MAX);
    CHECK(!http_make_room(hub, true, NULL)); /* and has permitted it */
    job_end(jobs[0], true);
    CHECK(http_make_room(hub, true, NULL));
    close(tcp);
    close_hub();
}

#define LARGE(host) "POST /m/https://a/ HTTP/1.1\r\n" host "Content-Length: 1048576\r\n\r\nx"

/* Older ones that are still waited for give way, and are told. */
static void test_bodies_are_bounded(void)
{
    int many[40];
    unsigned n_refused = 0;

    open_hub();
    int tcp = client_new(hub, SOCK_STREAM, 8080);
    say(tcp, LARGE(TCP_HOST));
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = client_new(hub, SOCK_STREAM, 0);
        say(many[i], LARGE(HOST));
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        const char *got = hear(many[i]);
        if (*got)
            CHECK(status_of(got) == 503 && strstr(got, "large bodies") && i < 8);
        n_refused += *got != 0;
    }
    EQ_INT(n_refused, 8);
    EQ_STR(hear(tcp), ""); /* the others take nothing from that side */
    /* an order is small, and served all the same */
    say(fd, "POST /m/https://a/ HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    EQ_STR(hear(fd), "");
    say(fd, "cde");
    pump();
    job_reply(jobs[0], 200, "");
    EQ_INT(status_of(hear(fd)), 200);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        close(many[i]);
    close(tcp);
    pump();
    EQ_INT(hub->sides[0].bodies_n + hub->sides[1].bodies_n, 0);
    close_hub();
}

/* Of those, one that showed a bearer gives way after those that did not. */
static void test_known_bodies_stay(void)
{
    int many[33];

    open_hub();
    int known = client_new(hub, SOCK_STREAM, 8080);
    say(known, TCP_GET);
    job_reply(jobs[0], 200, "");
    hear(known);
    say(known, LARGE(TCP_HOST));
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = client_new(hub, SOCK_STREAM, 8080);
        say(many[i], LARGE(TCP_HOST));
    }
    EQ_STR(hear(known), "");
    EQ_INT(status_of(hear(many[0])), 503);
    EQ_INT(status_of(hear(many[1])), 503);
    EQ_STR(hear(many[2]), "");
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        close(many[i]);
    close(known);
    close_hub();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_make_room);
    RUN(test_half_on_unix);
    RUN(test_who_makes_room);
    RUN(test_bodies_are_bounded);
    RUN(test_known_bodies_stay);
    event_base_free(loop);
    return harness_end();
}
