/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and reading, of file.h, on plain system calls. Writing is in file_write.c; what the
 * files mean is their readers' business. */
#include "base/file.h"

#include "base/crypto.h"
#include "base/file_op.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 4096u

void fd_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int file_give(int *from)
{
    int fd = *from;
    *from = -1;
    return fd;
}

/* ---- names and checks ---- */

/* For messages: the whole path where the kernel tells it, in quotes where a shell needs them. */
static void path_of(int dir, const char *name, char *out, size_t cap)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+,@%:";
    char link[64], at[PATH_MAX], path[PATH_MAX * 2];
    ssize_t n = -1;

    if (dir != AT_FDCWD && name[0] != '/') {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        n = readlink(link, at, sizeof(at) - 1);
    }
    at[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof(path), "%s%s%s", at, n > 0 && name[0] ? "/" : "", name);
    bool quote = path[strspn(path, plain)] != 0;
    snprintf(out, cap, quote ? "'%s'" : "%s", path);
}

static int check_private(int dir, const char *name, const char *shown, const struct stat *st,
                         struct err *e)
{
    char path[ERR_HINT_MAX];
    unsigned mode = st->st_mode & 07777;

    path_of(dir, name, path, sizeof(path));
    if (st->st_uid != geteuid()) {
        err_set(e, ERR_IO, "'%s' belongs to user %u, not to user %u who runs this", shown,
                (unsigned)st->st_uid, (unsigned)geteuid());
        return err_hint(e, "chown %u %s", (unsigned)geteuid(), path);
    }
    if ((mode & 077) == 0)
        return OK;
    err_set(e, ERR_IO, "'%s' can be %s by others (mode %04o)", shown,
            mode & 022 ? "changed" : "read", mode);
    return err_hint(e, "chmod %s %s", S_ISDIR(st->st_mode) ? "0700" : "0600", path);
}

int file_check_name(const char *name, struct err *e)
{
    if (name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
        strlen(name) <= NAME_MAX)
        return OK;
    return err_set(e, ERR_FAILED, "'%s' is not a plain file name", name);
}

int file_open_failed(int dir, const char *name, int why, struct err *e)
{
    struct stat st;

    if (why == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "'%s' does not exist", name);
    if ((why == ELOOP || why == ENOTDIR) && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode)) {
        err_set(e, ERR_IO, "'%s' is a symbolic link", name);
        return err_hint(e, "links are not followed here; name the real place");
    }
    if (why == ENOTDIR)
        return err_set(e, ERR_IO, "'%s' is not a directory", name);
    return err_sys(e, why, "open '%s'", name);
}

int file_write_failed(int why, const char *what, const char *name, struct err *e)
{
    err_sys(e, why, "%s '%s'", what, name);
    if (why == ENOSPC || why == EDQUOT)
        err_hint(e, "free some space there and run the command again");
    return e->code;
}

/* ---- directories ---- */

static int open_dir(int at, const char *name, unsigned flags, int *fd, struct err *e)
{
    AUTO(fd_closep) int d = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (d < 0)
        return file_open_failed(at, name, errno, e);
    if (fstat(d, &st))
        return err_sys(e, errno, "look at '%s'", name);
    int r = flags & FILE_PRIVATE ? check_private(d, "", name, &st, e) : OK;
    if (!r)
        *fd = file_give(&d);
    return r;
}

static int make_parents(char *path, struct err *e)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        int why = mkdir(path, 0700) ? errno : 0;
        struct stat st;
        /* Others (EROFS, EACCES) come for a parent that is there already, too. */
        if (why && why != EEXIST && stat(path, &st) != 0)
            return file_write_failed(why, "make directory", path, e);
        *p = '/';
    }
    return OK;
}

int dir_open(const char *path, unsigned flags, int *fd, struct err *e)
{
    char p[PATH_MAX];

    if (!path[0] || !text_copy(p, sizeof(p), bytes_str(path)))
        return err_set(e, ERR_USAGE, "'%s' is no directory's path", path);
    /* With a slash at the end the kernel would follow a link in spite of O_NOFOLLOW. */
    for (size_t n = strlen(p); n > 1 && p[n - 1] == '/'; n--)
        p[n - 1] = 0;
    if (flags & DIR_CREATE) {
        int r = make_parents(p, e);
        if (r)
            return r;
        if (mkdir(p, 0700) && errno != EEXIST)
            return file_write_failed(errno, "make directory", p, e);
    }
    return open_dir(AT_FDCWD, p, flags, fd, e);
}

int dir_open_at(int dir, const char *name, unsigned flags, int *fd, struct err *e)
{
    int r = file_check_name(name, e);

    if (r)
        return r;
    if (flags & DIR_CREATE && mkdirat(dir, name, 0700) && errno != EEXIST)
        return file_write_failed(errno, "make directory", name, e);
    return open_dir(dir, name, flags, fd, e);
}

int dir_sync(int dir, const char *what, struct err *e)
{
    return fsync(dir) ? file_write_failed(errno, "write directory", what, e) : OK;
}

/* ---- reading ---- */

/* read(2) without EINTR, and waiting where the descriptor does not. */
static ssize_t read_some(int fd, void *p, size_t n)
{
    for (;;) {
        ssize_t got = read(fd, p, n);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN))
            return got;
        if (errno == EAGAIN) {
            struct pollfd w = {.fd = fd, .events = POLLIN};
            if (poll(&w, 1, -1) < 0 && errno != EINTR)
                return -1;
        }
    }
}

static int too_long(const char *name, size_t max, struct err *e)
{
    return err_set(e, ERR_LIMIT, "'%s' is over %zu bytes", name, max);
}

/* Whether the descriptor has more to read: 0 no, 1 yes, -1 errno. */
static int has_more(int fd)
{
    uint8_t byte;
    ssize_t got = read_some(fd, &byte, 1);

    mem_wipe(&byte, 1);
    return (int)got;
}

static int read_to_end(int fd, const char *name, size_t first, size_t max, struct buf *out,
                       struct err *e)
{
    size_t total = 0, ask = first;
    ssize_t got;

    do {
        size_t room = max - total;
        if (room == 0) {
            int more = has_more(fd);
            return more < 0 ? err_sys(e, errno, "read '%s'", name)
                            : (more ? too_long(name, max, e) : OK);
        }
        ask = ask > room ? room : ask;
        size_t before = out->n;
        uint8_t *p = buf_extend(out, ask);
        if (!p)
            return buf_check(out, name, e);
        got = read_some(fd, p, ask);
        int why = errno;
        buf_cut(out, before + (got > 0 ? (size_t)got : 0));
        if (got < 0)
            return err_sys(e, why, "read '%s'", name);
        total += (size_t)got;
        ask = CHUNK;
    } while (got > 0);
    return OK;
}

/* On failure out is as it was. */
static int read_buf(int fd, const char *name, off_t size, size_t max, struct buf *out,
                    struct err *e)
{
    size_t before = out->n, left = out->max - out->n;
    int r = buf_check(out, name, e);

    if (r)
        return r;
    if (size > 0 && (uintmax_t)size > max)
        return too_long(name, max, e);
    r = read_to_end(fd, name, size > 0 ? (size_t)size : CHUNK, max < left ? max : left, out, e);
    if (r) {
        buf_cut(out, before);
        out->failed = OK;
    }
    return r;
}

int file_read_at(int dir, const char *name, size_t max, unsigned flags, struct buf *out,
                 struct err *e)
{
    int r = file_check_name(name, e);
    struct stat st;

    if (r)
        return r;
    /* O_NONBLOCK: a pipe put in the file's place must not hang us before it is refused. */
    AUTO(fd_closep)
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return file_open_failed(dir, name, errno, e);
    if (fstat(fd, &st))
        return err_sys(e, errno, "look at '%s'", name);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "'%s' is not a regular file", name);
    if (flags & FILE_PRIVATE) {
        r = check_private(dir, name, name, &st, e);
        if (r)
            return r;
    }
    return read_buf(fd, name, st.st_size, max, out, e);
}

int file_read_user(const char *path, size_t max, struct buf *out, struct err *e)
{
    struct stat st;

    if (strcmp(path, "-") == 0)
        return read_buf(STDIN_FILENO, "standard input", 0, max, out, e);
    AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return file_open_failed(AT_FDCWD, path, errno, e);
    if (fstat(fd, &st))
        return err_sys(e, errno, "look at '%s'", path);
    return read_buf(fd, path, S_ISREG(st.st_mode) ? st.st_size : 0, max, out, e);
}

/* Straight from the kernel into locked memory: nothing in between keeps a copy. */
static int read_secret(int fd, const char *name, size_t max, struct secret *out, struct err *e)
{
    AUTO_SECRET s = {0};
    int r = secret_new(&s, max < SECRET_MAX ? max : SECRET_MAX, e);

    if (r)
        return r;
    while (s.n < s.cap) {
        ssize_t got = read_some(fd, s.p + s.n, s.cap - s.n);
        if (got < 0)
            return err_sys(e, errno, "read '%s'", name);
        if (got == 0)
            return secret_copy(out, secret_bytes(&s), e);
        s.n += (size_t)got;
    }
    int more = has_more(fd);
    if (more < 0)
        return err_sys(e, errno, "read '%s'", name);
    return more ? too_long(name, s.cap, e) : secret_copy(out, secret_bytes(&s), e);
}

int fd_read_secret(int fd, size_t max, struct secret *out, struct err *e)
{
    char name[32];

    snprintf(name, sizeof(name), "descriptor %d", fd);
    return read_secret(fd, fd == STDIN_FILENO ? "standard input" : name, max, out, e);
}

int file_read_secret(const char *path, size_t max, unsigned flags, struct secret *out,
                     struct err *e)
{
    bool is_private = flags & FILE_PRIVATE;
    struct stat st;

    if (flags & FILE_STDIN && strcmp(path, "-") == 0)
        return fd_read_secret(STDIN_FILENO, max, out, e);
    AUTO(fd_closep)
    int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_private ? O_NOFOLLOW | O_NONBLOCK : 0));
    if (fd < 0)
        return file_open_failed(AT_FDCWD, path, errno, e);
    if (fstat(fd, &st))
        return err_sys(e, errno, "look at '%s'", path);
    if (!S_ISREG(st.st_mode) && (is_private || !S_ISFIFO(st.st_mode)))
        return err_set(e, ERR_IO, "'%s' is not a regular file", path);
    if (is_private) {
        int r = check_private(AT_FDCWD, path, path, &st, e);
        if (r)
            return r;
    }
    return read_secret(fd, path, max, out, e);
}
