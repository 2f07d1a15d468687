/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens in plain bytes: find one, log in, find or generate the sealing key, and its one private
 * operation. No CK_ type leaves this folder: the calls are message-shaped, so that a helper process
 * can stand behind them. A struct token is one module loaded by path, one token, one session; all
 * calls on one module are serialised, whichever token they are for: drivers share more between
 * sessions than they should. No fork after token_open. */
#ifndef PKCS11_TOKEN_H
#define PKCS11_TOKEN_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "pkcs11/kem.h"
#include "pkcs11/uri.h"

#define TOKEN_WAIT_MS 1000u /* after so long a person is told that the token may want a touch */

enum pin_state { PIN_OK, PIN_LOW, PIN_FINAL_TRY, PIN_LOCKED, PIN_UNSET };

/* What became of the PIN of a login. */
enum pin_try {
    PIN_NOT_TRIED, /* surely no try was made: refused before, or somebody was logged in already */
    PIN_TRIED,     /* a try may have been spent */
    PIN_PROVEN     /* the token took it */
};

struct token_info {
    char label[TOKEN_LABEL_MAX], serial[TOKEN_SERIAL_MAX];
    char manufacturer[TOKEN_LABEL_MAX], model[TOKEN_SERIAL_MAX];
    char firmware[8];           /* "2.6" */
    char driver[TOKEN_LABEL_MAX + 8];   /* library description and version, as the module tells */
    bool is_software;           /* SoftHSM, NSS, swtpm: not hardware */
    bool is_read_only;
    bool is_protected_path;     /* PIN is entered on the device */
    bool is_pin_default;        /* the driver says that the PIN is still the maker's */
    enum pin_state pin;
    unsigned pin_min, pin_max;  /* 0: the token does not say */
};

/* Where a token is: a module and what identifies the token in it. softhsm_conf: path given to the
 * module as SOFTHSM2_CONF, or empty. The environment is one per process: while a module is open,
 * another SOFTHSM2_CONF is refused. */
struct token_where {
    char module[TOKEN_PATH_MAX];
    char softhsm_conf[TOKEN_PATH_MAX];
    char label[TOKEN_LABEL_MAX], serial[TOKEN_SERIAL_MAX];          /* empty: any */
    char manufacturer[TOKEN_LABEL_MAX], model[TOKEN_SERIAL_MAX];
};

enum seal_key_kind {
    SEAL_KEY_P256,
    SEAL_KEY_RSA2048,
    SEAL_KEY_RSA3072,
    SEAL_KEY_RSA4096,
    SEAL_KEY_OTHER              /* another curve or size: cannot open wraps */
};

/* Whether the key's operation waits for a touch, where the driver lets that be read. */
enum touch_policy { TOUCH_UNKNOWN, TOUCH_NEVER, TOUCH_ALWAYS, TOUCH_CACHED };

struct token_key {
    enum seal_key_kind kind;
    enum touch_policy touch;
    char label[128];
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    struct spki spki;           /* n == 0 when the token does not show the public key */
    bool is_extractable;        /* the token would hand it out: never use it for sealing */
    bool is_pin_each_time;      /* it asks for the PIN before every use (CKA_ALWAYS_AUTHENTICATE),
                                 * as far as the driver tells; read with the public half */
};

/* What a key is asked for by; empty parts match all. */
struct token_key_want {
    struct bytes id;
    const char *label;          /* NULL or empty: any */
    const uint8_t *rid;         /* RID_LEN bytes, or NULL: any */
    bool is_private_only;       /* token_use_key: spki stays empty unless rid is given; quicker */
};

struct token;

/* Initialised tokens that a module shows. out[cap] is filled, *n = number found (may exceed cap).
 * ERR_TOKEN when the module does not load. */
int token_list(const char *module, const char *softhsm_conf, struct token_info *out, size_t cap,
               size_t *n, struct err *e) MUST_USE;
/* Loads the module and finds exactly one token. ERR_NOT_FOUND (none: says what is there), ERR_USAGE
 * (several: says how to choose). */
int token_open(const struct token_where *w, struct token **out, struct err *e) MUST_USE;
void token_close(struct token *t);      /* logs out, finalises; takes NULL */
void token_closep(struct token **t);
/* As read by the last token_open or token_login; valid until token_close. */
const struct token_info *token_info(const struct token *t);
/* Reads the flags again and logs in. pin NULL with a protected path. Errors: ERR_PIN with what is
 * left as far as the token tells (also for a PIN of impossible length, which is not tried),
 * ERR_PIN_LOCKED, ERR_PERSON when the flags say final try and !use_last_try. A login that already
 * holds is success. */
int token_login(struct token *t, const struct secret *pin, bool use_last_try,
                struct err *e) MUST_USE;
/* From now on: when a call on this token has waited for TOKEN_WAIT_MS, waiting(ctx) is called once
 * for that call, from another thread; the call goes on. waiting NULL: no more. ctx lives until
 * then. The callback must not use the token. A software token asks for nothing: never for it. */
void token_on_wait(struct token *t, void (*waiting)(void *ctx), void *ctx);
/* How often since token_open the token was found gone, reset or stuck and a private operation was
 * done all the same, after one more start: driver, session, login, key. The PIN that worked is kept
 * in a struct secret for that until token_close, and is given once to the same token, only where
 * its flags speak of no failed try. The same is what shows the same label, serial, maker and model:
 * a driver, or a server behind it, that lies about them gets the PIN, as it would at the login. */
unsigned token_recoveries(const struct token *t);
/* Why a PIN that worked is not given again unasked to a token whose flags are now these; NULL: it
 * may be, once, when it is the same token. */
const char *token_pin_obstacle(const struct token_info *now);
/* Of the last login: token_login, or one that a recovery made since. */
enum pin_try token_pin_try(const struct token *t);
/* Private keys visible now (most tokens: after login) that can open wraps: EC P-256 and RSA.
 * out[cap], *n = number found (may exceed cap). */
int token_keys(struct token *t, const struct token_key_want *want, struct token_key *out,
               size_t cap, size_t *n, struct err *e) MUST_USE;
/* The public halves that the token shows, before a login too, of every kind: SEAL_KEY_OTHER cannot
 * be sealed to. Nothing is known of the private half (is_extractable is false), not even that there
 * is one. out[cap], *n = number found (may exceed cap). */
int token_public_keys(struct token *t, struct token_key *out, size_t cap, size_t *n,
                      struct err *e) MUST_USE;
/* Exactly one key, which the later private operations use; of several, the only one that is not
 * extractable. ERR_NOT_FOUND, ERR_USAGE (several: lists ids; extractable; not P-256 or RSA). */
int token_use_key(struct token *t, const struct token_key_want *want, struct token_key *out,
                  struct err *e) MUST_USE;
/* A new non-extractable key pair, label and id set; it becomes the key in use. ERR_EXISTS when the
 * id is taken. */
int token_generate(struct token *t, enum seal_key_kind kind, const char *label, struct bytes id,
                   struct token_key *out, struct err *e) MUST_USE;
/* Tries the schemes that fit the key in use, best first, each by a real round trip and a tampered
 * ciphertext. ERR_TOKEN when none works. key: as token_use_key gave it, with its spki. */
int token_probe(struct token *t, const struct token_key *key, enum scheme *out,
                struct err *e) MUST_USE;
/* The one private-key operation: ct to z (KEM_Z_LEN bytes, a secret made here). Every failure to
 * decrypt is one error, ERR_TAMPERED; a token that is gone, logged out or broken is ERR_TOKEN,
 * after one recovery and a second try; one that waited in vain for a touch is ERR_PERSON, and is
 * not asked again. Where the login of the recovery failed, the error is that of token_login. At
 * most two operations are asked of the token. */
int token_decap(struct token *t, enum scheme s, struct bytes ct, struct secret *z,
                struct err *e) MUST_USE;
/* A driver did not end within five seconds, when its token was closed or started anew, and was left
 * behind with its thread: the process should flush its output and end by _exit. */
bool token_driver_is_stuck(void);
/* Changes the user PIN. Errors as token_login (the last try is never used). */
int token_set_pin(struct token *t, const struct secret *old_pin, const struct secret *new_pin,
                  struct err *e) MUST_USE;

#endif
