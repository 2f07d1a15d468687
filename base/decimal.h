/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers as exchanges write them ("0.00010000"), exact at any length: never a float. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

struct decimal {
    void *v;        /* the digits as one integer (OpenSSL's BIGNUM); NULL: not set */
    unsigned scale; /* digits after the point */
};
#define DECIMAL_TEXT 80u /* longest text that is taken or given, NUL included */

void decimal_free(struct decimal *d); /* takes {0}; leaves {0} */
#define AUTO_DECIMAL AUTO(decimal_free) struct decimal
/* "[-]digits[.digits]", also an exponent of up to two digits ("1E-8"). ERR_FORMAT, ERR_LIMIT.
 * out must hold nothing. */
int decimal_parse(struct bytes text, struct decimal *out, struct err *e) MUST_USE;
/* Plain digits with exactly d->scale after the point. */
int decimal_text(const struct decimal *d, char out[DECIMAL_TEXT], struct err *e) MUST_USE;
/* <0, 0, >0 */
int decimal_cmp(const struct decimal *a, const struct decimal *b);
bool decimal_is_zero(const struct decimal *d);
int decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e) MUST_USE;
int decimal_sub(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e) MUST_USE;
int decimal_mul(const struct decimal *a, const struct decimal *b, struct decimal *out,
                struct err *e) MUST_USE;
/* a / b rounded up to scale digits after the point; both positive. ERR_USAGE otherwise. */
int decimal_div_up(const struct decimal *a, const struct decimal *b, unsigned scale,
                   struct decimal *out, struct err *e) MUST_USE;
/* The multiple of step (> 0) at or above a >= 0; with step's scale. */
int decimal_step_up(const struct decimal *a, const struct decimal *step, struct decimal *out,
                    struct err *e) MUST_USE;
/* Text sum for listings; both as in decimal_parse, *out as in decimal_text. */
int decimal_sum_text(struct bytes a, struct bytes b, char out[DECIMAL_TEXT],
                     struct err *e) MUST_USE;

#endif
