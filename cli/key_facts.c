/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is known of a key, and the few judgements that status and review share. */
#include "cli/key_facts.h"

#include <inttypes.h>
#include <stdio.h>

/* A later version of the record has another credential when it was rotated since; an earlier one (a
 * backup put back) may have any. */
bool note_is_about(const struct verify_note *n, const struct record_info *r)
{
    if (n->version == r->version)
        return true;
    return n->version < r->version && (r->rotated_ms == 0 || r->rotated_ms <= n->at_ms);
}

static int read_notes(const struct cli *c, struct key_facts *f, struct err *e)
{
    if (notes_read(&c->where, f->info.vault_id, f->info.rec_id, &f->verify, &f->review,
                   &f->has_bad_notes, e))
        return e->code;
    if (!note_is_about(&f->verify, &f->info))
        f->verify = (struct verify_note){.at_ms = 0};
    return OK;
}

int key_facts_read(const struct cli *c, struct vault *v, const char *name, uint64_t now_ms,
                   struct key_facts *f, struct err *e)
{
    *f = (struct key_facts){.now_ms = now_ms};
    record_info_init(&f->info);
    if (vault_peek(v, name, &f->info, e) || vault_is_retiring(v, name, &f->is_retiring, e)) {
        key_facts_free(f);
        return e->code;
    }
    if (read_notes(c, f, e)) /* status has more to say than that a directory cannot be read */
        f->has_bad_notes = true;
    return OK;
}

void key_facts_free(struct key_facts *f)
{
    record_info_free(&f->info);
}

uint64_t days_since(uint64_t now_ms, uint64_t then_ms)
{
    return now_ms > then_ms ? (now_ms - then_ms) / DAY_MS : 0;
}

uint64_t key_age_days(const struct key_facts *f)
{
    return days_since(f->now_ms, f->info.rotated_ms ? f->info.rotated_ms : f->info.created_ms);
}

bool key_is_old(const struct key_facts *f)
{
    return key_age_days(f) >= OLD_DAYS;
}

bool key_is_refused(const struct key_facts *f)
{
    return f->verify.at_ms && strcmp(f->verify.works, "refused") == 0;
}

bool key_works(const struct key_facts *f)
{
    return f->verify.worked_ms && !key_is_refused(f);
}

bool key_is_expired(const struct key_facts *f)
{
    return f->verify.expires_ms && f->verify.expires_ms <= f->now_ms;
}

bool key_expires_soon(const struct key_facts *f)
{
    return f->verify.expires_ms > f->now_ms &&
           f->verify.expires_ms - f->now_ms <= SOON_DAYS * DAY_MS;
}

bool key_has_problem(const struct key_facts *f, enum problem p)
{
    for (size_t i = 0; i < f->verify.n_problems && i < NOTE_PROBLEMS; i++)
        if (strcmp(f->verify.problems[i], problem_name(p)) == 0)
            return true;
    return false;
}

/* Nobody reviews a key in the minute in which it was added. */
bool review_is_due(const struct key_facts *f)
{
    if (f->review.at_ms == 0)
        return days_since(f->now_ms, f->info.created_ms) > 0;
    return days_since(f->now_ms, f->review.at_ms) > REVIEW_DAYS;
}

enum fact fact_by_word(const char *word)
{
    if (strcmp(word, fact_name(FACT_YES)) == 0)
        return FACT_YES;
    return strcmp(word, fact_name(FACT_NO)) == 0 ? FACT_NO : FACT_UNKNOWN;
}

void json_fact(cJSON *to, const char *name, enum fact v)
{
    if (v == FACT_UNKNOWN)
        cJSON_AddNullToObject(to, name);
    else
        json_bool_member(to, name, v == FACT_YES);
}

const char *since_text(uint64_t now_ms, uint64_t then_ms, char out[AGO_TEXT])
{
    uint64_t days = days_since(now_ms, then_ms);

    if (days == 0)
        snprintf(out, AGO_TEXT, "since today");
    else
        snprintf(out, AGO_TEXT, "for %" PRIu64 " d", days);
    return out;
}

void ago_text(uint64_t now_ms, uint64_t then_ms, char out[AGO_TEXT])
{
    uint64_t ms = now_ms > then_ms ? now_ms - then_ms : 0;

    if (then_ms == 0)
        snprintf(out, AGO_TEXT, "never");
    else if (ms >= DAY_MS)
        snprintf(out, AGO_TEXT, "%" PRIu64 " d ago", ms / DAY_MS);
    else if (ms >= 3600000)
        snprintf(out, AGO_TEXT, "%" PRIu64 " h ago", ms / 3600000);
    else if (ms >= 60000)
        snprintf(out, AGO_TEXT, "%" PRIu64 " min ago", ms / 60000);
    else
        snprintf(out, AGO_TEXT, "just now");
}
