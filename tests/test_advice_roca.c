/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/advice_roca.c on moduli that are made here as the weak generator made them, and on
 * ordinary ones. */
#include "pkcs11/advice.h"
#include "tests/harness.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static BN_CTX *ctx;

static struct spki spki_of(const BIGNUM *n)
{
    uint8_t bytes[512];
    struct spki k = {0};
    struct err e = {.msg = "too long"};
    int len = BN_num_bytes(n);
    CHECK(len <= (int)sizeof(bytes));
    BN_bn2bin(n, bytes);
    OK_CALL(spki_from_rsa(bytes_of(bytes, (size_t)len), bytes_of("\x01\0\x01", 3), &k, &e), &e);
    return k;
}

/* The product of the first n primes. */
static BIGNUM *primorial(unsigned n)
{
    BIGNUM *m = BN_new();
    BN_one(m);
    for (unsigned p = 2; n > 0; p++) {
        bool is_prime = true;
        for (unsigned d = 2; d * d <= p && is_prime; d++)
            is_prime = p % d != 0;
        if (is_prime) {
            BN_mul_word(m, p);
            n--;
        }
    }
    return m;
}

/* k * m + 65537^a mod m, with its two highest bits set. */
static BIGNUM *weak_factor(const BIGNUM *m, int bits, bool is_prime)
{
    BIGNUM *a = BN_new(), *p = BN_new(), *g = BN_new(), *r = BN_new();
    BN_set_word(g, 65537);
    do {
        BN_rand(a, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
        BN_mod_exp(r, g, a, m, ctx);
        BN_rand(p, bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
        BN_div(p, NULL, p, m, ctx);
        BN_mul(p, p, m, ctx);
        BN_add(p, p, r);
    } while (BN_num_bits(p) != bits || !BN_is_bit_set(p, bits - 2) ||
             (is_prime && BN_check_prime(p, ctx, NULL) != 1));
    BN_free(a);
    BN_free(g);
    BN_free(r);
    return p;
}

static void weak_moduli_are_found(void)
{
    /* How many primes are in M, by the size of the key: as the paper on it tells. */
    static const struct {
        int bits;
        unsigned n_primes;
    } sizes[] = {{2048, 126}, {3072, 126}, {4096, 225}, {2048, 39}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        BIGNUM *m = primorial(sizes[i].n_primes), *n = BN_new();
        BIGNUM *p = weak_factor(m, sizes[i].bits / 2, i == 0);
        BIGNUM *q = weak_factor(m, sizes[i].bits / 2, i == 0);
        BN_mul(n, p, q, ctx);
        struct spki k = spki_of(n);
        CHECK(spki_is_roca(&k));
        BN_free(m);
        BN_free(n);
        BN_free(p);
        BN_free(q);
    }
}

/* One factor of the two by a sound generator. */
static void half_weak_is_not_the_fingerprint(void)
{
    BIGNUM *m = primorial(126), *n = BN_new(), *q = BN_new();
    BIGNUM *p = weak_factor(m, 1024, false);
    BN_generate_prime_ex2(q, 1024, 0, NULL, NULL, NULL, ctx);
    BN_mul(n, p, q, ctx);
    BN_set_bit(n, 2047);
    struct spki k = spki_of(n);
    CHECK(!spki_is_roca(&k));
    BN_free(m);
    BN_free(n);
    BN_free(p);
    BN_free(q);
}

/* What stands for the product of two sound primes: prime to all small primes, else random. */
static void ordinary_modulus(BIGNUM *n, const BIGNUM *m)
{
    BIGNUM *g = BN_new();
    do {
        BN_rand(n, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
        BN_gcd(g, n, m, ctx);
    } while (!BN_is_one(g));
    BN_free(g);
}

static void ordinary_moduli_are_not_found(void)
{
    BIGNUM *m = primorial(39), *n = BN_new();
    unsigned n_found = 0;
    for (unsigned i = 0; i < 200; i++) {
        ordinary_modulus(n, m);
        struct spki k = spki_of(n);
        n_found += spki_is_roca(&k);
    }
    EQ_INT(n_found, 0);
    BN_free(m);
    BN_free(n);
}

static void a_key_of_openssl_is_not_found(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIGNUM *n = NULL;
    CHECK(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n));
    struct spki k = spki_of(n);
    CHECK(!spki_is_roca(&k));
    BN_free(n);
    EVP_PKEY_free(key);
}

/* n becomes n0 with n0 = x modulo p and unchanged modulo m: m and p are without common factor. */
static void combine(BIGNUM *n, BIGNUM *m, BN_ULONG p, BN_ULONG x)
{
    while (BN_mod_word(n, p) != x)
        BN_add(n, n, m);
    BN_mul_word(m, p);
}

/* A power of 65537 modulo each small prime, but of an even exponent for some and of an odd one for
 * others: the simpler test, prime by prime, takes it for a weak one. */
static void powers_of_different_exponents(void)
{
    BIGNUM *m = BN_new(), *n = BN_new();
    BN_one(m);
    BN_one(n);
    combine(n, m, 2, 1);
    for (BN_ULONG p = 3; p <= 167; p += 2) {
        bool is_prime = true;
        for (BN_ULONG d = 3; d * d <= p && is_prime; d += 2)
            is_prime = p % d != 0;
        if (is_prime)
            combine(n, m, p, p % 4 == 1 ? 1 : 65537 % p);
    }
    BIGNUM *k = BN_new();
    BN_rand(k, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
    BN_div(k, NULL, k, m, ctx);
    BN_mul(k, k, m, ctx);
    BN_add(n, n, k);
    struct spki spki = spki_of(n);
    CHECK(!spki_is_roca(&spki));
    BN_free(k);
    BN_free(m);
    BN_free(n);
}

static void what_is_no_rsa_key(void)
{
    struct spki k = {0};
    CHECK(!spki_is_roca(&k));
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    uint8_t point[65];
    size_t n = 0;
    struct err e;
    CHECK(EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n));
    OK_CALL(spki_from_ec_point(bytes_of(point, n), &k, &e), &e);
    CHECK(!spki_is_roca(&k));
    EVP_PKEY_free(ec);
}

int main(void)
{
    ctx = BN_CTX_new();
    RUN(weak_moduli_are_found);
    RUN(half_weak_is_not_the_fingerprint);
    RUN(ordinary_moduli_are_not_found);
    RUN(a_key_of_openssl_is_not_found);
    RUN(powers_of_different_exponents);
    RUN(what_is_no_rsa_key);
    BN_CTX_free(ctx);
    return harness_end();
}
