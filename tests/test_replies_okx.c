/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/okx_errors.c and of reading balances: what is made of replies written after
 * OKX's documentation. */
#include "tests/harness.h"

#include "connectors/okx.h"
#include "tests/talk_fixture.h"

#define OKX (&connector_okx)
#define ERROR(code) "{\"code\":\"" code "\",\"data\":[],\"msg\":\"words\"}"

static void errors_have_causes(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
        const char *code;
        size_t n_causes;
    } rows[] = {
        {200, "{\"code\":\"0\",\"data\":[],\"msg\":\"\"}", FAILURE_NONE, "", 0},
        {401, ERROR("50119"), FAILURE_KEY_GONE, "50119", 2},
        {200, ERROR("50119"), FAILURE_KEY_GONE, "50119", 2},
        {401, ERROR("50111"), FAILURE_KEY, "50111", 2},
        {401, ERROR("50105"), FAILURE_KEY, "50105", 1},
        {401, ERROR("50114"), FAILURE_KEY, "50114", 2},
        {400, ERROR("50100"), FAILURE_KEY, "50100", 1},
        {401, ERROR("50113"), FAILURE_SIGNATURE, "50113", 1},
        {401, ERROR("50102"), FAILURE_CLOCK, "50102", 1},
        {401, ERROR("50112"), FAILURE_CLOCK, "50112", 1},
        {401, ERROR("50101"), FAILURE_OTHER_ENVIRONMENT, "50101", 1},
        {401, ERROR("50110"), FAILURE_IP, "50110", 1},
        {200, ERROR("50121"), FAILURE_PLACE, "50121", 1},
        {503, ERROR("50119"), FAILURE_BUSY, "50119", 1},
        {200, ERROR("50120"), FAILURE_RIGHT, "50120", 1},
        {200, ERROR("50030"), FAILURE_RIGHT, "50030", 1},
        {403, ERROR("50035"), FAILURE_RIGHT, "50035", 1},
        {200, ERROR("50041"), FAILURE_RIGHT, "50041", 1},
        {401, ERROR("50103"), FAILURE_REQUEST, "50103", 1},
        {429, ERROR("50011"), FAILURE_RATE, "50011", 1},
        {200, ERROR("50011"), FAILURE_RATE, "50011", 1},
        {200, ERROR("50061"), FAILURE_RATE, "50061", 1},
        {200, ERROR("50040"), FAILURE_RATE, "50040", 1},
        {429, ERROR("50013"), FAILURE_BUSY, "50013", 1},
        {503, ERROR("50001"), FAILURE_BUSY, "50001", 1},
        {410, ERROR("50005"), FAILURE_BUSY, "50005", 1},
        {500, ERROR("50026"), FAILURE_BUSY, "50026", 2},
        {400, ERROR("50004"), FAILURE_UNKNOWN_STATE, "50004", 1},
        {200, ERROR("50007"), FAILURE_OTHER, "50007", 1},
        {200, ERROR("51001"), FAILURE_REQUEST, "51001", 1},
        {200, ERROR("59999"), FAILURE_OTHER, "59999", 0},
        {200,
         "{\"code\":\"1\",\"data\":[{\"clOrdId\":\"x\",\"ordId\":\"\",\"sCode\":\"51008\","
         "\"sMsg\":\"words\"}],\"msg\":\"All operations failed\"}",
         FAILURE_FUNDS, "51008", 1},
        {200, "{\"code\":\"0\",\"data\":[{\"sCode\":\"51400\",\"sMsg\":\"words\"}],\"msg\":\"\"}",
         FAILURE_REQUEST, "51400", 1},
        {503, "<html>", FAILURE_BUSY, NULL, 1},
        {200, "<html>", FAILURE_GARBAGE, NULL, 0},
        {200, "", FAILURE_GARBAGE, NULL, 0},
        {200, "{\"msg\":\"\"}", FAILURE_GARBAGE, NULL, 0},
        {200, "{\"code\":0,\"msg\":\"\"}", FAILURE_GARBAGE, NULL, 0},
        {200, "{\"code\":\"0\",\"code\":\"0\"}", FAILURE_GARBAGE, NULL, 0},
        {302, "{\"code\":\"0\",\"data\":[]}", FAILURE_OTHER, "0", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct failure f;
        enum failure_kind k = talk_explain(OKX, rows[i].status, rows[i].body, &f);
        bool is_code = !rows[i].code || !strcmp(f.code, rows[i].code);
        harness_ok(k == rows[i].kind && is_code &&
                       (!rows[i].code || f.n_causes == rows[i].n_causes),
                   __FILE__, __LINE__, "%u %s: %s, code '%s', %zu causes", rows[i].status,
                   rows[i].body, failure_name(k), f.code, f.n_causes);
        if (rows[i].n_causes && rows[i].code)
            EQ_STR(f.message, "words");
        for (size_t j = 0; j < f.n_causes; j++)
            CHECK(f.causes[j].what && f.causes[j].tell);
    }
}

#define TRADING                                                                                    \
    "{\"code\":\"0\",\"data\":[{\"totalEq\":\"55415\",\"details\":[{\"ccy\":\"USDT\","             \
    "\"availBal\":\"4834.317\",\"frozenBal\":\"165.683\",\"cashBal\":\"5000\",\"eq\":\"5000.1\"}," \
    "{\"ccy\":\"BTC\",\"availBal\":\"\",\"frozenBal\":\"0\",\"eq\":\"0.25\"},"                     \
    "{\"ccy\":\"OKB\",\"availBal\":\"0\",\"frozenBal\":\"0\",\"cashBal\":\"0\"}]}],\"msg\":\"\"}"

static int balance(unsigned status, const char *trading, unsigned status2, const char *funding,
                   struct balances *out, struct err *e)
{
    struct talk t = talk_with(OKX, PURPOSE_BALANCE, ENV_LIVE);
    *out = (struct balances){0};
    talk_put(&t, 0, status, trading);
    talk_put(&t, 1, status2, funding);
    return OKX->checks->balance(&t, out, e);
}

static void balances_are_listed(void)
{
    struct balances b;
    struct err e;
    OK_CALL(balance(200, TRADING, 200,
                    "{\"code\":\"0\",\"data\":[{\"availBal\":\"37.11827078\",\"bal\":\"37.2\","
                    "\"ccy\":\"ETH\",\"frozenBal\":\"0.08172922\"}],\"msg\":\"\"}",
                    &b, &e),
            &e);
    if (CHECK(b.n == 3)) {
        EQ_STR(b.v[0].wallet, "trading");
        EQ_STR(b.v[0].asset, "USDT");
        EQ_STR(b.v[0].free, "4834.317");
        EQ_STR(b.v[0].locked, "165.683");
        EQ_STR(b.v[0].total, "5000");
        EQ_STR(b.v[1].asset, "BTC");
        EQ_STR(b.v[1].free, "");
        EQ_STR(b.v[1].total, "0.25");
        EQ_STR(b.v[2].wallet, "funding");
        EQ_STR(b.v[2].total, "37.2");
    }
    EQ_STR(b.missing, "");
    balances_free(&b);
}

static void missing_funding_is_no_error(void)
{
    struct balances b;
    struct err e;
    OK_CALL(balance(200, TRADING, 200, ERROR("50120"), &b, &e), &e);
    EQ_INT(b.n, 2);
    EQ_STR(b.missing, "funding: 50120 words");
    balances_free(&b);
    OK_CALL(balance(200, TRADING, 0, "", &b, &e), &e);
    EQ_STR(b.missing, "funding: no answer in the documented form");
    balances_free(&b);
    EQ_INT(balance(401, ERROR("50105"), 200, TRADING, &b, &e), ERR_EXCHANGE);
    EQ_STR(e.msg, "okx refuses: 50105 words");
    balances_free(&b);
    EQ_INT(balance(200, "{\"code\":\"0\",\"data\":[]}", 200, "", &b, &e), ERR_FORMAT);
    balances_free(&b);
}

int main(void)
{
    RUN(errors_have_causes);
    RUN(balances_are_listed);
    RUN(missing_funding_is_no_error);
    return harness_end();
}
