/* SPDX-License-Identifier: Apache-2.0 */
/* Inside pkcs11/: what the files that speak to a module share. CK_ types end here. */
#ifndef PKCS11_INTERNAL_H
#define PKCS11_INTERNAL_H

#include "pkcs11/spare.h"
#include "pkcs11/token.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define SLOTS_MAX 256u
#define KEYS_MAX 64u

struct token;

/* A driver file that is loaded, one for all of the process that opened it: its login, and in some
 * drivers the value last derived, belong to all of them. */
struct module {
    CK_FUNCTION_LIST *fn;
    char driver[sizeof(((struct token_info *)0)->driver)];
    pthread_mutex_t lock;   /* around every group of calls that belongs together */
    unsigned generation;    /* how often it was started again: older sessions are gone */
    uint64_t started_ms;
    struct token *tokens;   /* open ones; under lock */
    struct module *next;    /* these four: under the registry's lock */
    dev_t dev;
    ino_t ino;
    unsigned n_open;
    bool is_stuck;          /* it did not end in time; it is left as it is for good */
    bool is_local;          /* its tokens are files: nothing that could be away, or wait for us */
    bool is_noisy;          /* writes on stderr what is expected: hush.c */
};

/* Tells once, from a thread of its own, that a call lasts. */
struct watch {
    _Atomic(uint64_t) since;   /* ticks_ms() when the call under way began; 0: none; 1: told */
    _Atomic(bool) is_asleep;   /* the thread waits to be woken by the next call */
    _Atomic(bool) is_wanted;   /* told has a value */
    pthread_mutex_t lock;      /* the rest, and while told runs */
    pthread_cond_t wake;
    pthread_t thread;
    bool is_running, is_ending;
    void (*told)(void *ctx);
    void *ctx;
};

typedef int token_work(struct token *t, void *arg, struct err *e);

struct token {
    struct module *mod;
    struct token *next;            /* of the same module */
    unsigned generation;           /* the start of the driver that session and key belong to */
    char softhsm_conf[TOKEN_PATH_MAX];
    CK_SLOT_ID slot;
    struct token_info info;
    CK_SESSION_HANDLE session;     /* read-only; CK_INVALID_HANDLE when none */
    bool was_good;                 /* a session was open once: what is lost can be sought again */
    bool is_login_ours;            /* C_Login said OK, so C_Logout is ours to call */
    bool is_login_wanted;          /* token_login was made: a new session needs it too */
    bool is_login_refused;         /* the one login of a recovery failed, in this call */
    enum pin_try pin_try;          /* of the last login, a recovery's too */
    struct secret pin;             /* that the token took; empty when none is kept */
    token_work *pin_spent_on;      /* for this a recovery gave it, and it has not worked since */
    token_work *work;              /* what is under way */
    CK_OBJECT_HANDLE key;          /* CK_INVALID_HANDLE when no key is in use */
    struct token_key key_info;
    unsigned derive_form;          /* index of the form of ECDH that worked, and whether one has */
    bool is_derive_form_known;
    CK_RV rv;                      /* what the driver last failed with, in this call */
    unsigned n_recoveries;
    struct watch watch;
};

/* rv.c */

/* Sets "what: reason" with the code and the hints that belong to rv. Returns the code. */
int rv_err(struct err *e, CK_RV rv, const char *fmt, ...) PRINTF(3, 4);
/* What a code says about the next try. */
enum rv_class {
    RV_REFUSED,   /* a person or the token says no, or cannot: the same again */
    RV_DATA,      /* the ciphertext is bad; codes that the table lacks count as this */
    RV_SESSION,   /* session, login, handle or operation is stale: a new session mends it */
    RV_DRIVER,    /* token or driver is gone or down: starting the driver again may mend it */
    RV_EITHER     /* RV_DRIVER, or RV_DATA of a driver that has no better word for it */
};
enum rv_class rv_class(CK_RV rv);
bool rv_is_lost(CK_RV rv);           /* RV_SESSION, RV_DRIVER, RV_EITHER */
bool rv_spends_no_try(CK_RV rv);     /* of C_Login: the PIN was surely not compared */

/* module.c */

/* Loads and initialises, or joins those who did; balanced by module_close. Errors: ERR_TOKEN,
 * ERR_USAGE. */
int module_open(const char *path, const char *softhsm_conf, struct module **out,
                struct err *e) MUST_USE;
/* Ends the driver when nobody else has it open. One that does not end in time is left alone. */
void module_close(struct module *m);
void module_closep(struct module **m);   /* takes NULL */
/* module_close for a holder of the module's lock, which it gives back; ends session before. */
void module_leave(struct module *m, CK_SESSION_HANDLE session, bool with_logout);
/* Ends and starts the driver: all sessions of all its tokens are gone, whatever is returned. Its
 * lock is held by the caller. */
int module_restart(struct module *m, struct err *e) MUST_USE;
/* ERR_TOKEN when it is stuck: a call of it may never come back. */
int module_is_fit(const struct module *m, struct err *e) MUST_USE;
struct module *module_lock(struct module *m);   /* returns m, for AUTO(module_unlockp) */
void module_unlockp(struct module **m);
#define MODULE_LOCKED(m) AUTO(module_unlockp) struct module *held_ = module_lock(m); (void)held_
/* Slots with a token in them, initialised or not. */
int module_slots(const struct module *m, CK_SLOT_ID slots[SLOTS_MAX], size_t *n,
                 struct err *e) MUST_USE;

/* hush.c */

/* Before the driver at path is loaded: asks such drivers to be quiet, where the person has not set
 * it otherwise. True: it writes on stderr all the same. Under the registry's lock. */
bool hush_prepare(const char *path);
/* From here to hush_end(what it returned) stderr goes nowhere; nothing happens unless is_noisy. */
int hush_begin(bool is_noisy) MUST_USE;
void hush_end(int saved);

/* ending.c */

#ifndef ENDING_MS         /* a test has less time */
#define ENDING_MS 5000u   /* so long a driver may take to end */
#endif

/* What is to end, in this order; each part may be left out. */
struct ending {
    CK_FUNCTION_LIST *fn;
    CK_SESSION_HANDLE session;   /* CK_INVALID_HANDLE: none */
    bool with_logout, with_finalize;
    bool is_local;               /* as in struct module: then without a thread and a limit */
};
/* False when it takes longer than ENDING_MS: then it goes on in a thread that nobody waits for. */
bool ending_run(const struct ending *what) MUST_USE;

/* wait.c */

void watch_init(struct watch *w);
void watch_end(struct watch *w);     /* stops the thread */
/* Around a call that may wait for a person. */
void watch_begin_call(struct watch *w);
void watch_end_call(struct watch *w);

/* recover.c */

/* As rv_err, and remembers rv for token_twice. */
int token_err(struct token *t, struct err *e, CK_RV rv, const char *fmt, ...) PRINTF(4, 5);
/* Does work(t, arg, e). Where that ends with a code which says that the token may be gone or stale
 * (t->rv), finds the token again and does it once more; fails with both reasons. */
int token_twice(struct token *t, token_work *work, void *arg, struct err *e) MUST_USE;
/* The token answers, is the same, and the login holds; asked on the session that is open. */
bool token_is_well(struct token *t);
/* Several struct tokens may have the same token: the login is the process's, and one that made it
 * keeps the PIN. NULL: nobody does. */
struct token *pin_keeper(struct token *t);
void pin_forget(struct token *t);   /* all that is kept of the token's PIN */
/* Makes the session say whether the login that was made still holds: some drivers only hide the
 * keys. */
int login_check(struct token *t, struct err *e) MUST_USE;

/* touch.c */

/* What the driver tells of key's touch policy; key has its id and spki. */
enum touch_policy touch_read(struct token *t, CK_OBJECT_HANDLE h, const struct token_key *key);

/* login.c */

CK_RV login_call(struct token *t, const struct secret *pin);   /* C_Login; sets t->pin_try */
/* OpenSC and ykcs11 read how many tries are left when they start, and do not see what other
 * processes spend after that: so long after it their flags are believed. */
#define FLAGS_MS 2000u
bool tries_are_known(const struct token *t);

/* token.c */

/* A field as a person may see it: control characters and what is not UTF-8 become '?'. */
void field_copy(char *out, size_t cap, struct bytes field);
/* The same of a blank-padded (some modules: NUL-padded) field, without its padding. */
void padded_copy(char *out, size_t cap, const unsigned char *field, size_t n);
struct token *token_lock(struct token *t);      /* returns t, for AUTO(token_unlockp) */
void token_unlockp(struct token **t);
/* Also notices that the driver was started again meanwhile. */
#define TOKEN_LOCKED(t) AUTO(token_unlockp) struct token *locked_ = token_lock(t); (void)locked_
int token_refresh(struct token *t, struct err *e) MUST_USE;   /* t->info, as it is now */
/* The same token, in whatever slot it is now: t->slot; its flags as they are now: *out. n_looks:
 * how often a driver that shows nothing is asked, after the second time each 100 ms. */
int token_seek(struct token *t, unsigned n_looks, struct token_info *out,
               struct err *e) MUST_USE;
bool token_is_same(const struct token *t, const struct token_info *now);
CK_RV info_read(const struct module *m, CK_SLOT_ID slot, struct token_info *out);
/* After a change of the token: a software token writes its files without telling the disk to keep
 * them, and a vault that is on the disk before its key is lost with the power. */
void token_settle(const struct token *t);

/* session.c */

int session_open(struct token *t, bool is_rw, CK_SESSION_HANDLE *out, struct err *e) MUST_USE;
/* t->session is open after it. One that was lost is not opened here: token_twice does that. */
int session_need(struct token *t, struct err *e) MUST_USE;
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
