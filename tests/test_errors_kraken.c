/* SPDX-License-Identifier: Apache-2.0 */
/* What Kraken's error replies are taken for. The words are those of its documentation. */
#include "connectors/kraken.h"
#include "tests/harness.h"
#include "tests/talk.h"

#define OK_BODY(result) "{\"error\":[],\"result\":" result "}"
#define ERR_BODY(text) "{\"error\":[\"" text "\"]}"

static void errors(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
        const char *code;
        unsigned n_causes;
    } cases[] = {
        {200, OK_BODY("{}"), FAILURE_NONE, "", 0},
        {200, "{\"error\":[\"WGeneral:x\"],\"result\":{}}", FAILURE_NONE, "", 0},
        {200, ERR_BODY("EAPI:Invalid key"), FAILURE_KEY, "EAPI:Invalid key", 4},
        {200, "{\"error\":[\"WX:y\",\"EAPI:Invalid key\"]}", FAILURE_KEY, "EAPI:Invalid key", 4},
        {200, ERR_BODY("EAPI:Invalid signature"), FAILURE_SIGNATURE, "EAPI:Invalid signature", 1},
        {200, ERR_BODY("EAPI:Invalid nonce"), FAILURE_NONCE, "EAPI:Invalid nonce", 4},
        {200, ERR_BODY("EAPI:Invalid otp"), FAILURE_KEY, "EAPI:Invalid otp", 1},
        {200, ERR_BODY("EGeneral:Permission denied"), FAILURE_RIGHT, "EGeneral:Permission denied",
         3},
        {200, ERR_BODY("EGeneral:Temporary lockout"), FAILURE_BANNED, "EGeneral:Temporary lockout",
         1},
        {200, ERR_BODY("EAPI:Rate limit exceeded"), FAILURE_RATE, "EAPI:Rate limit exceeded", 0},
        {200, ERR_BODY("EOrder:Rate limit exceeded"), FAILURE_RATE, "EOrder:Rate limit exceeded",
         0},
        {200, ERR_BODY("EGeneral:Too many requests"), FAILURE_RATE, "EGeneral:Too many requests",
         0},
        {200, ERR_BODY("EService:Throttled: 1780000030"), FAILURE_RATE, "EService:Throttled", 0},
        {200, ERR_BODY("EService:Unavailable"), FAILURE_BUSY, "EService:Unavailable", 0},
        {200, ERR_BODY("EService:Market in cancel_only mode"), FAILURE_BUSY,
         "EService:Market in cancel_only mode", 0},
        {200, ERR_BODY("EService:Never heard of"), FAILURE_BUSY, "EService:Never heard of", 0},
        {200, ERR_BODY("EAPI:Feature disabled"), FAILURE_KEY, "EAPI:Feature disabled", 2},
        {200, ERR_BODY("EGeneral:Internal error:x7"), FAILURE_UNKNOWN_STATE,
         "EGeneral:Internal error", 0},
        {200, ERR_BODY("EOrder:Insufficient funds"), FAILURE_FUNDS, "EOrder:Insufficient funds", 0},
        {200, ERR_BODY("EOrder:Orders limit exceeded:User Locked"), FAILURE_REQUEST,
         "EOrder:Orders limit exceeded", 0},
        {200, ERR_BODY("EOrder:User Locked"), FAILURE_OTHER, "EOrder:User Locked", 1},
        {200, ERR_BODY("ETrade:Locked"), FAILURE_OTHER, "ETrade:Locked", 1},
        {200, ERR_BODY("EQuery:Unknown asset pair"), FAILURE_REQUEST, "EQuery:Unknown asset pair",
         0},
        {200, ERR_BODY("EGeneral:Invalid arguments:volume"), FAILURE_REQUEST,
         "EGeneral:Invalid arguments", 0},
        {200, ERR_BODY("ENew:thing"), FAILURE_OTHER, "ENew:thing", 0},
        {200, ERR_BODY("what"), FAILURE_OTHER, "what", 0},
        {200, ERR_BODY(""), FAILURE_OTHER, "E", 0},
        {403, ERR_BODY("EAPI:Invalid key"), FAILURE_KEY, "EAPI:Invalid key", 4},
        {503, ERR_BODY("EService:Busy"), FAILURE_BUSY, "EService:Busy", 0},
    };
    struct failure f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply r = reply_of(cases[i].status, cases[i].body);
        kraken_checks.explain(&r, &f);
        harness_ok(f.kind == cases[i].kind && !strcmp(f.code, cases[i].code) &&
                       f.n_causes == cases[i].n_causes,
                   __FILE__, __LINE__, "%s: %s '%s' %zu", cases[i].body, failure_name(f.kind),
                   f.code, f.n_causes);
    }
}

static void errors_without_json(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
    } cases[] = {
        {200, "", FAILURE_GARBAGE},
        {200, "<html>hello</html>", FAILURE_GARBAGE},
        {200, "{\"error\":[]", FAILURE_GARBAGE},
        {200, "{\"error\":{},\"result\":{}}", FAILURE_GARBAGE},
        {200, "{\"result\":{}}", FAILURE_GARBAGE},
        {200, "{\"error\":[]}", FAILURE_GARBAGE},
        {401, "<html>who</html>", FAILURE_GARBAGE},
        {403, "<html>blocked</html>", FAILURE_GARBAGE},
        {429, "slow down", FAILURE_RATE},
        {502, "<html>bad gateway</html>", FAILURE_BUSY},
        {520, "", FAILURE_BUSY},
        {500, OK_BODY("{}"), FAILURE_BUSY},
    };
    struct failure f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply r = reply_of(cases[i].status, cases[i].body);
        kraken_checks.explain(&r, &f);
        harness_ok(f.kind == cases[i].kind, __FILE__, __LINE__, "%u %s: %s", cases[i].status,
                   cases[i].body, failure_name(f.kind));
    }
}

static void throttled_says_until_when(void)
{
    struct reply r = reply_of(200, ERR_BODY("EService:Throttled: 1780000030"));
    struct failure f;

    kraken_checks.explain(&r, &f);
    EQ_INT(f.retry_after_s, 30);
    EQ_STR(f.message, "EService:Throttled: 1780000030");
    r = reply_of(200, ERR_BODY("EService:Throttled: 5"));
    kraken_checks.explain(&r, &f);
    EQ_INT(f.retry_after_s, 0);
}

int main(void)
{
    RUN(errors);
    RUN(errors_without_json);
    RUN(throttled_says_until_when);
    return harness_end();
}
