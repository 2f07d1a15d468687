/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of coffer-token: one thread, one channel at a time, one wish after the other. */
#ifndef HELPER_SERVE_H
#define HELPER_SERVE_H

#include "base/attr.h"
#include "base/err.h"
#include "helper/options.h"

#define CONTROL_FD 3 /* a SOCK_SEQPACKET pair to the spawner, over which channels come */

/* Until the spawner is gone (OK), or the driver hangs at its end. */
int serve(const struct options *o, struct err *e) MUST_USE;

#endif
