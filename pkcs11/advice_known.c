/* SPDX-License-Identifier: Apache-2.0 */
/* What is known against tokens, drivers and keys: one table of versions, and the checks that are
 * no version's. What a driver does not tell is said to be unknown, never left out as if it were
 * well. */
#include "pkcs11/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RELEASE(major, minor) ((major)*1000u + (minor))

/* Which version a row speaks of. */
enum of { OF_DRIVER, OF_FIRMWARE };
/* Which keys it concerns; where none is visible, it may. */
enum concerned { ANY_KEY, EC_KEY, EC_KEY_SEEN, RSA_KEY, RSA_KEY_UNSEEN };

static const struct known {
    const char *id;
    enum advisory_level level;
    enum of of;
    const char *name; /* how the driver's description, or the model, begins */
    unsigned from, below;
    enum concerned keys;
    const char *text, *fix;
} table[] = {
    /* libykcs11 gives 2.1.0 as 2.10, and firmware 5.4.3 as 5.43. */
    {"EUCLEAK", ADVISORY_NOTE, OF_FIRMWARE, "YubiKey", RELEASE(1, 0), RELEASE(5, 70), EC_KEY,
     "CVE-2024-45678: with the device in hand, special equipment and hours, an EC key that signs "
     "(ECDSA) can be copied; whether one that only opens vaults (ECDH) is safe, is unknown",
     "never sign with the sealing key, and know where the device is; its firmware cannot be "
     "updated: coffer rotate --seal to an RSA key, or to one with firmware 5.7"},
    {"EUCLEAK", ADVISORY_NOTE, OF_FIRMWARE, "YubiKey", RELEASE(0, 0), RELEASE(0, 1), EC_KEY,
     "CVE-2024-45678 concerns EC keys of firmware below 5.7, and this driver does not tell the "
     "firmware",
     "ykman info shows the firmware"},
    {"ROCA", ADVISORY_WARN, OF_FIRMWARE, "YubiKey", RELEASE(4, 20), RELEASE(4, 35), RSA_KEY_UNSEEN,
     "CVE-2017-15361: RSA keys that this firmware (4.2.6 to 4.3.4) generates can be computed from "
     "their public half; no RSA key is shown, so none was tested",
     "seal with an EC key, or with another device"},
    {"YSA-2019-02", ADVISORY_WARN, OF_FIRMWARE, "YubiKey", RELEASE(4, 42), RELEASE(4, 45), ANY_KEY,
     "random numbers of this firmware (4.4.2 and 4.4.4) are partly predictable after power-up: "
     "keys that were generated then are weaker",
     "move to another device: coffer rotate --seal"},
    {"CVE-2018-14779", ADVISORY_WARN, OF_DRIVER, "PKCS#11 PIV Library", RELEASE(0, 0),
     RELEASE(1, 60), ANY_KEY,
     "libykcs11 before 1.6.0: a device that only looks like a YubiKey can overrun the driver's "
     "memory (CVE-2018-14779, CVE-2018-14780)",
     "update libykcs11 (yubico-piv-tool)"},
    {"CVE-2020-13131", ADVISORY_WARN, OF_DRIVER, "PKCS#11 PIV Library", RELEASE(0, 0),
     RELEASE(2, 10), ANY_KEY,
     "libykcs11 before 2.1.0: a device that only looks like a YubiKey can read or harm the "
     "driver's memory (CVE-2020-13131, CVE-2020-13132)",
     "update libykcs11 (yubico-piv-tool)"},
    {"CVE-2023-40660", ADVISORY_WARN, OF_DRIVER, "OpenSC", RELEASE(0, 17), RELEASE(0, 24), ANY_KEY,
     "OpenSC 0.17 to 0.23: while one program is logged in, another can use the card with an empty "
     "PIN; distributions have mended theirs, which its version does not show",
     "read the package's changelog for this number (Debian 12: since 0.23.0-0.3+deb12u1), or "
     "install OpenSC 0.24"},
    {"CVE-2023-5992", ADVISORY_NOTE, OF_DRIVER, "OpenSC", RELEASE(0, 0), RELEASE(0, 25), RSA_KEY,
     "OpenSC before 0.25 leaks by its timing how PKCS#1 v1.5 decryption fails; coffer never does "
     "that, but another program with the same key may; its version does not show a mended package",
     "let no other program use this key; Debian 12: mended since 0.23.0-0.3+deb12u2, else OpenSC "
     "0.25"},
    {"p11-kit", ADVISORY_NOTE, OF_DRIVER, "PKCS#11 Kit", RELEASE(0, 0), RELEASE(999, 0), ANY_KEY,
     "over p11-kit's socket neither the real driver nor p11-kit's version is told: a server before "
     "0.26.2 can be crashed by whoever reaches its socket (CVE-2026-2100), one before 0.25 does no "
     "ECDH",
     "look at the other end: p11-kit 0.26.4 or a mended package, and 'coffer tokens' there"},
    {"no-ecdh", ADVISORY_NOTE, OF_DRIVER, "TPM2.0 Cryptoki", RELEASE(0, 0), RELEASE(1, 10),
     EC_KEY_SEEN, "tpm2-pkcs11 before 1.10 cannot use an EC key for a vault",
     "seal with an RSA key: --generate=rsa2048; or install tpm2-pkcs11 1.10"},
};

struct list {
    struct advisory *v;
    size_t n;
};

static void PRINTF(5, 6) add(struct list *l, const char *id, enum advisory_level level,
                             const char *fix, const char *fmt, ...)
{
    if (l->n == ADVISORIES_MAX)
        return;
    struct advisory *a = &l->v[l->n++];
    va_list ap;
    *a = (struct advisory){.id = id, .level = level};
    va_start(ap, fmt);
    vsnprintf(a->text, sizeof(a->text), fmt, ap);
    va_end(ap);
    snprintf(a->fix, sizeof(a->fix), "%s", fix);
}

/* Three digits at most: more is no version. */
static bool number_read(const char **at, unsigned *out)
{
    const char *p = *at;
    unsigned v = 0;
    while (*p >= '0' && *p <= '9' && p - *at < 3)
        v = v * 10 + (unsigned)(*p++ - '0');
    bool is_number = p != *at && !(*p >= '0' && *p <= '9');
    *at = p;
    *out = v;
    return is_number;
}

/* "NAME 1.2" or "1.2", as this folder writes them. */
static bool version_read(const char *text, unsigned *out)
{
    const char *space = strrchr(text, ' ');
    const char *p = space ? space + 1 : text;
    unsigned major, minor;
    if (!number_read(&p, &major) || *p++ != '.' || !number_read(&p, &minor) || *p)
        return false;
    *out = RELEASE(major, minor);
    return true;
}

void token_firmware_text(const struct token_info *i, char out[FIRMWARE_TEXT])
{
    unsigned v = 0;
    out[0] = 0;
    if (!version_read(i->firmware, &v) || v == 0)
        return;
    if (token_family(i) == FAMILY_YUBIKEY)
        snprintf(out, FIRMWARE_TEXT, "%u.%u.%u", v / 1000, v % 1000 / 10, v % 10);
    else
        snprintf(out, FIRMWARE_TEXT, "%u.%u", v / 1000, v % 1000);
}

struct keys_seen {
    size_t n_ec, n_rsa, n_rsa_shown, n;
};

static struct keys_seen keys_count(const struct token_key *keys, size_t n)
{
    struct keys_seen s = {.n = n};
    for (size_t i = 0; i < n; i++) {
        const char *kind = keys[i].spki.n ? spki_kind(&keys[i].spki) : "";
        bool is_rsa = (keys[i].kind != SEAL_KEY_P256 && keys[i].kind != SEAL_KEY_OTHER) ||
                      strncmp(kind, "RSA", 3) == 0;
        s.n_rsa += is_rsa;
        s.n_rsa_shown += is_rsa && keys[i].spki.n > 0;
        /* Of another kind can be another curve. */
        s.n_ec += !is_rsa;
    }
    return s;
}

static bool keys_concerned(const struct known *k, const struct keys_seen *s)
{
    switch (k->keys) {
    case ANY_KEY:
        return true;
    case EC_KEY:
        return s->n == 0 || s->n_ec > 0;
    case EC_KEY_SEEN:
        return s->n_ec > 0;
    case RSA_KEY:
        return s->n == 0 || s->n_rsa > 0;
    case RSA_KEY_UNSEEN:
        return s->n == 0 || s->n_rsa > s->n_rsa_shown;
    }
    return true;
}

static bool is_known_bad(const struct known *k, const struct token_info *i)
{
    const char *name = k->of == OF_DRIVER ? i->driver : i->model;
    const char *version = k->of == OF_DRIVER ? i->driver : i->firmware;
    unsigned v = 0;
    if (strncmp(name, k->name, strlen(k->name)) != 0)
        return false;
    if (k->of == OF_FIRMWARE && token_family(i) != FAMILY_YUBIKEY)
        return false;
    /* Not to be read is not to be known: as if it were the oldest. */
    if (!version_read(version, &v))
        return k->from == 0;
    return v >= k->from && v < k->below;
}

static void check_versions(const struct token_info *i, const struct keys_seen *s, struct list *l)
{
    for (size_t n = 0; n < ARRAY_LEN(table); n++) {
        const struct known *k = &table[n];
        if (is_known_bad(k, i) && keys_concerned(k, s))
            add(l, k->id, k->level, k->fix, "%s", k->text);
    }
}

static const char roca_text[] = "has the fingerprint of a broken generator (CVE-2017-15361): who "
                                "has the public half can compute the private one";

void advisory_roca(const char *label, struct advisory *out)
{
    struct list l = {.v = out};
    add(&l, "ROCA", ADVISORY_BAD,
        "a new key by another device: coffer rotate --seal; then rotate every key of the vault",
        "RSA key '%.40s' %s", label, roca_text);
}

static void check_keys(const struct token_key *keys, size_t n, struct list *l)
{
    for (size_t i = 0; i < n && l->n < ADVISORIES_MAX; i++) {
        if (spki_is_roca(&keys[i].spki))
            advisory_roca(keys[i].label, &l->v[l->n++]);
    }
}

static void check_pin(const struct token_info *i, struct list *l)
{
    if (i->is_pin_default)
        add(l, "default-pin", ADVISORY_BAD, "set your own: coffer pin, or the maker's tool",
            "its PIN is still the maker's, which everybody can look up");
    if (i->pin_min > 0 && i->pin_min < 4)
        add(l, "short-pin", ADVISORY_NOTE, "see that yours has six characters or more",
            "it takes PINs of %u character%s", i->pin_min, i->pin_min > 1 ? "s" : "");
}

/* OpenSC tells neither that a PIV card is a YubiKey nor its firmware. */
static void check_nameless(const struct token_info *i, const struct keys_seen *s, struct list *l)
{
    if (token_family(i) == FAMILY_PIV && (s->n == 0 || s->n_ec > 0))
        add(l, "EUCLEAK", ADVISORY_NOTE,
            "ykman info shows a YubiKey's firmware; so does libykcs11 as the driver",
            "CVE-2024-45678 concerns EC keys of YubiKeys with firmware below 5.7; OpenSC does not "
            "tell whether this card is one");
}

size_t token_advisories(const struct token_info *i, const struct token_key *keys, size_t n_keys,
                        struct advisory out[ADVISORIES_MAX])
{
    struct list l = {.v = out};
    struct keys_seen seen = keys_count(keys, n_keys);
    check_keys(keys, n_keys, &l); /* the worst first: there is room for so many only */
    check_pin(i, &l);
    check_versions(i, &seen, &l);
    check_nameless(i, &seen, &l);
    return l.n;
}
