/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one token in the listing of coffer tokens: its public halves, by which scheme coffer
 * would seal to them, and the URI of each. */
#include "cli/tokens.h"

#include "pkcs11/advice.h"

#include <stdio.h>
#include <string.h>

#define ID_TEXT (2 * TOKEN_ID_MAX + 1)

size_t token_keys_shown(const struct token_view *v)
{
    return v->n_keys < KEYS_SHOWN ? v->n_keys : KEYS_SHOWN;
}

void token_keys_read(struct token_view *v)
{
    AUTO(token_closep) struct token *t = NULL;
    struct token_where w = {.label = ""};

    memcpy(w.module, v->place->module, sizeof(w.module));
    memcpy(w.softhsm_conf, v->place->conf, sizeof(w.softhsm_conf));
    memcpy(w.label, v->i->label, sizeof(w.label));
    memcpy(w.serial, v->i->serial, sizeof(w.serial));
    v->keys_err.code = OK;
    if (token_open(&w, &t, &v->keys_err) == OK)
        (void)!token_public_keys(t, v->keys, KEYS_SHOWN, &v->n_keys, &v->keys_err);
}

static size_t uri_part(char *out, size_t cap, const char *name, const char *v, const char *safe)
{
    size_t n = (size_t)snprintf(out, cap, "%s=", name);

    for (; *v && n + 4 < cap; v++) {
        bool is_plain = (*v >= 'a' && *v <= 'z') || (*v >= 'A' && *v <= 'Z') ||
                        (*v >= '0' && *v <= '9') || strchr(safe, *v);
        if (is_plain)
            out[n++] = *v;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", (unsigned char)*v);
    }
    out[n] = 0;
    return n;
}

void token_uri_text(const struct token_view *v, const struct token_key *key,
                    char out[TOKEN_URI_TEXT])
{
    const struct token_info *i = v->i;
    size_t cap = TOKEN_URI_TEXT, n = 0;

    out[0] = 0;
    if (v->place->conf[0])
        return;
    n += (size_t)snprintf(out, cap, "pkcs11:");
    if (i->label[0])
        n += uri_part(out + n, cap - n, "token", i->label, "-._~");
    if (i->label[0] && i->serial[0])
        n += (size_t)snprintf(out + n, cap - n, ";");
    if (i->serial[0])
        n += uri_part(out + n, cap - n, "serial", i->serial, "-._~");
    if (key)
        n += (size_t)snprintf(out + n, cap - n, "%sid=", i->label[0] || i->serial[0] ? ";" : "");
    for (size_t k = 0; key && k < key->id_len; k++)
        n += (size_t)snprintf(out + n, cap - n, "%%%02X", key->id[k]);
    n += (size_t)snprintf(out + n, cap - n, "?");
    uri_part(out + n, cap - n, "module-path", v->place->module, "-._~/");
}

static void id_text(const struct token_key *k, char out[ID_TEXT])
{
    out[0] = 0;
    for (size_t n = 0; n < k->id_len; n++)
        snprintf(out + 2 * n, 3, "%02x", k->id[n]);
}

static const char *const touch_words[] = {
    [TOUCH_UNKNOWN] = "unknown",
    [TOUCH_NEVER] = "never",
    [TOUCH_ALWAYS] = "always",
    [TOUCH_CACHED] = "cached",
};

static const char *touch_text(enum touch_policy t)
{
    switch (t) {
    case TOUCH_UNKNOWN:
        return "not told";
    case TOUCH_NEVER:
        return "never";
    case TOUCH_ALWAYS:
        return "each time";
    case TOUCH_CACHED:
        return "each time, but for 15 seconds after one";
    }
    return "not told";
}

/* Software waits for nobody. */
static enum touch_policy touch_of(const struct token_view *v, const struct token_key *k)
{
    return v->i->is_software ? TOUCH_NEVER : k->touch;
}

/* Slot 9c of a PIV card, by both drivers: its key wants the PIN before every use. Of the private
 * half, which tells, nothing is seen before a login. */
static bool is_pin_each_time(const struct token_info *i, const struct token_key *k)
{
    return !token_generates(i) && k->id_len == 1 && k->id[0] == 0x02;
}

static bool is_listed(const struct token_info *i, const struct token_key *k, const char *id)
{
    struct advisory list[ADVISORIES_MAX];
    size_t n = token_advisories(i, k, 1, list);

    for (size_t j = 0; j < n; j++)
        if (strcmp(list[j].id, id) == 0)
            return true;
    return false;
}

/* By what such keys do on other tokens of the kind; only init's trial knows. NULL: none. */
static const char *expected_scheme(const struct token_info *i, const struct token_key *k)
{
    if (k->kind == SEAL_KEY_OTHER || token_key_attests(i, k) || is_pin_each_time(i, k) ||
        is_listed(i, k, "no-ecdh"))
        return NULL;
    if (k->kind == SEAL_KEY_P256)
        return scheme_name(SCHEME_ECDH_P256);
    return scheme_name(token_family(i) == FAMILY_SOFTHSM ? SCHEME_RSA_OAEP_1 : SCHEME_RSA_OAEP_256);
}

/* The key as another driver has shown it in this run, or NULL; else notes it. */
static const struct seen_key *seen_before(struct tokens_view *all, const struct token_view *v,
                                          const uint8_t rid[RID_LEN])
{
    for (size_t k = 0; k < all->n_seen; k++)
        if (memcmp(all->seen[k].rid, rid, RID_LEN) == 0)
            return strcmp(all->seen[k].module, v->place->module) ? &all->seen[k] : NULL;
    if (all->n_seen < SEEN_MAX) {
        struct seen_key *s = &all->seen[all->n_seen++];
        memcpy(s->rid, rid, RID_LEN);
        memcpy(s->token, v->i->label, sizeof(s->token));
        memcpy(s->module, v->place->module, sizeof(s->module));
    }
    return NULL;
}

static void key_json(const struct token_view *v, const struct token_key *k, const char *kind,
                     const char *uri, const struct seen_key *twin, cJSON *list)
{
    const char *scheme = expected_scheme(v->i, k);
    char id[ID_TEXT];
    cJSON *j = list ? json_object(list, NULL) : NULL;

    id_text(k, id);
    json_text(j, "kind", kind);
    json_text(j, "label", k->label);
    json_text(j, "id", id);
    if (scheme)
        json_text(j, "scheme_expected", scheme);
    else
        cJSON_AddNullToObject(j, "scheme_expected");
    json_text(j, "touch", touch_words[touch_of(v, k)]);
    if (uri[0])
        json_text(j, "uri", uri);
    if (twin)
        json_text(j, "same_as", twin->token);
}

static void show_key(struct token_view *v, const struct token_key *k, cJSON *list)
{
    struct out *o = &v->all->c->out;
    const char *kind = k->spki.n ? spki_kind(&k->spki) : "of another kind";
    const char *scheme = expected_scheme(v->i, k);
    char uri[TOKEN_URI_TEXT], id[ID_TEXT];
    uint8_t rid[RID_LEN];
    struct err quiet;
    const struct seen_key *twin = NULL;

    token_uri_text(v, k, uri);
    id_text(k, id);
    if (k->spki.n && spki_rid(&k->spki, rid, &quiet) == OK)
        twin = seen_before(v->all, v, rid);
    out_line(o, "  key       %s '%s', id %s", kind, k->label, id[0] ? id : "none");
    out_line(o, "            scheme: %s%s",
             scheme                        ? scheme
             : token_key_attests(v->i, k) ? "none, it only signs attestations"
             : is_pin_each_time(v->i, k)   ? "none, it asks for the PIN before every use"
                                           : "none, it cannot be sealed to",
             scheme ? " expected; init tries it" : "");
    if (scheme)
        out_line(o, "            touch: %s", touch_text(touch_of(v, k)));
    if (uri[0] && scheme)
        out_line(o, "            URI: %s", uri);
    if (twin) {
        v->all->has_twins = true;
        out_line(o, "            the same key as on '%s' by %s", twin->token, twin->module);
    }
    key_json(v, k, kind, uri, twin, list);
}

void token_keys_show(struct token_view *v)
{
    struct out *o = &v->all->c->out;
    cJSON *list = v->json ? json_array(v->json, "keys") : NULL;

    for (size_t k = 0; k < token_keys_shown(v); k++)
        show_key(v, &v->keys[k], list);
    if (v->n_keys > KEYS_SHOWN)
        out_warn("token '%s' shows %zu public keys; the first %u are listed", v->i->label,
                 v->n_keys, KEYS_SHOWN);
    if (v->keys_err.code) {
        out_line(o, "  key       not read: %s", v->keys_err.msg);
        json_text(v->json, "keys_error", v->keys_err.msg);
    } else if (v->n_keys == 0) {
        out_line(o, "  key       none is shown before a login");
    }
}
