/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the token, and what becomes of its PIN. Frames are not seen here. */
#include "helper/work.h"

#include <stdio.h>
#include <unistd.h>

#define SHOWN_MAX 16u
/* SoftHSM keeps a little of each operation until it ends (240 bytes, measured): so often it is
 * ended and begun anew, which takes milliseconds. */
#define RENEW_AFTER 5000u

/* -- the state -- */

static void take_info(struct work *w, const struct token_info *i)
{
    struct tokenwire_state *s = &w->state;

    snprintf(s->label, sizeof(s->label), "%s", i->label);
    snprintf(s->serial, sizeof(s->serial), "%s", i->serial);
    snprintf(s->manufacturer, sizeof(s->manufacturer), "%s", i->manufacturer);
    snprintf(s->model, sizeof(s->model), "%s", i->model);
    snprintf(s->firmware, sizeof(s->firmware), "%s", i->firmware);
    snprintf(s->driver, sizeof(s->driver), "%s", i->driver);
    s->pin = (uint8_t)i->pin;
    s->is_software = i->is_software;
    s->is_protected_path = i->is_protected_path;
    s->is_present = true;
}

static bool is_same(const struct token_info *a, const struct token_info *b)
{
    return strcmp(a->label, b->label) == 0 && strcmp(a->serial, b->serial) == 0 &&
           strcmp(a->manufacturer, b->manufacturer) == 0 && strcmp(a->model, b->model) == 0;
}

/* -- opening -- */

/* SoftHSM calls a directory that is gone a general error. */
static int open_token(struct work *w, struct err *e)
{
    const struct token_where *where = &w->options->where;

    if (w->token)
        return OK;
    if (where->softhsm_conf[0] && access(where->softhsm_conf, R_OK))
        err_set(e, ERR_NOT_FOUND, "the software token is gone: '%s' cannot be read",
                where->softhsm_conf);
    else if (token_open(where, &w->token, e) == OK) {
        token_on_wait(w->token, w->waiting, w->ctx);
        take_info(w, token_info(w->token));
        return OK;
    }
    w->state.is_present = false;
    return e->code;
}

static void close_token(struct work *w)
{
    if (!w->token)
        return;
    w->n_recoveries += token_recoveries(w->token);
    token_close(w->token);
    w->token = NULL;
}

/* Whoever is to log in next is a person. */
static void lose_login(struct work *w)
{
    secret_free(&w->pin);
    w->state.is_logged_in = false;
    close_token(w);
}

/* By its id first; by the public key when ids do not tell. */
static int take_key(struct work *w, struct err *e)
{
    const struct options *o = w->options;
    struct token_key_want want = {.id = bytes_of(o->id, o->id_len), .rid = o->rid};
    struct token_key key;

    if (want.id.n == 0 || token_use_key(w->token, &want, &key, e)) {
        want = (struct token_key_want){.rid = o->rid};
        if (token_use_key(w->token, &want, &key, e))
            return e->code;
    }
    w->state.touch = (uint8_t)key.touch;
    w->state.is_pin_each_time = key.is_pin_each_time;
    return OK;
}

/* -- unlocking -- */

/* A token that was opened long ago may have been pulled since: then once more from the start, where
 * no PIN was tried. */
static int login(struct work *w, const struct secret *pin, bool use_last_try, struct err *e)
{
    bool was_open = w->token != NULL;
    int rc = open_token(w, e);

    if (!rc)
        rc = token_login(w->token, pin, use_last_try, e);
    if (rc != ERR_TOKEN || !was_open || token_pin_try(w->token) != PIN_NOT_TRIED ||
        token_driver_is_stuck())
        return rc;
    close_token(w);
    rc = open_token(w, e);
    return rc ? rc : token_login(w->token, pin, use_last_try, e);
}

static int keep(struct work *w, const struct secret *pin, struct err *e)
{
    w->known = *token_info(w->token);
    w->state.is_logged_in = true;
    if (!pin || token_pin_try(w->token) != PIN_PROVEN)
        return OK; /* a login that held already: the PIN that made it is kept */
    secret_free(&w->pin);
    return secret_copy(&w->pin, secret_bytes(pin), e);
}

/* What is kept stays, unless the token has seen a wrong PIN. */
static void unlock_failed(struct work *w, enum pin_try try)
{
    if (try == PIN_TRIED)
        lose_login(w);
    else if (w->state.is_logged_in)
        close_token(w);
    w->state.is_logged_in = w->state.is_logged_in && w->pin.p;
}

void work_unlock(struct work *w, const struct secret *pin, bool use_last_try,
                 struct tokenwire_done *done)
{
    struct err *e = &done->err;

    if (w->state.is_logged_in && w->token && !w->is_doubtful)
        return;
    if (w->state.is_logged_in)
        close_token(w);
    int rc = login(w, pin, use_last_try, e);
    if (w->token) {
        done->pin_try = (uint8_t)token_pin_try(w->token);
        take_info(w, token_info(w->token));
    }
    if (rc) {
        unlock_failed(w, (enum pin_try)done->pin_try);
        return;
    }
    if (take_key(w, e) || keep(w, pin, e)) {
        lose_login(w);
        return;
    }
    w->is_doubtful = false;
    e->code = OK;
}

/* -- using -- */

static int locked(const struct work *w, struct err *e)
{
    const char *label = w->state.label[0] ? w->state.label : w->options->where.label;

    err_set(e, ERR_PERSON, "token '%s' is locked", label);
    return err_hint(e, "unlock it: coffer unlock");
}

static int other_token(struct work *w, struct err *e)
{
    close_token(w);
    w->state.is_present = false;
    err_set(e, ERR_TOKEN, "another token is in the place of '%s'", w->known.label);
    return err_hint(e, "plug in the one that was unlocked");
}

/* The kept PIN, once, to the token that took it. One that fails is not kept. */
static int login_again(struct work *w, struct tokenwire_done *done)
{
    struct err *e = &done->err;

    if (open_token(w, e))
        return e->code;
    if (!is_same(token_info(w->token), &w->known))
        return other_token(w, e);
    const char *obstacle = token_pin_obstacle(token_info(w->token));
    if (obstacle) {
        lose_login(w);
        err_set(e, ERR_PERSON, "the login to token '%s' is lost", w->known.label);
        return err_hint(e, "%s", obstacle);
    }
    int rc = token_login(w->token, &w->pin, false, e);
    enum pin_try try = token_pin_try(w->token);
    if (rc && try != PIN_NOT_TRIED) {
        done->pin_try = (uint8_t)try;
        take_info(w, token_info(w->token));
        lose_login(w);
    } else if (rc || (rc = take_key(w, e)) != OK) {
        close_token(w);
    }
    return rc;
}

/* What the driver shows now, of the token that was unlocked. */
static bool look_for_it(struct work *w, struct token_info *now)
{
    const struct token_where *where = &w->options->where;
    struct token_info list[SHOWN_MAX];
    struct err ignored;
    size_t n = 0;

    if (token_driver_is_stuck() ||
        token_list(where->module, where->softhsm_conf, list, SHOWN_MAX, &n, &ignored))
        return false;
    for (size_t i = 0; i < n && i < SHOWN_MAX; i++)
        if (is_same(&list[i], &w->known)) {
            *now = list[i];
            return true;
        }
    return false;
}

void work_look(struct work *w)
{
    struct token_info now;
    struct err ignored;

    if (!w->state.is_logged_in) {
        close_token(w);
        (void)!open_token(w, &ignored);
    } else if (w->token) {
        w->state.is_present = look_for_it(w, &now);
    }
}

/* The token may be gone, or the login; a failed try of the kept PIN was the only one. */
static void after_failure(struct work *w, struct tokenwire_done *done)
{
    struct token_info now;
    struct err *e = &done->err;

    if (e->code == ERR_TAMPERED || e->code == ERR_MEMORY || e->code == ERR_USAGE)
        return;
    w->is_doubtful = true;
    if (token_pin_try(w->token) == PIN_TRIED) {
        done->pin_try = PIN_TRIED;
        lose_login(w);
        return;
    }
    w->state.is_present = look_for_it(w, &now);
    if (!w->state.is_present)
        return;
    take_info(w, &now);
    if (e->code != ERR_PERSON && now.pin != PIN_OK) {
        lose_login(w); /* a try failed elsewhere: the kept PIN is not tried any more */
        e->code = ERR_PERSON;
        err_hint(e, "unlock it: coffer unlock");
    }
}

/* Only where its flags let the kept PIN be given again. */
static void renew(struct work *w)
{
    struct token_info now;

    if (!w->state.is_software || !w->pin.p || ++w->n_done < RENEW_AFTER)
        return;
    w->n_done = 0;
    if (look_for_it(w, &now) && !token_pin_obstacle(&now))
        close_token(w);
}

void work_decap(struct work *w, struct bytes ct, struct tokenwire_done *done)
{
    struct err *e = &done->err;

    if (!w->state.is_logged_in || (!w->token && !w->pin.p)) {
        locked(w, e);
        return;
    }
    if (!w->token && login_again(w, done))
        return;
    if (token_decap(w->token, w->options->scheme, ct, &done->z, e)) {
        after_failure(w, done);
        return;
    }
    w->state.is_present = true;
    w->is_doubtful = false;
    e->code = OK;
    renew(w);
}

/* Without a PIN to come back with, the login ends with it. */
void work_release(struct work *w)
{
    close_token(w);
    w->state.is_logged_in = w->state.is_logged_in && w->pin.p;
}

void work_end(struct work *w)
{
    close_token(w);
    secret_free(&w->pin);
}
