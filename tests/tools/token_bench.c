/* SPDX-License-Identifier: Apache-2.0 */
/* Opening one wrap (no file, no payload: wrap_open) against the bare PKCS#11 calls that it cannot
 * do without, on the same session and key: token_bench URI PIN SCHEME ROUNDS. Ours and the floor
 * take turns call by call, so that what disturbs one disturbs both. Prints 'ours floor' in
 * microseconds, medians. */
#include "pkcs11/internal.h"
#include "vault/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 4000u

static void must(int rc, const struct err *e)
{
    if (rc) {
        fprintf(stderr, "token_bench: %s\n", e->msg);
        exit(1);
    }
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void check(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "token_bench: floor: %s: 0x%lx\n", what, rv);
        exit(1);
    }
}

/* C_DeriveKey, C_GetAttributeValue, C_DestroyObject. */
static void floor_ecdh(struct token *t, const uint8_t *ct, size_t n)
{
    CK_FUNCTION_LIST *fn = t->mod->fn;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG len = KEM_Z_LEN;
    CK_BYTE point[KEM_CT_MAX], z[64];
    memcpy(point, ct, n);
    CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, n, point};
    CK_MECHANISM mech = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
    CK_ATTRIBUTE form[] = {
        {CKA_CLASS, &class, sizeof(class)},   {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &no, sizeof(no)},         {CKA_SENSITIVE, &no, sizeof(no)},
        {CKA_EXTRACTABLE, &yes, sizeof(yes)}, {CKA_VALUE_LEN, &len, sizeof(len)}};
    CK_ATTRIBUTE value = {CKA_VALUE, z, sizeof(z)};
    CK_OBJECT_HANDLE made;
    check(fn->C_DeriveKey(t->session, &mech, t->key, form, ARRAY_LEN(form), &made), "C_DeriveKey");
    check(fn->C_GetAttributeValue(t->session, made, &value, 1), "C_GetAttributeValue");
    check(fn->C_DestroyObject(t->session, made), "C_DestroyObject");
}

/* C_DecryptInit, C_Decrypt. */
static void floor_oaep(struct token *t, enum scheme s, const uint8_t *ct, size_t n)
{
    bool is_256 = s == SCHEME_RSA_OAEP_256;
    CK_RSA_PKCS_OAEP_PARAMS params = {is_256 ? CKM_SHA256 : CKM_SHA_1,
                                      is_256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED,
                                      NULL, 0};
    CK_MECHANISM mech = {CKM_RSA_PKCS_OAEP, &params, sizeof(params)};
    CK_BYTE in[KEM_CT_MAX], z[KEM_CT_MAX];
    CK_ULONG z_len = sizeof(z);
    memcpy(in, ct, n);
    check(t->mod->fn->C_DecryptInit(t->session, &mech, t->key), "C_DecryptInit");
    check(t->mod->fn->C_Decrypt(t->session, in, n, z, &z_len), "C_Decrypt");
}

static struct token *open_token(const char *text, const char *pin_text, struct token_key *key)
{
    struct token_uri uri;
    struct token_where where = {0};
    struct token *t = NULL;
    struct err e;
    AUTO_SECRET pin = {0};
    must(uri_parse(text, &uri, &e), &e);
    memcpy(where.module, uri.module, sizeof(where.module));
    memcpy(where.label, uri.label, sizeof(where.label));
    memcpy(where.serial, uri.serial, sizeof(where.serial));
    memcpy(where.manufacturer, uri.manufacturer, sizeof(where.manufacturer));
    struct token_key_want want = {.id = bytes_of(uri.id, uri.id_len), .label = uri.object};
    must(token_open(&where, &t, &e), &e);
    must(secret_copy(&pin, bytes_str(pin_text), &e), &e);
    must(token_login(t, &pin, false, &e), &e);
    must(token_use_key(t, &want, key, &e), &e);
    return t;
}

int main(int argc, char **argv)
{
    static double ours[ROUNDS_MAX], bare[ROUNDS_MAX];
    static struct wrapped w;
    static const uint8_t id[VAULT_ID_LEN] = {1}, record[VAULT_ID_LEN] = {2},
                         plain[VK_LEN + DEK_LEN];
    struct recipient r = {.kind = RECIPIENT_TOKEN};
    struct token_key key;
    struct opener o;
    struct err e;
    size_t rounds = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    if (rounds == 0 || rounds > ROUNDS_MAX || !scheme_by_name(bytes_str(argv[3]), &r.scheme)) {
        fprintf(stderr, "usage: token_bench URI PIN SCHEME ROUNDS\n");
        return 2;
    }
    must(secret_arena_open(&e), &e);
    struct token *t = open_token(argv[1], argv[2], &key);
    r.spki = key.spki;
    must(spki_rid(&key.spki, r.rid, &e), &e);
    opener_token(&o, t, r.rid, r.scheme);
    struct wrap_for purpose = {.purpose = "record-key", .vault_id = id, .id = record, .version = 1};
    must(wrap_make(&purpose, &r, BYTES_ARR(plain), &w, &e), &e);
    size_t ct_len = w.n - sizeof(plain) - GCM_TAG_LEN;
    for (size_t i = 0; i < rounds + 5; i++) {
        AUTO_SECRET opened = {0};
        double at = now_us();
        must(wrap_open(&purpose, &o, &w, sizeof(plain), &opened, &e), &e);
        double between = now_us();
        if (r.scheme == SCHEME_ECDH_P256)
            floor_ecdh(t, w.v, ct_len);
        else
            floor_oaep(t, r.scheme, w.v, ct_len);
        double end = now_us();
        if (i >= 5) { /* the first ones warm up */
            ours[i - 5] = between - at;
            bare[i - 5] = end - between;
        }
    }
    printf("%.2f %.2f\n", median(ours, rounds), median(bare, rounds));
    token_close(t);
    secret_arena_close();
    return 0;
}
