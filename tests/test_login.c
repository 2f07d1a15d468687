/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/login.c against a made-up driver: PIN tries, which a SoftHSM never runs out of. */
#include "tests/fake_driver.h"

#include <stdio.h>
#include <unistd.h>

static struct secret pin;

static void locked_pin_is_not_tried(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.flags |= CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY;
    EQ_INT(token_login(t, &pin, true, &e), ERR_PIN_LOCKED);
    EQ_INT(drv.n_login, 0);
    CHECK(e.n_hints > 0);
}

static void last_try_is_not_used_unasked(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.flags |= CKF_USER_PIN_FINAL_TRY;
    EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
    EQ_INT(token_set_pin(t, &pin, &pin, &e), ERR_PERSON);
    drv.flags &= ~CKF_USER_PIN_INITIALIZED; /* forgotten by the driver */
    EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
    EQ_INT(drv.n_login, 0);
    OK_CALL(token_login(t, &pin, true, &e), &e);
    EQ_INT(drv.n_login, 1);
}

/* The flags that count are those of now, not of when the token was opened. */
static void flags_are_read_again(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.login_rv = CKR_PIN_INCORRECT;
    drv.flags_after_login = CKF_USER_PIN_COUNT_LOW;
    EQ_INT(token_login(t, &pin, false, &e), ERR_PIN);
    CHECK(strstr(e.hints[0], "few tries") != NULL);
    drv.flags_after_login = CKF_USER_PIN_FINAL_TRY;
    EQ_INT(token_login(t, &pin, false, &e), ERR_PIN);
    CHECK(strstr(e.hints[0], "one try is left") != NULL);
    EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
    EQ_INT(drv.n_login, 2);
    drv.flags_after_login = CKF_USER_PIN_LOCKED;
    EQ_INT(token_login(t, &pin, true, &e), ERR_PIN_LOCKED);
    EQ_INT(drv.n_login, 3);
    EQ_INT(token_login(t, &pin, true, &e), ERR_PIN_LOCKED);
    EQ_INT(drv.n_login, 3);
}

static void login_codes(void)
{
    static const struct {
        CK_RV rv;
        int want;
    } rows[] = {{CKR_OK, OK},
                {CKR_USER_ALREADY_LOGGED_IN, OK},
                {CKR_PIN_INCORRECT, ERR_PIN},
                {CKR_PIN_LOCKED, ERR_PIN_LOCKED},
                {CKR_USER_PIN_NOT_INITIALIZED, ERR_PERSON},
                {CKR_PIN_EXPIRED, ERR_PERSON},
                {CKR_DEVICE_REMOVED, ERR_TOKEN},
                {CKR_VENDOR_DEFINED + 5, ERR_TOKEN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        struct err e;
        drv.login_rv = rows[i].rv;
        EQ_INT(token_login(t, &pin, false, &e), rows[i].want);
        EQ_INT(drv.n_login, 1); /* whatever it was: one try */
    }
}

/* What a guard of tries has to know: whether one may have been spent. */
static void tells_what_became_of_the_pin(void)
{
    static const struct {
        CK_RV rv;
        enum pin_try want;
    } rows[] = {{CKR_OK, PIN_PROVEN},
                {CKR_USER_ALREADY_LOGGED_IN, PIN_NOT_TRIED},
                {CKR_USER_PIN_NOT_INITIALIZED, PIN_NOT_TRIED},
                {CKR_FUNCTION_CANCELED, PIN_NOT_TRIED},
                {CKR_PIN_INCORRECT, PIN_TRIED},
                {CKR_DEVICE_REMOVED, PIN_TRIED},
                {CKR_SESSION_HANDLE_INVALID, PIN_TRIED},
                {CKR_VENDOR_DEFINED + 5, PIN_TRIED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        struct err e;
        drv.login_rv = rows[i].rv;
        (void)!token_login(t, &pin, false, &e);
        EQ_INT(token_pin_try(t), rows[i].want);
        /* Of the last login only, and one that ends before the call is none. */
        drv.flags |= CKF_USER_PIN_FINAL_TRY;
        EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
        EQ_INT(token_pin_try(t), PIN_NOT_TRIED);
    }
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.open_fails = 1;
    drv.open_rv = CKR_SESSION_COUNT;
    EQ_INT(token_login(t, &pin, false, &e), ERR_TOKEN);
    EQ_INT(token_pin_try(t), PIN_NOT_TRIED);
}

static void impossible_pins_cost_no_try(void)
{
    static const struct {
        CK_ULONG min, max;
        unsigned n_login;
    } rows[] = {{4, 8, 1}, {7, 8, 0}, {4, 5, 0},
                {0, 0, 1}, {8, 4, 1}, {0, CK_UNAVAILABLE_INFORMATION, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        struct err e;
        drv.pin_min = rows[i].min;
        drv.pin_max = rows[i].max;
        EQ_INT(token_login(t, &pin, false, &e), rows[i].n_login ? OK : ERR_PIN);
        EQ_INT(drv.n_login, rows[i].n_login);
    }
}

static void fake_maker(struct token *t, const char *maker)
{
    snprintf(drv.maker, sizeof(drv.maker), "%s", maker);
    snprintf(t->info.manufacturer, sizeof(t->info.manufacturer), "%s", maker);
}

/* ykcs11 tells the length of the management key, and answers a PIN beyond 8 with ARGUMENTS_BAD. */
static void piv_pins_have_six_to_eight(void)
{
    static const char *const makers[] = {"Yubico", "piv_II", "Other"};
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        for (size_t n = 5; n <= 9; n++) {
            struct token *t = fresh(SEAL_KEY_P256);
            struct secret one = {0};
            struct err e;
            bool fits = i == 2 || (n >= 6 && n <= 8);
            OK_CALL(secret_copy(&one, bytes_of((const uint8_t *)"135792468", n), &e), &e);
            fake_maker(t, makers[i]);
            drv.pin_min = 4;
            drv.pin_max = 48;
            EQ_INT(token_set_pin(t, &pin, &one, &e), fits ? OK : ERR_USAGE);
            drv.n_login = 0;
            EQ_INT(token_login(t, &one, false, &e), fits ? OK : ERR_PIN);
            EQ_INT(drv.n_login, fits ? 1 : 0);
            if (!fits) {
                CHECK(strstr(e.msg, "has 6 to 8 characters") != NULL);
                EQ_INT(token_pin_try(t), PIN_NOT_TRIED);
            }
            secret_free(&one);
        }
    }
}

static void keypad_tokens_take_no_pin(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    EQ_INT(token_login(t, NULL, false, &e), ERR_PERSON);
    drv.flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    OK_CALL(token_login(t, NULL, false, &e), &e);
    CHECK(drv.was_pin_null && drv.n_login == 1);
}

static void read_only_token(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    struct token_key k;
    drv.flags |= CKF_WRITE_PROTECTED;
    OK_CALL(token_login(t, &pin, false, &e), &e);
    CHECK(token_info(t)->is_read_only);
    EQ_INT(token_generate(t, SEAL_KEY_P256, "x", bytes_str("1"), &k, &e), ERR_TOKEN);
    CHECK(strstr(e.msg, "read-only") != NULL);
    EQ_INT(token_set_pin(t, &pin, &pin, &e), ERR_TOKEN);
    EQ_INT(drv.n_login, 1);
}

/* A session lost in the login is renewed; the tries that are left then count. */
static void second_call_asks_the_flags_again(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    drv.login_rv = CKR_SESSION_HANDLE_INVALID;
    drv.flags_after_login = CKF_USER_PIN_FINAL_TRY;
    EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
    EQ_INT(drv.n_login, 1);
}

/* The driver remembers the tries of long ago: before a login it has to look anew. */
static void old_flags_are_not_believed(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct token *t = fresh(SEAL_KEY_P256), other = {.is_login_wanted = true};
        struct err e;
        bool is_recent = i == 1;
        t->info.is_software = i == 2;
        fake_module.tokens = i == 3 ? &other : t;
        fake_module.started_ms = is_recent ? ticks_ms() : 0;
        drv.flags_after_start = CKF_USER_PIN_FINAL_TRY;
        EQ_INT(token_login(t, &pin, false, &e), i == 0 ? ERR_PERSON : OK);
        EQ_INT(drv.n_finalize, i == 0);
        EQ_INT(drv.n_login, i != 0);
    }
}

/* Put into the slot while the PIN was typed, and the driver could not be started again. */
static void another_token_gets_no_pin(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct token *t = fresh(SEAL_KEY_P256), other = {.is_login_wanted = true};
        struct err e;
        fake_module.tokens = &other;
        fake_module.started_ms = 0;
        if (i == 1)
            memcpy(drv.serial, "0002", 5);
        if (i == 2)
            memcpy(drv.maker, "Another", 8);
        if (i == 3)
            memcpy(t->info.model, "YubiKex", 8);
        EQ_INT(token_login(t, &pin, false, &e), i ? ERR_TOKEN : OK);
        EQ_INT(drv.n_login, i == 0);
        EQ_INT(token_set_pin(t, &pin, &pin, &e), i ? ERR_TOKEN : OK);
        EQ_STR(t->info.serial, "0001");
    }
}

/* A handle of the driver's start before means another key, or none. */
static void key_is_found_again_after_a_new_start(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    t->key = 9;
    fake_module.started_ms = 0;
    OK_CALL(token_login(t, &pin, false, &e), &e);
    EQ_INT(drv.n_finalize, 1);
    EQ_INT(t->key, 7);
    t = fresh(SEAL_KEY_P256);
    fake_module.started_ms = 0;
    drv.hides_key = true;
    EQ_INT(token_login(t, &pin, false, &e), ERR_TOKEN);
    EQ_INT(token_pin_try(t), PIN_PROVEN);
}

/* ykcs11 while another process resets the card: once more, where its flags show no try. */
static void mute_yubikey_is_asked_again(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        struct err e;
        fake_maker(t, i == 2 ? "Other" : "Yubico");
        t->info.is_software = false;
        drv.login_rv = CKR_DEVICE_ERROR;
        drv.flags_after_start = i == 1 ? CKF_USER_PIN_COUNT_LOW : 0;
        EQ_INT(token_login(t, &pin, false, &e), ERR_TOKEN);
        EQ_INT(drv.n_login, i == 0 ? 2 : 1);
        EQ_INT(token_pin_try(t), PIN_TRIED);
    }
}

static unsigned n_sync;

void sync(void)
{
    n_sync++;
}

static void software_tokens_are_synced(void)
{
    struct err e;
    for (unsigned i = 0; i < 2; i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        fake_maker(t, i ? "SoftHSM" : "Other");
        n_sync = 0;
        OK_CALL(token_set_pin(t, &pin, &pin, &e), &e);
        EQ_INT(n_sync, i);
    }
}

int main(void)
{
    struct err e;
    OK_CALL(secret_copy(&pin, bytes_str("123456"), &e), &e);
    RUN(locked_pin_is_not_tried);
    RUN(last_try_is_not_used_unasked);
    RUN(flags_are_read_again);
    RUN(login_codes);
    RUN(tells_what_became_of_the_pin);
    RUN(impossible_pins_cost_no_try);
    RUN(piv_pins_have_six_to_eight);
    RUN(keypad_tokens_take_no_pin);
    RUN(read_only_token);
    RUN(second_call_asks_the_flags_again);
    RUN(old_flags_are_not_believed);
    RUN(another_token_gets_no_pin);
    RUN(key_is_found_again_after_a_new_start);
    RUN(mute_yubikey_is_asked_again);
    RUN(software_tokens_are_synced);
    secret_free(&pin);
    return harness_end();
}
