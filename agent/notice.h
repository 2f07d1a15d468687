/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should learn now: a touch that is waited for, a token that is gone, a lock. To the
 * agent's stderr (the terminal, or the journal), and to the clients that subscribed. */
#ifndef AGENT_NOTICE_H
#define AGENT_NOTICE_H

#include "agent/agent.h"
#include "base/attr.h"

enum notice_kind {
    NOTICE_TOUCH,    /* "touch", subject: the record */
    NOTICE_TOUCHED,  /* "touched": the wait is over, whatever came of it */
    NOTICE_LOCKED,   /* "locked" */
    NOTICE_UNLOCKED, /* "unlocked", subject: the token's label */
    NOTICE_TOKEN,    /* "token": gone, back, hung; subject: its label */
    NOTICE_VAULT,    /* "vault": it changed on disk, or can no longer be read */
    NOTICE_PROXY,    /* "proxy": coffer-net ended, or is there again */
    NOTICE_COUNT
};
const char *notice_name(enum notice_kind k);

struct notices;
int notices_new(struct agent *a, struct err *e) MUST_USE; /* sets a->notices */
void notices_free(struct agent *a);
/* text: one line for a person, without a secret; cut to 512 bytes. subject: what it is about, or
 * "". The same line again within a second is told once. */
void notice(struct agent *a, enum notice_kind k, const char *subject, const char *fmt, ...)
    PRINTF(4, 5);
/* The server's: is told each notice. */
void notices_listen(struct agent *a,
                    void (*told)(void *ctx, enum notice_kind k, const char *subject,
                                 const char *text),
                    void *ctx);

#endif
