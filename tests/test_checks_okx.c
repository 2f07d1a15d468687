/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/okx_checks.c: what is asked about a key, and what is judged from replies
 * written after OKX's documentation. */
#include "tests/harness.h"

#include "connectors/okx.h"
#include "tests/talk_fixture.h"

#define OKX (&connector_okx)
#define BIT(p) (1u << PROBLEM_##p)

static struct verdict judge_in(enum environment env, unsigned status, const char *config)
{
    struct talk t = talk_with(OKX, PURPOSE_VERIFY, env);
    struct verdict v;
    talk_put(&t, 1, status, config);
    OKX->checks->judge(&t, TALK_NOW_MS, &v);
    return v;
}

static void verify_asks(void)
{
    static const char *const regions[] = {NULL, "www", "app", "my"};
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        struct talk t = talk_with(OKX, PURPOSE_VERIFY, i % 2 ? ENV_LIVE : ENV_DEMO);
        enum req_class c;
        t.region = regions[i];
        t.wants_account = true;
        EQ_STR(talk_next(&t, &c), "GET /api/v5/public/time");
        EQ_INT(c, CLASS_PUBLIC);
        EQ_STR(talk_next(&t, &c), "GET /api/v5/account/config");
        EQ_INT(c, CLASS_READ);
        EQ_STR(talk_next(&t, &c), "done");
    }
}

static void balance_asks(void)
{
    struct talk t = talk_with(OKX, PURPOSE_BALANCE, ENV_LIVE);
    enum req_class c;
    EQ_STR(talk_next(&t, &c), "GET /api/v5/account/balance");
    EQ_INT(c, CLASS_READ);
    EQ_STR(talk_next(&t, &c), "GET /api/v5/asset/balances");
    EQ_INT(c, CLASS_READ);
    EQ_STR(talk_next(&t, &c), "done");
}

static void clock_is_read(void)
{
    static const char *const bad[] = {"{\"code\":\"0\",\"data\":[]}",
                                      "{\"code\":\"0\",\"data\":[{\"ts\":1763812800123}]}",
                                      "{\"code\":\"50001\",\"data\":[{\"ts\":\"1763812800123\"}]}",
                                      "{\"code\":\"0\",\"data\":[{\"ts\":\"-1\"}]}",
                                      "",
                                      "<html>",
                                      NULL};
    struct talk t = talk_with(OKX, PURPOSE_VERIFY, ENV_LIVE);
    uint64_t ms = 7;
    struct err e;
    talk_put(&t, 0, 200, "{\"code\":\"0\",\"data\":[{\"ts\":\"1763812800123\"}],\"msg\":\"\"}");
    OK_CALL(OKX->checks->server_time(&t.replies[0], &ms, &e), &e);
    EQ_INT(ms, 1763812800123);
    for (size_t i = 0; bad[i]; i++) {
        ms = 7;
        talk_put(&t, 0, 200, bad[i]);
        EQ_INT(OKX->checks->server_time(&t.replies[0], &ms, &e), ERR_FORMAT);
        EQ_INT(ms, 7);
    }
}

/* -- the grid -- */

/* What stands in "perm", and what follows. */
static const struct {
    const char *json; /* NULL: not there */
    enum fact spot, withdraw, transfer;
    bool does_more;    /* than read, known so */
    unsigned problems; /* besides those of the IP list */
} perms[] = {
    {"\"read_only\"", FACT_NO, FACT_NO, FACT_NO, false, BIT(CANNOT_TRADE)},
    {"\"read_only,trade\"", FACT_YES, FACT_NO, FACT_YES, true, BIT(TRANSFER)},
    {"\"trade\"", FACT_YES, FACT_NO, FACT_YES, true, BIT(TRANSFER)},
    {"\"trade, read_only\"", FACT_YES, FACT_NO, FACT_YES, true, BIT(TRANSFER)},
    {"\"read_only,withdraw,trade\"", FACT_YES, FACT_YES, FACT_YES, true,
     BIT(TRANSFER) | BIT(WITHDRAW)},
    {"\"read_only,withdraw\"", FACT_NO, FACT_YES, FACT_UNKNOWN, true,
     BIT(CANNOT_TRADE) | BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW)},
    {"\"read_only,teleport\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(UNKNOWN_RIGHT) | BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"\"read_only,trade,Withdraw\"", FACT_YES, FACT_UNKNOWN, FACT_YES, true,
     BIT(UNKNOWN_RIGHT) | BIT(TRANSFER) | BIT(WITHDRAW_UNKNOWN)},
    {"\"read_only,trade\\t\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(UNKNOWN_RIGHT) | BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"\"read_only|withdraw\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(UNKNOWN_RIGHT) | BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"\"read_only,\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"\"\"", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"[\"read_only\"]", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {"null", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
    {NULL, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, false,
     BIT(TRANSFER_UNKNOWN) | BIT(WITHDRAW_UNKNOWN)},
};

static const struct {
    const char *json;
    enum fact bound;
} lists[] = {
    {"\"1.2.3.4\"", FACT_YES},  {"\"1.2.3.0/24,2001:db8::1\"", FACT_YES},
    {"\"\"", FACT_NO},          {"\" \"", FACT_NO},
    {"\"0.0.0.0/0\"", FACT_NO}, {"\"1.2.3.4,::/0\"", FACT_NO},
    {"\"none\"", FACT_UNKNOWN}, {"[]", FACT_UNKNOWN},
    {"null", FACT_UNKNOWN},     {NULL, FACT_UNKNOWN},
};

/* "acctLv": what it says of futures when the key may trade. */
static const struct {
    const char *json;
    enum fact futures;
} levels[] = {
    {"\"1\"", FACT_NO},  {"\"2\"", FACT_YES},      {"\"4\"", FACT_YES},  {"\"5\"", FACT_UNKNOWN},
    {"2", FACT_UNKNOWN}, {"\"22\"", FACT_UNKNOWN}, {NULL, FACT_UNKNOWN},
};

static void put(struct buf *b, const char *name, const char *value)
{
    if (value)
        buf_addf(b, ",\"%s\":%s", name, value);
}

static void check_cell(enum environment env, size_t p, size_t l, size_t a)
{
    AUTO_BUF b = BUF_INIT(2048);
    buf_adds(&b, "{\"code\":\"0\",\"data\":[{\"uid\":\"44705892343619584\","
                 "\"mainUid\":\"44705892343619584\",\"label\":\"bot\"");
    put(&b, "perm", perms[p].json);
    put(&b, "ip", lists[l].json);
    put(&b, "acctLv", levels[a].json);
    buf_adds(&b, "}],\"msg\":\"\"}");
    struct verdict v = judge_in(env, 200, buf_str(&b));
    enum fact ip = lists[l].bound;
    enum fact futures = perms[p].spot == FACT_YES ? levels[a].futures : perms[p].spot;
    unsigned want = perms[p].problems | (ip == FACT_NO    ? BIT(NO_IP_LIST)
                                         : ip == FACT_YES ? 0
                                                          : BIT(IP_LIST_UNKNOWN));
    if (env == ENV_LIVE && ip == FACT_NO && perms[p].does_more)
        want |= BIT(DELETED_WHEN_IDLE);
    bool is_right = v.is_judged && v.read == FACT_YES && v.withdraw == perms[p].withdraw &&
                    v.transfer == perms[p].transfer && v.trade_spot == perms[p].spot &&
                    v.trade_futures == futures && v.ip_bound == ip && v.expires_ms == 0 &&
                    v.created_ms == 0 && !strcmp(v.account, "44705892343619584") &&
                    !strcmp(v.label, "bot") && talk_problems(&v) == want;
    harness_ok(is_right, __FILE__, __LINE__, "%s: problems %x, not %x", buf_str(&b),
               talk_problems(&v), want);
    if (v.expires == FACT_NO)
        CHECK(env == ENV_DEMO || ip == FACT_YES || perms[p].spot == FACT_NO);
}

static void grid(void)
{
    static const enum environment envs[] = {ENV_LIVE, ENV_DEMO};
    for (size_t env = 0; env < ARRAY_LEN(envs); env++)
        for (size_t p = 0; p < ARRAY_LEN(perms); p++)
            for (size_t l = 0; l < ARRAY_LEN(lists); l++)
                for (size_t a = 0; a < ARRAY_LEN(levels); a++)
                    check_cell(envs[env], p, l, a);
}

#define CONFIG(members) "{\"code\":\"0\",\"data\":[{" members "}],\"msg\":\"\"}"

static void transfer_text_knows_sub_accounts(void)
{
    struct verdict v = judge_in(ENV_LIVE, 200,
                                CONFIG("\"perm\":\"read_only,trade\",\"ip\":\"1.2.3.4\","
                                       "\"acctLv\":\"2\",\"uid\":\"2\",\"mainUid\":\"1\""));
    const struct finding *f = talk_finding(&v, PROBLEM_TRANSFER);
    if (CHECK(f != NULL)) {
        CHECK(strstr(f->text, "sub-account's wallets"));
        CHECK(strstr(f->todo, "--accept-risk"));
    }
    v = judge_in(ENV_LIVE, 200,
                 CONFIG("\"perm\":\"read_only,trade\",\"ip\":\"1.2.3.4\",\"uid\":\"1\""));
    f = talk_finding(&v, PROBLEM_TRANSFER);
    if (CHECK(f != NULL)) {
        CHECK(strstr(f->text, "and its sub-accounts"));
        CHECK(strstr(f->todo, "sub-account"));
    }
    EQ_STR(v.ips, "1.2.3.4");
}

static void names_are_fit_to_show(void)
{
    struct verdict v = judge_in(ENV_LIVE, 200,
                                CONFIG("\"perm\":\"read_only,\\u001b[2J\",\"ip\":\"1.2.3.4\","
                                       "\"label\":\"a\\u202eb\\u0000c\",\"uid\":7"));
    EQ_STR(v.label, "a\\xe2\\x80\\xaeb\\x00c");
    EQ_STR(v.account, "");
    EQ_STR(talk_finding(&v, PROBLEM_UNKNOWN_RIGHT)->text, "'\\x1b[2J'");
    EQ_INT(v.withdraw, FACT_UNKNOWN);
}

/* What is no answer to the call proves nothing. */
static void nothing_is_judged_from_other_replies(void)
{
#define READ_ONLY "\"perm\":\"read_only\",\"ip\":\"1.2.3.4\""
    static const struct {
        unsigned status;
        const char *body;
    } rows[] = {
        {200, ""},
        {200, "{}"},
        {200, "{\"code\":\"0\",\"data\":[],\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":[{}],\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":[{\"ts\":\"1763812800123\"}],\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":[{" READ_ONLY "},{\"perm\":\"withdraw\"}],\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":{" READ_ONLY "},\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":[\""
              "read_only"
              "\"],\"msg\":\"\"}"},
        {200, "{\"code\":0,\"data\":[{" READ_ONLY "}],\"msg\":\"\"}"},
        {200, "{\"code\":\"50120\",\"data\":[{" READ_ONLY "}],\"msg\":\"\"}"},
        {200, "{\"code\":\"0\",\"data\":[{" READ_ONLY ",\"sCode\":\"50120\"}],\"msg\":\"\"}"},
        {200, "{" READ_ONLY "}"},
        {200, "<html>" READ_ONLY "</html>"},
        {200, "{\"code\":\"0\",\"data\":[{" READ_ONLY "}"},
        {200, CONFIG(READ_ONLY ",\"perm\":\"withdraw\"")},
        {401, CONFIG(READ_ONLY)},
        {302, CONFIG(READ_ONLY)},
        {500, CONFIG(READ_ONLY)},
        {0, CONFIG(READ_ONLY)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = judge_in(ENV_LIVE, rows[i].status, rows[i].body);
        harness_ok(!v.is_judged && v.withdraw == FACT_UNKNOWN && v.transfer == FACT_UNKNOWN &&
                       v.read == FACT_UNKNOWN,
                   __FILE__, __LINE__, "%u %s is judged", rows[i].status, rows[i].body);
    }
}

/* Where it is cut, the word that matters may have stood. */
static void no_list_of_rights_is_cut(void)
{
    static const char *const ends[] = {"\xc3\xa9,withdraw", ",withdraw", "\\u0001,withdraw",
                                       ",trade"};
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
            char body[1024] = "{\"code\":\"0\",\"data\":[{\"perm\":\"";
            size_t from = strlen(body);
            for (size_t at = from; at < from + 240; at += 10)
                memcpy(body + at, "read_only,", 11);
            snprintf(body + strlen(body), sizeof(body) - strlen(body), "%.*sread_only%s\"}]}",
                     (int)(4 + n), "       ", ends[i]);
            struct verdict v = judge_in(ENV_LIVE, 200, body);
            CHECK(v.is_judged && v.withdraw != FACT_NO && v.transfer != FACT_NO);
        }
}

int main(void)
{
    RUN(verify_asks);
    RUN(balance_asks);
    RUN(clock_is_read);
    RUN(grid);
    RUN(transfer_text_knows_sub_accounts);
    RUN(names_are_fit_to_show);
    RUN(nothing_is_judged_from_other_replies);
    RUN(no_list_of_rights_is_cut);
    return harness_end();
}
