/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN's way from its source to the token, and nowhere else. */
#include "cli/pin_source.h"

#include "base/ask.h"
#include "base/crypto.h"
#include "base/file.h"
#include "vault/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_FILE_MAX 1024u
#define TYPED_TRIES 3

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

bool pin_is_given(const struct cli *c, const char *pin_file)
{
    char path[TOKEN_PATH_MAX];

    return c->args->given[OPT_PIN_FD] || c->args->given[OPT_PIN_FILE] || pin_file[0] ||
           credential_path(path);
}

static int read_typed(const char *label, struct secret *out, struct err *e)
{
    char prompt[TOKEN_LABEL_MAX + 32];

    snprintf(prompt, sizeof(prompt), "PIN of token '%s'", label);
    int rc = ask_secret(prompt, ASK_HIDDEN, "give the PIN with --pin-fd or --pin-file", out, e);
    if (!rc && out->n == 0) {
        secret_free(out);
        return err_set(e, ERR_PERSON, "no PIN was given");
    }
    return rc;
}

/* is_refused: it could not be read, which is for a person to mend. */
static int read_remembered(const char *path, bool *is_refused, struct secret *out, struct err *e)
{
    int rc = read_file(path, FILE_PRIVATE, out, e);

    *is_refused = rc == ERR_PERSON;
    if (*is_refused)
        err_hint(e,
                 "this machine remembers that file as the PIN's source; coffer trust FINGERPRINT "
                 "without --keep-pin-file forgets it");
    return rc;
}

/* Order: --pin-fd, --pin-file, $CREDENTIALS_DIRECTORY/coffer-pin, pin_file, terminal. ask_person:
 * what this machine remembers is passed over. */
static int pin_read(const struct cli *c, const char *label, const char *pin_file, bool ask_person,
                    struct secret *out, bool *is_typed, bool *is_refused, struct err *e)
{
    const struct args *a = c->args;
    char path[TOKEN_PATH_MAX];

    *is_typed = false;
    if (a->given[OPT_PIN_FD] && a->given[OPT_PIN_FILE])
        return err_set(e, ERR_USAGE, "--pin-fd and --pin-file exclude each other");
    if (a->given[OPT_PIN_FD])
        return read_fd(c, OPT_PIN_FD, out, e);
    if (a->given[OPT_PIN_FILE])
        return read_file(a->value[OPT_PIN_FILE], FILE_PRIVATE, out, e);
    if (!ask_person && credential_path(path))
        return read_credential(path, out, e);
    if (!ask_person && pin_file[0])
        return read_remembered(pin_file, is_refused, out, e);
    *is_typed = true;
    return read_typed(label, out, e);
}

static int check_new(const struct secret *pin, struct err *e)
{
    if (pin->n < NEW_PIN_MIN || pin->n > NEW_PIN_MAX)
        return err_set(e, ERR_USAGE, "a PIN has %u to %u characters", NEW_PIN_MIN, NEW_PIN_MAX);
    for (size_t i = 0; i < pin->n; i++)
        if (pin->p[i] == 0)
            return err_set(e, ERR_USAGE, "a PIN has no NUL in it");
    return OK;
}

static int type_twice(enum opt_id fd, enum opt_id file, struct secret *out, struct err *e)
{
    char hint[96];

    snprintf(hint, sizeof(hint), "give the new PIN with --%s or --%s", options[fd].name,
             options[file].name);
    for (int i = 0; i < TYPED_TRIES; i++) {
        AUTO_SECRET one = {0};
        AUTO_SECRET two = {0};
        if (ask_secret("New PIN", ASK_HIDDEN, hint, &one, e))
            return e->code;
        if (check_new(&one, e)) {
            out_error(e);
            continue;
        }
        if (ask_secret("New PIN again", ASK_HIDDEN, hint, &two, e))
            return e->code;
        if (secret_eq(&one, &two))
            return secret_copy(out, secret_bytes(&one), e);
        out_warn("the two PINs differ; type them again");
    }
    return err_set(e, ERR_PERSON, "no new PIN was given");
}

int pin_read_new(const struct cli *c, enum opt_id fd, enum opt_id file, struct secret *out,
                 struct err *e)
{
    const struct args *a = c->args;
    int rc;

    if (a->given[fd] && a->given[file])
        return err_set(e, ERR_USAGE, "--%s and --%s exclude each other", options[fd].name,
                       options[file].name);
    if (a->given[fd])
        rc = read_fd(c, fd, out, e);
    else if (a->given[file])
        rc = read_file(a->value[file], FILE_PRIVATE, out, e);
    else
        rc = type_twice(fd, file, out, e);
    /* What is no PIN for any token is the caller's mistake here; nothing was tried. */
    if (rc == ERR_PIN)
        return e->code = ERR_USAGE;
    return rc ? rc : check_new(out, e);
}

/* The guard belongs to the token, not to a vault: one token can open several, and its tries are
 * shared. So its place is under a fixed id. */
static const uint8_t guard_place[VAULT_ID_LEN] = {0};

static int guard_name(const struct token_info *i, uint8_t out[SHA256_LEN], struct err *e)
{
    char text[4 * TOKEN_LABEL_MAX];

    snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", i->manufacturer, i->model, i->serial, i->label);
    return sha256(bytes_str(text), out, e);
}

bool pin_is_blocked(const struct cli *c, const struct token_info *info)
{
    uint8_t name[SHA256_LEN];
    struct err e;

    return guard_name(info, name, &e) == OK && pin_guard_is_set(&c->where, guard_place, name);
}

static const char cheap_way[] = "type the PIN once at a terminal: coffer doctor";

/* The token is the one that opens the vault, so that doctor asks for its PIN too. */
static bool is_of_vault(const struct cli *c)
{
    const struct command *k = c->args->command;

    return k->run != run_init && k->run != run_trust && !c->args->given[OPT_TO];
}

/* is_refused: the guard did not let the PIN be tried. */
static int login_unattended(const struct cli *c, struct token *t, const struct secret *pin,
                            bool *is_refused, struct err *e)
{
    struct pin_guard g = {.fd = -1};
    uint8_t name[SHA256_LEN];

    if (guard_name(token_info(t), name, e))
        return e->code;
    *is_refused = pin_guard_begin(&c->where, guard_place, name, &g, e) != OK;
    if (*is_refused)
        return is_of_vault(c) ? err_hint(e, "%s", cheap_way) : e->code;
    int rc = token_login(t, pin, false, e);
    bool is_failure = rc && token_pin_try(t) == PIN_TRIED;
    pin_guard_end(&g, !is_failure);
    if (is_failure)
        err_hint(e, "a PIN that nobody typed is not tried again until one was typed");
    if (is_failure && is_of_vault(c))
        err_hint(e, "%s", cheap_way);
    return rc;
}

static int login_typed(const struct cli *c, struct token *t, const struct secret *pin,
                       struct err *e)
{
    uint8_t name[SHA256_LEN];
    int rc = token_login(t, pin, false, e);

    if (!rc && token_pin_try(t) == PIN_PROVEN && !guard_name(token_info(t), name, e))
        pin_guard_clear(&c->where, guard_place, name);
    if (rc == ERR_PIN && token_pin_try(t) == PIN_TRIED && e->n_hints == 0)
        err_hint(e, "enter the token's user PIN again");
    return rc;
}

/* Before anyone is asked: a PIN that could not be tried is not asked for. */
static int check_tries(const struct token_info *i, struct err *e)
{
    if (i->pin == PIN_LOCKED) {
        err_set(e, ERR_PIN_LOCKED, "the PIN of token '%s' is locked", i->label);
        return err_hint(e, "unlock it with its PUK or SO PIN and the maker's own tool");
    }
    if (i->pin == PIN_FINAL_TRY) {
        err_set(e, ERR_PERSON, "token '%s' has one PIN try left, and coffer does not spend it",
                i->label);
        return err_hint(e, "prove the PIN with the maker's own tool first (YubiKey: "
                           "yubico-piv-tool -a verify-pin); that gives all tries back");
    }
    return OK;
}

static int login_keypad(const struct cli *c, struct token *t, struct err *e)
{
    out_hint("enter the PIN of token '%s' on the device", token_info(t)->label);
    return login_typed(c, t, NULL, e);
}

static int login_with(const struct cli *c, struct token *t, const char *pin_file, bool ask_person,
                      bool *is_typed, bool *is_refused, struct secret *used, struct err *e)
{
    AUTO_SECRET pin = {0};
    int rc;

    if (pin_read(c, token_info(t)->label, pin_file, ask_person, &pin, is_typed, is_refused, e))
        return e->code;
    if (*is_typed)
        rc = login_typed(c, t, &pin, e);
    else
        rc = login_unattended(c, t, &pin, is_refused, e);
    return rc || !used ? rc : secret_copy(used, secret_bytes(&pin), e);
}

/* A remembered PIN that cannot be read or may not be tried waits for a person; so a person at a
 * terminal is asked. */
static int login_once(const struct cli *c, struct token *t, const char *pin_file, bool *ask_person,
                      bool *is_typed, struct secret *used, struct err *e)
{
    bool is_explicit = c->args->given[OPT_PIN_FD] || c->args->given[OPT_PIN_FILE];
    bool is_refused = false;

    if (check_tries(token_info(t), e))
        return e->code;
    int rc = login_with(c, t, pin_file, *ask_person, is_typed, &is_refused, used, e);
    if (!is_refused || is_explicit || !ask_possible())
        return rc;
    out_warn("%s", e->msg);
    *ask_person = true;
    return login_with(c, t, pin_file, true, is_typed, &is_refused, used, e);
}

int pin_login(const struct cli *c, struct token *t, const char *pin_file, struct secret *used,
              struct err *e)
{
    if (token_info(t)->is_protected_path && !pin_is_given(c, pin_file))
        return login_keypad(c, t, e);
    bool ask_person = false;
    for (int i = 1;; i++) {
        bool is_typed = false;
        int rc = login_once(c, t, pin_file, &ask_person, &is_typed, used, e);
        if (rc != ERR_PIN || !is_typed || i == TYPED_TRIES)
            return rc;
        out_error(e);
    }
}
