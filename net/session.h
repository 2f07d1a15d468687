/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that an exchange hands out in a reply, and that act for a key without a signature: the
 * client gets an opaque value in the place of one, good only here and only for the same record, for
 * SESSION_MS. Pure: no I/O. */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/env.h"

#include <stdbool.h>

#define SESSIONS_MAX 1024u
#define SESSION_MS (24u * 60 * 60 * 1000)
#define SESSION_REPLY_MAX 65536u
#define SESSION_PREFIX "coffer-session-"
#define SESSION_HEX 32u

struct sessions;
int sessions_new(const struct env *env, struct sessions **out, struct err *e) MUST_USE;
void sessions_free(struct sessions *s); /* wipes; takes NULL */

/* Appends reply to out with an opaque value in the place of its member's: "listenKey", or
 * "result.token" for one in an object. now_ms: ticks_ms. A reply without that member is appended
 * as it is when nothing in it could be a token: no text of 16 bytes or more without a blank, or an
 * error of Kraken's form. ERR_FORMAT: neither, or no JSON object. */
int sessions_mask(struct sessions *s, struct bytes record, struct bytes member, struct bytes reply,
                  uint64_t now_ms, struct buf *out, struct err *e) MUST_USE;
/* Whether text has what looks like an opaque value. */
bool sessions_are_in(struct bytes text);
/* Appends text to out with the real values; one that is not known, or another record's, stays as it
 * is. A JSON text gets them escaped for its strings, any other percent-encoded. */
int sessions_unmask(struct sessions *s, struct bytes record, struct bytes text, uint64_t now_ms,
                    struct buf *out, struct err *e) MUST_USE;

#endif
