/* SPDX-License-Identifier: Apache-2.0 */
/* From a seed to a key on P-256, and that key's half of ECDH in software: the one private key of a
 * recipient that is ever in this process. How the words are shown or typed is not here. */
#include "vault/paper.h"

#include "base/crypto.h"
#include "base/text.h"
#include "base/wipe.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#define SCALAR_LEN 32u
#define POINT_LEN 65u
/* 16 bytes more than the scalar: what the remainder then prefers is beyond all counting */
#define WIDE_LEN 48u

static int failed(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_FAILED, "the paper's key: %s failed in OpenSSL", what);
}

/* wide mod (n - 1) + 1, which is from 1 to n - 1. */
static bool reduce(const struct secret *wide, const BIGNUM *order, uint8_t *d)
{
    BN_CTX *ctx = BN_CTX_secure_new();
    BIGNUM *w = BN_secure_new(), *rest = BN_secure_new(), *mod = BN_dup(order);
    if (w)
        BN_set_flags(w, BN_FLG_CONSTTIME);
    bool ok = ctx && w && rest && mod && BN_bin2bn(wide->p, (int)wide->n, w) &&
              BN_sub_word(mod, 1) && BN_mod(rest, w, mod, ctx) && BN_add_word(rest, 1) &&
              BN_bn2binpad(rest, d, SCALAR_LEN) == SCALAR_LEN;
    BN_free(mod);
    BN_clear_free(rest);
    BN_clear_free(w);
    BN_CTX_free(ctx);
    return ok;
}

static bool multiply(const EC_GROUP *group, const struct secret *d, uint8_t point[POINT_LEN])
{
    BN_CTX *ctx = BN_CTX_secure_new();
    BIGNUM *k = BN_secure_new();
    EC_POINT *p = EC_POINT_new(group);
    bool ok = ctx && k && p && BN_bin2bn(d->p, (int)d->n, k) &&
              EC_POINT_mul(group, p, k, NULL, NULL, ctx) == 1 &&
              EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point, POINT_LEN, ctx) ==
                  POINT_LEN;
    EC_POINT_free(p);
    BN_clear_free(k);
    BN_CTX_free(ctx);
    return ok;
}

static int derive(const struct secret *seed, struct secret *d, uint8_t point[POINT_LEN],
                  struct err *e)
{
    AUTO_SECRET wide = {0};
    if (seed->n != PAPER_SEED_LEN)
        return err_set(e, ERR_USAGE, "a paper's seed has %u bytes", PAPER_SEED_LEN);
    int rc = secret_new(&wide, WIDE_LEN, e);
    if (!rc)
        rc = secret_new(d, SCALAR_LEN, e);
    if (!rc)
        rc = hkdf_sha256(bytes_of(NULL, 0), secret_bytes(seed), BYTES_LIT("coffer/v1/paper"),
                         wide.p, WIDE_LEN, e);
    if (rc)
        return rc;
    wide.n = WIDE_LEN;
    d->n = SCALAR_LEN;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (!group || !reduce(&wide, EC_GROUP_get0_order(group), d->p) || !multiply(group, d, point))
        rc = failed(e, "making it");
    EC_GROUP_free(group);
    return rc;
}

static int fill(const uint8_t *point, const char *label, struct recipient *r, struct err *e)
{
    *r = (struct recipient){.scheme = SCHEME_ECDH_P256, .kind = RECIPIENT_PAPER};
    if (!text_copy(r->label, sizeof(r->label), bytes_str(label)))
        return err_set(e, ERR_USAGE, "a label has at most %zu bytes", sizeof(r->label) - 1);
    int rc = spki_from_ec_point(bytes_of(point, POINT_LEN), &r->spki, e);
    return rc ? rc : spki_rid(&r->spki, r->rid, e);
}

int paper_from_seed(const struct secret *seed, const char *label, struct paper *out,
                    struct recipient *r, struct err *e)
{
    AUTO_SECRET d = {0};
    struct recipient made;
    uint8_t point[POINT_LEN];
    int rc = derive(seed, &d, point, e);
    if (!rc)
        rc = fill(point, label, &made, e);
    wipe_stack();
    if (rc)
        return rc;
    *r = made;
    memcpy(out->rid, made.rid, RID_LEN);
    out->d = d;
    d = (struct secret){0};
    return OK;
}

void paper_free(struct paper *p)
{
    secret_free(&p->d);
    memset(p->rid, 0, sizeof(p->rid));
}

/* OpenSSL keeps a copy of the scalar as long as the key lives; its memory is wiped when freed. */
static EVP_PKEY *key_of(const struct paper *p)
{
    char group[] = "P-256";
    uint8_t native[SCALAR_LEN];
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *d = BN_secure_new();
    if (d && ctx && BN_bin2bn(p->d.p, (int)p->d.n, d) &&
        BN_bn2nativepad(d, native, sizeof(native)) == sizeof(native)) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
            OSSL_PARAM_construct_end()};
        if (EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
            key = NULL;
    }
    mem_wipe(native, sizeof(native));
    BN_clear_free(d);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* NULL when ct is no point on the curve. */
static EVP_PKEY *peer_of(struct bytes ct)
{
    struct spki spki;
    struct err quiet;
    const uint8_t *p = spki.der;
    return spki_from_ec_point(ct, &spki, &quiet) ? NULL : d2i_PUBKEY(NULL, &p, (long)spki.n);
}

/* P-256 gives 32 bytes always; with less room OpenSSL fails. */
static bool agree(EVP_PKEY *own, EVP_PKEY *peer, struct secret *z)
{
    size_t n = z->cap;
    EVP_PKEY_CTX *ctx = own && peer ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
              EVP_PKEY_derive(ctx, z->p, &n) > 0 && n == KEM_Z_LEN;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int paper_decap(void *ctx, enum scheme s, struct bytes ct, struct secret *z, struct err *e)
{
    const struct paper *p = ctx;
    AUTO_SECRET out = {0};
    int rc = secret_new(&out, KEM_Z_LEN, e);
    if (rc)
        return rc;
    EVP_PKEY *own = s == SCHEME_ECDH_P256 ? key_of(p) : NULL, *peer = peer_of(ct);
    bool ok = agree(own, peer, &out);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    ERR_clear_error();
    wipe_stack();
    if (!ok)
        return err_set(e, ERR_TAMPERED, "the paper's key could not open the wrap");
    out.n = KEM_Z_LEN;
    *z = out;
    out = (struct secret){0};
    return OK;
}

void paper_opener(struct opener *o, struct paper *p)
{
    memcpy(o->rid, p->rid, RID_LEN);
    o->scheme = SCHEME_ECDH_P256;
    o->decap = paper_decap;
    o->ctx = p;
}
