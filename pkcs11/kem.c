/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's side of the wrapping schemes, on OpenSSL. Sources: NIST SP 800-56A section 5.7.1.2,
 * RFC 8017 section 7.1. Nothing here needs a private key. */
#include "pkcs11/kem.h"

#include "base/crypto.h"
#include "pkcs11/spki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

static const char *const scheme_names[SCHEME_COUNT] = {
    [SCHEME_NONE] = "none",
    [SCHEME_ECDH_P256] = "ecdh-p256",
    [SCHEME_RSA_OAEP_256] = "rsa-oaep-256",
    [SCHEME_RSA_OAEP_1] = "rsa-oaep-1",
};

const char *scheme_name(enum scheme s)
{
    return s > SCHEME_NONE && s < SCHEME_COUNT ? scheme_names[s] : scheme_names[SCHEME_NONE];
}

bool scheme_by_name(struct bytes name, enum scheme *out)
{
    for (enum scheme s = SCHEME_NONE + 1; s < SCHEME_COUNT; s++) {
        if (bytes_eq_str(name, scheme_names[s])) {
            *out = s;
            return true;
        }
    }
    return false;
}

static int crypto_failed(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_FAILED, "%s failed in OpenSSL", what);
}

static int encap_ecdh(EVP_PKEY *peer, uint8_t *ct, size_t *ct_len, struct secret *z, struct err *e)
{
    uint8_t point[EC_POINT_LEN + 1]; /* one more: an over-long answer must show */
    size_t n_point = 0, n_z = KEM_Z_LEN;
    AUTO(evp_pkey_freep) EVP_PKEY *own = EVP_EC_gen("P-256");
    if (!own || !EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                                 &n_point))
        return crypto_failed(e, "making an ephemeral key");
    if (n_point != EC_POINT_LEN || point[0] != 0x04)
        return err_set(e, ERR_FAILED, "the ephemeral key has an unexpected form");
    AUTO(evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    /* that the point is on the curve was seen when peer was made, and P-256 has no cofactor: the
     * multiplication that OpenSSL would check it with again shows nothing more */
    if (!ctx || EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) <= 0 ||
        EVP_PKEY_derive(ctx, z->p, &n_z) <= 0 || n_z > KEM_Z_LEN)
        return crypto_failed(e, "key agreement");
    memmove(z->p + KEM_Z_LEN - n_z, z->p, n_z);
    memset(z->p, 0, KEM_Z_LEN - n_z);
    memcpy(ct, point, EC_POINT_LEN);
    *ct_len = EC_POINT_LEN;
    return OK;
}

static int encap_oaep(EVP_PKEY *key, const EVP_MD *md, uint8_t *ct, size_t *ct_len,
                      struct secret *z, struct err *e)
{
    size_t n = KEM_CT_MAX;
    uint8_t out[KEM_CT_MAX];
    AUTO(evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (RAND_priv_bytes(z->p, KEM_Z_LEN) != 1)
        return crypto_failed(e, "drawing random bytes");
    if (!ctx || EVP_PKEY_encrypt_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) <= 0 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) <= 0 ||
        EVP_PKEY_encrypt(ctx, out, &n, z->p, KEM_Z_LEN) <= 0)
        return crypto_failed(e, "RSA-OAEP encryption");
    memcpy(ct, out, n);
    *ct_len = n;
    return OK;
}

int kem_encap(enum scheme s, const struct spki *key, uint8_t ct[KEM_CT_MAX], size_t *ct_len,
              struct secret *z, struct err *e)
{
    struct spki_parts parts;
    if (!spki_fits(key, s) || !spki_split(bytes_of(key->der, key->n), &parts))
        return err_set(e, ERR_USAGE, "a key of kind %s does not fit the scheme %s", spki_kind(key),
                       scheme_name(s));
    AUTO(evp_pkey_freep) EVP_PKEY *peer = spki_evp(&parts);
    if (!peer)
        return err_set(e, ERR_FORMAT, "the recipient's public key is not valid");
    AUTO_SECRET tmp = {0};
    int r = secret_new(&tmp, KEM_Z_LEN, e);
    if (r)
        return r;
    if (s == SCHEME_ECDH_P256)
        r = encap_ecdh(peer, ct, ct_len, &tmp, e);
    else
        r = encap_oaep(peer, s == SCHEME_RSA_OAEP_256 ? EVP_sha256() : EVP_sha1(), ct, ct_len, &tmp,
                       e);
    if (r)
        return r;
    tmp.n = KEM_Z_LEN;
    *z = tmp;
    tmp = (struct secret){0};
    return OK;
}
