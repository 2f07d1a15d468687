/* SPDX-License-Identifier: Apache-2.0 */
/* The constructions of FORMAT.md: wraps, MAC, fingerprint, record keys. Bytes and keys only. */
#ifndef VAULT_SEAL_H
#define VAULT_SEAL_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "vault/format.h"

#define VK_LEN 32u
#define DEK_LEN 32u
#define FINGERPRINT_LEN 16u

/* What a wrap is for; bound into its key. version 0 and id = vault id for the vault key. */
struct wrap_for {
    const char *purpose;              /* "vault-key" or "record-key" */
    const uint8_t *vault_id, *id;     /* 16 bytes each */
    uint64_t version;
};

/* key: VK, or VK || DEK. */
int wrap_make(const struct wrap_for *f, const struct recipient *r, struct bytes key,
              struct wrapped *out, struct err *e) MUST_USE;
/* One private-key operation. key gets key_len bytes. Every failure to open is ERR_TAMPERED. */
int wrap_open(const struct wrap_for *f, const struct opener *o, const struct wrapped *w,
              size_t key_len, struct secret *key, struct err *e) MUST_USE;

int vault_mac(const uint8_t id[VAULT_ID_LEN], struct bytes vk, struct bytes body,
              uint8_t out[SHA256_LEN], struct err *e) MUST_USE;
int vault_fp(const uint8_t id[VAULT_ID_LEN], struct bytes vk, uint8_t out[FINGERPRINT_LEN],
             struct err *e) MUST_USE;
/* Seals a new random audit key under VK. nonce, key: fresh random bytes. */
int audit_key_seal(const uint8_t id[VAULT_ID_LEN], struct bytes vk, const uint8_t nonce[12],
                   const uint8_t key[32], uint8_t out[AUDIT_KEY_LEN], struct err *e) MUST_USE;
/* The key inside sealed, into a secret made here. ERR_TAMPERED. */
int audit_key_open(const uint8_t id[VAULT_ID_LEN], struct bytes vk,
                   const uint8_t sealed[AUDIT_KEY_LEN], struct secret *key, struct err *e) MUST_USE;
/* K_rec. vk_dek: VK || DEK. */
int record_key(const struct record_info *r, struct bytes vk_dek, uint8_t out[GCM_KEY_LEN],
               struct err *e) MUST_USE;

#endif
