/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/ask.c on a terminal of their own: answers, echo, limits, signals, no terminal. */
#include "tests/harness.h"
#include "tests/terminal.h"

#include "base/ask.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 4096

static int tell(int report, int r, struct bytes v, const struct err *e)
{
    char line[SHOWN_MAX + 300];
    int n;

    if (r)
        n = snprintf(line, sizeof(line), "error %d %s|%s", r, e->msg,
                     e->n_hints ? e->hints[0] : "");
    else
        n = snprintf(line, sizeof(line), "answer [%.*s]", (int)v.n, (const char *)v.p);
    return write(report, line, (size_t)n) == n ? 0 : 80;
}

/* Whether the terminal echoes again, told behind the answer. */
static int tell_echo(int report)
{
    struct termios now;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    bool on = fd >= 0 && tcgetattr(fd, &now) == 0 && now.c_lflag & ECHO && now.c_lflag & ICANON;

    return write(report, on ? " echo" : " dark", 5) == 5 ? 0 : 81;
}

static int ask_with(int report, unsigned flags)
{
    struct err e;
    AUTO_SECRET s = {0};
    int r = ask_secret("PIN", flags, "use --pin-fd", &s, &e);

    return tell(report, r, secret_bytes(&s), &e) | tell_echo(report);
}

static int ask_hidden(int report)
{
    return ask_with(report, ASK_HIDDEN);
}

static int ask_shown(int report)
{
    return ask_with(report, 0);
}

static int ask_block(int report)
{
    return ask_with(report, ASK_HIDDEN | ASK_MULTILINE);
}

static int ask_a_line(int report)
{
    struct err e;
    char line[8] = "old";
    int r = ask_line("name\x1b[2J\nagain", "hint", line, sizeof(line), &e);

    return tell(report, r, bytes_str(line), &e);
}

static int ask_a_yes(int report)
{
    struct err e;
    bool yes = false;
    int r = ask_yes("go on?", "hint", &yes, &e);

    return tell(report, r, yes ? BYTES_LIT("yes") : BYTES_LIT("no"), &e);
}

static void expect(ask_fn *fn, const char *prompt, const char *typed, const char *want)
{
    struct term t;
    char said[512];

    start(&t, fn);
    if (wait_for(&t, prompt))
        type(&t, typed);
    int status = finish(&t, said, sizeof(said));
    EQ_INT(status, 0);
    EQ_STR(answer(said), want);
}

static void test_hidden(void)
{
    struct term t;
    char said[512];

    start(&t, ask_hidden);
    wait_for(&t, "PIN: ");
    type(&t, "12345\x7f"
             "6 \n");
    int status = finish(&t, said, sizeof(said));
    EQ_INT(status, 0);
    EQ_STR(answer(said), "answer [12346 ] echo");
    CHECK(!strstr(t.seen, "1"));
    EQ_STR(t.seen, "PIN: \r\n");
    expect(ask_hidden, "PIN: ", "\n", "answer [] echo");
}

static void test_shown(void)
{
    struct term t;
    char said[512];

    start(&t, ask_shown);
    wait_for(&t, "PIN: ");
    type(&t, "abc\n");
    finish(&t, said, sizeof(said));
    EQ_STR(answer(said), "answer [abc] echo");
    EQ_STR(t.seen, "PIN: abc\r\n");
}

static void test_line(void)
{
    expect(ask_a_line, "name\\x1b[2J\r\nagain: ", "seven77\n", "answer [seven77]");
    expect(ask_a_line, "again: ", "eight888\n", "error -5 the answer is over 7 characters|");
    expect(ask_a_line, "again: ", "\x04", "error -30 no answer was given|");
    expect(ask_a_line, "again: ",
           "ab\x04"
           "c\n",
           "answer [abc]");
    expect(ask_a_line, "again: ", "ab\x04\x04", "answer [ab]");
}

static void test_yes(void)
{
    expect(ask_a_yes, "go on? [y/n] ", "y\n", "answer [yes]");
    expect(ask_a_yes, "go on? [y/n] ", "NO\n", "answer [no]");
    expect(ask_a_yes, "go on? [y/n] ", "\nmaybe\nYes\n", "answer [yes]");
    expect(ask_a_yes, "go on? [y/n] ", "\nmaybe\nyo\ny\n",
           "error -30 neither y nor n was answered|");
}

static void test_multiline(void)
{
    static const char pem[] = "-----BEGIN X-----\nAAAA\n=\n-----END X-----\nrest\n";
    struct term t;
    char said[512];

    start(&t, ask_block);
    wait_for(&t, "PIN: ");
    type(&t, pem);
    finish(&t, said, sizeof(said));
    EQ_STR(answer(said), "answer [-----BEGIN X-----\nAAAA\n=\n-----END X-----] echo");
    CHECK(!strstr(t.seen, "AAAA"));
    /* What was pasted beyond it is thrown away, not left for the shell. */
    CHECK(!strstr(t.seen, "rest"));
    /* Only a PEM block has more than one line. */
    expect(ask_block, "PIN: ", "one\ntwo\n\nthree\n", "answer [one] echo");
    expect(ask_block, "PIN: ", " -----BEGIN X-----\nAA\n\nBB\n",
           "answer [ -----BEGIN X-----\nAA] echo");
    expect(ask_block, "PIN: ", "-----BEGIN X-----\\nAA\\n-----END X-----\nrest\n",
           "answer [-----BEGIN X-----\\nAA\\n-----END X-----] echo");
    expect(ask_block, "PIN: ", "\n", "answer [] echo");
    expect(ask_block, "PIN: ", "one\n\x04", "answer [one] echo");
}

/* The terminal cuts a line at 4095 characters without a word; that must not become a key. */
static void test_long_line(void)
{
    char text[6001];

    memset(text, 'k', sizeof(text));
    for (size_t i = 4000; i <= 4100; i += 100) {
        struct term t;
        char said[8192];
        start(&t, ask_hidden);
        if (wait_for(&t, "PIN: "))
            for (size_t n = 0; n < i; n += 100) {
                CHECK(write(t.fd, text, 100) == 100);
                usleep(500);
            }
        type(&t, "\n");
        finish(&t, said, sizeof(said));
        if (i == 4000)
            CHECK(strstr(said, "answer [kkk"));
        else
            CHECK(strstr(
                said, "error -5 the answer is too long for a terminal's line|give it in a file"));
    }
}

static void test_interrupted(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct term t;
        struct termios now;
        char said[512];
        start(&t, ask_hidden);
        wait_for(&t, "PIN: ");
        CHECK(tcgetattr(t.fd, &now) == 0 && !(now.c_lflag & ECHO));
        /* A second descriptor keeps the terminal's settings after the child is gone. */
        char name[128];
        ptsname_r(t.fd, name, sizeof(name));
        int keep = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ssize_t n = read(t.report, said, sizeof(said) - 1);
        said[n > 0 ? n : 0] = 0;
        pid_t pid = (pid_t)strtol(said, NULL, 10);
        if (signals[i] == SIGINT)
            type(&t, "half\x03");
        else
            kill(pid, signals[i]);
        wait_for(&t, "\r\n");
        for (int k = 0; k < WAIT_MS && waitpid(t.pid, NULL, WNOHANG) == 0; k++)
            usleep(1000);
        CHECK(tcgetattr(keep, &now) == 0 && now.c_lflag & ECHO && now.c_lflag & ICANON);
        CHECK(!strstr(t.seen, "half"));
        close(keep);
        close(t.report);
        close(t.fd);
    }
}

/* Its status must say which signal, as if nobody had caught it. */
static void test_signal_passes(void)
{
    struct term t;
    char said[512];

    start(&t, ask_hidden);
    wait_for(&t, "PIN: ");
    type(&t, "\x03");
    int status = finish(&t, said, sizeof(said));
    EQ_INT(status, 100 + SIGINT);
}

/* valgrind lets a process run on through SIGTSTP. */
static bool can_stop(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        raise(SIGTSTP);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    if (!WIFSTOPPED(status))
        return false;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return true;
}

static void test_stopped(void)
{
    struct term t;
    struct termios now = {0};
    char said[512];

    if (!can_stop()) {
        harness_skip("a process does not stop at SIGTSTP here");
        return;
    }
    start(&t, ask_hidden);
    wait_for(&t, "PIN: ");
    ssize_t n = read(t.report, said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = 0;
    pid_t pid = (pid_t)strtol(said, NULL, 10);
    type(&t, "\x1a");
    wait_for(&t, "\r\n");
    for (int i = 0; i < WAIT_MS && !(now.c_lflag & ECHO); i++) {
        usleep(1000);
        tcgetattr(t.fd, &now);
    }
    CHECK(now.c_lflag & ECHO);
    t.n_seen = 0;
    usleep(20000);
    kill(pid, SIGCONT);
    wait_for(&t, "PIN: ");
    CHECK(tcgetattr(t.fd, &now) == 0 && !(now.c_lflag & ECHO));
    type(&t, "later\n");
    int status = finish(&t, said, sizeof(said));
    EQ_INT(status, 0);
    EQ_STR(said, "answer [later] echo");
    CHECK(!strstr(t.seen, "later"));
}

static void test_hangup(void)
{
    struct term t;

    start(&t, ask_hidden);
    wait_for(&t, "PIN: ");
    close(t.fd);
    /* SIGHUP goes to the session's leader, and the asker must not outlive it for ever. */
    bool ended = false;
    for (int i = 0; i < WAIT_MS && !ended; i++) {
        struct pollfd w = {.fd = t.report, .events = POLLIN};
        char c;
        ended = poll(&w, 1, 1) > 0 && read(t.report, &c, 1) == 0;
    }
    CHECK(ended);
    waitpid(t.pid, NULL, 0);
    close(t.report);
}

static void test_no_terminal(void)
{
    int status = 0, report[2] = {-1, -1};
    char said[512] = "";

    CHECK(pipe2(report, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e;
        AUTO_SECRET s = {0};
        setsid();
        int r = ask_secret("First line\nPIN of 'x': ", ASK_HIDDEN, "use --pin-fd or --pin-file", &s,
                           &e);
        _exit(ask_possible() ? 1 : tell(report[1], r, secret_bytes(&s), &e));
    }
    waitpid(pid, &status, 0);
    EQ_INT(status, 0);
    ssize_t n = read(report[0], said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = 0;
    EQ_STR(said, "error -30 no terminal to ask: PIN of 'x'|use --pin-fd or --pin-file");
    close(report[0]);
    close(report[1]);
}

int main(void)
{
    RUN(test_hidden);
    RUN(test_shown);
    RUN(test_line);
    RUN(test_yes);
    RUN(test_multiline);
    RUN(test_long_line);
    RUN(test_interrupted);
    RUN(test_signal_passes);
    RUN(test_stopped);
    RUN(test_hangup);
    RUN(test_no_terminal);
    return harness_end();
}
