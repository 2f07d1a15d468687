/* SPDX-License-Identifier: Apache-2.0 */
/* Small text parsers with limits, in place of strtol, sscanf and ctype. ASCII only, locale-free, no
 * allocation. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/attr.h"
#include "base/bytes.h"

/* Decimal digits only: no sign, blank or leading zero (but "0"). false when malformed or above max;
 * *out untouched then. */
bool text_u64(struct bytes s, uint64_t max, uint64_t *out) MUST_USE;
/* v in decimal digits, with a NUL. The number of digits. */
#define U64_TEXT 21u
size_t text_of_u64(char out[U64_TEXT], uint64_t v);
/* Well-formed UTF-8: no overlong forms, surrogates or code points above U+10FFFF. */
bool text_is_utf8(struct bytes s) MUST_USE;
/* Length (1 to 4) of the well-formed UTF-8 sequence that s starts with; 0 when there is none. */
size_t text_utf8_step(struct bytes s);
/* For a person's eyes: copies s, with control characters (C1, line separators and text direction
 * marks too) and bytes that are not UTF-8 as \xNN. Cuts between characters; NUL added; cap > 0. */
void text_clean(char *out, size_t cap, struct bytes s);
/* Without leading and trailing blanks, tabs, CR and LF. */
struct bytes text_trim(struct bytes s);
/* ASCII letters compared without case. */
bool text_eq_nocase(struct bytes a, struct bytes b);
/* Splits at the first sep: *head before, *tail after; false when there is none (then *head is all,
 * *tail empty). */
bool text_cut(struct bytes s, char sep, struct bytes *head, struct bytes *tail);
/* Whether name is one of those that list names, with commas between them, in any case. */
bool text_in_list(struct bytes list, struct bytes name);
bool text_starts(struct bytes s, const char *prefix);
bool text_ends(struct bytes s, const char *suffix);
/* Copies at most cap - 1 bytes and a NUL; false when it does not fit or holds a NUL. */
bool text_copy(char *out, size_t cap, struct bytes s) MUST_USE;
/* Edit distance up to max; more gives max + 1. For "did you mean". */
unsigned text_distance(const char *a, const char *b, unsigned max);

#endif
