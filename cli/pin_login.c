/* SPDX-License-Identifier: Apache-2.0 */
/* The login of a command: one PIN, from where pin_source.c finds it, and how often it is asked for.
 * What the tries leave behind is pin_tries.c's. */
#include "base/ask.h"
#include "base/text.h"
#include "cli/pin_read.h"
#include "cli/pinentry.h"
#include "cli/waiting.h"
#include "pkcs11/advice.h"

#include <stdio.h>

#define TYPED_TRIES 3

struct login {
    const struct cli *c;
    const struct pin_door *door;
    struct pin_want want;
    char wrong[ERR_MSG_MAX];
    bool is_sure; /* the person has agreed that the last try be used */
};

/* -- the last try -- */

static int refuse_last(const struct login *l, struct err *e)
{
    const struct token_info *i = l->door->info;

    if (i->pin == PIN_FINAL_TRY) {
        err_set(e, ERR_PERSON, "token '%s' has one PIN try left, and coffer does not spend it",
                i->label);
        err_hint(e, "%s", token_prove_advice(i));
        return err_hint(e, "if you are sure of the PIN, type it: the same command with "
                           "--use-last-try");
    }
    pin_refuse_untold(i, e);
    return err_hint(e, "if you are sure of the PIN, or its count was cleared since "
                       "(tpm2_dictionarylockout --clear-lockout): the same command with "
                       "--use-last-try");
}

static int ask_sure(const struct login *l, const char *program, struct err *e)
{
    const struct token_info *i = l->door->info;
    const char *may = i->pin == PIN_FINAL_TRY ? "is" : "may be";
    char answer[16], text[512], label[TOKEN_LABEL_MAX * 4];

    if (!ask_possible() && program[0]) {
        text_clean(label, sizeof(label), bytes_str(i->label));
        snprintf(text, sizeof(text),
                 "This %s the last PIN try of token '%s'. A wrong PIN locks it.\nWhat unlocks it "
                 "then: %s",
                 may, label, token_unlock_advice(i));
        return pinentry_confirm(program, text, "Use the last try", e);
    }
    out_warn("this %s the last PIN try of token '%s': a wrong PIN locks it", may, i->label);
    out_hint("what unlocks it then: %s", token_unlock_advice(i));
    if (ask_line("Use the last try? Type 'yes'", "a person at a terminal must agree to it", answer,
                 sizeof(answer), e))
        return e->code;
    if (text_eq_nocase(text_trim(bytes_str(answer)), BYTES_LIT("yes")))
        return OK;
    return err_set(e, ERR_PERSON, "the last try was not used");
}

/* Before anyone is asked: a PIN that could not be tried is not asked for. */
static int check_tries(struct login *l, struct err *e)
{
    const struct token_info *i = l->door->info;
    char program[TOKEN_PATH_MAX];

    if (i->pin == PIN_LOCKED) {
        err_set(e, ERR_PIN_LOCKED, "the PIN of token '%s' is locked", i->label);
        return err_hint(e, "%s", token_unlock_advice(i));
    }
    l->want.is_last_try = pin_is_last_try(l->c, i);
    if (!l->want.is_last_try || l->is_sure)
        return OK;
    if (!l->c->args->given[OPT_USE_LAST_TRY])
        return refuse_last(l, e);
    if (pinentry_find(l->c, program, e) || ask_sure(l, program, e))
        return e->code;
    l->is_sure = true;
    return OK;
}

static int check_options(const struct cli *c, struct err *e)
{
    const bool *given = c->args->given;
    char program[TOKEN_PATH_MAX];

    if (given[OPT_USE_LAST_TRY] && (given[OPT_PIN_FD] || given[OPT_PIN_FILE]))
        return err_set(e, ERR_USAGE,
                       "--use-last-try is for a PIN that a person types, not for one from a file "
                       "or a descriptor");
    return pinentry_find(c, program, e);
}

/* -- the tries -- */

static int login_keypad(struct login *l, struct err *e)
{
    if (check_tries(l, e))
        return e->code;
    out_hint("enter the PIN of token '%s' on the device", l->door->info->label);
    return pin_try_typed(l->c, l->door, NULL, l->want.is_last_try, e);
}

static int login_with(struct login *l, struct secret *used, struct err *e)
{
    struct pin_want *w = &l->want;
    AUTO_SECRET pin = {0};
    int rc;

    if (pin_read(w, &pin, e))
        return e->code;
    if (w->is_typed)
        rc = pin_try_typed(l->c, l->door, &pin, w->is_last_try, e);
    else
        rc = pin_try_unattended(l->c, l->door, &pin, &w->is_refused, e);
    if (!rc && l->c->args->command->run != run_pin) /* which changes it */
        pin_say_default(l->door->info, &pin);
    return rc || !used ? rc : secret_copy(used, secret_bytes(&pin), e);
}

/* A remembered PIN that cannot be read or may not be tried waits for a person; so one who is there
 * is asked. */
static int login_once(struct login *l, struct secret *used, struct err *e)
{
    bool is_explicit = l->c->args->given[OPT_PIN_FD] || l->c->args->given[OPT_PIN_FILE];

    l->want.is_refused = false;
    if (check_tries(l, e))
        return e->code;
    int rc = login_with(l, used, e);
    if (!l->want.is_refused || is_explicit || !pin_can_be_asked(l->c))
        return rc;
    out_warn("%s", e->msg);
    l->want.ask_person = true;
    return login_with(l, used, e);
}

int pin_login_by(const struct cli *c, const struct pin_door *d, const char *pin_file,
                 struct secret *used, struct err *e)
{
    struct login l = {.c = c,
                      .door = d,
                      .want = {.cli = c, .info = d->info, .pin_file = pin_file, .wrong = ""}};

    if (check_options(c, e))
        return e->code;
    if (d->info->is_protected_path && !pin_is_given(c, pin_file))
        return login_keypad(&l, e);
    for (int i = 1;; i++) {
        l.want.is_typed = false;
        int rc = login_once(&l, used, e);
        if (rc != ERR_PIN || !l.want.is_typed || i == TYPED_TRIES || l.want.is_last_try)
            return rc;
        out_error(e);
        memcpy(l.wrong, e->msg, sizeof(l.wrong));
        l.want.wrong = l.wrong;
    }
}

/* -- a token of this process -- */

static int login_token(void *ctx, const struct secret *pin, bool use_last_try, struct err *e)
{
    return token_login(ctx, pin, use_last_try, e);
}

static enum pin_try tried_token(void *ctx)
{
    return token_pin_try(ctx);
}

int pin_login(const struct cli *c, struct token *t, const char *pin_file, struct secret *used,
              struct err *e)
{
    const struct pin_door d = {
        .info = token_info(t), .login = login_token, .tried = tried_token, .ctx = t};

    waiting_watch(t);
    return pin_login_by(c, &d, pin_file, used, e);
}
