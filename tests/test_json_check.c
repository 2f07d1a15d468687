/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/json_check.c: what passes, what is refused and with which error, the limits, and
 * that a large text takes no long time. */
#include "tests/harness.h"

#include "base/json.h"

#include <time.h>

static const struct json_limits lim = {.max_bytes = 4u << 20, .max_depth = 20, .max_members = 1000};

static int check(struct bytes text, struct json *root, struct err *e)
{
    return json_check(text, &lim, root, e);
}

static struct json parse(const char *s)
{
    struct json v = {0};
    struct err e;

    OK_CALL(check(bytes_str(s), &v, &e), &e);
    return v;
}

static void test_good(void)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1.5e+10",
        "1E5",
        "0.0",
        "0e1",
        "12345678901234567890123",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{ }\r\n",
        "[1,2]",
        "[ 1 , 2 ]",
        "{\"a\":1}",
        "{\"\":0}",
        "{\"a\":{\"a\":{}},\"b\":[{},{\"a\":[]}]}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uffff\"",
        "\"\\ud83d\\ude00\"",
        "\"\x7f\xc3\xa9\xf0\x9f\x98\x80\"",
        "[[[[[]]]]]",
        "{\"a\":1,\"A\":1,\"aa\":1}",
        "[\"12345678\",\"1234567\\n\",\"123456789\xc3\xa9\"]",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err e;
        struct json v;
        harness_ok(check(bytes_str(good[i]), &v, &e) == OK, __FILE__, __LINE__, "%s: %s", good[i],
                   e.msg);
    }
}

static void test_bad(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "tru",
        "fals",
        "+1",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e1",
        "0x10",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "1 2",
        "[1 2]",
        "[1,]",
        "[,1]",
        "[,]",
        "[",
        "]",
        "{",
        "}",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{null:1}",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\\"}",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u 123\"",
        "\"\\U0041\"",
        "\"\\",
        "\"\\u",
        "\"a\nb\"",
        "\"\t\"",
        "\"\x1f\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\ude00\\ud83d\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\xaf\"",
        "\"\xf4\x90\x80\x80\"",
        "[]]",
        "{}{}",
        "[] x",
        "// c\n1",
        "/**/1",
        "[1]#",
        "\xef\xbb\xbf{}",
        "\v1",
        "\302\2401",
        "\"a\"\"b\"",
        "[\"a\":1]",
        "\"12345678\x01\"",
        "\"1234567",
        "truefalse",
        "nullnull",
        "1a",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"\":1,\"\":2}",
        "{\"x\":{\"a\":1,\"a\":1}}",
        "{\"a\":{\"b\":1},\"c\":2,\"a\":3}",
        "{\"/\":1,\"\\/\":2}",
        "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
        "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}",
        "{\"\\u0000\":1,\"\\u0000\":2}",
        "{\"ab\\u0063d\":1,\"a\\u0062cd\":2}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        struct json v = {.n = 77};
        int r = check(bytes_str(bad[i]), &v, &e);
        harness_ok(r == ERR_FORMAT && v.n == 77, __FILE__, __LINE__, "%s: %d", bad[i], r);
    }
    struct err e;
    struct json v;
    EQ_INT(check(BYTES_LIT("\"a\0b\""), &v, &e), ERR_FORMAT);
    EQ_INT(check(BYTES_LIT("1\0"), &v, &e), ERR_FORMAT);
    EQ_INT(check(BYTES_LIT("{\"secret word\":tru}"), &v, &e), ERR_FORMAT);
    EQ_STR(e.msg, "malformed JSON at byte 15");
    EQ_INT(check(BYTES_LIT("{\"secret\":1, \"secret\":2}"), &v, &e), ERR_FORMAT);
    EQ_STR(e.msg, "JSON member given twice at byte 13");
}

/* Not the same name, however close. */
static void test_distinct_keys(void)
{
    parse("{\"a\":1,\"\\u0041\":2,\"a "
          "\":3,\"\\u00610\":4,\"\\u0000\":5,\"\":6,\"\\u0000\\u0000\":7}");
    parse("{\"a\\\\u0061\":1,\"aa\":2,\"\\\\u0061\":3}");
    parse("[{\"a\":1},{\"a\":2},{\"a\":{\"a\":{\"a\":3}}}]");
}

/* Cut anywhere, and with any one byte changed, it is refused or read, never overrun. */
static void test_prefixes(void)
{
    static const char doc[] = "{\"k\\u0065y\":[1,-2.5e3,true,null,\"\\ud83d\\ude00 "
                              "\xc3\xa9\"],\"o\":{\"x\":\"12345678901\"}}";
    uint8_t text[sizeof(doc)];
    struct json v;
    struct err e;
    unsigned passed = 0;

    parse(doc);
    for (size_t n = 0; n + 1 < sizeof(doc); n++) {
        /* At the end of a block of its own, so that a sanitizer sees one byte too many. */
        AUTO_BUF b = BUF_INIT(1000);
        buf_add(&b, bytes_of(doc, n));
        int r = check(bytes_of(b.p, n), &v, &e);
        harness_ok(r == ERR_FORMAT, __FILE__, __LINE__, "prefix of %zu bytes: %d", n, r);
    }
    for (size_t i = 0; i + 1 < sizeof(doc); i++)
        for (unsigned c = 0; c < 256; c++) {
            memcpy(text, doc, sizeof(doc));
            text[i] = (uint8_t)c;
            if (check(bytes_of(text, sizeof(doc) - 1), &v, &e) == OK) {
                passed++;
                CHECK(json_count(v) == 2);
            }
        }
    CHECK(passed > 1000);
}

static void test_depth(void)
{
    static const char *const at[] = {"1",         "[]",    "[1]",         "[[]]",
                                     "{\"a\":1}", "[[1]]", "[{\"a\":[]}]"};
    static const unsigned depth[] = {1, 1, 2, 2, 2, 3, 3};
    char deep[4000];
    struct json v;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        struct json_limits l = {1000, depth[i], 10};
        OK_CALL(json_check(bytes_str(at[i]), &l, &v, &e), &e);
        l.max_depth--;
        EQ_INT(json_check(bytes_str(at[i]), &l, &v, &e), ERR_LIMIT);
    }
    memset(deep, '[', sizeof(deep));
    EQ_INT(check(bytes_of(deep, sizeof(deep)), &v, &e), ERR_LIMIT);
    struct json_limits l = {sizeof(deep), 100000, 10};
    EQ_INT(json_check(bytes_of(deep, sizeof(deep)), &l, &v, &e), ERR_LIMIT);
    memset(deep + 64, ']', 64);
    OK_CALL(json_check(bytes_of(deep, 128), &l, &v, &e), &e);
}

static void test_limits(void)
{
    struct json_limits l = {20, 5, 2};
    struct json v;
    struct err e;

    EQ_INT(json_check(BYTES_LIT("\"3456789012345678901\""), &l, &v, &e), ERR_LIMIT);
    EQ_STR(e.msg, "JSON is over 20 bytes");
    OK_CALL(json_check(BYTES_LIT("\"345678901234567890\""), &l, &v, &e), &e);
    OK_CALL(json_check(BYTES_LIT("{\"a\":1,\"b\":{\"a\":1}}"), &l, &v, &e), &e);
    EQ_INT(json_check(BYTES_LIT("{\"a\":1,\"b\":1,\"c\":1"), &l, &v, &e), ERR_LIMIT);
    OK_CALL(json_check(BYTES_LIT("[1,2,3,4,5]"), &l, &v, &e), &e);
    l.max_members = 0;
    EQ_INT(json_check(BYTES_LIT("{\"a\":1}"), &l, &v, &e), ERR_LIMIT);
    OK_CALL(json_check(BYTES_LIT("{}"), &l, &v, &e), &e);
}

static void test_many_members(void)
{
    AUTO_BUF b = BUF_INIT(1u << 20);
    struct json v, m;
    struct err e;
    uint64_t n;

    buf_addc(&b, '{');
    for (unsigned i = 0; i < 1000; i++)
        buf_addf(&b, "\"m%u\":{\"a\":%u,\"b\":0},", i, i);
    buf_cut(&b, b.n - 1);
    buf_addc(&b, '}');
    OK_CALL(check(buf_bytes(&b), &v, &e), &e);
    EQ_INT(json_count(v), 1000);
    CHECK(json_get(v, "m999", &m) && json_get(m, "a", &m) && json_u64(m, 1000, &n) && n == 999);
    buf_cut(&b, b.n - 1);
    size_t keep = b.n;
    buf_adds(&b, ",\"x\":1}");
    EQ_INT(check(buf_bytes(&b), &v, &e), ERR_LIMIT);
    buf_cut(&b, keep - strlen(",\"m999\":{\"a\":999,\"b\":0}"));
    buf_adds(&b, ",\"\\u006d500\":1}");
    EQ_INT(check(buf_bytes(&b), &v, &e), ERR_FORMAT);
}

/* An index of 10,000 entries. The bound is loose enough for a sanitizer on a busy machine and far
 * below what a search through all earlier names of all objects would take. */
static void test_large(void)
{
    AUTO_BUF b = BUF_INIT(4u << 20);
    struct json v, m;
    struct err e;

    buf_adds(&b, "{\"index\":[");
    for (unsigned i = 0; i < 10000; i++)
        buf_addf(&b,
                 "%s{\"name\":\"record-%05u\",\"file\":\"record-%05u.1.0123abcd.json\",\"sha256\":"
                 "\"%064u\"}",
                 i ? "," : "", i, i, i);
    buf_adds(&b, "]}");
    CHECK(b.n > 1300000);
    clock_t from = clock();
    OK_CALL(check(buf_bytes(&b), &v, &e), &e);
    CHECK(json_get(v, "index", &m));
    EQ_INT(json_count(m), 10000);
    long ms = (long)((clock() - from) / (CLOCKS_PER_SEC / 1000));
    harness_ok(ms < 500, __FILE__, __LINE__, "took %ld ms", ms);
    CHECK(!json_get(v, "record", &m));
}

int main(void)
{
    RUN(test_good);
    RUN(test_bad);
    RUN(test_distinct_keys);
    RUN(test_prefixes);
    RUN(test_depth);
    RUN(test_limits);
    RUN(test_many_members);
    RUN(test_large);
    return harness_end();
}
