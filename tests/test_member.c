/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/member.c: names and lists of names that are too long are still told apart. */
#include "connectors/member.h"

#include "tests/harness.h"

static void test_list_fits(void)
{
    char out[24] = "";

    list_add(out, sizeof(out), "one");
    list_add(out, sizeof(out), "two");
    EQ_STR(out, "one, two");
}

/* A right that comes later must not hide behind those that filled the list. */
static void test_list_overflows(void)
{
    char a[32] = "enableSomethingLong", b[32] = "enableSomethingLong";
    char before[32];

    list_add(a, sizeof(a), "enableOne");
    list_add(b, sizeof(b), "enableTwo");
    CHECK(strlen(a) < sizeof(a) && strcmp(a, b) != 0);
    for (int i = 0; i < 5; i++) {
        memcpy(before, a, sizeof(a));
        list_add(a, sizeof(a), "enableMore");
        CHECK(strlen(a) < sizeof(a) && strcmp(a, before) != 0);
    }
    char full[16] = "123456789012345";
    list_add(full, sizeof(full), "x");
    CHECK(strlen(full) < sizeof(full) && strcmp(full, "123456789012345") != 0);
}

static void name_of(const char *text, char *out, size_t cap)
{
    struct json root, key, value;
    struct json_iter it;
    struct err e;

    OK_CALL(json_check(bytes_str(text), &reply_limits, &root, &e), &e);
    json_iter(&it, root);
    CHECK(json_next(&it, &key, &value));
    member_name(key, out, cap);
}

static void test_name(void)
{
    char a[64], b[64];

    name_of("{\"enableReading\":true}", a, sizeof(a));
    EQ_STR(a, "enableReading");
    name_of("{\"enable3456789012345678901234567890123456789012345678901234567890123456A\":1}", a,
            sizeof(a));
    name_of("{\"enable3456789012345678901234567890123456789012345678901234567890123456B\":1}", b,
            sizeof(b));
    CHECK(strncmp(a, "a name too long to show", 23) == 0);
    CHECK(strcmp(a, b) != 0);
}

int main(void)
{
    RUN(test_list_fits);
    RUN(test_list_overflows);
    RUN(test_name);
    return harness_end();
}
