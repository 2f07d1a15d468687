/* SPDX-License-Identifier: Apache-2.0 */
/* The private half of the wrapping schemes in OpenSSL, for tests only. */
#include "tests/softkey.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

static EVP_PKEY *peer_of(struct bytes point)
{
    EVP_PKEY *peer = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &peer, EVP_PKEY_PUBLIC_KEY, params) != 1)
        peer = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    return peer;
}

static bool derive(EVP_PKEY *key, struct bytes point, uint8_t *z, size_t *n)
{
    EVP_PKEY *peer = peer_of(point);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = peer && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, z, n) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok;
}

static bool decrypt(EVP_PKEY *key, const char *md, struct bytes ct, uint8_t *z, size_t *n)
{
    uint8_t big[512];
    size_t len = sizeof(big);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, md, NULL) == 1 &&
              EVP_PKEY_decrypt(ctx, big, &len, ct.p, ct.n) == 1 && len == *n;
    if (ok)
        memcpy(z, big, len);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int softkey_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z,
                         struct err *e)
{
    struct softkey *k = ctx;
    uint8_t v[KEM_Z_LEN];
    size_t n = sizeof(v);
    k->n_ops++;
    bool ok = s == SCHEME_ECDH_P256
                  ? derive(k->key, ct, v, &n)
                  : decrypt(k->key, s == SCHEME_RSA_OAEP_1 ? "SHA1" : "SHA256", ct, v, &n);
    if (!ok || n != sizeof(v))
        return err_set(e, ERR_TAMPERED, "the token could not open the wrap");
    return secret_copy(z, bytes_of(v, n), e);
}

void softkey_new(struct softkey *k, const char *kind, enum scheme scheme, const char *label)
{
    struct err e;
    uint8_t *der = NULL;
    *k = (struct softkey){.key = strcmp(kind, "RSA") == 0
                                     ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                     : EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind)};
    int n = k->key ? i2d_PUBKEY(k->key, &der) : -1;
    if (n < 0 || spki_normalise(bytes_of(der, (size_t)n), &k->recipient.spki, &e) ||
        spki_rid(&k->recipient.spki, k->recipient.rid, &e))
        abort();
    OPENSSL_free(der);
    k->recipient.scheme = k->opener.scheme = scheme;
    k->recipient.tested = true;
    snprintf(k->recipient.label, sizeof(k->recipient.label), "%s", label);
    snprintf(k->recipient.serial, sizeof(k->recipient.serial), "0123456789abcdef");
    k->recipient.key_id[0] = 1;
    k->recipient.key_id_len = 1;
    memcpy(k->opener.rid, k->recipient.rid, RID_LEN);
    k->opener.decap = softkey_decap;
    k->opener.ctx = k;
}

void softkey_free(struct softkey *k)
{
    EVP_PKEY_free(k->key);
    k->key = NULL;
}
