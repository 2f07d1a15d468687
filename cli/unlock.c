/* SPDX-License-Identifier: Apache-2.0 */
/* coffer unlock and coffer lock: whether the agent may use the token. */
#include "cli/agent_view.h"
#include "cli/waiting.h"

int run_unlock(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_VIEW a = {0};
    const struct view_token *t = NULL;

    waiting_why("to unlock the agent");
    if (vault_load(&c->where, c->env, &v, e) || agent_view_open(c, vault_id(v), &a, e) ||
        agent_unlock(c, v, &a, &t, e))
        return e->code;
    if (t)
        out_note(&c->out, "the agent is unlocked by token '%s'", t->info.label);
    else
        out_note(&c->out, "the agent was unlocked already");
    if (!c->out.is_json)
        return OK;
    json_bool_member(out_json(&c->out), "unlocked", true);
    json_text(out_json(&c->out), "token", t ? t->info.label : "");
    return OK;
}

/* Whatever vault it has: a lock is never refused for that. */
int run_lock(struct cli *c, struct err *e)
{
    AUTO(agent_client_freep) struct agent_client *a = NULL;

    int rc = agent_find(c, NULL, &a, e);
    if (rc && rc != ERR_NOT_FOUND)
        return rc;
    if (!rc && agent_tell(a, "lock", e))
        return e->code;
    out_note(&c->out, rc ? "no agent runs, so nothing is unlocked"
                         : "the agent is locked: it has forgotten the PIN and every key");
    json_bool_member(c->out.is_json ? out_json(&c->out) : NULL, "locked", true);
    return OK;
}
