/* SPDX-License-Identifier: Apache-2.0 */
/* Where PINs come from and how often they are tried. A PIN that nobody typed gets one try; no PIN
 * is tried when the token says that it is the last. */
#ifndef CLI_PIN_SOURCE_H
#define CLI_PIN_SOURCE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "pkcs11/token.h"

#define NEW_PIN_MIN 4u
#define NEW_PIN_MAX 255u
#define PIN_SHORT 12u /* under this a software token's PIN is worth a warning */

/* True when a PIN can be had without a person: an option, a credential, or pin_file; the last two
 * not with --pinentry PROGRAM or --use-last-try, which ask for a person. */
bool pin_is_given(const struct cli *c, const char *pin_file);
/* True when a person can be asked for a PIN: at a terminal, or by a pinentry. */
bool pin_can_be_asked(const struct cli *c);
/* A new PIN from the two options, or typed twice, of a length that this token takes; info NULL: a
 * software token that is yet to be made. */
int pin_read_new(const struct cli *c, enum opt_id fd, enum opt_id file,
                 const struct token_info *info, struct secret *out, struct err *e) MUST_USE;
/* Before a software token's new PIN is typed: what makes a good one. */
void pin_advise(const struct cli *c, enum opt_id fd, enum opt_id file);
/* Warns when a PIN that has been set is short for a software token. how: the command that sets a
 * longer one. */
void pin_say_short(const struct cli *c, const struct secret *pin, const char *how);
/* Warns when this PIN of a PIV token is the one that they all come with. */
void pin_say_default(const struct token_info *info, const struct secret *pin);
/* Logs in with a PIN from --pin-fd, --pin-file, $CREDENTIALS_DIRECTORY/coffer-pin, pin_file ("" for
 * none), a pinentry or the terminal, in this order; of files the first line, less its line end. A
 * typed wrong PIN may be typed again, three times in all. A pin_file that cannot be read is told,
 * and a person is asked. The last try, as the token tells or as this machine has counted for a
 * token that never tells, is used only with --use-last-try, for one typed PIN, after a person's
 * 'yes'. From here on the token's long calls are told (waiting.h). ERR_PERSON where a PIN's file
 * cannot be read or may not be trusted. used: NULL, or gets the PIN that worked (empty with a
 * keypad of the token's own). */
int pin_login(const struct cli *c, struct token *t, const char *pin_file, struct secret *used,
              struct err *e) MUST_USE;
/* Where a PIN is tried: a token of this process, or one that the agent has. info: as the last try
 * left it. */
struct pin_door {
    const struct token_info *info;
    /* As token_login: pin NULL on the device. */
    int (*login)(void *ctx, const struct secret *pin, bool use_last_try, struct err *e);
    enum pin_try (*tried)(void *ctx); /* of the last login */
    void *ctx;
};
/* As pin_login, whoever tries. */
int pin_login_by(const struct cli *c, const struct pin_door *d, const char *pin_file,
                 struct secret *used, struct err *e) MUST_USE;
/* The absolute path of --pin-file, for tokens.json, when --keep-pin-file is given; "" otherwise. */
int pin_file_to_keep(const struct cli *c, char out[TOKEN_PATH_MAX], struct err *e) MUST_USE;
/* Whether an unattended login with this token would be refused now. */
bool pin_is_blocked(const struct cli *c, const struct token_info *info);

/* At the end of a command that logged in: where the PIN that had worked was given again, because
 * the token was lost meanwhile, and not taken, that counts as an unattended failure. */
void pin_note_failure(const struct cli *c, const struct token *t);

#endif
