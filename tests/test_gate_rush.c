/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/upstream.c: the connections of many requests at once, kept and given up. */
#include "tests/gate_world.h"

#define MANY 24u
#define FEW 8u       /* connections that are kept in any case */
#define REST_MS 900u /* after which the others are not */

static void ask_many(unsigned n)
{
    static struct client c[MANY];

    for (unsigned i = 0; i < n; i++)
        begin(&c[i], "GET", "/ok", "");
    for (unsigned i = 0; i < n; i++) {
        run(&c[i].is_over, WAIT_MS);
        CHECK(c[i].is_over);
        EQ_INT(c[i].status, 200);
        done_with(&c[i]);
    }
}

/* Some may end before others are begun. */
static void test_kept_in_a_rush(void)
{
    hire(PERMITS);
    for (int i = 0; i < 6; i++)
        ask_many(MANY);
    unsigned n = tls_server_connections(w.server);
    CHECK(n > FEW && n <= MANY);
}

static void test_given_up_at_rest(void)
{
    unsigned n = tls_server_connections(w.server);

    hire(PERMITS);
    run(NULL, REST_MS);
    ask_many(FEW);
    EQ_INT(tls_server_connections(w.server), n);
    ask_many(MANY);
    CHECK(tls_server_connections(w.server) > n);
    CHECK(tls_server_connections(w.server) <= n + MANY - FEW);
}

/* What is under way is no rest. */
static void test_held_up(void)
{
    struct client slow[FEW + 1] = {0};

    hire(PERMITS);
    w.timeout_ms = 1200;
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        begin(&slow[i], "GET", "/silent", "");
    run(NULL, 100);
    ask_many(4); /* these in the rush, too */
    unsigned n = tls_server_connections(w.server);
    run(NULL, REST_MS);
    ask_many(1);
    EQ_INT(tls_server_connections(w.server), n);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        run(&slow[i].is_over, WAIT_MS);
        EQ_INT(slow[i].status, 504);
        done_with(&slow[i]);
    }
}

int main(void)
{
    if (!world_start())
        return 1;
    RUN(test_kept_in_a_rush);
    RUN(test_given_up_at_rest);
    RUN(test_held_up);
    world_end();
    return harness_end();
}
