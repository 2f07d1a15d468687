/* SPDX-License-Identifier: Apache-2.0 */
/* How many answers a second a server on a Unix socket gives, and how long each takes:
 * load line|ssh|gpg SOCKET CLIENTS SECONDS FILE.
 * Each client is a process of its own, as bots are: it sends, waits for the whole answer, and sends
 * again.
 * FILE: line: one request, its LF included. ssh: the bytes to be signed, by the agent's first key.
 * gpg: one command a line (RESET, SIGKEY ..., SETHASH ..., PKSIGN), each answered before the next.
 * Prints "RATE P50_US P99_US". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define STEPS_MAX 8
#define ANSWER_MAX 65536
#define TIMES_MAX 1000000u /* of one client */

struct step {
    uint8_t *p;
    size_t n;
};

struct client {
    int fd;
    size_t step, n;
    uint64_t begun_ns;
    uint8_t in[ANSWER_MAX];
};

struct shared { /* with the processes of the clients */
    volatile uint64_t start_ns; /* 0: not yet */
    volatile size_t n_ready;
    struct {
        size_t n;
        uint64_t end_ns;
        uint32_t ns[TIMES_MAX];
    } times[CLIENTS_MAX]; /* a page is there once it is written */
};

static struct step steps[STEPS_MAX];
static size_t n_steps;
static struct client client;
static struct shared *shared;
static char kind;

static void die(const char *why)
{
    fprintf(stderr, "load: %s\n", why);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int dial(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(a.sun_path))
        die("the socket's path is too long");
    memcpy(a.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
        die("cannot connect");
    return fd;
}

static void say(int fd, const struct step *s)
{
    if (send(fd, s->p, s->n, MSG_NOSIGNAL) != (ssize_t)s->n)
        die("the server does not take it");
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * (3 - i)));
}

/* Whether what came is a whole answer. An Assuan answer ends with a line OK or ERR. */
static int is_whole(const struct client *c)
{
    const uint8_t *line = c->in;

    if (kind == 's')
        return c->n >= 4 && c->n >= 4 + u32(c->in);
    if (c->n == 0 || c->in[c->n - 1] != '\n')
        return 0;
    for (size_t i = 0; i + 1 < c->n; i++)
        if (c->in[i] == '\n')
            line = c->in + i + 1;
    if (kind == 'g' && line[0] == 'E')
        die("the server said no");
    return kind == 'l' || (line[0] == 'O' && line[1] == 'K');
}

static void check(const struct client *c)
{
    if (kind == 's' && c->in[4] != 14) /* SSH_AGENT_SIGN_RESPONSE */
        die("the server said no");
    if (kind == 'l' && memmem(c->in, c->n, "\"error\"", 7))
        die("the server said no");
}

static void receive(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->n, ANSWER_MAX - c->n, 0);

    if (n <= 0)
        die("the server hung up");
    c->n += (size_t)n;
}

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    static char text[ANSWER_MAX];
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

    if (n == 0)
        die("the request cannot be read");
    fclose(f);
    for (char *at = text, *end = text + n; at < end && n_steps < STEPS_MAX;) {
        char *stop = kind == 'g' ? memchr(at, '\n', (size_t)(end - at)) : end - 1;
        size_t len = (size_t)((stop ? stop : end - 1) - at) + 1;
        steps[n_steps].p = malloc(len);
        memcpy(steps[n_steps].p, at, len);
        steps[n_steps++].n = len;
        at += len;
    }
}

/* The request to sign, with the first key that the agent lists. */
static void ask_ssh(const char *path)
{
    static const uint8_t list[] = {0, 0, 0, 1, 11};
    struct step ask = {(uint8_t *)(uintptr_t)list, sizeof(list)}, data = steps[0];
    struct client *c = &client;

    c->fd = dial(path);
    say(c->fd, &ask);
    while (!is_whole(c))
        receive(c);
    if (c->n < 13 || c->in[4] != 12)
        die("the agent lists no key");
    size_t key = u32(c->in + 9), n = 4 + 1 + 4 + key + 4 + data.n + 4;
    uint8_t *p = calloc(1, n);
    put_u32(p, n - 4);
    p[4] = 13; /* SSH_AGENTC_SIGN_REQUEST */
    put_u32(p + 5, key);
    memcpy(p + 9, c->in + 13, key);
    put_u32(p + 9 + key, data.n);
    memcpy(p + 13 + key, data.p, data.n);
    steps[0] = (struct step){p, n};
    close(c->fd);
    c->n = 0;
}

/* One whole answer, of as many steps as there are. */
static void ask(struct client *c)
{
    for (c->step = 0; c->step < n_steps; c->step++) {
        c->n = 0;
        say(c->fd, &steps[c->step]);
        do
            receive(c);
        while (!is_whole(c));
        check(c);
    }
}

static void be_client(struct client *c, size_t me, const char *path, uint64_t length_ns)
{
    uint64_t now, begun;
    size_t n = 0;

    c->fd = dial(path);
    while (kind == 'g' && !is_whole(c)) /* it greets */
        receive(c);
    ask(c);
    __atomic_add_fetch(&shared->n_ready, 1, __ATOMIC_SEQ_CST);
    while (shared->start_ns == 0)
        usleep(1000);
    now = now_ns();
    while (now < shared->start_ns + length_ns && n < TIMES_MAX) {
        begun = now;
        ask(c);
        now = now_ns();
        shared->times[me].ns[n++] = (uint32_t)(now - begun);
    }
    shared->times[me].n = n;
    shared->times[me].end_ns = now;
}

static void run_clients(size_t n, const char *path, double seconds)
{
    int status;

    for (size_t i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("no more processes");
        if (pid == 0) {
            be_client(&client, i, path, (uint64_t)(seconds * 1e9));
            _exit(0);
        }
    }
    while (shared->n_ready < n) {
        usleep(1000);
        if (waitpid(-1, &status, WNOHANG) > 0)
            die("a client has ended");
    }
    shared->start_ns = now_ns();
    for (size_t i = 0; i < n; i++)
        if (wait(&status) < 0 || status)
            die("a client has failed");
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print(size_t n)
{
    uint64_t end = 0;
    size_t all = 0;

    for (size_t i = 0; i < n; i++)
        all += shared->times[i].n;
    uint32_t *ns = malloc((all + 1) * sizeof(*ns));
    if (!ns || all == 0)
        die("no answer in all that time");
    all = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(ns + all, shared->times[i].ns, shared->times[i].n * sizeof(*ns));
        all += shared->times[i].n;
        end = shared->times[i].end_ns > end ? shared->times[i].end_ns : end;
    }
    qsort(ns, all, sizeof(*ns), by_size);
    printf("%.0f %.1f %.1f\n", (double)all / ((double)(end - shared->start_ns) / 1e9),
           ns[all / 2] / 1e3, ns[all - 1 - all / 100] / 1e3);
    free(ns);
}

int main(int argc, char **argv)
{
    if (argc != 6 || !strchr("lsg", argv[1][0]))
        die("usage: load line|ssh|gpg SOCKET CLIENTS SECONDS FILE");
    kind = argv[1][0];
    size_t n = (size_t)strtoul(argv[3], NULL, 10);
    read_file(argv[5]);
    if (n == 0 || n > CLIENTS_MAX)
        die("1 to 64 clients");
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED)
        die("no memory");
    if (kind == 's')
        ask_ssh(argv[2]);
    run_clients(n, argv[2], strtod(argv[4], NULL));
    print(n);
    return 0;
}
