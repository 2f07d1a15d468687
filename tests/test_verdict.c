/* SPDX-License-Identifier: Apache-2.0 */
/* The table of problems, and what follows from facts: unknown is never safe. */
#include "connectors/checks.h"
#include "tests/harness.h"

#include <stdio.h>

#define DAY_MS 86400000ull
#define NOW_MS 1700000000000ull

static const struct checks advice = {
    .no_withdraw = "off: withdraw",
    .no_transfer = "off: transfer",
    .bind_ip = "bind it",
};

/* A key about which nothing is wrong. */
static struct verdict fine(void)
{
    return (struct verdict){
        .is_judged = true,
        .read = FACT_YES,
        .trade_spot = FACT_YES,
        .withdraw = FACT_NO,
        .transfer = FACT_NO,
        .ip_bound = FACT_YES,
    };
}

static void table(void)
{
    for (unsigned i = 0; i < PROBLEM_COUNT; i++) {
        enum problem p = PROBLEM_COUNT;
        const char *name = problem_name((enum problem)i);
        if (!CHECK(name && problem_line((enum problem)i)))
            continue;
        CHECK(name[0] && strlen(name) < 64 &&
              strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
        CHECK(problem_line((enum problem)i)[0]);
        CHECK(problem_by_name(bytes_str(name), &p));
        EQ_INT(p, i);
    }
    enum problem p = PROBLEM_OLD;
    CHECK(!problem_by_name(BYTES_LIT("may-Withdraw"), &p) && !problem_by_name(BYTES_LIT(""), &p));
    EQ_INT(p, PROBLEM_OLD);
    EQ_STR(problem_name(PROBLEM_WITHDRAW), "may-withdraw");
    EQ_STR(problem_line(PROBLEM_WITHDRAW), "may withdraw");
    EQ_INT(problem_weight((enum problem)99), WEIGHT_DANGER);
}

static void dangers(void)
{
    static const enum problem danger[] = {
        PROBLEM_WITHDRAW,         PROBLEM_WITHDRAW_UNKNOWN, PROBLEM_TRANSFER,
        PROBLEM_TRANSFER_UNKNOWN, PROBLEM_UNKNOWN_RIGHT,    PROBLEM_ADDRESSES,
    };
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(danger); i++)
        EQ_INT(problem_weight(danger[i]), WEIGHT_DANGER);
    for (unsigned i = 0; i < PROBLEM_COUNT; i++)
        n += problem_weight((enum problem)i) == WEIGHT_DANGER;
    EQ_INT(n, ARRAY_LEN(danger));
}

/* The problem that a fact leads to, PROBLEM_COUNT for none. */
static void facts(void)
{
    static const struct {
        enum fact f;
        enum problem withdraw, transfer, ip;
    } cases[] = {
        {FACT_NO, PROBLEM_COUNT, PROBLEM_COUNT, PROBLEM_NO_IP_LIST},
        {FACT_YES, PROBLEM_WITHDRAW, PROBLEM_TRANSFER, PROBLEM_COUNT},
        {FACT_UNKNOWN, PROBLEM_WITHDRAW_UNKNOWN, PROBLEM_TRANSFER_UNKNOWN, PROBLEM_IP_LIST_UNKNOWN},
        {(enum fact)7, PROBLEM_WITHDRAW_UNKNOWN, PROBLEM_TRANSFER_UNKNOWN, PROBLEM_IP_LIST_UNKNOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum problem want[3] = {cases[i].withdraw, cases[i].transfer, cases[i].ip};
        for (unsigned k = 0; k < 3; k++) {
            struct verdict v = fine();
            *(k == 0 ? &v.withdraw : k == 1 ? &v.transfer : &v.ip_bound) = cases[i].f;
            verdict_conclude(&v, &advice, NOW_MS);
            EQ_INT(v.n_findings, want[k] != PROBLEM_COUNT);
            if (v.n_findings > 0) {
                EQ_INT(v.findings[0].problem, want[k]);
                EQ_STR(v.findings[0].todo, k == 0   ? "off: withdraw"
                                           : k == 1 ? "off: transfer"
                                                    : "bind it");
            }
        }
    }
}

static void nothing_known(void)
{
    struct verdict v = {0};

    verdict_conclude(&v, &advice, NOW_MS);
    EQ_INT(v.n_findings, 3);
    CHECK(verdict_has(&v, PROBLEM_WITHDRAW_UNKNOWN) && verdict_has(&v, PROBLEM_TRANSFER_UNKNOWN));
    CHECK(verdict_has(&v, PROBLEM_IP_LIST_UNKNOWN) && !verdict_has(&v, PROBLEM_CANNOT_READ));
    struct verdict w = {0};
    verdict_conclude(&w, NULL, NOW_MS);
    EQ_INT(w.n_findings, 3);
    for (size_t i = 0; i < w.n_findings; i++)
        CHECK(w.findings[i].todo[0]);
}

static bool cannot_trade(enum fact spot, enum fact futures)
{
    struct verdict v = fine();

    v.trade_spot = spot;
    v.trade_futures = futures;
    verdict_conclude(&v, &advice, NOW_MS);
    return verdict_has(&v, PROBLEM_CANNOT_TRADE);
}

static void reading_and_trading(void)
{
    struct verdict v = fine();

    v.read = FACT_NO;
    verdict_conclude(&v, &advice, NOW_MS);
    EQ_INT(v.n_findings, 1);
    CHECK(verdict_has(&v, PROBLEM_CANNOT_READ));
    CHECK(cannot_trade(FACT_NO, FACT_NO) && cannot_trade(FACT_NO, FACT_UNKNOWN));
    CHECK(!cannot_trade(FACT_YES, FACT_NO) && !cannot_trade(FACT_NO, FACT_YES));
    CHECK(!cannot_trade(FACT_UNKNOWN, FACT_UNKNOWN));
}

static void times(void)
{
    static const struct {
        uint64_t created, expires;
        enum problem want;
        const char *text;
    } cases[] = {
        {0, NOW_MS + 15 * DAY_MS, PROBLEM_COUNT, ""},
        {0, NOW_MS + 14 * DAY_MS + 1, PROBLEM_COUNT, ""},
        {0, NOW_MS + 14 * DAY_MS, PROBLEM_EXPIRES_SOON, "in 14 days"},
        {0, NOW_MS + DAY_MS, PROBLEM_EXPIRES_SOON, "in 1 day"},
        {0, NOW_MS + 1, PROBLEM_EXPIRES_SOON, "in less than a day"},
        {0, NOW_MS, PROBLEM_EXPIRED, "less than a day ago"},
        {0, 1, PROBLEM_EXPIRED, "19675 days ago"},
        {0, UINT64_MAX, PROBLEM_COUNT, ""},
        {NOW_MS - 90 * DAY_MS, 0, PROBLEM_COUNT, ""},
        {NOW_MS - 90 * DAY_MS - 1, 0, PROBLEM_OLD, "made 90 days ago"},
        {NOW_MS + DAY_MS, 0, PROBLEM_COUNT, ""},
        {UINT64_MAX, 0, PROBLEM_COUNT, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verdict v = fine();
        v.created_ms = cases[i].created;
        v.expires_ms = cases[i].expires;
        verdict_conclude(&v, &advice, NOW_MS);
        EQ_INT(v.n_findings, cases[i].want != PROBLEM_COUNT);
        if (v.n_findings > 0) {
            EQ_INT(v.findings[0].problem, cases[i].want);
            EQ_STR(v.findings[0].text, cases[i].text);
        }
    }
}

static void connector_was_first(void)
{
    struct verdict v = fine();

    v.withdraw = FACT_YES;
    v.ip_bound = FACT_NO;
    verdict_add(&v, PROBLEM_WITHDRAW, "own todo", "flag %s", "enableX");
    verdict_add(&v, PROBLEM_WITHDRAW, "second", "second");
    verdict_add(&v, PROBLEM_NO_IP_LIST, NULL, "own text");
    verdict_conclude(&v, &advice, NOW_MS);
    EQ_INT(v.n_findings, 2);
    EQ_STR(v.findings[0].text, "flag enableX");
    EQ_STR(v.findings[0].todo, "own todo");
    EQ_STR(v.findings[1].text, "own text");
    EQ_STR(v.findings[1].todo, "bind it");
}

static void danger_comes_first(void)
{
    struct verdict v = {0};

    verdict_add(&v, PROBLEM_MOCKED, "", "%s", "");
    verdict_add(&v, PROBLEM_OLD, "", "%s", "");
    verdict_add(&v, PROBLEM_TRANSFER, "", "%s", "");
    verdict_add(&v, PROBLEM_CANNOT_TRADE, "", "%s", "");
    verdict_add(&v, PROBLEM_CLOCK, "", "%s", "");
    verdict_add(&v, PROBLEM_WITHDRAW, "", "%s", "");
    static const enum problem want[] = {PROBLEM_TRANSFER, PROBLEM_WITHDRAW, PROBLEM_OLD,
                                        PROBLEM_CLOCK,    PROBLEM_MOCKED,   PROBLEM_CANNOT_TRADE};
    EQ_INT(v.n_findings, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        EQ_INT(v.findings[i].problem, want[i]);
}

static void room_for_all(void)
{
    struct verdict v = {0};

    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < PROBLEM_COUNT; i++)
            verdict_add(&v, (enum problem)i, "", "%u", i);
    verdict_add(&v, (enum problem)99, "", "%s", "");
    EQ_INT(v.n_findings, PROBLEM_COUNT);
}

static void words_of_strangers(void)
{
    struct verdict v = {0};
    char text[3000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    verdict_add(&v, PROBLEM_UNKNOWN_RIGHT, text, "right \x1b[31m %s", text);
    CHECK(strncmp(v.findings[0].text, "right \\x1b[31m xxx", 18) == 0);
    EQ_INT(strlen(v.findings[0].text), sizeof(v.findings[0].text) - 1);
    EQ_INT(strlen(v.findings[0].todo), sizeof(v.findings[0].todo) - 1);
}

int main(void)
{
    RUN(table);
    RUN(dangers);
    RUN(facts);
    RUN(nothing_known);
    RUN(reading_and_trading);
    RUN(times);
    RUN(connector_was_first);
    RUN(danger_comes_first);
    RUN(room_for_all);
    RUN(words_of_strangers);
    return harness_end();
}
