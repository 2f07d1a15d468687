/* SPDX-License-Identifier: Apache-2.0 */
/* Inside pkcs11/: the parts of a public key in normal form, and the key as OpenSSL wants it. */
#ifndef PKCS11_SPKI_H
#define PKCS11_SPKI_H

#include "pkcs11/kem.h"

#include <openssl/evp.h>

#define EC_POINT_LEN 65u

struct spki_parts {   /* borrowed from the DER */
    struct bytes point;               /* 04 || X || Y; empty for RSA */
    struct bytes modulus, exponent;   /* no leading zeros; empty for EC */
};

/* false when der is not in normal form. Does not check that the point is on the curve. */
bool spki_split(struct bytes der, struct spki_parts *out) MUST_USE;
/* The caller frees. NULL when the key is not valid (for EC: not on the curve). */
EVP_PKEY *spki_evp(const struct spki_parts *parts) MUST_USE;
bool ec_point_is_valid(struct bytes uncompressed) MUST_USE;
void evp_pkey_freep(EVP_PKEY **k);
void evp_pkey_ctx_freep(EVP_PKEY_CTX **c);

#endif
