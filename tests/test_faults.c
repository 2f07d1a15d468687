/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/decap.c, key.c and module.c against a made-up driver: lost sessions, odd parameters,
 * odd attributes. */
#include "tests/fake_driver.h"

#include <stdio.h>

static void derives_in_the_form_that_works(void)
{
    static const struct {
        bool no_len, der, cofactor;
        unsigned n_first;
    } rows[] = {{false, false, false, 1}, {true, false, false, 2}, {false, true, false, 3},
                {true, true, false, 4},   {false, false, true, 5}, {true, false, true, 6}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        drv.wants_no_len = rows[i].no_len;
        drv.wants_der = rows[i].der;
        drv.wants_cofactor = rows[i].cofactor;
        for (unsigned round = 0; round < 3; round++) { /* the later ones know the form */
            AUTO_SECRET z = {0};
            struct err e;
            OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
            EQ_INT(z.n, 32);
            EQ_INT(drv.n_derive, rows[i].n_first + round);
            EQ_INT(drv.n_destroy, round + 1);
        }
    }
}

static void short_z_is_padded(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    AUTO_SECRET z = {0};
    struct secret none = {0};
    uint8_t want[32];
    memset(want, 0x77, sizeof(want));
    want[0] = want[1] = 0;
    drv.z_len = 30;
    OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
    EQ_MEM(secret_bytes(&z), BYTES_ARR(want));
    static const CK_ULONG bad[] = {0, 33, 600};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        drv.z_len = bad[i];
        unsigned n_before = drv.n_destroy;
        CHECK(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &none, &e) != OK);
        CHECK(none.p == NULL);
        EQ_INT(drv.n_destroy, n_before + 1);
    }
}

static void rejection_is_one_error_and_one_try(void)
{
    static const CK_RV rvs[] = {CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
                                CKR_FUNCTION_FAILED,        CKR_GENERAL_ERROR,
                                CKR_DATA_INVALID,           CKR_ARGUMENTS_BAD,
                                CKR_BUFFER_TOO_SMALL,       CKR_VENDOR_DEFINED + 1};
    uint8_t ct[256] = {1};
    char first[ERR_MSG_MAX] = "";
    for (size_t i = 0; i <= ARRAY_LEN(rvs); i++) {
        struct token *t = fresh(SEAL_KEY_RSA2048);
        struct secret z = {0};
        struct err e;
        if (i < ARRAY_LEN(rvs))
            drv.decrypt_rv = rvs[i];
        else
            drv.plain_len = 31;
        EQ_INT(token_decap(t, SCHEME_RSA_OAEP_256, BYTES_ARR(ct), &z, &e), ERR_TAMPERED);
        EQ_INT(drv.n_decrypt, 1);
        CHECK(z.p == NULL);
        if (i == 0)
            snprintf(first, sizeof(first), "%s", e.msg);
        EQ_STR(e.msg, first);
        /* The session is a fresh one, opened before the old one was closed. */
        EQ_INT(drv.n_open, 2);
        EQ_INT(drv.n_close, 1);
        EQ_INT(drv.n_alive_min, 1);
    }
}

static void faults_of_the_token_are_told(void)
{
    static const CK_RV rvs[] = {CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT,
                                CKR_USER_NOT_LOGGED_IN};
    uint8_t ct[256] = {1};
    for (size_t i = 0; i < ARRAY_LEN(rvs); i++) {
        struct token *t = fresh(SEAL_KEY_RSA2048);
        struct secret z = {0};
        struct err e;
        drv.decrypt_rv = rvs[i];
        EQ_INT(token_decap(t, SCHEME_RSA_OAEP_1, BYTES_ARR(ct), &z, &e), ERR_TOKEN);
        CHECK(e.n_hints > 0);
        t = fresh(SEAL_KEY_P256);
        drv.derive_rv = rvs[i];
        drv.derive_fails = 9;
        EQ_INT(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), ERR_TOKEN);
        EQ_INT(drv.n_derive, 2);
    }
    struct token *t = fresh(SEAL_KEY_RSA2048);
    struct secret z = {0};
    struct err e;
    drv.init_rv = CKR_ARGUMENTS_BAD; /* SoftHSM's answer to SHA-256 */
    EQ_INT(token_decap(t, SCHEME_RSA_OAEP_256, BYTES_ARR(ct), &z, &e), ERR_TOKEN);
    EQ_INT(drv.n_decrypt, 0);
    /* A rejection by a token that cannot even open a session is about the token. */
    t = fresh(SEAL_KEY_P256);
    OK_CALL(session_need(t, &e), &e);
    drv.derive_rv = CKR_FUNCTION_FAILED;
    drv.derive_fails = 1;
    drv.open_fails = 9;
    drv.open_rv = CKR_TOKEN_NOT_PRESENT;
    EQ_INT(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), ERR_TOKEN);
    CHECK(strstr(e.msg, "not there") != NULL);
}

static void lost_session_is_renewed_once(void)
{
    static const CK_RV rvs[] = {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,
                                CKR_OPERATION_ACTIVE, CKR_KEY_HANDLE_INVALID};
    for (size_t i = 0; i < ARRAY_LEN(rvs); i++) {
        struct token *t = fresh(SEAL_KEY_P256);
        struct secret none = {0};
        AUTO_SECRET z = {0};
        struct err e;
        drv.derive_rv = rvs[i];
        drv.derive_fails = 1;
        OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
        EQ_INT(drv.n_derive, 2);
        drv.derive_fails = 9;
        EQ_INT(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &none, &e), ERR_TOKEN);
        EQ_INT(drv.n_derive, 4);
        drv.derive_fails = 0;
        secret_free(&z);
        OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
    }
}

/* A token with room for one session: the next opens when the old one has gone. */
static void one_session_tokens(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    OK_CALL(session_need(t, &e), &e);
    drv.open_fails = 1;
    drv.open_rv = CKR_SESSION_COUNT;
    OK_CALL(session_renew(t, &e), &e);
    EQ_INT(drv.n_alive, 1);
    EQ_INT(drv.n_close, 1);
    /* And none at all: the next operation opens one again. */
    drv.open_fails = 2;
    drv.open_rv = CKR_TOKEN_NOT_PRESENT;
    EQ_INT(session_renew(t, &e), ERR_TOKEN);
    CHECK(t->session == CK_INVALID_HANDLE);
    EQ_INT(session_need(t, &e), ERR_TOKEN);
    AUTO_SECRET z = {0};
    OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
    EQ_INT(drv.n_alive, 1);
}

static void shared_value_that_stays_ends_with_its_session(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    struct err e;
    AUTO_SECRET z = {0};
    drv.destroy_rv = CKR_DEVICE_ERROR;
    unsigned n_close = drv.n_close;
    OK_CALL(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(g), &z, &e), &e);
    EQ_INT(drv.n_close, n_close + 1);
    EQ_INT(drv.n_alive, 1);
}

static void slot_list_that_grows(void)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    size_t n = 0;
    struct err e;
    struct token *t = fresh(SEAL_KEY_P256);
    drv.n_slots_grow = 2;
    OK_CALL(module_slots(t->mod, slots, &n, &e), &e);
    EQ_INT(n, 3);
    drv.n_slots_grow = 100;
    EQ_INT(module_slots(t->mod, slots, &n, &e), ERR_TOKEN);
    drv.n_slots_grow = 0;
    drv.n_slots = SLOTS_MAX + 1;
    EQ_INT(module_slots(t->mod, slots, &n, &e), ERR_LIMIT);
    drv.n_slots = 0;
    OK_CALL(module_slots(t->mod, slots, &n, &e), &e);
    EQ_INT(n, 0);
}

static CK_KEY_TYPE ec_type = CKK_EC;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static uint8_t point_raw[65], point_der[67] = {0x04, 65}, oid[10],
                              oid384[] = {6, 5, 0x2b, 0x81, 4, 0, 0x22};

static int read_fake(const CK_ATTRIBUTE *object, size_t n, struct token_key *k)
{
    struct err e;
    for (int stops = 0; stops < 2; stops++) {
        struct token *t = fresh(SEAL_KEY_P256);
        drv.object = object;
        drv.n_object = n;
        drv.stops_at_missing = stops;
        int r = session_need(t, &e);
        if (r == OK)
            r = key_read(t, 7, true, k, &e);
        if (r)
            return r;
    }
    return OK;
}

static void points_in_both_forms(void)
{
    struct token_key k;
    memcpy(point_raw, g, 65);
    memcpy(point_der + 2, g, 65);
    memcpy(oid, p256_oid, sizeof(oid));
    for (int is_der = 0; is_der < 2; is_der++) {
        CK_ATTRIBUTE object[] = {{CKA_KEY_TYPE, &ec_type, sizeof(ec_type)},
                                 {CKA_EXTRACTABLE, &no, 1},
                                 {CKA_SENSITIVE, &yes, 1},
                                 {CKA_EC_PARAMS, oid, sizeof(oid)},
                                 {CKA_EC_POINT, is_der ? point_der : point_raw, is_der ? 67 : 65}};
        EQ_INT(read_fake(object, ARRAY_LEN(object), &k), OK);
        EQ_INT(k.kind, SEAL_KEY_P256);
        EQ_INT(k.id_len, 0);
        EQ_STR(k.label, "");
        CHECK(!k.is_extractable);
        EQ_MEM(bytes_of(k.spki.der + 26, k.spki.n - 26), BYTES_ARR(g));
    }
    CK_ATTRIBUTE other[] = {{CKA_KEY_TYPE, &ec_type, sizeof(ec_type)},
                            {CKA_EC_PARAMS, oid384, sizeof(oid384)},
                            {CKA_EC_POINT, point_raw, 65}};
    EQ_INT(read_fake(other, ARRAY_LEN(other), &k), OK);
    EQ_INT(k.kind, SEAL_KEY_OTHER);
    EQ_INT(k.spki.n, 0);
}

static void silence_counts_as_extractable(void)
{
    struct token_key k;
    static const struct {
        CK_BBOOL *extractable, *sensitive;
        bool want;
    } rows[] = {{NULL, NULL, true}, {&no, NULL, false}, {NULL, &yes, false}, {&yes, NULL, true},
                {NULL, &no, true},  {&no, &no, true},   {&yes, &yes, true},  {&no, &yes, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CK_ATTRIBUTE object[3] = {{CKA_KEY_TYPE, &ec_type, sizeof(ec_type)}};
        size_t n = 1;
        if (rows[i].extractable)
            object[n++] = (CK_ATTRIBUTE){CKA_EXTRACTABLE, rows[i].extractable, 1};
        if (rows[i].sensitive)
            object[n++] = (CK_ATTRIBUTE){CKA_SENSITIVE, rows[i].sensitive, 1};
        EQ_INT(read_fake(object, n, &k), OK);
        EQ_INT(k.is_extractable, rows[i].want);
    }
}

static void lengths_that_do_not_fit(void)
{
    struct token_key k;
    struct err e;
    static uint8_t big[600];
    CK_ATTRIBUTE object[] = {{CKA_KEY_TYPE, &ec_type, sizeof(ec_type)},
                             {CKA_LABEL, big, sizeof(big)},
                             {CKA_ID, big, sizeof(big)},
                             {CKA_EXTRACTABLE, &no, 1},
                             {CKA_SENSITIVE, &yes, 1}};
    struct token *t = fresh(SEAL_KEY_P256);
    drv.object = object;
    drv.n_object = ARRAY_LEN(object);
    drv.lies_about_length = true;
    OK_CALL(session_need(t, &e), &e);
    if (OK_CALL(key_read(t, 7, false, &k, &e), &e)) {
        EQ_INT(k.id_len, 0);
        EQ_STR(k.label, "");
    }
}

int main(void)
{
    RUN(derives_in_the_form_that_works);
    RUN(short_z_is_padded);
    RUN(rejection_is_one_error_and_one_try);
    RUN(faults_of_the_token_are_told);
    RUN(lost_session_is_renewed_once);
    RUN(one_session_tokens);
    RUN(shared_value_that_stays_ends_with_its_session);
    RUN(slot_list_that_grows);
    RUN(points_in_both_forms);
    RUN(silence_counts_as_extractable);
    RUN(lengths_that_do_not_fit);
    return harness_end();
}
