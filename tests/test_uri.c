/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/uri.c: what is decoded, and each thing that is refused. */
#include "pkcs11/uri.h"
#include "tests/harness.h"

#include <stdio.h>

static void takes_every_attribute(void)
{
    struct token_uri u;
    struct err e;
    OK_CALL(uri_parse("pkcs11:token=My%20lab;serial=01ab;manufacturer=Acme%3b%20Ltd;model=M1;"
                      "object=seal%20key;type=private;id=%01%00%ff?module-path=/usr/lib/a%20b.so",
                      &u, &e),
            &e);
    EQ_STR(u.label, "My lab");
    EQ_STR(u.serial, "01ab");
    EQ_STR(u.manufacturer, "Acme; Ltd");
    EQ_STR(u.model, "M1");
    EQ_STR(u.object, "seal key");
    EQ_STR(u.module, "/usr/lib/a b.so");
    EQ_MEM(bytes_of(u.id, u.id_len), bytes_of("\x01\x00\xff", 3));
}

static void absent_parts_are_empty(void)
{
    struct token_uri u;
    struct err e;
    OK_CALL(uri_parse("pkcs11:token=lab", &u, &e), &e);
    EQ_STR(u.label, "lab");
    EQ_STR(u.serial, "");
    EQ_STR(u.manufacturer, "");
    EQ_STR(u.model, "");
    EQ_STR(u.object, "");
    EQ_STR(u.module, "");
    EQ_INT(u.id_len, 0);
    OK_CALL(uri_parse("pkcs11:?module-path=/x.so", &u, &e), &e);
    EQ_STR(u.label, "");
    EQ_STR(u.module, "/x.so");
}

static void longest_values(void)
{
    struct token_uri u;
    struct err e;
    OK_CALL(
        uri_parse("pkcs11:token=12345678901234567890123456789012;serial=1234567890123456", &u, &e),
        &e);
    EQ_STR(u.label, "12345678901234567890123456789012");
    EQ_STR(u.serial, "1234567890123456");
    EQ_INT(uri_parse("pkcs11:token=123456789012345678901234567890123", &u, &e), ERR_USAGE);
    EQ_INT(uri_parse("pkcs11:serial=12345678901234567", &u, &e), ERR_USAGE);
}

static void refuses(void)
{
    static const struct {
        const char *uri, *says;
    } rows[] = {
        {"", "empty"},
        {"pkcs11:", "names no token"},
        {"token=lab", "does not begin with"},
        {"PKCS11:token=lab", "does not begin with"},
        {"pkcs12:token=lab", "does not begin with"},
        {" pkcs11:token=lab", "blank"},
        {"pkcs11:token=my lab", "blank"},
        {"pkcs11:token=lab\n", "blank"},
        {"pkcs11:token=l\xc3\xa4"
         "b",
         "unprintable"},
        {"pkcs11:token=lab#x", "must be written as %23"},
        {"pkcs11:tokne=lab", "unknown attribute 'tokne'"},
        {"pkcs11:Token=lab", "unknown attribute 'Token'"},
        {"pkcs11:token=lab;x-vendor=1", "unknown attribute 'x-vendor'"},
        {"pkcs11:=lab", "unknown attribute ''"},
        {"pkcs11:token=lab;token=lab", "'token' is given twice"},
        {"pkcs11:id=%01;serial=1;id=%02", "'id' is given twice"},
        {"pkcs11:token=lab?module-path=/a&module-path=/b", "'module-path' is given twice"},
        {"pkcs11:token=", "'token' is empty"},
        {"pkcs11:id=", "'id' is empty"},
        {"pkcs11:token=lab;", "no '='"},
        {"pkcs11:;token=lab", "no '='"},
        {"pkcs11:token=lab;;id=%01", "no '='"},
        {"pkcs11:token", "no '='"},
        {"pkcs11:token=lab?", "no '='"},
        {"pkcs11:?", "no '='"},
        {"pkcs11:token=lab?pin-value=1234", "'pin-value' is not taken"},
        {"pkcs11:token=lab;pin-value=1234", "'pin-value' is not taken"},
        {"pkcs11:token=lab?pin-source=/tmp/x", "'pin-source' is not taken"},
        {"pkcs11:slot-id=0", "'slot-id' is not taken"},
        {"pkcs11:slot-description=x", "'slot-description' is not taken"},
        {"pkcs11:library-version=2.6", "'library-version' is not taken"},
        {"pkcs11:token=lab?module-name=softhsm2", "'module-name' is not taken"},
        {"pkcs11:token=lab;module-path=/x.so", "belongs after the question mark"},
        {"pkcs11:?token=lab", "belongs before the question mark"},
        {"pkcs11:token=lab?module-path=x.so", "not absolute"},
        {"pkcs11:token=lab?module-path=../x.so", "not absolute"},
        {"pkcs11:token=la%b", "malformed %-escape"},
        {"pkcs11:token=la%4", "malformed %-escape"},
        {"pkcs11:token=la%zz", "malformed %-escape"},
        {"pkcs11:token=la%00b", "malformed %-escape"},
        {"pkcs11:token=lab?module-path=/a%00b", "malformed %-escape"},
        {"pkcs11:object=a;type=public", "'type' must be private"},
        {"pkcs11:object=a;type=cert", "'type' must be private"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_uri u = {.id_len = 77};
        struct err e = {0};
        int r = uri_parse(rows[i].uri, &u, &e);
        harness_ok(r == ERR_USAGE && e.code == ERR_USAGE, __FILE__, __LINE__, "'%s' gave %d",
                   rows[i].uri, r);
        harness_ok(strstr(e.msg, rows[i].says) != NULL, __FILE__, __LINE__,
                   "'%s': message '%s' lacks '%s'", rows[i].uri, e.msg, rows[i].says);
        harness_ok(u.id_len == 77, __FILE__, __LINE__, "'%s' wrote its output", rows[i].uri);
    }
}

static void values_stay_out_of_errors(void)
{
    static const char *const uris[] = {
        "pkcs11:token=lab?pin-value=s3cr3t",
        "pkcs11:token=s3cr3t;token=s3cr3t",
        "pkcs11:tok=s3cr3t",
        "pkcs11:token=s3cr3t%zz",
        "pkcs11:s3cr3t",
        "pkcs11:token=lab?module-path=s3cr3t",
        "pkcs11:serial=s3cr3t0123456789abcdef",
        "pkcs11:type=s3cr3t",
    };
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        struct token_uri u;
        struct err e = {0};
        EQ_INT(uri_parse(uris[i], &u, &e), ERR_USAGE);
        CHECK(strstr(e.msg, "s3cr3t") == NULL);
        for (unsigned h = 0; h < e.n_hints; h++)
            CHECK(strstr(e.hints[h], "s3cr3t") == NULL);
    }
}

static void length_limit(void)
{
    char text[1100] = "pkcs11:object=a?module-path=/";
    size_t at = strlen(text);
    struct token_uri u;
    struct err e;
    memset(text + at, 'a', sizeof(text) - 1 - at);
    text[1024] = 0;
    EQ_INT(uri_parse(text, &u, &e), ERR_USAGE); /* module-path too long */
    CHECK(strstr(e.msg, "'module-path' is longer") != NULL);
    text[1024] = 'a';
    text[1025] = 0;
    EQ_INT(uri_parse(text, &u, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "longer than 1024") != NULL);
    text[at + 500] = 0;
    OK_CALL(uri_parse(text, &u, &e), &e);
    EQ_INT(strlen(u.module), 501);
}

int main(void)
{
    RUN(takes_every_attribute);
    RUN(absent_parts_are_empty);
    RUN(longest_values);
    RUN(refuses);
    RUN(values_stay_out_of_errors);
    RUN(length_limit);
    return harness_end();
}
