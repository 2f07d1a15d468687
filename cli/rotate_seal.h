/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way while a vault is sealed anew, for the part that does it (rotate_seal.c) and the
 * part that says so (rotate_seal_text.c). */
#ifndef CLI_ROTATE_SEAL_H
#define CLI_ROTATE_SEAL_H

#include "cli/new_token.h"
#include "cli/recipients.h"

struct sealing_anew {
    struct vault *v;
    struct recipients_shown shown;
    struct seat old_seat;
    struct seat_key from;
    struct opener from_opener;
    struct recipient old;
    struct local_token old_entry;
    struct new_token to; /* its key is on old_seat without --to */
    char old_fingerprint[FINGERPRINT_TEXT];
    bool was_unlocked; /* an agent that runs */
};

/* Tells what it costs and asks. */
int anew_confirm(struct cli *c, const struct sealing_anew *s, struct err *e) MUST_USE;
int anew_report(struct cli *c, const struct sealing_anew *s, struct err *e) MUST_USE;

#endif
