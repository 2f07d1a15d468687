/* SPDX-License-Identifier: Apache-2.0 */
/* The way of new_token.h. */
#include "cli/new_token.h"

#include "base/text.h"
#include "cli/pick.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/waiting.h"

#include <stdio.h>

#define ORPHANS_SEEN 64u

const struct recipient *recipient_find(const struct vault *v, const uint8_t rid[RID_LEN])
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (memcmp(r[i].rid, rid, RID_LEN) == 0)
            return &r[i];
    return NULL;
}

int label_check(const struct cli *c, struct err *e)
{
    static const struct recipient r;
    const char *label = c->args->value[OPT_LABEL];
    char plain[sizeof(r.label)];

    if (!label)
        return OK;
    if (!label[0])
        return err_set(e, ERR_USAGE, "--label is empty");
    if (strlen(label) >= sizeof(r.label))
        return err_set(e, ERR_USAGE, "--label is longer than %zu bytes", sizeof(r.label) - 1);
    text_clean(plain, sizeof(plain), bytes_str(label));
    if (strcmp(plain, label) == 0)
        return OK;
    return err_set(e, ERR_USAGE, "--label has characters that cannot be shown: '%s'", label);
}

int new_token_check(const struct cli *c, const char *uri_from, bool has_uri, struct err *e)
{
    const struct args *a = c->args;
    enum seal_key_kind kind;
    int fd, new_fd;

    if (pick_kind(c, &kind, e) || label_check(c, e))
        return e->code;
    if (!has_uri && (a->given[OPT_NEW_PIN_FD] || a->given[OPT_NEW_PIN_FILE]))
        return err_set(e, ERR_USAGE, "a new PIN is for the token that %s names", uri_from);
    if (a->given[OPT_NEW_PIN_FD] && a->given[OPT_NEW_PIN_FILE])
        return err_set(e, ERR_USAGE, "--new-pin-fd and --new-pin-file exclude each other");
    if (!a->given[OPT_PIN_FD] || !a->given[OPT_NEW_PIN_FD])
        return OK;
    if (arg_fd(a, OPT_PIN_FD, &fd, e) || arg_fd(a, OPT_NEW_PIN_FD, &new_fd, e))
        return e->code;
    if (fd != new_fd)
        return OK;
    return err_set(e, ERR_USAGE,
                   "--pin-fd and --new-pin-fd need two descriptors: each is read to its end");
}

/* pin_login has read --new-pin-fd as if it were --pin-fd, and says so. */
static void name_new_option(char *text, size_t cap)
{
    char out[ERR_MSG_MAX] = "";
    const char *p = text, *at;

    while ((at = strstr(p, "--pin-"))) {
        size_t n = strlen(out);
        snprintf(out + n, sizeof(out) - n, "%.*s--new-pin-", (int)(at - p), p);
        p = at + strlen("--pin-");
    }
    size_t n = strlen(out);
    snprintf(out + n, sizeof(out) - n, "%s", p);
    snprintf(text, cap, "%s", out);
}

static int explain_login(struct err *e)
{
    name_new_option(e->msg, sizeof(e->msg));
    for (unsigned i = 0; i < e->n_hints; i++)
        name_new_option(e->hints[i], sizeof(e->hints[i]));
    return err_wrap(e, "the new token");
}

/* As pin_login, with the options for the new token's PIN. A PIN that the service manager gives is
 * the present token's. */
static int login(const struct cli *c, struct token *t, struct secret *pin, struct err *e)
{
    struct args a = *c->args;
    struct cli k = *c;
    bool is_given = a.given[OPT_NEW_PIN_FD] || a.given[OPT_NEW_PIN_FILE];

    k.args = &a;
    a.given[OPT_PIN_FD] = a.given[OPT_NEW_PIN_FD];
    a.value[OPT_PIN_FD] = a.value[OPT_NEW_PIN_FD];
    a.given[OPT_PIN_FILE] = a.given[OPT_NEW_PIN_FILE];
    a.value[OPT_PIN_FILE] = a.value[OPT_NEW_PIN_FILE];
    bool can_ask = pin_can_be_asked(&k) && !pin_is_given(&k, "");
    if (!is_given && !can_ask && !token_info(t)->is_protected_path) {
        err_set(e, ERR_PERSON, "the PIN of the new token '%s' is needed", token_info(t)->label);
        return err_hint(e, "give it with --new-pin-fd or --new-pin-file");
    }
    return pin_login(&k, t, "", pin, e) ? explain_login(e) : OK;
}

/* Takes the seat of the new key: the present token's, when it is that one. */
static int take_seat(struct cli *c, struct new_token *t, const struct new_token_from *f,
                     struct err *e)
{
    struct token_where w = {.module = ""};
    struct token *tok = NULL;

    if (f->entry)
        t->entry = *f->entry;
    t->key.seat = f->present;
    if (!f->uri)
        return OK;
    w = *f->where;
    t->seat.other = f->present;
    seat_make_room(&t->seat, "");
    bool was_open = f->present && f->present->token;
    if (token_open(&w, &tok, e))
        return e->code;
    if (was_open && seat_is_same(f->present, token_info(tok))) {
        token_close(tok);
        return OK;
    }
    /* from here on this very token, whatever else matches the URI later */
    memcpy(w.label, token_info(tok)->label, sizeof(w.label));
    memcpy(w.serial, token_info(tok)->serial, sizeof(w.serial));
    seat_fill(&t->seat, c, tok, &w);
    t->key.seat = &t->seat;
    memcpy(t->entry.vault_id, vault_id(f->v), VAULT_ID_LEN);
    t->entry.where = w;
    t->entry.pin_file[0] = 0;
    return login(c, tok, &t->seat.pin, e);
}

static int refuse_known(const struct seat *s, struct err *e)
{
    err_set(e, ERR_USAGE, "the vault is sealed to that key on token '%s' already", s->info.label);
    return err_hint(e, "--generate makes a new one beside it");
}

static void use(struct new_token *t, const struct token_key *key, enum scheme scheme)
{
    struct local_token *n = &t->entry;

    memcpy(n->rid, t->recipient.rid, RID_LEN);
    memcpy(n->key_id, key->id, sizeof(n->key_id));
    n->key_id_len = key->id_len;
    n->scheme = scheme;
    memcpy(t->key.rid, t->recipient.rid, RID_LEN);
    memcpy(t->key.id, key->id, sizeof(t->key.id));
    t->key.id_len = key->id_len;
    memcpy(t->key.seat->in_use, t->recipient.rid, RID_LEN);
    seat_opener(&t->opener, &t->key, scheme);
}

static int fill(const struct cli *c, struct new_token *t, const struct vault *v,
                const struct token_key *key, enum scheme scheme, struct err *e)
{
    const struct token_info *info = &t->key.seat->info;
    const char *label = c->args->value[OPT_LABEL];
    struct recipient *r = &t->recipient;

    *r = (struct recipient){
        .spki = key->spki, .scheme = scheme, .kind = RECIPIENT_TOKEN, .tested = true};
    memcpy(r->serial, info->serial, sizeof(r->serial));
    memcpy(r->key_id, key->id, sizeof(r->key_id));
    r->key_id_len = key->id_len;
    if (spki_rid(&key->spki, r->rid, e))
        return e->code;
    if (recipient_find(v, r->rid))
        return refuse_known(t->key.seat, e);
    snprintf(r->label, sizeof(r->label), "%s", label ? label : info->label);
    use(t, key, scheme);
    return OK;
}

/* Of the kind that was asked for, whatever --generate says. */
static int make_key(struct cli *c, const struct new_token_from *f, struct token *t,
                    const struct token_uri *uri, struct token_key *key, struct err *e)
{
    struct args a = *c->args;
    struct cli k = *c;

    k.args = &a;
    if (f->kind)
        a.value[OPT_GENERATE] = f->kind;
    return pick_generate(&k, t, uri, key, e);
}

static int take_key(struct cli *c, struct new_token *t, const struct new_token_from *f,
                    struct err *e)
{
    static const struct token_uri any;
    const struct token_uri *uri = f->uri ? f->uri : &any;
    struct seat *seat = t->key.seat;
    struct token_key key;
    enum scheme scheme = SCHEME_NONE;

    memset(seat->in_use, 0, RID_LEN); /* whatever happens below */
    waiting_why("to try the new sealing key");
    if (f->uri && !f->makes_key)
        return pick_key(seat->token, uri, &key, &scheme, e) ? e->code
                                                            : fill(c, t, f->v, &key, scheme, e);
    if (make_key(c, f, seat->token, uri, &key, e))
        return e->code;
    t->has_made_key = true;
    memcpy(t->recipient.key_id, key.id, sizeof(t->recipient.key_id));
    t->recipient.key_id_len = key.id_len;
    return token_probe(seat->token, &key, &scheme, e) ? e->code : fill(c, t, f->v, &key, scheme, e);
}

int new_token_take(struct cli *c, struct new_token *t, const struct new_token_from *f,
                   struct err *e)
{
    if (take_seat(c, t, f, e))
        return e->code;
    return take_key(c, t, f, e);
}

int new_token_remember(struct cli *c, struct new_token *t, const struct vault *v, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *known = NULL;

    if (local_list(c, &known, e))
        return e->code;
    t->has_new_entry = !local_find(known, v, &t->recipient);
    return local_put(&c->where, &t->entry, e);
}

int new_token_undo(struct cli *c, struct new_token *t, struct err *e)
{
    AUTO(vault_freep) struct vault *now = NULL;
    struct err quiet;
    char id[2 * TOKEN_ID_MAX + 1];

    if (t->has_new_entry && vault_load(&c->where, c->env, &now, &quiet) == OK &&
        !recipient_find(now, t->recipient.rid))
        (void)!local_drop(&c->where, t->entry.vault_id, t->entry.rid, &quiet);
    if (!t->has_made_key)
        return e->code;
    hex_text(t->recipient.key_id, t->recipient.key_id_len, id, sizeof(id));
    return err_hint(e, "the key made for this, id %s, stays on token '%s': nothing needs it", id,
                    t->key.seat->info.label);
}

void new_token_close(struct new_token *t)
{
    seat_close(&t->seat);
}

int new_key_allowed(struct vault *v, struct err *e)
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
