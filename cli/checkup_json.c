/* SPDX-License-Identifier: Apache-2.0 */
/* A checkup as JSON, and what of it is noted on this machine. Nothing is decided here. */
#include "cli/checkup.h"

#include "cli/key_facts.h"
#include "connectors/connector.h"

#include <stdio.h>

static void json_optional(cJSON *o, const char *name, bool is_known, uint64_t v)
{
    if (is_known)
        json_number(o, name, v);
    else
        cJSON_AddNullToObject(o, name);
}

static void json_problems(cJSON *o, const struct record_info *info, const struct verdict *v)
{
    static const char *const weights[] = {"note", "warn", "danger"};
    cJSON *list = json_array(o, "problems");

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        const struct finding *f = &v->findings[i];
        const struct risk *r = risk_of_finding(info, f);
        cJSON *j = json_object(list, NULL);
        json_text(j, "problem", problem_name(f->problem));
        json_text(j, "weight", weights[problem_weight(f->problem)]);
        json_text(j, "text", f->text[0] ? f->text : problem_line(f->problem));
        json_text(j, "todo", f->todo);
        json_bool_member(j, "accepted", r != NULL);
        if (r)
            json_text(j, "reason", r->reason);
    }
}

static void json_failure(cJSON *o, const struct checkup *k)
{
    const struct failure *f = &k->failure;

    if (k->reach == REACH_WORKS && f->kind == FAILURE_NONE) {
        cJSON_AddNullToObject(o, "failure");
        return;
    }
    bool is_told = f->kind != FAILURE_NONE;
    cJSON *j = json_object(o, "failure");
    json_text(j, "kind", is_told ? failure_name(f->kind) : "not_reached");
    json_text(j, "code", f->code);
    json_text(j, "message", is_told && f->message[0] ? f->message : k->not_reached.msg);
    json_optional(j, "retry_after_s", f->retry_after_s > 0, f->retry_after_s);
    cJSON *list = json_array(j, "causes");
    for (size_t i = 0; i < f->n_causes && i < CAUSES_MAX; i++) {
        cJSON *one = json_object(list, NULL);
        json_text(one, "what", f->causes[i].what);
        json_text(one, "tell", f->causes[i].tell ? f->causes[i].tell : "");
    }
}

static void json_skew(cJSON *o, const struct checkup *k)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)k->skew_ms);
    if (k->has_skew)
        cJSON_AddRawToObject(o, "skew_ms", text);
    else
        cJSON_AddNullToObject(o, "skew_ms");
    json_optional(o, "skew_error_ms", k->has_skew, k->skew_error_ms);
}

void checkup_json(cJSON *o, const struct record_info *info, const struct checkup *k)
{
    const struct verdict *v = &k->verdict;
    static const enum fact works[] = {
        [REACH_WORKS] = FACT_YES, [REACH_REFUSED] = FACT_NO, [REACH_NOT] = FACT_UNKNOWN};

    json_text(o, "name", info->name);
    json_fact(o, "works", checkup_is_late(k) ? FACT_UNKNOWN : works[k->reach]);
    json_optional(o, "latency_ms", k->latency_ms > 0, k->latency_ms);
    json_skew(o, k);
    json_fact(o, "read", v->read);
    json_fact(o, "trade_spot", v->trade_spot);
    json_fact(o, "trade_futures", v->trade_futures);
    json_fact(o, "withdraw", v->withdraw);
    json_fact(o, "transfer", v->transfer);
    json_fact(o, "ip_allow_list", v->ip_bound);
    json_text(o, "ips", v->ips);
    json_optional(o, "created_ms", v->created_ms > 0, v->created_ms);
    json_fact(o, "expires", v->expires_ms ? FACT_YES : v->expires);
    json_optional(o, "expires_ms", v->expires_ms > 0, v->expires_ms);
    json_problems(o, info, v);
    json_failure(o, k);
}

static void note_fact(char out[8], enum fact f)
{
    snprintf(out, 8, "%s", fact_name(f));
}

/* There is no room for the words of an unknown right: what of them is not accepted is marked. */
static void note_problem(const struct record_info *info, const struct finding *f, char out[32])
{
    bool is_new = f->problem == PROBLEM_UNKNOWN_RIGHT && !risk_of_finding(info, f);

    snprintf(out, 32, "%s%s", problem_name(f->problem), is_new ? NOTE_NEW : "");
}

/* What was found by an earlier try stays when this one found nothing. */
static void note_verdict(struct verify_note *n, const struct record_info *info,
                         const struct checkup *k)
{
    const struct verdict *v = &k->verdict;

    n->expires_ms = v->expires_ms;
    n->exchange_created_ms = v->created_ms;
    note_fact(n->expires, v->expires_ms ? FACT_YES : v->expires);
    note_fact(n->ip_bound, v->ip_bound);
    note_fact(n->withdraw, v->withdraw);
    note_fact(n->transfer, v->transfer);
    if (v->account[0])
        snprintf(n->account, sizeof(n->account), "%s", v->account);
    n->n_problems = 0;
    for (size_t i = 0; i < v->n_findings && i < NOTE_PROBLEMS; i++)
        note_problem(info, &v->findings[i], n->problems[n->n_problems++]);
}

void checkup_note(const struct cli *c, const struct record_info *info, const struct checkup *k,
                  uint64_t now_ms)
{
    static const char *const works[] = {
        [REACH_WORKS] = "yes", [REACH_REFUSED] = "refused", [REACH_NOT] = "unreached"};
    struct verify_note n;
    struct err e;

    if (notes_read(&c->where, info->vault_id, info->rec_id, &n, NULL, NULL, &e))
        memset(&n, 0, sizeof(n));
    /* Of the same key all stays that is not found anew: its account above all. */
    if (!note_is_about(&n, info))
        memset(&n, 0, sizeof(n));
    n.at_ms = now_ms;
    n.version = info->version;
    /* refused for this machine's clock says nothing about the key */
    snprintf(n.works, sizeof(n.works), "%s",
             checkup_is_late(k) ? works[REACH_NOT] : works[k->reach]);
    if (k->reach == REACH_WORKS) {
        n.worked_ms = now_ms;
        note_verdict(&n, info, k);
    }
    if (notes_write(&c->where, info->vault_id, info->rec_id, &n, NULL, &e) && !c->out.is_quiet)
        out_warn("what was found is not kept for 'coffer status': %s", e.msg);
}
