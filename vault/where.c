/* SPDX-License-Identifier: Apache-2.0 */
/* Directories by the XDG rules. The environment is read here and nowhere else in vault/. */
#include "vault/where.h"

#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>

static int join(char out[WHERE_MAX], const char *a, const char *b, const char *c, struct err *e)
{
    int n = snprintf(out, WHERE_MAX, "%s%s%s", a, b, c);
    if (n < 0 || (size_t)n >= WHERE_MAX)
        return err_set(e, ERR_USAGE, "the path '%.60s...' is longer than %u", a, WHERE_MAX - 1);
    return OK;
}

/* $xdg/sub, else $HOME/fallback/sub. */
static int xdg(const char *var, const char *fallback, const char *sub, char out[WHERE_MAX],
               struct err *e)
{
    const char *dir = getenv(var), *home = getenv("HOME");
    if (dir && dir[0]) {
        if (dir[0] != '/')
            return err_set(e, ERR_USAGE, "$%s is not an absolute path", var);
        return join(out, dir, sub, "", e);
    }
    if (!home || home[0] != '/') {
        err_set(e, ERR_USAGE, "neither $%s nor $HOME names a directory", var);
        return err_hint(e, "set HOME, or give --vault and the XDG directories");
    }
    return join(out, home, fallback, sub, e);
}

/* Without a runtime directory (su, cron, a container) there is still a private place. */
static int find_run(struct where *w, struct err *e)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    if (run && run[0] && run[0] != '/')
        return err_set(e, ERR_USAGE, "$XDG_RUNTIME_DIR is not an absolute path");
    return run && run[0] ? join(w->run, run, "/coffer", "", e)
                         : join(w->run, w->state, "/run", "", e);
}

int where_find(const char *vault_option, struct where *out, struct err *e)
{
    struct where w;
    const char *env = getenv("COFFER_HOME");
    const char *chosen = vault_option ? vault_option : env && env[0] ? env : NULL;
    if (vault_option && !vault_option[0])
        return err_set(e, ERR_USAGE, "--vault is empty");
    int rc = chosen ? join(w.vault, chosen, "", "", e)
                    : xdg("XDG_DATA_HOME", "/.local/share", "/coffer", w.vault, e);
    if (!rc)
        rc = xdg("XDG_CONFIG_HOME", "/.config", "/coffer", w.config, e);
    if (!rc)
        rc = xdg("XDG_STATE_HOME", "/.local/state", "/coffer", w.state, e);
    if (!rc)
        rc = xdg("XDG_DATA_HOME", "/.local/share", "/coffer-softhsm", w.softhsm, e);
    if (!rc)
        rc = find_run(&w, e);
    if (!rc)
        *out = w;
    return rc;
}

void where_id_hex(const uint8_t id[VAULT_ID_LEN], char out[VAULT_ID_HEX])
{
    for (unsigned i = 0; i < VAULT_ID_LEN; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}

int where_softhsm(const struct where *w, const uint8_t id[VAULT_ID_LEN], char out[WHERE_MAX],
                  struct err *e)
{
    char hex[VAULT_ID_HEX];
    where_id_hex(id, hex);
    return join(out, w->softhsm, "/", hex, e);
}
