/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/share.c: how many requests one client may have under way, beside the others. */
#include "tests/gate_world.h"

#include <stdio.h>

#define IN_HEADER "coffer_bot_fedcba9876543210fedcba9876543210"
#define ONE_ALONE 208u
#define LEFT (JOBS_MAX - ONE_ALONE)

static struct client many[2 * JOBS_MAX];
static size_t n_many;

static struct wire_ask bot = {.uid = 1000}, other = {.uid = 1000};

/* How many of n find room; they wait for the agent. */
static unsigned come(const struct wire_ask *who, unsigned n)
{
    unsigned n_in = 0;

    for (unsigned i = 0; i < n; i++, n_many++)
        n_in += begin_as(&many[n_many], who, "DELETE", "/ok", "");
    run(NULL, 5);
    return n_in;
}

static void end_all(void)
{
    gate_agent(w.gate, -1);
    while (n_many > 0) {
        struct client *c = &many[--n_many];
        CHECK(!c->job || (c->is_over && c->status == 503));
        done_with(c);
    }
    EQ_INT(w.gate->n_jobs, 0);
    EQ_INT(w.gate->size, 0);
}

/* Something is permitted to it. */
static void prove(const struct wire_ask *who)
{
    struct client c = {0};

    hire(PERMITS);
    CHECK(begin_as(&c, who, "GET", "/ok", ""));
    finish(&c);
    EQ_INT(c.status, 200);
    done_with(&c);
}

static void start(const struct wire_ask *a, const struct wire_ask *b)
{
    w.gate->n_proven = 0;
    if (a)
        prove(a);
    if (b)
        prove(b);
    hire(IS_SILENT);
}

/* Most of all when it is alone, and then others find room. */
static void test_flood(void)
{
    start(&bot, &other);
    EQ_INT(come(&bot, JOBS_MAX), ONE_ALONE);
    EQ_INT(come(&other, JOBS_MAX / 2), LEFT / 2);
    EQ_INT(come(&bot, 1), 0);
    job_abandon(many[0].job); /* what comes free is not the same one's again */
    many[0].job = NULL;
    EQ_INT(come(&bot, 1), 0);
    EQ_INT(come(&other, 3), 1);
    end_all();
}

static void test_all(void)
{
    struct wire_ask who = {.uid = 1};
    unsigned n = 0;

    start(NULL, NULL);
    for (; who.uid <= 300; who.uid++)
        n += come(&who, 1);
    EQ_INT(n, JOBS_MAX);
    end_all();
}

/* Who was never permitted anything shares with all such. */
static void test_made_up(void)
{
    const struct wire_ask good = {.uid = UINT32_MAX,
                                  .is_tcp = 1,
                                  .record = BYTES_LIT("bot"),
                                  .bearer = BYTES_LIT("0123456789abcdef0123456789abcdef")};
    const struct wire_ask in_header = {
        .uid = UINT32_MAX,
        .is_tcp = 1,
        .record = BYTES_LIT("bot"),
        .headers = {{BYTES_LIT("API-Key"), BYTES_LIT(IN_HEADER)}},
        .n_headers = 1};
    for (int way = 0; way < 3; way++) { /* names, bearers, and bearers in the exchange's header */
        const struct wire_ask *one = way ? &good : &bot, *two = way ? &in_header : &other;
        struct wire_ask bad = way == 1 ? good : way == 2 ? in_header : bot;
        struct bytes *varied = way == 0   ? &bad.record
                               : way == 1 ? &bad.bearer
                                          : &bad.headers[0].value;
        char text[64];
        unsigned n = 0;
        start(one, two);
        for (int i = 0; i < 300; i++) {
            snprintf(text, sizeof(text), "coffer_bot_%032d", i);
            *varied = bytes_str(text);
            n += come(&bad, 1);
        }
        EQ_INT(n, ONE_ALONE);
        EQ_INT(come(one, 20), 20);
        EQ_INT(come(two, 10), 10);
        end_all();
    }
}

/* One whose bearer is good makes no more clients of itself by what the agent does not look at. */
static void test_more_headers(void)
{
    static const char *const starts[] = {"coffer_", "coffer_bot_", "coffer_other_"};
    struct wire_ask varied = {.uid = UINT32_MAX,
                              .is_tcp = 1,
                              .record = BYTES_LIT("bot"),
                              .bearer = BYTES_LIT("0123456789abcdef0123456789abcdef"),
                              .headers = {{.name = BYTES_LIT("User-Agent")}},
                              .n_headers = 1};
    char text[64];

    for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
        start(NULL, NULL);
        for (int i = 0; i < 5; i++) {
            snprintf(text, sizeof(text), "%s%032d", starts[s], i);
            varied.headers[0].value = bytes_str(text);
            prove(&varied);
        }
        EQ_INT(w.gate->n_proven, 1);
        hire(IS_SILENT);
        EQ_INT(come(&varied, JOBS_MAX), ONE_ALONE);
        end_all();
    }
}

/* Large requests leave the last room to small ones. */
static void test_large(void)
{
    static char body[1024 * 1024];
    unsigned n = 0;

    memset(body, 'x', sizeof(body) - 1);
    start(NULL, NULL);
    while (n < 40 && begin_as(&many[n_many++], &bot, "POST", "/ok", body)) {
        run(NULL, 20);
        n++;
    }
    EQ_INT(n, 23);
    EQ_INT(come(&other, 20), 20);
    end_all();
}

static void test_proven(void)
{
    struct client c = {0};

    start(NULL, NULL);
    EQ_INT(w.gate->n_proven, 0);
    CHECK(begin_as(&c, &bot, "GET", "/ok", "") && c.job->client != c.job->asker);
    job_abandon(c.job);
    start(&bot, &other);
    prove(&bot);
    EQ_INT(w.gate->n_proven, 2);
    EQ_INT(w.gate->proven[0], share_asker(w.gate, &bot));
    EQ_INT(w.gate->proven[1], share_asker(w.gate, &other));
    for (uint64_t i = 0; i < PROVEN_MAX - 1; i++)
        share_prove(w.gate, i);
    EQ_INT(w.gate->n_proven, PROVEN_MAX);
    /* the other was the oldest */
    EQ_INT(w.gate->proven[PROVEN_MAX - 1], share_asker(w.gate, &bot));
    hire(REFUSES);
    CHECK(begin_as(&c, &other, "GET", "/ok", ""));
    finish(&c);
    CHECK(w.gate->proven[0] != share_asker(w.gate, &other));
}

int main(void)
{
    if (!world_start())
        return 1;
    bot.record = BYTES_LIT("bot");
    other.record = BYTES_LIT("other");
    RUN(test_flood);
    RUN(test_all);
    RUN(test_made_up);
    RUN(test_more_headers);
    RUN(test_large);
    RUN(test_proven);
    world_end();
    return harness_end();
}
