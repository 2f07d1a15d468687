/* SPDX-License-Identifier: Apache-2.0 */
/* base/decimal.h: whatever is taken is written in plain form, which reads as the same number; sums
 * and differences undo each other; steps enclose. Input: two numbers with a line end between. */
#include "base/decimal.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static bool take(struct bytes text, struct decimal *d)
{
    char plain[DECIMAL_TEXT];
    struct decimal back = {0};
    struct err e;

    if (decimal_parse(text, d, &e)) {
        MUST(e.code == ERR_FORMAT || e.code == ERR_LIMIT);
        return false;
    }
    MUST(decimal_text(d, plain, &e) == OK);
    MUST(strlen(plain) < DECIMAL_TEXT && strspn(plain, "-.0123456789") == strlen(plain));
    MUST(decimal_parse(bytes_str(plain), &back, &e) == OK);
    MUST(decimal_cmp(d, &back) == 0 && back.scale == d->scale);
    decimal_free(&back);
    return true;
}

static void add_and_take_away(const struct decimal *a, const struct decimal *b)
{
    struct decimal sum = {0}, back = {0};
    struct err e;

    MUST(decimal_add(a, b, &sum, &e) == OK && decimal_sub(&sum, b, &back, &e) == OK);
    MUST(decimal_cmp(a, &back) == 0);
    decimal_free(&sum);
    decimal_free(&back);
}

static void steps(const struct decimal *a, const struct decimal *by)
{
    struct decimal high = {0}, below = {0};
    struct err e;

    if (decimal_step_up(a, by, &high, &e)) {
        MUST(e.code == ERR_USAGE);
        return;
    }
    MUST(decimal_sub(&high, by, &below, &e) == OK);
    MUST(decimal_cmp(a, &high) <= 0 && decimal_cmp(&below, a) < 0);
    MUST(high.scale == by->scale);
    decimal_free(&high);
    decimal_free(&below);
}

static void divide(const struct decimal *a, const struct decimal *b)
{
    struct decimal q = {0}, product = {0};
    struct err e;

    if (decimal_div_up(a, b, 8, &q, &e)) {
        MUST(e.code == ERR_USAGE);
        return;
    }
    MUST(q.scale == 8 && decimal_mul(&q, b, &product, &e) == OK);
    MUST(decimal_cmp(&product, a) >= 0);
    decimal_free(&q);
    decimal_free(&product);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct decimal a = {0}, b = {0};
    struct bytes first, second;

    text_cut(bytes_of(p, n), '\n', &first, &second);
    if (take(first, &a) && take(second, &b)) {
        add_and_take_away(&a, &b);
        steps(&a, &b);
        divide(&a, &b);
    }
    decimal_free(&a);
    decimal_free(&b);
    return 0;
}
