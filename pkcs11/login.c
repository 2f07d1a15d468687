/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN: tried only when the token's flags allow it, never twice, never kept. */
#include "pkcs11/internal.h"

/* Before a try: what the flags and limits say. Costs the token no try. */
static int pin_check(const struct token *t, const struct secret *pin, bool use_last_try,
                     struct err *e)
{
    const struct token_info *i = &t->info;
    if (i->pin == PIN_LOCKED)
        return rv_err(e, CKR_PIN_LOCKED, "log in to token '%s'", i->label);
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
static int pin_wrong(struct token *t, struct err *e)
{
    struct err ignored;
    bool is_known = token_refresh(t, &ignored) == OK;
    if (is_known && t->info.pin == PIN_LOCKED) {
        rv_err(e, CKR_PIN_LOCKED, "log in to token '%s'", t->info.label);
        return err_hint(e, "that was the last try");
    }
    rv_err(e, CKR_PIN_INCORRECT, "log in to token '%s'", t->info.label);
    if (is_known && t->info.pin == PIN_FINAL_TRY)
        return err_hint(e, "one try is left: a wrong PIN now locks the token");
    if (is_known && t->info.pin == PIN_LOW && !t->info.is_software)
        return err_hint(e, "few tries are left before the token locks");
    return e->code;
}

static int pin_outcome(struct token *t, CK_RV rv, struct err *e)
{
    if (rv == CKR_PIN_INCORRECT)
        return pin_wrong(t, e);
    return rv_err(e, rv, "log in to token '%s'", t->info.label);
}

static CK_RV login_call(struct token *t, const struct secret *pin)
{
    t->pin_try = PIN_TRIED;
    CK_RV rv = t->mod.fn->C_Login(t->session, CKU_USER, pin ? pin->p : NULL, pin ? pin->n : 0);
    if (rv == CKR_OK)
        t->pin_try = PIN_PROVEN;
    else if (rv_spends_no_try(rv))
        t->pin_try = PIN_NOT_TRIED;
    return rv;
}

int token_login(struct token *t, const struct secret *pin, bool use_last_try, struct err *e)
{
    TOKEN_LOCKED(t);
    AUTO_SPARE spare = SPARE_NONE;
    t->pin_try = PIN_NOT_TRIED;
    int r = spare_begin(t->softhsm_conf, &spare, e);
    if (r || (r = token_refresh(t, e)) != OK || (r = pin_check(t, pin, use_last_try, e)) != OK ||
        (r = session_need(t, e)) != OK)
        return r;
    CK_RV rv = login_call(t, pin);
    if (rv_is_session_lost(rv)) { /* no try was made, as far as the flags tell */
        if ((r = session_renew(t, e)) != OK || (r = token_refresh(t, e)) != OK ||
            (r = pin_check(t, pin, use_last_try, e)) != OK)
            return r;
        rv = login_call(t, pin);
    }
    if (rv == CKR_USER_ALREADY_LOGGED_IN)
        return OK;
    if (rv != CKR_OK)
        return pin_outcome(t, rv, e);
    t->is_login_ours = true;
    return OK;
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

int token_set_pin(struct token *t, const struct secret *old_pin, const struct secret *new_pin,
                  struct err *e)
{
    TOKEN_LOCKED(t);
    CK_SESSION_HANDLE rw;
    AUTO_SPARE spare = SPARE_NONE;
    int r = spare_begin(t->softhsm_conf, &spare, e);
    if (r || (r = token_refresh(t, e)) != OK || (r = new_pin_check(t, new_pin, e)) != OK ||
        (r = pin_check(t, old_pin, false, e)) != OK || (r = session_open(t, true, &rw, e)) != OK)
        return r;
    CK_RV rv = t->mod.fn->C_SetPIN(rw, old_pin->p, old_pin->n, new_pin->p, new_pin->n);
    t->mod.fn->C_CloseSession(rw);
    if (rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID)
        return err_set(e, ERR_USAGE,
                       "token '%s' does not take the new PIN: wrong length or "
                       "characters",
                       t->info.label);
    if (rv != CKR_OK)
        return pin_outcome(t, rv, e);
    token_settle(t);
    return spare.dir < 0 ? OK : spare_keep(t->softhsm_conf, e);
}
