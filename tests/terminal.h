/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal of its own for a test, with a child that asks on it. What is asked is the test's. */
#ifndef TESTS_TERMINAL_H
#define TESTS_TERMINAL_H

#include "tests/harness.h"

#include "base/secret.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS 5000

/* The far side of a terminal on which a child asks. */
struct term {
    int fd;     /* what the person sees and types */
    int report; /* what the child says about its answer */
    pid_t pid;
    char seen[8192];
    size_t n_seen;
};

typedef int ask_fn(int report);

static inline void child(const char *name, int report, ask_fn *fn)
{
    struct err e;

    setsid();
    int fd = open(name, O_RDWR);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0))
        _exit(90);
    /* A session leader would get no stop signals; its child does. */
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(fd, getpid());
        signal(SIGTTOU, SIG_DFL);
        close(fd);
        /* said by the one who answers, so that it always comes before the answer */
        char line[32];
        int n = snprintf(line, sizeof(line), "%d\n", (int)getpid());
        if (write(report, line, (size_t)n) != n)
            _exit(91);
        _exit(secret_arena_open(&e) ? 92 : fn(report));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    _exit(WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status));
}

static inline void start(struct term *t, ask_fn *fn)
{
    int report[2] = {-1, -1};
    char name[128];

    *t = (struct term){.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    CHECK(t->fd >= 0 && grantpt(t->fd) == 0 && unlockpt(t->fd) == 0);
    CHECK(ptsname_r(t->fd, name, sizeof(name)) == 0 && pipe2(report, O_CLOEXEC) == 0);
    t->pid = fork();
    if (t->pid == 0) {
        close(t->fd);
        close(report[0]);
        child(name, report[1], fn);
    }
    close(report[1]);
    t->report = report[0];
}

/* Reads what the terminal shows until text was shown, counted from the last wait. */
static inline bool wait_for(struct term *t, const char *text)
{
    for (;;) {
        struct pollfd w = {.fd = t->fd, .events = POLLIN};
        t->seen[t->n_seen] = 0;
        if (strstr(t->seen, text))
            return true;
        if (poll(&w, 1, WAIT_MS) <= 0 || t->n_seen + 1 >= sizeof(t->seen))
            return harness_ok(false, __FILE__, __LINE__, "'%s' was not shown", text);
        ssize_t n = read(t->fd, t->seen + t->n_seen, sizeof(t->seen) - 1 - t->n_seen);
        if (n <= 0)
            return harness_ok(false, __FILE__, __LINE__, "closed before '%s' was shown", text);
        t->n_seen += (size_t)n;
    }
}

static inline void type(struct term *t, const char *s)
{
    CHECK(write(t->fd, s, strlen(s)) == (ssize_t)strlen(s));
}

/* What the child reported, its exit status (100 + signal when killed), and all that was shown. */
static inline int finish(struct term *t, char *said, size_t cap)
{
    size_t n = 0;
    int status = 0;
    ssize_t got;

    for (;;) {
        struct pollfd w[2] = {{.fd = t->report, .events = POLLIN}, {.fd = t->fd, .events = POLLIN}};
        if (poll(w, 2, WAIT_MS) <= 0) {
            kill(t->pid, SIGKILL);
            break;
        }
        if (w[1].revents & POLLIN && t->n_seen + 1 < sizeof(t->seen)) {
            got = read(t->fd, t->seen + t->n_seen, sizeof(t->seen) - 1 - t->n_seen);
            t->n_seen += got > 0 ? (size_t)got : 0;
        }
        if (!(w[0].revents & (POLLIN | POLLHUP)))
            continue;
        got = read(t->report, said + n, cap - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    said[n] = 0;
    t->seen[t->n_seen] = 0;
    waitpid(t->pid, &status, 0);
    close(t->report);
    close(t->fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Without the line with the asking process's number. */
static inline const char *answer(const char *said)
{
    const char *p = strchr(said, '\n');
    return p ? p + 1 : "";
}

#endif
