/* SPDX-License-Identifier: Apache-2.0 */
/* A pinentry as a process: found, started with two pipes and a small environment, read from
 * straight into locked memory, and ended. What is said over the pipes is pinentry.c's. */
#include "cli/pinentry_talk.h"

#include "agent/program.h"
#include "base/ask.h"
#include "base/crypto.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/assuan.h"
#include "cli/pinentry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 1000u /* to end by itself once nothing more is asked */
#define LINES_MAX 1000u
#define ENV_MAX 64u

/* -- which one, and where it may ask -- */

static bool can_start(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Never in $PATH: what a shell's start-up file or a bot's set-up put there shall not see a PIN. */
static bool find_named(const char *name, char out[TOKEN_PATH_MAX])
{
    static const char *const places[] = {"/usr/local/bin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int n = snprintf(out, TOKEN_PATH_MAX, "%s/%s", places[i], name);
        if (n > 0 && (size_t)n < TOKEN_PATH_MAX && can_start(out))
            return true;
    }
    out[0] = 0;
    return false;
}

static bool is_set(const char *name)
{
    const char *v = getenv(name);

    return v && v[0];
}

bool pinentry_is_wanted(const struct cli *c)
{
    return c->args->given[OPT_PINENTRY] && strcmp(c->args->value[OPT_PINENTRY], "no") != 0;
}

static int find_wanted(const char *name, char out[TOKEN_PATH_MAX], struct err *e)
{
    if (name[0] && !strchr(name, '/')) {
        if (find_named(name, out))
            return OK;
        err_set(e, ERR_USAGE, "no pinentry '%s' in /usr/local/bin, /usr/bin or /bin", name);
        return err_hint(e, "give its absolute path, or --pinentry no for the terminal");
    }
    if (name[0] != '/')
        return err_set(e, ERR_USAGE, "--pinentry takes an absolute path, a name, or 'no'");
    if (!text_copy(out, TOKEN_PATH_MAX, bytes_str(name)) || !can_start(out)) {
        out[0] = 0;
        return err_set(e, ERR_USAGE, "--pinentry: '%s' is no program that can be started", name);
    }
    return OK;
}

/* On a plain terminal our own prompt is as good as a pinentry's, and there is one program less that
 * sees the PIN. A dialog is better where windows are: what types into the terminal, or reads it
 * over somebody's shoulder in a recording, does not get it. */
int pinentry_find(const struct cli *c, char out[TOKEN_PATH_MAX], struct err *e)
{
    out[0] = 0;
    if (pinentry_is_wanted(c))
        return find_wanted(c->args->value[OPT_PINENTRY], out, e);
    bool has_place =
        is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") || (is_set("GPG_TTY") && !ask_possible());
    if (has_place && !c->args->given[OPT_PINENTRY])
        (void)find_named("pinentry", out);
    return OK;
}

void talk_place(struct talk_place *out)
{
    static const char *const locale[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *gpg = getenv("GPG_TTY"), *term = getenv("TERM");

    out->tty = ask_possible() ? "/dev/tty" : gpg ? gpg : "";
    out->type = term ? term : "";
    out->ctype = "";
    for (size_t i = 0; i < ARRAY_LEN(locale) && !out->ctype[0]; i++)
        if (is_set(locale[i]))
            out->ctype = getenv(locale[i]);
}

/* -- its start and end -- */

int talk_fault(const struct talk *t, struct err *e, const char *what)
{
    return err_set(e, ERR_FAILED, "pinentry '%s' %s", t->program, what);
}

/* What a program needs to show a window or to use a terminal, and no more: nothing of the vault, of
 * the token or of credentials. */
static void small_environment(char *out[ENV_MAX + 1])
{
    static const char *const kept[] = {"DISPLAY=",    "WAYLAND_DISPLAY=",
                                       "XAUTHORITY=", "XDG_",
                                       "GPG_TTY=",    "DBUS_SESSION_BUS_ADDRESS=",
                                       "TERM=",       "LANG=",
                                       "LC_",         "HOME=",
                                       "USER=",       "LOGNAME=",
                                       "PATH="};
    size_t n = 0;

    for (char **v = environ; v && *v; v++)
        for (size_t i = 0; i < ARRAY_LEN(kept) && n < ENV_MAX; i++)
            if (strncmp(*v, kept[i], strlen(kept[i])) == 0) {
                out[n++] = *v;
                break;
            }
    out[n] = NULL;
}

static int set_files(posix_spawn_file_actions_t *files, int in, int out)
{
    int rc = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);

    if (!rc)
        rc = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    /* a desktop's libraries complain at length about themselves */
    if (!rc)
        rc = posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    /* whatever the token's driver has open */
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#endif
    return rc;
}

static int spawn(struct talk *t, int in, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char *envp[ENV_MAX + 1], path[TOKEN_PATH_MAX], *argv[] = {path, NULL};

    if (!text_copy(path, sizeof(path), bytes_str(t->program)))
        return ENAMETOOLONG;
    int rc = posix_spawn_file_actions_init(&files);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (!rc) {
        small_environment(envp);
        rc = set_files(&files, in, out);
        if (!rc) /* no session of its own: it may have to ask on our terminal */
            rc = program_attributes(&attr, false);
        if (!rc)
            rc = posix_spawn(&t->pid, path, &files, &attr, argv, envp);
        if (rc)
            t->pid = 0;
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* A pinentry that is killed leaves the terminal without its echo. So what would end us waits until
 * it is gone and the terminal is right again; it is never read from the descriptor, and so still
 * there when the mask is put back. */
static void hold_signals(struct talk *t)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    sigset_t held;

    t->has_terminal = fd >= 0 && tcgetattr(fd, &t->before) == 0;
    if (fd >= 0)
        close(fd);
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &held, &t->mask_before);
    t->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
}

int talk_start(struct talk *t, const char *program, struct err *e)
{
    int down[2] = {-1, -1}, up[2] = {-1, -1};

    *t = (struct talk){.program = program, .to = -1, .from = -1, .signals = -1};
    hold_signals(t);
    if (secret_new(&t->in, ASSUAN_LINE_MAX + 1, e))
        return e->code;
    int why = pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC) ? errno : spawn(t, down[0], up[1]);
    t->to = down[1];
    t->from = up[0];
    if (down[0] >= 0)
        close(down[0]);
    if (up[1] >= 0)
        close(up[1]);
    if (!why)
        return OK;
    err_sys(e, why, "pinentry '%s' cannot be started", program);
    return e->code = ERR_FAILED;
}

static bool is_gone_within(pid_t pid, unsigned ms)
{
    uint64_t until = ticks_ms() + ms;

    for (;;) {
        pid_t got = waitpid(pid, NULL, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            return true;
        if (ticks_ms() >= until)
            return false;
        (void)poll(NULL, 0, 5);
    }
}

static void restore_terminal(const struct talk *t)
{
    struct termios now;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return;
    if (tcgetattr(fd, &now) == 0 && now.c_lflag != t->before.c_lflag)
        (void)tcsetattr(fd, TCSADRAIN, &t->before);
    close(fd);
}

void talk_end(struct talk *t)
{
    fd_closep(&t->to); /* which is how it learns that nothing more is asked */
    fd_closep(&t->from);
    if (t->pid && !(t->is_content && is_gone_within(t->pid, END_MS))) {
        kill(t->pid, SIGTERM);
        if (!is_gone_within(t->pid, END_MS)) {
            kill(t->pid, SIGKILL);
            (void)waitpid(t->pid, NULL, 0);
        }
    }
    t->pid = 0;
    if (t->has_terminal && !t->is_content)
        restore_terminal(t);
    secret_free(&t->in);
    fd_closep(&t->signals);
    pthread_sigmask(SIG_SETMASK, &t->mask_before, NULL);
}

/* -- lines -- */

int talk_say(struct talk *t, const char *line, struct err *e)
{
    size_t n = strlen(line);

    while (n > 0) {
        ssize_t k = write(t->to, line, n);
        if (k < 0 && errno != EINTR)
            return talk_fault(t, e, "has ended");
        line += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return OK;
}

/* One read's worth. */
static int fill(struct talk *t, uint64_t until, struct err *e)
{
    struct pollfd w[] = {{.fd = t->from, .events = POLLIN}, {.fd = t->signals, .events = POLLIN}};

    for (;;) {
        uint64_t now = ticks_ms();
        if (now >= until)
            return err_set(e, ERR_LIMIT, "pinentry '%s' does not answer", t->program);
        int ready = poll(w, ARRAY_LEN(w), (int)(until - now));
        if (ready < 0 && errno != EINTR)
            return err_sys(e, errno, "wait for the pinentry");
        if (ready > 0 && w[1].revents)
            return err_set(e, ERR_PERSON, "interrupted");
        if (ready <= 0)
            continue;
        ssize_t got = read(t->from, t->in.p + t->in.n, t->in.cap - t->in.n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return talk_fault(t, e, "has ended");
        t->in.n += (size_t)got;
        return OK;
    }
}

int talk_line(struct talk *t, uint64_t until, uint8_t **line, size_t *n, struct err *e)
{
    struct secret *in = &t->in;

    memmove(in->p, in->p + t->n_used, in->n - t->n_used);
    in->n -= t->n_used;
    mem_wipe(in->p + in->n, t->n_used);
    t->n_used = 0;
    if (++t->n_lines > LINES_MAX)
        return talk_fault(t, e, "talks without an end");
    for (;;) {
        uint8_t *end = in->n ? memchr(in->p, '\n', in->n) : NULL;
        if (end) {
            *line = in->p;
            *n = (size_t)(end - in->p);
            t->n_used = *n + 1;
            return OK;
        }
        if (in->n == in->cap)
            return talk_fault(t, e, "sends lines that are too long");
        int rc = fill(t, until, e);
        if (rc)
            return rc;
    }
}
