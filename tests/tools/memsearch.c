/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command as its tracer and, at the last moment before each of its processes is gone,
 * searches all of its memory for needles. It reads only: the command runs as always.
 *
 * memsearch NEEDLES COMMAND [ARGUMENT...]
 * memsearch NEEDLES --pid PID...: of processes that run, as they are now, without stopping them.
 * NEEDLES: a file, with @ before its name one that is read only when the first process ends; one
 * needle a line. 'control:TEXT' is known to be there and must be found, else the search has
 * proved nothing; 'TEXT' and 'hex:6162..' must not be found. Needles are named by line, never
 * printed, and each process is told with whether a control was found in it. Exit: 0 clean, 1 a
 * needle was found, 2 the search proved nothing, 77 cannot trace. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDLES_MAX 4096
#define NEEDLE_MIN 6
#define CHUNK (1u << 20)

struct needle {
    uint8_t *p;
    size_t n;
    unsigned line;
    bool is_control;
    unsigned n_found;
    struct needle *next; /* that begins with the same two bytes */
};

static struct needle needles[NEEDLES_MAX];
static struct needle *by_start[1u << 16];
static size_t n_needles, longest;
static unsigned n_maps, n_blind, n_searches;
static const char *late; /* the file of needles that are not known yet */

static int hex_digit(char c)
{
    const char *d = "0123456789abcdef", *at = c ? strchr(d, c | 0x20) : NULL;
    return at ? (int)(at - d) : -1;
}

static bool needle_bytes(struct needle *n, const char *text)
{
    size_t len = strlen(text);
    n->p = malloc(len + 1);
    if (!n->p)
        return false;
    if (strncmp(text, "hex:", 4) != 0) {
        memcpy(n->p, text, len + 1);
        n->n = len;
        return true;
    }
    for (text += 4; text[0] && text[1]; text += 2) {
        int hi = hex_digit(text[0]), lo = hex_digit(text[1]);
        if (hi < 0 || lo < 0)
            return false;
        n->p[n->n++] = (uint8_t)(hi << 4 | lo);
    }
    return !text[0];
}

static bool read_needles(const char *path)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    unsigned number = 0;
    bool ok = f != NULL;
    while (ok && getline(&line, &cap, f) >= 0) {
        line[strcspn(line, "\n")] = 0;
        number++;
        if (!line[0])
            continue;
        struct needle *n = &needles[n_needles];
        n->line = number;
        n->is_control = strncmp(line, "control:", 8) == 0;
        ok = n_needles + 1 < NEEDLES_MAX && needle_bytes(n, line + (n->is_control ? 8 : 0)) &&
             n->n >= NEEDLE_MIN;
        n_needles++;
        longest = n->n > longest ? n->n : longest;
        if (!ok)
            break;
        struct needle **first = &by_start[n->p[0] << 8 | n->p[1]];
        n->next = *first;
        *first = n;
    }
    if (!ok)
        fprintf(stderr, "memsearch: %s: line %u is unusable or shorter than %d bytes\n", path,
                number, NEEDLE_MIN);
    free(line);
    if (f)
        fclose(f);
    return ok && n_needles > 0;
}

static void search(const uint8_t *p, size_t n, const char *map)
{
    for (size_t at = 0; at + NEEDLE_MIN <= n; at++) {
        for (struct needle *k = by_start[p[at] << 8 | p[at + 1]]; k; k = k->next) {
            if (k->n > n - at || memcmp(p + at, k->p, k->n) != 0)
                continue;
            k->n_found++;
            if (!k->is_control)
                printf("memsearch: found: needle of line %u in %s\n", k->line, map);
        }
    }
}

/* One map in steps that overlap by the longest needle. A page that cannot be read ends the run of
 * bytes before it and is counted. */
static void search_map(int mem, uint64_t from, uint64_t to, const char *name)
{
    static uint8_t buf[CHUNK];
    size_t kept = 0;
    bool blind = false;
    for (uint64_t at = from; at < to;) {
        size_t want = sizeof(buf) - kept < to - at ? sizeof(buf) - kept : (size_t)(to - at);
        ssize_t got = pread(mem, buf + kept, want, (off_t)at);
        if (got <= 0) {
            blind = true;
            kept = 0;
            at = (at + 4096) & ~(uint64_t)4095;
            continue;
        }
        size_t have = kept + (size_t)got;
        search(buf, have, name);
        at += (uint64_t)got;
        kept = have < longest - 1 ? have : longest - 1;
        memmove(buf, buf + have - kept, kept);
    }
    n_maps++;
    if (blind) {
        n_blind++;
        printf("memsearch: unreadable: %s\n", name);
    }
}

static unsigned controls_found(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < n_needles; i++)
        n += needles[i].is_control ? needles[i].n_found : 0;
    return n;
}

static void tell_process(pid_t pid, unsigned controls_before)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof(name), f))
        name[strcspn(name, "\n")] = 0;
    if (f)
        fclose(f);
    printf("memsearch: process: %s: control %s\n", name,
           controls_found() > controls_before ? "found" : "not found");
}

static int search_process(pid_t pid)
{
    char path[64], *line = NULL;
    if (late && !read_needles(late))
        return 77;
    late = NULL;
    unsigned controls = controls_found();
    size_t cap = 0;
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    if (mem < 0 || !maps) {
        printf("memsearch: not run: /proc of the command cannot be read: %s\n", strerror(errno));
        return 77;
    }
    while (getline(&line, &cap, maps) >= 0) {
        char *dash, *rest;
        uint64_t from = strtoull(line, &dash, 16), to = strtoull(dash + 1, &rest, 16);
        line[strcspn(line, "\n")] = 0;
        if (strstr(rest, "[vsyscall]") || strstr(rest, "[vvar"))
            continue;
        search_map(mem, from, to, rest + 1);
    }
    free(line);
    fclose(maps);
    close(mem);
    tell_process(pid, controls);
    n_searches++;
    return 0;
}

static int start(char **argv, pid_t *pid)
{
    *pid = fork();
    if (*pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
            _exit(126);
        raise(SIGSTOP);
        execvp(argv[0], argv);
        _exit(127);
    }
    int st;
    if (*pid < 0 || waitpid(*pid, &st, 0) < 0 || !WIFSTOPPED(st))
        return -1;
    unsigned long opt = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
                        PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, *pid, NULL, opt))
        return -1;
    return ptrace(PTRACE_CONT, *pid, NULL, NULL) ? -1 : 0;
}

/* Follows the command and its children to their ends; *status = how the command itself ended. */
static int follow(pid_t first, int *status)
{
    int st, rc = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &st, __WALL)) > 0) {
        if (WIFEXITED(st) || WIFSIGNALED(st)) {
            if (pid == first)
                *status = st;
            continue;
        }
        int sig = WSTOPSIG(st), event = st >> 16;
        if (event == PTRACE_EVENT_EXIT && search_process(pid))
            rc = 77;
        if (event || sig == SIGTRAP || sig == SIGSTOP)
            sig = 0;
        ptrace(PTRACE_CONT, pid, NULL, (unsigned long)sig);
    }
    return rc;
}

static int verdict(int status)
{
    bool saw_control = controls_found() > 0, found = false;
    for (size_t i = 0; i < n_needles; i++)
        found = found || (!needles[i].is_control && needles[i].n_found);
    printf("memsearch: searched: %u process%s, %u maps, %u of them not readable throughout; "
           "control %s; %s\n",
           n_searches, n_searches == 1 ? "" : "es", n_maps, n_blind,
           saw_control ? "found" : "not found", found ? "NEEDLE FOUND" : "no needle found");
    if (WIFEXITED(status))
        printf("memsearch: exit: %d\n", WEXITSTATUS(status));
    else
        printf("memsearch: signal: %d\n", WTERMSIG(status));
    if (found)
        return 1;
    return saw_control ? 0 : 2;
}

/* Every one of them must show a control. */
static int search_running(int n, char **pids)
{
    unsigned n_seen = 0;
    for (int i = 0; i < n; i++) {
        unsigned before = controls_found();
        if (search_process((pid_t)strtoul(pids[i], NULL, 10)))
            return 77;
        n_seen += controls_found() > before;
    }
    int rc = verdict(0);
    return rc == 0 && n_seen < (unsigned)n ? 2 : rc;
}

int main(int argc, char **argv)
{
    late = argc > 1 && argv[1][0] == '@' ? argv[1] + 1 : NULL;
    if (argc < 3 || (!late && !read_needles(argv[1]))) {
        fputs("usage: memsearch NEEDLES COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    if (geteuid() != 0) {
        puts("memsearch: not run: the command forbids tracing to its own user; run as root or "
             "inside 'unshare -Ur'");
        return 77;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(argv[2], "--pid") == 0)
        return search_running(argc - 3, argv + 3);
    pid_t pid;
    int status = 0;
    if (start(argv + 2, &pid)) {
        printf("memsearch: not run: the command cannot be traced: %s\n", strerror(errno));
        return 77;
    }
    int rc = follow(pid, &status);
    return rc ? rc : verdict(status);
}
