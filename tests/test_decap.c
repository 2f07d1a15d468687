/* SPDX-License-Identifier: Apache-2.0 */
/* Tests pkcs11/decap.c and probe.c on a real SoftHSM. What the token must open is made here by
 * OpenSSL, not by our own kem.c. */
#include "tests/token_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>

static void probes(void)
{
    static const struct {
        const char *id;
        enum scheme want;
    } rows[] = {{"\x01", SCHEME_ECDH_P256}, {"\x02", SCHEME_RSA_OAEP_1}};
    struct token *t = open_lab();
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_key k;
        enum scheme s = SCHEME_NONE;
        struct token_key_want w = by_id(rows[i].id);
        OK_CALL(token_use_key(t, &w, &k, &e), &e);
        OK_CALL(token_probe(t, &k, &s, &e), &e);
        EQ_STR(scheme_name(s), scheme_name(rows[i].want));
        k.spki.n = 0;
        EQ_INT(token_probe(t, &k, &s, &e), ERR_TOKEN);
    }
    /* The public half of another key: the round trip shows it. */
    struct token_key ec;
    struct token_key_want w = by_id("\x01");
    OK_CALL(token_use_key(t, &w, &ec, &e), &e);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(other, &der);
    OK_CALL(spki_normalise(bytes_of(der, (size_t)n), &ec.spki, &e), &e);
    enum scheme s = SCHEME_NONE;
    EQ_INT(token_probe(t, &ec, &s, &e), ERR_TOKEN);
    EQ_INT(s, SCHEME_NONE);
    OPENSSL_free(der);
    EVP_PKEY_free(other);
    token_close(t);
}

static EVP_PKEY *public_of(const struct token_key *k)
{
    const uint8_t *p = k->spki.der;
    return d2i_PUBKEY(NULL, &p, (long)k->spki.n);
}

/* ECDH by OpenSSL alone. */
/* Every size of RSA that coffer makes works as a sealing key. */
static void larger_rsa(void)
{
    static const struct {
        enum seal_key_kind kind;
        const char *id;
    } rows[] = {{SEAL_KEY_RSA3072, "\x30"}, {SEAL_KEY_RSA4096, "\x40"}};
    struct token *t = open_lab();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_key k;
        struct err e;
        enum scheme s = SCHEME_NONE;
        OK_CALL(token_generate(t, rows[i].kind, "big", bytes_str(rows[i].id), &k, &e), &e);
        EQ_INT(k.kind, rows[i].kind);
        CHECK(!k.is_extractable);
        OK_CALL(token_probe(t, &k, &s, &e), &e);
        EQ_INT(s, SCHEME_RSA_OAEP_1);
    }
    token_close(t);
}

static void openssl_ecdh(EVP_PKEY *peer, uint8_t ct[65], uint8_t z[32])
{
    EVP_PKEY *own = EVP_EC_gen("P-256");
    size_t n = 0, n_z = 32;
    CHECK(EVP_PKEY_get_octet_string_param(own, "pub", ct, 65, &n) && n == 65);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    CHECK(EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
          EVP_PKEY_derive(ctx, z, &n_z) > 0 && n_z == 32);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
}

/* OAEP of len random bytes with SHA-1. */
static void openssl_oaep(EVP_PKEY *key, uint8_t *ct, size_t *n_ct, uint8_t *z, size_t len)
{
    CHECK(RAND_bytes(z, (int)len) == 1);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    CHECK(EVP_PKEY_encrypt_init(ctx) > 0 &&
          EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
          EVP_PKEY_encrypt(ctx, ct, n_ct, z, len) > 0);
    EVP_PKEY_CTX_free(ctx);
}

static void opens_what_openssl_made(void)
{
    struct token *t = open_lab();
    struct err e;
    struct token_key k;
    struct token_key_want w = by_id("\x01");
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EVP_PKEY *key = public_of(&k);
    uint8_t ct[512], want[32];
    for (int i = 0; i < 300; i++) { /* some Z begin with a zero byte */
        AUTO_SECRET z = {0};
        openssl_ecdh(key, ct, want);
        if (!OK_CALL(token_decap(t, SCHEME_ECDH_P256, bytes_of(ct, 65), &z, &e), &e))
            break;
        EQ_MEM(secret_bytes(&z), BYTES_ARR(want));
    }
    EVP_PKEY_free(key);
    w = by_id("\x02");
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    key = public_of(&k);
    for (int i = 0; i < 5; i++) {
        AUTO_SECRET z = {0};
        size_t n = sizeof(ct);
        openssl_oaep(key, ct, &n, want, 32);
        OK_CALL(token_decap(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n), &z, &e), &e);
        EQ_MEM(secret_bytes(&z), BYTES_ARR(want));
    }
    EVP_PKEY_free(key);
    token_close(t);
}

static void expect_tampered(struct token *t, enum scheme s, struct bytes ct, struct err *e)
{
    struct secret z = {0};
    EQ_INT(token_decap(t, s, ct, &z, e), ERR_TAMPERED);
    EQ_STR(e->msg, "token 'lab' could not open the wrap");
    CHECK(z.p == NULL);
}

static void tampered_ecdh_is_one_error(void)
{
    struct token *t = open_lab();
    struct err e;
    struct token_key k;
    struct token_key_want w = by_id("\x01");
    uint8_t ct[512] = {0}, want[32];
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EVP_PKEY *key = public_of(&k);
    openssl_ecdh(key, ct, want);
    for (size_t i = 0; i < 65; i += 8) {
        ct[i] ^= 1;
        expect_tampered(t, SCHEME_ECDH_P256, bytes_of(ct, 65), &e);
        ct[i] ^= 1;
    }
    expect_tampered(t, SCHEME_ECDH_P256, bytes_of(ct, 64), &e);
    expect_tampered(t, SCHEME_ECDH_P256, bytes_of(ct, 66), &e);
    expect_tampered(t, SCHEME_ECDH_P256, (struct bytes){0}, &e);
    struct secret z = {0};
    EQ_INT(token_decap(t, SCHEME_RSA_OAEP_1, bytes_of(ct, 256), &z, &e), ERR_USAGE);
    EQ_INT(token_decap(t, SCHEME_NONE, bytes_of(ct, 65), &z, &e), ERR_USAGE);
    AUTO_SECRET good = {0};
    OK_CALL(token_decap(t, SCHEME_ECDH_P256, bytes_of(ct, 65), &good, &e), &e);
    EQ_MEM(secret_bytes(&good), BYTES_ARR(want));
    EVP_PKEY_free(key);
    token_close(t);
}

static void tampered_rsa_is_one_error(void)
{
    struct token *t = open_lab();
    struct err e;
    struct token_key k;
    struct token_key_want w = by_id("\x02");
    uint8_t ct[512], want[64];
    size_t n = sizeof(ct);
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    EVP_PKEY *key = public_of(&k);
    openssl_oaep(key, ct, &n, want, 31); /* well padded, but another length than Z */
    expect_tampered(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n), &e);
    n = sizeof(ct);
    openssl_oaep(key, ct, &n, want, 33);
    expect_tampered(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n), &e);
    n = sizeof(ct);
    openssl_oaep(key, ct, &n, want, 32);
    for (size_t i = 1; i < n; i += 51) {
        ct[i] ^= 0x10;
        expect_tampered(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n), &e);
        ct[i] ^= 0x10;
    }
    expect_tampered(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n - 1), &e);
    struct secret z = {0};
    EQ_INT(token_decap(t, SCHEME_RSA_OAEP_256, bytes_of(ct, n), &z, &e), ERR_TOKEN);
    uint8_t top[256];
    memset(top, 0xff, sizeof(top)); /* not below the modulus */
    expect_tampered(t, SCHEME_RSA_OAEP_1, BYTES_ARR(top), &e);
    /* The login and the key outlive all these. */
    AUTO_SECRET good = {0};
    OK_CALL(token_decap(t, SCHEME_RSA_OAEP_1, bytes_of(ct, n), &good, &e), &e);
    EQ_MEM(secret_bytes(&good), bytes_of(want, 32));
    EVP_PKEY_free(key);
    token_close(t);
}

#define N_THREADS 4
#define N_ROUNDS 60

struct job {
    struct token *t;
    struct spki spki;
    unsigned n_right;
};

static void *job_run(void *p)
{
    struct job *j = p;
    for (int i = 0; i < N_ROUNDS; i++) {
        uint8_t ct[KEM_CT_MAX];
        size_t n = 0;
        AUTO_SECRET z = {0};
        AUTO_SECRET back = {0};
        AUTO_SECRET none = {0};
        struct err e;
        if (kem_encap(SCHEME_ECDH_P256, &j->spki, ct, &n, &z, &e) ||
            token_decap(j->t, SCHEME_ECDH_P256, bytes_of(ct, n), &back, &e) ||
            !secret_eq(&z, &back))
            continue;
        if (i % 8 == 0) { /* failures in between must not disturb the others */
            ct[9] ^= 1;
            if (token_decap(j->t, SCHEME_ECDH_P256, bytes_of(ct, n), &none, &e) != ERR_TAMPERED)
                continue;
        }
        j->n_right++;
    }
    return NULL;
}

static void threads_share_a_token(void)
{
    struct token *t = open_lab();
    struct err e;
    struct token_key k;
    struct token_key_want w = by_id("\x01");
    struct job jobs[N_THREADS];
    pthread_t ids[N_THREADS];
    OK_CALL(token_use_key(t, &w, &k, &e), &e);
    for (size_t i = 0; i < N_THREADS; i++) {
        jobs[i] = (struct job){.t = t, .spki = k.spki};
        CHECK(pthread_create(&ids[i], NULL, job_run, &jobs[i]) == 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(ids[i], NULL);
        EQ_INT(jobs[i].n_right, N_ROUNDS);
    }
    token_close(t);
}

int main(void)
{
    if (!lab_make())
        return harness_end();
    lab_key(SEAL_KEY_P256, "\x01");
    lab_key(SEAL_KEY_RSA2048, "\x02");
    RUN(probes);
    RUN(larger_rsa);
    RUN(opens_what_openssl_made);
    RUN(tampered_ecdh_is_one_error);
    RUN(tampered_rsa_is_one_error);
    RUN(threads_share_a_token);
    secret_free(&pin);
    return harness_end();
}
