/* SPDX-License-Identifier: Apache-2.0 */
/* The choices of pick.h. A key is judged by what it does, not by what the token says of it. */
#include "cli/pick.h"

#include "base/codec.h"
#include "base/text.h"
#include "pkcs11/advice.h"

#include <stdio.h>

#define KEYS_SEEN 24u
#define NEW_ID_LEN 8u

int pick_uri_from(const char *text, const char *what, struct token_uri *uri,
                  struct token_where *where, struct err *e)
{
    if (uri_parse(text, uri, e))
        return err_wrap(e, "%s", what);
    if (!uri->module[0]) {
        err_set(e, ERR_USAGE, "%s: the URI does not say which driver to load", what);
        return err_hint(e,
                        "add ?module-path=/path/to/driver.so to it, for example "
                        "'pkcs11:token=NAME?module-path=/usr/lib/x86_64-linux-gnu/libykcs11.so'");
    }
    memset(where, 0, sizeof(*where));
    memcpy(where->module, uri->module, sizeof(where->module));
    memcpy(where->label, uri->label, sizeof(where->label));
    memcpy(where->serial, uri->serial, sizeof(where->serial));
    memcpy(where->manufacturer, uri->manufacturer, sizeof(where->manufacturer));
    memcpy(where->model, uri->model, sizeof(where->model));
    return OK;
}

int pick_uri(const struct cli *c, struct token_uri *uri, struct token_where *where, struct err *e)
{
    return pick_uri_from(c->args->value[OPT_TOKEN], "--token", uri, where, e);
}

int pick_kind(const struct cli *c, enum seal_key_kind *kind, struct err *e)
{
    static const char *const names[] = {"p256", "rsa2048", "rsa3072", "rsa4096"};
    static const enum seal_key_kind kinds[] = {SEAL_KEY_P256, SEAL_KEY_RSA2048, SEAL_KEY_RSA3072,
                                               SEAL_KEY_RSA4096};
    const char *v = c->args->value[OPT_GENERATE];

    *kind = SEAL_KEY_P256;
    if (!v)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(v, names[i]) == 0) {
            *kind = kinds[i];
            return OK;
        }
    err_set(e, ERR_USAGE, "'%.40s' is no kind of sealing key", v);
    return err_hint(e, "kinds: p256, rsa2048, rsa3072, rsa4096");
}

/* tpm2-pkcs11 before 1.10 calls every EC key a general error, and nothing is wrong with the TPM. */
static int explain_generate(const struct token *t, enum seal_key_kind kind, int rc, struct err *e)
{
    if (rc != ERR_TOKEN || kind != SEAL_KEY_P256 || token_family(token_info(t)) != FAMILY_TPM)
        return rc;
    e->n_hints = 0;
    return err_hint(e, "this driver's version may make RSA only: --generate=rsa2048");
}

int pick_generate(const struct cli *c, struct token *t, const struct token_uri *uri,
                  struct token_key *key, struct err *e)
{
    uint8_t id[NEW_ID_LEN];
    enum seal_key_kind kind;
    struct bytes use = bytes_of(id, sizeof(id));

    if (pick_kind(c, &kind, e) || c->env->random(c->env, id, sizeof(id), e))
        return e->code;
    if (uri->id_len > 0)
        use = bytes_of(uri->id, uri->id_len);
    int rc =
        token_generate(t, kind, uri->object[0] ? uri->object : "coffer sealing key", use, key, e);
    return rc ? explain_generate(t, kind, rc, e) : OK;
}

static const char *kind_text(const struct token_key *k)
{
    return k->spki.n ? spki_kind(&k->spki) : "public half not shown";
}

/* What the search has seen so far. */
struct search {
    struct token_key found;
    enum scheme scheme;
    size_t n_found;
    struct buf list;    /* the keys that pass, for the message */
    struct err why_not; /* why the last one did not */
};

static void try_key(struct token *t, const struct token_key *k, struct search *s)
{
    struct token_key_want want = {.id = bytes_of(k->id, k->id_len), .label = k->label};
    uint8_t rid[RID_LEN];
    struct token_key used;
    enum scheme scheme;

    if (k->spki.n == 0) {
        err_set(&s->why_not, ERR_TOKEN, "key '%s' does not show its public half", k->label);
        return;
    }
    if (k->is_pin_each_time) { /* a command asks for it once */
        err_set(&s->why_not, ERR_TOKEN, "key '%s' asks for the PIN again before every use",
                k->label);
        return;
    }
    if (spki_rid(&k->spki, rid, &s->why_not))
        return;
    want.rid = rid;
    if (token_use_key(t, &want, &used, &s->why_not) || token_probe(t, &used, &scheme, &s->why_not))
        return;
    buf_adds(&s->list, s->n_found ? ", id=" : "id=");
    for (size_t i = 0; i < k->id_len; i++)
        buf_addf(&s->list, "%%%02x", k->id[i]);
    buf_addf(&s->list, " ('%s', %s)", k->label, kind_text(k));
    s->found = used;
    s->scheme = scheme;
    s->n_found++;
}

static int no_key(const struct token *t, const struct token_uri *uri, size_t n,
                  const struct search *s, struct err *e)
{
    const char *label = token_info(t)->label;

    if (n > 0 && s->why_not.code) {
        *e = s->why_not;
        err_wrap(e, "no key on token '%s' can seal", label);
    } else if (uri->id_len > 0 || uri->object[0]) {
        err_set(e, ERR_NOT_FOUND, "token '%s' has no key with that id or object", label);
    } else {
        err_set(e, ERR_NOT_FOUND, "token '%s' has no key that can seal", label);
    }
    if (!token_generates(token_info(t)))
        return err_hint(e, "make one with the token's own tool: docs/tokens/README.md names the "
                           "lines; on a YubiKey in slot 9d, which is id=%%03");
    return err_hint(e, "--generate makes one (EC P-256; --generate=rsa2048 where the token has no "
                       "elliptic curves)");
}

static int several(const struct token *t, const struct search *s, struct err *e)
{
    err_set(e, ERR_USAGE, "token '%s' has %zu keys that can seal", token_info(t)->label,
            s->n_found);
    err_hint(e, "choose one in the URI: %s", buf_str(&s->list));
    return token_generates(token_info(t)) ? err_hint(e, "or make one for coffer alone: --generate")
                                          : (int)e->code;
}

static int search_keys(struct token *t, const struct token_uri *uri, struct search *s, size_t *n,
                       struct err *e)
{
    struct token_key keys[KEYS_SEEN];
    struct token_key_want want = {.id = bytes_of(uri->id, uri->id_len),
                                  .label = uri->object[0] ? uri->object : NULL};

    if (token_keys(t, &want, keys, KEYS_SEEN, n, e))
        return e->code;
    if (*n > KEYS_SEEN) {
        err_set(e, ERR_USAGE, "token '%s' has %zu keys", token_info(t)->label, *n);
        return err_hint(e, "choose one in the URI with id=... or object=...");
    }
    for (size_t i = 0; i < *n; i++)
        if (!keys[i].is_extractable)
            try_key(t, &keys[i], s);
        else
            err_set(&s->why_not, ERR_TOKEN, "the token would hand out key '%s'", keys[i].label);
    return OK;
}

int pick_key(struct token *t, const struct token_uri *uri, struct token_key *key,
             enum scheme *scheme, struct err *e)
{
    struct search s = {.list = BUF_INIT(ERR_HINT_MAX)};
    struct token_key_want want;
    uint8_t rid[RID_LEN];
    size_t n = 0;
    int rc = search_keys(t, uri, &s, &n, e);

    if (!rc && s.n_found == 0)
        rc = no_key(t, uri, n, &s, e);
    else if (!rc && s.n_found > 1)
        rc = several(t, &s, e);
    buf_free(&s.list);
    if (rc || spki_rid(&s.found.spki, rid, e))
        return e->code;
    /* Others may have been tried after it. */
    want = (struct token_key_want){.rid = rid};
    if (token_use_key(t, &want, key, e))
        return e->code;
    *scheme = s.scheme;
    return OK;
}

void hex_text(const uint8_t *id, size_t n, char *out, size_t cap)
{
    out[0] = 0;
    for (size_t i = 0; i < n && 2 * i + 3 <= cap; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}
