/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/checks.h: replies of an exchange that anybody may have written. The first byte picks
 * the connector, the second purpose, environment and in which order answers come; then come the
 * replies to call 0, 1 ..., each a byte for its status and the body up to a NUL. Whatever they are,
 * only harmless calls are asked for, and no key is called safe that the documented member of the
 * reply does not call so. */
#include "base/text.h"
#include "connectors/checks.h"
#include "connectors/target.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS 1763812800000u

static const unsigned statuses[16] = {200, 200, 200, 200, 201, 0,   302, 400,
                                      401, 403, 404, 418, 429, 451, 500, 503};

/* -- what a reply must say for a key to be unable to withdraw -- */

static bool is_false(struct json v, const char *name)
{
    struct json m;
    bool is_true = true;
    return json_get(v, name, &m) && json_bool(m, &is_true) && !is_true;
}

static bool first_of(struct json v, const char *name, struct json *out)
{
    struct json list, key;
    struct json_iter it;
    if (!json_get(v, name, &list) || list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    return json_next(&it, &key, out);
}

static bool binance_says_no(struct json root)
{
    return is_false(root, "enableWithdrawals");
}

static bool coinbase_says_no(struct json root)
{
    return is_false(root, "can_transfer");
}

static bool kraken_says_no(struct json root)
{
    struct json result, list, key, value;
    struct json_iter it;
    if (!json_get(root, "result", &result) || !json_get(result, "permissions", &list) ||
        list.type != JSON_ARRAY)
        return false;
    json_iter(&it, list);
    while (json_next(&it, &key, &value))
        if (value.type != JSON_STRING || json_str_eq(value, "withdraw-funds"))
            return false;
    return true;
}

static bool okx_says_no(struct json root)
{
    static const char *const lists[] = {"read_only", "trade"};
    struct json code, config, perm;
    struct bytes rest, word;
    if (!json_get(root, "code", &code) || !json_str_eq(code, "0") ||
        !first_of(root, "data", &config) || !json_get(config, "perm", &perm) ||
        perm.type != JSON_STRING)
        return false;
    uint8_t text[1024];
    size_t n = 0;
    MUST(json_str(perm, text, sizeof(text), &n));
    rest = bytes_of(text, n);
    for (size_t i = 0; i < n; i++) {
        (void)text_cut(rest, ',', &word, &rest);
        word = text_trim(word);
        MUST(bytes_eq_str(word, lists[0]) || bytes_eq_str(word, lists[1]));
        if (!rest.n)
            break;
    }
    return n > 0;
}

static const struct oracle {
    const struct connector *conn;
    bool (*says_no)(struct json root);
} oracles[] = {
    {&connector_binance, binance_says_no},
    {&connector_coinbase_advanced_trade, coinbase_says_no},
    {&connector_kraken, kraken_says_no},
    {&connector_okx, okx_says_no},
};

static bool any_says_no(const struct talk *t)
{
    struct json root;
    struct err e;
    for (size_t k = 0; k < ARRAY_LEN(oracles); k++)
        for (unsigned i = 0; oracles[k].conn == t->conn && i < t->n_asked; i++)
            if (t->is_answered[i] && t->replies[i].status == 200 &&
                !reply_json(&t->replies[i], &root, &e) && oracles[k].says_no(root))
                return true;
    return false;
}

/* -- what must hold -- */

/* Ends within its room, and shows nothing but characters. */
static void check_text(const char *s, size_t cap)
{
    size_t n = strnlen(s, cap);
    MUST(n < cap);
    MUST(text_is_utf8(bytes_of(s, n)));
    for (size_t i = 0; i < n; i++)
        MUST((uint8_t)s[i] >= 0x20 && s[i] != 0x7f);
}
#define TEXT(a) check_text((a), sizeof(a))

static void check_inquiry(const struct talk *t, const struct inquiry *q)
{
    struct call c = {.conn = t->conn,
                     .env = t->env,
                     .region = t->region,
                     .method = bytes_str(q->method),
                     .body = bytes_str(q->body)};
    unsigned allowed = CLASS_BIT(CLASS_PUBLIC) | CLASS_BIT(CLASS_READ);
    struct err e;
    if (t->purpose == PURPOSE_TRADE)
        allowed |= CLASS_BIT(CLASS_TRADE) | CLASS_BIT(CLASS_CANCEL);
    TEXT(q->url);
    TEXT(q->body);
    MUST(target_check_method(c.method, &e) == OK);
    MUST(target_parse(bytes_str(q->url), false, &c, &e) == OK);
    MUST(CLASS_BIT(connector_classify(&c)) & allowed);
}

static void check_verdict(const struct talk *t, const struct verdict *v)
{
    const enum fact facts[] = {v->read,     v->trade_spot, v->trade_futures, v->withdraw,
                               v->transfer, v->ip_bound,   v->expires};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        MUST(facts[i] == FACT_UNKNOWN || facts[i] == FACT_NO || facts[i] == FACT_YES);
    MUST(v->n_findings <= FINDINGS_MAX);
    for (size_t i = 0; i < v->n_findings; i++) {
        MUST((unsigned)v->findings[i].problem < PROBLEM_COUNT);
        TEXT(v->findings[i].text);
        TEXT(v->findings[i].todo);
    }
    TEXT(v->ips);
    TEXT(v->account);
    TEXT(v->label);
    if (v->withdraw == FACT_NO)
        MUST(any_says_no(t));
    else
        MUST(verdict_has(v, PROBLEM_WITHDRAW) || verdict_has(v, PROBLEM_WITHDRAW_UNKNOWN));
    if (v->transfer != FACT_NO)
        MUST(verdict_has(v, PROBLEM_TRANSFER) || verdict_has(v, PROBLEM_TRANSFER_UNKNOWN));
    if (!v->is_judged)
        for (size_t i = 0; i < ARRAY_LEN(facts); i++)
            MUST(facts[i] == FACT_UNKNOWN || &facts[i] == &facts[2]);
}

static void check_balances(struct balances *b)
{
    struct err e;
    MUST(b->n <= BALANCES_MAX && b->n <= b->cap);
    TEXT(b->missing);
    for (size_t i = 0; i < b->n; i++) {
        const char *const amounts[] = {b->v[i].free, b->v[i].locked, b->v[i].total};
        TEXT(b->v[i].wallet);
        TEXT(b->v[i].asset);
        for (size_t k = 0; k < ARRAY_LEN(amounts); k++) {
            AUTO_DECIMAL d = {0};
            check_text(amounts[k], DECIMAL_TEXT);
            if (amounts[k][0])
                MUST(decimal_parse(bytes_str(amounts[k]), &d, &e) == OK);
        }
    }
    balances_free(b);
}

static void check_replies(const struct talk *t)
{
    for (unsigned i = 0; i < t->n_asked; i++) {
        const struct reply *r = &t->replies[i];
        struct failure f;
        struct err e;
        uint64_t ms = 0;
        t->conn->checks->explain(r, &f);
        MUST((unsigned)f.kind <= FAILURE_PLACE && f.n_causes <= CAUSES_MAX);
        MUST(f.kind != FAILURE_NONE || (r->status >= 200 && r->status < 300));
        TEXT(f.code);
        TEXT(f.message);
        for (size_t k = 0; k < f.n_causes; k++)
            MUST(f.causes[k].what && f.causes[k].tell);
        if (t->conn->checks->server_time(r, &ms, &e) == OK)
            MUST(r->status >= 200 && r->status < 300);
    }
}

static void check_found(const struct talk *t)
{
    const struct checks *k = t->conn->checks;
    struct verdict v;
    struct trade_test trade;
    struct balances b = {0};
    struct err e;
    switch (t->purpose) {
    case PURPOSE_VERIFY:
        k->judge(t, NOW_MS, &v);
        check_verdict(t, &v);
        break;
    case PURPOSE_BALANCE:
        if (k->balance(t, &b, &e) != OK)
            MUST(e.code != OK);
        check_balances(&b);
        break;
    case PURPOSE_TRADE:
        k->trade(t, &trade);
        TEXT(trade.order);
        TEXT(trade.line);
        MUST(trade.is_placed || !trade.is_cancelled);
        break;
    }
}

/* -- driving -- */

/* The next reply of the input; without one the call is lost. */
static void answer(struct talk *t, unsigned i, struct bytes *input)
{
    struct bytes head = {0};
    uint8_t how = input->n ? input->p[0] : 0x45;
    if (input->n) {
        *input = bytes_of(input->p + 1, input->n - 1);
        (void)text_cut(*input, 0, &head, input);
    }
    unsigned status = statuses[how & 15];
    t->replies[i] = (struct reply){.status = status,
                                   .is_unknown = status == 0 && (how & 0x40),
                                   .body = status ? head : bytes_of(NULL, 0),
                                   .sent_us = NOW_MS * 1000ull,
                                   .answered_us = NOW_MS * 1000ull + 1000};
    t->is_answered[i] = true;
}

/* One answer to what waits for one; false when nothing does. */
static bool answer_one(struct talk *t, struct bytes *input)
{
    for (unsigned i = 0; i < t->n_asked; i++)
        if (!t->is_answered[i]) {
            answer(t, i, input);
            return true;
        }
    return false;
}

static void drive(struct talk *t, bool is_late, struct bytes input)
{
    struct inquiry q;
    struct err e;
    for (;;) {
        enum ask ask = ASK_DONE;
        q = (struct inquiry){.method = NULL};
        if (t->conn->checks->next(t, &q, &ask, &e) || ask == ASK_DONE)
            break;
        if (ask == ASK_WAIT) {
            MUST(answer_one(t, &input));
            continue;
        }
        MUST(t->n_asked < CALLS_MAX);
        check_inquiry(t, &q);
        t->n_asked++;
        if (!is_late)
            (void)answer_one(t, &input);
    }
    check_found(t);
    while (answer_one(t, &input))
        check_found(t);
    check_replies(t);
    check_found(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct talk t = {.tag = "0123456789abcdef"};
    size_t n_connectors = 0;
    if (n < 2)
        return 0;
    for (; connectors[n_connectors]; n_connectors++) {
        size_t k = 0;
        while (k < ARRAY_LEN(oracles) && oracles[k].conn != connectors[n_connectors])
            k++;
        MUST(!connectors[n_connectors]->checks || k < ARRAY_LEN(oracles));
    }
    t.conn = connectors[(p[0] & 0x0f) % n_connectors];
    if (!t.conn->checks)
        return 0;
    t.purpose = (enum purpose)((p[1] & 3) % 3);
    t.env = (enum environment)((p[1] >> 2 & 3) % ENV_COUNT);
    t.symbol = t.conn->checks->symbol;
    t.wants_account = p[1] & 0x10;
    bool has_env = false;
    for (const struct host *h = t.conn->hosts; h->name; h++)
        has_env |= h->env == t.env && !h->is_ws;
    if (has_env)
        drive(&t, p[1] & 0x20, bytes_of(p + 2, n - 2));
    return 0;
}
