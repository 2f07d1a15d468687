/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PIN comes from. How often it is tried is pin_login.c's affair. */
#include "cli/pin_read.h"

#include "base/ask.h"
#include "base/file.h"
#include "cli/pinentry.h"
#include "cli/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_FILE_MAX 1024u

static int too_long(const char *from, struct err *e)
{
    return err_set(e, ERR_PIN, "the PIN from %s is longer than %u bytes", from, NEW_PIN_MAX);
}

static int cannot_read(const char *from, struct err *e)
{
    if (e->code == ERR_LIMIT)
        return too_long(from, e);
    err_wrap(e, "read the PIN");
    if (e->code == ERR_NOT_FOUND)
        err_hint(e, "write the PIN into that file (mode 0600), or give it with --pin-fd");
    return e->code;
}

/* Of a file: only a person can put it there, or right. */
static int cannot_read_file(const char *path, const char *from, struct err *e)
{
    struct stat st;

    if (cannot_read(from, e) != ERR_NOT_FOUND && e->code != ERR_IO)
        return e->code;
    if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
        e->n_hints = 0; /* of links */
        err_hint(e, "a pipe, as <(COMMAND) makes one, is read with --pin-fd: --pin-fd 9 "
                    "9< <(COMMAND)");
    }
    return e->code = ERR_PERSON;
}

static int first_line(const struct secret *raw, const char *from, struct secret *out, struct err *e)
{
    const uint8_t *end = raw->n ? memchr(raw->p, '\n', raw->n) : NULL;
    size_t n = end ? (size_t)(end - raw->p) : raw->n;

    if (end && n > 0 && raw->p[n - 1] == '\r')
        n--;
    if (n == 0)
        return err_set(e, ERR_PIN, "the PIN from %s is empty", from);
    if (n > NEW_PIN_MAX)
        return too_long(from, e);
    return secret_copy(out, bytes_of(raw->p, n), e);
}

static int read_fd(const struct cli *c, enum opt_id id, struct secret *out, struct err *e)
{
    AUTO_SECRET raw = {0};
    char from[48];
    int fd;

    snprintf(from, sizeof(from), "--%s", options[id].name);
    if (arg_fd(c->args, id, &fd, e))
        return e->code;
    if (fd_read_secret(fd, PIN_FILE_MAX, &raw, e))
        return cannot_read(from, e);
    return first_line(&raw, from, out, e);
}

static int read_file(const char *path, unsigned flags, struct secret *out, struct err *e)
{
    AUTO_SECRET raw = {0};
    char from[TOKEN_PATH_MAX + 16];

    snprintf(from, sizeof(from), "'%s'", path);
    if (file_read_secret(path, PIN_FILE_MAX, flags, &raw, e))
        return cannot_read_file(path, from, e);
    return first_line(&raw, from, out, e);
}

static bool credential_path(char out[TOKEN_PATH_MAX])
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    int n = dir && dir[0] == '/' ? snprintf(out, TOKEN_PATH_MAX, "%s/coffer-pin", dir) : -1;
    struct stat st;

    return n > 0 && (size_t)n < TOKEN_PATH_MAX && lstat(out, &st) == 0;
}

/* A service manager makes the file for its service alone: root's or the service's own, readable for
 * a group at most (which is how an access list shows). */
static const char *credential_fault(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return "belongs to somebody else";
    if (st->st_mode & 07)
        return "is open to others";
    return st->st_mode & 020 ? "can be changed by a group" : NULL;
}

/* Judged and read through one descriptor. */
static int read_credential(const char *path, struct secret *out, struct err *e)
{
    AUTO(fd_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    AUTO_SECRET raw = {0};
    char from[TOKEN_PATH_MAX + 16];
    struct stat st;
    const char *fault;

    snprintf(from, sizeof(from), "'%s'", path);
    if (fd < 0 && errno == ELOOP) {
        fault = "is a symbolic link";
    } else if (fd < 0 || fstat(fd, &st)) {
        err_sys(e, errno, "read the PIN: %s", from);
        return e->code = ERR_PERSON;
    } else {
        fault = credential_fault(&st);
    }
    if (fault) {
        err_set(e, ERR_PERSON, "the PIN in %s is not taken: the file %s", from, fault);
        return err_hint(e, "it must be a file of yours or of root's, of mode 0400 or 0440");
    }
    if (fd_read_secret(fd, PIN_FILE_MAX, &raw, e))
        return cannot_read_file(path, from, e);
    return first_line(&raw, from, out, e);
}

int pin_read_option(const struct cli *c, enum opt_id fd, enum opt_id file, struct secret *out,
                    struct err *e)
{
    const struct args *a = c->args;

    if (a->given[fd] && a->given[file])
        return err_set(e, ERR_USAGE, "--%s and --%s exclude each other", options[fd].name,
                       options[file].name);
    if (a->given[fd])
        return read_fd(c, fd, out, e);
    return read_file(a->value[file], FILE_PRIVATE, out, e);
}

/* The options that ask for a person; what this machine remembers is passed over then. */
static bool wants_person(const struct cli *c)
{
    return c->args->given[OPT_USE_LAST_TRY] || pinentry_is_wanted(c);
}

bool pin_is_given(const struct cli *c, const char *pin_file)
{
    char path[TOKEN_PATH_MAX];

    if (c->args->given[OPT_PIN_FD] || c->args->given[OPT_PIN_FILE])
        return true;
    return !wants_person(c) && (pin_file[0] || credential_path(path));
}

bool pin_can_be_asked(const struct cli *c)
{
    char program[TOKEN_PATH_MAX];
    struct err quiet;

    return ask_possible() || (pinentry_find(c, program, &quiet) == OK && program[0]);
}

/* -- a person -- */

static int read_terminal(const struct pin_want *w, struct secret *out, struct err *e)
{
    const char *left = w->is_last_try                                     ? " (the last try)"
                       : w->info->pin == PIN_LOW && !w->info->is_software ? " (few tries left)"
                                                                          : "";
    char prompt[TOKEN_LABEL_MAX + 64];

    snprintf(prompt, sizeof(prompt), "PIN of token '%s'%s", w->info->label, left);
    int rc = ask_secret(prompt, ASK_HIDDEN, "give the PIN with --pin-fd or --pin-file", out, e);
    if (!rc && out->n == 0) {
        secret_free(out);
        return err_set(e, ERR_PERSON, "no PIN was given");
    }
    return rc;
}

static int read_pinentry(const struct pin_want *w, const char *program, struct secret *out,
                         struct err *e)
{
    const struct token_info *i = w->info;
    char why[WAITING_WHY];
    struct pinentry_question q = {
        .label = i->label, .serial = i->serial, .why = why, .tries = "", .wrong = w->wrong};

    waiting_reason(why);
    if (w->is_last_try)
        q.tries = "This is the last try: a wrong PIN locks the token.";
    else if (i->pin == PIN_LOW && !i->is_software)
        q.tries = "Few tries are left before the token locks.";
    return pinentry_pin(program, &q, out, e);
}

static int read_typed(struct pin_want *w, struct secret *out, struct err *e)
{
    char program[TOKEN_PATH_MAX];

    if (pinentry_find(w->cli, program, e))
        return e->code;
    if (program[0] && !w->is_pinentry_out) {
        int rc = read_pinentry(w, program, out, e);
        if (rc != ERR_FAILED)
            return rc;
        out_warn("%s", e->msg);
        w->is_pinentry_out = true;
    }
    return read_terminal(w, out, e);
}

/* It could not be read, which is for a person to mend. */
static int read_remembered(struct pin_want *w, struct secret *out, struct err *e)
{
    int rc = read_file(w->pin_file, FILE_PRIVATE, out, e);

    w->is_refused = rc == ERR_PERSON;
    if (w->is_refused)
        err_hint(e,
                 "this machine remembers that file as the PIN's source; coffer trust FINGERPRINT "
                 "without --keep-pin-file forgets it");
    return rc;
}

int pin_read(struct pin_want *w, struct secret *out, struct err *e)
{
    const struct args *a = w->cli->args;
    bool ask_person = w->ask_person || wants_person(w->cli);
    char path[TOKEN_PATH_MAX];

    w->is_typed = false;
    if (a->given[OPT_PIN_FD] || a->given[OPT_PIN_FILE])
        return pin_read_option(w->cli, OPT_PIN_FD, OPT_PIN_FILE, out, e);
    if (!ask_person && credential_path(path))
        return read_credential(path, out, e);
    if (!ask_person && w->pin_file[0])
        return read_remembered(w, out, e);
    w->is_typed = true;
    return read_typed(w, out, e);
}
