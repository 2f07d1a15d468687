/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that eight threads get only right results: on one struct token, and each on its own; with a
 * made-up driver that keeps one derived value for all its sessions, as ykcs11 does, and with a real
 * SoftHSM, whose driver is started again meanwhile. */
#include "tests/fake_driver.h"
#include "tests/token_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sched.h>

#define N_THREADS 8
#define N_POINTS 16
#define N_ROUNDS 200

static uint8_t points[N_POINTS][65];

/* The one value of the slot, without a lock. */
static uint8_t slot_value[32];
static bool slot_has_value;

static CK_RV derive_one(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *t,
                        CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    const CK_ECDH1_DERIVE_PARAMS *p = m->pParameter;
    (void)h, (void)key, (void)t, (void)n;
    memcpy(slot_value, p->pPublicData + 1, sizeof(slot_value));
    slot_has_value = true;
    sched_yield();
    *out = 55;
    return CKR_OK;
}

static CK_RV read_one(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n)
{
    (void)h, (void)o, (void)n;
    sched_yield();
    if (!slot_has_value)
        return CKR_OBJECT_HANDLE_INVALID;
    memcpy(a->pValue, slot_value, sizeof(slot_value));
    a->ulValueLen = sizeof(slot_value);
    return CKR_OK;
}

static CK_RV destroy_one(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    (void)h, (void)o;
    sched_yield();
    slot_has_value = false;
    return CKR_OK;
}

struct job {
    struct token *t;
    struct spki spki; /* n == 0: the made-up driver */
    unsigned first, n_right;
    char reason[ERR_MSG_MAX];
};

static void *job_fake(void *p)
{
    struct job *j = p;
    for (unsigned i = 0; i < N_ROUNDS; i++) {
        const uint8_t *point = points[(j->first + i) % N_POINTS];
        AUTO_SECRET z = {0};
        struct err e;
        if (token_decap(j->t, SCHEME_ECDH_P256, bytes_of(point, 65), &z, &e) == OK &&
            memcmp(z.p, point + 1, 32) == 0)
            j->n_right++;
    }
    return NULL;
}

static void *job_real(void *p)
{
    struct job *j = p;
    for (unsigned i = 0; i < N_ROUNDS / 4; i++) {
        uint8_t ct[KEM_CT_MAX];
        size_t n = 0;
        AUTO_SECRET z = {0};
        AUTO_SECRET back = {0};
        struct err e;
        if (kem_encap(SCHEME_ECDH_P256, &j->spki, ct, &n, &z, &e) == OK &&
            token_decap(j->t, SCHEME_ECDH_P256, bytes_of(ct, n), &back, &e) == OK &&
            secret_eq(&z, &back))
            j->n_right++;
        else
            snprintf(j->reason, sizeof(j->reason), "%s", e.msg);
    }
    return NULL;
}

static void run_jobs(struct job jobs[N_THREADS], void *(*run)(void *), unsigned want)
{
    pthread_t ids[N_THREADS];
    for (unsigned i = 0; i < N_THREADS; i++) {
        jobs[i].first = i * 3;
        CHECK(pthread_create(&ids[i], NULL, run, &jobs[i]) == 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++) {
        pthread_join(ids[i], NULL);
        harness_ok(jobs[i].n_right == want, __FILE__, __LINE__, "thread %u: %u of %u right: %s", i,
                   jobs[i].n_right, want, jobs[i].reason);
    }
}

static struct token *fake_ykcs11(void)
{
    struct token *t = fresh(SEAL_KEY_P256);
    functions.C_DeriveKey = derive_one;
    functions.C_GetAttributeValue = read_one;
    functions.C_DestroyObject = destroy_one;
    for (unsigned i = 0; i < N_POINTS; i++) {
        EVP_PKEY *k = EVP_EC_gen("P-256");
        size_t n = 0;
        CHECK(k && EVP_PKEY_get_octet_string_param(k, "pub", points[i], 65, &n) && n == 65);
        EVP_PKEY_free(k);
    }
    return t;
}

static void one_token_for_all(void)
{
    struct job jobs[N_THREADS] = {0};
    struct token *t = fake_ykcs11();
    for (unsigned i = 0; i < N_THREADS; i++)
        jobs[i].t = t;
    run_jobs(jobs, job_fake, N_ROUNDS);
}

static void own_tokens_of_one_driver(void)
{
    static struct token own[N_THREADS];
    struct job jobs[N_THREADS] = {0};
    struct token *t = fake_ykcs11();
    for (unsigned i = 0; i < N_THREADS; i++) {
        memcpy(&own[i].info, &t->info, sizeof(t->info));
        own[i].mod = t->mod;
        own[i].slot = t->slot;
        own[i].key = 7;
        own[i].key_info.kind = SEAL_KEY_P256;
        watch_init(&own[i].watch);
        jobs[i].t = &own[i];
    }
    run_jobs(jobs, job_fake, N_ROUNDS);
    for (unsigned i = 0; i < N_THREADS; i++)
        watch_end(&own[i].watch);
}

static void quiet(void *ctx)
{
    (void)ctx;
}

static void use_key(struct job *j)
{
    struct token_key k;
    struct token_key_want w = by_id("\x01");
    struct err e;
    if (OK_CALL(token_use_key(j->t, &w, &k, &e), &e))
        j->spki = k.spki;
}

static void softhsm_shared(void)
{
    struct job jobs[N_THREADS] = {0};
    struct token *t = open_lab();
    token_on_wait(t, quiet, NULL);
    for (unsigned i = 0; i < N_THREADS; i++) {
        jobs[i].t = t;
        use_key(&jobs[i]);
    }
    run_jobs(jobs, job_real, N_ROUNDS / 4);
    token_close(t);
}

static void *restart(void *p)
{
    struct token *t = p;
    struct err e;
    for (int i = 0; i < 5; i++) {
        doze(5);
        MODULE_LOCKED(t->mod);
        OK_CALL(module_restart(t->mod, &e), &e);
    }
    return NULL;
}

/* Only the first of them knows the PIN: the others were logged in by its login. */
static void softhsm_own(void)
{
    for (int with_restarts = 0; with_restarts < 2; with_restarts++) {
        struct job jobs[N_THREADS] = {0};
        pthread_t id;
        for (unsigned i = 0; i < N_THREADS; i++) {
            jobs[i].t = open_lab();
            use_key(&jobs[i]);
        }
        CHECK(jobs[0].t->pin.p && !jobs[1].t->pin.p);
        if (with_restarts)
            CHECK(pthread_create(&id, NULL, restart, jobs[0].t) == 0);
        run_jobs(jobs, job_real, N_ROUNDS / 4);
        if (with_restarts)
            pthread_join(id, NULL);
        unsigned n = 0;
        for (unsigned i = 0; i < N_THREADS; i++)
            n += token_recoveries(jobs[i].t);
        EQ_INT(n > 0, with_restarts);
        token_close(jobs[0].t); /* its login goes over to the others */
        use_key(&jobs[1]);
        for (unsigned i = 1; i < N_THREADS; i++)
            token_close(jobs[i].t);
    }
}

int main(void)
{
    RUN(one_token_for_all);
    RUN(own_tokens_of_one_driver);
    if (!lab_make())
        return harness_end();
    lab_key(SEAL_KEY_P256, "\x01");
    RUN(softhsm_shared);
    RUN(softhsm_own);
    secret_free(&pin);
    return harness_end();
}
