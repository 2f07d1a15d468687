/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of agent/sandbox.c: a child becomes as confined as the agent's core and tries what whoever
 * breaks it would want: the network, programs, other processes, files; and what the core must do.
 * That it works as a whole: tests/e2e/agent*.py. */
#include "tests/harness.h"

#include "agent/core.h"
#include "base/env.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANDLOCK 444 /* landlock_create_ruleset */
#define MEMFD_SECRET 447
#define PIDFD_OPEN 434
#define PIDFD_GETFD 438
#define IO_URING_SETUP 425

static struct agent agent;
static int listener = -1, tcp = -1, spare[2] = {-1, -1};
static char state[WHERE_MAX];
static struct sockaddr_in port_9; /* of this machine */

/* -- what is tried: 0, or the errno -- */

static int of(long rc)
{
    return rc < 0 ? errno : 0;
}

static int in(const char *dir, const char *name, int flags)
{
    char path[2 * WHERE_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return of(open(path, flags | O_CLOEXEC, 0600));
}

static int try_tcp(void)
{
    return of(socket(AF_INET, SOCK_STREAM, 0));
}
static int try_udp(void)
{
    return of(socket(AF_INET6, SOCK_DGRAM, 0));
}
static int try_unix(void)
{
    return of(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int try_pair(void)
{
    int pair[2];
    return of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}
/* With a socket that it was left by mistake. */
static int try_connect(void)
{
    return of(connect(tcp, (const struct sockaddr *)&port_9, sizeof(port_9)));
}
static int try_fast_open(void)
{
    return of(sendto(tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)&port_9,
                     sizeof(port_9)));
}
static int try_bind(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    return of(bind(tcp, (struct sockaddr *)&at, sizeof(at)));
}
static int try_listen(void)
{
    return of(listen(listener, 1));
}
static int try_uring(void)
{
    char room[256] = {0};
    return of(syscall(IO_URING_SETUP, 4, room));
}

static int try_program(void)
{
    char *const argv[] = {(char[]){"true"}, NULL}, *const none[] = {NULL};
    return of(execve("/bin/true", argv, none));
}
static int try_program_at(void)
{
    char *const argv[] = {(char[]){"true"}, NULL}, *const none[] = {NULL};
    return of(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, none, 0));
}
static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return of(pid);
}
static int try_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? errno
               : 0;
}
static int try_new_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return of(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int try_memfd(void)
{
    return of(syscall(SYS_memfd_create, "x", 0));
}

static int try_trace(void)
{
    return of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}
static int try_read_other(void)
{
    char here[8];
    struct iovec mine = {here, sizeof(here)}, its = {&agent, sizeof(here)};
    return of(process_vm_readv(getppid(), &mine, 1, &its, 1, 0));
}
static int try_descriptor(void)
{
    int fd = (int)syscall(PIDFD_OPEN, getppid(), 0);
    return fd < 0 ? errno : of(syscall(PIDFD_GETFD, fd, 0, 0));
}
static int try_kill(void)
{
    return of(kill(getppid(), 0));
}
static int try_namespace(void)
{
    return of(unshare(CLONE_NEWUSER));
}

static int try_passwords(void)
{
    return in("/etc", "passwd", O_RDONLY);
}
static int try_own_memory(void)
{
    return in("/proc/self", "mem", O_RDWR);
}
static int try_neighbour(void)
{
    return in(harness_dir(), "neighbour", O_RDONLY);
}
static int try_new_neighbour(void)
{
    return in(harness_dir(), "new", O_WRONLY | O_CREAT);
}
static int try_other_vaults_state(void)
{
    return in(agent.where.state, "other", O_WRONLY | O_CREAT);
}
static int try_write_vault(void)
{
    return in(agent.where.vault, "vault.json", O_WRONLY);
}
static int try_remove_of_vault(void)
{
    char path[2 * WHERE_MAX];
    snprintf(path, sizeof(path), "%s/vault.json", agent.where.vault);
    return of(unlink(path));
}
static int try_write_tokens(void)
{
    return in(agent.where.config, "tokens.json", O_WRONLY | O_TRUNC);
}

/* -- what it must be able to do -- */

static int try_read_vault(void)
{
    return in(agent.where.vault, "vault.json", O_RDONLY);
}
static int try_read_tokens(void)
{
    return in(agent.where.config, "tokens.json", O_RDONLY);
}
static int try_log(void)
{
    char path[2 * WHERE_MAX];
    snprintf(path, sizeof(path), "%s/log", state);
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 || write(fd, "x", 1) != 1 ? errno : of(ftruncate(fd, 0));
}
static int try_accept(void)
{
    return of(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}
static int try_talk(void)
{
    char byte;
    return send(spare[0], "x", 1, MSG_NOSIGNAL) != 1 ? errno : of(recv(spare[1], &byte, 1, 0));
}
static int try_secret_memory(void)
{
    int rc = of(syscall(MEMFD_SECRET, O_CLOEXEC));
    return rc == ENOSYS ? 0 : rc; /* a kernel without */
}

/* -- the child -- */

static int in_core(int (*attempt)(void))
{
    struct err e = {.code = OK};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) || core_confine(&agent, &e))
            _exit(200);
        _exit(attempt());
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct row {
    const char *name;
    int (*attempt)(void);
    int want, or_else;
};

static void expect(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int got = in_core(rows[i].attempt);
        harness_ok(got == rows[i].want || (rows[i].or_else && got == rows[i].or_else), __FILE__,
                   __LINE__, "%s: %d (%s), not %d", rows[i].name, got, strerror(got > 0 ? got : 0),
                   rows[i].want);
    }
}

static void expect_calls(const struct row *rows, size_t n)
{
    if (IS_SANITIZED)
        harness_skip("a sanitizer makes more calls");
    else
        expect(rows, n);
}

/* -- the tests -- */

static void test_no_network(void)
{
    static const struct row rows[] = {
        {"tcp", try_tcp, EPERM, 0},         {"udp", try_udp, EPERM, 0},
        {"unix", try_unix, EPERM, 0},
        {"pair", try_pair, EPERM, 0},       {"connect", try_connect, EPERM, 0},
        {"bind", try_bind, EPERM, 0},       {"listen", try_listen, EPERM, 0},
        {"io_uring", try_uring, ENOSYS, 0}, {"fast open", try_fast_open, ENOSYS, EPERM},
    };

    expect_calls(rows, ARRAY_LEN(rows));
}

static void test_no_programs(void)
{
    static const struct row rows[] = {
        {"program", try_program, EPERM, 0},
        {"program by another call", try_program_at, EPERM, 0},
        {"fork", try_fork, EPERM, ENOSYS},
        {"memory that is written and run", try_code, EPERM, ENOSYS},
        {"memory that is made to run", try_new_code, EPERM, ENOSYS},
        {"a file in memory", try_memfd, EPERM, 0},
        {"namespace", try_namespace, EPERM, ENOSYS},
    };

    expect_calls(rows, ARRAY_LEN(rows));
}

static void test_no_others(void)
{
    static const struct row rows[] = {
        {"trace", try_trace, EPERM, 0},
        {"memory of another", try_read_other, EPERM, ENOSYS},
        {"descriptor of another", try_descriptor, EPERM, ENOSYS},
        {"signal", try_kill, EPERM, 0},
    };

    expect_calls(rows, ARRAY_LEN(rows));
}

static void test_files(void)
{
    static const struct row rows[] = {
        {"/etc/passwd", try_passwords, EACCES, 0},
        {"/proc/self/mem", try_own_memory, EACCES, 0},
        {"a file beside", try_neighbour, EACCES, 0},
        {"a new file beside", try_new_neighbour, EACCES, 0},
        {"another vault's state", try_other_vaults_state, EACCES, 0},
        {"the vault", try_write_vault, EACCES, 0},
        {"a file less of the vault", try_remove_of_vault, EACCES, 0},
        {"tokens.json", try_write_tokens, EACCES, 0},
    };

    if (syscall(LANDLOCK, NULL, 0, 1) < 1 || IS_SANITIZED) {
        harness_skip("no landlock here, or a sanitizer, which reads more");
        return;
    }
    expect(rows, ARRAY_LEN(rows));
}

static void test_needed(void)
{
    static const struct row rows[] = {
        {"vault.json", try_read_vault, 0, 0},
        {"tokens.json", try_read_tokens, 0, 0},
        {"log", try_log, 0, 0},
        {"accept", try_accept, EAGAIN, 0},
        {"talk", try_talk, 0, 0},
        {"memory for secrets", try_secret_memory, 0, 0},
    };

    expect(rows, ARRAY_LEN(rows));
}

/* Outside, each of these works: else a refusal would prove nothing. */
static void test_outside(void)
{
    static int (*const work[])(void) = {try_tcp,         try_udp,       try_unix, try_pair,
                                        try_memfd,       try_passwords, try_kill, try_neighbour,
                                        try_write_vault, try_code,      try_fork};

    for (size_t i = 0; i < ARRAY_LEN(work); i++)
        EQ_INT(work[i](), 0);
}

/* -- the scene -- */

static bool make_file(const char *dir, const char *name)
{
    return in(dir, name, O_WRONLY | O_CREAT) == 0;
}

static bool make_scene(void)
{
    const char *top = harness_dir();
    char hex[VAULT_ID_HEX];
    struct sockaddr_un at = {.sun_family = AF_UNIX}; /* the kernel gives it a name */

    port_9 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9)};
    port_9.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(agent.vault_id, 0x5a, sizeof(agent.vault_id));
    where_id_hex(agent.vault_id, hex);
    snprintf(agent.where.vault, WHERE_MAX, "%s/vault", top);
    snprintf(agent.where.config, WHERE_MAX, "%s/config", top);
    snprintf(agent.where.state, WHERE_MAX, "%s/state", top);
    if (snprintf(state, sizeof(state), "%.400s/state/%s", top, hex) >= (int)sizeof(state) ||
        mkdir(agent.where.vault, 0700) || mkdir(agent.where.config, 0700) ||
        mkdir(agent.where.state, 0700) || !make_file(agent.where.vault, "vault.json") ||
        !make_file(agent.where.config, "tokens.json") || !make_file(top, "neighbour"))
        return false;
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return tcp >= 0 && bind(listener, (struct sockaddr *)&at, sizeof(at.sun_family)) == 0 &&
           listen(listener, 8) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, spare) == 0;
}

int main(void)
{
    if (!make_scene())
        return 1;
    RUN(test_outside);
    RUN(test_no_network);
    RUN(test_no_programs);
    RUN(test_no_others);
    RUN(test_files);
    RUN(test_needed);
    return harness_end();
}
