/* SPDX-License-Identifier: Apache-2.0 */
/* Which directories: the vault, what is local to this machine, and the embedded token. */
#ifndef VAULT_WHERE_H
#define VAULT_WHERE_H

#include "base/attr.h"
#include "base/err.h"

#include <stdint.h>

#define WHERE_MAX 512u
#define VAULT_ID_LEN 16u
#define VAULT_ID_HEX 33u

struct where {
    char vault[WHERE_MAX];     /* --vault, else $COFFER_HOME, else $XDG_DATA_HOME/coffer */
    char config[WHERE_MAX];    /* $XDG_CONFIG_HOME/coffer: tokens.json */
    char state[WHERE_MAX];     /* $XDG_STATE_HOME/coffer: one directory per vault id */
    char run[WHERE_MAX];       /* $XDG_RUNTIME_DIR/coffer, else STATE/run: the agent's sockets */
    char softhsm[WHERE_MAX];   /* $XDG_DATA_HOME/coffer-softhsm: one directory per vault id */
};

/* vault_option: the --vault argument or NULL. ERR_USAGE: no HOME and no XDG variable, a path that
 * is relative in an XDG variable, or one too long. */
int where_find(const char *vault_option, struct where *out, struct err *e) MUST_USE;
/* Directory names use the id in hex. */
void where_id_hex(const uint8_t id[VAULT_ID_LEN], char out[VAULT_ID_HEX]);
/* WHERE.softhsm/ID */
int where_softhsm(const struct where *w, const uint8_t id[VAULT_ID_LEN], char out[WHERE_MAX],
                  struct err *e) MUST_USE;

#endif
