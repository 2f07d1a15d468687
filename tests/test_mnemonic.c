/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/mnemonic.c: BIP-39's own vectors both ways, what a person may type, and what is
 * refused and how. */
#include "tests/harness.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/mnemonic.h"
#include "base/mnemonic_words.h"
#include "base/text.h"
#include "tests/vault_world.h"

#include <stdio.h>
#include <string.h>

static struct secret secret_of(const char *text)
{
    struct err e;
    struct secret s = {0};
    OK_CALL(secret_copy(&s, bytes_str(text), &e), &e);
    return s;
}

static struct secret seed_of(struct bytes hex)
{
    struct err e;
    struct secret s = {0};
    uint8_t raw[MNEMONIC_SEED_LEN];
    size_t n = 0;
    CHECK(hex_decode(raw, sizeof(raw), &n, hex) && n == sizeof(raw));
    OK_CALL(secret_copy(&s, BYTES_ARR(raw), &e), &e);
    return s;
}

static void join(const struct secret *seed, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < MNEMONIC_WORDS; i++) {
        const char *word = mnemonic_word(seed, i);
        CHECK(word != NULL);
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? " " : "", word ? word : "?");
    }
}

static void both_ways(struct bytes line)
{
    struct err e;
    struct bytes hex, words;
    char got[MNEMONIC_TEXT_MAX], want[512];
    text_cut(line, ' ', &hex, &words);
    AUTO_SECRET seed = seed_of(hex);
    AUTO_SECRET back = {0};
    join(&seed, got, sizeof(got));
    snprintf(want, sizeof(want), "%.*s", (int)words.n, (const char *)words.p);
    EQ_STR(got, want);
    AUTO_SECRET text = secret_of(want);
    if (OK_CALL(mnemonic_read(&text, &back, &e), &e))
        EQ_MEM(secret_bytes(&back), secret_bytes(&seed));
}

static void test_vectors(void)
{
    AUTO_BUF text = BUF_INIT(1 << 16);
    unsigned n = 0;
    read_all("tests/vectors/paper/words.txt", &text);
    struct bytes rest = buf_bytes(&text), line;
    while (rest.n) {
        text_cut(rest, '\n', &line, &rest);
        if (!line.n || line.p[0] == '#')
            continue;
        both_ways(line);
        n++;
    }
    EQ_INT(n, 8);
}

/* The list is BIP-39's, in order, and four letters tell its words apart. */
static void test_list(void)
{
    struct err e;
    AUTO_BUF all = BUF_INIT(1 << 16), hex = BUF_INIT(128);
    uint8_t sha[SHA256_LEN];
    for (size_t i = 0; i < MNEMONIC_LIST_LEN; i++) {
        buf_adds(&all, mnemonic_words[i]);
        buf_addc(&all, '\n');
        if (i)
            CHECK(strncmp(mnemonic_words[i - 1], mnemonic_words[i], 4) != 0 &&
                  strcmp(mnemonic_words[i - 1], mnemonic_words[i]) < 0);
    }
    OK_CALL(sha256(buf_bytes(&all), sha, &e), &e);
    hex_encode(&hex, BYTES_ARR(sha));
    EQ_STR(buf_str(&hex), "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
}

/* Every word is found, in full and by its first four letters: 24 words with each at one place. */
static void test_every_word(void)
{
    for (size_t i = 0; i < MNEMONIC_LIST_LEN; i++) {
        char four[5];
        snprintf(four, sizeof(four), "%.4s", mnemonic_words[i]);
        AUTO_SECRET whole = secret_of(mnemonic_words[i]);
        AUTO_SECRET cut = secret_of(four);
        CHECK(mnemonic_is_word(&whole, mnemonic_words[i]));
        CHECK(mnemonic_is_word(&cut, mnemonic_words[i]));
        CHECK(mnemonic_is_listed(&whole) && mnemonic_is_listed(&cut));
        CHECK(!mnemonic_is_word(&cut, mnemonic_words[(i + 1) % MNEMONIC_LIST_LEN]));
    }
}

#define YEARS "legal winner thank year wave sausage worth useful "
#define LEGAL YEARS YEARS "legal winner thank year wave sausage worth title"

static void test_typed(void)
{
    static const char *const good[] = {
        LEGAL, "  \t" LEGAL "\r\n\n",
        ("LEGAL Winner tHANK\nyear\r\nwave\tsausage worth useful " YEARS
         "legal winner thank year wave sausage worth title"),
        ("lega winn than year wave saus wort usef lega winn than year wave saus wort usef "
         "lega winn than year wave saus wort titl")};
    struct err e;
    uint8_t want[MNEMONIC_SEED_LEN];
    memset(want, 0x7f, sizeof(want));
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        AUTO_SECRET text = secret_of(good[i]);
        AUTO_SECRET seed = {0};
        if (OK_CALL(mnemonic_read(&text, &seed, &e), &e))
            EQ_MEM(secret_bytes(&seed), BYTES_ARR(want));
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"legal", "there are 1 words, and a paper has 24"},
        {" ", "there are 0 words, and a paper has 24"},
        {LEGAL " title", "there are 25 words, and a paper has 24"},
        {YEARS YEARS "legal winner thank year wave sausage worth", "there are 23 words"},
        {YEARS YEARS "legal winner thank year wave sausage worth titel", "word 24 is not on"},
        {"le winner " YEARS YEARS "legal winner thank year wave worth", "word 1 is not on"},
        {"legal winne " YEARS YEARS "legal winner thank year wave worth", "word 2 is not on"},
        {"legal winners " YEARS YEARS "legal winner thank year wave worth", "word 2 is not on"},
        {"legal \xc3\xa9t\xc3\xa9 " YEARS YEARS "legal winner thank year wave worth", "word 2 is"},
        {"winner legal thank year wave sausage worth useful " YEARS
         "legal winner thank year wave sausage worth title",
         "do not fit together"},
        {YEARS YEARS "legal winner thank year wave sausage worth zoo", "do not fit together"},
    };
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_SECRET text = secret_of(bad[i].text);
        AUTO_SECRET seed = {0};
        EQ_INT(mnemonic_read(&text, &seed, &e), ERR_USAGE);
        CHECK(seed.p == NULL);
        if (!CHECK(strstr(e.msg, bad[i].says) != NULL))
            printf("# %zu: %s, not: %s\n", i, e.msg, bad[i].says);
        CHECK(!strstr(e.msg, "winne") && !strstr(e.msg, "title")); /* never a word */
    }
    AUTO_SECRET none = {0};
    AUTO_SECRET seed = {0};
    EQ_INT(mnemonic_read(&none, &seed, &e), ERR_USAGE);
}

static void test_one_word(void)
{
    static const struct {
        const char *typed, *word;
        bool is;
    } cases[] = {{"abandon", "abandon", true},
                 {" Abandon\n", "abandon", true},
                 {"aban", "abandon", true},
                 {"ABAN", "abandon", true},
                 {"abando", "abandon", false},
                 {"aba", "abandon", false},
                 {"abandoned", "abandon", false},
                 {"abandon able", "abandon", false},
                 {"add", "add", true},
                 {"addi", "add", false},
                 {"add", "addict", false},
                 {"addi", "addict", true},
                 {"able", "able", true},
                 {"abl", "able", false}};
    struct secret none = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_SECRET typed = secret_of(cases[i].typed);
        if (!CHECK(mnemonic_is_word(&typed, cases[i].word) == cases[i].is))
            printf("# '%s' for '%s'\n", cases[i].typed, cases[i].word);
    }
    CHECK(!mnemonic_is_word(&none, "abandon"));
    CHECK(!mnemonic_is_listed(&none));
    AUTO_SECRET unknown = secret_of("xyzzy");
    AUTO_SECRET two = secret_of("zoo zoo");
    AUTO_SECRET three = secret_of("aba");
    CHECK(!mnemonic_is_listed(&unknown));
    CHECK(!mnemonic_is_listed(&two) && !mnemonic_is_listed(&three));
}

static void test_no_seed(void)
{
    AUTO_SECRET seed = secret_of("short");
    CHECK(mnemonic_word(&seed, 0) == NULL);
    AUTO_SECRET right = secret_of("0123456789abcdef0123456789abcdef");
    CHECK(mnemonic_word(&right, 23) != NULL);
    CHECK(mnemonic_word(&right, 24) == NULL);
}

int main(void)
{
    RUN(test_vectors);
    RUN(test_list);
    RUN(test_every_word);
    RUN(test_typed);
    RUN(test_refused);
    RUN(test_one_word);
    RUN(test_no_seed);
    return harness_end();
}
