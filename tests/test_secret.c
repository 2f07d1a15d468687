/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/secret.c: the allocator, its limits, and that no other process sees the arena. */
#include "tests/harness.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizer replaces mlock by a function that does nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

static void test_basics(void)
{
    struct err e;
    AUTO_SECRET s = {0}, t = {0};

    OK_CALL(secret_new(&s, 8, &e), &e);
    EQ_INT(s.n, 0);
    EQ_INT(s.cap, 8);
    OK_CALL(secret_append(&s, BYTES_LIT("abcde"), &e), &e);
    EQ_INT(secret_append(&s, BYTES_LIT("fghi"), &e), ERR_LIMIT);
    EQ_MEM(secret_bytes(&s), BYTES_LIT("abcde"));
    OK_CALL(secret_append(&s, BYTES_LIT("fgh"), &e), &e);
    EQ_MEM(secret_bytes(&s), BYTES_LIT("abcdefgh"));
    OK_CALL(secret_copy(&t, BYTES_LIT("abcdefgh"), &e), &e);
    CHECK(secret_eq(&s, &t));
    t.p[7] = 'x';
    CHECK(!secret_eq(&s, &t));
    t.p[7] = 'h', t.n = 7;
    CHECK(!secret_eq(&s, &t));
    secret_free(&t);
    CHECK(!t.p && !t.n && !t.cap);
    CHECK(!secret_eq(&s, &t));
    secret_free(&t);
    OK_CALL(secret_copy(&t, (struct bytes){0}, &e), &e);
    EQ_INT(t.n, 0);
    CHECK(t.p != NULL);
}

static void test_limits(void)
{
    struct err e;
    struct secret s = {0};

    EQ_INT(secret_new(&s, 0, &e), ERR_LIMIT);
    EQ_INT(secret_new(&s, SECRET_MAX + 1, &e), ERR_LIMIT);
    EQ_INT(secret_new(&s, SIZE_MAX, &e), ERR_LIMIT);
    CHECK(!s.p);
    OK_CALL(secret_new(&s, SECRET_MAX, &e), &e);
    EQ_INT(secret_append(&s, bytes_of("", SIZE_MAX), &e), ERR_LIMIT);
    secret_free(&s);
}

static void test_full(void)
{
    struct err e;
    struct secret s[64] = {0};
    size_t n = 0;

    while (n < 64 && secret_new(&s[n], SECRET_MAX, &e) == 0)
        n++;
    CHECK(n >= 2 && n < 64);
    EQ_INT(e.code, ERR_LIMIT);
    CHECK(strstr(e.msg, "locked memory is full"));
    EQ_INT(e.n_hints, 1);
    secret_free(&s[1]);
    OK_CALL(secret_new(&s[1], SECRET_MAX, &e), &e);
    for (size_t i = 0; i < n; i++)
        secret_free(&s[i]);
    OK_CALL(secret_new(&s[0], 1, &e), &e);
    secret_free(&s[0]);
}

/* Sizes from a fixed sequence; each block keeps its own bytes, and a fresh one is all zero. */
static void test_many(void)
{
    struct err e;
    struct secret s[40] = {0};
    uint32_t x = 1;
    bool clean = true, kept = true;

    for (int step = 0; step < 4000; step++) {
        x = x * 1664525u + 1013904223u;
        struct secret *t = &s[x >> 16 & 31];
        if (t->p) {
            for (size_t i = 0; i < t->cap; i++)
                kept = kept && t->p[i] == (uint8_t)(t - s);
            secret_free(t);
            continue;
        }
        size_t cap = 1 + (x >> 8) % 700;
        if (!OK_CALL(secret_new(t, cap, &e), &e))
            break;
        for (size_t i = 0; i < cap; i++)
            clean = clean && t->p[i] == 0;
        memset(t->p, (int)(t - s), cap);
    }
    CHECK(clean);
    CHECK(kept);
    for (size_t i = 0; i < 40; i++)
        secret_free(&s[i]);
}

static void *churn(void *arg)
{
    bool *ok = arg;

    for (int i = 0; i < 2000 && *ok; i++) {
        struct err e;
        struct secret s = {0};
        size_t n = (size_t)(i % 300) + 1;
        *ok = secret_new(&s, n, &e) == 0;
        if (*ok) {
            memset(s.p, i, n);
            *ok = s.p[n - 1] == (uint8_t)i;
        }
        secret_free(&s);
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t t[3];
    bool ok[3] = {true, true, true};

    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&t[i], NULL, churn, &ok[i]) == 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        CHECK(ok[i]);
    }
}

static int end_of(pid_t pid)
{
    int status = 0;

    waitpid(pid, &status, 0);
    return status;
}

static void test_fork(void)
{
    struct err e;
    AUTO_SECRET s = {0};

    OK_CALL(secret_copy(&s, BYTES_LIT("not for children"), &e), &e);
    uint8_t *p = s.p;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        /* mincore fails with ENOMEM where nothing is mapped. */
        unsigned char there;
        uintptr_t page = (uintptr_t)p & ~(uintptr_t)4095;
        bool gone = mincore((void *)page, 4096, &there) != 0;
        secret_free(&s);
        bool closed = secret_arena_kind() == ARENA_CLOSED;
        bool none = secret_new(&s, 1, &e) == ERR_MEMORY;
        bool again = secret_arena_open(&e) == 0 && secret_copy(&s, BYTES_LIT("own"), &e) == 0;
        _exit(gone && closed && none && again ? 0 : 1);
    }
    status = end_of(pid);
    EQ_INT(status, 0);
    EQ_MEM(secret_bytes(&s), BYTES_LIT("not for children"));
}

/* Whatever reads memory through the kernel, as a debugger does, gets nothing from memfd_secret. */
static void test_mem_file(void)
{
    struct err e;
    AUTO_SECRET s = {0};
    char got[16] = "";

    OK_CALL(secret_copy(&s, BYTES_LIT("sixteen letters!"), &e), &e);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    ssize_t n = pread(fd, got, sizeof(got), (off_t)(uintptr_t)s.p);
    close(fd);
    if (secret_arena_kind() == ARENA_MEMFD_SECRET) {
        EQ_INT(n, -1);
    } else {
        EQ_INT(n, 16);
        EQ_INT(memcmp(got, "sixteen letters!", 16), 0);
    }
}

/* The flags that the kernel shows for the arena's pages: locked, not dumped, not forked. */
static void test_flags(void)
{
    struct err e;
    AUTO_SECRET s = {0};
    char line[512];
    bool inside = false, seen = false;
    FILE *f = fopen("/proc/self/smaps", "re");

    OK_CALL(secret_new(&s, 1, &e), &e);
    while (f && fgets(line, sizeof(line), f)) {
        char *end;
        unsigned long from = strtoul(line, &end, 16);
        if (*end == '-' && end - line >= 8)
            inside = (uintptr_t)s.p >= from && (uintptr_t)s.p < strtoul(end + 1, NULL, 16);
        if (!inside || strncmp(line, "VmFlags:", 8) != 0)
            continue;
        seen = true;
        CHECK(IS_SANITIZED || strstr(line, " lo"));
        CHECK(strstr(line, " dd"));
        CHECK(strstr(line, " dc"));
    }
    CHECK(seen);
    if (f)
        fclose(f);
}

static void test_guards(void)
{
    struct err e;
    struct secret s = {0};

    pid_t pid = fork();
    if (pid == 0) {
        secret_arena_close();
        if (secret_arena_open(&e) || secret_new(&s, 1, &e))
            _exit(1);
        signal(SIGSEGV, SIG_DFL);
        volatile uint8_t *before = s.p - 1;
        *before = 1;
        _exit(2);
    }
    int status = end_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static int open_with_limit(rlim_t limit, int *full_at)
{
    struct err e;
    struct secret s[32] = {0};
    const struct rlimit r = {limit, limit};

    secret_arena_close();
    if (setrlimit(RLIMIT_MEMLOCK, &r))
        return 90;
    /* Root may lock what it likes; another user may not. */
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        return 91;
    if (secret_arena_open(&e))
        return e.code == ERR_MEMORY && e.n_hints == 1 ? 1 : 92;
    while (secret_new(&s[*full_at], SECRET_MAX, &e) == 0)
        ++*full_at;
    return strstr(e.hints[0], "ulimit -l") ? 0 : 93;
}

static void test_small_limit(void)
{
    int n = 0, status;
    pid_t pid;

    if (IS_SANITIZED) {
        harness_skip("the sanitizer does not lock memory");
        return;
    }
    pid = fork();
    if (pid == 0)
        _exit(open_with_limit(65536, &n) == 0 && n >= 2 ? 0 : 1);
    status = end_of(pid);
    EQ_INT(status, 0);
    pid = fork();
    if (pid == 0)
        _exit(open_with_limit(4096, &n));
    status = end_of(pid);
    EQ_INT(status, 256);
}

/* As on a kernel that has no memfd_secret, or was told not to give it. */
static bool refuse_memfd_secret(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 447, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {ARRAY_LEN(f), f};

    return prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0 &&
           prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &prog, 0L, 0L) == 0;
}

static void test_fallback(void)
{
    struct err e;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        secret_arena_close();
        if (!refuse_memfd_secret())
            _exit(77);
        if (secret_arena_open(&e) || secret_arena_kind() != ARENA_LOCKED)
            _exit(1);
        test_basics();
        test_full();
        test_many();
        test_flags();
        test_mem_file();
        test_fork();
        _exit(harness_end());
    }
    status = end_of(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        harness_skip("no seccomp filter to refuse memfd_secret with");
    else
        EQ_INT(status, 0);
}

static void test_close(void)
{
    struct err e;
    struct secret s = {0};

    OK_CALL(secret_new(&s, 10, &e), &e);
    secret_arena_close();
    EQ_INT(secret_arena_kind(), ARENA_CLOSED);
    secret_free(&s);
    EQ_INT(secret_new(&s, 10, &e), ERR_MEMORY);
    secret_arena_close();
    OK_CALL(secret_arena_open(&e), &e);
    OK_CALL(secret_arena_open(&e), &e);
    CHECK(secret_arena_kind() != ARENA_CLOSED);
}

int main(void)
{
    RUN(test_basics);
    RUN(test_limits);
    RUN(test_full);
    RUN(test_many);
    RUN(test_threads);
    RUN(test_fork);
    RUN(test_mem_file);
    RUN(test_flags);
    RUN(test_guards);
    RUN(test_small_limit);
    RUN(test_fallback);
    RUN(test_close);
    return harness_end();
}
