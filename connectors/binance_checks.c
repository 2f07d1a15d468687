/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: what is asked to verify a key and to list what it holds, and how the answers are read.
 * A key's rights come from /sapi/v1/account/apiRestrictions alone: canTrade and canWithdraw in
 * /api/v3/account are about the account and say nothing about the key. The testnet and the demo
 * have no /sapi, so there a key's rights stay unknown. */
#include "connectors/binance.h"

#include "connectors/member.h"

#include <stdio.h>

static const char path_rights[] = "/sapi/v1/account/apiRestrictions";
static const char path_account[] = "/api/v3/account?omitZeroBalances=true";
static const char path_futures[] = "/fapi/v3/balance";

/* Numbers of the calls: live has the rights before the account. */
#define CALL_RIGHTS 1u

static unsigned call_account(const struct talk *t)
{
    return t->env == ENV_LIVE ? 2 : 1;
}

static void get(struct inquiry *out, const char *path)
{
    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url), "%s", path);
}

static const char *verify_path(const struct talk *t, unsigned n)
{
    if (n == 0)
        return "/api/v3/time";
    if (n == CALL_RIGHTS && t->env == ENV_LIVE)
        return path_rights;
    /* Where the call for rights is refused, another one says whether the key works at all. */
    bool is_asked = t->wants_account || t->env != ENV_LIVE ||
                    binance_refuses_key(talk_reply(t, CALL_RIGHTS));
    return is_asked && n == call_account(t) ? path_account : NULL;
}

static bool has_futures(enum environment env)
{
    for (const struct host *h = binance_hosts; h->name; h++)
        if (h->env == env && !h->is_ws && h->prefix)
            return true;
    return false;
}

static const char *balance_path(const struct talk *t, unsigned n)
{
    if (n == 0)
        return path_account;
    return n == 1 && has_futures(t->env) ? path_futures : NULL;
}

static int next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    if (t->purpose == PURPOSE_TRADE)
        return binance_trade_next(t, out, ask, e);
    const char *path =
        t->purpose == PURPOSE_VERIFY ? verify_path(t, t->n_asked) : balance_path(t, t->n_asked);
    bool is_open = t->purpose == PURPOSE_VERIFY && t->env == ENV_LIVE && t->n_asked == 2 &&
                   !talk_reply(t, CALL_RIGHTS);
    *ask = path ? ASK_NOW : is_open ? ASK_WAIT : ASK_DONE;
    if (path)
        get(out, path);
    return OK;
}

/* The body of a success. */
static bool good(const struct reply *r, struct json *root)
{
    struct failure f;
    struct err e;

    if (!r)
        return false;
    binance_explain(r, &f);
    return f.kind == FAILURE_NONE && !reply_json(r, root, &e);
}

static int server_time(const struct reply *r, uint64_t *unix_ms, struct err *e)
{
    struct json root;

    if (!good(r, &root) || !member_u64(root, "serverTime", unix_ms))
        return err_set(e, ERR_FORMAT, "binance's answer has no server time");
    return OK;
}

/* -- rights -- */

/* Members that coffer knows. moves: the right lets value move between wallets or accounts. */
static const struct right {
    const char *name, *moves;
} known[] = {
    {"enableReading", NULL},
    {"enableSpotAndMarginTrading", NULL},
    {"enableFutures", NULL},
    {"enableWithdrawals", NULL},
    {"enableVanillaOptions", NULL},
    {"enableFixApiTrade", NULL},
    {"enableFixReadOnly", NULL},
    {"enableInternalTransfer", "between main account and sub-accounts"},
    {"permitsUniversalTransfer", "between wallets"},
    /* The box is called "Enable Margin Loan, Repay & Transfer". */
    {"enableMargin", "margin loans, to and from margin"},
    /* /papi has collections between wallets, loans and repayments. */
    {"enablePortfolioMarginTrading", "portfolio margin collects and lends"},
};

static bool is_known(struct json key)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (json_str_eq(key, known[i].name))
            return true;
    return false;
}

/* In any spelling. */
static bool looks_like_right(struct json key)
{
    static const char *const starts[] = {"enable", "permit", "allow", "can"};
    char name[64];

    if (!json_cstr(key, name, sizeof(name)) || strcasestr(name, "withdraw") ||
        strcasestr(name, "transfer"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (!strncasecmp(name, starts[i], strlen(starts[i])))
            return true;
    return false;
}

/* Only a plain false says that a right which coffer does not know is off. */
static void find_unknown(struct json root, struct verdict *v)
{
    char names[120] = "", name[64];
    struct json_iter it;
    struct json key, value;

    json_iter(&it, root);
    while (json_next(&it, &key, &value)) {
        bool is_on = true;
        if (is_known(key) || !looks_like_right(key))
            continue;
        if (json_bool(value, &is_on) && !is_on)
            continue;
        member_name(key, name, sizeof(name));
        list_add(names, sizeof(names), name);
    }
    if (names[0])
        verdict_add(v, PROBLEM_UNKNOWN_RIGHT,
                    "look at the key under Edit restrictions and untick what the bot does not "
                    "need; or see whether there is a newer coffer",
                    "%s", names);
}

static void judge_transfer(struct json root, struct verdict *v)
{
    char on[170] = "", missing[170] = "", part[120];

    v->transfer = FACT_NO;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        enum fact f = known[i].moves ? member_fact(root, known[i].name) : FACT_NO;
        snprintf(part, sizeof(part), "%s (%s)", known[i].name,
                 known[i].moves ? known[i].moves : "");
        if (f == FACT_YES)
            list_add(on, sizeof(on), part);
        else if (f == FACT_UNKNOWN)
            list_add(missing, sizeof(missing), known[i].name);
    }
    if (on[0]) {
        v->transfer = FACT_YES;
        verdict_add(v, PROBLEM_TRANSFER, binance_checks.no_transfer, "%s", on);
    } else if (missing[0]) {
        v->transfer = FACT_UNKNOWN;
        verdict_add(v, PROBLEM_TRANSFER_UNKNOWN, binance_checks.no_transfer,
                    "the answer does not tell %s", missing);
    }
}

#define DAY_MS 86400000u
#define SOON_DAYS 14u

/* The date is that of one right; the key itself has none. */
static void judge_expiry(struct json root, uint64_t now_ms, struct verdict *v)
{
    static const char todo[] = "under Edit restrictions bind the key to IP addresses, and tick the "
                               "right to trade again";
    struct json member;

    if (!json_get(root, "tradingAuthorityExpirationTime", &member)) {
        v->expires = v->ip_bound == FACT_YES ? FACT_NO : FACT_UNKNOWN;
        return;
    }
    if (!json_u64(member, JSON_INT_MAX, &v->expires_ms) || v->expires_ms == 0)
        return;
    v->expires = FACT_YES;
    if (v->expires_ms <= now_ms)
        verdict_add(v, PROBLEM_EXPIRED, todo, "the right to trade spot and margin has lapsed");
    else if (v->expires_ms - now_ms <= (uint64_t)SOON_DAYS * DAY_MS)
        verdict_add(v, PROBLEM_EXPIRES_SOON, todo,
                    "the right to trade spot and margin lapses in %u days",
                    (unsigned)((v->expires_ms - now_ms) / DAY_MS));
}

static bool does_more_than_read(struct json root)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].name, "enableReading") != 0 &&
            strcmp(known[i].name, "enableFixReadOnly") != 0 &&
            member_fact(root, known[i].name) == FACT_YES)
            return true;
    return false;
}

/* Binance's notice at 'Edit restrictions' on keys without an IP list. */
static void judge_unbound(struct json root, struct verdict *v)
{
    if (v->ip_bound == FACT_NO && does_more_than_read(root))
        verdict_add(v, PROBLEM_DELETED_WHEN_IDLE, binance_checks.bind_ip,
                    "without an IP list Binance deletes a key that may do more than read; after "
                    "how long is not documented");
}

static void judge_rights(struct json root, uint64_t now_ms, struct verdict *v)
{
    v->read = member_fact(root, "enableReading");
    v->trade_spot = member_fact(root, "enableSpotAndMarginTrading");
    v->trade_futures = member_fact(root, "enableFutures");
    v->withdraw = member_fact(root, "enableWithdrawals");
    v->ip_bound = member_fact(root, "ipRestrict");
    if (!member_u64(root, "createTime", &v->created_ms))
        v->created_ms = 0;
    judge_transfer(root, v);
    judge_expiry(root, now_ms, v);
    judge_unbound(root, v);
    find_unknown(root, v);
}

/* Whether this is the answer that tells rights, and not some other object. */
static bool is_rights(struct json root)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (member_fact(root, known[i].name) != FACT_UNKNOWN)
            return true;
    return false;
}

static bool is_account(struct json root)
{
    struct json list;

    return json_get(root, "balances", &list) && list.type == JSON_ARRAY;
}

static void judge_unreadable(const struct talk *t, struct verdict *v)
{
    static const char live[] = "run verify again; while Binance does not tell the rights, look at "
                               "them under API Management > Edit restrictions";
    static const char other[] = "keys of this environment move no real money: accept it with "
                                "--accept-risk REASON";
    const char *why = t->env == ENV_LIVE ? "Binance did not answer the call that tells rights"
                                         : "this environment has no call that tells rights";
    const char *todo = t->env == ENV_LIVE ? live : other;

    verdict_add(v, PROBLEM_WITHDRAW_UNKNOWN, todo, "%s", why);
    verdict_add(v, PROBLEM_TRANSFER_UNKNOWN, todo, "%s", why);
    verdict_add(v, PROBLEM_IP_LIST_UNKNOWN, "", "%s", why);
}

static void judge(const struct talk *t, uint64_t now_ms, struct verdict *v)
{
    struct json root;
    bool is_told = false;

    *v = (struct verdict){0};
    if (good(talk_reply(t, call_account(t)), &root) && is_account(root)) {
        uint64_t uid;
        v->is_judged = true;
        v->read = FACT_YES;
        if (member_u64(root, "uid", &uid))
            snprintf(v->account, sizeof(v->account), "%llu", (unsigned long long)uid);
    }
    if (t->env == ENV_LIVE && good(talk_reply(t, CALL_RIGHTS), &root) && is_rights(root)) {
        v->is_judged = true;
        is_told = true;
        judge_rights(root, now_ms, v);
    }
    if (v->is_judged && !is_told)
        judge_unreadable(t, v);
    verdict_conclude(v, &binance_checks, now_ms);
}

/* -- balance -- */

static int add_spot(struct json root, struct balances *out, struct err *e)
{
    struct json_iter it;
    struct json list, key, row;
    char asset[ASSET_MAX];
    int rc = OK;

    if (!json_get(root, "balances", &list) || list.type != JSON_ARRAY)
        return err_set(e, ERR_EXCHANGE, "binance answered in an unknown form");
    json_iter(&it, list);
    while (!rc && json_next(&it, &key, &row)) {
        (void)member_text(row, "asset", asset, sizeof(asset));
        rc = balances_add(out, "spot", bytes_str(asset), member_raw(row, "free"),
                          member_raw(row, "locked"), bytes_of(NULL, 0), e);
    }
    return rc;
}

static int add_futures(struct json root, struct balances *out, struct err *e)
{
    struct json_iter it;
    struct json key, row;
    char asset[ASSET_MAX];
    int rc = OK;

    if (root.type != JSON_ARRAY)
        return err_set(e, ERR_FORMAT, "not a list");
    json_iter(&it, root);
    while (!rc && json_next(&it, &key, &row)) {
        (void)member_text(row, "asset", asset, sizeof(asset));
        rc = balances_add(out, "futures", bytes_str(asset), member_raw(row, "availableBalance"),
                          bytes_of(NULL, 0), member_raw(row, "balance"), e);
    }
    return rc;
}

/* A key without futures is a good key. */
static int futures_balance(const struct talk *t, struct balances *out, struct err *e)
{
    const struct reply *r = talk_reply(t, 1);
    size_t before = out->n;
    struct failure f = {0};
    struct json root;

    if (good(r, &root)) {
        int rc = add_futures(root, out, e);
        if (rc != ERR_FORMAT)
            return rc;
        out->n = before;
    }
    if (r && r->status)
        binance_explain(r, &f);
    if (f.kind == FAILURE_KEY || f.kind == FAILURE_KEY_GONE || f.kind == FAILURE_RIGHT)
        snprintf(out->closed, sizeof(out->closed), "futures: not open to this key (%.24s)", f.code);
    else
        snprintf(out->missing, sizeof(out->missing), "futures: %.24s%s%.100s", f.code,
                 f.code[0] ? " " : "",
                 f.message[0]             ? f.message
                 : f.kind == FAILURE_NONE ? "no answer in the documented form"
                                          : failure_name(f.kind));
    return OK;
}

static int balance(const struct talk *t, struct balances *out, struct err *e)
{
    const struct reply *r = talk_reply(t, 0);
    struct json root;

    if (!good(r, &root))
        return binance_refused(r, e);
    int rc = add_spot(root, out, e);
    if (!rc && has_futures(t->env))
        rc = futures_balance(t, out, e);
    return rc;
}

static const char *const open_orders[] = {"GET /api/v3/openOrders", "GET /fapi/v1/openOrders",
                                          NULL};

const struct checks binance_checks = {
    .next = next,
    .server_time = server_time,
    .time_unit_ms = 1,
    .judge = judge,
    .balance = balance,
    .trade = binance_trade,
    .explain = binance_explain,
    .no_withdraw = "Account > API Management > Edit restrictions: untick 'Enable Withdrawals'",
    .no_transfer = "Account > API Management > Edit restrictions: untick 'Permits Universal "
                   "Transfer', 'Enable Margin Loan, Repay & Transfer', and any other box about "
                   "transfers or portfolio margin",
    .bind_ip = "Account > API Management > Edit restrictions: 'Restrict access to trusted IPs "
               "only', and this machine's public address",
    .symbol = "BTCUSDT",
    .delete_at = "https://www.binance.com/en/my/settings/api-management",
    .open_orders = open_orders,
    .proves = "live: reading, spot and futures trading, withdrawal, transfer, IP list yes or no, "
              "expiry and creation of the key itself; test and demo: that it works, and no more",
    .guide = &binance_guide,
};
