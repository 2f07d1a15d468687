/* SPDX-License-Identifier: Apache-2.0 */
/* 24 words for 32 bytes, with a checksum of 8 bits: BIP-39, English list. Only the words and their
 * checksum are used, not that page's way from words to keys. */
#ifndef BASE_MNEMONIC_H
#define BASE_MNEMONIC_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

#define MNEMONIC_WORDS 24u
#define MNEMONIC_SEED_LEN 32u
#define MNEMONIC_TEXT_MAX 232u /* 24 words of 8 letters, blanks, NUL, rounded up */

/* The i-th (0 to 23) word for the seed; a word of the list, borrowed. NULL on failure. */
const char *mnemonic_word(const struct secret *seed, size_t i);
/* Words in any case, blanks and line ends between them; a word may be given by its first four
 * letters. ERR_USAGE says how many words there are, or which (by its place, never the word itself)
 * is not on the list, or that the checksum does not hold. */
int mnemonic_read(const struct secret *text, struct secret *seed, struct err *e) MUST_USE;
/* Whether text, in any case, is the word (or its first four letters). */
bool mnemonic_is_word(const struct secret *text, const char *word);
/* Whether text is one word of the list, or its first four letters. */
bool mnemonic_is_listed(const struct secret *text);

#endif
