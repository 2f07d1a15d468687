/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/ on the mock: how often a PIN reaches the token, what the flags forbid, and what
 * becomes of a token that was pulled, reset or left stuck. */
#include "tests/mock_codes.h"
#include "tests/mock_fixture.h"

#include <pthread.h>

static uint8_t ct[KEM_CT_MAX];
static size_t n_ct;
static struct secret z;

static struct token *using(const struct token_key_want *want, struct token_key *k)
{
    struct err e;
    struct token *t = mock_in();
    OK_CALL(token_use_key(t, want, k, &e), &e);
    return t;
}

static int opened(struct token *t, struct err *e)
{
    AUTO_SECRET got = {0};
    int r = token_decap(t, SCHEME_ECDH_P256, bytes_of(ct, n_ct), &got, e);
    CHECK(r == OK ? secret_eq(&got, &z) : got.p == NULL && is_good_line(e));
    return r;
}

static void prepare(void)
{
    struct token_key k;
    struct err e;
    script("");
    struct token *t = using(&ec_key, &k);
    OK_CALL(kem_encap(SCHEME_ECDH_P256, &k.spki, ct, &n_ct, &z, &e), &e);
    token_close(t);
}

/* Whatever a driver answers after it has compared a wrong PIN: it gets the PIN once. */
static void wrong_pin_is_compared_once(void)
{
    char line[60];
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct err e = {.code = OK};
        snprintf(line, sizeof(line), "C_Login rv=0x%lx late", codes[i]);
        script(line);
        struct token *t = mock_open();
        int r = token_login(t, &wrong_pin, false, &e);
        CHECK(r != OK || codes[i] == CKR_USER_ALREADY_LOGGED_IN);
        harness_ok(calls("pin_tried") == 1, __FILE__, __LINE__, "0x%lx: compared %lu times",
                   codes[i], calls("pin_tried"));
        CHECK(token_pin_try(t) != PIN_PROVEN);
        token_close(t);
        CHECK(is_balanced());
    }
}

/* The same for the change: the old PIN is compared at the login and at the change. */
static void change_compares_once(void)
{
    char line[60];
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct err e = {.code = OK};
        snprintf(line, sizeof(line), "C_SetPIN rv=0x%lx late", codes[i]);
        script(line);
        struct token *t = mock_in();
        CHECK(token_set_pin(t, &wrong_pin, &new_pin, &e) != OK && is_good_line(&e));
        EQ_INT(calls("pin_tried"), 2);
        EQ_INT(calls("pin_wrong"), 1);
        token_close(t);
        CHECK(is_balanced());
    }
}

static void flags_forbid(void)
{
    static const struct {
        const char *line;
        int want, with_last_try;
    } rows[] = {{"flags FINAL_TRY", ERR_PERSON, OK},
                {"flags FINAL_TRY COUNT_LOW", ERR_PERSON, OK},
                {"flags LOCKED", ERR_PIN_LOCKED, ERR_PIN_LOCKED},
                {"flags LOCKED FINAL_TRY", ERR_PIN_LOCKED, ERR_PIN_LOCKED},
                {"flags ALL", ERR_PIN_LOCKED, ERR_PIN_LOCKED},
                {"tries 1", ERR_PERSON, OK},
                {"tries 0", ERR_PIN_LOCKED, ERR_PIN_LOCKED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e;
        script(rows[i].line);
        struct token *t = mock_open();
        EQ_INT(token_login(t, &pin, false, &e), rows[i].want);
        CHECK(is_good_line(&e) && e.n_hints > 0);
        EQ_INT(token_pin_try(t), PIN_NOT_TRIED);
        CHECK(token_set_pin(t, &pin, &new_pin, &e) != OK);
        EQ_INT(calls("C_Login") + calls("C_SetPIN"), 0);
        EQ_INT(token_login(t, &pin, true, &e), rows[i].with_last_try);
        EQ_INT(calls("C_Login"), rows[i].with_last_try == OK);
        token_close(t);
        CHECK(is_balanced());
    }
}

/* Flags that change between the opening and the login count as they are at the login. */
static void flags_are_read_again(void)
{
    struct err e;
    script("");
    struct token *t = mock_open();
    script_now("flags FINAL_TRY");
    EQ_INT(token_login(t, &pin, false, &e), ERR_PERSON);
    EQ_INT(calls("C_Login"), 0);
    token_close(t);
}

static void counter_runs_down(void)
{
    static const int want[] = {ERR_PIN, ERR_PIN, ERR_PERSON, ERR_PERSON};
    script("tries 3");
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct err e;
        struct token *t = mock_open();
        EQ_INT(token_login(t, &wrong_pin, false, &e), want[i]);
        token_close(t);
    }
    EQ_INT(calls("pin_wrong"), 2);
    EQ_INT(calls("pin_left"), 1);
    struct err e;
    struct token *t = mock_open();
    EQ_INT(token_login(t, &wrong_pin, true, &e), ERR_PIN_LOCKED);
    EQ_INT(token_login(t, &pin, true, &e), ERR_PIN_LOCKED);
    EQ_INT(calls("pin_tried"), 3);
    token_close(t);
}

/* The driver forgets all sessions and the login, as after a reset by another process. */
static void reset_behind_us(void)
{
    struct token_key k;
    struct err e;
    script("");
    struct token *t = using(&ec_key, &k);
    OK_CALL(opened(t, &e), &e);
    CHECK(module.fn->C_CloseAllSessions(7) == CKR_OK);
    OK_CALL(opened(t, &e), &e);
    EQ_INT(token_recoveries(t), 1);
    EQ_INT(calls("pin_tried"), 2);
    EQ_INT(calls("pin_wrong"), 0);
    OK_CALL(opened(t, &e), &e);
    EQ_INT(token_recoveries(t), 1);
    token_close(t);
    CHECK(is_balanced());
}

/* A good session, then one failure that a new session or a new start mends. */
static void lost_once(void)
{
    static const CK_RV those[] = {
        CKR_DEVICE_ERROR,           CKR_DEVICE_REMOVED,          CKR_TOKEN_NOT_PRESENT,
        CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,          CKR_FUNCTION_FAILED,
        CKR_USER_NOT_LOGGED_IN,     CKR_GENERAL_ERROR,           CKR_KEY_HANDLE_INVALID,
        CKR_OPERATION_ACTIVE,       CKR_CRYPTOKI_NOT_INITIALIZED};
    char line[60];
    for (size_t i = 0; i < ARRAY_LEN(those); i++) {
        struct token_key k;
        struct err e;
        script("");
        struct token *t = using(&ec_key, &k);
        OK_CALL(opened(t, &e), &e);
        snprintf(line, sizeof(line), "C_DeriveKey rv=0x%lx times=1", those[i]);
        script_now(line);
        OK_CALL(opened(t, &e), &e);
        harness_ok(token_recoveries(t) == 1, __FILE__, __LINE__, "0x%lx: %u recoveries", those[i],
                   token_recoveries(t));
        CHECK(calls("pin_tried") <= 2 && calls("pin_wrong") == 0);
        OK_CALL(opened(t, &e), &e);
        token_close(t);
        CHECK(is_balanced());
    }
}

/* A token that fails again after each new start gets its PIN no third time. */
static void lost_for_good(void)
{
    static const char *const lines[] = {"C_DeriveKey rv=0x30", "C_FindObjectsInit rv=0x6",
                                        "C_GetAttributeValue rv=0x32"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct token_key k;
        struct err e;
        script("");
        struct token *t = using(&ec_key, &k);
        OK_CALL(opened(t, &e), &e);
        script_now(lines[i]);
        for (int n = 0; n < 3; n++) {
            CHECK(opened(t, &e) != OK || i == 1);
            CHECK(token_use_key(t, &ec_key, &k, &e) != OK || i == 0);
        }
        harness_ok(calls("pin_tried") <= 2, __FILE__, __LINE__, "%s: the PIN was given %lu times",
                   lines[i], calls("pin_tried"));
        token_close(t);
        CHECK(is_balanced());
    }
}

#define THREADS 8

static struct token *shared_token;

static void *open_often(void *out)
{
    struct err e;
    unsigned *n_right = out;
    for (int i = 0; i < 25; i++) {
        AUTO_SECRET got = {0};
        int r = token_decap(shared_token, SCHEME_ECDH_P256, bytes_of(ct, n_ct), &got, &e);
        *n_right += r == OK && secret_eq(&got, &z);
    }
    return NULL;
}

/* A driver with one place for derived values, whichever thread and session they are of. */
static void threads(void)
{
    struct token_key k;
    pthread_t at[THREADS];
    unsigned n_right[THREADS] = {0};
    script("set shared");
    shared_token = using(&ec_key, &k);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&at[i], NULL, open_often, &n_right[i]) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(at[i], NULL);
        EQ_INT(n_right[i], 25);
    }
    EQ_INT(calls("secrets"), 0);
    token_close(shared_token);
    CHECK(is_balanced());
}

/* A reset, and flags that speak of a failed try: the kept PIN is not given. */
static void reset_with_bad_flags(void)
{
    static const char *const lines[] = {"flags FINAL_TRY", "flags COUNT_LOW", "flags LOCKED"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct token_key k;
        struct err e;
        script("");
        struct token *t = using(&ec_key, &k);
        CHECK(module.fn->C_CloseAllSessions(7) == CKR_OK);
        script_now(lines[i]);
        CHECK(opened(t, &e) != OK);
        EQ_INT(calls("pin_tried"), 1);
        EQ_INT(calls("C_Login"), 1);
        token_close(t);
        CHECK(is_balanced());
    }
}

/* Another token stands in the slot now: the PIN is not for it. */
static void another_token_in_its_place(void)
{
    static const char *const lines[] = {"serial 3939", "label 6f74686572"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct token_key k;
        struct err e;
        script("");
        struct token *t = using(&ec_key, &k);
        CHECK(module.fn->C_CloseAllSessions(7) == CKR_OK);
        script_now(lines[i]);
        CHECK(opened(t, &e) != OK);
        EQ_INT(calls("pin_tried"), 1);
        token_close(t);
        CHECK(is_balanced());
    }
}

/* A PIN that was changed elsewhere meanwhile is tried once, not again and again. */
static void kept_pin_is_wrong_now(void)
{
    struct token_key k;
    struct err e;
    script("");
    struct token *t = using(&ec_key, &k);
    CHECK(module.fn->C_CloseAllSessions(7) == CKR_OK);
    script_now("C_Login rv=0xa0");
    for (int i = 0; i < 3; i++)
        CHECK(opened(t, &e) != OK);
    CHECK(calls("C_Login") <= 2); /* the first of all, and one */
    token_close(t);
    CHECK(is_balanced());
}

/* A failed decryption that blocks the session, as a TPM's driver leaves it. */
static void stuck_operation(void)
{
    struct token_key k;
    struct err e;
    AUTO_SECRET right = {0};
    uint8_t bad[KEM_CT_MAX];
    size_t n;
    script("set stuck");
    struct token *t = using(&rsa_key, &k);
    OK_CALL(kem_encap(SCHEME_RSA_OAEP_256, &k.spki, bad, &n, &right, &e), &e);
    for (int i = 0; i < 3; i++) {
        AUTO_SECRET none = {0};
        AUTO_SECRET good = {0};
        bad[n - 1] ^= 1;
        EQ_INT(token_decap(t, SCHEME_RSA_OAEP_256, bytes_of(bad, n), &none, &e), ERR_TAMPERED);
        CHECK(none.p == NULL);
        bad[n - 1] ^= 1;
        OK_CALL(token_decap(t, SCHEME_RSA_OAEP_256, bytes_of(bad, n), &good, &e), &e);
        CHECK(secret_eq(&good, &right));
    }
    token_close(t);
    CHECK(is_balanced());
}

/* Room for one session only, with a failure in between. */
static void one_session(void)
{
    struct token_key k;
    struct err e;
    script("sessions 1\nC_DeriveKey rv=0xb3 times=1");
    struct token *t = using(&ec_key, &k);
    OK_CALL(opened(t, &e), &e);
    token_close(t);
    CHECK(is_balanced());
}

/* What cannot be destroyed ends with its session. */
static void value_that_stays(void)
{
    struct token_key k;
    struct err e;
    script("C_DestroyObject rv=0x30");
    struct token *t = using(&ec_key, &k);
    OK_CALL(opened(t, &e), &e);
    EQ_INT(calls("secrets"), 0);
    token_close(t);
    CHECK(is_balanced());
}

/* A token that is gone for good is told so, not as a damaged file. */
static void gone(void)
{
    static const CK_RV those[] = {CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT};
    for (size_t i = 0; i < ARRAY_LEN(those); i++) {
        struct token_key k;
        struct err e;
        char text[300];
        script("");
        struct token *t = using(&ec_key, &k);
        snprintf(text, sizeof(text),
                 "C_DeriveKey rv=%lu\nC_OpenSession rv=%lu\nC_Login rv=%lu\n"
                 "C_GetTokenInfo rv=%lu\n",
                 those[i], those[i], those[i], those[i]);
        script_now(text);
        EQ_INT(opened(t, &e), ERR_TOKEN);
        CHECK(e.n_hints > 0);
        EQ_INT(calls("pin_tried"), 1);
        script_now(""); /* plugged in again */
        OK_CALL(opened(t, &e), &e);
        token_close(t);
        CHECK(is_balanced());
    }
}

int main(void)
{
    if (mock_begin()) {
        RUN(prepare);
        RUN(wrong_pin_is_compared_once);
        RUN(change_compares_once);
        RUN(flags_forbid);
        RUN(flags_are_read_again);
        RUN(counter_runs_down);
        RUN(reset_behind_us);
        RUN(lost_once);
        RUN(lost_for_good);
        RUN(threads);
        RUN(reset_with_bad_flags);
        RUN(another_token_in_its_place);
        RUN(kept_pin_is_wrong_now);
        RUN(stuck_operation);
        RUN(one_session);
        RUN(value_that_stays);
        RUN(gone);
        secret_free(&z);
        mock_end();
    }
    return harness_end();
}
