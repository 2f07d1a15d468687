/* SPDX-License-Identifier: Apache-2.0 */
/* The floor for `recipients add`: what no program can leave out to seal N records for one recipient
 * more. Per record one derivation on the token, whose value is read and destroyed, a key agreement
 * with a fresh key for each recipient, AES-GCM, and a file of that size, written and on the disk.
 * Nothing is read, parsed, checked or removed. floor_wrap MODULE LABEL PIN ID-HEX POINT-HEX
 * DIRECTORY N SIZE RECIPIENTS, with SOFTHSM2_CONF set; the directory must be there. */
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MAX_ 65536u

static CK_FUNCTION_LIST *p11;

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "floor_wrap: %s\n", what);
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

static CK_SESSION_HANDLE start(char **argv)
{
    CK_C_GetFunctionList get;
    CK_SESSION_HANDLE s;
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64;
    void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    must(so != NULL, "dlopen");
    *(void **)&get = dlsym(so, "C_GetFunctionList");
    must(get && get(&p11) == CKR_OK && p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO t;
        if (p11->C_GetTokenInfo(slots[i], &t) || memcmp(t.label, argv[2], strlen(argv[2])))
            continue;
        must(p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &s) == CKR_OK &&
                 p11->C_Login(s, CKU_USER, (unsigned char *)argv[3], strlen(argv[3])) == CKR_OK,
             "C_Login");
        return s;
    }
    must(0, "no such token");
    return 0;
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE s, const char *hex)
{
    unsigned char id[64];
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE want[] = {{CKA_CLASS, &class, sizeof(class)},
                           {CKA_ID, id, unhex(hex, id, sizeof(id))}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;
    must(p11->C_FindObjectsInit(s, want, 2) == CKR_OK &&
             p11->C_FindObjects(s, &key, 1, &n) == CKR_OK && n == 1 &&
             p11->C_FindObjectsFinal(s) == CKR_OK,
         "no such key");
    return key;
}

static void derive(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, unsigned char *point,
                   unsigned char z[32])
{
    CK_ECDH1_DERIVE_PARAMS param = {CKD_NULL, 0, NULL, 65, point};
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
    must(p11->C_DestroyObject(s, out) == CKR_OK, "C_DestroyObject");
}

static void agree(EVP_PKEY *peer, unsigned char z[32])
{
    size_t n = 32;
    EVP_PKEY *own = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    must(own && ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
             EVP_PKEY_derive(ctx, z, &n) > 0,
         "key agreement");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
}

static void seal(EVP_CIPHER *gcm, const unsigned char z[32], unsigned char *text, int n)
{
    static const unsigned char nonce[12];
    int out = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_EncryptInit_ex2(ctx, gcm, z, nonce, NULL) == 1 &&
             EVP_EncryptUpdate(ctx, text, &out, text, n) == 1 &&
             EVP_EncryptFinal_ex(ctx, text + out, &out) == 1,
         "AES-GCM");
    EVP_CIPHER_CTX_free(ctx);
}

static void put(int dir, unsigned long i, const unsigned char *text, size_t n)
{
    char name[48];
    snprintf(name, sizeof(name), "%ld.%06lu", (long)getpid(), i);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, text, n) == (ssize_t)n && fsync(fd) == 0 && close(fd) == 0, "write");
}

int main(int argc, char **argv)
{
    static unsigned char text[SIZE_MAX_], point[65], z[32];
    must(argc == 10, "usage: floor_wrap MODULE LABEL PIN ID POINT DIRECTORY N SIZE RECIPIENTS");
    unsigned long n = strtoul(argv[7], NULL, 10), size = strtoul(argv[8], NULL, 10);
    unsigned long n_recipients = strtoul(argv[9], NULL, 10);
    int dir = open(argv[6], O_RDONLY | O_DIRECTORY);
    must(unhex(argv[5], point, 65) == 65 && size <= sizeof(text) && dir >= 0, "arguments");
    CK_SESSION_HANDLE s = start(argv);
    CK_OBJECT_HANDLE key = find_key(s, argv[4]);
    EVP_PKEY *peer = EVP_EC_gen("P-256");
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    for (unsigned long i = 0; i < n; i++) {
        derive(s, key, point, z);
        for (unsigned long k = 0; k < n_recipients; k++) {
            agree(peer, z);
            seal(gcm, z, text, 64);
        }
        seal(gcm, z, text, (int)size);
        put(dir, i, text, size);
    }
    must(fsync(dir) == 0, "fsync");
    EVP_CIPHER_free(gcm);
    EVP_PKEY_free(peer);
    p11->C_Finalize(NULL);
    return 0;
}
