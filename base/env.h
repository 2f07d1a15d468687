/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside and must be replaceable in tests: the clock and random bytes. Only env.c
 * calls the kernel for them. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/attr.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Sanitizers trace, read and call more than the program itself: some hardening is left out then. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

struct env {
    /* microseconds since 1970 */
    int (*now_us)(const struct env *, uint64_t *unix_us, struct err *);
    int (*random)(const struct env *, void *p, size_t n, struct err *);
    void *ctx;
};

extern const struct env env_real;

/* Milliseconds since some moment, for time limits: never set back or forward (CLOCK_MONOTONIC). */
uint64_t ticks_ms(void);
/* For how long this machine has slept since it was started, in milliseconds. */
uint64_t ticks_suspended_ms(void);

/* Starts a process that will hold secrets: keeps only the allowed environment variables (man page,
 * ENVIRONMENT), makes the process not dumpable and not traceable, no core files, umask 077, SIGPIPE
 * ignored, descriptors 0 to 2 open. First call of main. */
int process_harden(struct err *e) MUST_USE;

/* What of this environment coffer-net is started with: the HTTP proxy's variables, and in sanitizer
 * builds theirs. Borrowed from the environment; ends with NULL. */
#define ENV_NET_MAX 12u
void environment_net(char *out[ENV_NET_MAX + 1]);

#endif
