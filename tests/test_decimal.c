/* SPDX-License-Identifier: Apache-2.0 */
/* Decimals: what is a number and what is not, exactness, rounding by name, limits. */
#include "base/decimal.h"
#include "tests/harness.h"

#include <stdio.h>

/* Parsed and written again; the error's name where it is refused. */
static const char *again(const char *text, char out[DECIMAL_TEXT])
{
    AUTO_DECIMAL d = {0};
    struct err e;

    if (decimal_parse(bytes_str(text), &d, &e) || decimal_text(&d, out, &e))
        return err_name(e.code);
    return out;
}

static void takes(void)
{
    static const char *const cases[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.00", "0.00"},
        {"1", "1"},
        {"-1.50", "-1.50"},
        {"0.00010000", "0.00010000"},
        {"007.10", "7.10"},
        {"1E-8", "0.00000001"},
        {"1e-8", "0.00000001"},
        {"12.5E-1", "1.25"},
        {"1.5E3", "1500"},
        {"-2.5e1", "-25"},
        {"0.1E1", "1"},
        {"0E5", "0"},
        {"1E-77",
         "0.00000000000000000000000000000000000000000000000000000000000000000000000000001"},
        {"123456789012345678901234567890.123456789012345678",
         "123456789012345678901234567890.123456789012345678"},
    };
    char out[DECIMAL_TEXT];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        EQ_STR(again(cases[i][0], out), cases[i][1]);
}

static void refuses(void)
{
    static const char *const bad[] = {
        "",     "-",   ".",   "+1",    "1.",    ".5",    "-.5", " 1",   "1 ",    "1,5",
        "0x10", "inf", "nan", "NaN",   "-inf",  "1e",    "1e-", "1e+2", "1e100", "1e1.0",
        "1e 1", "--1", "1-",  "1.2.3", "1_000", "1e1e1", "\t1", "1\n",  "1f",    "\xd9\xa1",
    };
    char out[DECIMAL_TEXT];
    AUTO_DECIMAL d = {0};
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!CHECK(strcmp(again(bad[i], out), "format") == 0))
            printf("# taken: '%s'\n", bad[i]);
    EQ_INT(decimal_parse(bytes_of("1\0", 2), &d, &e), ERR_FORMAT);
    CHECK(!d.v);
}

static void limits(void)
{
    char text[DECIMAL_TEXT + 1], out[DECIMAL_TEXT];

    memset(text, '9', sizeof(text));
    text[DECIMAL_TEXT - 1] = 0;
    EQ_STR(again(text, out), text);
    text[DECIMAL_TEXT - 1] = '9';
    text[DECIMAL_TEXT] = 0;
    EQ_STR(again(text, out), "limit");
    EQ_STR(again("1E78", out), "1000000000000000000000000000000000000000"
                               "000000000000000000000000000000000000000");
    EQ_STR(again("1E79", out), "limit");
    EQ_STR(again("1E99", out), "limit");
    EQ_STR(again("1E-78", out), "limit");
    EQ_STR(again("-1E-77", out), "limit");
    EQ_STR(again("1.5E-77", out), "limit");
}

static int cmp(const char *a, const char *b)
{
    AUTO_DECIMAL x = {0}, y = {0};
    struct err e;

    OK_CALL(decimal_parse(bytes_str(a), &x, &e), &e);
    OK_CALL(decimal_parse(bytes_str(b), &y, &e), &e);
    int v = decimal_cmp(&x, &y);
    EQ_INT(decimal_cmp(&y, &x), -v);
    return v;
}

static void compares(void)
{
    EQ_INT(cmp("1", "1.000"), 0);
    EQ_INT(cmp("0", "-0.0"), 0);
    EQ_INT(cmp("0.1", "0.09999999999999999999"), 1);
    EQ_INT(cmp("-0.1", "0.09"), -1);
    EQ_INT(cmp("-2", "-1.5"), -1);
    EQ_INT(cmp("9007199254740993", "9007199254740992"), 1);
    EQ_INT(cmp("1E78", "1E-77"), 1);
    EQ_INT(cmp("256", "255.99"), 1);
}

typedef int (*operation)(const struct decimal *, const struct decimal *, struct decimal *,
                         struct err *);

static int div_8(const struct decimal *a, const struct decimal *b, struct decimal *out,
                 struct err *e)
{
    return decimal_div_up(a, b, 8, out, e);
}

static int div_0(const struct decimal *a, const struct decimal *b, struct decimal *out,
                 struct err *e)
{
    return decimal_div_up(a, b, 0, out, e);
}

static const char *calc(operation op, const char *a, const char *b, char out[DECIMAL_TEXT])
{
    AUTO_DECIMAL x = {0}, y = {0}, z = {0};
    struct err e;

    OK_CALL(decimal_parse(bytes_str(a), &x, &e), &e);
    OK_CALL(decimal_parse(bytes_str(b), &y, &e), &e);
    if (op(&x, &y, &z, &e)) {
        CHECK(!z.v);
        return err_name(e.code);
    }
    return decimal_text(&z, out, &e) ? err_name(e.code) : out;
}

static void calculates(void)
{
    static const struct {
        operation op;
        const char *a, *b, *want;
    } cases[] = {
        {decimal_add, "0.1", "0.2", "0.3"},
        {decimal_add, "0.10", "2", "2.10"},
        {decimal_add, "-1", "1.000", "0.000"},
        {decimal_sub, "1", "0.00000001", "0.99999999"},
        {decimal_sub, "0.5", "2", "-1.5"},
        {decimal_mul, "0.1", "0.2", "0.02"},
        {decimal_mul, "62012.40", "-0.5", "-31006.200"},
        {decimal_mul, "0", "5.5", "0.0"},
        {div_8, "5", "3", "1.66666667"},
        {div_8, "5", "2.5", "2.00000000"},
        {div_8, "0.00000001", "1000", "0.00000001"},
        {div_8, "10.000000000000", "3", "3.33333334"},
        {div_0, "10", "0.003", "3334"},
        {div_0, "9", "3", "3"},
        {div_8, "0", "3", "usage"},
        {div_8, "5", "0", "usage"},
        {div_8, "-5", "3", "usage"},
        {div_8, "5", "-3", "usage"},
        {decimal_step_up, "1.2301", "0.01", "1.24"},
        {decimal_step_up, "1.23", "0.01", "1.23"},
        {decimal_step_up, "127", "2.5", "127.5"},
        {decimal_step_up, "0", "0.5", "0.0"},
        {decimal_step_up, "0.004", "0.01", "0.01"},
        {decimal_step_up, "31006.2", "0.01000000", "31006.20000000"},
        {decimal_step_up, "1", "0", "usage"},
        {decimal_step_up, "1", "-1", "usage"},
        {decimal_step_up, "-1", "1", "usage"},
    };
    char out[DECIMAL_TEXT];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        EQ_STR(calc(cases[i].op, cases[i].a, cases[i].b, out), cases[i].want);
}

static void too_large_results(void)
{
    char out[DECIMAL_TEXT];
    AUTO_DECIMAL d = {0};
    struct err e;
    int rc = OK;

    EQ_STR(calc(decimal_mul, "1E70", "1E70", out), "limit");
    OK_CALL(decimal_parse(BYTES_LIT("1E78"), &d, &e), &e);
    for (int i = 0; i < 8 && !rc; i++) {
        struct decimal square = {0};
        rc = decimal_mul(&d, &d, &square, &e);
        if (!rc) {
            decimal_free(&d);
            d = square;
        }
    }
    EQ_INT(rc, ERR_LIMIT);
}

static void sums(void)
{
    char out[DECIMAL_TEXT] = "untouched";
    struct err e;

    EQ_INT(decimal_sum_text(BYTES_LIT("1"), BYTES_LIT(""), out, &e), ERR_FORMAT);
    EQ_STR(out, "untouched");
    OK_CALL(decimal_sum_text(BYTES_LIT("0.10000000"), BYTES_LIT("1E-8"), out, &e), &e);
    EQ_STR(out, "0.10000001");
}

static void zero(void)
{
    AUTO_DECIMAL d = {0};
    struct err e;

    OK_CALL(decimal_parse(BYTES_LIT("-0.000"), &d, &e), &e);
    CHECK(decimal_is_zero(&d));
    decimal_free(&d);
    CHECK(!d.v && d.scale == 0);
    decimal_free(&d);
    OK_CALL(decimal_parse(BYTES_LIT("1E-20"), &d, &e), &e);
    CHECK(!decimal_is_zero(&d));
}

int main(void)
{
    RUN(takes);
    RUN(refuses);
    RUN(limits);
    RUN(compares);
    RUN(calculates);
    RUN(too_large_results);
    RUN(sums);
    RUN(zero);
    return harness_end();
}
