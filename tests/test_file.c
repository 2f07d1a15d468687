/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/file.c: names, links, kinds, modes, owners, limits. */
#include "tests/file_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_read(void)
{
    AUTO(fd_closep) int d = fresh("create");
    AUTO_BUF b = BUF_INIT(100);
    struct err e;

    OK_CALL(file_create_at(d, "a", BYTES_LIT("one\0two"), &e), &e);
    buf_adds(&b, ">");
    OK_CALL(file_read_at(d, "a", 100, FILE_PRIVATE, &b, &e), &e);
    EQ_MEM(buf_bytes(&b), BYTES_LIT(">one\0two"));
    OK_CALL(file_create_at(d, "empty", (struct bytes){0}, &e), &e);
    buf_reset(&b);
    OK_CALL(file_read_at(d, "empty", 0, FILE_PRIVATE, &b, &e), &e);
    EQ_INT(b.n, 0);
    EQ_INT(n_entries(d), 2);
}

static void test_limits(void)
{
    AUTO(fd_closep) int d = fresh("limits");
    AUTO_BUF b = BUF_INIT(100), tight = BUF_INIT(5);
    struct err e;

    OK_CALL(file_create_at(d, "a", BYTES_LIT("123456"), &e), &e);
    OK_CALL(file_read_at(d, "a", 6, 0, &b, &e), &e);
    EQ_INT(file_read_at(d, "a", 5, 0, &b, &e), ERR_LIMIT);
    EQ_STR(e.msg, "'a' is over 5 bytes");
    EQ_STR(buf_str(&b), "123456");
    EQ_INT(file_read_at(d, "a", 100, 0, &tight, &e), ERR_LIMIT);
    EQ_INT(tight.n, 0);
    EQ_INT(tight.failed, OK);
    EQ_INT(file_read_at(d, "none", 5, 0, &b, &e), ERR_NOT_FOUND);
    EQ_STR(e.msg, "'none' does not exist");
    /* A file that tells no size, and one without end. */
    buf_reset(&b);
    EQ_INT(file_read_user("/dev/zero", 50, &b, &e), ERR_LIMIT);
    EQ_INT(b.n, 0);
    AUTO_BUF big = BUF_INIT(1u << 20);
    OK_CALL(file_read_user("/proc/self/smaps", 1u << 20, &big, &e), &e);
    CHECK(big.n > 4096);
}

static void test_names(void)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc/passwd", "../x", "a/"};
    AUTO(fd_closep) int d = fresh("names");
    AUTO_BUF b = BUF_INIT(100);
    char longer[NAME_MAX + 2];
    struct err e;
    int fd = -1;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EQ_INT(file_read_at(d, bad[i], 9, 0, &b, &e), ERR_FAILED);
        EQ_INT(file_create_at(d, bad[i], BYTES_LIT("x"), &e), ERR_FAILED);
        EQ_INT(file_replace_at(d, bad[i], BYTES_LIT("x"), &e), ERR_FAILED);
        EQ_INT(file_lock_at(d, bad[i], 0, &fd, &e), ERR_FAILED);
        EQ_INT(dir_open_at(d, bad[i], DIR_CREATE, &fd, &e), ERR_FAILED);
    }
    memset(longer, 'n', sizeof(longer));
    longer[NAME_MAX + 1] = 0;
    EQ_INT(file_create_at(d, longer, BYTES_LIT("x"), &e), ERR_FAILED);
    longer[NAME_MAX] = 0;
    EQ_INT(file_replace_at(d, longer, BYTES_LIT("x"), &e), ERR_LIMIT);
    EQ_INT(n_entries(d), 0);
    EQ_INT(fd, -1);
}

static void test_links(void)
{
    AUTO(fd_closep) int d = fresh("links");
    AUTO_BUF b = BUF_INIT(100);
    AUTO_SECRET s = {0};
    char path[PATH_MAX];
    struct err e;
    int fd = -1;

    OK_CALL(file_create_at(d, "real", BYTES_LIT("x"), &e), &e);
    CHECK(symlinkat("real", d, "link") == 0 && symlinkat("nowhere", d, "dangling") == 0);
    CHECK(mkdirat(d, "dir", 0700) == 0 && symlinkat("dir", d, "dirlink") == 0);
    EQ_INT(file_read_at(d, "link", 9, 0, &b, &e), ERR_IO);
    EQ_STR(e.msg, "'link' is a symbolic link");
    EQ_INT(file_create_at(d, "dangling", BYTES_LIT("x"), &e), ERR_EXISTS);
    EQ_INT(file_lock_at(d, "dangling", 0, &fd, &e), ERR_IO);
    EQ_INT(dir_open_at(d, "dirlink", 0, &fd, &e), ERR_IO);
    EQ_STR(e.msg, "'dirlink' is a symbolic link");
    EQ_INT(dir_open_at(d, "dirlink", DIR_CREATE, &fd, &e), ERR_IO);
    path_in(path, "links", "dirlink");
    EQ_INT(dir_open(path, 0, &fd, &e), ERR_IO);
    path_in(path, "links", "dirlink//");
    EQ_INT(dir_open(path, 0, &fd, &e), ERR_IO);
    CHECK(strstr(e.msg, "is a symbolic link"));
    path_in(path, "links", "link");
    EQ_INT(file_read_secret(path, 9, FILE_PRIVATE, &s, &e), ERR_IO);
    CHECK(strstr(e.msg, "is a symbolic link"));
    OK_CALL(file_read_user(path, 9, &b, &e), &e);
    EQ_STR(buf_str(&b), "x");
    /* Replacing a link replaces the link, not what it points to. */
    OK_CALL(file_replace_at(d, "link", BYTES_LIT("new"), &e), &e);
    buf_reset(&b);
    OK_CALL(file_read_at(d, "real", 9, 0, &b, &e), &e);
    EQ_STR(buf_str(&b), "x");
    EQ_INT(fd, -1);
}

static void test_kinds(void)
{
    AUTO(fd_closep) int d = fresh("kinds");
    AUTO_BUF b = BUF_INIT(100);
    AUTO_SECRET s = {0};
    char path[PATH_MAX];
    struct err e;
    int fd = -1;

    CHECK(mkdirat(d, "dir", 0700) == 0 && mkfifoat(d, "pipe", 0600) == 0);
    OK_CALL(file_create_at(d, "file", BYTES_LIT("x"), &e), &e);
    EQ_INT(file_read_at(d, "dir", 9, 0, &b, &e), ERR_IO);
    EQ_STR(e.msg, "'dir' is not a regular file");
    /* Neither of these may wait for a writer. */
    EQ_INT(file_read_at(d, "pipe", 9, 0, &b, &e), ERR_IO);
    EQ_INT(file_lock_at(d, "pipe", 0, &fd, &e), ERR_IO);
    path_in(path, "kinds", "pipe");
    EQ_INT(file_read_secret(path, 9, FILE_PRIVATE, &s, &e), ERR_IO);
    EQ_INT(dir_open_at(d, "file", 0, &fd, &e), ERR_IO);
    EQ_STR(e.msg, "'file' is not a directory");
    path_in(path, "kinds", "file/below");
    EQ_INT(dir_open(path, 0, &fd, &e), ERR_IO);
    EQ_INT(dir_open(path, DIR_CREATE, &fd, &e), ERR_IO);
    path_in(path, "kinds", "dir");
    EQ_INT(file_read_user(path, 9, &b, &e), ERR_IO);
    EQ_INT(file_read_secret(path, 9, 0, &s, &e), ERR_IO);
    EQ_INT(dir_open("", 0, &fd, &e), ERR_USAGE);
    EQ_INT(fd, -1);
}

static void test_private(void)
{
    AUTO(fd_closep) int d = fresh("private");
    AUTO(fd_closep) int sub = -1;
    AUTO_BUF b = BUF_INIT(100);
    char path[PATH_MAX], want[PATH_MAX + 32];
    struct err e;

    OK_CALL(file_create_at(d, "f", BYTES_LIT("x"), &e), &e);
    CHECK(fchmodat(d, "f", 0640, 0) == 0);
    EQ_INT(file_read_at(d, "f", 9, FILE_PRIVATE, &b, &e), ERR_IO);
    EQ_STR(e.msg, "'f' can be read by others (mode 0640)");
    path_in(path, "private", "f");
    snprintf(want, sizeof(want), "chmod 0600 %s", path);
    EQ_STR(e.hints[0], want);
    OK_CALL(file_read_at(d, "f", 9, 0, &b, &e), &e);
    CHECK(mkdirat(d, "records", 0700) == 0 && fchmodat(d, "records", 0755, 0) == 0);
    EQ_INT(dir_open_at(d, "records", FILE_PRIVATE, &sub, &e), ERR_IO);
    EQ_STR(e.msg, "'records' can be read by others (mode 0755)");
    EQ_INT(strncmp(e.hints[0], "chmod 0700 /", 12), 0);
    path_in(path, "private", "records");
    CHECK(strstr(e.hints[0], path));
    CHECK(fchmodat(d, "records", 0722, 0) == 0);
    EQ_INT(dir_open(path, FILE_PRIVATE, &sub, &e), ERR_IO);
    CHECK(strstr(e.msg, "can be changed by others (mode 0722)"));
    EQ_INT(sub, -1);
    OK_CALL(dir_open(path, 0, &sub, &e), &e);
    if (geteuid() != 0) {
        harness_skip("the owner check needs root to give a file away");
        return;
    }
    CHECK(fchmodat(d, "f", 0600, 0) == 0 && fchownat(d, "f", 12345, 0, 0) == 0);
    EQ_INT(file_read_at(d, "f", 9, FILE_PRIVATE, &b, &e), ERR_IO);
    EQ_STR(e.msg, "'f' belongs to user 12345, not to user 0 who runs this");
    EQ_INT(strncmp(e.hints[0], "chown 0 /", 9), 0);
}

static void test_make_directories(void)
{
    AUTO(fd_closep) int d = fresh("make");
    AUTO(fd_closep) int sub = -1;
    char path[PATH_MAX];
    struct err e;

    path_in(path, "make", "a/b//c/");
    EQ_INT(dir_open(path, FILE_PRIVATE, &sub, &e), ERR_NOT_FOUND);
    OK_CALL(dir_open(path, FILE_PRIVATE | DIR_CREATE, &sub, &e), &e);
    EQ_INT(mode_of(d, "a"), 0700);
    EQ_INT(mode_of(d, "a/b/c"), 0700);
    fd_closep(&sub);
    OK_CALL(dir_open(path, FILE_PRIVATE | DIR_CREATE, &sub, &e), &e);
    fd_closep(&sub);
    OK_CALL(dir_open_at(d, "x", FILE_PRIVATE | DIR_CREATE, &sub, &e), &e);
    CHECK(fcntl(sub, F_GETFD) & FD_CLOEXEC);
    OK_CALL(dir_sync(sub, "x", &e), &e);
    EQ_INT(dir_sync(-1, "x", &e), ERR_IO);
    fd_closep(&sub);
    OK_CALL(dir_open("/", 0, &sub, &e), &e);
}

static void test_secrets(void)
{
    AUTO(fd_closep) int d = fresh("secrets");
    AUTO_SECRET s = {0};
    char path[PATH_MAX];
    struct err e;

    OK_CALL(file_create_at(d, "pin", BYTES_LIT("123456\n"), &e), &e);
    path_in(path, "secrets", "pin");
    OK_CALL(file_read_secret(path, 7, FILE_PRIVATE, &s, &e), &e);
    EQ_MEM(secret_bytes(&s), BYTES_LIT("123456\n"));
    secret_free(&s);
    EQ_INT(file_read_secret(path, 6, FILE_PRIVATE, &s, &e), ERR_LIMIT);
    CHECK(strstr(e.msg, "is over 6 bytes"));
    CHECK(!s.p);
    CHECK(fchmodat(d, "pin", 0644, 0) == 0);
    EQ_INT(file_read_secret(path, 7, FILE_PRIVATE, &s, &e), ERR_IO);
    OK_CALL(file_read_secret(path, 7, 0, &s, &e), &e);
    secret_free(&s);
    path_in(path, "secrets", "none");
    EQ_INT(file_read_secret(path, 7, 0, &s, &e), ERR_NOT_FOUND);
    CHECK(!s.p);
    /* "-" is a name like any other unless asked for. */
    EQ_INT(file_read_secret("-", 7, 0, &s, &e), ERR_NOT_FOUND);
}

static void test_descriptor(void)
{
    AUTO_SECRET s = {0};
    struct err e;
    int fd[2], status = 0;

    CHECK(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* In two pieces, the first after the reader has begun to wait. */
        usleep(20000);
        bool ok = write(fd[1], "abc", 3) == 3 && usleep(20000) == 0 && write(fd[1], "def", 3) == 3;
        _exit(ok ? 0 : 1);
    }
    close(fd[1]);
    OK_CALL(fd_read_secret(fd[0], 100, &s, &e), &e);
    EQ_MEM(secret_bytes(&s), BYTES_LIT("abcdef"));
    secret_free(&s);
    waitpid(pid, &status, 0);
    EQ_INT(status, 0);
    OK_CALL(fd_read_secret(fd[0], 100, &s, &e), &e);
    EQ_INT(s.n, 0);
    secret_free(&s);
    close(fd[0]);
    EQ_INT(fd_read_secret(fd[0], 100, &s, &e), ERR_IO);
    CHECK(strstr(e.msg, "bad file descriptor"));
}

static void test_close(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1;

    fd_closep(&none);
    int copy = fd;
    fd_closep(&fd);
    EQ_INT(fd, -1);
    CHECK(fcntl(copy, F_GETFD) == -1 && errno == EBADF);
}

int main(void)
{
    RUN(test_read);
    RUN(test_limits);
    RUN(test_names);
    RUN(test_links);
    RUN(test_kinds);
    RUN(test_private);
    RUN(test_make_directories);
    RUN(test_secrets);
    RUN(test_descriptor);
    RUN(test_close);
    return harness_end();
}
