/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recipients: who opens the vault, as it says of itself. No token is asked. */
#include "cli/recipients.h"

#include "cli/session.h"

#include <stdio.h>

static void list_json(struct cli *c, const struct vault *v, const struct local_tokens *l)
{
    cJSON *j = out_json(&c->out), *list;
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    json_bool_member(j, "authenticated", false);
    list = json_array(j, "recipients");
    for (size_t i = 0; i < n; i++)
        recipient_put_json(list, NULL, &r[i], local_find(l, v, &r[i]));
    json_number(j, "untested", recipients_untested(v));
}

static void say_untested(struct out *o, const struct vault *v)
{
    size_t n, n_untested = recipients_untested(v), n_paper = 0;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        n_paper += !r[i].tested && r[i].kind == RECIPIENT_PAPER;
    if (n_untested)
        out_note(o, "UNTESTED: the vault has never been opened by it. Do not rely on it before:");
    if (n_untested > n_paper)
        out_note(o, "  on a machine with that token: coffer recipients test URI");
    if (n_paper)
        out_note(o, "  with the paper: coffer recipients test --paper");
}

static void say_spare(struct out *o, const struct vault *v)
{
    size_t n;

    (void)vault_recipients(v, &n);
    if (!recipients_on_one(v))
        return;
    out_note(o, "%s: when it is lost or breaks, nothing opens the vault. A spare:",
             n > 1 ? "All recipients are keys of one token" : "There is one recipient");
    out_note(o, "  coffer recipients add URI, or coffer recipients add --paper");
}

int recipients_list(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO(local_list_freep) struct local_tokens *l = NULL;

    if (vault_load(&c->where, c->env, &v, e) || local_list(c, &l, e))
        return e->code;
    if (c->out.is_json) {
        list_json(c, v, l);
        return OK;
    }
    recipients_table(c, v, l);
    out_note(&c->out, "%s", "");
    say_untested(&c->out, v);
    say_spare(&c->out, v);
    out_note(&c->out, "Read without a PIN: not authenticated.");
    return OK;
}
