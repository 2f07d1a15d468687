/* SPDX-License-Identifier: Apache-2.0 */
/* What every command gets: its arguments, where things are, the clock, and the output. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/attr.h"
#include "base/env.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "vault/where.h"

struct cli {
    const struct args *args;
    const struct env *env;
    struct where where;
    struct out out;
    int status; /* exit status of a command that returned OK: 1 when something it listed is wrong */
};

/* The whole program after main's start: parses, runs, prints. Returns the exit status. */
int cli_run(int argc, char *const *argv, const struct env *env) MUST_USE;

void help_overview(struct out *o);
void help_command(struct out *o, const struct command *c);

/* The value of an option that takes a descriptor; ERR_USAGE. */
int arg_fd(const struct args *a, enum opt_id id, int *fd, struct err *e) MUST_USE;

#endif
