/* SPDX-License-Identifier: Apache-2.0 */
/* main: makes the process fit to hold secrets, then runs the command line. Nothing else is here. */
#include "base/env.h"
#include "base/secret.h"
#include "base/wipe.h"
#include "cli/cli.h"
#include "pkcs11/token.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct err e = {.code = OK};

    if (process_harden(&e) || wipe_install(&e) || secret_arena_open(&e)) {
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
