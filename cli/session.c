/* SPDX-License-Identifier: Apache-2.0 */
/* The way into a vault. Which module is loaded comes from tokens.json alone, never from the vault.
 */
#include "cli/session.h"

#include "base/wipe.h"
#include "cli/new_token.h"
#include "cli/pin_source.h"
#include "cli/recipients.h"
#include "cli/waiting.h"

#include <stdio.h>
#include <unistd.h>

#define KEYS_SEEN 24u
#define FINGERPRINT_DIGITS 32u

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

void recipients_show(struct cli *c, const struct vault *v, const struct local_tokens *l)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);
    cJSON *list = c->out.is_json ? json_array(out_json(&c->out), "recipients") : NULL;

    for (size_t i = 0; i < n; i++) {
        const struct local_token *local = local_find(l, v, &r[i]);
        char line[RECIPIENT_LINE];
        recipient_line(&r[i], local, line);
        out_line(&c->out, "recipient    %s", line);
        if (list)
            recipient_put_json(list, NULL, &r[i], local);
    }
}

static int no_token(const struct vault *v, size_t n_known, struct err *e)
{
    char hex[VAULT_ID_HEX];

    where_id_hex(vault_id(v), hex);
    if (n_known > 0)
        err_set(e, ERR_PERSON,
                "the token that this machine has for the vault is not one of the "
                "vault's recipients: it got another one elsewhere (coffer recover, coffer rotate "
                "--seal, coffer recipients remove)");
    else
        err_set(e, ERR_PERSON, "this machine knows no token for this vault (id %s)", hex);
    if (!vault_has_token(v, NULL))
        return err_hint(e, "only paper opens it; give it a token: coffer recipients add URI");
    err_hint(e, "with %s plugged in: coffer trust FINGERPRINT --token URI",
             n_known ? "the new token" : "the token");
    err_hint(e, "with an embedded software token, after copying its directory: "
                "coffer trust FINGERPRINT --softhsm");
    return session_hint_lost(v, NULL, e);
}

/* SoftHSM calls a directory that is gone a general error. */
int session_open_token(const struct local_token *t, struct token **out, struct err *e)
{
    if (t->where.softhsm_conf[0] && access(t->where.softhsm_conf, R_OK)) {
        err_set(e, ERR_NOT_FOUND, "the software token is gone: '%s' cannot be read",
                t->where.softhsm_conf);
        return err_hint(e, "restore that directory from its backup");
    }
    return token_open(&t->where, out, e);
}

/* The first of this vault's tokens that is there. When none is, the first one's error stands. */
int session_token(const struct cli *c, const struct vault *v, struct token **t,
                  struct local_token *entry, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct err other;
    const uint8_t *first = NULL;
    size_t n_known = 0;

    if (local_list(c, &l, e))
        return e->code;
    for (size_t i = 0; i < l->n; i++) {
        if (!is_of(&l->v[i], v))
            continue;
        n_known++;
        if (!recipient_find(v, l->v[i].rid))
            continue;
        if (session_open_token(&l->v[i], t, first ? &other : e) == OK) {
            *entry = l->v[i];
            return OK;
        }
        first = first ? first : l->v[i].rid;
    }
    return first ? session_hint_lost(v, first, e) : no_token(v, n_known, e);
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

static const struct recipient *recipient_of(const struct vault *v, const struct token_key *k)
{
    uint8_t rid[RID_LEN];
    struct err quiet;
    const struct recipient *r =
        k->spki.n && spki_rid(&k->spki, rid, &quiet) == OK ? recipient_find(v, rid) : NULL;

    return r && spki_fits(&k->spki, r->scheme) ? r : NULL;
}

int session_find_key(const struct vault *v, struct token *t, const struct token_key_want *want,
                     struct local_token *entry, struct err *e)
{
    struct token_key keys[KEYS_SEEN];
    const struct recipient *r = NULL;
    size_t n = 0, i = 0;

    if (token_keys(t, want, keys, KEYS_SEEN, &n, e))
        return e->code;
    while (i < n && i < KEYS_SEEN && !(r = recipient_of(v, &keys[i])))
        i++;
    if (!r) {
        err_set(e, ERR_NOT_FOUND, "token '%s' has none of the keys that this vault is sealed to",
                token_info(t)->label);
        return err_hint(e, "'coffer recipients' lists them");
    }
    memcpy(entry->vault_id, vault_id(v), VAULT_ID_LEN);
    memcpy(entry->rid, r->rid, RID_LEN);
    entry->scheme = r->scheme;
    memcpy(entry->key_id, keys[i].id, sizeof(entry->key_id));
    entry->key_id_len = keys[i].id_len;
    return OK;
}

int fingerprint_check(const char *text, struct err *e)
{
    bool is_hex = true;
    size_t n = 0;

    for (const char *p = text; *p; p++) {
        if (strchr("-: ", *p))
            continue;
        is_hex = is_hex && strchr("0123456789abcdefABCDEF", *p);
        n++;
    }
    if (is_hex && n == FINGERPRINT_DIGITS && strlen(text) < FINGERPRINT_TYPED)
        return OK;
    err_set(e, ERR_USAGE, "a fingerprint has %u hex digits", FINGERPRINT_DIGITS);
    return err_hint(e, "for example 0123-4567-89ab-cdef-0123-4567-89ab-cdef; 'coffer doctor' shows "
                       "it on a machine that trusts the vault");
}

bool session_key_is_other(struct session *s)
{
    struct token_key_want want = {.rid = s->entry.rid};
    struct token_key key;
    struct err quiet;

    return token_use_key(s->token, &want, &key, &quiet) == ERR_NOT_FOUND;
}

/* Drivers call a touch that does not come in time a failed decryption, a lost login or worse. What
 * they advise then (log in again) does not help; that the file is damaged may still be true. */
static void explain_touch(struct err *e)
{
    struct err said = *e;

    e->n_hints = 0;
    err_hint(e, "if the token was not touched in time: run the command again, and touch it when it "
                "blinks");
    err_hint(e, "if it was pulled: put it back, and run the command again");
    for (unsigned i = 0; i < said.n_hints && e->code == ERR_TAMPERED; i++)
        err_hint(e, "%s", said.hints[i]);
}

int session_explain(struct session *s, int rc, struct err *e)
{
    bool is_token = rc == ERR_TAMPERED || rc == ERR_TOKEN || rc == ERR_PERSON;

    if (is_token && waiting_asked_touch()) {
        explain_touch(e);
        return rc;
    }
    if (rc != ERR_TAMPERED || !session_key_is_other(s))
        return rc;
    return err_hint(e, "the key on the token seems to be another one under the same id; 'coffer "
                       "doctor' compares them");
}

int session_begin(const struct cli *c, const struct vault *v, struct session *s, struct err *e)
{
    s->token = NULL;
    s->cli = NULL;
    if (session_token(c, v, &s->token, &s->entry, e))
        return e->code;
    int rc = pin_login(c, s->token, s->entry.pin_file, NULL, e);
    if (!rc) {
        s->cli = c;
        rc = take_key(s, e);
    }
    if (rc) {
        session_end(s);
        return rc;
    }
    opener_token(&s->opener, s->token, s->entry.rid, s->entry.scheme);
    return OK;
}

/* Once a command: it went well, and may explain a wait or a second touch. */
static void say_recovered(const struct token *t)
{
    if (t && token_recoveries(t) > 0)
        out_hint("token '%s' was gone or reset for a moment; it was opened again",
                 token_info(t)->label);
}

void session_end(struct session *s)
{
    say_recovered(s->token);
    if (s->token && s->cli)
        pin_note_failure(s->cli, s->token);
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
