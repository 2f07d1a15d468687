/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN that worked, when a token is lost and found: when it is given again, and when never. */
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

static void expect_no_login(struct token *t, const char *hint)
{
    struct err e;
    unsigned n_before = drv.n_login;
    fake_reset();
    EQ_INT(decap(t, &e), ERR_TOKEN);
    EQ_INT(drv.n_login, n_before);
    CHECK(e.n_hints > 0 && strstr(e.hints[0], hint) != NULL);
    EQ_INT(token_pin_try(t), PIN_PROVEN);
}

static void pin_is_not_given_where_it_may_cost(void)
{
    static const CK_FLAGS flags[] = {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
                                     CKF_USER_PIN_LOCKED};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct token *t = ready(SEAL_KEY_P256);
        drv.flags |= flags[i];
        expect_no_login(t, "tried meanwhile");
    }
    struct token *t = ready(SEAL_KEY_P256);
    drv.flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    expect_no_login(t, "on the device");
    t = ready(SEAL_KEY_P256); /* another token in the same slot */
    memcpy(drv.serial, "0002", 5);
    expect_no_login(t, "plug the token in");
    t = ready(SEAL_KEY_P256);
    drv.serial[0] = 0;
    t->info.serial[0] = 0;
    expect_no_login(t, "no serial");
    t = ready(SEAL_KEY_P256); /* as old YubiKeys are that hide theirs, each the same */
    memcpy(drv.serial, "0000", 5);
    memcpy(t->info.serial, "0000", 5);
    expect_no_login(t, "no serial");
    t = fresh(SEAL_KEY_P256); /* nobody logged in here: nobody does so again */
    struct err e;
    OK_CALL(decap(t, &e), &e);
    fake_reset();
    OK_CALL(decap(t, &e), &e);
    EQ_INT(drv.n_login, 0);
}

static void refused_pin_is_forgotten(void)
{
    static const struct {
        CK_RV rv;
        int code;
        enum pin_try pin_try;
    } rows[] = {{CKR_PIN_INCORRECT, ERR_PIN, PIN_TRIED},
                {CKR_PIN_LOCKED, ERR_PIN_LOCKED, PIN_TRIED},
                {CKR_DEVICE_ERROR, ERR_TOKEN, PIN_TRIED},
                {CKR_USER_PIN_NOT_INITIALIZED, ERR_PERSON, PIN_NOT_TRIED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = ready(SEAL_KEY_P256);
        struct err e;
        fake_reset();
        drv.login_rv = rows[i].rv;
        EQ_INT(decap(t, &e), rows[i].code);
        EQ_INT(token_pin_try(t), rows[i].pin_try);
        EQ_INT(drv.n_login, 2);
        CHECK(t->pin.p == NULL);
        EQ_INT(decap(t, &e), ERR_TOKEN);
        EQ_INT(drv.n_login, 2);
        drv.login_rv = CKR_OK; /* a person does it */
        OK_CALL(token_login(t, &pin, false, &e), &e);
        OK_CALL(decap(t, &e), &e);
    }
}

static void new_pin_is_the_one_kept(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    AUTO_SECRET other = {0};
    OK_CALL(secret_copy(&other, bytes_str("654321"), &e), &e);
    OK_CALL(token_set_pin(t, &pin, &other, &e), &e);
    fake_reset();
    OK_CALL(decap(t, &e), &e);
    EQ_STR(drv.pin, "654321");
}

/* Whether it was changed is not known: neither PIN is tried. */
static void pin_in_doubt_is_forgotten(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    drv.login_rv = CKR_DEVICE_ERROR;
    EQ_INT(token_set_pin(t, &pin, &pin, &e), ERR_TOKEN);
    drv.login_rv = CKR_OK;
    fake_reset();
    EQ_INT(decap(t, &e), ERR_TOKEN);
    EQ_INT(drv.n_login, 2); /* the first, and the change */
}

/* What one struct token learns of the PIN holds for all that have the token. */
static void all_keepers_forget(void)
{
    struct err e;
    AUTO_SECRET other = {0};
    OK_CALL(secret_copy(&other, bytes_str("654321"), &e), &e);
    for (unsigned is_change = 0; is_change < 2; is_change++) {
        struct token *t = ready(SEAL_KEY_P256), second = {.mod = t->mod, .info = t->info};
        OK_CALL(secret_copy(&second.pin, secret_bytes(&pin), &e), &e);
        t->next = &second;
        fake_module.tokens = t;
        if (is_change) {
            secret_free(&t->pin);
            OK_CALL(token_set_pin(t, &pin, &other, &e), &e);
        }
        fake_reset();
        drv.login_rv = is_change ? CKR_OK : CKR_PIN_INCORRECT;
        EQ_INT(decap(t, &e), is_change ? OK : ERR_PIN);
        EQ_STR(drv.pin, is_change ? "654321" : "123456");
        CHECK(second.pin.p == NULL);
        secret_free(&second.pin);
    }
}

/* A token that fails for ever gets the PIN once more, not once more for each call. */
static void pin_is_given_again_once(void)
{
    struct token *t = ready(SEAL_KEY_P256);
    struct err e;
    drv.derive_rv = CKR_DEVICE_ERROR;
    drv.derive_fails = 99;
    for (int i = 0; i < 3; i++)
        EQ_INT(decap(t, &e), ERR_TOKEN);
    EQ_INT(drv.n_login, 2);
    CHECK(strstr(e.hints[0], "did not help") != NULL);
    OK_CALL(token_login(t, &pin, false, &e), &e); /* a person insists, and it works again */
    drv.derive_fails = 1;
    OK_CALL(decap(t, &e), &e);
    fake_reset();
    OK_CALL(decap(t, &e), &e);
}

int main(void)
{
    struct err e;
    OK_CALL(secret_copy(&pin, bytes_str("123456"), &e), &e);
    RUN(pin_is_not_given_where_it_may_cost);
    RUN(refused_pin_is_forgotten);
    RUN(new_pin_is_the_one_kept);
    RUN(pin_in_doubt_is_forgotten);
    RUN(all_keepers_forget);
    RUN(pin_is_given_again_once);
    secret_free(&pin);
    return harness_end();
}
