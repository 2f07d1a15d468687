/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/listener.c: who is let in, how many, and what happens when descriptors run out. */
#include "tests/harness.h"
#include "tests/http_fixture.h"

#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK "GET /m/https://api.test/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

static struct listener *listener;
static struct sockaddr_storage address; /* of the last socket that was bound */
static socklen_t n_address;

/* On a name or a port that the kernel chooses. */
static int bind_any(int family)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    bool ok = family == AF_UNIX
                  ? bind(s, (struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path)) == 0
                  : bind(s, (struct sockaddr *)&in, sizeof(in)) == 0;

    n_address = sizeof(address);
    CHECK(ok && listen(s, 4096) == 0 &&
          getsockname(s, (struct sockaddr *)&address, &n_address) == 0);
    return s;
}

static unsigned port_of(void)
{
    struct sockaddr_in in;

    memcpy(&in, &address, sizeof(in));
    return ntohs(in.sin_port);
}

static int dial(void)
{
    int s = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (s < 0 || connect(s, (struct sockaddr *)&address, n_address)) {
        printf("# connect: %s\n", strerror(errno));
        return -1;
    }
    (void)fcntl(s, F_SETFL, O_NONBLOCK);
    pump();
    return s;
}

static void open_listener(int family, const uint32_t *uid)
{
    struct listener_config c = {.n_doors = 1};
    struct err e;

    if (uid)
        c.uids[c.n_uids++] = *uid;
    c.doors[0].fd = bind_any(family);
    c.doors[0].port = family == AF_UNIX ? 0 : port_of();
    OK_CALL(listener_new(loop, NULL, &c, &listener, &e), &e);
}

static void close_listener(void)
{
    listener_free(listener);
    jobs_forget();
}

/* TCP on the loopback takes its time, however short. */
static void say_and_wait(int s, const char *text, size_t n)
{
    say(s, text);
    for (int i = 0; i < 1000 && n_jobs < n; i++) {
        pump();
        usleep(1000);
    }
    EQ_INT(n_jobs, n);
}

static const char *tcp_ask(void)
{
    static char text[200];

    snprintf(text, sizeof(text), "GET /m/https://a/ HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
             port_of());
    return text;
}

static const char *await(int s)
{
    char byte;

    for (int i = 0; i < 1000 && recv(s, &byte, 1, MSG_PEEK) < 0; i++) {
        pump();
        usleep(1000);
    }
    return hear(s);
}

static void test_unix(void)
{
    open_listener(AF_UNIX, NULL);
    fd = dial();
    say(fd, ASK);
    if (CHECK(n_jobs == 1)) {
        EQ_INT(jobs[0]->ask.uid, geteuid());
        EQ_INT(jobs[0]->ask.pid, getpid());
        EQ_INT(jobs[0]->ask.is_tcp, 0);
        job_reply(jobs[0], 200, "{}");
        EQ_INT(status_of(hear(fd)), 200);
    }
    close(fd);
    close_listener();
}

/* Its time is looked after from its first moment on, also when nobody else is there. */
static void test_alone(void)
{
    const struct timeval limit = {.tv_sec = 1, .tv_usec = 500000};

    open_listener(AF_UNIX, NULL);
    fd = dial();
    say(fd, ASK ASK);
    shutdown(fd, SHUT_RDWR); /* seen with a tick, since more waits to be read */
    event_base_loopexit(loop, &limit);
    event_base_loop(loop, 0);
    CHECK(n_jobs == 1 && jobs[0]->is_abandoned);
    close(fd);
    close_listener();
}

static void test_tcp(void)
{
    open_listener(AF_INET, NULL);
    fd = dial();
    say_and_wait(fd, tcp_ask(), 1);
    if (n_jobs == 1) {
        EQ_INT(jobs[0]->ask.uid, UINT32_MAX);
        EQ_INT(jobs[0]->ask.is_tcp, 1);
        job_reply(jobs[0], 200, "{}");
        EQ_INT(status_of(await(fd)), 200);
    }
    close(fd);
    close_listener();
}

/* Before a byte of theirs is read. */
static void test_strangers(void)
{
    uint32_t nobody = 65534;

    if (geteuid() != 0) {
        harness_skip("only root can come as somebody else");
        return;
    }
    for (int is_listed = 0; is_listed < 2; is_listed++) {
        open_listener(AF_UNIX, is_listed ? &nobody : NULL);
        CHECK(seteuid(nobody) == 0);
        int stranger = dial();
        say(stranger, ASK);
        CHECK(seteuid(0) == 0);
        int own = dial();
        say(own, ASK);
        CHECK(n_jobs == (is_listed ? 2 : 1));
        CHECK(hears_end(stranger) == !is_listed && !hears_end(own));
        if (is_listed)
            EQ_INT(jobs[0]->ask.uid, nobody);
        EQ_INT(jobs[n_jobs - 1]->ask.uid, 0);
        close(stranger);
        close(own);
        close_listener();
    }
}

/* -- how many -- */

#define MANY (LISTENER_SHARE_MAX + 10)

static bool has_descriptors(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 4096 && lim.rlim_max >= 4096) {
        lim.rlim_cur = 4096;
        (void)setrlimit(RLIMIT_NOFILE, &lim);
    }
    if (lim.rlim_cur >= 4096)
        return true;
    harness_skip("4,096 descriptors are not to be had");
    return false;
}

static void test_idle_make_room(void)
{
    static int many[MANY];
    unsigned n_closed = 0;

    if (!has_descriptors())
        return;
    open_listener(AF_UNIX, NULL);
    for (size_t i = 0; i < MANY; i++)
        many[i] = dial();
    say(many[MANY - 1], ASK);
    EQ_INT(n_jobs, 1);
    for (size_t i = 0; i < MANY; i++) {
        n_closed += hears_end(many[i]);
        close(many[i]);
    }
    EQ_INT(n_closed, 10);
    close_listener();
}

static void test_busy_are_not_closed(void)
{
    static int many[MANY];
    unsigned n_closed = 0, n_turned_away = 0;

    if (!has_descriptors())
        return;
    open_listener(AF_UNIX, NULL);
    for (size_t i = 0; i < MANY; i++) {
        many[i] = dial();
        say(many[i], ASK);
    }
    for (size_t i = 0; i < MANY; i++) {
        const char *got = hear(many[i]);
        if (*got)
            CHECK(status_of(got) == 503 && strstr(got, "too many connections"));
        n_turned_away += *got != 0;
        n_closed += hears_end(many[i]);
        close(many[i]);
    }
    EQ_INT(n_turned_away, 10);
    EQ_INT(n_closed, 10);
    int again = dial();
    say(again, ASK);
    EQ_INT(n_jobs, LISTENER_SHARE_MAX + 1);
    close(again);
    close_listener();
}

#define HALF_BODY "POST /m/https://a/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx"

/* Strangers that begin and never end, again and again: who has shown a bearer keeps its connection,
 * and a new client gets one. */
static void test_flood(void)
{
    static int many[LISTENER_TCP_MAX + 200];
    static const char *const halves[] = {"", "GET /m/htt", "POST /m/https://a/ HTTP/1.1\r\n",
                                         HALF_BODY};
    unsigned n_closed = 0;

    if (!has_descriptors())
        return;
    open_listener(AF_INET, NULL);
    int known = dial(), busy = dial();
    say_and_wait(known, tcp_ask(), 1);
    job_reply(jobs[0], 200, "{}");
    EQ_INT(status_of(await(known)), 200);
    say_and_wait(busy, tcp_ask(), 2);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = dial();
        say(many[i], halves[i % ARRAY_LEN(halves)]);
    }
    int late = dial();
    say_and_wait(late, tcp_ask(), 3);
    say_and_wait(known, tcp_ask(), 4);
    for (size_t i = 1; i < 4 && i < n_jobs; i++)
        job_reply(jobs[i], 200, "{}");
    EQ_INT(status_of(await(known)), 200);
    EQ_INT(status_of(await(busy)), 200);
    EQ_INT(status_of(await(late)), 200);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        n_closed += hears_end(many[i]);
        close(many[i]);
    }
    EQ_INT(n_closed, 200 + 3);
    close(known);
    close(busy);
    close(late);
    close_listener();
}

/* -- no descriptors -- */

static void limit_descriptors(rlim_t n)
{
    struct rlimit lim;

    CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
    lim.rlim_cur = n;
    CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
}

static void test_out_of_descriptors(void)
{
    struct rlimit lim;
    int early[3];
    const char *preloaded = getenv("LD_PRELOAD");

    if (preloaded && strstr(preloaded, "vgpreload")) {
        harness_skip("valgrind takes a client off the queue before it says that there is no room");
        return;
    }
    CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
    open_listener(AF_UNIX, NULL);
    for (size_t i = 0; i < ARRAY_LEN(early); i++)
        early[i] = dial();
    say(early[2], ASK);
    int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(connect(late, (struct sockaddr *)&address, n_address) == 0);
    limit_descriptors((rlim_t)late);
    say(late, ASK); /* in the place of the first that waits */
    EQ_INT(n_jobs, 2);
    CHECK(hears_end(early[0]) && !hears_end(early[1]) && !hears_end(early[2]));
    say(early[1], ASK);
    limit_descriptors(lim.rlim_cur);
    int later = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(connect(later, (struct sockaddr *)&address, n_address) == 0);
    int spare = dup(later); /* the lowest that is free is the next */
    limit_descriptors((rlim_t)spare);
    close(spare);
    int plug = fcntl(later, F_DUPFD_CLOEXEC, 0);
    say(later, ASK); /* all are at work: it waits outside */
    EQ_INT(n_jobs, 3);
    CHECK(!hears_end(later));
    limit_descriptors(lim.rlim_cur);
    close(plug);
    for (int i = 0; i < 30 && n_jobs == 3; i++) /* a tick, about a second */
        event_base_loop(loop, EVLOOP_ONCE);
    EQ_INT(n_jobs, 4);
    for (size_t i = 0; i < ARRAY_LEN(early); i++)
        close(early[i]);
    close(late);
    close(later);
    close_listener();
}

static void test_many_doors(void)
{
    struct listener_config c = {.n_doors = LISTENER_DOORS_MAX};
    struct err e;

    for (size_t i = 0; i < c.n_doors; i++)
        c.doors[i].fd = bind_any(AF_UNIX);
    OK_CALL(listener_new(loop, NULL, &c, &listener, &e), &e);
    fd = dial();
    say(fd, ASK);
    EQ_INT(n_jobs, 1);
    close(fd);
    close_listener();
    c.n_doors++;
    EQ_INT(listener_new(loop, NULL, &c, &listener, &e), ERR_LIMIT);
    listener_free(NULL);
}

int main(void)
{
    loop = event_base_new();
    RUN(test_unix);
    RUN(test_alone);
    RUN(test_tcp);
    RUN(test_strangers);
    RUN(test_idle_make_room);
    RUN(test_busy_are_not_closed);
    RUN(test_flood);
    RUN(test_out_of_descriptors);
    RUN(test_many_doors);
    event_base_free(loop);
    return harness_end();
}
