/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves a line with the program's name in the file beside itself, FILE.so.mark, in each process
 * that loads it, as LD_PRELOAD or LD_AUDIT make one. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

unsigned la_version(unsigned version);

static const char here[] = "an address in this library";

__attribute__((constructor)) static void mark(void)
{
    char path[4096], line[256];
    Dl_info of;

    if (!dladdr(here, &of) ||
        snprintf(path, sizeof(path), "%s.mark", of.dli_fname) >= (int)sizeof(path))
        return;
    int n = snprintf(line, sizeof(line), "%s\n", program_invocation_short_name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    (void)!write(fd, line, (size_t)n);
    close(fd);
}

/* What makes it a library that the loader takes as LD_AUDIT. */
unsigned la_version(unsigned version)
{
    return version;
}
