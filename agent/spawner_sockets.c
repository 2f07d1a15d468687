/* SPDX-License-Identifier: Apache-2.0 */
/* Who is the agent of this user: who holds the lock. It alone binds the sockets. */
#include "agent/spawner.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "agent.lock"
#define LOCK_WAIT_MS 3000u
#define LOCK_STEP_MS 20u
#define AGENT_NAME "agent.sock"
#define PROXY_NAME "proxy.sock"
#define PID_TEXT 24u

static int other_runs(int fd, struct err *e)
{
    char text[PID_TEXT] = "";
    uint64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    bool is_known = n > 0 && text_u64(text_trim(bytes_of(text, (size_t)n)), INT_MAX, &pid);
    if (is_known)
        err_set(e, ERR_EXISTS, "an agent already runs (pid %llu)", (unsigned long long)pid);
    else
        err_set(e, ERR_EXISTS, "an agent already runs");
    return err_hint(e, "'coffer agent --stop' ends it");
}

/* One whose socket is gone is about to end, and waited for. */
static int wait_for_lock(const struct spawner *s, int fd)
{
    struct stat st;
    int rc = -1;

    for (unsigned ms = 0; ms < LOCK_WAIT_MS; ms += LOCK_STEP_MS) {
        rc = flock(fd, LOCK_EX | LOCK_NB);
        if (rc == 0 || errno != EWOULDBLOCK ||
            fstatat(s->run_dir, AGENT_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return rc;
        poll(NULL, 0, (int)LOCK_STEP_MS);
    }
    return rc;
}

static int take_lock(struct spawner *s, struct err *e)
{
    char pid[PID_TEXT];
    struct stat st;
    int fd =
        openat(s->run_dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

    if (fd < 0)
        return err_sys(e, errno, "open '%s/%s'", s->where->run, LOCK_NAME);
    if (fstat(fd, &st))
        return err_sys(e, errno, "look at '%s/%s'", s->where->run, LOCK_NAME);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077 || st.st_nlink != 1) {
        err_set(e, ERR_TRUST, "'%s/%s' is not a file of ours alone", s->where->run, LOCK_NAME);
        return err_hint(e, "find out who put it there; then remove it");
    }
    if (wait_for_lock(s, fd))
        return errno == EWOULDBLOCK ? other_runs(fd, e) : err_sys(e, errno, "lock '%s'", LOCK_NAME);
    s->lock = fd;
    fd = -1;
    int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(s->lock, 0) || pwrite(s->lock, pid, (size_t)n, 0) != n)
        return err_sys(e, errno, "write '%s/%s'", s->where->run, LOCK_NAME);
    return OK;
}

static int listen_agent(struct spawner *s, struct err *e)
{
    if (s->agent_socket >= 0)
        return OK;
    s->is_agent_ours = !listen_unix(s->run_dir, s->where->run, AGENT_NAME, 0600, &s->agent_socket,
                                    &s->agent_file, e);
    return s->is_agent_ours ? OK : e->code;
}

/* Its directory, and its name there. */
static int split(const char *path, char dir[WHERE_MAX], const char **name, struct err *e)
{
    const char *slash = strrchr(path, '/');

    if (path[0] != '/' || !slash[1] || strlen(path) >= WHERE_MAX) {
        err_set(e, ERR_USAGE, "--proxy-socket '%s' is no absolute path of a file", path);
        return err_hint(e, "as /run/coffer/proxy.sock");
    }
    snprintf(dir, WHERE_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    *name = slash + 1;
    return OK;
}

/* A directory of somebody's choice: others than we and root may not put anything there. */
static int check_dir(int fd, const char *dir, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st))
        return err_sys(e, errno, "look at '%s'", dir);
    mode_t others = st.st_gid == 0 ? S_IWOTH : S_IWOTH | S_IWGRP;
    if ((st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & others))
        return OK;
    err_set(e, ERR_TRUST, "'%s' can be changed by others", dir);
    return err_hint(e, "choose a directory that is yours or root's and writable for nobody else");
}

static int listen_proxy(struct spawner *s, struct err *e)
{
    /* who connects is looked at, by uid; the mode only keeps the others from trying */
    mode_t mode = s->options.n_proxy_uids > 0 ? 0666 : 0600;
    char dir[WHERE_MAX];
    const char *name = PROXY_NAME;
    AUTO(fd_closep) int fd = -1;

    if (s->options.has_no_proxy || s->proxy_socket >= 0)
        return OK;
    if (!s->options.proxy_socket[0]) {
        if (!text_copy(dir, sizeof(dir), bytes_str(s->where->run)) ||
            snprintf(s->options.proxy_socket, WHERE_MAX, "%s/%s", dir, name) >= (int)WHERE_MAX)
            return err_set(e, ERR_USAGE, "the path '%.60s...' is too long", s->where->run);
        fd = fcntl(s->run_dir, F_DUPFD_CLOEXEC, 0);
    } else if (split(s->options.proxy_socket, dir, &name, e) || dir_open(dir, 0, &fd, e) ||
               check_dir(fd, dir, e)) {
        return e->code;
    }
    s->is_proxy_ours = !listen_unix(fd, dir, name, mode, &s->proxy_socket, &s->proxy_file, e);
    return s->is_proxy_ours ? OK : e->code;
}

/* What whoever started the agent forgot to close would be kept open by it, and by the core. */
static int close_others(const struct spawner *s, struct err *e)
{
    const int kept[] = {s->agent_socket, s->proxy_socket, s->options.ready_fd,
                        s->options.lifeline_fd};
    DIR *d = opendir("/proc/self/fd");
    const struct dirent *at;
    uint64_t fd;

    if (!d)
        return err_sys(e, errno, "look at the open descriptors");
    while ((at = readdir(d)) != NULL) {
        bool is_kept = !text_u64(bytes_str(at->d_name), INT_MAX, &fd) || fd <= STDERR_FILENO ||
                       (int)fd == dirfd(d);
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
            is_kept = is_kept || (int)fd == kept[i];
        if (!is_kept)
            close((int)fd);
    }
    closedir(d);
    return OK;
}

int spawner_listen(struct spawner *s, struct err *e)
{
    struct service_sockets given;

    if (service_sockets(&given, e))
        return e->code;
    s->agent_socket = given.agent;
    s->proxy_socket = given.proxy;
    if (close_others(s, e))
        return e->code;
    if (given.proxy >= 0 &&
        !text_copy(s->options.proxy_socket, WHERE_MAX, bytes_str(given.proxy_path)))
        return err_set(e, ERR_USAGE, "the proxy's path is too long");
    if (dir_open(s->where->run, FILE_PRIVATE | DIR_CREATE, &s->run_dir, e)) {
        if (e->code == ERR_IO)
            e->code = ERR_TRUST;
        return e->code;
    }
    if (take_lock(s, e) || listen_agent(s, e) || listen_proxy(s, e))
        return e->code;
    if (s->options.listen[0] && !s->options.has_no_proxy)
        return listen_tcp(s->options.listen, &s->tcp_socket, &s->tcp_port, s->options.listen, e);
    return OK;
}

/* Only what is still ours: another agent may have taken the place of one whose directory went. */
static void remove_socket(const char *path, const struct listen_file *f)
{
    if (listen_is_there(path, f))
        (void)unlink(path);
}

void spawner_deafen(struct spawner *s)
{
    fd_closep(&s->proxy_socket);
    fd_closep(&s->tcp_socket);
    if (s->core == 0)
        fd_closep(&s->agent_socket);
}

void spawner_unlisten(struct spawner *s)
{
    char path[WHERE_MAX + sizeof(AGENT_NAME) + 1];
    int *all[] = {&s->agent_socket, &s->proxy_socket, &s->tcp_socket, &s->run_dir};

    snprintf(path, sizeof(path), "%s/%s", s->where->run, AGENT_NAME);
    if (s->is_agent_ours)
        remove_socket(path, &s->agent_file);
    if (s->is_proxy_ours)
        remove_socket(s->options.proxy_socket, &s->proxy_file);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        fd_closep(all[i]);
    /* the file stays: one that is removed while it is locked would let two agents run */
    if (s->lock >= 0)
        (void)!ftruncate(s->lock, 0);
    fd_closep(&s->lock);
}

bool spawner_is_reachable(const struct spawner *s)
{
    char path[WHERE_MAX + 16];

    snprintf(path, sizeof(path), "%s/%s", s->where->run, AGENT_NAME);
    return !s->is_agent_ours || listen_is_there(path, &s->agent_file);
}
