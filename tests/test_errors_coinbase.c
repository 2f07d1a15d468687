/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase's error replies: what each means. Replies are written from its documentation. */
#include "connectors/coinbase.h"
#include "tests/harness.h"
#include "tests/talk.h"

#define FAILED(reason)                                                                             \
    "{\"success\":false,\"failure_reason\":\"UNKNOWN_FAILURE_REASON\",\"order_id\":\"\","          \
    "\"error_response\":{\"error\":\"" reason "\",\"message\":\"no\"}}"
#define CANCELLED(flag, reason)                                                                    \
    "{\"results\":[{\"success\":" flag ",\"failure_reason\":\"" reason "\",\"order_id\":"          \
    "\"0a-1b\"}]}"

static void errors(void)
{
    static const struct {
        unsigned status;
        const char *body;
        enum failure_kind kind;
        const char *code;
        unsigned n_causes;
    } cases[] = {
        {200, "{}", FAILURE_NONE, "", 0},
        {200, "{\"error\":\"\",\"accounts\":[]}", FAILURE_NONE, "", 0},
        {401, "Unauthorized", FAILURE_KEY, "", 4},
        {401, "Unauthorized\n", FAILURE_KEY, "", 4},
        {401, "", FAILURE_KEY, "", 4},
        {401, "{\"error\":\"unauthorized\",\"message\":\"x\"}", FAILURE_KEY, "unauthorized", 4},
        {401, "<html>Unauthorized</html>", FAILURE_GARBAGE, NULL, 2},
        {403, "{\"error\":\"PERMISSION_DENIED\",\"error_details\":\"Missing required scopes\"}",
         FAILURE_RIGHT, "PERMISSION_DENIED", 2},
        {403, "<html>blocked</html>", FAILURE_GARBAGE, NULL, 2},
        {404, "{\"error\":\"NOT_FOUND\",\"message\":\"account not found\"}", FAILURE_REQUEST,
         "NOT_FOUND", 0},
        {400, "{\"error\":\"INVALID_ARGUMENT\"}", FAILURE_REQUEST, "INVALID_ARGUMENT", 0},
        {400, "{\"error\":\"something new\"}", FAILURE_REQUEST, "something new", 0},
        {429, "{\"error\":\"rate_limit_exceeded\"}", FAILURE_RATE, "rate_limit_exceeded", 0},
        {429, "{\"error\":\"RESOURCE_EXHAUSTED\"}", FAILURE_RATE, "RESOURCE_EXHAUSTED", 0},
        {429, "too many", FAILURE_RATE, "", 1},
        {500, "{\"error\":\"INTERNAL\"}", FAILURE_UNKNOWN_STATE, "INTERNAL", 0},
        {503, "{\"error\":\"UNAVAILABLE\"}", FAILURE_BUSY, "UNAVAILABLE", 0},
        {503, "{\"error\":\"odd\"}", FAILURE_BUSY, "odd", 1},
        {502, "<html>", FAILURE_BUSY, NULL, 1},
        {200, "<html>", FAILURE_GARBAGE, NULL, 2},
        {200, "{\"accounts\":[", FAILURE_GARBAGE, NULL, 2},
        {200, "[]", FAILURE_GARBAGE, NULL, 2},
        {401, "{\"errors\":[{\"id\":\"invalid_token\",\"message\":\"x\"}]}", FAILURE_KEY,
         "invalid_token", 4},
        {403, "{\"errors\":[{\"id\":\"invalid_scope\",\"message\":\"x\"}]}", FAILURE_RIGHT,
         "invalid_scope", 2},
        {402, "{\"errors\":[{\"id\":\"two_factor_required\",\"message\":\"x\"}]}", FAILURE_RIGHT,
         "two_factor_required", 1},
        {404, "{\"errors\":[{\"id\":7}]}", FAILURE_REQUEST, "errors", 0},
        {200, FAILED("INSUFFICIENT_FUND"), FAILURE_FUNDS, "INSUFFICIENT_FUND", 0},
        {200, FAILED("INVALID_PRODUCT_ID"), FAILURE_REQUEST, "INVALID_PRODUCT_ID", 0},
        {200, FAILED("UNKNOWN_FAILURE_REASON"), FAILURE_OTHER, "success: false", 0},
        {200, "{\"success\":false}", FAILURE_OTHER, "success: false", 0},
        {200,
         "{\"success\":false,\"error_response\":{\"preview_failure_reason\":"
         "\"PREVIEW_INSUFFICIENT_FUND\"}}",
         FAILURE_FUNDS, "PREVIEW_INSUFFICIENT_FUND", 0},
        {200, CANCELLED("false", "UNKNOWN_CANCEL_ORDER"), FAILURE_REQUEST, "UNKNOWN_CANCEL_ORDER",
         0},
        {200, CANCELLED("true", "UNKNOWN_CANCEL_FAILURE_REASON"), FAILURE_NONE, "", 0},
    };
    struct failure f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply r = reply_of(cases[i].status, cases[i].body);
        coinbase_checks.explain(&r, &f);
        harness_ok(f.kind == cases[i].kind && (!cases[i].code || !strcmp(f.code, cases[i].code)) &&
                       f.n_causes == cases[i].n_causes,
                   __FILE__, __LINE__, "%u %s: %s '%s' %zu", cases[i].status, cases[i].body,
                   failure_name(f.kind), f.code, f.n_causes);
    }
}

static void html_by_its_type(void)
{
    struct header type = {BYTES_LIT("content-type"), BYTES_LIT("text/html")};
    struct reply r = reply_of(401, "Unauthorized");
    struct failure f;

    r.headers = &type;
    r.n_headers = 1;
    coinbase_checks.explain(&r, &f);
    EQ_INT(f.kind, FAILURE_GARBAGE);
}

static void words_are_fit_for_a_terminal(void)
{
    struct reply r = reply_of(403, "{\"error\":\"PERMISSION_DENIED\",\"message\":\"\\u001b[2J\"}");
    struct failure f;

    coinbase_checks.explain(&r, &f);
    EQ_STR(f.message, "\\x1b[2J");
}

int main(void)
{
    RUN(errors);
    RUN(html_by_its_type);
    RUN(words_are_fit_for_a_terminal);
    return harness_end();
}
