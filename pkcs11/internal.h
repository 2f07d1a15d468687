/* SPDX-License-Identifier: Apache-2.0 */
/* Inside pkcs11/: what the files that speak to a module share. CK_ types end here. */
#ifndef PKCS11_INTERNAL_H
#define PKCS11_INTERNAL_H

#include "pkcs11/spare.h"
#include "pkcs11/token.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <pthread.h>

#define SLOTS_MAX 256u
#define KEYS_MAX 64u

struct module {
    CK_FUNCTION_LIST *fn;   /* NULL: not open */
    char driver[sizeof(((struct token_info *)0)->driver)];
};

struct token {
    struct module mod;
    pthread_mutex_t lock;          /* around every group of calls that belongs together */
    char softhsm_conf[TOKEN_PATH_MAX];
    CK_SLOT_ID slot;
    struct token_info info;
    CK_SESSION_HANDLE session;     /* read-only; CK_INVALID_HANDLE when none */
    bool is_login_ours;            /* C_Login said OK, so C_Logout is ours to call */
    enum pin_try pin_try;          /* of the last token_login */
    CK_OBJECT_HANDLE key;          /* CK_INVALID_HANDLE when no key is in use */
    struct token_key key_info;
    unsigned derive_form;          /* index of the form of ECDH that worked, and whether one has */
    bool is_derive_form_known;
};

/* rv.c */

/* Sets "what: reason" with the code and the hints that belong to rv. Returns the code. */
int rv_err(struct err *e, CK_RV rv, const char *fmt, ...) PRINTF(3, 4);
bool rv_is_session_lost(CK_RV rv);   /* a new session may mend it */
bool rv_is_handle_lost(CK_RV rv);    /* finding the key again may mend it */
bool rv_spends_no_try(CK_RV rv);     /* of C_Login: the PIN was surely not compared */
/* The token, not the ciphertext, is the cause: gone, logged out, cancelled, not able. */
bool rv_is_token_fault(CK_RV rv);

/* module.c */

/* Loads and initialises; balanced by module_close. Errors: ERR_TOKEN, ERR_USAGE. */
int module_open(const char *path, const char *softhsm_conf, struct module *m,
                struct err *e) MUST_USE;
void module_close(struct module *m);   /* takes one that is not open */
void module_closep(struct module *m);
/* Slots with a token in them, initialised or not. */
int module_slots(const struct module *m, CK_SLOT_ID slots[SLOTS_MAX], size_t *n,
                 struct err *e) MUST_USE;

/* token.c */

/* Copies a blank-padded (some modules: NUL-padded) field without its padding. */
void padded_copy(char *out, size_t cap, const unsigned char *field, size_t n);
struct token *token_lock(struct token *t);      /* returns t, for AUTO(token_unlockp) */
void token_unlockp(struct token **t);
#define TOKEN_LOCKED(t) AUTO(token_unlockp) struct token *locked_ = token_lock(t); (void)locked_
int token_refresh(struct token *t, struct err *e) MUST_USE;   /* t->info, as it is now */
/* After a change of the token: a software token writes its files without telling the disk to keep
 * them, and a vault that is on the disk before its key is lost with the power. */
void token_settle(const struct token *t);
int session_open(struct token *t, bool is_rw, CK_SESSION_HANDLE *out, struct err *e) MUST_USE;
int session_need(struct token *t, struct err *e) MUST_USE;    /* t->session is open after it */
/* A fresh session in place of t->session, opened before the old one closes: the login holds. */
int session_renew(struct token *t, struct err *e) MUST_USE;

/* attribute.c */

/* PKCS#11 has no const; a module does not write to the attributes of a template. */
CK_ATTRIBUTE attr_of(CK_ATTRIBUTE_TYPE type, const void *p, size_t n);
/* Reads several attributes; one that the object lacks, hides or that does not fit gets ulValueLen
 * CK_UNAVAILABLE_INFORMATION. */
CK_RV attrs_read(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, size_t n);
bool attr_has(const CK_ATTRIBUTE *a);
struct bytes attr_bytes(const CK_ATTRIBUTE *a);   /* empty when absent */
int objects_find(struct token *t, CK_ATTRIBUTE *match, size_t n_match, CK_OBJECT_HANDLE *out,
                 size_t cap, size_t *n, struct err *e) MUST_USE;

/* key.c */

extern const uint8_t p256_oid[10];   /* CKA_EC_PARAMS of prime256v1 */
/* The whole description of a private key object; spki only when with_public. */
int key_read(struct token *t, CK_OBJECT_HANDLE h, bool with_public, struct token_key *out,
             struct err *e) MUST_USE;
void key_take(struct token *t, CK_OBJECT_HANDLE h, const struct token_key *key);
int key_refind(struct token *t, struct err *e) MUST_USE;   /* the key in use, by its id */
bool key_kind_is_rsa(enum seal_key_kind kind);

#endif
