/* SPDX-License-Identifier: Apache-2.0 */
/* The card's keys and their raw operations, by OpenSSL. Certificates: certificate.c. */
#include "tests/card/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

static const char *curve_of(uint8_t alg)
{
    return alg == ALG_P256 ? "P-256" : alg == ALG_P384 ? "P-384" : NULL;
}

EVP_PKEY *key_generate(uint8_t alg)
{
    if (alg == ALG_RSA2048)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    return curve_of(alg) ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve_of(alg)) : NULL;
}

uint8_t key_alg(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) == 2048 ? ALG_RSA2048 : 0;
    if (!EVP_PKEY_is_a(key, "EC"))
        return 0;
    return EVP_PKEY_get_bits(key) == 256 ? ALG_P256 : EVP_PKEY_get_bits(key) == 384 ? ALG_P384 : 0;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *b)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

struct rsa_numbers {
    BIGNUM *p, *q, *n, *e, *d, *dp, *dq, *qinv, *p1, *q1, *phi;
};

static bool rsa_numbers_make(struct rsa_numbers *r, BN_CTX *ctx)
{
    return BN_is_odd(r->p) && BN_is_odd(r->q) && BN_num_bits(r->p) == 1024 &&
           BN_num_bits(r->q) == 1024 && BN_cmp(r->p, r->q) != 0 && BN_set_word(r->e, 65537) &&
           BN_mul(r->n, r->p, r->q, ctx) && BN_num_bits(r->n) == 2048 &&
           BN_sub(r->p1, r->p, BN_value_one()) && BN_sub(r->q1, r->q, BN_value_one()) &&
           BN_mul(r->phi, r->p1, r->q1, ctx) && BN_mod_inverse(r->d, r->e, r->phi, ctx) &&
           BN_mod(r->dp, r->d, r->p1, ctx) && BN_mod(r->dq, r->d, r->q1, ctx) &&
           BN_mod_inverse(r->qinv, r->q, r->p, ctx);
}

EVP_PKEY *key_import_rsa(struct view p, struct view q)
{
    EVP_PKEY *key = NULL;
    struct rsa_numbers r;
    BN_CTX *ctx = BN_CTX_new();
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM **each[] = {&r.p, &r.q, &r.n, &r.e, &r.d, &r.dp, &r.dq, &r.qinv, &r.p1, &r.q1, &r.phi};
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
        *each[i] = BN_new();
    if (ctx && b && p.n == 128 && q.n == 128 && BN_bin2bn(p.p, (int)p.n, r.p) &&
        BN_bin2bn(q.p, (int)q.n, r.q) && rsa_numbers_make(&r, ctx) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, r.n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, r.e) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, r.d) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR1, r.p) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR2, r.q) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT1, r.dp) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT2, r.dq) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, r.qinv))
        key = key_from("RSA", b);
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
        BN_clear_free(*each[i]);
    OSSL_PARAM_BLD_free(b);
    BN_CTX_free(ctx);
    return key;
}

static bool point_of(const EC_GROUP *g, const BIGNUM *d, uint8_t *out, size_t max, size_t *n)
{
    EC_POINT *point = EC_POINT_new(g);
    *n = point && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(g)) < 0 &&
                 EC_POINT_mul(g, point, d, NULL, NULL, NULL)
             ? EC_POINT_point2oct(g, point, POINT_CONVERSION_UNCOMPRESSED, out, max, NULL)
             : 0;
    EC_POINT_free(point);
    return *n > 0;
}

EVP_PKEY *key_import_ec(uint8_t alg, struct view scalar)
{
    uint8_t point[97];
    size_t n;
    EVP_PKEY *key = NULL;
    const char *curve = curve_of(alg);
    if (!curve || scalar.n != (alg == ALG_P256 ? 32 : 48))
        return NULL;
    EC_GROUP *g =
        EC_GROUP_new_by_curve_name(alg == ALG_P256 ? NID_X9_62_prime256v1 : NID_secp384r1);
    BIGNUM *d = BN_bin2bn(scalar.p, (int)scalar.n, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    if (g && d && b && point_of(g, d, point, sizeof(point), &n) &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))
        key = key_from("EC", b);
    OSSL_PARAM_BLD_free(b);
    BN_clear_free(d);
    EC_GROUP_free(g);
    return key;
}

static bool public_rsa(const EVP_PKEY *key, struct out *o)
{
    uint8_t v[256];
    BIGNUM *n = NULL, *e = NULL;
    bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
              EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
              BN_num_bytes(n) <= (int)sizeof(v) && BN_num_bytes(e) <= (int)sizeof(v);
    if (ok)
        out_tlv(o, 0x81, v, (size_t)BN_bn2bin(n, v));
    if (ok)
        out_tlv(o, 0x82, v, (size_t)BN_bn2bin(e, v));
    BN_free(n);
    BN_free(e);
    return ok;
}

bool key_public(const EVP_PKEY *key, struct out *o)
{
    uint8_t point[133];
    size_t n;
    if (EVP_PKEY_is_a(key, "RSA"))
        return public_rsa(key, o);
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) !=
        1)
        return false;
    out_tlv(o, 0x86, point, n);
    return true;
}

bool key_rsa_raw(EVP_PKEY *key, struct view in, uint8_t *out, size_t *n)
{
    if (in.n != 256)
        return false;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
              EVP_PKEY_decrypt(ctx, out, n, in.p, in.n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool key_ecdh(EVP_PKEY *key, struct view point, uint8_t *out, size_t *n)
{
    size_t field = key_alg(key) == ALG_P256 ? 32 : 48;
    if (point.n != 1 + 2 * field || point.p[0] != 4)
        return false;
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    /* OpenSSL refuses a point that is not on the curve here. */
    bool ok = peer && ctx && EVP_PKEY_copy_parameters(peer, key) == 1 &&
              EVP_PKEY_set1_encoded_public_key(peer, point.p, point.n) == 1 &&
              EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, out, n) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok;
}

bool key_ecdsa(EVP_PKEY *key, struct view digest, uint8_t *out, size_t *n)
{
    if (digest.n == 0 || digest.n > (key_alg(key) == ALG_P256 ? 32 : 48))
        return false;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok =
        ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, out, n, digest.p, digest.n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static const EVP_CIPHER *cipher_of(uint8_t alg)
{
    return alg == ALG_3DES     ? EVP_des_ede3_ecb()
           : alg == ALG_AES128 ? EVP_aes_128_ecb()
           : alg == ALG_AES192 ? EVP_aes_192_ecb()
           : alg == ALG_AES256 ? EVP_aes_256_ecb()
                               : NULL;
}

size_t cipher_block(uint8_t alg)
{
    return !cipher_of(alg) ? 0 : alg == ALG_3DES ? 8 : 16;
}

size_t cipher_key_len(uint8_t alg)
{
    return cipher_of(alg) ? (size_t)EVP_CIPHER_get_key_length(cipher_of(alg)) : 0;
}

bool cipher_blocks(uint8_t alg, const uint8_t *key, bool encrypt, struct view in, uint8_t *out)
{
    int n = 0;
    size_t block = cipher_block(alg);
    if (block == 0 || in.n == 0 || in.n % block != 0 || in.n > 64)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && EVP_CipherInit_ex2(ctx, cipher_of(alg), key, NULL, encrypt, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
              EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && (size_t)n == in.n;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}
