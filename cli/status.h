/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `coffer status`, one a key. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli/attention.h"
#include "cli/cli.h"

struct status_rows {
    struct out *out;
    struct table table;
    struct table risks; /* what was accepted and why, a row each */
    cJSON *keys; /* NULL: not --json */
    bool has_software;
};
void status_head(struct status_rows *s);
void status_row(struct status_rows *s, const struct key_facts *f);
/* A record that cannot be read. */
void status_bad_row(struct status_rows *s, const char *name, const struct err *e);

#endif
