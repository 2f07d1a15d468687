/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's functions as PKCS#11 has them: each counts itself, asks the script, then does its
 * work. One lock around the work, none while a call sleeps or hangs. */
#include "tests/mock/mock.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_initialised;

static void wait_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* True: the call ends here, with out->rv. */
static bool enter(enum count call, struct bend *out)
{
    pthread_mutex_lock(&lock);
    if (call == N_C_Initialize) {
        script_read();
        state_open();
    }
    if (!state) {
        out->rv = CKR_CRYPTOKI_NOT_INITIALIZED;
        pthread_mutex_unlock(&lock);
        return true;
    }
    state->count[call].n++;
    KEEP(running)++;
    *out = bend_call(call);
    pthread_mutex_unlock(&lock);
    if (out->ms)
        wait_ms(out->ms);
    while (out->is_hung)
        pause();
    pthread_mutex_lock(&lock);
    if (out->how != BEND_RV && !is_initialised && call != N_C_Initialize && call != N_C_GetInfo) {
        out->how = BEND_RV;
        out->is_late = false;
        out->rv = CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    if (out->how != BEND_RV || out->is_late)
        return false;
    KEEP(running)--;
    pthread_mutex_unlock(&lock);
    return true;
}

static CK_RV leave(const struct bend *b, CK_RV rv)
{
    KEEP(running)--;
    pthread_mutex_unlock(&lock);
    return b->how == BEND_RV ? b->rv : rv;
}

#define BENT(call, work)                                                                           \
    struct bend b_;                                                                                \
    return enter(N_##call, &b_) ? b_.rv : leave(&b_, (work))

/* The same with the session that a handle names. */
#define BENT_IN(call, h, work)                                                                     \
    struct bend b_;                                                                                \
    if (enter(N_##call, &b_))                                                                      \
        return b_.rv;                                                                              \
    struct session *s = session_of(h);                                                             \
    return leave(&b_, s ? (work) : CKR_SESSION_HANDLE_INVALID)

static CK_RV start(void)
{
    if (is_initialised)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    KEEP(sessions) = KEEP(secrets) = 0; /* of a process that was killed */
    KEEP(running) = 1;
    is_initialised = true;
    KEEP(initialised)++;
    return CKR_OK;
}

static CK_RV finish(void)
{
    KEEP(sessions_left) += KEEP(sessions);
    sessions_end();
    secrets_drop(0);
    keys_forget();
    is_initialised = false;
    KEEP(initialised)--;
    return CKR_OK;
}

static CK_RV initialize(void *args)
{
    (void)args;
    BENT(C_Initialize, start());
}

static CK_RV finalize(void *reserved)
{
    (void)reserved;
    BENT(C_Finalize, finish());
}

static CK_RV info_read(CK_INFO *out)
{
    *out = (CK_INFO){.cryptokiVersion = {2, 40}, .libraryVersion = {1, 2}};
    info_field(out->manufacturerID, sizeof(out->manufacturerID), "Tests", &set.manufacturer);
    info_field(out->libraryDescription, sizeof(out->libraryDescription), "Mock driver",
               &set.description);
    return CKR_OK;
}

static CK_RV get_info(CK_INFO *out)
{
    BENT(C_GetInfo, info_read(out));
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
    BENT(C_GetSlotList, slot_list(present, list, n));
}

static CK_RV slot_read(CK_SLOT_INFO *out)
{
    *out = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
    info_field(out->slotDescription, sizeof(out->slotDescription), "Mock slot", &set.description);
    info_field(out->manufacturerID, sizeof(out->manufacturerID), "Tests", &set.manufacturer);
    return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
    (void)slot;
    BENT(C_GetSlotInfo, slot_read(out));
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    BENT(C_GetTokenInfo, token_read(slot, out));
}

static CK_RV mechanisms(CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
    static const CK_MECHANISM_TYPE all[] = {CKM_ECDH1_DERIVE, CKM_RSA_PKCS_OAEP,
                                            CKM_EC_KEY_PAIR_GEN};
    CK_ULONG room = *n;
    *n = COUNT(all);
    if (list && room < COUNT(all))
        return CKR_BUFFER_TOO_SMALL;
    if (list)
        memcpy(list, all, sizeof(all));
    return CKR_OK;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
    (void)slot;
    BENT(C_GetMechanismList, mechanisms(list, n));
}

static CK_RV mechanism_read(CK_MECHANISM_INFO *out)
{
    *out = (CK_MECHANISM_INFO){256, 2048, CKF_DERIVE | CKF_DECRYPT};
    return CKR_OK;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *out)
{
    (void)slot, (void)type;
    BENT(C_GetMechanismInfo, mechanism_read(out));
}

static CK_RV set_pin(CK_SESSION_HANDLE h, unsigned char *a, CK_ULONG n, unsigned char *b,
                     CK_ULONG m)
{
    BENT(C_SetPIN, change_pin(h, a, n, b, m));
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *out)
{
    (void)app, (void)notify;
    BENT(C_OpenSession, session_start(slot, flags, out));
}

static CK_RV close_session(CK_SESSION_HANDLE h)
{
    BENT(C_CloseSession, session_stop(h));
}

static CK_RV all_closed(void)
{
    sessions_end();
    return CKR_OK;
}

static CK_RV close_all_sessions(CK_SLOT_ID slot)
{
    (void)slot;
    BENT(C_CloseAllSessions, all_closed());
}

static CK_RV session_read(const struct session *s, CK_SESSION_INFO *out)
{
    *out = (CK_SESSION_INFO){7, is_logged_in() ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION,
                             CKF_SERIAL_SESSION | (s->is_rw ? CKF_RW_SESSION : 0), 0};
    return CKR_OK;
}

static CK_RV get_session_info(CK_SESSION_HANDLE h, CK_SESSION_INFO *out)
{
    BENT_IN(C_GetSessionInfo, h, session_read(s, out));
}

static CK_RV login(CK_SESSION_HANDLE h, CK_USER_TYPE user, unsigned char *pin, CK_ULONG n)
{
    BENT(C_Login, log_in(h, user, pin, n));
}

static CK_RV logout(CK_SESSION_HANDLE h)
{
    BENT(C_Logout, log_out(h));
}

static CK_RV destroy_object(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    BENT_IN(C_DestroyObject, h, object_destroy(o));
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
                                 CK_ULONG n)
{
    BENT_IN(C_GetAttributeValue, h, attributes_read(o, a, n));
}

static CK_RV find_objects_init(CK_SESSION_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
    BENT_IN(C_FindObjectsInit, h, find_start(s, a, n));
}

static CK_RV find_objects(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE *out, CK_ULONG cap, CK_ULONG *n)
{
    BENT_IN(C_FindObjects, h, find_next(s, out, cap, n));
}

static CK_RV find_end(struct session *s)
{
    bool was = s->is_finding;
    s->is_finding = false;
    return was ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE h)
{
    BENT_IN(C_FindObjectsFinal, h, find_end(s));
}

static CK_RV decrypt_init(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    BENT_IN(C_DecryptInit, h, decrypt_start(s, m, key));
}

static CK_RV decrypt(CK_SESSION_HANDLE h, unsigned char *in, CK_ULONG n, unsigned char *out,
                     CK_ULONG *n_out)
{
    BENT_IN(C_Decrypt, h, decrypt_end(s, in, n, out, n_out));
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG n_a,
                               CK_ATTRIBUTE *b, CK_ULONG n_b, CK_OBJECT_HANDLE *public_out,
                               CK_OBJECT_HANDLE *private_out)
{
    (void)a, (void)n_a;
    BENT_IN(C_GenerateKeyPair, h, pair_make(s, m, b, n_b, public_out, private_out));
}

static CK_RV derive_key(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *a,
                        CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    (void)a, (void)n;
    BENT_IN(C_DeriveKey, h, derive(s, m, key, out));
}

static CK_RV random_read(unsigned char *out, CK_ULONG n)
{
    return RAND_bytes(out, (int)n) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV generate_random(CK_SESSION_HANDLE h, unsigned char *out, CK_ULONG n)
{
    BENT_IN(C_GenerateRandom, h, random_read(out, n));
}

static CK_RV not_supported(void)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = initialize,
    .C_Finalize = finalize,
    .C_GetInfo = get_info,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = get_slot_list,
    .C_GetSlotInfo = get_slot_info,
    .C_GetTokenInfo = get_token_info,
    .C_GetMechanismList = get_mechanism_list,
    .C_GetMechanismInfo = get_mechanism_info,
    .C_SetPIN = set_pin,
    .C_OpenSession = open_session,
    .C_CloseSession = close_session,
    .C_CloseAllSessions = close_all_sessions,
    .C_GetSessionInfo = get_session_info,
    .C_Login = login,
    .C_Logout = logout,
    .C_DestroyObject = destroy_object,
    .C_GetAttributeValue = get_attribute_value,
    .C_FindObjectsInit = find_objects_init,
    .C_FindObjects = find_objects,
    .C_FindObjectsFinal = find_objects_final,
    .C_DecryptInit = decrypt_init,
    .C_Decrypt = decrypt,
    .C_GenerateKeyPair = generate_key_pair,
    .C_DeriveKey = derive_key,
    .C_GenerateRandom = generate_random,
};

/* All that is not above: a caller that does not look gets an answer, not a crash. */
static void fill(void)
{
    CK_RV (*none)(void) = not_supported;
    unsigned char *at = (unsigned char *)&functions + offsetof(CK_FUNCTION_LIST, C_Initialize);
    unsigned char *end = (unsigned char *)(&functions + 1);
    for (; at < end; at += sizeof(none)) {
        CK_RV (*now)(void);
        memcpy(&now, at, sizeof(now));
        if (!now)
            memcpy(at, &none, sizeof(none));
    }
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    fill();
    *list = &functions;
    return CKR_OK;
}
