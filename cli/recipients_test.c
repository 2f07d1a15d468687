/* SPDX-License-Identifier: Apache-2.0 */
/* coffer recipients test: opens the vault through one recipient, and notes that it can. */
#include "cli/recipients.h"

#include "base/wipe.h"
#include "cli/new_token.h"
#include "cli/session.h"

struct testing {
    struct vault *v;
    struct way_in in;
    bool was_tested;
};

static int find(struct cli *c, struct testing *t, struct err *e)
{
    const struct args *a = c->args;
    bool is_paper = a->given[OPT_PAPER] || a->given[OPT_WORDS_FD];

    if (is_paper && a->n_words > 1)
        return err_set(e, ERR_USAGE, "a URI and --paper exclude each other");
    if (vault_load(&c->where, c->env, &t->v, e))
        return e->code;
    if (is_paper)
        return way_in_paper(c, t->v, &t->in, e);
    if (a->n_words > 1)
        return way_in_uri(c, a->words[1], "the URI", &t->in, e);
    int rc = way_in_known(c, t->v, NULL, true, &t->in, e);
    if (rc && vault_has_paper(t->v, NULL))
        err_hint(e, "the words on paper: coffer recipients test --paper");
    return rc;
}

static int report(struct cli *c, const struct testing *t, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    const struct recipient *r = recipient_find(t->v, t->in.opener.rid);
    char line[RECIPIENT_LINE], fingerprint[FINGERPRINT_TEXT];
    struct out *o = &c->out;

    if (!r)
        return err_set(e, ERR_FAILED, "the vault has changed meanwhile");
    if (local_list(c, &l, e) || vault_fingerprint(t->v, fingerprint, e))
        return e->code;
    recipient_line(r, local_find(l, t->v, r), line);
    out_line(o, "opens        %s%s", line, t->was_tested ? ", as before" : " now");
    out_line(o, "fingerprint  %s", fingerprint);
    if (!t->in.is_paper && !t->in.is_known)
        out_note(o, "This machine knows the token now, and opens the vault by it too.");
    if (!t->was_tested)
        out_note(o, "Back up the vault again; older copies still call it UNTESTED.");
    if (recipients_untested(t->v))
        out_note(o, "Still untested: %zu; 'coffer recipients' lists them.",
                 recipients_untested(t->v));
    if (!o->is_json)
        return OK;
    recipient_put_json(out_json(o), "recipient", r, local_find(l, t->v, r));
    json_bool_member(out_json(o), "was_tested", t->was_tested);
    json_text(out_json(o), "fingerprint", fingerprint);
    return OK;
}

/* Trust comes from a person only, so nothing is noted before it is there; but that the vault opens
 * is worth knowing. */
static int refuse(struct cli *c, const struct testing *t, int rc, struct err *e)
{
    if (rc != ERR_TRUST)
        return rc;
    session_say_trust(t->v);
    if (t->in.is_paper)
        return err_hint(e, "by paper alone, with a new token: coffer recover FINGERPRINT");
    if (c->args->n_words > 1)
        err_hint(e, "with this token: coffer trust FINGERPRINT --token URI, then coffer "
                    "recipients test");
    return rc;
}

/* What the token says of itself and of its key: a recipient that came as a public key has neither
 * serial nor id yet. */
static void seen_on(const struct way_in *w, struct recipient *seen)
{
    if (w->is_paper)
        return;
    memcpy(seen->serial, w->seat.info.serial, sizeof(seen->serial));
    memcpy(seen->key_id, w->entry.key_id, sizeof(seen->key_id));
    seen->key_id_len = w->entry.key_id_len;
}

static int test(struct cli *c, struct testing *t, struct err *e)
{
    struct recipient seen = {.tested = true};

    if (find(c, t, e) || way_in_login(c, t->v, &t->in, e))
        return e->code;
    t->was_tested = t->in.who.tested;
    seen_on(&t->in, &seen);
    int rc = way_in_explain(&t->in, vault_mark_tested(t->v, &t->in.opener, &seen, e), e);
    if (!rc)
        rc = vault_may_write(t->v, e);
    if (rc)
        return refuse(c, t, rc, e);
    if (!t->in.is_paper && !t->in.is_known && local_put(&c->where, &t->in.entry, e))
        return e->code;
    return report(c, t, e);
}

int recipients_test(struct cli *c, struct err *e)
{
    struct testing *t = wipe_malloc(sizeof(*t));

    if (!t)
        return err_set(e, ERR_MEMORY, "no memory to test a recipient");
    memset(t, 0, sizeof(*t));
    int rc = test(c, t, e);
    vault_free(t->v);
    way_in_close(&t->in);
    wipe_free(t);
    return rc;
}
