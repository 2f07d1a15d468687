/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation and wrapping. Each label and each field that a key depends on is length-prefixed,
 * so that no two different inputs make the same bytes. */
#include "vault/seal.h"

#include "base/crypto.h"

#define INFO_MAX 1024u

static void lp(struct buf *b, struct bytes v)
{
    const uint8_t n[4] = {(uint8_t)(v.n >> 24), (uint8_t)(v.n >> 16), (uint8_t)(v.n >> 8),
                          (uint8_t)v.n};
    buf_add(b, BYTES_ARR(n));
    buf_add(b, v);
}

static void lp_u64(struct buf *b, uint64_t v)
{
    uint8_t be[8];
    for (unsigned i = 0; i < 8; i++)
        be[i] = (uint8_t)(v >> (56 - 8 * i));
    lp(b, BYTES_ARR(be));
}

static int wrap_key(const struct wrap_for *f, enum scheme s, const uint8_t rid[RID_LEN],
                    struct bytes ct, struct bytes z, uint8_t kek[GCM_KEY_LEN], struct err *e)
{
    AUTO_BUF info = BUF_INIT(INFO_MAX);
    lp(&info, BYTES_LIT("coffer/v1/wrap"));
    lp(&info, bytes_str(scheme_name(s)));
    lp(&info, bytes_str(f->purpose));
    lp(&info, bytes_of(f->vault_id, VAULT_ID_LEN));
    lp(&info, bytes_of(f->id, VAULT_ID_LEN));
    lp_u64(&info, f->version);
    lp(&info, bytes_of(rid, RID_LEN));
    lp(&info, ct);
    int r = buf_check(&info, "wrap label", e);
    if (r)
        return r;
    return hkdf_sha256(bytes_of(f->vault_id, VAULT_ID_LEN), z, buf_bytes(&info), kek, GCM_KEY_LEN,
                       e);
}

/* KEK is used for one message only, so the nonce may be constant. */
static const uint8_t nonce_zero[GCM_NONCE_LEN];

int wrap_make(const struct wrap_for *f, const struct recipient *r, struct bytes key,
              struct wrapped *out, struct err *e)
{
    AUTO_SECRET z = {0};
    struct wrapped w = {.n = 0};
    int rc = kem_encap(r->scheme, &r->spki, w.v, &w.n, &z, e);
    if (rc)
        return rc;
    uint8_t kek[GCM_KEY_LEN];
    rc = wrap_key(f, r->scheme, r->rid, bytes_of(w.v, w.n), secret_bytes(&z), kek, e);
    if (!rc)
        rc = gcm_seal(kek, nonce_zero, bytes_of(NULL, 0), key, w.v + w.n, e);
    mem_wipe(kek, sizeof(kek));
    if (rc)
        return rc;
    w.n += key.n + GCM_TAG_LEN;
    *out = w;
    return OK;
}

int wrap_open(const struct wrap_for *f, const struct opener *o, const struct wrapped *w,
              size_t key_len, struct secret *key, struct err *e)
{
    if (w->n <= key_len + GCM_TAG_LEN)
        return err_set(e, ERR_TAMPERED, "the wrap is too short");
    size_t ct_len = w->n - key_len - GCM_TAG_LEN;
    AUTO_SECRET z = {0};
    int r = o->decap(o->ctx, o->scheme, bytes_of(w->v, ct_len), &z, e);
    if (r)
        return r;
    AUTO_SECRET k = {0};
    r = secret_new(&k, key_len, e);
    if (r)
        return r;
    uint8_t kek[GCM_KEY_LEN];
    r = wrap_key(f, o->scheme, o->rid, bytes_of(w->v, ct_len), secret_bytes(&z), kek, e);
    if (!r)
        r = gcm_open(kek, nonce_zero, bytes_of(NULL, 0),
                     bytes_of(w->v + ct_len, key_len + GCM_TAG_LEN), k.p, e);
    mem_wipe(kek, sizeof(kek));
    if (r == ERR_TAMPERED)
        err_set(e, r, "the sealing key could not open the wrap");
    if (r)
        return r;
    k.n = key_len;
    *key = k;
    k = (struct secret){0};
    return OK;
}

int vault_mac(const uint8_t id[VAULT_ID_LEN], struct bytes vk, struct bytes body,
              uint8_t out[SHA256_LEN], struct err *e)
{
    uint8_t key[32];
    int r = hkdf_sha256(bytes_of(id, VAULT_ID_LEN), vk, BYTES_LIT("coffer/v1/mac/vault"), key,
                        sizeof(key), e);
    if (!r)
        r = hmac_sha256(BYTES_ARR(key), body, out, e);
    mem_wipe(key, sizeof(key));
    return r;
}

int vault_fp(const uint8_t id[VAULT_ID_LEN], struct bytes vk, uint8_t out[FINGERPRINT_LEN],
             struct err *e)
{
    return hkdf_sha256(bytes_of(id, VAULT_ID_LEN), vk, BYTES_LIT("coffer/v1/fingerprint"), out,
                       FINGERPRINT_LEN, e);
}

static int audit_kek(const uint8_t id[VAULT_ID_LEN], struct bytes vk, uint8_t k[GCM_KEY_LEN],
                     struct err *e)
{
    return hkdf_sha256(bytes_of(id, VAULT_ID_LEN), vk, BYTES_LIT("coffer/v1/audit-key"), k,
                       GCM_KEY_LEN, e);
}

int audit_key_open(const uint8_t id[VAULT_ID_LEN], struct bytes vk,
                   const uint8_t sealed[AUDIT_KEY_LEN], struct secret *key, struct err *e)
{
    uint8_t k[GCM_KEY_LEN];
    int r = secret_new(key, 32, e);
    if (!r)
        r = audit_kek(id, vk, k, e);
    if (!r)
        r = gcm_open(k, sealed, BYTES_LIT("coffer/v1/audit-key"),
                     bytes_of(sealed + GCM_NONCE_LEN, AUDIT_KEY_LEN - GCM_NONCE_LEN), key->p, e);
    mem_wipe(k, sizeof(k));
    if (r) {
        secret_free(key);
        return r;
    }
    key->n = 32;
    return OK;
}

int audit_key_seal(const uint8_t id[VAULT_ID_LEN], struct bytes vk, const uint8_t nonce[12],
                   const uint8_t key[32], uint8_t out[AUDIT_KEY_LEN], struct err *e)
{
    uint8_t k[GCM_KEY_LEN];
    int r = audit_kek(id, vk, k, e);
    if (!r)
        r = gcm_seal(k, nonce, BYTES_LIT("coffer/v1/audit-key"), bytes_of(key, 32),
                     out + GCM_NONCE_LEN, e);
    mem_wipe(k, sizeof(k));
    if (!r)
        memcpy(out, nonce, GCM_NONCE_LEN);
    return r;
}

int record_key(const struct record_info *r, struct bytes vk_dek, uint8_t out[GCM_KEY_LEN],
               struct err *e)
{
    AUTO_BUF info = BUF_INIT(INFO_MAX);
    lp(&info, BYTES_LIT("coffer/v1/record"));
    lp(&info, bytes_of(r->rec_id, REC_ID_LEN));
    lp_u64(&info, r->version);
    int rc = buf_check(&info, "record label", e);
    if (rc)
        return rc;
    return hkdf_sha256(bytes_of(r->vault_id, VAULT_ID_LEN), vk_dek, buf_bytes(&info), out,
                       GCM_KEY_LEN, e);
}
