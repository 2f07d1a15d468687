/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's keys, public objects and shared values, and how they are found and read. */
#include "tests/mock/keys.h"
#include "tests/mock/mock.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 8u
#define SECRETS_MAX 8u
#define PRIVATE_0 0x10u /* handles: private keys even, the public halves one more */
#define SECRET_0 0x1000u
#define MORE_0 0x10000u /* the keys of 'objects N': all are the first */
#define VALUE_MAX 8192u

static struct key keys[KEYS_MAX];
static size_t n_keys;
static struct {
    CK_SESSION_HANDLE owner; /* 0: free */
    uint8_t v[VALUE_MAX];
    size_t n;
} secrets[SECRETS_MAX];

static EVP_PKEY *key_of_der(bool is_rsa, const unsigned char *der, size_t n)
{
    return d2i_PrivateKey(is_rsa ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL, &der, (long)n);
}

static void key_add(bool is_rsa, EVP_PKEY *pkey, const void *id, size_t n_id, const char *label)
{
    struct key *k = &keys[n_keys++];
    k->pkey = pkey;
    k->is_rsa = is_rsa;
    memcpy(k->id, id, n_id);
    k->n_id = n_id;
    memcpy(k->label, label, strlen(label) + 1);
}

/* A fixed key; decoded once, however often the script changes. */
static EVP_PKEY *built_in(EVP_PKEY **kept, bool is_rsa, const unsigned char *der, size_t n)
{
    if (!*kept)
        *kept = key_of_der(is_rsa, der, n);
    if (!*kept || EVP_PKEY_up_ref(*kept) != 1)
        abort();
    return *kept;
}

void keys_forget(void)
{
    for (size_t i = 0; i < n_keys; i++) {
        EVP_PKEY_free(keys[i].pkey);
        EVP_PKEY_free(keys[i].shown);
        keys[i] = (struct key){0};
    }
    n_keys = 0;
}

static void keys_load(void)
{
    if (n_keys)
        return;
    static EVP_PKEY *ec, *rsa, *twin;
    key_add(false, built_in(&ec, false, ec_der, sizeof(ec_der)), "\x01", 1, "ec key");
    key_add(true, built_in(&rsa, true, rsa_der, sizeof(rsa_der)), "\x02", 1, "rsa key");
    if (set.liar)
        keys[0].shown = built_in(&twin, false, twin_der, sizeof(twin_der));
    if (set.twin)
        key_add(false, built_in(&twin, false, twin_der, sizeof(twin_der)), "\x01", 1, "twin");
    for (size_t i = 0; i < MADE_MAX; i++) {
        const struct made *m = &state->made[i];
        if (m->n_der)
            key_add(false, key_of_der(false, m->der, m->n_der), m->id, m->n_id, m->label);
    }
}

/* The key that a handle names, private or public half. */
static const struct key *key_at(CK_OBJECT_HANDLE h)
{
    keys_load();
    if (h >= MORE_0 && h - MORE_0 < set.n_objects)
        return &keys[0];
    return h >= PRIVATE_0 && (h - PRIVATE_0) / 2 < n_keys ? &keys[(h - PRIVATE_0) / 2] : NULL;
}

static CK_OBJECT_CLASS class_of(CK_OBJECT_HANDLE h)
{
    if (h >= SECRET_0 && h < MORE_0)
        return CKO_SECRET_KEY;
    return h < MORE_0 && h % 2 ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY;
}

const struct key *key_of(CK_OBJECT_HANDLE private)
{
    return is_logged_in() && class_of(private) == CKO_PRIVATE_KEY ? key_at(private) : NULL;
}

static bool is_there(CK_OBJECT_HANDLE h)
{
    switch (class_of(h)) {
    case CKO_SECRET_KEY:
        return h - SECRET_0 < SECRETS_MAX && secrets[h - SECRET_0].owner;
    case CKO_PUBLIC_KEY:
        return !set.no_public && key_at(h);
    default:
        return key_of(h) != NULL;
    }
}

CK_OBJECT_HANDLE secret_add(CK_SESSION_HANDLE owner, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < (set.shared ? 1 : SECRETS_MAX); i++) {
        if (secrets[i].owner && !set.shared)
            continue;
        KEEP(secrets) += secrets[i].owner ? 0 : 1;
        secrets[i].owner = owner;
        memcpy(secrets[i].v, p, n);
        secrets[i].n = n;
        return SECRET_0 + i;
    }
    return CK_INVALID_HANDLE;
}

void secrets_drop(CK_SESSION_HANDLE owner)
{
    for (size_t i = 0; i < SECRETS_MAX; i++) {
        if (!secrets[i].owner || (owner && secrets[i].owner != owner))
            continue;
        memset(&secrets[i], 0, sizeof(secrets[i]));
        KEEP(secrets)--;
    }
}

static void made_drop(const struct key *k)
{
    for (size_t i = 0; i < MADE_MAX; i++) {
        struct made *m = &state->made[i];
        if (m->n_der && m->n_id == k->n_id && memcmp(m->id, k->id, k->n_id) == 0)
            *m = (struct made){0};
    }
}

/* Handles of the other made keys stay as they are until the module starts again. */
CK_RV object_destroy(CK_OBJECT_HANDLE h)
{
    if (!is_there(h))
        return CKR_OBJECT_HANDLE_INVALID;
    if (class_of(h) == CKO_SECRET_KEY) {
        memset(&secrets[h - SECRET_0], 0, sizeof(secrets[0]));
        KEEP(secrets)--;
    } else if (class_of(h) == CKO_PRIVATE_KEY) {
        made_drop(key_at(h));
    }
    return CKR_OK;
}

static size_t put(uint8_t *out, const void *p, size_t n)
{
    memcpy(out, p, n);
    return n;
}

static size_t put_param(const struct key *k, const char *name, uint8_t *out)
{
    BIGNUM *v = NULL;
    const EVP_PKEY *shown = k->shown ? k->shown : k->pkey;
    size_t n = 0;
    if (EVP_PKEY_get_bn_param(shown, name, &v) == 1)
        n = (size_t)BN_bn2bin(v, out);
    BN_free(v);
    return n;
}

static size_t put_point(const struct key *k, uint8_t *out)
{
    size_t n = 0;
    out[0] = 0x04;
    out[1] = 65;
    if (EVP_PKEY_get_octet_string_param(k->shown ? k->shown : k->pkey, OSSL_PKEY_PARAM_PUB_KEY,
                                        out + 2, 65, &n) != 1)
        abort();
    return n + 2;
}

static bool put_flag(uint8_t *out, size_t *n, CK_BBOOL v)
{
    *n = put(out, &v, sizeof(v));
    return true;
}

/* What a key object shows; as the standard has it, a private EC key shows no point. */
static bool key_attr(const struct key *k, bool is_private, CK_ATTRIBUTE_TYPE type, uint8_t *out,
                     size_t *n)
{
    static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_KEY_TYPE kind = k->is_rsa ? CKK_RSA : CKK_EC;
    *n = 0;
    switch (type) {
    case CKA_KEY_TYPE:
        return (*n = put(out, &kind, sizeof(kind))) > 0;
    case CKA_LABEL:
        return (*n = put(out, k->label, strlen(k->label))) > 0;
    case CKA_ID:
        return (*n = put(out, k->id, k->n_id)) > 0;
    case CKA_TOKEN:
        return put_flag(out, n, CK_TRUE);
    case CKA_PRIVATE:
        return put_flag(out, n, is_private);
    case CKA_SENSITIVE:
        return is_private && put_flag(out, n, CK_TRUE);
    case CKA_EXTRACTABLE:
        return is_private && put_flag(out, n, CK_FALSE);
    case CKA_EC_PARAMS:
        return !k->is_rsa && (*n = put(out, p256, sizeof(p256))) > 0;
    case CKA_EC_POINT:
        return !k->is_rsa && !is_private && (*n = put_point(k, out)) > 0;
    case CKA_MODULUS:
        return k->is_rsa && (*n = put_param(k, OSSL_PKEY_PARAM_RSA_N, out)) > 0;
    case CKA_PUBLIC_EXPONENT:
        return k->is_rsa && (*n = put_param(k, OSSL_PKEY_PARAM_RSA_E, out)) > 0;
    default:
        return false;
    }
}

static bool attr_value(CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t *n)
{
    CK_OBJECT_CLASS class = class_of(h);
    if (type == CKA_CLASS)
        return (*n = put(out, &class, sizeof(class))) > 0;
    if (class == CKO_SECRET_KEY && type == CKA_VALUE) {
        *n = put(out, secrets[h - SECRET_0].v, secrets[h - SECRET_0].n);
        return true;
    }
    return class != CKO_SECRET_KEY && key_attr(key_at(h), class == CKO_PRIVATE_KEY, type, out, n);
}

static bool matches(CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *match, CK_ULONG n)
{
    uint8_t v[VALUE_MAX];
    for (CK_ULONG i = 0; i < n; i++) {
        size_t len;
        if (!attr_value(h, match[i].type, v, &len) || len != match[i].ulValueLen ||
            memcmp(v, match[i].pValue, len) != 0)
            return false;
    }
    return true;
}

CK_RV find_start(struct session *s, const CK_ATTRIBUTE *match, CK_ULONG n)
{
    if (s->is_finding || (set.stuck && s->is_decrypting))
        return CKR_OPERATION_ACTIVE;
    keys_load();
    free(s->found);
    s->found = calloc(2 * n_keys + set.n_objects + 1, sizeof(*s->found));
    if (!s->found)
        return CKR_HOST_MEMORY;
    s->n_found = s->at = 0;
    for (size_t i = 0; i < 2 * n_keys; i++)
        if (is_there(PRIVATE_0 + i) && matches(PRIVATE_0 + i, match, n))
            s->found[s->n_found++] = PRIVATE_0 + i;
    for (size_t i = 0; i < set.n_objects; i++)
        if (is_there(MORE_0 + i) && matches(MORE_0 + i, match, n))
            s->found[s->n_found++] = MORE_0 + i;
    s->is_finding = true;
    return CKR_OK;
}

CK_RV find_next(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG cap, CK_ULONG *n)
{
    if (!s->is_finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    for (*n = 0; *n < cap && s->at < s->n_found; (*n)++)
        out[*n] = s->found[s->at++];
    return CKR_OK;
}

/* The length is what the script says; no byte beyond the room is written. */
static CK_RV attr_bent(const struct bend *b, CK_ATTRIBUTE *a, uint8_t *v, size_t n)
{
    switch (b->how) {
    case BEND_LEN:
        n = n < b->n ? n : b->n;
        if (a->pValue)
            memcpy(a->pValue, v, n < a->ulValueLen ? n : a->ulValueLen);
        a->ulValueLen = b->n;
        return CKR_OK;
    case BEND_HEX:
        memcpy(v, b->hex, b->n);
        n = b->n;
        break;
    case BEND_WRONG:
        for (size_t i = 0; i < n; i++)
            v[i] = (uint8_t)(v[i] * 7 + i * 31 + 0xa5);
        break;
    case BEND_RV:
    case BEND_ABSENT:
        a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return b->how == BEND_RV ? b->rv : CKR_ATTRIBUTE_TYPE_INVALID;
    case BEND_NONE:
        break;
    }
    if (a->pValue && a->ulValueLen < n) {
        a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (a->pValue)
        memcpy(a->pValue, v, n);
    a->ulValueLen = n;
    return CKR_OK;
}

CK_RV attributes_read(CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
    static uint8_t v[VALUE_MAX];
    CK_RV rv = CKR_OK;
    if (!is_there(h))
        return CKR_OBJECT_HANDLE_INVALID;
    for (CK_ULONG i = 0; i < n; i++) {
        size_t len = 0;
        struct bend b = bend_attr(a[i].type, class_of(h));
        if (!attr_value(h, a[i].type, v, &len) && b.how == BEND_NONE)
            b.how = BEND_ABSENT;
        CK_RV one = attr_bent(&b, &a[i], v, len);
        rv = one != CKR_OK ? one : rv;
    }
    return rv;
}
