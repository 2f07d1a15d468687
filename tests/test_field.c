/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/field.c: every name, every alias, and no others. */
#include "tests/harness.h"

#include "base/field.h"

static void test_names(void)
{
    static const char *const want[] = {
        "api_key", "api_secret", "passphrase", "uid", "private_key_pem", "wallet", "login",
    };
    enum field_id f = FIELD_COUNT;

    EQ_INT(ARRAY_LEN(want), FIELD_COUNT);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        EQ_STR(field_name((enum field_id)i), want[i]);
        CHECK(field_by_name(bytes_str(want[i]), false, &f));
        EQ_INT(f, i);
    }
    EQ_STR(field_name(FIELD_COUNT), "unknown");
}

static void test_aliases(void)
{
    static const struct {
        const char *name;
        enum field_id field;
    } want[] = {
        {"memo", FIELD_UID},
        {"apiKey", FIELD_API_KEY},
        {"secret", FIELD_API_SECRET},
        {"password", FIELD_PASSPHRASE},
        {"privateKey", FIELD_PRIVATE_KEY_PEM},
        {"name", FIELD_API_KEY},
        {"id", FIELD_API_KEY},
    };
    static const char *const none[] = {"", "key", "API_KEY", "api_key ", "api", "apikey", "Memo"};

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        enum field_id f = FIELD_COUNT;
        CHECK(!field_by_name(bytes_str(want[i].name), false, &f));
        EQ_INT(f, FIELD_COUNT);
        CHECK(field_by_name(bytes_str(want[i].name), true, &f));
        EQ_INT(f, want[i].field);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        enum field_id f;
        CHECK(!field_by_name(bytes_str(none[i]), true, &f));
    }
    enum field_id f;
    CHECK(!field_by_name(BYTES_LIT("uid\0"), true, &f));
}

static void test_key_types(void)
{
    static const char *const want[] = {"none", "hmac", "rsa", "ed25519", "ec-p256"};
    enum key_type k = KEY_TYPE_COUNT;

    EQ_INT(ARRAY_LEN(want), KEY_TYPE_COUNT);
    for (unsigned i = 0; i < KEY_TYPE_COUNT; i++)
        EQ_STR(key_type_name((enum key_type)i), want[i]);
    for (unsigned i = KEY_HMAC; i < KEY_TYPE_COUNT; i++) {
        CHECK(key_type_by_name(bytes_str(want[i]), &k));
        EQ_INT(k, i);
    }
    CHECK(!key_type_by_name(BYTES_LIT("none"), &k));
    CHECK(!key_type_by_name(BYTES_LIT("RSA"), &k));
    CHECK(!key_type_by_name((struct bytes){0}, &k));
    EQ_STR(key_type_name(KEY_TYPE_COUNT), "unknown");
}

int main(void)
{
    RUN(test_names);
    RUN(test_aliases);
    RUN(test_key_types);
    return harness_end();
}
