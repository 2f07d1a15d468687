/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/buf.c: contents, ceiling, sticky failure, JSON strings. */
#include "tests/harness.h"

#include "base/buf.h"

static void test_append(void)
{
    struct err e;
    AUTO_BUF b = BUF_INIT(1000);

    EQ_STR(buf_str(&b), "");
    EQ_INT(buf_bytes(&b).n, 0);
    buf_adds(&b, "ab");
    buf_addc(&b, 'c');
    buf_add(&b, BYTES_LIT("d\0e"));
    buf_add(&b, (struct bytes){0});
    buf_addf(&b, "%d-%s", 42, "x");
    EQ_MEM(buf_bytes(&b), BYTES_LIT("abcd\0e42-x"));
    EQ_INT(b.p[b.n], 0);
    OK_CALL(buf_check(&b, "text", &e), &e);
    buf_reset(&b);
    EQ_INT(b.n, 0);
    EQ_STR(buf_str(&b), "");
    buf_adds(&b, "z");
    EQ_STR(buf_str(&b), "z");
}

static void test_ceiling(void)
{
    struct err e;
    AUTO_BUF b = BUF_INIT(10);

    buf_adds(&b, "0123456789");
    OK_CALL(buf_check(&b, "text", &e), &e);
    buf_addc(&b, 'x');
    buf_cut(&b, 3);
    buf_adds(&b, "y");
    EQ_STR(buf_str(&b), "012");
    EQ_INT(buf_check(&b, "request body", &e), ERR_LIMIT);
    EQ_STR(e.msg, "request body is over 10 bytes");
    buf_free(&b);
    EQ_INT(b.max, 10);
    buf_addf(&b, "%s", "0123456789");
    EQ_INT(b.failed, OK);
    buf_addf(&b, "%s", "");
    buf_addf(&b, "%d", 1);
    EQ_INT(b.failed, ERR_LIMIT);
    EQ_STR(buf_str(&b), "0123456789");
    struct buf none = BUF_INIT(0);
    buf_adds(&none, "");
    EQ_INT(none.failed, OK);
    buf_adds(&none, "a");
    EQ_INT(none.failed, ERR_LIMIT);
    buf_free(&none);
}

static void test_growth(void)
{
    AUTO_BUF b = BUF_INIT(100000);
    bool same = true;

    for (int i = 0; i < 10000; i++)
        buf_addf(&b, "%04d", i);
    EQ_INT(b.n, 40000);
    EQ_INT(b.failed, OK);
    same = memcmp(b.p, "00000001", 8) == 0 && memcmp(b.p + 39996, "9999", 5) == 0;
    CHECK(same);
    CHECK(b.cap <= 100001);
    buf_addf(&b, "%060000d", 1);
    EQ_INT(b.n, 100000);
    EQ_INT(b.p[b.n - 1], '1');
    EQ_INT(b.p[b.n], 0);
}

static void test_absurd(void)
{
    struct err e;
    AUTO_BUF b = BUF_INIT(SIZE_MAX - 1);

    buf_add(&b, bytes_of("", SIZE_MAX));
    EQ_INT(b.failed, ERR_LIMIT);
    buf_free(&b);
    buf_addc(&b, 'a');
    buf_add(&b, bytes_of("", SIZE_MAX - 2));
    EQ_INT(b.failed, ERR_MEMORY);
    EQ_INT(buf_check(&b, "it", &e), ERR_MEMORY);
    EQ_STR(buf_str(&b), "a");
    CHECK(buf_extend(&b, 1) == NULL);
}

static void test_extend(void)
{
    AUTO_BUF b = BUF_INIT(600);

    buf_adds(&b, "ab");
    uint8_t *p = buf_extend(&b, 500);
    CHECK(p && p[0] == 0 && p[499] == 0);
    memset(p, 'x', 500);
    buf_cut(&b, 3);
    EQ_STR(buf_str(&b), "abx");
    EQ_INT(b.p[400], 0);
    CHECK(buf_extend(&b, 598) == NULL);
    EQ_INT(b.failed, ERR_LIMIT);
}

static void test_reserve(void)
{
    AUTO_BUF b = BUF_INIT(1000);

    buf_reserve(&b, 700);
    const uint8_t *p = b.p;
    CHECK(p && b.n == 0 && b.failed == OK);
    for (unsigned i = 0; i < 700; i++)
        buf_addc(&b, 'x');
    CHECK(b.p == p);
    EQ_INT(b.n, 700);
    buf_reserve(&b, 301);
    EQ_INT(b.failed, ERR_LIMIT);
}

static void test_json(void)
{
    struct err e;
    AUTO_BUF b = BUF_INIT(200);

    buf_add_json(&b, BYTES_LIT("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\0"
                               "caf\xc3\xa9"));
    EQ_STR(buf_str(&b), "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000caf\xc3\xa9\"");
    for (size_t at = 0; at < 20; at++) { /* wherever in the text */
        uint8_t text[20], want[23];
        memset(text, 'a', sizeof(text));
        text[at] = '"';
        buf_reset(&b);
        buf_add_json(&b, BYTES_ARR(text));
        memset(want, 'a', sizeof(want));
        want[0] = want[22] = '"';
        want[at + 1] = '\\';
        want[at + 2] = '"';
        EQ_MEM(buf_bytes(&b), BYTES_ARR(want));
    }
    buf_reset(&b);
    buf_add_json(&b, (struct bytes){0});
    EQ_STR(buf_str(&b), "\"\"");
    buf_add_json(&b, BYTES_LIT("ok\xff"));
    EQ_STR(buf_str(&b), "\"\"");
    EQ_INT(buf_check(&b, "label", &e), ERR_FORMAT);
    EQ_STR(e.msg, "label is not UTF-8 text");
}

int main(void)
{
    RUN(test_append);
    RUN(test_ceiling);
    RUN(test_growth);
    RUN(test_absurd);
    RUN(test_extend);
    RUN(test_reserve);
    RUN(test_json);
    return harness_end();
}
