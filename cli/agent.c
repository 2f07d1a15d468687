/* SPDX-License-Identifier: Apache-2.0 */
/* coffer agent: starts the agent, ends it, or has it read its configuration again. What the agent
 * does is agent/'s. */
#include "cli/agent_start.h"
#include "cli/agent_view.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define END_MS 15000u
#define END_STEP_MS 20

/* -- ending, reloading -- */

/* It is over when its sockets are gone: another one can start then. */
static int wait_end(const struct cli *c, const struct agent_client *a, struct err *e)
{
    struct pollfd p = {.fd = agent_client_fd(a), .events = POLLIN};
    char path[WHERE_MAX + 16];
    uint64_t until = ticks_ms() + END_MS;

    snprintf(path, sizeof(path), "%s/agent.sock", c->where.run);
    poll(&p, 1, (int)END_MS);
    while (access(path, F_OK) == 0) {
        if (ticks_ms() > until)
            return err_set(e, ERR_FAILED, "the agent was told to end, and does not");
        poll(NULL, 0, END_STEP_MS);
    }
    return OK;
}

/* Whatever vault it has. */
static int tell(struct cli *c, bool is_stop, struct err *e)
{
    AUTO(agent_client_freep) struct agent_client *a = NULL;

    if (agent_find(c, NULL, &a, e) || agent_tell(a, is_stop ? "stop" : "reload", e) ||
        (is_stop && wait_end(c, a, e)))
        return e->code;
    out_note(&c->out,
             is_stop ? "the agent has ended" : "the agent has read its configuration again");
    json_bool_member(c->out.is_json ? out_json(&c->out) : NULL, is_stop ? "stopped" : "reloaded",
                     true);
    return OK;
}

/* -- starting -- */

static void show_agent(struct cli *c, const struct agent_view *a)
{
    struct out *o = &c->out;

    out_line(o, "agent        runs (pid %" PRIu64 "), %s", a->pid,
             a->is_unlocked ? "unlocked" : "locked");
    out_line(o, "socket       %s/agent.sock", c->where.run);
    if (a->proxy_socket[0])
        out_line(o, "proxy        %s", a->proxy_socket);
    if (a->proxy_tcp[0])
        out_line(o, "proxy        http://%s/ (each client needs a bearer: coffer bearer)",
                 a->proxy_tcp);
    cJSON *j = o->is_json ? out_json(o) : NULL;
    json_number(j, "pid", a->pid);
    json_bool_member(j, "unlocked", a->is_unlocked);
    json_text(j, "socket", a->proxy_socket);
    json_text(j, "tcp", a->proxy_tcp);
}

/* A person is there, or a source of the PIN. */
static bool can_unlock(const struct cli *c, const struct vault *v)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct err quiet;
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    if (pin_can_be_asked(c) || pin_is_given(c, ""))
        return true;
    if (local_list(c, &l, &quiet))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct local_token *t = local_find(l, v, &r[i]);
        if (t && pin_is_given(c, t->pin_file))
            return true;
    }
    return false;
}

static int unlock(struct cli *c, const struct vault *v, struct agent_view *a, struct err *e)
{
    const struct view_token *t = NULL;

    if (!can_unlock(c, v)) {
        out_advice(&c->out, "nobody is here to give the PIN; before bots can trade: coffer unlock");
        return OK;
    }
    waiting_why("to unlock the agent");
    if (agent_unlock(c, v, a, &t, e) == OK)
        return OK;
    return err_hint(e, "the agent runs, but it is locked: coffer unlock");
}

static int start(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_VIEW a = {0};
    pid_t pid;

    if (agent_options_check(c, e) || vault_load(&c->where, c->env, &v, e))
        return e->code;
    if (c->args->given[OPT_FOREGROUND])
        return agent_become(c, e);
    if (agent_start(c, NULL, NULL, &pid, e) || agent_view_open(c, vault_id(v), &a, e))
        return e->code;
    int rc = unlock(c, v, &a, e);
    show_agent(c, &a);
    return rc;
}

int run_agent(struct cli *c, struct err *e)
{
    const bool *given = c->args->given;

    if (!given[OPT_STOP] && !given[OPT_RELOAD])
        return start(c, e);
    for (size_t i = OPT_NO_AGENT; i < OPT_COUNT; i++)
        if (given[i] && i != OPT_STOP && i != OPT_RELOAD)
            return err_set(e, ERR_USAGE, "--%s is for an agent that is started", options[i].name);
    if (given[OPT_STOP] && given[OPT_RELOAD])
        return err_set(e, ERR_USAGE, "--stop and --reload exclude each other");
    return tell(c, given[OPT_STOP], e);
}
