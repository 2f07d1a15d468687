/* SPDX-License-Identifier: Apache-2.0 */
/* The agent in the listings. It is asked, and nothing is changed. */
#include "cli/agent_rows.h"

#include "cli/agent_view.h"
#include "cli/key_facts.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_TEXT 900u

static const char restart[] = "coffer agent --stop, then coffer agent";

static void describe(const struct agent_view *a, uint64_t now_ms, char out[LINE_TEXT])
{
    char since[AGO_TEXT];
    bool is_none = !a->proxy_socket[0] && !a->proxy_tcp[0];

    ago_text(now_ms, a->started_ms, since);
    snprintf(out, LINE_TEXT, "%s, started %s (pid %" PRIu64 "), holds %" PRIu64 " key%s; %s%s%s%s",
             a->is_unlocked ? "unlocked" : "locked", since, a->pid, a->held,
             a->held == 1 ? "" : "s", is_none ? "no proxy" : "proxy ", a->proxy_socket,
             a->proxy_socket[0] && a->proxy_tcp[0] ? " and " : "", a->proxy_tcp);
}

static bool is_other_version(const struct agent_view *a)
{
    return a->version[0] && strcmp(a->version, VERSION) != 0;
}

static void put_json(cJSON *to, const struct agent_view *a)
{
    cJSON *j = json_object(to, "agent");

    json_text(j, "version", a->version);
    json_number(j, "pid", a->pid);
    json_number(j, "started_ms", a->started_ms);
    json_bool_member(j, "unlocked", a->is_unlocked);
    json_number(j, "held", a->held);
    json_text(j, "proxy_socket", a->proxy_socket);
    json_text(j, "proxy_tcp", a->proxy_tcp);
    json_bool_member(j, "proxy_running", a->is_proxy_running);
    json_text(j, "audit_fault", a->audit_fault);
}

void agent_status(struct cli *c, const struct vault *v, uint64_t now_ms)
{
    AUTO_VIEW a = {0};
    struct out *o = &c->out;
    char line[LINE_TEXT];
    struct err e;

    int rc = agent_view_open(c, vault_id(v), &a, &e);
    if (o->is_json && rc)
        cJSON_AddNullToObject(out_json(o), "agent");
    else if (o->is_json)
        put_json(out_json(o), &a);
    if (rc == ERR_NOT_FOUND)
        return;
    if (rc) {
        out_bad(o, "agent        %s", e.msg);
        return;
    }
    describe(&a, now_ms, line);
    out_line(o, "agent        %s", line);
    if (is_other_version(&a))
        out_line(o, "             of version %s, and this is %s: %s", a.version, VERSION, restart);
    if (a.audit_fault[0])
        out_bad(o, "             signs nothing: %s", a.audit_fault);
}

/* -- doctor -- */

void doctor_agent(struct doctor *d, const struct vault *v)
{
    AUTO_VIEW a = {0};
    struct err e = {.code = OK};
    char line[LINE_TEXT];
    uint64_t now_us = 0;

    int rc = agent_view_open(d->c, vault_id(v), &a, &e);
    if (rc == ERR_NOT_FOUND) {
        doctor_row(d, FINDING_OK, "agent", NULL, "%s", e.msg);
        return;
    }
    if (rc || d->c->env->now_us(d->c->env, &now_us, &e)) {
        doctor_error(d, FINDING_FAIL, "agent", &e);
        return;
    }
    describe(&a, now_us / 1000, line);
    doctor_row(d, FINDING_OK, "agent", NULL, "%s", line);
    if (is_other_version(&a))
        doctor_row(d, FINDING_WARN, "agent", restart, "it is of version %s, and this is %s",
                   a.version, VERSION);
    if (a.audit_fault[0])
        doctor_row(d, FINDING_FAIL, "agent", "make the state directory writable, with room on it",
                   "it signs nothing: %s", a.audit_fault);
    if (!a.is_proxy_running && (a.proxy_socket[0] || a.proxy_tcp[0]))
        doctor_row(d, FINDING_WARN, "agent", "look again in a minute; the agent starts it again",
                   "its proxy, coffer-net, does not run just now");
}
