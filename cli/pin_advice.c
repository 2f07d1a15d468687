/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a software token's new PIN, before it is typed and after, and of a PIN that
 * everybody knows; and the path of a PIN's
 * file that is to be remembered. No PIN is read here. */
#include "base/ask.h"
#include "cli/pin_source.h"
#include "pkcs11/advice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digits(const struct secret *pin)
{
    for (size_t i = 0; i < pin->n; i++)
        if (pin->p[i] < '0' || pin->p[i] > '9')
            return false;
    return true;
}

#define GUESSES 1400u /* a second and core, against a copied SoftHSM token */

/* In the largest unit of which there are two. */
static void time_text(uint64_t s, char *out, size_t cap)
{
    static const struct {
        uint64_t s;
        const char *name;
    } units[] = {{31557600, "years"}, {86400, "days"}, {3600, "hours"}, {60, "minutes"}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (s >= 2 * units[i].s) {
            snprintf(out, cap, "%" PRIu64 " %s", s / units[i].s, units[i].name);
            return;
        }
    snprintf(out, cap, "%" PRIu64 " seconds", s);
}

void pin_advise(const struct cli *c, enum opt_id fd, enum opt_id file)
{
    if (!c->args->given[fd] && !c->args->given[file] && ask_possible())
        out_advice(&c->out,
                   "a PIN for this token: %u characters or more, letters too; whoever copies the "
                   "token's files can try 1,400 a second",
                   PIN_SHORT);
}

void pin_say_short(const struct cli *c, const struct secret *pin, const char *how)
{
    if (pin->n >= PIN_SHORT)
        return;
    char text[48];
    if (is_digits(pin)) {
        uint64_t n = 1;
        for (size_t i = 0; i < pin->n; i++)
            n *= 10;
        time_text(n / GUESSES, text, sizeof(text));
        out_warn("this PIN is short, and all digits: whoever copies a SoftHSM token has tried all "
                 "of that length in %s, at about 1,400 a second",
                 text);
    } else {
        out_warn("this PIN is short: a copied SoftHSM token gives way to about 1,400 guesses a "
                 "second");
    }
    out_advice(&c->out, "%u characters or more are worth their typing: %s", PIN_SHORT, how);
}

void pin_say_default(const struct token_info *info, const struct secret *pin)
{
    static const uint8_t factory[6] = {'1', '2', '3', '4', '5', '6'};
    enum token_family family = token_family(info);
    unsigned differs = 0;

    if ((family != FAMILY_YUBIKEY && family != FAMILY_PIV) || pin->n != sizeof(factory))
        return;
    for (size_t i = 0; i < sizeof(factory); i++)
        differs |= pin->p[i] ^ factory[i];
    if (!differs)
        out_warn("the PIN of token '%s' is the one that every PIV token comes with: change it "
                 "('coffer pin'), and its PUK and its management key",
                 info->label);
}

int pin_file_to_keep(const struct cli *c, char out[TOKEN_PATH_MAX], struct err *e)
{
    const struct args *a = c->args;

    out[0] = 0;
    if (!a->given[OPT_KEEP_PIN_FILE])
        return OK;
    if (!a->given[OPT_PIN_FILE])
        return err_set(e, ERR_USAGE, "--keep-pin-file needs --pin-file");
    char *path = realpath(a->value[OPT_PIN_FILE], NULL);
    if (!path)
        return err_sys(e, errno, "'%s'", a->value[OPT_PIN_FILE]);
    bool fits = strlen(path) < TOKEN_PATH_MAX;
    if (fits)
        memcpy(out, path, strlen(path) + 1);
    free(path);
    return fits ? OK : err_set(e, ERR_USAGE, "the path of the PIN file is too long");
}
