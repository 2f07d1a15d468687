/* SPDX-License-Identifier: Apache-2.0 */
/* A new exchange credential on its way in: typed or read, tried at the exchange, judged. Shared by
 * add and rotate. Nothing is stored here. A secret that the exchange shows once is not thrown away
 * because of a slip: at a terminal every refusal can be mended at the exchange and tried again. */
#ifndef CLI_CANDIDATE_H
#define CLI_CANDIDATE_H

#include "agent/courier.h"
#include "base/attr.h"
#include "base/err.h"
#include "cli/checkup.h"
#include "cli/cli.h"
#include "connectors/connector.h"
#include "vault/vault.h"

#include <sys/stat.h>

struct candidate {
    const struct connector *k;
    struct record_info info;
    struct secret typed[FIELD_COUNT], fields[FIELD_COUNT];
    struct record *draft;   /* after candidate_read */
    struct checkup checkup; /* after candidate_try */
    struct stat source;     /* the file of --from-json as it was read, with --remove-source */
};
void candidate_init(struct candidate *d);
void candidate_close(struct candidate *d); /* wipes all of it */

/* The options that bring a key in, before anything is read: those of cli/fields.h, and whether the
 * file of --remove-source can be wiped at all. ERR_USAGE. */
int candidate_check(const struct cli *c, struct err *e) MUST_USE;

/* Where to create the key and what to tick, in a few lines, before it is asked for. Not with
 * --quiet, --json, or when the fields come from a file. */
void candidate_show_guide(struct cli *c, const struct candidate *d);
/* Asks for the fields (or reads them), brings them into stored form, and makes the draft. d->k and
 * d->info (with vault_id, under which nonces are marked) are set by the caller; key and key_mask
 * are set here. Again, after a failure too: what was there is dropped. */
int candidate_read(struct cli *c, struct candidate *d, struct err *e) MUST_USE;
/* One PURPOSE_VERIFY errand, account included, with the draft. OK also when the key is refused or
 * the exchange not reached: d->checkup says so. */
int candidate_try(struct cli *c, struct courier *courier, struct candidate *d,
                  struct err *e) MUST_USE;
/* Whether a person can be asked about this one: a terminal is there, and the key was typed there.
 * What came from a file or a descriptor is still where it came from. */
bool candidate_is_typed(const struct cli *c);
/* After sealing: wipes and removes the file of --from-json (--remove-source): overwritten, synced,
 * unlinked, only when it is still the regular file that was read. Warns on failure, and says what
 * overwriting cannot reach (copies, SSDs, snapshots). Nothing without the option. */
void candidate_remove_source(struct cli *c, const struct candidate *d);

#endif
