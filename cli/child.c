/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program with the descriptors, signals and environment that it shall have, and nothing
 * else of ours. */
#include "cli/child.h"

#include "agent/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3

/* Descriptors are dup'ed in order, and one may stand where another is to go; so from above first.
 */
#define HIGH_FD 64

static int set_standard(posix_spawn_file_actions_t *files)
{
    int rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (!rc)
        rc = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    /* A pipe that it kept would never end for whoever reads it. */
    if (!rc && !isatty(STDERR_FILENO))
        rc = posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    return rc;
}

static int set_files(posix_spawn_file_actions_t *files, const struct child *k,
                     const int high[CHILD_FDS])
{
    int rc = k->is_background ? set_standard(files) : 0, next = FIRST_FD;

    for (unsigned i = 0; i < CHILD_FDS && !rc; i++)
        if (high[i] >= 0)
            rc = posix_spawn_file_actions_adddup2(files, high[i], next++);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(files, next);
#endif
    return rc;
}

static int set_signals(posix_spawnattr_t *attr, const struct child *k)
{
    sigset_t none, ours;

    if (k->is_background)
        return program_attributes(attr, true);
    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE); /* the one that this process ignores */
    int rc = posix_spawnattr_setsigmask(attr, k->mask ? k->mask : &none);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &ours);
    return rc ? rc
              : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const struct child *k, const int high[CHILD_FDS], pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;

    if (posix_spawn_file_actions_init(&files))
        return ENOMEM;
    int rc = posix_spawnattr_init(&attr);
    if (!rc) {
        rc = set_files(&files, k, high);
        if (!rc)
            rc = set_signals(&attr, k);
        mode_t ours = umask(k->umask);
        if (!rc)
            rc = posix_spawnp(pid, k->program, &files, &attr, k->argv, k->envp);
        umask(ours);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

int child_start(const struct child *k, pid_t *pid, struct err *e)
{
    int high[CHILD_FDS], rc = 0;

    for (unsigned i = 0; i < CHILD_FDS; i++) {
        high[i] = k->fds[i] < 0 ? -1 : fcntl(k->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
        if (k->fds[i] >= 0 && high[i] < 0)
            rc = errno;
    }
    if (!rc)
        rc = spawn(k, high, pid);
    for (unsigned i = 0; i < CHILD_FDS; i++)
        if (high[i] >= 0)
            close(high[i]);
    if (!rc)
        return OK;
    err_sys(e, rc, "start '%s'", k->program);
    return e->code = rc == ENOENT ? ERR_NOT_FOUND : ERR_FAILED;
}

int child_become(const char *program, char *const *argv, struct err *e)
{
    execv(program, argv);
    err_sys(e, errno, "start '%s'", program);
    return e->code = ERR_FAILED;
}

bool child_ended(pid_t pid, int *status)
{
    int how;

    if (waitpid(pid, &how, WNOHANG) != pid)
        return false;
    *status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
    return true;
}
