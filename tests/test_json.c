/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/json.c and base/json_text.c: walks, members, strings and numbers. */
#include "tests/harness.h"

#include "base/json.h"

static const struct json_limits lim = {.max_bytes = 4u << 20, .max_depth = 20, .max_members = 1000};

static struct json parse(const char *s)
{
    struct json v = {0};
    struct err e;

    OK_CALL(json_check(bytes_str(s), &lim, &v, &e), &e);
    return v;
}

static void test_iterate(void)
{
    static const enum json_type types[] = {
        JSON_NUMBER, JSON_STRING, JSON_BOOL, JSON_NULL, JSON_ARRAY, JSON_OBJECT, JSON_NUMBER,
    };
    static const char *const texts[] = {
        "-1.5e3", "\"a]\\\"}\"", "false", "null", "[ [] , \"]\" ]", "{\"}\":{}}", "7",
    };
    struct json v = parse(" [ -1.5e3 ,\"a]\\\"}\",false , null,[ [] , \"]\" ],{\"}\":{}},7 ] ");
    struct json_iter it;
    struct json key = {0}, value;
    size_t n = 0;

    EQ_INT(v.type, JSON_ARRAY);
    for (json_iter(&it, v); json_next(&it, &key, &value); n++) {
        EQ_INT(value.type, types[n]);
        EQ_MEM(bytes_of(value.p, value.n), bytes_str(texts[n]));
        CHECK(!key.p);
    }
    EQ_INT(n, ARRAY_LEN(types));
    v = parse("{ \"a\" : 1 , \"b:\" :[2,{}], \"\\u0063\" : { } }");
    EQ_INT(json_count(v), 3);
    json_iter(&it, v);
    CHECK(json_next(&it, &key, &value) && json_str_eq(key, "a"));
    CHECK(json_next(&it, &key, &value) && json_str_eq(key, "b:") && value.type == JSON_ARRAY);
    CHECK(json_next(&it, &key, &value) && json_str_eq(key, "c") && value.type == JSON_OBJECT);
    CHECK(!json_next(&it, &key, &value));
    EQ_INT(json_count(parse("{}")), 0);
    EQ_INT(json_count(parse("[ ]")), 0);
    EQ_INT(json_count(parse("\"abc\"")), 0);
    EQ_INT(json_count((struct json){0}), 0);
}

static void test_get(void)
{
    struct json v = parse("{\"a\":{\"b\":1},\"b\":2,\"\\u00e9\":3}"), m = {.n = 77};
    uint64_t n = 0;

    CHECK(json_get(v, "b", &m) && json_u64(m, 10, &n) && n == 2);
    CHECK(json_get(v, "\xc3\xa9", &m) && json_u64(m, 10, &n) && n == 3);
    m.n = 77;
    CHECK(!json_get(v, "c", &m) && !json_get(v, "", &m) && !json_get(v, "bb", &m) && m.n == 77);
    CHECK(!json_get(parse("[\"b\"]"), "b", &m));
    CHECK(!json_get(parse("\"b\""), "b", &m));
}

static void test_strings(void)
{
    struct json v = parse("\"a\\u00e9\\n\\ud83d\\ude00\\u20ac\\/z\"");
    static const char want[] = "a\xc3\xa9\n\xf0\x9f\x98\x80\xe2\x82\xac/z";
    uint8_t out[32];
    char text[32] = "old";
    size_t n = 99;

    CHECK(json_str(v, out, sizeof(out), &n));
    EQ_MEM(bytes_of(out, n), bytes_str(want));
    CHECK(json_str(v, out, n, &n));
    CHECK(!json_str(v, out, n - 1, &n));
    CHECK(json_str_eq(v, want));
    CHECK(!json_str_eq(v, "a") && !json_str_eq(v, ""));
    CHECK(json_cstr(v, text, strlen(want) + 1));
    EQ_STR(text, want);
    CHECK(!json_cstr(v, text, strlen(want)));
    CHECK(!json_cstr(v, text, 0));
    CHECK(!json_cstr(parse("\"a\\u0000b\""), text, sizeof(text)));
    CHECK(json_str(parse("\"a\\u0000b\""), out, sizeof(out), &n) && n == 3 && out[1] == 0);
    CHECK(!json_str_eq(parse("\"a\\u0000b\""), "a"));
    CHECK(json_cstr(parse("\"\""), text, 1) && !text[0]);
    CHECK(!json_str(parse("1"), out, sizeof(out), &n) && !json_str_eq(parse("null"), "null"));
    CHECK(json_str_eq(parse("\"ab\""), "ab") && !json_str_eq(parse("\"ab\""), "abc"));
    EQ_MEM(json_raw(parse(" \"a\\nb\" ")), BYTES_LIT("a\\nb"));
    EQ_MEM(json_raw(parse(" -1.50 ")), BYTES_LIT("-1.50"));
}

static void test_numbers(void)
{
    uint64_t n = 77;
    bool b = false;

    CHECK(json_u64(parse("9007199254740992"), JSON_INT_MAX, &n) && n == JSON_INT_MAX);
    n = 77;
    CHECK(!json_u64(parse("9007199254740993"), JSON_INT_MAX, &n));
    CHECK(!json_u64(parse("-0"), 9, &n) && !json_u64(parse("1.0"), 9, &n) &&
          !json_u64(parse("1e0"), 9, &n));
    CHECK(!json_u64(parse("\"1\""), 9, &n) && !json_u64(parse("true"), 9, &n));
    CHECK(!json_u64(parse("18446744073709551616"), UINT64_MAX, &n));
    EQ_INT(n, 77);
    CHECK(json_bool(parse("true"), &b) && b);
    CHECK(json_bool(parse("false"), &b) && !b);
    CHECK(!json_bool(parse("1"), &b) && !json_bool(parse("null"), &b) &&
          !json_bool(parse("\"true\""), &b));
}

int main(void)
{
    RUN(test_iterate);
    RUN(test_get);
    RUN(test_strings);
    RUN(test_numbers);
    return harness_end();
}
