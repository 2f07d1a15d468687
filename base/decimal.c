/* SPDX-License-Identifier: Apache-2.0 */
/* Decimals as one integer and a scale, by OpenSSL's BIGNUM. No rounding but where a name says so.
 */
#include "base/decimal.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>

#define TEXT_LEN (DECIMAL_TEXT - 1u)
#define BITS_MAX 2048 /* of any number, so that products of products end */
#define SCALE_MAX 400u
/* Bytes for a number of BITS_MAX times ten to SCALE_MAX (1329 bits). */
#define PLAIN_MAX 512u

#define AUTO_BN AUTO(bn_freep) BIGNUM

static void bn_freep(BIGNUM **v)
{
    BN_free(*v);
}

static void ctx_freep(BN_CTX **c)
{
    BN_CTX_free(*c);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for a number");
}

static int bad_form(struct err *e)
{
    return err_set(e, ERR_FORMAT, "not a decimal number");
}

static int too_long(struct err *e)
{
    return err_set(e, ERR_LIMIT, "a decimal number is too long");
}

void decimal_free(struct decimal *d)
{
    BN_free(d->v);
    *d = (struct decimal){0};
}

/* Hands *v over to out. */
static int give(BIGNUM **v, unsigned scale, struct decimal *out, struct err *e)
{
    if (BN_num_bits(*v) > BITS_MAX || scale > SCALE_MAX)
        return too_long(e);
    *out = (struct decimal){.v = *v, .scale = scale};
    *v = NULL;
    return OK;
}

/* A fresh copy of v times ten to n; NULL without memory. */
static BIGNUM *shifted(const BIGNUM *v, unsigned n)
{
    BIGNUM *r = BN_dup(v);

    for (; r && n > 0; n--)
        if (!BN_mul_word(r, 10)) {
            BN_free(r);
            return NULL;
        }
    return r;
}

/* -- text -- */

struct parts {
    struct bytes whole, fraction;
    bool is_negative;
    int exponent;
};

static struct bytes take_digits(struct bytes *s)
{
    struct bytes d = bytes_of(s->p, 0);

    while (s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9')
        s->p++, s->n--, d.n++;
    return d;
}

static bool take_char(struct bytes *s, char c)
{
    if (s->n == 0 || s->p[0] != (uint8_t)c)
        return false;
    s->p++, s->n--;
    return true;
}

static bool take_exponent(struct bytes *s, int *out)
{
    if (!take_char(s, 'e') && !take_char(s, 'E'))
        return true;
    bool is_negative = take_char(s, '-');
    struct bytes d = take_digits(s);
    if (d.n == 0 || d.n > 2)
        return false;
    int v = d.p[0] - '0';
    if (d.n == 2)
        v = v * 10 + (d.p[1] - '0');
    *out = is_negative ? -v : v;
    return true;
}

static bool split(struct bytes s, struct parts *p)
{
    *p = (struct parts){0};
    p->is_negative = take_char(&s, '-');
    p->whole = take_digits(&s);
    if (p->whole.n == 0)
        return false;
    if (take_char(&s, '.')) {
        p->fraction = take_digits(&s);
        if (p->fraction.n == 0)
            return false;
    }
    return take_exponent(&s, &p->exponent) && s.n == 0;
}

static int add_digits(BIGNUM *v, struct bytes digits)
{
    for (size_t i = 0; i < digits.n; i++)
        if (!BN_mul_word(v, 10) || !BN_add_word(v, (BN_ULONG)(digits.p[i] - '0')))
            return -1;
    return 0;
}

int decimal_parse(struct bytes text, struct decimal *out, struct err *e)
{
    char plain[DECIMAL_TEXT];
    struct parts p;
    AUTO_DECIMAL d = {0};

    if (text.n > TEXT_LEN)
        return too_long(e);
    if (!split(text, &p))
        return bad_form(e);
    int scale = (int)p.fraction.n - p.exponent;
    AUTO_BN *v = BN_new();
    if (!v || add_digits(v, p.whole) || add_digits(v, p.fraction))
        return no_memory(e);
    for (; scale < 0; scale++)
        if (!BN_mul_word(v, 10))
            return no_memory(e);
    BN_set_negative(v, p.is_negative);
    /* What is taken can be given: an exponent must not make it longer than text may be. */
    if (give(&v, (unsigned)scale, &d, e) || decimal_text(&d, plain, e))
        return e->code;
    *out = d;
    d = (struct decimal){0};
    return OK;
}

static int write_plain(const char *digits, unsigned scale, bool is_negative, char out[DECIMAL_TEXT],
                       struct err *e)
{
    size_t n = strlen(digits), zeros = n > scale ? 0 : scale + 1 - n, at = 0;

    if (n + zeros + (scale > 0) + is_negative > TEXT_LEN)
        return too_long(e);
    if (is_negative)
        out[at++] = '-';
    for (size_t i = 0; i < n + zeros; i++) {
        if (i > 0 && i == n + zeros - scale)
            out[at++] = '.';
        out[at++] = i < zeros ? '0' : digits[i - zeros];
    }
    out[at] = 0;
    return OK;
}

int decimal_text(const struct decimal *d, char out[DECIMAL_TEXT], struct err *e)
{
    assert(d->v);
    char *digits = BN_bn2dec(d->v);
    if (!digits)
        return no_memory(e);
    bool is_negative = digits[0] == '-';
    int rc = write_plain(digits + is_negative, d->scale, is_negative, out, e);
    OPENSSL_free(digits);
    return rc;
}

/* -- comparing: cannot fail, so it takes no memory -- */

/* Least significant byte first, times ten to n. */
static void plain_of(const struct decimal *d, unsigned n, uint8_t out[PLAIN_MAX])
{
    int written = BN_bn2lebinpad(d->v, out, PLAIN_MAX);

    assert(written == (int)PLAIN_MAX);
    (void)written;
    for (; n > 0; n--) {
        unsigned carry = 0;
        for (size_t i = 0; i < PLAIN_MAX; i++) {
            carry += out[i] * 10u;
            out[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

static int cmp_size(const struct decimal *a, const struct decimal *b)
{
    uint8_t x[PLAIN_MAX], y[PLAIN_MAX];

    plain_of(a, a->scale < b->scale ? b->scale - a->scale : 0, x);
    plain_of(b, b->scale < a->scale ? a->scale - b->scale : 0, y);
    for (size_t i = PLAIN_MAX; i-- > 0;)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
    assert(a->v && b->v);
    bool is_a_negative = BN_is_negative(a->v), is_b_negative = BN_is_negative(b->v);
    if (is_a_negative != is_b_negative)
        return is_a_negative ? -1 : 1;
    return is_a_negative ? cmp_size(b, a) : cmp_size(a, b);
}

bool decimal_is_zero(const struct decimal *d)
{
    assert(d->v);
    return BN_is_zero(d->v);
}

/* -- arithmetic -- */

static int combine(const struct decimal *a, const struct decimal *b,
                   int (*op)(BIGNUM *, const BIGNUM *, const BIGNUM *), struct decimal *out,
                   struct err *e)
{
    assert(a->v && b->v);
    unsigned scale = a->scale > b->scale ? a->scale : b->scale;
    AUTO_BN *x = shifted(a->v, scale - a->scale);
    AUTO_BN *y = shifted(b->v, scale - b->scale);
    if (!x || !y || !op(x, x, y))
        return no_memory(e);
    return give(&x, scale, out, e);
}

int decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e)
{
    return combine(a, b, BN_add, out, e);
}

int decimal_sub(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e)
{
    return combine(a, b, BN_sub, out, e);
}

int decimal_mul(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e)
{
    assert(a->v && b->v);
    AUTO(ctx_freep) BN_CTX *ctx = BN_CTX_new();
    AUTO_BN *r = BN_new();
    if (!ctx || !r || !BN_mul(r, a->v, b->v, ctx))
        return no_memory(e);
    return give(&r, a->scale + b->scale, out, e);
}

/* The whole quotient of num and den, both positive (num may be zero), rounded up. */
static BIGNUM *quotient_up(const BIGNUM *num, const BIGNUM *den)
{
    AUTO(ctx_freep) BN_CTX *ctx = BN_CTX_new();
    AUTO_BN *rest = BN_new();
    BIGNUM *q = BN_new();

    if (ctx && rest && q && BN_div(q, rest, num, den, ctx) &&
        (BN_is_zero(rest) || BN_add_word(q, 1)))
        return q;
    BN_free(q);
    return NULL;
}

static bool is_positive(const struct decimal *d)
{
    assert(d->v);
    return !BN_is_zero(d->v) && !BN_is_negative(d->v);
}

int decimal_div_up(const struct decimal *a, const struct decimal *b, unsigned scale,
                   struct decimal *out, struct err *e)
{
    if (!is_positive(a) || !is_positive(b))
        return err_set(e, ERR_USAGE, "only positive numbers are divided");
    if (scale > SCALE_MAX)
        return too_long(e);
    AUTO_BN *num = shifted(a->v, scale + b->scale);
    AUTO_BN *den = shifted(b->v, a->scale);
    AUTO_BN *q = num && den ? quotient_up(num, den) : NULL;
    if (!q)
        return no_memory(e);
    return give(&q, scale, out, e);
}

int decimal_step_up(const struct decimal *a, const struct decimal *by, struct decimal *out,
                    struct err *e)
{
    assert(a->v);
    if (BN_is_negative(a->v) || !is_positive(by))
        return err_set(e, ERR_USAGE, "only positive numbers are brought to a step");
    AUTO_BN *num = shifted(a->v, by->scale);
    AUTO_BN *den = shifted(by->v, a->scale);
    AUTO_BN *q = num && den ? quotient_up(num, den) : NULL;
    AUTO(ctx_freep) BN_CTX *ctx = BN_CTX_new();
    if (!q || !ctx || !BN_mul(q, q, by->v, ctx))
        return no_memory(e);
    return give(&q, by->scale, out, e);
}

int decimal_sum_text(struct bytes a, struct bytes b, char out[DECIMAL_TEXT], struct err *e)
{
    AUTO_DECIMAL x = {0}, y = {0}, sum = {0};

    if (decimal_parse(a, &x, e) || decimal_parse(b, &y, e) || decimal_add(&x, &y, &sum, e))
        return e->code;
    return decimal_text(&sum, out, e);
}
