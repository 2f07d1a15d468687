/* SPDX-License-Identifier: Apache-2.0 */
/* The way into a vault. Which module is loaded comes from tokens.json alone, never from the vault.
 */
#include "cli/session.h"

#include "base/wipe.h"
#include "cli/pin_source.h"

#include <stdio.h>
#include <unistd.h>

int local_list(const struct cli *c, struct local_tokens **out, struct err *e)
{
    struct local_tokens *l = wipe_malloc(sizeof(*l));

    *out = NULL;
    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the list of tokens");
    if (local_read(&c->where, l, e)) {
        wipe_free(l);
        return e->code;
    }
    *out = l;
    return OK;
}

void local_list_freep(struct local_tokens **l)
{
    wipe_free(*l);
    *l = NULL;
}

bool local_is_software(const struct local_token *t)
{
    return t->where.softhsm_conf[0] || strstr(t->where.module, "softhsm") ||
           strstr(t->where.module, "softokn");
}

static bool is_of(const struct local_token *t, const struct vault *v)
{
    return memcmp(t->vault_id, vault_id(v), VAULT_ID_LEN) == 0;
}

const struct local_token *local_find(const struct local_tokens *l, const struct vault *v,
                                     const struct recipient *r)
{
    for (size_t i = 0; i < l->n; i++)
        if (is_of(&l->v[i], v) && memcmp(l->v[i].rid, r->rid, RID_LEN) == 0)
            return &l->v[i];
    return NULL;
}

bool opens_by_software(const struct vault *v, const struct local_tokens *l)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++) {
        const struct local_token *t = local_find(l, v, &r[i]);
        if (t && local_is_software(t))
            return true;
    }
    return false;
}

void recipient_text(const struct recipient *r, const struct local_token *local,
                    char out[RECIPIENT_TEXT])
{
    snprintf(out, RECIPIENT_TEXT, "'%s' (%s%s%s, %s)", r->label, r->serial[0] ? "serial " : "",
             r->serial[0] ? r->serial : "no serial",
             local && local_is_software(local) ? ", software token" : "", spki_kind(&r->spki));
}

static void recipient_json(cJSON *list, const struct recipient *r, const struct local_token *local)
{
    cJSON *o = json_object(list, NULL);

    json_text(o, "label", r->label);
    json_text(o, "serial", r->serial);
    json_text(o, "key", spki_kind(&r->spki));
    json_text(o, "scheme", scheme_name(r->scheme));
    json_bool_member(o, "on_this_machine", local != NULL);
    if (local)
        json_bool_member(o, "software", local_is_software(local));
}

void recipients_show(struct cli *c, const struct vault *v, const struct local_tokens *l)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "recipients") : NULL;

    for (size_t i = 0; i < n; i++) {
        const struct local_token *local = local_find(l, v, &r[i]);
        char text[RECIPIENT_TEXT];
        recipient_text(&r[i], local, text);
        out_line(&c->out, "recipient    %s", text);
        if (list)
            recipient_json(list, &r[i], local);
    }
}

static int no_token(const struct vault *v, size_t n_known, struct err *e)
{
    char hex[VAULT_ID_HEX];

    where_id_hex(vault_id(v), hex);
    if (n_known > 0)
        err_set(e, ERR_PERSON,
                "the token that this machine has for the vault is not one of the "
                "vault's recipients");
    else
        err_set(e, ERR_PERSON, "this machine knows no token for this vault (id %s)", hex);
    err_hint(e, "with the token plugged in: coffer trust FINGERPRINT --token URI");
    return err_hint(e, "with an embedded software token, after copying its directory: "
                       "coffer trust FINGERPRINT --softhsm");
}

static bool is_recipient(const struct vault *v, const struct local_token *t)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (memcmp(r[i].rid, t->rid, RID_LEN) == 0)
            return true;
    return false;
}

/* SoftHSM calls a directory that is gone a general error. */
int session_open_token(const struct local_token *t, struct token **out, struct err *e)
{
    if (t->where.softhsm_conf[0] && access(t->where.softhsm_conf, R_OK)) {
        err_set(e, ERR_NOT_FOUND, "the software token is gone: '%s' cannot be read",
                t->where.softhsm_conf);
        return err_hint(e,
                        "restore that directory from its backup; without it the vault stays shut");
    }
    return token_open(&t->where, out, e);
}

/* The first of this vault's tokens that is there. When none is, the first one's error stands. */
int session_token(const struct cli *c, const struct vault *v, struct token **t,
                  struct local_token *entry, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct err other;
    size_t n_known = 0, n_tried = 0;

    if (local_list(c, &l, e))
        return e->code;
    for (size_t i = 0; i < l->n; i++) {
        if (!is_of(&l->v[i], v))
            continue;
        n_known++;
        if (!is_recipient(v, &l->v[i]))
            continue;
        if (session_open_token(&l->v[i], t, n_tried++ ? &other : e) == OK) {
            *entry = l->v[i];
            return OK;
        }
    }
    return n_tried ? e->code : no_token(v, n_known, e);
}

/* By its id first, which spares reading public halves; by the public key when ids do not tell. */
static int take_key(struct session *s, struct err *e)
{
    struct token_key_want want = {.id = bytes_of(s->entry.key_id, s->entry.key_id_len),
                                  .is_private_only = true};
    struct token_key key;

    if (want.id.n > 0 && token_use_key(s->token, &want, &key, e) == OK)
        return OK;
    want = (struct token_key_want){.rid = s->entry.rid};
    return token_use_key(s->token, &want, &key, e);
}

bool session_key_is_other(struct session *s)
{
    struct token_key_want want = {.rid = s->entry.rid};
    struct token_key key;
    struct err quiet;

    return token_use_key(s->token, &want, &key, &quiet) == ERR_NOT_FOUND;
}

int session_explain(struct session *s, int rc, struct err *e)
{
    if (rc != ERR_TAMPERED || !session_key_is_other(s))
        return rc;
    return err_hint(e, "the key on the token seems to be another one under the same id; 'coffer "
                       "doctor' compares them");
}

int session_begin(const struct cli *c, const struct vault *v, struct session *s, struct err *e)
{
    s->token = NULL;
    if (session_token(c, v, &s->token, &s->entry, e))
        return e->code;
    if (pin_login(c, s->token, s->entry.pin_file, NULL, e) || take_key(s, e)) {
        session_end(s);
        return e->code;
    }
    opener_token(&s->opener, s->token, s->entry.rid, s->entry.scheme);
    return OK;
}

void session_end(struct session *s)
{
    token_close(s->token);
    s->token = NULL;
}

int session_write(const struct cli *c, struct vault *v, struct session *s, struct err *e)
{
    if (session_begin(c, v, s, e))
        return e->code;
    int rc = session_explain(s, vault_open(v, &s->opener, e), e);
    return rc ? rc : vault_may_write(v, e);
}

void session_say_trust(const struct vault *v)
{
    char fingerprint[FINGERPRINT_TEXT];
    struct err e;

    if (vault_trust_state(v) == TRUST_PIN_UNWRITABLE)
        out_warn("this machine's pin of the vault cannot be written; 'coffer doctor' says more");
    if (vault_trust_state(v) != TRUST_NO_PIN || vault_fingerprint(v, fingerprint, &e))
        return;
    out_warn("this machine has not been told to trust this vault, fingerprint %s", fingerprint);
    out_hint("if the paper, or the machine that made it, says the same: coffer trust FINGERPRINT");
}
