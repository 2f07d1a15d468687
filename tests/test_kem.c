/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/kem.c and pkcs11/spki.c: what kem_encap makes is opened here by OpenSSL's private
 * operations, and keys encoded by OpenSSL are the measure for our own encoder and decoder. */
#include "pkcs11/kem.h"

#include "base/crypto.h"
#include "tests/harness.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static EVP_PKEY *ec, *rsa;

static struct bytes spki_bytes(const struct spki *k)
{
    return bytes_of(k->der, k->n);
}

/* As OpenSSL encodes it; the caller frees. */
static struct bytes openssl_der(EVP_PKEY *key)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    return bytes_of(der, n < 0 ? 0 : (size_t)n);
}

static void der_free(struct bytes v)
{
    uint8_t *p = NULL;
    memcpy(&p, &v.p, sizeof(p));
    OPENSSL_free(p);
}

static struct spki spki_of(EVP_PKEY *key)
{
    struct spki k = {0};
    struct err e;
    struct bytes der = openssl_der(key);
    OK_CALL(spki_normalise(der, &k, &e), &e);
    der_free(der);
    return k;
}

static void names(void)
{
    static const char *const all[] = {"ecdh-p256", "rsa-oaep-256", "rsa-oaep-1"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        enum scheme s = SCHEME_NONE;
        CHECK(scheme_by_name(bytes_str(all[i]), &s));
        EQ_STR(scheme_name(s), all[i]);
    }
    enum scheme s;
    CHECK(!scheme_by_name(bytes_str("none"), &s));
    CHECK(!scheme_by_name(bytes_str("rsa-pkcs1"), &s));
    CHECK(!scheme_by_name(bytes_str("ecdh-p256 "), &s));
    CHECK(!scheme_by_name((struct bytes){0}, &s));
}

static void encoder_agrees_with_openssl(void)
{
    static const unsigned sizes[] = {2048, 3072, 4096};
    static const char *const kinds[] = {"RSA 2048", "RSA 3072", "RSA 4096"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        /* Any odd number of the right size does for the encoding. */
        uint8_t n[513] = {0};
        size_t len = sizes[i] / 8;
        for (size_t j = 1; j <= len; j++)
            n[j] = (uint8_t)(0x80 | (j * 37));
        n[len] |= 1;
        struct spki k, again;
        struct err e;
        OK_CALL(spki_from_rsa(bytes_of(n, len + 1), bytes_of("\0\x01\0\x01", 4), &k, &e), &e);
        EQ_STR(spki_kind(&k), kinds[i]);
        const uint8_t *p = k.der;
        EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)k.n);
        CHECK(key && p == k.der + k.n && EVP_PKEY_get_bits(key) == (int)sizes[i]);
        struct bytes der = openssl_der(key);
        EQ_MEM(spki_bytes(&k), der);
        OK_CALL(spki_normalise(der, &again, &e), &e);
        EQ_MEM(spki_bytes(&again), spki_bytes(&k));
        der_free(der);
        EVP_PKEY_free(key);
    }
    struct spki k = spki_of(ec);
    struct bytes der = openssl_der(ec);
    EQ_MEM(spki_bytes(&k), der);
    EQ_STR(spki_kind(&k), "EC P-256");
    der_free(der);
    k = spki_of(rsa);
    der = openssl_der(rsa);
    EQ_MEM(spki_bytes(&k), der);
    der_free(der);
}

static void other_forms_are_normalised(void)
{
    struct spki want = spki_of(ec), got;
    struct err e;
    EVP_PKEY *copy = EVP_PKEY_dup(ec);
    CHECK(copy != NULL);
    CHECK(EVP_PKEY_set_utf8_string_param(copy, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                         "compressed"));
    struct bytes der = openssl_der(copy);
    CHECK(der.n == 59);
    OK_CALL(spki_normalise(der, &got, &e), &e);
    EQ_MEM(spki_bytes(&got), spki_bytes(&want));
    der_free(der);
    EVP_PKEY_free(copy);
    copy = EVP_PKEY_dup(ec);
    CHECK(EVP_PKEY_set_utf8_string_param(copy, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"));
    der = openssl_der(copy);
    CHECK(der.n > 200);
    /* Explicit parameters: taken when OpenSSL knows the curve again, else refused; never as is. */
    if (spki_normalise(der, &got, &e) == OK)
        EQ_MEM(spki_bytes(&got), spki_bytes(&want));
    else
        EQ_INT(e.code, ERR_FORMAT);
    der_free(der);
    EVP_PKEY_free(copy);
}

static void bad_keys_are_refused(void)
{
    struct spki k = spki_of(ec), out = {.n = 7};
    struct err e;
    k.der[k.n - 1] ^= 1; /* leaves the curve */
    EQ_INT(spki_normalise(spki_bytes(&k), &out, &e), ERR_FORMAT);
    CHECK(strstr(e.msg, "not on the curve") != NULL);
    EQ_INT(spki_from_ec_point(bytes_of(k.der + 26, 65), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_ec_point(bytes_of(k.der + 26, 64), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_ec_point((struct bytes){0}, &out, &e), ERR_FORMAT);
    uint8_t ct[KEM_CT_MAX]; /* nor is anything sealed to one that nobody looked at */
    size_t n_ct = 0;
    AUTO_SECRET z = {0};
    EQ_INT(kem_encap(SCHEME_ECDH_P256, &k, ct, &n_ct, &z, &e), ERR_FORMAT);
    CHECK(n_ct == 0 && z.p == NULL);
    memset(k.der + 27, 0, 64);
    EQ_INT(spki_from_ec_point(bytes_of(k.der + 26, 65), &out, &e), ERR_FORMAT);
    memset(k.der + 27, 0xff, 64);
    EQ_INT(spki_from_ec_point(bytes_of(k.der + 26, 65), &out, &e), ERR_FORMAT);
    k = spki_of(rsa);
    for (size_t n = 0; n < k.n; n++)
        EQ_INT(spki_normalise(bytes_of(k.der, n), &out, &e), ERR_FORMAT);
    uint8_t longer[SPKI_MAX + 1] = {0};
    memcpy(longer, k.der, k.n);
    EQ_INT(spki_normalise(bytes_of(longer, k.n + 1), &out, &e), ERR_FORMAT);
    uint8_t huge[2000] = {0x30, 0x82};
    EQ_INT(spki_normalise(BYTES_ARR(huge), &out, &e), ERR_FORMAT);
    EQ_INT(out.n, 7);
}

static void other_kinds_are_refused(void)
{
    struct err e;
    struct spki out;
    EVP_PKEY *keys[] = {EVP_EC_gen("P-384"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                        EVP_RSA_gen(1024), EVP_EC_gen("secp256k1")};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CHECK(keys[i] != NULL);
        struct bytes der = openssl_der(keys[i]);
        EQ_INT(spki_normalise(der, &out, &e), ERR_FORMAT);
        der_free(der);
        EVP_PKEY_free(keys[i]);
    }
    uint8_t n[257];
    memset(n, 0xa5, sizeof(n));
    struct bytes good = bytes_of(n, 256), e65537 = bytes_of("\x01\0\x01", 3);
    OK_CALL(spki_from_rsa(good, e65537, &out, &e), &e);
    OK_CALL(spki_from_rsa(good, bytes_of("\x03", 1), &out, &e), &e);
    EQ_INT(spki_from_rsa(good, bytes_of("\x01", 1), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_rsa(good, bytes_of("\x04", 1), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_rsa(good, bytes_of("", 0), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_rsa(good, bytes_of("\x01\0\0\0\0\0\0\0\x01", 9), &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_rsa(bytes_of(n, 255), e65537, &out, &e), ERR_FORMAT);
    EQ_INT(spki_from_rsa(bytes_of(n, 257), e65537, &out, &e), ERR_FORMAT);
    n[0] = 0x7f; /* 2047 bits */
    EQ_INT(spki_from_rsa(good, e65537, &out, &e), ERR_FORMAT);
    n[0] = 0xa5;
    n[255] = 0xa4; /* even */
    EQ_INT(spki_from_rsa(good, e65537, &out, &e), ERR_FORMAT);
}

static void rid_is_the_hash(void)
{
    struct spki k = spki_of(ec);
    uint8_t rid[RID_LEN], want[32];
    unsigned n = 0;
    struct err e;
    OK_CALL(spki_rid(&k, rid, &e), &e);
    CHECK(EVP_Digest(k.der, k.n, want, &n, EVP_sha256(), NULL) && n == 32);
    EQ_MEM(BYTES_ARR(rid), BYTES_ARR(want));
}

static void ecdh_opened_by_openssl(void)
{
    struct spki k = spki_of(ec);
    uint8_t last[65] = {0};
    for (int i = 0; i < 20; i++) {
        uint8_t ct[KEM_CT_MAX], z2[32];
        size_t n = 0, n2 = sizeof(z2);
        AUTO_SECRET z = {0};
        struct err e;
        OK_CALL(kem_encap(SCHEME_ECDH_P256, &k, ct, &n, &z, &e), &e);
        EQ_INT(n, 65);
        EQ_INT(z.n, KEM_Z_LEN);
        CHECK(memcmp(last, ct, 65) != 0);
        memcpy(last, ct, 65);
        EVP_PKEY *peer = EVP_PKEY_new();
        CHECK(EVP_PKEY_copy_parameters(peer, ec) && EVP_PKEY_set1_encoded_public_key(peer, ct, n));
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ec, NULL);
        CHECK(EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
              EVP_PKEY_derive(ctx, z2, &n2) > 0);
        EQ_MEM(secret_bytes(&z), bytes_of(z2, n2));
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(peer);
    }
}

static void oaep_opened_by_openssl(void)
{
    static const struct {
        enum scheme s;
        const char *md, *other;
    } rows[] = {{SCHEME_RSA_OAEP_256, "SHA256", "SHA1"}, {SCHEME_RSA_OAEP_1, "SHA1", "SHA256"}};
    struct spki k = spki_of(rsa);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int is_other = 0; is_other < 2; is_other++) {
            uint8_t ct[KEM_CT_MAX], back[512];
            size_t n = 0, n2 = sizeof(back);
            AUTO_SECRET z = {0};
            struct err e;
            const char *md = is_other ? rows[i].other : rows[i].md;
            OK_CALL(kem_encap(rows[i].s, &k, ct, &n, &z, &e), &e);
            EQ_INT(n, 256);
            EQ_INT(z.n, KEM_Z_LEN);
            EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa, NULL);
            CHECK(EVP_PKEY_decrypt_init(ctx) > 0 &&
                  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL) > 0 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, md, NULL) > 0);
            int r = EVP_PKEY_decrypt(ctx, back, &n2, ct, n);
            CHECK((r > 0) == !is_other);
            if (r > 0)
                EQ_MEM(secret_bytes(&z), bytes_of(back, n2));
            EVP_PKEY_CTX_free(ctx);
        }
    }
}

static void scheme_must_fit(void)
{
    struct spki keys[] = {spki_of(ec), spki_of(rsa), {.n = 0}};
    static const bool fits[3][SCHEME_COUNT] = {
        {[SCHEME_ECDH_P256] = true}, {[SCHEME_RSA_OAEP_256] = true, [SCHEME_RSA_OAEP_1] = true}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (enum scheme s = SCHEME_NONE; s < SCHEME_COUNT; s++) {
            uint8_t ct[KEM_CT_MAX];
            size_t n = 9;
            AUTO_SECRET z = {0};
            struct err e;
            EQ_INT(spki_fits(&keys[i], s), fits[i][s]);
            if (!fits[i][s]) {
                EQ_INT(kem_encap(s, &keys[i], ct, &n, &z, &e), ERR_USAGE);
                CHECK(n == 9 && z.p == NULL);
            }
        }
    }
}

int main(void)
{
    ec = EVP_EC_gen("P-256");
    rsa = EVP_RSA_gen(2048);
    RUN(names);
    RUN(encoder_agrees_with_openssl);
    RUN(other_forms_are_normalised);
    RUN(bad_keys_are_refused);
    RUN(other_kinds_are_refused);
    RUN(rid_is_the_hash);
    RUN(ecdh_opened_by_openssl);
    RUN(oaep_opened_by_openssl);
    RUN(scheme_must_fit);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    return harness_end();
}
