/* SPDX-License-Identifier: Apache-2.0 */
/* The public half of the wrapping schemes: what anyone can do with a recipient's public key, no
 * token needed. The private half is token_decap. Source: vault/FORMAT.md, section "Wraps". */
#ifndef PKCS11_KEM_H
#define PKCS11_KEM_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

enum scheme { SCHEME_NONE, SCHEME_ECDH_P256, SCHEME_RSA_OAEP_256, SCHEME_RSA_OAEP_1, SCHEME_COUNT };

#define KEM_CT_MAX 512u    /* RSA-4096 */
#define KEM_Z_LEN 32u
#define SPKI_MAX 600u      /* SubjectPublicKeyInfo of RSA-4096 is 550 bytes */
#define RID_LEN 32u

const char *scheme_name(enum scheme s);   /* "ecdh-p256", "rsa-oaep-256", "rsa-oaep-1" */
bool scheme_by_name(struct bytes name, enum scheme *out) MUST_USE;

/* A public key in normal form: named curve, uncompressed point; or RSA of 2048, 3072 or 4096 bits
 * with an odd exponent from 3 to 2^64. */
struct spki {
    uint8_t der[SPKI_MAX];
    size_t n;
};

/* Checks (point on the curve, size of the modulus) and normalises. ERR_FORMAT otherwise. */
int spki_normalise(struct bytes der, struct spki *out, struct err *e) MUST_USE;
int spki_from_ec_point(struct bytes uncompressed, struct spki *out, struct err *e) MUST_USE;
/* Both big-endian; leading zero bytes are dropped. */
int spki_from_rsa(struct bytes modulus, struct bytes exponent, struct spki *out,
                  struct err *e) MUST_USE;
/* rid = SHA-256(der). */
int spki_rid(const struct spki *k, uint8_t rid[RID_LEN], struct err *e) MUST_USE;
bool spki_fits(const struct spki *k, enum scheme s) MUST_USE;   /* the key can do the scheme */
const char *spki_kind(const struct spki *k);                    /* "EC P-256", "RSA 2048" ... */

/* Makes a fresh shared value for the owner of key: ct goes on disk, z[KEM_Z_LEN] into a secret made
 * here. ERR_USAGE when the key does not fit the scheme. */
int kem_encap(enum scheme s, const struct spki *key, uint8_t ct[KEM_CT_MAX], size_t *ct_len,
              struct secret *z, struct err *e) MUST_USE;

#endif
