/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken: what coffer asks by itself about a key, and what the answers say. The test order is in
 * kraken_trade.c, errors are in kraken_errors.c. */
#include "connectors/kraken.h"

#include "base/text.h"
#include "connectors/member.h"

#include <stdio.h>

#define CALL_TIME 0
#define CALL_INFO 1
#define TOKEN_MAX 64u
#define TIME_MAX_S 100000000000u /* far beyond any date, and in range as milliseconds */

#define AT_SITE "Kraken Pro > Settings > Connections & API > edit the key"

/* What the documented tokens open. */
enum power {
    POWER_HARMLESS,
    POWER_READ,
    POWER_TRADE,
    POWER_WITHDRAW,
    POWER_ADDRESS,
    POWER_EARN,
    POWER_COUNT
};

/* Source: docs.kraken.com, "Get API Key Info", table of permissions. A token that is not here is
 * not known to be harmless. create-ws-token hands out a token with the key's own rights. */
static const struct right {
    const char *token;
    enum power power;
} rights[] = {
    {"query-funds", POWER_READ},
    {"add-funds", POWER_HARMLESS}, /* deposit addresses */
    {"withdraw-funds", POWER_WITHDRAW},
    {"earn-funds", POWER_EARN},
    {"query-open-trades", POWER_HARMLESS},
    {"query-closed-trades", POWER_HARMLESS},
    {"modify-trades", POWER_TRADE},
    {"close-trades", POWER_HARMLESS},
    {"query-ledger", POWER_HARMLESS},
    {"export-data", POWER_HARMLESS},
    {"create-ws-token", POWER_HARMLESS},
    {"add-withdraw-address", POWER_ADDRESS},
    {"update-withdraw-address", POWER_ADDRESS},
};

struct grant {
    bool has[POWER_COUNT];
    bool is_whole;           /* the list was read to its end, and each member is a known token */
    char unknown[120];       /* tokens that are on and not known, or "" */
    char address[TOKEN_MAX]; /* the one that changes withdrawal addresses */
};

static int next_verify(const struct talk *t, struct inquiry *out, enum ask *ask)
{
    /* GetApiKeyInfo needs no right, so that it answers for a key that may do nothing too. */
    if (t->n_asked == CALL_TIME) {
        *out = (struct inquiry){.method = "GET", .url = "/0/public/Time"};
        *ask = ASK_NOW;
    } else if (t->n_asked == CALL_INFO) {
        *out = (struct inquiry){.method = "POST", .url = "/0/private/GetApiKeyInfo"};
        *ask = ASK_NOW;
    } else {
        *ask = ASK_DONE;
    }
    return OK;
}

static int next_balance(const struct talk *t, struct inquiry *out, enum ask *ask)
{
    *ask = ASK_DONE;
    if (t->n_asked == 0) {
        *out = (struct inquiry){.method = "POST", .url = "/0/private/BalanceEx"};
        *ask = ASK_NOW;
    }
    return OK;
}

static int next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    switch (t->purpose) {
    case PURPOSE_VERIFY:
        return next_verify(t, out, ask);
    case PURPOSE_BALANCE:
        return next_balance(t, out, ask);
    case PURPOSE_TRADE:
        break;
    }
    return kraken_trade_next(t, out, ask, e);
}

static int server_time(const struct reply *r, uint64_t *unix_ms, struct err *e)
{
    struct json result, time;
    uint64_t s;

    if (!kraken_result(r, &result) || !json_get(result, "unixtime", &time) ||
        !json_u64(time, TIME_MAX_S, &s))
        return err_set(e, ERR_FORMAT, "the reply with Kraken's time is not in the documented form");
    *unix_ms = s * 1000;
    return OK;
}

/* The documentation writes the members in one way, recorded replies in another. Both at once is
 * neither. */
static bool member(struct json info, const char *documented, const char *seen, struct json *out)
{
    struct json a, b;
    bool has_a = json_get(info, documented, &a);
    bool has_b = seen && json_get(info, seen, &b);

    if (has_a == has_b)
        return false;
    *out = has_a ? a : b;
    return true;
}

/* Seconds since 1970; documented as text. */
static bool read_time(struct json info, const char *documented, const char *seen, uint64_t *out)
{
    struct json v;

    return member(info, documented, seen, &v) && v.type == JSON_STRING &&
           text_u64(json_raw(v), TIME_MAX_S, out);
}

static void read_text(struct json info, const char *documented, const char *seen, char *out,
                      size_t cap)
{
    char room[512];
    struct json v;

    if (member(info, documented, seen, &v) && json_cstr(v, room, sizeof(room)))
        text_clean(out, cap, bytes_str(room));
}

static void note_unknown(struct grant *g, const char *token)
{
    g->is_whole = false;
    list_add(g->unknown, sizeof(g->unknown), token);
}

static void read_token(struct json v, struct grant *g)
{
    char token[TOKEN_MAX];

    if (v.type != JSON_STRING) {
        g->is_whole = false;
        return;
    }
    if (!json_cstr(v, token, sizeof(token)))
        snprintf(token, sizeof(token), "(a name that is too long)");
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (strcmp(token, rights[i].token) == 0) {
            g->has[rights[i].power] = true;
            if (rights[i].power == POWER_ADDRESS)
                snprintf(g->address, sizeof(g->address), "%s", token);
            return;
        }
    /* Whatever else begins so moves money into Earn as well. */
    if (strncmp(token, "earn-", 5) == 0)
        g->has[POWER_EARN] = true;
    note_unknown(g, token[0] ? token : "(no name)");
}

static void read_rights(struct json info, struct grant *g)
{
    struct json_iter it;
    struct json list, key, value;

    *g = (struct grant){.is_whole = false};
    if (!json_get(info, "permissions", &list) || list.type != JSON_ARRAY)
        return;
    g->is_whole = true;
    json_iter(&it, list);
    while (json_next(&it, &key, &value))
        read_token(value, g);
}

static enum fact fact_of(const struct grant *g, enum power p)
{
    if (g->has[p])
        return FACT_YES;
    return g->is_whole ? FACT_NO : FACT_UNKNOWN;
}

/* Which calls move funds, by the documentation: Withdraw, AccountTransfer and CreateSubaccount want
 * "Funds - Withdraw"; Earn/Allocate wants "Funds - Earn"; WalletTransfer, from the spot wallet to
 * the own futures wallet, is said to want no more than "Funds - Query", while others believe that
 * it wants "Withdraw". So it is NO only where none of these three is on; a key that reads balances
 * may be able to, and nobody can tell without moving money. */
static enum fact judge_transfer(const struct grant *g, struct verdict *out)
{
    if (g->has[POWER_WITHDRAW]) {
        verdict_add(out, PROBLEM_TRANSFER, "edit the key: untick Funds 'Withdraw'",
                    "Funds 'Withdraw' also moves funds between accounts");
        return FACT_YES;
    }
    if (g->has[POWER_EARN]) {
        verdict_add(out, PROBLEM_TRANSFER, "edit the key: untick Funds 'Earn'",
                    "Funds 'Earn' moves funds into staking and back");
        return FACT_YES;
    }
    if (!g->is_whole)
        return FACT_UNKNOWN;
    if (g->has[POWER_READ]) {
        verdict_add(out, PROBLEM_TRANSFER_UNKNOWN,
                    "nothing to untick: at worst funds go to the futures wallet of this account, "
                    "and a spot key cannot use them there; look at the boxes once more, then "
                    "accept it with a reason",
                    "Kraken documents that 'Query' is enough to move funds from the spot to the "
                    "futures wallet; no answer of Kraken shows whether it is so");
        return FACT_UNKNOWN;
    }
    return FACT_NO;
}

static void judge_rights(struct json info, struct verdict *out)
{
    struct grant g;

    read_rights(info, &g);
    out->read = fact_of(&g, POWER_READ);
    out->trade_spot = fact_of(&g, POWER_TRADE);
    out->trade_futures = FACT_NO; /* another key space: no spot key opens it */
    out->withdraw = fact_of(&g, POWER_WITHDRAW);
    out->transfer = judge_transfer(&g, out);
    if (g.unknown[0])
        verdict_add(out, PROBLEM_UNKNOWN_RIGHT,
                    "untick what a trading bot does not need (see 'coffer guide kraken'), or use a "
                    "version of coffer that knows it",
                    "'%s'", g.unknown);
    if (g.has[POWER_ADDRESS])
        verdict_add(out, PROBLEM_ADDRESSES,
                    "edit the key: turn off adding and updating withdrawal addresses",
                    "'%s' is on: whoever has the key prepares a withdrawal with it", g.address);
}

/* An entry that lets every address in. */
static bool is_everyone(const char *entry)
{
    size_t n = strlen(entry);

    return (n >= 2 && strcmp(entry + n - 2, "/0") == 0) || strcmp(entry, "0.0.0.0") == 0 ||
           strcmp(entry, "::") == 0;
}

static void judge_ips(struct json info, struct verdict *out)
{
    struct json_iter it;
    struct json list, key, value;
    enum fact bound = FACT_NO;
    bool is_open = false, is_bad = false;

    if (!member(info, "ipAllowlist", "ip_allowlist", &list) || list.type != JSON_ARRAY)
        return;
    json_iter(&it, list);
    while (json_next(&it, &key, &value)) {
        char room[128], entry[128];
        if (!json_cstr(value, room, sizeof(room))) {
            out->ips[0] = 0;
            return;
        }
        if (!room[0])
            continue;
        text_clean(entry, sizeof(entry), bytes_str(room));
        is_open = is_open || is_everyone(entry);
        is_bad = is_bad || entry[strspn(entry, "0123456789abcdefABCDEF.:/")] != 0;
        list_add(out->ips, sizeof(out->ips), entry);
        bound = FACT_YES;
    }
    out->ip_bound = is_open ? FACT_NO : is_bad ? FACT_UNKNOWN : bound;
    if (is_open)
        verdict_add(out, PROBLEM_NO_IP_LIST, kraken_checks.bind_ip,
                    "the list lets every address in");
}

static void judge_life(struct json info, struct verdict *out)
{
    uint64_t created, until;

    if (read_time(info, "createdTime", "created_time", &created))
        out->created_ms = created * 1000;
    if (!read_time(info, "validUntil", "valid_until", &until))
        return;
    out->expires = until ? FACT_YES : FACT_NO;
    out->expires_ms = until * 1000;
}

/* The answer that tells of a key, and not some other object. */
static bool is_info(struct json info)
{
    static const char *const members[] = {"permissions", "apiKey", "api_key", "iban", "nonce"};
    struct json v;

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_get(info, members[i], &v))
            return true;
    return false;
}

static void judge(const struct talk *t, uint64_t now_ms, struct verdict *out)
{
    const struct reply *r = talk_reply(t, CALL_INFO);
    struct json info;

    *out = (struct verdict){0};
    if (r && kraken_result(r, &info) && is_info(info)) {
        out->is_judged = true;
        judge_rights(info, out);
        judge_ips(info, out);
        judge_life(info, out);
        read_text(info, "iban", NULL, out->account, sizeof(out->account));
        read_text(info, "apiKeyName", "api_key_name", out->label, sizeof(out->label));
    }
    verdict_conclude(out, &kraken_checks, now_ms);
}

static int add_asset(struct json name, struct json amounts, struct balances *out, struct err *e)
{
    char asset[ASSET_MAX], free_text[DECIMAL_TEXT] = "";
    struct bytes total = member_raw(amounts, "balance");
    struct bytes locked = member_raw(amounts, "hold_trade");
    AUTO_DECIMAL a = {0};
    AUTO_DECIMAL b = {0};
    AUTO_DECIMAL d = {0};
    int rc;

    if (!json_cstr(name, asset, sizeof(asset)) || !total.n)
        return err_set(e, ERR_FORMAT, "a balance of Kraken's reply is not in the documented form");
    if (locked.n) {
        rc = decimal_parse(total, &a, e);
        if (!rc)
            rc = decimal_parse(locked, &b, e);
        if (!rc)
            rc = decimal_sub(&a, &b, &d, e);
        if (!rc)
            rc = decimal_text(&d, free_text, e);
        if (rc)
            return rc;
    }
    return balances_add(out, "spot", bytes_str(asset), bytes_str(free_text), locked, total, e);
}

static int balance(const struct talk *t, struct balances *out, struct err *e)
{
    const struct reply *r = talk_reply(t, 0);
    struct json_iter it;
    struct json result, name, amounts;

    if (!r || !kraken_result(r, &result) || result.type != JSON_OBJECT)
        return kraken_refused(r, e);
    json_iter(&it, result);
    while (json_next(&it, &name, &amounts)) {
        int rc = add_asset(name, amounts, out, e);
        if (rc)
            return rc;
    }
    return OK;
}

static const char *const open_orders[] = {"POST /0/private/OpenOrders", NULL};

const struct checks kraken_checks = {
    .next = next,
    .server_time = server_time,
    .time_unit_ms = 1000,
    .judge = judge,
    .balance = balance,
    .trade = kraken_trade,
    .explain = kraken_explain,
    .no_withdraw = AT_SITE ": untick Funds 'Withdraw'",
    .no_transfer = AT_SITE ": untick Funds 'Withdraw' and 'Earn'",
    .bind_ip = AT_SITE ": turn on 'IP address restriction' and enter the public address of the "
                       "machine that sends",
    .symbol = "XBTUSD",
    .delete_at = "Kraken Pro > Settings > Connections & API > delete the key",
    .open_orders = open_orders,
    .proves = "reading, trading, withdrawal, IP list, expiry and creation; transfer has no right "
              "of its own: mostly unknown",
    .guide = &kraken_guide,
};
