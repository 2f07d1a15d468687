/* SPDX-License-Identifier: Apache-2.0 */
/* main: makes the process fit to hold secrets, then runs the command line. Nothing else is here. */
#include "base/caller.h"
#include "base/env.h"
#include "base/secret.h"
#include "base/wipe.h"
#include "cli/cli.h"
#include "pkcs11/token.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether this may be `coffer run`, whose program gets the environment that this one gives up. */
static bool may_run(int argc, char **argv)
{
    bool is_run = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            return is_run;
        is_run = is_run || strcmp(argv[i], "run") == 0;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct err e = {.code = OK};

    if ((may_run(argc, argv) && caller_keep(&e)) || process_harden(&e) || wipe_install(&e) ||
        secret_arena_open(&e)) {
        out_error(&e);
        return err_exit(e.code);
    }
    int status = cli_run(argc, argv, &env_real);
    secret_arena_close();
    if (token_driver_is_stuck()) { /* its own end would wait for ever, too */
        fflush(NULL);
        _exit(status);
    }
    return status;
}
