/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/key.c and generate.c on a real SoftHSM: making keys, choosing one, refusing odd
 * ones. */
#include "tests/token_fixture.h"

static void raw_ec_key(struct raw *r, const uint8_t *params, size_t n_params, const char *id,
                       bool is_extractable, bool is_sensitive, bool has_public)
{
    CK_BBOOL yes = CK_TRUE, ext = is_extractable, sens = is_sensitive, keep = has_public;
    char label[] = "raw", idbuf[8];
    uint8_t par[32];
    memcpy(par, params, n_params);
    snprintf(idbuf, sizeof(idbuf), "%s", id);
    CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &keep, 1},
                          {CKA_LABEL, label, 3},
                          {CKA_ID, idbuf, strlen(idbuf)},
                          {CKA_EC_PARAMS, par, n_params}};
    CK_ATTRIBUTE prv[] = {{CKA_TOKEN, &yes, 1},       {CKA_PRIVATE, &yes, 1},
                          {CKA_LABEL, label, 3},      {CKA_ID, idbuf, strlen(idbuf)},
                          {CKA_EXTRACTABLE, &ext, 1}, {CKA_SENSITIVE, &sens, 1},
                          {CKA_DERIVE, &yes, 1}};
    CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE a, b;
    CHECK(r->fn->C_GenerateKeyPair(r->session, &m, pub, 4, prv, 7, &a, &b) == CKR_OK);
}

static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};

static void generates(void)
{
    static const struct {
        enum seal_key_kind kind;
        const char *id, *shows;
    } rows[] = {{SEAL_KEY_P256, "\x01", "EC P-256"}, {SEAL_KEY_RSA2048, "\x02", "RSA 2048"}};
    struct token *t = open_lab();
    struct err e;
    struct token_key k, again;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        OK_CALL(token_generate(t, rows[i].kind, "seal", bytes_str(rows[i].id), &k, &e), &e);
        EQ_INT(k.kind, rows[i].kind);
        EQ_STR(k.label, "seal");
        EQ_MEM(bytes_of(k.id, k.id_len), bytes_str(rows[i].id));
        EQ_STR(spki_kind(&k.spki), rows[i].shows);
        CHECK(!k.is_extractable);
        EQ_INT(token_generate(t, rows[i].kind, "x", bytes_str(rows[i].id), &again, &e), ERR_EXISTS);
    }
    EQ_INT(token_generate(t, SEAL_KEY_OTHER, "x", bytes_str("\x09"), &k, &e), ERR_USAGE);
    EQ_INT(token_generate(t, SEAL_KEY_P256, "x", (struct bytes){0}, &k, &e), ERR_USAGE);
    token_close(t);
    /* The attributes, as raw PKCS#11 reads them. */
    struct raw r = raw_open(&lab);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE match = {CKA_CLASS, &class, sizeof(class)};
    CK_OBJECT_HANDLE h[4];
    CK_ULONG n = 0;
    CHECK(r.fn->C_FindObjectsInit(r.session, &match, 1) == CKR_OK);
    CHECK(r.fn->C_FindObjects(r.session, h, 4, &n) == CKR_OK);
    EQ_INT(n, 2);
    for (CK_ULONG i = 0; i < n; i++) {
        static const struct {
            CK_ATTRIBUTE_TYPE type;
            bool want;
        } flags[] = {{CKA_EXTRACTABLE, false}, {CKA_SENSITIVE, true}, {CKA_PRIVATE, true},
                     {CKA_UNWRAP, false},      {CKA_SIGN, false},     {CKA_TOKEN, true}};
        for (size_t j = 0; j < ARRAY_LEN(flags); j++) {
            CK_BBOOL v = 2;
            CK_ATTRIBUTE a = {flags[j].type, &v, 1};
            CHECK(r.fn->C_GetAttributeValue(r.session, h[i], &a, 1) == CKR_OK);
            harness_ok(v == flags[j].want, __FILE__, __LINE__, "attribute 0x%lx is %d",
                       flags[j].type, v);
        }
    }
    raw_close(&r);
}

static void finds_one_key(void)
{
    struct token *t = open_lab();
    struct err e;
    struct token_key all[4], k;
    size_t n = 0;
    uint8_t rid[RID_LEN];
    OK_CALL(token_keys(t, &any_key, all, 4, &n, &e), &e);
    EQ_INT(n, 2);
    OK_CALL(token_keys(t, &any_key, all, 1, &n, &e), &e);
    EQ_INT(n, 2);
    EQ_INT(token_use_key(t, &any_key, &k, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "2 keys") && strstr(e.msg, "id 01") && strstr(e.msg, "id 02"));
    struct token_key_want w = by_id("\x02");
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EQ_INT(k.kind, SEAL_KEY_RSA2048);
    OK_CALL(spki_rid(&k.spki, rid, &e), &e);
    w = (struct token_key_want){.label = "seal", .rid = rid};
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EQ_MEM(bytes_of(k.id, k.id_len), bytes_str("\x02"));
    w = (struct token_key_want){.id = bytes_str("\x01"), .is_private_only = true};
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EQ_INT(k.kind, SEAL_KEY_P256);
    EQ_INT(k.spki.n, 0);
    w.rid = rid; /* id and rid of different keys */
    EQ_INT(token_use_key(t, &w, &k, &e), ERR_NOT_FOUND);
    w = (struct token_key_want){.label = "nothing"};
    EQ_INT(token_use_key(t, &w, &k, &e), ERR_NOT_FOUND);
    token_close(t);
}

static void needs_a_key_and_a_login(void)
{
    struct token *t = NULL;
    struct err e;
    uint8_t ct[65] = {4};
    struct secret z = {0};
    OK_CALL(token_open(&lab, &t, &e), &e);
    EQ_INT(token_decap(t, SCHEME_ECDH_P256, BYTES_ARR(ct), &z, &e), ERR_USAGE);
    struct token_key k;
    int r = token_generate(t, SEAL_KEY_P256, "x", bytes_str("\x77"), &k, &e);
    EQ_INT(r, ERR_TOKEN);
    CHECK(strstr(e.msg, "not logged in") != NULL);
    token_close(t);
}

static void keys_that_are_refused(void)
{
    struct token_where odd;
    struct err e;
    struct token *t = NULL;
    struct token_key k;
    OK_CALL(softhsm_create(sub_dir("odd"), "odd", &pin, &env_real, &odd, &e), &e);
    struct raw r = raw_open(&odd);
    raw_ec_key(&r, p256, sizeof(p256), "E", true, true, true);
    raw_ec_key(&r, p256, sizeof(p256), "S", false, false, true);
    raw_ec_key(&r, p384, sizeof(p384), "3", false, true, true);
    raw_ec_key(&r, p256, sizeof(p256), "N", false, true, false); /* no public object stays */
    raw_close(&r);
    OK_CALL(token_open(&odd, &t, &e), &e);
    OK_CALL(token_login(t, &pin, false, &e), &e);
    struct token_key_want w = by_id("E");
    EQ_INT(token_use_key(t, &w, &k, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "can be read out") != NULL);
    w = by_id("S");
    EQ_INT(token_use_key(t, &w, &k, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "can be read out") != NULL);
    w = by_id("3");
    EQ_INT(token_use_key(t, &w, &k, &e), ERR_USAGE);
    CHECK(strstr(e.msg, "neither EC P-256") != NULL);
    w = by_id("N");
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EQ_INT(k.kind, SEAL_KEY_P256);
    EQ_INT(k.spki.n, 0);
    enum scheme s;
    EQ_INT(token_probe(t, &k, &s, &e), ERR_TOKEN);
    CHECK(strstr(e.msg, "public key") != NULL);
    /* Only one of the four is fit, so it is the one. */
    OK_CALL(token_use_key(t, &any_key, &k, &e), &e);
    EQ_MEM(bytes_of(k.id, k.id_len), bytes_str("N"));
    struct token_key all[4];
    size_t n = 0, n_ext = 0;
    OK_CALL(token_keys(t, &any_key, all, 4, &n, &e), &e);
    EQ_INT(n, 3);
    for (size_t i = 0; i < n && i < 4; i++)
        n_ext += all[i].is_extractable;
    EQ_INT(n_ext, 2);
    token_close(t);
}

int main(void)
{
    if (!lab_make())
        return harness_end();
    RUN(generates);
    RUN(finds_one_key);
    RUN(needs_a_key_and_a_login);
    RUN(keys_that_are_refused);
    secret_free(&pin);
    return harness_end();
}
