/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for landlock's version. What is restricted by it is sandbox_files.c's affair. */
#include "base/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* the same number on every architecture that has it */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define VERSION_QUERY 1u

long landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, VERSION_QUERY);

    if (version >= 0)
        return version;
    /* the last: what a container's filter says of calls that it does not know */
    return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}
