/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the environment, since process_harden wipes the values of what it drops in place. */
#include "base/caller.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *none[] = {NULL};
static struct {
    char **environment;
    mode_t umask;
} kept = {.environment = none, .umask = 077};

/* In one piece: the pointers, then what they point to. */
static char **copy_environment(void)
{
    size_t n = 0, size = 0;

    for (char **v = environ; v && *v; v++, n++)
        size += strlen(*v) + 1;
    char **out = malloc((n + 1) * sizeof(*out) + size);
    if (!out)
        return NULL;
    char *at = (char *)(out + n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(environ[i]) + 1;
        memcpy(at, environ[i], len);
        out[i] = at;
        at += len;
    }
    out[n] = NULL;
    return out;
}

int caller_keep(struct err *e)
{
    char **copy = copy_environment();

    if (!copy)
        return err_set(e, ERR_MEMORY, "no memory for the environment");
    kept.environment = copy;
    kept.umask = umask(077);
    umask(kept.umask);
    return OK;
}

char *const *caller_environment(void)
{
    return kept.environment;
}

mode_t caller_umask(void)
{
    return kept.umask;
}
