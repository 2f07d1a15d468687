/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a proxy that finishes what it has begun: which connections may still go on. */
#ifndef NET_LAST_H
#define NET_LAST_H

#include <stdbool.h>

/* Each is closed with the request that it is at. */
enum last {
    LAST_CALL, /* one that is at none may still bring one */
    LAST_WORK, /* it is closed */
    LAST_REPLY /* one whose request has not come whole, too: nobody would permit it */
};

struct http_hub;
/* May be called again and again. True: no connection is left. */
bool http_finish(struct http_hub *hub, enum last which);

#endif
