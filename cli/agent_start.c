/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer-agent is started with. It checks its arguments itself; what is wrong with them comes
 * back over the descriptor on which it says that it is ready. */
#include "cli/agent_start.h"

#include "agent/keyring.h"
#include "agent/program.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS 20000u
#define ANSWER_MAX 4096u
#define ARGV_MAX (2u * REPEATED_MAX + 32u)
#define READY_FD "3"
#define LIFE_FD "4"

struct line {
    const char *argv[ARGV_MAX];
    size_t n;
    char vault[PATH_MAX], pin_file[PATH_MAX], lock_after[24];
};

static void add(struct line *l, const char *option, const char *value)
{
    if (l->n + 3 > ARGV_MAX)
        return;
    l->argv[l->n++] = option;
    if (value)
        l->argv[l->n++] = value;
    l->argv[l->n] = NULL;
}

/* -- options -- */

static int lock_after_ms(const char *text, uint64_t *ms, struct err *e)
{
    struct unseal u;

    if (unseal_parse(bytes_str(text), &u, e) == OK && u.kind == UNSEAL_FOR) {
        *ms = u.ms;
        return OK;
    }
    err_set(e, ERR_USAGE, "option '--lock-after' needs a time: 90s, 15m, 8h");
    return e->code;
}

static int check_numbers(const struct args *a, struct err *e)
{
    uint64_t v;

    for (size_t i = 0; i < a->n_repeated; i++) {
        struct bytes text = bytes_str(a->repeated[i]);
        if (a->repeated_id[i] == OPT_PROXY_UID && !text_u64(text, UINT32_MAX - 1, &v))
            return err_set(e, ERR_USAGE, "option '--proxy-uid' needs the number of a user");
        if (a->repeated_id[i] == OPT_TOKEN_PORT && (!text_u64(text, 65535, &v) || v == 0))
            return err_set(e, ERR_USAGE, "option '--token-port' needs a port, 1 to 65535");
    }
    return OK;
}

int agent_options_check(const struct cli *c, struct err *e)
{
    const struct args *a = c->args;
    uint64_t ms;

    if (a->given[OPT_NO_PROXY] &&
        (a->given[OPT_LISTEN] || a->given[OPT_PROXY_SOCKET] || a->given[OPT_PROXY_UID]))
        return err_set(e, ERR_USAGE, "--no-proxy leaves nothing to listen at");
    if (a->given[OPT_FOREGROUND] && a->given[OPT_PIN_FD])
        return err_set(e, ERR_USAGE,
                       "--pin-fd is read once, and an agent in the foreground may need the PIN "
                       "again: use --pin-file, or coffer unlock --pin-fd");
    if (a->given[OPT_PROXY_SOCKET] && a->value[OPT_PROXY_SOCKET][0] != '/')
        return err_set(e, ERR_USAGE, "option '--proxy-socket' needs an absolute path");
    if (a->given[OPT_LOCK_AFTER] && lock_after_ms(a->value[OPT_LOCK_AFTER], &ms, e))
        return e->code;
    return check_numbers(a, e);
}

/* The agent stands in another directory. */
static int absolute(const char *path, char out[PATH_MAX], struct err *e)
{
    if (realpath(path, out))
        return OK;
    return err_sys(e, errno, "find '%s'", path);
}

static int fill(const struct cli *c, struct line *l, struct err *e)
{
    const struct args *a = c->args;
    uint64_t ms = 0;

    l->n = 0;
    if (absolute(c->where.vault, l->vault, e) ||
        (a->given[OPT_PIN_FILE] && absolute(a->value[OPT_PIN_FILE], l->pin_file, e)))
        return e->code;
    add(l, "coffer-agent", VERSION);
    add(l, "--vault", l->vault);
    if (a->given[OPT_LISTEN])
        add(l, "--listen", a->value[OPT_LISTEN]);
    if (a->given[OPT_NO_PROXY])
        add(l, "--no-proxy", NULL);
    if (a->given[OPT_PROXY_SOCKET])
        add(l, "--proxy-socket", a->value[OPT_PROXY_SOCKET]);
    for (size_t i = 0; i < a->n_repeated; i++)
        if (a->repeated_id[i] == OPT_PROXY_UID || a->repeated_id[i] == OPT_TOKEN_PORT)
            add(l, a->repeated_id[i] == OPT_PROXY_UID ? "--proxy-uid" : "--token-port",
                a->repeated[i]);
    if (a->given[OPT_PIN_FILE])
        add(l, "--pin-file", l->pin_file);
    if (!a->given[OPT_LOCK_AFTER])
        return OK;
    if (lock_after_ms(a->value[OPT_LOCK_AFTER], &ms, e))
        return e->code;
    snprintf(l->lock_after, sizeof(l->lock_after), "%" PRIu64, ms);
    add(l, "--lock-after-ms", l->lock_after);
    return OK;
}

/* posix_spawn and execv do not write to the words. */
static char *const *words(const struct line *l)
{
    char *const *out;

    _Static_assert(sizeof(out) == sizeof(l->argv[0]), "pointers are alike");
    const void *p = l->argv;
    memcpy(&out, &p, sizeof(out));
    return out;
}

int agent_become(const struct cli *c, struct err *e)
{
    struct line l;
    char program[PATH_MAX];

    if (program_find("coffer-agent", program, e) || fill(c, &l, e))
        return e->code;
    add(&l, "--foreground", NULL);
    return child_become(program, words(&l), e);
}

/* -- its answer -- */

static int read_line(struct bytes *rest, struct bytes *line)
{
    return text_cut(*rest, '\n', line, rest) || line->n > 0;
}

/* "-6", the message, hints: a line each. */
static int what_it_says(struct bytes text, struct err *e)
{
    struct bytes line, rest = text;
    uint64_t code = 0;

    if (!read_line(&rest, &line) || line.n < 2 || line.p[0] != '-' ||
        !text_u64(bytes_of(line.p + 1, line.n - 1), 64, &code) || code == 0 ||
        !read_line(&rest, &line)) {
        err_set(e, ERR_FAILED, "coffer-agent ended at its start");
        return err_hint(e, "in the foreground it may say why: coffer agent --foreground");
    }
    err_set(e, (enum err_code) - (int)code, "%.*s", (int)line.n, (const char *)line.p);
    while (rest.n > 0 && read_line(&rest, &line))
        err_hint(e, "%.*s", (int)line.n, (const char *)line.p);
    return e->code;
}

/* Everything until its end of the pipe is closed. */
static int wait_ready(int fd, bool *is_late, struct err *e)
{
    AUTO_BUF text = BUF_INIT(ANSWER_MAX);
    uint64_t until = ticks_ms() + START_MS;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now = ticks_ms();
        int n = poll(&p, 1, now < until ? (int)(until - now) : 0);
        *is_late = n == 0;
        if (n == 0)
            return err_set(e, ERR_FAILED, "coffer-agent does not become ready");
        if (n < 0 && errno != EINTR)
            return err_sys(e, errno, "wait for coffer-agent");
        uint8_t part[256];
        ssize_t got = n > 0 ? read(fd, part, sizeof(part)) : -1;
        if (got > 0)
            buf_add(&text, bytes_of(part, (size_t)got));
        if (text.n > 0 && text.p[0] == 0)
            return OK;
        if (got == 0)
            return what_it_says(buf_bytes(&text), e);
    }
}

/* -- its start -- */

static int start(const struct cli *c, const char *listen, int ready, int life, pid_t *pid,
                 struct err *e)
{
    struct line l;
    char program[PATH_MAX];

    if (program_find("coffer-agent", program, e) || fill(c, &l, e))
        return e->code;
    if (listen && !c->args->given[OPT_LISTEN])
        add(&l, "--listen", listen);
    add(&l, "--ready-fd", READY_FD);
    if (life >= 0)
        add(&l, "--lifeline-fd", LIFE_FD);
    struct child k = {.program = program,
                      .argv = words(&l),
                      .envp = environ,
                      .umask = 077,
                      .fds = {ready, life},
                      .is_background = true};
    return child_start(&k, pid, e);
}

int agent_start(const struct cli *c, const char *listen, int *life, pid_t *pid, struct err *e)
{
    AUTO(fd_closep) int ready_in = -1;
    AUTO(fd_closep) int life_in = -1;
    AUTO(fd_closep) int life_out = -1;
    int ready[2], hold[2];
    bool is_late = false;

    if (life && pipe2(hold, O_CLOEXEC))
        return err_sys(e, errno, "make a pipe");
    if (life) {
        life_in = hold[0];
        life_out = hold[1];
    }
    if (pipe2(ready, O_CLOEXEC))
        return err_sys(e, errno, "make a pipe");
    ready_in = ready[0];
    int rc = start(c, listen, ready[1], life_in, pid, e);
    close(ready[1]);
    if (rc)
        return rc;
    if (wait_ready(ready_in, &is_late, e)) {
        if (is_late && !life) /* with one it ends now */
            err_hint(e, "it may become so yet: 'coffer status' tells; 'coffer agent --stop' ends "
                        "it then");
        return e->code;
    }
    if (life) {
        *life = life_out;
        life_out = -1;
    }
    return OK;
}
