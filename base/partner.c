/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a program that is another one's partner: its signals, and out of the terminal. */
#include "base/partner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int partner_ignore_signals(struct err *e)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP};
    struct sigaction a = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (sigaction(ignored[i], &a, NULL))
            return err_set(e, ERR_FAILED, "cannot ignore signals");
    return OK;
}

int partner_leave_terminal(int first, int above, int *errors, struct err *e)
{
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, above + 1);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (kept < 0 || null < 0)
        return err_sys(e, errno, "leave the terminal");
    for (int fd = first; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return err_sys(e, errno, "leave the terminal");
    close(null);
    *errors = kept;
    return OK;
}

void partner_hushed(int *errors)
{
    close(*errors);
    *errors = STDERR_FILENO;
}
