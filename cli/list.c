/* SPDX-License-Identifier: Apache-2.0 */
/* coffer list: one row per key, read without a PIN and therefore not authenticated. */
#include "agent/policy.h"
#include "cli/cli.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS 86400000u

struct listing {
    struct table table;
    cJSON *keys;
    uint64_t now_ms;
    bool has_software; /* a token that opens this vault is software */
    size_t n_bad;
};

static void notes_text(const struct record_info *r, bool is_retiring, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = 0;
    if (r->unverified)
        n += (size_t)snprintf(out, cap, "UNVERIFIED");
    for (size_t i = 0; i < r->n_risks && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s (accepted: %s)", n ? ", " : "",
                              r->risks[i].problem, r->risks[i].reason);
    if (is_retiring && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%sold key not yet proven dead", n ? ", " : "");
    if (r->classes[0] && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%sopens %s", n ? ", " : "", r->classes);
    if (r->n_hosts > 0 && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%slimited to %zu host%s", n ? ", " : "",
                              r->n_hosts, r->n_hosts == 1 ? "" : "s");
    if (r->connect_to[0] && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%sconnects to %s", n ? ", " : "", r->connect_to);
    if (r->ca.n > 0 && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%sown CA", n ? ", " : "");
    if (r->release && n < cap)
        n += (size_t)snprintf(out + n, cap - n, "%shands out signatures", n ? ", " : "");
    if (r->unseal[0] && n < cap)
        snprintf(out + n, cap - n, "%sunseal %s", n ? ", " : "", r->unseal);
}

static uint64_t age_days(const struct record_info *r, uint64_t now_ms)
{
    uint64_t since = r->rotated_ms ? r->rotated_ms : r->created_ms;

    return now_ms > since ? (now_ms - since) / DAY_MS : 0;
}

static void row_text(struct listing *l, const struct record_info *r, bool is_retiring)
{
    char env[40], custody[40], age[24], notes[2048];

    snprintf(env, sizeof(env), "%s%s%s", r->environment, r->region[0] ? "/" : "", r->region);
    snprintf(custody, sizeof(custody), "%s%s", custody_name(r->custody),
             l->has_software ? " (software token)" : "");
    snprintf(age, sizeof(age), "%" PRIu64 " d", age_days(r, l->now_ms));
    notes_text(r, is_retiring, notes, sizeof(notes));
    const char *cells[] = {r->name,
                           r->connector,
                           env,
                           custody,
                           key_type_name(r->key),
                           r->key_mask[0] ? r->key_mask : "-",
                           age,
                           notes};
    table_row(&l->table, cells, ARRAY_LEN(cells));
}

static void row_json(struct listing *l, const struct record_info *r, bool is_retiring)
{
    cJSON *j = json_object(l->keys, NULL);

    json_text(j, "name", r->name);
    json_text(j, "connector", r->connector);
    json_text(j, "environment", r->environment);
    if (r->region[0])
        json_text(j, "region", r->region);
    json_text(j, "custody", custody_name(r->custody));
    json_bool_member(j, "software_token", l->has_software);
    json_text(j, "key_type", key_type_name(r->key));
    json_text(j, "key", r->key_mask);
    json_number(j, "age_days", age_days(r, l->now_ms));
    json_bool_member(j, "verified", policy_is_verified(r));
    json_text(j, "allow", r->classes);
    cJSON *risks = json_array(j, "risks");
    for (size_t i = 0; i < r->n_risks; i++) {
        cJSON *one = json_object(risks, NULL);
        json_text(one, "problem", r->risks[i].problem);
        json_text(one, "reason", r->risks[i].reason);
        json_number(one, "date_ms", r->risks[i].date_ms);
    }
    if (r->unverified)
        json_bool_member(j, "unverified", true);
    if (is_retiring)
        json_bool_member(j, "retiring", true);
    if (r->connect_to[0])
        json_text(j, "connect_to", r->connect_to);
    if (r->ca.n > 0)
        json_bool_member(j, "own_ca", true);
    if (r->release)
        json_bool_member(j, "release", true);
    if (r->unseal[0])
        json_text(j, "unseal", r->unseal);
}

static void row_bad(struct listing *l, const char *name, const struct err *e)
{
    l->n_bad++;
    if (l->keys) {
        cJSON *j = json_object(l->keys, NULL);
        json_text(j, "name", name);
        json_text(j, "error", e->msg);
        return;
    }
    const char *cells[] = {name, "-", "-", "-", "-", "-", "-", e->msg};
    table_row(&l->table, cells, ARRAY_LEN(cells));
}

static void list_one(struct vault *v, const char *name, struct listing *l)
{
    struct record_info r;
    bool is_retiring;
    struct err e;

    record_info_init(&r);
    if (vault_peek(v, name, &r, &e) || vault_is_retiring(v, name, &is_retiring, &e))
        row_bad(l, name, &e);
    else if (l->keys)
        row_json(l, &r, is_retiring);
    else
        row_text(l, &r, is_retiring);
    record_info_free(&r);
}

static void list_all(struct cli *c, struct vault *v, struct listing *l)
{
    static const char *const head[] = {"NAME",     "EXCHANGE", "ENV", "CUSTODY",
                                       "KEY TYPE", "KEY",      "AGE", "NOTES"};
    char name[NAME_MAX_LEN + 1];

    table_row(&l->table, head, ARRAY_LEN(head));
    for (size_t i = 0; vault_name(v, i, name); i++)
        list_one(v, name, l);
    if (vault_count(v) == 0) {
        out_line(&c->out, "no keys yet");
        out_note(&c->out, "Add one: coffer add NAME EXCHANGE");
        return;
    }
    table_print(&c->out, &l->table);
    out_note(&c->out, "%s", "");
    out_note(&c->out, "Read without a PIN: not authenticated.");
}

/* Without a PIN little is known, but an old state put back is. */
static void say_pin(struct cli *c, const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    enum trust_state state;
    struct err e;

    bool is_past = vault_pin_look(v, fingerprint, &state, &e) != OK;
    if (is_past)
        out_warn("%s", e.msg);
    if (c->out.is_json && is_past)
        json_text(out_json(&c->out), "warning", e.msg);
}

int run_list(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(local_list_freep) struct local_tokens *tokens = NULL;
    struct listing l = {.n_bad = 0};
    uint64_t now_us;

    if (vault_load(&c->where, c->env, &v, e) || local_list(c, &tokens, e) ||
        c->env->now_us(c->env, &now_us, e))
        return e->code;
    l.now_ms = now_us / 1000;
    l.has_software = opens_by_software(v, tokens);
    if (c->out.is_json) {
        json_bool_member(out_json(&c->out), "authenticated", false);
        l.keys = json_array(out_json(&c->out), "keys");
    }
    say_pin(c, v);
    list_all(c, v, &l);
    table_free(&l.table);
    if (l.n_bad > 0) {
        c->status = 1;
        out_warn("%zu record%s cannot be read", l.n_bad, l.n_bad == 1 ? "" : "s");
        out_hint("'coffer doctor' says more; restore the vault from a backup");
    }
    return OK;
}
