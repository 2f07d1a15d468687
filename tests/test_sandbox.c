/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/sandbox_calls.c and net/sandbox.c: a child goes into the sandbox and tries what it
 * must not be able to do, and what it must. That the whole programs work in theirs:
 * tests/e2e/net*.py, tests/e2e/token_sandbox.py. */
#include "tests/harness.h"

#include "base/env.h"
#include "net/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define LANDLOCK 444 /* landlock_create_ruleset */

static int listener = -1;
static struct sockaddr_in place; /* where it listens; no port that is allowed */

/* -- what is tried: 0, or the errno -- */

static int of(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_socket(int family, int type, int protocol)
{
    return of(socket(family, type, protocol));
}

#define TRY_SOCKET(name, family, type, protocol)                                                   \
    static int name(void)                                                                          \
    {                                                                                              \
        return open_socket(family, type, protocol);                                                \
    }
TRY_SOCKET(try_unix, AF_UNIX, SOCK_STREAM, 0)
TRY_SOCKET(try_unix_packets, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
TRY_SOCKET(try_mptcp, AF_INET, SOCK_STREAM, IPPROTO_MPTCP)
TRY_SOCKET(try_sctp, AF_INET6, SOCK_STREAM, IPPROTO_SCTP)
TRY_SOCKET(try_raw, AF_INET, SOCK_RAW, IPPROTO_TCP)
TRY_SOCKET(try_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
TRY_SOCKET(try_route, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
TRY_SOCKET(try_tcp, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)
TRY_SOCKET(try_udp, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
static int try_pair(void)
{
    int pair[2];
    return of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}
static int try_packet_pair(void)
{
    int pair[2];
    return of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int try_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return of(connect(fd, (struct sockaddr *)&place, sizeof(place)));
}
static int try_fast_open(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return of(sendto(fd, "hi", 2, MSG_FASTOPEN, (struct sockaddr *)&place, sizeof(place)));
}
static int try_fast_message(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct mmsghdr m = {.msg_hdr = {.msg_name = &place, .msg_namelen = sizeof(place)}};
    int one = of(sendmsg(fd, &m.msg_hdr, MSG_FASTOPEN | MSG_NOSIGNAL));
    return one ? of(sendmmsg(fd, &m, 1, MSG_FASTOPEN)) : 0;
}
static int try_send(void)
{
    int pair[2] = {-1, -1};
    struct msghdr none = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send(pair[0], "x", 1, MSG_NOSIGNAL) != 1)
        return errno;
    return of(sendmsg(pair[0], &none, MSG_NOSIGNAL));
}
static int try_option(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    return of(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
                      setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))
                  ? -1
                  : 0);
}
static int try_other_protocol(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return of(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "smc", 3)) == ENOSYS ? ENOSYS : 0;
}
static int try_listen(void)
{
    return of(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int try_accept(void)
{
    return of(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}
static int try_peer(void)
{
    int pair[2] = {-1, -1};
    struct ucred who;
    socklen_t n = sizeof(who);
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair)
               ? errno
               : of(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &n));
}
static int try_pass(void)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte = 'C';
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int pair[2] = {-1, -1};
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &listener, sizeof(int));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || sendmsg(pair[0], &m, MSG_NOSIGNAL) != 1)
        return errno;
    return recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC) == 1 && m.msg_controllen > 0 ? 0 : EIO;
}

static int try_signal(void)
{
    return of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static int try_kill(void)
{
    return of(kill(getppid(), 0));
}
static int try_own_signal(void)
{
    return of(syscall(SYS_tgkill, getpid(), gettid(), 0));
}
static int try_owner(void)
{
    return of(fcntl(listener, F_SETOWN, getppid()));
}
static int try_owner_signal(void)
{
    return of(fcntl(listener, F_SETSIG, SIGUSR1));
}
static int try_flags(void)
{
    return of(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK));
}

static int try_program(void)
{
    char *const argv[] = {(char[]){"true"}, NULL}, *const none[] = {NULL};
    return of(execve("/bin/true", argv, none));
}
static int try_new_call(void)
{
    return of(syscall(SYS_memfd_create, "x", 0));
}
static int try_private_file(void)
{
    return of(open("/etc/passwd", O_RDONLY));
}
static int try_own_memory(void)
{
    return of(open("/proc/self/maps", O_RDONLY));
}
static int try_hosts(void)
{
    return of(open("/etc/nsswitch.conf", O_RDONLY));
}
static int try_authorities(void)
{
    return of(open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY));
}

/* -- the child -- */

enum { BY_LANDLOCK = 1, BY_SECCOMP = 2, REFUSE_LANDLOCK = 4, REFUSE_SECCOMP = 8, AS_PROXY = 16 };

static long landlock_abi(void)
{
    return syscall(LANDLOCK, NULL, 0, 1);
}

/* As a container would. */
static int refuse(int what)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    int rc = c ? 0 : -1;

    if (rc == 0 && what & REFUSE_LANDLOCK)
        rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), LANDLOCK, 0);
    if (rc == 0 && what & REFUSE_SECCOMP)
        rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0);
    if (rc == 0 && what & REFUSE_SECCOMP)
        rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                              SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
    return rc ? rc : seccomp_load(c);
}

static int enter(int what, struct err *e)
{
    static const unsigned ports[] = {53, 443};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) ||
        (what & (REFUSE_LANDLOCK | REFUSE_SECCOMP) && refuse(what)))
        _exit(201);
    if (what & BY_LANDLOCK && net_landlock(ports, ARRAY_LEN(ports), e))
        return e->code;
    return what & BY_SECCOMP ? net_seccomp(what & AS_PROXY ? NET_PROXY : NET_CARRY, e) : OK;
}

/* Its errno, or 200 when the sandbox could not be entered; or what a signal said. */
static int in_sandbox(int what, int (*attempt)(void))
{
    int status = 0;
    struct err e = {.code = OK};
    pid_t pid = fork();

    if (pid == 0)
        _exit(enter(what, &e) ? 200 : attempt ? attempt() : 0);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct row {
    const char *name;
    int (*attempt)(void);
    int want;
};

static void expect(int what, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int got = in_sandbox(what, rows[i].attempt);
        harness_ok(got == rows[i].want, __FILE__, __LINE__, "%s: %d (%s), not %d", rows[i].name,
                   got, strerror(got > 0 ? got : 0), rows[i].want);
    }
}

/* -- the tests -- */

static void test_calls(void)
{
    static const struct row rows[] = {
        {"unix socket", try_unix, EAFNOSUPPORT},
        {"unix packets", try_unix_packets, EAFNOSUPPORT},
        {"mptcp", try_mptcp, ENOSYS},
        {"sctp", try_sctp, ENOSYS},
        {"raw", try_raw, ENOSYS},
        {"audit", try_audit, ENOSYS},
        {"pair of packets", try_packet_pair, ENOSYS},
        {"fast open", try_fast_open, ENOSYS},
        {"fast open by message", try_fast_message, ENOSYS},
        {"another protocol", try_other_protocol, ENOSYS},
        {"listen", try_listen, EPERM},
        {"signal", try_signal, ENOSYS},
        {"kill", try_kill, EPERM},
        {"owner", try_owner, ENOSYS},
        {"owner's signal", try_owner_signal, ENOSYS},
        {"program", try_program, EPERM},
        {"new call", try_new_call, ENOSYS},
        {"route", try_route, 0},
        {"tcp", try_tcp, 0},
        {"udp", try_udp, 0},
        {"pair", try_pair, 0},
        {"send", try_send, 0},
        {"option", try_option, 0},
        {"own signal", try_own_signal, 0},
        {"flags", try_flags, 0},
    };

    if (IS_SANITIZED)
        harness_skip("a sanitizer makes more calls");
    else
        expect(BY_SECCOMP, rows, ARRAY_LEN(rows));
}

static void test_files_and_ports(void)
{
    static const struct row rows[] = {
        {"a file of /etc", try_private_file, EACCES},
        {"program", try_program, EACCES},
        {"/proc", try_own_memory, EACCES},
    };
    static const struct row ports[] = {{"connect", try_connect, EACCES}};

    if (landlock_abi() < 1 || IS_SANITIZED) {
        harness_skip("no landlock here, or a sanitizer, which reads more");
        return;
    }
    expect(BY_LANDLOCK, rows, ARRAY_LEN(rows));
    EQ_INT(in_sandbox(BY_LANDLOCK, try_hosts), try_hosts());
    EQ_INT(in_sandbox(BY_LANDLOCK, try_authorities), try_authorities());
    if (landlock_abi() >= 4)
        expect(BY_LANDLOCK, ports, ARRAY_LEN(ports));
}

/* What the proxy may and a command's coffer-net may not: take connections of a listener that was
 * given. */
static void test_roles(void)
{
    static const struct row proxy[] = {
        {"accept", try_accept, EAGAIN},
        {"peer", try_peer, 0},
        {"pass", try_pass, 0},
        {"listen", try_listen, EPERM},
        {"unix socket", try_unix, EAFNOSUPPORT},
        {"program", try_program, EPERM},
    };
    static const struct row carry[] = {{"accept", try_accept, EPERM}};

    if (IS_SANITIZED) {
        harness_skip("a sanitizer makes more calls");
        return;
    }
    expect(BY_SECCOMP | AS_PROXY, proxy, ARRAY_LEN(proxy));
    expect(BY_SECCOMP, carry, ARRAY_LEN(carry));
}

/* A container's filter that refuses landlock is as a kernel without; one that refuses filters is an
 * error that says so. */
static void test_containers(void)
{
    if (IS_SANITIZED) {
        harness_skip("no filter with a sanitizer");
        return;
    }
    EQ_INT(in_sandbox(BY_LANDLOCK | BY_SECCOMP | REFUSE_LANDLOCK, NULL), 0);
    EQ_INT(in_sandbox(BY_SECCOMP | REFUSE_SECCOMP, NULL), 200);
}

static int words_of_refusal(void)
{
    struct err e = {.code = OK};

    return net_seccomp(NET_CARRY, &e) && strstr(e.msg, "seccomp") && e.n_hints == 1 &&
                   strstr(e.hints[0], "container")
               ? 0
               : 1;
}

static void test_words(void)
{
    if (IS_SANITIZED)
        harness_skip("no filter with a sanitizer");
    else
        EQ_INT(in_sandbox(REFUSE_SECCOMP, words_of_refusal), 0);
}

int main(void)
{
    socklen_t n = sizeof(place);

    place = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&place, n) || listen(listener, 8) ||
        getsockname(listener, (struct sockaddr *)&place, &n))
        return 1;
    RUN(test_calls);
    RUN(test_files_and_ports);
    RUN(test_roles);
    RUN(test_containers);
    RUN(test_words);
    close(listener);
    return harness_end();
}
