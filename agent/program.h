/* SPDX-License-Identifier: Apache-2.0 */
/* Where the other programs of coffer are: they are installed together, and never looked for in
 * $PATH. */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include "base/attr.h"
#include "base/err.h"

#include <limits.h>
#include <spawn.h>
#include <stdbool.h>

/* The absolute path of "coffer-net", ...: beside this program or in ../lib/coffer; of "coffer" also
 * in ../../bin. ERR_FAILED. */
int program_find(const char *name, char out[PATH_MAX], struct err *e) MUST_USE;
/* A program that we start begins with no signal blocked or ignored; in a session of its own the
 * terminal is not its. An errno. */
int program_attributes(posix_spawnattr_t *attr, bool own_session) MUST_USE;

#endif
