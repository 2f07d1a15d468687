/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's protocols, as far as they are needed: sd_listen_fds(3), sd_notify(3) and credentials
 * are each a few lines, and no reason to link a library. */
#include "agent/service.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3
#define FDS_MAX 8u

static int option_of(int fd, int option)
{
    int v = -1;
    socklen_t n = sizeof(v);

    return getsockopt(fd, SOL_SOCKET, option, &v, &n) ? -1 : v;
}

static int take(struct service_sockets *s, int fd, struct bytes name, struct err *e)
{
    int *place = bytes_eq_str(name, "agent")   ? &s->agent
                 : bytes_eq_str(name, "proxy") ? &s->proxy
                                               : NULL;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t n = sizeof(at);

    if (!place || *place >= 0) {
        err_set(e, ERR_USAGE, "the service manager gave a socket of the name '%.*s'",
                (int)(name.n < 40 ? name.n : 40), (const char *)name.p);
        return err_hint(e, "FileDescriptorName= is agent or proxy, each once");
    }
    if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_STREAM ||
        option_of(fd, SO_ACCEPTCONN) != 1) {
        err_set(e, ERR_USAGE, "the socket '%.*s' is no listening Unix socket", (int)name.n,
                (const char *)name.p);
        return err_hint(e, "ListenStream= is a path; TCP is --listen's");
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC) ||
        getsockname(fd, (struct sockaddr *)&at, &n))
        return err_sys(e, errno, "take over a socket of the service manager");
    if (place == &s->proxy)
        snprintf(s->proxy_path, sizeof(s->proxy_path), "%.*s", (int)sizeof(at.sun_path),
                 at.sun_path);
    *place = fd;
    return OK;
}

int service_sockets(struct service_sockets *out, struct err *e)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"),
               *names = getenv("LISTEN_FDNAMES");
    struct service_sockets s = {-1, -1, ""};
    struct bytes name, rest = bytes_str(names ? names : "");
    uint64_t v, n;

    *out = s;
    if (!pid || !count || !text_u64(bytes_str(pid), INT_MAX, &v) || v != (uint64_t)getpid() ||
        !text_u64(bytes_str(count), FDS_MAX, &n))
        return OK;
    for (uint64_t i = 0; i < n; i++) {
        (void)text_cut(rest, ':', &name, &rest);
        if (take(&s, FIRST_FD + (int)i, name, e))
            return e->code;
    }
    *out = s;
    return OK;
}

void service_tell(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;

    if (n < 2 || n >= sizeof(at.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(at.sun_path, path, n);
    if (path[0] == '@') /* an abstract one */
        at.sun_path[0] = 0;
    int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    (void)!sendto(s, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&at, size);
    close(s);
}

bool service_has_pin(void)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];

    if (!dir || dir[0] != '/')
        return false;
    int n = snprintf(path, sizeof(path), "%s/coffer-pin", dir);
    return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

void service_environment(bool with_credentials, char *out[SERVICE_ENV_MAX + 1])
{
    static const char *const left[] = {
        "NOTIFY_SOCKET=",   "LISTEN_",      "GPG_TTY=",  "DISPLAY=",
        "WAYLAND_DISPLAY=", "XAUTHORITY=",  "DBUS_",     "https_proxy=",
        "no_proxy=",        "HTTPS_PROXY=", "NO_PROXY=", "COFFER_HOME="};
    size_t n = 0;

    for (char **v = environ; v && *v && n < SERVICE_ENV_MAX; v++) {
        bool is_left = !with_credentials && text_starts(bytes_str(*v), "CREDENTIALS_DIRECTORY=");
        for (size_t i = 0; i < ARRAY_LEN(left); i++)
            is_left = is_left || text_starts(bytes_str(*v), left[i]);
        if (!is_left)
            out[n++] = *v;
    }
    out[n] = NULL;
}
