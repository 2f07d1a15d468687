/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/token.c, module.c and login.c on a real SoftHSM: drivers, choosing one token, PINs.
 */
#include "tests/token_fixture.h"

static struct secret bad_pin;

static void module_that_is_none(void)
{
    static const char *const paths[] = {"/nonexistent/driver.so", "/etc/passwd", "/tmp"};
    struct err e;
    size_t n = 5;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        EQ_INT(token_list(paths[i], "", NULL, 0, &n, &e), ERR_TOKEN);
        CHECK(strstr(e.msg, paths[i]) != NULL && e.n_hints > 0);
    }
    EQ_INT(token_list("driver.so", "", NULL, 0, &n, &e), ERR_USAGE);
    EQ_INT(token_list("", "", NULL, 0, &n, &e), ERR_USAGE);
    EQ_INT(n, 5);
}

static void lists_and_describes(void)
{
    struct token_info info[4];
    size_t n = 0;
    struct err e;
    OK_CALL(token_list(lab.module, lab.softhsm_conf, info, 4, &n, &e), &e);
    EQ_INT(n, 1);
    EQ_STR(info[0].label, "lab");
    EQ_STR(info[0].serial, lab.serial);
    EQ_INT(strlen(lab.serial), 16);
    CHECK(info[0].is_software && !info[0].is_read_only && !info[0].is_protected_path);
    EQ_INT(info[0].pin, PIN_OK);
    EQ_INT(info[0].pin_min, 4);
    EQ_INT(info[0].pin_max, 255);
    CHECK(strncmp(info[0].manufacturer, "SoftHSM", 7) == 0);
    CHECK(strncmp(info[0].driver, "Implementation of PKCS11 2.", 27) == 0);
    OK_CALL(token_list(lab.module, lab.softhsm_conf, NULL, 0, &n, &e), &e);
    EQ_INT(n, 1);
}

static void no_token_matches(void)
{
    struct token_where w = lab;
    struct token *t = NULL;
    struct err e;
    snprintf(w.label, sizeof(w.label), "other");
    w.serial[0] = 0;
    EQ_INT(token_open(&w, &t, &e), ERR_NOT_FOUND);
    CHECK(strstr(e.msg, "'other'") != NULL && strstr(e.msg, "'lab'") != NULL &&
          strstr(e.msg, lab.serial) != NULL);
    CHECK(strstr(e.hints[0], "may not read") != NULL);
    snprintf(w.label, sizeof(w.label), "lab");
    snprintf(w.serial, sizeof(w.serial), "0000");
    EQ_INT(token_open(&w, &t, &e), ERR_NOT_FOUND);
    /* A configuration that points nowhere: one empty slot, no error of the driver. */
    w = lab;
    snprintf(w.softhsm_conf, sizeof(w.softhsm_conf), "%s", sub_dir("none.conf"));
    FILE *f = fopen(w.softhsm_conf, "w");
    CHECK(f != NULL);
    fprintf(f, "directories.tokendir = %s\n", sub_dir("missing"));
    fclose(f);
    int r = token_open(&w, &t, &e);
    CHECK(r == ERR_NOT_FOUND || r == ERR_TOKEN);
    CHECK(e.n_hints > 0 && t == NULL);
}

static void one_of_several(void)
{
    struct token_where two;
    struct err e;
    struct token *t = NULL;
    struct raw r;
    uint8_t label[32];
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    OK_CALL(softhsm_create(sub_dir("two"), "twin", &pin, &env_real, &two, &e), &e);
    r = raw_open(&two);
    CHECK(r.fn->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK && n == 2);
    memset(label, ' ', sizeof(label));
    memcpy(label, "twin", 4);
    CHECK(r.fn->C_InitToken(slots[1], pin.p, pin.n, label) == CKR_OK);
    raw_close(&r);

    struct token_info info[4];
    size_t n_info = 0;
    OK_CALL(token_list(two.module, two.softhsm_conf, info, 1, &n_info, &e), &e);
    EQ_INT(n_info, 2);
    struct token_where w = two;
    w.serial[0] = 0;
    EQ_INT(token_open(&w, &t, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "2 tokens match") != NULL && strstr(e.msg, two.serial) != NULL &&
          strstr(e.hints[0], "serial=") != NULL);
    w.label[0] = 0;
    EQ_INT(token_open(&w, &t, &e), ERR_USAGE);
    OK_CALL(token_open(&two, &t, &e), &e);
    EQ_STR(token_info(t)->serial, two.serial);
    token_close(t);
}

static void wrong_pin_then_right(void)
{
    struct token *t = NULL;
    struct err e;
    AUTO_SECRET tiny = secret_str("123");
    OK_CALL(token_open(&lab, &t, &e), &e);
    EQ_INT(token_login(t, NULL, false, &e), ERR_PERSON);
    EQ_INT(token_login(t, &bad_pin, false, &e), ERR_PIN);
    CHECK(strstr(e.msg, "'lab'") != NULL && strstr(e.msg, "wrong PIN") != NULL);
    EQ_INT(token_info(t)->pin, PIN_LOW);
    EQ_INT(token_login(t, &tiny, false, &e), ERR_PIN);
    CHECK(strstr(e.hints[0], "not tried") != NULL);
    struct token_key k;
    EQ_INT(token_use_key(t, &any_key, &k, &e), ERR_NOT_FOUND);
    OK_CALL(token_login(t, &pin, false, &e), &e);
    OK_CALL(token_login(t, &pin, false, &e), &e); /* already logged in */
    EQ_INT(token_info(t)->pin, PIN_OK);
    token_close(t);
    token_close(NULL);
}

static void pin_changes(void)
{
    struct token_where w;
    struct err e;
    struct token *t = NULL;
    AUTO_SECRET fresh = secret_str("another-pin");
    AUTO_SECRET tiny = secret_str("abc");
    OK_CALL(softhsm_create(sub_dir("repin"), "repin", &pin, &env_real, &w, &e), &e);
    OK_CALL(token_open(&w, &t, &e), &e);
    EQ_INT(token_set_pin(t, &bad_pin, &fresh, &e), ERR_PIN);
    EQ_INT(token_set_pin(t, &pin, &tiny, &e), ERR_USAGE);
    OK_CALL(token_set_pin(t, &pin, &fresh, &e), &e);
    EQ_INT(token_login(t, &pin, false, &e), ERR_PIN);
    OK_CALL(token_login(t, &fresh, false, &e), &e);
    OK_CALL(token_set_pin(t, &fresh, &pin, &e), &e); /* also while logged in */
    token_close(t);
    OK_CALL(token_open(&w, &t, &e), &e);
    OK_CALL(token_login(t, &pin, false, &e), &e);
    token_close(t);
}

static void two_open_at_once(void)
{
    struct err e;
    struct token *a = open_lab(), *b = NULL;
    OK_CALL(token_open(&lab, &b, &e), &e);
    OK_CALL(token_login(b, &pin, false, &e), &e); /* the login is the process's: it holds */
    token_close(b);
    struct token_key k;
    struct token_key_want w = by_id("\x01");
    OK_CALL(token_use_key(a, &w, &k, &e), &e); /* and closing b did not end it */
    struct token_where other = lab;
    snprintf(other.softhsm_conf, sizeof(other.softhsm_conf), "/another.conf");
    EQ_INT(token_open(&other, &b, &e), ERR_USAGE);
    token_close(a);
}

static void environment_is_put_back(void)
{
    struct token *t = NULL;
    struct err e;
    setenv("SOFTHSM2_CONF", "/mine", 1);
    OK_CALL(token_open(&lab, &t, &e), &e);
    EQ_STR(getenv("SOFTHSM2_CONF"), lab.softhsm_conf);
    token_close(t);
    EQ_STR(getenv("SOFTHSM2_CONF"), "/mine");
    unsetenv("SOFTHSM2_CONF");
    OK_CALL(token_open(&lab, &t, &e), &e);
    token_close(t);
    CHECK(getenv("SOFTHSM2_CONF") == NULL);
}

int main(void)
{
    RUN(module_that_is_none);
    if (!lab_make())
        return harness_end();
    bad_pin = secret_str("654321");
    lab_key(SEAL_KEY_P256, "\x01");
    RUN(lists_and_describes);
    RUN(no_token_matches);
    RUN(one_of_several);
    RUN(wrong_pin_then_right);
    RUN(pin_changes);
    RUN(two_open_at_once);
    RUN(environment_is_put_back);
    secret_free(&pin);
    secret_free(&bad_pin);
    return harness_end();
}
