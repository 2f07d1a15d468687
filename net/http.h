/* SPDX-License-Identifier: Apache-2.0 */
/* The clients of the proxy that speak HTTP/1.1, each a connection that is kept and carries one
 * request at a time. What a request may do is the agent's to say, what it looks like net/head.h's.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_NOBODY UINT32_MAX

struct event_base;
struct gate;
struct http_hub; /* all of them */

struct http_peer {
    uint32_t uid, pid; /* on TCP both HTTP_NOBODY */
    unsigned port;     /* of ours; 0: a Unix socket */
};

/* Both must outlive it. */
int http_hub_new(struct event_base *loop, struct gate *gate, struct http_hub **out,
                 struct err *e) MUST_USE;
void http_hub_free(struct http_hub *hub); /* closes all; takes NULL */
/* fd: an accepted socket that does not wait; the hub's from here on, on failure too. */
int http_open(struct http_hub *hub, int fd, const struct http_peer *peer, struct err *e) MUST_USE;
/* To be called about once a second while there are any: time limits. now_ms: by ticks_ms; it is the
 * hub's clock until the next call. */
void http_tick(struct http_hub *hub, uint64_t now_ms);
size_t http_count(const struct http_hub *hub);
/* uid: of these clients of Unix sockets; NULL: of all of that side. */
size_t http_count_of(const struct http_hub *hub, bool is_tcp, const uint32_t *uid);
/* Closes one that has no request in work: the oldest that never had a request permitted, else the
 * one that has been ready longest. It may be in the middle of a head or body; of Unix sockets only
 * where none is silent. uid as above. false: all are at work. */
bool http_make_room(struct http_hub *hub, bool is_tcp, const uint32_t *uid);

#endif
