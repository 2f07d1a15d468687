/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer rotate --seal says before and after. */
#include "cli/rotate_seal.h"

#include "base/ask.h"
#include "cli/pick.h"

#include <stdio.h>

/* Who stays a recipient beside the one that is replaced. A paper has no token to be here with, and
 * one that was never tested may never have worked. */
static void say_others(struct out *o, const struct sealing_anew *s)
{
    size_t n;
    const struct recipient *r = vault_recipients(s->v, &n);

    if (n < 2)
        return;
    out_note(o, "  other recipients  stay and get the new vault key; they need not be here:");
    for (size_t i = 0; i < n; i++)
        if (memcmp(r[i].rid, s->old_entry.rid, RID_LEN) != 0)
            out_note(o, "                    '%s'%s%s", r[i].label,
                     r[i].kind == RECIPIENT_PAPER ? " (paper, not a token)" : "",
                     r[i].tested ? "" : ", untested");
}

int anew_confirm(struct cli *c, const struct sealing_anew *s, struct err *e)
{
    struct out *o = &c->out;
    size_t n = vault_count(s->v), n_files = vault_files(s->v);
    char prompt[64];
    bool yes;

    out_note(o, "All of the vault is sealed anew, in one step: %zu key%s in %zu file%s.", n,
             n == 1 ? "" : "s", n_files, n_files == 1 ? "" : "s");
    out_note(o, "  token operations  %zu, and a few to try the new key; each may ask for a touch",
             n_files + 2);
    if (c->args->given[OPT_TO])
        out_note(o, "  the new key       on %s", c->args->value[OPT_TO]);
    else
        out_note(o, "  the new key       beside the old one on token '%s'", s->old_seat.info.label);
    out_note(o,
             "  other machines    refuse the vault until 'coffer trust' is run once on each, with "
             "the new fingerprint");
    say_others(o, s);
    out_note(o, "  old backups       still open with the old sealing key");
    if (c->args->given[OPT_YES])
        return OK;
    snprintf(prompt, sizeof(prompt), "Seal %zu key%s anew?", n, n == 1 ? "" : "s");
    if (ask_yes(prompt, "--yes does it without asking", &yes, e))
        return e->code;
    return yes ? OK : err_set(e, ERR_FAILED, "the vault was not sealed anew");
}

static void say_old(struct cli *c, const struct sealing_anew *s)
{
    struct out *o = &c->out;
    const struct token_info *info = &s->old_seat.info;
    const char *conf = s->old_entry.where.softhsm_conf;
    size_t n = vault_count(s->v);
    char id[2 * TOKEN_ID_MAX + 1];

    hex_text(s->from.id, s->from.id_len, id, sizeof(id));
    out_note(o, "%s", "");
    out_note(o, "Backups made before now open with the old sealing key (%s, id %s) on token '%s'.",
             spki_kind(&s->old.spki), id, info->label);
    if (n) {
        out_note(o, "They hold %s:", n == 1 ? "this key" : "these keys");
        keys_say(o, s->v, "old_backups_hold");
        out_note(o,
                 "If that sealing key or token may be in other hands, make %s anew at the "
                 "exchange: coffer rotate NAME",
                 n == 1 ? "it" : "them");
    }
    out_note(o, "The old sealing key is still on the token. Once no backup needs it, remove it:");
    out_note(o,
             "  %s%s%spkcs11-tool --module %s --token-label '%s' --login --delete-object --type "
             "privkey --id %s",
             conf[0] ? "SOFTHSM2_CONF='" : "", conf, conf[0] ? "' " : "", s->old_entry.where.module,
             info->label, id);
}

static void json_key(cJSON *to, const char *name, const struct recipient *r,
                     const struct token_info *info, const char *module)
{
    char id[2 * TOKEN_ID_MAX + 1];
    cJSON *o = json_object(to, name);

    hex_text(r->key_id, r->key_id_len, id, sizeof(id));
    json_text(o, "token", info->label);
    json_text(o, "serial", info->serial);
    json_bool_member(o, "software", info->is_software);
    json_text(o, "module", module);
    json_text(o, "key", spki_kind(&r->spki));
    json_text(o, "key_id", id);
    json_text(o, "scheme", scheme_name(r->scheme));
}

static void json_others(cJSON *to, const struct sealing_anew *s)
{
    size_t n;
    const struct recipient *r = vault_recipients(s->v, &n);
    cJSON *list = json_array(to, "other_recipients");

    for (size_t i = 0; i < n; i++) {
        if (memcmp(r[i].rid, s->to.recipient.rid, RID_LEN) == 0)
            continue;
        cJSON *o = json_object(list, NULL);
        json_text(o, "label", r[i].label);
        json_text(o, "kind", r[i].kind == RECIPIENT_PAPER ? "paper" : "token");
        json_bool_member(o, "tested", r[i].tested);
    }
}

static void report_json(struct cli *c, const struct sealing_anew *s, const char *fingerprint)
{
    cJSON *j = out_json(&c->out);

    json_text(j, "fingerprint", fingerprint);
    json_text(j, "old_fingerprint", s->old_fingerprint);
    json_number(j, "files", vault_files(s->v));
    json_key(j, "sealing_key", &s->to.recipient, &s->to.key.seat->info, s->to.entry.where.module);
    json_key(j, "old_sealing_key", &s->old, &s->old_seat.info, s->old_entry.where.module);
    json_others(j, s);
    keys_say(&c->out, s->v, "old_backups_hold");
}

static void say_next(struct cli *c, const struct sealing_anew *s, const char *fingerprint)
{
    struct out *o = &c->out;
    bool is_embedded = s->to.entry.where.softhsm_conf[0] != 0;

    out_note(o, "%s", "");
    out_note(o,
             "Write the new fingerprint on paper in place of %s, and make new backups of the "
             "vault%s.",
             s->old_fingerprint, is_embedded ? " and of the token directory" : "");
    if (is_embedded)
        out_note(o,
                 "On every other machine, once, with the token directory copied anew: coffer "
                 "trust %s --softhsm",
                 fingerprint);
    else
        out_note(o, "On every other machine, once: coffer trust %s --token URI", fingerprint);
}

int anew_report(struct cli *c, const struct sealing_anew *s, struct err *e)
{
    char fingerprint[FINGERPRINT_TEXT];
    const struct token_info *info = &s->to.key.seat->info;
    struct out *o = &c->out;

    if (vault_fingerprint(s->v, fingerprint, e))
        return e->code;
    out_line(o, "sealed anew  %zu record file%s", vault_files(s->v),
             vault_files(s->v) == 1 ? "" : "s");
    out_line(o, "fingerprint  %s", fingerprint);
    out_line(o, "token        '%s' (serial %s, %s%s)", info->label, info->serial,
             info->is_software ? "software token, " : "", spki_kind(&s->to.recipient.spki));
    out_line(o, "wraps by     %s (tried on the token)", scheme_name(s->to.recipient.scheme));
    if (o->is_json) {
        report_json(c, s, fingerprint);
        return OK;
    }
    say_next(c, s, fingerprint);
    say_old(c, s);
    return OK;
}
