/* SPDX-License-Identifier: Apache-2.0 */
/* Names of fields and key types. What a field's value must look like is each connector's own. */
#include "base/field.h"

static const char *const names[FIELD_COUNT] = {
    [FIELD_API_KEY] = "api_key",
    [FIELD_API_SECRET] = "api_secret",
    [FIELD_PASSPHRASE] = "passphrase",
    [FIELD_UID] = "uid",
    [FIELD_PRIVATE_KEY_PEM] = "private_key_pem",
    [FIELD_WALLET] = "wallet",
    [FIELD_LOGIN] = "login",
};

/* BitMart's word for the uid, ccxt's names, and those of Coinbase's key file. */
static const struct {
    const char *name;
    enum field_id field;
} aliases[] = {
    {"memo", FIELD_UID},
    {"apiKey", FIELD_API_KEY},
    {"secret", FIELD_API_SECRET},
    {"password", FIELD_PASSPHRASE},
    {"privateKey", FIELD_PRIVATE_KEY_PEM},
    {"name", FIELD_API_KEY},
    {"id", FIELD_API_KEY},
};

static const char *const key_types[KEY_TYPE_COUNT] = {
    [KEY_NONE] = "none",       [KEY_HMAC] = "hmac",       [KEY_RSA] = "rsa",
    [KEY_ED25519] = "ed25519", [KEY_EC_P256] = "ec-p256",
};

const char *field_name(enum field_id f)
{
    return (unsigned)f < FIELD_COUNT ? names[f] : "unknown";
}

bool field_by_name(struct bytes name, bool with_aliases, enum field_id *out)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (bytes_eq_str(name, names[i])) {
            *out = (enum field_id)i;
            return true;
        }
    for (size_t i = 0; with_aliases && i < ARRAY_LEN(aliases); i++)
        if (bytes_eq_str(name, aliases[i].name)) {
            *out = aliases[i].field;
            return true;
        }
    return false;
}

const char *key_type_name(enum key_type k)
{
    return (unsigned)k < KEY_TYPE_COUNT ? key_types[k] : "unknown";
}

bool key_type_by_name(struct bytes name, enum key_type *out)
{
    for (unsigned i = KEY_HMAC; i < KEY_TYPE_COUNT; i++)
        if (bytes_eq_str(name, key_types[i])) {
            *out = (enum key_type)i;
            return true;
        }
    return false;
}
