/* SPDX-License-Identifier: Apache-2.0 */
/* coffer add: everything that can be refused is refused before a secret is asked for, and the vault
 * is opened before too, so that a forged one never gets to see it. */
#include "agent/policy.h"
#include "base/ask.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/session.h"
#include "connectors/credential.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct adding {
    const struct connector *k;
    struct record_info info;
    struct secret typed[FIELD_COUNT], fields[FIELD_COUNT];
};

static void adding_close(struct adding *a)
{
    fields_free(a->typed);
    fields_free(a->fields);
    record_info_free(&a->info);
}

static int take_risk(struct cli *c, struct record_info *r, struct err *e)
{
    const struct args *a = c->args;
    struct risk *risk = &r->risks[0];
    uint64_t now_us;

    if (!a->given[OPT_NO_VERIFY]) {
        err_set(e, ERR_USAGE, "this version of coffer cannot try a key at the exchange");
        return err_hint(e,
                        "give --no-verify --accept-risk REASON to store it untried; REASON is kept "
                        "with the key");
    }
    if (!a->given[OPT_ACCEPT_RISK]) {
        err_set(e, ERR_USAGE, "--no-verify needs --accept-risk REASON");
        return err_hint(e, "for example --accept-risk 'withdrawal is off, checked on the site'");
    }
    struct bytes reason = text_trim(bytes_str(a->value[OPT_ACCEPT_RISK]));
    if (reason.n == 0 || !text_is_utf8(reason) ||
        !text_copy(risk->reason, sizeof(risk->reason), reason))
        return err_set(e, ERR_USAGE, "--accept-risk: the reason is 1 to %zu bytes of text",
                       sizeof(risk->reason) - 1);
    if (c->env->now_us(c->env, &now_us, e))
        return e->code;
    snprintf(risk->problem, sizeof(risk->problem), RISK_NOT_VERIFIED);
    risk->date_ms = now_us / 1000;
    r->n_risks = 1;
    return OK;
}

static bool has_host(const struct connector *k, enum environment env, const char *region)
{
    for (const struct host *h = k->hosts; h->name; h++)
        if (h->env == env && (!h->region || !region || strcmp(h->region, region) == 0))
            return true;
    return false;
}

static int take_environment(const struct args *a, const struct connector *k, struct record_info *r,
                            struct err *e)
{
    const char *name = a->given[OPT_ENV] ? a->value[OPT_ENV] : "live";
    enum environment env;

    if (!environment_by_name(bytes_str(name), &env)) {
        err_set(e, ERR_USAGE, "'%.40s' is no environment", name);
        return err_hint(e, "environments: live, test, demo");
    }
    if (!has_host(k, env, r->region[0] ? r->region : NULL)) {
        err_set(e, ERR_USAGE, "%s has no %s environment%s%s", k->title, name,
                r->region[0] ? " in region " : "", r->region);
        return err_hint(e, "'coffer connectors' lists what it has");
    }
    snprintf(r->environment, sizeof(r->environment), "%s", name);
    return OK;
}

static int take_region(const struct args *a, const struct connector *k, struct record_info *r,
                       struct err *e)
{
    const char *name = a->given[OPT_REGION] ? a->value[OPT_REGION] : NULL;
    char all[128] = "";

    if (!k->regions && name)
        return err_set(e, ERR_USAGE, "%s has no regions: leave --region away", k->title);
    if (!k->regions)
        return OK;
    for (const char *const *v = k->regions; *v; v++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", *v);
        if (strcmp(name ? name : k->regions[0], *v) == 0) {
            snprintf(r->region, sizeof(r->region), "%s", *v);
            return OK;
        }
    }
    err_set(e, ERR_USAGE, "'%.40s' is no region of %s", name, k->title);
    return err_hint(e, "regions: %s", all);
}

/* Only what goes beyond the default is written down. */
static int take_classes(const struct args *a, struct record_info *r, struct err *e)
{
    unsigned bits;
    size_t n = 0;

    if (!a->given[OPT_ALLOW])
        return OK;
    if (policy_parse_classes(bytes_str(a->value[OPT_ALLOW]), &bits, e))
        return err_wrap(e, "--allow");
    bits &= ~CLASSES_DEFAULT;
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        if (bits & CLASS_BIT(i))
            n += (size_t)snprintf(r->classes + n, sizeof(r->classes) - n, "%s%s", n ? "," : "",
                                  class_name((enum req_class)i));
    return OK;
}

static int plan(struct cli *c, struct adding *add, struct err *e)
{
    const struct args *a = c->args;
    struct record_info *r = &add->info;

    if (record_check_name(a->words[0], e))
        return e->code;
    add->k = connector_find(a->words[1]);
    if (!add->k)
        return connector_unknown(a->words[1], e);
    snprintf(r->name, sizeof(r->name), "%s", a->words[0]);
    snprintf(r->connector, sizeof(r->connector), "%s", add->k->name);
    r->custody = CUSTODY_SEALED;
    if (take_region(a, add->k, r, e) || take_environment(a, add->k, r, e) ||
        take_classes(a, r, e) || take_risk(c, r, e))
        return e->code;
    return fields_check(c, e);
}

static int say_to_whom(struct cli *c, const struct vault *v, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *tokens = NULL;
    char fingerprint[FINGERPRINT_TEXT];

    if (local_list(c, &tokens, e) || vault_fingerprint(v, fingerprint, e))
        return e->code;
    out_note(&c->out, "sealing to   vault %s", fingerprint);
    if (c->out.is_json)
        json_text(out_json(&c->out), "fingerprint", fingerprint);
    if (!c->out.is_quiet)
        recipients_show(c, v, tokens);
    return OK;
}

static int read_key(struct cli *c, struct adding *add, struct err *e)
{
    char mask[32];

    if (fields_read(c, add->k, add->typed, e) ||
        credential_normalise(add->k, add->typed, add->fields, &add->info.key, e))
        return e->code;
    credential_mask(secret_bytes(&add->fields[FIELD_API_KEY]), mask);
    snprintf(add->info.key_mask, sizeof(add->info.key_mask), "%s", mask);
    return OK;
}

/* Before a secret is asked for: that the vault can be locked and written. Given back at once, so
 * that nobody waits for a person who looks for a key. */
static int prove_writable(const struct cli *c, struct vault *v, struct err *e)
{
    char records[WHERE_MAX + sizeof("/records")];

    if (vault_lock(v, e))
        return e->code;
    vault_unlock(v);
    snprintf(records, sizeof(records), "%s/records", c->where.vault);
    const char *no = access(c->where.vault, W_OK) ? c->where.vault : NULL;
    if (!no && access(records, W_OK))
        no = records;
    if (!no)
        return OK;
    err_sys(e, errno, "'%s' cannot be written", no);
    return err_hint(e, "chmod 0700 '%s', if that is what stands in the way", no);
}

static int seal_once(struct vault *v, struct adding *add, struct err *e)
{
    int rc = vault_lock(v, e);

    if (!rc)
        rc = vault_add(v, &add->info, add->fields, e);
    vault_unlock(v);
    return rc;
}

/* The sealed record is on disk, and the error says how to take it back. */
static bool is_kept(const struct err *e)
{
    for (unsigned i = 0; i < e->n_hints; i++)
        if (strstr(e->hints[i], "coffer doctor"))
            return true;
    return false;
}

/* An exchange may show the secret once only: what was typed is not thrown away with a full disk. */
static int seal(struct cli *c, struct vault *v, struct adding *add, struct err *e)
{
    const struct args *a = c->args;
    bool is_typed = !a->given[OPT_FROM_JSON] && !a->given[OPT_FROM_FD];
    struct err quiet;

    for (;;) {
        bool again = false;
        int rc = seal_once(v, add, e);
        if (rc == OK || rc == ERR_USAGE || rc == ERR_EXISTS || is_kept(e))
            return rc;
        if (!is_typed || !ask_possible())
            return err_hint(e, "the key was not stored");
        out_error(e);
        if (ask_yes("The key is not stored. Mend that, then try again?", NULL, &again, &quiet) ||
            !again)
            return err_hint(e, "the key was not stored");
    }
}

static void report(struct cli *c, const struct adding *add)
{
    const struct args *a = c->args;
    const struct record_info *r = &add->info;
    bool has_file = (a->given[OPT_FROM_JSON] && strcmp(a->value[OPT_FROM_JSON], "-") != 0) ||
                    a->given[OPT_FIELD_FILE];

    out_note(&c->out, "'%s' is sealed: %s %s, key %s (%s)", r->name, add->k->title, r->environment,
             r->key_mask, key_type_name(r->key));
    if (r->classes[0])
        out_note(&c->out, "opened: %s", r->classes);
    out_note(&c->out,
             "It was not tried at the exchange. Make sure there that the key %sis bound to your IP "
             "address.",
             policy_classes(r) & CLASS_BIT(CLASS_WITHDRAW) ? "" : "cannot withdraw and ");
    if (has_file)
        out_note(&c->out, "The file that the key came from still holds it: delete that file.");
    out_note(&c->out, "Next: coffer show %s, coffer sign %s GET URL", r->name, r->name);
    if (!c->out.is_json)
        return;
    cJSON *j = out_json(&c->out);
    json_text(j, "name", r->name);
    json_text(j, "connector", r->connector);
    json_text(j, "environment", r->environment);
    json_text(j, "region", r->region);
    json_text(j, "key", r->key_mask);
    json_text(j, "key_type", key_type_name(r->key));
    json_text(j, "allow", r->classes);
}

static int add(struct cli *c, struct adding *a, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_SESSION s = {0};

    if (plan(c, a, e) || vault_load(&c->where, c->env, &v, e) ||
        vault_name_free(v, a->info.name, NULL, e) || session_write(c, v, &s, e) ||
        prove_writable(c, v, e) || say_to_whom(c, v, e) || read_key(c, a, e) || seal(c, v, a, e))
        return e->code;
    report(c, a);
    return OK;
}

int run_add(struct cli *c, struct err *e)
{
    struct adding a = {.k = NULL};

    record_info_init(&a.info);
    int rc = add(c, &a, e);
    adding_close(&a);
    return rc;
}
