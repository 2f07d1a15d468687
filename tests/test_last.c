/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/last.c: the last requests of connections when the proxy ends. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include "net/last.h"

#include <sys/socket.h>
#include <unistd.h>

#define POST "POST /main/https://api.test/a HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n"

static bool is_closing(const char *reply, unsigned status)
{
    return status_of(reply) == status && strstr(reply, "Connection: close\r\n");
}

/* One may come still, is answered, and its connection closed; one that has come waits for that. */
static void test_last_call(void)
{
    open_hub();
    say(fd, GET "\r\n");
    job_reply(jobs[0], 200, "{}");
    EQ_INT(status_of(hear(fd)), 200);
    CHECK(!http_finish(hub, LAST_CALL) && !hears_end(fd));
    int other = client_new(hub, SOCK_STREAM, 0);
    say(other, GET "\r\n");
    say(fd, GET "\r\n");
    if (CHECK(n_jobs == 3)) {
        CHECK(!http_finish(hub, LAST_REPLY));
        job_reply(jobs[2], 200, "{}");
        CHECK(is_closing(hear(fd), 200) && hears_end(fd));
        job_reply(jobs[1], 200, "{}");
        CHECK(is_closing(hear(other), 200) && hears_end(other));
    }
    close(other);
    pump();
    CHECK(!http_finish(hub, LAST_WORK)); /* the client has not closed its end */
    close(fd);
    pump();
    CHECK(http_finish(hub, LAST_WORK));
    fd = client_new(hub, SOCK_STREAM, 0);
    close_hub();
}

/* Those that wait for a request are closed; what is in work, or on its way, is not. */
static void test_last_work(void)
{
    open_hub();
    int half = client_new(hub, SOCK_STREAM, 0), body = client_new(hub, SOCK_STREAM, 0);
    int sent = client_new(hub, SOCK_STREAM, 0), idle = client_new(hub, SOCK_STREAM, 0);

    say(half, "GET /main");
    say(body, POST "ab");
    say(fd, GET "\r\n" GET "\r\n"); /* and one behind it */
    EQ_INT(send(sent, GET "\r\n", sizeof(GET "\r\n") - 1, MSG_NOSIGNAL), sizeof(GET "\r\n") - 1);
    CHECK(!http_finish(hub, LAST_WORK));
    CHECK(hears_end(idle) && !hears_end(half) && !hears_end(body) && !hears_end(fd));
    pump();
    CHECK(!http_finish(hub, LAST_WORK) && !hears_end(sent));
    if (CHECK(n_jobs == 2)) {
        job_reply(jobs[0], 200, "{}");
        job_reply(jobs[1], 200, "{}");
        CHECK(is_closing(hear(fd), 200) && is_closing(hear(sent), 200));
    }
    say(body, "cd");
    if (CHECK(n_jobs == 3)) {
        job_reply(jobs[2], 200, "{}");
        CHECK(is_closing(hear(body), 200));
    }
    CHECK(!http_finish(hub, LAST_WORK) && !hears_end(half));
    close(sent), close(idle), close(half), close(body), close(fd);
    pump();
    CHECK(http_finish(hub, LAST_WORK));
    fd = client_new(hub, SOCK_STREAM, 0);
    close_hub();
}

/* Without anybody who would permit it, what has not come whole is not waited for. */
static void test_last_reply(void)
{
    open_hub();
    int half = client_new(hub, SOCK_STREAM, 0), body = client_new(hub, SOCK_STREAM, 0);

    say(half, "GET /main");
    say(body, POST "ab");
    say(fd, GET "\r\n");
    job_head(jobs[0], 200, 4);
    job_body(jobs[0], BYTES_LIT("ab"));
    CHECK(!http_finish(hub, LAST_REPLY));
    CHECK(hears_end(half) && hears_end(body));
    CHECK(strstr(hear(fd), "\r\n\r\nab") && !hears_end(fd));
    job_body(jobs[0], BYTES_LIT("cd"));
    job_end(jobs[0], true);
    EQ_STR(hear(fd), "cd");
    CHECK(http_finish(hub, LAST_REPLY) && hears_end(fd)); /* its head did not say so */
    close(half), close(body), close(fd);
    fd = client_new(hub, SOCK_STREAM, 0);
    close_hub();
}

int main(void)
{
    loop = event_base_new();
    RUN(test_last_call);
    RUN(test_last_work);
    RUN(test_last_reply);
    event_base_free(loop);
    return harness_end();
}
