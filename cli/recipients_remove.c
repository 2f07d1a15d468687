/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recipients remove: the vault gets a new key, which all recipients but one are given. What
 * the one that goes has opened so far it still opens, in copies; so the end says what to do at the
 * exchanges. */
#include "cli/recipients.h"

#include "base/ask.h"
#include "base/wipe.h"
#include "cli/agent_view.h"
#include "cli/new_token.h"
#include "cli/session.h"

#include <stdio.h>

struct removing {
    struct vault *v;
    struct recipients_shown shown;
    struct recipient gone;
    bool was_here;                /* this machine opens the vault by it */
    struct local_token gone_here; /* if so */
    struct way_in in;
    char old_fingerprint[FINGERPRINT_TEXT];
    bool was_unlocked; /* an agent that runs */
};

static int check_others(const struct removing *m, struct err *e)
{
    size_t n, n_tested;
    const struct recipient *r = vault_recipients(m->v, &n);

    n_tested = vault_count_tested(m->v) - m->gone.tested;
    if (n == 1) {
        err_set(e, ERR_USAGE, "'%s' is the only recipient: without it nothing opens the vault",
                r[0].label);
        return err_hint(e, "a new one first: coffer recipients add URI; or another in its place: "
                           "coffer rotate --seal --to URI");
    }
    if (n_tested)
        return OK;
    err_set(e, ERR_USAGE, "'%s' is the last recipient that has been tested", m->gone.label);
    return err_hint(e, "test another one first: coffer recipients test");
}

static int find(struct cli *c, struct removing *m, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    const struct recipient *r = NULL;

    if (vault_load(&c->where, c->env, &m->v, e))
        return e->code;
    recipients_note(&m->shown, m->v);
    if (local_list(c, &l, e) || recipient_named(m->v, c->args->words[1], &r, e))
        return e->code;
    m->gone = *r;
    const struct local_token *here = local_find(l, m->v, r);
    m->was_here = here != NULL;
    if (here)
        m->gone_here = *here;
    return check_others(m, e) ? e->code : new_key_allowed(m->v, e);
}

/* Never by the one that goes: whether the vault opens without it is just what has to be sure. */
static int find_opener(struct cli *c, struct removing *m, struct err *e)
{
    int rc = c->args->given[OPT_PAPER] ? way_in_paper(c, m->v, &m->in, e)
                                       : way_in_any(c, m->v, m->gone.rid, &m->in, e);

    if (rc && m->was_here && rc == ERR_PERSON && !m->in.is_paper)
        err_hint(e, "'%s' itself cannot be used for it: another one has to open the vault",
                 m->gone.label);
    if (rc || memcmp(m->in.who.rid, m->gone.rid, RID_LEN) != 0)
        return rc;
    return err_set(e, ERR_USAGE,
                   "these are the words of '%s' itself: another recipient has to "
                   "open the vault",
                   m->gone.label);
}

static void say_who(struct cli *c, const struct removing *m, const struct local_tokens *l)
{
    char line[RECIPIENT_LINE];
    size_t n;
    const struct recipient *r = vault_recipients(m->v, &n);

    recipient_line(&m->gone, local_find(l, m->v, &m->gone), line);
    out_note(&c->out, "  goes              %s", line);
    for (size_t i = 0; i < n; i++) {
        if (memcmp(r[i].rid, m->gone.rid, RID_LEN) == 0)
            continue;
        recipient_line(&r[i], local_find(l, m->v, &r[i]), line);
        out_note(&c->out, "  stays             %s", line);
    }
}

static int confirm(struct cli *c, const struct removing *m, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct out *o = &c->out;
    size_t n_files = vault_files(m->v);
    char prompt[200];
    bool yes;

    if (local_list(c, &l, e))
        return e->code;
    out_note(o, "The vault gets a new key: every other machine refuses it until 'coffer trust' is "
                "run there once, with");
    out_note(o, "the new fingerprint. All of it is sealed anew, in one step: %zu file%s.", n_files,
             n_files == 1 ? "" : "s");
    say_who(c, m, l);
    if (m->was_here)
        out_note(o, "  this machine      has opened the vault by '%s'; from now on by '%s'",
                 m->gone.label, m->in.who.label);
    cost_say(o, &m->in, n_files + 1);
    out_note(o, "  old backups       still open by '%s'", m->gone.label);
    if (recipients_on_one_but(m->v, m->gone.rid))
        out_note(o,
                 "  no spare          is left then: lose what stays, and nothing opens the vault");
    if (c->args->given[OPT_YES])
        return OK;
    snprintf(prompt, sizeof(prompt), "Remove '%s'?", m->gone.label);
    if (ask_yes(prompt, "--yes removes without asking", &yes, e))
        return e->code;
    return yes ? OK : err_set(e, ERR_FAILED, "'%s' was not removed", m->gone.label);
}

static void say_next(struct cli *c, const struct removing *m, const char *fingerprint)
{
    struct out *o = &c->out;
    size_t n = vault_count(m->v);

    out_note(o, "%s", "");
    out_note(o, "Write the new fingerprint on paper in place of %s, and back up the vault now.",
             m->old_fingerprint);
    out_note(o, "On every other machine, once: coffer trust %s", fingerprint);
    if (m->gone.kind == RECIPIENT_TOKEN && vault_has_token(m->v, NULL))
        out_note(o,
                 "Where '%s' opened the vault, with another of its tokens: coffer trust %s "
                 "--token URI",
                 m->gone.label, fingerprint);
    if (m->in.is_paper && m->was_here)
        out_note(o,
                 "This machine knows no token of the vault any more: coffer trust %s --token URI",
                 fingerprint);
    out_note(o, "%s", "");
    out_note(o, "Copies and backups of the vault from before still open by '%s'%s.", m->gone.label,
             m->gone.kind == RECIPIENT_PAPER ? "" : " and its PIN");
    if (n) {
        out_note(o, "They hold %s:", n == 1 ? "this key" : "these keys");
        keys_say(o, m->v, "old_backups_hold");
        out_note(o,
                 "If it is in other hands, or may get there, make %s anew at the exchange: coffer "
                 "rotate NAME",
                 n == 1 ? "it" : "them");
    }
    recipients_say_embedded(o, &m->gone_here);
    recipients_say_left(o, m->v);
}

static int report(struct cli *c, const struct removing *m, struct err *e)
{
    struct out *o = &c->out;
    char fingerprint[FINGERPRINT_TEXT];
    size_t n_files = vault_files(m->v);

    if (vault_fingerprint(m->v, fingerprint, e))
        return e->code;
    out_line(o, "removed      '%s'", m->gone.label);
    out_line(o, "fingerprint  %s", fingerprint);
    out_line(o, "sealed anew  %zu record file%s", n_files, n_files == 1 ? "" : "s");
    if (o->is_json) {
        recipient_put_json(out_json(o), "removed", &m->gone, NULL);
        json_text(out_json(o), "fingerprint", fingerprint);
        json_text(out_json(o), "old_fingerprint", m->old_fingerprint);
        json_number(out_json(o), "files", n_files);
        keys_say(o, m->v, "old_backups_hold");
        return OK;
    }
    say_next(c, m, fingerprint);
    return OK;
}

static int commit(struct cli *c, struct removing *m, struct err *e)
{
    const struct rewrap r = {.from = &m->in.opener, .drop = m->gone.rid, .n_drop = 1};
    struct err quiet;

    m->was_unlocked = agent_was_unlocked(c, m->v);
    if (recipients_commit(c, m->v, &r, &m->shown, e))
        return e->code;
    if (m->was_here && local_drop(&c->where, vault_id(m->v), m->gone.rid, &quiet))
        out_warn("%s", quiet.msg); /* an entry for a key that is no recipient does no harm */
    return OK;
}

static int go(struct cli *c, struct removing *m, struct err *e)
{
    if (find(c, m, e) || find_opener(c, m, e) || confirm(c, m, e) ||
        way_in_open(c, m->v, &m->in, e) || vault_fingerprint(m->v, m->old_fingerprint, e) ||
        commit(c, m, e))
        return e->code;
    int rc = report(c, m, e);
    agent_say_locked(c, m->v, m->was_unlocked);
    return rc;
}

int recipients_remove(struct cli *c, struct err *e)
{
    struct removing *m = wipe_malloc(sizeof(*m));

    if (!m)
        return err_set(e, ERR_MEMORY, "no memory to remove a recipient");
    memset(m, 0, sizeof(*m));
    int rc = go(c, m, e);
    vault_free(m->v);
    way_in_close(&m->in);
    wipe_free(m);
    return rc;
}
