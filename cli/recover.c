/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recover: a token is lost, broken or locked. The vault is opened by a spare token or by
 * paper, and sealed anew without the lost one and, where there is one, to a new token: one commit,
 * with a new vault key. */
#include "cli/recover.h"

#include "base/ask.h"
#include "base/wipe.h"
#include "cli/agent_view.h"
#include "cli/session.h"

#define TRIES 3

static int parse(struct cli *c, struct recovery *r, struct err *e)
{
    const struct args *a = c->args;
    bool is_paper = a->given[OPT_PAPER] || a->given[OPT_WORDS_FD];

    r->is_guided = ask_possible() && !a->given[OPT_YES] && !c->out.is_json;
    if (is_paper && a->given[OPT_TOKEN])
        return err_set(e, ERR_USAGE, "--token and --paper exclude each other");
    if (!a->given[OPT_TO] && (a->given[OPT_GENERATE] || a->given[OPT_LABEL]) && !r->is_guided)
        return err_set(e, ERR_USAGE, "--%s speaks of the new token, which --to names",
                       options[a->given[OPT_GENERATE] ? OPT_GENERATE : OPT_LABEL].name);
    return new_token_check(c, "--to", a->given[OPT_TO] || r->is_guided, e);
}

/* The words or the PIN; then the vault, and whether it is the person's own. */
static int open_vault(struct cli *c, struct recovery *r, struct err *e)
{
    struct way_in *w = &r->in;

    if (way_in_login(c, r->v, w, e))
        return e->code;
    if (memcmp(w->who.rid, r->lost.rid, RID_LEN) == 0) {
        err_set(e, ERR_USAGE, "that is '%s' itself, which is to be replaced", r->lost.label);
        return err_hint(e, "while it works: coffer recipients add, then coffer recipients remove");
    }
    int rc = r->trusts[0] ? vault_trust(r->v, &w->opener, r->trusts, e)
                          : vault_open(r->v, &w->opener, e);
    if (way_in_explain(w, rc, e) || vault_may_write(r->v, e))
        return e->code;
    return vault_fingerprint(r->v, r->old_fingerprint, e);
}

static int take_new(struct cli *c, struct recovery *r, struct err *e)
{
    const struct new_token_from f = {.v = r->v,
                                     .present = r->in.is_paper ? NULL : &r->in.seat,
                                     .entry = r->in.is_paper ? NULL : &r->in.entry,
                                     .uri = &r->uri,
                                     .where = &r->where,
                                     .makes_key = r->makes_key,
                                     .kind = r->kind};

    if (!r->to_text[0])
        return OK;
    r->in.seat.other = &r->to.seat;
    return new_token_take(c, &r->to, &f, e);
}

/* A new token that fails is no end of it: a person may name it again, or another one. A PIN that
 * nobody types would only be refused again. */
static int reach_new(struct cli *c, struct recovery *r, struct err *e)
{
    const struct args *a = c->args;
    bool asks = r->is_guided && !a->given[OPT_NEW_PIN_FD] && !a->given[OPT_NEW_PIN_FILE];

    for (int i = 0;; i++) {
        if (take_new(c, r, e) == OK)
            return OK;
        new_token_undo(c, &r->to, e);
        new_token_close(&r->to);
        memset(&r->to, 0, sizeof(r->to));
        if (!asks || i + 1 == TRIES)
            return e->code;
        out_error(e);
        if (recover_new_again(r, e))
            return e->code;
    }
}

/* Before 24 words are typed the new token has shown that it can take the place. It needs the
 * present one where that is a token too: then it comes after that one's login. */
static int open_and_reach(struct cli *c, struct recovery *r, struct err *e)
{
    if (r->types_words && (reach_new(c, r, e) || recover_words(c, r, e)))
        return e->code;
    if (recover_confirm(c, r, e) || open_vault(c, r, e))
        return e->code;
    return r->types_words ? OK : reach_new(c, r, e);
}

/* This machine knows the ways into the new vault before there is one, and forgets the lost token
 * after: killed anywhere it opens whichever it finds. */
static int commit(struct cli *c, struct recovery *r, struct err *e)
{
    const struct rewrap w = {.from = &r->in.opener,
                             .add = r->to_text[0] ? &r->to.recipient : NULL,
                             .prove = r->to_text[0] ? &r->to.opener : NULL,
                             .drop = r->lost.rid,
                             .n_drop = 1};
    struct err quiet;

    r->was_unlocked = agent_was_unlocked(c, r->v);
    if (!r->in.is_paper && !r->in.is_known && local_put(&c->where, &r->in.entry, e))
        return e->code;
    if (r->to_text[0] && new_token_remember(c, &r->to, r->v, e))
        return e->code;
    if (recipients_commit(c, r->v, &w, &r->shown, e))
        return e->code;
    if (r->was_here && local_drop(&c->where, vault_id(r->v), r->lost.rid, &quiet))
        out_warn("%s", quiet.msg); /* an entry for a key that is no recipient does no harm */
    return OK;
}

static int recover(struct cli *c, struct recovery *r, struct err *e)
{
    bool stops = false;

    if (parse(c, r, e) || vault_load(&c->where, c->env, &r->v, e))
        return e->code;
    recipients_note(&r->shown, r->v);
    if (recover_which(c, r, &stops, e))
        return e->code;
    if (stops)
        return OK;
    if (new_key_allowed(r->v, e) || recover_trust(c, r, e) || recover_way(c, r, e) ||
        recover_new(c, r, e))
        return e->code;
    if (open_and_reach(c, r, e) || commit(c, r, e))
        return r->to_text[0] ? new_token_undo(c, &r->to, e) : e->code;
    int rc = recover_report(c, r, e);
    agent_say_locked(c, r->v, r->was_unlocked);
    return rc;
}

int run_recover(struct cli *c, struct err *e)
{
    struct recovery *r = wipe_malloc(sizeof(*r));

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory to recover the vault");
    memset(r, 0, sizeof(*r));
    int rc = recover(c, r, e);
    vault_free(r->v);
    new_token_close(&r->to);
    way_in_close(&r->in);
    wipe_free(r);
    return rc;
}
