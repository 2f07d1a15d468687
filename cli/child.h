/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that commands start: coffer-agent, and a bot. Which ones, and what becomes of them,
 * is agent_start.c's and run_bot.c's. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include "base/attr.h"
#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define CHILD_FDS 2u

struct child {
    const char *program; /* without a slash: looked for in $PATH */
    char *const *argv, *const *envp;
    const sigset_t *mask; /* NULL: no signal is blocked */
    mode_t umask;
    int fds[CHILD_FDS]; /* become 3 and 4; -1: not given. All others are closed */
    /* A session of its own, nothing to read, nowhere to print, but for errors where a terminal is
     */
    bool is_background;
};
/* ERR_NOT_FOUND: there is no such program; ERR_FAILED. */
int child_start(const struct child *k, pid_t *pid, struct err *e) MUST_USE;
/* This process becomes the program, as it is; returns only when that failed. */
int child_become(const char *program, char *const *argv, struct err *e);
/* Ends with its end. The exit status as a shell gives it: 128 and the number of a signal. */
bool child_ended(pid_t pid, int *status);

#endif
