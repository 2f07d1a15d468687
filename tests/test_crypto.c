/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/crypto.c against the vectors of FIPS 180-4, RFC 4231, RFC 5869 and the GCM
 * specification; and that a changed bit anywhere is noticed. */
#include "tests/harness.h"

#include "base/codec.h"
#include "base/crypto.h"

struct hex {
    uint8_t v[256];
    size_t n;
};

static struct hex hex(const char *s)
{
    struct hex h = {0};

    CHECK(hex_decode(h.v, sizeof(h.v), &h.n, bytes_str(s)));
    return h;
}

static struct bytes of(const struct hex *h)
{
    return bytes_of(h->v, h->n);
}

static void eq_hex(const uint8_t *got, size_t n, const char *want)
{
    struct hex h = hex(want);
    EQ_MEM(bytes_of(got, n), of(&h));
}

static void test_sha256(void)
{
    uint8_t md[SHA256_LEN];
    struct err e;

    OK_CALL(sha256(BYTES_LIT("abc"), md, &e), &e);
    eq_hex(md, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    OK_CALL(sha256_2(BYTES_LIT("a"), BYTES_LIT("bc"), md, &e), &e);
    eq_hex(md, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    OK_CALL(sha256((struct bytes){0}, md, &e), &e);
    eq_hex(md, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_hmac(void)
{
    static const struct {
        const char *key, *data, *mac256, *mac512;
    } v[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    };
    uint8_t mac[64], again[64];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct hex key = hex(v[i].key), data = hex(v[i].data);
        OK_CALL(hmac_sha256(of(&key), of(&data), mac, &e), &e);
        eq_hex(mac, 32, v[i].mac256);
        OK_CALL(hmac_sha512(of(&key), of(&data), mac, &e), &e);
        eq_hex(mac, 64, v[i].mac512);
    }
    /* A key longer than a block: RFC 4231, case 6. */
    struct hex key = {.n = 131};
    memset(key.v, 0xaa, key.n);
    struct bytes data = BYTES_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    OK_CALL(hmac_sha256(of(&key), data, mac, &e), &e);
    eq_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* Empty key and text have a value too. */
    OK_CALL(hmac_sha256((struct bytes){0}, (struct bytes){0}, mac, &e), &e);
    eq_hex(mac, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    OK_CALL(hmac_sha256(BYTES_LIT(""), BYTES_LIT(""), again, &e), &e);
    CHECK(mem_eq(mac, again, 32));
}

static void test_hkdf(void)
{
    uint8_t out[255 * 32], first[32];
    struct err e;
    struct hex ikm = {.n = 22};

    memset(ikm.v, 0x0b, 22);
    struct hex salt = hex("000102030405060708090a0b0c"), info = hex("f0f1f2f3f4f5f6f7f8f9");
    OK_CALL(hkdf_sha256(of(&salt), of(&ikm), of(&info), out, 42, &e), &e);
    eq_hex(out, 42,
           "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    OK_CALL(hkdf_sha256((struct bytes){0}, of(&ikm), (struct bytes){0}, out, 42, &e), &e);
    eq_hex(out, 42,
           "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    OK_CALL(hkdf_sha256(of(&salt), of(&ikm), of(&info), out, sizeof(out), &e), &e);
    OK_CALL(hkdf_sha256(of(&salt), of(&ikm), of(&info), first, 32, &e), &e);
    CHECK(mem_eq(out, first, 32));
    EQ_INT(hkdf_sha256(of(&salt), of(&ikm), of(&info), out, 255 * 32 + 1, &e), ERR_LIMIT);
    EQ_INT(hkdf_sha256(of(&salt), of(&ikm), of(&info), out, 0, &e), ERR_LIMIT);
    OK_CALL(hkdf_sha256(of(&salt), (struct bytes){0}, of(&info), first, 32, &e), &e);
    CHECK(!mem_eq(out, first, 32));
}

static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char gcm_nonce[] = "cafebabefacedbaddecaf888";
static const char gcm_aad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char gcm_sealed[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                                 "76fc6ece0f4e1768cddf8853bb2d551b";

/* Test cases 13, 14 and 16. */
static void test_gcm(void)
{
    static const uint8_t zero[32];
    uint8_t out[128];
    struct err e;
    struct hex key = hex(gcm_key), nonce = hex(gcm_nonce), aad = hex(gcm_aad);
    struct hex plain = hex(gcm_plain), sealed = hex(gcm_sealed);

    OK_CALL(gcm_seal(zero, zero, (struct bytes){0}, (struct bytes){0}, out, &e), &e);
    eq_hex(out, 16, "530f8afbc74536b9a963b4f1c4cb738b");
    OK_CALL(gcm_open(zero, zero, (struct bytes){0}, bytes_of(out, 16), out + 16, &e), &e);
    OK_CALL(gcm_seal(zero, zero, (struct bytes){0}, bytes_of(zero, 16), out, &e), &e);
    eq_hex(out, 32, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    OK_CALL(gcm_seal(key.v, nonce.v, of(&aad), of(&plain), out, &e), &e);
    EQ_MEM(bytes_of(out, plain.n + GCM_TAG_LEN), of(&sealed));
    OK_CALL(gcm_open(key.v, nonce.v, of(&aad), of(&sealed), out, &e), &e);
    EQ_MEM(bytes_of(out, plain.n), of(&plain));
}

static void test_gcm_tampered(void)
{
    static const uint8_t zero[128];
    uint8_t out[128];
    struct err e;
    struct hex key = hex(gcm_key), nonce = hex(gcm_nonce), aad = hex(gcm_aad),
               sealed = hex(gcm_sealed);

    for (size_t i = 0; i < sealed.n; i++) {
        struct hex bad = sealed;
        bad.v[i] ^= 0x10;
        memset(out, 0xee, sizeof(out));
        int r = gcm_open(key.v, nonce.v, of(&aad), of(&bad), out, &e);
        bool wiped = memcmp(out, zero, sealed.n - GCM_TAG_LEN) == 0;
        harness_ok(r == ERR_TAMPERED && wiped, __FILE__, __LINE__, "byte %zu: %d", i, r);
    }
    for (size_t n = 0; n < sealed.n; n++)
        EQ_INT(gcm_open(key.v, nonce.v, of(&aad), bytes_of(sealed.v, n), out, &e), ERR_TAMPERED);
    aad.v[0] ^= 1;
    EQ_INT(gcm_open(key.v, nonce.v, of(&aad), of(&sealed), out, &e), ERR_TAMPERED);
    EQ_INT(gcm_open(key.v, nonce.v, (struct bytes){0}, of(&sealed), out, &e), ERR_TAMPERED);
    aad.v[0] ^= 1;
    nonce.v[11] ^= 1;
    EQ_INT(gcm_open(key.v, nonce.v, of(&aad), of(&sealed), out, &e), ERR_TAMPERED);
    nonce.v[11] ^= 1;
    key.v[31] ^= 1;
    EQ_INT(gcm_open(key.v, nonce.v, of(&aad), of(&sealed), out, &e), ERR_TAMPERED);
    key.v[31] ^= 1;
    OK_CALL(gcm_open(key.v, nonce.v, of(&aad), of(&sealed), out, &e), &e);
    EQ_INT(gcm_seal(key.v, nonce.v, of(&aad), bytes_of(out, SIZE_MAX - 8), out, &e), ERR_LIMIT);
    EQ_INT(gcm_open(key.v, nonce.v, of(&aad), bytes_of(out, SIZE_MAX - 8), out, &e), ERR_LIMIT);
}

static void test_memory(void)
{
    uint8_t a[] = {1, 2, 3}, b[] = {1, 2, 4};

    CHECK(mem_eq(a, b, 2) && !mem_eq(a, b, 3) && mem_eq(NULL, NULL, 0));
    mem_wipe(a, 2);
    CHECK(a[0] == 0 && a[1] == 0 && a[2] == 3);
    mem_wipe(NULL, 0);
}

int main(void)
{
    RUN(test_sha256);
    RUN(test_hmac);
    RUN(test_hkdf);
    RUN(test_gcm);
    RUN(test_gcm_tampered);
    RUN(test_memory);
    return harness_end();
}
