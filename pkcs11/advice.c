/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a token is, and the words for its PIN: one table. What is known against it is in
 * advice_known.c. */
#include "pkcs11/advice.h"

#include <string.h>

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* The strings are the drivers' own, read from them. OpenSC shows every PIV card alike, a YubiKey
 * too; tpm2-pkcs11 shows the maker of the chip, so only the driver's name tells. */
enum token_family token_family(const struct token_info *i)
{
    if (starts(i->manufacturer, "SoftHSM") || starts(i->model, "SoftHSM"))
        return FAMILY_SOFTHSM;
    if (starts(i->manufacturer, "Mozilla") || starts(i->model, "NSS"))
        return FAMILY_NSS;
    if (starts(i->manufacturer, "Yubico") && starts(i->model, "YubiKey"))
        return FAMILY_YUBIKEY;
    if (starts(i->manufacturer, "piv_II"))
        return FAMILY_PIV;
    if (starts(i->driver, "TPM2.0 Cryptoki"))
        return FAMILY_TPM;
    return FAMILY_OTHER;
}

bool token_key_attests(const struct token_info *i, const struct token_key *k)
{
    return k->id_len == 1 && k->id[0] == 0x19 && token_family(i) == FAMILY_YUBIKEY;
}

static const struct words {
    const char *unlock, *prove;
} words[FAMILY_COUNT] = {
    [FAMILY_OTHER] = {"unblock it with the PUK or the security officer's PIN, by the maker's tool",
                      "log in once with the right PIN, by the maker's tool"},
    [FAMILY_SOFTHSM] = {"SoftHSM never locks; a forgotten PIN is a lost token, unless you made it "
                        "and know its security officer's PIN (an embedded one's nobody knows)",
                        "type the right PIN once: coffer doctor"},
    [FAMILY_NSS] = {"NSS locks no PIN, and without the right one its keys are lost; "
                    "certutil -W -d sql:DIR changes one that is known",
                    "log in once with the right PIN: certutil -K -d sql:DIR"},
    [FAMILY_YUBIKEY] =
        {"with the PUK: ykman piv access unblock-pin, or "
         "yubico-piv-tool -a unblock-pin",
         "sure of the PIN: yubico-piv-tool -a verify-pin (a wrong one there locks it "
         "just the same); not sure: set a new one with the PUK, which spends no PIN "
         "try: yubico-piv-tool -a unblock-pin"},
    [FAMILY_PIV] =
        {"with the PUK: pkcs15-tool --unblock-pin --auth-id 01; on a YubiKey: "
         "ykman piv access unblock-pin",
         "sure of the PIN: pkcs15-tool --verify-pin --auth-id 01 (a wrong one there locks "
         "it just the same); not sure: set a new one with the PUK, which spends no PIN "
         "try: pkcs15-tool --unblock-pin --auth-id 01; on a YubiKey: yubico-piv-tool -a "
         "unblock-pin"},
    [FAMILY_TPM] = {"tpm2_dictionarylockout --clear-lockout, as the TPM's owner; or wait: by "
                    "default it forgives one wrong try in 1000 seconds",
                    "a right PIN does not lower a TPM's count: wait 1000 seconds a try, or "
                    "tpm2_dictionarylockout --clear-lockout"},
};

const char *token_unlock_advice(const struct token_info *i)
{
    return words[token_family(i)].unlock;
}

const char *token_prove_advice(const struct token_info *i)
{
    return words[token_family(i)].prove;
}

bool token_generates(const struct token_info *i)
{
    enum token_family family = token_family(i);
    return family != FAMILY_YUBIKEY && family != FAMILY_PIV;
}
