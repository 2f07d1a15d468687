/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer recover says before, after, and when there is nothing to recover from. */
#include "cli/recover.h"

#include "base/ask.h"
#include "cli/session.h"
#include "connectors/checks.h"
#include "pkcs11/advice.h"

#include <stdio.h>

/* What tokens say of themselves, by the driver that this machine used: for one that answers no
 * more. */
static const struct {
    const char *module, *manufacturer, *model, *driver;
} drivers[] = {
    {"softhsm", "SoftHSM project", "SoftHSM v2", ""},
    {"softokn", "Mozilla Foundation", "NSS 3", ""},
    {"ykcs11", "Yubico (www.yubico.com)", "YubiKey", ""},
    {"opensc", "piv_II", "PKCS#15 emulated", ""},
    {"tpm2_pkcs11", "", "", "TPM2.0 Cryptoki"},
};

static void remembered(const struct recovery *r, struct token_info *i)
{
    const struct local_token *t = &r->lost_entry;

    *i = (struct token_info){.is_software = local_is_software(t), .pin = PIN_LOCKED};
    snprintf(i->label, sizeof(i->label), "%.32s", r->was_here ? t->where.label : r->lost.label);
    snprintf(i->serial, sizeof(i->serial), "%s", r->lost.serial);
    for (size_t k = 0; k < ARRAY_LEN(drivers); k++) {
        if (!strstr(t->where.module, drivers[k].module))
            continue;
        snprintf(i->manufacturer, sizeof(i->manufacturer), "%s", drivers[k].manufacturer);
        snprintf(i->model, sizeof(i->model), "%s", drivers[k].model);
        snprintf(i->driver, sizeof(i->driver), "%s", drivers[k].driver);
    }
}

static void look_at_lost(const struct recovery *r, struct token_info *info)
{
    struct token *t = NULL;
    struct err quiet;

    remembered(r, info);
    if (r->was_here && session_open_token(&r->lost_entry, &t, &quiet) == OK)
        *info = *token_info(t);
    token_close(t);
}

void recover_say_unlock(struct cli *c, const struct recovery *r)
{
    struct token_info info;

    look_at_lost(r, &info);
    out_note(&c->out, "Unlocking it keeps everything as it is, and needs no recovery:");
    out_note(&c->out, "  %s", token_unlock_advice(&info));
}

static void say_who(struct cli *c, const struct recovery *r)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    char line[RECIPIENT_LINE];
    struct err quiet;
    size_t n;
    const struct recipient *all = vault_recipients(r->v, &n);
    struct out *o = &c->out;

    if (local_list(c, &l, &quiet))
        return;
    recipient_line(&r->lost, local_find(l, r->v, &r->lost), line);
    out_note(o, "  goes              %s", line);
    out_note(o, "  comes             %s",
             r->to_text[0] ? r->to_text : "nothing yet; 'coffer recipients add' does it later");
    for (size_t i = 0; i < n; i++) {
        if (memcmp(all[i].rid, r->lost.rid, RID_LEN) == 0)
            continue;
        recipient_line(&all[i], local_find(l, r->v, &all[i]), line);
        out_note(o, "  stays             %s", line);
    }
    if (!r->in.who.label[0] || r->in.who.tested)
        return;
    out_note(o, "'%s' was never tested: whether it opens the vault shows now.", r->in.who.label);
}

int recover_confirm(struct cli *c, const struct recovery *r, struct err *e)
{
    struct out *o = &c->out;
    size_t n_files = vault_files(r->v);
    bool yes;

    out_note(o, "%s", "");
    out_note(o, "The vault gets a new key: every other machine refuses it until 'coffer trust' is "
                "run there once, with");
    out_note(o, "the new fingerprint. All of it is sealed anew, in one step: %zu file%s.", n_files,
             n_files == 1 ? "" : "s");
    say_who(c, r);
    cost_say(o, &r->in, n_files + 1);
    if (r->to_text[0])
        out_note(o, "                    and at least %u of the new one, to try its key",
                 PROBE_OPERATIONS);
    out_note(o, "  old backups       still open by '%s'", r->lost.label);
    fflush(stdout);
    if (c->args->given[OPT_YES])
        return OK;
    if (ask_yes("Go on?", "--yes does it without asking", &yes, e))
        return e->code;
    return yes ? OK : err_set(e, ERR_FAILED, "nothing was changed");
}

static void say_trust(struct out *o, const struct recovery *r, const char *fingerprint)
{
    out_note(o, "%s", "");
    out_note(o,
             "Write the new fingerprint on paper in place of %s (under the 24 words too), and back "
             "up the vault now.",
             r->old_fingerprint);
    out_note(o, "On every other machine, once: coffer trust %s", fingerprint);
    if (r->lost.kind == RECIPIENT_TOKEN && vault_has_token(r->v, NULL))
        out_note(o,
                 "Where '%s' opened the vault, with the token that opens it from now on: coffer "
                 "trust %s --token URI",
                 r->lost.label, fingerprint);
    if (!r->to_text[0] && r->in.is_paper)
        out_note(o, "This machine opens the vault by paper only, until it knows a token: coffer "
                    "recipients add URI");
}

static void say_keys(struct out *o, const struct recovery *r)
{
    size_t n = vault_count(r->v);
    bool is_paper = r->lost.kind == RECIPIENT_PAPER;

    if (n == 0)
        return;
    out_note(o, "%s", "");
    out_note(o, "Whoever has '%s'%s and an older copy or backup of the vault can still use %s:",
             r->lost.label, is_paper ? "" : ", its PIN", n == 1 ? "this key" : "these keys");
    keys_say(o, r->v, "old_backups_hold");
    out_note(o,
             "Unless it is broken or locked and in your own hands, make %s anew at the exchange: "
             "coffer rotate NAME",
             n == 1 ? "it" : "each of them");
}

static void report_json(struct cli *c, const struct recovery *r, const char *fingerprint)
{
    cJSON *j = out_json(&c->out);

    recipient_put_json(j, "lost", &r->lost, NULL);
    if (r->to_text[0])
        recipient_put_json(j, "added", &r->to.recipient, &r->to.entry);
    else
        cJSON_AddNullToObject(j, "added");
    json_text(j, "opened_by", r->in.who.label);
    json_text(j, "fingerprint", fingerprint);
    json_text(j, "old_fingerprint", r->old_fingerprint);
    json_number(j, "files", vault_files(r->v));
    json_number(j, "untested", recipients_untested(r->v));
    keys_say(&c->out, r->v, "old_backups_hold");
}

int recover_report(struct cli *c, struct recovery *r, struct err *e)
{
    struct out *o = &c->out;
    char fingerprint[FINGERPRINT_TEXT], line[RECIPIENT_LINE];
    size_t n_files = vault_files(r->v);

    if (vault_fingerprint(r->v, fingerprint, e))
        return e->code;
    if (o->is_json) {
        report_json(c, r, fingerprint);
        return OK;
    }
    out_line(o, "removed      '%s'", r->lost.label);
    if (r->to_text[0]) {
        recipient_line(&r->to.recipient, &r->to.entry, line);
        out_line(o, "added        %s", line);
        out_line(o, "wraps by     %s (tried on the token)", scheme_name(r->to.recipient.scheme));
    }
    out_line(o, "fingerprint  %s", fingerprint);
    out_line(o, "sealed anew  %zu record file%s, opened by '%s'", n_files, n_files == 1 ? "" : "s",
             r->in.who.label);
    say_trust(o, r, fingerprint);
    say_keys(o, r);
    recipients_say_embedded(o, &r->lost_entry);
    recipients_say_left(o, r->v);
    return OK;
}

/* Which exchange, and where a key is deleted there, as far as the record tells. */
static void say_key(struct cli *c, struct vault *v, const char *name)
{
    struct record_info info;
    struct err quiet;

    record_info_init(&info);
    const struct connector *k =
        vault_peek(v, name, &info, &quiet) ? NULL : connector_find(info.connector);
    const char *where = k && k->checks ? k->checks->delete_at : NULL;
    out_line(&c->out, "  %s (%s)%s%s", name, k ? k->title : "its exchange",
             where && where[0] ? ": " : "", where ? where : "");
    record_info_free(&info);
}

/* Before the bad news, which may not be true of it. A software token locks no PIN. */
static void say_not_lost(struct out *o, const struct recovery *r)
{
    struct token_info info;

    if (r->lost.kind == RECIPIENT_PAPER)
        return;
    look_at_lost(r, &info);
    if (info.is_software)
        return;
    out_line(o, "If '%s' is only locked, nothing is lost. With its PUK, or what else unlocks it:",
             r->lost.label);
    out_line(o, "  %s", token_unlock_advice(&info));
}

int recover_nothing_left(struct cli *c, const struct recovery *r, struct err *e)
{
    struct out *o = &c->out;
    char name[NAME_MAX_LEN + 1];

    out_line(o, "%s", "");
    say_not_lost(o, r);
    out_line(o,
             "Without '%s' and without another recipient nothing opens this vault: the secrets "
             "in it are lost for good.",
             r->lost.label);
    out_line(o, "An older backup may still open by a recipient that was removed since.");
    if (vault_count(r->v))
        out_line(o, "The keys live on at the exchanges. Delete each there, and make a new one:");
    for (size_t i = 0; vault_name(r->v, i, name); i++)
        say_key(c, r->v, name);
    out_line(o, "Then a new vault, with a spare recipient from the start:");
    out_line(o, "  coffer init --vault DIR --token URI");
    out_line(o, "  coffer recipients add --vault DIR --paper");
    out_line(o, "  coffer add --vault DIR NAME EXCHANGE");
    if (r->lost_entry.where.softhsm_conf[0])
        out_line(o, "It was a software token: a backup of its directory brings it back, into '%s'.",
                 r->lost_entry.where.softhsm_conf);
    fflush(stdout);
    err_set(e, ERR_FAILED, "there is no recipient to recover from");
    err_hint(e, "the keys have to be made anew at the exchanges: 'coffer list' shows them, 'coffer "
                "guide EXCHANGE' how");
    return e->code;
}
