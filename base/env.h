/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside and must be replaceable in tests: the clock and random bytes. Only env.c
 * calls the kernel for them. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/attr.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct env {
    /* microseconds since 1970 */
    int (*now_us)(const struct env *, uint64_t *unix_us, struct err *);
    int (*random)(const struct env *, void *p, size_t n, struct err *);
    void *ctx;
};

extern const struct env env_real;

/* Starts a process that will hold secrets: keeps only the allowed environment variables (man page,
 * ENVIRONMENT), makes the process not dumpable and not traceable, no core files, umask 077, SIGPIPE
 * ignored, descriptors 0 to 2 open. First call of main. */
int process_harden(struct err *e) MUST_USE;

#endif
