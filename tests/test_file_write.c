/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/file_write.c: the old or the new, nothing left behind when a step fails, locks. */
#include "tests/file_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_create(void)
{
    AUTO(fd_closep) int d = fresh("new");
    AUTO_BUF b = BUF_INIT(100);
    struct err e;

    OK_CALL(file_create_at(d, "a", BYTES_LIT("one"), &e), &e);
    EQ_INT(mode_of(d, "a"), 0600);
    EQ_INT(file_create_at(d, "a", BYTES_LIT("other"), &e), ERR_EXISTS);
    EQ_STR(e.msg, "'a' exists already");
    OK_CALL(file_read_at(d, "a", 100, FILE_PRIVATE, &b, &e), &e);
    EQ_STR(buf_str(&b), "one");
    EQ_INT(n_entries(d), 1);
}

static void test_replace(void)
{
    AUTO(fd_closep) int d = fresh("replace");
    AUTO_BUF b = BUF_INIT(100);
    struct stat before = {0}, after = {0};
    struct err e;

    OK_CALL(file_replace_at(d, "f", BYTES_LIT("first"), &e), &e);
    fstatat(d, "f", &before, 0);
    OK_CALL(file_replace_at(d, "f", BYTES_LIT("second"), &e), &e);
    fstatat(d, "f", &after, 0);
    CHECK(before.st_ino != after.st_ino);
    OK_CALL(file_read_at(d, "f", 100, FILE_PRIVATE, &b, &e), &e);
    EQ_STR(buf_str(&b), "second");
    EQ_INT(n_entries(d), 1);
    /* What a crash left under the name that comes first does not stand in the way. */
    char aside[64];
    snprintf(aside, sizeof(aside), ".f.tmp.%ld.0", (long)getpid());
    OK_CALL(file_create_at(d, aside, BYTES_LIT("left"), &e), &e);
    OK_CALL(file_replace_at(d, "f", BYTES_LIT("third"), &e), &e);
    EQ_INT(n_entries(d), 2);
    /* A directory cannot be replaced; nothing stays behind. */
    CHECK(mkdirat(d, "dir", 0700) == 0);
    EQ_INT(file_replace_at(d, "dir", BYTES_LIT("x"), &e), ERR_IO);
    EQ_INT(n_entries(d), 3);
}

static void test_note(void)
{
    AUTO(fd_closep) int d = fresh("note");
    AUTO_BUF b = BUF_INIT(100);
    struct err e;

    OK_CALL(file_note_at(d, "f", BYTES_LIT("first"), &e), &e);
    OK_CALL(file_note_at(d, "f", BYTES_LIT("second"), &e), &e);
    OK_CALL(file_read_at(d, "f", 100, FILE_PRIVATE, &b, &e), &e);
    EQ_STR(buf_str(&b), "second");
    EQ_INT(mode_of(d, "f"), 0600);
    EQ_INT(n_entries(d), 1);
    CHECK(mkdirat(d, "dir", 0700) == 0);
    EQ_INT(file_note_at(d, "dir", BYTES_LIT("x"), &e), ERR_IO);
    EQ_INT(n_entries(d), 2);
}

/* Writes beyond the limit fail with EFBIG, as a full disk does with ENOSPC. */
static void test_write_fails(void)
{
    AUTO(fd_closep) int d = fresh("full");
    AUTO_BUF b = BUF_INIT(100);
    struct rlimit old, small = {10, 0};
    struct err e;

    OK_CALL(file_create_at(d, "f", BYTES_LIT("old"), &e), &e);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    int r = file_replace_at(d, "f", BYTES_LIT("more than ten bytes"), &e);
    int c = file_create_at(d, "g", BYTES_LIT("more than ten bytes"), &e);
    setrlimit(RLIMIT_FSIZE, &old);
    EQ_INT(r, ERR_IO);
    EQ_INT(c, ERR_IO);
    EQ_STR(e.msg, "write 'g': file too large");
    EQ_INT(n_entries(d), 1);
    OK_CALL(file_read_at(d, "f", 100, 0, &b, &e), &e);
    EQ_STR(buf_str(&b), "old");
}

static bool write_file(const char *path, const char *text)
{
    AUTO(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A file system of four pages over path, seen by this process alone. */
static bool mount_small(const char *path)
{
    char uids[64], gids[64];

    snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
    snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", uids) &&
           write_file("/proc/self/gid_map", gids) &&
           mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=16k,mode=0700") == 0;
}

static int fill_small(const char *path)
{
    static uint8_t big[65536];
    struct err e;
    int d = -1;

    if (!mount_small(path))
        return 77;
    if (dir_open(path, FILE_PRIVATE, &d, &e) || file_create_at(d, "f", BYTES_LIT("old"), &e))
        return 1;
    if (file_create_at(d, "g", BYTES_ARR(big), &e) != ERR_IO || n_entries(d) != 1)
        return 2;
    if (strcmp(e.msg, "write 'g': no space left on device") != 0 || e.n_hints != 1)
        return 3;
    if (file_replace_at(d, "f", BYTES_ARR(big), &e) != ERR_IO || n_entries(d) != 1)
        return 4;
    AUTO_BUF b = BUF_INIT(10);
    return file_read_at(d, "f", 10, 0, &b, &e) || strcmp(buf_str(&b), "old") != 0 ? 5 : 0;
}

static void test_no_space(void)
{
    AUTO(fd_closep) int d = fresh("small");
    char path[PATH_MAX];
    int status = 0;

    CHECK(d >= 0);
    path_in(path, "small", ".");
    pid_t pid = fork();
    if (pid == 0)
        _exit(fill_small(path));
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        harness_skip("no name space of its own for a small file system");
    else
        EQ_INT(status, 0);
}

static void test_read_only(void)
{
    AUTO(fd_closep) int d = fresh("readonly");
    struct err e;
    int status = 0, fd = -1;

    CHECK(fchmod(d, 0500) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (fchown(d, 65534, 65534) || setgid(65534) || setuid(65534)))
            _exit(9);
        bool ok = file_create_at(d, "f", BYTES_LIT("x"), &e) == ERR_IO &&
                  strcmp(e.msg, "make 'f': permission denied") == 0 &&
                  file_replace_at(d, "f", BYTES_LIT("x"), &e) == ERR_IO &&
                  strncmp(e.msg, "replace 'f': ", 13) == 0 &&
                  file_lock_at(d, "f", 0, &fd, &e) == ERR_IO &&
                  dir_open_at(d, "f", DIR_CREATE, &fd, &e) == ERR_IO;
        _exit(ok ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    EQ_INT(status, 0);
    EQ_INT(n_entries(d), 0);
}

static void test_lock(void)
{
    AUTO(fd_closep) int d = fresh("lock");
    AUTO(fd_closep) int a = -1;
    AUTO(fd_closep) int b = -1;
    struct err e;

    OK_CALL(file_lock_at(d, "lock", 0, &a, &e), &e);
    EQ_INT(mode_of(d, "lock"), 0600);
    EQ_INT(file_lock_at(d, "lock", 30, &b, &e), ERR_FAILED);
    EQ_STR(e.msg, "'lock' is locked by another process");
    EQ_INT(b, -1);
    pid_t pid = fork();
    if (pid == 0) {
        /* The lock goes with its last holder. */
        usleep(50000);
        _exit(0);
    }
    fd_closep(&a);
    OK_CALL(file_lock_at(d, "lock", 5000, &b, &e), &e);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    RUN(test_create);
    RUN(test_replace);
    RUN(test_note);
    RUN(test_write_fails);
    RUN(test_no_space);
    RUN(test_read_only);
    RUN(test_lock);
    return harness_end();
}
