/* SPDX-License-Identifier: Apache-2.0 */
/* Inside base/: the list of words, and nothing that is done with them. */
#ifndef BASE_MNEMONIC_WORDS_H
#define BASE_MNEMONIC_WORDS_H

#define MNEMONIC_LIST_LEN 2048u
#define MNEMONIC_WORD_MAX 8u /* letters of the longest */

/* Sorted; in lower-case letters. */
extern const char mnemonic_words[MNEMONIC_LIST_LEN][MNEMONIC_WORD_MAX + 1];

#endif
