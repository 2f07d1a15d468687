/* SPDX-License-Identifier: Apache-2.0 */
/* What Kraken's replies mean. It answers 200 nearly always; the words in "error" decide. What has
 * no JSON comes from the servers in front of it, which know no key. */
#include "connectors/kraken.h"

#include "base/text.h"

#include <stdio.h>

#define ERROR_MAX 160u
#define RETRY_MAX_S 86400u

#define KEY_DELETED                                                                                \
    {                                                                                              \
        "the key was deleted, or its first field is mistyped",                                     \
            "look for it at Kraken Pro > Settings > Connections & API: a key that is not listed "  \
            "there is gone"                                                                        \
    }
#define KEY_FUTURES                                                                                \
    {                                                                                              \
        "it is a key of Kraken Futures, which opens nothing here",                                 \
            "see under which of the two headings, Spot or Futures, the site lists it"              \
    }
#define KEY_ADDRESS                                                                                \
    {                                                                                              \
        "this machine's address is not on the key's list (unconfirmed)",                           \
            "compare the key's IP restriction on the site with the public address of this machine" \
    }
#define KEY_OTP                                                                                    \
    {                                                                                              \
        "the key has a second factor of its own",                                                  \
            "open the key on the site: if 2FA is set for the key itself, take it off"              \
    }
#define ROW(text, what)                                                                            \
    {                                                                                              \
        .code = (text), .kind = FAILURE_##what                                                     \
    }

/* Source: docs.kraken.com, guides, "Error messages". */
static const struct failure_row rows[] = {
    {.code = "EAPI:Invalid key",
     .kind = FAILURE_KEY,
     .causes = {KEY_DELETED, KEY_ADDRESS, KEY_FUTURES, KEY_OTP}},
    {.code = "EAPI:Invalid signature",
     .kind = FAILURE_SIGNATURE,
     .causes = {{"the private key does not belong to this API key, or is mistyped",
                 "the site shows it once: if it cannot be copied again, make a new key"}}},
    {.code = "EAPI:Invalid nonce",
     .kind = FAILURE_NONCE,
     .causes = {{"another program uses the same key",
                 "give each program its own key: nonces must rise per key"},
                {"an earlier program used finer nonces (nanoseconds), so every smaller one is late "
                 "for ever",
                 "if no other program runs and it fails each time: make a new key, nothing else "
                 "resets the nonce"},
                {"this machine's clock was set back",
                 "compare the clock; it goes away when the old time is reached again"},
                {"two requests overtook each other on the way",
                 "it happens now and then only: allow the key a nonce window of 10 or more"}}},
    {.code = "EAPI:Invalid otp", .kind = FAILURE_KEY, .causes = {KEY_OTP}},
    {.code = "EGeneral:Permission denied",
     .kind = FAILURE_RIGHT,
     .causes = {{"the key lacks the right for this call",
                 "'coffer verify' lists its rights; add the one box at the site"},
                KEY_ADDRESS,
                KEY_OTP}},
    {.code = "EGeneral:Temporary lockout",
     .kind = FAILURE_BANNED,
     .causes = {{"too many requests with a key that Kraken does not accept",
                 "wait 15 minutes and try nothing meanwhile: each try prolongs it; then see "
                 "which program sends the wrong key"}}},
    {.code = "EAPI:Feature disabled",
     .kind = FAILURE_KEY,
     .causes = {{"the key has expired", "its expiry date stands at the site"},
                {"the account may not use this function", "sign in and try the same by hand"}}},
    {.code = "EAPI:Bad request",
     .kind = FAILURE_KEY,
     .causes = {{"the key has expired", "its expiry date stands at the site"},
                {"the request is malformed", "other requests with the same key work"}}},
    ROW("EAPI:Rate limit exceeded", RATE),
    ROW("EOrder:Rate limit exceeded", RATE),
    ROW("EGeneral:Too many requests", RATE),
    ROW("EService:Throttled", RATE),
    ROW("EService:Unavailable", BUSY),
    ROW("EService:Busy", BUSY),
    ROW("EService:Market in cancel_only mode", BUSY),
    ROW("EService:Market in post_only mode", BUSY),
    ROW("EService:Market in limit_only mode", BUSY),
    ROW("EService:Deadline elapsed", BUSY),
    ROW("EService:Timeout", UNKNOWN_STATE),
    ROW("EGeneral:Internal error", UNKNOWN_STATE),
    {.code = "ETrade:Locked",
     .kind = FAILURE_OTHER,
     .causes = {{"the account is locked", "sign in: Kraken says there why"}}},
    {.code = "User Locked",
     .kind = FAILURE_OTHER,
     .causes = {{"the account is locked", "sign in: Kraken says there why"}}},
    ROW("EOrder:Insufficient funds", FUNDS),
    ROW("EOrder:Insufficient margin", FUNDS),
    ROW("EFunding:Insufficient funds", FUNDS),
    ROW("EQuery:Unknown asset pair", REQUEST),
    ROW("EQuery:Unknown asset", REQUEST),
    ROW("EGeneral:Invalid arguments", REQUEST),
    ROW("EGeneral:Unknown method", REQUEST),
    ROW("EAPI:Invalid session", REQUEST),
    ROW("EOrder:Unknown order", REQUEST),
    /* whole categories, for the words that nobody listed */
    ROW("EService:", BUSY),
    ROW("EOrder:", REQUEST),
    ROW("EQuery:", REQUEST),
    ROW("EAPI:", KEY),
    ROW("E", OTHER),
    {0},
};

/* The first error of the list as text. false: the list is not of the documented form. */
static bool first_error(const struct reply *r, char out[ERROR_MAX], struct json *root)
{
    struct json list, key, value;
    struct json_iter it;
    struct err e;
    bool found = false;

    out[0] = 0;
    if (reply_json(r, root, &e) || !json_get(*root, "error", &list) || list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    while (json_next(&it, &key, &value)) {
        char room[1024], clean[ERROR_MAX];
        if (value.type != JSON_STRING)
            return false;
        if (!json_cstr(value, room, sizeof(room)))
            snprintf(room, sizeof(room), "E (an error text that is too long to show)");
        if (room[0] == 'W') /* a warning does not make a failure */
            continue;
        text_clean(clean, sizeof(clean), bytes_str(room[0] ? room : "E"));
        if (!found)
            memcpy(out, clean, sizeof(clean));
        found = true;
    }
    return true;
}

bool kraken_result(const struct reply *r, struct json *result)
{
    char text[ERROR_MAX];
    struct json root, got;

    if (r->status != 200 || !first_error(r, text, &root) || text[0] ||
        !json_get(root, "result", &got))
        return false;
    *result = got;
    return true;
}

/* "ECategory:Text" without what follows a second colon ("EService:Throttled: 1700000000"). */
static void cut_detail(const char *text, char out[ERROR_MAX])
{
    struct bytes category, words, detail, all = bytes_str(text);

    if (!text_cut(all, ':', &category, &words) || !text_cut(words, ':', &words, &detail)) {
        snprintf(out, ERROR_MAX, "%s", text);
        return;
    }
    words = text_trim(words);
    snprintf(out, ERROR_MAX, "%.*s:%.*s", (int)category.n, (const char *)category.p, (int)words.n,
             (const char *)words.p);
}

static const struct failure_row *find_row(const char *code)
{
    const struct failure_row *row = rows;

    if (text_ends(bytes_str(code), "User Locked"))
        code = "User Locked";
    for (; row->code; row++) {
        size_t n = strlen(row->code);
        bool is_family = row->code[n - 1] == ':' || n == 1;
        if (is_family ? strncmp(code, row->code, n) == 0 : strcmp(code, row->code) == 0)
            break;
    }
    return row;
}

/* "EService:Throttled: 1700000000" says until when. */
static uint64_t retry_after(const char *text, uint64_t now_us)
{
    struct bytes category, words, detail;
    uint64_t until;

    if (!text_cut(bytes_str(text), ':', &category, &words) ||
        !text_cut(words, ':', &words, &detail) ||
        !text_u64(text_trim(detail), UINT32_MAX, &until) || until <= now_us / 1000000)
        return 0;
    until -= now_us / 1000000;
    return until < RETRY_MAX_S ? until : 0;
}

static void explain_error(const struct reply *r, const char *text, struct failure *out)
{
    char code[ERROR_MAX];
    struct failure_row one[2] = {{.kind = FAILURE_NONE}};

    cut_detail(text, code);
    one[0] = *find_row(code);
    if (one[0].kind == FAILURE_NONE) /* neither E nor W: no form that Kraken documents */
        one[0].kind = FAILURE_OTHER;
    one[0].code = NULL;
    failure_from_table(one, r, out);
    failure_say(out, bytes_str(code), bytes_str(text));
    if (out->kind == FAILURE_RATE && out->retry_after_s == 0)
        out->retry_after_s = retry_after(text, r->answered_us);
}

void kraken_explain(const struct reply *r, struct failure *out)
{
    char text[ERROR_MAX];
    struct json root, result;

    memset(out, 0, sizeof(*out));
    if (kraken_result(r, &result))
        return;
    if (first_error(r, text, &root) && text[0])
        explain_error(r, text, out);
    else
        failure_garbage(r, out);
}

int kraken_refused(const struct reply *r, struct err *e)
{
    struct failure f;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "Kraken gave no answer");
    kraken_explain(r, &f);
    if (f.kind == FAILURE_NONE)
        return err_set(e, ERR_EXCHANGE, "Kraken answered in an unknown form");
    err_set(e, ERR_EXCHANGE, "Kraken refuses: %s", f.message);
    return f.n_causes ? err_hint(e, "%s: %s", f.causes[0].what, f.causes[0].tell) : e->code;
}

bool kraken_is_refusal(const struct reply *r)
{
    struct failure f;

    kraken_explain(r, &f);
    return r->status == 200 && f.kind != FAILURE_NONE && f.kind != FAILURE_UNKNOWN_STATE &&
           f.kind != FAILURE_BUSY && f.kind != FAILURE_GARBAGE;
}
