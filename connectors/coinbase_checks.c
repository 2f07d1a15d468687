/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase: what coffer asks by itself about a key, and what the answers say. The test order is in
 * coinbase_trade.c, errors are in coinbase_errors.c. */
#include "connectors/coinbase.h"

#include "base/text.h"
#include "connectors/form.h"
#include "connectors/member.h"

#include <stdio.h>

#define V3 "/api/v3/brokerage/"
#define CALL_RIGHTS 1u
#define PAGES_MAX 10u
#define CURSOR_MAX 300u /* fits a url with each character escaped */
#define TIME_MAX_MS 100000000000000u

#define AT_PORTAL "https://portal.cdp.coinbase.com > API Keys > Secret API Keys > edit the key"

static void get(struct inquiry *out, const char *path)
{
    *out = (struct inquiry){.method = "GET"};
    snprintf(out->url, sizeof(out->url), "%s", path);
}

/* The sandbox has few calls, and none that tells rights. */
static void next_verify(const struct talk *t, struct inquiry *out, enum ask *ask)
{
    *ask = t->n_asked > CALL_RIGHTS ? ASK_DONE : ASK_NOW;
    if (t->n_asked < CALL_RIGHTS)
        get(out, V3 "time");
    else if (t->n_asked == CALL_RIGHTS)
        get(out, t->env == ENV_TEST ? V3 "accounts?limit=250" : V3 "key_permissions");
}

/* Where the next page starts. false: there is none, or none that can be asked for. */
static bool read_cursor(struct json page, char cursor[CURSOR_MAX + 1])
{
    struct json v;

    return member_fact(page, "has_next") == FACT_YES && json_get(page, "cursor", &v) &&
           json_cstr(v, cursor, CURSOR_MAX + 1) && cursor[0];
}

static int next_balance(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    AUTO_BUF url = BUF_INIT(sizeof(out->url) - 1);
    char cursor[CURSOR_MAX + 1];
    struct json page;

    *ask = ASK_NOW;
    get(out, V3 "accounts?limit=250");
    if (t->n_asked == 0)
        return OK;
    const struct reply *last = talk_reply(t, t->n_asked - 1);
    *ask = last ? ASK_DONE : ASK_WAIT;
    if (t->n_asked >= PAGES_MAX || !coinbase_good(last, &page) || !read_cursor(page, cursor))
        return OK;
    buf_adds(&url, out->url);
    buf_adds(&url, "&cursor=");
    form_encode(&url, bytes_str(cursor));
    int rc = buf_check(&url, "url", e);
    if (rc)
        return rc;
    get(out, buf_str(&url));
    *ask = ASK_NOW;
    return OK;
}

static int next(const struct talk *t, struct inquiry *out, enum ask *ask, struct err *e)
{
    if (t->purpose == PURPOSE_TRADE)
        return coinbase_trade_next(t, out, ask, e);
    if (t->purpose == PURPOSE_BALANCE)
        return next_balance(t, out, ask, e);
    next_verify(t, out, ask);
    return OK;
}

static int server_time(const struct reply *r, uint64_t *unix_ms, struct err *e)
{
    struct json root, time;
    uint64_t ms;

    if (!coinbase_good(r, &root) || !json_get(root, "epochMillis", &time) ||
        (time.type != JSON_STRING && time.type != JSON_NUMBER) ||
        !text_u64(json_raw(time), TIME_MAX_MS, &ms))
        return err_set(e, ERR_FORMAT,
                       "the reply with Coinbase's time is not in the documented form");
    *unix_ms = ms;
    return OK;
}

static const char *const rights[] = {"can_view", "can_trade", "can_transfer"};

/* Beside the rights that are read: whatever is named as one, in any spelling. */
static bool is_known(const char *name)
{
    static const char *const parts[] = {"transfer", "withdraw", "send"};

    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (strcmp(name, rights[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strcasestr(name, parts[i]))
            return false;
    return strncasecmp(name, "can", 3) != 0;
}

/* Whether this is the answer that tells rights, and not some other object. */
static bool is_rights(struct json root)
{
    char portfolio[80];

    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (member_fact(root, rights[i]) != FACT_UNKNOWN)
            return true;
    return member_text(root, "portfolio_uuid", portfolio, sizeof(portfolio)) && portfolio[0];
}

/* A right that is not in the documentation: can_ and something, and not a plain false. */
static void find_unknown(struct json root, struct verdict *v)
{
    char names[120] = "", name[64];
    struct json_iter it;
    struct json key, value;

    json_iter(&it, root);
    while (json_next(&it, &key, &value)) {
        bool is_on = true;
        member_name(key, name, sizeof(name));
        if (is_known(name))
            continue;
        if (!json_bool(value, &is_on) || is_on)
            list_add(names, sizeof(names), name);
    }
    if (names[0])
        verdict_add(v, PROBLEM_UNKNOWN_RIGHT,
                    "edit the key at " AT_PORTAL ", or use a version of coffer that knows it", "%s",
                    names);
}

static void judge_rights(struct json root, struct verdict *v)
{
    v->read = member_fact(root, "can_view");
    v->trade_spot = v->trade_futures = member_fact(root, "can_trade");
    /* One right for both: between portfolios, and out of Coinbase by the sends of /v2. */
    v->withdraw = v->transfer = member_fact(root, "can_transfer");
    if (v->withdraw == FACT_YES) {
        verdict_add(v, PROBLEM_WITHDRAW, coinbase_checks.no_withdraw,
                    "the right 'Transfer' also sends crypto out of Coinbase");
        verdict_add(v, PROBLEM_TRANSFER, coinbase_checks.no_transfer,
                    "the right 'Transfer' moves funds between portfolios");
    }
    find_unknown(root, v);
    (void)member_text(root, "portfolio_uuid", v->account, sizeof(v->account));
}

/* What one answer says is the same for all: it is worth nothing as proof, and no right is read from
 * it. It came, and no more. */
static void judge_mocked(struct verdict *v)
{
    static const char todo[] = "a key of the sandbox reaches no money: accept it with "
                               "--accept-risk REASON";
    static const char why[] = "the sandbox gives every key the same made-up answers";

    verdict_add(v, PROBLEM_MOCKED, "try keys in the live environment, with small money",
                "they say neither that the key is valid nor what it may do");
    verdict_add(v, PROBLEM_WITHDRAW_UNKNOWN, todo, "%s", why);
    verdict_add(v, PROBLEM_TRANSFER_UNKNOWN, todo, "%s", why);
}

static void judge(const struct talk *t, uint64_t now_ms, struct verdict *out)
{
    struct json root;

    *out = (struct verdict){0};
    if (!coinbase_good(talk_reply(t, CALL_RIGHTS), &root)) {
        verdict_conclude(out, &coinbase_checks, now_ms);
        return;
    }
    out->is_judged = t->env != ENV_LIVE || is_rights(root);
    if (t->env != ENV_LIVE)
        judge_mocked(out);
    else if (out->is_judged)
        judge_rights(root, out);
    verdict_conclude(out, &coinbase_checks, now_ms);
}

static int add_account(struct json account, struct balances *out, struct err *e)
{
    struct json available = {0}, hold = {0}, name;
    char currency[ASSET_MAX];

    if (!json_get(account, "currency", &name) || !json_cstr(name, currency, sizeof(currency)) ||
        !json_get(account, "available_balance", &available))
        return err_set(e, ERR_FORMAT,
                       "an account of Coinbase's reply is not in the documented form");
    if (!json_get(account, "hold", &hold))
        hold = (struct json){0};
    return balances_add(out, "spot", bytes_str(currency), member_raw(available, "value"),
                        member_raw(hold, "value"), (struct bytes){0}, e);
}

static int add_page(struct json page, struct balances *out, struct err *e)
{
    struct json_iter it;
    struct json list, key, account;
    int rc = OK;

    if (!json_get(page, "accounts", &list) || list.type != JSON_ARRAY)
        return err_set(e, ERR_EXCHANGE, "Coinbase answered in an unknown form");
    json_iter(&it, list);
    while (!rc && json_next(&it, &key, &account))
        rc = add_account(account, out, e);
    return rc;
}

/* Whether the last page that was asked for is the last that there is. */
static void tell_missing(const struct talk *t, struct balances *out)
{
    const struct reply *last = talk_reply(t, t->n_asked - 1);
    struct failure f = {0};
    struct json page;

    if (coinbase_good(last, &page)) {
        if (member_fact(page, "has_next") != FACT_NO)
            snprintf(out->missing, sizeof(out->missing), "accounts after page %u: Coinbase %s",
                     t->n_asked,
                     member_fact(page, "has_next") == FACT_YES ? "has more of them"
                                                               : "does not tell whether there are");
        return;
    }
    if (last && last->status)
        coinbase_explain(last, &f);
    snprintf(out->missing, sizeof(out->missing), "accounts from page %u on: %.100s", t->n_asked,
             f.message[0]             ? f.message
             : f.kind == FAILURE_NONE ? "no answer"
                                      : failure_name(f.kind));
}

static int balance(const struct talk *t, struct balances *out, struct err *e)
{
    struct json page;

    if (!coinbase_good(talk_reply(t, 0), &page))
        return coinbase_refused(talk_reply(t, 0), e);
    for (unsigned i = 0; i < t->n_asked && coinbase_good(talk_reply(t, i), &page); i++) {
        int rc = add_page(page, out, e);
        if (rc)
            return rc;
    }
    tell_missing(t, out);
    return OK;
}

static const char *const open_orders[] = {
    "GET /api/v3/brokerage/orders/historical/batch?order_status=OPEN", NULL};

const struct checks coinbase_checks = {
    .next = next,
    .server_time = server_time,
    .time_unit_ms = 1,
    .judge = judge,
    .balance = balance,
    .trade = coinbase_trade,
    .explain = coinbase_explain,
    .no_withdraw = AT_PORTAL ": take 'Transfer' away",
    .no_transfer = AT_PORTAL ": take 'Transfer' away",
    .bind_ip = AT_PORTAL ": see under API restrictions that its IP allowlist holds this machine's "
                         "public address only; the API does not tell",
    .symbol = "BTC-USD",
    .delete_at = "https://portal.cdp.coinbase.com > API Keys > Secret API Keys > delete the key",
    .open_orders = open_orders,
    .proves = "reading, trading, and transfer, which includes withdrawal; IP list, expiry and "
              "creation are not told: unknown",
    .guide = &coinbase_guide,
};
