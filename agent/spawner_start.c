/* SPDX-License-Identifier: Apache-2.0 */
/* The one place of the agent that starts programs: those of coffer, and where they are installed.
 */
#include "agent/program.h"
#include "agent/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 16384u

#define FDS_MAX 8u
#define FIRST_FD 3
#define OUT_OF_THE_WAY 64 /* a descriptor to be passed may stand where another one is to go */

struct launch {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int high[FDS_MAX];
};

static int set_files(struct launch *l, const int *fds, size_t n)
{
    int rc = posix_spawn_file_actions_addopen(&l->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (!rc)
        rc = posix_spawn_file_actions_addopen(&l->files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (size_t i = 0; !rc && i < n; i++) {
        l->high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        rc = l->high[i] < 0
                 ? errno
                 : posix_spawn_file_actions_adddup2(&l->files, l->high[i], FIRST_FD + (int)i);
    }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(&l->files, FIRST_FD + (int)n);
#endif
    return rc;
}

static int start(struct launch *l, const char *program, char *const *argv, char *const *envp,
                 const int *fds, size_t n, pid_t *pid)
{
    int rc = posix_spawnattr_init(&l->attr);

    if (rc)
        return rc;
    rc = set_files(l, fds, n);
    if (!rc)
        rc = program_attributes(&l->attr, true);
    if (!rc)
        rc = posix_spawn(pid, program, &l->files, &l->attr, argv, envp);
    posix_spawnattr_destroy(&l->attr);
    return rc;
}

int spawner_exec(char *const *argv, char *const *envp, const int *fds, size_t n, pid_t *pid,
                 struct err *e)
{
    char program[PATH_MAX];
    struct launch l;

    if (program_find(argv[0], program, e))
        return e->code;
    if (n > FDS_MAX || posix_spawn_file_actions_init(&l.files))
        return err_set(e, ERR_MEMORY, "out of memory to start %s", argv[0]);
    for (size_t i = 0; i < FDS_MAX; i++)
        l.high[i] = -1;
    int rc = start(&l, program, argv, envp, fds, n, pid);
    for (size_t i = 0; i < FDS_MAX; i++)
        if (l.high[i] >= 0)
            close(l.high[i]);
    posix_spawn_file_actions_destroy(&l.files);
    if (!rc)
        return OK;
    err_sys(e, rc, "start '%s'", program);
    e->code = ERR_FAILED;
    return e->code;
}

void spawner_raise_limit(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l))
        return;
    l.rlim_cur = l.rlim_max < DESCRIPTORS_MAX ? l.rlim_max : DESCRIPTORS_MAX;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}
