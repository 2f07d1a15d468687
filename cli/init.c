/* SPDX-License-Identifier: Apache-2.0 */
/* coffer init: a token, its sealing key, a vault for it. What was made on the way is removed again
 * when a later step fails; a key generated on a token of the user's stays there. */
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/new_token.h"
#include "cli/pick.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/tree.h"
#include "cli/waiting.h"
#include "pkcs11/softhsm.h"

#include <stdio.h>
#include <unistd.h>

#define TOKENS_FILE "tokens.json"
#define TOKENS_LOCK "tokens.lock"
#define TOKENS_FILE_MAX 131072u

struct making {
    uint8_t id[VAULT_ID_LEN];
    char softhsm_dir[WHERE_MAX]; /* made by us; empty otherwise */
    struct token *token;
    struct token_key key;
    struct recipient recipient;
    struct local_token entry;
    bool had_config, had_entries, has_entry; /* tokens.json: before; and whether we changed it */
    struct buf entries_before, entries_after;
    struct vault *vault;
};

static void making_close(struct making *m)
{
    vault_free(m->vault);
    token_close(m->token);
    buf_free(&m->entries_before);
    buf_free(&m->entries_after);
}

/* A vault, or something that looks like one, is never touched. */
static int check_free(struct cli *c, struct err *e)
{
    struct vault *v = NULL;
    int rc = vault_load(&c->where, c->env, &v, e);

    vault_free(v);
    if (rc == ERR_NOT_FOUND)
        return OK;
    if (rc)
        return rc;
    err_set(e, ERR_EXISTS, "there is a vault at '%s' already", c->where.vault);
    return err_hint(e, "make another one elsewhere with --vault DIR");
}

static int make_softhsm(struct cli *c, struct making *m, struct err *e)
{
    static const struct token_uri any = {0};
    const char *label = c->args->value[OPT_LABEL];
    AUTO_SECRET pin = {0};
    char module[TOKEN_PATH_MAX];
    enum seal_key_kind kind;

    if (label && strlen(label) >= TOKEN_LABEL_MAX)
        return err_set(e, ERR_USAGE, "--label: a token's label has 1 to %u bytes",
                       TOKEN_LABEL_MAX - 1);
    if (pick_kind(c, &kind, e) || softhsm_module(module, e))
        return e->code;
    pin_advise(c, OPT_PIN_FD, OPT_PIN_FILE);
    if (pin_read_new(c, OPT_PIN_FD, OPT_PIN_FILE, NULL, &pin, e) ||
        where_softhsm(&c->where, m->id, m->softhsm_dir, e))
        return e->code;
    if (softhsm_create(m->softhsm_dir, label ? label : "coffer", &pin, c->env, &m->entry.where,
                       e)) {
        m->softhsm_dir[0] = 0;
        return e->code;
    }
    if (token_open(&m->entry.where, &m->token, e) || token_login(m->token, &pin, false, e) ||
        pick_generate(c, m->token, &any, &m->key, e) ||
        token_probe(m->token, &m->key, &m->recipient.scheme, e))
        return e->code;
    pin_say_short(c, &pin, "'coffer pin' changes it");
    return OK;
}

static int take_token(struct cli *c, struct making *m, struct err *e)
{
    struct token_uri uri;
    enum seal_key_kind kind;

    waiting_why(c->args->given[OPT_GENERATE] ? "to make and try the sealing key"
                                             : "to try the sealing key");
    if (pick_kind(c, &kind, e) || pick_uri(c, &uri, &m->entry.where, e) ||
        token_open(&m->entry.where, &m->token, e) || pin_login(c, m->token, "", NULL, e))
        return e->code;
    /* From here on this very token, whatever else matches the URI later. */
    const struct token_info *info = token_info(m->token);
    memcpy(m->entry.where.label, info->label, sizeof(m->entry.where.label));
    memcpy(m->entry.where.serial, info->serial, sizeof(m->entry.where.serial));
    if (!c->args->given[OPT_GENERATE])
        return pick_key(m->token, &uri, &m->key, &m->recipient.scheme, e);
    if (pick_generate(c, m->token, &uri, &m->key, e))
        return e->code;
    return token_probe(m->token, &m->key, &m->recipient.scheme, e);
}

static int fill(struct cli *c, struct making *m, struct err *e)
{
    const struct token_info *info = token_info(m->token);
    const char *label = c->args->value[OPT_LABEL];
    struct recipient *r = &m->recipient;

    if (spki_rid(&m->key.spki, r->rid, e))
        return e->code;
    snprintf(r->label, sizeof(r->label), "%s", label ? label : info->label);
    r->spki = m->key.spki;
    r->kind = RECIPIENT_TOKEN;
    r->tested = true;
    memcpy(r->serial, info->serial, sizeof(r->serial));
    memcpy(r->key_id, m->key.id, sizeof(r->key_id));
    r->key_id_len = m->key.id_len;
    memcpy(m->entry.vault_id, m->id, sizeof(m->id));
    memcpy(m->entry.rid, r->rid, sizeof(r->rid));
    memcpy(m->entry.key_id, m->key.id, sizeof(m->entry.key_id));
    m->entry.key_id_len = m->key.id_len;
    m->entry.scheme = r->scheme;
    return OK;
}

/* Reads tokens.json, which may be missing, as it is. */
static int entries_read(const struct cli *c, int *dir, struct buf *out, struct err *e)
{
    if (dir_open(c->where.config, FILE_PRIVATE, dir, e))
        return e->code;
    return file_read_at(*dir, TOKENS_FILE, TOKENS_FILE_MAX, FILE_PRIVATE, out, e);
}

/* Keeps what was there before, for entry_undo. */
static int entry_add(const struct cli *c, struct making *m, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    struct err quiet;

    m->had_config = access(c->where.config, F_OK) == 0;
    m->had_entries = entries_read(c, &dir, &m->entries_before, &quiet) == OK;
    if (local_put(&c->where, &m->entry, e))
        return e->code;
    fd_closep(&dir);
    m->has_entry = entries_read(c, &dir, &m->entries_after, &quiet) == OK;
    return OK;
}

/* Only when nobody has changed the file since. An entry that stays does no harm. */
static void entry_undo(const struct cli *c, struct making *m)
{
    AUTO(fd_closep) int dir = -1;
    AUTO_BUF now = BUF_INIT(TOKENS_FILE_MAX);
    struct err quiet;

    if (!m->has_entry || entries_read(c, &dir, &now, &quiet) ||
        !bytes_eq(buf_bytes(&now), buf_bytes(&m->entries_after)))
        return;
    if (m->had_entries) {
        (void)!file_replace_at(dir, TOKENS_FILE, buf_bytes(&m->entries_before), &quiet);
        return;
    }
    unlinkat(dir, TOKENS_FILE, 0);
    if (m->had_config)
        return;
    unlinkat(dir, TOKENS_LOCK, 0);
    rmdir(c->where.config);
}

static int make_vault(struct cli *c, struct making *m, struct err *e)
{
    struct opener o;

    opener_token(&o, m->token, m->recipient.rid, m->recipient.scheme);
    /* First, so that being killed in between leaves no vault whose token nobody knows. */
    if (entry_add(c, m, e))
        return e->code;
    return vault_create(&c->where, m->id, &m->recipient, &o, c->env, &m->vault, e);
}

/* Takes back what this run made; vault_create itself leaves nothing when it fails. */
static void undo(struct cli *c, struct making *m)
{
    token_close(m->token);
    m->token = NULL;
    if (m->softhsm_dir[0])
        tree_remove(m->softhsm_dir);
    entry_undo(c, m);
}

static void say_recovery(struct cli *c, const struct making *m, const char *fingerprint)
{
    struct out *o = &c->out;
    bool is_soft = token_info(m->token)->is_software;

    out_note(o, "%s", "");
    out_note(o, "Write the fingerprint on paper, then:");
    out_note(o, "  back up the vault directory; it opens nothing without the token");
    if (m->softhsm_dir[0])
        out_note(o, "  back up the token directory too, elsewhere; without it the vault is lost");
    out_note(o, "  make a spare, for the only token may be lost: coffer recipients add --paper, or "
                "with another token's URI");
    out_note(o, "  after a restore, or on another machine: coffer trust %s%s", fingerprint,
             m->softhsm_dir[0] ? " --softhsm" : " --token URI");
    if (is_soft)
        out_note(o, "This is a software token: whoever copies its directory can guess the PIN.");
    out_note(o, "%s", "");
    out_note(o, "Next: coffer guide EXCHANGE, then coffer add NAME EXCHANGE");
}

static int report(struct cli *c, const struct making *m, struct err *e)
{
    char fingerprint[FINGERPRINT_TEXT];
    const struct token_info *info = token_info(m->token);
    struct out *o = &c->out;

    if (vault_fingerprint(m->vault, fingerprint, e))
        return e->code;
    out_line(o, "vault        %s", c->where.vault);
    out_line(o, "fingerprint  %s", fingerprint);
    out_line(o, "token        '%s' (serial %s, %s%s)", info->label, info->serial,
             info->is_software ? "software token, " : "", spki_kind(&m->key.spki));
    if (m->softhsm_dir[0])
        out_line(o, "token files  %s", m->softhsm_dir);
    out_line(o, "wraps by     %s (tried on the token)", scheme_name(m->recipient.scheme));
    if (m->entry.pin_file[0])
        out_line(o, "PIN from     %s", m->entry.pin_file);
    say_recovery(c, m, fingerprint);
    if (!o->is_json)
        return OK;
    char hex[VAULT_ID_HEX];
    where_id_hex(m->id, hex);
    json_text(out_json(o), "vault", c->where.vault);
    json_text(out_json(o), "vault_id", hex);
    json_text(out_json(o), "fingerprint", fingerprint);
    cJSON *t = json_object(out_json(o), "token");
    json_text(t, "label", info->label);
    json_text(t, "serial", info->serial);
    json_bool_member(t, "software", info->is_software);
    json_text(t, "key", spki_kind(&m->key.spki));
    json_text(t, "scheme", scheme_name(m->recipient.scheme));
    if (m->softhsm_dir[0])
        json_text(t, "directory", m->softhsm_dir);
    return OK;
}

static int make(struct cli *c, struct making *m, struct err *e)
{
    const struct args *a = c->args;

    if (check_free(c, e) || pin_file_to_keep(c, m->entry.pin_file, e) ||
        c->env->random(c->env, m->id, sizeof(m->id), e))
        return e->code;
    int rc = a->given[OPT_SOFTHSM] ? make_softhsm(c, m, e) : take_token(c, m, e);
    if (rc || fill(c, m, e))
        return e->code;
    return make_vault(c, m, e);
}

int run_init(struct cli *c, struct err *e)
{
    AUTO(making_close)
    struct making m = {.entries_before = BUF_INIT(TOKENS_FILE_MAX),
                       .entries_after = BUF_INIT(TOKENS_FILE_MAX)};
    const struct args *a = c->args;

    if (a->given[OPT_SOFTHSM] == a->given[OPT_TOKEN]) {
        err_set(e, ERR_USAGE,
                a->given[OPT_TOKEN] ? "--softhsm and --token exclude each other"
                                    : "'coffer init' needs a token");
        err_hint(
            e, "a token that is plugged in: coffer init --token URI ('coffer tokens' lists them)");
        return err_hint(e, "no hardware token: coffer init --softhsm");
    }
    if (label_check(c, e))
        return e->code;
    if (make(c, &m, e)) {
        undo(c, &m);
        return e->code;
    }
    return report(c, &m, e);
}
