/* SPDX-License-Identifier: Apache-2.0 */
/* EVP behind one call each. Keys in a token, and signatures by key pairs, are not here. */
#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <limits.h>
#include <pthread.h>

/* Reasons are OpenSSL's fixed texts; the queue is left empty for the next caller. */
static int fail(struct err *e, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return why ? err_set(e, ERR_FAILED, "OpenSSL: %s: %s", what, why)
               : err_set(e, ERR_FAILED, "OpenSSL: %s failed", what);
}

/* OpenSSL takes a null pointer for "not given", which an empty value is not. */
static const uint8_t *some(struct bytes v)
{
    static const uint8_t nothing[1];
    return v.p ? v.p : nothing;
}

static void md_ctx_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static void kdf_ctx_freep(EVP_KDF_CTX **c)
{
    EVP_KDF_CTX_free(*c);
}

static void cipher_ctx_freep(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

#define HMAC_BLOCK_MAX 128u

/* The algorithms, fetched once a process: they hold no key and are only read afterwards. */
static struct algs {
    EVP_MD *sha256, *sha512;
    EVP_CIPHER *gcm;
    EVP_KDF *hkdf;
} algs;
static pthread_once_t algs_once = PTHREAD_ONCE_INIT;

static void fetch_algs(void)
{
    algs.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    algs.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
    algs.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algs.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
}

static const struct algs *get_algs(void)
{
    pthread_once(&algs_once, fetch_algs);
    return &algs;
}

int sha256(struct bytes in, uint8_t out[SHA256_LEN], struct err *e)
{
    return sha256_2(in, (struct bytes){0}, out, e);
}

int sha256_2(struct bytes a, struct bytes b, uint8_t out[SHA256_LEN], struct err *e)
{
    AUTO(md_ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t md[SHA256_LEN];

    if (!c || !EVP_DigestInit_ex2(c, get_algs()->sha256, NULL) ||
        !EVP_DigestUpdate(c, some(a), a.n) ||
        !EVP_DigestUpdate(c, some(b), b.n) || !EVP_DigestFinal_ex(c, md, NULL))
        return fail(e, "SHA-256");
    memcpy(out, md, sizeof(md));
    mem_wipe(md, sizeof(md));
    return OK;
}

/* One half of RFC 2104: H(key ^ fill || in). pad holds the key, padded to a block. */
static bool hmac_half(EVP_MD_CTX *c, const EVP_MD *md, uint8_t pad[HMAC_BLOCK_MAX], size_t block,
                      uint8_t fill, struct bytes in, uint8_t *out)
{
    for (size_t i = 0; i < block; i++)
        pad[i] ^= fill;
    bool ok = EVP_DigestInit_ex2(c, md, NULL) && EVP_DigestUpdate(c, pad, block) &&
              EVP_DigestUpdate(c, some(in), in.n) && EVP_DigestFinal_ex(c, out, NULL);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= fill;
    return ok;
}

/* RFC 2104 over the digest: setting up OpenSSL's EVP_MAC costs more than the MAC. */
static int hmac(const EVP_MD *md, size_t block, struct bytes key, struct bytes in, uint8_t *out,
                size_t n, struct err *e)
{
    AUTO(md_ctx_freep) EVP_MD_CTX *c = md ? EVP_MD_CTX_new() : NULL;
    uint8_t pad[HMAC_BLOCK_MAX] = {0}, inner[64], mac[64];
    bool ok = c != NULL;
    if (ok && key.n > block)
        ok = EVP_DigestInit_ex2(c, md, NULL) && EVP_DigestUpdate(c, key.p, key.n) &&
             EVP_DigestFinal_ex(c, pad, NULL);
    else if (ok && key.n)
        memcpy(pad, key.p, key.n);
    ok = ok && hmac_half(c, md, pad, block, 0x36, in, inner) &&
         hmac_half(c, md, pad, block, 0x5c, bytes_of(inner, n), mac);
    if (ok)
        memcpy(out, mac, n);
    mem_wipe(pad, sizeof(pad));
    mem_wipe(inner, sizeof(inner));
    mem_wipe(mac, sizeof(mac));
    return ok ? OK : fail(e, "HMAC");
}

int hmac_sha256(struct bytes key, struct bytes in, uint8_t out[32], struct err *e)
{
    return hmac(get_algs()->sha256, 64, key, in, out, 32, e);
}

int hmac_sha512(struct bytes key, struct bytes in, uint8_t out[64], struct err *e)
{
    return hmac(get_algs()->sha512, 128, key, in, out, 64, e);
}

static OSSL_PARAM octets(const char *name, struct bytes v)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)some(v), v.n);
}

int hkdf_sha256(struct bytes salt, struct bytes ikm, struct bytes info, uint8_t *out, size_t n,
                struct err *e)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_KEY, ikm),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };

    if (n == 0 || n > 255u * SHA256_LEN)
        return err_set(e, ERR_LIMIT, "HKDF gives 1 to %u bytes", 255u * SHA256_LEN);
    EVP_KDF *kdf = get_algs()->hkdf;
    AUTO(kdf_ctx_freep) EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    if (!c || EVP_KDF_derive(c, out, n, params) <= 0) {
        mem_wipe(out, n);
        return fail(e, "HKDF");
    }
    return OK;
}

int gcm_seal(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad,
             struct bytes in, uint8_t *out, struct err *e)
{
    AUTO(cipher_ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;

    if (in.n > INT_MAX - GCM_TAG_LEN || aad.n > INT_MAX)
        return err_set(e, ERR_LIMIT, "too long to encrypt");
    if (!c || !EVP_EncryptInit_ex2(c, get_algs()->gcm, key, nonce, NULL) ||
        (aad.n > 0 && !EVP_EncryptUpdate(c, NULL, &n, aad.p, (int)aad.n)) ||
        (in.n > 0 && !EVP_EncryptUpdate(c, out, &n, in.p, (int)in.n)) ||
        !EVP_EncryptFinal_ex(c, out + in.n, &n) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, out + in.n) <= 0) {
        mem_wipe(out, in.n + GCM_TAG_LEN);
        return fail(e, "AES-GCM");
    }
    return OK;
}

int gcm_open(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad,
             struct bytes in, uint8_t *out, struct err *e)
{
    AUTO(cipher_ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t tag[GCM_TAG_LEN], none[GCM_TAG_LEN];
    int n = 0;

    if (in.n < GCM_TAG_LEN)
        return err_set(e, ERR_TAMPERED, "the ciphertext is shorter than its tag");
    if (in.n > INT_MAX || aad.n > INT_MAX)
        return err_set(e, ERR_LIMIT, "too long to decrypt");
    size_t n_text = in.n - GCM_TAG_LEN;
    memcpy(tag, in.p + n_text, sizeof(tag));
    if (!c || !EVP_DecryptInit_ex2(c, get_algs()->gcm, key, nonce, NULL) ||
        (aad.n > 0 && !EVP_DecryptUpdate(c, NULL, &n, aad.p, (int)aad.n)) ||
        (n_text > 0 && !EVP_DecryptUpdate(c, out, &n, in.p, (int)n_text)) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag) <= 0) {
        mem_wipe(out, n_text);
        return fail(e, "AES-GCM");
    }
    if (EVP_DecryptFinal_ex(c, none, &n) <= 0) {
        mem_wipe(out, n_text);
        ERR_clear_error();
        return err_set(e, ERR_TAMPERED, "the authentication tag does not hold");
    }
    return OK;
}

bool mem_eq(const void *a, const void *b, size_t n)
{
    return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}

void mem_wipe(void *p, size_t n)
{
    if (n > 0)
        OPENSSL_cleanse(p, n);
}
