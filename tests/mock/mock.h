/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module of the tests: a working software token (P-256, RSA-2048, a PIN with a counter)
 * that a script bends to whatever no real driver shows on demand. The script is the file
 * MODULE.conf beside the module (its own path, '.so' replaced), read by the first C_Initialize, or
 * a text that the process gives to mock_script; what outlives a process is in MODULE.state there.
 * Here is what its files share; tests in C use tests/mock_fixture.h, scripts tests/e2e/mock_kit.py.
 *
 *   C_Login rv=0xa0 times=1 after=2   the third call answers 0xa0 and does nothing
 *   C_Login rv=0xa0 late              the call does its work, then answers that
 *   C_DeriveKey sleep=1500            milliseconds, then as usual
 *   C_Finalize hang                   never comes back
 *   attr CKA_MODULUS len=N | rv=N | hex=... | garbage | absent   [of=private|public|secret]
 *   z len=N | z wrong                 of the shared value, which is real else
 *   plain len=N | plain wrong         of what C_Decrypt gives
 *   flags FINAL_TRY ...               more flags of the token
 *   label|serial|manufacturer|model|description HEX   its bytes, padded with blanks
 *   pin TEXT, tries N                 of a token that has no state yet
 *   slots N | grow | shrink           how many slots C_GetSlotList shows
 *   objects N                         so many private keys more
 *   sessions N                        room for so many
 *   set NAME                          twin, liar, stuck, shared, no-public: see struct settings
 * times= and after= stand on the lines C_*, attr, z and plain; without times, always. while=NAME
 * there: only while the file MODULE.NAME is there, so that a test pulls the token when it likes. */
#ifndef TESTS_MOCK_MOCK_H
#define TESTS_MOCK_MOCK_H

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CALLS(X)                                                                                   \
    X(C_Initialize)                                                                                \
    X(C_Finalize)                                                                                  \
    X(C_GetInfo)                                                                                   \
    X(C_GetSlotList)                                                                               \
    X(C_GetSlotInfo)                                                                               \
    X(C_GetTokenInfo)                                                                              \
    X(C_GetMechanismList)                                                                          \
    X(C_GetMechanismInfo)                                                                          \
    X(C_SetPIN)                                                                                    \
    X(C_OpenSession)                                                                               \
    X(C_CloseSession)                                                                              \
    X(C_CloseAllSessions)                                                                          \
    X(C_GetSessionInfo)                                                                            \
    X(C_Login)                                                                                     \
    X(C_Logout)                                                                                    \
    X(C_DestroyObject)                                                                             \
    X(C_GetAttributeValue)                                                                         \
    X(C_FindObjectsInit)                                                                           \
    X(C_FindObjects)                                                                               \
    X(C_FindObjectsFinal)                                                                          \
    X(C_DecryptInit)                                                                               \
    X(C_Decrypt)                                                                                   \
    X(C_GenerateKeyPair)                                                                           \
    X(C_GenerateRandom)                                                                            \
    X(C_DeriveKey)

/* Counted beside the calls: comparisons of a PIN, wrong ones, tries left; sessions open now, and
 * those that were open at C_Finalize; shared values alive now; starts without an end. */
#define NOTES(X)                                                                                   \
    X(pin_tried)                                                                                   \
    X(pin_wrong)                                                                                   \
    X(pin_left)                                                                                    \
    X(sessions)                                                                                    \
    X(sessions_left)                                                                               \
    X(secrets)                                                                                     \
    X(running)                                                                                     \
    X(initialised)

enum count {
#define X(name) N_##name,
    CALLS(X) N_CALLS,
    N_BEFORE_NOTES = N_CALLS - 1,
    NOTES(X)
#undef X
        N_COUNTS
};

#define MADE_MAX 4u
#define DER_MAX 160u

struct made { /* a key that C_GenerateKeyPair made */
    uint8_t der[DER_MAX], id[64];
    uint64_t n_der, n_id;
    char label[64];
};

/* The file MODULE.state: rows of a name and a number first. */
struct state {
    struct {
        char name[24];
        uint64_t n;
    } count[N_COUNTS];
    char pin[256];
    uint64_t pin_max;
    struct made made[MADE_MAX];
};

enum slots_mode { SLOTS_FIXED, SLOTS_GROW, SLOTS_SHRINK };

struct field {
    bool is_set;
    uint8_t v[64];
};

struct settings {
    bool twin;      /* a second P-256 key of the same id */
    bool liar;      /* the public object of the P-256 key shows another key's point */
    bool stuck;     /* a failed C_Decrypt leaves the operation active */
    bool shared;    /* one place for shared values, of all sessions */
    bool no_public; /* no public objects */
    enum slots_mode slots_mode;
    CK_ULONG n_slots, n_objects, n_sessions;
    CK_FLAGS flags;
    struct field label, serial, manufacturer, model, description;
};

enum bend_how { BEND_RV, BEND_LEN, BEND_HEX, BEND_WRONG, BEND_ABSENT, BEND_NONE };

/* What a rule says about this one call, attribute or value. */
struct bend {
    enum bend_how how;
    CK_RV rv;
    CK_ULONG n;
    uint8_t hex[80]; /* n bytes */
    bool is_late, is_hung;
    unsigned ms;
};

extern struct settings set;
extern struct state *state;
#define KEEP(name) (state->count[N_##name].n)

/* script.c */

EXPORT bool mock_script(const char *text); /* false: a line is not understood */
EXPORT unsigned long mock_count(const char *name);
EXPORT void mock_reset(void); /* counts, PIN and keys as at the beginning */
const char *mock_path(const char *end);
void script_read(void);
void state_open(void);
struct bend bend_call(enum count call);
struct bend bend_attr(CK_ATTRIBUTE_TYPE type, CK_OBJECT_CLASS of);
struct bend bend_value(bool is_z);

/* token.c: what the calls do, bent or not. */

struct session {
    CK_SESSION_HANDLE h; /* 0: free */
    bool is_rw;
    CK_OBJECT_HANDLE *found;
    size_t n_found, at;
    bool is_finding, is_decrypting, is_sha256;
    CK_OBJECT_HANDLE key;
};

struct session *session_of(CK_SESSION_HANDLE h); /* NULL: no such */
bool is_logged_in(void);
void sessions_end(void);
CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n);
CK_RV token_read(CK_SLOT_ID slot, CK_TOKEN_INFO *out);
void info_field(unsigned char *out, size_t n, const char *plain, const struct field *bent);
CK_RV session_start(CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *out);
CK_RV session_stop(CK_SESSION_HANDLE h);
CK_RV log_in(CK_SESSION_HANDLE h, CK_USER_TYPE user, const unsigned char *pin, CK_ULONG n);
CK_RV log_out(CK_SESSION_HANDLE h);
CK_RV change_pin(CK_SESSION_HANDLE h, const unsigned char *a, CK_ULONG n, const unsigned char *b,
                 CK_ULONG m);

/* object.c */

struct key {
    EVP_PKEY *pkey, *shown; /* shown: what the public object says; NULL as pkey */
    uint8_t id[64];
    size_t n_id;
    char label[64];
    bool is_rsa;
};

const struct key *key_of(CK_OBJECT_HANDLE private); /* NULL: not there, or not logged in */
void keys_forget(void);
CK_OBJECT_HANDLE secret_add(CK_SESSION_HANDLE owner, const uint8_t *p, size_t n);
void secrets_drop(CK_SESSION_HANDLE owner); /* 0: of all */
CK_RV object_destroy(CK_OBJECT_HANDLE h);
void session_clear(struct session *s); /* frees what it holds */
CK_RV find_start(struct session *s, const CK_ATTRIBUTE *match, CK_ULONG n);
CK_RV find_next(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG cap, CK_ULONG *n);
CK_RV attributes_read(CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n);

/* operation.c */

CK_RV derive(struct session *s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE *out);
CK_RV decrypt_start(struct session *s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key);
CK_RV decrypt_end(struct session *s, const unsigned char *in, CK_ULONG n, unsigned char *out,
                  CK_ULONG *n_out);
CK_RV pair_make(struct session *s, const CK_MECHANISM *m, const CK_ATTRIBUTE *private, CK_ULONG n,
                CK_OBJECT_HANDLE *public_out, CK_OBJECT_HANDLE *private_out);

#endif
