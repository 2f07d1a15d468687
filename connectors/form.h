/* SPDX-License-Identifier: Apache-2.0 */
/* Edits application/x-www-form-urlencoded text (a query or a body) without decoding it: pairs keep
 * their order and bytes. Only names are compared decoded, so that no escape hides one. */
#ifndef CONNECTORS_FORM_H
#define CONNECTORS_FORM_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"

/* How many bytes at the start of text spell name, escapes decoded; 0 when they do not. A malformed
 * escape stands for itself. */
size_t form_match(struct bytes text, const char *name);
bool form_has(struct bytes form, const char *name);
/* Copies form to out without the pairs called drop (or NULL), with value in the first pair called
 * name (further ones are left out, all when value.p is NULL). True when value was put in. */
bool form_copy(struct buf *out, struct bytes form, const char *drop, const char *name,
               struct bytes value);
/* Adds name=value, after & when out holds more than start bytes. value is already encoded. */
void form_append(struct buf *out, size_t start, const char *name, struct bytes value);
/* Percent-encodes all but the unreserved characters of RFC 3986. */
void form_encode(struct buf *out, struct bytes v);

#endif
