/* SPDX-License-Identifier: Apache-2.0 */
/* The choice between the agent and a login of one's own. An agent that cannot be used is no reason
 * for a command to fail that can do without. */
#include "cli/by_agent.h"

#include "base/ask.h"
#include "cli/agent_view.h"
#include "cli/pin_source.h"

static int go_on_without(const struct err *why)
{
    out_warn("%s", why->msg);
    for (unsigned i = 0; i < why->n_hints; i++)
        out_hint("%s", why->hints[i]);
    out_hint("the vault is opened here, without the agent");
    return OK;
}

/* Nothing is wrong with it; but whoever is asked for a PIN now may have given it to the agent. */
static int go_on_here(const struct cli *c, bool is_public, const char *why)
{
    if (!is_public)
        out_advice(&c->out, "%s: the vault is opened here, without the agent", why);
    return OK;
}

/* Only where a person would be asked for the PIN anyway. */
static int offer_unlock(const struct cli *c, const struct vault *v, struct agent_view *a,
                        struct err *e)
{
    const struct view_token *t;
    bool yes = false;

    if (!ask_possible() || pin_is_given(c, ""))
        return OK;
    if (ask_yes("The agent is locked. Unlock it, so that the PIN is asked for once?",
                "--no-agent opens the vault without it", &yes, e))
        return e->code;
    return yes ? agent_unlock(c, v, a, &t, e) : OK;
}

/* As session_say_trust, as far as it can be told without a key. */
static void say_trust(const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    enum trust_state state;
    struct err quiet;

    if (vault_pin_look(v, fingerprint, &state, &quiet) == OK && state == TRUST_NO_PIN)
        out_warn("this machine has not been told to trust this vault");
}

/* The agent tells on its own terminal what a touch is for; this one may be another. */
static void say_touch(const struct agent_view *a)
{
    for (size_t i = 0; i < a->n_tokens; i++)
        if (a->tokens[i].is_unlocked && a->tokens[i].is_touched) {
            out_hint("token '%s': touch it if it blinks; the agent may need it for this",
                     a->tokens[i].info.label);
            return;
        }
}

int by_agent(const struct cli *c, const struct vault *v, bool is_public, struct courier **out,
             struct err *e)
{
    AUTO_VIEW a = {0};
    struct err why;

    if (c->args->given[OPT_NO_AGENT])
        return OK;
    int rc = agent_view_open(c, vault_id(v), &a, &why);
    if (rc == ERR_NOT_FOUND)
        return OK;
    if (rc)
        return go_on_without(&why);
    if (!a.proxy_socket[0])
        return go_on_here(c, is_public, "the agent runs with --no-proxy");
    if (!a.is_unlocked && !is_public && offer_unlock(c, v, &a, e))
        return e->code;
    if (!a.is_unlocked)
        return go_on_here(c, is_public, "the agent is locked");
    if (courier_by_agent(&c->where, a.client, out, &why))
        return go_on_without(&why);
    say_trust(v);
    if (!is_public)
        say_touch(&a);
    return OK;
}
