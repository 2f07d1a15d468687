/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of coffer on the proxy's socket: they speak base/wire.h, ASK one way, REPLY or REFUSAL
 * the other, in any order, several at once. */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include "base/attr.h"
#include "base/bytes.h"

#include <stdint.h>

struct event_base;
struct gate;

/* fd: a connected socket whose first byte was 0; ours from here on. first: what was read of it
 * already. uid, pid: of the other end, whatever its frames say. It is closed when there
 * are too many, and when nothing was asked for FRAMES_IDLE_S. */
#define FRAMES_MAX 64u
#define FRAMES_OWN_KEPT 16u   /* of them, for our own user */
#define FRAMES_FOREIGN_MAX 8u /* of any other user */
#define FRAMES_IDLE_S 30
void frames_accept(struct event_base *loop, struct gate *g, int fd, struct bytes first,
                   uint32_t uid, uint32_t pid);

#endif
