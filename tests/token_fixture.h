/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests on a real SoftHSM: the token 'lab' of this run, and raw PKCS#11 for what the
 * code under test refuses to make. Each test program includes it once. */
#ifndef TESTS_TOKEN_FIXTURE_H
#define TESTS_TOKEN_FIXTURE_H

#include "pkcs11/softhsm.h"
#include "pkcs11/token.h"
#include "tests/harness.h"

#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <stdlib.h>

static struct token_where lab; /* one token: 'lab' */
static struct secret pin;
static const struct token_key_want any_key = {0};

static inline struct secret secret_str(const char *s)
{
    struct secret v = {0};
    struct err e;
    OK_CALL(secret_copy(&v, bytes_str(s), &e), &e);
    return v;
}

static inline const char *sub_dir(const char *name)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
    return path;
}

static inline struct token *open_lab(void)
{
    struct token *t = NULL;
    struct err e;
    OK_CALL(token_open(&lab, &t, &e), &e);
    OK_CALL(token_login(t, &pin, false, &e), &e);
    return t;
}

static inline struct token_key_want by_id(const char *id)
{
    return (struct token_key_want){.id = bytes_str(id)};
}

/* Raw PKCS#11, for what the code under test refuses to make. Opens R/W and logs in. */
struct raw {
    CK_FUNCTION_LIST *fn;
    CK_SESSION_HANDLE session;
};

static inline struct raw raw_open(const struct token_where *w)
{
    struct raw r = {0};
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    setenv("SOFTHSM2_CONF", w->softhsm_conf, 1);
    r.fn = p11_kit_module_load(w->module, 0);
    CHECK(r.fn && p11_kit_module_initialize(r.fn) == CKR_OK);
    CHECK(r.fn->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK);
    CHECK(r.fn->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                              &r.session) == CKR_OK);
    CHECK(r.fn->C_Login(r.session, CKU_USER, pin.p, pin.n) == CKR_OK);
    return r;
}

static inline void raw_close(struct raw *r)
{
    p11_kit_module_finalize(r->fn);
    p11_kit_module_release(r->fn);
    unsetenv("SOFTHSM2_CONF");
}

static inline void no_softhsm(void)
{
    harness_skip("SoftHSM is not installed: no test on a real token was run");
}

/* Makes 'lab'; false, and a skip that says so, where there is no SoftHSM. */
static inline bool lab_make(void)
{
    struct err e;
    char module[TOKEN_PATH_MAX];
    unsetenv("SOFTHSM2_CONF");
    if (softhsm_module(module, &e) != OK) {
        RUN(no_softhsm);
        return false;
    }
    pin = secret_str("123456");
    OK_CALL(softhsm_create(sub_dir("lab"), "lab", &pin, &env_real, &lab, &e), &e);
    return true;
}

/* A key pair on 'lab', made by the code under test. */
static inline void lab_key(enum seal_key_kind kind, const char *id)
{
    struct token *t = open_lab();
    struct token_key k;
    struct err e;
    OK_CALL(token_generate(t, kind, "seal", bytes_str(id), &k, &e), &e);
    token_close(t);
}

#endif
