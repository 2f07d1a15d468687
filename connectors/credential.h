/* SPDX-License-Identifier: Apache-2.0 */
/* Turns what a person typed or pasted into the form that is sealed: blanks off, base64 decoded,
 * private keys as PKCS#8. Says which field is wrong and why; never repeats a value. */
#ifndef CONNECTORS_CREDENTIAL_H
#define CONNECTORS_CREDENTIAL_H

#include "connectors/connector.h"

/* typed: the fields as text, absent ones empty. out: all empty before; after OK the values in
 * stored form (a private key is always in FIELD_PRIVATE_KEY_PEM, wherever it was typed), after a
 * failure empty again. *key: what kind of key signs. ERR_USAGE for a field that is missing, not of
 * this exchange, or not of the right form. The caller frees both arrays. */
int credential_normalise(const struct connector *c, struct secret typed[FIELD_COUNT],
                         struct secret out[FIELD_COUNT], enum key_type *key,
                         struct err *e) MUST_USE;
/* The key's name for listings: first and last four characters, less of a short one. */
void credential_mask(struct bytes api_key, char out[32]);

#endif
