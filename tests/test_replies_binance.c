/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/binance_errors.c and of reading balances: what is made of replies written
 * after Binance's documentation. */
#include "tests/harness.h"

#include "connectors/binance.h"
#include "tests/talk_fixture.h"

#define BINANCE (&connector_binance)
#define ACCOUNT                                                                                    \
    "{\"makerCommission\":15,\"canTrade\":true,\"canWithdraw\":false,\"canDeposit\":true,"         \
    "\"updateTime\":123456789,\"accountType\":\"SPOT\",\"balances\":[{\"asset\":\"BTC\","          \
    "\"free\":\"0.50000000\",\"locked\":\"0.10000000\"},{\"asset\":\"USDT\",\"free\":\"12.3\","    \
    "\"locked\":\"0.00000000\"}],\"permissions\":[\"SPOT\"],\"uid\":354937868}"

/* -- errors -- */

static void errors_have_causes(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
        const char *code;
        size_t n_causes;
    } rows[] = {
        {200, ACCOUNT, FAILURE_NONE, "", 0},
        {200, "[]", FAILURE_NONE, "", 0},
        {401, "{\"code\":-2014,\"msg\":\"API-key format invalid.\"}", FAILURE_KEY, "-2014", 2},
        {401, "{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}",
         FAILURE_KEY, "-2015", 4},
        {401, "{\"code\":-2008,\"msg\":\"Invalid Api-Key ID.\"}", FAILURE_KEY_GONE, "-2008", 2},
        {400, "{\"code\":-1022,\"msg\":\"Signature for this request is not valid.\"}",
         FAILURE_SIGNATURE, "-1022", 2},
        {400, "{\"code\":-1021,\"msg\":\"Timestamp for this request is outside\"}", FAILURE_CLOCK,
         "-1021", 2},
        {401, "{\"code\":-1002,\"msg\":\"\"}", FAILURE_KEY, "-1002", 2},
        {401, "{\"code\":-1099,\"msg\":\"\"}", FAILURE_KEY, "-1099", 2},
        {429, "{\"code\":-1003,\"msg\":\"Too many requests.\"}", FAILURE_RATE, "-1003", 1},
        {418, "{\"code\":-1003,\"msg\":\"Way too many requests\"}", FAILURE_BANNED, "-1003", 1},
        {400, "{\"code\":-1015,\"msg\":\"Too many new orders.\"}", FAILURE_RATE, "-1015", 1},
        {503, "{\"code\":-1008,\"msg\":\"\"}", FAILURE_BUSY, "-1008", 1},
        {503, "{\"code\":-1016,\"msg\":\"\"}", FAILURE_BUSY, "-1016", 1},
        {408, "{\"code\":-1007,\"msg\":\"Timeout\"}", FAILURE_UNKNOWN_STATE, "-1007", 1},
        {400, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}", FAILURE_REQUEST, "-1121", 1},
        {400, "{\"code\":-1102,\"msg\":\"\"}", FAILURE_REQUEST, "-1102", 1},
        {400, "{\"code\":-1013,\"msg\":\"Filter failure: NOTIONAL\"}", FAILURE_REQUEST, "-1013", 1},
        {400, "{\"code\":-2010,\"msg\":\"Account has insufficient balance for requested action.\"}",
         FAILURE_FUNDS, "-2010", 1},
        {400, "{\"code\":-2010,\"msg\":\"This symbol is not permitted for this account.\"}",
         FAILURE_RIGHT, "-2010", 1},
        {400, "{\"code\":-2010,\"msg\":\"Duplicate order sent.\"}", FAILURE_REQUEST, "-2010", 1},
        {400, "{\"code\":-9999,\"msg\":\"new\"}", FAILURE_OTHER, "-9999", 0},
        {200, "{\"code\":-9999,\"msg\":\"new\"}", FAILURE_OTHER, "-9999", 0},
        {503, "System is under maintenance.", FAILURE_BUSY, "", 2},
        {403, "<html>forbidden</html>", FAILURE_BANNED, "", 1},
        {451, "", FAILURE_PLACE, "", 1},
        {503, "{\"code\":-2008,\"msg\":\"\"}", FAILURE_BUSY, "-2008", 1},
        {429, "{\"code\":-2015,\"msg\":\"\"}", FAILURE_RATE, "-2015", 1},
        {418, "", FAILURE_BANNED, "", 1},
        {504, "<html>", FAILURE_UNKNOWN_STATE, "", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct failure f;
        enum failure_kind k = talk_explain(BINANCE, rows[i].status, rows[i].body, &f);
        harness_ok(k == rows[i].kind && !strcmp(f.code, rows[i].code) &&
                       f.n_causes == rows[i].n_causes,
                   __FILE__, __LINE__, "%u %s: %s, code '%s', %zu causes", rows[i].status,
                   rows[i].body, failure_name(k), f.code, f.n_causes);
        for (size_t j = 0; j < f.n_causes; j++)
            CHECK(f.causes[j].what && f.causes[j].tell);
    }
}

static void garbage_is_garbage(void)
{
    static const char *const bodies[] = {"",     "<html>hello</html>", "{\"a\":1", "5", "\"ok\"",
                                         "null", "{\"a\":1,\"a\":1}",  NULL};
    for (size_t i = 0; bodies[i]; i++) {
        struct failure f;
        EQ_INT(talk_explain(BINANCE, 200, bodies[i], &f), FAILURE_GARBAGE);
    }
    struct failure f;
    EQ_INT(talk_explain(BINANCE, 302, "{}", &f), FAILURE_GARBAGE);
}

static void ban_tells_how_long(void)
{
    struct failure f;
    talk_explain(BINANCE, 418,
                 "{\"code\":-1003,\"msg\":\"Way too much request weight used; IP banned until "
                 "1763812860050. Please use the websocket\"}",
                 &f);
    EQ_INT(f.retry_after_s, 60);
    talk_explain(BINANCE, 418, "{\"code\":-1003,\"msg\":\"IP banned until soon\"}", &f);
    EQ_INT(f.retry_after_s, 0);
    talk_explain(BINANCE, 401, "{\"code\":-2015,\"msg\":\"a\\u001b[2Jb\"}", &f);
    EQ_STR(f.message, "a\\x1b[2Jb");
}

/* -- balance -- */

static int balance(unsigned spot_status, const char *spot, unsigned status, const char *futures,
                   struct balances *out, struct err *e)
{
    struct talk t = talk_with(BINANCE, PURPOSE_BALANCE, ENV_LIVE);
    *out = (struct balances){0};
    talk_put(&t, 0, spot_status, spot);
    talk_put(&t, 1, status, futures);
    return BINANCE->checks->balance(&t, out, e);
}

static void balances_are_listed(void)
{
    struct balances b;
    struct err e;
    OK_CALL(balance(200, ACCOUNT, 200,
                    "[{\"accountAlias\":\"SgsR\",\"asset\":\"USDT\",\"balance\":\"122607.35\","
                    "\"crossWalletBalance\":\"23.7\",\"availableBalance\":\"23.72469206\"},"
                    "{\"asset\":\"BNB\",\"balance\":\"0.00\",\"availableBalance\":\"0.00\"}]",
                    &b, &e),
            &e);
    if (CHECK(b.n == 3)) {
        EQ_STR(b.v[0].wallet, "spot");
        EQ_STR(b.v[0].asset, "BTC");
        EQ_STR(b.v[0].free, "0.50000000");
        EQ_STR(b.v[0].locked, "0.10000000");
        EQ_STR(b.v[0].total, "0.60000000");
        EQ_STR(b.v[2].wallet, "futures");
        EQ_STR(b.v[2].free, "23.72469206");
        EQ_STR(b.v[2].locked, "");
        EQ_STR(b.v[2].total, "122607.35");
    }
    EQ_STR(b.missing, "");
    balances_free(&b);
}

static void missing_futures_is_no_error(void)
{
    struct balances b;
    struct err e;
    OK_CALL(balance(200, ACCOUNT, 401, "{\"code\":-2015,\"msg\":\"Invalid API-key\"}", &b, &e), &e);
    EQ_INT(b.n, 2);
    EQ_STR(b.missing, "");
    EQ_STR(b.closed, "futures: not open to this key (-2015)");
    balances_free(&b);
    OK_CALL(balance(200, ACCOUNT, 200,
                    "[{\"asset\":\"USDT\",\"balance\":\"1\"},{\"asset\":\"A\",\"balance\":\"x\"}]",
                    &b, &e),
            &e);
    EQ_INT(b.n, 2);
    EQ_STR(b.missing, "futures: no answer in the documented form");
    EQ_STR(b.closed, "");
    balances_free(&b);
    EQ_INT(balance(401, "{\"code\":-2015,\"msg\":\"Invalid\"}", 200, "[]", &b, &e), ERR_EXCHANGE);
    EQ_STR(e.msg, "binance refuses: -2015 Invalid");
    balances_free(&b);
    EQ_INT(balance(200, "{\"balances\":[{\"asset\":\"A\",\"free\":\"1,5\",\"locked\":\"0\"}]}", 200,
                   "[]", &b, &e),
           ERR_FORMAT);
    balances_free(&b);
}

int main(void)
{
    RUN(errors_have_causes);
    RUN(garbage_is_garbage);
    RUN(ban_tells_how_long);
    RUN(balances_are_listed);
    RUN(missing_futures_is_no_error);
    return harness_end();
}
