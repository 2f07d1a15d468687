/* SPDX-License-Identifier: Apache-2.0 */
/* Random, cut and twisted commands against a card in memory: each must get an answer of two bytes
 * or more. Meant for a build with sanitizers. */
#include "tests/card/crypto.h"
#include "tests/card/reader.h"

#include <stdio.h>
#include <string.h>

static uint64_t state;

static unsigned draw(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 16) % below);
}

struct sample {
    uint8_t p[400];
    size_t n;
};

#define SAMPLE(...)                                                                                \
    {                                                                                              \
        .p = {__VA_ARGS__}, .n = sizeof((const uint8_t[]){__VA_ARGS__})                            \
    }

/* Commands that are right, to be spoilt. */
static const struct sample samples[] = {
    SAMPLE(0, 0xa4, 4, 0, 5, 0xa0, 0, 0, 3, 8),
    SAMPLE(0, 0xa4, 4, 0, 8, 0xa0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17),
    SAMPLE(0, 0x20, 0, 0x80, 0),
    SAMPLE(0, 0x20, 0, 0x80, 8, '1', '2', '3', '4', '5', '6', 0xff, 0xff),
    SAMPLE(0, 0x24, 0, 0x80, 16, '1', '2', '3', '4', '5', '6', 0xff, 0xff, '1', '2', '3', '4', '5',
           '6', 0xff, 0xff),
    SAMPLE(0, 0x2c, 0, 0x80, 16, '1', '2', '3', '4', '5', '6', '7', '8', '1', '2', '3', '4', '5',
           '6', 0xff, 0xff),
    SAMPLE(0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 0x02, 0),
    SAMPLE(0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 0x0b, 0),
    SAMPLE(0, 0xcb, 0x3f, 0xff, 3, 0x5c, 1, 0x7e, 0),
    SAMPLE(0, 0xcb, 0x3f, 0xff, 0, 0, 5, 0x5c, 3, 0x5f, 0xc1, 0x0c, 0, 0),
    SAMPLE(0, 0xdb, 0x3f, 0xff, 9, 0x5c, 3, 0x5f, 0xc1, 0x0d, 0x53, 2, 1, 2),
    SAMPLE(0, 0x47, 0, 0x9a, 5, 0xac, 3, 0x80, 1, 0x11),
    SAMPLE(0, 0x47, 0, 0x83, 11, 0xac, 9, 0x80, 1, 0x11, 0xaa, 1, 3, 0xab, 1, 2),
    SAMPLE(0, 0x87, 3, 0x9b, 4, 0x7c, 2, 0x80, 0),
    SAMPLE(0, 0x87, 3, 0x9b, 4, 0x7c, 2, 0x81, 0),
    SAMPLE(0, 0x87, 3, 0x9b, 12, 0x7c, 10, 0x82, 8, 1, 2, 3, 4, 5, 6, 7, 8),
    SAMPLE(0, 0x87, 3, 0x9b, 22, 0x7c, 20, 0x80, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x81, 8, 1, 2, 3, 4, 5,
           6, 7, 8),
    SAMPLE(0, 0x87, 0x11, 0x9d, 38, 0x7c, 36, 0x82, 0, 0x81, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
           12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32),
    SAMPLE(0x10, 0x87, 0x07, 0x82, 8, 0x7c, 0x82, 1, 6, 0x82, 0, 0x81, 0x82),
    SAMPLE(0, 0x87, 0x07, 0x82, 4, 1, 0, 1, 2),
    SAMPLE(0, 0xf7, 0, 0x9d, 0),
    SAMPLE(0, 0xf7, 0, 0x80, 0),
    SAMPLE(0, 0xf7, 0, 0x9b, 0),
    SAMPLE(0, 0xf8, 0, 0, 0),
    SAMPLE(0, 0xf9, 0x9d, 0, 0),
    SAMPLE(0, 0xfa, 3, 3),
    SAMPLE(0, 0xfb, 0, 0),
    SAMPLE(0, 0xfd, 0, 0, 0),
    SAMPLE(0, 0xc0, 0, 0, 0),
    SAMPLE(0, 0xfe, 0x11, 0x84, 37, 6, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
           17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0xaa, 1, 2),
    SAMPLE(0, 0xff, 0xff, 0xff, 27, 3, 0x9b, 24, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1,
           2, 3, 4, 5, 6, 7, 9),
};

#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* A right command; the point is the slot's own, or one that is hardly on the curve. */
static void derive(const struct card *c, struct sample *s)
{
    static const uint8_t head[] = {0, 0x87, 0x11, 0x9d, 71, 0x7c, 69, 0x82, 0, 0x85, 65};
    static struct out public;
    public.n = 0;
    memcpy(s->p, head, sizeof(head));
    s->n = sizeof(head) + 65;
    if (key_public(c->keys[slot_index(0x9d)], &public) && public.n == 67)
        memcpy(s->p + sizeof(head), public.p + 2, 65);
    for (size_t i = 0; draw(2) && i < 64; i++)
        s->p[sizeof(head) + 1 + i] = (uint8_t)draw(256);
}

static void random_bytes(struct sample *s)
{
    s->n = draw(sizeof(s->p) + 1);
    for (size_t i = 0; i < s->n; i++)
        s->p[i] = (uint8_t)draw(256);
    if (s->n >= 5 && draw(2)) {
        s->p[0] = draw(2) ? 0x10 : 0;
        s->p[1] = samples[draw(N_SAMPLES)].p[1];
        s->p[4] = (uint8_t)(s->n - 5);
    }
}

static void spoil(struct sample *s)
{
    unsigned n_changes = draw(4);
    for (unsigned i = 0; i < n_changes && s->n; i++)
        s->p[draw((unsigned)s->n)] = (uint8_t)draw(256);
    if (draw(4) == 0)
        s->n = draw((unsigned)s->n + 1);
    else if (draw(4) == 0 && s->n < sizeof(s->p))
        s->p[s->n++] = (uint8_t)draw(256);
    /* RSA keys take long to make. */
    for (size_t i = 7; i < s->n && s->p[1] == 0x47; i++)
        if (s->p[i] == ALG_RSA2048)
            s->p[i] = ALG_P256;
}

/* What commands need to be taken at all. */
static void favour(struct card *c)
{
    c->applet = draw(50) ? APPLET_PIV : APPLET_NONE;
    c->is_pin_ok = c->is_pin_fresh = draw(4) != 0;
    c->is_management_ok = draw(4) != 0;
    if (draw(100) == 0)
        c->kept.pin.tries = c->kept.puk.tries = (uint8_t)draw(4);
}

int selftest(unsigned long n, unsigned long seed)
{
    static struct card c;
    static struct out reply;
    struct sample s;
    unsigned long taken = 0;
    state = seed * 2654435761u + 88172645463325252u;
    if (!state_load(&c) || !slot_fill(&c, SLOT_ATTEST, ALG_P256, 0, 0) ||
        !slot_fill(&c, 0x82, ALG_RSA2048, 0, 0))
        return 1;
    for (unsigned long i = 0; i < n; i++) {
        if (!c.keys[slot_index(0x9d)] && !slot_fill(&c, 0x9d, ALG_P256, 0, 0))
            return 1;
        favour(&c);
        s = samples[draw(N_SAMPLES)];
        unsigned kind = draw(8);
        if (kind == 0)
            random_bytes(&s);
        else if (kind == 1)
            derive(&c, &s);
        else
            spoil(&s);
        card_apdu(&c, view_of(s.p, s.n), &reply);
        if (reply.n < 2 || reply.is_full) {
            printf("not ok 1 - command %lu got no answer\n1..1\n", i);
            return 1;
        }
        taken += reply.p[reply.n - 2] == 0x90 || reply.p[reply.n - 2] == 0x61;
    }
    for (size_t i = 0; i < N_SLOTS; i++)
        EVP_PKEY_free(c.keys[i]);
    /* With all refused, nothing would have been tested. */
    printf("%sok 1 - the card answers %lu spoilt commands, %lu of them well\n1..1\n",
           taken > n / 20 ? "" : "not ", n, taken);
    return taken > n / 20 ? 0 : 1;
}
