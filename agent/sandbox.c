/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what the core may do; how they are applied is base/sandbox*.c. The programs that
 * the spawner starts are under their own. */
#include "agent/core.h"
#include "base/env.h"
#include "base/file.h"
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* Files: which ones is landlock's business. Locked memory: there may come to be more of it. */
static const char *const allowed[] = {
    "open openat unlink unlinkat rename renameat renameat2 mkdir mkdirat fsync fdatasync ftruncate",
    "ftruncate64 pwrite64 flock umask fchmod",
    "accept accept4",
    "memfd_secret mlock mlock2 munlock",
    NULL,
};

/* Nothing outward: what it has was given to it. */
static const char *const denied[] = {
    "socket socketpair connect bind listen setsockopt memfd_create setuid setgid chmod chown",
    NULL};

static int state_path(const struct agent *a, char out[WHERE_MAX], struct err *e)
{
    char hex[VAULT_ID_HEX];

    where_id_hex(a->vault_id, hex);
    int n = snprintf(out, WHERE_MAX, "%s/%s", a->where.state, hex);
    if (n < 0 || n >= (int)WHERE_MAX)
        return err_set(e, ERR_USAGE, "the path '%.60s...' is too long", a->where.state);
    return OK;
}

/* A rule is for a directory that is there. Where it cannot be made, nothing can be written there
 * either: what needs it says so. */
static void make_state(const char *path)
{
    AUTO(fd_closep) int fd = -1;
    struct err e;

    if (dir_open(path, FILE_PRIVATE | DIR_CREATE, &fd, &e))
        return;
}

int core_confine(const struct agent *a, struct err *e)
{
    char state[WHERE_MAX];

    if (state_path(a, state, e))
        return e->code;
    make_state(state);
    const struct sandbox_path paths[] = {
        {a->where.vault, SANDBOX_READ},
        {a->where.config, SANDBOX_READ},
        {state, SANDBOX_READ | SANDBOX_WRITE},
        {"/dev/null", SANDBOX_READ | SANDBOX_WRITE},
        /* where a sanitizer looks for leaks */
        {IS_SANITIZED ? "/proc" : NULL, SANDBOX_READ},
    };
    const struct sandbox_files files = {paths, ARRAY_LEN(paths), NULL, 0};
    const struct sandbox_calls calls = {allowed, denied, NULL, NULL};
    return sandbox_landlock(&files, NULL, e) ? e->code : sandbox_seccomp(&calls, e);
}
