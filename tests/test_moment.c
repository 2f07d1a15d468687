/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the moments of the agent's socket: the lines of all clients that are here in one turn
 * are of one, which is later than each of them; the next turn's are of another. */
#include "tests/agent_talk.h"

#define LINE SIGN("", "/api/v3/account") "\n"

static void put(int fd, struct bytes v)
{
    EQ_INT(send(fd, v.p, v.n, MSG_NOSIGNAL), v.n);
}

static void test_turns(void)
{
    fake_start();
    int a = come(), b = come();
    fake.a.moment = 1;
    put(a, BYTES_LIT(LINE));
    put(b, BYTES_LIT(LINE LINE)); /* one after the other: the second waits */
    event_base_loop(fake.a.loop, EVLOOP_ONCE);
    EQ_INT(fake.a.moment, 2);
    EQ_INT(fake.n_asks, 2);
    fake_decide();
    event_base_loop(fake.a.loop, EVLOOP_ONCE);
    EQ_INT(fake.a.moment, 3);
    EQ_INT(fake.n_asks, 3);
    put(a, BYTES_LIT(LINE));
    event_base_loop(fake.a.loop, EVLOOP_ONCE);
    EQ_INT(fake.a.moment, 4);
    EQ_INT(fake.n_asks, 4);
    close(a);
    close(b);
    fake_stop();
}

/* A line of the greatest length with much behind it, in one turn. */
static void test_much_at_once(void)
{
    static uint8_t text[AGENT_LINE_MAX + 65536u];
    static const char hello[] = "{\"op\":\"hello\",\"protocol\":1}";

    fake_start();
    int c = come();
    memset(text, ' ', sizeof(text));
    text[AGENT_LINE_MAX - 1] = text[sizeof(text) - 1] = '\n';
    memcpy(text, hello, sizeof(hello) - 1);
    memcpy(text + AGENT_LINE_MAX, hello, sizeof(hello) - 1);
    say_bytes(c, BYTES_ARR(text));
    has(hear(c), "\"protocol\":1");
    has(hear(c), "\"protocol\":1");
    close(c);
    fake_stop();
}

/* Who goes away before his line was looked at. */
static void test_gone_before(void)
{
    fake_start();
    int a = come(), b = come();
    put(a, BYTES_LIT("{\"op\":\"hello\",\"protocol\":1}\n"));
    close(a);
    put(b, BYTES_LIT(LINE));
    turn();
    EQ_INT(fake.n_asks, 1);
    EQ_INT(fake.a.server->n_clients, 1);
    close(b);
    turn();
    EQ_INT(fake.a.server->n_clients, 0);
    CHECK(fake.a.server->due == NULL && fake.a.server->dead == NULL);
    fake_stop();
}

int main(void)
{
    RUN(test_turns);
    RUN(test_much_at_once);
    RUN(test_gone_before);
    return harness_end();
}
