/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of the bench: the least that any program must do to sign with a key that a token
 * guards. Loads the module, finds the token and the key, logs in, derives once, makes one HMAC,
 * prints it. No format, no checks, no policy, no hardening. floor MODULE LABEL PIN ID-HEX POINT-HEX
 * MESSAGE, with SOFTHSM2_CONF set. */
#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST *p11;

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "floor: %s\n", what);
        exit(1);
    }
}

static unsigned long unhex(const char *s, unsigned char *out, unsigned long cap)
{
    unsigned long n = 0;
    for (; s[0] && s[1] && n < cap; s += 2) {
        char two[3] = {s[0], s[1], 0};
        out[n++] = (unsigned char)strtoul(two, NULL, 16);
    }
    return n;
}

static CK_SLOT_ID find_slot(const char *label)
{
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64;
    must(p11->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO t;
        if (p11->C_GetTokenInfo(slots[i], &t) == CKR_OK && !memcmp(t.label, label, strlen(label)))
            return slots[i];
    }
    must(0, "no such token");
    return 0;
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE s, unsigned char *id, unsigned long id_len)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE want[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, id, id_len}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    must(p11->C_FindObjectsInit(s, want, 2) == CKR_OK, "C_FindObjectsInit");
    must(p11->C_FindObjects(s, &key, 1, &n) == CKR_OK && n == 1, "no such key");
    must(p11->C_FindObjectsFinal(s) == CKR_OK, "C_FindObjectsFinal");
    return key;
}

static void derive(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, unsigned char *point,
                   unsigned long point_len, unsigned char z[32])
{
    CK_ECDH1_DERIVE_PARAMS param = {CKD_NULL, 0, NULL, point_len, point};
    CK_MECHANISM mech = {CKM_ECDH1_DERIVE, &param, sizeof(param)};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG len = 32;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_KEY_TYPE, &type, sizeof(type)},
                               {CKA_TOKEN, &no, 1},
                               {CKA_SENSITIVE, &no, 1},
                               {CKA_EXTRACTABLE, &yes, 1},
                               {CKA_VALUE_LEN, &len, sizeof(len)}};
    CK_OBJECT_HANDLE out;
    CK_ATTRIBUTE value = {CKA_VALUE, z, 32};
    must(p11->C_DeriveKey(s, &mech, key, template, 6, &out) == CKR_OK, "C_DeriveKey");
    must(p11->C_GetAttributeValue(s, out, &value, 1) == CKR_OK, "C_GetAttributeValue");
}

static void print_hmac(const unsigned char z[32], const char *message)
{
    unsigned char mac[32];
    size_t n = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
    must(EVP_MAC_init(ctx, z, 32, params) == 1, "EVP_MAC_init");
    must(EVP_MAC_update(ctx, (const unsigned char *)message, strlen(message)) == 1,
         "EVP_MAC_update");
    must(EVP_MAC_final(ctx, mac, &n, sizeof(mac)) == 1, "EVP_MAC_final");
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(hmac);
    for (size_t i = 0; i < n; i++)
        printf("%02x", mac[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    unsigned char id[64], point[65], z[32];
    CK_C_GetFunctionList get;
    CK_SESSION_HANDLE s;
    must(argc == 7, "usage: floor MODULE LABEL PIN ID-HEX POINT-HEX MESSAGE");
    void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    must(so != NULL, "dlopen");
    *(void **)&get = dlsym(so, "C_GetFunctionList");
    must(get && get(&p11) == CKR_OK, "C_GetFunctionList");
    must(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    must(p11->C_OpenSession(find_slot(argv[2]), CKF_SERIAL_SESSION, NULL, NULL, &s) == CKR_OK,
         "C_OpenSession");
    must(p11->C_Login(s, CKU_USER, (unsigned char *)argv[3], strlen(argv[3])) == CKR_OK, "C_Login");
    CK_OBJECT_HANDLE key = find_key(s, id, unhex(argv[4], id, sizeof(id)));
    derive(s, key, point, unhex(argv[5], point, sizeof(point)), z);
    print_hmac(z, argv[6]);
    p11->C_Finalize(NULL);
    return 0;
}
