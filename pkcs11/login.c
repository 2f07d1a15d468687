/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN: tried only when the token's flags allow it, and never twice. One that worked is kept for
 * recover.c, and for nothing else. */
#include "pkcs11/internal.h"

#include "base/env.h"
#include "pkcs11/advice.h"

static const char log_in_to[] = "log in to";

static int locked(const struct token_info *i, struct err *e)
{
    rv_err(e, CKR_PIN_LOCKED, "log in to token '%s'", i->label);
    return err_hint(e, "%s", token_unlock_advice(i));
}

/* Before a try: what the flags and limits say. Costs the token no try. */
static int pin_check(const struct token *t, const struct secret *pin, bool use_last_try,
                     struct err *e)
{
    const struct token_info *i = &t->info;
    if (i->pin == PIN_LOCKED)
        return locked(i, e);
    if (!pin && !i->is_protected_path) {
        err_set(e, ERR_PERSON, "token '%s' needs a PIN", i->label);
        return err_hint(e, "it has no keypad of its own: enter the PIN here");
    }
    if (i->pin == PIN_FINAL_TRY && !use_last_try) {
        err_set(e, ERR_PERSON, "token '%s' has one PIN try left, which is not used unasked",
                i->label);
        return err_hint(e, "a wrong PIN now locks the token: make sure of it, then enter it "
                           "yourself at a terminal");
    }
    if (pin && i->pin_max >= i->pin_min && i->pin_max > 0 &&
        (pin->n < i->pin_min || pin->n > i->pin_max)) {
        err_set(e, ERR_PIN, "the PIN of token '%s' has %u to %u characters", i->label, i->pin_min,
                i->pin_max);
        return err_hint(e, "the PIN was not tried: no try is lost");
    }
    return OK;
}

/* After a wrong PIN: what is left, as far as the token tells. */
static int pin_wrong(struct token *t, const char *what, struct err *e)
{
    struct err ignored;
    bool is_known = token_refresh(t, &ignored) == OK;
    if (is_known && t->info.pin == PIN_LOCKED) {
        locked(&t->info, e);
        return err_hint(e, "that was the last try");
    }
    rv_err(e, CKR_PIN_INCORRECT, "%s token '%s'", what, t->info.label);
    if (is_known && t->info.pin == PIN_FINAL_TRY)
        return err_hint(e, "one try is left: a wrong PIN now locks the token");
    if (is_known && t->info.pin == PIN_LOW && !t->info.is_software)
        return err_hint(e, "few tries are left before the token locks");
    return e->code;
}

/* what: "log in to". */
static int pin_outcome(struct token *t, CK_RV rv, const char *what, struct err *e)
{
    if (rv == CKR_PIN_INCORRECT)
        return pin_wrong(t, what, e);
    return token_err(t, e, rv, "%s token '%s'", what, t->info.label);
}

CK_RV login_call(struct token *t, const struct secret *pin)
{
    t->pin_try = PIN_TRIED;
    if (!pin)
        watch_begin_call(&t->watch);
    CK_RV rv = t->mod->fn->C_Login(t->session, CKU_USER, pin ? pin->p : NULL, pin ? pin->n : 0);
    if (!pin)
        watch_end_call(&t->watch);
    if (rv == CKR_OK)
        t->pin_try = PIN_PROVEN;
    else if (rv_spends_no_try(rv))
        t->pin_try = PIN_NOT_TRIED;
    return rv;
}

/* A session to log in on; one that was lost is opened anew, in the slot where the token is now. */
static int login_session(struct token *t, struct err *e)
{
    struct token_info now;
    if (t->session != CK_INVALID_HANDLE || !t->was_good)
        return session_need(t, e);
    int r = token_seek(t, 10, &now, e);
    return r ? r : session_open(t, false, &t->session, e);
}

bool tries_are_known(const struct token *t)
{
    return t->info.is_software || ticks_ms() - t->mod->started_ms < FLAGS_MS;
}

/* Whether somebody's login would end with the driver. */
static bool is_in_use(const struct token *t)
{
    bool yes = false;
    for (const struct token *o = t->mod->tokens; o; o = o->next)
        yes = yes || o->is_login_wanted;
    return yes;
}

static int start_anew(struct token *t, struct err *e)
{
    struct token_info now;
    int r = module_restart(t->mod, e);
    t->generation = t->mod->generation;
    t->session = CK_INVALID_HANDLE;
    t->is_login_ours = t->was_good = false;
    return r ? r : token_seek(t, 10, &now, e);
}

/* The last look before a PIN is given is a new one. */
static int look_again(struct token *t, struct err *e)
{
    return is_in_use(t) || tries_are_known(t) ? OK : start_anew(t, e);
}

/* ykcs11 while another process resets the card; its flags, read anew, show a try that was made. */
static bool is_mute(const struct token *t, CK_RV rv)
{
    return rv == CKR_DEVICE_ERROR && token_family(&t->info) == FAMILY_YUBIKEY && !is_in_use(t);
}

static bool is_session_gone(CK_RV rv)
{
    return rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED ||
           rv == CKR_OPERATION_ACTIVE;
}

static int login_once(struct token *t, const struct secret *pin, bool use_last_try, CK_RV *rv,
                      struct err *e)
{
    int r = login_session(t, e);
    if (r || (r = token_refresh(t, e)) != OK || (r = pin_check(t, pin, use_last_try, e)) != OK)
        return r;
    *rv = login_call(t, pin);
    return OK;
}

/* Kept for a recovery, in place of what was; without it there is none. */
static void pin_keep(struct token *t, const struct secret *pin)
{
    struct err ignored;
    pin_forget(t);
    if (pin && secret_copy(&t->pin, secret_bytes(pin), &ignored) != OK)
        t->pin = (struct secret){0};
}

int token_login(struct token *t, const struct secret *pin, bool use_last_try, struct err *e)
{
    TOKEN_LOCKED(t);
    AUTO_SPARE spare = SPARE_NONE;
    CK_RV rv = CKR_OK;
    t->pin_try = PIN_NOT_TRIED;
    int r = spare_begin(t->softhsm_conf, &spare, e);
    if (r || (r = module_is_fit(t->mod, e)) != OK || (r = look_again(t, e)) != OK ||
        (r = login_once(t, pin, use_last_try, &rv, e)) != OK)
        return r;
    if (is_session_gone(rv) || is_mute(t, rv)) {
        enum pin_state before = t->info.pin;
        r = is_session_gone(rv) ? session_renew(t, e) : start_anew(t, e);
        if (r || (r = token_refresh(t, e)) != OK || (r = pin_check(t, pin, use_last_try, e)) != OK)
            return r;
        if (before != PIN_OK || t->info.pin != PIN_OK) /* a try may have been made */
            return pin_outcome(t, rv, log_in_to, e);
        if ((r = login_once(t, pin, use_last_try, &rv, e)) != OK)
            return r;
    }
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return pin_outcome(t, rv, log_in_to, e);
    t->is_login_wanted = true;
    if (rv == CKR_OK) {
        t->is_login_ours = true;
        t->pin_spent_on = NULL;
        pin_keep(t, pin);
    }
    /* The driver may have been started again: the key's handle was the older start's. */
    return t->key == CK_INVALID_HANDLE ? OK : key_refind(t, e);
}

enum pin_try token_pin_try(const struct token *t)
{
    return t->pin_try;
}

static int new_pin_check(const struct token *t, const struct secret *pin, struct err *e)
{
    const struct token_info *i = &t->info;
    bool has_limits = i->pin_max >= i->pin_min && i->pin_max > 0;
    if (i->is_read_only)
        return rv_err(e, CKR_TOKEN_WRITE_PROTECTED, "change the PIN of token '%s'", i->label);
    if (pin->n == 0 || (has_limits && (pin->n < i->pin_min || pin->n > i->pin_max)))
        return err_set(e, ERR_USAGE, "the new PIN of token '%s' must have %u to %u characters",
                       i->label, i->pin_min, i->pin_max);
    return OK;
}

static int pin_unchanged(struct token *t, CK_RV rv, struct err *e)
{
    pin_outcome(t, rv, "change the PIN of", e);
    pin_forget(t); /* whichever it is now, no recovery shall try */
    if (rv_is_lost(rv))
        err_hint(e, "whether the new PIN holds is not known: try the new one first, at a terminal");
    return e->code;
}

int token_set_pin(struct token *t, const struct secret *old_pin, const struct secret *new_pin,
                  struct err *e)
{
    TOKEN_LOCKED(t);
    CK_SESSION_HANDLE rw;
    AUTO_SPARE spare = SPARE_NONE;
    int r = spare_begin(t->softhsm_conf, &spare, e);
    if (r || (r = module_is_fit(t->mod, e)) != OK || (r = token_refresh(t, e)) != OK ||
        (r = new_pin_check(t, new_pin, e)) != OK || (r = pin_check(t, old_pin, false, e)) != OK ||
        (r = session_open(t, true, &rw, e)) != OK)
        return r;
    CK_RV rv = t->mod->fn->C_SetPIN(rw, old_pin->p, old_pin->n, new_pin->p, new_pin->n);
    t->mod->fn->C_CloseSession(rw);
    if (rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID)
        return err_set(e, ERR_USAGE,
                       "token '%s' does not take the new PIN: wrong length or "
                       "characters",
                       t->info.label);
    if (rv != CKR_OK)
        return pin_unchanged(t, rv, e);
    if (pin_keeper(t))
        pin_keep(t, new_pin);
    token_settle(t);
    return spare.dir < 0 ? OK : spare_keep(t->softhsm_conf, e);
}
