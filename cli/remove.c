/* SPDX-License-Identifier: Apache-2.0 */
/* coffer remove. It takes a key out of the vault; it cannot reach the exchange, and says so. */
#include "base/ask.h"
#include "cli/cli.h"
#include "cli/session.h"

#include <stdio.h>

/* What the header says, or nothing when the record is damaged: it can be removed all the same. */
static int look(struct vault *v, const char *name, char *title, size_t cap, struct err *e)
{
    struct record_info r;

    record_info_init(&r);
    int rc = vault_peek(v, name, &r, e);
    if (!rc) {
        const struct connector *k = connector_find(r.connector);
        snprintf(title, cap, "%s", k ? k->title : r.connector);
    }
    record_info_free(&r);
    if (rc && vault_has(v, name)) {
        out_warn("%s", e->msg);
        snprintf(title, cap, "the exchange");
        return OK;
    }
    return rc;
}

static int confirm(const struct cli *c, const char *name, const char *title, bool *yes,
                   struct err *e)
{
    char prompt[NAME_MAX_LEN + 32];

    *yes = true;
    if (c->args->given[OPT_YES])
        return OK;
    if (ask_possible())
        out_warn("without a backup the secret of '%s' is gone; the key itself goes on living at %s",
                 name, title);
    snprintf(prompt, sizeof(prompt), "Remove '%s' from the vault?", name);
    return ask_yes(prompt, "--yes removes without asking", yes, e);
}

int run_remove(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_SESSION s = {0};
    const char *name = c->args->words[0];
    char title[64];
    bool yes;

    if (record_check_name(name, e) || vault_load(&c->where, c->env, &v, e) ||
        look(v, name, title, sizeof(title), e) || confirm(c, name, title, &yes, e))
        return e->code;
    if (!yes)
        return err_set(e, ERR_FAILED, "'%s' was not removed", name);
    if (session_write(c, v, &s, e) || vault_lock(v, e) || vault_remove(v, name, e))
        return e->code;
    out_note(&c->out, "'%s' is removed from the vault", name);
    out_note(&c->out,
             "The key itself still lives at %s: delete it there, on the page where it was "
             "made (API management). Backups of the vault still hold it.",
             title);
    if (c->out.is_json) {
        json_text(out_json(&c->out), "removed", name);
        json_text(out_json(&c->out), "lives_on_at", title);
    }
    return OK;
}
