/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of files: a fresh directory, and what is in it. Each program includes it
 * once. */
#ifndef TESTS_FILE_FIXTURE_H
#define TESTS_FILE_FIXTURE_H

#include "base/file.h"
#include "tests/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* A directory of its own for each test, below the harness's. */
static inline int fresh(const char *name)
{
    char path[PATH_MAX];
    int fd = -1;
    struct err e;

    snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
    OK_CALL(dir_open(path, DIR_CREATE | FILE_PRIVATE, &fd, &e), &e);
    return fd;
}

static inline void path_in(char out[PATH_MAX], const char *dir, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s/%s", harness_dir(), dir, name);
}

static inline unsigned n_entries(int dir)
{
    unsigned n = 0;
    DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    for (struct dirent *x; d && (x = readdir(d));)
        n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
    closedir(d);
    return n;
}

static inline unsigned mode_of(int dir, const char *name)
{
    struct stat st = {0};

    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
    return st.st_mode & 07777;
}

#endif
