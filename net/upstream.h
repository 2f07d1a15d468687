/* SPDX-License-Identifier: Apache-2.0 */
/* Permitted requests on their way to the exchanges, all beside each other: nothing queues behind
 * another. Connections are kept, and so are handles that are set for a place. */
#ifndef NET_UPSTREAM_H
#define NET_UPSTREAM_H

#include "base/attr.h"
#include "base/err.h"
#include "net/transfer.h"

struct event_base;
struct upstream;

struct upstream_calls {
    struct sink sink; /* from within libcurl: nothing may be begun, given back or cancelled there */
    /* From the loop; the transfer is the owner's to give back. */
    void (*ended)(void *owner, struct transfer *t, CURLcode code);
};

int upstream_new(struct event_base *loop, const struct proxy *proxy, const struct env *env,
                 const struct upstream_calls *calls, struct upstream **out, struct err *e) MUST_USE;
/* All transfers have been given back. */
void upstream_free(struct upstream *u);

/* An empty transfer for what q asks, with a handle that suits it if there is one. NULL: no memory.
 */
struct transfer *upstream_take(struct upstream *u, const struct wire_request *q);
/* Prepares what was loaded, and begins. false: it never will; how it ended is in the transfer, with
 * CURLE_FAILED_INIT. */
bool upstream_begin(struct upstream *u, struct transfer *t) MUST_USE;
/* Begun and not ended: ends it without a call. */
void upstream_cancel(struct upstream *u, struct transfer *t);
void upstream_give(struct upstream *u, struct transfer *t); /* takes NULL */

#endif
