/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as SubjectPublicKeyInfo in one normal form. Keys already in it, the common case, are
 * read by a few lines here: OpenSSL's decoder costs more than a signature. Sources: RFC 5280, RFC
 * 5480, RFC 8017 appendix A.1. */
#include "pkcs11/spki.h"

#include "base/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

/* All that stands before the point: id-ecPublicKey, prime256v1, BIT STRING of 66 bytes. */
static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const uint8_t rsa_alg[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

void evp_pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

void evp_pkey_ctx_freep(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
}

static void bld_freep(OSSL_PARAM_BLD **b)
{
    OSSL_PARAM_BLD_free(*b);
}

static void params_freep(OSSL_PARAM **p)
{
    OSSL_PARAM_free(*p);
}

static void bn_ctx_freep(BN_CTX **c)
{
    BN_CTX_free(*c);
}

static void bn_freep(BIGNUM **b)
{
    BN_free(*b);
}

/* One DER element of that tag: *body gets its contents, *in moves past it. Shortest form only. */
static bool der_take(struct bytes *in, uint8_t tag, struct bytes *body)
{
    if (in->n < 2 || in->p[0] != tag)
        return false;
    size_t head = 2, len = in->p[1];
    if (len == 0x81 && in->n >= 3 && in->p[2] >= 0x80) {
        head = 3;
        len = in->p[2];
    } else if (len == 0x82 && in->n >= 4 && in->p[2] != 0) {
        head = 4;
        len = (size_t)in->p[2] << 8 | in->p[3];
    } else if (len >= 0x80) {
        return false;
    }
    if (in->n - head < len)
        return false;
    *body = bytes_of(in->p + head, len);
    *in = bytes_of(in->p + head + len, in->n - head - len);
    return true;
}

/* A positive INTEGER in its shortest form, without the sign byte. */
static bool der_take_uint(struct bytes *in, struct bytes *out)
{
    struct bytes v;
    if (!der_take(in, 0x02, &v) || v.n == 0 || (v.p[0] & 0x80) != 0)
        return false;
    if (v.p[0] == 0) {
        if (v.n < 2 || (v.p[1] & 0x80) == 0)
            return false;
        v = bytes_of(v.p + 1, v.n - 1);
    }
    *out = v;
    return true;
}

static bool rsa_is_fit(struct bytes n, struct bytes exp)
{
    bool right_size = n.n == 256 || n.n == 384 || n.n == 512;
    if (!right_size || (n.p[0] & 0x80) == 0 || (n.p[n.n - 1] & 1) == 0)
        return false;
    if (exp.n < 1 || exp.n > 8 || (exp.p[exp.n - 1] & 1) == 0)
        return false;
    return exp.n > 1 || exp.p[0] >= 3;
}

bool spki_split(struct bytes der, struct spki_parts *out)
{
    size_t head = sizeof(p256_head);
    if (der.n == head + EC_POINT_LEN && memcmp(der.p, p256_head, head) == 0) {
        if (der.p[head] != 0x04)
            return false;
        *out = (struct spki_parts){.point = bytes_of(der.p + head, EC_POINT_LEN)};
        return true;
    }
    struct bytes outer, bits, key, n, exp;
    if (!der_take(&der, 0x30, &outer) || der.n != 0 || outer.n < sizeof(rsa_alg) ||
        memcmp(outer.p, rsa_alg, sizeof(rsa_alg)) != 0)
        return false;
    outer = bytes_of(outer.p + sizeof(rsa_alg), outer.n - sizeof(rsa_alg));
    if (!der_take(&outer, 0x03, &bits) || outer.n != 0 || bits.n < 1 || bits.p[0] != 0)
        return false;
    bits = bytes_of(bits.p + 1, bits.n - 1);
    if (!der_take(&bits, 0x30, &key) || bits.n != 0)
        return false;
    if (!der_take_uint(&key, &n) || !der_take_uint(&key, &exp) || key.n != 0 || !rsa_is_fit(n, exp))
        return false;
    *out = (struct spki_parts){.modulus = n, .exponent = exp};
    return true;
}

static EVP_PKEY *evp_from(const char *type, OSSL_PARAM *params)
{
    AUTO(evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    ERR_clear_error();
    return key;
}

static EVP_PKEY *evp_from_point(struct bytes point)
{
    char group[] = "P-256";
    uint8_t copy[EC_POINT_LEN]; /* OSSL_PARAM wants writable bytes */
    if (point.n != EC_POINT_LEN || point.p[0] != 0x04)
        return NULL;
    memcpy(copy, point.p, sizeof(copy));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
        OSSL_PARAM_construct_end(),
    };
    return evp_from("EC", params);
}

static EVP_PKEY *evp_from_rsa(struct bytes modulus, struct bytes exponent)
{
    AUTO(bn_freep) BIGNUM *n = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
    AUTO(bn_freep) BIGNUM *exp = BN_bin2bn(exponent.p, (int)exponent.n, NULL);
    AUTO(bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (!n || !exp || !bld || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exp))
        return NULL;
    AUTO(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    return evp_from("RSA", params);
}

EVP_PKEY *spki_evp(const struct spki_parts *parts)
{
    return parts->point.n ? evp_from_point(parts->point)
                          : evp_from_rsa(parts->modulus, parts->exponent);
}

/* y^2 = x^3 - 3x + b, both below p. Each wrap is looked at before it goes to a token, so this takes
 * a tenth of what importing the point would. */
static bool is_on_curve(const BIGNUM *x, const BIGNUM *y, BN_CTX *ctx)
{
    static const uint8_t b[32] = {0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd,
                                  0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53,
                                  0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b};
    const BIGNUM *p = BN_get0_nist_prime_256();
    AUTO(bn_freep) BIGNUM *left = BN_new();
    AUTO(bn_freep) BIGNUM *right = BN_new();
    AUTO(bn_freep) BIGNUM *term = BN_bin2bn(b, sizeof(b), NULL);
    return left && right && term && BN_cmp(x, p) < 0 && BN_cmp(y, p) < 0 &&
           BN_mod_sqr(left, y, p, ctx) && BN_mod_sqr(right, x, p, ctx) && BN_sub_word(right, 3) &&
           BN_mod_mul(right, right, x, p, ctx) && BN_mod_add(right, right, term, p, ctx) &&
           BN_cmp(left, right) == 0;
}

bool ec_point_is_valid(struct bytes uncompressed)
{
    if (uncompressed.n != EC_POINT_LEN || uncompressed.p[0] != 0x04)
        return false;
    AUTO(bn_freep) BIGNUM *x = BN_bin2bn(uncompressed.p + 1, 32, NULL);
    AUTO(bn_freep) BIGNUM *y = BN_bin2bn(uncompressed.p + 33, 32, NULL);
    AUTO(bn_ctx_freep) BN_CTX *ctx = BN_CTX_new();
    return x && y && ctx && is_on_curve(x, y, ctx);
}

int spki_from_ec_point(struct bytes uncompressed, struct spki *out, struct err *e)
{
    if (uncompressed.n != EC_POINT_LEN || uncompressed.p[0] != 0x04)
        return err_set(e, ERR_FORMAT, "the public key is no uncompressed P-256 point");
    if (!ec_point_is_valid(uncompressed))
        return err_set(e, ERR_FORMAT, "the public key is not on the curve P-256");
    memcpy(out->der, p256_head, sizeof(p256_head));
    memcpy(out->der + sizeof(p256_head), uncompressed.p, EC_POINT_LEN);
    out->n = sizeof(p256_head) + EC_POINT_LEN;
    return OK;
}

static struct bytes skip_zeros(struct bytes v)
{
    while (v.n > 0 && v.p[0] == 0)
        v = bytes_of(v.p + 1, v.n - 1);
    return v;
}

/* Writes backwards from *at: lengths are known by then. */
static void der_put(uint8_t *base, size_t *at, struct bytes v)
{
    *at -= v.n;
    memcpy(base + *at, v.p, v.n);
}

static void der_put_head(uint8_t *base, size_t *at, uint8_t tag, size_t len)
{
    if (len < 0x80) {
        der_put(base, at, bytes_of((uint8_t[]){tag, (uint8_t)len}, 2));
    } else if (len < 0x100) {
        der_put(base, at, bytes_of((uint8_t[]){tag, 0x81, (uint8_t)len}, 3));
    } else {
        uint8_t head[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
        der_put(base, at, BYTES_ARR(head));
    }
}

static void der_put_uint(uint8_t *base, size_t *at, struct bytes v)
{
    size_t end = *at;
    der_put(base, at, v);
    if (v.p[0] & 0x80)
        der_put(base, at, bytes_of((uint8_t[]){0}, 1));
    der_put_head(base, at, 0x02, end - *at);
}

int spki_from_rsa(struct bytes modulus, struct bytes exponent, struct spki *out, struct err *e)
{
    uint8_t der[SPKI_MAX];
    size_t at = sizeof(der);
    modulus = skip_zeros(modulus);
    exponent = skip_zeros(exponent);
    if (!rsa_is_fit(modulus, exponent))
        return err_set(e, ERR_FORMAT,
                       "the public key is no RSA key of 2048, 3072 or 4096 bits with an odd "
                       "exponent of at least 3");
    der_put_uint(der, &at, exponent);
    der_put_uint(der, &at, modulus);
    der_put_head(der, &at, 0x30, sizeof(der) - at);
    der_put(der, &at, bytes_of((uint8_t[]){0}, 1));
    der_put_head(der, &at, 0x03, sizeof(der) - at);
    der_put(der, &at, BYTES_ARR(rsa_alg));
    der_put_head(der, &at, 0x30, sizeof(der) - at);
    out->n = sizeof(der) - at;
    memcpy(out->der, der + at, out->n);
    return OK;
}

/* Anything that OpenSSL understands, brought to normal form. */
static int normalise_evp(const EVP_PKEY *key, struct spki *out, struct err *e)
{
    if (EVP_PKEY_is_a(key, "EC")) {
        char group[32] = "";
        uint8_t x[32], y[32], point[EC_POINT_LEN] = {0x04};
        BIGNUM *bx_raw = NULL, *by_raw = NULL;
        int ok = EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                                sizeof(group), NULL) &&
                 strcmp(group, "prime256v1") == 0 &&
                 EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx_raw) &&
                 EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by_raw);
        AUTO(bn_freep) BIGNUM *bx = bx_raw;
        AUTO(bn_freep) BIGNUM *by = by_raw;
        if (!ok || BN_bn2binpad(bx, x, sizeof(x)) < 0 || BN_bn2binpad(by, y, sizeof(y)) < 0)
            return err_set(e, ERR_FORMAT, "the public key is on another curve than P-256");
        memcpy(point + 1, x, sizeof(x));
        memcpy(point + 33, y, sizeof(y));
        return spki_from_ec_point(BYTES_ARR(point), out, e);
    }
    uint8_t n[520], exp[16];
    BIGNUM *bn_raw = NULL, *be_raw = NULL;
    int ok = EVP_PKEY_is_a(key, "RSA") &&
             EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &bn_raw) &&
             EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &be_raw);
    AUTO(bn_freep) BIGNUM *bn = bn_raw;
    AUTO(bn_freep) BIGNUM *be = be_raw;
    if (!ok)
        return err_set(e, ERR_FORMAT, "the public key is neither EC P-256 nor RSA");
    if (BN_num_bytes(bn) > 512 || BN_num_bytes(be) > 8)
        return err_set(e, ERR_FORMAT, "the RSA public key is larger than 4096 bits");
    size_t n_len = (size_t)BN_bn2bin(bn, n), exp_len = (size_t)BN_bn2bin(be, exp);
    return spki_from_rsa(bytes_of(n, n_len), bytes_of(exp, exp_len), out, e);
}

int spki_normalise(struct bytes der, struct spki *out, struct err *e)
{
    struct spki_parts parts;
    if (der.n > 2 * SPKI_MAX)
        return err_set(e, ERR_FORMAT, "the public key is longer than %u bytes", 2 * SPKI_MAX);
    if (spki_split(der, &parts)) {
        if (parts.point.n)
            return spki_from_ec_point(parts.point, out, e);
        return spki_from_rsa(parts.modulus, parts.exponent, out, e);
    }
    const uint8_t *p = der.p;
    AUTO(evp_pkey_freep) EVP_PKEY *key = der.n ? d2i_PUBKEY(NULL, &p, (long)der.n) : NULL;
    ERR_clear_error();
    if (!key || p != der.p + der.n)
        return err_set(e, ERR_FORMAT, "the public key is no SubjectPublicKeyInfo");
    return normalise_evp(key, out, e);
}

int spki_rid(const struct spki *k, uint8_t rid[RID_LEN], struct err *e)
{
    return sha256(bytes_of(k->der, k->n), rid, e);
}

bool spki_fits(const struct spki *k, enum scheme s)
{
    struct spki_parts parts;
    if (!spki_split(bytes_of(k->der, k->n), &parts))
        return false;
    if (s == SCHEME_ECDH_P256)
        return parts.point.n != 0;
    return (s == SCHEME_RSA_OAEP_256 || s == SCHEME_RSA_OAEP_1) && parts.modulus.n != 0;
}

const char *spki_kind(const struct spki *k)
{
    struct spki_parts parts;
    if (!spki_split(bytes_of(k->der, k->n), &parts))
        return "unknown";
    if (parts.point.n)
        return "EC P-256";
    return parts.modulus.n == 256 ? "RSA 2048" : parts.modulus.n == 384 ? "RSA 3072" : "RSA 4096";
}
