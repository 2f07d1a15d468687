/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to one command and its exit status. */
#include "cli/cli.h"

#include "base/text.h"

int arg_fd(const struct args *a, enum opt_id id, int *fd, struct err *e)
{
    uint64_t v;

    if (!text_u64(bytes_str(a->value[id]), 65535, &v))
        return err_set(e, ERR_USAGE, "option '--%s' needs the number of a descriptor",
                       options[id].name);
    *fd = (int)v;
    return OK;
}

static int run_command(struct cli *c, struct err *e)
{
    const struct args *a = c->args;

    if (a->given[OPT_HELP]) {
        if (a->command)
            help_command(&c->out, a->command);
        else
            help_overview(&c->out);
        return OK;
    }
    if (!a->command) {
        err_set(e, ERR_USAGE, "no command was given");
        if (!c->out.is_json)
            help_overview(&c->out);
        return err_hint(e, "'coffer help COMMAND' says more; a new vault: coffer init --softhsm");
    }
    if (args_check(a, e))
        return e->code;
    if (where_find(a->value[OPT_VAULT], &c->where, e))
        return e->code;
    return a->command->run(c, e);
}

int cli_run(int argc, char *const *argv, const struct env *env)
{
    struct args args;
    struct cli c = {.args = &args, .env = env};
    struct err e = {.code = OK};

    int rc = args_parse(argc, argv, &args, &e);
    out_open(&c.out, args.given[OPT_JSON], args.given[OPT_QUIET]);
    c.out.vault = rc ? NULL : args.value[OPT_VAULT];
    if (!rc && args.given[OPT_VERSION] && !args.given[OPT_HELP]) {
        json_text(c.out.is_json ? out_json(&c.out) : NULL, "version", VERSION);
        out_line(&c.out, "coffer %s", VERSION);
    } else if (!rc) {
        rc = run_command(&c, &e);
    }
    /* A warning that was printed and survived leaves an error struct behind; only rc decides. */
    if (!rc)
        e.code = OK;
    return out_end(&c.out, &e, c.status);
}
