/* SPDX-License-Identifier: Apache-2.0 */
/* The table of session tokens as net/session*.c see it: net/session.c fills it, net/session_text.c
 * looks for what is in it. */
#ifndef NET_SESSION_PARTS_H
#define NET_SESSION_PARTS_H

#include "net/session.h"

#define SESSION_TOKEN_MIN 16u /* a shorter text could be any word */

struct session {
    uint8_t hex[SESSION_HEX];
    struct buf real, record;
    uint64_t made_ms;
};

struct sessions {
    const struct env *env;
    struct session v[SESSIONS_MAX]; /* oldest first */
    size_t n;
};

void sessions_drop_old(struct sessions *s, uint64_t now_ms);
bool session_is_of(const struct session *x, struct bytes record);

#endif
