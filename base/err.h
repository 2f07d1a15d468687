/* SPDX-License-Identifier: Apache-2.0 */
/* One error: a code, one line that says what failed and why, and hints that say what to do.
 * Library code fills it and never prints. No secret may be passed in: there is no format for struct
 * secret. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

enum err_code {
    OK = 0,
    ERR_FAILED = -1, /* exit 1 from here ... */
    ERR_IO = -2,     /* the operating system said no */
    ERR_MEMORY = -3,
    ERR_FORMAT = -4, /* not the documented form */
    ERR_LIMIT = -5,  /* longer, deeper or more than allowed */
    ERR_NOT_FOUND = -6,
    ERR_EXISTS = -7,
    ERR_TAMPERED = -8, /* a MAC, tag or hash does not hold */
    ERR_TOKEN = -9,    /* the token or its driver failed */
    ERR_USAGE = -20,   /* exit 2 */
    ERR_PERSON = -30,  /* exit 3 from here: a person is needed ... */
    ERR_PIN = -31,     /* wrong PIN */
    ERR_PIN_LOCKED = -32,
    ERR_TRUST = -33,    /* `coffer trust` is needed */
    ERR_EXCHANGE = -40, /* exit 4 */
    ERR_POLICY = -50    /* exit 5 */
};

#define ERR_MSG_MAX 640
#define ERR_HINT_MAX 320
#define ERR_HINTS 4

struct err {
    enum err_code code;
    unsigned n_hints;
    char msg[ERR_MSG_MAX];
    char hints[ERR_HINTS][ERR_HINT_MAX];
};

/* Starts a new error, dropping what was there. Returns code, so that `return err_set(...)` reads
 * well. Text too long is cut; control characters and bytes that are not UTF-8 become \xNN. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
/* As err_set for a failed system call: adds strerror(err_no). */
int err_sys(struct err *e, int err_no, const char *fmt, ...) PRINTF(3, 4);
/* Puts "text: " before the message. Returns the code that is there. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* Adds a line that says what to do; beyond ERR_HINTS it is dropped. Returns the code. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* The exit status of DESIGN's table: 0 to 5. */
int err_exit(enum err_code code);
/* The code's stable name in --json output: "usage", "wrong_pin" ... */
const char *err_name(enum err_code code);

#endif
