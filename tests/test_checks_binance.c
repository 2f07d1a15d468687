/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/binance_checks.c: what is asked about a key, and what is judged from
 * replies written after Binance's documentation. */
#include "tests/harness.h"

#include "connectors/binance.h"
#include "tests/talk_fixture.h"

#define BINANCE (&connector_binance)
#define BIT(p) (1u << PROBLEM_##p)
#define ACCOUNT                                                                                    \
    "{\"makerCommission\":15,\"canTrade\":true,\"canWithdraw\":false,\"canDeposit\":true,"         \
    "\"updateTime\":123456789,\"accountType\":\"SPOT\",\"balances\":[{\"asset\":\"BTC\","          \
    "\"free\":\"0.50000000\",\"locked\":\"0.10000000\"},{\"asset\":\"USDT\",\"free\":\"12.3\","    \
    "\"locked\":\"0.00000000\"}],\"permissions\":[\"SPOT\"],\"uid\":354937868}"

static struct verdict judge(struct talk *t)
{
    struct verdict v;
    BINANCE->checks->judge(t, TALK_NOW_MS, &v);
    return v;
}

static struct verdict judge_live(const char *rights)
{
    struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    talk_put(&t, 1, 200, rights);
    return judge(&t);
}

#define FINE                                                                                       \
    "\"ipRestrict\":true,\"createTime\":1760000000000,\"enableReading\":true,"                     \
    "\"enableWithdrawals\":false,\"enableInternalTransfer\":false,\"enableMargin\":false,"         \
    "\"enableFutures\":false,\"permitsUniversalTransfer\":false,\"enableVanillaOptions\":false,"   \
    "\"enableFixApiTrade\":false,\"enableFixReadOnly\":true,"                                      \
    "\"enableSpotAndMarginTrading\":true,\"enablePortfolioMarginTrading\":false"

static void verify_asks(void)
{
    struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    enum req_class c;
    t.wants_account = true;
    EQ_STR(talk_next(&t, &c), "GET /api/v3/time");
    EQ_INT(c, CLASS_PUBLIC);
    EQ_STR(talk_next(&t, &c), "GET /sapi/v1/account/apiRestrictions");
    EQ_INT(c, CLASS_READ);
    EQ_STR(talk_next(&t, &c), "GET /api/v3/account?omitZeroBalances=true");
    EQ_INT(c, CLASS_READ);
    EQ_STR(talk_next(&t, &c), "done");
    t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    t.n_asked = 2;
    EQ_STR(talk_next(&t, &c), "wait");
    talk_put(&t, 1, 200, "{" FINE "}");
    EQ_STR(talk_next(&t, &c), "done");
    talk_put(&t, 1, 429, "");
    EQ_STR(talk_next(&t, &c), "done");
    talk_put(&t, 1, 401, "{\"code\":-2015,\"msg\":\"\"}");
    EQ_STR(talk_next(&t, &c), "GET /api/v3/account?omitZeroBalances=true");
    EQ_STR(talk_next(&t, &c), "done");
    for (unsigned env = ENV_TEST; env <= ENV_DEMO; env++) {
        t = talk_with(BINANCE, PURPOSE_VERIFY, (enum environment)env);
        EQ_STR(talk_next(&t, &c), "GET /api/v3/time");
        EQ_STR(talk_next(&t, &c), "GET /api/v3/account?omitZeroBalances=true");
        EQ_INT(c, CLASS_READ);
        EQ_STR(talk_next(&t, &c), "done");
    }
}

static void balance_asks(void)
{
    for (unsigned env = 0; env < ENV_COUNT; env++) {
        struct talk t = talk_with(BINANCE, PURPOSE_BALANCE, (enum environment)env);
        enum req_class c;
        EQ_STR(talk_next(&t, &c), "GET /api/v3/account?omitZeroBalances=true");
        EQ_INT(c, CLASS_READ);
        EQ_STR(talk_next(&t, &c), "GET /fapi/v3/balance");
        EQ_INT(c, CLASS_READ);
        EQ_STR(talk_next(&t, &c), "done");
    }
}

static void clock_is_read(void)
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"serverTime\":\"1763812800000\"}",
                                      "",
                                      "{\"serverTime\":-1}",
                                      "{\"code\":-1003,\"msg\":\"x\"}",
                                      "{\"serverTime\":1,\"serverTime\":2}",
                                      "<html>",
                                      NULL};
    struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    uint64_t ms = 7;
    struct err e;
    talk_put(&t, 0, 200, "{\"serverTime\":1763812800123}");
    OK_CALL(BINANCE->checks->server_time(&t.replies[0], &ms, &e), &e);
    EQ_INT(ms, 1763812800123);
    for (size_t i = 0; bad[i]; i++) {
        ms = 7;
        talk_put(&t, 0, 200, bad[i]);
        EQ_INT(BINANCE->checks->server_time(&t.replies[0], &ms, &e), ERR_FORMAT);
        EQ_INT(ms, 7);
    }
}

/* -- the grid -- */

static const char *const moving[] = {"enableInternalTransfer", "permitsUniversalTransfer",
                                     "enableMargin", "enablePortfolioMarginTrading"};

/* How a boolean may stand in a reply. Only the first two tell anything. */
static const char *const forms[] = {"true", "false", "\"false\"", "\"true\"", "0", "null", NULL};
#define N_FORMS ARRAY_LEN(forms) /* the last: not there */

static enum fact fact_of(size_t form)
{
    return form == 0 ? FACT_YES : form == 1 ? FACT_NO : FACT_UNKNOWN;
}

static void put(struct buf *b, const char *name, const char *value)
{
    if (value)
        buf_addf(b, "%s\"%s\":%s", b->n > 1 ? "," : "", name, value);
}

struct cell {
    size_t withdraw, transfer, which, ip, expiry, trade;
};

static const struct {
    const char *text;
    unsigned problem;
    enum fact expires;
} expiries[] = {
    {NULL, 0, FACT_UNKNOWN},
    {"1763812799999", BIT(EXPIRED), FACT_YES},
    {"1764417600000", BIT(EXPIRES_SOON), FACT_YES}, /* in a week */
    {"1766404800000", 0, FACT_YES},                 /* in a month */
    {"\"1766404800000\"", 0, FACT_UNKNOWN},
    {"0", 0, FACT_UNKNOWN},
};

static void write_cell(const struct cell *c, struct buf *b)
{
    static const char *const on[] = {"false", "true"};
    buf_addc(b, '{');
    put(b, "ipRestrict", forms[c->ip]);
    put(b, "createTime", "1760000000000");
    put(b, "enableReading", "true");
    put(b, "enableWithdrawals", forms[c->withdraw]);
    for (size_t i = 0; i < ARRAY_LEN(moving); i++)
        put(b, moving[i], i == c->which ? forms[c->transfer] : "false");
    put(b, "enableFutures", on[c->trade >> 1]);
    put(b, "enableSpotAndMarginTrading", on[c->trade & 1]);
    put(b, "enableVanillaOptions", "false");
    put(b, "enableFixApiTrade", "false");
    put(b, "enableFixReadOnly", "true");
    put(b, "tradingAuthorityExpirationTime", expiries[c->expiry].text);
    buf_addc(b, '}');
}

static unsigned expected(const struct cell *c)
{
    unsigned p = expiries[c->expiry].problem;
    enum fact w = fact_of(c->withdraw), m = fact_of(c->transfer), ip = fact_of(c->ip);
    p |= w == FACT_YES ? BIT(WITHDRAW) : w == FACT_NO ? 0 : BIT(WITHDRAW_UNKNOWN);
    p |= m == FACT_YES ? BIT(TRANSFER) : m == FACT_NO ? 0 : BIT(TRANSFER_UNKNOWN);
    p |= ip == FACT_YES ? 0 : ip == FACT_NO ? BIT(NO_IP_LIST) : BIT(IP_LIST_UNKNOWN);
    if (!c->trade)
        p |= BIT(CANNOT_TRADE);
    if (ip == FACT_NO && (c->trade || w == FACT_YES || m == FACT_YES))
        p |= BIT(DELETED_WHEN_IDLE);
    return p;
}

static void check_cell(const struct cell *c)
{
    AUTO_BUF b = BUF_INIT(4096);
    write_cell(c, &b);
    struct verdict v = judge_live(buf_str(&b));
    bool is_bound = fact_of(c->ip) == FACT_YES;
    enum fact expires = expiries[c->expiry].text ? expiries[c->expiry].expires
                        : is_bound               ? FACT_NO
                                                 : FACT_UNKNOWN;
    bool is_right = v.is_judged && v.read == FACT_YES && v.withdraw == fact_of(c->withdraw) &&
                    v.transfer == fact_of(c->transfer) && v.ip_bound == fact_of(c->ip) &&
                    v.trade_spot == (c->trade & 1 ? FACT_YES : FACT_NO) &&
                    v.trade_futures == (c->trade >> 1 ? FACT_YES : FACT_NO) &&
                    v.expires == expires && (v.expires_ms != 0) == (expires == FACT_YES) &&
                    v.created_ms == 1760000000000 && talk_problems(&v) == expected(c);
    harness_ok(is_right, __FILE__, __LINE__, "%s: problems %x, not %x", buf_str(&b),
               talk_problems(&v), expected(c));
}

static void grid_live(void)
{
    struct cell c = {0};
    for (c.withdraw = 0; c.withdraw < N_FORMS; c.withdraw++)
        for (c.transfer = 0; c.transfer < N_FORMS; c.transfer++)
            for (c.which = 0; c.which < ARRAY_LEN(moving); c.which++)
                for (c.ip = 0; c.ip < N_FORMS; c.ip++)
                    for (c.expiry = 0; c.expiry < ARRAY_LEN(expiries); c.expiry++)
                        for (c.trade = 0; c.trade < 4; c.trade++)
                            check_cell(&c);
}

/* The account's own flags must not be taken for the key's, whatever they say. */
static void grid_without_rights_call(void)
{
    static const char *const flags[] = {"true", "false"};
    const unsigned unknown = BIT(WITHDRAW_UNKNOWN) | BIT(TRANSFER_UNKNOWN) | BIT(IP_LIST_UNKNOWN);
    for (unsigned env = 0; env < ENV_COUNT; env++)
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
            AUTO_BUF b = BUF_INIT(512);
            buf_addf(&b,
                     "{\"canTrade\":%s,\"canWithdraw\":%s,\"enableWithdrawals\":false,"
                     "\"balances\":[],\"uid\":354937868}",
                     flags[i], flags[i]);
            struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, (enum environment)env);
            t.wants_account = true;
            talk_put(&t, env == ENV_LIVE ? 2 : 1, 200, buf_str(&b));
            if (env == ENV_LIVE)
                talk_put(&t, 1, 400, "{\"code\":-1000,\"msg\":\"An unknown error occurred\"}");
            struct verdict v = judge(&t);
            CHECK(v.is_judged);
            EQ_INT(v.read, FACT_YES);
            EQ_INT(v.withdraw, FACT_UNKNOWN);
            EQ_INT(v.transfer, FACT_UNKNOWN);
            EQ_INT(v.trade_spot, FACT_UNKNOWN);
            EQ_STR(v.account, "354937868");
            EQ_INT(talk_problems(&v), unknown);
            CHECK(talk_finding(&v, PROBLEM_WITHDRAW_UNKNOWN)->text[0] != 0);
        }
}


static void good_key_has_no_problem(void)
{
    struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    t.wants_account = true;
    talk_put(&t, 1, 200, "{" FINE "}");
    talk_put(&t, 2, 200, ACCOUNT);
    struct verdict v = judge(&t);
    EQ_INT(talk_problems(&v), 0);
    EQ_INT(v.withdraw, FACT_NO);
    EQ_INT(v.transfer, FACT_NO);
    EQ_INT(v.expires, FACT_NO);
    EQ_STR(v.account, "354937868");
}

static void unknown_rights_are_named(void)
{
    static const struct {
        const char *member, *text; /* NULL: no problem */
    } rows[] = {
        {",\"enableTeleport\":true", "enableTeleport"},
        {",\"permitsTeleport\":true", "permitsTeleport"},
        {",\"canTeleport\":\"true\"", "canTeleport"},
        {",\"enableTeleport\":null", "enableTeleport"},
        {",\"enableA\":true,\"enableB\":false,\"permitsC\":1", "enableA, permitsC"},
        {",\"enable\\u001b[31m\":true", "enable\\x1b[31m"},
        {",\"EnableWithdrawals\":true", "EnableWithdrawals"},
        {",\"withdrawEnabled\":true", "withdrawEnabled"},
        {",\"subTransfer\":1", "subTransfer"},
        {",\"enableTeleport\":false", NULL},
        {",\"somethingElse\":true", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char body[1024];
        snprintf(body, sizeof(body), "{" FINE "%s}", rows[i].member);
        struct verdict v = judge_live(body);
        EQ_INT(talk_problems(&v), rows[i].text ? BIT(UNKNOWN_RIGHT) : 0);
        if (rows[i].text)
            EQ_STR(talk_finding(&v, PROBLEM_UNKNOWN_RIGHT)->text, rows[i].text);
    }
}

static void transfer_text_says_why(void)
{
    struct verdict v = judge_live("{\"enableInternalTransfer\":false,\"enableMargin\":true,"
                                  "\"permitsUniversalTransfer\":false}");
    EQ_INT(v.transfer, FACT_YES);
    EQ_STR(talk_finding(&v, PROBLEM_TRANSFER)->text,
           "enableMargin (margin loans, to and from margin)");
    v = judge_live("{\"enableInternalTransfer\":false,\"enableWithdrawals\":false}");
    EQ_INT(v.transfer, FACT_UNKNOWN);
    EQ_STR(talk_finding(&v, PROBLEM_TRANSFER_UNKNOWN)->text,
           "the answer does not tell permitsUniversalTransfer, enableMargin, "
           "enablePortfolioMarginTrading");
}

static void expiry_text_is_about_the_right(void)
{
    struct verdict v = judge_live("{" FINE ",\"tradingAuthorityExpirationTime\":1763899200000}");
    const struct finding *f = talk_finding(&v, PROBLEM_EXPIRES_SOON);
    if (CHECK(f != NULL))
        EQ_STR(f->text, "the right to trade spot and margin lapses in 1 days");
}

/* What is no answer to the call proves nothing. */
static void nothing_is_judged_from_other_replies(void)
{
    static const struct {
        unsigned status;
        const char *body;
    } rows[] = {
        {200, ""},
        {200, "{}"},
        {200, "[]"},
        {200, "true"},
        {200, "<html><body>" FINE "</body></html>"},
        {200, "{" FINE},
        {200, "{" FINE "} x"},
        {200, "{" FINE ",\"enableWithdrawals\":false}"},
        {200, "{\"data\":{" FINE "}}"},
        {200, "{" FINE ",\"code\":-2015,\"msg\":\"\"}"},
        {401, "{" FINE "}"},
        {302, "{" FINE "}"},
        {500, "{" FINE "}"},
        {0, "{" FINE "}"},
        {401, "{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
        talk_put(&t, 1, rows[i].status, rows[i].body);
        struct verdict v = judge(&t);
        harness_ok(!v.is_judged && v.withdraw == FACT_UNKNOWN && v.transfer == FACT_UNKNOWN &&
                       v.read == FACT_UNKNOWN,
                   __FILE__, __LINE__, "%u %s is judged", rows[i].status, rows[i].body);
    }
    struct talk t = talk_with(BINANCE, PURPOSE_VERIFY, ENV_LIVE);
    t.n_asked = 2;
    CHECK(!judge(&t).is_judged);
}

int main(void)
{
    RUN(verify_asks);
    RUN(balance_asks);
    RUN(clock_is_read);
    RUN(grid_live);
    RUN(grid_without_rights_call);
    RUN(good_key_has_no_problem);
    RUN(unknown_rights_are_named);
    RUN(transfer_text_says_why);
    RUN(expiry_text_is_about_the_right);
    RUN(nothing_is_judged_from_other_replies);
    return harness_end();
}
