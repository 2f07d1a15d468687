/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vault/nonces.c: reserved ahead, and still above every earlier one: of other processes,
 * after a crash, and while the clock jumps. */
#include "tests/harness.h"

#include "base/file.h"
#include "vault/nonces.h"
#include "vault/state.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us;

static int fixed_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = now_us;
    return OK;
}

static const struct env fixed = {.now_us = fixed_now};
static const uint8_t id[VAULT_ID_LEN] = {1}, rec[REC_ID_LEN] = {2}, other[REC_ID_LEN] = {3};
static struct where where;
static char mark_path[WHERE_MAX + 100];

static struct nonces *begin(void)
{
    static unsigned n;
    struct nonces *out = NULL;
    struct err e;

    now_us = 1700000000000000;
    snprintf(where.state, sizeof(where.state), "%s/n%u", harness_dir(), n++);
    snprintf(mark_path, sizeof(mark_path),
             "%s/01000000000000000000000000000000/02000000000000000000000000000000.nonce",
             where.state);
    OK_CALL(nonces_new(&where, id, &fixed, &out, &e), &e);
    return out;
}

static uint64_t take(struct nonces *n)
{
    uint64_t v = 0;
    struct err e;

    OK_CALL(nonces_next(n, rec, &v, &e), &e);
    return v;
}

static uint64_t take_alone(void)
{
    uint64_t v = 0;
    struct err e;

    OK_CALL(state_nonce(&where, id, rec, &fixed, &v, &e), &e);
    return v;
}

static uint64_t mark(void)
{
    AUTO_BUF text = BUF_INIT(64);
    struct err e;

    OK_CALL(file_read_user(mark_path, 64, &text, &e), &e);
    return strtoull(buf_str(&text), NULL, 10);
}

static void test_ahead(void)
{
    struct nonces *n = begin();
    struct err e;
    uint64_t v, seen;

    EQ_INT(take(n), 1700000000000000);
    seen = mark();
    EQ_INT(seen, 1700000000000000 + NONCES_AHEAD_US);
    EQ_INT(take(n), 1700000000000001);
    EQ_INT(take(n), 1700000000000002);
    now_us += 500000;
    EQ_INT(take(n), 1700000000500000);
    now_us += 500000;
    EQ_INT(take(n), 1700000001000000);
    EQ_INT(mark(), seen); /* no disk was needed for these */
    EQ_INT(take(n), 1700000001000001);
    EQ_INT(mark(), seen + NONCES_AHEAD_US + 1);
    OK_CALL(nonces_next(n, other, &v, &e), &e);
    EQ_INT(v, now_us);
    now_us += 3600000000;
    EQ_INT(take(n), now_us);
    nonces_free(n);
    nonces_free(NULL);
}

/* Every beginning anew, and every one by another process, goes on above. */
static void test_beside_others(void)
{
    struct nonces *n = begin(), *second = NULL;
    struct err e;
    uint64_t last = 0;

    OK_CALL(nonces_new(&where, id, &fixed, &second, &e), &e);
    for (unsigned i = 0; i < 60; i++) {
        uint64_t v = i % 5 == 3 ? take_alone() : i % 7 == 2 ? take(second) : take(n);
        if (!harness_ok(v > last, __FILE__, __LINE__, "%u: %llu after %llu", i,
                        (unsigned long long)v, (unsigned long long)last))
            break;
        last = v;
        if (i % 11 == 10) {
            nonces_free(n);
            OK_CALL(nonces_new(&where, id, &fixed, &n, &e), &e);
        }
        now_us += i % 3 ? 1000 : 0;
    }
    nonces_free(n);
    nonces_free(second);
}

static void test_clock(void)
{
    struct nonces *n = begin();
    uint64_t v, last = take(n);
    struct err e;

    now_us -= 3600000000; /* back an hour */
    for (unsigned i = 0; i < 5; i++) {
        v = take(n);
        CHECK(v == last + 1);
        last = v;
    }
    now_us -= 86400000000; /* and a day: nobody knows what it shows */
    EQ_INT(nonces_next(n, rec, &v, &e), ERR_FAILED);
    CHECK(strstr(e.msg, "a day ahead") != NULL);
    nonces_free(n);
    OK_CALL(nonces_new(&where, id, &fixed, &n, &e), &e);
    EQ_INT(nonces_next(n, rec, &v, &e), ERR_FAILED);
    now_us += 90000000000;
    CHECK(take(n) > last);
    nonces_free(n);
}

/* Killed in the middle: what it had given out is not given out again. */
static void test_killed(void)
{
    struct nonces *n = begin();
    uint64_t v = 0, last = 0;
    int pipes[2];
    struct err e;

    EQ_INT(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            now_us += 7;
            if (nonces_next(n, rec, &v, &e) || write(pipes[1], &v, sizeof(v)) != sizeof(v))
                _exit(1);
        }
    }
    close(pipes[1]);
    for (unsigned i = 0; i < 3000; i++)
        if (!CHECK(read(pipes[0], &v, sizeof(v)) == (ssize_t)sizeof(v)))
            break;
        else
            last = v;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (read(pipes[0], &v, sizeof(v)) == (ssize_t)sizeof(v))
        last = v;
    close(pipes[0]);
    CHECK(last > 1700000000000000);
    CHECK(take(n) > last); /* with the clock as it was */
    CHECK(take_alone() > last);
    nonces_free(n);
}

/* Several at once, by both ways: none twice, and each of them rises. */
static void test_parallel(void)
{
    enum { PROCESSES = 4, EACH = 60 };
    static uint64_t all[PROCESSES * EACH];
    struct nonces *unused = begin();
    int pipes[2];
    struct err e;
    uint64_t v = 0;

    nonces_free(unused);
    EQ_INT(pipe(pipes), 0);
    for (unsigned p = 0; p < PROCESSES; p++)
        if (fork() == 0) {
            struct nonces *n = NULL;
            uint64_t last = 0;
            if (nonces_new(&where, id, &fixed, &n, &e))
                _exit(1);
            for (unsigned i = 0; i < EACH; i++) {
                int rc = ERR_FAILED; /* a slow disk: the lock is not fair */
                for (unsigned k = 0; rc == ERR_FAILED && k < 5000; k++) {
                    if (k > 0)
                        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
                    rc = p ? nonces_next(n, rec, &v, &e)
                           : state_nonce(&where, id, rec, &fixed, &v, &e);
                }
                if (rc || v <= last || write(pipes[1], &v, sizeof(v)) != sizeof(v))
                    _exit(1);
                last = v;
            }
            _exit(0);
        }
    close(pipes[1]);
    size_t n = 0;
    while (n < ARRAY_LEN(all) && read(pipes[0], &all[n], sizeof(v)) == (ssize_t)sizeof(v))
        n++;
    close(pipes[0]);
    for (unsigned p = 0; p < PROCESSES; p++) {
        int status = 1;
        wait(&status);
        EQ_INT(status, 0);
    }
    EQ_INT(n, ARRAY_LEN(all));
    size_t n_twice = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            n_twice += all[i] == all[k];
    EQ_INT(n_twice, 0);
}

static void test_damage(void)
{
    struct nonces *n = begin();
    char lock[sizeof(mark_path)];
    struct err e;
    uint64_t v = 7;

    take(n);
    FILE *f = fopen(mark_path, "w");
    if (!CHECK(f != NULL))
        return;
    fputs("12x\n", f);
    fclose(f);
    EQ_INT(nonces_next(n, rec, &v, &e), ERR_FORMAT);
    EQ_INT(v, 7);
    EQ_INT(unlink(mark_path), 0);
    EQ_INT(take(n), 1700000000000000); /* whoever takes the mark away is believed */
    /* another process that keeps the lock holds nobody up for long */
    snprintf(lock, sizeof(lock), "%.*s.lock", (int)(strlen(mark_path) - 6), mark_path);
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    EQ_INT(flock(fd, LOCK_EX), 0);
    uint64_t start = ticks_ms();
    EQ_INT(nonces_next(n, rec, &v, &e), ERR_FAILED);
    CHECK(ticks_ms() - start < 2000); /* 400, and what a busy machine adds */
    EQ_STR(e.msg, "another process holds the nonces of this key");
    OK_CALL(nonces_next(n, other, &v, &e), &e);
    start = ticks_ms();
    for (unsigned i = 0; i < 50; i++)
        if (!CHECK(nonces_next(n, rec, &v, &e) == ERR_FAILED))
            break;
    CHECK(ticks_ms() - start < 5000); /* 20 s, if each of them waited */
    close(fd);
    EQ_INT(take(n), 1700000000000001);
    nonces_free(n);
}

/* A command that does nothing else waits until the other one is done. */
static void test_patient(void)
{
    struct nonces *n = begin();
    char lock[sizeof(mark_path)];
    int ready[2];
    char c;

    take(n);
    nonces_free(n);
    EQ_INT(pipe(ready), 0);
    snprintf(lock, sizeof(lock), "%.*s.lock", (int)(strlen(mark_path) - 6), mark_path);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(lock, O_RDWR | O_CLOEXEC);
        bool held = fd >= 0 && flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1;
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        _exit(held ? 0 : 1);
    }
    EQ_INT(read(ready[0], &c, 1), 1);
    uint64_t start = ticks_ms();
    CHECK(take_alone() > 1700000000000000);
    CHECK(ticks_ms() - start >= 100);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    RUN(test_ahead);
    RUN(test_beside_others);
    RUN(test_clock);
    RUN(test_killed);
    RUN(test_parallel);
    RUN(test_damage);
    RUN(test_patient);
    return harness_end();
}
