/* SPDX-License-Identifier: Apache-2.0 */
/* The words typed back: hidden, one a line or several, each looked up as soon as it is there. */
#include "cli/paper_words.h"

#include "base/ask.h"
#include "base/file.h"
#include "base/mnemonic.h"

#include <stdio.h>

#define TYPED_MAX 1024u
#define BAD_WORDS_MAX 8u
#define TRIES 3

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes over the words of a line, up to the first that is none. */
static int take_words(const struct secret *line, struct secret *text, size_t *n, bool *is_bad,
                      struct err *e)
{
    size_t at = 0;

    *is_bad = false;
    while (*n < MNEMONIC_WORDS) {
        AUTO_SECRET word = {0};
        while (at < line->n && is_blank(line->p[at]))
            at++;
        size_t end = at;
        while (end < line->n && !is_blank(line->p[end]))
            end++;
        if (end == at)
            return OK;
        if (secret_copy(&word, bytes_of(line->p + at, end - at), e))
            return e->code;
        *is_bad = !mnemonic_is_listed(&word);
        if (*is_bad)
            return OK;
        if (secret_append(text, secret_bytes(&word), e) || secret_append(text, BYTES_LIT(" "), e))
            return e->code;
        (*n)++;
        at = end;
    }
    return OK;
}

static int ask_words(struct secret *text, struct err *e)
{
    size_t n = 0, n_bad = 0;
    bool is_bad = false;
    char prompt[160];

    while (n < MNEMONIC_WORDS) {
        AUTO_SECRET line = {0};
        snprintf(prompt, sizeof(prompt), "%sWord %zu of %u",
                 is_bad   ? "That is none of the words that papers have.\n"
                 : n == 0 ? "The words on the paper, one a line or several; they are not shown.\n"
                          : "",
                 n + 1, MNEMONIC_WORDS);
        if (ask_secret(prompt, ASK_HIDDEN, "give them with --words-fd N", &line, e) ||
            take_words(&line, text, &n, &is_bad, e))
            return e->code;
        n_bad += is_bad || line.n == 0;
        if (n_bad > BAD_WORDS_MAX)
            return err_set(e, ERR_PERSON, "the words on the paper were not typed");
    }
    return OK;
}

static int from_fd(const struct cli *c, struct secret *seed, struct err *e)
{
    static const enum opt_id pins[] = {OPT_PIN_FD, OPT_NEW_PIN_FD};
    AUTO_SECRET text = {0};
    int fd, other;

    if (arg_fd(c->args, OPT_WORDS_FD, &fd, e))
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
        if (!c->args->given[pins[i]])
            continue;
        if (arg_fd(c->args, pins[i], &other, e))
            return e->code;
        if (other == fd)
            return err_set(e, ERR_USAGE,
                           "--words-fd and --%s need two descriptors: each is read to its end",
                           options[pins[i]].name);
    }
    if (fd_read_secret(fd, TYPED_MAX, &text, e) || mnemonic_read(&text, seed, e))
        return err_wrap(e, "--words-fd");
    return OK;
}

int paper_words_read(const struct cli *c, struct secret *seed, struct err *e)
{
    if (c->args->given[OPT_WORDS_FD])
        return from_fd(c, seed, e);
    for (int i = 0;; i++) {
        AUTO_SECRET text = {0};
        if (secret_new(&text, TYPED_MAX, e) || ask_words(&text, e))
            return e->code;
        int rc = mnemonic_read(&text, seed, e);
        if (rc != ERR_USAGE || i + 1 == TRIES)
            return rc;
        out_error(e);
    }
}
