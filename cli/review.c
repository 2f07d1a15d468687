/* SPDX-License-Identifier: Apache-2.0 */
/* coffer review: walks the checklist with a person. What a key's review found is noted when all of
 * its questions are answered, so one that was broken off leaves nothing. */
#include "base/ask.h"
#include "base/wipe.h"
#include "cli/cli.h"
#include "cli/review_points.h"

#include <inttypes.h>
#include <stdio.h>

/* What was said of an exchange account, so that it is asked once. */
struct account {
    char name[NAME_MAX_LEN + 1]; /* the key it was said of */
    char connector[33], environment[9], region[17], account[80];
    enum standing stands[POINT_COUNT];
};

struct reviewing {
    struct cli *c;
    struct vault *vault;
    uint64_t now_ms;
    bool asks; /* a person is there, and --json is not */
    cJSON *keys;
    struct account *accounts;
    size_t n_accounts, n_bad, n_asked;
};

static const char need_person[] =
    "answer at a terminal; 'coffer review --json' prints how it stands";

/* -- showing how it stands -- */

static const char *mark(enum standing s)
{
    return s == STANDS_WELL ? "ok   " : s == STANDS_OPEN ? "OPEN " : "?    ";
}

static void last_text(const struct key_facts *f, enum review_point p, char out[WHY_TEXT])
{
    static const char *const said[] = {"", "not in order", "in order"};
    char ago[AGO_TEXT];

    ago_text(f->now_ms, f->review.at_ms, ago);
    if (f->review.at_ms == 0)
        snprintf(out, WHY_TEXT, "not asked yet");
    else
        snprintf(out, WHY_TEXT, "%s when last asked, %s", said[point_last(f, p)], ago);
}

static void show_point(struct reviewing *r, const struct key_facts *f, enum review_point p,
                       cJSON *list)
{
    char why[WHY_TEXT], last[WHY_TEXT];
    enum standing known = point_known(f, p, why);

    last_text(f, p, last);
    if (known == STANDS_UNKNOWN && why[0] && f->review.at_ms)
        snprintf(why, sizeof(why), "%.380s", last);
    else if (!why[0])
        snprintf(why, sizeof(why), "%.380s", last);
    out_line(&r->c->out, "  %s %s: %s", mark(known), review_points[p].line, why);
    if (!list)
        return;
    cJSON *j = json_object(list, NULL);
    json_text(j, "name", review_points[p].name);
    json_text(j, "state", standing_name(known));
    if (f->review.at_ms)
        json_text(j, "last", standing_name(point_last(f, p)));
    else
        cJSON_AddNullToObject(j, "last");
    json_text(j, "text", why);
    json_text(j, "question", review_points[p].question);
}

static void show_key(struct reviewing *r, const struct key_facts *f)
{
    cJSON *j = r->keys ? json_object(r->keys, NULL) : NULL;
    char ago[AGO_TEXT];

    ago_text(f->now_ms, f->review.at_ms, ago);
    out_line(&r->c->out, "%s (%s, %s), last review: %s", f->info.name, f->info.connector,
             f->info.environment, ago);
    json_text(j, "name", f->info.name);
    json_text(j, "connector", f->info.connector);
    json_number(j, "at_ms", f->review.at_ms);
    json_bool_member(j, "is_due", review_is_due(f));
    cJSON *list = j ? json_array(j, "points") : NULL;
    for (unsigned p = 0; p < POINT_COUNT; p++)
        show_point(r, f, (enum review_point)p, list);
}

/* -- asking -- */

static bool is_same_site(const struct account *a, const struct record_info *i)
{
    return strcmp(a->connector, i->connector) == 0 && strcmp(a->environment, i->environment) == 0 &&
           strcmp(a->region, i->region) == 0;
}

/* The answers of an earlier key, when both are of one account; NULL otherwise. */
static int find_account(struct reviewing *r, const struct key_facts *f, const struct account **out,
                        struct err *e)
{
    char prompt[320];

    *out = NULL;
    for (size_t i = r->n_accounts; i-- > 0;) {
        const struct account *a = &r->accounts[i];
        bool is_same = false;
        if (!is_same_site(a, &f->info))
            continue;
        if (a->account[0] && f->verify.account[0])
            is_same = strcmp(a->account, f->verify.account) == 0;
        else {
            snprintf(prompt, sizeof(prompt), "  Does it belong to the same account as '%s'?",
                     a->name);
            if (ask_yes(prompt, need_person, &is_same, e))
                return e->code;
        }
        if (!is_same)
            continue;
        *out = a;
        return OK;
    }
    return OK;
}

static void keep_account(struct reviewing *r, const struct key_facts *f,
                         const enum standing stands[POINT_COUNT])
{
    struct account *a = &r->accounts[r->n_accounts++];

    snprintf(a->name, sizeof(a->name), "%s", f->info.name);
    snprintf(a->connector, sizeof(a->connector), "%s", f->info.connector);
    snprintf(a->environment, sizeof(a->environment), "%s", f->info.environment);
    snprintf(a->region, sizeof(a->region), "%s", f->info.region);
    snprintf(a->account, sizeof(a->account), "%s", f->verify.account);
    memcpy(a->stands, stands, sizeof(a->stands));
}

static void advise(struct reviewing *r, const struct key_facts *f, enum review_point p)
{
    const char *text = point_advice(f, p), *at = strstr(text, "NAME");

    if (at)
        out_line(&r->c->out, "        %.*s%s%s", (int)(at - text), text, f->info.name, at + 4);
    else
        out_line(&r->c->out, "        %s", text);
}

static int ask_point(struct reviewing *r, const struct key_facts *f, const struct account *same,
                     enum review_point p, enum standing *out, struct err *e)
{
    const struct point_text *t = &review_points[p];
    char why[WHY_TEXT], prompt[WHY_TEXT + 160];
    bool yes = false;

    *out = point_known(f, p, why);
    if (*out == STANDS_UNKNOWN && same && t->is_of_account) {
        *out = same->stands[p];
        snprintf(why, sizeof(why), "as with '%s'", same->name);
    } else if (*out == STANDS_UNKNOWN) {
        snprintf(prompt, sizeof(prompt), "  %s%s%s%s", t->question, why[0] ? " (" : "", why,
                 why[0] ? ")" : "");
        if (ask_yes(prompt, need_person, &yes, e))
            return e->code;
        *out = yes ? STANDS_WELL : STANDS_OPEN;
        why[0] = 0;
    }
    if (why[0])
        out_line(&r->c->out, "  %s %s: %s", mark(*out), t->line, why);
    if (*out == STANDS_OPEN)
        advise(r, f, p);
    return OK;
}

static int note(struct reviewing *r, const struct key_facts *f,
                const enum standing stands[POINT_COUNT], struct err *e)
{
    struct review_note n = {.at_ms = r->now_ms};

    for (unsigned p = 0; p < POINT_COUNT; p++)
        if (stands[p] == STANDS_OPEN)
            snprintf(n.open[n.n_open++], sizeof(n.open[0]), "%s", review_points[p].name);
    if (notes_write(&r->c->where, f->info.vault_id, f->info.rec_id, NULL, &n, e))
        return err_wrap(e, "note the review of '%s'", f->info.name);
    out_line(&r->c->out, "  noted: %zu of %u points open", n.n_open, (unsigned)POINT_COUNT);
    return OK;
}

static int ask_key(struct reviewing *r, const struct key_facts *f, struct err *e)
{
    enum standing stands[POINT_COUNT];
    const struct account *same;

    out_line(&r->c->out, "%s (%s, %s)", f->info.name, f->info.connector, f->info.environment);
    if (find_account(r, f, &same, e))
        return e->code;
    for (unsigned p = 0; p < POINT_COUNT; p++) {
        if (ask_point(r, f, same, (enum review_point)p, &stands[p], e))
            return e->code;
    }
    if (note(r, f, stands, e))
        return e->code;
    keep_account(r, f, stands);
    r->n_asked++;
    return OK;
}

static int review_key(struct reviewing *r, const struct key_facts *f, struct err *e)
{
    if (r->asks)
        return ask_key(r, f, e);
    show_key(r, f);
    return OK;
}

static int review_one(struct reviewing *r, const char *name, struct err *e)
{
    struct key_facts f;

    if (key_facts_read(r->c, r->vault, name, r->now_ms, &f, e))
        return e->code;
    int rc = review_key(r, &f, e);
    key_facts_free(&f);
    return rc;
}

/* One that cannot be read does not keep the others from being reviewed. */
static void skip_key(struct reviewing *r, const char *name, const struct err *e)
{
    r->n_bad++;
    out_warn("'%s': %s", name, e->msg);
    if (!r->keys)
        return;
    cJSON *j = json_object(r->keys, NULL);
    json_text(j, "name", name);
    json_text(j, "error", e->msg);
}

static int review_all(struct reviewing *r, struct err *e)
{
    char name[NAME_MAX_LEN + 1];
    struct key_facts f;
    int rc = OK;

    for (size_t i = 0; !rc && vault_name(r->vault, i, name); i++) {
        if (key_facts_read(r->c, r->vault, name, r->now_ms, &f, e)) {
            skip_key(r, name, e);
            continue;
        }
        rc = review_key(r, &f, e);
        key_facts_free(&f);
    }
    if (vault_count(r->vault) == 0)
        out_line(&r->c->out, "no keys yet");
    return rc;
}

static int no_person(struct reviewing *r, struct err *e)
{
    if (r->asks || r->c->out.is_json || vault_count(r->vault) == 0)
        return OK;
    err_set(e, ERR_PERSON, "no terminal to ask: a person answers what coffer cannot know");
    return err_hint(e, "%s", need_person);
}

static int review(struct reviewing *r, struct err *e)
{
    struct cli *c = r->c;
    uint64_t now_us;

    if (vault_load(&c->where, c->env, &r->vault, e) || c->env->now_us(c->env, &now_us, e))
        return e->code;
    r->now_ms = now_us / 1000;
    r->asks = !c->out.is_json && ask_possible();
    r->accounts = wipe_malloc((vault_count(r->vault) + 1) * sizeof(*r->accounts));
    if (!r->accounts)
        return err_set(e, ERR_MEMORY, "no memory for the review");
    if (c->out.is_json) {
        json_bool_member(out_json(&c->out), "authenticated", false);
        r->keys = json_array(out_json(&c->out), "keys");
    }
    int rc = c->args->n_words ? review_one(r, c->args->words[0], e) : review_all(r, e);
    if (rc)
        return rc;
    if (no_person(r, e))
        return e->code;
    if (r->n_bad > 0)
        c->status = 1;
    if (r->n_asked > 0)
        out_note(&c->out, "'coffer status' shows when the next review is due: in %u days.",
                 REVIEW_DAYS);
    return OK;
}

int run_review(struct cli *c, struct err *e)
{
    struct reviewing r = {.c = c};

    if (c->args->n_words && record_check_name(c->args->words[0], e))
        return e->code;
    int rc = review(&r, e);
    wipe_free(r.accounts);
    vault_freep(&r.vault);
    return rc;
}
