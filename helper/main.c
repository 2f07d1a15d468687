/* SPDX-License-Identifier: Apache-2.0 */
/* coffer-token: started by coffer-agent for one token, with its end of a pair of sockets as
 * descriptor 3. It alone loads the vendor's driver, and it alone sees the PIN; it is killed when
 * the agent locks. */
#include "base/env.h"
#include "base/partner.h"
#include "base/secret.h"
#include "base/wipe.h"
#include "helper/options.h"
#include "helper/sandbox.h"
#include "helper/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int check_start(int argc, char **argv, struct err *e)
{
    int type = 0;
    socklen_t n = sizeof(type);

    if (argc < 2 || getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &n) ||
        type != SOCK_SEQPACKET) {
        err_set(e, ERR_USAGE, "this program is started by coffer-agent, not by hand");
        return err_hint(e, "'coffer help agent' says how the agent is started");
    }
    if (strcmp(argv[1], VERSION) != 0) {
        err_set(e, ERR_USAGE, "this is version '%s', but coffer-agent is '%s'", VERSION, argv[1]);
        return err_hint(e, "they are installed together: install both again");
    }
    return OK;
}

/* In a driver's call nobody looks at the control socket: without its spawner this process ends at
 * once all the same. */
static int end_with_spawner(struct err *e)
{
    struct pollfd p = {CONTROL_FD, 0, 0};

    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0L, 0L, 0L))
        return err_sys(e, errno, "ask for the spawner's end");
    if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR))
        return err_set(e, ERR_FAILED, "the agent is gone");
    return OK;
}

/* A driver writes on standard error what it likes, and could read the terminal that this mostly is.
 * *errors goes on being ours until the sandbox stands. */
static int shut_in(const struct options *o, int *errors, struct err *e)
{
    if (IS_SANITIZED) /* a sanitizer's findings are printed */
        return helper_confine(o, e);
    if (partner_leave_terminal(STDIN_FILENO, CONTROL_FD, errors, e) || helper_confine(o, e))
        return e->code;
    partner_hushed(errors);
    return OK;
}

static int run(int argc, char **argv, int *errors, struct err *e)
{
    static struct options options;

    if (process_harden(e) || wipe_install(e) || check_start(argc, argv, e) || end_with_spawner(e) ||
        partner_ignore_signals(e) || options_read(argc, argv, &options, e) || secret_arena_open(e) ||
        shut_in(&options, errors, e))
        return e->code;
    return serve(&options, e);
}

int main(int argc, char **argv)
{
    struct err e = {.code = OK};
    int errors = STDERR_FILENO;
    int rc = run(argc, argv, &errors, &e);

    secret_arena_close();
    if (rc) {
        dprintf(errors, "coffer-token: %s\n", e.msg);
        for (unsigned i = 0; i < e.n_hints; i++)
            dprintf(errors, "hint: %s\n", e.hints[i]);
    }
    int status = rc == OK ? 0 : err_exit(e.code) == 2 ? 2 : 1;
    if (token_driver_is_stuck()) /* its own end would wait for ever, too */
        _exit(status ? status : 1);
    return status;
}
