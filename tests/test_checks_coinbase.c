/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase's part that reads replies: which facts and problems follow from which answer, and that
 * nothing unreadable is taken for safe. Replies are written from its documentation. */
#include "connectors/coinbase.h"
#include "tests/harness.h"
#include "tests/talk.h"

#include <stdio.h>

#define NOW_MS TALK_NOW_MS
#define V3 "/api/v3/brokerage/"
#define UUID "3f0c7e2a-0000-4000-8000-000000000001"

static struct talk talk_of(enum purpose p)
{
    return (struct talk){.conn = &connector_coinbase_advanced_trade,
                         .purpose = p,
                         .symbol = "BTC-USD",
                         .tag = TALK_TAG};
}

static void judge(enum environment env, unsigned status, const char *body, struct verdict *v)
{
    struct talk t = talk_of(PURPOSE_VERIFY);

    t.env = env;
    answer(&t, 200, "{}");
    answer(&t, status, body);
    coinbase_checks.judge(&t, NOW_MS, v);
}

/* Every way to write a flag, and what may be read from it. */
static const struct flag {
    const char *json; /* NULL: missing */
    enum fact fact;
} flags[] = {
    {"true", FACT_YES},         {"false", FACT_NO},   {"\"false\"", FACT_UNKNOWN},
    {"\"true\"", FACT_UNKNOWN}, {"0", FACT_UNKNOWN},  {"1", FACT_UNKNOWN},
    {"null", FACT_UNKNOWN},     {"[]", FACT_UNKNOWN}, {"{\"value\":false}", FACT_UNKNOWN},
    {"\"\"", FACT_UNKNOWN},     {NULL, FACT_UNKNOWN},
};

static void add_flag(char *out, size_t cap, const char *name, const struct flag *f)
{
    size_t n = strlen(out);

    if (f->json)
        snprintf(out + n, cap - n, "\"%s\":%s,", name, f->json);
}

static void rights_body(char *out, size_t cap, const struct flag *view, const struct flag *trade,
                        const struct flag *transfer)
{
    snprintf(out, cap, "{");
    add_flag(out, cap, "can_view", view);
    add_flag(out, cap, "can_trade", trade);
    add_flag(out, cap, "can_transfer", transfer);
    snprintf(out + strlen(out), cap - strlen(out),
             "\"portfolio_uuid\":\"" UUID "\",\"portfolio_type\":\"DEFAULT\"}");
}

static unsigned expected(enum fact view, enum fact trade, enum fact transfer)
{
    unsigned p = BIT(IP_LIST_UNKNOWN);

    if (view == FACT_NO)
        p |= BIT(CANNOT_READ);
    if (trade == FACT_NO)
        p |= BIT(CANNOT_TRADE);
    if (transfer == FACT_YES)
        p |= BIT(WITHDRAW) | BIT(TRANSFER);
    if (transfer == FACT_UNKNOWN)
        p |= BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN);
    return p;
}

static void live_cell(const char *body, enum fact view, enum fact trade, enum fact transfer)
{
    struct verdict v;

    judge(ENV_LIVE, 200, body, &v);
    harness_ok(v.is_judged && v.read == view && v.trade_spot == trade && v.trade_futures == trade &&
                   v.withdraw == transfer && v.transfer == transfer && v.ip_bound == FACT_UNKNOWN &&
                   v.expires == FACT_UNKNOWN && v.expires_ms == 0 && v.created_ms == 0 &&
                   problems_of(&v) == expected(view, trade, transfer),
               __FILE__, __LINE__, "%s: read %s spot %s withdraw %s transfer %s problems %#x", body,
               fact_name(v.read), fact_name(v.trade_spot), fact_name(v.withdraw),
               fact_name(v.transfer), problems_of(&v));
    EQ_STR(v.account, UUID);
}

static bool is_all_unknown(const struct verdict *v)
{
    return v->read == FACT_UNKNOWN && v->trade_spot == FACT_UNKNOWN &&
           v->trade_futures == FACT_UNKNOWN && v->withdraw == FACT_UNKNOWN &&
           v->transfer == FACT_UNKNOWN && v->ip_bound == FACT_UNKNOWN &&
           v->expires == FACT_UNKNOWN && v->account[0] == 0;
}

/* The sandbox says what it likes: nothing is read from it. */
static void test_cell(const char *body)
{
    struct verdict v;

    judge(ENV_TEST, 200, body, &v);
    harness_ok(is_all_unknown(&v) && v.is_judged &&
                   problems_of(&v) == (BIT(MOCKED) | BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) |
                                       BIT(IP_LIST_UNKNOWN)),
               __FILE__, __LINE__, "%s: problems %#x", body, problems_of(&v));
}

static void grid(void)
{
    char body[512];

    for (size_t a = 0; a < ARRAY_LEN(flags); a++)
        for (size_t b = 0; b < ARRAY_LEN(flags); b++)
            for (size_t c = 0; c < ARRAY_LEN(flags); c++) {
                rights_body(body, sizeof(body), &flags[a], &flags[b], &flags[c]);
                live_cell(body, flags[a].fact, flags[b].fact, flags[c].fact);
                test_cell(body);
            }
}

static void unreadable_is_unknown(void)
{
    static const struct {
        unsigned status;
        const char *body;
    } cases[] = {
        {200, ""},
        {200, "[]"},
        {200, "null"},
        {200, "\"can_transfer\":false"},
        {200, "<html>"},
        {200, "{\"can_transfer\":false,\"can_transfer\":false}"},
        {200, "{\"error\":\"INTERNAL\",\"can_transfer\":false}"},
        {200, "{\"error\":{\"code\":7},\"can_transfer\":false}"},
        {200, "{\"error\":true,\"can_transfer\":false}"},
        {200, "{\"errors\":{\"id\":\"x\"},\"can_transfer\":false}"},
        {200, "{\"success\":false,\"can_transfer\":false}"},
        {401, "Unauthorized"},
        {403, "{\"error\":\"PERMISSION_DENIED\",\"can_transfer\":false}"},
        {500, "{\"can_transfer\":false,\"can_view\":true}"},
        {302, "{\"can_transfer\":false}"},
        {0, "{\"can_transfer\":false}"},
    };
    struct talk t = talk_of(PURPOSE_VERIFY);
    struct verdict v;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int env = ENV_LIVE; env <= ENV_TEST; env++) {
            judge((enum environment)env, cases[i].status, cases[i].body, &v);
            harness_ok(is_all_unknown(&v) && !v.is_judged &&
                           verdict_has(&v, PROBLEM_WITHDRAW_UNKNOWN) &&
                           verdict_has(&v, PROBLEM_TRANSFER_UNKNOWN),
                       __FILE__, __LINE__, "%u %s", cases[i].status, cases[i].body);
        }
    coinbase_checks.judge(&t, NOW_MS, &v);
    CHECK(is_all_unknown(&v) && !v.is_judged);
    /* other objects, of whomever */
    static const char *const others[] = {"{}", "{\"status\":\"ok\"}", "{\"accounts\":[]}",
                                         "{\"iso\":\"x\",\"epochMillis\":\"1\"}",
                                         "{\"data\":{\"can_view\":true,\"can_transfer\":false}}"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        judge(ENV_LIVE, 200, others[i], &v);
        CHECK(is_all_unknown(&v) && !v.is_judged);
    }
}

static void cut_replies_prove_nothing(void)
{
    struct talk t = talk_of(PURPOSE_VERIFY);
    struct verdict v;
    char body[512];

    rights_body(body, sizeof(body), &flags[0], &flags[0], &flags[1]);
    answer(&t, 200, "");
    answer(&t, 200, body);
    for (size_t n = 0; n < strlen(body); n++) {
        t.replies[1].body.n = n;
        coinbase_checks.judge(&t, NOW_MS, &v);
        harness_ok(is_all_unknown(&v) && !v.is_judged, __FILE__, __LINE__, "cut at %zu", n);
    }
}

static void rights_that_nobody_knows(void)
{
    static const char *const on[] = {"true", "\"false\"", "null", "0"};
    char body[256];
    struct verdict v;

    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        snprintf(body, sizeof(body),
                 "{\"can_view\":true,\"can_trade\":true,\"can_transfer\":false,"
                 "\"can_\\u001bstake\":%s}",
                 on[i]);
        judge(ENV_LIVE, 200, body, &v);
        EQ_INT(problems_of(&v), BIT(UNKNOWN_RIGHT) | BIT(IP_LIST_UNKNOWN));
        EQ_STR(v.findings[0].text, "can_\\x1bstake");
    }
    judge(ENV_LIVE, 200,
          "{\"can_view\":true,\"can_trade\":true,\"can_transfer\":false,\"can_stake\":false}", &v);
    EQ_INT(problems_of(&v), BIT(IP_LIST_UNKNOWN));
    static const char *const spelt[] = {"Can_transfer", "canTransfer", "CAN_WITHDRAW",
                                        "transfer_enabled", "withdrawals"};
    for (size_t i = 0; i < ARRAY_LEN(spelt); i++) {
        snprintf(body, sizeof(body),
                 "{\"can_view\":true,\"can_trade\":true,\"can_transfer\":false,\"%s\":true}",
                 spelt[i]);
        judge(ENV_LIVE, 200, body, &v);
        EQ_INT(problems_of(&v), BIT(UNKNOWN_RIGHT) | BIT(IP_LIST_UNKNOWN));
    }
}

static void clock_reply(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"epochMillis\":true}",
        "{\"epochMillis\":\"17800000000.5\"}",
        "{\"epochMillis\":-1}",
        "{\"epochMillis\":\"99999999999999999\"}",
        "{\"epochSeconds\":\"1780000000\"}",
    };
    struct reply r = reply_of(200, "{\"iso\":\"2026-05-28T20:26:40Z\",\"epochSeconds\":"
                                   "\"1780000000\",\"epochMillis\":\"1780000000123\"}");
    uint64_t ms = 0;
    struct err e;

    OK_CALL(coinbase_checks.server_time(&r, &ms, &e), &e);
    EQ_INT(ms, 1780000000123u);
    r = reply_of(200, "{\"epochMillis\":1780000000124}");
    OK_CALL(coinbase_checks.server_time(&r, &ms, &e), &e);
    EQ_INT(ms, 1780000000124u);
    EQ_INT(coinbase_checks.time_unit_ms, 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        r = reply_of(200, bad[i]);
        EQ_INT(coinbase_checks.server_time(&r, &ms, &e), ERR_FORMAT);
    }
}

#define ROW(currency, available, hold)                                                             \
    "{\"uuid\":\"u\",\"currency\":\"" currency "\",\"available_balance\":{\"value\":\"" available  \
    "\",\"currency\":\"" currency "\"},\"hold\":{\"value\":\"" hold "\",\"currency\":\"" currency  \
    "\"}}"
#define PAGE(rows, more) "{\"accounts\":[" rows "]," more "}"
#define LAST "\"has_next\":false,\"cursor\":\"\""
#define FIRST_URL V3 "accounts?limit=250"

static void pages(void)
{
    struct talk t = talk_of(PURPOSE_BALANCE);
    struct balances b = {0};
    struct err e;

    next_is(&t, CLASS_READ, FIRST_URL, "");
    t.n_asked = 1;
    then_is(&t, ASK_WAIT);
    t.n_asked = 0;
    answer(&t, 200,
           PAGE(ROW("BTC", "0.5", "0.25") "," ROW("ETH", "0", "0.000"),
                "\"has_next\":true,\"cursor\":\"a+b/c&limit=1=\""));
    next_is(&t, CLASS_READ, FIRST_URL "&cursor=a%2Bb%2Fc%26limit%3D1%3D", "");
    answer(&t, 200, PAGE(ROW("USD", "10.10", "0"), LAST));
    then_is(&t, ASK_DONE);
    OK_CALL(coinbase_checks.balance(&t, &b, &e), &e);
    EQ_INT(b.n, 2);
    EQ_STR(b.v[0].wallet, "spot");
    EQ_STR(b.v[0].asset, "BTC");
    EQ_STR(b.v[0].free, "0.5");
    EQ_STR(b.v[0].locked, "0.25");
    EQ_STR(b.v[0].total, "0.75");
    EQ_STR(b.v[1].asset, "USD");
    EQ_STR(b.missing, "");
    balances_free(&b);
}

/* What is not there is said to be missing, and what is there is shown. */
static void missing_pages(void)
{
    static const struct {
        const char *first; /* what the first page says about more */
        unsigned status;   /* of the second; 0: it is not asked */
        const char *second;
        const char *missing;
    } cases[] = {
        {"\"has_next\":true,\"cursor\":\"c\"", 429, "slow down",
         "accounts from page 2 on: slow down"},
        {"\"has_next\":true,\"cursor\":\"c\"", 200, "{\"accounts\":[],\"has_next\":\"false\"}",
         "accounts after page 2: Coinbase does not tell whether there are"},
        {"\"has_next\":true,\"cursor\":\"\"", 0, NULL,
         "accounts after page 1: Coinbase has more of them"},
        {"\"has_next\":true,\"cursor\":7", 0, NULL,
         "accounts after page 1: Coinbase has more of them"},
        {"\"x\":1", 0, NULL, "accounts after page 1: Coinbase does not tell whether there are"},
    };
    char page[512];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = talk_of(PURPOSE_BALANCE);
        struct balances b = {0};
        snprintf(page, sizeof(page), PAGE(ROW("BTC", "0.5", "0"), "%s"), cases[i].first);
        answer(&t, 200, page);
        if (cases[i].status) {
            next_is(&t, CLASS_READ, FIRST_URL "&cursor=c", "");
            answer(&t, cases[i].status, cases[i].second);
        }
        then_is(&t, ASK_DONE);
        OK_CALL(coinbase_checks.balance(&t, &b, &e), &e);
        EQ_INT(b.n, 1);
        EQ_STR(b.missing, cases[i].missing);
        balances_free(&b);
    }
}

static void endless_pages_end(void)
{
    struct talk t = talk_of(PURPOSE_BALANCE);
    struct balances b = {0};
    struct err e;

    for (unsigned i = 0; i < 10; i++)
        answer(&t, 200, PAGE(ROW("BTC", "1", "0"), "\"has_next\":true,\"cursor\":\"same\""));
    then_is(&t, ASK_DONE);
    OK_CALL(coinbase_checks.balance(&t, &b, &e), &e);
    EQ_INT(b.n, 10);
    EQ_STR(b.missing, "accounts after page 10: Coinbase has more of them");
    balances_free(&b);
}

static void bad_balances(void)
{
    static const struct {
        unsigned status;
        const char *body;
        int rc;
    } cases[] = {
        {200, PAGE(ROW("BTC", "1e", "0"), LAST), ERR_FORMAT},
        {200, PAGE("{\"currency\":\"BTC\"}", LAST), ERR_FORMAT},
        {200, PAGE("{\"available_balance\":{\"value\":\"1\"}}", LAST), ERR_FORMAT},
        {200, PAGE("{\"currency\":\"BTC\",\"available_balance\":{\"value\":1}}", LAST), ERR_FORMAT},
        {200, "{\"accounts\":{}}", ERR_EXCHANGE},
        {200, "<html>", ERR_EXCHANGE},
        {401, "Unauthorized", ERR_EXCHANGE},
        {0, "", ERR_EXCHANGE},
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = talk_of(PURPOSE_BALANCE);
        struct balances b = {0};
        answer(&t, cases[i].status, cases[i].body);
        harness_int(coinbase_checks.balance(&t, &b, &e), cases[i].rc, __FILE__, __LINE__,
                    cases[i].body);
        balances_free(&b);
    }
}

static void calls(void)
{
    struct talk t = talk_of(PURPOSE_VERIFY);

    next_is(&t, CLASS_PUBLIC, V3 "time", "");
    t.n_asked = 1;
    next_is(&t, CLASS_READ, V3 "key_permissions", "");
    t.env = ENV_TEST;
    next_is(&t, CLASS_READ, FIRST_URL, "");
    t.n_asked = 2;
    then_is(&t, ASK_DONE);
}

static void texts_for_people(void)
{
    CHECK(connector_coinbase_advanced_trade.checks == &coinbase_checks &&
          coinbase_checks.guide == &coinbase_guide);
    checks_are_whole(&coinbase_checks);
}

int main(void)
{
    RUN(grid);
    RUN(unreadable_is_unknown);
    RUN(cut_replies_prove_nothing);
    RUN(rights_that_nobody_knows);
    RUN(clock_reply);
    RUN(pages);
    RUN(missing_pages);
    RUN(endless_pages_end);
    RUN(bad_balances);
    RUN(calls);
    RUN(texts_for_people);
    return harness_end();
}
