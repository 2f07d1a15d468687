/* SPDX-License-Identifier: Apache-2.0 */
/* Whole processes, run one at a time: how long each took, and how much memory. */
#include "tests/bench/bench.h"

#include "base/text.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *env_or_die(const char *name)
{
    const char *v = getenv(name);
    if (!v) {
        fprintf(stderr, "bench: $%s is not set\n", name);
        exit(2);
    }
    return v;
}

uint64_t count_arg(int argc, char **argv)
{
    uint64_t n = 0;
    if (argc != 1 || !text_u64(bytes_str(argv[0]), SAMPLES_MAX, &n) || !n) {
        fputs("bench: COUNT runs of each\n", stderr);
        exit(2);
    }
    return n;
}

static pid_t start(const struct run *r)
{
    static char home[600], conf[600];
    char *env[] = {home, conf, (char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t fa;
    char *argv[ARGS_MAX];
    pid_t pid;
    snprintf(home, sizeof(home), "HOME=%s", r->home);
    snprintf(conf, sizeof(conf), "SOFTHSM2_CONF=%s", env_or_die("FLOOR_CONF"));
    memcpy(argv, r->argv, sizeof(argv));
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawn(&pid, argv[0], &fa, NULL, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    if (rc) {
        fprintf(stderr, "bench: '%s' cannot be started\n", argv[0]);
        exit(1);
    }
    return pid;
}

static void check_status(const struct run *r, int st)
{
    if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
        return;
    fprintf(stderr, "bench: '%s %s' failed with status %d\n", r->argv[0],
            r->argv[1] ? r->argv[1] : "", st);
    exit(1);
}

double run_once(const struct run *r, double *rss)
{
    struct rusage ru = {0};
    int st = -1;
    double started = now_ns();
    (void)wait4(start(r), &st, 0, &ru);
    double took = now_ns() - started;
    check_status(r, st);
    *rss = (double)ru.ru_maxrss;
    return took;
}

/* -- memory -- */

static void peak_of(long pid, double *mib)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        long kib;
        if (strncmp(line, "VmHWM:", 6) == 0 && (kib = strtol(line + 6, NULL, 10)) > 0)
            *mib = (double)kib / 1024;
    }
    if (f)
        fclose(f);
}

static long child_of(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
    FILE *f = fopen(path, "r");
    if (f && !fgets(line, sizeof(line), f))
        line[0] = 0;
    if (f)
        fclose(f);
    return strtol(line, NULL, 10);
}

void run_peaks(const struct run *r, double *own, double *child)
{
    pid_t pid = start(r);
    int st = -1;
    *own = *child = 0;
    while (waitpid(pid, &st, WNOHANG) == 0) {
        long of = child_of(pid);
        peak_of(pid, own);
        if (of > 0)
            peak_of(of, child);
        usleep(1000);
    }
    check_status(r, st);
}
