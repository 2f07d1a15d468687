/* SPDX-License-Identifier: Apache-2.0 */
/* A token that was pulled and put back, reset, logged out or stuck: found again once, and what was
 * asked of it done once more. Which codes speak of that is in rv.c. */
#include "pkcs11/internal.h"

#include "pkcs11/advice.h"

#include <stdarg.h>
#include <stdio.h>

int token_err(struct token *t, struct err *e, CK_RV rv, const char *fmt, ...)
{
    char what[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    t->rv = rv;
    rv_err(e, rv, "%s", what);
    return rv == CKR_PIN_LOCKED ? err_hint(e, "%s", token_unlock_advice(&t->info)) : (int)e->code;
}

/* Some drivers answer from memory when the token has gone; random numbers most of them fetch. */
static CK_RV pulse(struct token *t)
{
    uint8_t few[8];
    CK_RV rv = t->mod->fn->C_GenerateRandom(t->session, few, sizeof(few));
    return rv_is_lost(rv) ? rv : CKR_OK;
}

static bool is_logged_in(struct token *t)
{
    CK_SESSION_INFO s = {0};
    return t->mod->fn->C_GetSessionInfo(t->session, &s) == CKR_OK &&
           (s.state == CKS_RO_USER_FUNCTIONS || s.state == CKS_RW_USER_FUNCTIONS);
}

bool token_is_well(struct token *t)
{
    struct token_info now;
    return info_read(t->mod, t->slot, &now) == CKR_OK && token_is_same(t, &now) &&
           pulse(t) == CKR_OK && (!t->is_login_wanted || is_logged_in(t));
}

int login_check(struct token *t, struct err *e)
{
    if (!t->is_login_wanted || is_logged_in(t))
        return OK;
    return token_err(t, e, CKR_USER_NOT_LOGGED_IN, "token '%s'", t->info.label);
}

struct token *pin_keeper(struct token *t)
{
    if (t->pin.p)
        return t;
    for (struct token *o = t->mod->tokens; o; o = o->next) {
        if (o->pin.p && token_is_same(t, &o->info))
            return o;
    }
    return NULL;
}

void pin_forget(struct token *t)
{
    for (struct token *o = pin_keeper(t); o; o = pin_keeper(t))
        secret_free(&o->pin);
}

/* Old YubiKeys whose serial number is hidden are all "0". A TPM's driver knows no serial, but a TPM
 * is not put in another's place; software locks no PIN. */
static bool has_serial(const struct token_info *i)
{
    return i->serial[strspn(i->serial, "0")] ||
           (i->serial[0] && (i->is_software || token_family(i) == FAMILY_TPM));
}

const char *token_pin_obstacle(const struct token_info *now)
{
    if (now->is_protected_path)
        return "its PIN is entered on the device: run the command again";
    if (now->pin != PIN_OK)
        return "a wrong PIN was tried meanwhile: run the command again, and enter its PIN";
    if (!has_serial(now))
        return "it has no serial number to know it by: run the command again, and enter its PIN";
    return NULL;
}

/* now: the flags as they are. */
static const char *login_obstacle(const struct token *keeper, const struct token_info *now)
{
    if (keeper && keeper->pin_spent_on && !now->is_protected_path)
        return "a new login did not help before: plug it in again, and run the command again";
    if (!keeper && !now->is_protected_path)
        return "run the command again, and enter its PIN";
    return token_pin_obstacle(now);
}

static bool needs_login(struct token *t, CK_RV lost_by)
{
    return t->is_login_wanted && (lost_by == CKR_USER_NOT_LOGGED_IN || !is_logged_in(t));
}

static int login_again(struct token *t, const struct token_info *now, struct err *e)
{
    struct token *keeper = pin_keeper(t);
    const char *obstacle = login_obstacle(keeper, now);
    if (obstacle) {
        t->is_login_refused = true;
        err_set(e, ERR_TOKEN, "the login to token '%s' is lost", t->info.label);
        return err_hint(e, "%s", obstacle);
    }
    keeper->pin_spent_on = t->work;
    enum pin_try before = t->pin_try;
    CK_RV rv = login_call(t, &keeper->pin);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
        t->pin_try = before;
        t->is_login_ours = t->is_login_ours || rv == CKR_OK;
        return OK;
    }
    pin_forget(t);
    t->is_login_refused = true;
    return token_err(t, e, rv, "log in to token '%s' again", t->info.label);
}

/* Without a new start of the driver: only where its word on the tries is new, and where it does not
 * believe that the login holds, as ykcs11 goes on to do. */
static int login_cheaply(struct token *t, const struct token_info *now, struct err *e)
{
    if (is_logged_in(t) || !tries_are_known(t))
        return ERR_TOKEN;
    return login_again(t, now, e);
}

/* The slots are asked for anew: some drivers see only then that a card is another one, or reset. */
static int session_again(struct token *t, unsigned n_looks, struct token_info *now, struct err *e)
{
    int r = token_seek(t, n_looks, now, e);
    if (r || (r = session_renew(t, e)) != OK)
        return r;
    CK_RV rv = pulse(t);
    return rv == CKR_OK ? OK : token_err(t, e, rv, "token '%s'", t->info.label);
}

static int key_again(struct token *t, struct err *e)
{
    return t->key == CK_INVALID_HANDLE ? OK : key_refind(t, e);
}

static int driver_again(struct token *t, struct err *e)
{
    struct token_info now;
    int r = module_restart(t->mod, e);
    t->generation = t->mod->generation;
    t->session = CK_INVALID_HANDLE;
    t->is_login_ours = false;
    if (r || (r = session_again(t, 6, &now, e)) != OK)
        return r;
    if (needs_login(t, CKR_OK))
        r = login_again(t, &now, e);
    return r ? r : key_again(t, e);
}

static int recover(struct token *t, struct err *e)
{
    CK_RV lost_by = t->rv;
    struct token_info now;
    AUTO_SPARE spare = SPARE_NONE;
    int r = spare_begin(t->softhsm_conf, &spare, e);
    if (r)
        return r;
    if (rv_class(lost_by) == RV_SESSION && session_again(t, 1, &now, e) == OK) {
        r = needs_login(t, lost_by) ? login_cheaply(t, &now, e) : OK;
        if (r == OK && key_again(t, e) == OK)
            return OK;
    }
    r = t->is_login_refused ? e->code : driver_again(t, e);
    if (r && t->session != CK_INVALID_HANDLE) { /* handles of keys mean nothing on it */
        t->mod->fn->C_CloseSession(t->session);
        t->session = CK_INVALID_HANDLE;
    }
    return r;
}

/* One line of both: what went wrong first, and the next time. */
static int twice_failed(const struct token *t, const struct err *first, struct err *e)
{
    struct err second = *e;
    if (strcmp(first->msg, second.msg) == 0)
        err_set(e, second.code, "%s, also after a new start", first->msg);
    else
        err_set(e, second.code, "%s; after a new start: %s", first->msg, second.msg);
    for (unsigned i = 0; i < second.n_hints; i++)
        err_hint(e, "%s", second.hints[i]);
    if (t->is_login_refused && t->pin_try == PIN_TRIED)
        err_hint(e, "the PIN that worked before is not tried again");
    return e->code;
}

/* It worked, so that the next loss is another one. */
static void note_work(struct token *t)
{
    struct token *keeper = pin_keeper(t);
    if (keeper && keeper->pin_spent_on == t->work)
        keeper->pin_spent_on = NULL;
}

static bool is_worth_a_start(const struct token *t, int r)
{
    return r && t->was_good && rv_is_lost(t->rv) && !t->mod->is_stuck;
}

int token_twice(struct token *t, token_work *work, void *arg, struct err *e)
{
    int r = module_is_fit(t->mod, e);
    if (r)
        return r;
    t->rv = CKR_OK;
    t->work = work;
    r = work(t, arg, e);
    if (is_worth_a_start(t, r)) {
        struct err first = *e;
        if (recover(t, e))
            return twice_failed(t, &first, e);
        t->rv = CKR_OK;
        r = work(t, arg, e);
        t->n_recoveries += r == OK;
        if (r && t->rv != CKR_OK)
            return twice_failed(t, &first, e);
    }
    if (t->rv == CKR_OK)
        note_work(t);
    return r;
}

unsigned token_recoveries(const struct token *t)
{
    return t->n_recoveries;
}
