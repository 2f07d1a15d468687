/* SPDX-License-Identifier: Apache-2.0 */
/* A recipient whose private key is an OpenSSL key in memory: an opener for tests of the format that
 * need no token. Written apart from pkcs11/, so that one checks the other. */
#ifndef TESTS_SOFTKEY_H
#define TESTS_SOFTKEY_H

#include "vault/vault.h"

#include <openssl/evp.h>

struct softkey {
    EVP_PKEY *key;
    struct recipient recipient;
    struct opener opener;
    unsigned n_ops;      /* private-key operations so far */
};

/* kind: "P-256" or "RSA"; scheme must fit. Aborts on failure. */
void softkey_new(struct softkey *k, const char *kind, enum scheme scheme, const char *label);
void softkey_free(struct softkey *k);

#endif
