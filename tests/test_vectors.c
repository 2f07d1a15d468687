/* SPDX-License-Identifier: Apache-2.0 */
/* Signs what real clients signed and compares, case by case: credential_normalise, target_parse, a
 * signer in memory and the connector. Usage: test_vectors [DIR]; the form is in DIR/README.md. */
#include "tests/harness.h"
#include "tests/vector_case.h"

#include "base/codec.h"
#include "base/text.h"
#include "connectors/jsonedit.h"

#include <openssl/evp.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <stdio.h>

static unsigned n_by_kind[4];
static const char *const kind_names[] = {"exact", "verified", "divergences not reproduced",
                                         "refused as expected"};

static struct bytes out_header(struct bytes name)
{
    for (size_t i = 0; i < now.out.n_headers; i++)
        if (text_eq_nocase(buf_bytes(&now.out.names[i]), name))
            return buf_bytes(&now.out.values[i]);
    return bytes_of(NULL, 0);
}

/* Value of the header in the vector, whatever the case of its name. */
static struct bytes signed_header(const char *name)
{
    struct json h = member(member(now.c, "signed"), "headers"), key, value;
    struct json_iter it;
    json_iter(&it, h);
    while (json_next(&it, &key, &value)) {
        char text[128];
        if (json_cstr(key, text, sizeof(text)) && text_eq_nocase(bytes_str(text), bytes_str(name)))
            return vector_text(h, text);
    }
    return bytes_of(NULL, 0);
}

static bool is_jwt_case(void)
{
    return member(now.c, "jwt").p != NULL;
}

static bool same_request(bool is_loud)
{
    struct json s = member(now.c, "signed");
    bool same = bytes_eq(buf_bytes(&now.out.url), vector_text(s, "url")) &&
                bytes_eq(buf_bytes(&now.out.body), vector_text(s, "body"));
    bool only_headers = text_is(now.c, "signature_rule", "form_decoded");
    if (is_loud && !only_headers) {
        EQ_MEM(buf_bytes(&now.out.method), vector_text(s, "method"));
        EQ_MEM(buf_bytes(&now.out.url), vector_text(s, "url"));
        EQ_MEM(buf_bytes(&now.out.body), vector_text(s, "body"));
    }
    for (const char *const *h = now.file->conn->auth_headers; *h && !is_jwt_case(); h++) {
        same &= bytes_eq(out_header(bytes_str(*h)), signed_header(*h));
        if (is_loud)
            EQ_MEM(out_header(bytes_str(*h)), signed_header(*h));
    }
    return same;
}

static bool verify_pkey(EVP_PKEY *pkey, bool is_ec, struct bytes msg, struct bytes raw)
{
    unsigned char *der = NULL;
    int n = (int)raw.n;
    ECDSA_SIG *sig = is_ec ? ECDSA_SIG_new() : NULL;
    if (sig) {
        ECDSA_SIG_set0(sig, BN_bin2bn(raw.p, 32, NULL), BN_bin2bn(raw.p + 32, 32, NULL));
        n = i2d_ECDSA_SIG(sig, &der);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = raw.n == 64 &&
              EVP_DigestVerifyInit(ctx, NULL, is_ec ? EVP_sha256() : NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, is_ec ? der : raw.p, (size_t)n, msg.p, msg.n) == 1;
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    OPENSSL_free(der);
    return ok;
}

static struct json jwt_part(struct bytes text)
{
    struct json root = {0};
    struct err e;
    size_t n = 0;
    uint8_t *p = vector_room(text.n);
    if (!CHECK(b64url_decode(p, text.n, &n, text)))
        return root;
    OK_CALL(json_check(bytes_of(p, n), &message_limits, &root, &e), &e);
    return root;
}

static void same_member(struct json got, struct json want, const char *name)
{
    struct json g = member(got, name), w = member(want, name);
    EQ_MEM(bytes_of(g.p, g.n), bytes_of(w.p, w.n));
}

/* The uri claim, or the one member of uris. */
static struct bytes uri_of(struct json claims)
{
    struct json v = member(claims, "uri"), list = member(claims, "uris"), key;
    struct json_iter it;
    if (!v.p && list.p && CHECK(json_count(list) == 1)) {
        json_iter(&it, list);
        (void)!json_next(&it, &key, &v);
    }
    return v.p ? json_raw(v) : bytes_of(NULL, 0);
}

static void check_jwt(struct bytes token)
{
    struct bytes head, rest, claims, sig;
    struct json want = member(now.c, "jwt");
    struct bytes pem = vector_text(member(now.c, "verify_with"), "public_key_pem");
    if (!CHECK(text_cut(token, '.', &head, &rest)) || !CHECK(text_cut(rest, '.', &claims, &sig)))
        return;
    struct json h = jwt_part(head), c = jwt_part(claims);
    struct json wc = member(want, "claims");
    same_member(h, member(want, "header"), "alg");
    same_member(h, member(want, "header"), "kid");
    same_member(c, wc, "sub");
    same_member(c, wc, "nbf");
    same_member(c, wc, "exp");
    EQ_MEM(uri_of(c), uri_of(wc));
    uint8_t raw[64];
    size_t n = 0;
    CHECK(b64url_decode(raw, sizeof(raw), &n, sig));
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    bool is_ec = now.key == KEY_EC_P256;
    struct bytes msg = bytes_of(token.p, (size_t)(sig.p - 1 - token.p));
    CHECK(pkey && verify_pkey(pkey, is_ec, msg, bytes_of(raw, n)));
    raw[9] ^= 1;
    CHECK(pkey && !verify_pkey(pkey, is_ec, msg, bytes_of(raw, n)));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static void check_ws(void)
{
    struct json root;
    struct err e;
    EQ_MEM(buf_bytes(&now.out.url), vector_text(now.c, "url"));
    CHECK(now.file->conn->classify_ws(&now.call) != CLASS_UNKNOWN);
    if (!is_jwt_case()) {
        EQ_MEM(buf_bytes(&now.out.body), case_message());
        return;
    }
    if (!OK_CALL(message_parse(buf_bytes(&now.out.body), &root, &e), &e))
        return;
    struct json got = member(root, "jwt"), want = member(now.c, "message");
    EQ_INT(json_count(root), json_count(want));
    same_member(root, want, "type");
    same_member(root, want, "product_ids");
    same_member(root, want, "channel");
    check_jwt(json_raw(got));
}

static void check_rest(void)
{
    struct bytes auth = out_header(BYTES_LIT("Authorization"));
    CHECK(connector_classify(&now.call.base) != CLASS_UNKNOWN);
    same_request(true);
    if (is_jwt_case() && CHECK(text_starts(auth, "Bearer ")))
        check_jwt(bytes_of(auth.p + 7, auth.n - 7));
}

static void expect_refusal(int rc, const struct err *e, struct bytes why)
{
    if (!CHECK(rc != OK))
        return;
    bool says_so = memmem(e->msg, strlen(e->msg), why.p, why.n) != NULL;
    harness_ok(says_so, __FILE__, __LINE__, "got '%s', want '%.*s' in it", e->msg, (int)why.n,
               (const char *)why.p);
    n_by_kind[3] += says_so;
}

static void run_case(void)
{
    struct err e;
    bool is_ws = text_is(now.c, "kind", "ws_login");
    struct bytes why = vector_text(now.c, "expect_error");
    int rc = case_credentials(&e);
    if (text_is(now.c, "feature", "legacy_hmac"))
        why = BYTES_LIT("legacy HMAC keys, which coinbase has retired");
    if (!rc)
        rc = is_ws ? case_sign_ws(&e) : case_rest(&e);
    if (!rc && !is_ws)
        rc = case_sign_rest(&e);
    if (why.n) {
        expect_refusal(rc, &e, why);
        return;
    }
    if (!OK_CALL(rc, &e))
        return;
    if (text_is(now.c, "use_for", "divergence")) {
        n_by_kind[2] += CHECK(!same_request(false));
        return;
    }
    if (is_ws)
        check_ws();
    else
        check_rest();
    n_by_kind[is_jwt_case() ? 1 : 0]++;
}

static void run_and_clean(void)
{
    request_init(&now.out);
    run_case();
    request_free(&now.out);
    for (int i = 0; i < FIELD_COUNT; i++)
        secret_free(&now.fields[i]);
    vector_reset();
}

static void run_file(const char *dir, const char *name)
{
    struct vector_file v;
    struct json_iter it;
    struct json key;
    struct err e;
    char path[512], title[256], id[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (!OK_CALL(vector_file_read(path, &v, &e), &e))
        return;
    now.file = &v;
    json_iter(&it, v.cases);
    while (json_next(&it, &key, &now.c)) {
        if (!json_cstr(member(now.c, "id"), id, sizeof(id)))
            id[0] = 0;
        snprintf(title, sizeof(title), "%s %s", name, id);
        harness_run(title, run_and_clean);
    }
    buf_free(&v.text);
}

static const char *dir = "tests/vectors";
static const char *const files[] = {
    "binance.json", "binanceusdm.json", "okx.json",
    "kraken.json",  "coinbase.json",    "binance.own.json",
    "okx.own.json", "kraken.own.json",  "coinbase_advanced_trade.own.json",
};

static void every_file_can_be_read(void)
{
    struct vector_file v;
    struct err e;
    char path[512];
    OK_CALL(vector_dir_check(dir, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        if (OK_CALL(vector_file_read(path, &v, &e), &e))
            buf_free(&v.text);
    }
}

static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
    FILE *f = fopen(path, "wb");
    if (CHECK(f != NULL)) {
        fputs(text, f);
        fclose(f);
    }
}

static void refused(const char *name, const char *text, const char *why)
{
    struct vector_file v;
    struct err e = {0};
    char path[512];
    put(name, text);
    snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
    int rc = vector_file_read(path, &v, &e);
    if (CHECK(rc != OK))
        harness_ok(strstr(e.msg, why) != NULL, __FILE__, __LINE__, "got '%s', want '%s' in it",
                   e.msg, why);
    else
        buf_free(&v.text);
}

#define GOOD(more)                                                                                 \
    "{\"exchange\":\"okx\",\"cases\":[{\"id\":\"a\",\"use_for\":\"exact\",\"credentials\":"        \
    "{\"api_key\":\"k\"},\"clock\":{\"timestamp_ms\":1}" more "}]}"

static void bad_files_fail(void)
{
    struct err e = {0};
    refused("okx.json", GOOD(",\"oracle\":\"x\",\"extra\":1"), "unknown key 'extra'");
    refused("okx.json", GOOD(",\"oracle\":\"x\",\"signed\":{\"uri\":1}"), "unknown key 'uri'");
    refused("okx.json", GOOD(",\"oracle\":\"x\",\"expect_error\":\"x\""), "unknown key 'expect_");
    refused("okx.json", GOOD(""), "has no oracle");
    refused("okx.json", GOOD(",\"oracle\":\"\""), "has no oracle");
    refused("kraken.json", GOOD(",\"oracle\":\"x\""), "exchange is not 'kraken'");
    refused("okx.own.json", GOOD(",\"oracle\":\"x\""), "fewer than two");
    refused("okx.json", "{\"exchange\":\"okx\",\"cases\":[],\"more\":1}", "unknown key 'more'");
    refused("okx.json", "{\"exchange\":\"okx\",\"cases\":[]}", "no cases");
    CHECK(vector_dir_check(harness_dir(), &e) != OK);
    CHECK(strstr(e.msg, "vector file for the connector") != NULL);
    put("nobody.json", "{}");
    CHECK(vector_dir_check(harness_dir(), &e) != OK);
    CHECK(strstr(e.msg, "no connector for the file 'nobody.json'") != NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        dir = argv[1];
    RUN(every_file_can_be_read);
    RUN(bad_files_fail);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        run_file(dir, files[i]);
    for (size_t i = 0; i < ARRAY_LEN(n_by_kind); i++)
        printf("# %u %s\n", n_by_kind[i], kind_names[i]);
    return harness_end();
}
