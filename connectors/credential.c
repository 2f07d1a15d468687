/* SPDX-License-Identifier: Apache-2.0 */
/* From typed fields to stored ones; see credential.h. */
#include "connectors/credential.h"

#include "base/codec.h"
#include "base/text.h"
#include "connectors/privkey.h"

#include <stdio.h>

static const struct field_spec *spec_of(const struct connector *c, enum field_id id)
{
    for (const struct field_spec *f = c->fields; f->label; f++)
        if (f->id == id)
            return f;
    return NULL;
}

static bool takes(const struct connector *c, enum key_type k)
{
    return (c->key_types & (1u << k)) != 0;
}

static bool takes_private_key(const struct connector *c)
{
    return spec_of(c, FIELD_PRIVATE_KEY_PEM) != NULL;
}

/* Where an HMAC key could be meant, base64 of 64 bytes may be one. */
static bool takes_pair(const struct connector *c)
{
    return takes(c, KEY_ED25519) && !takes(c, KEY_HMAC);
}

static int not_of(const struct connector *c, enum field_id id, struct err *e)
{
    err_set(e, ERR_USAGE, "%s keys have no field %s", c->name, field_name(id));
    return err_hint(e, "is it the key of another exchange?");
}

static int lacks(const struct connector *c, const struct secret typed[FIELD_COUNT],
                 enum field_id id, struct err *e)
{
    if (typed[id].p)
        return err_set(e, ERR_USAGE, "%s is empty", field_name(id));
    err_set(e, ERR_USAGE, "the key has no '%s', which %s keys need", field_name(id), c->title);
    return err_hint(e, "is it the key of another exchange?");
}

/* Which fields are there and which are missing. A field that is one of two ways is wanted once. */
static int check_presence(const struct connector *c, const struct secret typed[FIELD_COUNT],
                          struct err *e)
{
    unsigned n_optional = 0, n_given = 0;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (typed[i].p && !spec_of(c, (enum field_id)i))
            return not_of(c, (enum field_id)i, e);
    for (const struct field_spec *f = c->fields; f->label; f++) {
        bool given = typed[f->id].p && text_trim(secret_bytes(&typed[f->id])).n;
        if (f->is_optional) {
            n_optional++;
            n_given += given;
        } else if (!given) {
            return lacks(c, typed, f->id, e);
        }
    }
    if (n_optional && n_given == 0)
        return lacks(c, typed, FIELD_API_SECRET, e);
    if (n_given > 1)
        return err_set(e, ERR_USAGE, "api_secret and private_key_pem: give one of them");
    return OK;
}

/* Visible ASCII only; a passphrase may have blanks inside. Positions are counted from 1. */
static int check_text(const struct field_spec *f, struct bytes v, struct err *e)
{
    const char *name = field_name(f->id);
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i];
        bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == ' ' && f->id == FIELD_PASSPHRASE)
            continue;
        if (is_blank)
            return err_set(e, ERR_USAGE, "%s has a blank or line end inside, after character %zu",
                           name, i);
        if (c < 0x21 || c > 0x7e)
            return err_set(e, ERR_USAGE, "%s has a character that is not plain ASCII, at %zu", name,
                           i + 1);
    }
    return OK;
}

static int check_length(const struct field_spec *f, struct bytes v, struct err *e)
{
    if (v.n < f->min || v.n > f->max)
        return err_set(e, ERR_USAGE, "%s has %zu characters; %u to %u are expected",
                       field_name(f->id), v.n, f->min, f->max);
    return OK;
}

/* Adds the padding that some exchanges leave away. */
static int pad_base64(struct bytes v, struct secret *out, struct err *e)
{
    int rc = secret_new(out, v.n + 3, e);
    if (!rc)
        rc = secret_append(out, v, e);
    while (!rc && out->n % 4)
        rc = secret_append(out, BYTES_LIT("="), e);
    return rc;
}

static int decode_base64(const struct field_spec *f, struct bytes v, struct secret *out,
                         struct err *e)
{
    AUTO_SECRET padded = {0};
    int rc = secret_new(out, v.n, e);
    if (!rc && f->codec == CODEC_BASE64_LOOSE) {
        rc = pad_base64(v, &padded, e);
        v = secret_bytes(&padded);
    }
    if (rc)
        return rc;
    if (b64_decode(out->p, out->cap, &out->n, v) && out->n)
        return OK;
    err_set(e, ERR_USAGE, "%s is not base64", field_name(f->id));
    return err_hint(e, "copy it whole, with the = at its end");
}

static int check_key_type(const struct connector *c, const char *field, enum key_type k,
                          struct err *e)
{
    char list[64] = "";
    size_t n = 0;
    if (takes(c, k))
        return OK;
    for (int i = 1; i < KEY_TYPE_COUNT; i++)
        if (takes(c, (enum key_type)i))
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
                                  key_type_name((enum key_type)i));
    return err_set(e, ERR_USAGE, "%s: %s takes no %s key, but %s", field, c->name, key_type_name(k),
                   list);
}

static int normalise_pem(const struct connector *c, enum field_id id, struct bytes v,
                         struct secret *out, enum key_type *key, struct err *e)
{
    int rc = privkey_from_pem(field_name(id), v, out, key, e);
    return rc ? rc : check_key_type(c, field_name(id), *key, e);
}

/* A secret may be an HMAC key, a PEM, or (where Ed25519 is taken without HMAC) a raw pair. */
static int normalise_secret(const struct connector *c, const struct field_spec *f, struct bytes v,
                            struct secret out[FIELD_COUNT], enum key_type *key, struct err *e)
{
    struct secret *private_key = &out[FIELD_PRIVATE_KEY_PEM];
    bool is_pair = false;
    if (takes_private_key(c) && privkey_is_pem(v))
        return normalise_pem(c, f->id, v, private_key, key, e);
    int rc = check_text(f, v, e);
    if (!rc && takes_pair(c))
        rc = privkey_from_pair(field_name(f->id), v, private_key, &is_pair, e);
    if (rc || is_pair) {
        *key = KEY_ED25519;
        return rc;
    }
    *key = KEY_HMAC;
    rc = check_length(f, v, e);
    if (rc)
        return rc;
    return f->codec == CODEC_TEXT ? secret_copy(&out[f->id], v, e)
                                  : decode_base64(f, v, &out[f->id], e);
}

/* Files that exchanges let people download call both a PEM and a raw pair by one name. */
static int normalise_private_key(const struct connector *c, const struct field_spec *f,
                                 struct bytes v, struct secret *out, enum key_type *key,
                                 struct err *e)
{
    bool is_pair = false;
    if (privkey_is_pem(v) || !takes_pair(c))
        return normalise_pem(c, f->id, v, out, key, e);
    int rc = check_text(f, v, e);
    if (!rc)
        rc = privkey_from_pair(field_name(f->id), v, out, &is_pair, e);
    if (rc)
        return rc;
    *key = KEY_ED25519;
    if (is_pair)
        return OK;
    err_set(e, ERR_USAGE, "%s is neither a PEM nor base64 of a 64-byte Ed25519 key",
            field_name(f->id));
    return err_hint(e, "give it whole, as the exchange wrote it");
}

static int normalise_field(const struct connector *c, const struct field_spec *f, struct bytes v,
                           struct secret out[FIELD_COUNT], enum key_type *key, struct err *e)
{
    if (f->id == FIELD_API_SECRET)
        return normalise_secret(c, f, v, out, key, e);
    if (f->codec == CODEC_PEM)
        return normalise_private_key(c, f, v, &out[f->id], key, e);
    int rc = check_text(f, v, e);
    if (!rc)
        rc = check_length(f, v, e);
    return rc ? rc : secret_copy(&out[f->id], v, e);
}

static int final_check(const struct connector *c, const struct secret out[FIELD_COUNT],
                       enum key_type key, struct err *e)
{
    const struct secret *fields[FIELD_COUNT];
    for (int i = 0; i < FIELD_COUNT; i++)
        fields[i] = out[i].p ? &out[i] : NULL;
    int rc = c->check ? c->check(fields, key, e) : OK;
    if (!rc && key != KEY_NONE)
        rc = check_key_type(c, "api_secret", key, e);
    return rc;
}

int credential_normalise(const struct connector *c, struct secret typed[FIELD_COUNT],
                         struct secret out[FIELD_COUNT], enum key_type *key, struct err *e)
{
    enum key_type found = KEY_NONE;
    int rc = check_presence(c, typed, e);
    for (const struct field_spec *f = c->fields; !rc && f->label; f++) {
        struct bytes v = text_trim(secret_bytes(&typed[f->id]));
        if (v.n)
            rc = normalise_field(c, f, v, out, &found, e);
    }
    if (!rc)
        rc = final_check(c, out, found, e);
    if (!rc) {
        *key = found;
        return OK;
    }
    for (int i = 0; i < FIELD_COUNT; i++)
        secret_free(&out[i]);
    return rc;
}

void credential_mask(struct bytes api_key, char out[32])
{
    size_t ends = api_key.n >= 16 ? 4 : api_key.n >= 8 ? 2 : api_key.n >= 4 ? 1 : 0;
    snprintf(out, 32, "%.*s\xe2\x80\xa6%.*s", (int)ends, (const char *)api_key.p, (int)ends,
             ends ? (const char *)api_key.p + api_key.n - ends : "");
}
