/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/advice.c and pkcs11/advice_known.c with what real drivers say of themselves. */
#include "pkcs11/advice.h"

#include "base/codec.h"
#include "tests/harness.h"

#include <string.h>

/* As read from the drivers. */
static const struct token_info softhsm = {.label = "lab",
                                          .manufacturer = "SoftHSM project",
                                          .model = "SoftHSM v2",
                                          .firmware = "2.6",
                                          .driver = "Implementation of PKCS11 2.6",
                                          .is_software = true,
                                          .pin_min = 4,
                                          .pin_max = 255};
static const struct token_info nss = {.manufacturer = "Mozilla Foundation",
                                      .model = "NSS 3",
                                      .driver = "NSS Internal Crypto Services 3.87",
                                      .is_software = true};
static const struct token_info yubikey = {.label = "YubiKey PIV #12345678",
                                          .manufacturer = "Yubico (www.yubico.com)",
                                          .model = "YubiKey YK5",
                                          .firmware = "5.71",
                                          .driver = "PKCS#11 PIV Library (SP-800-73) 2.20",
                                          .pin_min = 6,
                                          .pin_max = 48};
static const struct token_info opensc = {.manufacturer = "piv_II",
                                         .model = "PKCS#15 emulated",
                                         .firmware = "0.0",
                                         .driver = "OpenSC smartcard framework 0.26",
                                         .pin_min = 4,
                                         .pin_max = 8};
static const struct token_info tpm = {.manufacturer = "IBM",
                                      .model = "SW   TPM",
                                      .firmware = "25.35",
                                      .driver = "TPM2.0 Cryptoki 1.9",
                                      .pin_max = 128};
static const struct token_info other = {
    .manufacturer = "Acme", .model = "Vault 9", .firmware = "1.0", .driver = "Acme driver 1.0"};
static const struct token_info yubihsm = {.manufacturer = "Yubico (www.yubico.com)",
                                          .model = "YubiHSM",
                                          .firmware = "2.31",
                                          .driver = "YubiHSM PKCS#11 Library 2.31"};

static const struct token_key ec_key = {.kind = SEAL_KEY_P256, .label = "seal"};
static const struct token_key rsa_key = {.kind = SEAL_KEY_RSA2048, .label = "seal"};

static void families(void)
{
    EQ_INT(token_family(&softhsm), FAMILY_SOFTHSM);
    EQ_INT(token_family(&nss), FAMILY_NSS);
    EQ_INT(token_family(&yubikey), FAMILY_YUBIKEY);
    EQ_INT(token_family(&opensc), FAMILY_PIV);
    EQ_INT(token_family(&tpm), FAMILY_TPM);
    EQ_INT(token_family(&other), FAMILY_OTHER);
    EQ_INT(token_family(&yubihsm), FAMILY_OTHER);
    struct token_info empty = {.label = ""};
    EQ_INT(token_family(&empty), FAMILY_OTHER);
}

static bool says(const char *text, const char *part)
{
    return text && strstr(text, part) && !strchr(text, '\n');
}

static void each_family_has_its_own_words(void)
{
    static const struct {
        const struct token_info *i;
        const char *unlock, *prove;
    } rows[] = {
        {&softhsm, "never locks; a forgotten PIN is a lost token", "coffer doctor"},
        {&nss, "locks no PIN", "certutil -K"},
        {&yubikey, "ykman piv access unblock-pin", "verify-pin"},
        {&yubikey, "yubico-piv-tool -a unblock-pin", "locks it just the same"},
        {&yubikey, "yubico-piv-tool -a unblock-pin", "yubico-piv-tool -a unblock-pin"},
        {&opensc, "pkcs15-tool --unblock-pin", "pkcs15-tool --verify-pin"},
        {&opensc, "pkcs15-tool --unblock-pin", "with the PUK, which spends no PIN try"},
        {&tpm, "tpm2_dictionarylockout --clear-lockout", "1000 seconds"},
        {&other, "PUK", "right PIN"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(says(token_unlock_advice(rows[i].i), rows[i].unlock));
        CHECK(says(token_prove_advice(rows[i].i), rows[i].prove));
        /* Whole in a hint, and nothing to fill in. */
        CHECK(strlen(token_prove_advice(rows[i].i)) < ERR_HINT_MAX);
        CHECK(strlen(token_unlock_advice(rows[i].i)) < ERR_HINT_MAX);
        CHECK(!says(token_prove_advice(rows[i].i), "MODULE"));
        CHECK(!says(token_unlock_advice(rows[i].i), "MODULE"));
    }
}

static void piv_makes_keys_for_its_management_key_only(void)
{
    CHECK(!token_generates(&yubikey) && !token_generates(&opensc));
    CHECK(token_generates(&softhsm) && token_generates(&tpm) && token_generates(&other));
}

/* The ids that are found, joined by blanks. */
static const char *found(const struct token_info *i, const struct token_key *keys, size_t n_keys)
{
    static char ids[200];
    struct advisory list[ADVISORIES_MAX];
    size_t n = token_advisories(i, keys, n_keys, list), at = 0;
    ids[0] = 0;
    CHECK(n <= ADVISORIES_MAX);
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(list[k].id);
        CHECK(list[k].text[0] && list[k].fix[0]);
        /* Nothing is cut off. */
        CHECK(strlen(list[k].text) + 1 < sizeof(list[k].text));
        CHECK(strlen(list[k].fix) + 1 < sizeof(list[k].fix));
        if (k)
            ids[at++] = ' ';
        memcpy(ids + at, list[k].id, len + 1);
        at += len;
    }
    return ids;
}

static struct token_info firmware(const char *v)
{
    struct token_info i = yubikey;
    memset(i.firmware, 0, sizeof(i.firmware));
    memcpy(i.firmware, v, strlen(v));
    return i;
}

static struct token_info driver(const struct token_info *of, const char *v)
{
    struct token_info i = *of;
    memset(i.driver, 0, sizeof(i.driver));
    memcpy(i.driver, v, strlen(v));
    return i;
}

static void firmware_of_a_yubikey(void)
{
    static const struct {
        const char *firmware, *ec, *rsa, *none;
    } rows[] = {
        {"5.71", "", "", ""},
        {"5.70", "", "", ""},
        {"6.0", "", "", ""},
        {"5.69", "EUCLEAK", "", "EUCLEAK"},
        {"5.43", "EUCLEAK", "", "EUCLEAK"},
        {"5.7", "EUCLEAK", "", "EUCLEAK"}, /* 5.0.7, as the driver writes it */
        {"4.45", "EUCLEAK", "", "EUCLEAK"},
        {"4.44", "EUCLEAK YSA-2019-02", "YSA-2019-02", "EUCLEAK YSA-2019-02"},
        {"4.34", "EUCLEAK", "ROCA", "EUCLEAK ROCA"},
        {"4.35", "EUCLEAK", "", "EUCLEAK"},
        /* What is not told is not well. */
        {"0.0", "EUCLEAK", "", "EUCLEAK"},
        {"", "EUCLEAK", "", "EUCLEAK"},
        {"x", "EUCLEAK", "", "EUCLEAK"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_info info = firmware(rows[i].firmware);
        EQ_STR(found(&info, &ec_key, 1), rows[i].ec);
        EQ_STR(found(&info, &rsa_key, 1), rows[i].rsa);
        EQ_STR(found(&info, NULL, 0), rows[i].none);
    }
}

/* The attack is on ECDSA; of ECDH nothing is known either way, and that is what is said. */
static void euclid_is_told_honestly(void)
{
    struct token_info i = firmware("5.43");
    struct advisory list[ADVISORIES_MAX];
    EQ_INT(token_advisories(&i, &ec_key, 1, list), 1);
    EQ_INT(list[0].level, ADVISORY_NOTE);
    CHECK(strstr(list[0].text, "ECDSA") && strstr(list[0].text, "unknown"));
    EQ_INT(token_advisories(&opensc, &ec_key, 1, list), 1);
    EQ_STR(list[0].id, "EUCLEAK");
    CHECK(strstr(list[0].text, "does not tell"));
    EQ_INT(token_advisories(&opensc, &rsa_key, 1, list), 0);
}

static void versions_of_drivers(void)
{
    static const struct {
        const struct token_info *of;
        const char *driver, *want;
    } rows[] = {
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 2.20", ""},
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 2.10", ""},
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 2.0", "CVE-2020-13131"},
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 1.60", "CVE-2020-13131"},
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 1.50", "CVE-2018-14779 CVE-2020-13131"},
        {&yubikey, "PKCS#11 PIV Library (SP-800-73) 99999.1", "CVE-2018-14779 CVE-2020-13131"},
        {&opensc, "OpenSC smartcard framework 0.25", ""},
        {&opensc, "OpenSC smartcard framework 0.24", "CVE-2023-5992"},
        {&opensc, "OpenSC smartcard framework 0.23", "CVE-2023-40660 CVE-2023-5992"},
        {&opensc, "OpenSC smartcard framework 0.16", "CVE-2023-5992"},
        {&opensc, "OpenSC smartcard framework 1.0", ""},
        {&tpm, "TPM2.0 Cryptoki 1.9", ""},
        {&other, "Acme driver 0.1", ""},
        {&softhsm, "PKCS#11 Kit Proxy Module 1.1", "p11-kit"},
        {&softhsm, "Implementation of PKCS11 2.6", ""},
        {&nss, "NSS Internal Crypto Services 3.87", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_info info = driver(rows[i].of, rows[i].driver);
        EQ_STR(found(&info, &rsa_key, 1), rows[i].want);
    }
    EQ_STR(found(&tpm, &ec_key, 1), "no-ecdh");
    EQ_STR(found(&tpm, NULL, 0), "");
    struct token_info newer = driver(&tpm, "TPM2.0 Cryptoki 1.10");
    EQ_STR(found(&newer, &ec_key, 1), "");
}

static const char *shown_firmware(const struct token_info *i)
{
    static char text[FIRMWARE_TEXT];
    token_firmware_text(i, text);
    return text;
}

/* libykcs11 puts the last two numbers into one. */
static void firmware_as_people_write_it(void)
{
    static const char *const rows[][2] = {{"5.43", "5.4.3"}, {"5.70", "5.7.0"},
                                          {"5.7", "5.0.7"},  {"0.0", ""},
                                          {"", ""},          {"5.100", "5.10.0"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_info info = firmware(rows[i][0]);
        EQ_STR(shown_firmware(&info), rows[i][1]);
    }
    EQ_STR(shown_firmware(&tpm), "25.35");
    EQ_STR(shown_firmware(&softhsm), "2.6");
    EQ_STR(shown_firmware(&opensc), "");
}

/* A distribution's mended package has the same version, and that is said. */
static void a_mended_package_cannot_be_told(void)
{
    struct token_info i = driver(&opensc, "OpenSC smartcard framework 0.23");
    struct advisory list[ADVISORIES_MAX];
    EQ_INT(token_advisories(&i, &rsa_key, 1, list), 2);
    CHECK(strstr(list[0].text, "version does not show") && strstr(list[0].fix, "Debian"));
}

static void pins(void)
{
    struct token_info i = yubikey;
    i.is_pin_default = true;
    EQ_STR(found(&i, &ec_key, 1), "default-pin");
    struct advisory list[ADVISORIES_MAX];
    EQ_INT(token_advisories(&i, &ec_key, 1, list), 1);
    EQ_INT(list[0].level, ADVISORY_BAD);
    i = other;
    i.pin_min = 3;
    EQ_STR(found(&i, &ec_key, 1), "short-pin");
    i.pin_min = 0; /* not told */
    EQ_STR(found(&i, &ec_key, 1), "");
}

/* A number of 2048 bits that is 65537^4711 modulo the product of the primes up to 167, else random:
 * nobody's key, with the fingerprint. */
static const char weak_modulus[] =
    "f9e40f1a7d7f75ce20ba6071d6547d03fe0334999f22f4a8b169bab6f34e5a8a"
    "037109252cefb3cd5b7f4874b01b7fc1f438d4fd824b5559566dd72203cb6285"
    "a0b6d875b7a05f5dedfa008f55ee84784f8474a2c86fe78687ae5bc28273ec61"
    "0614fc246848bfd0d1c94292f854a449b21ccc22e044d8c1f00fd7ea4706c461"
    "1e76637124e156e376fa348103f5391c0055e74844bcc33dfac34d2629aa3764"
    "909feb5b4411598b3890530ac0d4de4c1293fb714c36b8ad7c5d52def4f5d5f1"
    "909c99f24a46b7763f6607318236ac1b5e526ad6f6fd046160394b58429a3a89"
    "bd8ab046611b1bd345251d708c8d83778eb37f2481cd93e9f76c85b30860f9a5";

static struct token_key weak_key(void)
{
    struct token_key k = rsa_key;
    struct err e = {.msg = ""};
    uint8_t m[256];
    size_t n = 0;
    CHECK(hex_decode(m, sizeof(m), &n, bytes_str(weak_modulus)));
    OK_CALL(spki_from_rsa(bytes_of(m, n), bytes_of("\x01\0\x01", 3), &k.spki, &e), &e);
    return k;
}

static void a_weak_key_comes_first(void)
{
    struct token_info i = firmware("4.34");
    i.is_pin_default = true;
    struct token_key keys[ADVISORIES_MAX + 2];
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        keys[k] = rsa_key;
    keys[1] = weak_key();
    memset(keys[1].label, 'x', sizeof(keys[1].label) - 1);
    EQ_STR(found(&i, keys, 2), "ROCA default-pin ROCA");
    struct advisory list[ADVISORIES_MAX];
    token_advisories(&i, keys, 2, list);
    EQ_INT(list[0].level, ADVISORY_BAD);
    EQ_INT(list[2].level, ADVISORY_WARN); /* of the key whose public half is not shown */
    EQ_STR(found(&i, keys + 1, 1), "ROCA default-pin");
    /* More than there is room for. */
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        keys[k] = keys[1];
    EQ_INT(token_advisories(&i, keys, ARRAY_LEN(keys), list), ADVISORIES_MAX);
    EQ_STR(list[ADVISORIES_MAX - 1].id, "ROCA");
}

int main(void)
{
    RUN(families);
    RUN(each_family_has_its_own_words);
    RUN(piv_makes_keys_for_its_management_key_only);
    RUN(firmware_of_a_yubikey);
    RUN(euclid_is_told_honestly);
    RUN(versions_of_drivers);
    RUN(firmware_as_people_write_it);
    RUN(a_mended_package_cannot_be_told);
    RUN(pins);
    RUN(a_weak_key_comes_first);
    return harness_end();
}
