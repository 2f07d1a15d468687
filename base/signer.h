/* SPDX-License-Identifier: Apache-2.0 */
/* The narrow seam between an exchange's rules and a key: sign these bytes, place that field here. A
 * connector sees nothing else, so one connector file serves a key in locked memory (custody
 * sealed), one unwrapped inside the token (inside) and one born there. */
#ifndef BASE_SIGNER_H
#define BASE_SIGNER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/field.h"

enum sig_alg {
    SIG_HMAC_SHA256, /* 32 bytes */
    SIG_HMAC_SHA512, /* 64 bytes */
    SIG_RSA_SHA256,  /* RSASSA-PKCS1-v1_5 with SHA-256; as long as the modulus */
    SIG_ED25519,     /* pure Ed25519, 64 bytes */
    SIG_ES256        /* ECDSA P-256 with SHA-256, raw r || s, 64 bytes */
};

#define SIG_MAX 512u

struct sig {
    uint8_t v[SIG_MAX];
    size_t n;
};

struct signer {
    enum key_type key; /* what kind of key signs */
    /* Signs msg with the key in field f (FIELD_API_SECRET or FIELD_PRIVATE_KEY_PEM). ERR_USAGE when
     * the field holds no such key. */
    int (*sign)(struct signer *, enum sig_alg, enum field_id f, struct bytes msg, struct sig *out,
                struct err *);
    /* Appends a field that goes on the wire in clear (API key, passphrase, uid). Refuses signing
     * secrets. */
    int (*place)(struct signer *, enum field_id f, struct buf *out, struct err *);
};

#endif
