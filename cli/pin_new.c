/* SPDX-License-Identifier: Apache-2.0 */
/* A new PIN: from its options, or typed twice at the terminal. Never through a pinentry, which
 * would have to be opened twice and could not say between the two what is wrong. */
#include "base/ask.h"
#include "cli/pin_read.h"

#include <stdio.h>

#define TYPED_TRIES 3

static int check_new(const struct secret *pin, const struct token_info *info, struct err *e)
{
    bool is_told = info && info->pin_max >= info->pin_min && info->pin_max > 0;
    unsigned min = is_told && info->pin_min > 0 ? info->pin_min : NEW_PIN_MIN;
    unsigned max = is_told && info->pin_max < NEW_PIN_MAX ? info->pin_max : NEW_PIN_MAX;

    if (pin->n < min || pin->n > max)
        return err_set(e, ERR_USAGE, "a PIN%s has %u to %u characters",
                       is_told ? " of this token" : "", min, max);
    for (size_t i = 0; i < pin->n; i++)
        if (pin->p[i] == 0)
            return err_set(e, ERR_USAGE, "a PIN has no NUL in it");
    return OK;
}

static int type_twice(enum opt_id fd, enum opt_id file, const struct token_info *info,
                      struct secret *out, struct err *e)
{
    char hint[96];

    snprintf(hint, sizeof(hint), "give the new PIN with --%s or --%s", options[fd].name,
             options[file].name);
    for (int i = 0; i < TYPED_TRIES; i++) {
        AUTO_SECRET one = {0};
        AUTO_SECRET two = {0};
        if (ask_secret("New PIN", ASK_HIDDEN, hint, &one, e))
            return e->code;
        if (check_new(&one, info, e)) {
            out_error(e);
            continue;
        }
        if (ask_secret("New PIN again", ASK_HIDDEN, hint, &two, e))
            return e->code;
        if (secret_eq(&one, &two))
            return secret_copy(out, secret_bytes(&one), e);
        out_warn("the two PINs differ; type them again");
    }
    return err_set(e, ERR_PERSON, "no new PIN was given");
}

int pin_read_new(const struct cli *c, enum opt_id fd, enum opt_id file,
                 const struct token_info *info, struct secret *out, struct err *e)
{
    bool is_given = c->args->given[fd] || c->args->given[file];
    int rc = is_given ? pin_read_option(c, fd, file, out, e) : type_twice(fd, file, info, out, e);

    /* What is no PIN for any token is the caller's mistake here; nothing was tried. */
    if (rc == ERR_PIN)
        return e->code = ERR_USAGE;
    return rc ? rc : check_new(out, info, e);
}
