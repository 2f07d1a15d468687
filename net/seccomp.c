/* SPDX-License-Identifier: Apache-2.0 */
/* System calls, by seccomp: an allow-list. All else is answered as by a kernel that lacks it, so
 * that libraries fall back; another architecture's calls kill. What programs, files or listeners
 * need is not on it. */
#include "net/sandbox.h"

#include "base/env.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* By name: not every architecture has every one. */
static const char *const allowed[] = {
    /* descriptors */
    "read write readv writev pread64 lseek _llseek close close_range dup pipe2 eventfd2",
    /* waiting */
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create1 epoll_ctl",
    "epoll_wait epoll_pwait timerfd_create timerfd_settime nanosleep clock_nanosleep",
    "clock_nanosleep_time64 restart_syscall",
    /* sockets: connections outward; bind, without listen, for the C libraries that ask name servers
     * and the kernel from a bound socket */
    "connect bind recvfrom recvmsg recvmmsg recv getsockopt getsockname getpeername shutdown",
    /* files to read: names, certificates */
    "stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx access faccessat",
    "faccessat2 readlink readlinkat getdents64 getcwd",
    /* memory */
    "brk munmap mremap madvise",
    /* threads, which resolve names */
    "futex futex_time64 set_robust_list rseq set_tid_address sched_yield sched_getaffinity exit",
    "exit_group gettid getpid rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack",
    /* who and when */
    "getuid geteuid getgid getegid getuid32 geteuid32 getgid32 getegid32 uname sysinfo getrandom",
    "clock_gettime clock_gettime64 clock_getres gettimeofday time",
};

/* Those that a kernel never lacks: a denial is the truth. */
static const char *const denied[] = {
    "execve execveat fork vfork kill tkill ptrace process_vm_readv process_vm_writev",
    "listen accept accept4",
};

struct rule {
    const char *name;
    struct scmp_arg_cmp arg;
};

#define IS(n, v)                                                                                   \
    {                                                                                              \
        (n), SCMP_CMP_EQ, (scmp_datum_t)(v), 0                                                     \
    }
#define HAS(n, mask, v)                                                                            \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, (mask), (v)                                                       \
    }
#define NO_WRITE (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define W_X (PROT_WRITE | PROT_EXEC)
#define TYPE 0xf /* of a socket, without its flags */

static const struct rule rules[] = {
    {"open", HAS(1, NO_WRITE, O_RDONLY)},
    {"openat", HAS(2, NO_WRITE, O_RDONLY)},
    {"clone", HAS(0, CLONE_THREAD, CLONE_THREAD)},
    {"ioctl", IS(1, FIONREAD)},
    {"ioctl", IS(1, FIONBIO)},
    /* not those by which a descriptor sends signals */
    {"fcntl", IS(1, F_DUPFD)},
    {"fcntl", IS(1, F_DUPFD_CLOEXEC)},
    {"fcntl", IS(1, F_GETFD)},
    {"fcntl", IS(1, F_SETFD)},
    {"fcntl", IS(1, F_GETFL)},
    {"fcntl", IS(1, F_SETFL)},
    {"fcntl64", IS(1, F_DUPFD)},
    {"fcntl64", IS(1, F_DUPFD_CLOEXEC)},
    {"fcntl64", IS(1, F_GETFD)},
    {"fcntl64", IS(1, F_SETFD)},
    {"fcntl64", IS(1, F_GETFL)},
    {"fcntl64", IS(1, F_SETFL)},
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
    /* sending that connects passes landlock by */
    {"sendto", HAS(3, MSG_FASTOPEN, 0)},
    {"send", HAS(3, MSG_FASTOPEN, 0)},
    {"sendmsg", HAS(2, MSG_FASTOPEN, 0)},
    {"sendmmsg", HAS(3, MSG_FASTOPEN, 0)},
    {"setsockopt", IS(1, SOL_SOCKET)},
};

static int add(scmp_filter_ctx c, uint32_t action, const char *name, unsigned n,
               const struct scmp_arg_cmp *args)
{
    int number = seccomp_syscall_resolve_name(name);

    return number < 0 ? 0 : seccomp_rule_add_array(c, action, number, n, args);
}

static int add_rules(scmp_filter_ctx c)
{
    const struct scmp_arg_cmp self = IS(0, getpid());
    int rc = add(c, SCMP_ACT_ALLOW, "tgkill", 1, &self);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++)
        rc = add(c, SCMP_ACT_ALLOW, rules[i].name, 1, &rules[i].arg);
    return rc;
}

/* TCP and UDP, not the protocols of the same family that landlock does not take for TCP (MPTCP,
 * SCTP), nor raw sockets; which addresses this machine has; a pair that can only be a pair. */
static int add_sockets(scmp_filter_ctx c)
{
    static const unsigned families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM},
                          protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
    const struct scmp_arg_cmp netlink[] = {IS(0, AF_NETLINK), IS(2, 0)}, local = IS(0, AF_UNIX),
                              pair[] = {IS(0, AF_UNIX), HAS(1, TYPE, SOCK_STREAM)};
    int rc = add(c, SCMP_ACT_ALLOW, "socket", 2, netlink);

    if (rc == 0)
        rc = add(c, SCMP_ACT_ALLOW, "socketpair", 2, pair);
    if (rc == 0)
        rc = add(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &local);
    for (size_t i = 0; rc == 0 && i < 2 * 2 * ARRAY_LEN(protocols); i++) {
        const struct scmp_arg_cmp args[] = {IS(0, families[i & 1]), HAS(1, TYPE, types[i >> 1 & 1]),
                                            IS(2, protocols[i >> 2])};
        rc = add(c, SCMP_ACT_ALLOW, "socket", ARRAY_LEN(args), args);
    }
    return rc;
}

/* Of IP no packet filter's, of TCP none that makes another protocol of it. */
static int add_options(scmp_filter_ctx c)
{
    static const int tcp[] = {TCP_NODELAY, TCP_MAXSEG,   TCP_KEEPIDLE,    TCP_KEEPINTVL,
                              TCP_KEEPCNT, TCP_QUICKACK, TCP_USER_TIMEOUT};
    const struct scmp_arg_cmp ip[] = {IS(1, IPPROTO_IP), {2, SCMP_CMP_LT, 64, 0}},
                              ipv6[] = {IS(1, IPPROTO_IPV6), {2, SCMP_CMP_LT, 64, 0}};
    int rc = add(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(ip), ip);

    if (rc == 0)
        rc = add(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(ipv6), ipv6);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tcp); i++) {
        const struct scmp_arg_cmp args[] = {IS(1, IPPROTO_TCP), IS(2, tcp[i])};
        rc = add(c, SCMP_ACT_ALLOW, "setsockopt", ARRAY_LEN(args), args);
    }
    return rc;
}

static int add_line(scmp_filter_ctx c, uint32_t action, const char *line)
{
    struct bytes name, rest = bytes_str(line);
    char text[32];
    int rc = 0;

    while (rc == 0 && rest.n > 0) {
        (void)text_cut(rest, ' ', &name, &rest);
        rc = text_copy(text, sizeof(text), name) ? add(c, action, text, 0, NULL) : -EINVAL;
    }
    return rc;
}

static int add_lists(scmp_filter_ctx c)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++)
        rc = add_line(c, SCMP_ACT_ALLOW, allowed[i]);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(denied); i++)
        rc = add_line(c, SCMP_ACT_ERRNO(EPERM), denied[i]);
    return rc;
}

/* -EACCES, -EPERM and the like come out of libseccomp as ECANCELED, so the cause is said in words.
 */
static int load(scmp_filter_ctx c, struct err *e)
{
    if (seccomp_load(c) == 0)
        return OK;
    err_set(e, ERR_FAILED, "the system refuses a filter of system calls (seccomp)");
    return err_hint(e, "in a container its own filter may be the cause: allow the calls seccomp "
                       "and prctl there; coffer-net does not run without");
}

int sandbox_seccomp(struct err *e)
{
    if (IS_SANITIZED || (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) < 0 && errno == EINVAL))
        return OK;
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!c)
        return err_set(e, ERR_MEMORY, "out of memory for the list of system calls");
    int rc = add_lists(c);
    if (rc == 0)
        rc = add_rules(c);
    if (rc == 0)
        rc = add_sockets(c);
    if (rc == 0)
        rc = add_options(c);
    if (rc != 0)
        err_sys(e, -rc, "make the list of system calls");
    else
        rc = load(c, e);
    seccomp_release(c);
    return rc == 0 ? OK : e->code;
}
