/* SPDX-License-Identifier: Apache-2.0 */
/* Questions on /dev/tty. Answers are read straight into locked memory, a line at a time as the
 * terminal gives them. Which question to ask, and when, is the commands' affair. */
#include "base/ask.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

/* The terminal drops, without a word, what a line has beyond this. */
#define LINE_LIMIT 4095u
#define ANSWER_TRIES 3

/* Not SIGTTIN and SIGTTOU: in the background those shall stop us as they stop anyone. */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

/* A signal handler has nowhere else to write. */
static volatile sig_atomic_t caught;

static void catch_signal(int n)
{
    caught = n;
}

struct tty {
    int fd;
    bool is_hidden; /* echo is off now */
    struct termios before;
    sigset_t mask_before;
    struct sigaction action_before[ARRAY_LEN(signals)];
};

bool ask_possible(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool say(const struct tty *t, const char *s)
{
    size_t n = strlen(s);

    while (n > 0) {
        ssize_t k = write(t->fd, s, n);
        if (k < 0 && errno != EINTR)
            return false;
        s += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return true;
}

/* Labels of tokens and names of records end up in prompts; neither may steer the terminal. */
static bool say_prompt(const struct tty *t, const char *prompt, const char *choices)
{
    char line[1024];
    struct bytes rest = bytes_str(prompt), head;
    bool more, ok = true;

    do {
        more = text_cut(rest, '\n', &head, &rest);
        text_clean(line, sizeof(line), head);
        ok = say(t, line) && (!more || say(t, "\n")) && ok;
    } while (more);
    size_t n = strlen(line);
    bool ends = n == 0 || line[n - 1] == ' ';
    bool marks = n > 0 && (line[n - 1] == ':' || line[n - 1] == '?');
    if (choices)
        return ok && (ends || say(t, " ")) && say(t, choices);
    return ok && (ends || say(t, marks ? " " : ": "));
}

static int set_hidden(struct tty *t, struct err *e)
{
    struct termios quiet = t->before;

    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    quiet.c_iflag |= ICRNL;
    if (tcsetattr(t->fd, TCSAFLUSH, &quiet))
        return err_sys(e, errno, "switch off the terminal's echo");
    t->is_hidden = true;
    return OK;
}

static void set_shown(struct tty *t)
{
    if (t->is_hidden)
        tcsetattr(t->fd, TCSAFLUSH, &t->before);
    t->is_hidden = false;
}

/* The signals stay blocked except inside ppoll, so none can slip between a look and a wait. */
static void catch_signals(struct tty *t)
{
    struct sigaction a = {.sa_handler = catch_signal};
    sigset_t block;

    sigemptyset(&block);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(&block, signals[i]);
    pthread_sigmask(SIG_BLOCK, &block, &t->mask_before);
    caught = 0;
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaction(signals[i], NULL, &t->action_before[i]);
        if (t->action_before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
    }
}

static void release_signals(struct tty *t)
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &t->action_before[i], NULL);
    pthread_sigmask(SIG_SETMASK, &t->mask_before, NULL);
}

static void tty_close(struct tty *t)
{
    if (t->fd < 0)
        return;
    if (t->is_hidden)
        (void)say(t, "\n");
    set_shown(t);
    release_signals(t);
    close(t->fd);
    t->fd = -1;
}

/* Names the question by its last line, without the colon. */
static int no_terminal(const char *prompt, const char *hint, struct err *e)
{
    struct bytes v = text_trim(bytes_str(prompt)), head;

    while (text_cut(v, '\n', &head, &v))
        continue;
    v = head;
    if (text_ends(v, ":"))
        v.n--;
    err_set(e, ERR_PERSON, "no terminal to ask: %.*s", (int)(v.n < 200 ? v.n : 200),
            (const char *)v.p);
    return hint ? err_hint(e, "%s", hint) : e->code;
}

static int tty_open(struct tty *t, const char *prompt, const char *hint, struct err *e)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || tcgetattr(fd, &t->before)) {
        if (fd >= 0)
            close(fd);
        return no_terminal(prompt, hint, e);
    }
    t->fd = fd;
    catch_signals(t);
    return OK;
}

struct question {
    const char *prompt, *choices;
    unsigned flags;
};

/* Gives the terminal back, lets the signal do what it did before, and goes on if we still live. */
static int pass_signal(struct tty *t, const struct question *q, struct err *e)
{
    int n = caught;
    bool hidden = t->is_hidden;

    if (hidden)
        (void)say(t, "\n");
    set_shown(t);
    release_signals(t);
    raise(n);
    catch_signals(t);
    if (n != SIGTSTP)
        return err_set(e, ERR_PERSON, "interrupted");
    int r = hidden ? set_hidden(t, e) : OK;
    return r ? r : (say_prompt(t, q->prompt, q->choices), OK);
}

/* One read's worth into s, at most to its cap. *n = 0 at the end of input. */
static int read_piece(struct tty *t, const struct question *q, struct secret *s, size_t *n,
                      struct err *e)
{
    for (;;) {
        struct pollfd w = {.fd = t->fd, .events = POLLIN};
        int ready = ppoll(&w, 1, NULL, &t->mask_before);
        if (ready < 0 && errno != EINTR)
            return err_sys(e, errno, "wait for the terminal");
        if (caught) {
            int r = pass_signal(t, q, e);
            if (r)
                return r;
            continue;
        }
        if (ready <= 0)
            continue;
        ssize_t got = read(t->fd, s->p + s->n, s->cap - s->n);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return err_set(e, ERR_PERSON, "the terminal went away");
        s->n += (size_t)got;
        *n = (size_t)got;
        return OK;
    }
}

/* all: what was read so far; line: where its last line starts. */
static bool is_last_line(struct bytes all, size_t line)
{
    static const char end[] = "-----END";
    struct bytes v = text_trim(bytes_of(all.p + line, all.n - line));

    /* The end may stand in the first line: some exchanges show a PEM with \n for its line ends. */
    return v.n == 0 || !text_starts(text_trim(all), "-----BEGIN") ||
           memmem(v.p, v.n, end, sizeof(end) - 1);
}

static int too_long(struct err *e)
{
    err_set(e, ERR_LIMIT, "the answer is too long for a terminal's line");
    return err_hint(e, "give it in a file or through a descriptor instead");
}

/* Reads to the end of the answer; s ends without its last line end. */
static int read_answer(struct tty *t, const struct question *q, struct secret *s, struct err *e)
{
    size_t line = 0, got = 0; /* where the line being read starts */

    for (;;) {
        if (s->n == s->cap)
            return too_long(e);
        int r = read_piece(t, q, s, &got, e);
        if (r)
            return r;
        if (got == 0 && s->n == 0)
            return err_set(e, ERR_PERSON, "no answer was given");
        if (got > 0 && s->p[s->n - 1] != '\n')
            continue;
        size_t end = got > 0 ? s->n - 1 : s->n;
        if (end - line >= LINE_LIMIT)
            return too_long(e);
        bool done = got == 0 || !(q->flags & ASK_MULTILINE) ||
                    is_last_line(bytes_of(s->p, end), line);
        line = s->n;
        if (!done)
            continue;
        if (s->n > 0 && s->p[s->n - 1] == '\n')
            s->n--;
        if (q->flags & ASK_MULTILINE && s->n > 0 && s->p[s->n - 1] == '\n')
            s->n--;
        return OK;
    }
}

static int ask(const struct question *q, const char *hint, struct secret *out, struct err *e)
{
    AUTO_SECRET s = {0};
    AUTO(tty_close) struct tty t = {.fd = -1};

    int r = tty_open(&t, q->prompt, hint, e);
    if (!r)
        r = secret_new(&s, SECRET_MAX, e);
    if (!r && q->flags & ASK_HIDDEN)
        r = set_hidden(&t, e);
    if (!r && !say_prompt(&t, q->prompt, q->choices))
        r = err_set(e, ERR_PERSON, "the terminal went away");
    if (!r)
        r = read_answer(&t, q, &s, e);
    return r ? r : secret_copy(out, secret_bytes(&s), e);
}

int ask_secret(const char *prompt, unsigned flags, const char *hint, struct secret *out,
               struct err *e)
{
    return ask(&(struct question){prompt, NULL, flags}, hint, out, e);
}

int ask_line(const char *prompt, const char *hint, char *out, size_t cap, struct err *e)
{
    AUTO_SECRET s = {0};
    int r = ask(&(struct question){prompt, NULL, 0}, hint, &s, e);

    if (r)
        return r;
    if (s.n >= cap)
        return err_set(e, ERR_LIMIT, "the answer is over %zu characters", cap - 1);
    if (!text_copy(out, cap, secret_bytes(&s)))
        return err_set(e, ERR_FORMAT, "the answer has a NUL in it");
    return OK;
}

int ask_yes(const char *prompt, const char *hint, bool *yes, struct err *e)
{
    for (int i = 0; i < ANSWER_TRIES; i++) {
        AUTO_SECRET s = {0};
        int r = ask(&(struct question){prompt, "[y/n] ", 0}, hint, &s, e);
        if (r)
            return r;
        struct bytes v = text_trim(secret_bytes(&s));
        bool is_yes = text_eq_nocase(v, BYTES_LIT("y")) || text_eq_nocase(v, BYTES_LIT("yes"));
        bool is_no = text_eq_nocase(v, BYTES_LIT("n")) || text_eq_nocase(v, BYTES_LIT("no"));
        if (is_yes || is_no) {
            *yes = is_yes;
            return OK;
        }
    }
    return err_set(e, ERR_PERSON, "neither y nor n was answered");
}
