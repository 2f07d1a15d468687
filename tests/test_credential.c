/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connectors/credential.c and privkey.c: what is taken, in which stored form, and what
 * each refusal says. All keys here are throw-away. */
#include "tests/harness.h"

#include "base/codec.h"
#include "connectors/credential.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define BINANCE &connector_binance
#define OKX &connector_okx
#define KRAKEN &connector_kraken
#define COINBASE &connector_coinbase_advanced_trade

#define NAME64 "FAKE5678901234567890123456789012345678901234567890123456789abcde"
#define ED_BODY "MC4CAQAwBQYDK2VwBCIEIHp6BpqF9H1KG4dM/09cc0eDj3fSPdkp+SHalpz5pYw/"
#define ED_PEM "-----BEGIN PRIVATE KEY-----\n" ED_BODY "\n-----END PRIVATE KEY-----\n"
#define EC_BODY                                                                                    \
    "MHcCAQEEIMo1JFIsM+V+6DH7J+ZaIfWw9Ykji62vwyDW3EP826inoAoGCCqGSM49\n"                           \
    "AwEHoUQDQgAEbonW1D6e7QirNYEE3ve7vooYtdkOkiMokgZCFoTz9yOpU9A/p2gA\n"                           \
    "TxMJQmrErJ8oRZD7lYsJVGB83+PJFaS7eQ==\n"
#define EC_PEM "-----BEGIN EC PRIVATE KEY-----\n" EC_BODY "-----END EC PRIVATE KEY-----"
#define EC_PARAMS "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
#define P384_PEM                                                                                   \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBf9f5c46+sCBYeNLR8\n"                           \
    "JRvJRU1UZ3qyUtj2UsNaZpvR3aMp1UZ7hENUs8mFDCMndeKhZANiAAQd0BQWKsJE\n"                           \
    "yZtl8qSpLQcqOVNG8FCMWSZitjYb+ahicaP6cdbkJSXdzHZXO6lCpsxY7g1WSvBf\n"                           \
    "gZbl5my2qUjTPPou0EgR0vCYqgw35m2BJLjOgajccOXoJauGYDRQT5w=\n"                                   \
    "-----END PRIVATE KEY-----\n"
#define ED_PAIR                                                                                    \
    "enoGmoX0fUobh0z/T1xzR4OPd9I92Sn5IdqWnPmljD/sk60QSkmihRpwWReZcSc8mkS6/Z1DaypMCEnc6vWajQ=="
#define KRAKEN_SECRET                                                                              \
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="

static struct secret typed[FIELD_COUNT], out[FIELD_COUNT];
static enum key_type key;
static struct err e;

static void clear(void)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        secret_free(&typed[i]);
        secret_free(&out[i]);
    }
    key = KEY_NONE;
}

static void type(enum field_id f, struct bytes v)
{
    struct err ignored;
    CHECK(secret_copy(&typed[f], v, &ignored) == OK);
}

/* Normalises a key whose api_key is good and whose field f is value. */
static int normalise(const struct connector *c, enum field_id f, const char *value)
{
    clear();
    if (f != FIELD_API_KEY)
        type(FIELD_API_KEY, BYTES_LIT(NAME64));
    type(f, bytes_str(value));
    return credential_normalise(c, typed, out, &key, &e);
}

static void refuse(const struct connector *c, enum field_id f, const char *value, const char *why)
{
    EQ_INT(normalise(c, f, value), ERR_USAGE);
    harness_ok(strstr(e.msg, why) != NULL, __FILE__, __LINE__, "got '%s', want '%s' in it", e.msg,
               why);
    for (int i = 0; i < FIELD_COUNT; i++)
        CHECK(!out[i].p);
    if (strlen(value) >= 16)
        CHECK(!strstr(e.msg, value));
    clear();
}

static void hmac_secrets_are_text(void)
{
    OK_CALL(normalise(BINANCE, FIELD_API_SECRET, " \t" NAME64 "\r\n"), &e);
    EQ_INT(key, KEY_HMAC);
    EQ_MEM(secret_bytes(&out[FIELD_API_SECRET]), BYTES_LIT(NAME64));
    EQ_MEM(secret_bytes(&out[FIELD_API_KEY]), BYTES_LIT(NAME64));
    clear();
}

static void base64_secrets_are_decoded(void)
{
    uint8_t want[64];
    size_t n;
    CHECK(b64_decode(want, sizeof(want), &n, BYTES_LIT(KRAKEN_SECRET)));
    OK_CALL(normalise(KRAKEN, FIELD_API_SECRET, KRAKEN_SECRET "\n"), &e);
    EQ_MEM(secret_bytes(&out[FIELD_API_SECRET]), bytes_of(want, 64));
    clear();
    refuse(KRAKEN, FIELD_API_SECRET, "!" KRAKEN_SECRET, "api_secret is not base64");
    refuse(KRAKEN, FIELD_API_SECRET, "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76s", "characters");
    refuse(KRAKEN, FIELD_API_SECRET, ED_PEM, "api_secret has a blank");
}

/* Every spelling of one key gives the same PKCS#8. */
static void spellings_of_a_pem(void)
{
    static const char *const ways[] = {
        ED_PEM,
        "  \r\n" ED_PEM "\n\n",
        "-----BEGIN PRIVATE KEY-----\\n" ED_BODY "\\n-----END PRIVATE KEY-----\\n",
        "-----BEGIN PRIVATE KEY-----\r\n" ED_BODY "\r\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- " ED_BODY " -----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----" ED_BODY "-----END PRIVATE KEY-----",
    };
    uint8_t want[64];
    size_t n;
    CHECK(b64_decode(want, sizeof(want), &n, BYTES_LIT(ED_BODY)));
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        OK_CALL(normalise(BINANCE, FIELD_PRIVATE_KEY_PEM, ways[i]), &e);
        EQ_INT(key, KEY_ED25519);
        EQ_MEM(secret_bytes(&out[FIELD_PRIVATE_KEY_PEM]), bytes_of(want, n));
        OK_CALL(normalise(BINANCE, FIELD_API_SECRET, ways[i]), &e);
        EQ_MEM(secret_bytes(&out[FIELD_PRIVATE_KEY_PEM]), bytes_of(want, n));
        CHECK(!out[FIELD_API_SECRET].p);
    }
    clear();
}

static void coinbase_keys(void)
{
    uint8_t want[64];
    size_t n;
    CHECK(b64_decode(want, sizeof(want), &n, BYTES_LIT(ED_BODY)));
    OK_CALL(normalise(COINBASE, FIELD_API_SECRET, ED_PAIR), &e);
    EQ_INT(key, KEY_ED25519);
    EQ_MEM(secret_bytes(&out[FIELD_PRIVATE_KEY_PEM]), bytes_of(want, n));
    OK_CALL(normalise(COINBASE, FIELD_PRIVATE_KEY_PEM, ED_PAIR "\n"), &e);
    EQ_INT(key, KEY_ED25519);
    EQ_MEM(secret_bytes(&out[FIELD_PRIVATE_KEY_PEM]), bytes_of(want, n));
    OK_CALL(normalise(COINBASE, FIELD_PRIVATE_KEY_PEM, EC_PARAMS EC_PEM), &e);
    EQ_INT(key, KEY_EC_P256);
    OK_CALL(normalise(COINBASE, FIELD_API_SECRET, EC_PEM), &e);
    EQ_INT(key, KEY_EC_P256);
    const unsigned char *p = out[FIELD_PRIVATE_KEY_PEM].p;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)out[FIELD_PRIVATE_KEY_PEM].n);
    CHECK(pkey && EVP_PKEY_is_a(pkey, "EC"));
    EVP_PKEY_free(pkey);
    clear();
    refuse(COINBASE, FIELD_API_SECRET, "FAKEDINwWlDjpCyuwfVi4tgrg818Zv47", "legacy HMAC");
    refuse(COINBASE, FIELD_API_SECRET, ED_BODY, "PEM without its lines");
    refuse(COINBASE, FIELD_PRIVATE_KEY_PEM, ED_BODY, "PEM without its lines");
    refuse(COINBASE, FIELD_PRIVATE_KEY_PEM, KRAKEN_SECRET, "do not belong together");
    refuse(COINBASE, FIELD_PRIVATE_KEY_PEM, "FAKEDINwWlDjpCyuwfVi4tgrg818Zv47",
           "private_key_pem is neither a PEM nor base64 of a 64-byte Ed25519 key");
    refuse(COINBASE, FIELD_API_SECRET,
           "enoGmoX0fUobh0z/T1xzR4OPd9I92Sn5IdqWnPmljD/sk60QSkmihRpwWReZcSc8mkS6/Z1DaypMCEnc6vWA"
           "jQ==",
           "do not belong together");
}

static char *rsa_pem(unsigned bits, char *text, size_t cap)
{
    EVP_PKEY *k = EVP_RSA_gen(bits);
    BIO *b = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(b, k, NULL, NULL, 0, NULL, NULL);
    int n = BIO_read(b, text, (int)cap - 1);
    text[n > 0 ? n : 0] = 0;
    BIO_free(b);
    EVP_PKEY_free(k);
    return text;
}

static void rsa_sizes(void)
{
    static char text[8192];
    OK_CALL(normalise(BINANCE, FIELD_PRIVATE_KEY_PEM, rsa_pem(2048, text, sizeof(text))), &e);
    EQ_INT(key, KEY_RSA);
    refuse(COINBASE, FIELD_API_SECRET, text, "coinbase_advanced_trade takes no rsa key");
    refuse(BINANCE, FIELD_PRIVATE_KEY_PEM, rsa_pem(1024, text, sizeof(text)), "RSA key of 1024");
    refuse(BINANCE, FIELD_PRIVATE_KEY_PEM, rsa_pem(2040, text, sizeof(text)), "RSA key of 2040");
}

static void wrong_keys(void)
{
    enum field_id f = FIELD_PRIVATE_KEY_PEM;
    refuse(BINANCE, f, EC_PEM, "binance takes no ec-p256 key, but hmac, rsa, ed25519");
    refuse(COINBASE, f, P384_PEM, "not on the curve P-256");
    refuse(BINANCE, f, ED_BODY, "PEM without its lines");
    refuse(BINANCE, f, "nonsense", "private_key_pem is no private key in PEM");
    refuse(BINANCE, f, ED_PAIR, "private_key_pem is no private key in PEM");
    refuse(BINANCE, f, "-----BEGIN PRIVATE KEY-----\n" ED_BODY "\n", "no END line");
    refuse(BINANCE, f, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "is empty");
    refuse(BINANCE, f, "-----BEGIN PRIVATE KEY-----\nMC4C?\n-----END PRIVATE KEY-----", "base64");
    refuse(BINANCE, f, "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----",
           "no private key inside");
    refuse(BINANCE, f,
           "-----BEGIN PRIVATE KEY-----\n" ED_BODY "AAAA\n-----END PRIVATE KEY-----",
           "no private key inside");
    refuse(BINANCE, f, "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----",
           "this is a public key");
    refuse(BINANCE, f, "-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----",
           "this is a public key");
    refuse(BINANCE, f,
           "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMCow\n-----END ENCRYPTED PRIVATE KEY-----",
           "encrypted with a passphrase");
    refuse(BINANCE, f,
           "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,00\n\nMCow\n"
           "-----END RSA PRIVATE KEY-----",
           "encrypted with a passphrase");
    refuse(BINANCE, f,
           "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
           "an OpenSSH key");
}

static void a_foreign_public_half_is_noticed(void)
{
    refuse(COINBASE, FIELD_PRIVATE_KEY_PEM,
           "-----BEGIN EC PRIVATE KEY-----\n"
           "MHcCAQEEIMo1JFIsM+V+6DH7J+ZaIfWw9Ykji62vwyDW3EP826inoAoGCCqGSM49\n"
           "AwEHoUQDQgAEQI8/1db1SxlQdHFq08BMLnqcQRrNAVIJO+d0zOtksy/nClu2DIZI\n"
           "uqr5TW62mcKJBen2GOaLTnrD6Lgl1w84wA==\n-----END EC PRIVATE KEY-----",
           "public half does not belong");
}

static void texts(void)
{
    enum field_id f = FIELD_API_SECRET;
    refuse(BINANCE, f, "", "api_secret is empty");
    refuse(BINANCE, f, " \n\t ", "api_secret is empty");
    refuse(BINANCE, f, "FAKE5678 01234567", "api_secret has a blank or line end inside");
    refuse(BINANCE, f, "FAKE5678\n01234567", "api_secret has a blank or line end inside");
    refuse(BINANCE, f, "FAKE5678\xc3\xa9" "01234567", "not plain ASCII");
    refuse(BINANCE, f, "FAKE5678\x01" "01234567", "not plain ASCII");
    refuse(BINANCE, f, "short", "api_secret has 5 characters; 16 to 128 are expected");
    refuse(BINANCE, FIELD_API_KEY, "FAKE567890123456",
           "the key has no 'api_secret', which Binance keys need");
    refuse(BINANCE, f, KRAKEN_SECRET, "api_secret has at ");
    refuse(BINANCE, f, "FAKE5678-0123456", "api_secret has at 9 what no Binance key has");
    refuse(BINANCE, FIELD_UID, "1", "binance keys have no field uid");
    refuse(OKX, f, "FA4E0A006161D62F867C875F3B10E794",
           "the key has no 'passphrase', which OKX keys need");
    refuse(KRAKEN, FIELD_PRIVATE_KEY_PEM, ED_PEM, "kraken keys have no field private_key_pem");
}

static void both_ways_at_once(void)
{
    clear();
    type(FIELD_API_KEY, BYTES_LIT(NAME64));
    type(FIELD_API_SECRET, BYTES_LIT(NAME64));
    type(FIELD_PRIVATE_KEY_PEM, BYTES_LIT(ED_PEM));
    EQ_INT(credential_normalise(BINANCE, typed, out, &key, &e), ERR_USAGE);
    EQ_STR(e.msg, "api_secret and private_key_pem: give one of them");
    clear();
}

static void a_passphrase_may_have_blanks_inside(void)
{
    clear();
    type(FIELD_API_KEY, BYTES_LIT("fa4efa4e-d91c-4667-8ffb-25ded58e1413"));
    type(FIELD_API_SECRET, BYTES_LIT("FA4E0A006161D62F867C875F3B10E794"));
    type(FIELD_PASSPHRASE, BYTES_LIT(" Fake pass 1! \n"));
    OK_CALL(credential_normalise(OKX, typed, out, &key, &e), &e);
    EQ_MEM(secret_bytes(&out[FIELD_PASSPHRASE]), BYTES_LIT("Fake pass 1!"));
    clear();
}

static void masks(void)
{
    char m[32];
    credential_mask(BYTES_LIT(NAME64), m);
    EQ_STR(m, "FAKE\xe2\x80\xa6" "bcde");
    credential_mask(BYTES_LIT("123456789"), m);
    EQ_STR(m, "12\xe2\x80\xa6" "89");
    credential_mask(BYTES_LIT("12345"), m);
    EQ_STR(m, "1\xe2\x80\xa6" "5");
    credential_mask(BYTES_LIT("123"), m);
    EQ_STR(m, "\xe2\x80\xa6");
    credential_mask(bytes_of(NULL, 0), m);
    EQ_STR(m, "\xe2\x80\xa6");
}

int main(void)
{
    RUN(hmac_secrets_are_text);
    RUN(base64_secrets_are_decoded);
    RUN(spellings_of_a_pem);
    RUN(coinbase_keys);
    RUN(rsa_sizes);
    RUN(wrong_keys);
    RUN(a_foreign_public_half_is_noticed);
    RUN(texts);
    RUN(both_ways_at_once);
    RUN(a_passphrase_may_have_blanks_inside);
    RUN(masks);
    return harness_end();
}
