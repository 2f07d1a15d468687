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
/* Whether text ends with what form_match takes for name, a word without digits. */
bool form_ends(struct bytes text, const char *name);
bool form_has(struct bytes form, const char *name);
/* How many pairs are called name; *value of the first, still escaped (untouched when there is
 * none). */
unsigned form_value(struct bytes form, const char *name, struct bytes *value);
/* Undoes form_encode; a malformed escape stands for itself, a + for a blank. */
void form_decode(struct buf *out, struct bytes v);
/* Copies form to out without the pairs called drop (or NULL), with value in the first pair called
 * name (further ones are left out, all when value.p is NULL). True when value was put in. */
bool form_copy(struct buf *out, struct bytes form, const char *drop, const char *name,
               struct bytes value);
/* Copies form to out, with max in each pair called name whose value is no plain number up to it. */
void form_cap(struct buf *out, struct bytes form, const char *name, uint32_t max);
/* Adds name=value, after & when out holds more than start bytes. value is already encoded. */
void form_append(struct buf *out, size_t start, const char *name, struct bytes value);
/* Percent-encodes all but the unreserved characters of RFC 3986. */
void form_encode(struct buf *out, struct bytes v);

#endif
