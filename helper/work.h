/* SPDX-License-Identifier: Apache-2.0 */
/* The one token of this process: opened, logged in to, used, let go of and found again. The PIN
 * that worked is kept here, in a struct secret, until this process ends: for a token that was
 * pulled or let go of, under the rules of a recovery (pkcs11/token.h). */
#ifndef HELPER_WORK_H
#define HELPER_WORK_H

#include "base/attr.h"
#include "base/err.h"
#include "base/tokenwire.h"
#include "helper/options.h"

struct work {
    const struct options *options;
    struct token *token;     /* NULL: not open */
    struct secret pin;       /* that worked; empty: none is kept */
    struct token_info known; /* the token that took it */
    struct tokenwire_state state;
    bool is_doubtful;           /* the last operation failed: the login may be lost */
    uint32_t n_recoveries;      /* of those that are closed */
    uint32_t n_done;            /* operations since renew() last began anew */
    void (*waiting)(void *ctx); /* token_on_wait's */
    void *ctx;
};

/* Brings the state up to date: without a login by opening the token anew, so that its flags are
 * new; one that was let go of is left alone. */
void work_look(struct work *w);
/* pin: NULL when it is typed on the device. One that is unlocked stays as it is. done: err and
 * pin_try. */
void work_unlock(struct work *w, const struct secret *pin, bool use_last_try,
                 struct tokenwire_done *done);
/* done: err or z, and pin_try where a login was tried. */
void work_decap(struct work *w, struct bytes ct, struct tokenwire_done *done);
/* Closes the token; the PIN is kept. */
void work_release(struct work *w);
void work_end(struct work *w);

#endif
