/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the programs that belong to this one, by where it is itself. Nothing is started here. */
#include "agent/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int program_find(const char *name, char out[PATH_MAX], struct err *e)
{
    static const char *const places[] = {"", "../lib/coffer/", "../../bin/"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return err_sys(e, n < 0 ? errno : ENOENT, "find the directory of this program");
    self[n] = 0;
    const char *slash = strrchr(self, '/');
    size_t dir = slash ? (size_t)(slash - self) : 0;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int len = snprintf(out, PATH_MAX, "%.*s/%s%s", (int)dir, self, places[i], name);
        if (len > 0 && len < PATH_MAX && access(out, X_OK) == 0)
            return OK;
    }
    err_set(e, ERR_FAILED, "%s is missing: it stands neither beside '%s' nor in ../lib/coffer",
            name, self);
    return err_hint(e, "coffer and %s are installed together: install coffer again", name);
}

int program_attributes(posix_spawnattr_t *attr, bool own_session)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setsigmask(attr, &none);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (own_session)
        flags |= POSIX_SPAWN_SETSID;
    return rc ? rc : posix_spawnattr_setflags(attr, flags);
}
