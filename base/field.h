/* SPDX-License-Identifier: Apache-2.0 */
/* The closed list of parts that an exchange credential can have, and the kinds of key that sign.
 * Sealed values are stored ready for use: HMAC keys as the raw key bytes, private keys as PKCS#8
 * DER, the rest as text. */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/attr.h"
#include "base/bytes.h"

enum field_id {
    FIELD_API_KEY,
    FIELD_API_SECRET,
    FIELD_PASSPHRASE,
    FIELD_UID,
    FIELD_PRIVATE_KEY_PEM,
    FIELD_WALLET,
    FIELD_LOGIN,
    FIELD_COUNT
};

enum key_type { KEY_NONE, KEY_HMAC, KEY_RSA, KEY_ED25519, KEY_EC_P256, KEY_TYPE_COUNT };

const char *field_name(enum field_id f); /* "api_key" ... */
/* By name; with_aliases also memo, apiKey, secret, password, privateKey, name (what clients and
 * exchanges call them). */
bool field_by_name(struct bytes name, bool with_aliases, enum field_id *out) MUST_USE;
const char *key_type_name(enum key_type k); /* "hmac", "rsa", "ed25519", "ec-p256" */
bool key_type_by_name(struct bytes name, enum key_type *out) MUST_USE;

#endif
