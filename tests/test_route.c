/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of net/route.c: where a target leads, and that nothing of the url is changed on the way. */
#include "tests/harness.h"

#include "base/buf.h"
#include "net/head.h"

#define B32 "0123456789abcdef0123456789abcdef"
#define N64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_good(void)
{
    static const struct {
        const char *target, *name, *bearer, *url;
        bool is_ws;
    } rows[] = {
        {"/k/https://api.test/a?b=c", "k", "", "https://api.test/a?b=c", false},
        {"/mm1~" B32 "/https://api.test/", "mm1", B32, "https://api.test/", false},
        {"/A_b-9/wss://ws.test/x", "A_b-9", "", "wss://ws.test/x", true},
        {"/" N64 "/https://a/", N64, "", "https://a/", false},
        /* raw: byte for byte */
        {"/k/https://API.test:443/a/../b//c/./%2F%2f%?x=%zz&y=~&https%3A", "k", "",
         "https://API.test:443/a/../b//c/./%2F%2f%?x=%zz&y=~&https%3A", false},
        {"/k/https://api.test", "k", "", "https://api.test", false},
        {"/k/https://", "k", "", "https://", false},
        /* encoded once */
        {"/k/https%3A%2F%2Fapi.test%2Fa%3Fb%3Dc%26d%3De", "k", "", "https://api.test/a?b=c&d=e",
         false},
        {"/k~" B32 "/https%3a%2f%2fapi.test%2f", "k", B32, "https://api.test/", false},
        {"/k/https%3A//api.test/a%3Fb=c", "k", "", "https://api.test/a?b=c", false},
        {"/k/wss%3A%2F%2Fws.test%2Fx", "k", "", "wss://ws.test/x", true},
        /* one layer, not two */
        {"/k/https%3A%2F%2Fapi.test%2Fa%3Fb%3D%2526%252F", "k", "", "https://api.test/a?b=%26%2F",
         false},
        {"/k/https%3A%2F%2Fapi.test%2F%2E%2E%2Fx%2B+", "k", "", "https://api.test/../x++", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route r = {.is_ws = !rows[i].is_ws};
        uint8_t room[256];
        const char *why = route_read(bytes_str(rows[i].target), &r, room, sizeof(room));
        harness_ok(!why, __FILE__, __LINE__, "'%s': %s", rows[i].target, why ? why : "");
        if (why)
            continue;
        EQ_MEM(r.name, bytes_str(rows[i].name));
        EQ_MEM(r.bearer, bytes_str(rows[i].bearer));
        EQ_MEM(r.url, bytes_str(rows[i].url));
        CHECK(r.is_ws == rows[i].is_ws);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *target, *why;
    } rows[] = {
        {"", "/NAME/"},
        {"/", "/NAME/"},
        {"/k", "/NAME/"},
        {"/k/", "/NAME/"},
        {"/favicon.ico", "/NAME/"},
        {"k/https://a/", "/NAME/"},
        {"https://api.test/x", "/NAME/"},
        {"//https://api.test/x", "name of a record"},
        {"/https://api.test/x", "name of a record"},
        {"/k//https://api.test/x", "/NAME/"},
        {"/_k/https://api.test/x", "name of a record"},
        {"/-k/https://api.test/x", "name of a record"},
        {"/k.b/https://api.test/x", "name of a record"},
        {"/../https://api.test/x", "name of a record"},
        {"/k%41/https://api.test/x", "name of a record"},
        {"/k b/https://api.test/x", "name of a record"},
        {"/a" N64 "/https://api.test/x", "name of a record"},
        {"/k:/https://api.test/x", "name of a record"},
        {"/~" B32 "/https://api.test/x", "name of a record"},
        {"/k~/https://api.test/x", "bearer"},
        {"/k~0123/https://api.test/x", "bearer"},
        {"/k~" B32 "0/https://api.test/x", "bearer"},
        {"/k~0123456789abcdeg0123456789abcdef/https://api.test/x", "bearer"},
        {"/k~" B32 "~/https://api.test/x", "bearer"},
        {"/k/http://api.test/x", "/NAME/"},
        {"/k/HTTPS://api.test/x", "/NAME/"},
        {"/k/https:/api.test/x", "/NAME/"},
        {"/k/https:api.test/x", "/NAME/"},
        {"/k/ws://api.test/x", "/NAME/"},
        {"/k/ftp://api.test/x", "/NAME/"},
        {"/k/file:///etc/passwd", "/NAME/"},
        {"/k/api.test/x", "/NAME/"},
        {"/k/http%3A%2F%2Fapi.test%2Fx", "/NAME/"},
        {"/k/HTTPS%3A%2F%2Fapi.test%2Fx", "/NAME/"},
        {"/k/%68ttps%3A%2F%2Fapi.test%2Fx", "/NAME/"},
        {"/k/https%253A%252F%252Fapi.test%252Fx", "/NAME/"},
        {"/k/https%3A%252F%252Fapi.test", "/NAME/"},
        {"/k/https%3Aapi.test", "/NAME/"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%4", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%4g", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%g4", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%%34", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%u0041", "percent sign"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%00", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%0d%0aX:y", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%20y", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%09y", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2Fx%7F", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2F%C3%A9", "not sent"},
        {"/k/https%3A%2F%2Fapi.test%2Fx?y=%26", "query is not"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route r = {.url = BYTES_LIT("untouched")};
        uint8_t room[256];
        const char *why = route_read(bytes_str(rows[i].target), &r, room, sizeof(room));
        harness_ok(why && strstr(why, rows[i].why), __FILE__, __LINE__, "'%s': %s", rows[i].target,
                   why ? why : "passes");
        EQ_MEM(r.url, BYTES_LIT("untouched"));
    }
}

/* Every byte, encoded: comes out as itself or is refused. */
static void test_each_byte(void)
{
    for (unsigned c = 0; c < 256; c++) {
        struct buf b = BUF_INIT(100);
        struct route r;
        uint8_t room[64];
        buf_addf(&b, "/k/https%%3A%%2F%%2Fh%%2F%%%02X", c);
        const char *why = route_read(buf_bytes(&b), &r, room, sizeof(room));
        CHECK(!why == (c > 0x20 && c < 0x7f));
        if (!why && CHECK(r.url.n == 11))
            EQ_INT(r.url.p[10], c);
        buf_free(&b);
    }
}

static void test_room(void)
{
    struct route r;
    uint8_t room[10];
    struct bytes target = BYTES_LIT("/k/https%3A%2F%2Fh%2F");

    CHECK(!route_read(target, &r, room, 10));
    EQ_MEM(r.url, BYTES_LIT("https://h/"));
    EQ_STR(route_read(target, &r, room, 9), "the url is too long");
    CHECK(!route_read(BYTES_LIT("/k/https://host.test/"), &r, NULL, 0)); /* raw needs none */
}

int main(void)
{
    RUN(test_good);
    RUN(test_bad);
    RUN(test_each_byte);
    RUN(test_room);
    return harness_end();
}
