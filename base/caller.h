/* SPDX-License-Identifier: Apache-2.0 */
/* What this process was started with, for a program that it starts in its turn. Only `coffer run`
 * keeps it; every other command forgets it in process_harden. */
#ifndef BASE_CALLER_H
#define BASE_CALLER_H

#include "base/attr.h"
#include "base/err.h"

#include <sys/types.h>

/* Before process_harden. ERR_MEMORY. */
int caller_keep(struct err *e) MUST_USE;
/* "NAME=value", ends with NULL; empty when nothing was kept. */
char *const *caller_environment(void);
mode_t caller_umask(void); /* 077 when nothing was kept */

#endif
