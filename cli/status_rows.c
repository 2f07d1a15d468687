/* SPDX-License-Identifier: Apache-2.0 */
/* One key in the table of `coffer status`, and in its JSON. What is due carries a "!". */
#include "cli/status.h"

#include "agent/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define CELL 160u

void status_head(struct status_rows *s)
{
    static const char *const head[] = {"NAME",     "EXCHANGE", "ENV",     "CUSTODY", "AGE",
                                       "VERIFIED", "EXPIRES",  "IP LIST", "REVIEW",  "NOTES"};

    table_row(&s->table, head, ARRAY_LEN(head));
}

static void PRINTF(2, 3) add_note(char out[CELL], const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list ap;

    if (n > 0 && n + 3 < CELL) {
        memcpy(out + n, ", ", 3);
        n += 2;
    }
    va_start(ap, fmt);
    vsnprintf(out + n, CELL - n, fmt, ap);
    va_end(ap);
}

static void notes_text(const struct key_facts *f, char out[CELL])
{
    const struct record_info *r = &f->info;
    char since[AGO_TEXT];

    out[0] = 0;
    if (r->unverified)
        add_note(out, "UNVERIFIED");
    for (size_t i = 0; i < r->n_risks; i++)
        add_note(out, "accepted: %.*s", (int)strcspn(r->risks[i].problem, ":"),
                 r->risks[i].problem);
    if (r->classes[0])
        add_note(out, "opens %s", r->classes);
    if (f->is_retiring)
        add_note(out, "rotation unfinished %s", since_text(f->now_ms, r->rotated_ms, since));
    if (r->connect_to[0])
        add_note(out, "connects to %s", r->connect_to);
    if (r->ca.n > 0)
        add_note(out, "own CA");
    if (f->has_bad_notes)
        add_note(out, "notes cannot be read");
}

static void verified_text(const struct key_facts *f, char out[CELL])
{
    const struct verify_note *n = &f->verify;
    char tried[AGO_TEXT], worked[AGO_TEXT];

    ago_text(f->now_ms, n->at_ms, tried);
    ago_text(f->now_ms, n->worked_ms, worked);
    if (n->at_ms == 0)
        snprintf(out, CELL, "never !");
    else if (strcmp(n->works, "yes") == 0)
        snprintf(out, CELL, "%s: works%s", tried,
                 days_since(f->now_ms, n->at_ms) > STALE_DAYS ? " !" : "");
    else if (key_is_refused(f))
        snprintf(out, CELL, "%s: refused !", tried);
    else if (n->worked_ms)
        snprintf(out, CELL, "%s: not reached (worked %s)", tried, worked);
    else
        snprintf(out, CELL, "%s: not reached !", tried);
}

static void expires_text(const struct key_facts *f, char out[CELL])
{
    char date[DATE_TEXT];

    date_text(f->verify.expires_ms, date);
    if (f->verify.expires_ms == 0)
        snprintf(out, CELL, "%s", fact_by_word(f->verify.expires) == FACT_NO ? "no" : "unknown");
    else if (key_is_expired(f))
        snprintf(out, CELL, "%.10s EXPIRED !", date);
    else
        snprintf(out, CELL, "%.10s%s", date, key_expires_soon(f) ? " !" : "");
}

static void review_text(const struct key_facts *f, char out[CELL])
{
    char ago[AGO_TEXT];

    ago_text(f->now_ms, f->review.at_ms, ago);
    int n = snprintf(out, CELL, "%s", ago);
    if (f->review.n_open > 0)
        n += snprintf(out + n, CELL - (size_t)n, ", %zu open", f->review.n_open);
    if (review_is_due(f))
        snprintf(out + n, CELL - (size_t)n, " !");
}

static void row_text(struct status_rows *s, const struct key_facts *f)
{
    static const char *const ip[] = {"unknown", "no !", "yes"}; /* by enum fact */
    const struct record_info *r = &f->info;
    char env[40], custody[40], age[32], verified[CELL], expires[CELL], review[CELL], notes[CELL];

    snprintf(env, sizeof(env), "%s%s%s", r->environment, r->region[0] ? "/" : "", r->region);
    snprintf(custody, sizeof(custody), "%s%s", custody_name(r->custody),
             s->has_software ? " (software)" : "");
    snprintf(age, sizeof(age), "%" PRIu64 " d%s", key_age_days(f), key_is_old(f) ? " !" : "");
    verified_text(f, verified);
    expires_text(f, expires);
    review_text(f, review);
    notes_text(f, notes);
    const char *cells[] = {r->name, r->connector, env,     custody,
                           age,     verified,     expires, ip[fact_by_word(f->verify.ip_bound)],
                           review,  notes};
    table_row(&s->table, cells, ARRAY_LEN(cells));
}

static void verified_json(cJSON *j, const struct verify_note *n)
{
    if (n->at_ms == 0) {
        cJSON_AddNullToObject(j, "verified");
        return;
    }
    cJSON *v = json_object(j, "verified");
    json_number(v, "at_ms", n->at_ms);
    json_text(v, "works", n->works);
    json_number(v, "worked_ms", n->worked_ms);
    json_fact(v, "withdraw", fact_by_word(n->withdraw));
    json_fact(v, "transfer", fact_by_word(n->transfer));
    json_fact(v, "ip_allow_list", fact_by_word(n->ip_bound));
    json_fact(v, "expires", n->expires_ms ? FACT_YES : fact_by_word(n->expires));
    json_number(v, "expires_ms", n->expires_ms);
    json_number(v, "created_ms", n->exchange_created_ms);
    json_text(v, "account", n->account);
    cJSON *list = json_array(v, "problems");
    for (size_t i = 0; i < n->n_problems && i < NOTE_PROBLEMS; i++)
        json_list_text(list, n->problems[i]);
}

static void review_json(cJSON *j, const struct key_facts *f)
{
    cJSON *v = json_object(j, "review");

    json_number(v, "at_ms", f->review.at_ms);
    json_bool_member(v, "is_due", review_is_due(f));
    cJSON *list = json_array(v, "open");
    for (size_t i = 0; i < f->review.n_open && i < ARRAY_LEN(f->review.open); i++)
        json_list_text(list, f->review.open[i]);
}

static void risks_json(cJSON *j, const struct record_info *r)
{
    cJSON *list = json_array(j, "risks");

    for (size_t i = 0; i < r->n_risks; i++) {
        cJSON *one = json_object(list, NULL);
        json_text(one, "problem", r->risks[i].problem);
        json_text(one, "reason", r->risks[i].reason);
        json_number(one, "date_ms", r->risks[i].date_ms);
    }
}

static void row_json(struct status_rows *s, const struct key_facts *f)
{
    const struct record_info *r = &f->info;
    cJSON *j = json_object(s->keys, NULL);

    json_text(j, "name", r->name);
    json_text(j, "connector", r->connector);
    json_text(j, "environment", r->environment);
    json_text(j, "region", r->region);
    json_text(j, "custody", custody_name(r->custody));
    json_bool_member(j, "software_token", s->has_software);
    json_text(j, "key", r->key_mask);
    json_number(j, "age_days", key_age_days(f));
    json_bool_member(j, "is_verified", policy_is_verified(r));
    verified_json(j, &f->verify);
    json_bool_member(j, "has_bad_notes", f->has_bad_notes);
    review_json(j, f);
    risks_json(j, r);
    json_text(j, "allow", r->classes);
    json_text(j, "connect_to", r->connect_to);
    json_bool_member(j, "own_ca", r->ca.n > 0);
    if (f->is_retiring)
        json_number(j, "rotation_unfinished_days", days_since(f->now_ms, r->rotated_ms));
    else
        cJSON_AddNullToObject(j, "rotation_unfinished_days");
}

static void risk_rows(struct status_rows *s, const struct record_info *r)
{
    char date[DATE_TEXT], name[NAME_MAX_LEN + 3];

    for (size_t i = 0; i < r->n_risks; i++) {
        date_text(r->risks[i].date_ms, date);
        date[10] = 0;
        snprintf(name, sizeof(name), "  %s", r->name);
        table_row(&s->risks,
                  (const char *const[]){name, date, r->risks[i].reason, r->risks[i].problem}, 4);
    }
}

void status_row(struct status_rows *s, const struct key_facts *f)
{
    if (s->keys) {
        row_json(s, f);
        return;
    }
    row_text(s, f);
    risk_rows(s, &f->info);
}

void status_bad_row(struct status_rows *s, const char *name, const struct err *e)
{
    if (s->keys) {
        cJSON *j = json_object(s->keys, NULL);
        json_text(j, "name", name);
        json_text(j, "error", e->msg);
        return;
    }
    const char *cells[] = {name, "-", "-", "-", "-", "-", "-", "-", "-", e->msg};
    table_row(&s->table, cells, ARRAY_LEN(cells));
}
