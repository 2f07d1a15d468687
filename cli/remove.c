/* SPDX-License-Identifier: Apache-2.0 */
/* coffer remove. It takes a key out of the vault; it cannot reach the exchange, and says so. */
#include "base/ask.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/waiting.h"
#include "connectors/checks.h"

#include <stdio.h>

/* What is told of the key that goes. */
struct going {
    char title[64], delete_at[160]; /* the exchange; "" where the record does not say which */
    bool has_old;                   /* a rotation is unfinished: the old key goes along */
    char old_mask[33];              /* of the old key's API key, or "" */
};

static void look_at_exchange(const struct record_info *r, struct going *g)
{
    const struct connector *k = connector_find(r->connector);

    snprintf(g->title, sizeof(g->title), "%s", k ? k->title : r->connector);
    if (k && k->checks && k->checks->delete_at)
        snprintf(g->delete_at, sizeof(g->delete_at), "%s", k->checks->delete_at);
}

static void look_at_old(struct vault *v, const char *name, struct going *g)
{
    struct record_info old;
    struct err quiet;

    if (vault_is_retiring(v, name, &g->has_old, &quiet) || !g->has_old)
        return;
    record_info_init(&old);
    if (!vault_peek_retiring(v, name, &old, &quiet))
        snprintf(g->old_mask, sizeof(g->old_mask), "%s", old.key_mask);
    record_info_free(&old);
}

/* What the header says, or little when the record is damaged: it can be removed all the same. */
static int look(struct vault *v, const char *name, struct going *g, struct err *e)
{
    struct record_info r;

    *g = (struct going){.title = "the exchange"};
    record_info_init(&r);
    int rc = vault_peek(v, name, &r, e);
    if (!rc)
        look_at_exchange(&r, g);
    record_info_free(&r);
    if (rc && !vault_has(v, name))
        return rc;
    if (rc)
        out_warn("%s", e->msg);
    look_at_old(v, name, g);
    return OK;
}

static int confirm(const struct cli *c, const char *name, const struct going *g, bool *yes,
                   struct err *e)
{
    char prompt[NAME_MAX_LEN + 32];

    *yes = true;
    if (c->args->given[OPT_YES])
        return OK;
    if (ask_possible())
        out_warn("without a backup the secret of '%s' is gone; the key itself goes on living at %s",
                 name, g->title);
    if (ask_possible() && g->has_old)
        out_warn("its rotation is unfinished: the old key%s%s is forgotten too, and was never "
                 "proven dead",
                 g->old_mask[0] ? " " : "", g->old_mask);
    snprintf(prompt, sizeof(prompt), "Remove '%s' from the vault?", name);
    return ask_yes(prompt, "--yes removes without asking", yes, e);
}

static void report(struct cli *c, const char *name, const struct going *g)
{
    struct out *o = &c->out;
    const char *where = g->delete_at[0] ? g->delete_at : "on the page where it was made";

    out_note(o, "'%s' is removed from the vault", name);
    out_note(o, "The key itself still lives at %s. Delete it there: %s", g->title, where);
    if (g->has_old)
        out_note(o,
                 "The old key%s%s is forgotten too, and was never proven dead: look for it "
                 "there, and delete it as well.",
                 g->old_mask[0] ? " " : "", g->old_mask);
    out_note(o, "Backups of the vault still hold %s.", g->has_old ? "both" : "it");
    if (!o->is_json)
        return;
    json_text(out_json(o), "removed", name);
    json_text(out_json(o), "lives_on_at", g->title);
    json_text(out_json(o), "delete_at", g->delete_at);
    if (g->has_old)
        json_text(out_json(o), "old_key_forgotten", g->old_mask);
    else
        cJSON_AddNullToObject(out_json(o), "old_key_forgotten");
}

int run_remove(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_SESSION s = {0};
    const char *name = c->args->words[0];
    struct going g;
    bool yes;

    if (record_check_name(name, e) || vault_load(&c->where, c->env, &v, e) ||
        look(v, name, &g, e) || confirm(c, name, &g, &yes, e))
        return e->code;
    if (!yes)
        return err_set(e, ERR_FAILED, "'%s' was not removed", name);
    waiting_why("to open the vault");
    if (session_write(c, v, &s, e) || vault_lock(v, e) || vault_remove(v, name, e))
        return e->code;
    report(c, name, &g);
    return OK;
}
