/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/courier_agent.c: a proxy that answers, refuses, or says what it should not. It is
 * a child process, and so is the agent, which tells where it listens. */
#include "tests/fake_agent.h"

#include "agent/client.h"

static void put_frame(int c, struct buf *out)
{
    (void)!send(c, out->p, out->n, MSG_NOSIGNAL);
    buf_reset(out);
}

/* Answers by the url's last word; the last answer first, as a proxy may. */
static void answer_ask(int c, const struct wire_ask *q)
{
    struct buf out = BUF_INIT(WIRE_FRAME_MAX);
    struct wire_reply y = {.id = q->id, .status = 200, .sent_us = 1, .answered_us = 2};
    struct wire_refusal f = {.id = q->id, .status = 422};
    struct err e;
    struct bytes what = bytes_of(q->url.p + 10, q->url.n - 10);

    y.body = q->record;
    err_set(&f.err, ERR_POLICY, "'main' may not trade");
    err_hint(&f.err, "'coffer policy' changes that");
    if (bytes_eq_str(what, "504")) {
        f.status = 504;
        err_set(&f.err, ERR_FAILED, "order state unknown");
    }
    if (bytes_eq_str(what, "end"))
        _exit(0);
    if (bytes_eq_str(what, "garbage"))
        buf_adds(&out, "HTTP/1.1 400 Bad Request\r\n\r\n");
    else if (bytes_eq_str(what, "ask")  ? wire_put_ask(&out, q, &e)
             : bytes_eq_str(what, "ok") ? wire_put_reply(&out, &y, &e)
                                        : wire_put_refusal(&out, &f, &e))
        _exit(4);
    put_frame(c, &out);
}

static void be_proxy(int s)
{
    static struct wire_ask q;
    struct buf in = BUF_INIT(WIRE_FRAME_MAX);
    int c = accept(s, NULL, NULL);
    struct err e;
    size_t n = 0;

    for (;;) {
        if (wire_frame(buf_bytes(&in), &n, &e))
            _exit(5);
        if (n > 0) {
            if (wire_get_ask(bytes_of(in.p, n), &q, &e) || q.uid != geteuid() || q.is_tcp)
                _exit(6);
            answer_ask(c, &q);
            memmove(in.p, in.p + n, in.n - n);
            buf_cut(&in, in.n - n);
            continue;
        }
        size_t before = in.n;
        uint8_t *at = buf_extend(&in, 65536);
        ssize_t got = at ? recv(c, at, 65536, 0) : -1;
        if (got <= 0)
            _exit(0);
        buf_cut(&in, before + (size_t)got);
    }
}

static pid_t agent_pid, proxy_pid;

static struct courier *with_proxy(mode_t mode)
{
    struct agent_client *c = NULL;
    struct courier *out = NULL;
    char path[WHERE_MAX + 16];
    struct err e;

    fake_start();
    int s = fake_listen(fake.a.where.run, "proxy.sock");
    snprintf(path, sizeof(path), "%s/proxy.sock", fake.a.where.run);
    CHECK(chmod(path, mode) == 0);
    agent_pid = fake_fork();
    proxy_pid = fork();
    if (proxy_pid == 0)
        be_proxy(s);
    close(s);
    OK_CALL(agent_connect(&fake.a.where, NULL, &c, &e), &e);
    if (c)
        OK_CALL(courier_by_agent(&fake.a.where, c, &out, &e), &e);
    agent_client_free(c);
    return out;
}

static void end_proxy(struct courier *k)
{
    courier_free(k);
    fake_over(agent_pid);
    fake_over(proxy_pid);
    fake_stop();
}

static void send_ask(struct courier *k, uint32_t id, const char *what)
{
    static struct wire_ask q;
    char url[32];
    struct err e;

    snprintf(url, sizeof(url), "https://x/%s", what);
    q = (struct wire_ask){.method = BYTES_LIT("GET"), .url = bytes_str(url), .is_tcp = 1};
    OK_CALL(courier_ask(k, id, "main", &q, &e), &e);
}

static void test_proxy(void)
{
    static struct answer a;
    struct courier *k = with_proxy(0666); /* who may use it is the proxy's to check */
    struct err e;

    answer_init(&a);
    if (!k)
        return;
    send_ask(k, 1, "ok");
    send_ask(k, 2, "no");
    send_ask(k, 3, "504");
    send_ask(k, 4, "ok");
    OK_CALL(courier_wait(k, &a, &e), &e);
    EQ_INT(a.id, 1);
    EQ_INT(a.status, 200);
    EQ_MEM(a.body, BYTES_LIT("main"));
    OK_CALL(courier_wait(k, &a, &e), &e);
    EQ_INT(a.id, 2);
    EQ_INT(a.result, WIRE_NOT_SENT);
    EQ_INT(a.status, 0);
    EQ_INT(answer_fault(&a, "x", true, &e), ERR_POLICY);
    EQ_STR(e.msg, "'main' may not trade");
    EQ_STR(e.hints[0], "'coffer policy' changes that");
    OK_CALL(courier_wait(k, &a, &e), &e);
    EQ_INT(a.result, WIRE_UNKNOWN); /* never taken for one that was not sent */
    EQ_INT(answer_fault(&a, "x", true, &e), ERR_FAILED);
    EQ_STR(e.msg, "order state unknown");
    OK_CALL(courier_wait(k, &a, &e), &e); /* a is used again: nothing of the refusal is left */
    EQ_INT(a.id, 4);
    EQ_INT(a.refused.code, OK);
    EQ_INT(a.result, WIRE_REPLIED);
    answer_free(&a);
    end_proxy(k);
}

static void test_proxy_ends(void)
{
    static const char *const words[][2] = {{"end", "the agent's proxy has closed the connection"},
                                           {"garbage", "the agent's proxy sent what is no frame"},
                                           {"ask", "the agent's proxy sent what is no reply"}};
    static struct answer a;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct courier *k = with_proxy(0600);
        answer_init(&a);
        if (!k)
            return;
        send_ask(k, 1, words[i][0]);
        for (int twice = 0; twice < 2; twice++) {
            EQ_INT(courier_wait(k, &a, &e), ERR_FAILED);
            EQ_STR(e.msg, words[i][1]);
            EQ_STR(e.hints[0], "1 request was under way: whether it arrived is unknown");
        }
        answer_free(&a);
        end_proxy(k);
    }
}

static void test_no_proxy(void)
{
    struct agent_client *c = NULL;
    struct courier *k = NULL;
    struct err e;

    fake_start();
    agent_pid = fake_fork();
    OK_CALL(agent_connect(&fake.a.where, NULL, &c, &e), &e);
    EQ_INT(courier_by_agent(&fake.a.where, c, &k, &e), ERR_FAILED);
    CHECK(strstr(e.msg, "the agent's proxy does not listen at '") == e.msg);
    agent_client_freep(&c);
    fake_over(agent_pid);
    fake.options.has_no_proxy = true;
    agent_pid = fake_fork();
    OK_CALL(agent_connect(&fake.a.where, NULL, &c, &e), &e);
    EQ_INT(courier_by_agent(&fake.a.where, c, &k, &e), ERR_FAILED);
    EQ_STR(e.msg, "the agent runs without its proxy's socket");
    CHECK(k == NULL);
    agent_client_freep(&c);
    fake_over(agent_pid);
    fake_stop();
}

int main(void)
{
    RUN(test_proxy);
    RUN(test_proxy_ends);
    RUN(test_no_proxy);
    return harness_end();
}
