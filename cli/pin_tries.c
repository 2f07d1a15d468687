/* SPDX-License-Identifier: Apache-2.0 */
/* How the tries of a PIN end, and what of that is remembered for the next command: the failure of a
 * PIN that nobody typed, and each wrong PIN of a token that tells nobody how many it has taken. */
#include "base/crypto.h"
#include "cli/pin_read.h"
#include "pkcs11/advice.h"
#include "vault/state.h"

#include <stdio.h>

/* A TPM's flags never warn, and some lock after the third wrong PIN. So wrong ones are counted here
 * from one success to the next: after two, whoever gave them, the next may be the last. A TPM
 * itself forgives by time alone, so that right ones in between do not make it forget; most allow
 * for that with more tries than three. */
#define UNTOLD_TRIES 2u

/* The guard belongs to the token, not to a vault: one token can open several, and its tries are
 * shared. So its place is under a fixed id. */
static const uint8_t guard_place[VAULT_ID_LEN] = {0};

/* n: 0 is the mark of an unattended failure; 1 and on, of typed ones. */
static int guard_name(const struct token_info *i, unsigned n, uint8_t out[SHA256_LEN],
                      struct err *e)
{
    char text[4 * TOKEN_LABEL_MAX + 16], typed[24] = "";

    if (n > 0)
        snprintf(typed, sizeof(typed), "\ntyped %u", n);
    snprintf(text, sizeof(text), "%s\n%s\n%s\n%s%s", i->manufacturer, i->model, i->serial, i->label,
             typed);
    return sha256(bytes_str(text), out, e);
}

static bool is_marked(const struct cli *c, const struct token_info *info, unsigned n)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;

    return guard_name(info, n, name, &quiet) == OK &&
           pin_guard_is_set(&c->where, guard_place, name);
}

bool pin_is_blocked(const struct cli *c, const struct token_info *info)
{
    return is_marked(c, info, 0);
}

static bool tells_nothing(const struct token_info *i)
{
    return token_family(i) == FAMILY_TPM;
}

bool pin_is_last_try(const struct cli *c, const struct token_info *i)
{
    unsigned n = 0;

    if (i->pin == PIN_FINAL_TRY || !tells_nothing(i))
        return i->pin == PIN_FINAL_TRY;
    for (unsigned k = 0; k <= UNTOLD_TRIES; k++)
        n += is_marked(c, i, k);
    return n >= UNTOLD_TRIES;
}

/* The driver knows no token's tool; the hints that it gave are for any. */
static int locked(const struct token *t, struct err *e)
{
    e->n_hints = 0;
    return err_hint(e, "%s", token_unlock_advice(token_info(t)));
}

static const char cheap_way[] = "type the PIN once at a terminal: coffer doctor";

/* The token is the one that opens the vault, so that doctor asks for its PIN too. */
static bool is_of_vault(const struct cli *c)
{
    const struct command *k = c->args->command;

    return k->run != run_init && k->run != run_trust && !c->args->given[OPT_TO];
}

int pin_try_unattended(const struct cli *c, struct token *t, const struct secret *pin,
                       bool *is_refused, struct err *e)
{
    struct pin_guard g = {.fd = -1};
    uint8_t name[SHA256_LEN];

    if (guard_name(token_info(t), 0, name, e))
        return e->code;
    *is_refused = pin_guard_begin(&c->where, guard_place, name, &g, e) != OK;
    if (*is_refused)
        return is_of_vault(c) ? err_hint(e, "%s", cheap_way) : e->code;
    int rc = token_login(t, pin, false, e);
    bool is_failure = rc && token_pin_try(t) == PIN_TRIED;
    pin_guard_end(&g, !is_failure);
    if (rc == ERR_PIN_LOCKED)
        return locked(t, e);
    if (is_failure)
        err_hint(e, "a PIN that nobody typed is not tried again until one was typed");
    if (is_failure && is_of_vault(c))
        err_hint(e, "%s", cheap_way);
    return rc;
}

/* Before a typed try, so that one that is never finished counts. Where nothing can be remembered a
 * person may try all the same. */
static void mark_typed(const struct cli *c, const struct token_info *i, struct pin_guard *g)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;

    for (unsigned k = 1; k <= UNTOLD_TRIES; k++)
        if (!is_marked(c, i, k)) {
            if (guard_name(i, k, name, &quiet) ||
                pin_guard_begin(&c->where, guard_place, name, g, &quiet))
                g->fd = -1;
            return;
        }
}

void pin_note_failure(const struct cli *c, const struct token *t)
{
    struct pin_guard g = {.fd = -1};
    uint8_t name[SHA256_LEN];
    struct err quiet;

    if (token_pin_try(t) != PIN_TRIED || guard_name(token_info(t), 0, name, &quiet) ||
        pin_guard_begin(&c->where, guard_place, name, &g, &quiet))
        return;
    pin_guard_end(&g, false);
}

static void clear_marks(const struct cli *c, const struct token_info *i)
{
    uint8_t name[SHA256_LEN];
    struct err quiet;

    for (unsigned k = 0; k <= (tells_nothing(i) ? UNTOLD_TRIES : 0); k++)
        if (guard_name(i, k, name, &quiet) == OK)
            pin_guard_clear(&c->where, guard_place, name);
}

int pin_try_typed(const struct cli *c, struct token *t, const struct secret *pin, bool is_last_try,
                  struct err *e)
{
    struct pin_guard g = {.fd = -1};

    if (tells_nothing(token_info(t)))
        mark_typed(c, token_info(t), &g);
    int rc = token_login(t, pin, is_last_try, e);
    enum pin_try tried = token_pin_try(t);
    pin_guard_end(&g, !rc || tried != PIN_TRIED);
    if (!rc && tried == PIN_PROVEN)
        clear_marks(c, token_info(t));
    if (rc == ERR_PIN_LOCKED)
        return locked(t, e);
    if (rc == ERR_PIN && tried == PIN_TRIED && tells_nothing(token_info(t)))
        err_hint(e, "this token does not tell how many tries are left, and locks after a few");
    if (rc == ERR_PIN && tried == PIN_TRIED && e->n_hints == 0)
        err_hint(e, "enter the token's user PIN again");
    return rc;
}
