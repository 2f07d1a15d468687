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
/* Whether an exchange takes one back by such a request: then it is put into nothing else, lest an
 * exchange shows it again. */
bool sessions_are_for(struct bytes method, struct bytes url);
/* Whether text has what looks like an opaque value. */
bool sessions_are_in(struct bytes text);
/* Appends text, a query or a form, to out with the real value where an opaque one is all of
 * parameter listenKey, percent-encoded; one that is not known, or another record's, stays. */
int sessions_unmask(struct sessions *s, struct bytes record, struct bytes text, uint64_t now_ms,
                    struct buf *out, struct err *e) MUST_USE;
/* Appends reply to out with the opaque value in the place of each real one of that record: plain,
 * percent-encoded, or escaped as in JSON. */
int sessions_hide(struct sessions *s, struct bytes record, struct bytes reply, uint64_t now_ms,
                  struct buf *out, struct err *e) MUST_USE;
/* Whether a short text shows a real one so; true also when it is too long to tell. */
bool sessions_show(const struct sessions *s, struct bytes record, struct bytes text);

#endif
