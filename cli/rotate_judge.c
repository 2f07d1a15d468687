/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a new key may take the place of the old one: the same account, the rights that the record
 * needs, and no more. Pure. */
#include "cli/rotate.h"

#include "agent/policy.h"

#include <stdio.h>

#define RISK_FEWER "fewer-rights"
#define RISK_MORE "more-rights"

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

/* Without a working old key the record needs what coffer signs by default: to read, and to trade
 * somewhere. */
static void need_default(const struct verdict *now, struct objections *out)
{
    if (now->read != FACT_YES)
        add_word(out->fewer, "read");
    if (now->trade_spot == FACT_NO && now->trade_futures != FACT_YES)
        add_word(out->fewer, "trade");
}

void rotate_object(const struct checkup *old, const char *old_account, const struct checkup *now,
                   const struct record_info *info, struct objections *out)
{
    const struct verdict *a = &old->verdict, *b = &now->verdict;
    const char *account = old->reach == REACH_WORKS && a->account[0] ? a->account : old_account;

    memset(out, 0, sizeof(*out));
    out->is_other_account = account[0] && b->account[0] && strcmp(account, b->account) != 0;
    if (old->reach == REACH_WORKS) {
        compare(a->read, b->read, "read", out);
        compare(a->trade_spot, b->trade_spot, "trade spot", out);
        compare(a->trade_futures, b->trade_futures, "trade futures", out);
        if (a->ip_bound == FACT_YES && b->ip_bound == FACT_NO)
            add_word(out->more, "use from any IP address");
    } else {
        need_default(b, out);
    }
    out->n_dangers = dangers_open(info, b, out->dangers);
}

bool rotate_objects(const struct objections *o)
{
    return o->is_other_account || o->fewer[0] || o->more[0] || o->n_dangers > 0;
}

int rotate_refuse(const char *name, const struct connector *k, const struct objections *o,
                  struct err *e)
{
    if (o->is_other_account) {
        err_set(e, ERR_POLICY, "the new key belongs to another account than '%s'", name);
        return err_hint(e,
                        "a key of another account is a record of its own: coffer add OTHERNAME "
                        "%s",
                        k->name);
    }
    if (o->n_dangers > 0) {
        dangers_refuse(name, k, o->dangers, o->n_dangers, e);
    } else if (o->fewer[0]) {
        err_set(e, ERR_POLICY, "the new key may do less than '%s' needs: %s", name, o->fewer);
        err_hint(e, "give it these rights at the exchange, then rotate again");
    } else {
        err_set(e, ERR_POLICY, "the new key may do more than the one it replaces: %s", o->more);
        err_hint(e, "take that away at the exchange, then rotate again");
    }
    if (o->n_dangers > 0 && o->fewer[0])
        err_hint(e, "it also may do less than the record needs: %s", o->fewer);
    else if ((o->n_dangers > 0 || o->fewer[0]) && o->more[0])
        err_hint(e, "it also may do more than the old one: %s", o->more);
    return err_hint(e,
                    "--accept-risk REASON accepts this; the reason is kept and shown with the key");
}

/* What the new key is no longer, and what rotation itself settled. */
static bool is_settled(const struct risk *r, const struct verdict *now)
{
    enum problem p;

    if (strcmp(r->problem, RISK_NOT_VERIFIED) == 0 || strcmp(r->problem, RISK_FEWER) == 0 ||
        strcmp(r->problem, RISK_MORE) == 0)
        return true;
    return problem_by_name(bytes_str(r->problem), &p) && problem_weight(p) == WEIGHT_DANGER &&
           !verdict_has(now, p);
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

int rotate_accept(struct record_info *info, const struct objections *o, const struct verdict *now,
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
    return o->more[0] ? add_risk(info, RISK_MORE, reason, now_ms, e) : OK;
}
