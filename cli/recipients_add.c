/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recipients add: a token that is here, the public key of one that is not, or a paper. All
 * records are sealed anew for one more, in one commit. */
#include "cli/recipients.h"

#include "base/ask.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/new_token.h"
#include "cli/paper_words.h"
#include "cli/pick.h"
#include "cli/session.h"

#include <stdio.h>

enum addition { ADD_TOKEN, ADD_KEY, ADD_PAPER };

struct adding {
    enum addition what;
    struct vault *v;
    struct way_in in;
    struct token_uri uri;
    struct token_where where;
    struct new_token to;  /* ADD_TOKEN */
    struct recipient who; /* the others */
    struct paper paper;   /* ADD_PAPER */
    bool has_shown;       /* its words, which are on paper now */
    struct opener prove;
    char fingerprint[FINGERPRINT_TEXT];
};

static void adding_close(struct adding *a)
{
    vault_free(a->v);
    new_token_close(&a->to);
    way_in_close(&a->in);
    paper_free(&a->paper);
}

static const struct recipient *added(const struct adding *a)
{
    return a->what == ADD_TOKEN ? &a->to.recipient : &a->who;
}

static int wants_one(struct err *e)
{
    err_set(e, ERR_USAGE, "'coffer recipients add' needs one of: URI, --public-key FILE, --paper");
    err_hint(e, "a token that is plugged in: coffer recipients add URI ('coffer tokens' lists "
                "them)");
    err_hint(e, "one that is elsewhere: coffer recipients add --public-key FILE --label TEXT");
    err_hint(e, "24 words on paper, which are not a token: coffer recipients add --paper");
    return err_hint(e, SOFTWARE_TOKEN_HOW);
}

static int misplaced(enum opt_id id, const char *with, struct err *e)
{
    return err_set(e, ERR_USAGE, "--%s goes with %s", options[id].name, with);
}

static int parse(struct cli *c, struct adding *a, struct err *e)
{
    const struct args *g = c->args;
    bool has_uri = g->n_words > 1;
    int n = has_uri + g->given[OPT_PUBLIC_KEY] + g->given[OPT_PAPER];

    if (n != 1)
        return wants_one(e);
    a->what = has_uri ? ADD_TOKEN : g->given[OPT_PAPER] ? ADD_PAPER : ADD_KEY;
    if (g->given[OPT_GENERATE] && !has_uri)
        return misplaced(OPT_GENERATE, "a token's URI", e);
    if (g->given[OPT_SCHEME] && a->what != ADD_KEY)
        return misplaced(OPT_SCHEME, "--public-key; a token that is here is tried", e);
    if (new_token_check(c, "the URI", has_uri, e))
        return e->code;
    if (has_uri)
        return pick_uri_from(g->words[1], "the URI", &a->uri, &a->where, e);
    if (a->what == ADD_KEY)
        return key_file_read(c, &a->who, e);
    if (ask_possible())
        return OK;
    err_set(e, ERR_PERSON,
            "the 24 words are shown on a terminal and nowhere else, and there is "
            "none");
    return err_hint(e, "run this command at a terminal, with paper and pen");
}

static bool is_label_taken(const struct vault *v, const char *label)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(r[i].label, label) == 0)
            return true;
    return false;
}

/* Papers are numbered; of a key without a token only its owner knows a name. */
static int take_label(const struct cli *c, struct adding *a, struct err *e)
{
    const char *label = c->args->value[OPT_LABEL];

    if (label && is_label_taken(a->v, label)) {
        err_set(e, ERR_EXISTS, "a recipient is called '%.120s' already", label);
        return err_hint(e, "take another name with --label");
    }
    if (a->what == ADD_TOKEN)
        return OK;
    if (!label && a->what == ADD_KEY) {
        err_set(e, ERR_USAGE, "--public-key needs --label");
        return err_hint(e, "name the token so that you find it: --label 'YubiKey in the safe'");
    }
    snprintf(a->who.label, sizeof(a->who.label), "%s", label ? label : "paper");
    if (label)
        return OK;
    for (unsigned i = 2; is_label_taken(a->v, a->who.label); i++)
        snprintf(a->who.label, sizeof(a->who.label), "paper %u", i);
    return OK;
}

static int check_known(const struct adding *a, struct err *e)
{
    const struct recipient *r = a->what == ADD_KEY ? recipient_find(a->v, a->who.rid) : NULL;
    size_t n;

    if (r)
        return err_set(e, ERR_EXISTS, "the vault is sealed to that key already, as '%s'", r->label);
    (void)vault_recipients(a->v, &n);
    if (n < RECIPIENTS_MAX)
        return OK;
    return err_set(e, ERR_LIMIT, "a vault has at most %u recipients", RECIPIENTS_MAX);
}

/* A file that was carried here may be another by now; its digest is compared with what is read on
 * the machine that has the token. The short id would not do: a key with the same one can be made.
 */
static void say_key(struct out *o, const struct recipient *r)
{
    char sha[2 * RID_LEN + 1];

    hex_text(r->rid, RID_LEN, sha, sizeof(sha));
    out_note(o, "  new recipient     '%s' (%s, by %s); the SHA-256 of its public key (DER) is",
             r->label, spki_kind(&r->spki), scheme_name(r->scheme));
    out_note(o, "                    %s", sha);
    out_note(o, "                    compare it with the machine that made the file: openssl pkey "
                "-pubin -in FILE -outform DER | sha256sum");
}

static int confirm(struct cli *c, const struct adding *a, struct err *e)
{
    struct out *o = &c->out;
    size_t n = vault_count(a->v), n_files = vault_files(a->v);
    bool yes;

    out_note(o, "All of the vault is sealed anew for one more recipient: %zu key%s in %zu file%s.",
             n, n == 1 ? "" : "s", n_files, n_files == 1 ? "" : "s");
    if (a->what == ADD_TOKEN)
        out_note(o, "  new recipient     %s", c->args->words[1]);
    else if (a->what == ADD_KEY)
        say_key(o, &a->who);
    else
        out_note(o,
                 "  new recipient     '%s': 24 words, which are not a token; whoever reads them "
                 "opens the vault",
                 a->who.label);
    cost_say(o, &a->in, n_files + 1);
    if (a->what == ADD_TOKEN)
        out_note(o, "                    and at least %u of the new one, to try its key",
                 PROBE_OPERATIONS);
    out_note(o, "  older backups     do not open by it; make new ones afterwards");
    if (c->args->given[OPT_YES])
        return OK;
    if (ask_yes("Add it?", "--yes does it without asking", &yes, e))
        return e->code;
    return yes ? OK : err_set(e, ERR_FAILED, "no recipient was added");
}

/* The words are shown once the vault is open, so that a wrong PIN wastes no paper. */
static int make_paper(struct cli *c, struct adding *a, struct err *e)
{
    AUTO_SECRET seed = {0};
    char label[sizeof(a->who.label)];

    memcpy(label, a->who.label, sizeof(label));
    if (secret_new(&seed, PAPER_SEED_LEN, e) || c->env->random(c->env, seed.p, PAPER_SEED_LEN, e))
        return e->code;
    seed.n = PAPER_SEED_LEN;
    if (paper_from_seed(&seed, label, &a->paper, &a->who, e))
        return e->code;
    paper_opener(&a->prove, &a->paper);
    if (paper_words_show(c, &seed, a->fingerprint, e))
        return e->code;
    a->has_shown = true;
    return OK;
}

static int take_new(struct cli *c, struct adding *a, struct err *e)
{
    struct new_token_from f = {.v = a->v,
                               .present = a->in.is_paper ? NULL : &a->in.seat,
                               .entry = a->in.is_paper ? NULL : &a->in.entry,
                               .uri = &a->uri,
                               .where = &a->where,
                               .makes_key = c->args->given[OPT_GENERATE]};

    if (a->what == ADD_KEY)
        return OK;
    if (a->what == ADD_PAPER)
        return make_paper(c, a, e);
    a->in.seat.other = &a->to.seat;
    if (new_token_take(c, &a->to, &f, e))
        return e->code;
    return new_token_remember(c, &a->to, a->v, e);
}

static int commit(struct cli *c, struct adding *a, struct err *e)
{
    const struct rewrap r = {.from = &a->in.opener,
                             .add = added(a),
                             .prove = a->what == ADD_TOKEN   ? &a->to.opener
                                      : a->what == ADD_PAPER ? &a->prove
                                                             : NULL};

    return recipients_commit(c, a->v, &r, NULL, e);
}

/* After a failure e: what became of the words on paper, or of the new key. */
static int undo(struct cli *c, struct adding *a, struct err *e)
{
    AUTO(vault_freep) struct vault *now = NULL;
    struct err quiet;

    if (a->what == ADD_TOKEN)
        return new_token_undo(c, &a->to, e);
    if (a->what != ADD_PAPER || !a->has_shown ||
        (vault_load(&c->where, c->env, &now, &quiet) == OK && recipient_find(now, a->who.rid)))
        return e->code;
    return err_hint(e,
                    "the words just shown open nothing: destroy that paper, and begin again with "
                    "new words");
}

static void say_test(struct out *o, const struct adding *a)
{
    if (a->what == ADD_TOKEN)
        return;
    if (a->what == ADD_PAPER) {
        out_note(o, "Now type the words once, all of them, from the paper: coffer recipients test "
                    "--paper");
        return;
    }
    out_note(o, "Do not rely on it before it was tested. On the machine with that token, with a "
                "copy of the vault:");
    out_note(o, "  coffer trust %s --token URI", a->fingerprint);
    out_note(o, "  coffer recipients test");
    out_note(o,
             "That it was tested is noted in that copy: bring it back from there before anything "
             "else changes the vault.");
}

static int report(struct cli *c, struct adding *a, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    const struct recipient *r = recipient_find(a->v, added(a)->rid);
    struct out *o = &c->out;
    size_t n, n_files = vault_files(a->v);
    char line[RECIPIENT_LINE];

    if (!r || local_list(c, &l, e))
        return r ? e->code : err_set(e, ERR_FAILED, "the vault has changed meanwhile");
    recipient_line(r, local_find(l, a->v, r), line);
    out_line(o, "added        %s", line);
    out_line(o, "wraps by     %s%s", scheme_name(r->scheme),
             a->what == ADD_TOKEN ? " (tried on the token)" : "");
    (void)vault_recipients(a->v, &n);
    out_line(o, "sealed anew  %zu record file%s for %zu recipients", n_files,
             n_files == 1 ? "" : "s", n);
    out_note(o, "%s", "");
    say_test(o, a);
    if (recipients_on_one(a->v))
        out_note(o,
                 "It is no spare: when the one token is lost or breaks, nothing opens the vault.");
    out_note(o, "Back up the vault now: older copies open only by the recipients that they had.");
    if (!o->is_json)
        return OK;
    recipient_put_json(out_json(o), "added", r, local_find(l, a->v, r));
    json_number(out_json(o), "files", n_files);
    json_number(out_json(o), "recipients", n);
    json_text(out_json(o), "fingerprint", a->fingerprint);
    return OK;
}

static int add(struct cli *c, struct adding *a, struct err *e)
{
    if (parse(c, a, e) || vault_load(&c->where, c->env, &a->v, e) || take_label(c, a, e) ||
        check_known(a, e) || way_in_any(c, a->v, NULL, &a->in, e) || confirm(c, a, e) ||
        way_in_open(c, a->v, &a->in, e) || vault_fingerprint(a->v, a->fingerprint, e))
        return e->code;
    if (take_new(c, a, e) || commit(c, a, e))
        return undo(c, a, e);
    return report(c, a, e);
}

int recipients_add(struct cli *c, struct err *e)
{
    struct adding *a = wipe_malloc(sizeof(*a));

    if (!a)
        return err_set(e, ERR_MEMORY, "no memory for a new recipient");
    memset(a, 0, sizeof(*a));
    int rc = add(c, a, e);
    adding_close(a);
    wipe_free(a);
    return rc;
}
