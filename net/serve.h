/* SPDX-License-Identifier: Apache-2.0 */
/* The loop between coffer, at the other end of the socketpair, and the exchanges. */
#ifndef NET_SERVE_H
#define NET_SERVE_H

#include "base/env.h"
#include "base/err.h"
#include "net/proxy.h"

/* OK when the other end is gone. ERR_FORMAT, ERR_LIMIT: what came from it is no request. */
int serve(int fd, const struct proxy *proxy, const struct env *env, struct err *e) MUST_USE;

#endif
