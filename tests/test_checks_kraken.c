/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken's part that reads replies: which facts and problems follow from which answer, and that
 * nothing unreadable is taken for safe. Replies are written from its documentation. */
#include "connectors/kraken.h"
#include "tests/harness.h"
#include "tests/talk.h"

#include <stdio.h>

#define NOW_MS TALK_NOW_MS

#define OK_BODY(result) "{\"error\":[],\"result\":" result "}"
#define ERR_BODY(text) "{\"error\":[\"" text "\"]}"

static struct talk talk_of(enum purpose p)
{
    return (struct talk){
        .conn = &connector_kraken, .purpose = p, .symbol = "XBTUSD", .tag = TALK_TAG};
}

static void judge(const char *info, struct verdict *v)
{
    struct talk t = talk_of(PURPOSE_VERIFY);

    answer(&t, 200, OK_BODY("{\"unixtime\":1780000000}"));
    answer(&t, 200, info);
    kraken_checks.judge(&t, NOW_MS, v);
}

struct rights {
    const char *json; /* of the member "permissions"; NULL: it is missing */
    enum fact read, trade, withdraw, transfer;
    unsigned problems;
};
static const struct rights rights[] = {
    {"[]", FACT_NO, FACT_NO, FACT_NO, FACT_NO, BIT(CANNOT_READ) | BIT(CANNOT_TRADE)},
    {"[\"query-funds\"]", FACT_YES, FACT_NO, FACT_NO, FACT_UNKNOWN,
     BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
    {"[\"query-open-trades\",\"query-closed-trades\",\"query-ledger\",\"export-data\"]", FACT_NO,
     FACT_NO, FACT_NO, FACT_NO, BIT(CANNOT_READ) | BIT(CANNOT_TRADE)},
    {"[\"modify-trades\",\"close-trades\",\"create-ws-token\",\"add-funds\"]", FACT_NO, FACT_YES,
     FACT_NO, FACT_NO, BIT(CANNOT_READ)},
    {"[\"query-funds\",\"modify-trades\",\"close-trades\"]", FACT_YES, FACT_YES, FACT_NO,
     FACT_UNKNOWN, BIT(TRANSFER_UNKNOWN)},
    {"[\"query-funds\",\"modify-trades\",\"withdraw-funds\"]", FACT_YES, FACT_YES, FACT_YES,
     FACT_YES, BIT(WITHDRAW) | BIT(TRANSFER)},
    {"[\"withdraw-funds\"]", FACT_NO, FACT_NO, FACT_YES, FACT_YES,
     BIT(WITHDRAW) | BIT(TRANSFER) | BIT(CANNOT_READ) | BIT(CANNOT_TRADE)},
    {"[\"query-funds\",\"modify-trades\",\"earn-funds\"]", FACT_YES, FACT_YES, FACT_NO, FACT_YES,
     BIT(TRANSFER)},
    {"[\"modify-trades\",\"earn-bonds\"]", FACT_UNKNOWN, FACT_YES, FACT_UNKNOWN, FACT_YES,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER) | BIT(UNKNOWN_RIGHT)},
    {"[\"query-funds\",\"modify-trades\",\"move-funds\"]", FACT_YES, FACT_YES, FACT_UNKNOWN,
     FACT_UNKNOWN, BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(UNKNOWN_RIGHT)},
    {"[\"modify-trades\",\"\"]", FACT_UNKNOWN, FACT_YES, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(UNKNOWN_RIGHT)},
    {"[\"Withdraw-Funds\",\"modify-trades\"]", FACT_UNKNOWN, FACT_YES, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(UNKNOWN_RIGHT)},
    {"[\"modify-trades\",\"add-withdraw-address\"]", FACT_NO, FACT_YES, FACT_NO, FACT_NO,
     BIT(CANNOT_READ) | BIT(ADDRESSES)},
    {"[\"modify-trades\",\"update-withdraw-address\"]", FACT_NO, FACT_YES, FACT_NO, FACT_NO,
     BIT(CANNOT_READ) | BIT(ADDRESSES)},
    {"[\"modify-trades\",7]", FACT_UNKNOWN, FACT_YES, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN)},
    {"[[\"withdraw-funds\"]]", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
    {"\"query-funds\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
    {"{\"withdraw-funds\":false}", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
    {"null", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
    {NULL, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
     BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(CANNOT_TRADE)},
};

struct ips {
    const char *json;
    enum fact bound;
    const char *text;
    unsigned problems;
};
static const struct ips ips[] = {
    {"[]", FACT_NO, "", BIT(NO_IP_LIST)},
    {"[\"\"]", FACT_NO, "", BIT(NO_IP_LIST)},
    {"[\"203.0.113.7\"]", FACT_YES, "203.0.113.7", 0},
    {"[\"\",\"203.0.113.7\",\"2001:db8::/32\"]", FACT_YES, "203.0.113.7, 2001:db8::/32", 0},
    {"[\"203.0.113.7\",\"0.0.0.0/0\"]", FACT_NO, "203.0.113.7, 0.0.0.0/0", BIT(NO_IP_LIST)},
    {"[\"::/0\"]", FACT_NO, "::/0", BIT(NO_IP_LIST)},
    {"[\"203.0.113.7\",null]", FACT_UNKNOWN, "", BIT(IP_LIST_UNKNOWN)},
    {"\"203.0.113.7\"", FACT_UNKNOWN, "", BIT(IP_LIST_UNKNOWN)},
    {"true", FACT_UNKNOWN, "", BIT(IP_LIST_UNKNOWN)},
    {NULL, FACT_UNKNOWN, "", BIT(IP_LIST_UNKNOWN)},
};

struct life {
    const char *json;
    enum fact expires;
    uint64_t ms;
    unsigned problems;
};
static const struct life lives[] = {
    {"\"0\"", FACT_NO, 0, 0},
    {"\"1790000000\"", FACT_YES, 1790000000000u, 0},
    {"\"1780086400\"", FACT_YES, 1780086400000u, BIT(EXPIRES_SOON)},
    {"\"1779999999\"", FACT_YES, 1779999999000u, BIT(EXPIRED)},
    {"0", FACT_UNKNOWN, 0, 0},
    {"\"\"", FACT_UNKNOWN, 0, 0},
    {"\"-1\"", FACT_UNKNOWN, 0, 0},
    {"\"00\"", FACT_UNKNOWN, 0, 0},
    {"\" 0\"", FACT_UNKNOWN, 0, 0},
    {"\"0.0\"", FACT_UNKNOWN, 0, 0},
    {"\"99999999999999999999\"", FACT_UNKNOWN, 0, 0},
    {"false", FACT_UNKNOWN, 0, 0},
    {NULL, FACT_UNKNOWN, 0, 0},
};

static void member(char *out, size_t cap, const char *name, const char *json)
{
    size_t n = strlen(out);

    if (json)
        snprintf(out + n, cap - n, ",\"%s\":%s", name, json);
}

/* Member names as documented, or as recorded. */
static void info_of(char *out, size_t cap, bool is_documented, const char *permissions,
                    const char *list, const char *until)
{
    snprintf(out, cap, "{\"error\":[],\"result\":{\"nonce\":\"1\"");
    member(out, cap, "permissions", permissions);
    member(out, cap, is_documented ? "ipAllowlist" : "ip_allowlist", list);
    member(out, cap, is_documented ? "validUntil" : "valid_until", until);
    member(out, cap, is_documented ? "createdTime" : "created_time", "\"1779000000\"");
    member(out, cap, is_documented ? "apiKeyName" : "api_key_name", "\"bot one\"");
    member(out, cap, "iban", "\"AA88 N84G WOAK NMOI\"");
    snprintf(out + strlen(out), cap - strlen(out), "}}");
}

static bool is_as(const struct verdict *v, const struct rights *r, const struct ips *i,
                  const struct life *l)
{
    return v->is_judged && v->read == r->read && v->trade_spot == r->trade &&
           v->trade_futures == FACT_NO && v->withdraw == r->withdraw &&
           v->transfer == r->transfer && v->ip_bound == i->bound && !strcmp(v->ips, i->text) &&
           v->expires == l->expires && v->expires_ms == l->ms &&
           problems_of(v) == (r->problems | i->problems | l->problems);
}

static void one_cell(bool is_documented, const struct rights *r, const struct ips *i,
                     const struct life *l)
{
    static char body[1024];
    struct verdict v;

    info_of(body, sizeof(body), is_documented, r->json, i->json, l->json);
    judge(body, &v);
    harness_ok(is_as(&v, r, i, l), __FILE__, __LINE__,
               "%s: read %s spot %s withdraw %s transfer %s ip %s '%s' expires %s problems %#x",
               body, fact_name(v.read), fact_name(v.trade_spot), fact_name(v.withdraw),
               fact_name(v.transfer), fact_name(v.ip_bound), v.ips, fact_name(v.expires),
               problems_of(&v));
    EQ_STR(v.account, "AA88 N84G WOAK NMOI");
    EQ_STR(v.label, "bot one");
    EQ_INT(v.created_ms, 1779000000000u);
}

static void grid(void)
{
    for (size_t r = 0; r < ARRAY_LEN(rights); r++)
        for (size_t i = 0; i < ARRAY_LEN(ips); i++)
            for (size_t l = 0; l < ARRAY_LEN(lives); l++)
                one_cell((r + i + l) % 2 == 0, &rights[r], &ips[i], &lives[l]);
}

static bool is_all_unknown(const struct verdict *v)
{
    return !v->is_judged && v->read == FACT_UNKNOWN && v->trade_spot == FACT_UNKNOWN &&
           v->trade_futures == FACT_UNKNOWN && v->withdraw == FACT_UNKNOWN &&
           v->transfer == FACT_UNKNOWN && v->ip_bound == FACT_UNKNOWN &&
           v->expires == FACT_UNKNOWN && v->created_ms == 0 && v->account[0] == 0 &&
           problems_of(v) == (BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(IP_LIST_UNKNOWN));
}

static void unreadable_is_unknown(void)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"error\":[]}",
        OK_BODY("[]"),
        OK_BODY("{}"),
        OK_BODY("{\"status\":\"online\"}"),
        OK_BODY("\"x\""),
        ERR_BODY("EAPI:Invalid key"),
        "{\"error\":null,\"result\":{\"permissions\":[]}}",
        "{\"error\":\"\",\"result\":{\"permissions\":[]}}",
        "{\"error\":[7],\"result\":{\"permissions\":[]}}",
        "{\"error\":[\"EService:Busy\"],\"result\":{\"permissions\":[]}}",
        "{\"result\":{\"permissions\":[]}}",
        "<html>502</html>",
        "{\"error\":[],\"result\":{\"permissions\":[],\"permissions\":[]}}",
    };
    struct talk t = talk_of(PURPOSE_VERIFY);
    struct verdict v;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        judge(bodies[i], &v);
        harness_ok(is_all_unknown(&v), __FILE__, __LINE__, "%s", bodies[i]);
    }
    kraken_checks.judge(&t, NOW_MS, &v);
    CHECK(is_all_unknown(&v));
    no_answer(&t, false);
    no_answer(&t, true);
    kraken_checks.judge(&t, NOW_MS, &v);
    CHECK(is_all_unknown(&v));
    t.n_asked = 1;
    answer(&t, 500, OK_BODY("{\"permissions\":[]}"));
    kraken_checks.judge(&t, NOW_MS, &v);
    CHECK(is_all_unknown(&v));
}

static void cut_replies_prove_nothing(void)
{
    struct talk t = talk_of(PURPOSE_VERIFY);
    char body[1024];
    struct verdict v;

    info_of(body, sizeof(body), true, "[\"modify-trades\"]", "[]", "\"0\"");
    answer(&t, 200, "");
    answer(&t, 200, body);
    for (size_t n = 0; n < strlen(body); n++) {
        t.replies[1].body.n = n;
        kraken_checks.judge(&t, NOW_MS, &v);
        harness_ok(is_all_unknown(&v), __FILE__, __LINE__, "cut at %zu", n);
    }
}

/* Each of the two spellings says something else. */
static void both_spellings_are_neither(void)
{
    struct verdict v;

    judge(OK_BODY("{\"permissions\":[],\"ipAllowlist\":[\"203.0.113.7\"],\"ip_allowlist\":[],"
                  "\"validUntil\":\"0\",\"valid_until\":\"5\"}"),
          &v);
    EQ_INT(v.ip_bound, FACT_UNKNOWN);
    EQ_INT(v.expires, FACT_UNKNOWN);
    EQ_INT(v.expires_ms, 0);
}

static void texts(void)
{
    char body[4096], many[2048] = "[";
    struct verdict v;

    judge(OK_BODY("{\"permissions\":[\"a\\u001b[2J\",\"b\"],\"iban\":\"x\\u202ey\","
                  "\"apiKeyName\":7}"),
          &v);
    CHECK(!strchr(v.findings[0].text, 0x1b) && !strchr(v.account, 0x1b));
    CHECK(verdict_has(&v, PROBLEM_UNKNOWN_RIGHT));
    EQ_STR(v.label, "");
    for (unsigned i = 0; i < 60; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s\"203.0.113.%u\"",
                 i ? "," : "", i);
    snprintf(body, sizeof(body),
             "{\"error\":[],\"result\":{\"permissions\":[],\"ipAllowlist\":%s]}}", many);
    judge(body, &v);
    EQ_INT(v.ip_bound, FACT_YES);
    EQ_INT(strlen(v.ips), sizeof(v.ips) - 1);
    judge("{\"error\":[\"WGeneral:careful\"],\"result\":{\"permissions\":[]}}", &v);
    CHECK(v.is_judged && v.withdraw == FACT_NO);
}

static void old_key(void)
{
    struct verdict v;

    judge(OK_BODY("{\"permissions\":[],\"createdTime\":\"1700000000\"}"), &v);
    CHECK(verdict_has(&v, PROBLEM_OLD));
}

static void clock_reply(void)
{
    static const char *const bad[] = {
        "",
        OK_BODY("{}"),
        OK_BODY("{\"unixtime\":\"1780000000\"}"),
        OK_BODY("{\"unixtime\":1.5}"),
        OK_BODY("{\"unixtime\":-1}"),
        OK_BODY("{\"unixtime\":99999999999999}"),
        ERR_BODY("EService:Busy"),
    };
    struct reply r = reply_of(200, OK_BODY("{\"unixtime\":1780000000,\"rfc1123\":\"x\"}"));
    uint64_t ms = 0;
    struct err e;

    OK_CALL(kraken_checks.server_time(&r, &ms, &e), &e);
    EQ_INT(ms, 1780000000000u);
    EQ_INT(kraken_checks.time_unit_ms, 1000);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        r = reply_of(200, bad[i]);
        EQ_INT(kraken_checks.server_time(&r, &ms, &e), ERR_FORMAT);
    }
}

static void balances(void)
{
    struct talk t = talk_of(PURPOSE_BALANCE);
    struct balances b = {0};
    struct err e;

    answer(&t, 200,
           OK_BODY("{\"ZUSD\":{\"balance\":\"171288.6158\",\"hold_trade\":\"0.0158\"},"
                   "\"XXBT\":{\"balance\":\"0.0000000000\",\"hold_trade\":\"0.0000000000\"},"
                   "\"ETH.F\":{\"balance\":\"2.5\",\"hold_trade\":\"0\",\"credit\":\"1\"},"
                   "\"SOL\":{\"balance\":\"3\"}}"));
    OK_CALL(kraken_checks.balance(&t, &b, &e), &e);
    EQ_INT(b.n, 3);
    EQ_STR(b.v[0].asset, "ZUSD");
    EQ_STR(b.v[0].wallet, "spot");
    EQ_STR(b.v[0].free, "171288.6000");
    EQ_STR(b.v[0].locked, "0.0158");
    EQ_STR(b.v[0].total, "171288.6158");
    EQ_STR(b.v[1].asset, "ETH.F");
    EQ_STR(b.v[2].free, "");
    EQ_STR(b.v[2].total, "3");
    EQ_STR(b.missing, "");
    balances_free(&b);
}

static void bad_balances(void)
{
    static const struct {
        unsigned status;
        const char *body;
        int rc;
    } cases[] = {
        {200, OK_BODY("{\"ZUSD\":{\"balance\":\"1,5\",\"hold_trade\":\"0\"}}"), ERR_FORMAT},
        {200, OK_BODY("{\"ZUSD\":{\"balance\":1.5}}"), ERR_FORMAT},
        {200, OK_BODY("{\"ZUSD\":\"1.5\"}"), ERR_FORMAT},
        {200, OK_BODY("{\"ZUSD\":{\"balance\":\"1\",\"hold_trade\":\"x\"}}"), ERR_FORMAT},
        {200, OK_BODY("[]"), ERR_EXCHANGE},
        {200, ERR_BODY("EGeneral:Permission denied"), ERR_EXCHANGE},
        {502, "<html>", ERR_EXCHANGE},
        {0, "", ERR_EXCHANGE},
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t = talk_of(PURPOSE_BALANCE);
        struct balances b = {0};
        answer(&t, cases[i].status, cases[i].body);
        harness_int(kraken_checks.balance(&t, &b, &e), cases[i].rc, __FILE__, __LINE__,
                    cases[i].body);
        balances_free(&b);
    }
}

static void calls(void)
{
    struct talk t = talk_of(PURPOSE_VERIFY);

    next_is(&t, CLASS_PUBLIC, "/0/public/Time", "");
    t.n_asked = 1;
    next_is(&t, CLASS_READ, "/0/private/GetApiKeyInfo", "");
    t.n_asked = 2;
    then_is(&t, ASK_DONE);
    t = talk_of(PURPOSE_BALANCE);
    next_is(&t, CLASS_READ, "/0/private/BalanceEx", "");
    t.n_asked = 1;
    then_is(&t, ASK_DONE);
}

static void texts_for_people(void)
{
    CHECK(connector_kraken.checks == &kraken_checks && kraken_checks.guide == &kraken_guide);
    checks_are_whole(&kraken_checks);
}

int main(void)
{
    RUN(grid);
    RUN(unreadable_is_unknown);
    RUN(cut_replies_prove_nothing);
    RUN(both_spellings_are_neither);
    RUN(texts);
    RUN(old_key);
    RUN(clock_reply);
    RUN(balances);
    RUN(bad_balances);
    RUN(calls);
    RUN(texts_for_people);
    return harness_end();
}
