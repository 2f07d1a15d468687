/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a key wants a touch, as far as a driver lets it be read: newer ykcs11 by an attribute of
 * its own, older by the certificate in which a YubiKey attests a key that it generated. Who signed
 * that certificate is not checked: it is shown to a person, and nothing rests on it. */
#include "pkcs11/internal.h"

#include "pkcs11/advice.h"

#include <openssl/x509.h>

#define CKA_TOUCH_POLICY (CKA_VENDOR_DEFINED + 0x59554200UL + 1) /* of Yubico */
#define CERT_MAX 4096u
#define CERTS_MAX 8u

static enum touch_policy policy_of(uint8_t v)
{
    static const enum touch_policy policies[] = {TOUCH_UNKNOWN, TOUCH_NEVER, TOUCH_ALWAYS,
                                                 TOUCH_CACHED};
    return v < ARRAY_LEN(policies) ? policies[v] : TOUCH_UNKNOWN;
}

static enum touch_policy attribute_read(struct token *t, CK_OBJECT_HANDLE h)
{
    uint8_t v = 0;
    CK_ATTRIBUTE a = {CKA_TOUCH_POLICY, &v, sizeof(v)};
    bool has = attrs_read(t, h, &a, 1) == CKR_OK && attr_has(&a) && a.ulValueLen == 1;
    return has ? policy_of(v) : TOUCH_UNKNOWN;
}

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void object_freep(ASN1_OBJECT **o)
{
    ASN1_OBJECT_free(*o);
}

static bool is_of_key(X509 *x, const struct spki *key)
{
    struct spki own;
    struct err ignored;
    uint8_t *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool yes = n > 0 && spki_normalise(bytes_of(der, (size_t)n), &own, &ignored) == OK &&
               own.n == key->n && memcmp(own.der, key->der, own.n) == 0;
    OPENSSL_free(der);
    return yes;
}

/* The extension holds two bytes: when the PIN is asked for, and when a touch. */
static enum touch_policy attested(struct bytes cert, const struct spki *key)
{
    const uint8_t *p = cert.p;
    AUTO(x509_freep) X509 *x = d2i_X509(NULL, &p, (long)cert.n);
    AUTO(object_freep) ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.41482.3.8", 1);
    if (!x || !oid || !is_of_key(x, key))
        return TOUCH_UNKNOWN;
    int at = X509_get_ext_by_OBJ(x, oid, -1);
    X509_EXTENSION *ext = at >= 0 ? X509_get_ext(x, at) : NULL;
    const ASN1_OCTET_STRING *v = ext ? X509_EXTENSION_get_data(ext) : NULL;
    if (!v || ASN1_STRING_length(v) != 2)
        return TOUCH_UNKNOWN;
    return policy_of(ASN1_STRING_get0_data(v)[1]);
}

static enum touch_policy attestation_read(struct token *t, const struct token_key *key)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_OBJECT_HANDLE found[CERTS_MAX];
    enum touch_policy policy = TOUCH_UNKNOWN;
    struct err ignored;
    uint8_t der[CERT_MAX];
    size_t n = 0;
    CK_ATTRIBUTE match[] = {attr_of(CKA_CLASS, &class, sizeof(class)),
                            attr_of(CKA_ID, key->id, key->id_len)};
    if (objects_find(t, match, ARRAY_LEN(match), found, ARRAY_LEN(found), &n, &ignored) != OK)
        return TOUCH_UNKNOWN;
    for (size_t i = 0; i < n && policy == TOUCH_UNKNOWN; i++) {
        CK_ATTRIBUTE value = {CKA_VALUE, der, sizeof(der)};
        if (attrs_read(t, found[i], &value, 1) == CKR_OK && attr_has(&value))
            policy = attested(attr_bytes(&value), &key->spki);
    }
    return policy;
}

enum touch_policy touch_read(struct token *t, CK_OBJECT_HANDLE h, const struct token_key *key)
{
    if (token_family(&t->info) != FAMILY_YUBIKEY)
        return TOUCH_UNKNOWN;
    enum touch_policy policy = attribute_read(t, h);
    if (policy == TOUCH_UNKNOWN && key->id_len > 0 && key->spki.n > 0)
        policy = attestation_read(t, key);
    return policy;
}
