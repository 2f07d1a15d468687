/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's private-key operations, by OpenSSL, and what the script makes of their results. */
#include "tests/mock/mock.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#define VALUE_MAX 8192u

/* v has room for VALUE_MAX bytes, n of them are real. */
static size_t value_bend(bool is_z, uint8_t *v, size_t n)
{
    struct bend b = bend_value(is_z);
    if (b.how == BEND_WRONG && n)
        v[n - 1] ^= 1;
    if (b.how != BEND_LEN)
        return n;
    size_t want = b.n < VALUE_MAX ? b.n : VALUE_MAX;
    if (want > n)
        memset(v + n, 0x5a, want - n);
    return want;
}

static EVP_PKEY *peer_of(const EVP_PKEY *own, const uint8_t *point, size_t n)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    if (peer && EVP_PKEY_copy_parameters(peer, own) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, point, n) == 1)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

static size_t ecdh(EVP_PKEY *own, const uint8_t *point, size_t n, uint8_t *z)
{
    size_t len = 32;
    EVP_PKEY *peer = peer_of(own, point, n);
    EVP_PKEY_CTX *c = peer ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    if (!c || EVP_PKEY_derive_init(c) <= 0 || EVP_PKEY_derive_set_peer(c, peer) <= 0 ||
        EVP_PKEY_derive(c, z, &len) <= 0)
        len = 0;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
    return len;
}

CK_RV derive(struct session *s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE *out)
{
    uint8_t z[VALUE_MAX];
    const CK_ECDH1_DERIVE_PARAMS *p = m->pParameter;
    const struct key *k = key_of(key);
    if (!is_logged_in())
        return CKR_USER_NOT_LOGGED_IN;
    if (!k)
        return CKR_KEY_HANDLE_INVALID;
    if (k->is_rsa)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (m->mechanism != CKM_ECDH1_DERIVE)
        return CKR_MECHANISM_INVALID;
    if (!p || p->kdf != CKD_NULL)
        return CKR_MECHANISM_PARAM_INVALID;
    size_t n = ecdh(k->pkey, p->pPublicData, p->ulPublicDataLen, z);
    if (!n)
        return CKR_MECHANISM_PARAM_INVALID;
    n = value_bend(true, z, n);
    *out = secret_add(s->h, z, n);
    memset(z, 0, sizeof(z));
    return *out == CK_INVALID_HANDLE ? CKR_DEVICE_MEMORY : CKR_OK;
}

CK_RV decrypt_start(struct session *s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    const CK_RSA_PKCS_OAEP_PARAMS *p = m->pParameter;
    const struct key *k = key_of(key);
    if (s->is_decrypting)
        return CKR_OPERATION_ACTIVE;
    if (!is_logged_in())
        return CKR_USER_NOT_LOGGED_IN;
    if (!k)
        return CKR_KEY_HANDLE_INVALID;
    if (!k->is_rsa)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (m->mechanism != CKM_RSA_PKCS_OAEP)
        return CKR_MECHANISM_INVALID;
    bool is_256 = p && p->hashAlg == CKM_SHA256 && p->mgf == CKG_MGF1_SHA256;
    if (!is_256 && !(p && p->hashAlg == CKM_SHA_1 && p->mgf == CKG_MGF1_SHA1))
        return CKR_MECHANISM_PARAM_INVALID;
    s->is_decrypting = true;
    s->is_sha256 = is_256;
    s->key = key;
    return CKR_OK;
}

static size_t oaep(EVP_PKEY *own, bool is_256, const uint8_t *in, size_t n, uint8_t *out)
{
    size_t len = VALUE_MAX;
    const EVP_MD *md = is_256 ? EVP_sha256() : EVP_sha1();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
    if (!c || EVP_PKEY_decrypt_init(c) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(c, md) <= 0 || EVP_PKEY_CTX_set_rsa_mgf1_md(c, md) <= 0 ||
        EVP_PKEY_decrypt(c, out, &len, in, n) <= 0)
        len = 0;
    EVP_PKEY_CTX_free(c);
    return len;
}

CK_RV decrypt_end(struct session *s, const unsigned char *in, CK_ULONG n, unsigned char *out,
                  CK_ULONG *n_out)
{
    uint8_t v[VALUE_MAX];
    const struct key *k = s->is_decrypting ? key_of(s->key) : NULL;
    if (!k)
        return CKR_OPERATION_NOT_INITIALIZED;
    size_t len = oaep(k->pkey, s->is_sha256, in, n, v), room = *n_out;
    s->is_decrypting = set.stuck && !len;
    if (!len)
        return CKR_ENCRYPTED_DATA_INVALID;
    len = value_bend(false, v, len);
    memcpy(out, v, len < room ? len : room); /* more than fits is only told */
    *n_out = len;
    memset(v, 0, sizeof(v));
    return CKR_OK;
}

static const CK_ATTRIBUTE *wanted(const CK_ATTRIBUTE *a, CK_ULONG n, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (a[i].type == type && a[i].ulValueLen < 64)
            return &a[i];
    return NULL;
}

CK_RV pair_make(struct session *s, const CK_MECHANISM *m, const CK_ATTRIBUTE *private, CK_ULONG n,
                CK_OBJECT_HANDLE *public_out, CK_OBJECT_HANDLE *private_out)
{
    const CK_ATTRIBUTE *id = wanted(private, n, CKA_ID), *label = wanted(private, n, CKA_LABEL);
    struct made *made = NULL;
    CK_ULONG got = 0;
    if (!s->is_rw)
        return CKR_SESSION_READ_ONLY;
    if (!is_logged_in())
        return CKR_USER_NOT_LOGGED_IN;
    if (m->mechanism != CKM_EC_KEY_PAIR_GEN)
        return CKR_MECHANISM_INVALID;
    for (size_t i = 0; i < MADE_MAX; i++)
        made = state->made[i].n_der ? made : &state->made[i];
    if (!made || !id || !label)
        return made ? CKR_TEMPLATE_INCOMPLETE : CKR_DEVICE_MEMORY;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    unsigned char *to = made->der;
    made->n_der = pkey ? (uint64_t)i2d_PrivateKey(pkey, &to) : 0;
    EVP_PKEY_free(pkey);
    memcpy(made->id, id->pValue, id->ulValueLen);
    made->n_id = id->ulValueLen;
    memcpy(made->label, label->pValue, label->ulValueLen);
    made->label[label->ulValueLen] = 0;
    keys_forget();
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof(class)}, *id, *label};
    struct session look = {0};
    if (find_start(&look, match, COUNT(match)) == CKR_OK)
        find_next(&look, private_out, 1, &got);
    session_clear(&look);
    *public_out = *private_out + 1;
    return got ? CKR_OK : CKR_GENERAL_ERROR;
}
