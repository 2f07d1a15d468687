/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a checkup against what the owner has accepted, and its forms other than the table: JSON,
 * an error, a note for later. The table is checkup_text.c's. */
#include "cli/checkup.h"

#include "base/text.h"
#include "connectors/connector.h"

#include <stdio.h>

static bool has_risk(const struct record_info *info, enum problem p)
{
    for (size_t i = 0; i < info->n_risks; i++)
        if (strcmp(info->risks[i].problem, problem_name(p)) == 0)
            return true;
    return false;
}

/* Who accepts that a key can do something accepts too that nobody can tell. */
bool risk_is_accepted(const struct record_info *info, enum problem p)
{
    if (has_risk(info, p))
        return true;
    if (p == PROBLEM_WITHDRAW_UNKNOWN)
        return has_risk(info, PROBLEM_WITHDRAW);
    return p == PROBLEM_TRANSFER_UNKNOWN && has_risk(info, PROBLEM_TRANSFER);
}

size_t dangers_open(const struct record_info *info, const struct verdict *v,
                    enum problem out[FINDINGS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        enum problem p = v->findings[i].problem;
        if (problem_weight(p) != WEIGHT_DANGER || risk_is_accepted(info, p))
            continue;
        if (out)
            out[n] = p;
        n++;
    }
    return n;
}

int dangers_accept(struct record_info *info, const struct verdict *v, const char *reason,
                   uint64_t now_ms, struct err *e)
{
    enum problem list[FINDINGS_MAX];
    size_t n = dangers_open(info, v, list);

    if (info->n_risks + n > RISKS_MAX) {
        err_set(e, ERR_LIMIT, "'%s' would have more than %u accepted risks", info->name, RISKS_MAX);
        return err_hint(e, "take the rights away at the exchange instead");
    }
    for (size_t i = 0; i < n; i++) {
        struct risk *r = &info->risks[info->n_risks++];
        memset(r, 0, sizeof(*r));
        snprintf(r->problem, sizeof(r->problem), "%s", problem_name(list[i]));
        snprintf(r->reason, sizeof(r->reason), "%s", reason);
        r->date_ms = now_ms;
    }
    return OK;
}

int accept_reason(const struct args *a, char out[256], struct err *e)
{
    out[0] = 0;
    if (!a->given[OPT_ACCEPT_RISK])
        return OK;
    struct bytes reason = text_trim(bytes_str(a->value[OPT_ACCEPT_RISK]));
    if (reason.n == 0 || !text_is_utf8(reason) || !text_copy(out, 256, reason))
        return err_set(e, ERR_USAGE, "--accept-risk: the reason is 1 to 255 bytes of text");
    return OK;
}

static const char *where_off(const struct connector *k, enum problem p)
{
    if (!k->checks)
        return NULL;
    if (p == PROBLEM_WITHDRAW || p == PROBLEM_WITHDRAW_UNKNOWN)
        return k->checks->no_withdraw;
    if (p == PROBLEM_TRANSFER || p == PROBLEM_TRANSFER_UNKNOWN)
        return k->checks->no_transfer;
    return NULL;
}

/* What to do about some problems, each advice once. */
struct advice {
    const char *list[2];
    size_t n;
};

static void advise(struct advice *a, const char *text)
{
    if (!text || !text[0] || a->n == ARRAY_LEN(a->list))
        return;
    if (a->n == 0 || strcmp(a->list[0], text) != 0)
        a->list[a->n++] = text;
}

static int refuse(const char *name, const struct connector *k, const char *what,
                  const struct advice *a, struct err *e)
{
    err_set(e, ERR_POLICY, "the key for '%s' is refused: it %s", name, what);
    for (size_t i = 0; i < a->n; i++)
        err_hint(e, "%s", a->list[i]);
    if (a->n == 0)
        err_hint(e, "what to tick and what not: coffer guide %s", k->name);
    return err_hint(e, "only if it must be so: --accept-risk REASON; the reason is kept with the "
                       "key and shown with it");
}

static void add_clause(char *out, size_t cap, const char *line, const char *text)
{
    size_t n = strlen(out);

    snprintf(out + n, cap - n, "%s%s%s%s%s", n ? "; it " : "", line, text[0] ? " (" : "", text,
             text[0] ? ")" : "");
}

int dangers_refuse(const char *name, const struct connector *k, const enum problem *list, size_t n,
                   struct err *e)
{
    char what[480] = "";
    struct advice a = {.n = 0};

    for (size_t i = 0; i < n; i++) {
        add_clause(what, sizeof(what), problem_line(list[i]), "");
        advise(&a, where_off(k, list[i]));
    }
    return refuse(name, k, what, &a, e);
}

int verdict_refuse(const struct record_info *info, const struct connector *k,
                   const struct verdict *v, struct err *e)
{
    char what[480] = "";
    struct advice a = {.n = 0};

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        const struct finding *f = &v->findings[i];
        if (problem_weight(f->problem) != WEIGHT_DANGER || risk_is_accepted(info, f->problem))
            continue;
        add_clause(what, sizeof(what), problem_line(f->problem), f->text);
        advise(&a, f->todo[0] ? f->todo : where_off(k, f->problem));
    }
    return refuse(info->name, k, what, &a, e);
}

void failure_words(const struct failure *f, char out[FAILURE_WORDS])
{
    size_t n;

    snprintf(out, FAILURE_WORDS, "%s%s%s", f->code, f->code[0] && f->message[0] ? " " : "",
             f->message);
    for (n = strlen(out); n > 0 && (out[n - 1] == '.' || out[n - 1] == ' '); n--)
        out[n - 1] = 0;
    if (n == 0)
        snprintf(out, FAILURE_WORDS, "no reason is given");
}

static int refused_error(const char *name, const struct connector *k, const struct failure *f,
                         struct err *e)
{
    char words[FAILURE_WORDS];

    failure_words(f, words);
    err_set(e, ERR_EXCHANGE, "%s refuses the key for '%s': %s", k->title, name, words);
    for (size_t i = 0; i < f->n_causes && i < CAUSES_MAX; i++)
        err_hint(e, "%s%s%s", f->causes[i].what, f->causes[i].tell ? ": " : "",
                 f->causes[i].tell ? f->causes[i].tell : "");
    if (f->retry_after_s)
        err_hint(e, "it says when to try again: in %llu seconds",
                 (unsigned long long)f->retry_after_s);
    return e->code;
}

int checkup_error(const char *name, const struct connector *k, const struct checkup *u,
                  struct err *e)
{
    if (u->reach == REACH_REFUSED)
        return refused_error(name, k, &u->failure, e);
    if (u->not_reached.code)
        *e = u->not_reached;
    else
        err_set(e, ERR_FAILED, "%s gave no answer that tells anything about the key", k->title);
    /* Only policy has a say of its own; all else is the way to the exchange. */
    if (e->code != ERR_POLICY)
        e->code = ERR_FAILED;
    return err_wrap(e, "try the key for '%s'", name);
}

static void json_fact(cJSON *o, const char *name, enum fact f)
{
    if (f == FACT_UNKNOWN)
        cJSON_AddNullToObject(o, name);
    else
        json_bool_member(o, name, f == FACT_YES);
}

static void json_optional(cJSON *o, const char *name, bool is_known, uint64_t v)
{
    if (is_known)
        json_number(o, name, v);
    else
        cJSON_AddNullToObject(o, name);
}

static const struct risk *risk_of(const struct record_info *info, enum problem p)
{
    for (size_t i = 0; i < info->n_risks; i++)
        if (strcmp(info->risks[i].problem, problem_name(p)) == 0)
            return &info->risks[i];
    return NULL;
}

static void json_problems(cJSON *o, const struct record_info *info, const struct verdict *v)
{
    static const char *const weights[] = {"note", "warn", "danger"};
    cJSON *list = json_array(o, "problems");

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        const struct finding *f = &v->findings[i];
        const struct risk *r = risk_of(info, f->problem);
        cJSON *j = json_object(list, NULL);
        json_text(j, "problem", problem_name(f->problem));
        json_text(j, "weight", weights[problem_weight(f->problem)]);
        json_text(j, "text", f->text[0] ? f->text : problem_line(f->problem));
        json_text(j, "todo", f->todo);
        json_bool_member(j, "accepted", risk_is_accepted(info, f->problem));
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
    json_fact(o, "works", works[k->reach]);
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

/* What was found by an earlier try stays when this one found nothing. */
static void note_verdict(struct verify_note *n, const struct checkup *k)
{
    const struct verdict *v = &k->verdict;

    n->expires_ms = v->expires_ms;
    n->exchange_created_ms = v->created_ms;
    note_fact(n->expires, v->expires_ms ? FACT_YES : v->expires);
    note_fact(n->ip_bound, v->ip_bound);
    note_fact(n->withdraw, v->withdraw);
    note_fact(n->transfer, v->transfer);
    snprintf(n->account, sizeof(n->account), "%s", v->account);
    n->n_problems = 0;
    for (size_t i = 0; i < v->n_findings && i < NOTE_PROBLEMS; i++)
        snprintf(n->problems[n->n_problems++], sizeof(n->problems[0]), "%s",
                 problem_name(v->findings[i].problem));
}

void checkup_note(const struct cli *c, const struct record_info *info, const struct checkup *k,
                  uint64_t now_ms)
{
    static const char *const works[] = {
        [REACH_WORKS] = "yes", [REACH_REFUSED] = "refused", [REACH_NOT] = "unreached"};
    struct verify_note n;
    char account[sizeof(n.account)] = "";
    struct err e;

    if (notes_read(&c->where, info->vault_id, info->rec_id, &n, NULL, NULL, &e))
        memset(&n, 0, sizeof(n));
    if (n.version == info->version) /* the same key, so the same account, asked or not */
        snprintf(account, sizeof(account), "%s", n.account);
    n.at_ms = now_ms;
    n.version = info->version;
    snprintf(n.works, sizeof(n.works), "%s", works[k->reach]);
    if (k->reach == REACH_WORKS) {
        n.worked_ms = now_ms;
        note_verdict(&n, k);
        if (!n.account[0])
            snprintf(n.account, sizeof(n.account), "%s", account);
    }
    if (notes_write(&c->where, info->vault_id, info->rec_id, &n, NULL, &e) && !c->out.is_quiet)
        out_warn("what was found is not kept for 'coffer status': %s", e.msg);
}
