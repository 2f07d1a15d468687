/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads and the signer over them. Private keys are parsed for one signature and freed. */
#include "vault/signer.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/wipe.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#define ES256_HALF 32

static bool lp_next(struct bytes *rest, struct bytes *v)
{
    if (rest->n < 4)
        return false;
    uint32_t n = (uint32_t)rest->p[0] << 24 | (uint32_t)rest->p[1] << 16 |
                 (uint32_t)rest->p[2] << 8 | rest->p[3];
    if (n > rest->n - 4)
        return false;
    *v = bytes_of(rest->p + 4, n);
    *rest = bytes_of(rest->p + 4 + n, rest->n - 4 - n);
    return true;
}

static bool payload_parse(struct bytes text, struct bytes fields[FIELD_COUNT])
{
    int last = -1;
    while (text.n) {
        struct bytes name, value;
        enum field_id f;
        if (!lp_next(&text, &name) || !lp_next(&text, &value) || value.n == 0 ||
            !field_by_name(name, false, &f) || (int)f <= last)
            return false;
        fields[f] = value;
        last = (int)f;
    }
    return last >= 0;
}

static int lp_append(struct secret *s, struct bytes v, struct err *e)
{
    const uint8_t n[4] = {(uint8_t)(v.n >> 24), (uint8_t)(v.n >> 16), (uint8_t)(v.n >> 8),
                          (uint8_t)v.n};
    int rc = secret_append(s, BYTES_ARR(n), e);
    return rc ? rc : secret_append(s, v, e);
}

int payload_pack(const struct secret fields[FIELD_COUNT], struct secret *out, struct err *e)
{
    size_t n = 0;
    for (enum field_id f = 0; f < FIELD_COUNT; f++)
        if (fields[f].n)
            n += 8 + strlen(field_name(f)) + fields[f].n;
    if (n == 0 || n > SECRET_MAX)
        return err_set(e, ERR_LIMIT, "the fields have %zu bytes, 1 to %u are allowed", n,
                       SECRET_MAX);
    AUTO_SECRET s = {0};
    int rc = secret_new(&s, n, e);
    for (enum field_id f = 0; f < FIELD_COUNT && !rc; f++) {
        if (!fields[f].n)
            continue;
        rc = lp_append(&s, bytes_str(field_name(f)), e);
        if (!rc)
            rc = lp_append(&s, secret_bytes(&fields[f]), e);
    }
    if (rc)
        return rc;
    *out = s;
    s = (struct secret){0};
    return OK;
}

int payload_seal(const struct record_info *info, struct bytes header_line,
                 const struct secret *payload, struct bytes vk_dek, const struct env *env,
                 struct buf *out, struct err *e)
{
    size_t n = GCM_NONCE_LEN + payload->n + GCM_TAG_LEN;
    uint8_t key[GCM_KEY_LEN], *sealed = wipe_malloc(n);
    if (!sealed)
        return err_set(e, ERR_MEMORY, "no memory to seal %zu bytes", payload->n);
    int rc = env->random(env, sealed, GCM_NONCE_LEN, e);
    if (!rc)
        rc = record_key(info, vk_dek, key, e);
    if (!rc)
        rc = gcm_seal(key, sealed, header_line, secret_bytes(payload), sealed + GCM_NONCE_LEN, e);
    if (!rc)
        b64url_encode(out, bytes_of(sealed, n));
    mem_wipe(key, sizeof(key));
    wipe_free(sealed);
    return rc;
}

static int payload_open(struct record *r, struct bytes header_line, struct bytes line,
                        struct bytes vk_dek, struct err *e)
{
    size_t n = 0;
    uint8_t key[GCM_KEY_LEN], *sealed = wipe_malloc(line.n + 1);
    if (!sealed)
        return err_set(e, ERR_MEMORY, "no memory to open %zu bytes", line.n);
    int rc = OK;
    if (!b64url_decode(sealed, line.n, &n, line) || n <= GCM_NONCE_LEN + GCM_TAG_LEN)
        rc = err_set(e, ERR_FORMAT, "the payload is not as documented");
    if (!rc)
        rc = secret_new(&r->payload, n - GCM_NONCE_LEN - GCM_TAG_LEN, e);
    if (!rc)
        rc = record_key(&r->info, vk_dek, key, e);
    if (!rc)
        rc = gcm_open(key, sealed, header_line,
                      bytes_of(sealed + GCM_NONCE_LEN, n - GCM_NONCE_LEN), r->payload.p, e);
    if (!rc)
        r->payload.n = r->payload.cap;
    if (!rc && !payload_parse(secret_bytes(&r->payload), r->fields))
        rc = err_set(e, ERR_FORMAT, "the sealed fields are not as documented");
    mem_wipe(key, sizeof(key));
    wipe_free(sealed);
    wipe_stack();
    return rc;
}

static int ossl(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_FAILED, "%s", what);
}

/* OpenSSL's DER is r and s as integers; the wire form is both halves at full width. */
static bool es256_raw(struct bytes der, struct sig *out)
{
    const uint8_t *p = der.p;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
    bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), out->v, ES256_HALF) == ES256_HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(s), out->v + ES256_HALF, ES256_HALF) == ES256_HALF;
    out->n = 2 * ES256_HALF;
    ECDSA_SIG_free(s);
    return ok;
}

/* ECPrivateKey of RFC 5915 as PKCS#8 holds it: SEQUENCE, version 1, 32 bytes of key. */
static EVP_PKEY *p256_key(struct bytes der)
{
    static const uint8_t version_and_octets[] = {0x02, 0x01, 0x01, 0x04, 0x20};
    char group[] = "prime256v1";
    EVP_PKEY *key = NULL;
    if (der.n < 39 || der.p[0] != 0x30 || der.p[1] != der.n - 2 ||
        memcmp(der.p + 2, version_and_octets, sizeof(version_and_octets)) != 0)
        return NULL;
    BIGNUM *d = BN_bin2bn(der.p + 7, ES256_HALF, NULL);
    uint8_t native[ES256_HALF];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (d && ctx && BN_bn2nativepad(d, native, sizeof(native)) == sizeof(native)) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
            OSSL_PARAM_construct_end()};
        if (EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
            key = NULL;
    }
    mem_wipe(native, sizeof(native));
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(d);
    return key;
}

static bool is_p256(const X509_ALGOR *params)
{
    const void *curve = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(NULL, &type, &curve, params);
    return type == V_ASN1_OBJECT && OBJ_obj2nid(curve) == NID_X9_62_prime256v1;
}

/* OpenSSL's generic decoder takes twenty times longer than a signature, so the two short forms go
 * around it; whatever is not of their usual form still goes through it. */
static EVP_PKEY *pkcs8_key(const PKCS8_PRIV_KEY_INFO *info)
{
    const ASN1_OBJECT *alg = NULL;
    const X509_ALGOR *params = NULL;
    const uint8_t *p = NULL;
    int n = 0;
    EVP_PKEY *key = NULL;
    if (PKCS8_pkey_get0(&alg, &p, &n, &params, info) != 1 || n < 0)
        return NULL;
    if (OBJ_obj2nid(alg) == NID_ED25519 && n == 34 && p[0] == 0x04 && p[1] == 0x20)
        key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, p + 2, 32);
    else if (OBJ_obj2nid(alg) == NID_X9_62_id_ecPublicKey && is_p256(params))
        key = p256_key(bytes_of(p, (size_t)n));
    return key ? key : EVP_PKCS82PKEY(info);
}

static EVP_PKEY *private_key(struct bytes der)
{
    const uint8_t *p = der.p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
    EVP_PKEY *key = info ? pkcs8_key(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static int sign_private(struct bytes der, enum sig_alg alg, struct bytes msg, struct sig *out,
                        struct err *e)
{
    uint8_t v[SIG_MAX + 16];
    size_t n = sizeof(v);
    EVP_PKEY *key = private_key(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key && ctx &&
              EVP_DigestSignInit_ex(ctx, NULL, alg == SIG_ED25519 ? NULL : "SHA256", NULL, NULL,
                                    key, NULL) == 1 &&
              EVP_DigestSign(ctx, v, &n, msg.p, msg.n) == 1 && n <= SIG_MAX;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    wipe_stack();
    if (ok && alg == SIG_ES256) {
        ok = es256_raw(bytes_of(v, n), out);
    } else if (ok) {
        memcpy(out->v, v, n);
        out->n = n;
    }
    return ok ? OK : ossl(e, "the private key could not sign");
}

static struct record *record_of(struct signer *s)
{
    return (struct record *)(void *)((uint8_t *)s - offsetof(struct record, signer));
}

static bool alg_fits(enum key_type k, enum sig_alg a)
{
    switch (a) {
    case SIG_HMAC_SHA256:
    case SIG_HMAC_SHA512:
        return k == KEY_HMAC;
    case SIG_RSA_SHA256:
        return k == KEY_RSA;
    case SIG_ED25519:
        return k == KEY_ED25519;
    case SIG_ES256:
        return k == KEY_EC_P256;
    }
    return false;
}

static int gone(const struct record *r, struct err *e)
{
    return err_set(e, ERR_PERSON, "the secret of '%s' was locked away meanwhile", r->info.name);
}

static int sealed_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                       struct sig *out, struct err *e)
{
    struct record *r = record_of(s);
    struct bytes key = r->fields[f];
    if (!r->payload.n)
        return gone(r, e);
    if (!key.n || !alg_fits(s->key, alg) ||
        (f == FIELD_PRIVATE_KEY_PEM) == (s->key == KEY_HMAC))
        return err_set(e, ERR_USAGE, "'%s' has no key for this kind of signature", r->info.name);
    if (alg == SIG_HMAC_SHA256) {
        out->n = 32;
        return hmac_sha256(key, msg, out->v, e);
    }
    if (alg == SIG_HMAC_SHA512) {
        out->n = 64;
        return hmac_sha512(key, msg, out->v, e);
    }
    return sign_private(key, alg, msg, out, e);
}

static int sealed_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    struct record *r = record_of(s);
    if (f == FIELD_API_SECRET || f == FIELD_PRIVATE_KEY_PEM)
        return err_set(e, ERR_USAGE, "a signing secret is never placed in a request");
    if (!r->payload.n)
        return gone(r, e);
    if (!r->fields[f].n)
        return err_set(e, ERR_USAGE, "'%s' has no field '%s'", r->info.name, field_name(f));
    buf_add(out, r->fields[f]);
    return OK;
}

/* NULL with e set on failure. */
static struct record *record_new(const struct record_info *info, struct err *e)
{
    struct record *r = wipe_malloc(sizeof(*r));
    if (!r) {
        err_set(e, ERR_MEMORY, "no memory for a record");
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    record_info_init(&r->info);
    if (record_info_copy(&r->info, info, e)) {
        record_free(r);
        return NULL;
    }
    r->signer = (struct signer){info->key, sealed_sign, sealed_place};
    return r;
}

int record_open(const struct record_info *info, struct bytes header_line, struct bytes payload_line,
                struct bytes vk_dek, struct record **out, struct err *e)
{
    if (info->custody != CUSTODY_SEALED) {
        err_set(e, ERR_FAILED, "custody '%s' is not known to this version",
                custody_name(info->custody));
        return err_hint(e, "update coffer");
    }
    struct record *r = record_new(info, e);
    int rc = r ? payload_open(r, header_line, payload_line, vk_dek, e) : e->code;
    if (rc) {
        record_free(r);
        return rc;
    }
    *out = r;
    return OK;
}

int record_draft(const struct record_info *info, const struct secret fields[FIELD_COUNT],
                 struct record **out, struct err *e)
{
    struct record *r = record_new(info, e);
    int rc = r ? payload_pack(fields, &r->payload, e) : e->code;
    if (!rc && !payload_parse(secret_bytes(&r->payload), r->fields))
        rc = err_set(e, ERR_FORMAT, "the fields are not as documented");
    if (rc) {
        record_free(r);
        return rc;
    }
    *out = r;
    return OK;
}

bool record_same_field(const struct record *a, const struct record *b, enum field_id f)
{
    struct bytes x = a->fields[f], y = b->fields[f];
    return x.n > 0 && x.n == y.n && mem_eq(x.p, y.p, x.n);
}

const struct record_info *record_info(const struct record *r)
{
    return &r->info;
}

struct signer *record_signer(struct record *r)
{
    return &r->signer;
}

void record_wipe(struct record *r)
{
    memset(r->fields, 0, sizeof(r->fields));
    secret_free(&r->payload);
}

void record_free(struct record *r)
{
    if (!r)
        return;
    record_wipe(r);
    record_info_free(&r->info);
    wipe_free(r);
    wipe_stack();
}

void record_freep(struct record **r)
{
    record_free(*r);
    *r = NULL;
}
