/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a credential. No byte of it passes through ordinary memory here. */
#include "cli/fields.h"

#include "base/ask.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

void fields_free(struct secret v[FIELD_COUNT])
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        secret_free(&v[i]);
}

static bool reads_stdin(const struct cli *c)
{
    const struct args *a = c->args;
    bool is_dash = a->given[OPT_FROM_JSON] && strcmp(a->value[OPT_FROM_JSON], "-") == 0;

    return is_dash || (a->given[OPT_FROM_FD] && strcmp(a->value[OPT_FROM_FD], "0") == 0);
}

/* *id and *path of FIELD=PATH. text is not repeated: it may be a secret in the wrong place. */
static int cut_field_file(const char *text, enum field_id *id, const char **path, struct err *e)
{
    struct bytes name, rest;

    if (!text_cut(bytes_str(text), '=', &name, &rest) || rest.n == 0)
        return err_set(e, ERR_USAGE, "--field-file is written FIELD=PATH");
    if (!field_by_name(name, true, id)) {
        err_set(e, ERR_USAGE, "--field-file names no field of a key");
        return err_hint(e, "fields: api_key, api_secret, passphrase, uid, private_key_pem, wallet, "
                           "login");
    }
    *path = (const char *)rest.p;
    return OK;
}

static int check_files(const struct args *a, struct err *e)
{
    const char *json = a->given[OPT_FROM_JSON] ? a->value[OPT_FROM_JSON] : "-", *path;
    enum field_id id;

    for (size_t i = 0; i < a->n_repeated; i++) {
        if (a->repeated_id[i] != OPT_FIELD_FILE)
            continue;
        if (cut_field_file(a->repeated[i], &id, &path, e))
            return e->code;
        if (access(path, R_OK))
            return err_sys(e, errno, "the file given for %s cannot be read", field_name(id));
    }
    if (strcmp(json, "-") == 0 || access(json, R_OK) == 0)
        return OK;
    if (text_starts(text_trim(bytes_str(json)), "{"))
        return err_sys(e, errno, "the file given with --from-json cannot be read");
    return err_sys(e, errno, "'%s' cannot be read", json);
}

int fields_check(const struct cli *c, struct err *e)
{
    const struct args *a = c->args;
    int fd;

    if (check_files(a, e))
        return e->code;

    if (a->given[OPT_FROM_JSON] && a->given[OPT_FROM_FD])
        return err_set(e, ERR_USAGE, "--from-json and --from-fd exclude each other");
    if (a->given[OPT_FROM_FD] && arg_fd(a, OPT_FROM_FD, &fd, e))
        return e->code;
    if (!a->given[OPT_PIN_FD])
        return OK;
    bool is_same =
        a->given[OPT_FROM_FD] && strcmp(a->value[OPT_FROM_FD], a->value[OPT_PIN_FD]) == 0;
    if (is_same || (reads_stdin(c) && strcmp(a->value[OPT_PIN_FD], "0") == 0)) {
        err_set(e, ERR_USAGE, "the PIN and the key cannot come from the same descriptor");
        return err_hint(e, "give the PIN through another one, or with --pin-file");
    }
    return OK;
}

/* A name that is no field might be a secret in the wrong place; only a harmless one is repeated. */
static int unknown_member(struct json key, struct err *e)
{
    char name[21];
    bool is_word = json_cstr(key, name, sizeof(name));

    for (size_t i = 0; is_word && name[i]; i++)
        is_word = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                  name[i] == '_';
    if (is_word)
        err_set(e, ERR_USAGE, "the JSON has a member '%s', which is no field of a key", name);
    else
        err_set(e, ERR_USAGE, "the JSON has a member that is no field of a key");
    return err_hint(e,
                    "fields: api_key, api_secret, passphrase, uid, private_key_pem, wallet, login");
}

static int take_member(struct json key, struct json v, struct secret typed[FIELD_COUNT],
                       struct err *e)
{
    char name[32];
    enum field_id id;

    if (!json_cstr(key, name, sizeof(name)) || !field_by_name(bytes_str(name), true, &id))
        return unknown_member(key, e);
    if (v.type != JSON_STRING)
        return err_set(e, ERR_USAGE, "%s is not a string in the JSON", field_name(id));
    if (typed[id].p)
        return err_set(e, ERR_USAGE, "%s is given twice", field_name(id));
    /* Unescaping never makes a string longer. */
    struct bytes raw = json_raw(v);
    if (secret_new(&typed[id], raw.n ? raw.n : 1, e))
        return e->code;
    if (!json_str(v, typed[id].p, typed[id].cap, &typed[id].n))
        return err_set(e, ERR_USAGE, "%s cannot be read from the JSON", field_name(id));
    return OK;
}

int fields_parse(struct bytes text, struct secret typed[FIELD_COUNT], struct err *e)
{
    static const struct json_limits limits = {SECRET_MAX, 3, 16};
    struct json_iter it;
    struct json root, key, value;

    if (json_check(text, &limits, &root, e)) {
        e->code = e->code == ERR_MEMORY ? ERR_MEMORY : ERR_USAGE;
        return err_wrap(e, "the key's JSON");
    }
    if (root.type != JSON_OBJECT)
        return err_set(e, ERR_USAGE, "the key's JSON is not an object");
    json_iter(&it, root);
    while (json_next(&it, &key, &value))
        if (take_member(key, value, typed, e))
            return e->code;
    return OK;
}

static int read_json(const struct cli *c, struct secret typed[FIELD_COUNT], struct err *e)
{
    const struct args *a = c->args;
    AUTO_SECRET text = {0};
    int fd, rc;

    if (a->given[OPT_FROM_FD])
        rc = arg_fd(a, OPT_FROM_FD, &fd, e) ? e->code : fd_read_secret(fd, SECRET_MAX, &text, e);
    else
        rc = file_read_secret(a->value[OPT_FROM_JSON], SECRET_MAX, FILE_STDIN, &text, e);
    if (rc == ERR_LIMIT)
        return e->code = ERR_USAGE;
    return rc ? rc : fields_parse(secret_bytes(&text), typed, e);
}

static int read_field_file(const char *text, struct secret typed[FIELD_COUNT], struct err *e)
{
    enum field_id id;
    const char *path;

    if (cut_field_file(text, &id, &path, e))
        return e->code;
    if (typed[id].p)
        return err_set(e, ERR_USAGE, "%s is given twice", field_name(id));
    int rc = file_read_secret(path, SECRET_MAX, 0, &typed[id], e);
    return rc ? err_wrap(e, "%s", field_name(id)) : OK;
}

static bool has_pem_way(const struct connector *k)
{
    for (const struct field_spec *f = k->fields; f->label; f++)
        if (f->id == FIELD_PRIVATE_KEY_PEM)
            return true;
    return false;
}

static int ask_field(const struct connector *k, const struct field_spec *f, struct secret *out,
                     struct err *e)
{
    static const char hint[] = "give the fields with --from-json FILE (- is standard input)";
    bool either = f->id == FIELD_API_SECRET && f->is_optional && has_pem_way(k);
    bool many = either || f->codec == CODEC_PEM;
    char prompt[192];

    if (either)
        snprintf(prompt, sizeof(prompt), "%s, or a private key in PEM", f->label);
    else
        snprintf(prompt, sizeof(prompt), "%s%s", f->label, many ? ", in PEM" : "");
    return ask_secret(prompt, (f->is_secret ? ASK_HIDDEN : 0u) | (many ? ASK_MULTILINE : 0u), hint,
                      out, e);
}

/* The rest of what was pasted would be read by the shell. */
static void drop_typed(void)
{
    struct pollfd p = {.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), .events = POLLIN};
    int n = 0;

    if (p.fd < 0)
        return;
    do
        tcflush(p.fd, TCIFLUSH);
    while (poll(&p, 1, 100) > 0 && ++n < 50);
    tcflush(p.fd, TCIFLUSH);
    close(p.fd);
}

static int refuse_shown(struct err *e)
{
    drop_typed();
    return err_hint(e, "what was typed there was shown: if a secret was in it, clear the screen");
}

/* Where typing shows, what is clearly something else is refused before more of it is shown. */
static int check_shown(const struct field_spec *f, struct bytes v, struct err *e)
{
    v = text_trim(v);
    if (text_starts(v, "{")) {
        err_set(e, ERR_USAGE, "%s: that looks like JSON", f->label);
        err_hint(e, "give a file with all fields as --from-json FILE");
        return refuse_shown(e);
    }
    if (text_starts(v, "-----BEGIN")) {
        err_set(e, ERR_USAGE, "%s: that looks like a key in PEM", f->label);
        err_hint(e,
                 "give a private key as --field-file private_key_pem=FILE, or when asked for it");
        return refuse_shown(e);
    }
    if (v.n <= f->max)
        return OK;
    err_set(e, ERR_USAGE,
            "%s: that is %zu characters long, which looks like something else; at "
            "most %u are expected",
            f->label, v.n, f->max);
    err_hint(e, "give it as --field-file %s=FILE, or a file with all fields as --from-json FILE",
             field_name(f->id));
    return refuse_shown(e);
}

/* One of the two ways to give a key is enough. */
static bool has_signing_key(const struct secret typed[FIELD_COUNT])
{
    return typed[FIELD_API_SECRET].p || typed[FIELD_PRIVATE_KEY_PEM].p;
}

static int ask_fields(const struct connector *k, struct secret typed[FIELD_COUNT], struct err *e)
{
    for (const struct field_spec *f = k->fields; f->label; f++) {
        if (typed[f->id].p || (f->is_optional && has_signing_key(typed)))
            continue;
        if (ask_field(k, f, &typed[f->id], e)) {
            if (e->code == ERR_LIMIT && !f->is_secret)
                return refuse_shown(e);
            return e->code;
        }
        if (!f->is_secret && check_shown(f, secret_bytes(&typed[f->id]), e))
            return e->code;
    }
    return OK;
}

int fields_read(const struct cli *c, const struct connector *k, struct secret typed[FIELD_COUNT],
                struct err *e)
{
    const struct args *a = c->args;
    bool is_json = a->given[OPT_FROM_JSON] || a->given[OPT_FROM_FD];

    for (size_t i = 0; i < a->n_repeated; i++)
        if (a->repeated_id[i] == OPT_FIELD_FILE && read_field_file(a->repeated[i], typed, e))
            return e->code;
    return is_json ? read_json(c, typed, e) : ask_fields(k, typed, e);
}
