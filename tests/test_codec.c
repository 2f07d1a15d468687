/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/codec.c: the vectors of RFC 4648, and every way a text can be not canonical. */
#include "tests/harness.h"

#include "base/codec.h"

typedef bool decode_fn(uint8_t *, size_t, size_t *, struct bytes);

static bool refuses(decode_fn *fn, struct bytes in)
{
    uint8_t out[64];
    size_t n = 99;
    return !fn(out, sizeof(out), &n, in) && n == 99;
}

static void check_pair(void (*enc)(struct buf *, struct bytes), decode_fn *dec, const char *plain,
                       const char *coded)
{
    AUTO_BUF b = BUF_INIT(100);
    uint8_t out[64];
    size_t n = 99;

    enc(&b, bytes_str(plain));
    EQ_STR(buf_str(&b), coded);
    CHECK(dec(out, sizeof(out), &n, bytes_str(coded)));
    EQ_MEM(bytes_of(out, n), bytes_str(plain));
    if (n > 0)
        CHECK(!dec(out, n - 1, &n, bytes_str(coded)));
    CHECK(dec(out, n, &n, bytes_str(coded)));
}

static void test_rfc(void)
{
    static const char *const v[][4] = {
        {"", "", "", ""},
        {"f", "Zg==", "Zg", "66"},
        {"fo", "Zm8=", "Zm8", "666f"},
        {"foo", "Zm9v", "Zm9v", "666f6f"},
        {"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
        {"\xfb\xff\xbe", "+/++", "-_--", "fbffbe"},
    };

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        check_pair(b64_encode, b64_decode, v[i][0], v[i][1]);
        check_pair(b64url_encode, b64url_decode, v[i][0], v[i][2]);
        check_pair(hex_encode, hex_decode, v[i][0], v[i][3]);
        EQ_INT(B64_LEN(strlen(v[i][0])), strlen(v[i][1]));
        EQ_INT(B64URL_LEN(strlen(v[i][0])), strlen(v[i][2]));
    }
}

/* All byte values and lengths: back to what it was. */
static void test_round_trip(void)
{
    uint8_t in[256], out[256];
    bool ok = true;

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + 3);
    for (size_t n = 0; n <= sizeof(in); n++) {
        AUTO_BUF a = BUF_INIT(1000), u = BUF_INIT(1000), h = BUF_INIT(1000);
        size_t k = 0;
        b64_encode(&a, bytes_of(in, n));
        b64url_encode(&u, bytes_of(in, n));
        hex_encode(&h, bytes_of(in, n));
        ok = ok && b64_decode(out, n, &k, buf_bytes(&a)) && k == n && !memcmp(in, out, n);
        ok = ok && b64url_decode(out, n, &k, buf_bytes(&u)) && k == n && !memcmp(in, out, n);
        ok = ok && hex_decode(out, n, &k, buf_bytes(&h)) && k == n && !memcmp(in, out, n);
    }
    CHECK(ok);
}

/* Exactly the alphabet's characters pass, in each place. */
static void test_alphabets(void)
{
    static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (unsigned c = 0; c < 256; c++)
        for (unsigned at = 0; at < 4; at++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'}, out[4];
            size_t n;
            bool is_common = c && strchr(common, (int)c);
            text[at] = (uint8_t)c;
            bool in_std = is_common || c == '+' || c == '/' || (at == 3 && c == '=');
            bool in_url = is_common || c == '-' || c == '_';
            bool in_hex = c && strchr("0123456789abcdefABCDEF", (int)c);
            bool ok = b64_decode(out, 4, &n, BYTES_ARR(text)) == in_std &&
                      b64url_decode(out, 4, &n, BYTES_ARR(text)) == in_url &&
                      hex_decode(out, 4, &n, BYTES_ARR(text)) == in_hex;
            harness_ok(ok, __FILE__, __LINE__, "character %u in place %u", c, at);
        }
}

static void test_malformed(void)
{
    static const char *const b64[] = {
        "Z",     "Zg",    "Zg=",    "Zg===", "=",        "==",       "===",
        "====",  "Z===",  "Zh==",   "Zm9=",  "Zm=v",     "Zm==Zg==", "Zg==\n",
        " Zg==", "Zm 9v", "Zm9v\n", "Zm-_",  "Zg==Zg==", "Zm9v====", "\xff\xff\xff\xff",
        "Zm9vY",
    };
    static const char *const b64url[] = {"Z",    "Zg==",   "Zh",    "Zm9",
                                         "Zm+/", "Zm9v\n", "Zm9vY", "Zm8="};
    static const char *const hex[] = {"0", "0g", "g0", "0x00", "00 ", " 00", "00:00", "\xe9\xe9"};

    for (size_t i = 0; i < ARRAY_LEN(b64); i++)
        harness_ok(refuses(b64_decode, bytes_str(b64[i])), __FILE__, __LINE__, "'%s'", b64[i]);
    for (size_t i = 0; i < ARRAY_LEN(b64url); i++)
        harness_ok(refuses(b64url_decode, bytes_str(b64url[i])), __FILE__, __LINE__, "'%s'",
                   b64url[i]);
    for (size_t i = 0; i < ARRAY_LEN(hex); i++)
        harness_ok(refuses(hex_decode, bytes_str(hex[i])), __FILE__, __LINE__, "'%s'", hex[i]);
    CHECK(refuses(b64_decode, BYTES_LIT("Zg=\0")));
    CHECK(refuses(hex_decode, BYTES_LIT("0\0")));
    uint8_t out[2];
    size_t n;
    CHECK(hex_decode(out, 2, &n, BYTES_LIT("aBFf")) && out[0] == 0xab && out[1] == 0xff);
}

static void test_limits(void)
{
    AUTO_BUF b = BUF_INIT(7);

    b64_encode(&b, BYTES_LIT("foob"));
    EQ_INT(b.failed, ERR_LIMIT);
    EQ_INT(b.n, 0);
    buf_free(&b);
    hex_encode(&b, BYTES_LIT("foob"));
    EQ_INT(b.failed, ERR_LIMIT);
    buf_free(&b);
    b64_encode(&b, bytes_of("", SIZE_MAX));
    EQ_INT(b.failed, ERR_LIMIT);
    buf_free(&b);
    hex_encode(&b, bytes_of("", SIZE_MAX));
    EQ_INT(b.failed, ERR_LIMIT);
}

int main(void)
{
    RUN(test_rfc);
    RUN(test_round_trip);
    RUN(test_alphabets);
    RUN(test_malformed);
    RUN(test_limits);
    return harness_end();
}
