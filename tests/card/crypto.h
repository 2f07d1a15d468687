/* SPDX-License-Identifier: Apache-2.0 */
/* What the card needs of OpenSSL: keys of three kinds, their raw operations, certificates. Every
 * call takes foreign bytes and says false where they are no good. */
#ifndef TESTS_CARD_CRYPTO_H
#define TESTS_CARD_CRYPTO_H

#include "tests/card/card.h"

/* NULL for an algorithm that the card does not have. */
EVP_PKEY *key_generate(uint8_t alg);
EVP_PKEY *key_import_rsa(struct view p, struct view q);
EVP_PKEY *key_import_ec(uint8_t alg, struct view scalar);
uint8_t key_alg(const EVP_PKEY *key); /* 0: none of ours */
/* 81 modulus 82 exponent, or 86 point. */
bool key_public(const EVP_PKEY *key, struct out *o);

bool key_rsa_raw(EVP_PKEY *key, struct view in, uint8_t *out, size_t *n);
bool key_ecdh(EVP_PKEY *key, struct view point, uint8_t *out, size_t *n);
bool key_ecdsa(EVP_PKEY *key, struct view digest, uint8_t *out, size_t *n);
/* One or more blocks of the management key's cipher. */
bool cipher_blocks(uint8_t alg, const uint8_t *key, bool encrypt, struct view in, uint8_t *out);
size_t cipher_block(uint8_t alg); /* 0: no such cipher */
size_t cipher_key_len(uint8_t alg);

/* DER into o. Self-signed where signer is subject's own key. */
bool certificate_make(EVP_PKEY *subject, const char *name, EVP_PKEY *signer, const char *issuer,
                      struct out *o);
bool attestation_make(const struct card *c, size_t index, struct out *o);

#endif
