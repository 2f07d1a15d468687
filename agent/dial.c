/* SPDX-License-Identifier: Apache-2.0 */
/* A socket that others may have put in the agent's place gets nothing: owner, mode and kind are
 * looked at before connecting, who listens before the first byte. */
#include "agent/dial.h"

#include "base/env.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FULL_MS 2000u /* for a queue that is full, of an agent that stands still perhaps */
#define FULL_STEP_MS 10

static int not_ours(struct err *e, const char *dir, const char *name, const char *what)
{
    err_set(e, ERR_TRUST, "the socket '%s/%s' is not your agent's: %s", dir, name, what);
    return err_hint(e, "somebody may want what you would tell the agent, a PIN say: find out who "
                       "put it there, and remove it");
}

/* A directory in which others cannot replace what is ours. */
static int open_dir(const char *dir, unsigned flags, int *fd, struct err *e)
{
    struct stat st;

    if (dir_open(dir, flags & DIAL_PRIVATE ? FILE_PRIVATE : 0, fd, e)) {
        if (e->code == ERR_IO)
            e->code = ERR_TRUST;
        return e->code;
    }
    if (fstat(*fd, &st))
        return err_sys(e, errno, "look at '%s'", dir);
    mode_t others = st.st_gid == 0 ? S_IWOTH : S_IWOTH | S_IWGRP;
    if ((st.st_uid == geteuid() || st.st_uid == 0) &&
        (!(st.st_mode & others) || (st.st_mode & S_ISVTX)))
        return OK;
    err_set(e, ERR_TRUST, "'%s' can be changed by others", dir);
    return err_hint(e, "the directory of the agent's sockets must be yours or root's, and writable "
                       "for nobody else");
}

static int look(int dir_fd, const char *dir, const char *name, unsigned flags, struct err *e)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
        if (errno == ENOENT)
            return err_set(e, ERR_NOT_FOUND, "no agent runs");
        return err_sys(e, errno, "look at '%s/%s'", dir, name);
    }
    if (S_ISLNK(st.st_mode))
        return not_ours(e, dir, name, "it is a symbolic link");
    if (!S_ISSOCK(st.st_mode))
        return not_ours(e, dir, name, "it is no socket");
    if (st.st_uid != geteuid())
        return not_ours(e, dir, name, "it belongs to another user");
    if ((flags & DIAL_PRIVATE) && (st.st_mode & (S_IRWXG | S_IRWXO)))
        return not_ours(e, dir, name, "others can write to it");
    return OK;
}

/* Waiting, connect would wait for ever. */
static int connect_in_time(int fd, const struct sockaddr_un *at)
{
    uint64_t until = ticks_ms() + FULL_MS;
    int rc;

    while ((rc = connect(fd, (const struct sockaddr *)at, sizeof(*at))) && errno == EAGAIN &&
           ticks_ms() < until)
        poll(NULL, 0, FULL_STEP_MS);
    return rc;
}

/* Through the directory that was looked at, whatever the path leads to meanwhile. */
static int connect_in(int dir_fd, const char *dir, const char *name, int fd, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);

    if (n < 0 || (size_t)n >= sizeof(at.sun_path))
        return err_set(e, ERR_USAGE, "the name '%.60s...' is too long for a socket", name);
    if (connect_in_time(fd, &at) == 0)
        return OK;
    if (errno == ECONNREFUSED || errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "no agent runs");
    if (errno == EAGAIN)
        return err_set(e, ERR_LIMIT, "the agent has too many clients that wait");
    return err_sys(e, errno, "connect to '%s/%s'", dir, name);
}

static int check_peer(int fd, const char *dir, const char *name, struct err *e)
{
    struct ucred who;
    socklen_t n = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n))
        return err_sys(e, errno, "ask who listens at '%s/%s'", dir, name);
    if (who.uid == geteuid() || who.uid == 0)
        return OK;
    return not_ours(e, dir, name, "another user listens at it");
}

int dial(const char *dir, const char *name, unsigned flags, int *fd, struct err *e)
{
    AUTO(fd_closep) int at = -1;
    AUTO(fd_closep) int s = -1;

    if (open_dir(dir, flags, &at, e) || look(at, dir, name, flags, e)) {
        if (e->code == ERR_NOT_FOUND)
            err_hint(e, "'coffer agent' starts one");
        return e->code;
    }
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return err_sys(e, errno, "make a socket");
    if (connect_in(at, dir, name, s, e)) {
        if (e->code == ERR_NOT_FOUND)
            err_hint(e, "'coffer agent' starts one");
        return e->code;
    }
    if (check_peer(s, dir, name, e))
        return e->code;
    *fd = s;
    s = -1;
    return OK;
}
