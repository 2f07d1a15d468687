/* SPDX-License-Identifier: Apache-2.0 */
/* Keys on the token: what they are, and the one in use. Usage flags (CKA_DERIVE, CKA_DECRYPT) are
 * not looked at: drivers get them wrong both ways, so a key is judged by a trial. */
#include "pkcs11/internal.h"

#include "base/codec.h"
#include "base/text.h"
#include "pkcs11/advice.h"

#include <stdio.h>

const uint8_t p256_oid[10] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

bool key_kind_is_rsa(enum seal_key_kind kind)
{
    return kind == SEAL_KEY_RSA2048 || kind == SEAL_KEY_RSA3072 || kind == SEAL_KEY_RSA4096;
}

static enum seal_key_kind kind_of_spki(const struct spki *k)
{
    struct spki_size {
        const char *name;
        enum seal_key_kind kind;
    };
    static const struct spki_size sizes[] = {{"EC P-256", SEAL_KEY_P256},
                                             {"RSA 2048", SEAL_KEY_RSA2048},
                                             {"RSA 3072", SEAL_KEY_RSA3072},
                                             {"RSA 4096", SEAL_KEY_RSA4096}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (strcmp(spki_kind(k), sizes[i].name) == 0)
            return sizes[i].kind;
    }
    return SEAL_KEY_OTHER;
}

/* CKA_EC_POINT is a DER OCTET STRING by the standard; some drivers give the bare point. */
static bool spki_from_ec_attrs(struct bytes params, struct bytes point, struct spki *out)
{
    struct err ignored;
    if (!bytes_eq(params, BYTES_ARR(p256_oid)))
        return false;
    if (point.n == 67 && point.p[0] == 0x04 && point.p[1] == 65)
        point = bytes_of(point.p + 2, 65);
    return spki_from_ec_point(point, out, &ignored) == OK;
}

/* The public half as the attributes of one object, private or public, show it. */
static bool spki_read(struct token *t, CK_OBJECT_HANDLE h, bool is_ec, struct spki *out)
{
    uint8_t a[520], b[80];
    struct err ignored;
    CK_ATTRIBUTE attrs[2];
    if (is_ec) {
        attrs[0] = (CK_ATTRIBUTE){CKA_EC_PARAMS, a, sizeof(a)};
        attrs[1] = (CK_ATTRIBUTE){CKA_EC_POINT, b, sizeof(b)};
    } else {
        attrs[0] = (CK_ATTRIBUTE){CKA_MODULUS, a, sizeof(a)};
        attrs[1] = (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, b, sizeof(b)};
    }
    if (attrs_read(t, h, attrs, 2) != CKR_OK || !attr_has(&attrs[0]) || !attr_has(&attrs[1]))
        return false;
    if (is_ec)
        return spki_from_ec_attrs(attr_bytes(&attrs[0]), attr_bytes(&attrs[1]), out);
    return spki_from_rsa(attr_bytes(&attrs[0]), attr_bytes(&attrs[1]), out, &ignored) == OK;
}

/* From the private object where it shows it, else from the public object of the same id. That one
 * may be anybody's work: only the probe's round trip shows that the two belong together. */
static int spki_find(struct token *t, CK_OBJECT_HANDLE private, const struct token_key *key,
                     bool is_ec, struct spki *out, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = is_ec ? CKK_EC : CKK_RSA;
    CK_OBJECT_HANDLE found[4];
    size_t n = 0;
    if (spki_read(t, private, is_ec, out) || key->id_len == 0)
        return OK;
    CK_ATTRIBUTE match[] = {attr_of(CKA_CLASS, &class, sizeof(class)),
                            attr_of(CKA_KEY_TYPE, &type, sizeof(type)),
                            attr_of(CKA_ID, key->id, key->id_len)};
    int r = objects_find(t, match, ARRAY_LEN(match), found, ARRAY_LEN(found), &n, e);
    for (size_t i = 0; r == OK && i < n; i++) {
        if (spki_read(t, found[i], is_ec, out))
            break;
    }
    return r;
}

static enum seal_key_kind rsa_kind_read(struct token *t, CK_OBJECT_HANDLE h)
{
    uint8_t modulus[520];
    CK_ATTRIBUTE a = {CKA_MODULUS, modulus, sizeof(modulus)};
    if (attrs_read(t, h, &a, 1) != CKR_OK)
        return SEAL_KEY_OTHER;
    struct bytes v = attr_bytes(&a);
    while (v.n > 0 && v.p[0] == 0)
        v = bytes_of(v.p + 1, v.n - 1);
    bool is_full = v.n > 0 && (v.p[0] & 0x80) != 0;
    return !is_full     ? SEAL_KEY_OTHER
           : v.n == 256 ? SEAL_KEY_RSA2048
           : v.n == 384 ? SEAL_KEY_RSA3072
           : v.n == 512 ? SEAL_KEY_RSA4096
                        : SEAL_KEY_OTHER;
}

static enum seal_key_kind ec_kind_read(struct token *t, CK_OBJECT_HANDLE h)
{
    uint8_t params[64];
    CK_ATTRIBUTE a = {CKA_EC_PARAMS, params, sizeof(params)};
    bool is_p256 =
        attrs_read(t, h, &a, 1) == CKR_OK && bytes_eq(attr_bytes(&a), BYTES_ARR(p256_oid));
    return is_p256 ? SEAL_KEY_P256 : SEAL_KEY_OTHER;
}

/* Asked for alone: many drivers do not know the attribute. */
static bool is_pin_each_time(struct token *t, CK_OBJECT_HANDLE h)
{
    CK_BBOOL always = CK_FALSE;
    CK_ATTRIBUTE a = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};
    return attrs_read(t, h, &a, 1) == CKR_OK && a.ulValueLen == sizeof(always) && always;
}

int key_read(struct token *t, CK_OBJECT_HANDLE h, bool with_public, struct token_key *out,
             struct err *e)
{
    struct token_key key = {0};
    CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
    CK_BBOOL extractable = CK_TRUE, sensitive = CK_FALSE; /* silence counts against the key */
    CK_ATTRIBUTE a[] = {{CKA_KEY_TYPE, &type, sizeof(type)},
                        {CKA_LABEL, key.label, sizeof(key.label) - 1},
                        {CKA_ID, key.id, sizeof(key.id)},
                        {CKA_EXTRACTABLE, &extractable, sizeof(extractable)},
                        {CKA_SENSITIVE, &sensitive, sizeof(sensitive)}};
    CK_RV rv = attrs_read(t, h, a, ARRAY_LEN(a));
    if (rv != CKR_OK)
        return token_err(t, e, rv, "read a key of token '%s'", t->info.label);
    if (a[0].ulValueLen != sizeof(type))
        type = CK_UNAVAILABLE_INFORMATION;
    bool has_ext = a[3].ulValueLen == sizeof(extractable);
    bool has_sens = a[4].ulValueLen == sizeof(sensitive);
    key.label[attr_bytes(&a[1]).n] = 0;
    key.id_len = attr_bytes(&a[2]).n;
    key.is_extractable =
        (!has_ext && !has_sens) || (has_ext && extractable) || (has_sens && !sensitive);
    key.kind = type == CKK_RSA  ? rsa_kind_read(t, h)
               : type == CKK_EC ? ec_kind_read(t, h)
                                : SEAL_KEY_OTHER;
    bool is_either = type == CKK_RSA || type == CKK_EC;
    /* Where the private object does not tell its kind, the public one may. */
    if (is_either && (with_public || key.kind == SEAL_KEY_OTHER)) {
        int r = spki_find(t, h, &key, type == CKK_EC, &key.spki, e);
        if (r)
            return r;
    }
    if (key.kind == SEAL_KEY_OTHER && key.spki.n)
        key.kind = kind_of_spki(&key.spki);
    if (token_key_attests(&t->info, &key))
        key.kind = SEAL_KEY_OTHER;
    if (with_public && key.kind != SEAL_KEY_OTHER) {
        key.touch = touch_read(t, h, &key);
        key.is_pin_each_time = is_pin_each_time(t, h);
    }
    *out = key;
    return OK;
}

static int keys_find(struct token *t, const struct token_key_want *want, CK_OBJECT_HANDLE *out,
                     size_t *n, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE match[3] = {attr_of(CKA_CLASS, &class, sizeof(class))};
    size_t n_match = 1;
    if (want->id.n)
        match[n_match++] = attr_of(CKA_ID, want->id.p, want->id.n);
    if (want->label && want->label[0])
        match[n_match++] = attr_of(CKA_LABEL, want->label, strlen(want->label));
    int r = objects_find(t, match, n_match, out, KEYS_MAX, n, e);
    if (r == OK && *n == KEYS_MAX) {
        err_set(e, ERR_LIMIT, "token '%s' has %u or more private keys that match", t->info.label,
                KEYS_MAX);
        return err_hint(e, "name one by id=... in the token URI");
    }
    return r;
}

/* Whether the key is the one that rid names; the rest of want was matched by the token. */
static int rid_matches(const struct token_key *key, const uint8_t *rid, bool *yes, struct err *e)
{
    uint8_t own[RID_LEN];
    *yes = rid == NULL;
    if (!rid || key->spki.n == 0)
        return OK;
    int r = spki_rid(&key->spki, own, e);
    *yes = r == OK && memcmp(own, rid, RID_LEN) == 0;
    return r;
}

/* An object that another process destroyed between its being found and read is passed over. */
static bool has_vanished(struct token *t)
{
    bool yes = t->rv == CKR_OBJECT_HANDLE_INVALID;
    t->rv = yes ? CKR_OK : t->rv;
    return yes;
}

/* What token_keys and token_use_key ask for and give. */
struct search {
    const struct token_key_want *want;
    struct token_key *out;
    size_t cap, n;
};

static int keys_work(struct token *t, void *arg, struct err *e)
{
    struct search *s = arg;
    CK_OBJECT_HANDLE found[KEYS_MAX];
    size_t n_found = 0;
    s->n = 0;
    int r = keys_find(t, s->want, found, &n_found, e);
    if (r == OK && n_found == 0)
        r = login_check(t, e);
    for (size_t i = 0; r == OK && i < n_found; i++) {
        struct token_key key;
        bool is_wanted = false;
        r = key_read(t, found[i], true, &key, e);
        if (r && has_vanished(t)) {
            r = OK;
            continue;
        }
        if (r == OK && key.kind != SEAL_KEY_OTHER)
            r = rid_matches(&key, s->want->rid, &is_wanted, e);
        if (r != OK || !is_wanted)
            continue;
        if (s->n < s->cap)
            s->out[s->n] = key;
        s->n++;
    }
    return r;
}

int token_keys(struct token *t, const struct token_key_want *want, struct token_key *out,
               size_t cap, size_t *n, struct err *e)
{
    TOKEN_LOCKED(t);
    struct search s = {.want = want, .out = out, .cap = cap};
    int r = token_twice(t, keys_work, &s, e);
    if (r == OK)
        *n = s.n;
    return r;
}

/* What a search for exactly one key has seen. */
struct census {
    unsigned n_good, n_extractable, n_other;
    CK_OBJECT_HANDLE handle; /* the last good one */
    struct token_key key;
    char names[300]; /* of the good ones, for the message */
    size_t names_len;
};

static void census_name(struct census *c, const struct token_key *key)
{
    AUTO_BUF hex = BUF_INIT(2 * TOKEN_ID_MAX + 1);
    hex_encode(&hex, bytes_of(key->id, key->id_len));
    if (c->names_len < sizeof(c->names))
        c->names_len += (size_t)snprintf(c->names + c->names_len, sizeof(c->names) - c->names_len,
                                         "%s'%s' (id %s)", c->names_len ? ", " : "", key->label,
                                         hex.n ? buf_str(&hex) : "none");
}

static void census_add(struct census *c, CK_OBJECT_HANDLE h, const struct token_key *key)
{
    if (key->kind == SEAL_KEY_OTHER) {
        c->n_other++;
    } else if (key->is_extractable) {
        c->n_extractable++;
    } else {
        c->n_good++;
        c->handle = h;
        c->key = *key;
        census_name(c, key);
    }
}

static int census_verdict(const struct token *t, const struct census *c, struct err *e)
{
    const char *label = t->info.label;
    if (c->n_good == 1)
        return OK;
    if (c->n_good > 1) {
        err_set(e, ERR_USAGE, "%u keys on token '%s' match: %s", c->n_good, label, c->names);
        return err_hint(e, "add id=... or object=LABEL to the token URI to choose one (id 01 is "
                           "written %%01)");
    }
    if (c->n_extractable) {
        err_set(e, ERR_USAGE, "the key on token '%s' can be read out of it, so it protects nothing",
                label);
        return err_hint(e, "use a key that was generated on the token and is not extractable");
    }
    if (c->n_other) {
        err_set(e, ERR_USAGE,
                "the key on token '%s' is neither EC P-256 nor RSA of 2048, 3072 or "
                "4096 bits",
                label);
        return err_hint(e, "choose another key, or generate one");
    }
    err_set(e, ERR_NOT_FOUND, "no such private key on token '%s'", label);
    return err_hint(e, "check id and object of the token URI, and that the login was made: most "
                       "tokens hide their keys before it");
}

void key_take(struct token *t, CK_OBJECT_HANDLE h, const struct token_key *key)
{
    t->key = h;
    t->key_info = *key;
    t->is_derive_form_known = false;
}

static int use_work(struct token *t, void *arg, struct err *e)
{
    struct search *s = arg;
    CK_OBJECT_HANDLE found[KEYS_MAX];
    struct census c = {0};
    size_t n = 0;
    bool with_public = s->want->rid || !s->want->is_private_only;
    int r = keys_find(t, s->want, found, &n, e);
    if (r == OK && n == 0)
        r = login_check(t, e);
    for (size_t i = 0; r == OK && i < n; i++) {
        struct token_key key;
        bool is_wanted = false;
        r = key_read(t, found[i], with_public, &key, e);
        if (r && has_vanished(t)) {
            r = OK;
            continue;
        }
        if (r == OK)
            r = rid_matches(&key, s->want->rid, &is_wanted, e);
        if (r == OK && is_wanted)
            census_add(&c, found[i], &key);
    }
    if (r || (r = census_verdict(t, &c, e)) != OK)
        return r;
    key_take(t, c.handle, &c.key);
    *s->out = c.key;
    return OK;
}

int token_use_key(struct token *t, const struct token_key_want *want, struct token_key *out,
                  struct err *e)
{
    TOKEN_LOCKED(t);
    struct search s = {.want = want, .out = out};
    CK_OBJECT_HANDLE before = t->key;
    t->key = CK_INVALID_HANDLE; /* the one before is not sought on the way */
    int r = token_twice(t, use_work, &s, e);
    if (r)
        t->key = before;
    return r;
}

int key_refind(struct token *t, struct err *e)
{
    CK_OBJECT_HANDLE found[KEYS_MAX];
    struct token_key_want want = {.id = bytes_of(t->key_info.id, t->key_info.id_len),
                                  .label = t->key_info.label};
    size_t n = 0;
    int r = keys_find(t, &want, found, &n, e);
    if (r)
        return r;
    if (n != 1)
        return token_err(t, e, CKR_KEY_HANDLE_INVALID, "token '%s'", t->info.label);
    t->key = found[0];
    return OK;
}
