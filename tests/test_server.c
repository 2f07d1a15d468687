/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/server*.c: clients that behave and clients that do not, at a server in this
 * process. What is behind the socket is played (fake_agent.h). */
#include "tests/agent_talk.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void test_refused_words(void)
{
    static const char *const bad[] = {
        "{}",
        "{\"op\":1}",
        "{\"op\":\"Hello\"}",
        "{\"op\":\"request\",\"name\":\"main\"}",
        "{\"op\":\"hello\"}",
        "{\"op\":\"hello\",\"protocol\":\"1\"}",
        "{\"op\":\"hello\",\"protocol\":1.0}",
        "{\"op\":\"list\",\"name\":\"main\"}",
        "{\"op\":\"list\",\"Id\":1}",
        "{\"op\":\"lend\"}",
        "{\"op\":\"lend\",\"name\":\"../x\"}",
        "{\"op\":\"lend\",\"name\":\"main\",\"client\":\"\"}",
        "{\"op\":\"lend\",\"name\":\"main\",\"client\":\"a b\"}",
        "{\"op\":\"lend\",\"name\":\"main\",\"client\":null}",
        "{\"op\":\"sign\",\"name\":\"main\"}",
        "{\"op\":\"sign\",\"request\":{\"method\":\"GET\",\"url\":\"/\"}}",
        "{\"op\":\"sign\",\"name\":\"main\",\"request\":\"GET\"}",
        "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"GET\"}}",
        "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"GET\",\"x\":1}}",
        "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"kind\":\"ws_login\"}}",
        "{\"op\":\"sign_ws\",\"name\":\"main\",\"request\":{\"method\":\"GET\"}}",
        "{\"op\":\"sign_ws\",\"name\":\"main\",\"request\":{\"kind\":\"order\"}}",
        "{\"op\":\"unlock\",\"index\":-1}",
        "{\"op\":\"unlock\",\"index\":0,\"token\":\"first\"}",
        "{\"op\":\"unlock\",\"token\":\"\"}",
        "{\"op\":\"unlock\",\"use_last_try\":1}",
        "{\"op\":\"unlock\",\"pin\":\"1234\"}",
        "{\"op\":\"status\",\"look\":\"yes\"}",
    };

    fake_start();
    int c = come();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(c, bad[i]);
        has(hear(c), "{\"error\":{\"code\":\"usage\",");
    }
    EQ_INT(fake.n_asks + fake.n_done + fake.n_spawned, 0);
    say(c, "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"GET\",\"url\":\"/\","
           "\"clock\":{\"nonce\":\"1\"}}}");
    has(hear(c), "{\"error\":{\"code\":\"policy\",\"message\":\"nonce, uuid");
    say(c, "{\"op\":\"hello\",\"protocol\":1}"); /* it is still there */
    has(hear(c), "\"protocol\":1");
    close(c);
    fake_stop();
}

static void test_broken(void)
{
    static const char *const bad[] = {"",
                                      "hello",
                                      "{\"op\":\"list\"} x",
                                      "{\"op\":\"list\",\"op\":\"list\"}",
                                      "{\"op\":\"list\",\"id\":{}}",
                                      "{\"op\":\"list\",\"id\":true}",
                                      "{\"op\":\"list\",\"id\":-1}",
                                      "{\"op\":\"list\",\"id\":1.5}",
                                      "{\"op\":\"\xff\"}",
                                      "[\"list\"]",
                                      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}",
                                      "GET / HTTP/1.1\r"};

    fake_start();
    int other = come();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int c = come();
        say(c, bad[i]);
        has(hear(c), "{\"error\":{\"code\":\"usage\",\"message\":\"message: ");
        ends(c);
    }
    EQ_INT(fake.a.server->n_clients, 1);
    say(other, "{\"op\":\"hello\",\"protocol\":1}");
    has(hear(other), "\"protocol\":1");
    close(other);
    turn();
    EQ_INT(fake.a.server->n_clients, 0);
    fake_stop();
}

static void long_line(int c, size_t n)
{
    AUTO_BUF line = BUF_INIT(2 * AGENT_LINE_MAX);

    buf_adds(&line, "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"POST\",\"url\":"
                    "\"/x\",\"body\":\"");
    while (line.n < n - 3)
        buf_addc(&line, 'b');
    buf_adds(&line, "\"}}\n");
    EQ_INT(line.n, n + 1);
    say_bytes(c, buf_bytes(&line));
}

static void test_line_limit(void)
{
    fake_start();
    int c = come();
    long_line(c, AGENT_LINE_MAX);
    EQ_INT(fake.n_asks, 1);
    CHECK(fake.asks[0].n_body > AGENT_LINE_MAX - 100);
    fake_decide();
    has(hear(c), "{\"result\":{\"method\":\"POST\"");
    EQ_INT(fake.a.server->in_all, 0);
    /* one byte more, with and without its end */
    long_line(c, AGENT_LINE_MAX + 1);
    has(hear(c), "{\"error\":{\"code\":\"limit\",\"message\":\"message: longer than 1048576 bytes");
    ends(c);
    c = come();
    AUTO_BUF endless = BUF_INIT(2 * AGENT_LINE_MAX);
    memset(buf_extend(&endless, AGENT_LINE_MAX + 1), ' ', AGENT_LINE_MAX + 1);
    say_bytes(c, buf_bytes(&endless));
    has(hear(c), "{\"error\":{\"code\":\"limit\"");
    ends(c);
    EQ_INT(fake.a.server->in_all, 0);
    EQ_INT(fake.a.server->n_clients, 0);
    fake_stop();
}

static void test_byte_by_byte(void)
{
    static const char text[] = "{\"op\":\"list\"}\n{\"op\":\"hello\",\"protocol\":1}\n";

    fake_start();
    int c = come();
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        say_bytes(c, bytes_of(text + i, 1));
    has(hear(c), "\"records\"");
    has(hear(c), "\"protocol\"");
    close(c);
    fake_stop();
}

/* With an id each is answered when it is ready; without one what follows waits. */
static void test_order(void)
{
    fake_start();
    int c = come();
    say(c, SIGN("\"id\":1,", "/a"));
    say(c, "{\"id\":2,\"op\":\"hello\",\"protocol\":1}");
    has(hear(c), "{\"id\":2,");
    say(c, SIGN("", "/b"));
    say(c, "{\"id\":4,\"op\":\"hello\",\"protocol\":1}\n{\"op\":\"list\"}");
    EQ_STR(hear(c), "");
    EQ_INT(fake.n_asks, 2);
    fake_decide();
    has(hear(c), "{\"id\":1,");
    has(hear(c), "{\"result\":{\"method\"");
    has(hear(c), "{\"id\":4,");
    has(hear(c), "{\"result\":{\"authenticated\"");
    EQ_STR(hear(c), "");
    close(c);
    fake_stop();
}

/* One that goes away gets nothing signed any more. */
static void test_gone_while_it_waits(void)
{
    fake_start();
    int c = come(), d = come();
    say(c, SIGN("\"id\":1,", "/a"));
    say(c, SIGN("", "/b"));
    say(d, SIGN("", "/c"));
    EQ_INT(fake.n_asks, 3);
    close(c);
    turn();
    CHECK(fake.asks[0].is_forgotten && fake.asks[1].is_forgotten && !fake.asks[2].is_forgotten);
    fake_decide();
    has(hear(d), "/c");
    /* so does one that breaks the protocol meanwhile */
    say(d, SIGN("\"id\":1,", "/d"));
    say(d, "}");
    CHECK(fake.asks[3].is_forgotten);
    has(hear(d), "\"error\"");
    ends(d);
    /* one that is found to be gone only when it is answered */
    c = come();
    say(c, SIGN("\"id\":1,", "/x"));
    say(c, SIGN("\"id\":2,", "/y"));
    close(c);
    fake_decide();
    CHECK(fake.asks[4].is_forgotten && fake.asks[5].is_forgotten);
    turn();
    EQ_INT(fake.a.server->n_clients, 0);
    /* and what the server's end finds open */
    c = come();
    say(c, SIGN("", "/e"));
    fake_stop();
    CHECK(fake.asks[6].is_forgotten);
    close(c);
}

/* What it is told in the middle of its own request finds that it is gone. */
static void test_gone_in_its_own_request(void)
{
    fake_start();
    fake.is_noticed = true;
    int c = come();
    say(c, "{\"op\":\"subscribe\"}");
    has(hear(c), "\"result\"");
    CHECK(shutdown(c, SHUT_RD) == 0);
    say(c, SIGN("\"id\":1,", "/a"));
    EQ_INT(fake.n_asks, 1);
    CHECK(fake.asks[0].is_forgotten);
    EQ_INT(fake.a.server->n_clients, 0);
    close(c);
    fake_stop();
}

static void test_open_limit(void)
{
    fake_start();
    int c = come();
    for (unsigned i = 0; i < SERVER_OPEN_MAX + 10; i++)
        say(c, SIGN("\"id\":1,", "/a"));
    EQ_INT(fake.n_asks, SERVER_OPEN_MAX);
    fake_decide();
    turn();
    EQ_INT(fake.n_asks, SERVER_OPEN_MAX + 10);
    fake_decide();
    for (unsigned i = 0; i < SERVER_OPEN_MAX + 10; i++)
        has(hear(c), "{\"id\":1,\"result\"");
    EQ_STR(hear(c), "");
    close(c);
    fake_stop();
}

static void test_never_reads(void)
{
    AUTO_BUF lines = BUF_INIT(4u << 20);
    const size_t n_lines = 4000;
    size_t sent = 0;

    fake_start();
    int c = come(), other = come();
    for (size_t i = 0; i < n_lines; i++)
        buf_addf(&lines, "{\"id\":%zu,\"op\":\"list\"%300s}\n", i, "");
    for (int idle = 0; sent < lines.n && idle < 20; turn()) {
        ssize_t n = send(c, lines.p + sent, lines.n - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
    }
    CHECK(sent < lines.n); /* it is held up, and so is what it sends */
    struct client *k = fake.a.server->clients->next;
    CHECK(k && k->is_full && k->is_paused);
    CHECK(stream_waiting(k->stream) < 2 * SERVER_OUT_HIGH);
    CHECK(fake.a.server->in_all < 4 * SERVER_OUT_HIGH);
    say(other, "{\"op\":\"list\"}");
    has(hear(other), "\"records\"");
    /* when it reads it gets all of it, in order */
    char want[32];
    size_t good = 0;
    for (size_t i = 0; i < n_lines; i++) {
        if (sent < lines.n) {
            ssize_t n = send(c, lines.p + sent, lines.n - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        snprintf(want, sizeof(want), "{\"id\":%zu,", i);
        const char *got = hear(c);
        if (strncmp(got, want, strlen(want)) != 0)
            break;
        good++;
    }
    EQ_INT(good, n_lines);
    close(c);
    close(other);
    fake_stop();
}

static void test_stuck(void)
{
    fake_start();
    int c = come();
    for (int i = 0; i < 3000; i++) {
        static const char line[] = "{\"op\":\"list\"}\n";
        (void)!send(c, line, sizeof(line) - 1, MSG_NOSIGNAL);
        turn();
    }
    struct server *s = fake.a.server;
    CHECK(stream_waiting(s->clients->stream) > 0 && s->is_stuck_looked_for);
    event_active(s->stuck, EV_TIMEOUT, 0);
    turn();
    EQ_INT(s->n_clients, 1); /* not at once */
    s->clients->stuck_ms -= SERVER_STUCK_MS;
    (void)hear(c); /* one line is no more than the kernel had: it does not move */
    for (int i = 0; i < 600; i++)
        (void)hear(c); /* but so much does, and it is safe again */
    event_active(s->stuck, EV_TIMEOUT, 0);
    turn();
    EQ_INT(s->n_clients, 1);
    s->clients->stuck_ms -= SERVER_STUCK_MS;
    event_active(s->stuck, EV_TIMEOUT, 0);
    turn();
    EQ_INT(s->n_clients, 0);
    close(c);
    fake_stop();
}

static void test_many_idle(void)
{
    static int fds[SERVER_CLIENTS_MAX];
    struct rlimit l;
    size_t n = SERVER_CLIENTS_MAX;

    getrlimit(RLIMIT_NOFILE, &l);
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_max < 2 * n + 64) {
        harness_skip("only %lu descriptors are allowed", (unsigned long)l.rlim_max);
        return;
    }
    fake_start();
    for (size_t i = 0; i < n; i++) {
        fds[i] = come();
        (void)!send(fds[i], "{\"op\"", 5, MSG_NOSIGNAL); /* half a message */
    }
    turn();
    EQ_INT(fake.a.server->n_clients, n);
    int more = come();
    has(hear(more),
        "{\"error\":{\"code\":\"limit\",\"message\":\"the agent has too many clients\"");
    ends(more);
    for (size_t i = 0; i < n; i += 100) {
        say(fds[i], ":\"hello\",\"protocol\":1}");
        has(hear(fds[i]), "\"protocol\":1");
    }
    close(fds[5]);
    turn();
    fds[5] = come();
    say(fds[5], "{\"op\":\"hello\",\"protocol\":1}");
    has(hear(fds[5]), "\"protocol\":1");
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    turn();
    EQ_INT(fake.a.server->n_clients, 0);
    EQ_INT(fake.a.server->in_all, 0);
    fake_stop();
}

/* Not let in, and not a byte of it read. */
static void test_other_uid(void)
{
    if (geteuid() != 0) {
        harness_skip("only root can be somebody else");
        return;
    }
    fake_start();
    int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_un u = {.sun_family = AF_UNIX};
        int at = open(fake.a.where.run, O_RDONLY | O_DIRECTORY);
        char got;
        snprintf(u.sun_path, sizeof(u.sun_path), "/proc/self/fd/%d/agent.sock", at);
        if (chmod(u.sun_path, 0666) || chmod(fake.a.where.run, 0755) || setuid(65534))
            _exit(9);
        snprintf(u.sun_path, sizeof(u.sun_path), "agent.sock");
        if (fchdir(at) || connect(c, (const struct sockaddr *)&u, sizeof(u)))
            _exit(8);
        (void)!write(c, "{\"op\":\"stop\"}\n", 14);
        _exit(recv(c, &got, 1, 0) > 0 ? 7 : 0);
    }
    int status = -1;
    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++) {
        turn();
        poll(NULL, 0, 2);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EQ_INT(fake.a.server->n_clients, 0);
    EQ_INT(fake.n_spawned, 0);
    close(c);
    fake_stop();
}

int main(void)
{
    RUN(test_refused_words);
    RUN(test_broken);
    RUN(test_line_limit);
    RUN(test_byte_by_byte);
    RUN(test_order);
    RUN(test_gone_while_it_waits);
    RUN(test_gone_in_its_own_request);
    RUN(test_open_limit);
    RUN(test_never_reads);
    RUN(test_stuck);
    RUN(test_many_idle);
    RUN(test_other_uid);
    return harness_end();
}
