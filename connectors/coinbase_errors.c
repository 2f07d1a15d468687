/* SPDX-License-Identifier: Apache-2.0 */
/* What Coinbase's replies mean: the status and a word in JSON, an order that failed inside a 200,
 * and the bare "Unauthorized" that has many causes. */
#include "connectors/coinbase.h"

#include "base/text.h"
#include "connectors/member.h"

#include <stdio.h>

#define CODE_MAX 64u
#define TEXT_MAX 200u

#define AT_PORTAL "https://portal.cdp.coinbase.com > API Keys > Secret API Keys"

#define CAUSES_KEY                                                                                 \
    {                                                                                              \
        {"the key was deleted, its name is mistyped, or it is too new to work yet",                \
         "look for it at " AT_PORTAL ": a key that is not listed there is gone; a new one may "    \
         "take up to 48 hours (unconfirmed)"},                                                     \
            {"this machine's address is not on the key's list (unconfirmed)",                      \
             "compare its IP allowlist with the public address of this machine"},                  \
            {"this machine's clock is off",                                                        \
             "'coffer verify' shows by how much: a few seconds are too many"},                     \
        {                                                                                          \
            "the key is of another kind: Exchange, Prime, a client key, or the Ed25519 algorithm", \
                "make a Secret API key with the signature algorithm ECDSA"                         \
        }                                                                                          \
    }
#define CAUSES_RIGHT                                                                               \
    {                                                                                              \
        {"the key lacks the right for this call",                                                  \
         "'coffer verify' lists its rights; edit the key at " AT_PORTAL},                          \
        {                                                                                          \
            "the call names another portfolio than the key's",                                     \
                "'coffer verify' shows the key's portfolio"                                        \
        }                                                                                          \
    }
#define ROW(text, what)                                                                            \
    {                                                                                              \
        .code = (text), .kind = FAILURE_##what                                                     \
    }

/* Source: docs.cdp.coinbase.com, Advanced Trade and Coinbase App, pages on errors. */
static const struct failure_row rows[] = {
    {.code = "PERMISSION_DENIED", .kind = FAILURE_RIGHT, .causes = CAUSES_RIGHT},
    {.code = "UNAUTHENTICATED", .kind = FAILURE_KEY, .causes = CAUSES_KEY},
    ROW("rate_limit_exceeded", RATE),
    ROW("RESOURCE_EXHAUSTED", RATE),
    ROW("INVALID_ARGUMENT", REQUEST),
    ROW("NOT_FOUND", REQUEST),
    ROW("FAILED_PRECONDITION", REQUEST),
    ROW("UNAVAILABLE", BUSY),
    ROW("INTERNAL", UNKNOWN_STATE),
    ROW("DEADLINE_EXCEEDED", UNKNOWN_STATE),
    /* a refused order */
    ROW("INSUFFICIENT_FUND", FUNDS),
    ROW("INSUFFICIENT_FUNDS", FUNDS),
    ROW("PREVIEW_INSUFFICIENT_FUND", FUNDS),
    ROW("PREVIEW_INSUFFICIENT_FUNDS_FOR_FUTURES", FUNDS),
    ROW("INVALID_PRODUCT_ID", REQUEST),
    ROW("UNSUPPORTED_ORDER_CONFIGURATION", REQUEST),
    ROW("INVALID_LIMIT_PRICE", REQUEST),
    ROW("INVALID_LIMIT_PRICE_POST_ONLY", REQUEST),
    ROW("INVALID_SIZE_PRECISION", REQUEST),
    ROW("INVALID_PRICE_PRECISION", REQUEST),
    ROW("ORDER_ENTRY_DISABLED", BUSY),
    ROW("UNKNOWN_CANCEL_ORDER", REQUEST),
    /* Coinbase App, /v2 */
    {.code = "invalid_token", .kind = FAILURE_KEY, .causes = CAUSES_KEY},
    {.code = "authentication_error", .kind = FAILURE_KEY, .causes = CAUSES_KEY},
    {.code = "invalid_scope", .kind = FAILURE_RIGHT, .causes = CAUSES_RIGHT},
    {.code = "two_factor_required",
     .kind = FAILURE_RIGHT,
     .causes = {{"the account wants its second factor for this",
                 "a key that only reads and trades is not asked for it"}}},
    ROW("not_found", REQUEST),
    ROW("validation_error", REQUEST),
    ROW("param_required", REQUEST),
    ROW("internal_server_error", UNKNOWN_STATE),
    /* what has no word of its own */
    {.status = 400, .kind = FAILURE_REQUEST},
    {.status = 401, .kind = FAILURE_KEY, .causes = CAUSES_KEY},
    {.status = 403, .kind = FAILURE_RIGHT, .causes = CAUSES_RIGHT},
    {.status = 404, .kind = FAILURE_REQUEST},
    {0},
};

struct words {
    char code[CODE_MAX], message[TEXT_MAX];
};

/* The member, unless it is empty or says that nothing is known. */
static bool take_code(struct json object, const char *name, struct words *w)
{
    char text[CODE_MAX];

    if (!member_text(object, name, text, sizeof(text)) || !text[0] ||
        strcmp(text, "UNKNOWN_FAILURE_REASON") == 0)
        return false;
    memcpy(w->code, text, sizeof(text));
    return true;
}

static void take_message(struct json object, struct words *w)
{
    if (!member_text(object, "message", w->message, sizeof(w->message)) || !w->message[0])
        (void)member_text(object, "error_details", w->message, sizeof(w->message));
}

/* Whether the member says anything, in whatever form. */
static bool is_told(struct json root, const char *name)
{
    struct json v;
    bool flag = true;

    return json_get(root, name, &v) && v.type != JSON_NULL && !json_str_eq(v, "") &&
           !(json_bool(v, &flag) && !flag) && !(v.type == JSON_ARRAY && json_count(v) == 0);
}

/* {"error","message","error_details"}, or "errors" of /v2. */
static bool read_error(struct json root, struct words *w)
{
    struct json first;

    if (is_told(root, "error")) {
        take_message(root, w);
        if (!take_code(root, "error", w))
            snprintf(w->code, sizeof(w->code), "error");
        return true;
    }
    if (!is_told(root, "errors"))
        return false;
    if (!member_first(root, "errors", &first)) {
        snprintf(w->code, sizeof(w->code), "errors");
        return true;
    }
    take_message(first, w);
    if (!take_code(first, "id", w))
        snprintf(w->code, sizeof(w->code), "errors");
    return true;
}

/* An order that was refused, or one that was not cancelled. */
static bool read_failed(struct json root, struct words *w)
{
    struct json first, response;

    if (member_fact(root, "success") == FACT_NO) {
        if (json_get(root, "error_response", &response)) {
            take_message(response, w);
            if (take_code(response, "error", w) || take_code(response, "preview_failure_reason", w))
                return true;
        }
        if (!take_code(root, "failure_reason", w))
            snprintf(w->code, sizeof(w->code), "success: false");
        return true;
    }
    if (!member_first(root, "results", &first) || member_fact(first, "success") != FACT_NO)
        return false;
    if (!take_code(first, "failure_reason", w))
        snprintf(w->code, sizeof(w->code), "success: false");
    return true;
}

/* What is no JSON, and no page either: "Unauthorized". */
static bool is_plain(const struct reply *r)
{
    struct bytes text = text_trim(r->body), type;

    if (text.n > TEXT_MAX || (text.n > 0 && text.p[0] == '<') || !text_is_utf8(text))
        return false;
    return !reply_header(r, "Content-Type", &type) || !text_starts(text_trim(type), "text/html");
}

static bool is_success(const struct reply *r)
{
    return r->status >= 200 && r->status <= 299;
}

bool coinbase_good(const struct reply *r, struct json *root)
{
    struct words w;
    struct json got;
    struct err e;

    if (!r || !is_success(r) || reply_json(r, &got, &e) || got.type != JSON_OBJECT ||
        read_error(got, &w) || read_failed(got, &w))
        return false;
    *root = got;
    return true;
}

static void say(const struct reply *r, const struct words *w, struct failure *out)
{
    failure_say(out, bytes_str(w->code), bytes_str(w->message));
    failure_from_table(rows, r, out);
}

void coinbase_explain(const struct reply *r, struct failure *out)
{
    struct words w = {.code = ""};
    struct json root;
    struct err e;

    *out = (struct failure){0};
    if (coinbase_good(r, &root))
        return;
    if (!reply_json(r, &root, &e) && root.type == JSON_OBJECT &&
        (read_error(root, &w) || read_failed(root, &w))) {
        say(r, &w, out);
    } else if ((r->status == 401 || r->status == 429) && is_plain(r)) {
        text_clean(w.message, sizeof(w.message), text_trim(r->body));
        say(r, &w, out);
    } else {
        failure_garbage(r, out);
    }
}

int coinbase_refused(const struct reply *r, struct err *e)
{
    struct failure f;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "Coinbase gave no answer");
    coinbase_explain(r, &f);
    if (f.kind == FAILURE_NONE)
        return err_set(e, ERR_EXCHANGE, "Coinbase answered in an unknown form");
    err_set(e, ERR_EXCHANGE, "Coinbase refuses: %s%s%s", f.code,
            f.code[0] && f.message[0] ? ": " : "", f.message);
    return f.n_causes ? err_hint(e, "%s: %s", f.causes[0].what, f.causes[0].tell) : e->code;
}

bool coinbase_is_refusal(const struct reply *r)
{
    struct failure f;

    coinbase_explain(r, &f);
    return r->status >= 200 && r->status <= 499 && f.kind != FAILURE_NONE &&
           f.kind != FAILURE_UNKNOWN_STATE && f.kind != FAILURE_BUSY && f.kind != FAILURE_GARBAGE;
}
