/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: those that stand in the slots, and the attestation of a generated key with Yubico's
 * extensions. The attesting key is the card's own: nothing vouches for it. */
#include "tests/card/crypto.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static bool name_set(X509_NAME *name, const char *cn)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                      0) == 1;
}

static X509 *draft(EVP_PKEY *subject, const char *name, const char *issuer, long serial)
{
    X509 *x = X509_new();
    if (x && X509_set_version(x, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z") == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20491231235959Z") == 1 &&
        name_set(X509_get_subject_name(x), name) && name_set(X509_get_issuer_name(x), issuer) &&
        X509_set_pubkey(x, subject) == 1)
        return x;
    X509_free(x);
    return NULL;
}

static bool finish(X509 *x, EVP_PKEY *signer, struct out *o)
{
    unsigned char *der = NULL;
    int n = X509_sign(x, signer, EVP_sha256()) > 0 ? i2d_X509(x, &der) : -1;
    if (n > 0)
        out_add(o, der, (size_t)n);
    OPENSSL_free(der);
    return n > 0 && !o->is_full;
}

bool certificate_make(EVP_PKEY *subject, const char *name, EVP_PKEY *signer, const char *issuer,
                      struct out *o)
{
    X509 *x = draft(subject, name, issuer, 1);
    bool ok = x && finish(x, signer, o);
    X509_free(x);
    return ok;
}

/* The content goes in as it is: Yubico writes two of its three values without any DER inside. */
static bool extend(X509 *x, const char *oid, const void *p, size_t n)
{
    ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *id = OBJ_txt2obj(oid, 1);
    X509_EXTENSION *ext = NULL;
    bool ok = v && id && ASN1_OCTET_STRING_set(v, p, (int)n) == 1 &&
              (ext = X509_EXTENSION_create_by_OBJ(NULL, id, 0, v)) != NULL &&
              X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OBJECT_free(id);
    ASN1_OCTET_STRING_free(v);
    return ok;
}

bool attestation_make(const struct card *c, size_t index, struct out *o)
{
    char name[64];
    const struct key_facts *f = &c->kept.keys[index];
    const uint8_t policies[2] = {f->pin, f->touch}, form = 1;
    const uint32_t s = c->kept.serial;
    const uint8_t serial[7] = {
        0x02, 5, 0, (uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s};
    EVP_PKEY *signer = c->keys[slot_index(SLOT_ATTEST)];
    if (!signer)
        return false;
    snprintf(name, sizeof(name), "PIV Attestation %02x", slot_number(index));
    X509 *x = draft(c->keys[index], name, "PIV Attestation", (long)index + 2);
    bool ok = x && extend(x, "1.3.6.1.4.1.41482.3.3", c->kept.firmware, 3) &&
              extend(x, "1.3.6.1.4.1.41482.3.7", serial, sizeof(serial)) &&
              extend(x, "1.3.6.1.4.1.41482.3.8", policies, sizeof(policies)) &&
              extend(x, "1.3.6.1.4.1.41482.3.9", &form, 1) && finish(x, signer, o);
    X509_free(x);
    return ok;
}
