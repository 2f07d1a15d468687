/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/sandbox_files.c: a child that may write in one folder, read in another and connect
 * to one port tries that and more. */
#include "tests/harness.h"

#include "base/env.h"
#include "base/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANDLOCK 444 /* landlock_create_ruleset */

static char writable[3072], readable[3072];
static struct sockaddr_in place, other; /* two listeners; the first one's port is allowed */

static int of(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_below(const char *dir, const char *name, int flags)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return of(open(path, flags | O_CLOEXEC, 0600));
}
static int try_make(void)
{
    char path[4096];
    int rc = open_below(writable, "new", O_WRONLY | O_CREAT | O_EXCL);
    snprintf(path, sizeof(path), "%s/new", writable);
    return rc ? rc : of(unlink(path));
}
static int try_cut(void)
{
    return open_below(writable, "old", O_WRONLY | O_TRUNC);
}
static int try_folder(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/folder", writable);
    return of(mkdir(path, 0700) || rmdir(path) ? -1 : 0);
}
static int try_link(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/link", writable);
    return of(symlink("/etc/passwd", path));
}
static int try_read(void)
{
    return open_below(readable, "file", O_RDONLY);
}
static int try_change(void)
{
    return open_below(readable, "file", O_WRONLY);
}
static int try_make_there(void)
{
    return open_below(readable, "new", O_WRONLY | O_CREAT);
}

static int try_elsewhere(void)
{
    return of(open("/etc/passwd", O_RDONLY));
}

static int connect_to(const struct sockaddr_in *where)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return of(connect(fd, (const struct sockaddr *)where, sizeof(*where)));
}
static int try_port(void)
{
    return connect_to(&place);
}
static int try_other_port(void)
{
    return connect_to(&other);
}

static long landlock_abi(void)
{
    return syscall(LANDLOCK, NULL, 0, 1);
}

/* One folder to write in, one to read, and nothing else. */
static int enter_table(struct err *e)
{
    const struct sandbox_path paths[] = {{writable, SANDBOX_READ | SANDBOX_WRITE},
                                         {readable, SANDBOX_READ},
                                         {"/nowhere", SANDBOX_READ},
                                         {NULL, SANDBOX_READ}};
    const unsigned ports[] = {ntohs(place.sin_port)};
    const struct sandbox_files files = {paths, ARRAY_LEN(paths), ports, ARRAY_LEN(ports)};
    long abi = -1;

    if (sandbox_landlock(&files, &abi, e))
        return e->code;
    return abi == landlock_abi() || (abi == 0 && landlock_abi() < 0) ? OK : -1;
}

/* Its errno, or 200 when the sandbox could not be entered. */
static int in_sandbox(int (*attempt)(void))
{
    int status = 0;
    struct err e = {.code = OK};
    pid_t pid = fork();

    if (pid == 0)
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) || enter_table(&e) ? 200 : attempt());
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void expect(const char *name, int (*attempt)(void), int want)
{
    int got = in_sandbox(attempt);

    harness_ok(got == want, __FILE__, __LINE__, "%s: %d (%s), not %d", name, got,
               strerror(got > 0 ? got : 0), want);
}

static void test_files(void)
{
    if (landlock_abi() < 1) {
        harness_skip("no landlock here");
        return;
    }
    snprintf(writable, sizeof(writable), "%s/w", harness_dir());
    snprintf(readable, sizeof(readable), "%s/r", harness_dir());
    EQ_INT(mkdir(writable, 0700) || mkdir(readable, 0700), 0);
    EQ_INT(open_below(readable, "file", O_WRONLY | O_CREAT), 0);
    EQ_INT(open_below(writable, "old", O_WRONLY | O_CREAT), 0);
    expect("make", try_make, 0);
    expect("cut", try_cut, 0);
    expect("folder", try_folder, 0);
    expect("link", try_link, EACCES);
    expect("read", try_read, 0);
    expect("change", try_change, EACCES);
    expect("make there", try_make_there, EACCES);
    expect("elsewhere", try_elsewhere, EACCES);
}

static void test_ports(void)
{
    if (landlock_abi() < 4) {
        harness_skip("no landlock with ports here");
        return;
    }
    expect("the port", try_port, 0);
    expect("another port", try_other_port, EACCES);
}

static int listen_at(struct sockaddr_in *where)
{
    socklen_t n = sizeof(*where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *where = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(fd, (struct sockaddr *)where, n) || listen(fd, 8) ||
        getsockname(fd, (struct sockaddr *)where, &n))
        return -1;
    return fd;
}

int main(void)
{
    if (listen_at(&place) < 0 || listen_at(&other) < 0)
        return 1;
    RUN(test_files);
    RUN(test_ports);
    return harness_end();
}
