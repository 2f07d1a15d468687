/* SPDX-License-Identifier: Apache-2.0 */
/* coffer trust: this machine accepts a vault by the fingerprint of its key, which a person brings
 * from elsewhere. Nothing is written before the token has opened the vault and the fingerprint was
 * found right, but for the place that a copied software token's configuration names. */
#include "cli/cli.h"
#include "cli/pick.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "pkcs11/softhsm.h"

#define KEYS_SEEN 24u
#define FINGERPRINT_DIGITS 32u

struct joining {
    struct session s;
    bool is_new;        /* the entry is to be written to tokens.json */
    bool has_forgotten; /* its PIN file */
};

static void joining_close(struct joining *j)
{
    session_end(&j->s);
}

/* The recipient whose key is on the token. */
static int match(const struct vault *v, const struct token_key *keys, size_t n_keys,
                 struct local_token *entry, bool *found, struct err *e)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);
    uint8_t rid[RID_LEN];

    *found = false;
    for (size_t k = 0; k < n_keys && !*found; k++) {
        if (keys[k].spki.n == 0)
            continue;
        if (spki_rid(&keys[k].spki, rid, e))
            return e->code;
        for (size_t i = 0; i < n && !*found; i++)
            if (memcmp(rid, r[i].rid, RID_LEN) == 0 && spki_fits(&keys[k].spki, r[i].scheme)) {
                memcpy(entry->rid, rid, RID_LEN);
                entry->scheme = r[i].scheme;
                memcpy(entry->key_id, keys[k].id, sizeof(entry->key_id));
                entry->key_id_len = keys[k].id_len;
                *found = true;
            }
    }
    return OK;
}

static int find_key(struct cli *c, const struct vault *v, struct joining *j,
                    const struct token_key_want *want, struct err *e)
{
    struct local_token *entry = &j->s.entry;
    const struct token_info *info = token_info(j->s.token);
    struct token_key keys[KEYS_SEEN];
    struct token_key_want by_rid = {.rid = entry->rid};
    size_t n = 0;
    bool found = false;

    if (token_keys(j->s.token, want, keys, KEYS_SEEN, &n, e) ||
        match(v, keys, n < KEYS_SEEN ? n : KEYS_SEEN, entry, &found, e))
        return e->code;
    if (!found) {
        err_set(e, ERR_NOT_FOUND, "token '%s' has none of the keys that this vault is sealed to",
                info->label);
        return err_hint(e, "'coffer show NAME' lists the vault's recipients");
    }
    if (token_use_key(j->s.token, &by_rid, &keys[0], e))
        return e->code;
    memcpy(entry->vault_id, vault_id(v), VAULT_ID_LEN);
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

/* Before any work with the token; whether it is this vault's only the opened vault tells. */
static int check_fingerprint(const char *text, struct err *e)
{
    bool is_hex = true;
    size_t n = 0;

    for (const char *p = text; *p; p++) {
        if (strchr("-: ", *p))
            continue;
        is_hex = is_hex && strchr("0123456789abcdefABCDEF", *p);
        n++;
    }
    if (is_hex && n == FINGERPRINT_DIGITS)
        return OK;
    err_set(e, ERR_USAGE, "a fingerprint has %u hex digits", FINGERPRINT_DIGITS);
    return err_hint(e, "for example 0123-4567-89ab-cdef-0123-4567-89ab-cdef; 'coffer doctor' shows "
                       "it on a machine that trusts the vault");
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

int run_trust(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(joining_close) struct joining j = {.is_new = false};
    const struct args *a = c->args;
    int rc;

    if (a->n_words == 0)
        return no_fingerprint(e);
    if (a->given[OPT_TOKEN] && a->given[OPT_SOFTHSM])
        return err_set(e, ERR_USAGE, "--softhsm and --token exclude each other");
    if (check_fingerprint(a->words[0], e) || vault_load(&c->where, c->env, &v, e))
        return e->code;
    if (a->given[OPT_TOKEN])
        rc = by_uri(c, v, &j, e);
    else
        rc = a->given[OPT_SOFTHSM] ? by_softhsm(c, v, &j, e) : by_entry(c, v, &j, e);
    if (rc || vault_trust(v, &j.s.opener, a->words[0], e) ||
        (j.is_new && local_put(&c->where, &j.s.entry, e)))
        return e->code;
    if (j.has_forgotten)
        out_note(&c->out, "The PIN file is no longer remembered; --keep-pin-file would keep it.");
    return report(c, v, e);
}
