/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint of ROCA (CVE-2017-15361) in a public modulus. Nothing is factored. */
#include "pkcs11/advice.h"
#include "pkcs11/spki.h"

/* The weak generator made its primes as k * M + (65537^a mod M), M being a product of the first
 * primes: 39 of them for the smallest keys, more for larger ones. So the modulus is itself a power
 * of 65537 modulo the product of these 39. Modulo 2 every odd number is. */
static const uint8_t primes[] = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                 47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};

/* x = 65537^log modulo a prime: log is known modulo the order of 65537. */
struct log {
    unsigned log, order;
};

static unsigned modulo(struct bytes n, unsigned p)
{
    unsigned r = 0;
    for (size_t i = 0; i < n.n; i++)
        r = (r * 256 + n.p[i]) % p;
    return r;
}

/* false: no power of 65537 is x. */
static bool log_find(unsigned x, unsigned p, struct log *out)
{
    bool is_found = false;
    unsigned power = 1, order = 0;
    do {
        if (power == x) {
            out->log = order;
            is_found = true;
        }
        power = power * (65537 % p) % p;
        order++;
    } while (power != 1);
    out->order = order;
    return is_found;
}

static unsigned gcd(unsigned a, unsigned b)
{
    while (b) {
        unsigned r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* One exponent serves all primes exactly when each two of its residues agree. A modulus that is a
 * power modulo each prime, but of another exponent for each, did not come from the generator. */
static bool logs_agree(const struct log *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            unsigned g = gcd(v[i].order, v[k].order);
            if (v[i].log % g != v[k].log % g)
                return false;
        }
    }
    return true;
}

bool spki_is_roca(const struct spki *k)
{
    struct log logs[ARRAY_LEN(primes)];
    struct spki_parts parts;
    if (!spki_split(bytes_of(k->der, k->n), &parts) || parts.modulus.n == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(primes); i++) {
        if (!log_find(modulo(parts.modulus, primes[i]), primes[i], &logs[i]))
            return false;
    }
    return logs_agree(logs, ARRAY_LEN(logs));
}
