/* SPDX-License-Identifier: Apache-2.0 */
/* Among the files that handle PINs: reading one, and counting the tries that went wrong. The other
 * commands use pin_source.h. */
#ifndef CLI_PIN_READ_H
#define CLI_PIN_READ_H

#include "cli/pin_source.h"

/* Which PIN is wanted, and what came of asking for it. */
struct pin_want {
    const struct cli *cli;
    const struct token_info *info;
    const char *pin_file; /* that this machine remembers; "" for none */
    const char *wrong;    /* why the PIN before this was not taken; "" at first */
    bool ask_person;      /* what this machine remembers is passed over */
    bool is_last_try;
    bool is_pinentry_out; /* the pinentry could not ask, and is not tried again */
    bool is_typed;        /* out: by a person, now */
    bool is_refused;      /* out: what is remembered could not be read */
};

/* Order: --pin-fd, --pin-file, $CREDENTIALS_DIRECTORY/coffer-pin, pin_file, pinentry, terminal. */
int pin_read(struct pin_want *w, struct secret *out, struct err *e) MUST_USE;
/* From one of the two options, of which one is given. */
int pin_read_option(const struct cli *c, enum opt_id fd, enum opt_id file, struct secret *out,
                    struct err *e) MUST_USE;

/* -- tries -- */

/* A login whose PIN nobody typed: one failure, and none is tried again until a person succeeds.
 * *is_refused: it was not tried for that. */
int pin_try_unattended(const struct cli *c, const struct pin_door *d, const struct secret *pin,
                       bool *is_refused, struct err *e) MUST_USE;
/* A login whose PIN a person typed; pin NULL: on the device. */
int pin_try_typed(const struct cli *c, const struct pin_door *d, const struct secret *pin,
                  bool is_last_try, struct err *e) MUST_USE;
/* The next wrong PIN would lock the token, as it tells, or may lock one that never tells. */
bool pin_is_last_try(const struct cli *c, const struct token_info *i);
/* The refusal for one that never tells. */
int pin_refuse_untold(const struct token_info *i, struct err *e);

#endif
