/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's sockets and timer in an event loop. */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "base/attr.h"
#include "base/err.h"
#include "net/reuse.h"

#include <curl/curl.h>

struct event_base;
struct watches;

/* moved: called from the loop whenever libcurl has done something; some transfer may have ended.
 * sockets: their `closing` becomes ours. All are borrowed. */
int watches_new(struct event_base *loop, CURLM *multi, struct sockets *sockets,
                void (*moved)(void *ctx), void *ctx, struct watches **out, struct err *e) MUST_USE;
/* After the multi is cleaned up, which still closes sockets. */
void watches_free(struct watches *w);

#endif
