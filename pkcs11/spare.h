/* SPDX-License-Identifier: Apache-2.0 */
/* Guards an embedded SoftHSM token against its own driver. Each login makes SoftHSM 2.6 rewrite
 * token.object in place: cut to nothing, file lock given up, written, never synced. A process that
 * is killed in between, or a full disk, leaves it empty, and with it every key of the token is out
 * of reach; and a second process that looks just then sees no token. So coffer keeps a copy of the
 * file, puts it back when its length is wrong, and lets one process log in at a time. */
#ifndef PKCS11_SPARE_H
#define PKCS11_SPARE_H

#include "base/attr.h"
#include "base/err.h"

#include <signal.h>

/* The right to open and log in; signals that would end the process wait while it is held. */
struct spare {
    int dir, lock;          /* the directory of the copies; -1: nothing to guard */
    sigset_t before;
};
#define SPARE_NONE {.dir = -1, .lock = -1}
#define AUTO_SPARE AUTO(spare_end) struct spare

/* softhsm_conf: as in struct token_where; a token without one, or without copies, is not guarded.
 * Waits for other processes (ERR_FAILED after half a minute), then puts back what is damaged. */
int spare_begin(const char *softhsm_conf, struct spare *s, struct err *e) MUST_USE;
/* Puts back what the driver damaged meanwhile, as far as that goes now, and lets others in. */
void spare_end(struct spare *s);
/* Copies the tokens as they are: after they were made, or their PIN was changed. */
int spare_keep(const char *softhsm_conf, struct err *e) MUST_USE;

#endif
