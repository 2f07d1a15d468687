/* SPDX-License-Identifier: Apache-2.0 */
/* The ways into a vault whose recipients are about to change: a token that this machine knows, one
 * that a URI names, or the words on paper. */
#include "cli/recipients.h"

#include "base/ask.h"
#include "cli/new_token.h"
#include "cli/paper_words.h"
#include "cli/pick.h"
#include "cli/session.h"
#include "cli/waiting.h"

/* The opener by a token's key whose entry is filled. */
static void use_entry(struct way_in *w)
{
    w->key.seat = &w->seat;
    memcpy(w->key.rid, w->entry.rid, sizeof(w->key.rid));
    memcpy(w->key.id, w->entry.key_id, sizeof(w->key.id));
    w->key.id_len = w->entry.key_id_len;
    seat_opener(&w->opener, &w->key, w->entry.scheme);
}

/* Whether an entry of tokens.json may open the vault here; *r: its recipient. */
static bool is_candidate(const struct vault *v, const struct local_token *t, const uint8_t *but,
                         const struct recipient **r)
{
    if (memcmp(t->vault_id, vault_id(v), VAULT_ID_LEN) != 0 ||
        (but && memcmp(t->rid, but, RID_LEN) == 0))
        return false;
    *r = recipient_find(v, t->rid);
    return *r != NULL;
}

static bool has_kind(const struct vault *v, enum recipient_kind kind, const uint8_t *but)
{
    size_t n;
    const struct recipient *r = vault_recipients(v, &n);

    for (size_t i = 0; i < n; i++)
        if (r[i].kind == kind && !(but && memcmp(but, r[i].rid, RID_LEN) == 0))
            return true;
    return false;
}

bool vault_has_paper(const struct vault *v, const uint8_t *but)
{
    return has_kind(v, RECIPIENT_PAPER, but);
}

bool vault_has_token(const struct vault *v, const uint8_t *but)
{
    return has_kind(v, RECIPIENT_TOKEN, but);
}

static int none_known(const struct vault *v, const uint8_t *but, bool has_other, struct err *e)
{
    if (has_other)
        err_set(e, ERR_PERSON, "this machine knows no other token of the vault");
    else
        err_set(e, ERR_PERSON, "this machine knows no token for this vault");
    if (vault_has_token(v, but))
        err_hint(e, "with another of its tokens plugged in: coffer %s",
                 has_other ? "recipients test URI" : "trust FINGERPRINT --token URI");
    if (!but && vault_has_token(v, NULL))
        session_hint_lost(v, NULL, e);
    return e->code;
}

struct choosing {
    const struct local_tokens *l;
    const uint8_t *but;
    const uint8_t *first; /* the recipient whose token was tried first */
    bool has_but;
};

/* One pass over the entries: those that are there, in their order. */
static bool pick_present(struct cli *c, const struct vault *v, struct choosing *s, bool untested,
                         struct way_in *w, struct err *e)
{
    const struct recipient *r = NULL;
    struct token *t = NULL;
    struct err other;

    for (size_t i = 0; i < s->l->n; i++) {
        const struct local_token *one = &s->l->v[i];
        if (s->but && memcmp(one->rid, s->but, RID_LEN) == 0)
            s->has_but = true;
        if (!is_candidate(v, one, s->but, &r) || (untested && r->tested))
            continue;
        int rc = session_open_token(one, &t, s->first ? &other : e);
        s->first = s->first ? s->first : one->rid;
        if (rc)
            continue;
        w->entry = *one;
        w->who = *r;
        w->is_known = true;
        seat_fill(&w->seat, c, t, &one->where);
        use_entry(w);
        return true;
    }
    return false;
}

int way_in_known(struct cli *c, const struct vault *v, const uint8_t *but, bool wants_untested,
                 struct way_in *w, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;
    struct choosing s = {.but = but};
    struct err quiet;

    if (local_list(c, &l, e))
        return e->code;
    s.l = l;
    if (wants_untested && pick_present(c, v, &s, true, w, &quiet))
        return OK;
    s.first = NULL;
    if (pick_present(c, v, &s, false, w, e))
        return OK;
    if (!s.first)
        return none_known(v, but, s.has_but, e);
    return but ? e->code : session_hint_lost(v, s.first, e);
}

int way_in_uri(struct cli *c, const char *uri, const char *what, struct way_in *w, struct err *e)
{
    struct token *t = NULL;

    if (pick_uri_from(uri, what, &w->uri, &w->entry.where, e) || token_open(&w->entry.where, &t, e))
        return e->code;
    const struct token_info *info = token_info(t);
    /* from here on this very token, whatever else matches the URI later */
    memcpy(w->entry.where.label, info->label, sizeof(w->entry.where.label));
    memcpy(w->entry.where.serial, info->serial, sizeof(w->entry.where.serial));
    seat_fill(&w->seat, c, t, &w->entry.where);
    w->want = (struct token_key_want){.id = bytes_of(w->uri.id, w->uri.id_len),
                                      .label = w->uri.object[0] ? w->uri.object : NULL};
    return OK;
}

int way_in_paper(struct cli *c, const struct vault *v, struct way_in *w, struct err *e)
{
    AUTO_SECRET seed = {0};
    const struct recipient *r;

    w->is_paper = true;
    if (!vault_has_paper(v, NULL)) {
        err_set(e, ERR_NOT_FOUND, "no paper opens this vault");
        return err_hint(e, "'coffer recipients' lists what does");
    }
    if (paper_words_read(c, &seed, e) || paper_from_seed(&seed, "paper", &w->paper, &w->who, e))
        return e->code;
    r = recipient_find(v, w->who.rid);
    if (!r) {
        err_set(e, ERR_NOT_FOUND, "these words are good, but of no paper that opens this vault");
        return err_hint(e, "is it an older paper, or one of another vault");
    }
    w->who = *r;
    paper_opener(&w->opener, &w->paper);
    return OK;
}

int way_in_any(struct cli *c, const struct vault *v, const uint8_t *but, struct way_in *w,
               struct err *e)
{
    bool yes = false;
    struct err quiet;

    if (c->args->given[OPT_WORDS_FD])
        return way_in_paper(c, v, w, e);
    int rc = way_in_known(c, v, but, false, w, e);
    if (!rc || (rc != ERR_PERSON && rc != ERR_NOT_FOUND) || !vault_has_paper(v, but))
        return rc;
    err_hint(e, "or by a paper that opens it: --words-fd N");
    if (!ask_possible() || c->args->given[OPT_YES])
        return rc;
    if (vault_has_token(v, but))
        out_error(e);
    if (ask_yes("Open the vault by the 24 words on paper?", NULL, &yes, &quiet) || !yes)
        return rc;
    return way_in_paper(c, v, w, e);
}

static int find_key(struct cli *c, const struct vault *v, struct way_in *w, struct err *e)
{
    AUTO(local_list_freep) struct local_tokens *l = NULL;

    if (session_find_key(v, w->seat.token, &w->want, &w->entry, e))
        return e->code;
    w->who = *recipient_find(v, w->entry.rid);
    if (local_list(c, &l, e))
        return e->code;
    w->is_known = local_find(l, v, &w->who) != NULL;
    use_entry(w);
    return OK;
}

int way_in_login(struct cli *c, const struct vault *v, struct way_in *w, struct err *e)
{
    if (w->is_paper)
        return OK;
    waiting_why("to open the vault");
    if (seat_login(&w->seat, w->entry.pin_file, e))
        return e->code;
    return w->is_known ? OK : find_key(c, v, w, e);
}

int way_in_explain(struct way_in *w, int rc, struct err *e)
{
    struct session asked = {.token = w->seat.token, .entry = w->entry};

    return rc && asked.token ? session_explain(&asked, rc, e) : rc;
}

int way_in_open(struct cli *c, struct vault *v, struct way_in *w, struct err *e)
{
    if (way_in_login(c, v, w, e) || way_in_explain(w, vault_open(v, &w->opener, e), e))
        return e->code;
    return vault_may_write(v, e);
}

void way_in_close(struct way_in *w)
{
    paper_free(&w->paper);
    seat_close(&w->seat);
}
