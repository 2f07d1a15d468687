/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of private keys; see privkey.h. Intermediate forms stay in struct secret; what OpenSSL
 * copies is wiped by the allocator that it was given. */
#include "connectors/privkey.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define PAIR_LEN 64u
#define SEED_LEN 32u

static bool find(struct bytes text, const char *what, size_t *at)
{
    const void *p = text.n ? memmem(text.p, text.n, what, strlen(what)) : NULL;
    if (p)
        *at = (size_t)((const uint8_t *)p - text.p);
    return p != NULL;
}

static bool contains(struct bytes text, const char *what)
{
    size_t at;
    return find(text, what, &at);
}

static struct bytes skip(struct bytes text, size_t n)
{
    return bytes_of(text.p + n, text.n - n);
}

bool privkey_is_pem(struct bytes text)
{
    /* base64 of DER: how PKCS#8 Ed25519, SEC1 P-256, PKCS#8 P-256 and RSA keys begin */
    return contains(text, "-----") || text_starts(text, "MC4CAQAwBQYDK2Vw") ||
           text_starts(text, "MHcCAQEE") || text_starts(text, "MIGHAgEA") ||
           (text.n > 512 && text_starts(text, "MII"));
}

static int refuse_label(const char *field, struct bytes label, struct err *e)
{
    if (contains(label, "ENCRYPTED")) {
        err_set(e, ERR_USAGE, "%s: the private key is encrypted with a passphrase", field);
        return err_hint(e, "decrypt it first: openssl pkey -in FILE, and paste what it prints");
    }
    if (contains(label, "PUBLIC") || contains(label, "CERTIFICATE"))
        return err_set(e, ERR_USAGE, "%s: this is a public key; the private key is needed", field);
    if (contains(label, "OPENSSH")) {
        err_set(e, ERR_USAGE, "%s: this is an OpenSSH key", field);
        return err_hint(e, "convert a copy of it: ssh-keygen -p -m pkcs8 -f FILE");
    }
    return err_set(e, ERR_USAGE, "%s: the PEM block is no private key", field);
}

/* Finds the block that ends in "PRIVATE KEY" and points *body at what is between its lines. */
static int find_block(const char *field, struct bytes text, struct bytes *body, struct err *e)
{
    size_t at, end;
    struct bytes label = {0};
    bool seen = false;
    while (find(text, "-----BEGIN ", &at)) {
        text = skip(text, at + 11);
        if (!find(text, "-----", &end))
            break;
        label = bytes_of(text.p, end);
        text = skip(text, end + 5);
        seen = true;
        if (!find(text, "-----END ", &end))
            return err_set(e, ERR_USAGE, "%s: the PEM has no END line: it is cut off", field);
        bool is_key = bytes_eq_str(label, "PRIVATE KEY") ||
                      bytes_eq_str(label, "RSA PRIVATE KEY") ||
                      bytes_eq_str(label, "EC PRIVATE KEY");
        if (!is_key) {
            text = skip(text, end + 9);
            continue;
        }
        *body = bytes_of(text.p, end);
        if (contains(*body, "ENCRYPTED"))
            return refuse_label(field, BYTES_LIT("ENCRYPTED"), e);
        return OK;
    }
    if (seen)
        return refuse_label(field, label, e);
    if (privkey_is_pem(text))
        err_set(e, ERR_USAGE, "%s: a PEM without its lines", field);
    else
        err_set(e, ERR_USAGE, "%s is no private key in PEM", field);
    return err_hint(e, "give it whole, from -----BEGIN to -----END ...-----");
}

/* Copies the base64 of a PEM body without line ends, also those written as \n. */
static int join_lines(const char *field, struct bytes body, struct secret *out, struct err *e)
{
    int rc = secret_new(out, body.n ? body.n : 1, e);
    for (size_t i = 0; !rc && i < body.n; i++) {
        uint8_t c = body.p[i];
        if (c == '\\' && i + 1 < body.n && (body.p[i + 1] == 'n' || body.p[i + 1] == 'r')) {
            i++;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        rc = secret_append(out, bytes_of(&body.p[i], 1), e);
    }
    if (!rc && out->n == 0)
        rc = err_set(e, ERR_USAGE, "%s: the PEM is empty", field);
    return rc;
}

static int decode_body(const char *field, struct bytes body, struct secret *der, struct err *e)
{
    AUTO_SECRET joined = {0};
    int rc = join_lines(field, body, &joined, e);
    if (!rc)
        rc = secret_new(der, joined.n, e);
    if (rc)
        return rc;
    if (!b64_decode(der->p, der->cap, &der->n, secret_bytes(&joined)))
        rc = err_set(e, ERR_USAGE, "%s: the PEM is damaged: wrong base64 between its lines", field);
    return rc;
}

/* Signs and verifies once: a public half that does not belong to the private one shows. */
static bool pair_holds(EVP_PKEY *pkey)
{
    static const uint8_t msg[] = "coffer";
    uint8_t sig[512];
    size_t n = sizeof(sig);
    const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &n, msg, sizeof(msg)) == 1;
    EVP_MD_CTX_free(ctx);
    ctx = ok ? EVP_MD_CTX_new() : NULL;
    ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) == 1 &&
         EVP_DigestVerify(ctx, sig, n, msg, sizeof(msg)) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static int judge(const char *field, EVP_PKEY *pkey, enum key_type *key, struct err *e)
{
    char group[64] = "";
    int bits = EVP_PKEY_get_bits(pkey);
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *key = KEY_RSA;
        if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
            return err_set(e, ERR_USAGE, "%s: an RSA key of %d bits; %d to %d are taken", field,
                           bits, RSA_BITS_MIN, RSA_BITS_MAX);
    } else if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *key = KEY_ED25519;
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        *key = KEY_EC_P256;
        if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) ||
            strcmp(group, "prime256v1") != 0)
            return err_set(e, ERR_USAGE, "%s: an EC key, but not on the curve P-256", field);
    } else {
        return err_set(e, ERR_USAGE, "%s: a key that is not RSA, Ed25519 or EC P-256", field);
    }
    if (!pair_holds(pkey))
        return err_set(e, ERR_USAGE, "%s: the key's public half does not belong to it", field);
    return OK;
}

static int to_pkcs8(EVP_PKEY *pkey, struct secret *out, struct err *e)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    int rc = n > 0 ? secret_new(out, (size_t)n, e)
                   : err_set(e, ERR_FAILED, "private key cannot be written as PKCS#8");
    if (!rc) {
        unsigned char *p = out->p;
        out->n = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &p);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return rc;
}

int privkey_from_pem(const char *field, struct bytes text, struct secret *der, enum key_type *key,
                     struct err *e)
{
    AUTO_SECRET raw = {0};
    struct bytes body = {0};
    int rc = find_block(field, text, &body, e);
    if (!rc)
        rc = decode_body(field, body, &raw, e);
    if (rc)
        return rc;
    const unsigned char *p = raw.p;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)raw.n);
    if (!pkey || p != raw.p + raw.n)
        rc = err_set(e, ERR_USAGE, "%s: the PEM is damaged: no private key inside", field);
    if (!rc)
        rc = judge(field, pkey, key, e);
    if (!rc)
        rc = to_pkcs8(pkey, der, e);
    EVP_PKEY_free(pkey);
    return rc;
}

int privkey_from_pair(const char *field, struct bytes text, struct secret *der, bool *is_pair,
                      struct err *e)
{
    AUTO_SECRET raw = {0};
    uint8_t pub[SEED_LEN];
    size_t n = sizeof(pub);
    *is_pair = false;
    int rc = secret_new(&raw, PAIR_LEN, e);
    if (rc)
        return rc;
    if (!b64_decode(raw.p, raw.cap, &raw.n, text) || raw.n != PAIR_LEN)
        return OK;
    *is_pair = true;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw.p, SEED_LEN);
    if (!pkey || EVP_PKEY_get_raw_public_key(pkey, pub, &n) != 1)
        rc = err_set(e, ERR_FAILED, "%s: the Ed25519 key cannot be read", field);
    else if (n != SEED_LEN || !mem_eq(pub, raw.p + SEED_LEN, SEED_LEN))
        rc = err_set(e, ERR_USAGE, "%s: the two halves of the Ed25519 key do not belong together",
                     field);
    if (!rc)
        rc = to_pkcs8(pkey, der, e);
    EVP_PKEY_free(pkey);
    return rc;
}
