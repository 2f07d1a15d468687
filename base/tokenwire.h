/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer-agent and coffer-token say to each other over their socketpair. A frame is u32be
 * length of the rest, one byte kind, then its members in order, as in wire.h. No frame is longer
 * than TOKENWIRE_MAX. The PIN is in none: it travels in a descriptor that comes with an UNLOCK
 * frame, and only coffer-token reads it. */
#ifndef BASE_TOKENWIRE_H
#define BASE_TOKENWIRE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdint.h>

#define TOKENWIRE_MAX 8192u
#define TOKENWIRE_TEXT 130u
#define TOKENWIRE_CT_MAX 1024u
#define TOKENWIRE_Z 32u

enum tokenwire_kind {
    /* to coffer-token */
    TOKENWIRE_UNLOCK = 1, /* id; flags; with a descriptor from which the PIN is read (first line,
                           * from where it stands; its other end is written within two seconds),
                           * or without one where it is typed on the device */
    TOKENWIRE_DECAP,      /* id; ct: the one private-key operation */
    TOKENWIRE_RELEASE,    /* lets go of the token until it is next needed; the PIN is kept */
    /* from coffer-token */
    TOKENWIRE_STATE,   /* what the token is; first of all, and whenever it changed: before the DONE
                        * of what changed it */
    TOKENWIRE_WAITING, /* id: it has waited for a second; a touch may be wanted */
    TOKENWIRE_DONE,    /* id; what became of an UNLOCK or DECAP */
    /* to coffer-token */
    TOKENWIRE_LOOK /* looks at the token, where it was not let go of, and tells its STATE, changed
                    * or not: flags of the PIN as fresh as the driver gives them, while nobody is
                    * logged in. So does a new channel. */
};

struct tokenwire_state {
    char label[TOKENWIRE_TEXT], serial[TOKENWIRE_TEXT], manufacturer[TOKENWIRE_TEXT],
        model[TOKENWIRE_TEXT], firmware[TOKENWIRE_TEXT], driver[TOKENWIRE_TEXT];
    uint8_t pin;   /* enum pin_state, as it was last seen */
    uint8_t touch; /* enum touch_policy of the sealing key; unknown before the first UNLOCK */
    bool is_present, is_software, is_protected_path;
    bool is_logged_in;     /* a DECAP needs no person for the login: it holds, or a PIN that worked
                            * is kept (so after a RELEASE too, and while the token is pulled) */
    bool is_pin_each_time; /* of the sealing key, as touch */
};

struct tokenwire_done {
    uint32_t id;
    uint8_t pin_try;     /* enum pin_try: of an UNLOCK, or where a DECAP logged in again in vain;
                          * PIN_NOT_TRIED else */
    uint32_t recoveries; /* since its start: times the token was gone and opened again */
    struct err err;      /* code OK: done */
    struct secret z;     /* of a DECAP that went well, TOKENWIRE_Z bytes; else empty. The reader
                          * frees it */
};

#define TOKENWIRE_USE_LAST_TRY 1u

int tokenwire_put_unlock(struct buf *out, uint32_t id, uint32_t flags, struct err *e) MUST_USE;
int tokenwire_put_decap(struct buf *out, uint32_t id, struct bytes ct, struct err *e) MUST_USE;
int tokenwire_put_release(struct buf *out, struct err *e) MUST_USE;
int tokenwire_put_look(struct buf *out, struct err *e) MUST_USE;
int tokenwire_put_state(struct buf *out, const struct tokenwire_state *s, struct err *e) MUST_USE;
int tokenwire_put_waiting(struct buf *out, uint32_t id, struct err *e) MUST_USE;
/* Appends to out, a secret with room for TOKENWIRE_MAX, because z is in the frame; no buffer sees z
 * besides. */
int tokenwire_put_done(struct secret *out, const struct tokenwire_done *d, struct err *e) MUST_USE;

/* The first whole frame of what came: *n its size, 0 when more must come (*kind is then not set);
 * *kind. ERR_FORMAT: the stream is of no more use. */
int tokenwire_frame(struct bytes in, size_t *n, enum tokenwire_kind *kind, struct err *e) MUST_USE;
int tokenwire_get_unlock(struct bytes frame, uint32_t *id, uint32_t *flags, struct err *e) MUST_USE;
/* ct points into frame */
int tokenwire_get_decap(struct bytes frame, uint32_t *id, struct bytes *ct, struct err *e) MUST_USE;
int tokenwire_get_state(struct bytes frame, struct tokenwire_state *out, struct err *e) MUST_USE;
int tokenwire_get_waiting(struct bytes frame, uint32_t *id, struct err *e) MUST_USE;
int tokenwire_get_done(struct bytes frame, struct tokenwire_done *out, struct err *e) MUST_USE;

#endif
