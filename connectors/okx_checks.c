/* SPDX-License-Identifier: Apache-2.0 */
/* OKX: what is asked to verify a key and to list what it holds, and how the answers are read. The
 * rights of the key stand in /api/v5/account/config. There is no right of its own for transfers:
 * "trade" covers them. */
#include "connectors/okx.h"

#include "base/text.h"
#include "connectors/member.h"

#include <stdio.h>

#define CALL_CONFIG 1u

static int next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    static const char *const verify[] = {"/api/v5/public/time", "/api/v5/account/config"};
    static const char *const wallets[] = {"/api/v5/account/balance", "/api/v5/asset/balances"};

    if (t->purpose == PURPOSE_TRADE)
        return okx_trade_next(t, out, ask, e);
    *ask = t->n_asked < ARRAY_LEN(verify) ? ASK_NOW : ASK_DONE;
    if (*ask == ASK_DONE)
        return OK;
    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url), "%s",
             t->purpose == PURPOSE_VERIFY ? verify[t->n_asked] : wallets[t->n_asked]);
    return OK;
}

/* The body of a success. */
static bool good(const struct reply *r, struct json *root)
{
    struct failure f;
    struct err e;

    if (!r)
        return false;
    okx_explain(r, &f);
    return f.kind == FAILURE_NONE && !reply_json(r, root, &e);
}

static int server_time(const struct reply *r, uint64_t *unix_ms, struct err *e)
{
    struct json root, first;
    uint64_t ms;

    if (!good(r, &root) || !member_first(root, "data", &first) ||
        !text_u64(member_raw(first, "ts"), JSON_INT_MAX, &ms))
        return err_set(e, ERR_FORMAT, "okx's answer has no server time");
    *unix_ms = ms;
    return OK;
}

/* -- rights -- */

struct perms {
    bool is_told; /* a list of nothing but known words */
    bool can_trade, can_withdraw;
    char unknown[100];
};

/* Blanks only: a word with anything else around it is not one that is known. */
static struct bytes without_blanks(struct bytes s)
{
    while (s.n && s.p[0] == ' ')
        s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

static void read_perms(struct json config, struct perms *p)
{
    char list[256], word[64];
    struct bytes rest, head;
    struct json v;

    /* Whole or not at all: what is cut off might be the word that matters. */
    *p = (struct perms){0};
    if (!json_get(config, "perm", &v) || !json_cstr(v, list, sizeof(list)) || !list[0])
        return;
    p->is_told = true;
    for (rest = bytes_str(list); rest.n;) {
        (void)text_cut(rest, ',', &head, &rest);
        head = without_blanks(head);
        if (bytes_eq_str(head, "trade")) {
            p->can_trade = true;
        } else if (bytes_eq_str(head, "withdraw")) {
            p->can_withdraw = true;
        } else if (!bytes_eq_str(head, "read_only")) {
            p->is_told = false;
            snprintf(word, sizeof(word), "'%.*s'", (int)(head.n < 40 ? head.n : 40),
                     (const char *)head.p);
            list_add(p->unknown, sizeof(p->unknown), word);
        }
    }
    if (text_ends(bytes_str(list), ","))
        p->is_told = false;
}

static enum fact fact_of(bool has, const struct perms *p)
{
    if (has)
        return FACT_YES;
    return p->is_told ? FACT_NO : FACT_UNKNOWN;
}

/* Derivatives need an account in another mode than spot (acctLv 1). */
static enum fact futures_fact(struct json config, const struct perms *p)
{
    char level[8];

    if (!p->can_trade)
        return fact_of(false, p);
    if (!member_text(config, "acctLv", level, sizeof(level)) || strlen(level) != 1)
        return FACT_UNKNOWN;
    if (level[0] == '1')
        return FACT_NO;
    return level[0] >= '2' && level[0] <= '4' ? FACT_YES : FACT_UNKNOWN;
}

/* A main account's key reaches its sub-accounts too. */
static bool is_sub_account(struct json config)
{
    char own[32], main_account[32];

    return member_text(config, "uid", own, sizeof(own)) && own[0] &&
           member_text(config, "mainUid", main_account, sizeof(main_account)) && main_account[0] &&
           strcmp(own, main_account) != 0;
}

static void judge_transfer(struct json config, const struct perms *p, struct verdict *v)
{
    static const char for_sub[] = "it goes with 'Trade': leave only the bot's money in this "
                                  "sub-account, then accept it with --accept-risk REASON";
    bool is_sub = is_sub_account(config);

    v->transfer = fact_of(p->can_trade, p);
    if (p->can_withdraw && !p->can_trade)
        v->transfer = FACT_UNKNOWN;
    if (v->transfer == FACT_YES)
        verdict_add(v, PROBLEM_TRANSFER, is_sub ? for_sub : okx_checks.no_transfer,
                    "'trade' also covers moving funds between the %s; OKX has no right of its own "
                    "for it. coffer refuses such requests itself",
                    is_sub ? "sub-account's wallets" : "account's wallets and its sub-accounts");
    else if (v->transfer == FACT_UNKNOWN && p->can_withdraw)
        verdict_add(v, PROBLEM_TRANSFER_UNKNOWN, okx_checks.no_withdraw,
                    "the right to withdraw is on");
}

/* An entry under which every address passes. */
static bool is_everything(struct bytes entry)
{
    return text_ends(entry, "/0") || bytes_eq_str(entry, "0.0.0.0") || bytes_eq_str(entry, "::");
}

static bool is_address(struct bytes entry)
{
    if (!entry.n)
        return false;
    for (size_t i = 0; i < entry.n; i++)
        if (!memchr("0123456789abcdefABCDEF.:/", entry.p[i], 25))
            return false;
    return true;
}

static void judge_ips(struct json config, struct verdict *v)
{
    char list[1024];
    struct bytes rest, entry;
    bool is_open = false, is_bad = false;

    if (!member_text(config, "ip", list, sizeof(list)))
        return;
    rest = text_trim(bytes_str(list));
    v->ip_bound = rest.n ? FACT_YES : FACT_NO;
    text_clean(v->ips, sizeof(v->ips), rest);
    while (rest.n) {
        (void)text_cut(rest, ',', &entry, &rest);
        entry = text_trim(entry);
        is_open = is_open || is_everything(entry);
        is_bad = is_bad || !is_address(entry);
    }
    if (is_open)
        v->ip_bound = FACT_NO;
    else if (is_bad)
        v->ip_bound = FACT_UNKNOWN;
    if (is_open)
        verdict_add(v, PROBLEM_NO_IP_LIST, okx_checks.bind_ip, "the list lets every address in");
}

/* OKX tells no date. By its rules a key ends only by disuse: one with more than the right to read
 * and without an IP list, and none of the demo. */
static void judge_life(const struct talk *t, const struct perms *p, struct verdict *v)
{
    bool does_more = p->can_trade || p->can_withdraw;

    if (t->env != ENV_LIVE || v->ip_bound == FACT_YES || (!does_more && p->is_told))
        v->expires = FACT_NO;
    else if (v->ip_bound == FACT_NO && does_more)
        verdict_add(v, PROBLEM_DELETED_WHEN_IDLE, okx_checks.bind_ip,
                    "OKX deletes a key that may trade or withdraw and has no IP list after 14 days "
                    "without a private call; 'coffer verify' is one");
}

static void judge_config(const struct talk *t, struct json config, struct verdict *v)
{
    struct perms p;

    read_perms(config, &p);
    v->read = FACT_YES; /* the call itself needs it */
    v->trade_spot = fact_of(p.can_trade, &p);
    v->trade_futures = futures_fact(config, &p);
    v->withdraw = fact_of(p.can_withdraw, &p);
    judge_transfer(config, &p, v);
    if (p.unknown[0])
        verdict_add(v, PROBLEM_UNKNOWN_RIGHT,
                    "edit the key at API and leave only what the bot needs; or see whether there "
                    "is a newer coffer",
                    "%s", p.unknown);
    judge_ips(config, v);
    judge_life(t, &p, v);
    (void)member_text(config, "uid", v->account, sizeof(v->account));
    (void)member_text(config, "label", v->label, sizeof(v->label));
}

/* The one object that tells of the key, and not some other answer, or several. */
static bool find_config(struct json root, struct json *config)
{
    static const char *const members[] = {"perm", "uid", "acctLv"};
    struct json list, v;

    if (!json_get(root, "data", &list) || json_count(list) != 1 ||
        !member_first(root, "data", config))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_get(*config, members[i], &v) && v.type == JSON_STRING)
            return true;
    return false;
}

static void judge(const struct talk *t, uint64_t now_ms, struct verdict *v)
{
    struct json root, config;

    *v = (struct verdict){0};
    if (good(talk_reply(t, CALL_CONFIG), &root) && find_config(root, &config)) {
        v->is_judged = true;
        judge_config(t, config, v);
    }
    verdict_conclude(v, &okx_checks, now_ms);
}

/* -- balance -- */

static int add_row(struct balances *out, const char *wallet, struct json row, const char *sum,
                   struct err *e)
{
    char asset[ASSET_MAX];
    struct bytes total = member_raw(row, sum);

    (void)member_text(row, "ccy", asset, sizeof(asset));
    if (!total.n)
        total = member_raw(row, "eq");
    return balances_add(out, wallet, bytes_str(asset), member_raw(row, "availBal"),
                        member_raw(row, "frozenBal"), total, e);
}

static int add_rows(struct json object, const char *list, const char *wallet, const char *sum,
                    struct balances *out, struct err *e)
{
    struct json_iter it;
    struct json rows, key, row;
    int rc = OK;

    if (!json_get(object, list, &rows) || rows.type != JSON_ARRAY)
        return err_set(e, ERR_FORMAT, "okx answered in an unknown form");
    json_iter(&it, rows);
    while (!rc && json_next(&it, &key, &row))
        rc = add_row(out, wallet, row, sum, e);
    return rc;
}

/* Bots trade from the trading account; the funding account is worth knowing, no more. */
static int funding_balance(const struct reply *r, struct balances *out, struct err *e)
{
    size_t before = out->n;
    struct failure f = {0};
    struct json root;

    if (good(r, &root)) {
        int rc = add_rows(root, "data", "funding", "bal", out, e);
        if (rc != ERR_FORMAT)
            return rc;
        out->n = before;
    }
    if (r && r->status)
        okx_explain(r, &f);
    snprintf(out->missing, sizeof(out->missing), "funding: %.24s%s%.100s", f.code,
             f.code[0] ? " " : "",
             f.kind == FAILURE_NONE ? "no answer in the documented form"
             : f.message[0]         ? f.message
                                    : failure_name(f.kind));
    return OK;
}

static int balance(const struct talk *t, struct balances *out, struct err *e)
{
    const struct reply *r = talk_reply(t, 0);
    struct json root, account;

    if (!good(r, &root))
        return okx_refused(r, e);
    if (!member_first(root, "data", &account))
        return err_set(e, ERR_FORMAT, "okx answered in an unknown form");
    int rc = add_rows(account, "details", "trading", "cashBal", out, e);
    return rc ? rc : funding_balance(talk_reply(t, 1), out, e);
}

static const char *const open_orders[] = {"GET /api/v5/trade/orders-pending", NULL};

const struct checks okx_checks = {
    .next = next,
    .server_time = server_time,
    .time_unit_ms = 1,
    .judge = judge,
    .balance = balance,
    .trade = okx_trade,
    .explain = okx_explain,
    .no_withdraw = "profile > API (or API and connections) > edit the key: untick 'Withdraw'",
    .no_transfer = "it goes with 'Trade': make the key on a sub-account that holds only the bot's "
                   "money, then accept it with --accept-risk REASON",
    .bind_ip = "profile > API (or API and connections) > edit the key: up to 20 addresses, among "
               "them this machine's public one",
    .symbol = "BTC-USDT",
    .delete_at = "https://www.okx.com/account/my-api (app.okx.com and my.okx.com for the other "
                 "sites)",
    .open_orders = open_orders,
    .proves = "reading, trading (spot and futures are one right, and it includes transfer between "
              "own accounts), withdrawal, IP list; expiry and creation are not told",
    .guide = &okx_guide,
};
