/* SPDX-License-Identifier: Apache-2.0 */
/* Between pinentry.c, which knows the questions, and the process that shows them. */
#ifndef CLI_PINENTRY_TALK_H
#define CLI_PINENTRY_TALK_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#include <signal.h>
#include <termios.h>

struct talk {
    const char *program;
    pid_t pid;    /* 0: none */
    int to, from; /* -1: closed */
    int signals;  /* readable when one of them waits to end this process */
    sigset_t mask_before;
    bool has_terminal, is_content; /* is_content: it ended as it should */
    struct termios before;
    struct secret in; /* what was read and not used up; the line given out is at its start */
    size_t n_used;    /* of in: belongs to the line given out */
    unsigned n_lines;
};

/* Starts program, with pipes to and from it. ERR_FAILED. */
int talk_start(struct talk *t, const char *program, struct err *e) MUST_USE;
/* Ends the process, whatever state it is in, and gives the terminal back as it was. */
void talk_end(struct talk *t);
int talk_say(struct talk *t, const char *line, struct err *e) MUST_USE;
/* The next line without its end, at most ASSUAN_LINE_MAX bytes; it may be changed, and is wiped by
 * the next call. until: a moment of ticks_ms. ERR_FAILED, ERR_PERSON (interrupted), ERR_LIMIT: the
 * moment has come. */
int talk_line(struct talk *t, uint64_t until, uint8_t **line, size_t *n, struct err *e) MUST_USE;
/* ERR_FAILED: "pinentry 'PROGRAM' ...". */
int talk_fault(const struct talk *t, struct err *e, const char *what);
/* What its options say of the place where it may ask; "" where nothing is known. */
struct talk_place {
    const char *tty, *type, *ctype;
};
void talk_place(struct talk_place *out);

#endif
