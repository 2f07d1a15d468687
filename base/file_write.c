/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and locking, of file.h. Each step reaches the disk before the next one relies on it. */
#include "base/file.h"

#include "base/file_op.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_STEP_MS 20u
#define ASIDE_TRIES 100u

static int write_all(int fd, const char *name, struct bytes v, struct err *e)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_write_failed(errno, "write", name, e);
        if (n == 0)
            return file_write_failed(ENOSPC, "write", name, e);
        v.p += n;
        v.n -= (size_t)n;
    }
    return OK;
}

static int finish(int *fd, const char *name, bool sync, struct err *e)
{
    int r = OK;

    if (sync && fsync(*fd))
        r = file_write_failed(errno, "write", name, e);
    /* A network file system may say only now that the disk is full. */
    if (close(file_give(fd)) && !r)
        r = file_write_failed(errno, "write", name, e);
    return r;
}

int file_finish(int *fd, const char *name, struct err *e)
{
    return finish(fd, name, true, e);
}

static int begin(int dir, const char *name, struct bytes v, int *out, struct err *e)
{
    int r = file_check_name(name, e);

    if (r)
        return r;
    AUTO(fd_closep)
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_EXISTS, "'%s' exists already", name);
    if (fd < 0)
        return file_write_failed(errno, "make", name, e);
    r = write_all(fd, name, v, e);
    if (r)
        unlinkat(dir, name, 0);
    else
        *out = file_give(&fd);
    return r;
}

int file_begin_at(int dir, const char *name, struct bytes v, int *fd, struct err *e)
{
    int r = begin(dir, name, v, fd, e);

    if (!r) /* a hint: else many file systems do nothing before they are waited for, file by file */
        (void)sync_file_range(*fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return r;
}

static int create(int dir, const char *name, struct bytes v, bool sync, struct err *e)
{
    AUTO(fd_closep) int fd = -1;
    int r = begin(dir, name, v, &fd, e);

    if (r)
        return r;
    r = finish(&fd, name, sync, e);
    if (r)
        unlinkat(dir, name, 0);
    return r;
}

int file_create_at(int dir, const char *name, struct bytes v, struct err *e)
{
    return create(dir, name, v, true, e);
}

static int replace(int dir, const char *name, struct bytes v, bool sync, struct err *e)
{
    char aside[NAME_MAX + 1];
    int r = file_check_name(name, e);

    if (r)
        return r;
    r = ERR_EXISTS;
    for (unsigned i = 0; r == ERR_EXISTS && i < ASIDE_TRIES; i++) {
        int n = snprintf(aside, sizeof(aside), ".%s.tmp.%ld.%u", name, (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof(aside))
            return err_set(e, ERR_LIMIT, "the name '%s' is too long", name);
        r = create(dir, aside, v, sync, e);
    }
    if (r)
        return err_wrap(e, "replace '%s'", name);
    if (renameat(dir, aside, dir, name)) {
        r = file_write_failed(errno, "replace", name, e);
        unlinkat(dir, aside, 0);
        return r;
    }
    return sync ? dir_sync(dir, name, e) : OK;
}

int file_replace_at(int dir, const char *name, struct bytes v, struct err *e)
{
    return replace(dir, name, v, true, e);
}

int file_note_at(int dir, const char *name, struct bytes v, struct err *e)
{
    return replace(dir, name, v, false, e);
}

int file_lock_at(int dir, const char *name, unsigned wait_ms, int *fd, struct err *e)
{
    const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    int r = file_check_name(name, e);
    struct stat st;

    if (r)
        return r;
    AUTO(fd_closep)
    int f =
        openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (f < 0)
        return file_open_failed(dir, name, errno, e);
    if (fstat(f, &st))
        return err_sys(e, errno, "look at '%s'", name);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "'%s' is not a regular file", name);
    for (unsigned waited = 0; flock(f, LOCK_EX | LOCK_NB); waited += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(e, errno, "lock '%s'", name);
        if (waited >= wait_ms) {
            err_set(e, ERR_FAILED, "'%s' is locked by another process", name);
            return err_hint(e, "wait until the other command has ended, then try again");
        }
        nanosleep(&step, NULL);
    }
    *fd = file_give(&f);
    return OK;
}
