/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/client*.c: agents that say odd things, one that is played, and the real server.
 * The other end is a child process. */
#include "tests/fake_agent.h"

#include "agent/client.h"
#include "agent/client_line.h"

#include <poll.h>
#include <signal.h>

static struct where w;
static char run[WHERE_MAX + 16];

static void start(const char *name)
{
    memset(&w, 0, sizeof(w));
    snprintf(w.run, sizeof(w.run), "%.400s/%s", harness_dir(), name);
    snprintf(run, sizeof(run), "%s/agent.sock", w.run);
}

static int try_connect(struct err *e)
{
    struct agent_client *c = NULL;
    int rc = agent_connect(&w, NULL, &c, e);

    CHECK((rc == OK) == (c != NULL));
    agent_client_free(c);
    return rc;
}

struct play { /* each line is said when a line has come; NULL ends it, and the connection */
    const char *const *lines;
    unsigned stay_ms;
};

static pid_t play(const char *name, const struct play *p)
{
    char line[4096];
    size_t n = 0;

    start(name);
    int s = fake_listen(w.run, "agent.sock");
    pid_t pid = fork();
    if (pid != 0) {
        close(s);
        return pid;
    }
    int c = accept(s, NULL, NULL);
    for (size_t i = 0; p->lines[i]; i++) {
        for (n = 0; n < sizeof(line) && recv(c, line + n, 1, 0) == 1 && line[n] != '\n'; n++)
            ;
        if (send(c, p->lines[i], strlen(p->lines[i]), MSG_NOSIGNAL) < 0)
            break;
    }
    if (p->stay_ms)
        poll(NULL, 0, (int)p->stay_ms);
    _exit(0);
}

#define HELLO                                                                                      \
    "{\"result\":{\"protocol\":1,\"version\":\"0\",\"pid\":1,\"vault_id\":"                        \
    "\"07000000000000000000000000000000\"}}\n"

static void test_hello(void)
{
    static const struct {
        const char *says[2];
        int rc;
        const char *msg;
    } cases[] = {
        {{HELLO}, OK, ""},
        {{"{\"result\":{\"protocol\":2}}\n"},
         ERR_FAILED,
         "the agent speaks another protocol than "
         "this coffer"},
        {{"{\"result\":{}}\n"}, ERR_FAILED, "the agent speaks another protocol than this coffer"},
        {{"{\"result\":[]}\n"}, ERR_FORMAT, "greet the agent: the agent's answer has no result"},
        {{"\n"}, ERR_FORMAT, "greet the agent: the agent said what cannot be understood"},
        {{"220 smtp\n"}, ERR_FORMAT, "greet the agent: the agent said what cannot be understood"},
        {{"{\"error\":{\"code\":\"limit\",\"message\":\"the agent has too many clients\","
          "\"hints\":[]}}\n"},
         ERR_LIMIT,
         "greet the agent: the agent has too many clients"},
        {{"{\"error\":{}}\n"},
         ERR_FORMAT,
         "greet the agent: the agent refused, and it cannot be "
         "understood why"},
        {{"{\"result\":"}, ERR_FAILED, "greet the agent: the agent has closed the connection"},
        {{NULL}, ERR_FAILED, "greet the agent: the agent has closed the connection"},
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[16];
        struct play p = {cases[i].says, 0};
        snprintf(name, sizeof(name), "hello%zu", i);
        pid_t pid = play(name, &p);
        e.msg[0] = 0;
        EQ_INT(try_connect(&e), cases[i].rc);
        if (cases[i].rc)
            EQ_STR(e.msg, cases[i].msg);
        fake_over(pid);
    }
}

static void test_other_vault(void)
{
    static const char *const says[] = {HELLO, NULL};
    uint8_t id[VAULT_ID_LEN] = {7};
    struct agent_client *c = NULL;
    struct err e;

    pid_t pid = play("vault", &(struct play){says, 0});
    OK_CALL(agent_connect(&w, id, &c, &e), &e);
    agent_client_freep(&c);
    fake_over(pid);
    id[15] = 1;
    pid = play("vault", &(struct play){says, 0});
    EQ_INT(agent_connect(&w, id, &c, &e), ERR_NOT_FOUND);
    EQ_STR(e.msg, "the agent that runs has another vault");
    CHECK(c == NULL);
    fake_over(pid);
}

static void test_calls(void)
{
    static const char *const says[] = {
        HELLO,
        "{\"event\":\"touch\",\"subject\":\"a\",\"text\":\"1\"}\n{\"event\":\"touched\"}\n"
        "{\"result\":{\"n\":5}}\n",
        "{\"error\":{\"code\":\"wrong_pin\",\"message\":\"wrong PIN\",\"hints\":[\"one\",\"two\"],"
        "\"pin_try\":\"tried\"}}\n{\"event\":\"locked\"}\n",
        "{\"error\":{\"code\":\"of a later version\",\"message\":\"m\"}}\n", NULL};
    struct agent_client *c = NULL;
    struct json r, v;
    uint64_t n = 0;
    struct err e;

    pid_t pid = play("calls", &(struct play){says, 2000});
    OK_CALL(agent_connect(&w, NULL, &c, &e), &e);
    if (!c)
        return;
    OK_CALL(agent_call(c, BYTES_LIT("{\"op\":\"list\"}"), -1, 1000, &r, &e), &e);
    CHECK(json_get(r, "n", &v) && json_u64(v, 9, &n) && n == 5);
    EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 1000, &r, &e), ERR_PIN);
    EQ_STR(e.msg, "wrong PIN");
    EQ_INT(e.n_hints, 2);
    EQ_STR(e.hints[1], "two");
    CHECK(json_get(r, "pin_try", &v) && json_str_eq(v, "tried"));
    /* what came in between is not lost, and in order */
    static const char *const events[] = {"touch", "touched", "locked"};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        OK_CALL(agent_event(c, 1000, &v, &e), &e);
        CHECK(json_get(v, "event", &r) && json_str_eq(r, events[i]));
    }
    EQ_INT(agent_event(c, 20, &v, &e), ERR_NOT_FOUND);
    EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 1000, &r, &e), ERR_FAILED);
    EQ_STR(e.msg, "m");
    /* it says nothing more */
    EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 50, &r, &e), ERR_FAILED);
    EQ_STR(e.msg, "the agent does not answer");
    EQ_INT(r.type, JSON_NULL);
    fake_over(pid);
    EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 1000, &r, &e), ERR_FAILED);
    EQ_STR(e.msg, "the agent has closed the connection");
    agent_client_free(c);
}

static unsigned n_looked;

/* Not at once, and then for good. */
static bool is_over(void *ctx)
{
    char byte;

    CHECK(read(*(int *)ctx, &byte, 1) == 1);
    return ++n_looked == 2;
}

/* Something else is looked after while it does not answer, and ends the wait. */
static void test_beside(void)
{
    static const char *const says[] = {HELLO, NULL};
    struct agent_client *c = NULL;
    struct json r;
    struct err e;
    int p[2];

    pid_t pid = play("beside", &(struct play){says, 10000});
    OK_CALL(agent_connect(&w, NULL, &c, &e), &e);
    CHECK(pipe(p) == 0 && write(p[1], "12", 2) == 2);
    agent_client_beside(p[0], is_over, &p[0]);
    uint64_t before = ticks_ms();
    if (c)
        EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 5000, &r, &e), ERR_FAILED);
    EQ_STR(e.msg, "the agent is waited for no longer");
    CHECK(n_looked == 2 && ticks_ms() - before < 3000);
    agent_client_beside(-1, NULL, NULL);
    if (c)
        EQ_INT(agent_call(c, BYTES_LIT("{}"), -1, 20, &r, &e), ERR_FAILED);
    EQ_STR(e.msg, "the agent does not answer");
    agent_client_free(c);
    kill(pid, SIGKILL);
    fake_over(pid);
    close(p[0]);
    close(p[1]);
}

/* A large request to one that does not read, a large answer, a descriptor: by the real server. */
static void test_with_server(void)
{
    static const char head[] =
        "{\"op\":\"sign\",\"name\":\"main\",\"request\":{\"method\":\"POST\","
        "\"url\":\"/x\",\"body\":\"";
    struct agent_client *c = NULL;
    struct json r, v;
    struct err e;
    int p[2];

    fake_start();
    pid_t pid = fake_fork();
    w = fake.a.where;
    OK_CALL(agent_connect(&w, fake.world.id, &c, &e), &e);
    if (c) {
        AUTO_BUF line = BUF_INIT(AGENT_LINE_MAX);
        buf_adds(&line, head);
        while (line.n < AGENT_LINE_MAX - 3)
            buf_addc(&line, 'x');
        buf_adds(&line, "\"}}");
        OK_CALL(agent_call(c, buf_bytes(&line), -1, 5000, &r, &e), &e);
        CHECK(json_get(r, "url", &v) && json_str_eq(v, "/x"));
        CHECK(pipe(p) == 0 && write(p[1], "1234", 4) == 4);
        close(p[1]);
        OK_CALL(agent_call(c, BYTES_LIT("{\"op\":\"unlock\"}"), p[0], 5000, &r, &e), &e);
        CHECK(json_get(r, "pin_try", &v) && json_str_eq(v, "proven"));
        close(p[0]);
        EQ_INT(agent_call(c, BYTES_LIT("{\"op\":\"unlock\"}"), -1, 5000, &r, &e), ERR_PIN);
        EQ_INT(agent_call(c, BYTES_LIT("{\"op\":\"none\"}"), -1, 5000, &r, &e), ERR_USAGE);
        EQ_STR(e.msg, "no such operation");
        EQ_INT(agent_call(c, BYTES_LIT("garbage"), -1, 5000, &r, &e), ERR_USAGE);
        EQ_INT(agent_call(c, BYTES_LIT("{\"op\":\"list\"}"), -1, 5000, &r, &e), ERR_FAILED);
    }
    agent_client_free(c);
    fake_over(pid);
    fake_stop();
}

static void test_lines(void)
{
    struct json r;
    struct err e;

    CHECK(client_line_is_event(BYTES_LIT("{\"event\":\"x\"}")));
    CHECK(!client_line_is_event(BYTES_LIT("{\"result\":{}}")));
    CHECK(!client_line_is_event(BYTES_LIT("event")));
    EQ_INT(client_line_event(BYTES_LIT("{\"event\":1}"), &r, &e), ERR_FORMAT);
    EQ_INT(client_line_answer(BYTES_LIT("{\"result\":1}"), &r, &e), ERR_FORMAT);
    EQ_INT(client_line_answer(
               BYTES_LIT("{\"error\":{\"code\":\"policy\",\"message\":\"a\\u0000\"}}"), &r, &e),
           ERR_FORMAT);
    EQ_INT(
        client_line_answer(BYTES_LIT("{\"error\":{\"code\":\"policy\",\"message\":\"a\\u001b[1m\","
                                     "\"hints\":{}}}"),
                           &r, &e),
        ERR_POLICY);
    EQ_STR(e.msg, "a\\x1b[1m"); /* a terminal may show it */
    EQ_INT(client_line_answer(BYTES_LIT("{\"error\":{\"code\":\"ok\",\"message\":\"m\"}}"), &r, &e),
           ERR_FAILED);
    OK_CALL(client_line_answer(BYTES_LIT("{\"id\":1,\"result\":{}}"), &r, &e), &e);
}

int main(void)
{
    RUN(test_hello);
    RUN(test_other_vault);
    RUN(test_calls);
    RUN(test_beside);
    RUN(test_with_server);
    RUN(test_lines);
    return harness_end();
}
