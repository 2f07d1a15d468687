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
 * already. uid, pid: of the other end, whatever its frames say. Beyond FRAMES_MAX it is closed. */
#define FRAMES_MAX 64u
void frames_accept(struct event_base *loop, struct gate *g, int fd, struct bytes first,
                   uint32_t uid, uint32_t pid);

#endif
