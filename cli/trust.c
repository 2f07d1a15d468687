/* SPDX-License-Identifier: Apache-2.0 */
/* coffer trust: this machine accepts a vault by the fingerprint of its key, which a person brings
 * from elsewhere. Nothing is written before the token has opened the vault and the fingerprint was
 * found right, but for the place that a copied software token's configuration names. */
#include "cli/agent_view.h"
#include "cli/cli.h"
#include "cli/pick.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/waiting.h"
#include "pkcs11/softhsm.h"

struct joining {
    struct session s;
    bool is_new;        /* the entry is to be written to tokens.json */
    bool has_forgotten; /* its PIN file */
};

static void joining_close(struct joining *j)
{
    session_end(&j->s);
}

static int find_key(struct cli *c, const struct vault *v, struct joining *j,
                    const struct token_key_want *want, struct err *e)
{
    struct local_token *entry = &j->s.entry;
    const struct token_info *info = token_info(j->s.token);
    struct token_key_want by_rid = {.rid = entry->rid};
    struct token_key key;

    if (session_find_key(v, j->s.token, want, entry, e) ||
        token_use_key(j->s.token, &by_rid, &key, e))
        return e->code;
    memcpy(entry->where.label, info->label, sizeof(entry->where.label));
    memcpy(entry->where.serial, info->serial, sizeof(entry->where.serial));
    j->is_new = true;
    opener_token(&j->s.opener, j->s.token, entry->rid, entry->scheme);
    return pin_file_to_keep(c, entry->pin_file, e);
}

static int by_uri(struct cli *c, const struct vault *v, struct joining *j, struct err *e)
{
    struct token_uri uri;

    if (pick_uri(c, &uri, &j->s.entry.where, e) || token_open(&j->s.entry.where, &j->s.token, e) ||
        pin_login(c, j->s.token, "", NULL, e))
        return e->code;
    struct token_key_want want = {.id = bytes_of(uri.id, uri.id_len),
                                  .label = uri.object[0] ? uri.object : NULL};
    return find_key(c, v, j, &want, e);
}

static int by_softhsm(struct cli *c, const struct vault *v, struct joining *j, struct err *e)
{
    static const struct token_key_want any = {.label = NULL};
    char dir[WHERE_MAX];

    if (where_softhsm(&c->where, vault_id(v), dir, e))
        return e->code;
    int rc = softhsm_where(dir, &j->s.entry.where, e);
    if (rc == ERR_NOT_FOUND)
        return err_hint(
            e, "copy the token directory of the machine that made the vault to '%s' (0700)", dir);
    if (rc || token_open(&j->s.entry.where, &j->s.token, e) ||
        pin_login(c, j->s.token, "", NULL, e))
        return e->code;
    return find_key(c, v, j, &any, e);
}

/* The token that this machine knows already: after a restore, or a new vault key. */
static int by_entry(struct cli *c, const struct vault *v, struct joining *j, struct err *e)
{
    if (session_begin(c, v, &j->s, e))
        return e->code;
    j->has_forgotten = !c->args->given[OPT_KEEP_PIN_FILE] && j->s.entry.pin_file[0];
    j->is_new = c->args->given[OPT_KEEP_PIN_FILE] || j->has_forgotten;
    return pin_file_to_keep(c, j->s.entry.pin_file, e);
}

static int no_fingerprint(struct err *e)
{
    err_set(e, ERR_USAGE, "'coffer trust' needs the vault's fingerprint");
    err_hint(e, "read it on the machine that made the vault: 'coffer doctor' shows it, and "
                "'coffer init' did");
    return err_hint(e, "usage: coffer trust FINGERPRINT [--token URI | --softhsm]");
}

static int report(struct cli *c, const struct vault *v, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *tokens = NULL;
    char fingerprint[FINGERPRINT_TEXT];

    if (local_list(c, &tokens, e) || vault_fingerprint(v, fingerprint, e))
        return e->code;
    out_line(&c->out, "trusted      vault %s at '%s'", fingerprint, c->where.vault);
    if (c->out.is_json) {
        json_text(out_json(&c->out), "fingerprint", fingerprint);
        json_number(out_json(&c->out), "generation", vault_generation(v));
    }
    recipients_show(c, v, tokens);
    out_note(&c->out, "Each of these recipients can open the vault. If one is not yours, stop and "
                      "make the keys anew at the exchanges.");
    return OK;
}

/* Or a fork of what this machine has seen. */
static bool is_older(const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    enum trust_state state;
    struct err quiet;

    return vault_pin_look(v, fingerprint, &state, &quiet) == ERR_TRUST;
}

/* It goes by what it has seen itself: others can write the pin. */
static void say_agent(const struct cli *c, const struct vault *v)
{
    AUTO(agent_client_freep) struct agent_client *a = NULL;
    struct err quiet;

    if (agent_find(c, vault_id(v), &a, &quiet) == OK)
        out_warn("the agent that runs has seen another state of the vault, and refuses this one "
                 "until it is started again: coffer agent --stop, coffer agent");
}

int run_trust(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(joining_close) struct joining j = {.is_new = false};
    const struct args *a = c->args;
    bool is_put_back, was_unlocked;
    int rc;

    if (a->n_words == 0)
        return no_fingerprint(e);
    if (a->given[OPT_TOKEN] && a->given[OPT_SOFTHSM])
        return err_set(e, ERR_USAGE, "--softhsm and --token exclude each other");
    /* before any work with the token; whether it is this vault's only the opened vault tells */
    if (fingerprint_check(a->words[0], e) || vault_load(&c->where, c->env, &v, e))
        return e->code;
    is_put_back = is_older(v);
    was_unlocked = agent_was_unlocked(c, v);
    waiting_why("to open the vault");
    if (a->given[OPT_TOKEN])
        rc = by_uri(c, v, &j, e);
    else
        rc = a->given[OPT_SOFTHSM] ? by_softhsm(c, v, &j, e) : by_entry(c, v, &j, e);
    if (rc || vault_trust(v, &j.s.opener, a->words[0], e) ||
        (j.is_new && local_put(&c->where, &j.s.entry, e)))
        return e->code;
    if (j.has_forgotten)
        out_note(&c->out, "The PIN file is no longer remembered; --keep-pin-file would keep it.");
    rc = report(c, v, e);
    if (is_put_back)
        say_agent(c, v);
    else
        agent_say_locked(c, v, was_unlocked);
    return rc;
}
