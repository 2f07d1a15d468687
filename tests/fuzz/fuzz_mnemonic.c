/* SPDX-License-Identifier: Apache-2.0 */
/* base/mnemonic.h: whatever is typed is refused with a usage error, or read as a seed whose words
 * read as the same seed, in full and cut to four letters. */
#include "base/mnemonic.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void again(const struct secret *seed, size_t letters)
{
    AUTO_SECRET text = {0};
    AUTO_SECRET back = {0};
    struct err e;

    MUST(secret_new(&text, MNEMONIC_TEXT_MAX, &e) == OK);
    for (size_t i = 0; i < MNEMONIC_WORDS; i++) {
        const char *word = mnemonic_word(seed, i);
        MUST(word && (i == 0 || secret_append(&text, BYTES_LIT(" "), &e) == OK));
        MUST(secret_append(&text, bytes_of(word, strnlen(word, letters)), &e) == OK);
    }
    MUST(mnemonic_read(&text, &back, &e) == OK && secret_eq(&back, seed));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    AUTO_SECRET text = {0};
    AUTO_SECRET seed = {0};
    struct err e;

    if (n == 0 || n > SECRET_MAX || secret_copy(&text, bytes_of(p, n), &e))
        return 0;
    (void)mnemonic_is_word(&text, "abandon");
    if (mnemonic_read(&text, &seed, &e)) {
        MUST(e.code == ERR_USAGE && !seed.p);
        return 0;
    }
    MUST(seed.n == MNEMONIC_SEED_LEN);
    again(&seed, 8);
    again(&seed, 4);
    return 0;
}
