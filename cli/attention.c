/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as a reason to look, and in which order. */
#include "cli/attention.h"

#include "agent/policy.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/checkup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define SHORT_REASON 100u
#define SHARED_MIN 4u /* so many of a kind share a line */

/* name: scripts look for it. shared: for many keys in one line; NULL where each has its own. */
static const struct kind {
    const char *name, *shared, *todo;
} kinds[URGENT_COUNT] = {
    [URGENT_WITHDRAW] = {"may-withdraw", NULL, NULL},
    [URGENT_TRUST] = {"trust", NULL, NULL},
    [URGENT_DANGER] = {"danger", NULL, NULL},
    [URGENT_UNREADABLE] = {"unreadable", "their records cannot be read", "coffer doctor"},
    [URGENT_REFUSED] = {"refused", NULL, NULL},
    [URGENT_EXPIRED] = {"expired", NULL, NULL},
    [URGENT_UNVERIFIED] = {"unverified", "stored without being tried", "coffer verify"},
    [URGENT_ROTATION] = {"rotation-unfinished", NULL, NULL},
    [URGENT_EXPIRES] = {"expires-soon", NULL, NULL},
    [URGENT_IDLE] = {"deleted-when-idle", NULL, NULL},
    [URGENT_TOKEN] = {"token", NULL, NULL},
    [URGENT_UNTESTED] = {"recipient-untested", NULL, NULL},
    [URGENT_SPARE] = {"no-spare", NULL, NULL},
    [URGENT_NOTES] = {"notes", "this machine's notes of them cannot be read", "coffer verify"},
    [URGENT_NEVER] = {"never-verified", "never verified on this machine", "coffer verify"},
    [URGENT_STALE] = {"not-verified-lately", "not verified lately", "coffer verify"},
    [URGENT_NO_IP_LIST] = {"no-ip-list", "no IP list", "coffer guide EXCHANGE"},
    [URGENT_OLD] = {"old", "old", "coffer rotate NAME"},
    [URGENT_OPEN] = {"review-open", "points of the last review are open", "coffer review NAME"},
    [URGENT_REVIEW] = {"review-due", "review due", "coffer review"},
};

void attention_free(struct attention *a)
{
    wipe_free(a->v);
    *a = (struct attention){.v = NULL};
}

static struct attention_item *new_item(struct attention *a)
{
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 32;
        struct attention_item *v = wipe_realloc(a->v, cap * sizeof(*v));
        if (!v) {
            a->has_failed = true;
            return NULL;
        }
        a->v = v;
        a->cap = cap;
    }
    struct attention_item *item = &a->v[a->n++];
    memset(item, 0, sizeof(*item));
    return item;
}

/* NAME in the pattern becomes the name. */
static void fill_todo(char *out, size_t cap, const char *pattern, const char *name)
{
    const char *at = name[0] ? strstr(pattern, "NAME") : NULL;

    if (at)
        snprintf(out, cap, "%.*s%s%s", (int)(at - pattern), pattern, name, at + 4);
    else
        snprintf(out, cap, "%s", pattern);
}

void attention_add(struct attention *a, enum urgency what, const char *name, const char *todo,
                   const char *fmt, ...)
{
    struct attention_item *item = new_item(a);
    va_list ap;

    if (!item)
        return;
    item->what = what;
    snprintf(item->name, sizeof(item->name), "%s", name);
    fill_todo(item->todo, sizeof(item->todo), todo, name);
    va_start(ap, fmt);
    vsnprintf(item->text, sizeof(item->text), fmt, ap);
    va_end(ap);
}

/* -- the reasons -- */

/* What a note says, or where this machine has none, what was accepted. */
static bool may_withdraw(const struct key_facts *f, const struct risk *r)
{
    if (key_has_problem(f, PROBLEM_WITHDRAW))
        return true;
    enum fact told = f->verify.worked_ms ? fact_by_word(f->verify.withdraw) : FACT_UNKNOWN;
    return told == FACT_YES || (told == FACT_UNKNOWN && r);
}

/* Whoever accepted it may have forgotten, and the next one at this screen never knew. */
static void add_withdrawal(struct attention *a, const struct key_facts *f)
{
    const struct risk *r = risk_of_kind(&f->info, PROBLEM_WITHDRAW);
    char date[DATE_TEXT], reason[SHORT_REASON];

    if (!may_withdraw(f, r))
        return;
    if (!r) {
        attention_add(a, URGENT_WITHDRAW, f->info.name, "coffer rotate NAME",
                      "MAY WITHDRAW: not accepted");
        return;
    }
    date_text(r->date_ms, date);
    text_clean(reason, sizeof(reason), bytes_str(r->reason));
    attention_add(a, URGENT_WITHDRAW, f->info.name, "coffer rotate NAME",
                  "MAY WITHDRAW (accepted %.10s: %s%s)", date, reason,
                  strlen(reason) < strlen(r->reason) ? "..." : "");
}

/* By a note, in which a right that was not accepted is marked where its kind may have been. */
static bool is_accepted(const struct key_facts *f, const char *name, enum problem p)
{
    return !text_ends(bytes_str(name), NOTE_NEW) && risk_is_accepted(&f->info, p);
}

/* One item a key, whatever else there is. */
static void add_bad_rights(struct attention *a, const struct key_facts *f)
{
    char text[200];
    size_t n = 0;

    for (size_t i = 0; i < f->verify.n_problems && i < NOTE_PROBLEMS && n < sizeof(text); i++) {
        const char *name = f->verify.problems[i];
        enum problem p;
        bool is_known = problem_by_name(bytes_str(name), &p);
        if (is_known && (p == PROBLEM_WITHDRAW || problem_weight(p) != WEIGHT_DANGER ||
                         is_accepted(f, name, p)))
            continue;
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
                              is_known ? problem_line(p) : name);
    }
    if (n > 0)
        attention_add(a, URGENT_DANGER, f->info.name, "coffer verify NAME", "%s: not accepted",
                      text);
}

static void add_expiry(struct attention *a, const struct key_facts *f)
{
    char date[DATE_TEXT];

    date_text(f->verify.expires_ms, date);
    if (key_is_expired(f))
        attention_add(a, URGENT_EXPIRED, f->info.name, "coffer rotate NAME", "expired on %.10s",
                      date);
    else if (key_expires_soon(f))
        attention_add(a, URGENT_EXPIRES, f->info.name, "coffer rotate NAME",
                      "expires on %.10s, in %" PRIu64 " d", date,
                      (f->verify.expires_ms - f->now_ms) / DAY_MS);
}

/* The connector knows which keys go away unused; any signed call starts the count anew, also one
 * that this machine has not seen. */
static void add_idle(struct attention *a, const struct key_facts *f)
{
    uint64_t days = days_since(f->now_ms, f->verify.worked_ms);

    if (!key_works(f) || !key_has_problem(f, PROBLEM_DELETED_WHEN_IDLE) || days < IDLE_DAYS / 2)
        return;
    attention_add(a, URGENT_IDLE, f->info.name, "coffer verify NAME",
                  "last seen working %" PRIu64 " d ago; after %u idle days the exchange deletes it",
                  days, IDLE_DAYS);
}

static void add_verified(struct attention *a, const struct key_facts *f)
{
    uint64_t days = days_since(f->now_ms, f->verify.worked_ms);
    char ago[AGO_TEXT];

    ago_text(f->now_ms, f->verify.at_ms, ago);
    if (key_is_refused(f))
        attention_add(a, URGENT_REFUSED, f->info.name, "coffer verify NAME",
                      "refused by the exchange, %s", ago);
    if (!policy_is_verified(&f->info))
        attention_add(a, URGENT_UNVERIFIED, f->info.name, "coffer verify NAME", "%s",
                      f->info.unverified ? "UNVERIFIED: it signs reads only until it is verified"
                                         : "stored without being tried");
    else if (f->has_bad_notes)
        attention_add(a, URGENT_NOTES, f->info.name, "coffer verify NAME",
                      "this machine's notes of it cannot be read");
    else if (f->verify.worked_ms == 0 && !key_is_refused(f))
        attention_add(a, URGENT_NEVER, f->info.name, "coffer verify NAME",
                      f->verify.at_ms ? "never reached the exchange from this machine"
                                      : "never verified on this machine");
    else if (key_works(f) && days > STALE_DAYS)
        attention_add(a, URGENT_STALE, f->info.name, "coffer verify NAME",
                      "not verified for %" PRIu64 " d", days);
}

static void add_open_points(struct attention *a, const struct key_facts *f)
{
    char text[160];
    size_t n = 0;

    for (size_t i = 0; i < f->review.n_open && i < ARRAY_LEN(f->review.open) && n < sizeof(text);
         i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? ", " : "", f->review.open[i]);
    if (n > 0)
        attention_add(a, URGENT_OPEN, f->info.name, "coffer review NAME",
                      "open since the last review: %s", text);
}

void attention_key(struct attention *a, const struct key_facts *f)
{
    const char *name = f->info.name;
    char guide[64], ago[AGO_TEXT], since[AGO_TEXT];

    snprintf(guide, sizeof(guide), "coffer guide %s", f->info.connector);
    add_withdrawal(a, f);
    add_verified(a, f);
    add_expiry(a, f);
    add_bad_rights(a, f);
    if (f->is_retiring)
        attention_add(a, URGENT_ROTATION, name, "coffer rotate NAME --finish",
                      "rotation unfinished %s: the old key may still live",
                      since_text(f->now_ms, f->info.rotated_ms, since));
    add_idle(a, f);
    if (fact_by_word(f->verify.ip_bound) == FACT_NO)
        attention_add(a, URGENT_NO_IP_LIST, name, guide,
                      "no IP list: whoever has the key can use it from anywhere");
    if (key_is_old(f))
        attention_add(a, URGENT_OLD, name, "coffer rotate NAME", "%" PRIu64 " d old",
                      key_age_days(f));
    ago_text(f->now_ms, f->review.at_ms, ago);
    if (review_is_due(f))
        attention_add(a, URGENT_REVIEW, name, "coffer review NAME", "review due (last: %s)", ago);
    else
        add_open_points(a, f);
}

/* -- showing -- */

static void show_json(struct out *o, const struct attention *a)
{
    cJSON *list = json_array(out_json(o), "attention");

    for (unsigned what = 0; what < URGENT_COUNT; what++)
        for (size_t i = 0; i < a->n; i++) {
            if ((unsigned)a->v[i].what != what)
                continue;
            cJSON *j = json_object(list, NULL);
            json_text(j, "what", kinds[what].name);
            json_text(j, "name", a->v[i].name);
            json_text(j, "text", a->v[i].text);
            json_text(j, "command", a->v[i].todo);
        }
}

static void row(struct table *t, const char *name, const char *text, const char *todo)
{
    char first[NAME_MAX_LEN + 3];

    snprintf(first, sizeof(first), "  %s", name);
    table_row(t, (const char *const[]){first, text, todo}, 3);
}

static void shared_row(struct table *t, const struct attention *a, unsigned what, size_t count)
{
    char keys[32], text[240];
    size_t n = (size_t)snprintf(text, sizeof(text), "%s:", kinds[what].shared), shown = 0;

    for (size_t i = 0; i < a->n && n < 64; i++)
        if ((unsigned)a->v[i].what == what) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s", shown ? "," : "",
                                  a->v[i].name);
            shown++;
        }
    if (shown < count)
        snprintf(text + n, sizeof(text) - n, " and %zu more", count - shown);
    snprintf(keys, sizeof(keys), "%zu keys", count);
    row(t, keys, text, kinds[what].todo);
}

static void show_kind(struct table *t, const struct attention *a, unsigned what)
{
    size_t count = 0;

    for (size_t i = 0; i < a->n; i++)
        count += (unsigned)a->v[i].what == what;
    if (count >= SHARED_MIN && kinds[what].shared) {
        shared_row(t, a, what, count);
        return;
    }
    for (size_t i = 0; i < a->n; i++)
        if ((unsigned)a->v[i].what == what)
            row(t, a->v[i].name[0] ? a->v[i].name : "(vault)", a->v[i].text, a->v[i].todo);
}

void attention_show(struct out *o, const struct attention *a)
{
    struct table t = {.n_columns = 0};

    if (a->has_failed)
        out_warn("out of memory: the list of what needs attention is not complete");
    if (o->is_json) {
        show_json(o, a);
        return;
    }
    if (a->n == 0 && !a->has_failed) {
        out_line(o, "Nothing needs attention.");
        return;
    }
    out_line(o, "Needs attention:");
    for (unsigned what = 0; what < URGENT_COUNT; what++)
        show_kind(&t, a, what);
    table_print(o, &t);
    table_free(&t);
}
