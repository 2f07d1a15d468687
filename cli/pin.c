/* SPDX-License-Identifier: Apache-2.0 */
/* coffer pin: changes the user PIN of the token that opens this vault. */
#include "cli/cli.h"
#include "cli/pin_source.h"
#include "cli/session.h"
#include "cli/waiting.h"

static int change(const struct cli *c, struct token *t, const struct local_token *entry,
                  struct err *e)
{
    AUTO_SECRET old_pin = {0};
    AUTO_SECRET new_pin = {0};

    if (token_info(t)->is_protected_path) {
        err_set(e, ERR_PERSON, "token '%s' takes its PIN on the device", token_info(t)->label);
        return err_hint(e, "change it with the maker's own tool");
    }
    if (c->args->given[OPT_PIN_FD] && c->args->given[OPT_NEW_PIN_FD]) {
        int from, new_from;
        if (arg_fd(c->args, OPT_PIN_FD, &from, e) || arg_fd(c->args, OPT_NEW_PIN_FD, &new_from, e))
            return e->code;
        if (from == new_from)
            return err_set(e, ERR_USAGE,
                           "--pin-fd and --new-pin-fd need two descriptors: each is "
                           "read to its end");
    }
    /* The login comes first: it keeps the count of tries, and a wrong old PIN ends it before the
     * new one is asked for. */
    if (pin_login(c, t, entry->pin_file, &old_pin, e) ||
        pin_read_new(c, OPT_NEW_PIN_FD, OPT_NEW_PIN_FILE, token_info(t), &new_pin, e))
        return e->code;
    if (secret_eq(&old_pin, &new_pin))
        return err_set(e, ERR_USAGE, "the new PIN is the same as the old one");
    if (token_set_pin(t, &old_pin, &new_pin, e))
        return e->code;
    pin_say_default(token_info(t), &new_pin);
    if (token_info(t)->is_software)
        pin_say_short(c, &new_pin, "run this command again for a longer one");
    return OK;
}

int run_pin(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(token_closep) struct token *t = NULL;
    struct local_token entry;

    waiting_why("to change its PIN");
    if (vault_load(&c->where, c->env, &v, e) || session_token(c, v, &t, &entry, e) ||
        change(c, t, &entry, e))
        return e->code;
    out_note(&c->out, "the PIN of token '%s' is changed; the vault needs no change",
             token_info(t)->label);
    if (entry.pin_file[0])
        out_note(&c->out, "Write the new PIN into '%s' too: it is read from there.",
                 entry.pin_file);
    if (c->out.is_json)
        json_text(out_json(&c->out), "token", token_info(t)->label);
    return OK;
}
