/* SPDX-License-Identifier: Apache-2.0 */
/* The symmetric primitives that the formats name, each one call, on top of OpenSSL's EVP.
 * Sources: FIPS 180-4, RFC 2104, RFC 5869, NIST SP 800-38D. Every failure is ERR_FAILED unless said
 * otherwise. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

#define SHA256_LEN 32u
#define GCM_KEY_LEN 32u
#define GCM_NONCE_LEN 12u
#define GCM_TAG_LEN 16u

int sha256(struct bytes in, uint8_t out[SHA256_LEN], struct err *e) MUST_USE;
/* Over a || b. */
int sha256_2(struct bytes a, struct bytes b, uint8_t out[SHA256_LEN], struct err *e) MUST_USE;
int hmac_sha256(struct bytes key, struct bytes in, uint8_t out[32], struct err *e) MUST_USE;
int hmac_sha512(struct bytes key, struct bytes in, uint8_t out[64], struct err *e) MUST_USE;
/* RFC 5869 extract and expand; out[n], n at most 255 * 32. */
int hkdf_sha256(struct bytes salt, struct bytes ikm, struct bytes info, uint8_t *out, size_t n,
                struct err *e) MUST_USE;
/* out gets in.n + GCM_TAG_LEN bytes: ciphertext || tag. */
int gcm_seal(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad,
             struct bytes in, uint8_t *out, struct err *e) MUST_USE;
/* in is ciphertext || tag; out gets in.n - GCM_TAG_LEN bytes, wiped again when the tag does not
 * hold. ERR_TAMPERED then. */
int gcm_open(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad,
             struct bytes in, uint8_t *out, struct err *e) MUST_USE;
bool mem_eq(const void *a, const void *b, size_t n); /* constant time */
void mem_wipe(void *p, size_t n);

#endif
