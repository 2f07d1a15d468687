/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a checkup against what the owner has accepted, and saying it as an error. The table is
 * checkup_text.c's, JSON and notes are checkup_json.c's. */
#include "cli/checkup.h"

#include "base/text.h"
#include "connectors/connector.h"

#include <stdio.h>

/* -- what is accepted -- */

/* Of a text too long for its place the beginning, and where the words decide, a number of all of
 * it: whatever is seen beside it one day makes another name. */
static void cut_words(const struct finding *f, char *out, size_t cap)
{
    char end[sizeof("... 01234567")] = "...";
    uint32_t sum = 2166136261u;

    text_clean(out, cap, bytes_str(f->text));
    if (strcmp(out, f->text) == 0)
        return;
    for (const char *p = f->text; *p; p++)
        sum = (sum ^ (uint8_t)*p) * 16777619u;
    if (f->problem == PROBLEM_UNKNOWN_RIGHT)
        snprintf(end, sizeof(end), "... %08x", (unsigned)sum);
    text_clean(out, cap - strlen(end), bytes_str(f->text));
    size_t n = strlen(out);
    snprintf(out + n, cap - n, "%s", end);
}

/* With what was seen: who accepts one right that nobody knows has not accepted the next one. */
static void risk_name(const struct finding *f, char out[RISK_PROBLEM])
{
    bool has_words = f->problem == PROBLEM_UNKNOWN_RIGHT || f->problem == PROBLEM_TRANSFER;
    int n = snprintf(out, RISK_PROBLEM, "%s", problem_name(f->problem));

    if (has_words && f->text[0] && n > 0 && (size_t)n + 24 < RISK_PROBLEM) {
        memcpy(out + n, ": ", 3);
        cut_words(f, out + n + 2, RISK_PROBLEM - (size_t)n - 2);
    }
}

/* Who accepts that a key can do something accepts too that nobody can tell. */
static bool covers_kind(const struct risk *r, enum problem p)
{
    enum problem of;

    if (!problem_by_name(bytes_str(r->problem), &of))
        return false;
    return of == p || (of == PROBLEM_WITHDRAW && p == PROBLEM_WITHDRAW_UNKNOWN) ||
           (of == PROBLEM_TRANSFER && p == PROBLEM_TRANSFER_UNKNOWN);
}

bool risk_covers(const struct risk *r, const struct finding *f)
{
    char name[RISK_PROBLEM];

    if (!covers_kind(r, f->problem))
        return false;
    /* Without words it was accepted by an earlier version, whatever was seen. */
    if (f->problem != PROBLEM_UNKNOWN_RIGHT || !strchr(r->problem, ':'))
        return true;
    risk_name(f, name);
    return strcmp(r->problem, name) == 0;
}

const struct risk *risk_of_kind(const struct record_info *info, enum problem p)
{
    for (size_t i = 0; i < info->n_risks; i++)
        if (covers_kind(&info->risks[i], p))
            return &info->risks[i];
    return NULL;
}

bool risk_is_accepted(const struct record_info *info, enum problem p)
{
    return risk_of_kind(info, p) != NULL;
}

const struct risk *risk_of_finding(const struct record_info *info, const struct finding *f)
{
    for (size_t i = 0; i < info->n_risks; i++)
        if (risk_covers(&info->risks[i], f))
            return &info->risks[i];
    return NULL;
}

bool finding_is_open(const struct record_info *info, const struct finding *f)
{
    return problem_weight(f->problem) != WEIGHT_NOTE && !risk_of_finding(info, f);
}

static bool is_open_danger(const struct record_info *info, const struct finding *f)
{
    return problem_weight(f->problem) == WEIGHT_DANGER && !risk_of_finding(info, f);
}

size_t dangers_open(const struct record_info *info, const struct verdict *v,
                    enum problem out[FINDINGS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        if (!is_open_danger(info, &v->findings[i]))
            continue;
        if (out)
            out[n] = v->findings[i].problem;
        n++;
    }
    return n;
}

/* -- accepting -- */

bool danger_needs_word(const struct record_info *info, const struct verdict *v)
{
    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++)
        if (v->findings[i].problem == PROBLEM_WITHDRAW && is_open_danger(info, &v->findings[i]))
            return true;
    return false;
}

const char *reason_question(const struct record_info *info, const struct verdict *v)
{
    return danger_needs_word(info, v) ? "Reason (this key may withdraw: it must say 'withdraw')"
                                      : "Reason";
}

static bool has_word(const char *reason)
{
    struct bytes all = bytes_str(reason), word = BYTES_LIT("withdraw");

    for (size_t i = 0; i + word.n <= all.n; i++)
        if (text_eq_nocase(bytes_of(all.p + i, word.n), word))
            return true;
    return false;
}

static int refuse_withdrawal(const struct record_info *info, const struct verdict *v,
                             const char *reason, struct err *e)
{
    const struct connector *k = connector_find(info->connector);
    const char *todo = k && k->checks ? k->checks->no_withdraw : NULL;
    char given[100];

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++)
        if (v->findings[i].problem == PROBLEM_WITHDRAW && v->findings[i].todo[0])
            todo = v->findings[i].todo;
    text_clean(given, sizeof(given), bytes_str(reason));
    err_set(e, ERR_POLICY, "the key for '%s' is refused: it may withdraw", info->name);
    err_hint(e,
             "--accept-risk '%s%s' does not cover that: a reason for a key that may withdraw "
             "must say 'withdraw'",
             given, strlen(given) < strlen(reason) ? "..." : "");
    if (todo)
        err_hint(e, "%s", todo);
    return e->code;
}

int dangers_accept(struct record_info *info, const struct verdict *v, const char *reason,
                   uint64_t now_ms, struct err *e)
{
    size_t n = dangers_open(info, v, NULL), n_before = info->n_risks;

    if (danger_needs_word(info, v) && !has_word(reason))
        return refuse_withdrawal(info, v, reason, e);
    if (n_before + n > RISKS_MAX) {
        err_set(e, ERR_LIMIT, "'%s' would have more than %u accepted risks", info->name, RISKS_MAX);
        return err_hint(e, "take the rights away at the exchange instead");
    }
    for (size_t i = 0; n > 0 && i < v->n_findings && i < FINDINGS_MAX; i++) {
        if (!is_open_danger(info, &v->findings[i]))
            continue;
        struct risk *r = &info->risks[info->n_risks++];
        memset(r, 0, sizeof(*r));
        risk_name(&v->findings[i], r->problem);
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
    bool needs_word;
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
    return err_hint(e,
                    "only if it must be so: --accept-risk REASON; the reason is kept with the "
                    "key and shown with it%s",
                    a->needs_word ? ", and must say 'withdraw'" : "");
}

static void add_clause(char *out, size_t cap, const char *line, const char *text)
{
    size_t n = strlen(out);

    snprintf(out + n, cap - n, "%s%s%s%s%s", n ? "; it " : "", line, text[0] ? " (" : "", text,
             text[0] ? ")" : "");
}

int verdict_refuse(const struct record_info *info, const struct connector *k,
                   const struct verdict *v, struct err *e)
{
    char what[480] = "";
    struct advice a = {.needs_word = danger_needs_word(info, v)};

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        const struct finding *f = &v->findings[i];
        if (!is_open_danger(info, f))
            continue;
        add_clause(what, sizeof(what), problem_line(f->problem), f->text);
        advise(&a, f->todo[0] ? f->todo : where_off(k, f->problem));
    }
    return refuse(info->name, k, what, &a, e);
}

bool checkup_is_late(const struct checkup *k)
{
    return k->reach == REACH_REFUSED && k->failure.kind == FAILURE_CLOCK && k->has_skew;
}

void failure_words(const struct failure *f, char out[FAILURE_WORDS])
{
    size_t n;

    bool has_both = f->code[0] && f->message[0] && strcmp(f->code, f->message) != 0;

    snprintf(out, FAILURE_WORDS, "%s%s%s", f->code, has_both ? " " : "",
             has_both || !f->code[0] ? f->message : "");
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
