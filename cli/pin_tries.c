/* SPDX-License-Identifier: Apache-2.0 */
/* How the tries of a PIN end, and what of that is remembered for the next command: the failure of a
 * PIN that nobody typed, and each wrong PIN of a token that tells nobody how many it has taken. */
#include "base/crypto.h"
#include "cli/pin_read.h"
#include "pkcs11/advice.h"
#include "vault/state.h"

#include <stdio.h>

/* A TPM's flags never warn, and some lock after the third wrong PIN. So wrong ones are counted
 * here: after two, whoever gave them, the next may be the last. A TPM forgives by time alone, and
 * no right PIN makes it forget; so it is with this count. */
#define UNTOLD_TRIES 2u

/* The guard belongs to the token, not to a vault: one token can open several, and its tries are
 * shared. So its place is under a fixed id. */
static const uint8_t guard_place[VAULT_ID_LEN] = {0};

static int guard_name(const struct token_info *i, uint8_t out[SHA256_LEN], struct err *e)
{
    char text[4 * TOKEN_LABEL_MAX];

    snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", i->manufacturer, i->model, i->serial, i->label);
    return sha256(bytes_str(text), out, e);
}

bool pin_is_blocked(const struct cli *c, const struct token_info *info)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;

    return guard_name(info, name, &quiet) == OK &&
           pin_guard_is_set(&c->where, guard_place, name);
}

static bool tells_nothing(const struct token_info *i)
{
    return token_family(i) == FAMILY_TPM;
}

static struct pin_count count_of(const struct cli *c, const struct token_info *i)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;

    if (!tells_nothing(i) || guard_name(i, name, &quiet))
        return (struct pin_count){.fd = -1};
    return pin_count_read(&c->where, name, c->env);
}

bool pin_is_last_try(const struct cli *c, const struct token_info *i)
{
    return i->pin == PIN_FINAL_TRY || count_of(c, i).n >= UNTOLD_TRIES;
}

int pin_refuse_untold(const struct token_info *i, struct err *e)
{
    err_set(e, ERR_PERSON,
            "token '%s' has taken two wrong PINs and does not tell how many tries are left; "
            "coffer spends no third",
            i->label);
    return err_hint(e,
                    "a right PIN does not lower its count: by default a TPM forgives one wrong PIN "
                    "in 1000 seconds, which may be set longer; coffer forgives one in %u minutes",
                    PIN_FORGIVEN_S / 60);
}

/* The driver knows no token's tool; the hints that it gave are for any. */
static int locked(const struct cli *c, const struct pin_door *d, struct err *e)
{
    struct pin_count k = count_of(c, d->info);

    e->n_hints = 0;
    err_hint(e, "%s", token_unlock_advice(d->info));
    if (k.kept < UNTOLD_TRIES)
        return e->code;
    if (k.n == 0)
        return err_hint(e, "cleared soon, run the command again; later than %u minutes after the "
                           "last wrong PIN, with --use-last-try",
                        PIN_LOCKED_S / 60);
    return err_hint(e, "once it is cleared: the same command with --use-last-try");
}

static const char cheap_way[] = "type the PIN once at a terminal: coffer doctor";

/* The token is the one that opens the vault, so that doctor asks for its PIN too. */
static bool is_of_vault(const struct cli *c)
{
    const struct command *k = c->args->command;

    return k->run != run_init && k->run != run_trust && !c->args->given[OPT_TO];
}

/* What a login says of the count. */
static enum pin_end end_of(const struct pin_door *d, int rc)
{
    if (rc == ERR_PIN_LOCKED)
        return PIN_END_LOCKED;
    if (!rc && d->tried(d->ctx) == PIN_PROVEN)
        return PIN_END_RIGHT;
    return rc && d->tried(d->ctx) == PIN_TRIED ? PIN_END_WRONG : PIN_END_UNTRIED;
}

/* Counted before it is made, so that a try that is never finished counts. Where nothing can be
 * remembered a person may try all the same. */
static int login_counted(const struct cli *c, const struct pin_door *d, const struct secret *pin,
                         bool is_last_try, struct err *e)
{
    const struct token_info *i = d->info;
    struct pin_count k = {.fd = -1};
    uint8_t name[SHA256_LEN];
    struct err quiet;

    if (tells_nothing(i) && guard_name(i, name, &quiet) == OK &&
        pin_count_begin(&c->where, name, c->env, &k, &quiet) != OK)
        k = (struct pin_count){.fd = -1};
    if (k.n >= UNTOLD_TRIES && !is_last_try) { /* another command's, while the PIN was typed */
        pin_count_end(&k, PIN_END_UNTRIED);
        return pin_refuse_untold(i, e);
    }
    int rc = d->login(d->ctx, pin, is_last_try, e);
    pin_count_end(&k, end_of(d, rc));
    return rc;
}

/* A locked TPM compares no PIN; other tokens may have locked on this one. */
static bool is_failure(const struct pin_door *d, int rc)
{
    return rc && d->tried(d->ctx) == PIN_TRIED &&
           !(rc == ERR_PIN_LOCKED && tells_nothing(d->info));
}

int pin_try_unattended(const struct cli *c, const struct pin_door *d, const struct secret *pin,
                       bool *is_refused, struct err *e)
{
    struct pin_guard g = {.fd = -1};
    uint8_t name[SHA256_LEN];

    if (guard_name(d->info, name, e))
        return e->code;
    *is_refused = pin_guard_begin(&c->where, guard_place, name, &g, e) != OK;
    if (*is_refused)
        return is_of_vault(c) ? err_hint(e, "%s", cheap_way) : e->code;
    int rc = login_counted(c, d, pin, false, e);
    bool is_wrong = is_failure(d, rc);
    pin_guard_end(&g, !is_wrong);
    if (rc == ERR_PIN_LOCKED)
        return locked(c, d, e);
    if (is_wrong)
        err_hint(e, "a PIN that nobody typed is not tried again until one was typed");
    if (is_wrong && is_of_vault(c))
        err_hint(e, "%s", cheap_way);
    return rc;
}

void pin_note_failure(const struct cli *c, const struct token *t)
{
    struct pin_guard g = {.fd = -1};
    struct pin_count k = {.fd = -1};
    uint8_t name[SHA256_LEN];
    struct err quiet;

    if (token_pin_try(t) != PIN_TRIED || guard_name(token_info(t), name, &quiet))
        return;
    if (tells_nothing(token_info(t)) &&
        pin_count_begin(&c->where, name, c->env, &k, &quiet) == OK)
        pin_count_end(&k, PIN_END_WRONG);
    if (pin_guard_begin(&c->where, guard_place, name, &g, &quiet) == OK)
        pin_guard_end(&g, false);
}

int pin_try_typed(const struct cli *c, const struct pin_door *d, const struct secret *pin,
                  bool is_last_try, struct err *e)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;
    int rc = login_counted(c, d, pin, is_last_try, e);
    enum pin_try tried = d->tried(d->ctx);

    if (!rc && tried == PIN_PROVEN && guard_name(d->info, name, &quiet) == OK)
        pin_guard_clear(&c->where, guard_place, name);
    if (rc == ERR_PIN_LOCKED)
        return locked(c, d, e);
    if (rc == ERR_PIN && tried == PIN_TRIED && tells_nothing(d->info))
        err_hint(e, "this token does not tell how many tries are left, and locks after a few");
    if (rc == ERR_PIN && tried == PIN_TRIED && e->n_hints == 0)
        err_hint(e, "enter the token's user PIN again");
    return rc;
}
