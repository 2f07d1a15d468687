/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of fuzz_driver.c. Each call takes its answer from the input: the code, a length, the
 * bytes. It keeps to the rooms that it is given; in all else it lies. */
#ifndef TESTS_FUZZ_LYING_DRIVER_H
#define TESTS_FUZZ_LYING_DRIVER_H

#include "pkcs11/internal.h"
#include "tests/fuzz/fuzz.h"

#define SLOT 7u
#define CALLS_MAX 400u /* a driver that has said so much is silent from then on */

static const uint8_t p256_g[65] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc,
                                   0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
                                   0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
                                   0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
                                   0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
                                   0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static struct bytes in;
static struct {
    unsigned n_calls, n_login;
    CK_FLAGS flags;        /* as the driver told them last */
    uint8_t z[KEM_CT_MAX]; /* what it gave as a value last, and how much it said that this is */
    CK_ULONG n_z;
    bool was_z_given;
} drv;

static uint8_t u8(void)
{
    uint8_t v = in.n ? in.p[0] : 0;
    if (in.n)
        in = bytes_of(in.p + 1, in.n - 1);
    return v;
}

static void fill(void *to, size_t n)
{
    uint8_t *p = to;
    for (size_t i = 0; i < n; i++)
        p[i] = u8();
}

static CK_ULONG number(void)
{
    CK_ULONG v = 0;
    fill(&v, sizeof(v));
    return v;
}

/* Mostly OK, so that there is a way in. */
static CK_RV code(void)
{
    static const CK_RV codes[] = {CKR_GENERAL_ERROR,
                                  CKR_FUNCTION_FAILED,
                                  CKR_ARGUMENTS_BAD,
                                  CKR_DEVICE_ERROR,
                                  CKR_DEVICE_REMOVED,
                                  CKR_TOKEN_NOT_PRESENT,
                                  CKR_SESSION_CLOSED,
                                  CKR_OPERATION_ACTIVE,
                                  CKR_SESSION_HANDLE_INVALID,
                                  CKR_PIN_INCORRECT,
                                  CKR_PIN_LOCKED,
                                  CKR_USER_NOT_LOGGED_IN,
                                  CKR_BUFFER_TOO_SMALL,
                                  CKR_ATTRIBUTE_SENSITIVE,
                                  CKR_ATTRIBUTE_TYPE_INVALID,
                                  CKR_KEY_HANDLE_INVALID,
                                  CKR_OBJECT_HANDLE_INVALID,
                                  CKR_ENCRYPTED_DATA_INVALID,
                                  CKR_MECHANISM_INVALID,
                                  CKR_TEMPLATE_INCONSISTENT,
                                  CKR_USER_ALREADY_LOGGED_IN,
                                  CKR_HOST_MEMORY,
                                  CKR_CRYPTOKI_NOT_INITIALIZED};
    if (++drv.n_calls > CALLS_MAX)
        return CKR_DEVICE_REMOVED;
    uint8_t v = u8();
    if (v < 200)
        return CKR_OK;
    return v == 255 ? number() : codes[(v - 200) % ARRAY_LEN(codes)];
}

static CK_RV plain(void)
{
    return code();
}

static CK_RV initialize(void *args)
{
    (void)args;
    return plain();
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
    (void)present;
    CK_RV rv = code();
    uint8_t how = u8();
    CK_ULONG room = *n;
    *n = how < 200 ? 1 : how < 250 ? how : number();
    if (list && *n > room && how % 2)
        return CKR_BUFFER_TOO_SMALL;
    for (CK_ULONG i = 0; list && i < *n && i < room; i++)
        list[i] = SLOT + i;
    return rv;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    static const char *const makers[] = {"Tests", "Yubico (www.yubico.com)", "SoftHSM", "piv_II"};
    (void)slot;
    CK_RV rv = code();
    uint8_t how = u8();
    memset(out, ' ', sizeof(*out));
    memcpy(out->label, "fuzz", 4);
    memcpy(out->serialNumber, "1", 1);
    memcpy(out->manufacturerID, makers[how % 4], strlen(makers[how % 4]));
    out->ulMinPinLen = 4;
    out->ulMaxPinLen = 8;
    out->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | (how & 0x80 ? number() : 0);
    if (how & 0x40)
        fill(out, sizeof(*out));
    if (rv == CKR_OK)
        drv.flags = out->flags;
    return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *out)
{
    (void)slot, (void)flags, (void)app, (void)notify;
    CK_RV rv = code();
    *out = 1 + u8();
    return rv;
}

static CK_RV of_session(CK_SESSION_HANDLE h)
{
    (void)h;
    return plain();
}

static CK_RV get_session_info(CK_SESSION_HANDLE h, CK_SESSION_INFO *out)
{
    (void)h;
    *out = (CK_SESSION_INFO){.state = u8() % 6};
    return plain();
}

static CK_RV login(CK_SESSION_HANDLE h, CK_USER_TYPE user, unsigned char *p, CK_ULONG n)
{
    (void)h;
    MUST(user == CKU_USER && p && n == 6);
    MUST(!(drv.flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY)));
    drv.n_login++;
    return plain();
}

static CK_RV set_pin(CK_SESSION_HANDLE h, unsigned char *a, CK_ULONG n, unsigned char *b,
                     CK_ULONG m)
{
    MUST(b && m == 6);
    return login(h, CKU_USER, a, n);
}

static CK_RV generate_random(CK_SESSION_HANDLE h, unsigned char *p, CK_ULONG n)
{
    (void)h;
    memset(p, 0, n);
    return plain();
}

static CK_RV find_init(CK_SESSION_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
    (void)h, (void)a, (void)n;
    return plain();
}

static CK_RV find_next(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *out, CK_ULONG cap, CK_ULONG *n)
{
    (void)h;
    CK_RV rv = code();
    uint8_t how = u8();
    *n = how < 240 ? how % 4 : number();
    for (CK_ULONG i = 0; i < *n && i < cap; i++)
        out[i] = 10 + i;
    return rv;
}

/* A value that leads on, where one is known. */
static size_t good_value(CK_ATTRIBUTE_TYPE type, bool is_rsa, uint8_t out[512])
{
    CK_KEY_TYPE kind = is_rsa ? CKK_RSA : CKK_EC;
    switch (type) {
    case CKA_KEY_TYPE:
        memcpy(out, &kind, sizeof(kind));
        return sizeof(kind);
    case CKA_ID:
    case CKA_SENSITIVE:
        out[0] = 1;
        return 1;
    case CKA_EXTRACTABLE:
        out[0] = 0;
        return 1;
    case CKA_EC_PARAMS:
        memcpy(out, p256_oid, sizeof(p256_oid));
        return sizeof(p256_oid);
    case CKA_EC_POINT:
        out[0] = 0x04;
        out[1] = sizeof(p256_g);
        memcpy(out + 2, p256_g, sizeof(p256_g));
        return sizeof(p256_g) + 2;
    case CKA_MODULUS:
        memset(out, 0xa5, 256);
        return 256;
    case CKA_PUBLIC_EXPONENT:
        memcpy(out, "\x01\x00\x01", 3);
        return 3;
    case CKA_VALUE:
        memset(out, 0x77, KEM_Z_LEN);
        return KEM_Z_LEN;
    default:
        return 0;
    }
}

static CK_RV attribute(CK_ATTRIBUTE *a)
{
    uint8_t how = u8(), v[512];
    size_t n = good_value(a->type, how & 1, v);
    CK_ULONG room = a->ulValueLen;
    if (how >= 240) { /* nothing */
        a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return how & 2 ? CKR_ATTRIBUTE_TYPE_INVALID : CKR_OK;
    }
    if (how >= 160) { /* bytes of the input */
        n = how >= 220 ? 256u + u8() : u8();
        fill(v, n);
    }
    memcpy(a->pValue, v, n < room ? n : room);
    a->ulValueLen = n;
    if (how >= 140 && how < 160) /* a lie */
        a->ulValueLen = number();
    if (a->type == CKA_VALUE && a->ulValueLen <= sizeof(drv.z)) {
        memcpy(drv.z, v, n < sizeof(drv.z) ? n : sizeof(drv.z));
        drv.n_z = a->ulValueLen;
        drv.was_z_given = true;
    }
    return n > room && how & 2 ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

static CK_RV get_attributes(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n)
{
    (void)h, (void)o;
    CK_RV rv = code();
    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV one = attribute(&a[i]);
        rv = rv == CKR_OK ? one : rv;
    }
    return rv;
}

static CK_RV destroy_object(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    (void)h, (void)o;
    return plain();
}

static CK_RV decrypt_init(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    (void)h, (void)key;
    MUST(m->mechanism == CKM_RSA_PKCS_OAEP);
    return plain();
}

static CK_RV decrypt(CK_SESSION_HANDLE h, unsigned char *p, CK_ULONG n, unsigned char *out,
                     CK_ULONG *n_out)
{
    (void)h, (void)p;
    MUST(n == 256);
    uint8_t how = u8();
    fill(out, how < *n_out ? how : *n_out);
    *n_out = how < 250 ? KEM_Z_LEN + (how & 1) : number();
    return plain();
}

static CK_RV derive_key(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a,
                        CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    (void)h, (void)m, (void)key, (void)a, (void)n;
    *out = 55;
    return plain();
}

static CK_RV generate_pair(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG n_a,
                           CK_ATTRIBUTE *b, CK_ULONG n_b, CK_OBJECT_HANDLE *public,
                           CK_OBJECT_HANDLE *private)
{
    (void)h, (void)m, (void)a, (void)n_a, (void)b, (void)n_b;
    *public = 11;
    *private = 10;
    return plain();
}

static CK_FUNCTION_LIST functions = {
    .C_Initialize = initialize,
    .C_Finalize = initialize,
    .C_GetSlotList = get_slot_list,
    .C_GetTokenInfo = get_token_info,
    .C_OpenSession = open_session,
    .C_CloseSession = of_session,
    .C_GetSessionInfo = get_session_info,
    .C_Login = login,
    .C_Logout = of_session,
    .C_SetPIN = set_pin,
    .C_GenerateRandom = generate_random,
    .C_FindObjectsInit = find_init,
    .C_FindObjects = find_next,
    .C_FindObjectsFinal = of_session,
    .C_GetAttributeValue = get_attributes,
    .C_DestroyObject = destroy_object,
    .C_DecryptInit = decrypt_init,
    .C_Decrypt = decrypt,
    .C_DeriveKey = derive_key,
    .C_GenerateKeyPair = generate_pair,
};

#endif
