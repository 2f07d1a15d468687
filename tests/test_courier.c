/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/courier.c and courier_start.c. coffer-net is played by this program itself, which
 * does what the url asks for; one test starts the real one. */
#include "tests/harness.h"

#include "agent/courier_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORIGIN "https://api.binance.com/"
#define BIG (3u * 1024 * 1024)

/* -- the player -- */

static char **fake_argv;
static int fake_argc;

static void put(struct buf *out)
{
    for (size_t at = 0; at < out->n;) {
        ssize_t n = send(WIRE_FD, out->p + at, out->n - at, MSG_NOSIGNAL);
        if (n <= 0)
            _exit(0);
        at += (size_t)n;
    }
    buf_reset(out);
}

/* What this process was given, for the parent to look at: arguments, environment, descriptors. */
static void add_facts(struct buf *body)
{
    for (int i = 0; i < fake_argc; i++)
        buf_addf(body, "%s ", fake_argv[i]);
    buf_adds(body, "| ");
    for (char **v = environ; *v; v++)
        if (!strstr(*v, "SAN_"))
            buf_addf(body, "%s ", *v);
    buf_adds(body, "|");
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && fd != STDERR_FILENO)
            buf_addf(body, " %d", fd);
}

static void play(const struct wire_request *q)
{
    static uint8_t big[BIG];
    struct buf out = BUF_INIT(2 * WIRE_FRAME_MAX), body = BUF_INIT(65536);
    struct wire_reply y = {.id = q->id, .status = 200, .sent_us = 5, .answered_us = 6};
    struct bytes what = bytes_of(q->url.p + strlen(ORIGIN), q->url.n - strlen(ORIGIN));
    struct err e;

    if (bytes_eq_str(what, "die"))
        _exit(3);
    if (bytes_eq_str(what, "kill"))
        raise(SIGKILL);
    if (bytes_eq_str(what, "garbage")) {
        buf_adds(&out, "\xff\xff\xff\xff what is this");
        put(&out);
    }
    if (bytes_eq_str(what, "not-a-reply")) {
        buf_add(&out, BYTES_LIT("\0\0\0\2\2\0"));
        put(&out);
    }
    if (bytes_eq_str(what, "silent"))
        return;
    if (bytes_eq_str(what, "facts"))
        add_facts(&body);
    y.body = bytes_eq_str(what, "big") ? BYTES_ARR(big) : buf_bytes(&body);
    y.headers[0] = (struct wire_header){BYTES_LIT("Host"), q->hosts[0]};
    y.headers[1] = (struct wire_header){BYTES_LIT("Body"), q->body};
    y.n_headers = q->body.n < 1000 ? 2 : 1;
    if (wire_put_reply(&out, &y, &e))
        _exit(4);
    put(&out);
    buf_free(&out);
    buf_free(&body);
}

/* Reads a frame, answers it, reads the next: it never reads while it writes. */
static int play_all(void)
{
    static struct wire_request q;
    struct buf in = BUF_INIT(2 * WIRE_FRAME_MAX);
    struct err e;
    size_t n = 0;

    for (;;) {
        if (wire_frame(buf_bytes(&in), &n, &e))
            return 5;
        if (n > 0) {
            if (wire_get_request(bytes_of(in.p, n), &q, &e))
                return 6;
            play(&q);
            memmove(in.p, in.p + n, in.n - n);
            buf_cut(&in, in.n - n);
            continue;
        }
        size_t before = in.n;
        uint8_t *at = buf_extend(&in, 65536);
        ssize_t got = at ? recv(WIRE_FD, at, 65536, 0) : -1;
        if (got <= 0)
            return 0;
        buf_cut(&in, before + (size_t)got);
    }
}

/* -- the tests -- */

static struct record_info rec;
static struct courier *c;
static char self[PATH_MAX]; /* of this program; /proc/self/exe may be a tool that runs it */

static void find_self(void)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = 0;
}

static void start(void)
{
    const struct record_info *list[] = {NULL, &rec};
    struct err e;

    record_info_init(&rec);
    snprintf(rec.name, sizeof(rec.name), "main");
    snprintf(rec.connector, sizeof(rec.connector), "binance");
    snprintf(rec.environment, sizeof(rec.environment), "live");
    snprintf(rec.connect_to, sizeof(rec.connect_to), "::127.0.0.1:8443");
    OK_CALL(courier_start_at(self, list, 2, &c, &e), &e);
}

static void stop(void)
{
    courier_freep(&c);
    record_info_free(&rec);
    /* nothing is left behind: no child, and no descriptor but the standard ones */
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static int send_one(uint32_t id, const char *what, size_t n_body, unsigned ms, struct err *e)
{
    struct request r;
    uint8_t *body = calloc(1, n_body + 1);

    request_init(&r);
    buf_adds(&r.method, "POST");
    buf_addf(&r.url, ORIGIN "%s", what);
    memset(body, 'x', n_body);
    buf_add(&r.body, bytes_of(body, n_body));
    request_header(&r, BYTES_LIT("X-Key"), BYTES_LIT("k"));
    int rc = courier_send(c, id, &r, &rec, ms, e);
    request_free(&r);
    free(body);
    return rc;
}

static void test_round_trip(void)
{
    static struct answer a;
    struct err e;
    struct reply view;

    answer_init(&a);
    start();
    EQ_INT(courier_wait(c, &a, &e), ERR_FAILED); /* nothing was asked */
    for (uint32_t i = 0; i < 3; i++)
        OK_CALL(send_one(100 + i, "echo", 4, 0, &e), &e);
    for (uint32_t i = 0; i < 3; i++) {
        OK_CALL(courier_wait(c, &a, &e), &e);
        EQ_INT(a.id, 100 + i);
        EQ_INT(a.result, WIRE_REPLIED);
        EQ_INT(a.status, 200);
        EQ_INT(a.n_headers, 2);
        EQ_MEM(a.headers[0].value, BYTES_LIT("api.binance.com"));
        EQ_MEM(a.headers[1].value, BYTES_LIT("xxxx"));
    }
    answer_reply(&a, &view);
    EQ_INT(view.status, 200);
    EQ_INT(view.is_unknown, 0);
    EQ_INT(view.sent_us, 5);
    EQ_INT(view.answered_us, 6);
    EQ_INT(view.n_headers, 2);
    answer_free(&a);
    stop();
}

/* What coffer-net starts with, and what not. */
static void test_facts(void)
{
    static struct answer a;
    struct err e;
    char body[4096];
    int extra = open("/dev/null", O_RDONLY); /* not close-on-exec */

    answer_init(&a);
    setenv("https_proxy", "http://p:1", 1);
    setenv("SECRET_OF_SOMEONE", "planted", 1);
    start();
    OK_CALL(send_one(1, "facts", 0, 0, &e), &e);
    OK_CALL(courier_wait(c, &a, &e), &e);
    snprintf(body, sizeof(body), "%.*s", (int)a.body.n, (const char *)a.body.p);
    EQ_STR(body, "coffer-net " VERSION " 443 8443 | https_proxy=http://p:1 | 0 1 3");
    unsetenv("https_proxy");
    unsetenv("SECRET_OF_SOMEONE");
    close(extra);
    answer_free(&a);
    stop();
}

/* Both directions are full: the other side does not read while it writes, and neither may we. */
static void test_no_deadlock(void)
{
    static struct answer a;
    struct err e;
    size_t n_big = 0;

    answer_init(&a);
    start();
    for (uint32_t i = 0; i < 12; i++)
        OK_CALL(send_one(i, "big", 900000, 0, &e), &e);
    for (uint32_t i = 0; i < 12; i++) {
        OK_CALL(courier_wait(c, &a, &e), &e);
        EQ_INT(a.id, i);
        n_big += a.body.n == BIG;
    }
    EQ_INT(n_big, 12);
    answer_free(&a);
    stop();
}

static void ends_with(const char *what, const char *says, const char *hint)
{
    static struct answer a;
    struct err e;

    answer_init(&a);
    start();
    OK_CALL(send_one(1, "silent", 0, 0, &e), &e);
    OK_CALL(send_one(2, what, 0, 0, &e), &e);
    for (int i = 0; i < 2; i++) { /* and it stays so */
        EQ_INT(courier_wait(c, &a, &e), ERR_FAILED);
        EQ_STR(e.msg, says);
        EQ_INT(e.n_hints, 1);
        EQ_STR(e.hints[0], hint);
    }
    EQ_INT(send_one(3, "echo", 0, 0, &e), ERR_FAILED);
    EQ_STR(e.msg, says);
    answer_free(&a);
    stop();
}

static void test_ends(void)
{
    const char *hint = "2 requests were under way: whether they arrived is unknown";

    ends_with("die", "coffer-net ended with exit status 3", hint);
    ends_with("kill", "coffer-net was ended by signal 9 (Killed)", hint);
    ends_with("garbage", "coffer-net sent what is no frame, and was stopped", hint);
    ends_with("not-a-reply", "coffer-net sent what is no reply, and was stopped", hint);
}

/* A large request to one that died: an error, no signal and no wait. */
static void test_send_to_dead(void)
{
    struct err e;
    int rc = OK;

    start();
    OK_CALL(send_one(1, "die", 0, 0, &e), &e);
    for (int i = 0; i < 50 && rc == OK; i++)
        rc = send_one(2, "echo", 900000, 0, &e);
    EQ_INT(rc, ERR_FAILED);
    EQ_STR(e.msg, "coffer-net ended with exit status 3");
    stop();
}

static void test_request_that_cannot_go(void)
{
    struct err e;

    start();
    EQ_INT(send_one(1, "echo", 0, 60001, &e), ERR_LIMIT);
    snprintf(rec.connector, sizeof(rec.connector), "nobody");
    EQ_INT(send_one(1, "echo", 0, 0, &e), ERR_FAILED);
    EQ_STR(e.msg, "'nobody' (live) is not an exchange that this version knows");
    stop();
}

static void test_missing(void)
{
    const struct record_info *none = NULL;
    struct err e;

    EQ_INT(courier_start_at("/nowhere/coffer-net", &none, 1, &c, &e), ERR_FAILED);
    EQ_STR(e.msg, "start '/nowhere/coffer-net': no such file or directory");
    /* neither beside this test nor in ../lib/coffer */
    EQ_INT(courier_start(&none, 1, &c, &e), ERR_FAILED);
    CHECK(strstr(e.msg, "coffer-net is missing") != NULL);
    EQ_INT(e.n_hints, 1);
}

static void test_hosts_and_ports(void)
{
    struct bytes hosts[WIRE_HOSTS_MAX];
    const struct record_info *list[] = {&rec};
    struct ports p;
    struct err e;
    uint32_t n = 0, all;

    start();
    OK_CALL(courier_hosts(&rec, hosts, &all, &e), &e);
    CHECK(all > 3);
    for (uint32_t i = 0; i < all; i++)
        CHECK(!strstr((const char *)hosts[i].p, "testnet") && hosts[i].n > 0);
    rec.n_hosts = 2;
    snprintf(rec.hosts[0], sizeof(rec.hosts[0]), "FAPI.binance.com");
    snprintf(rec.hosts[1], sizeof(rec.hosts[1]), "evil.example");
    OK_CALL(courier_hosts(&rec, hosts, &n, &e), &e);
    EQ_INT(n, 1);
    EQ_MEM(hosts[0], BYTES_LIT("fapi.binance.com"));
    snprintf(rec.hosts[0], sizeof(rec.hosts[0]), "worse.example");
    EQ_INT(courier_hosts(&rec, hosts, &n, &e), ERR_FAILED);
    rec.n_hosts = 0;
    snprintf(rec.connect_to, sizeof(rec.connect_to), "a:1:[::1]:9");
    OK_CALL(courier_ports(list, 1, &p, &e), &e);
    EQ_INT(p.n, 2);
    EQ_INT(p.v[0], 443);
    EQ_INT(p.v[1], 9);
    stop();
}

/* The real one starts, sandbox and all, refuses what is none of its hosts, and goes when told. */
static void test_real(void)
{
    static struct answer a;
    char program[PATH_MAX + 32];
    const struct record_info *list[] = {&rec};
    struct err e;

    snprintf(program, sizeof(program), "%.*s/../coffer-net", (int)(strrchr(self, '/') - self),
             self);
    start();
    courier_freep(&c);
    answer_init(&a);
    OK_CALL(courier_start_at(program, list, 1, &c, &e), &e);
    snprintf(rec.hosts[0], sizeof(rec.hosts[0]), "fapi.binance.com");
    rec.n_hosts = 1;
    if (c) {
        OK_CALL(send_one(1, "elsewhere", 0, 0, &e), &e);
        OK_CALL(courier_wait(c, &a, &e), &e);
        EQ_INT(a.result, WIRE_NOT_SENT);
        EQ_INT(a.fault, FAULT_REFUSED_HERE);
        EQ_INT(answer_fault(&a, "api.binance.com", true, &e), ERR_POLICY);
        EQ_STR(e.msg, "the request to 'api.binance.com' is refused: coffer-net does not send it: "
                      "the host is none of the exchange's; nothing was sent");
    }
    answer_free(&a);
    stop();
}

int main(int argc, char **argv)
{
    if (strcmp(argv[0], "coffer-net") == 0) {
        fake_argc = argc;
        fake_argv = argv;
        _exit(play_all()); /* what it still holds is no leak */
    }
    find_self();
    RUN(test_round_trip);
    RUN(test_facts);
    RUN(test_no_deadlock);
    RUN(test_ends);
    RUN(test_send_to_dead);
    RUN(test_request_that_cannot_go);
    RUN(test_missing);
    RUN(test_hosts_and_ports);
    RUN(test_real);
    return harness_end();
}
