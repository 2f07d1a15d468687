/* SPDX-License-Identifier: Apache-2.0 */
/* The one option parser. It knows no command; the tables are table.c's. */
#include "cli/command.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NEAR 3u

struct parser {
    int argc, at;
    char *const *argv;
    struct args *out;
    bool is_ended; /* "--" was seen */
    size_t n_surplus;
    const char *command; /* the word that names the command, as typed */
};

static int secret_hint(struct err *e)
{
    return err_hint(e, "secrets are never taken from the command line: coffer asks for them, or "
                       "reads them with --from-json, --from-fd or --field-file");
}

static int pin_hint(struct err *e)
{
    return err_hint(e, "a PIN is never taken from the command line: coffer asks for it, or reads "
                       "it with --pin-file or --pin-fd");
}

/* What people try in order to hand over a PIN or a part of a key. */
static bool is_for_secret(const char *typed)
{
    static const char *const words[] = {"pin",        "pass", "passwd",  "password",  "secret",
                                        "passphrase", "key",  "api-key", "api-secret"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(typed, words[i]) == 0)
            return true;
    return false;
}

/* Few changes against the length: else any short word resembles any other. */
static bool is_like(unsigned distance, const char *typed, const char *name)
{
    size_t a = strlen(typed), b = strlen(name);

    return distance * 2 <= (a > b ? a : b);
}

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int command_unknown(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned least = NEAR;

    for (const struct command *c = commands; c->name; c++) {
        unsigned d = text_distance(name, c->name, NEAR);
        if (d < least && is_like(d, name, c->name)) {
            least = d;
            best = c->name;
        }
    }
    err_set(e, ERR_USAGE, "unknown command '%.40s'", name);
    if (best)
        err_hint(e, "did you mean 'coffer %s'?", best);
    return err_hint(e, "'coffer help' lists the commands");
}

/* A word that looks like an option's name may be repeated; anything else might be a secret. */
static bool is_harmless(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && name.p[i] != '-' && name.p[i] != '_')
            return false;
    return name.n < 24;
}

/* The name of a key as people choose them; what a secret looks like is longer. */
static bool is_short_word(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
            !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' && s[i] != '_')
            return false;
    return n > 0 && n <= 20;
}

static int unknown_option(struct bytes name, struct err *e)
{
    char typed[24];
    const char *best = NULL;
    unsigned least = NEAR;

    if (!is_harmless(name) || !text_copy(typed, sizeof(typed), name)) {
        err_set(e, ERR_USAGE, "unknown option");
        return secret_hint(e);
    }
    if (is_for_secret(typed)) {
        err_set(e, ERR_USAGE, "unknown option '--%s'", typed);
        pin_hint(e);
        return secret_hint(e);
    }
    for (size_t i = 0; i < OPT_COUNT; i++) {
        unsigned d = text_distance(typed, options[i].name, NEAR);
        if (d < least && is_like(d, typed, options[i].name)) {
            least = d;
            best = options[i].name;
        }
    }
    err_set(e, ERR_USAGE, "unknown option '--%s'", typed);
    if (best)
        return err_hint(e, "did you mean '--%s'?", best);
    return secret_hint(e);
}

static int take(struct parser *p, size_t id, const char *value, struct err *e)
{
    struct args *a = p->out;
    const struct option_spec *o = &options[id];

    if (o->is_repeated) {
        if (a->n_repeated == REPEATED_MAX)
            return err_set(e, ERR_USAGE, "option '--%s' is given more than %u times", o->name,
                           REPEATED_MAX);
        a->repeated[a->n_repeated] = value;
        a->repeated_id[a->n_repeated++] = (enum opt_id)id;
    } else if (a->given[id] && o->arg) {
        return err_set(e, ERR_USAGE, "option '--%s' is given twice", o->name);
    } else {
        a->value[id] = value;
    }
    a->given[id] = true;
    return OK;
}

/* attached: the text after = or after the short letter; NULL when there is none. */
static int option(struct parser *p, size_t id, const char *attached, struct err *e)
{
    const struct option_spec *o = &options[id];

    if (!o->arg && attached)
        return err_set(e, ERR_USAGE, "option '--%s' takes no value", o->name);
    if (!o->arg || attached || o->is_optional)
        return take(p, id, attached, e);
    if (p->at + 1 >= p->argc)
        return err_set(e, ERR_USAGE, "option '--%s' needs a value: %s", o->name, o->arg);
    return take(p, id, p->argv[++p->at], e);
}

static int long_option(struct parser *p, const char *text, struct err *e)
{
    struct bytes name, value;
    bool has_value = text_cut(bytes_str(text), '=', &name, &value);

    for (size_t i = 0; i < OPT_COUNT; i++)
        if (bytes_eq_str(name, options[i].name))
            return option(p, i, has_value ? text + name.n + 1 : NULL, e);
    return unknown_option(name, e);
}

static int short_option(struct parser *p, const char *text, struct err *e)
{
    for (size_t i = 0; i < OPT_COUNT; i++)
        if (options[i].letter && text[0] == options[i].letter)
            return option(p, i, text[1] ? text + 1 : NULL, e);
    err_set(e, ERR_USAGE, "unknown option '-%c'", text[0]);
    return err_hint(e, "'coffer help' lists the options");
}

static void word(struct parser *p, const char *text)
{
    struct args *a = p->out;

    if (!p->command)
        p->command = text;
    else if (a->n_words < WORDS_MAX)
        a->words[a->n_words++] = text;
    else
        p->n_surplus++;
}

/* A program's own arguments are not read here. */
static void end_options(struct parser *p)
{
    const struct command *c = p->command ? command_find(p->command) : NULL;

    p->is_ended = true;
    if (!c || !c->has_rest)
        return;
    p->out->rest = p->argv + p->at + 1;
    p->out->n_rest = (size_t)(p->argc - p->at - 1);
    p->at = p->argc;
}

static int one(struct parser *p, struct err *e)
{
    const char *text = p->argv[p->at];

    if (p->is_ended || text[0] != '-' || text[1] == 0) {
        word(p, text);
        return OK;
    }
    if (strcmp(text, "--") == 0) {
        end_options(p);
        return OK;
    }
    return text[1] == '-' ? long_option(p, text + 2, e) : short_option(p, text + 1, e);
}

/* --json counts even when something before it is wrong, so that scripts get their error object. */
static bool wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int args_parse(int argc, char *const *argv, struct args *out, struct err *e)
{
    struct parser p = {.argc = argc, .argv = argv, .out = out};
    int rc = OK;

    memset(out, 0, sizeof(*out));
    for (p.at = 1; p.at < argc && !rc; p.at++)
        rc = one(&p, e);
    if (!rc && p.command) {
        out->command = command_find(p.command);
        if (!out->command && !out->given[OPT_VERSION])
            rc = command_unknown(p.command, e);
    }
    out->given[OPT_JSON] = wants_json(argc, argv);
    out->n_words += p.n_surplus;
    return rc;
}

static bool takes(const struct command *c, size_t id)
{
    if (options[id].is_global)
        return true;
    for (const enum opt_id *o = c->options; *o != OPT_COUNT; o++)
        if (*o == (enum opt_id)id)
            return true;
    return false;
}

static int usage_hint(const struct command *c, struct err *e)
{
    return err_hint(e, "usage: coffer %s%s%s", c->name, c->synopsis[0] ? " " : "", c->synopsis);
}

/* The exchanges themselves; of a word that may be a secret nothing is repeated. */
static int which_exchange(const struct args *a, struct err *e)
{
    const char *name = a->n_words > 0 && is_short_word(a->words[0]) ? a->words[0] : "NAME";
    const struct connector *const *k = connectors;
    char others[200];
    size_t n = 0;

    others[0] = 0;
    for (const struct connector *const *o = k + 1; *o && n < sizeof(others); o++)
        n += (size_t)snprintf(others + n, sizeof(others) - n, "%s%s", n ? ", " : "", (*o)->name);
    return err_hint(e, "which exchange? coffer %s %s %s (or %s)", a->command->name, name,
                    (*k)->name, others);
}

/* Words are missing: the words alone, without the options. */
static int too_few(const struct args *a, struct err *e)
{
    const struct command *c = a->command;
    const char *missing = c->words[a->n_words];
    char words[96];
    size_t n = 0;

    err_set(e, ERR_USAGE, "'coffer %s' needs %s", c->name, missing);
    if (strcmp(missing, "EXCHANGE") == 0)
        return which_exchange(a, e);
    words[0] = 0;
    for (size_t i = 0; i < WORDS_MAX && c->words[i] && n < sizeof(words); i++)
        n += (size_t)snprintf(words + n, sizeof(words) - n, " %s", c->words[i]);
    return err_hint(e, "usage: coffer %s%s; 'coffer help %s' says more", c->name, words, c->name);
}

static int too_many(const struct command *c, size_t n, size_t max, struct err *e)
{
    if (max == 0)
        err_set(e, ERR_USAGE, "'coffer %s' takes no arguments", c->name);
    else
        err_set(e, ERR_USAGE, "'coffer %s' takes at most %zu argument%s, and %zu were given",
                c->name, max, max == 1 ? "" : "s", n);
    usage_hint(c, e);
    return takes(c, OPT_FROM_JSON) ? secret_hint(e) : e->code;
}

int args_check(const struct args *a, struct err *e)
{
    const struct command *c = a->command;
    size_t max = 0;

    for (size_t i = 0; i < OPT_COUNT; i++)
        if (a->given[i] && !takes(c, i)) {
            err_set(e, ERR_USAGE, "'coffer %s' has no option '--%s'", c->name, options[i].name);
            return usage_hint(c, e);
        }
    while (max < WORDS_MAX && c->words[max])
        max++;
    if (a->n_words > max)
        return too_many(c, a->n_words, max, e);
    return a->n_words < c->min_words ? too_few(a, e) : OK;
}
