/* SPDX-License-Identifier: Apache-2.0 */
/* Binds the agent's sockets: Unix ones in the place of stale ones, TCP on the loopback interface
 * alone. Who may take from them is not decided here. */
#include "agent/listen.h"

#include "base/file.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define GONE_MS 600u
#define GONE_STEP_MS 20u
#define KIND (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* The path itself where it fits, since that is what tools show; else one that leads there through
 * the open directory. */
static int address(int dir, const char *dir_name, const char *name, struct sockaddr_un *out,
                   struct err *e)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s", dir_name, name);
    if (n < 0 || (size_t)n >= sizeof(out->sun_path))
        n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(out->sun_path))
        return err_set(e, ERR_USAGE, "the name '%.60s...' is too long for a socket", name);
    return OK;
}

static int in_the_way(const char *dir_name, const char *name, const char *what, struct err *e)
{
    err_set(e, ERR_TRUST, "'%s/%s' is in the way of the agent's socket: %s", dir_name, name, what);
    return err_hint(e, "find out who put it there; then remove it: rm '%s/%s'", dir_name, name);
}

/* 0: nothing listens there; 1: something does. */
static bool is_answered(const struct sockaddr_un *at)
{
    int s = socket(AF_UNIX, KIND, 0);
    bool is_there = s >= 0 && (connect(s, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
                               errno == EAGAIN || errno == EINPROGRESS || errno == EPROTOTYPE);

    if (s >= 0)
        close(s);
    return is_there;
}

/* An agent before this one that was killed takes a moment to be gone. */
static bool is_answered_still(const struct sockaddr_un *at)
{
    for (unsigned ms = 0; ms < GONE_MS; ms += GONE_STEP_MS) {
        if (!is_answered(at))
            return false;
        poll(NULL, 0, (int)GONE_STEP_MS);
    }
    return true;
}

static int make_room(int dir, const char *dir_name, const char *name, const struct sockaddr_un *at,
                     struct err *e)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? OK : err_sys(e, errno, "look at '%s/%s'", dir_name, name);
    if (S_ISLNK(st.st_mode))
        return in_the_way(dir_name, name, "it is a symbolic link", e);
    if (!S_ISSOCK(st.st_mode))
        return in_the_way(dir_name, name, "it is no socket", e);
    if (st.st_uid != geteuid())
        return in_the_way(dir_name, name, "it belongs to another user", e);
    if (is_answered_still(at)) {
        err_set(e, ERR_EXISTS, "another program listens on '%s/%s'", dir_name, name);
        return err_hint(e, "'ss -xlp' shows which; end it, and start the agent again");
    }
    if (unlinkat(dir, name, 0) && errno != ENOENT)
        return err_sys(e, errno, "remove the stale socket '%s/%s'", dir_name, name);
    return OK;
}

static void remember(const struct stat *st, struct listen_file *out)
{
    *out = (struct listen_file){st->st_dev, st->st_ino, st->st_mtim};
}

bool listen_is_there(const char *path, const struct listen_file *f)
{
    struct stat st;

    return lstat(path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino &&
           st.st_mtim.tv_sec == f->made.tv_sec && st.st_mtim.tv_nsec == f->made.tv_nsec;
}

int listen_unix(int dir, const char *dir_name, const char *name, mode_t mode, int *fd,
                struct listen_file *file, struct err *e)
{
    AUTO(fd_closep) int s = -1;
    struct sockaddr_un at;
    struct stat st;

    if (address(dir, dir_name, name, &at, e) || make_room(dir, dir_name, name, &at, e))
        return e->code;
    s = socket(AF_UNIX, KIND, 0);
    if (s < 0)
        return err_sys(e, errno, "make a socket");
    mode_t before = umask(0777 & ~mode);
    int rc = bind(s, (const struct sockaddr *)&at, sizeof(at));
    int why = errno;
    umask(before);
    if (rc)
        return err_sys(e, why, "make the socket '%s/%s'", dir_name, name);
    if (listen(s, BACKLOG) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        return err_sys(e, errno, "listen on '%s/%s'", dir_name, name);
    remember(&st, file);
    *fd = s;
    s = -1;
    return OK;
}

static int bad_address(const char *text, struct err *e)
{
    err_set(e, ERR_USAGE, "the proxy cannot listen on '%s'", text);
    return err_hint(e, "give 127.0.0.1:PORT or [::1]:PORT: it is for programs on this machine; "
                       "others reach it through ssh -L or ssh -R");
}

static int parse(const char *text, struct sockaddr_storage *out, socklen_t *n, struct err *e)
{
    struct bytes digits, host;
    uint64_t port;
    bool is_6 = text_starts(bytes_str(text), "[::1]:");

    if (!is_6 && !text_starts(bytes_str(text), "127.0.0.1:"))
        return bad_address(text, e);
    (void)text_cut(bytes_str(is_6 ? text + strlen("[::1]") : text), ':', &host, &digits);
    if (!text_u64(digits, 65535, &port))
        return bad_address(text, e);
    memset(out, 0, sizeof(*out));
    if (is_6) {
        struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        a.sin6_port = htons((uint16_t)port);
        memcpy(out, &a, sizeof(a));
        *n = sizeof(a);
    } else {
        struct sockaddr_in a = {.sin_family = AF_INET};
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons((uint16_t)port);
        memcpy(out, &a, sizeof(a));
        *n = sizeof(a);
    }
    return OK;
}

static int port_of(int fd, unsigned *port, struct err *e)
{
    struct sockaddr_storage at;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    socklen_t n = sizeof(at);

    if (getsockname(fd, (struct sockaddr *)&at, &n))
        return err_sys(e, errno, "ask for the proxy's port");
    memcpy(&in, &at, sizeof(in));
    memcpy(&in6, &at, sizeof(in6));
    *port = ntohs(at.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
    return OK;
}

int listen_tcp(const char *text, int *fd, unsigned *port, char real[LISTEN_TEXT], struct err *e)
{
    AUTO(fd_closep) int s = -1;
    struct sockaddr_storage at;
    socklen_t n = 0;
    int on = 1;

    if (parse(text, &at, &n, e))
        return e->code;
    s = socket(at.ss_family, KIND, 0);
    /* connections of an agent before this one that are not quite over must not stop it */
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
        return err_sys(e, errno, "make a socket");
    if (bind(s, (const struct sockaddr *)&at, n) || listen(s, BACKLOG)) {
        int why = errno;
        err_sys(e, why, "listen on '%s'", text);
        return why == EADDRINUSE ? err_hint(e, "another program has that port: 'ss -tlp' shows "
                                               "which; or choose another one")
                                 : e->code;
    }
    if (port_of(s, port, e))
        return e->code;
    snprintf(real, LISTEN_TEXT, "%s:%u", at.ss_family == AF_INET6 ? "[::1]" : "127.0.0.1", *port);
    *fd = s;
    s = -1;
    return OK;
}
