/* SPDX-License-Identifier: Apache-2.0 */
/* OKX: what an error reply means. Most refusals come with HTTP 200, so the code decides; of an
 * order it stands with the order (sCode). Codes: section "Error Code" of the page in the
 * connector's .docs. */
#include "connectors/okx.h"

#include "base/text.h"
#include "connectors/member.h"

#define MAINTENANCE                                                                                \
    {                                                                                              \
        "OKX is overloaded or under maintenance: this says nothing about the key",                 \
            "try again in a few minutes; https://www.okx.com/status has announcements"             \
    }
#define UNSURE                                                                                     \
    {                                                                                              \
        "OKX does not know whether it was done",                                                   \
            "look at the open orders and the balance before sending it again"                      \
    }
#define WAIT                                                                                       \
    {                                                                                              \
        "too many requests: private ones count per account, public ones per address",              \
            "wait a few seconds; several bots of one account share its limit"                      \
    }
#define INCOMPLETE                                                                                 \
    {                                                                                              \
        "a part of the authentication did not arrive",                                             \
            "a proxy may have taken it out: try without"                                           \
    }
#define ACCOUNT                                                                                    \
    {                                                                                              \
        "OKX has blocked or restricted the account, not the key",                                  \
            "log in at the site: it says why, or ask its support"                                  \
    }
#define NO_RIGHT                                                                                   \
    {                                                                                              \
        "the key or the account has no right to this",                                             \
            "'coffer verify' shows the key's rights; edit the key at API to add the missing one"   \
    }
#define BAD_REQUEST                                                                                \
    {                                                                                              \
        "a parameter is missing, wrong or against a rule of the market", "the message names it"    \
    }
#define NO_FUNDS                                                                                   \
    {                                                                                              \
        "the trading account has too little to pay with",                                          \
            "this shows nothing about the right to trade; funds may lie in the funding account"    \
    }

static const struct failure_row rows[] = {
    {"50119",
     0,
     FAILURE_KEY_GONE,
     {{"the key was deleted, by its owner or by OKX (after 14 idle days without an IP list)",
       "look at the list of API keys at the site: a key that is not there is gone"},
      {"the account belongs to another site of OKX: www, app (US) or my (EEA)",
       "only for a key that has not worked here before: log in, read the address, use --region"}}},
    {"50111",
     0,
     FAILURE_KEY,
     {{"the key was mistyped or cut: it has 36 characters with hyphens", "copy it again"},
      {"the key was deleted", "look at the list of API keys at the site"}}},
    {"50105",
     0,
     FAILURE_KEY,
     {{"the passphrase is not the one that was chosen for this key",
       "it is not the login password, and cannot be shown again: lost, the key is of no use"}}},
    {"50113",
     0,
     FAILURE_SIGNATURE,
     {{"the secret is not the one of this API key: mistyped, cut, or of another key",
       "a secret has 32 characters; if it was not kept, delete the key and make a new one"}}},
    {"50102",
     0,
     FAILURE_CLOCK,
     {{"this machine's clock is more than 30 seconds off",
       "'coffer verify' shows by how much; set the clock (NTP)"}}},
    {"50112",
     0,
     FAILURE_CLOCK,
     {{"OKX cannot read the time of the request", "set this machine's clock (NTP)"}}},
    {"50101",
     0,
     FAILURE_OTHER_ENVIRONMENT,
     {{"a demo key is used for live trading, or a live key for the demo",
       "demo keys are made inside Demo Trading; 'coffer add' takes --env live or demo"}}},
    {"50110",
     0,
     FAILURE_IP,
     {{"this machine's public address is not on the key's list",
       "the message tells the address that OKX sees: add it to the key, or send from another"}}},
    {"50114",
     0,
     FAILURE_KEY,
     {{"key, passphrase and secret do not belong together", "add all three again"},
      {"the key was deleted", "look at the list of API keys at the site"}}},
    {"50100",
     0,
     FAILURE_KEY,
     {{"OKX has frozen the key", "log in at the site and look at the key; make a new one"}}},
    {"50120", 0, FAILURE_RIGHT, {NO_RIGHT}},
    {"50030", 0, FAILURE_RIGHT, {NO_RIGHT}},
    {"50041", 0, FAILURE_RIGHT, {NO_RIGHT}},
    {"50035",
     0,
     FAILURE_RIGHT,
     {{"only keys that are bound to IP addresses may do this", "bind the key, or do without"}}},
    {"50121",
     0,
     FAILURE_PLACE,
     {{"OKX does not serve this address, whatever the key",
       "try from an address where OKX is offered"}}},
    {"50103", 0, FAILURE_REQUEST, {INCOMPLETE}},
    {"50104", 0, FAILURE_REQUEST, {INCOMPLETE}},
    {"50106", 0, FAILURE_REQUEST, {INCOMPLETE}},
    {"50107", 0, FAILURE_REQUEST, {INCOMPLETE}},
    {"50007", 0, FAILURE_OTHER, {ACCOUNT}},
    {"50008", 0, FAILURE_OTHER, {ACCOUNT}},
    {"50009", 0, FAILURE_OTHER, {ACCOUNT}},
    {"50027", 0, FAILURE_OTHER, {ACCOUNT}},
    {"50011", 0, FAILURE_RATE, {WAIT}},
    {"50040", 0, FAILURE_RATE, {WAIT}},
    {"50061", 0, FAILURE_RATE, {WAIT}},
    {"50001", 0, FAILURE_BUSY, {MAINTENANCE}},
    {"50005",
     0,
     FAILURE_BUSY,
     {{"OKX has taken this endpoint offline", "try later, or see the status page"}}},
    {"50013", 0, FAILURE_BUSY, {MAINTENANCE}},
    {"50026", 0, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {"50004", 0, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {"50000", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"50002", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"50014", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"50015", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"51000", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"51001",
     0,
     FAILURE_REQUEST,
     {{"OKX lists no such market on this site", "markets are written with a hyphen: BTC-USDT"}}},
    {"51008", 0, FAILURE_FUNDS, {NO_FUNDS}},
    {"51131", 0, FAILURE_FUNDS, {NO_FUNDS}},
    {"51020", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"51121", 0, FAILURE_REQUEST, {BAD_REQUEST}},
    {"51400",
     0,
     FAILURE_REQUEST,
     {{"there is no such open order to cancel", "it may be filled or cancelled"}}},
    {"51603", 0, FAILURE_REQUEST, {{"there is no such order", "look at the open orders"}}},
    {NULL, 503, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 500, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 502, FAILURE_BUSY, {MAINTENANCE, UNSURE}},
    {NULL, 504, FAILURE_UNKNOWN_STATE, {UNSURE}},
    {NULL, 429, FAILURE_RATE, {WAIT}},
    {0},
};

/* The order's own code where it has one: "1" and "2" at the top only say that some failed. */
static void take_code(struct json root, struct failure *f)
{
    char item[16], code[16], text[sizeof(f->message)];
    struct json first;

    (void)member_text(root, "code", code, sizeof(code));
    (void)member_text(root, "msg", text, sizeof(text));
    failure_say(f, bytes_str(code), bytes_str(text));
    if (!member_first(root, "data", &first) || !member_text(first, "sCode", item, sizeof(item)) ||
        !strcmp(item, "0"))
        return;
    (void)member_text(first, "sMsg", text, sizeof(text));
    failure_say(f, bytes_str(item), text[0] ? bytes_str(text) : bytes_str(f->message));
}

void okx_explain(const struct reply *r, struct failure *f)
{
    struct json root, code;
    struct err e;

    *f = (struct failure){0};
    if (reply_json(r, &root, &e) || !json_get(root, "code", &code) || code.type != JSON_STRING) {
        failure_garbage(r, f);
        return;
    }
    take_code(root, f);
    bool is_ok = r->status >= 200 && r->status < 300;
    if (is_ok && !strcmp(f->code, "0")) {
        *f = (struct failure){0};
        return;
    }
    failure_from_table(rows, r, f);
    if (f->kind == FAILURE_NONE)
        f->kind = FAILURE_OTHER;
}

int okx_refused(const struct reply *r, struct err *e)
{
    struct failure f;

    if (!r || r->status == 0)
        return err_set(e, ERR_EXCHANGE, "okx gave no answer");
    okx_explain(r, &f);
    if (f.kind == FAILURE_NONE)
        return err_set(e, ERR_EXCHANGE, "okx answered in an unknown form");
    err_set(e, ERR_EXCHANGE, "okx refuses: %s%s%s", f.code, f.code[0] ? " " : "",
            f.message[0] ? f.message : failure_name(f.kind));
    return f.n_causes ? err_hint(e, "%s: %s", f.causes[0].what, f.causes[0].tell) : e->code;
}
