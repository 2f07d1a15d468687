/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: what an error reply means, by its code and HTTP status. Codes: the page "Error codes"
 * below the connector's .docs, and the same page of the futures API. */
#include "connectors/binance.h"

#include "base/text.h"
#include "connectors/member.h"

#define OTHER_SITE                                                                                 \
    {                                                                                              \
        "the key is of another environment: live, testnet and demo have keys of their own",        \
            "look which site made it; 'coffer add' takes --env live, test or demo"                 \
    }
#define WAIT(what)                                                                                 \
    {                                                                                              \
        what, "wait, and let fewer programs ask from this address: the count is per IP"            \
    }
#define MAINTENANCE                                                                                \
    {                                                                                              \
        "Binance is overloaded or under maintenance: this says nothing about the key",             \
            "try again in a few minutes; https://www.binance.com/en/support has announcements"     \
    }
#define UNSURE                                                                                     \
    {                                                                                              \
        "Binance does not know whether it was done",                                               \
            "look at the open orders and the balance before sending it again"                      \
    }
#define BAD_REQUEST                                                                                \
    {                                                                                              \
        "a parameter is missing, wrong or against a rule of the market",                           \
            "the message names it; 'exchangeInfo' has the market's rules"                          \
    }
#define NO_RIGHT                                                                                   \
    {                                                                                              \
        "the key or the account has no right to this",                                             \
            "'coffer verify' shows the key's rights; tick the missing one under Edit restrictions" \
    }
#define NOT_KNOWN                                                                                  \
    {                                                                                              \
        "the key was deleted, or one character of it is wrong",                                    \
            "compare it with the list at API Management; a key that is not there is gone"          \
    }

static const struct failure_row rows[] = {
    {"-2015",
     0,
     FAILURE_KEY,
     {NOT_KNOWN,
      {"this machine's public address is not on the key's list of trusted IPs",
       "ask any site for your public address and compare it with the list at Edit restrictions"},
      {"the key lacks the right for this call: futures, for a key made before the futures account",
       "if 'coffer verify' works with the same key, it is this one: the right is missing"},
      OTHER_SITE}},
    {"-2008",
     0,
     FAILURE_KEY_GONE,
     {{"the key was deleted, by its owner or by Binance (keys without an IP list are)",
       "look at API Management: a key that is not in the list is gone; make a new one"},
      {"the key was never one of this environment, or one character of it is wrong",
       "only for a key that has not worked here before: see which site made it (--env)"}}},
    {"-2014",
     0,
     FAILURE_KEY,
     {{"the text is no API key: a part is missing, or something else was pasted",
       "an API key is 64 letters and digits; copy it again"},
      OTHER_SITE}},
    {"-1022",
     0,
     FAILURE_SIGNATURE,
     {{"the secret is not the one of this API key: mistyped, cut, or of another key",
       "it cannot be shown again: if it was not kept, delete the key and make a new one"},
      {"the key was made with a public key of your own, and another private key signs",
       "compare the public key at API Management with the one of this private key"}}},
    {"-1021",
     0,
     FAILURE_CLOCK,
     {{"this machine's clock is off by more than Binance takes (a second ahead, 5 behind)",
       "'coffer verify' shows by how much; set the clock (NTP)"},
      {"the request was on its way for over 5 seconds", "try again; look at the latency"}}},
    /* "not found, authenticated, or authorized": said of a key that is gone too */
    {"-1002", 0, FAILURE_KEY, {NO_RIGHT, NOT_KNOWN}},
    {"-1099", 0, FAILURE_KEY, {NO_RIGHT, NOT_KNOWN}},
    {"-1003",
     418,
     FAILURE_BANNED,
     {WAIT("too many requests came from this address, and it is locked out for a while")}},
    {"-1003", 0, FAILURE_RATE, {WAIT("too many requests came from this address")}},
    {"-1015", 0, FAILURE_RATE, {{"too many orders of this account in a short time", "wait"}}},
    {"-1006", 0, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {"-1007", 0, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {"-1001", 0, FAILURE_BUSY, {MAINTENANCE}},
    {"-1008", 0, FAILURE_BUSY, {MAINTENANCE}},
    {"-1016", 0, FAILURE_BUSY, {MAINTENANCE}},
    {"-1013", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1100", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1101", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1102", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1103", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1104", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1105", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1111", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-1121",
     0,
     FAILURE_REQUEST,
     {{"Binance lists no such market", "markets are written without a sign between: BTCUSDT"}}},
    {"-2010", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"-2011", 0, FAILURE_REQUEST, {{"there is no such open order to cancel", "it may be filled"}}},
    {"-2013", 0, FAILURE_REQUEST, {{"there is no such order", "look at the open orders"}}},
    {"-2018", 0, FAILURE_FUNDS, {{"the account has too little of the asset", "add funds"}}},
    {"-2019", 0, FAILURE_FUNDS, {{"the account has too little margin", "add funds"}}},
    {NULL,
     403,
     FAILURE_BANNED,
     {{"Binance's firewall stopped the request, not the exchange itself: this address asks too "
       "much, or is in a place or network that is not served",
       "try from another address; if it works there, it is this one"}}},
    {NULL,
     418,
     FAILURE_BANNED,
     {WAIT("too many requests came from this address, and it is locked out for a while")}},
    {NULL, 429, FAILURE_RATE, {WAIT("too many requests came from this address")}},
    {NULL,
     451,
     FAILURE_PLACE,
     {{"Binance does not serve the place that this address is in",
       "the key may be good: try from an address where Binance is offered"}}},
    {NULL, 408, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {NULL, 503, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 500, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 502, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 504, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {0},
};

static bool has(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

/* A refused order has one code for all causes; its words tell them apart. */
static void refine_order(struct failure *f)
{
    static const struct cause funds = {"the account has too little of the asset to pay with",
                                       "this shows nothing about the right to trade; add funds"};
    static const struct cause right = {
        "the account or the key may not trade this market",
        "look at the key's symbol whitelist and the account's state"};
    if (has(f->message, "insufficient")) {
        f->kind = FAILURE_FUNDS;
        f->causes[0] = funds;
    } else if (has(f->message, "not permitted") || has(f->message, "may not") ||
               has(f->message, "disabled") || has(f->message, "whitelist")) {
        f->kind = FAILURE_RIGHT;
        f->causes[0] = right;
    }
}

/* "banned until 1659146400000": milliseconds since 1970. */
static void refine_ban(const struct reply *r, struct failure *f)
{
    const char *p = strcasestr(f->message, "until ");
    uint64_t until_ms, now_ms = r->answered_us / 1000;
    size_t n = 0;

    if (!p || f->retry_after_s)
        return;
    p += strlen("until ");
    while (p[n] >= '0' && p[n] <= '9')
        n++;
    if (text_u64(bytes_of(p, n), JSON_INT_MAX, &until_ms) && now_ms && until_ms > now_ms)
        f->retry_after_s = (until_ms - now_ms + 999) / 1000;
}

/* Codes are negative integers; success has none. */
static bool take_code(struct json root, struct failure *f)
{
    char text[sizeof(f->message)];
    struct json code;

    if (!json_get(root, "code", &code) || code.type != JSON_NUMBER || code.p[0] != '-')
        return false;
    (void)member_text(root, "msg", text, sizeof(text));
    failure_say(f, json_raw(code), bytes_str(text));
    return true;
}

/* Whether the status alone says what happened, whatever the body is. */
static bool status_tells(unsigned status)
{
    return status == 403 || status == 408 || status == 418 || status == 429 || status == 451 ||
           status >= 500;
}

void binance_explain(const struct reply *r, struct failure *f)
{
    bool is_ok = r->status >= 200 && r->status < 300;
    struct json root;
    struct err e;

    *f = (struct failure){0};
    if (reply_json(r, &root, &e) || (root.type != JSON_OBJECT && root.type != JSON_ARRAY)) {
        if (status_tells(r->status))
            failure_from_table(rows, r, f);
        if (f->kind == FAILURE_NONE)
            failure_garbage(r, f);
        return;
    }
    if (!take_code(root, f)) {
        if (is_ok)
            return;
        if (r->status < 400) { /* a redirect is followed nowhere */
            failure_garbage(r, f);
            return;
        }
    }
    failure_from_table(rows, r, f);
    if (bytes_eq_str(bytes_str(f->code), "-2010"))
        refine_order(f);
    if (f->kind == FAILURE_BANNED || f->kind == FAILURE_RATE)
        refine_ban(r, f);
    if (f->kind == FAILURE_NONE)
        f->kind = FAILURE_OTHER;
}

bool binance_refuses_key(const struct reply *r)
{
    struct failure f = {0};

    if (r && r->status)
        binance_explain(r, &f);
    return f.kind == FAILURE_KEY || f.kind == FAILURE_KEY_GONE || f.kind == FAILURE_RIGHT;
}

int binance_refused(const struct reply *r, struct err *e)
{
    struct failure f;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "binance gave no answer");
    binance_explain(r, &f);
    if (f.kind == FAILURE_NONE)
        return err_set(e, ERR_EXCHANGE, "binance answered in an unknown form");
    err_set(e, ERR_EXCHANGE, "binance refuses: %s%s%s", f.code, f.code[0] ? " " : "",
            f.message[0] ? f.message : failure_name(f.kind));
    return f.n_causes ? err_hint(e, "%s: %s", f.causes[0].what, f.causes[0].tell) : e->code;
}
