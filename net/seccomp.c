/* SPDX-License-Identifier: Apache-2.0 */
/* System calls, by seccomp: an allow-list; all else fails with EPERM, and another architecture's
 * calls kill. What programs, files or listeners need is not on it. */
#include "net/sandbox.h"

#include "base/env.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* By name: not every architecture has every one. */
static const char *const allowed[] = {
    /* descriptors */
    "read write readv writev pread64 lseek _llseek close close_range dup fcntl fcntl64 pipe2 "
    "eventfd2",
    /* waiting */
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create1 epoll_ctl",
    "epoll_wait epoll_pwait timerfd_create timerfd_settime nanosleep clock_nanosleep",
    "clock_nanosleep_time64 restart_syscall",
    /* sockets: connections outward, no listener */
    "connect socketpair sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg send recv getsockopt",
    "setsockopt getsockname getpeername shutdown",
    /* files to read: names, certificates */
    "stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx access faccessat "
    "faccessat2",
    "readlink readlinkat getdents64 getcwd",
    /* memory */
    "brk munmap mremap madvise",
    /* threads, which resolve names */
    "futex futex_time64 set_robust_list rseq set_tid_address sched_yield sched_getaffinity exit",
    "exit_group gettid getpid rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack "
    "tgkill",
    /* who and when */
    "getuid geteuid getgid getegid getuid32 geteuid32 getgid32 getegid32 uname sysinfo getrandom",
    "clock_gettime clock_gettime64 clock_getres gettimeofday time",
};

struct rule {
    const char *name;
    struct scmp_arg_cmp arg;
};

#define IS(n, v)                                                                                   \
    {                                                                                              \
        (n), SCMP_CMP_EQ, (v), 0                                                                   \
    }
#define HAS(n, mask, v)                                                                            \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, (mask), (v)                                                       \
    }
#define NO_WRITE (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define W_X (PROT_WRITE | PROT_EXEC)

static int allow_some(scmp_filter_ctx c)
{
    const struct rule rules[] = {
        {"socket", IS(0, AF_UNIX)},
        {"socket", IS(0, AF_INET)},
        {"socket", IS(0, AF_INET6)},
        {"socket", IS(0, AF_NETLINK)}, /* which addresses this machine has */
        {"open", HAS(1, NO_WRITE, O_RDONLY)},
        {"openat", HAS(2, NO_WRITE, O_RDONLY)},
        {"clone", HAS(0, CLONE_THREAD, CLONE_THREAD)},
        {"ioctl", IS(1, FIONREAD)},
        {"ioctl", IS(1, FIONBIO)},
        {"prlimit64", IS(2, 0)}, /* to read a limit */
        /* a name service's module is mapped as code; what was written never becomes it */
        {"mmap", HAS(2, W_X, 0)},
        {"mmap", HAS(2, W_X, PROT_WRITE)},
        {"mmap", HAS(2, W_X, PROT_EXEC)},
        {"mmap2", HAS(2, W_X, 0)},
        {"mmap2", HAS(2, W_X, PROT_WRITE)},
        {"mmap2", HAS(2, W_X, PROT_EXEC)},
        {"mprotect", HAS(2, W_X, 0)},
        {"mprotect", HAS(2, W_X, PROT_WRITE)},
    };
    int rc = 0;

    for (size_t i = 0; !rc && i < ARRAY_LEN(rules); i++) {
        int number = seccomp_syscall_resolve_name(rules[i].name);
        if (number >= 0)
            rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, number, 1, rules[i].arg);
    }
    return rc;
}

static int allow_line(scmp_filter_ctx c, const char *line)
{
    struct bytes name, rest = bytes_str(line);
    char text[32];
    int rc = 0;

    while (rc == 0 && rest.n > 0) {
        (void)text_cut(rest, ' ', &name, &rest);
        int number = text_copy(text, sizeof(text), name) ? seccomp_syscall_resolve_name(text) : -1;
        if (number >= 0)
            rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, number, 0);
    }
    return rc;
}

static int allow_all(scmp_filter_ctx c)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++)
        rc = allow_line(c, allowed[i]);
    return rc;
}

/* With it the C library would not fall back to clone, whose flags can be told. */
static int hide_clone3(scmp_filter_ctx c)
{
    int number = seccomp_syscall_resolve_name("clone3");

    return number < 0 ? 0 : seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), number, 0);
}

int sandbox_seccomp(struct err *e)
{
    if (IS_SANITIZED || (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) < 0 && errno == EINVAL))
        return OK;
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!c)
        return err_set(e, ERR_MEMORY, "out of memory for the list of system calls");
    int rc = allow_all(c);
    if (rc == 0)
        rc = allow_some(c);
    if (rc == 0)
        rc = hide_clone3(c);
    if (rc == 0)
        rc = seccomp_load(c);
    seccomp_release(c);
    return rc == 0 ? OK : err_sys(e, -rc, "give up system calls");
}
