/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as people have them (PEM of several makes, base64 of a raw pair) to PKCS#8. */
#ifndef CONNECTORS_PRIVKEY_H
#define CONNECTORS_PRIVKEY_H

#include "base/attr.h"
#include "base/err.h"
#include "base/field.h"
#include "base/secret.h"

/* True when text has a PEM line, or looks like the inside of one (base64 of DER). */
bool privkey_is_pem(struct bytes text);
/* PEM (lines, literal \n, or all on one line) to PKCS#8 DER. field: its name, for errors. */
int privkey_from_pem(const char *field, struct bytes text, struct secret *der, enum key_type *key,
                     struct err *e) MUST_USE;
/* Base64 of 32 bytes seed and 32 bytes public key. *is_pair says whether text has that form at all;
 * when it has not, OK is returned and *der stays empty. */
int privkey_from_pair(const char *field, struct bytes text, struct secret *der, bool *is_pair,
                      struct err *e) MUST_USE;

#endif
