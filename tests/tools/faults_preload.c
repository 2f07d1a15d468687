/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: counts the system calls that change files and makes the Nth of them go wrong.
 *
 * FAULT        CALL:N:WHAT. CALL: openat (only when it may create), write, fsync, renameat,
 * unlinkat, mkdirat, or any. N: from 1. WHAT: an error (ENOSPC, EIO, EROFS, EDQUOT, EACCES, EINTR),
 *              a signal to oneself before the call (SIGKILL, SIGTERM, SIGINT, SIGHUP), after:SIGNAL
 * for after it, or short (write half). An error also hits all later calls when it has a + behind
 * it: ENOSPC+ is a disk that stays full. FAULT_UNDER  only calls on files below this directory
 * count; without it, all do. FAULT_LOG    a line per counted call, 'N CALL PATH', so that a test
 * learns how many there are.
 *
 * Variables are read before main, because the program drops them. The C library's stdio does not
 * pass through here. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

int openat64(int dir, const char *name, int flags, ...);
int __openat_2(int dir, const char *name, int flags);
int __openat64_2(int dir, const char *name, int flags);
int __open_2(const char *name, int flags);
int open64(const char *name, int flags, ...);
int fsync(int fd);

static const struct {
    const char *name;
    int no;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EROFS", EROFS},
              {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EINTR", EINTR}},
  signals[] = {{"SIGKILL", SIGKILL}, {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT}, {"SIGHUP", SIGHUP}};

static struct {
    char call[16], under[PATH_MAX];
    unsigned long at, seen;
    int error, signal;
    bool stays, after, is_short;
    int log_fd;
} f = {.log_fd = -1};

static void bad(const char *why)
{
    fprintf(stderr, "faults_preload: FAULT: %s\n", why);
    _exit(125);
}

static void parse_what(const char *what)
{
    f.after = strncmp(what, "after:", 6) == 0;
    what += f.after ? 6 : 0;
    f.is_short = strcmp(what, "short") == 0;
    size_t n = strcspn(what, "+");
    f.stays = what[n] == '+';
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strlen(errors[i].name) == n && strncmp(what, errors[i].name, n) == 0)
            f.error = errors[i].no;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(what, signals[i].name) == 0)
            f.signal = signals[i].no;
    if (!f.error && !f.signal && !f.is_short)
        bad("what should happen is not known");
}

__attribute__((constructor)) static void start(void)
{
    const char *fault = getenv("FAULT"), *under = getenv("FAULT_UNDER"), *log = getenv("FAULT_LOG");
    if (under)
        snprintf(f.under, sizeof(f.under), "%s", under);
    if (log)
        f.log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (!fault)
        return;
    size_t n = strcspn(fault, ":");
    if (!fault[n] || n >= sizeof(f.call))
        bad("not CALL:N:WHAT");
    memcpy(f.call, fault, n);
    char *end;
    f.at = strtoul(fault + n + 1, &end, 10);
    if (*end != ':' || f.at == 0)
        bad("not CALL:N:WHAT");
    parse_what(end + 1);
}

/* The path that dir and name stand for; name NULL: of the descriptor itself. */
static void path_of(int dir, const char *name, char out[2 * PATH_MAX])
{
    char link[64];
    out[0] = 0;
    if (!name || name[0] != '/') {
        if (dir == AT_FDCWD)
            snprintf(link, sizeof(link), "/proc/self/cwd");
        else
            snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, out, PATH_MAX - 1);
        /* A process that is not dumpable cannot read its own links as an ordinary user. */
        out[n > 0 ? n : 0] = 0;
    }
    if (name)
        snprintf(out + strlen(out), PATH_MAX, "%s%s", name[0] == '/' || !out[0] ? "" : "/", name);
}

static bool counts(const char *path)
{
    size_t n = strlen(f.under);
    return n == 0 || !path[0] || (strncmp(path, f.under, n) == 0 && (path[n] == '/' || !path[n]));
}

/* 0: go on. -1: errno is set, do not make the call. 1: make half of it. 2: die after it. */
static int step(const char *call, int dir, const char *name)
{
    if (f.log_fd < 0 && !f.at)
        return 0;
    int saved = errno;
    char path[2 * PATH_MAX];
    path_of(dir, name, path);
    errno = saved;
    if (!counts(path))
        return 0;
    bool mine = !f.call[0] || strcmp(f.call, "any") == 0 || strcmp(f.call, call) == 0;
    if (!mine)
        return 0;
    unsigned long n = __atomic_add_fetch(&f.seen, 1, __ATOMIC_SEQ_CST);
    if (f.log_fd >= 0) {
        char line[2 * PATH_MAX + 64];
        int len = snprintf(line, sizeof(line), "%lu %s %s\n", n, call, path);
        if (syscall(SYS_write, f.log_fd, line, (size_t)len) < 0)
            bad("log");
        errno = saved;
    }
    if (!f.at || (f.stays ? n < f.at : n != f.at))
        return 0;
    if (f.error) {
        errno = f.error;
        return -1;
    }
    if (f.is_short)
        return 1;
    if (f.after)
        return 2;
    raise(f.signal);
    return 0;
}

static void done(int how)
{
    if (how == 2) {
        int saved = errno;
        raise(f.signal);
        errno = saved;
    }
}

ssize_t write(int fd, const void *p, size_t n)
{
    int how = step("write", fd, NULL);
    if (how < 0)
        return -1;
    ssize_t r = syscall(SYS_write, fd, p, how == 1 && n > 1 ? n / 2 : n);
    done(how);
    return r;
}

int fsync(int fd)
{
    int how = step("fsync", fd, NULL);
    if (how < 0)
        return -1;
    int r = (int)syscall(SYS_fsync, fd);
    done(how);
    return r;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    int how = step("renameat", to_dir, to);
    if (how < 0)
        return -1;
    int r = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    done(how);
    return r;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *name, int flags)
{
    int how = step("unlinkat", dir, name);
    if (how < 0)
        return -1;
    int r = (int)syscall(SYS_unlinkat, dir, name, flags);
    done(how);
    return r;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
    int how = step("mkdirat", dir, name);
    if (how < 0)
        return -1;
    int r = (int)syscall(SYS_mkdirat, dir, name, mode);
    done(how);
    return r;
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

static int do_openat(int dir, const char *name, int flags, mode_t mode)
{
    int how = flags & O_CREAT ? step("openat", dir, name) : 0;
    if (how < 0)
        return -1;
    int r = (int)syscall(SYS_openat, dir, name, flags, mode);
    done(how);
    return r;
}

#define MODE_ARG(flags, mode)                                                                      \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                        \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, mode_t);                                                                 \
        va_end(ap);                                                                                \
    }

int openat(int dir, const char *name, int flags, ...)
{
    MODE_ARG(flags, mode)
    return do_openat(dir, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...)
{
    MODE_ARG(flags, mode)
    return do_openat(dir, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
    MODE_ARG(flags, mode)
    return do_openat(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    MODE_ARG(flags, mode)
    return do_openat(AT_FDCWD, name, flags, mode);
}

int __openat_2(int dir, const char *name, int flags)
{
    return do_openat(dir, name, flags, 0);
}

int __openat64_2(int dir, const char *name, int flags)
{
    return do_openat(dir, name, flags, 0);
}

int __open_2(const char *name, int flags)
{
    return do_openat(AT_FDCWD, name, flags, 0);
}
