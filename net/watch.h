/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl waits for, sockets and moments, in an event loop. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "base/attr.h"
#include "base/err.h"
#include "net/reuse.h"

#include <curl/curl.h>

struct event_base;
struct watches; /* of all multis of a loop */
struct watched; /* one multi */

/* moved: called from the loop whenever libcurl has done something; some transfer of that multi may
 * have ended. sockets: their `closing` becomes ours. All are borrowed. */
int watches_new(struct event_base *loop, struct sockets *sockets,
                void (*moved)(void *ctx, CURLM *multi), void *ctx, struct watches **out,
                struct err *e) MUST_USE;
void watches_free(struct watches *w); /* after all that is watched */

int watched_new(struct watches *w, CURLM *multi, struct watched **out, struct err *e) MUST_USE;
/* Takes NULL. After the multi is cleaned up, which still closes sockets. */
void watched_free(struct watched *m);

#endif
