/* SPDX-License-Identifier: Apache-2.0 */
/* The signer of memsigner.h. */
#include "tests/memsigner.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <openssl/ecdsa.h>

static int sign_hmac(struct bytes key, const EVP_MD *md, struct bytes msg, struct sig *out)
{
    unsigned n = 0;
    if (!HMAC(md, key.p, (int)key.n, msg.p, msg.n, out->v, &n))
        return -1;
    out->n = n;
    return 0;
}

/* DER of a signature to r || s. */
static int der_to_raw(struct sig *s)
{
    const unsigned char *p = s->v;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)s->n);
    int rc = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), s->v, 32) == 32 &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(sig), s->v + 32, 32) == 32
                 ? 0
                 : -1;
    s->n = 64;
    ECDSA_SIG_free(sig);
    return rc;
}

static int sign_pkey(struct bytes der, enum sig_alg alg, struct bytes msg, struct sig *out)
{
    const unsigned char *p = der.p;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = alg == SIG_ED25519 ? NULL : EVP_sha256();
    out->n = sizeof(out->v);
    int rc = pkey && ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1 &&
                     EVP_DigestSign(ctx, out->v, &out->n, msg.p, msg.n) == 1
                 ? 0
                 : -1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return rc ? rc : alg == SIG_ES256 ? der_to_raw(out) : 0;
}

static int mem_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                    struct sig *out, struct err *e)
{
    struct memsigner *m = (struct memsigner *)s;
    static const enum key_type keys[] = {
        [SIG_HMAC_SHA256] = KEY_HMAC, [SIG_HMAC_SHA512] = KEY_HMAC, [SIG_RSA_SHA256] = KEY_RSA,
        [SIG_ED25519] = KEY_ED25519,  [SIG_ES256] = KEY_EC_P256,
    };
    struct bytes key = secret_bytes(&m->fields[f]);
    int rc;
    if (keys[alg] != s->key || !key.p)
        return err_set(e, ERR_USAGE, "field %s holds no such key", field_name(f));
    if (alg == SIG_HMAC_SHA256 || alg == SIG_HMAC_SHA512)
        rc = sign_hmac(key, alg == SIG_HMAC_SHA256 ? EVP_sha256() : EVP_sha512(), msg, out);
    else
        rc = sign_pkey(key, alg, msg, out);
    m->n_signed++;
    return rc ? err_set(e, ERR_FAILED, "test signer failed") : OK;
}

static int mem_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    struct memsigner *m = (struct memsigner *)s;
    if (f == FIELD_API_SECRET || f == FIELD_PRIVATE_KEY_PEM || !m->fields[f].p)
        return err_set(e, ERR_USAGE, "field %s cannot be placed", field_name(f));
    buf_add(out, secret_bytes(&m->fields[f]));
    return OK;
}

void memsigner_init(struct memsigner *m, const struct secret *fields, enum key_type key)
{
    *m = (struct memsigner){
        .base = {.key = key, .sign = mem_sign, .place = mem_place},
        .fields = fields,
    };
}
