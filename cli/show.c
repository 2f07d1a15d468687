/* SPDX-License-Identifier: Apache-2.0 */
/* coffer show: everything a record says of itself. Its secrets are not among it, by design. */
#include "agent/policy.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/unseal_text.h"

#include <inttypes.h>
#include <stdio.h>

static void show_hosts(struct cli *c, const struct record_info *r, const struct connector *k)
{
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "hosts") : NULL;

    for (size_t i = 0; i < r->n_hosts; i++) {
        out_line(&c->out, "host         %s (limited to)", r->hosts[i]);
        json_list_text(list, r->hosts[i]);
    }
    const char *region = r->region[0] ? r->region : k && k->regions ? k->regions[0] : NULL;
    for (const struct host *h = k && r->n_hosts == 0 ? k->hosts : NULL; h && h->name; h++) {
        if (strcmp(environment_name(h->env), r->environment) != 0)
            continue;
        if (h->region && region && strcmp(h->region, region) != 0)
            continue;
        out_line(&c->out, "host         %s%s", h->name, h->is_ws ? " (WebSocket)" : "");
        json_list_text(list, h->name);
    }
}

static void show_risks(struct cli *c, const struct record_info *r)
{
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "risks") : NULL;
    char date[DATE_TEXT];

    for (size_t i = 0; i < r->n_risks; i++) {
        date_text(r->risks[i].date_ms, date);
        out_line(&c->out, "risk         %s; accepted %s UTC: %s", r->risks[i].problem, date,
                 r->risks[i].reason);
        cJSON *j = list ? json_object(list, NULL) : NULL;
        json_text(j, "problem", r->risks[i].problem);
        json_text(j, "reason", r->risks[i].reason);
        json_number(j, "date_ms", r->risks[i].date_ms);
    }
}

/* Members that are empty for most keys are shown only when they are not. */
static void show_rare(struct cli *c, const struct record_info *r)
{
    struct out *o = &c->out;
    cJSON *j = o->is_json ? out_json(o) : NULL;
    char unseal[UNSEAL_WORDS];

    if (r->unverified)
        out_line(o,
                 "UNVERIFIED   the exchange was not reached when it was added: only reads pass; "
                 "try it: coffer verify %s",
                 r->name);
    if (r->release)
        out_line(o, "release      %s", release_words(r));
    if (r->connect_to[0])
        out_line(o, "connects to  %s", r->connect_to);
    if (r->egress[0])
        out_line(o, "egress       %s", r->egress);
    if (r->unseal[0]) {
        unseal_words(r, unseal);
        out_line(o, "unseal       %s", unseal);
    }
    if (r->ca.n > 0)
        out_line(o, "CA           own certificates (%zu bytes of PEM)", r->ca.n);
    if (r->policy.n > 0)
        out_line(o, "policy       %s", buf_str(&r->policy));
    json_bool_member(j, "verified", policy_is_verified(r));
    json_bool_member(j, "unverified", r->unverified);
    json_bool_member(j, "release", r->release);
    json_text(j, "connect_to", r->connect_to);
    json_text(j, "egress", r->egress);
    json_text(j, "unseal", r->unseal);
    json_text(j, "ca", buf_str(&r->ca));
    json_text(j, "policy", buf_str(&r->policy));
}

static void show_head(struct cli *c, const struct record_info *r, const struct connector *k,
                      bool has_software)
{
    struct out *o = &c->out;
    char created[DATE_TEXT], rotated[DATE_TEXT], classes[CLASSES_TEXT];

    date_text(r->created_ms, created);
    date_text(r->rotated_ms, rotated);
    classes_words(r, classes);
    out_line(o, "name         %s", r->name);
    out_line(o, "exchange     %s%s%s%s", r->connector, k ? " (" : "", k ? k->title : "",
             k ? ")" : ", which this version does not know");
    out_line(o, "environment  %s%s%s", r->environment, r->region[0] ? ", region " : "", r->region);
    out_line(o, "key          %s (%s)", r->key_mask[0] ? r->key_mask : "-", key_type_name(r->key));
    out_line(o, "custody      %s%s", custody_name(r->custody),
             has_software ? " (software token)" : "");
    out_line(o, "signs        %s", classes);
    out_line(o, "created      %s UTC, version %" PRIu64, created, r->version);
    if (r->rotated_ms)
        out_line(o, "rotated      %s UTC", rotated);
    cJSON *j = o->is_json ? out_json(o) : NULL;
    json_bool_member(j, "authenticated", false);
    json_text(j, "name", r->name);
    json_text(j, "connector", r->connector);
    json_text(j, "environment", r->environment);
    json_text(j, "region", r->region);
    json_text(j, "key", r->key_mask);
    json_text(j, "key_type", key_type_name(r->key));
    json_text(j, "custody", custody_name(r->custody));
    json_bool_member(j, "software_token", has_software);
    json_text(j, "signs", classes);
    json_number(j, "version", r->version);
    json_number(j, "created_ms", r->created_ms);
    json_number(j, "rotated_ms", r->rotated_ms);
}

static void show_retiring(struct cli *c, const char *name, bool is_retiring)
{
    if (is_retiring)
        out_line(&c->out,
                 "old key      kept too, not yet proven dead: coffer rotate %s --finish", name);
    json_bool_member(c->out.is_json ? out_json(&c->out) : NULL, "retiring", is_retiring);
}

static int show(struct cli *c, struct vault *v, struct record_info *r, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *tokens = NULL;
    const char *name = c->args->words[0];
    bool is_retiring;

    if (record_check_name(name, e) || local_list(c, &tokens, e) || vault_peek(v, name, r, e) ||
        vault_is_retiring(v, name, &is_retiring, e))
        return e->code;
    const struct connector *k = connector_find(r->connector);
    show_head(c, r, k, opens_by_software(v, tokens));
    show_hosts(c, r, k);
    show_risks(c, r);
    show_rare(c, r);
    show_retiring(c, name, is_retiring);
    recipients_show(c, v, tokens);
    out_note(&c->out, "%s", "");
    out_note(&c->out, "Read without a PIN: not authenticated. Secrets are never shown.");
    return OK;
}

int run_show(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    struct record_info r;

    if (vault_load(&c->where, c->env, &v, e))
        return e->code;
    record_info_init(&r);
    int rc = show(c, v, &r, e);
    record_info_free(&r);
    return rc;
}
