/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's doors: sockets that were bound by whoever started this process, and who may come in
 * by them, and how many. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/attr.h"
#include "base/err.h"
#include "net/last.h"

#include <stddef.h>
#include <stdint.h>

#define LISTENER_DOORS_MAX 8u
#define LISTENER_UIDS_MAX 64u
#define LISTENER_CLIENTS_MAX 1200u /* by Unix sockets */
#define LISTENER_SHARE_MAX 1050u   /* of them, of one uid */
#define LISTENER_TCP_MAX 600u      /* besides them; nobody knows whose they are */

struct event_base;
struct gate;
struct listener;

struct door {
    int fd;        /* listens */
    unsigned port; /* 0: a Unix socket */
};

struct listener_config {
    struct door doors[LISTENER_DOORS_MAX];
    size_t n_doors;
    uint32_t uids[LISTENER_UIDS_MAX]; /* let in by Unix sockets, besides our own */
    size_t n_uids;
};

/* loop and gate outlive it. The doors are closed by listener_free, not on failure. */
int listener_new(struct event_base *loop, struct gate *gate, const struct listener_config *config,
                 struct listener **out, struct err *e) MUST_USE;
void listener_free(struct listener *l); /* all connections too; takes NULL */

/* Nobody is let in any more; for who is inside as http_finish. */
bool listener_finish(struct listener *l, enum last which);

#endif
