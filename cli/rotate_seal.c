/* SPDX-License-Identifier: Apache-2.0 */
/* coffer rotate --seal: a new sealing key, beside the old one or on another token, and a new vault
 * key. This machine knows the new key before the vault is sealed to it and forgets the old one
 * after, so that killed anywhere it opens whichever vault it finds. */
#include "cli/rotate.h"

#include "base/ask.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/pick.h"
#include "cli/pin_source.h"
#include "cli/rotate_seal.h"
#include "cli/session.h"

#include <stdio.h>

#define ORPHANS_SEEN 64u

static void anew_close(struct sealing_anew *s)
{
    vault_free(s->v);
    seat_close(&s->new_seat);
    seat_close(&s->old_seat);
}

/* What the command line says, before anything is opened. */
static int parse_to(const struct cli *c, struct token_uri *uri, struct err *e)
{
    const struct args *a = c->args;
    enum seal_key_kind kind;
    int fd, new_fd;

    memset(uri, 0, sizeof(*uri));
    if (pick_kind(c, &kind, e))
        return e->code;
    if (!a->given[OPT_TO] && (a->given[OPT_NEW_PIN_FD] || a->given[OPT_NEW_PIN_FILE]))
        return err_set(e, ERR_USAGE, "a new PIN is for the token that --to names");
    if (a->given[OPT_NEW_PIN_FD] && a->given[OPT_NEW_PIN_FILE])
        return err_set(e, ERR_USAGE, "--new-pin-fd and --new-pin-file exclude each other");
    if (a->given[OPT_PIN_FD] && a->given[OPT_NEW_PIN_FD]) {
        if (arg_fd(a, OPT_PIN_FD, &fd, e) || arg_fd(a, OPT_NEW_PIN_FD, &new_fd, e))
            return e->code;
        if (fd == new_fd)
            return err_set(e, ERR_USAGE,
                           "--pin-fd and --new-pin-fd need two descriptors: each is read to its "
                           "end");
    }
    if (!a->given[OPT_TO])
        return OK;
    if (uri_parse(a->value[OPT_TO], uri, e))
        return err_wrap(e, "--to");
    if (uri->module[0])
        return OK;
    err_set(e, ERR_USAGE, "--to: the URI does not say which driver to load");
    return err_hint(e, "add ?module-path=/path/to/driver.so to it");
}

/* A key in a file that nothing refers to could not be taken back under another vault key. */
static int check_orphans(struct vault *v, struct err *e)
{
    char files[ORPHANS_SEEN][128], name[NAME_MAX_LEN + 1];
    struct err quiet;
    enum orphan_kind kind;
    size_t n = 0;

    if (vault_orphans(v, files, ORPHANS_SEEN, &n, e))
        return e->code;
    for (size_t i = 0; i < n && i < ORPHANS_SEEN; i++) {
        if (vault_orphan_look(v, files[i], &kind, name, &quiet) || kind == ORPHAN_VERSION)
            continue;
        err_set(e, ERR_FAILED,
                "the record file '%s' holds a key that is not in the vault's index, and could not "
                "be taken back afterwards",
                files[i]);
        err_hint(e, "if it is wanted: coffer doctor --take-back %s", files[i]);
        return err_hint(e, "if not, remove that file");
    }
    return OK;
}

static int find_recipient(const struct vault *v, const uint8_t rid[RID_LEN], struct recipient *out)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (memcmp(r[i].rid, rid, RID_LEN) == 0) {
            *out = r[i];
            return OK;
        }
    return ERR_NOT_FOUND;
}

/* The token of today, without a login. */
static int find_old(struct cli *c, struct sealing_anew *s, struct err *e)
{
    struct token *t = NULL;

    if (session_token(c, s->v, &t, &s->old_entry, e))
        return e->code;
    seat_fill(&s->old_seat, c, t, &s->old_entry.where);
    s->old_seat.other = &s->new_seat;
    s->from.seat = &s->old_seat;
    memcpy(s->from.rid, s->old_entry.rid, RID_LEN);
    memcpy(s->from.id, s->old_entry.key_id, sizeof(s->from.id));
    s->from.id_len = s->old_entry.key_id_len;
    seat_opener(&s->from_opener, &s->from, s->old_entry.scheme);
    if (find_recipient(s->v, s->old_entry.rid, &s->old))
        return err_set(e, ERR_FAILED, "the vault has changed meanwhile");
    return OK;
}

static int open_vault(struct cli *c, struct sealing_anew *s, struct err *e)
{
    struct session asked = {.token = s->old_seat.token, .entry = s->old_entry};

    if (pin_login(c, s->old_seat.token, s->old_entry.pin_file, &s->old_seat.pin, e) ||
        session_explain(&asked, vault_open(s->v, &s->from_opener, e), e) ||
        vault_may_write(s->v, e))
        return e->code;
    return vault_fingerprint(s->v, s->old_fingerprint, e);
}

/* As pin_login, with the options for the new token's PIN. A PIN that the service manager gives is
 * the old token's. */
static int login_new(struct cli *c, struct token *t, struct secret *pin, struct err *e)
{
    struct args a = *c->args;
    struct cli k = *c;
    bool is_given = a.given[OPT_NEW_PIN_FD] || a.given[OPT_NEW_PIN_FILE];

    k.args = &a;
    a.given[OPT_PIN_FD] = a.given[OPT_NEW_PIN_FD];
    a.value[OPT_PIN_FD] = a.value[OPT_NEW_PIN_FD];
    a.given[OPT_PIN_FILE] = a.given[OPT_NEW_PIN_FILE];
    a.value[OPT_PIN_FILE] = a.value[OPT_NEW_PIN_FILE];
    bool can_ask = ask_possible() && !pin_is_given(&k, "");
    if (!is_given && !can_ask && !token_info(t)->is_protected_path) {
        err_set(e, ERR_PERSON, "the PIN of the new token '%s' is needed", token_info(t)->label);
        return err_hint(e, "give it with --new-pin-fd or --new-pin-file");
    }
    return pin_login(&k, t, "", pin, e) ? err_wrap(e, "the new token") : OK;
}

static void where_of(const struct token_uri *uri, struct token_where *w)
{
    memset(w, 0, sizeof(*w));
    memcpy(w->module, uri->module, sizeof(w->module));
    memcpy(w->label, uri->label, sizeof(w->label));
    memcpy(w->serial, uri->serial, sizeof(w->serial));
    memcpy(w->manufacturer, uri->manufacturer, sizeof(w->manufacturer));
    memcpy(w->model, uri->model, sizeof(w->model));
}

/* Takes the seat of the new key: the old token's, when it is that one. */
static int take_new_seat(struct cli *c, struct sealing_anew *s, const struct token_uri *uri,
                         struct err *e)
{
    struct token_where w;
    struct token *t = NULL;
    bool was_open;

    s->to.seat = &s->old_seat;
    s->entry = s->old_entry;
    if (!c->args->given[OPT_TO])
        return OK;
    s->new_seat.other = &s->old_seat;
    where_of(uri, &w);
    seat_make_room(&s->new_seat, "");
    was_open = s->old_seat.token != NULL;
    if (token_open(&w, &t, e))
        return e->code;
    if (was_open && seat_is_same(&s->old_seat, token_info(t))) {
        token_close(t);
        return OK;
    }
    /* from here on this very token, whatever else matches the URI later */
    memcpy(w.label, token_info(t)->label, sizeof(w.label));
    memcpy(w.serial, token_info(t)->serial, sizeof(w.serial));
    seat_fill(&s->new_seat, c, t, &w);
    s->to.seat = &s->new_seat;
    s->entry.where = w;
    s->entry.pin_file[0] = 0;
    return login_new(c, t, &s->new_seat.pin, e);
}

static int refuse_known(const struct sealing_anew *s, struct err *e)
{
    err_set(e, ERR_USAGE, "the vault is sealed to that key on token '%s' already",
            s->to.seat->info.label);
    return err_hint(e, "--generate makes a new one beside it");
}

static int fill(struct cli *c, struct sealing_anew *s, const struct token_key *key,
                enum scheme scheme, struct err *e)
{
    const struct token_info *info = &s->to.seat->info;
    const char *label = c->args->value[OPT_LABEL];
    struct recipient *r = &s->recipient, known;

    *r = (struct recipient){
        .spki = key->spki, .scheme = scheme, .kind = RECIPIENT_TOKEN, .tested = true};
    if (spki_rid(&key->spki, r->rid, e))
        return e->code;
    if (find_recipient(s->v, r->rid, &known) == OK)
        return refuse_known(s, e);
    if (!text_copy(r->label, sizeof(r->label), bytes_str(label ? label : info->label)))
        return err_set(e, ERR_USAGE, "--label is longer than %zu bytes", sizeof(r->label) - 1);
    memcpy(r->serial, info->serial, sizeof(r->serial));
    memcpy(r->key_id, key->id, sizeof(r->key_id));
    r->key_id_len = key->id_len;
    memcpy(s->entry.rid, r->rid, RID_LEN);
    memcpy(s->entry.key_id, key->id, sizeof(s->entry.key_id));
    s->entry.key_id_len = key->id_len;
    s->entry.scheme = scheme;
    memcpy(s->to.rid, r->rid, RID_LEN);
    memcpy(s->to.id, key->id, sizeof(s->to.id));
    s->to.id_len = key->id_len;
    memcpy(s->to.seat->in_use, r->rid, RID_LEN);
    seat_opener(&s->to_opener, &s->to, scheme);
    return OK;
}

static int take_new_key(struct cli *c, struct sealing_anew *s, const struct token_uri *uri,
                        struct err *e)
{
    struct token_key key;
    enum scheme scheme = SCHEME_NONE;
    bool makes = c->args->given[OPT_GENERATE] || !c->args->given[OPT_TO];

    if (take_new_seat(c, s, uri, e))
        return e->code;
    struct seat *seat = s->to.seat;
    memset(seat->in_use, 0, RID_LEN); /* whatever happens below */
    if (!makes)
        return pick_key(seat->token, uri, &key, &scheme, e) ? e->code : fill(c, s, &key, scheme, e);
    if (pick_generate(c, seat->token, uri, &key, e))
        return e->code;
    s->has_made_key = true;
    memcpy(s->recipient.key_id, key.id, sizeof(s->recipient.key_id));
    s->recipient.key_id_len = key.id_len;
    return token_probe(seat->token, &key, &scheme, e) ? e->code : fill(c, s, &key, scheme, e);
}

/* After a failure. The entry goes unless the vault may be sealed to it already. */
static int undo(struct cli *c, struct sealing_anew *s, struct err *e)
{
    AUTO(vault_freep) struct vault *now = NULL;
    struct err quiet;
    struct recipient r;
    char id[2 * TOKEN_ID_MAX + 1];

    if (s->has_new_entry && vault_load(&c->where, c->env, &now, &quiet) == OK &&
        find_recipient(now, s->recipient.rid, &r) == ERR_NOT_FOUND)
        (void)!local_drop(&c->where, s->entry.vault_id, s->entry.rid, &quiet);
    if (!s->has_made_key)
        return e->code;
    hex_text(s->recipient.key_id, s->recipient.key_id_len, id, sizeof(id));
    return err_hint(e, "the key made for this, id %s, stays on token '%s': nothing needs it", id,
                    s->to.seat->info.label);
}

struct told {
    const struct out *o;
};

static void progress(void *ctx, size_t n_done, size_t n)
{
    out_progress(((const struct told *)ctx)->o, "sealed anew:", n_done, n);
}

static int commit(struct cli *c, struct sealing_anew *s, struct err *e)
{
    struct told told = {&c->out};
    const struct reseal r = {.from = &s->from_opener,
                             .to = &s->recipient,
                             .opener_to = &s->to_opener,
                             .progress = progress,
                             .ctx = &told};
    AUTO(local_list_freep) struct local_tokens *known = NULL;
    struct err quiet;

    int rc = local_list(c, &known, e);
    if (rc)
        return rc;
    s->has_new_entry = !local_find(known, s->v, &s->recipient);
    rc = local_put(&c->where, &s->entry, e);
    if (!rc)
        rc = vault_lock(s->v, e);
    if (!rc)
        rc = vault_reseal(s->v, &r, e);
    vault_unlock(s->v);
    if (rc)
        return rc;
    if (local_drop(&c->where, s->old_entry.vault_id, s->old_entry.rid, &quiet))
        out_warn("%s", quiet.msg); /* an entry for a key that is no recipient does no harm */
    return OK;
}

static int seal_anew(struct cli *c, struct sealing_anew *s, struct err *e)
{
    struct token_uri uri;

    if (parse_to(c, &uri, e) || vault_load(&c->where, c->env, &s->v, e) || check_orphans(s->v, e) ||
        find_old(c, s, e) || anew_confirm(c, s, e) || open_vault(c, s, e))
        return e->code;
    if (take_new_key(c, s, &uri, e) || commit(c, s, e))
        return undo(c, s, e);
    return anew_report(c, s, e);
}

int rotate_seal(struct cli *c, struct err *e)
{
    struct sealing_anew *s = wipe_malloc(sizeof(*s));

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for a new sealing key");
    memset(s, 0, sizeof(*s));
    int rc = seal_anew(c, s, e);
    anew_close(s);
    wipe_free(s);
    return rc;
}
