/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/wait.c, ending.c and touch.c: calls that last, drivers that do not end, and what a
 * certificate tells of touches. */
#define ENDING_MS 100u
#include "tests/fake_driver.h"

#include "pkcs11/ending.c"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

static atomic_uint n_told;
static pthread_t teller;
static sigset_t teller_mask;

static void tell(void *ctx)
{
    CHECK(ctx == &n_told);
    teller = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &teller_mask);
    atomic_fetch_add(&n_told, 1);
}

static int decap(struct token *t)
{
    AUTO_SECRET z = {0};
    struct err e;
    return token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e);
}

static void told_once_when_a_call_lasts(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    atomic_store(&n_told, 0);
    EQ_INT(decap(t), OK);
    CHECK(!t->watch.is_running); /* no thread where nobody wants to know */
    token_on_wait(t, tell, &n_told);
    for (int i = 0; i < 100; i++)
        EQ_INT(decap(t), OK);
    CHECK(t->watch.is_running);
    EQ_INT(n_told, 0);
    drv.wait_ms = TOKEN_WAIT_MS + 300;
    EQ_INT(decap(t), OK);
    EQ_INT(n_told, 1);
    CHECK(!pthread_equal(teller, pthread_self()));
    CHECK(sigismember(&teller_mask, SIGINT) && sigismember(&teller_mask, SIGTERM));
    drv.flags |= CKF_PROTECTED_AUTHENTICATION_PATH; /* a keypad */
    OK_CALL(token_login(t, NULL, false, &e), &e);
    EQ_INT(n_told, 2);
    drv.wait_ms = 0;
    EQ_INT(decap(t), OK);
    doze(TOKEN_WAIT_MS + 300); /* idle: nothing to tell, and the thread rests */
    EQ_INT(n_told, 2);
    drv.wait_ms = TOKEN_WAIT_MS + 300; /* the first call after the rest */
    EQ_INT(decap(t), OK);
    EQ_INT(n_told, 3);
    token_on_wait(t, NULL, NULL);
    EQ_INT(decap(t), OK);
    EQ_INT(n_told, 3);
}

static void driver_that_hangs_is_left(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.n_open = 1;
    CHECK(ending_run(&(struct ending){&functions, 1001, true, true, false}));
    EQ_INT(drv.n_logout, 1);
    EQ_INT(drv.n_close, 1);
    EQ_INT(drv.n_finalize, 1);
    CHECK(!token_driver_is_stuck());
    drv.finalize_ms = 400;
    EQ_INT(module_restart(t->mod, &e), ERR_TOKEN);
    CHECK(strstr(e.msg, "hangs") != NULL && token_driver_is_stuck() && t->mod->is_stuck);
    AUTO_SECRET pin = {0}; /* another call of it might not come back */
    OK_CALL(secret_copy(&pin, bytes_str("123456"), &e), &e);
    unsigned n_before = drv.n_open + drv.n_login + drv.n_derive;
    EQ_INT(decap(t), ERR_TOKEN);
    EQ_INT(token_login(t, &pin, false, &e), ERR_TOKEN);
    EQ_INT(token_set_pin(t, &pin, &pin, &e), ERR_TOKEN);
    CHECK(strstr(e.msg, "hangs") != NULL);
    EQ_INT(drv.n_open + drv.n_login + drv.n_derive, n_before);
    doze(500); /* it came back after all, and nobody is there */
    drv.close_ms = 400;
    CHECK(!ending_run(&(struct ending){&functions, 1002, false, false, false}));
    doze(500);
}

/* A certificate of key's with the attestation's extension, as a YubiKey makes it. */
static size_t attest(EVP_PKEY *key, const uint8_t *v, size_t n, uint8_t out[2048])
{
    X509 *x = X509_new();
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.41482.3.8", 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    CHECK(x && oid && s && ASN1_OCTET_STRING_set(s, v, (int)n) && X509_set_pubkey(x, key) &&
          X509_gmtime_adj(X509_getm_notBefore(x), 0) && X509_gmtime_adj(X509_getm_notAfter(x), 99));
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, s);
    CHECK(ext && X509_add_ext(x, ext, -1) && X509_sign(x, key, EVP_sha256()) > 0);
    int len = i2d_X509(x, NULL);
    CHECK(len > 0 && len <= 2048);
    i2d_X509(x, &out);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(oid);
    X509_free(x);
    return (size_t)len;
}

static enum touch_policy touch_of(const CK_ATTRIBUTE *object, size_t n, const struct token_key *k,
                                  const char *manufacturer)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    snprintf(t->info.manufacturer, sizeof(t->info.manufacturer), "%s", manufacturer);
    snprintf(t->info.model, sizeof(t->info.model), "YubiKey YK5");
    drv.object = object;
    drv.n_object = n;
    OK_CALL(session_need(t, &e), &e);
    return touch_read(t, 7, k);
}

static void touch_policy_is_read(void)
{
    static const struct {
        const char *ext;
        size_t n;
        enum touch_policy want;
    } rows[] = {{"\2\1", 2, TOUCH_NEVER},  {"\2\2", 2, TOUCH_ALWAYS},
                {"\2\3", 2, TOUCH_CACHED}, {"\2\4", 2, TOUCH_UNKNOWN},
                {"\2", 1, TOUCH_UNKNOWN},  {"\2\2\2", 3, TOUCH_UNKNOWN}};
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    struct token_key k = {.id = {3}, .id_len = 1}, foreign = k;
    struct err e;
    uint8_t raw[65], der[2048];
    size_t n = 0;
    CHECK(EVP_PKEY_get_octet_string_param(key, "pub", raw, 65, &n));
    OK_CALL(spki_from_ec_point(BYTES_ARR(raw), &k.spki, &e), &e);
    CHECK(EVP_PKEY_get_octet_string_param(other, "pub", raw, 65, &n));
    OK_CALL(spki_from_ec_point(BYTES_ARR(raw), &foreign.spki, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CK_ATTRIBUTE cert = {CKA_VALUE, der, 0};
        cert.ulValueLen = attest(key, (const uint8_t *)rows[i].ext, rows[i].n, der);
        EQ_INT(touch_of(&cert, 1, &k, "Yubico (www.yubico.com)"), rows[i].want);
        EQ_INT(touch_of(&cert, 1, &foreign, "Yubico (www.yubico.com)"), TOUCH_UNKNOWN);
        EQ_INT(touch_of(&cert, 1, &k, "Another maker"), TOUCH_UNKNOWN);
        memset(der, 0x30, 20); /* no certificate */
        EQ_INT(touch_of(&cert, 1, &k, "Yubico (www.yubico.com)"), TOUCH_UNKNOWN);
    }
    uint8_t v = 2; /* what newer drivers tell by an attribute */
    CK_ATTRIBUTE own = {CKA_VENDOR_DEFINED + 0x59554201UL, &v, 1};
    EQ_INT(touch_of(&own, 1, &k, "Yubico (www.yubico.com)"), TOUCH_ALWAYS);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void fields_are_fit_to_be_shown(void)
{
    static const struct {
        const char *in, *want;
    } rows[] = {{"lab", "lab"},
                {"", ""},
                {"a\x1b[2Jb", "a?[2Jb"},
                {"t\xc3\xbcr", "t\xc3\xbcr"},
                {"t\xfcr", "t?r"},
                {"x\xe2\x80\xaey", "x?y"},
                {"cut\xc3", "cut?"},
                {"\x7f\n\t", "???"},
                {"back\\slash", "back\\slash"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[TOKEN_LABEL_MAX];
        field_copy(out, sizeof(out), bytes_str(rows[i].in));
        EQ_STR(out, rows[i].want);
    }
    char small[4];
    field_copy(small, sizeof(small), bytes_str("ab\xc3\xbc"));
    EQ_STR(small, "ab");
    struct token *t = fresh(SEAL_KEY_P256);
    struct token_info info;
    memcpy(drv.serial, "0\x1b[1m", 6);
    drv.flags |= CKF_USER_PIN_TO_BE_CHANGED;
    EQ_INT(info_read(t->mod, 100, &info), CKR_OK);
    EQ_STR(info.serial, "0?[1m");
    CHECK(info.is_pin_default);
    struct err e; /* and a token is found by what is shown of it */
    memcpy(t->info.serial, info.serial, 6);
    OK_CALL(token_seek(t, 1, &info, &e), &e);
    memcpy(t->info.serial, drv.serial, 6);
    OK_CALL(token_seek(t, 1, &info, &e), &e);
}

int main(void)
{
    RUN(told_once_when_a_call_lasts);
    RUN(touch_policy_is_read);
    RUN(fields_are_fit_to_be_shown);
    RUN(driver_that_hangs_is_left); /* the last: its threads live on */
    return harness_end();
}
