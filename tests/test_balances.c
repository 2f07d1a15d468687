/* SPDX-License-Identifier: Apache-2.0 */
/* The list of balances: rows that count, sums, amounts that are none, the ceiling. */
#include "connectors/checks.h"
#include "tests/harness.h"

#include <stdio.h>

static int add(struct balances *b, const char *asset, const char *free_text, const char *locked,
               const char *total, struct err *e)
{
    return balances_add(b, "spot", bytes_str(asset), bytes_str(free_text), bytes_str(locked),
                        bytes_str(total), e);
}

static void rows(void)
{
    static const struct {
        const char *in[3], *out[3];
    } cases[] = {
        {{"0.50000000", "0.25", ""}, {"0.50000000", "0.25", "0.75000000"}},
        {{"1", "2", "3.5"}, {"1", "2", "3.5"}},
        {{"1", "", ""}, {"1", "", ""}},
        {{"", "", "7"}, {"", "", "7"}},
        {{"1E-8", "0", ""}, {"0.00000001", "0", "0.00000001"}},
        {{"-5", "1", ""}, {"-5", "1", "-4"}},
        {{"0", "0", "0.1"}, {"0", "0", "0.1"}},
    };
    struct balances b = {0};
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        OK_CALL(add(&b, "BTC", cases[i].in[0], cases[i].in[1], cases[i].in[2], &e), &e);
        if (!EQ_INT(b.n, i + 1))
            break;
        EQ_STR(b.v[i].wallet, "spot");
        EQ_STR(b.v[i].asset, "BTC");
        EQ_STR(b.v[i].free, cases[i].out[0]);
        EQ_STR(b.v[i].locked, cases[i].out[1]);
        EQ_STR(b.v[i].total, cases[i].out[2]);
    }
    balances_free(&b);
    CHECK(!b.v && b.n == 0 && b.cap == 0);
    balances_free(&b);
}

static void empty_rows(void)
{
    struct balances b = {0};
    struct err e;

    OK_CALL(add(&b, "BTC", "0.00000000", "0", "", &e), &e);
    OK_CALL(add(&b, "BTC", "-0", "", "", &e), &e);
    OK_CALL(add(&b, "BTC", "0", "0", "0.0", &e), &e);
    EQ_INT(b.n, 0);
    balances_free(&b);
}

static void refuses(void)
{
    static const char *const bad[] = {"abc", "1,5", " 1", "nan", "1e999", "0x1", "1.", "NULL"};
    struct balances b = {0};
    char longer[120];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EQ_INT(add(&b, "BTC", bad[i], "1", "1", &e), ERR_FORMAT);
        EQ_INT(add(&b, "BTC", "1", bad[i], "1", &e), ERR_FORMAT);
        EQ_INT(add(&b, "BTC", "0", "0", bad[i], &e), ERR_FORMAT);
    }
    memset(longer, '9', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    EQ_INT(add(&b, "BTC", longer, "1", "1", &e), ERR_FORMAT);
    EQ_INT(add(&b, "BTC", "", "", "", &e), ERR_FORMAT);
    EQ_INT(add(&b, "", "1", "1", "1", &e), ERR_FORMAT);
    longer[ASSET_MAX] = 0;
    EQ_INT(add(&b, longer, "1", "1", "1", &e), ERR_FORMAT);
    EQ_INT(b.n, 0);
    longer[ASSET_MAX - 1] = 0;
    OK_CALL(add(&b, longer, "1", "1", "1", &e), &e);
    OK_CALL(add(&b, "A\x1b[2J", "1", "1", "1", &e), &e);
    EQ_STR(b.v[1].asset, "A\\x1b[2J");
    balances_free(&b);
}

static void ceiling(void)
{
    struct balances b = {0};
    struct err e;
    int rc = OK;

    for (unsigned i = 0; i < BALANCES_MAX && !rc; i++)
        rc = add(&b, "A", "1", "", "", &e);
    OK_CALL(rc, &e);
    EQ_INT(add(&b, "A", "1", "", "", &e), ERR_LIMIT);
    OK_CALL(add(&b, "A", "0", "", "", &e), &e);
    EQ_INT(b.n, BALANCES_MAX);
    balances_free(&b);
}

int main(void)
{
    RUN(rows);
    RUN(empty_rows);
    RUN(refuses);
    RUN(ceiling);
    return harness_end();
}
