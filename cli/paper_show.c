/* SPDX-License-Identifier: Apache-2.0 */
/* The words on the screen, once. They go to /dev/tty in one write from locked memory, onto the
 * terminal's second screen where it has one, and are wiped from it on every way out but SIGKILL. */
#include "cli/paper_words.h"

#include "base/ask.h"
#include "base/file.h"
#include "base/mnemonic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define ROWS 8u
#define SCREEN_MAX 4096u
#define TRIES 3
/* The second screen of terminals, which has no scroll-back; where there is none the clearing that
 * comes with it does what can be done. */
#define TO_SECOND "\033[?1049h\033[2J\033[H"
#define TO_FIRST "\033[2J\033[H\033[?1049l"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* A signal handler has nowhere else to look. -1: no words are on the screen. */
static volatile sig_atomic_t screen = -1;

struct showing {
    int fd;
    bool can_clear;
    struct sigaction before[ARRAY_LEN(signals)], stop_before;
};

static void clear_and_die(int n)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};

    if (screen >= 0)
        (void)!write(screen, TO_FIRST, sizeof(TO_FIRST) - 1);
    sigaction(n, &plain, NULL);
    raise(n);
}

/* Stopping would leave the words to whoever looks next, so that is put off. */
static void guard(struct showing *s)
{
    struct sigaction a = {.sa_handler = clear_and_die}, ignore = {.sa_handler = SIG_IGN};

    sigemptyset(&a.sa_mask);
    sigemptyset(&ignore.sa_mask);
    screen = s->can_clear ? s->fd : -1;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaction(signals[i], NULL, &s->before[i]);
        if (s->before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
    }
    sigaction(SIGTSTP, &ignore, &s->stop_before);
}

static void unguard(struct showing *s)
{
    if (s->fd < 0)
        return;
    if (s->can_clear)
        (void)!write(s->fd, TO_FIRST, sizeof(TO_FIRST) - 1);
    screen = -1;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &s->before[i], NULL);
    sigaction(SIGTSTP, &s->stop_before, NULL);
    close(s->fd);
    s->fd = -1;
}

static int add(struct secret *to, const char *s, struct err *e)
{
    return secret_append(to, bytes_str(s), e);
}

/* Three columns, read downwards. */
static int add_words(struct secret *to, const struct secret *seed, struct err *e)
{
    static const char blanks[] = "            ";
    char number[8];
    int rc = OK;

    for (size_t row = 0; row < ROWS && !rc; row++) {
        for (size_t i = row; i < MNEMONIC_WORDS && !rc; i += ROWS) {
            const char *word = mnemonic_word(seed, i);
            if (!word)
                return err_set(e, ERR_FAILED, "the words could not be made");
            size_t n = strlen(word);
            snprintf(number, sizeof(number), "   %2zu ", i + 1);
            rc = add(to, number, e);
            rc = rc ? rc : add(to, word, e);
            rc = rc ? rc : add(to, blanks + (n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1), e);
        }
        rc = rc ? rc : add(to, "\n", e);
    }
    return rc;
}

static int compose(const struct showing *s, const struct secret *seed, const char *fingerprint,
                   struct secret *to, struct err *e)
{
    char last[160];

    if (secret_new(to, SCREEN_MAX, e) || (s->can_clear && add(to, TO_SECOND, e)))
        return e->code;
    if (add(to, "\nWrite these 24 words on paper, with their numbers. They are shown once.\n\n",
            e) ||
        add_words(to, seed, e))
        return e->code;
    snprintf(last, sizeof(last), "\nWrite the vault's fingerprint under them:\n\n   %s\n\n",
             fingerprint);
    if (add(to, last, e) ||
        add(to,
            "Whoever reads the paper can open the vault, without a token and without a PIN. Keep "
            "it\naway from the vault's copies, and put the words into no computer: no photograph, "
            "no file.\n\n",
            e))
        return e->code;
    return OK;
}

static int put(const struct showing *s, const struct secret *text, struct err *e)
{
    for (size_t at = 0; at < text->n;) {
        ssize_t k = write(s->fd, text->p + at, text->n - at);
        if (k < 0 && errno != EINTR)
            return err_sys(e, errno, "write to the terminal");
        at += k > 0 ? (size_t)k : 0;
    }
    return OK;
}

static int show(const struct secret *seed, const char *fingerprint, struct err *e)
{
    AUTO(unguard) struct showing s = {.fd = -1};
    AUTO_SECRET text = {0}, line = {0};

    s.can_clear = term_has_sequences();
    if (compose(&s, seed, fingerprint, &text, e))
        return e->code;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(e, ERR_PERSON, "the terminal went away");
    s.fd = fd;
    guard(&s);
    if (put(&s, &text, e))
        return e->code;
    secret_free(&text);
    /* hidden: what was typed ahead is dropped, and does not wipe the words before they are read */
    int rc = ask_secret("Press Enter when they are on paper", ASK_HIDDEN, NULL, &line, e);
    if (!s.can_clear)
        out_hint("this terminal cannot be cleared by coffer: clear it and its scroll-back now");
    return rc == ERR_LIMIT ? OK : rc;
}

/* One word, hidden: what is typed stays out of the scroll-back. */
static int ask_back(const struct secret *seed, size_t i, struct err *e)
{
    const char *word = mnemonic_word(seed, i);
    char prompt[96];

    for (int t = 0; t < TRIES; t++) {
        AUTO_SECRET typed = {0};
        snprintf(prompt, sizeof(prompt), "%sWord %zu from the paper (not shown)",
                 t ? "That is another word. " : "", i + 1);
        if (ask_secret(prompt, ASK_HIDDEN, NULL, &typed, e))
            return e->code;
        if (word && mnemonic_is_word(&typed, word))
            return OK;
    }
    err_set(e, ERR_PERSON, "word %zu was not repeated: nothing was changed", i + 1);
    return err_hint(e, "the words just shown open nothing; begin again, there will be new ones");
}

int paper_words_show(const struct cli *c, const struct secret *seed, const char *fingerprint,
                     struct err *e)
{
    uint8_t at[2];

    do {
        if (c->env->random(c->env, at, sizeof(at), e))
            return e->code;
        at[0] &= 31;
        at[1] &= 31;
    } while (at[0] >= at[1] || at[1] >= MNEMONIC_WORDS);
    if (show(seed, fingerprint, e) || ask_back(seed, at[0], e))
        return e->code;
    return ask_back(seed, at[1], e);
}
