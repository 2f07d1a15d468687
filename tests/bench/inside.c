/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in process: each connector through a real opened record, against one EVP_MAC (or one
 * EVP_DigestSign) with full key set-up over the same bytes, and against ccxt's figures when given.
 */
#include "tests/bench/bench.h"

#include "base/env.h"
#include "base/text.h"
#include "connectors/credential.h"
#include "connectors/target.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS 60u

static const struct bench_case {
    const char *record, *connector, *pem_kind; /* pem_kind NULL: an HMAC key */
    const char *secret, *passphrase;
    const char *method, *url, *body;
    const char *ccxt; /* the name in ccxt's figures, or NULL */
} cases[] = {
    {"binance-hmac", "binance", NULL,
     "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j", NULL, "GET",
     "/api/v3/account?recvWindow=5000", "", "binance"},
    {"okx", "okx", NULL, "22582BD0CFF14C41EDBF1AB98506286D", "Passphrase-1", "GET",
     "/api/v5/account/balance?ccy=BTC", "", "okx"},
    {"kraken", "kraken", NULL,
     "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
     NULL, "POST", "/0/private/Balance", "nonce=0", "kraken"},
    {"coinbase-es256", "coinbase_advanced_trade", "EC", NULL, NULL, "GET",
     "/api/v3/brokerage/accounts", "", "coinbase"},
    {"coinbase-ed25519", "coinbase_advanced_trade", "ED25519", NULL, NULL, "GET",
     "/api/v3/brokerage/accounts", "", NULL},
    {"binance-ed25519", "binance", "ED25519", NULL, NULL, "GET", "/api/v3/account?recvWindow=5000",
     "", NULL},
    {"binance-rsa2048", "binance", "RSA", NULL, NULL, "GET", "/api/v3/account?recvWindow=5000", "",
     NULL},
};

/* -- the record -- */

static EVP_PKEY *new_key(const char *kind)
{
    if (strcmp(kind, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (strcmp(kind, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void set_pem(struct secret *out, const char *kind)
{
    struct err e;
    char *text = NULL;
    EVP_PKEY *key = new_key(kind);
    BIO *bio = BIO_new(BIO_s_mem());
    if (!key || !bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    long n = BIO_get_mem_data(bio, &text);
    must(secret_copy(out, bytes_of(text, (size_t)n), &e), &e);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void set_text(struct secret *out, const char *text)
{
    struct err e;
    if (text)
        must(secret_copy(out, bytes_str(text), &e), &e);
}

static void add_record(struct world *w, const struct bench_case *c)
{
    const struct connector *conn = connector_find(c->connector);
    struct secret typed[FIELD_COUNT] = {0}, fields[FIELD_COUNT] = {0};
    struct record_info info;
    struct err e;
    set_text(&typed[FIELD_API_KEY],
             strcmp(c->connector, "coinbase_advanced_trade") == 0
                 ? "organizations/1b4d2a00-0000-4000-8000-000000000000/apiKeys/"
                   "2b4d2a00-0000-4000-8000-000000000000"
             : strcmp(c->connector, "okx") == 0
                 ? "37c541a1-0000-4000-8000-10fe7a038418"
                 : "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A");
    set_text(&typed[FIELD_API_SECRET], c->secret);
    set_text(&typed[FIELD_PASSPHRASE], c->passphrase);
    if (c->pem_kind)
        set_pem(&typed[FIELD_PRIVATE_KEY_PEM], c->pem_kind);
    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "%s", c->record);
    snprintf(info.connector, sizeof(info.connector), "%s", conn->name);
    snprintf(info.environment, sizeof(info.environment), "live");
    snprintf(info.region, sizeof(info.region), "%s", conn->regions ? conn->regions[0] : "");
    must(credential_normalise(conn, typed, fields, &info.key, &e), &e);
    must(vault_add(w->vault, &info, fields, &e), &e);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        secret_free(&typed[i]);
        secret_free(&fields[i]);
    }
    record_info_free(&info);
}

/* -- ours -- */

/* Sees the bytes that are signed, for the floor. */
struct spy {
    struct signer base;
    struct signer *real;
    struct buf msg;
    enum sig_alg alg;
};

static int spy_sign(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                    struct sig *out, struct err *e)
{
    struct spy *spy = (struct spy *)(void *)s;
    spy->alg = alg;
    buf_reset(&spy->msg);
    buf_add(&spy->msg, msg);
    return spy->real->sign(spy->real, alg, f, msg, out, e);
}

static int spy_place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    struct spy *spy = (struct spy *)(void *)s;
    return spy->real->place(spy->real, f, out, e);
}

static void sign_once(const struct call *c, struct signer *s)
{
    struct request out;
    struct err e;
    request_init(&out);
    must(c->conn->sign(c, s, &out, &e), &e);
    request_free(&out);
}

/* -- the floor -- */

static void mac_once(EVP_MAC *hmac, const char *digest, struct bytes msg)
{
    static const uint8_t key[64] =
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0";
    uint8_t mac[64];
    size_t n = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
    if (!ctx || !EVP_MAC_init(ctx, key, sizeof(key), params) ||
        !EVP_MAC_update(ctx, msg.p, msg.n) || !EVP_MAC_final(ctx, mac, &n, sizeof(mac)))
        abort();
    EVP_MAC_CTX_free(ctx);
}

static void digest_sign_once(EVP_PKEY *key, const EVP_MD *md, struct bytes msg)
{
    uint8_t sig[SIG_MAX];
    size_t n = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit(ctx, NULL, md, NULL, key) != 1 ||
        EVP_DigestSign(ctx, sig, &n, msg.p, msg.n) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
}

/* -- both, in alternating blocks -- */

static double ccxt_ns(const char *path, const char *name)
{
    char have[64];
    double ns = 0, v;
    FILE *f = path && name ? fopen(path, "r") : NULL;
    if (!f)
        return 0;
    while (fscanf(f, "%63s %lf", have, &v) == 2)
        if (strcmp(have, name) == 0)
            ns = v;
    fclose(f);
    return ns;
}

static void measure(const struct bench_case *b, struct call *c, struct signer *s, const char *ccxt)
{
    static struct samples ours, floor;
    static const struct spy none;
    struct spy spy = none;
    bool is_mac = !b->pem_kind;
    unsigned n = is_mac ? 400 : strcmp(b->pem_kind, "RSA") == 0 ? 10 : 40;
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_PKEY *key = b->pem_kind ? new_key(b->pem_kind) : NULL;
    spy = (struct spy){{s->key, spy_sign, spy_place}, s, BUF_INIT(1u << 20), SIG_HMAC_SHA256};
    sign_once(c, &spy.base);
    struct bytes msg = buf_bytes(&spy.msg);
    const char *digest = spy.alg == SIG_HMAC_SHA512 ? "SHA512" : "SHA256";
    const EVP_MD *md = spy.alg == SIG_ED25519 ? NULL : EVP_sha256();
    ours.n = floor.n = 0;
    for (unsigned block = 0; block < BLOCKS; block++) {
        double t0 = now_ns();
        for (unsigned i = 0; i < n; i++)
            sign_once(c, s);
        double t1 = now_ns();
        for (unsigned i = 0; i < n; i++)
            is_mac ? mac_once(hmac, digest, msg) : digest_sign_once(key, md, msg);
        sample(&ours, (t1 - t0) / n / 1e3);
        sample(&floor, (now_ns() - t1) / n / 1e3);
    }
    char what[96];
    snprintf(what, sizeof(what), "sign in process, %s (%zu bytes)", b->record, msg.n);
    result(what, "us", median(&ours), median(&floor), is_mac ? 2.0 : 0);
    double theirs = ccxt_ns(ccxt, b->ccxt);
    snprintf(what, sizeof(what), "sign in process against ccxt, %s", b->record);
    if (theirs > 0)
        result_faster(what, "us", median(&ours), theirs / 1e3, 8.0);
    buf_free(&spy.msg);
    EVP_PKEY_free(key);
    EVP_MAC_free(hmac);
}

static void run_case(struct world *w, const struct bench_case *b, const char *ccxt)
{
    struct record *r = NULL;
    struct err e;
    struct call c = {.conn = connector_find(b->connector), .env = ENV_LIVE};
    if (!vault_has(w->vault, b->record))
        add_record(w, b);
    must(vault_open_record(w->vault, &w->opener, b->record, &r, &e), &e);
    must(target_parse(bytes_str(b->url), false, &c, &e), &e);
    c.method = bytes_str(b->method);
    c.body = bytes_str(b->body);
    c.timestamp_ms = 1700000000000;
    c.nonce = BYTES_LIT("1700000000000000");
    c.uuid = BYTES_LIT("00000000-0000-4000-8000-000000000000");
    measure(b, &c, record_signer(r), ccxt);
    record_free(r);
}

int bench_inside(int argc, char **argv)
{
    struct world w;
    if (argc < 1)
        return 2;
    world_open(&w, argv[0]);
    puts("# in process; the floor is one EVP_MAC or EVP_DigestSign over the same bytes, or ccxt");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(&w, &cases[i], argc > 1 ? argv[1] : NULL);
    world_close(&w);
    return results_end();
}
