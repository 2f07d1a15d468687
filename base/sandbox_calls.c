/* SPDX-License-Identifier: Apache-2.0 */
/* System calls, by seccomp: an allow-list of what every program of ours makes, and what its own
 * table adds. */
#include "base/sandbox.h"

#include "base/env.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* By name: not every architecture has every one. */
static const char *const always[] = {
    /* descriptors */
    "read write readv writev pread64 lseek _llseek close close_range dup pipe2 eventfd2",
    /* waiting */
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create1 epoll_ctl",
    "epoll_wait epoll_pwait timerfd_create timerfd_settime nanosleep clock_nanosleep",
    "clock_nanosleep_time64 restart_syscall",
    /* messages on sockets that are there: sending that connects is not among them */
    "recvfrom recvmsg recvmmsg recv getsockopt getsockname getpeername shutdown",
    /* what a file is, where its folders may be read */
    "stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx access faccessat",
    "faccessat2 readlink readlinkat getdents64 getcwd",
    /* memory */
    "brk munmap mremap madvise",
    /* threads and their end */
    "futex futex_time64 set_robust_list rseq set_tid_address sched_yield sched_getaffinity exit",
    "exit_group gettid getpid rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack",
    /* who and when */
    "getuid geteuid getgid getegid getuid32 geteuid32 getgid32 getegid32 uname sysinfo getrandom",
    "clock_gettime clock_gettime64 clock_getres gettimeofday time",
};

/* Those that a kernel never lacks: a denial is the truth. */
static const char *const never = "execve execveat fork vfork kill tkill ptrace process_vm_readv "
                                 "process_vm_writev";

#define W_X (PROT_WRITE | PROT_EXEC)
#define FAST_OPEN 0x20000000 /* MSG_FASTOPEN: no header of sockets here */

static const struct sandbox_rule rules[] = {
    {"ioctl", SANDBOX_IS(1, FIONREAD)},
    {"ioctl", SANDBOX_IS(1, FIONBIO)},
    /* not those by which a descriptor sends signals */
    {"fcntl", SANDBOX_IS(1, F_DUPFD)},
    {"fcntl", SANDBOX_IS(1, F_DUPFD_CLOEXEC)},
    {"fcntl", SANDBOX_IS(1, F_GETFD)},
    {"fcntl", SANDBOX_IS(1, F_SETFD)},
    {"fcntl", SANDBOX_IS(1, F_GETFL)},
    {"fcntl", SANDBOX_IS(1, F_SETFL)},
    {"fcntl64", SANDBOX_IS(1, F_DUPFD)},
    {"fcntl64", SANDBOX_IS(1, F_DUPFD_CLOEXEC)},
    {"fcntl64", SANDBOX_IS(1, F_GETFD)},
    {"fcntl64", SANDBOX_IS(1, F_SETFD)},
    {"fcntl64", SANDBOX_IS(1, F_GETFL)},
    {"fcntl64", SANDBOX_IS(1, F_SETFL)},
    {"prlimit64", SANDBOX_IS(2, 0)}, /* to read a limit */
    /* a library is mapped as code; what was written never becomes it */
    {"mmap", SANDBOX_HAS(2, W_X, 0)},
    {"mmap", SANDBOX_HAS(2, W_X, PROT_WRITE)},
    {"mmap", SANDBOX_HAS(2, W_X, PROT_EXEC)},
    {"mmap2", SANDBOX_HAS(2, W_X, 0)},
    {"mmap2", SANDBOX_HAS(2, W_X, PROT_WRITE)},
    {"mmap2", SANDBOX_HAS(2, W_X, PROT_EXEC)},
    {"mprotect", SANDBOX_HAS(2, W_X, 0)},
    {"mprotect", SANDBOX_HAS(2, W_X, PROT_WRITE)},
    /* sending that connects passes landlock by */
    {"sendto", SANDBOX_HAS(3, FAST_OPEN, 0)},
    {"send", SANDBOX_HAS(3, FAST_OPEN, 0)},
    {"sendmsg", SANDBOX_HAS(2, FAST_OPEN, 0)},
    {"sendmmsg", SANDBOX_HAS(3, FAST_OPEN, 0)},
    {NULL, {0}},
};

int sandbox_call(scmp_filter_ctx c, uint32_t action, const char *name, unsigned n,
                 const struct scmp_arg_cmp *args)
{
    int number = seccomp_syscall_resolve_name(name);

    return number < 0 ? 0 : seccomp_rule_add_array(c, action, number, n, args);
}

int sandbox_line(scmp_filter_ctx c, uint32_t action, const char *line)
{
    struct bytes name, rest = bytes_str(line);
    char text[32];
    int rc = 0;

    while (rc == 0 && rest.n > 0) {
        (void)text_cut(rest, ' ', &name, &rest);
        rc = text_copy(text, sizeof(text), name) ? sandbox_call(c, action, text, 0, NULL) : -EINVAL;
    }
    return rc;
}

static int add_lines(scmp_filter_ctx c, uint32_t action, const char *const *lines)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && lines && lines[i]; i++)
        rc = sandbox_line(c, action, lines[i]);
    return rc;
}

static int add_rules(scmp_filter_ctx c, const struct sandbox_rule *r)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && r && r[i].name; i++)
        rc = sandbox_call(c, SCMP_ACT_ALLOW, r[i].name, 1, &r[i].arg);
    return rc;
}

static int add_always(scmp_filter_ctx c)
{
    const struct scmp_arg_cmp self = SANDBOX_IS(0, getpid());
    int rc = sandbox_call(c, SCMP_ACT_ALLOW, "tgkill", 1, &self);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(always); i++)
        rc = sandbox_line(c, SCMP_ACT_ALLOW, always[i]);
    if (rc == 0)
        rc = sandbox_line(c, SCMP_ACT_ERRNO(EPERM), never);
    return rc == 0 ? add_rules(c, rules) : rc;
}

static int add_table(scmp_filter_ctx c, const struct sandbox_calls *calls)
{
    int rc = add_lines(c, SCMP_ACT_ALLOW, calls->allowed);

    if (rc == 0)
        rc = add_lines(c, SCMP_ACT_ERRNO(EPERM), calls->denied);
    if (rc == 0)
        rc = add_rules(c, calls->rules);
    return rc == 0 && calls->more ? calls->more(c) : rc;
}

/* -EACCES, -EPERM and the like come out of libseccomp as ECANCELED, so the cause is said in words.
 */
static int load(scmp_filter_ctx c, struct err *e)
{
    if (seccomp_load(c) == 0)
        return OK;
    err_set(e, ERR_FAILED, "the system refuses a filter of system calls (seccomp)");
    return err_hint(e, "in a container its own filter may be the cause: allow the calls seccomp "
                       "and prctl there; this program does not run without");
}

int sandbox_seccomp(const struct sandbox_calls *calls, struct err *e)
{
    if (IS_SANITIZED || (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) < 0 && errno == EINVAL))
        return OK;
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!c)
        return err_set(e, ERR_MEMORY, "out of memory for the list of system calls");
    int rc = add_always(c);
    if (rc == 0)
        rc = add_table(c, calls);
    if (rc != 0)
        err_sys(e, -rc, "make the list of system calls");
    else
        rc = load(c, e);
    seccomp_release(c);
    return rc == 0 ? OK : e->code;
}
