/* SPDX-License-Identifier: Apache-2.0 */
/* coffer rotate --seal: a new sealing key, beside the old one or on another token, and a new vault
 * key. This machine knows the new key before the vault is sealed to it and forgets the old one
 * after, so that killed anywhere it opens whichever vault it finds. */
#include "cli/rotate.h"

#include "base/wipe.h"
#include "cli/agent_view.h"
#include "cli/pick.h"
#include "cli/rotate_seal.h"
#include "cli/session.h"

#include <stdio.h>

static void anew_close(struct sealing_anew *s)
{
    vault_free(s->v);
    new_token_close(&s->to);
    seat_close(&s->old_seat);
}

/* What the command line says, before anything is opened. */
static int parse_to(const struct cli *c, struct token_uri *uri, struct token_where *where,
                    struct err *e)
{
    bool has_uri = c->args->given[OPT_TO];

    if (new_token_check(c, "--to", has_uri, e))
        return e->code;
    return has_uri ? pick_uri_from(c->args->value[OPT_TO], "--to", uri, where, e) : OK;
}

/* The token of today, without a login. */
static int find_old(struct cli *c, struct sealing_anew *s, struct err *e)
{
    const struct recipient *r;

    if (seat_of_vault(c, s->v, &s->old_seat, &s->from, &s->from_opener, &s->old_entry, e))
        return e->code;
    s->old_seat.other = &s->to.seat;
    r = recipient_find(s->v, s->old_entry.rid);
    if (!r)
        return err_set(e, ERR_FAILED, "the vault has changed meanwhile");
    s->old = *r;
    return OK;
}

static int open_vault(struct sealing_anew *s, struct err *e)
{
    struct session asked = {.token = s->old_seat.token, .entry = s->old_entry};

    if (seat_login(&s->old_seat, s->old_entry.pin_file, e) ||
        session_explain(&asked, vault_open(s->v, &s->from_opener, e), e) ||
        vault_may_write(s->v, e))
        return e->code;
    return vault_fingerprint(s->v, s->old_fingerprint, e);
}

/* The others stay and get the new key without being there. */
static int commit(struct cli *c, struct sealing_anew *s, struct err *e)
{
    const struct rewrap r = {.from = &s->from_opener,
                             .add = &s->to.recipient,
                             .prove = &s->to.opener,
                             .drop = s->old_entry.rid,
                             .n_drop = 1};
    struct err quiet;

    s->was_unlocked = agent_was_unlocked(c, s->v);
    if (new_token_remember(c, &s->to, s->v, e) || recipients_commit(c, s->v, &r, &s->shown, e))
        return e->code;
    if (local_drop(&c->where, s->old_entry.vault_id, s->old_entry.rid, &quiet))
        out_warn("%s", quiet.msg); /* an entry for a key that is no recipient does no harm */
    return OK;
}

static int seal_anew(struct cli *c, struct sealing_anew *s, struct err *e)
{
    struct token_uri uri = {.module = ""};
    struct token_where where;
    struct new_token_from f = {.present = &s->old_seat,
                               .entry = &s->old_entry,
                               .uri = c->args->given[OPT_TO] ? &uri : NULL,
                               .where = &where,
                               .makes_key = c->args->given[OPT_GENERATE]};

    if (parse_to(c, &uri, &where, e) || vault_load(&c->where, c->env, &s->v, e))
        return e->code;
    recipients_note(&s->shown, s->v);
    if (new_key_allowed(s->v, e) || find_old(c, s, e) || anew_confirm(c, s, e) || open_vault(s, e))
        return e->code;
    f.v = s->v;
    if (new_token_take(c, &s->to, &f, e) || commit(c, s, e))
        return new_token_undo(c, &s->to, e);
    int rc = anew_report(c, s, e);
    agent_say_locked(c, s->v, s->was_unlocked);
    return rc;
}

int rotate_seal(struct cli *c, struct err *e)
{
    struct sealing_anew *s = wipe_malloc(sizeof(*s));

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for a new sealing key");
    memset(s, 0, sizeof(*s));
    int rc = seal_anew(c, s, e);
    anew_close(s);
    wipe_free(s);
    return rc;
}
