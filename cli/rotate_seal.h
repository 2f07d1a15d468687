/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way while a vault is sealed anew, for the part that does it (rotate_seal.c) and the
 * part that says so (rotate_seal_text.c). */
#ifndef CLI_ROTATE_SEAL_H
#define CLI_ROTATE_SEAL_H

#include "cli/seats.h"
#include "vault/local.h"

struct sealing_anew {
    struct vault *v;
    struct seat old_seat, new_seat;
    struct seat_key from, to; /* to.seat is the old one for a key on the same token */
    struct opener from_opener, to_opener;
    struct recipient old, recipient;
    struct local_token old_entry, entry;
    char old_fingerprint[FINGERPRINT_TEXT];
    bool has_made_key, has_new_entry;
};

/* Tells what it costs and asks. */
int anew_confirm(struct cli *c, const struct sealing_anew *s, struct err *e) MUST_USE;
int anew_report(struct cli *c, const struct sealing_anew *s, struct err *e) MUST_USE;
/* "0102ab"; cut to cap. */
void hex_text(const uint8_t *id, size_t n, char *out, size_t cap);

#endif
