/* SPDX-License-Identifier: Apache-2.0 */
/* coffer add: everything that can be refused is refused before a secret is asked for, and the vault
 * is opened before too, so that a forged one never gets to see it. */
#include "cli/add.h"

#include "agent/policy.h"
#include "base/ask.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

static int seal_once(struct vault *v, struct candidate *d, struct err *e)
{
    int rc = vault_lock(v, e);

    if (!rc)
        rc = vault_add(v, &d->info, d->fields, e);
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
static int seal(struct cli *c, struct vault *v, struct candidate *d, struct err *e)
{
    struct err quiet;

    for (;;) {
        bool again = false;
        int rc = seal_once(v, d, e);
        if (rc == OK || rc == ERR_USAGE || rc == ERR_EXISTS || is_kept(e))
            return rc;
        if (!candidate_is_typed(c))
            return err_hint(e, "the key was not stored");
        out_error(e);
        if (ask_yes("The key is not stored. Mend that, then try again?", NULL, &again, &quiet) ||
            !again)
            return err_hint(e, "the key was not stored");
    }
}

static void report_json(struct cli *c, const struct adding *add)
{
    const struct record_info *r = &add->d.info;
    cJSON *j = out_json(&c->out);

    if (add->is_tried)
        checkup_json(j, r, &add->d.checkup);
    else
        json_text(j, "name", r->name);
    json_text(j, "connector", r->connector);
    json_text(j, "environment", r->environment);
    json_text(j, "region", r->region);
    json_text(j, "key", r->key_mask);
    json_text(j, "key_type", key_type_name(r->key));
    json_text(j, "allow", r->classes);
    json_text(j, "connect_to", r->connect_to);
    json_bool_member(j, "own_ca", r->ca.n > 0);
    json_bool_member(j, "verified", policy_is_verified(r));
    json_bool_member(j, "unverified", r->unverified);
}

static void report_tried(struct cli *c, const struct adding *add, uint64_t now_ms)
{
    const struct record_info *r = &add->d.info;

    if (!add->is_tried) {
        out_note(&c->out,
                 "It was not tried at the exchange. Make sure there that the key %sis bound to "
                 "your IP address, and try it: coffer verify %s",
                 policy_classes(r) & CLASS_BIT(CLASS_WITHDRAW) ? "" : "cannot withdraw and ",
                 r->name);
        return;
    }
    if (!r->unverified && !c->out.is_quiet)
        checkup_show(c, r, &add->d.checkup, now_ms);
    if (r->unverified)
        out_warn("'%s' is sealed as unverified: %s; it signs only reads until 'coffer verify %s' "
                 "has tried it",
                 r->name, add->d.checkup.not_reached.msg, r->name);
}

static void report(struct cli *c, const struct adding *add, uint64_t now_ms)
{
    const struct args *a = c->args;
    const struct record_info *r = &add->d.info;
    bool has_file = (a->given[OPT_FROM_JSON] && strcmp(a->value[OPT_FROM_JSON], "-") != 0 &&
                     !a->given[OPT_REMOVE_SOURCE]) ||
                    a->given[OPT_FIELD_FILE];

    out_note(&c->out, "'%s' is sealed: %s %s, key %s (%s)", r->name, add->d.k->title,
             r->environment, r->key_mask, key_type_name(r->key));
    if (r->classes[0])
        out_note(&c->out, "opened: %s", r->classes);
    if (r->connect_to[0])
        out_note(&c->out, "connects to %s; that is kept with the key", r->connect_to);
    if (r->ca.n > 0)
        out_note(&c->out, "trusts only the certificates of --ca-file; they are kept with the key");
    report_tried(c, add, now_ms);
    if (has_file)
        out_note(&c->out, "The file that the key came from still holds it: delete that file.");
    if (add->is_tried && !r->unverified && add->d.checkup.verdict.trade_spot == FACT_NO)
        out_note(&c->out, "Next: coffer balance %s, coffer review %s", r->name, r->name);
    else if (add->is_tried && !r->unverified)
        out_note(&c->out, "Next: coffer verify %s --trade %s (proves trading), coffer review %s",
                 r->name, add->d.k->checks ? add->d.k->checks->symbol : "SYMBOL", r->name);
    else
        out_note(&c->out, "Next: coffer verify %s, coffer show %s", r->name, r->name);
    if (c->out.is_json)
        report_json(c, add);
}

static int check_name(const struct vault *v, const char *name, struct err *e)
{
    int rc = vault_name_free(v, name, NULL, e);

    if (rc == ERR_EXISTS && vault_has(v, name))
        err_hint(e, "or, for a new key in its place: coffer rotate %s", name);
    return rc;
}

static int add(struct cli *c, struct adding *a, struct err *e)
{
    const struct record_info *info = &a->d.info;
    bool is_tried = !c->args->given[OPT_NO_VERIFY];
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(courier_freep) struct courier *courier = NULL;
    AUTO_SESSION s = {0};
    uint64_t now_us;

    waiting_why("to open the vault");
    if (add_plan(c, a, e) || vault_load(&c->where, c->env, &v, e) || check_name(v, info->name, e) ||
        add_ask_region(c, a, e) || (is_tried && courier_start(&info, 1, &courier, e)) ||
        session_write(c, v, &s, e) || prove_writable(c, v, e) || say_to_whom(c, v, e))
        return e->code;
    /* Nonces of the trial are marked under the vault, for no record yet. */
    memcpy(a->d.info.vault_id, vault_id(v), VAULT_ID_LEN);
    a->v = v;
    candidate_show_guide(c, &a->d);
    int rc = is_tried ? add_judge(c, a, courier, e) : candidate_read(c, &a->d, e);
    if (!rc && !is_tried)
        rc = add_ask_known(c, a, e);
    if (rc || c->env->now_us(c->env, &now_us, e) || seal(c, v, &a->d, e))
        return e->code;
    if (a->is_tried)
        checkup_note(c, info, &a->d.checkup, now_us / 1000);
    report(c, a, now_us / 1000);
    candidate_remove_source(c, &a->d);
    return OK;
}

int run_add(struct cli *c, struct err *e)
{
    struct adding a = {.is_tried = false};

    candidate_init(&a.d);
    int rc = add(c, &a, e);
    candidate_close(&a.d);
    return rc;
}
