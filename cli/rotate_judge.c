/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a new key may take the place of the old one: the same account, the rights that the record
 * needs, and no more. Pure. */
#include "cli/rotate.h"

#include "agent/policy.h"

#include <stdio.h>

#define RISK_FEWER "fewer-rights"
#define RISK_MORE "more-rights"
#define RISK_ACCOUNT "account-unknown"

static void add_word(char out[128], const char *word)
{
    size_t n = strlen(out);

    snprintf(out + n, 128 - n, "%s%s", n ? ", " : "", word);
}

/* Fewer: the old one surely had it, the new one does not surely have it. More: the other way, but
 * only what is surely there; what is unknown is a danger of its own where it matters. */
static void compare(enum fact before, enum fact after, const char *word, struct objections *out)
{
    if (before == FACT_YES && after != FACT_YES)
        add_word(out->fewer, word);
    if (before == FACT_NO && after == FACT_YES)
        add_word(out->more, word);
}

static bool cannot_trade(const struct verdict *v)
{
    return v->trade_spot == FACT_NO && v->trade_futures != FACT_YES;
}

/* Without a working old key the record needs what coffer signs by default: to read, and to trade
 * somewhere. */
static void need_default(const struct verdict *now, struct objections *out)
{
    if (now->read != FACT_YES)
        add_word(out->fewer, "read");
    if (cannot_trade(now))
        add_word(out->fewer, "trade");
}

/* What the exchange did not tell of the old one it may have had. */
static void need_untold(const struct verdict *before, const struct verdict *now,
                        struct objections *out)
{
    bool is_untold = before->trade_spot == FACT_UNKNOWN || before->trade_futures == FACT_UNKNOWN;
    bool is_named = before->trade_spot == FACT_YES || before->trade_futures == FACT_YES;

    if (before->read == FACT_UNKNOWN && now->read == FACT_NO)
        add_word(out->fewer, "read");
    if (is_untold && !is_named && cannot_trade(now))
        add_word(out->fewer, "trade");
}

bool failure_shows_life(enum failure_kind k)
{
    return k == FAILURE_RIGHT || k == FAILURE_IP || k == FAILURE_NONCE;
}

void rotate_object(const struct checkup *old, const char *old_account, const struct checkup *now,
                   const struct record_info *info, struct objections *out)
{
    const struct verdict *a = &old->verdict, *b = &now->verdict;
    const char *account = old->reach == REACH_WORKS && a->account[0] ? a->account : old_account;

    memset(out, 0, sizeof(*out));
    out->is_other_account = account[0] && b->account[0] && strcmp(account, b->account) != 0;
    /* an exchange that never names accounts leaves nothing to compare */
    bool lives = old->reach == REACH_WORKS ||
                 (old->reach == REACH_REFUSED && failure_shows_life(old->failure.kind));
    out->is_account_unknown = account[0] ? !b->account[0] : b->account[0] && lives;
    if (old->reach == REACH_WORKS) {
        compare(a->read, b->read, "read", out);
        compare(a->trade_spot, b->trade_spot, "trade spot", out);
        compare(a->trade_futures, b->trade_futures, "trade futures", out);
        if (a->ip_bound == FACT_YES && b->ip_bound == FACT_NO)
            add_word(out->more, "use from any IP address");
        need_untold(a, b, out);
    } else {
        need_default(b, out);
    }
    out->n_dangers = dangers_open(info, b, out->dangers);
}

bool rotate_objects(const struct objections *o)
{
    return o->is_other_account || o->is_account_unknown || o->fewer[0] || o->more[0] ||
           o->n_dangers > 0;
}

static int refuse_account(const char *name, const struct connector *k, struct err *e)
{
    err_set(e, ERR_POLICY, "the new key belongs to another account than '%s'", name);
    return err_hint(e, "a key of another account is a record of its own: coffer add OTHERNAME %s",
                    k->name);
}

static void add_clause(char *out, size_t cap, const char *text, const char *list)
{
    size_t n = strlen(out);

    snprintf(out + n, cap - n, "%s%s%s%s", n ? "; it " : "", text, list[0] ? ": " : "", list);
}

static void describe(const struct objections *o, char *out, size_t cap)
{
    out[0] = 0;
    if (o->fewer[0])
        add_clause(out, cap, "may do less than is needed", o->fewer);
    if (o->more[0])
        add_clause(out, cap, "may do more than the one it replaces", o->more);
    if (o->is_account_unknown)
        add_clause(out, cap, "cannot be told to be of the same account", "");
}

int rotate_refuse(const struct record_info *info, const struct connector *k,
                  const struct verdict *now, const struct objections *o, struct err *e)
{
    char what[420];
    size_t n;

    if (o->is_other_account)
        return refuse_account(info->name, k, e);
    describe(o, what, sizeof(what));
    if (o->n_dangers > 0) {
        verdict_refuse(info, k, now, e);
        n = strlen(e->msg);
        snprintf(e->msg + n, sizeof(e->msg) - n, "%s%s", what[0] ? "; it " : "", what);
        return e->code;
    }
    err_set(e, ERR_POLICY, "the new key for '%s' is refused: it %s", info->name, what);
    if (o->fewer[0] || o->more[0])
        err_hint(e, "%s at the exchange, then rotate again",
                 !o->more[0]    ? "give it these rights"
                 : !o->fewer[0] ? "take that away"
                                : "give it the one and take the other away");
    if (o->is_account_unknown)
        err_hint(e, "run it again: %s may only have failed to say whose key it is", k->title);
    return err_hint(e, "only if it must be so: --accept-risk REASON; the reason is kept with the "
                       "key and shown with it");
}

/* What the new key is no longer, and what rotation itself settled. */
static bool is_settled(const struct risk *r, const struct verdict *now)
{
    static const char *const own[] = {RISK_NOT_VERIFIED, RISK_FEWER, RISK_MORE, RISK_ACCOUNT};
    enum problem p;

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (strcmp(r->problem, own[i]) == 0)
            return true;
    if (!problem_by_name(bytes_str(r->problem), &p) || problem_weight(p) != WEIGHT_DANGER)
        return false;
    for (size_t i = 0; i < now->n_findings && i < FINDINGS_MAX; i++)
        if (risk_covers(r, &now->findings[i]))
            return false;
    return true;
}

static int add_risk(struct record_info *info, const char *problem, const char *reason,
                    uint64_t now_ms, struct err *e)
{
    if (info->n_risks == RISKS_MAX)
        return err_set(e, ERR_LIMIT, "a record keeps at most %u accepted risks", RISKS_MAX);
    struct risk *r = &info->risks[info->n_risks++];
    memset(r, 0, sizeof(*r));
    snprintf(r->problem, sizeof(r->problem), "%s", problem);
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    r->date_ms = now_ms;
    return OK;
}

static int accept(struct record_info *info, const struct objections *o, const struct verdict *now,
                  const char *reason, uint64_t now_ms, struct err *e)
{
    size_t n = 0;

    for (size_t i = 0; i < info->n_risks; i++)
        if (!is_settled(&info->risks[i], now))
            info->risks[n++] = info->risks[i];
    info->n_risks = n;
    if (o->n_dangers > 0 && dangers_accept(info, now, reason, now_ms, e))
        return e->code;
    if (o->fewer[0] && add_risk(info, RISK_FEWER, reason, now_ms, e))
        return e->code;
    if (o->more[0] && add_risk(info, RISK_MORE, reason, now_ms, e))
        return e->code;
    return o->is_account_unknown ? add_risk(info, RISK_ACCOUNT, reason, now_ms, e) : OK;
}

int rotate_accept(struct record_info *info, const struct objections *o, const struct verdict *now,
                  const char *reason, uint64_t now_ms, struct err *e)
{
    struct risk before[RISKS_MAX];
    size_t n = info->n_risks;

    memcpy(before, info->risks, sizeof(before));
    if (accept(info, o, now, reason, now_ms, e) == OK)
        return OK;
    /* The next key that is tried is judged by what was accepted of the old one, too. */
    memcpy(info->risks, before, sizeof(before));
    info->n_risks = n;
    return e->code;
}
