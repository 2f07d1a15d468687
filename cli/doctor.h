/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `coffer doctor`, and the checks that need neither a token nor the vault's key. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/cli.h"
#include "vault/local.h"
#include "vault/vault.h"

enum doctor_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    struct cli *c;
    cJSON *rows;
    unsigned n_warn, n_fail;
    bool is_config_bad, is_pin_file_bad; /* told already */
    bool is_token_there;                 /* one of the vault's; that none is, is told already */
};

/* One row; fix: one line that says how to mend it, or NULL. */
void doctor_row(struct doctor *d, enum doctor_level f, const char *what, const char *fix,
                const char *fmt, ...) PRINTF(5, 6);
/* A row from an error: its message, and its first hint as the fix. */
void doctor_error(struct doctor *d, enum doctor_level f, const char *what, const struct err *e);

void doctor_memory(struct doctor *d);
void doctor_swap(struct doctor *d);
void doctor_state(struct doctor *d);
void doctor_network(struct doctor *d);
/* Who opens the vault: the tokens of this machine that are there, and every recipient. */
void doctor_tokens(struct doctor *d, const struct vault *v, const struct local_tokens *l);
/* Record files that nothing refers to: to take back, or older versions that may go. */
void doctor_orphans(struct doctor *d, struct vault *v);

#endif
