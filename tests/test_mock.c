/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/ on a driver whose calls fail: each call, with each code of the standard, once and
 * always. Other oddities of drivers are in test_mock_shapes.c, PINs in test_mock_pin.c. */
#include "tests/mock_fixture.h"
#include "tests/mock_codes.h"

#include <time.h>

/* A driver that shows no token is asked again after a pause, here some hundred times. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
    (void)pause, (void)left;
    return 0;
}

static const char *const bent_calls[] = {
    "C_Initialize",     "C_Finalize",          "C_GetInfo",         "C_GetSlotList",
    "C_GetTokenInfo",   "C_OpenSession",       "C_CloseSession",    "C_Login",
    "C_Logout",         "C_FindObjectsInit",   "C_FindObjects",     "C_FindObjectsFinal",
    "C_DeriveKey",      "C_GetAttributeValue", "C_DestroyObject",   "C_DecryptInit",
    "C_Decrypt",        "C_GenerateRandom",    "C_GenerateKeyPair", "C_SetPIN",
    "C_GetSessionInfo",
};

/* One run: what is bent, and what was seen. */
static struct run {
    const char *call;
    CK_RV rv;
    bool is_once;
    unsigned n_failed;
} run;
static struct token_key ec, rsa;
static uint8_t ec_ct[KEM_CT_MAX], rsa_ct[KEM_CT_MAX];
static size_t n_ec_ct, n_rsa_ct;
static struct secret ec_z, rsa_z;

static bool is_bent(const char *call)
{
    return strcmp(run.call, call) == 0;
}

static void must(bool ok, const char *what, const struct err *e)
{
    if (!ok)
        harness_ok(false, __FILE__, __LINE__, "%s rv=0x%lx %s: %s: (%d) %s", run.call, run.rv,
                   run.is_once ? "once" : "always", what, (int)e->code, e->msg);
}

static bool is_pin_code(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE;
}

/* Never about the ciphertext, whichever call says it. */
static bool is_surely_token(CK_RV rv)
{
    static const CK_RV those[] = {
        CKR_HOST_MEMORY,
        CKR_DEVICE_ERROR,
        CKR_DEVICE_MEMORY,
        CKR_DEVICE_REMOVED,
        CKR_TOKEN_NOT_PRESENT,
        CKR_SESSION_CLOSED,
        CKR_SESSION_COUNT,
        CKR_SESSION_HANDLE_INVALID,
        CKR_USER_NOT_LOGGED_IN,
        CKR_OPERATION_ACTIVE,
        CKR_KEY_HANDLE_INVALID,
        CKR_OBJECT_HANDLE_INVALID,
        CKR_SLOT_ID_INVALID,
        CKR_CRYPTOKI_NOT_INITIALIZED,
        CKR_FUNCTION_NOT_SUPPORTED,
        CKR_MECHANISM_INVALID,
        CKR_PIN_EXPIRED,
        CKR_FUNCTION_CANCELED,
    };
    for (size_t i = 0; i < ARRAY_LEN(those); i++)
        if (rv == those[i])
            return true;
    return false;
}

static bool is_about_ciphertext(CK_RV rv)
{
    return rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE;
}

/* Whether a step may end with this error. */
static void judge(int r, const char *step, const struct err *e)
{
    if (r == OK)
        return;
    run.n_failed++;
    must(r == (int)e->code && is_good_line(e), step, e);
    must(r != ERR_PIN || is_pin_code(run.rv), "ERR_PIN without cause", e);
    must(r != ERR_PIN_LOCKED || run.rv == CKR_PIN_LOCKED, "ERR_PIN_LOCKED without cause", e);
    must(r != ERR_IO && r != ERR_FORMAT && r != ERR_TRUST && r != ERR_EXISTS, "another class", e);
    bool is_opening = strcmp(step, "decap") == 0 || strcmp(step, "probe") == 0;
    must(r != ERR_TAMPERED || (is_opening && !is_surely_token(run.rv)), "ERR_TAMPERED", e);
    bool is_reading = is_bent("C_GetAttributeValue") || is_bent("C_SetPIN");
    must(r != ERR_USAGE || is_reading || run.rv == CKR_PIN_TOO_WEAK, "ERR_USAGE", e);
}

static void step_login(struct token *t)
{
    struct err e = {.code = OK};
    int r = token_login(t, &pin, false, &e);
    judge(r, "login", &e);
    if (r && run.is_once)
        must(token_login(t, &pin, false, &e) == OK, "the login after it", &e);
}

static bool step_use(struct token *t, const struct token_key_want *want, const struct token_key *as)
{
    struct err e = {.code = OK};
    struct token_key k, before;
    memset(&k, 0x5c, sizeof(k));
    before = k;
    int r = token_use_key(t, want, &k, &e);
    judge(r, "use key", &e);
    if (r)
        must(memcmp(&k, &before, sizeof(k)) == 0, "key was touched", &e);
    if (r && run.is_once)
        r = token_use_key(t, want, &k, &e);
    /* A driver that calls somebody logged in who is not shows no private key. */
    bool is_hidden = is_bent("C_Login") && run.rv == CKR_USER_ALREADY_LOGGED_IN;
    must(r == OK || !run.is_once || is_hidden, "the key after it", &e);
    if (r == OK)
        must(k.kind == as->kind && !k.is_extractable, "another key", &e);
    if (r == OK && k.spki.n)
        must(k.spki.n == as->spki.n && memcmp(k.spki.der, as->spki.der, k.spki.n) == 0,
             "another public key", &e);
    return r == OK;
}

static void step_keys(struct token *t)
{
    struct err e = {.code = OK};
    struct token_key found[4];
    static const struct token_key_want any = {0};
    size_t n = 77;
    int r = token_keys(t, &any, found, ARRAY_LEN(found), &n, &e);
    judge(r, "keys", &e);
    if (r)
        must(n == 77, "the number was touched", &e);
}

static void step_probe(struct token *t)
{
    struct err e = {.code = OK};
    enum scheme s = SCHEME_NONE;
    int r = token_probe(t, &ec, &s, &e);
    judge(r, "probe", &e);
    must(s == (r ? SCHEME_NONE : SCHEME_ECDH_P256), "scheme", &e);
}

static int open_once(struct token *t, bool is_ec, struct err *e)
{
    AUTO_SECRET z = {0};
    struct bytes ct = is_ec ? bytes_of(ec_ct, n_ec_ct) : bytes_of(rsa_ct, n_rsa_ct);
    int r = token_decap(t, is_ec ? SCHEME_ECDH_P256 : SCHEME_RSA_OAEP_256, ct, &z, e);
    if (r)
        must(z.p == NULL && z.n == 0, "z was touched", e);
    else
        must(secret_eq(&z, is_ec ? &ec_z : &rsa_z), "ANOTHER Z", e);
    must(calls("secrets") == 0 || is_bent("C_DestroyObject"), "a shared value stayed", e);
    return r;
}

static void step_open(struct token *t, bool is_ec)
{
    struct err e = {.code = OK};
    int r = open_once(t, is_ec, &e);
    judge(r, "decap", &e);
    bool is_deciding = is_bent("C_DeriveKey") || is_bent("C_Decrypt");
    if (r && is_deciding && is_about_ciphertext(run.rv))
        must(r == ERR_TAMPERED, "not ERR_TAMPERED", &e);
    if (r && run.is_once)
        must(open_once(t, is_ec, &e) == OK, "the opening after it", &e);
}

static void step_generate(struct token *t)
{
    struct err e = {.code = OK};
    struct token_key k, before;
    memset(&k, 0x5c, sizeof(k));
    before = k;
    int r = token_generate(t, SEAL_KEY_P256, "made", bytes_str("new"), &k, &e);
    judge(r, "generate", &e);
    must(r == OK || memcmp(&k, &before, sizeof(k)) == 0, "the new key was touched", &e);
}

static void step_pin(struct token *t)
{
    struct err e = {.code = OK};
    judge(token_set_pin(t, &pin, &new_pin, &e), "set pin", &e);
}

/* From the module's start to its end. */
static void whole(void)
{
    struct token *t = NULL;
    struct err e = {.code = OK};
    int r = token_open(&mock, &t, &e);
    judge(r, "open", &e);
    must((r == OK) == (t != NULL), "the token was touched", &e);
    if (t) {
        step_login(t);
        step_keys(t);
        if (step_use(t, &ec_key, &ec)) {
            step_probe(t);
            step_open(t, true);
        }
        if (step_use(t, &rsa_key, &rsa))
            step_open(t, false);
        step_generate(t);
        step_pin(t);
        token_close(t);
    }
    bool is_their_fault = is_bent("C_CloseSession") || is_bent("C_Finalize");
    must(is_balanced() || is_their_fault, "not balanced", &e);
    must(calls("pin_wrong") == 0, "a wrong PIN", &e);
    if (is_their_fault) /* the next start finds a driver as new */
        module.fn->C_Finalize(NULL);
}

static void bend(const char *call, CK_RV rv, unsigned after, bool is_once)
{
    char line[100];
    run = (struct run){.call = call, .rv = rv, .is_once = is_once};
    snprintf(line, sizeof(line), "%s rv=0x%lx after=%u%s", call, rv, after,
             is_once ? " times=1" : "");
    script(line);
    whole();
}

static void prepare(void)
{
    struct err e;
    script("");
    struct token *t = mock_in();
    OK_CALL(token_use_key(t, &ec_key, &ec, &e), &e);
    OK_CALL(token_use_key(t, &rsa_key, &rsa, &e), &e);
    EQ_INT(ec.kind, SEAL_KEY_P256);
    EQ_INT(rsa.kind, SEAL_KEY_RSA2048);
    OK_CALL(kem_encap(SCHEME_ECDH_P256, &ec.spki, ec_ct, &n_ec_ct, &ec_z, &e), &e);
    OK_CALL(kem_encap(SCHEME_RSA_OAEP_256, &rsa.spki, rsa_ct, &n_rsa_ct, &rsa_z, &e), &e);
    token_close(t);
    CHECK(is_balanced());
}

static void nothing_fails(void)
{
    run = (struct run){.call = "none"};
    script("");
    whole();
    EQ_INT(run.n_failed, 0);
    EQ_INT(calls("pin_tried"), 2); /* one login, one change */
}

static void each_call_fails_always(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bent_calls); i++)
        for (size_t k = 0; k < ARRAY_LEN(codes); k++)
            bend(bent_calls[i], codes[k], 0, false);
}

static void each_call_fails_once(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bent_calls); i++)
        for (size_t k = 0; k < ARRAY_LEN(codes); k++)
            bend(bent_calls[i], codes[k], 0, true);
}

/* The third time, the seventh ...: until a run has fewer calls of that kind. */
static void each_later_call_fails_once(void)
{
    static const CK_RV some[] = {CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED,
                                 CKR_OBJECT_HANDLE_INVALID,  CKR_GENERAL_ERROR,
                                 CKR_USER_NOT_LOGGED_IN,     CKR_OPERATION_ACTIVE};
    for (size_t i = 0; i < ARRAY_LEN(bent_calls); i++) {
        for (unsigned after = 1; after < 40; after++) {
            for (size_t k = 0; k < ARRAY_LEN(some); k++)
                bend(bent_calls[i], some[k], after, true);
            if (calls(bent_calls[i]) <= after)
                break;
        }
    }
}

int main(void)
{
    if (mock_begin()) {
        RUN(prepare);
        RUN(nothing_fails);
        RUN(each_call_fails_always);
        RUN(each_call_fails_once);
        RUN(each_later_call_fails_once);
        secret_free(&ec_z);
        secret_free(&rsa_z);
        mock_end();
    }
    return harness_end();
}
