/* SPDX-License-Identifier: Apache-2.0 */
/* Help, generated from the tables. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

static void put(struct out *o, const char *fmt, ...) PRINTF(2, 3);
static void put(struct out *o, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    if (o->is_json)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    out_raw(bytes_str(text));
}

static void put_option(struct out *o, const struct option_spec *spec)
{
    char text[64];
    int n = spec->letter ? snprintf(text, sizeof(text), "-%c, ", spec->letter) : 0;

    n += snprintf(text + n, sizeof(text) - (size_t)n, "--%s", spec->name);
    if (spec->arg && spec->is_optional)
        snprintf(text + n, sizeof(text) - (size_t)n, "[=%s]", spec->arg);
    else if (spec->arg)
        snprintf(text + n, sizeof(text) - (size_t)n, " %s", spec->arg);
    put(o, "  %-27s %s\n", text, spec->gist);
}

static void put_globals(struct out *o)
{
    put(o, "\nOptions of every command:\n");
    for (size_t i = 0; i < OPT_COUNT; i++)
        if (options[i].is_global)
            put_option(o, &options[i]);
}

void help_overview(struct out *o)
{
    put(o, "coffer keeps exchange API keys under a hardware token and signs requests with them.\n"
           "It signs; it does not hand secrets back.\n\n"
           "usage: coffer COMMAND [OPTIONS]\n\n");
    for (const struct command *c = commands; c->name; c++) {
        put(o, "  %-11s %s\n", c->name, c->gist);
        if (o->is_json)
            json_text(out_json(o), c->name, c->gist);
    }
    put_globals(o);
    put(o, "\nStart with: coffer init --softhsm (no hardware needed), or coffer tokens.\n");
}

void help_command(struct out *o, const struct command *c)
{
    put(o, "usage: coffer %s%s%s\n\n", c->name, c->synopsis[0] ? " " : "", c->synopsis);
    put(o, "coffer %s: %s\n", c->name, c->gist);
    if (c->details[0])
        put(o, "\n%s", c->details);
    if (*c->options != OPT_COUNT)
        put(o, "\nOptions:\n");
    for (const enum opt_id *id = c->options; *id != OPT_COUNT; id++)
        put_option(o, &options[*id]);
    put_globals(o);
    if (o->is_json) {
        json_text(out_json(o), "command", c->name);
        json_text(out_json(o), "synopsis", c->synopsis);
        json_text(out_json(o), "gist", c->gist);
    }
}

int run_help(struct cli *c, struct err *e)
{
    if (c->args->n_words == 0) {
        help_overview(&c->out);
        return OK;
    }
    const struct command *of = command_find(c->args->words[0]);
    if (!of)
        return command_unknown(c->args->words[0], e);
    bool has_parts = strcmp(of->name, "recipients") == 0; /* add, remove: in one text */
    if (c->args->n_words > 1 && !has_parts)
        return err_set(e, ERR_USAGE, "'coffer %s' has no parts: coffer help %s", of->name,
                       of->name);
    help_command(&c->out, of);
    return OK;
}
