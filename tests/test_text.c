/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/text.c: numbers at their limits, UTF-8 at its edges, cuts and distances. */
#include "tests/harness.h"

#include "base/text.h"

static bool reads(const char *s, uint64_t max, uint64_t want)
{
    uint64_t v = 77;
    return text_u64(bytes_str(s), max, &v) && v == want;
}

static bool refuses(const char *s, uint64_t max)
{
    uint64_t v = 77;
    return !text_u64(bytes_str(s), max, &v) && v == 77;
}

static void test_numbers(void)
{
    static const char *const bad[] = {
        "",
        " 1",
        "1 ",
        "+1",
        "-1",
        "-0",
        "01",
        "00",
        "0x1",
        "1.0",
        "1e3",
        "1,000",
        "18446744073709551616",
        "99999999999999999999999",
        "\xd9\xa1",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        harness_ok(refuses(bad[i], UINT64_MAX), __FILE__, __LINE__, "'%s' was read", bad[i]);
    CHECK(reads("0", UINT64_MAX, 0));
    CHECK(reads("0", 0, 0));
    CHECK(refuses("1", 0));
    CHECK(reads("18446744073709551615", UINT64_MAX, UINT64_MAX));
    CHECK(reads("255", 255, 255));
    CHECK(refuses("256", 255));
    CHECK(refuses("9", 8));
    CHECK(reads("9007199254740992", 9007199254740992u, 9007199254740992u));
    CHECK(refuses("9007199254740993", 9007199254740992u));
    uint64_t v;
    CHECK(!text_u64(BYTES_LIT("1\0"), 100, &v));
}

static void test_utf8(void)
{
    static const char *const good[] = {
        "",
        "a",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9z",
    };
    static const char *const bad[] = {
        "\x80",         "\xbf",          "\xc0\x80",         "\xc1\xbf",
        "\xc2",         "\xc2g",         "\xe0\x9f\xbf",     "\xe0\xa0",
        "\xe0\xa0g",    "\xed\xa0\x80",  "\xed\xbf\xbf",     "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf0\x90\x80g", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",         "\xfe",          "ok\xc3",           "\xc3\xc3\xa9",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        harness_ok(text_is_utf8(bytes_str(good[i])), __FILE__, __LINE__, "good %zu refused", i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        harness_ok(!text_is_utf8(bytes_str(bad[i])), __FILE__, __LINE__, "bad %zu passed", i);
    /* at each place of a run of plain text */
    for (size_t at = 0; at < 24; at++) {
        uint8_t text[24];
        memset(text, 'a', sizeof(text));
        text[at] = 0xe9;
        CHECK(!text_is_utf8(BYTES_ARR(text)));
        if (at + 1 < sizeof(text)) {
            text[at] = 0xc3;
            text[at + 1] = 0xa9;
            CHECK(text_is_utf8(BYTES_ARR(text)));
        }
    }
    EQ_INT(text_utf8_step(BYTES_LIT("\xe2\x82\xac!")), 3);
    EQ_INT(text_utf8_step((struct bytes){0}), 0);
}

static void test_digits(void)
{
    char out[U64_TEXT];

    EQ_INT(text_of_u64(out, 0), 1);
    EQ_STR(out, "0");
    EQ_INT(text_of_u64(out, 10), 2);
    EQ_STR(out, "10");
    EQ_INT(text_of_u64(out, UINT64_MAX), 20);
    EQ_STR(out, "18446744073709551615");
}

static void test_clean(void)
{
    char out[12];

    text_clean(out, sizeof(out), BYTES_LIT("a\0b\x1b"));
    EQ_STR(out, "a\\x00b\\x1b");
    text_clean(out, sizeof(out), BYTES_LIT("1234567890\xc3\xa9"));
    EQ_STR(out, "1234567890");
    text_clean(out, sizeof(out), BYTES_LIT("123456789\xc3\xa9"));
    EQ_STR(out, "123456789\xc3\xa9");
    text_clean(out, sizeof(out), BYTES_LIT("12345678\n"));
    EQ_STR(out, "12345678");
    text_clean(out, 1, BYTES_LIT("x"));
    EQ_STR(out, "");
    /* what turns the text round: the Arabic letter mark, an override, an isolate */
    text_clean(out, sizeof(out), BYTES_LIT("\xd8\x9c"));
    EQ_STR(out, "\\xd8\\x9c");
    text_clean(out, sizeof(out), BYTES_LIT("\xe2\x80\xae"));
    CHECK(strncmp(out, "\\xe2", 4) == 0);
    text_clean(out, sizeof(out), BYTES_LIT("\xe2\x81\xa6"));
    CHECK(strncmp(out, "\\xe2", 4) == 0);
}

static void test_trim(void)
{
    EQ_MEM(text_trim(BYTES_LIT(" \t\r\n a b \n")), BYTES_LIT("a b"));
    EQ_INT(text_trim(BYTES_LIT(" \n ")).n, 0);
    EQ_INT(text_trim((struct bytes){0}).n, 0);
    EQ_MEM(text_trim(BYTES_LIT("\v")), BYTES_LIT("\v"));
}

static void test_nocase(void)
{
    CHECK(text_eq_nocase(BYTES_LIT("Host-1"), BYTES_LIT("hOST-1")));
    CHECK(!text_eq_nocase(BYTES_LIT("a"), BYTES_LIT("ab")));
    CHECK(!text_eq_nocase(BYTES_LIT("["), BYTES_LIT("{")));
    CHECK(!text_eq_nocase(BYTES_LIT("@"), BYTES_LIT("`")));
    CHECK(text_eq_nocase((struct bytes){0}, (struct bytes){0}));
}

static void test_cut(void)
{
    struct bytes head, tail;

    CHECK(text_cut(BYTES_LIT("a=b=c"), '=', &head, &tail));
    EQ_MEM(head, BYTES_LIT("a"));
    EQ_MEM(tail, BYTES_LIT("b=c"));
    CHECK(text_cut(BYTES_LIT("="), '=', &head, &tail));
    EQ_INT(head.n + tail.n, 0);
    CHECK(!text_cut(BYTES_LIT("abc"), '=', &head, &tail));
    EQ_MEM(head, BYTES_LIT("abc"));
    EQ_INT(tail.n, 0);
    CHECK(!text_cut((struct bytes){0}, '=', &head, &tail));
    /* The same variable may be split further and further. */
    struct bytes s = BYTES_LIT("x,y");
    CHECK(text_cut(s, ',', &head, &s));
    EQ_MEM(s, BYTES_LIT("y"));
}

static void test_in_list(void)
{
    const struct bytes list = BYTES_LIT("Close, ,\tX-One ,x-two");

    CHECK(text_in_list(list, BYTES_LIT("close")));
    CHECK(text_in_list(list, BYTES_LIT("x-ONE")));
    CHECK(text_in_list(list, BYTES_LIT("X-Two")));
    CHECK(!text_in_list(list, BYTES_LIT("x-tw")));
    CHECK(!text_in_list(list, BYTES_LIT("x-two,")));
    CHECK(!text_in_list(list, BYTES_LIT("Close, ")));
    CHECK(text_in_list(BYTES_LIT("x-one"), BYTES_LIT("x-one")));
    CHECK(!text_in_list((struct bytes){0}, BYTES_LIT("x-one")));
}

static void test_ends(void)
{
    CHECK(text_starts(BYTES_LIT("abc"), "ab") && text_starts(BYTES_LIT("abc"), ""));
    CHECK(!text_starts(BYTES_LIT("ab"), "abc") && !text_starts(BYTES_LIT("abc"), "b"));
    CHECK(text_ends(BYTES_LIT("abc"), "bc") && text_ends((struct bytes){0}, ""));
    CHECK(!text_ends(BYTES_LIT("bc"), "abc") && !text_ends(BYTES_LIT("abc"), "b"));
}

static void test_copy(void)
{
    char out[4] = "zzz";

    CHECK(!text_copy(out, 4, BYTES_LIT("abcd")));
    CHECK(!text_copy(out, 4, BYTES_LIT("a\0b")));
    CHECK(!text_copy(out, 0, (struct bytes){0}));
    EQ_STR(out, "zzz");
    CHECK(text_copy(out, 4, BYTES_LIT("abc")));
    EQ_STR(out, "abc");
    CHECK(text_copy(out, 4, (struct bytes){0}));
    EQ_STR(out, "");
}

static void test_distance(void)
{
    char longer[300];

    EQ_INT(text_distance("kraken", "kraken", 2), 0);
    EQ_INT(text_distance("kraken", "krakn", 2), 1);
    EQ_INT(text_distance("kraken", "krakenn", 2), 1);
    EQ_INT(text_distance("kraken", "krbken", 2), 1);
    EQ_INT(text_distance("binance", "biannce", 2), 2);
    EQ_INT(text_distance("okx", "kraken", 2), 3);
    EQ_INT(text_distance("", "abc", 5), 3);
    EQ_INT(text_distance("kitten", "sitting", 9), 3);
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    EQ_INT(text_distance(longer, "a", 3), 4);
    EQ_INT(text_distance("a", longer, 3), 4);
}

int main(void)
{
    RUN(test_numbers);
    RUN(test_utf8);
    RUN(test_digits);
    RUN(test_clean);
    RUN(test_trim);
    RUN(test_nocase);
    RUN(test_cut);
    RUN(test_in_list);
    RUN(test_ends);
    RUN(test_copy);
    RUN(test_distance);
    return harness_end();
}
