/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of coffer recover, each of which an option answers too. */
#include "cli/recover.h"

#include "base/ask.h"
#include "base/text.h"
#include "cli/choose.h"
#include "cli/pick.h"
#include "cli/session.h"

#include <stdio.h>

#define TRIES 3

static int find_lost(struct recovery *r, const char *name, const struct local_tokens *l,
                     struct err *e)
{
    const struct recipient *found = NULL;

    if (recipient_named(r->v, name, &found, e))
        return e->code;
    const struct local_token *local = local_find(l, r->v, found);
    r->lost = *found;
    r->was_here = local != NULL;
    if (local)
        r->lost_entry = *local;
    return OK;
}

/* One is told apart at once. */
static int ask_lost(struct cli *c, struct recovery *r, const struct local_tokens *l, struct err *e)
{
    char name[160];

    recipients_table(c, r->v, l);
    out_note(&c->out, "%s", "");
    fflush(stdout);
    for (int i = 0;; i++) {
        if (ask_line("Which one is lost, broken or locked? (label, serial or id)", NULL, name,
                     sizeof(name), e))
            return e->code;
        struct bytes v = text_trim(bytes_str(name));
        char plain[160];
        if (text_copy(plain, sizeof(plain), v) && !find_lost(r, plain, l, e))
            return OK;
        if (i + 1 == TRIES)
            return e->code;
        out_error(e);
    }
}

static int ask_locked(struct cli *c, struct recovery *r, bool *stops, struct err *e)
{
    static const struct choice what[] = {
        {'l', "lost, stolen or broken"},
        {'p', "locked: a wrong PIN was entered too often"},
        {0, NULL},
    };
    char picked = 0;

    if (r->lost.kind == RECIPIENT_PAPER)
        return OK;
    if (choose("What happened to it?", what, &picked, e))
        return e->code;
    if (picked == 'l')
        return OK;
    recover_say_unlock(c, r);
    fflush(stdout);
    return ask_yes("Stop here, and unlock it first?", NULL, stops, e);
}

static void say_purpose(struct out *o)
{
    out_note(o, "A token is lost, broken or locked: another recipient opens the vault, and a new "
                "token takes its place.");
    out_note(o, "The vault is not changed before you are asked a last time.");
    out_note(o, "%s", "");
}

int recover_which(struct cli *c, struct recovery *r, bool *stops, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    const char *lost = c->args->value[OPT_LOST];
    size_t n;

    if (local_list(c, &l, e))
        return e->code;
    if (!lost && !r->is_guided) {
        err_set(e, ERR_USAGE, "'coffer recover' needs to know which recipient is lost");
        return err_hint(e, "--lost RECIPIENT: its label, serial or id; 'coffer recipients' lists "
                           "them");
    }
    if (!lost)
        say_purpose(&c->out);
    if (lost ? find_lost(r, lost, l, e) : ask_lost(c, r, l, e))
        return e->code;
    if (!lost && ask_locked(c, r, stops, e))
        return e->code;
    (void)vault_recipients(r->v, &n);
    return n > 1 || *stops ? OK : recover_nothing_left(c, r, e);
}

static int take_fingerprint(struct recovery *r, const char *text, struct err *e)
{
    if (fingerprint_check(text, e))
        return e->code;
    snprintf(r->trusts, sizeof(r->trusts), "%s", text);
    return OK;
}

static int ask_fingerprint(struct recovery *r, struct err *e)
{
    char line[FINGERPRINT_TYPED];

    for (int i = 0;; i++) {
        int rc = ask_line("The vault's fingerprint, as it stands on your paper", NULL, line,
                          sizeof(line), e);
        if (!rc)
            rc = take_fingerprint(r, line, e);
        if (rc == OK || rc == ERR_PERSON || i + 1 == TRIES)
            return rc;
        out_error(e);
    }
}

int recover_trust(struct cli *c, struct recovery *r, struct err *e)
{
    char pinned[FINGERPRINT_TEXT];
    enum trust_state state = TRUST_NOT_CHECKED;

    if (c->args->n_words)
        return take_fingerprint(r, c->args->words[0], e);
    if (vault_pin_look(r->v, pinned, &state, e)) {
        err_hint(e, "if this is the newest copy that is left: coffer recover FINGERPRINT");
        return e->code;
    }
    if (state == TRUST_PINNED || state == TRUST_NEWER)
        return OK;
    if (r->is_guided) {
        out_note(&c->out, "This machine has not been told to trust this vault.");
        fflush(stdout);
        return ask_fingerprint(r, e);
    }
    err_set(e, ERR_TRUST, "this machine has not been told to trust this vault");
    return err_hint(e, "coffer recover FINGERPRINT: it stands on the paper, and 'coffer doctor' "
                       "shows it on a machine that trusts the vault");
}

static int by_known(struct cli *c, struct recovery *r, struct err *e)
{
    return way_in_known(c, r->v, r->lost.rid, false, &r->in, e);
}

/* 24 words are typed once everything else is sure; read from a descriptor they cost nobody
 * anything, so that wrong ones are told before a key is made. */
static int by_paper(struct cli *c, struct recovery *r, struct err *e)
{
    if (c->args->given[OPT_WORDS_FD] || !ask_possible() || !vault_has_paper(r->v, r->lost.rid))
        return way_in_paper(c, r->v, &r->in, e);
    r->in.is_paper = true;
    r->types_words = true;
    return OK;
}

static int by_asked_uri(struct cli *c, struct recovery *r, struct err *e)
{
    char uri[URI_TYPED];

    if (ask_line("Its URI ('coffer tokens' lists those that are plugged in)", NULL, uri,
                 sizeof(uri), e))
        return e->code;
    return way_in_uri(c, uri, "the URI", &r->in, e);
}

/* What may be tried, with what is known of it. */
static size_t list_ways(const struct recovery *r, const struct local_tokens *l,
                        struct choice ways[5], char known[200], char paper[80])
{
    size_t n = 0, n_all, n_known = 0, at = 0, n_paper = 0, n_tested = 0;
    const struct recipient *all = vault_recipients(r->v, &n_all);

    for (size_t i = 0; i < n_all; i++) {
        if (memcmp(all[i].rid, r->lost.rid, RID_LEN) == 0)
            continue;
        n_paper += all[i].kind == RECIPIENT_PAPER;
        n_tested += all[i].kind == RECIPIENT_PAPER && all[i].tested;
        if (local_find(l, r->v, &all[i]) && at < 120)
            at += (size_t)snprintf(known + at, 200 - at, "%s'%.40s'%s",
                                   n_known++ ? ", " : "a token that this machine knows: ",
                                   all[i].label, all[i].tested ? "" : " (UNTESTED)");
    }
    if (n_known)
        ways[n++] = (struct choice){'k', known};
    if (vault_has_token(r->v, r->lost.rid))
        ways[n++] = (struct choice){'t', "another of its tokens, by its URI"};
    snprintf(paper, 80, "the 24 words on paper%s", n_tested == n_paper ? "" : " (UNTESTED)");
    if (n_paper)
        ways[n++] = (struct choice){'p', paper};
    ways[n++] = (struct choice){'n', "none of them is there any more"};
    ways[n] = (struct choice){0, NULL};
    return n;
}

static int ask_way(struct cli *c, struct recovery *r, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct choice ways[5];
    char known[200] = "", paper[80], picked = 0;
    int rc;

    if (local_list(c, &l, e))
        return e->code;
    list_ways(r, l, ways, known, paper);
    for (int i = 0;; i++) {
        if (choose("What opens the vault now?", ways, &picked, e))
            return e->code;
        if (picked == 'n')
            return recover_nothing_left(c, r, e);
        if (picked == 'k')
            rc = by_known(c, r, e);
        else
            rc = picked == 't' ? by_asked_uri(c, r, e) : by_paper(c, r, e);
        if (rc == OK || i + 1 == TRIES)
            return rc;
        out_error(e);
        way_in_close(&r->in);
        memset(&r->in, 0, sizeof(r->in));
    }
}

int recover_way(struct cli *c, struct recovery *r, struct err *e)
{
    const struct args *a = c->args;
    int rc;

    if (a->given[OPT_PAPER] || a->given[OPT_WORDS_FD])
        rc = by_paper(c, r, e);
    else if (a->given[OPT_TOKEN])
        rc = way_in_uri(c, a->value[OPT_TOKEN], "--token", &r->in, e);
    else if (r->is_guided)
        return ask_way(c, r, e);
    else
        rc = by_known(c, r, e);
    if (rc == ERR_PERSON && !a->given[OPT_TOKEN] && !r->in.is_paper)
        err_hint(e, "name what opens it: --token URI, or --paper --words-fd N");
    return rc;
}
