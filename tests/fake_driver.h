/* SPDX-License-Identifier: Apache-2.0 */
/* A made-up driver behind a struct token: it does what a real SoftHSM never does. Each test program
 * includes it once. */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include "base/env.h"
#include "pkcs11/internal.h"
#include "tests/harness.h"

#include <time.h>

/* What the driver does next, and what was asked of it. */
static struct {
    CK_FLAGS flags, flags_after_login, flags_after_start;
    CK_ULONG pin_min, pin_max;
    CK_RV login_rv, open_rv, init_rv, decrypt_rv, derive_rv;
    unsigned derive_fails; /* so many calls of C_DeriveKey answer derive_rv */
    unsigned open_fails;   /* so many calls of C_OpenSession answer open_rv */
    bool wants_no_len, wants_der, wants_cofactor;
    CK_ULONG z_len, plain_len;
    unsigned n_slots, n_slots_grow;
    unsigned n_login, n_open, n_close, n_init, n_decrypt, n_derive, n_destroy, n_alive, n_alive_min;
    bool was_pin_null;
    const CK_ATTRIBUTE *object; /* what the one object holds */
    size_t n_object;
    bool stops_at_missing;
    bool lies_about_length; /* says OK to what does not fit */
    char maker[17];
    /* Its state. */
    bool is_logged_in;
    bool is_down;               /* every call but C_Finalize and C_Initialize answers down_rv */
    bool is_away;               /* the slot is empty */
    CK_RV down_rv, random_rv, generate_rv;
    CK_SESSION_HANDLE lost;     /* sessions up to here are */
    CK_SLOT_ID slot;            /* the first slot's number */
    CK_RV destroy_rv;
    bool hides_key;             /* no key is found */
    unsigned wait_ms, finalize_ms, close_ms; /* how long a call lasts */
    unsigned n_finalize, n_initialize, n_logout, n_generate;
    char serial[17];
    char pin[17];               /* the last that was given */
} drv;

static inline void doze(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    if (ms)
        nanosleep(&t, NULL);
}

/* What every call on a session looks at first. */
static inline CK_RV session_rv(CK_SESSION_HANDLE h)
{
    if (drv.is_down)
        return drv.down_rv;
    return h > 1000 && h <= drv.lost ? CKR_SESSION_HANDLE_INVALID : CKR_OK;
}

/* Another process has reset the card: sessions and login are gone. */
static inline void fake_reset(void)
{
    drv.lost = 1000 + drv.n_open;
    drv.is_logged_in = false;
}

static CK_RV initialize(void *args)
{
    (void)args;
    drv.n_initialize++;
    drv.is_down = false;
    drv.flags |= drv.flags_after_start;
    return CKR_OK;
}

static CK_RV finalize(void *args)
{
    (void)args;
    drv.n_finalize++;
    doze(drv.finalize_ms);
    fake_reset();
    return CKR_OK;
}

static CK_RV generate_random(CK_SESSION_HANDLE h, unsigned char *out, CK_ULONG n)
{
    CK_RV rv = session_rv(h);
    memset(out, 0, n);
    return rv ? rv : drv.random_rv;
}

static CK_RV get_session_info(CK_SESSION_HANDLE h, CK_SESSION_INFO *out)
{
    *out = (CK_SESSION_INFO){.state = drv.is_logged_in ? CKS_RO_USER_FUNCTIONS
                                                       : CKS_RO_PUBLIC_SESSION};
    return session_rv(h);
}

static CK_RV logout(CK_SESSION_HANDLE h)
{
    drv.n_logout++;
    drv.is_logged_in = false;
    return session_rv(h);
}

static CK_RV generate_pair(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG n,
                           CK_ATTRIBUTE *b, CK_ULONG k, CK_OBJECT_HANDLE *public,
                           CK_OBJECT_HANDLE *private)
{
    (void)m, (void)a, (void)n, (void)b, (void)k;
    drv.n_generate++;
    *public = 8;
    *private = 7;
    CK_RV rv = session_rv(h);
    return rv ? rv : drv.generate_rv;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    if (drv.is_down)
        return drv.down_rv;
    if (drv.is_away || slot < drv.slot || slot >= drv.slot + drv.n_slots)
        return CKR_SLOT_ID_INVALID;
    memset(out, ' ', sizeof(*out));
    memcpy(out->label, "fake", 4);
    memcpy(out->serialNumber, drv.serial, strlen(drv.serial));
    memcpy(out->manufacturerID, drv.maker, strlen(drv.maker));
    memcpy(out->model, "YubiKey", 7);
    out->flags = drv.flags | CKF_TOKEN_INITIALIZED;
    out->ulMinPinLen = drv.pin_min;
    out->ulMaxPinLen = drv.pin_max;
    return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
    (void)present;
    if (drv.is_down)
        return drv.down_rv;
    if (drv.is_away)
        return *n = 0, CKR_OK;
    bool fits = !list || *n >= drv.n_slots;
    *n = drv.n_slots;
    if (!fits)
        return CKR_BUFFER_TOO_SMALL;
    for (CK_ULONG i = 0; list && i < *n; i++)
        list[i] = drv.slot + i;
    if (!list && drv.n_slots_grow) {
        drv.n_slots++;
        drv.n_slots_grow--;
    }
    return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *out)
{
    (void)flags, (void)app, (void)notify;
    if (drv.is_down)
        return drv.down_rv;
    if (drv.is_away || slot != drv.slot)
        return CKR_TOKEN_NOT_PRESENT;
    if (drv.open_fails) {
        drv.open_fails--;
        return drv.open_rv;
    }
    drv.n_open++;
    drv.n_alive++;
    *out = 1000 + drv.n_open;
    return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE h)
{
    (void)h;
    doze(drv.close_ms);
    drv.n_close++;
    drv.n_alive--;
    if (drv.n_alive < drv.n_alive_min)
        drv.n_alive_min = drv.n_alive;
    return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE h, CK_USER_TYPE user, unsigned char *p, CK_ULONG n)
{
    CK_RV rv = session_rv(h);
    CHECK(user == CKU_USER);
    drv.n_login++;
    drv.was_pin_null = p == NULL;
    memset(drv.pin, 0, sizeof(drv.pin));
    if (p && n < sizeof(drv.pin))
        memcpy(drv.pin, p, n);
    drv.flags |= drv.flags_after_login;
    if (!p)
        doze(drv.wait_ms);
    rv = rv ? rv : drv.login_rv;
    drv.is_logged_in = drv.is_logged_in || rv == CKR_OK;
    return rv;
}

static CK_RV set_pin(CK_SESSION_HANDLE h, unsigned char *a, CK_ULONG n, unsigned char *b,
                     CK_ULONG m)
{
    (void)b, (void)m;
    bool was_logged_in = drv.is_logged_in;
    CK_RV rv = login(h, CKU_USER, a, n);
    drv.is_logged_in = was_logged_in;
    return rv;
}

static CK_RV decrypt_init(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    const CK_RSA_PKCS_OAEP_PARAMS *p = m->pParameter;
    (void)key;
    drv.n_init++;
    CHECK(m->mechanism == CKM_RSA_PKCS_OAEP && p->source == CKZ_DATA_SPECIFIED &&
          p->pSourceData == NULL && p->ulSourceDataLen == 0);
    CHECK((p->hashAlg == CKM_SHA_1) == (p->mgf == CKG_MGF1_SHA1));
    CK_RV rv = session_rv(h);
    return rv ? rv : drv.init_rv;
}

static CK_RV decrypt(CK_SESSION_HANDLE h, unsigned char *in, CK_ULONG n, unsigned char *out,
                     CK_ULONG *n_out)
{
    (void)h, (void)in;
    drv.n_decrypt++;
    CHECK(n == 256 && *n_out >= 256);
    doze(drv.wait_ms);
    memset(out, 0x5a, drv.plain_len);
    *n_out = drv.plain_len;
    return drv.decrypt_rv;
}

static CK_RV derive_key(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *t,
                        CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    const CK_ECDH1_DERIVE_PARAMS *p = m->pParameter;
    bool has_len = false, is_der = p->ulPublicDataLen == 67;
    (void)key;
    drv.n_derive++;
    doze(drv.wait_ms);
    if (session_rv(h) != CKR_OK)
        return session_rv(h);
    CHECK(p->kdf == CKD_NULL && p->pPublicData[is_der ? 2 : 0] == 0x04);
    for (CK_ULONG i = 0; i < n; i++)
        has_len = has_len || t[i].type == CKA_VALUE_LEN;
    if (drv.derive_fails) {
        drv.derive_fails--;
        return drv.derive_rv;
    }
    if ((m->mechanism == CKM_ECDH1_COFACTOR_DERIVE) != drv.wants_cofactor)
        return CKR_MECHANISM_INVALID;
    if (is_der != drv.wants_der)
        return CKR_MECHANISM_PARAM_INVALID;
    if (has_len && drv.wants_no_len)
        return CKR_TEMPLATE_INCONSISTENT;
    *out = 55;
    return CKR_OK;
}

static CK_RV destroy_object(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    (void)h;
    CHECK(o == 55);
    drv.n_destroy++;
    return drv.destroy_rv;
}

static CK_RV value_read(CK_ATTRIBUTE *a)
{
    if (a->ulValueLen < drv.z_len) {
        a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    memset(a->pValue, 0x77, drv.z_len);
    a->ulValueLen = drv.z_len;
    return CKR_OK;
}

static CK_RV get_attributes(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n)
{
    CK_RV rv = session_rv(h);
    if (rv != CKR_OK)
        return rv;
    if (o == 55)
        return value_read(a);
    for (CK_ULONG i = 0; i < n; i++) {
        const CK_ATTRIBUTE *have = NULL;
        for (size_t j = 0; j < drv.n_object; j++)
            have = drv.object[j].type == a[i].type ? &drv.object[j] : have;
        if (have && have->ulValueLen <= a[i].ulValueLen) {
            memcpy(a[i].pValue, have->pValue, have->ulValueLen);
            a[i].ulValueLen = have->ulValueLen;
            continue;
        }
        if (have && drv.lies_about_length) {
            a[i].ulValueLen = have->ulValueLen;
            continue;
        }
        rv = have ? CKR_BUFFER_TOO_SMALL : CKR_ATTRIBUTE_TYPE_INVALID;
        if (drv.stops_at_missing)
            return rv;
        a[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    }
    return rv;
}

static bool find_is_done;

static CK_RV find_init(CK_SESSION_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
    (void)a, (void)n;
    find_is_done = false;
    return session_rv(h);
}

static CK_RV find_next(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *out, CK_ULONG cap, CK_ULONG *n)
{
    (void)h;
    *n = !find_is_done && !drv.hides_key && cap > 0;
    if (*n)
        out[0] = 7;
    find_is_done = true;
    return CKR_OK;
}

static CK_RV find_final(CK_SESSION_HANDLE h)
{
    (void)h;
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .C_Initialize = initialize,
    .C_Finalize = finalize,
    .C_GenerateRandom = generate_random,
    .C_GetSessionInfo = get_session_info,
    .C_Logout = logout,
    .C_GenerateKeyPair = generate_pair,
    .C_GetSlotList = get_slot_list,
    .C_GetTokenInfo = get_token_info,
    .C_OpenSession = open_session,
    .C_CloseSession = close_session,
    .C_Login = login,
    .C_SetPIN = set_pin,
    .C_DecryptInit = decrypt_init,
    .C_Decrypt = decrypt,
    .C_DeriveKey = derive_key,
    .C_DestroyObject = destroy_object,
    .C_GetAttributeValue = get_attributes,
    .C_FindObjectsInit = find_init,
    .C_FindObjects = find_next,
    .C_FindObjectsFinal = find_final,
};

static const uint8_t g[65] = {/* the generator of P-256: a good point */
                              0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc,
                              0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
                              0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
                              0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
                              0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
                              0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static struct module fake_module;
static struct token token;
static inline struct token *fresh(enum seal_key_kind kind)
{
    memset(&drv, 0, sizeof(drv));
    drv.pin_min = 4;
    drv.pin_max = 8;
    drv.z_len = drv.plain_len = 32;
    drv.n_slots = 1;
    drv.n_alive_min = 99;
    drv.flags = CKF_USER_PIN_INITIALIZED;
    drv.slot = 100;
    memcpy(drv.serial, "0001", 5);
    if (token.mod) {
        watch_end(&token.watch);
        secret_free(&token.pin);
        pthread_mutex_destroy(&fake_module.lock);
    }
    memset(&fake_module, 0, sizeof(fake_module));
    fake_module.fn = &functions;
    fake_module.started_ms = ticks_ms();
    pthread_mutex_init(&fake_module.lock, NULL);
    memset(&token, 0, sizeof(token));
    token.mod = &fake_module;
    token.slot = 100;
    memcpy(token.info.label, "fake", 5);
    memcpy(token.info.serial, "0001", 5);
    memcpy(token.info.model, "YubiKey", 8);
    token.key = 7;
    token.key_info.kind = kind;
    watch_init(&token.watch);
    return &token;
}

#endif
