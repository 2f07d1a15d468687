/* SPDX-License-Identifier: Apache-2.0 */
/* BIP-39, entropy of 32 bytes: its bits and the first 8 bits of its SHA-256, cut into 24 numbers of
 * 11 bits. What is known of the seed on the way stays in struct secret, or is wiped before the
 * return. */
#include "base/mnemonic.h"

#include "base/crypto.h"
#include "base/mnemonic_words.h"
#include "base/wipe.h"

#define WORD_BITS 11u
#define PREFIX_LEN 4u
#define PACKED_LEN (MNEMONIC_SEED_LEN + 1u)

/* 33 bytes: the seed and its checksum. out must not hold a secret. */
static int pack(const struct secret *seed, struct secret *out, struct err *e)
{
    uint8_t sum[SHA256_LEN];
    if (seed->n != MNEMONIC_SEED_LEN)
        return err_set(e, ERR_USAGE, "24 words stand for 32 bytes");
    int rc = sha256(secret_bytes(seed), sum, e);
    if (!rc)
        rc = secret_new(out, PACKED_LEN, e);
    if (!rc)
        rc = secret_append(out, secret_bytes(seed), e);
    if (!rc)
        rc = secret_append(out, bytes_of(sum, 1), e);
    mem_wipe(sum, sizeof(sum));
    return rc;
}

/* The 11 bits of the i-th word. */
static unsigned bits_get(const uint8_t *packed, size_t i)
{
    unsigned v = 0;
    for (size_t bit = i * WORD_BITS; bit < (i + 1) * WORD_BITS; bit++)
        v = v << 1 | ((unsigned)packed[bit / 8] >> (7 - bit % 8) & 1u);
    return v;
}

static void bits_put(uint8_t *packed, size_t i, unsigned v)
{
    for (size_t k = 0; k < WORD_BITS; k++) {
        size_t bit = i * WORD_BITS + k;
        packed[bit / 8] |= (uint8_t)((v >> (WORD_BITS - 1 - k) & 1u) << (7 - bit % 8));
    }
}

const char *mnemonic_word(const struct secret *seed, size_t i)
{
    AUTO_SECRET packed = {0};
    struct err quiet;
    if (i >= MNEMONIC_WORDS || pack(seed, &packed, &quiet))
        return NULL;
    const char *word = mnemonic_words[bits_get(packed.p, i)];
    wipe_stack();
    return word;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What is typed against the list, as letters in the order of the list. 0 for a word of the list and
 * for its first four letters. */
static int compare(struct bytes typed, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < typed.n; i++) {
        uint8_t c =
            typed.p[i] >= 'A' && typed.p[i] <= 'Z' ? (uint8_t)(typed.p[i] + 32) : typed.p[i];
        if (i == n || c != (uint8_t)word[i])
            return i == n || c > (uint8_t)word[i] ? 1 : -1;
    }
    return typed.n == n || typed.n == PREFIX_LEN ? 0 : -1;
}

/* Its place on the list; MNEMONIC_LIST_LEN when it is not there. */
static unsigned find(struct bytes typed)
{
    unsigned low = 0, high = MNEMONIC_LIST_LEN;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        int order = compare(typed, mnemonic_words[mid]);
        if (order == 0)
            return mid;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return MNEMONIC_LIST_LEN;
}

/* The next word of *rest, which begins after it; n == 0: there is none. */
static struct bytes take_word(struct bytes *rest)
{
    size_t from = 0, to;
    while (from < rest->n && is_blank(rest->p[from]))
        from++;
    for (to = from; to < rest->n && !is_blank(rest->p[to]);)
        to++;
    struct bytes word = bytes_of(rest->p ? rest->p + from : NULL, to - from);
    *rest = bytes_of(rest->p ? rest->p + to : NULL, rest->n - to);
    return word;
}

static size_t count_words(const struct secret *text)
{
    struct bytes rest = secret_bytes(text);
    size_t n = 0;
    while (take_word(&rest).n)
        n++;
    return n;
}

static int read_words(const struct secret *text, struct secret *packed, struct err *e)
{
    struct bytes rest = secret_bytes(text);
    int rc = secret_new(packed, PACKED_LEN, e);
    if (rc)
        return rc;
    memset(packed->p, 0, PACKED_LEN);
    packed->n = PACKED_LEN;
    for (size_t i = 0; i < MNEMONIC_WORDS; i++) {
        unsigned at = find(take_word(&rest));
        if (at == MNEMONIC_LIST_LEN) {
            err_set(e, ERR_USAGE, "word %zu is not on the list", i + 1);
            return err_hint(e, "compare it with the paper; its first four letters are enough");
        }
        bits_put(packed->p, i, at);
    }
    return OK;
}

static int check_sum(const struct secret *packed, struct err *e)
{
    uint8_t sum[SHA256_LEN];
    int rc = sha256(bytes_of(packed->p, MNEMONIC_SEED_LEN), sum, e);
    if (!rc && sum[0] != packed->p[MNEMONIC_SEED_LEN]) {
        rc = err_set(e, ERR_USAGE, "the 24 words do not fit together");
        err_hint(e, "one of them is another word of the list, or two have changed places: compare "
                    "each with the paper");
    }
    mem_wipe(sum, sizeof(sum));
    return rc;
}

static int read_seed(const struct secret *text, struct secret *seed, struct err *e)
{
    AUTO_SECRET packed = {0};
    size_t n = count_words(text);
    if (n != MNEMONIC_WORDS)
        return err_set(e, ERR_USAGE, "there are %zu words, and a paper has %u", n, MNEMONIC_WORDS);
    int rc = read_words(text, &packed, e);
    if (!rc)
        rc = check_sum(&packed, e);
    return rc ? rc : secret_copy(seed, bytes_of(packed.p, MNEMONIC_SEED_LEN), e);
}

int mnemonic_read(const struct secret *text, struct secret *seed, struct err *e)
{
    int rc = read_seed(text, seed, e);
    wipe_stack();
    return rc;
}

bool mnemonic_is_word(const struct secret *text, const char *word)
{
    struct bytes rest = secret_bytes(text);
    struct bytes typed = take_word(&rest);
    return typed.n && !take_word(&rest).n && compare(typed, word) == 0;
}

bool mnemonic_is_listed(const struct secret *text)
{
    struct bytes rest = secret_bytes(text);
    struct bytes typed = take_word(&rest);
    bool yes = typed.n && !take_word(&rest).n && find(typed) != MNEMONIC_LIST_LEN;
    wipe_stack();
    return yes;
}
