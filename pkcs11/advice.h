/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of tokens, drivers and keys beyond what they say themselves: whose they are, how a
 * locked PIN is unlocked, and which are weak. Judged from what was read; asks no token. Sources:
 * docs/tokens/. */
#ifndef PKCS11_ADVICE_H
#define PKCS11_ADVICE_H

#include "base/attr.h"
#include "pkcs11/kem.h"
#include "pkcs11/token.h"

enum token_family {
    FAMILY_OTHER,
    FAMILY_SOFTHSM,
    FAMILY_NSS,
    FAMILY_YUBIKEY, /* PIV, by libykcs11 or OpenSC */
    FAMILY_PIV,     /* another PIV card, by OpenSC */
    FAMILY_TPM,     /* tpm2-pkcs11 */
    FAMILY_COUNT
};
enum token_family token_family(const struct token_info *i);
/* A YubiKey's own key, from its maker (slot f9): it signs attestations and does nothing else. */
bool token_key_attests(const struct token_info *i, const struct token_key *k);

/* One line: the command of that token that unlocks its PIN, or resets it where nothing else does.
 * Never NULL. */
const char *token_unlock_advice(const struct token_info *i);
/* One line: how to prove the PIN, so that the tries are counted from the start again. */
const char *token_prove_advice(const struct token_info *i);
/* Whether --generate may work: PIV makes keys for its management key only, not for the PIN. */
bool token_generates(const struct token_info *i);

#define FIRMWARE_TEXT 16u
/* The firmware as its maker writes it, "5.4.3"; empty when the driver does not tell. */
void token_firmware_text(const struct token_info *i, char out[FIRMWARE_TEXT]);

enum advisory_level { ADVISORY_NOTE, ADVISORY_WARN, ADVISORY_BAD };

struct advisory {
    const char *id; /* "ROCA", "EUCLEAK", "default-pin", "old-driver", ... */
    enum advisory_level level;
    char text[240]; /* what is wrong, one line */
    char fix[200];  /* what to do, one line */
};

#define ADVISORIES_MAX 8u
/* What is known against this token, its driver and these keys (spki where known; n_keys may be
 * 0). Returns the number put into out. */
size_t token_advisories(const struct token_info *i, const struct token_key *keys, size_t n_keys,
                        struct advisory out[ADVISORIES_MAX]);
/* CVE-2017-15361: the modulus has the fingerprint of the weak generator. False for EC. */
bool spki_is_roca(const struct spki *k);
/* The advisory for a key of that label that has it. */
void advisory_roca(const char *label, struct advisory *out);

#endif
