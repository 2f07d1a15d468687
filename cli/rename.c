/* SPDX-License-Identifier: Apache-2.0 */
/* coffer rename. The record gets a new version under its new name; the old file goes. */
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/waiting.h"

static int check(struct vault *v, const char *from, const char *to, struct err *e)
{
    struct record_info r;

    if (!vault_has(v, from)) {
        /* vault_peek knows how to say it, with the nearest name. */
        record_info_init(&r);
        int rc = vault_peek(v, from, &r, e);
        record_info_free(&r);
        return rc;
    }
    return vault_name_free(v, to, from, e);
}

int run_rename(struct cli *c, struct err *e)
{
    AUTO(vault_freep) struct vault *v = NULL;
    AUTO_SESSION s = {0};
    const char *from = c->args->words[0], *to = c->args->words[1];

    waiting_why("to rename '%s'", from);
    if (record_check_name(from, e) || record_check_name(to, e) ||
        vault_load(&c->where, c->env, &v, e) || check(v, from, to, e) ||
        session_begin(c, v, &s, e) || vault_lock(v, e) ||
        session_explain(&s, vault_rename(v, &s.opener, from, to, e), e))
        return e->code;
    out_note(&c->out, "'%s' is now '%s'", from, to);
    if (c->out.is_json) {
        json_text(out_json(&c->out), "renamed", from);
        json_text(out_json(&c->out), "name", to);
    }
    return OK;
}
