/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkup changes in the record. Nothing is asked of an exchange here. */
#include "cli/verify.h"

#include "agent/policy.h"

static void drop_mark(struct record_info *r)
{
    size_t n = 0;

    r->unverified = false;
    for (size_t i = 0; i < r->n_risks; i++)
        if (strcmp(r->risks[i].problem, RISK_NOT_VERIFIED) != 0)
            r->risks[n++] = r->risks[i];
    r->n_risks = n;
}

static int commit(struct vault *v, const struct record *r, struct record_info *info, struct err *e)
{
    if (vault_may_write(v, e))
        return e->code;
    int rc = vault_lock(v, e);
    if (!rc)
        rc = vault_rewrite(v, r, info, e);
    vault_unlock(v);
    return rc;
}

/* *changed: to is not as the record is any more. */
static int want(struct cli *c, const struct patient *p, const char *reason, uint64_t now_ms,
                struct record_info *to, bool *changed, struct err *e)
{
    const struct verdict *v = &p->k.verdict;
    size_t n_open = dangers_open(to, v, NULL);

    if (reason[0] && n_open == 0)
        out_advice(&c->out, "nothing was found that must be accepted, so the reason is not kept");
    if (reason[0] && n_open > 0) {
        if (dangers_accept(to, v, reason, now_ms, e))
            return e->code;
        *changed = true;
        n_open = 0;
    }
    if (policy_is_verified(to))
        return OK;
    if (n_open == 0) {
        drop_mark(to);
        *changed = true;
        return OK;
    }
    out_warn("'%s' works, but stays marked as not verified until what is found is put right, or "
             "accepted",
             to->name);
    out_hint("to accept it: coffer verify %s --accept-risk REASON", to->name);
    return OK;
}

int verify_settle(struct cli *c, struct vault *v, struct patient *p, const char *reason,
                  uint64_t now_ms, struct err *e)
{
    struct record_info to;
    bool changed = false;

    p->was_marked = !policy_is_verified(&p->info);
    if (p->k.reach != REACH_WORKS) {
        if (reason[0])
            out_warn("'%s' could not be looked at, so nothing is accepted", p->info.name);
        return OK;
    }
    record_info_init(&to);
    int rc = record_info_copy(&to, &p->info, e);
    if (!rc)
        rc = want(c, p, reason, now_ms, &to, &changed, e);
    if (!rc && changed)
        rc = commit(v, p->r, &to, e);
    if (!rc && changed) {
        record_info_free(&p->info);
        p->info = to;
        record_info_init(&to);
    }
    record_info_free(&to);
    if (rc == ERR_POLICY)
        return rc;
    if (!rc || reason[0])
        return rc ? err_wrap(e, "keep what was accepted for '%s'", p->info.name) : OK;
    out_warn("'%s' works, but its mark as not verified could not be taken off: %s", p->info.name,
             e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        out_hint("%s", e->hints[i]);
    return OK;
}
