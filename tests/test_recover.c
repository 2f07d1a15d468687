/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/recover.c against a made-up driver: tokens that were pulled, reset, logged out or
 * stuck. What becomes of the PIN is test_recover_pin.c's. */
#include "tests/fake_driver.h"

static struct secret pin;
static const uint8_t ct[256] = {1};

/* Logged in, and with a key in use. */
static struct token *ready(enum seal_key_kind kind)
{
    struct token *t = fresh(kind);
    struct err e;
    OK_CALL(token_login(t, &pin, false, &e), &e);
    memset(drv.pin, 0, sizeof(drv.pin));
    fake_module.started_ms = 0; /* long ago */
    return t;
}

static int decap(struct token *t, struct err *e)
{
    AUTO_SECRET z = {0};
    bool is_rsa = t->key_info.kind == SEAL_KEY_RSA2048;
    struct bytes c = is_rsa ? BYTES_ARR(ct) : BYTES_ARR(g);
    return token_decap(t, is_rsa ? SCHEME_RSA_OAEP_256 : SCHEME_ECDH_P256, c, &z, e);
}

/* As OpenSC after a reset by another process, or a card that comes back in another slot. */
static void reset_and_put_back(void)
{
    for (unsigned moved = 0; moved < 2; moved++) {
        struct token *t = ready(SEAL_KEY_P256);
        struct err e;
        OK_CALL(decap(t, &e), &e);
        EQ_INT(token_recoveries(t), 0);
        fake_reset();
        drv.slot += moved;
        OK_CALL(decap(t, &e), &e);
        EQ_INT(token_recoveries(t), 1);
        EQ_INT(drv.n_login, 2);
        EQ_STR(drv.pin, "123456");
        EQ_INT(drv.n_finalize, 1); /* a PIN is given only after a look at the tries */
        EQ_INT(token_pin_try(t), PIN_PROVEN);
        OK_CALL(decap(t, &e), &e);
        EQ_INT(drv.n_login, 2);
    }
}

static void pulled_is_told_and_put_back_works(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    fake_reset();
    drv.is_away = true;
    for (int i = 0; i < 2; i++) {
        EQ_INT(decap(t, &e), ERR_TOKEN);
        CHECK(strstr(e.msg, "ended the session") && strstr(e.msg, "new start") &&
              strstr(e.msg, "not there") && e.n_hints > 0);
    }
    EQ_INT(drv.n_login, 1);
    drv.is_away = false;
    OK_CALL(decap(t, &e), &e);
    EQ_INT(drv.n_login, 2);
    EQ_INT(token_recoveries(t), 1);
}

/* As p11-kit's client whose server was started again, and tpm2-pkcs11 whose TPM was. */
static void dead_driver_is_started_again(void)
{
    static const CK_RV rvs[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_CRYPTOKI_NOT_INITIALIZED,
                                CKR_FUNCTION_FAILED};
    for (size_t i = 0; i < ARRAY_LEN(rvs) * 2; i++) {
        struct token *t = ready(i % 2 ? SEAL_KEY_P256 : SEAL_KEY_RSA2048);
        struct err e;
        OK_CALL(decap(t, &e), &e);
        drv.is_down = true;
        drv.down_rv = rvs[i / 2];
        drv.init_rv = drv.down_rv;
        if (i % 2 == 0) { /* the decrypt itself, with a session that seems well */
            drv.is_down = false;
            drv.init_rv = CKR_OK;
            drv.decrypt_rv = drv.random_rv = drv.down_rv;
        }
        if (i % 2) {
            OK_CALL(decap(t, &e), &e);
            EQ_INT(token_recoveries(t), 1);
        } else { /* it stays down: no verdict on the ciphertext */
            EQ_INT(decap(t, &e), ERR_TOKEN);
            EQ_INT(drv.n_decrypt, 2);
        }
        EQ_INT(drv.n_finalize, 1);
        EQ_INT(drv.n_initialize, 1);
        EQ_INT(drv.n_login, i % 2 ? 2 : 1);
    }
}

/* The driver believes that it is logged in, the token does not. */
static void stale_login(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    drv.derive_rv = CKR_USER_NOT_LOGGED_IN;
    drv.derive_fails = 1;
    OK_CALL(decap(t, &e), &e);
    EQ_INT(drv.n_finalize, 1);
    EQ_INT(drv.n_login, 2);
    EQ_INT(drv.n_derive, 2);
    drv.derive_fails = 9;
    EQ_INT(decap(t, &e), ERR_TOKEN);
    EQ_INT(drv.n_derive, 4);
    CHECK(strstr(e.msg, "also after a new start") != NULL);
}

/* Two operations at most, and one where the code and the token's health leave no doubt. */
static void verdicts_on_the_ciphertext(void)
{
    static const CK_RV rvs[] = {CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_ENCRYPTED_DATA_INVALID};
    for (size_t i = 0; i < ARRAY_LEN(rvs); i++) {
        struct token *t = ready(SEAL_KEY_RSA2048);
        struct err e;
        drv.decrypt_rv = rvs[i];
        EQ_INT(decap(t, &e), ERR_TAMPERED);
        EQ_INT(drv.n_decrypt, 1);
        EQ_INT(drv.n_finalize + token_recoveries(t), 0);
        t = ready(SEAL_KEY_P256);
        drv.derive_rv = rvs[i];
        drv.derive_fails = 9;
        EQ_INT(decap(t, &e), ERR_TAMPERED);
        EQ_INT(drv.n_derive, rvs[i] == CKR_ENCRYPTED_DATA_INVALID ? 1 : 2);
        drv.derive_fails = 0;
        OK_CALL(decap(t, &e), &e);
        t = ready(SEAL_KEY_P256); /* ykcs11 says so of a card that was put back */
        drv.derive_rv = rvs[i];
        drv.derive_fails = 1;
        EQ_INT(decap(t, &e), rvs[i] == CKR_ENCRYPTED_DATA_INVALID ? ERR_TAMPERED : OK);
    }
}

/* Nobody touched the token: the second wait is for a person to begin. */
static void waits_are_not_repeated(void)
{
    static const struct {
        CK_RV rv;
        int code;
    } rows[] = {{CKR_FUNCTION_FAILED, ERR_PERSON},
                {CKR_USER_NOT_LOGGED_IN, ERR_PERSON},
                {CKR_DEVICE_REMOVED, ERR_TOKEN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = ready(SEAL_KEY_P256);
        struct err e;
        drv.derive_rv = rows[i].rv;
        drv.derive_fails = 9;
        drv.wait_ms = TOKEN_WAIT_MS + 10;
        EQ_INT(decap(t, &e), rows[i].code);
        EQ_INT(drv.n_derive, 1);
        EQ_INT(drv.n_login, 1);
        drv.derive_fails = drv.wait_ms = 0;
        OK_CALL(decap(t, &e), &e);
    }
}

/* What a lost session needs where the login holds: no PIN, no new start. */
static void stuck_operation_costs_no_login(void)
{
    static const CK_RV rvs[] = {CKR_OPERATION_ACTIVE, CKR_SESSION_CLOSED, CKR_KEY_HANDLE_INVALID,
                                CKR_OBJECT_HANDLE_INVALID};
    for (size_t i = 0; i < ARRAY_LEN(rvs); i++) {
        struct token *t = ready(SEAL_KEY_P256);
        struct err e;
        drv.derive_rv = rvs[i];
        drv.derive_fails = 1;
        OK_CALL(decap(t, &e), &e);
        EQ_INT(token_recoveries(t), 1);
        EQ_INT(drv.n_login, 1);
        EQ_INT(drv.n_finalize, 0);
    }
}

static CK_KEY_TYPE ec_type = CKK_EC;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static uint8_t point[65], oid[10];
static const CK_ATTRIBUTE object[] = {{CKA_KEY_TYPE, &ec_type, sizeof(ec_type)},
                                      {CKA_EXTRACTABLE, &no, 1},
                                      {CKA_SENSITIVE, &yes, 1},
                                      {CKA_EC_PARAMS, oid, sizeof(oid)},
                                      {CKA_EC_POINT, point, sizeof(point)}};

static struct token *with_object(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    memcpy(point, g, sizeof(point));
    memcpy(oid, p256_oid, sizeof(oid));
    drv.object = object;
    drv.n_object = ARRAY_LEN(object);
    return t;
}

static void keys_are_found_again(void)
{
    static const struct token_key_want any = {0};
    struct token_key k;
    size_t n = 0;
    struct err e;
    struct token *t = with_object();
    fake_module.started_ms = ticks_ms(); /* its flags are new: a login will do */
    fake_reset();
    OK_CALL(token_keys(t, &any, &k, 1, &n, &e), &e);
    EQ_INT(n, 1);
    fake_reset();
    OK_CALL(token_use_key(t, &any, &k, &e), &e);
    EQ_INT(token_recoveries(t), 2);
    drv.is_down = true;
    drv.down_rv = CKR_DEVICE_ERROR;
    OK_CALL(token_use_key(t, &any, &k, &e), &e);
    EQ_INT(drv.n_finalize, 1);
    EQ_INT(drv.n_login, 4);
    fake_reset();
    drv.is_away = true;
    EQ_INT(token_use_key(t, &any, &k, &e), ERR_TOKEN);
    CHECK(t->key == 7); /* the one in use stays it */
}

/* What may have been made is not made twice. */
static void generating_is_not_repeated(void)
{
    static const struct {
        CK_RV rv;
        unsigned n;
    } rows[] = {{CKR_DEVICE_ERROR, 1},     {CKR_GENERAL_ERROR, 1},
                {CKR_FUNCTION_FAILED, 1},  {CKR_USER_NOT_LOGGED_IN, 1},
                {CKR_OPERATION_ACTIVE, 2}, {CKR_SESSION_HANDLE_INVALID, 2}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = ready(SEAL_KEY_P256);
        struct token_key k;
        struct err e;
        drv.generate_rv = rows[i].rv;
        drv.hides_key = true;
        t->key = CK_INVALID_HANDLE;
        EQ_INT(token_generate(t, SEAL_KEY_P256, "x", bytes_str("1"), &k, &e), ERR_TOKEN);
        EQ_INT(drv.n_generate, rows[i].n);
    }
    struct token *t = with_object();
    struct token_key k;
    struct err e;
    fake_reset(); /* lost before anything was made */
    drv.hides_key = true;
    t->key = CK_INVALID_HANDLE;
    OK_CALL(token_generate(t, SEAL_KEY_P256, "x", bytes_str("1"), &k, &e), &e);
    EQ_INT(drv.n_generate, 1);
    EQ_INT(token_recoveries(t), 1);
}

/* Another token of the same driver made it start again. */
static void others_notice_a_new_start(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    OK_CALL(decap(t, &e), &e);
    OK_CALL(module_restart(t->mod, &e), &e);
    OK_CALL(decap(t, &e), &e);
    EQ_INT(drv.n_login, 2);
    EQ_INT(drv.n_finalize, 1);
}

int main(void)
{
    struct err e;
    OK_CALL(secret_copy(&pin, bytes_str("123456"), &e), &e);
    RUN(reset_and_put_back);
    RUN(pulled_is_told_and_put_back_works);
    RUN(dead_driver_is_started_again);
    RUN(stale_login);
    RUN(verdicts_on_the_ciphertext);
    RUN(waits_are_not_repeated);
    RUN(stuck_operation_costs_no_login);
    RUN(keys_are_found_again);
    RUN(generating_is_not_repeated);
    RUN(others_notice_a_new_start);
    secret_free(&pin);
    return harness_end();
}
