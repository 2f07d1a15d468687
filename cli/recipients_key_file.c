/* SPDX-License-Identifier: Apache-2.0 */
/* A public key from a file: PEM or DER, by itself or in a certificate, of which nothing but the key
 * is used. Whether a token holds its private half nobody knows until it is tested. */
#include "cli/recipients.h"

#include "base/buf.h"
#include "base/file.h"
#include "pkcs11/advice.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define KEY_FILE_MAX 65536u

static void bio_freep(BIO **b)
{
    BIO_free(*b);
}

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void openssl_freep(unsigned char **p)
{
    OPENSSL_free(*p);
}

static bool from_certificate(struct bytes der, struct spki *out, struct err *e)
{
    const unsigned char *p = der.p;
    AUTO(openssl_freep) unsigned char *spki = NULL;
    AUTO(x509_freep) X509 *x = d2i_X509(NULL, &p, (long)der.n);
    int n = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki) : -1;

    ERR_clear_error();
    return n > 0 && spki_normalise(bytes_of(spki, (size_t)n), out, e) == OK;
}

static int from_der(struct bytes der, struct spki *out, struct err *e)
{
    struct err other;

    if (spki_normalise(der, out, e) == OK || from_certificate(der, out, &other))
        return OK;
    return e->code;
}

static int no_public_key(struct bytes kind, struct err *e)
{
    if (kind.n >= 11 && memmem(kind.p, kind.n, "PRIVATE KEY", 11)) {
        err_set(e, ERR_USAGE, "the file holds a private key");
        return err_hint(e, "the private half of a sealing key stays in its token; give the public "
                           "key that the token shows");
    }
    err_set(e, ERR_FORMAT, "the file holds no public key and no certificate");
    return err_hint(e, "it starts with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----; "
                       "of an RSA PUBLIC KEY: openssl rsa -RSAPublicKey_in -pubout");
}

/* The first block counts. */
static int from_pem(struct bytes text, struct spki *out, struct err *e)
{
    AUTO(bio_freep) BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
    AUTO(openssl_freep) unsigned char *der = NULL;
    char *name = NULL, *header = NULL;
    long n = 0;
    int rc;

    if (!in || PEM_read_bio(in, &name, &header, &der, &n) != 1) {
        ERR_clear_error();
        return no_public_key((struct bytes){0}, e);
    }
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        rc = spki_normalise(bytes_of(der, (size_t)n), out, e);
    else if (strcmp(name, PEM_STRING_X509) == 0)
        rc = from_certificate(bytes_of(der, (size_t)n), out, e)
                 ? OK
                 : err_set(e, ERR_FORMAT, "the certificate's key cannot seal");
    else
        rc = no_public_key(bytes_str(name), e);
    OPENSSL_free(name);
    OPENSSL_free(header);
    return rc;
}

static int read_key(const char *path, struct spki *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(KEY_FILE_MAX);

    if (file_read_user(path, KEY_FILE_MAX, &text, e))
        return e->code;
    struct bytes v = buf_bytes(&text);
    return memmem(v.p, v.n, "-----BEGIN ", 11) ? from_pem(v, out, e) : from_der(v, out, e);
}

static int scheme_wanted(struct err *e)
{
    err_set(e, ERR_USAGE, "an RSA key needs --scheme rsa-oaep-256 or --scheme rsa-oaep-1");
    err_hint(e, "rsa-oaep-256 for a YubiKey, a TPM, NSS and most HSMs; rsa-oaep-1 for SoftHSM, "
                "which takes nothing else");
    return err_hint(e, "the wrong one shows when it is tested: coffer recipients test, on the "
                       "machine with that token");
}

/* The token is not here to be tried. */
static int choose_scheme(const struct cli *c, struct recipient *r, struct err *e)
{
    const char *text = c->args->value[OPT_SCHEME];
    enum scheme s;

    if (spki_fits(&r->spki, SCHEME_ECDH_P256)) {
        r->scheme = SCHEME_ECDH_P256;
        if (!text)
            return OK;
        return err_set(e, ERR_USAGE, "--scheme is for RSA keys; an EC key has one, ecdh-p256");
    }
    if (!text)
        return scheme_wanted(e);
    if (!scheme_by_name(bytes_str(text), &s) || !spki_fits(&r->spki, s)) {
        err_set(e, ERR_USAGE, "an RSA key cannot be used by '%.40s'", text);
        return err_hint(e, "schemes: rsa-oaep-256, rsa-oaep-1");
    }
    r->scheme = s;
    return OK;
}

int key_file_read(const struct cli *c, struct recipient *r, struct err *e)
{
    if (read_key(c->args->value[OPT_PUBLIC_KEY], &r->spki, e))
        return err_wrap(e, "--public-key");
    if (choose_scheme(c, r, e))
        return e->code;
    if (spki_is_roca(&r->spki)) {
        err_set(e, ERR_POLICY,
                "this RSA key is weak (ROCA, CVE-2017-15361): its private half can "
                "be computed from it");
        return err_hint(e, "make another key on that token, not RSA, or take another token");
    }
    return spki_rid(&r->spki, r->rid, e);
}
