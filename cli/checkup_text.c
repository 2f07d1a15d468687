/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one key. Every line says in words what it means; colour only adds to that. Nothing
 * is decided here. */
#include "cli/checkup.h"

#include "connectors/connector.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS 86400000u
#define LABEL_WIDTH 14

/* Where in the table a problem is told. */
enum row {
    ROW_WORKS,
    ROW_CLOCK,
    ROW_READ,
    ROW_SPOT,
    ROW_FUTURES,
    ROW_WITHDRAW,
    ROW_TRANSFER,
    ROW_OTHER,
    ROW_IP,
    ROW_EXPIRES,
    ROW_AGE
};

static const enum row rows[PROBLEM_COUNT] = {
    [PROBLEM_WITHDRAW] = ROW_WITHDRAW,
    [PROBLEM_WITHDRAW_UNKNOWN] = ROW_WITHDRAW,
    [PROBLEM_TRANSFER] = ROW_TRANSFER,
    [PROBLEM_TRANSFER_UNKNOWN] = ROW_TRANSFER,
    [PROBLEM_UNKNOWN_RIGHT] = ROW_OTHER,
    [PROBLEM_ADDRESSES] = ROW_OTHER,
    [PROBLEM_NO_IP_LIST] = ROW_IP,
    [PROBLEM_IP_LIST_UNKNOWN] = ROW_IP,
    [PROBLEM_EXPIRED] = ROW_EXPIRES,
    [PROBLEM_EXPIRES_SOON] = ROW_EXPIRES,
    [PROBLEM_DELETED_WHEN_IDLE] = ROW_EXPIRES,
    [PROBLEM_CANNOT_READ] = ROW_READ,
    [PROBLEM_CANNOT_TRADE] = ROW_SPOT,
    [PROBLEM_CLOCK] = ROW_CLOCK,
    [PROBLEM_OLD] = ROW_AGE,
    [PROBLEM_MOCKED] = ROW_WORKS,
};

struct sheet {
    struct out *o;
    const struct record_info *info;
    const struct checkup *k;
    uint64_t now_ms;
};

static bool is_listed(const struct sheet *s, enum row r)
{
    const struct verdict *v = &s->k->verdict;

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++)
        if (rows[v->findings[i].problem] == r)
            return true;
    return false;
}

/* Something to do about this row, and nobody has accepted it. */
static bool is_bad(const struct sheet *s, enum row r)
{
    const struct verdict *v = &s->k->verdict;

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++) {
        enum problem p = v->findings[i].problem;
        if (rows[p] == r && problem_weight(p) != WEIGHT_NOTE && !risk_is_accepted(s->info, p))
            return true;
    }
    return false;
}

static const struct risk *accepted(const struct record_info *info, enum problem p)
{
    for (size_t i = 0; i < info->n_risks; i++) {
        enum problem other;
        if (!problem_by_name(bytes_str(info->risks[i].problem), &other))
            continue;
        if (other == p || (p == PROBLEM_WITHDRAW_UNKNOWN && other == PROBLEM_WITHDRAW) ||
            (p == PROBLEM_TRANSFER_UNKNOWN && other == PROBLEM_TRANSFER))
            return &info->risks[i];
    }
    return NULL;
}

static void show_finding(const struct sheet *s, const struct finding *f)
{
    static const char *const words[] = {"note", "problem", "DANGER"};
    const struct risk *r = accepted(s->info, f->problem);
    const char *word = words[problem_weight(f->problem)];
    char date[DATE_TEXT];

    out_line(s->o, "  %s: %s%s%s", r && problem_weight(f->problem) ? "accepted risk" : word,
             problem_line(f->problem), f->text[0] ? ": " : "", f->text);
    if (r) {
        date_text(r->date_ms, date);
        out_line(s->o, "    accepted: %s (%s UTC)", r->reason, date);
    }
    if (f->todo[0] && !r)
        out_line(s->o, "    to do: %s", f->todo);
}

static void show_row(const struct sheet *s, enum row r, const char *label, const char *value)
{
    const struct verdict *v = &s->k->verdict;

    if (is_bad(s, r))
        out_bad(s->o, "%-*s %s", LABEL_WIDTH, label, value);
    else
        out_line(s->o, "%-*s %s", LABEL_WIDTH, label, value);
    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++)
        if (rows[v->findings[i].problem] == r)
            show_finding(s, &v->findings[i]);
}

static void show_head(const struct sheet *s)
{
    const struct record_info *r = s->info;
    const struct connector *k = connector_find(r->connector);

    out_line(s->o, "%-*s %s %s%s%s, key %s", LABEL_WIDTH, r->name, k ? k->title : r->connector,
             r->environment, r->region[0] ? "/" : "", r->region,
             r->key_mask[0] ? r->key_mask : "-");
}

static void show_causes(const struct sheet *s, const struct failure *f)
{
    if (f->n_causes > 0)
        out_line(s->o, f->n_causes == 1 ? "  It means:" : "  It means one of:");
    for (size_t i = 0; i < f->n_causes && i < CAUSES_MAX; i++) {
        out_line(s->o, "    %zu. %s", i + 1, f->causes[i].what);
        if (f->causes[i].tell && f->causes[i].tell[0])
            out_line(s->o, "       %s", f->causes[i].tell);
    }
    if (f->retry_after_s)
        out_line(s->o, "  It asks to wait %" PRIu64 " s.", f->retry_after_s);
}

static void show_works(const struct sheet *s)
{
    const struct checkup *k = s->k;
    const struct failure *f = &k->failure;
    char text[64], words[FAILURE_WORDS];

    if (k->reach == REACH_WORKS) {
        snprintf(text, sizeof(text), "yes, answered in %" PRIu64 " ms", k->latency_ms);
        show_row(s, ROW_WORKS, "works", text);
        return;
    }
    if (k->reach == REACH_REFUSED) {
        out_bad(s->o, "%-*s no: the exchange refuses the key", LABEL_WIDTH, "works");
        failure_words(f, words);
        out_line(s->o, "  It says: %s", words);
        show_causes(s, f);
        return;
    }
    out_bad(s->o, "%-*s unknown: %s", LABEL_WIDTH, "works",
            k->not_reached.code ? k->not_reached.msg : "there was no answer that is about the key");
    for (unsigned i = 0; i < k->not_reached.n_hints; i++)
        out_line(s->o, "    to do: %s", k->not_reached.hints[i]);
    if (f->kind != FAILURE_NONE)
        show_causes(s, f);
}

static void show_clock(const struct sheet *s)
{
    const struct checkup *k = s->k;
    uint64_t off = k->skew_ms < 0 ? 0 - (uint64_t)k->skew_ms : (uint64_t)k->skew_ms;
    char text[120];

    if (!k->has_skew)
        snprintf(text, sizeof(text), "unknown");
    else if (off <= k->skew_error_ms)
        snprintf(text, sizeof(text), "right, as far as can be told (within %" PRIu64 " ms)",
                 k->skew_error_ms);
    else
        snprintf(text, sizeof(text),
                 "this machine is %" PRIu64 " ms %s the exchange (give or take %" PRIu64 " ms)",
                 off, k->skew_ms > 0 ? "ahead of" : "behind", k->skew_error_ms);
    show_row(s, ROW_CLOCK, "clock", text);
}

static void show_ip(const struct sheet *s)
{
    const struct verdict *v = &s->k->verdict;
    char text[320];

    if (v->ip_bound == FACT_YES)
        snprintf(text, sizeof(text), "yes%s%s", v->ips[0] ? ": " : "", v->ips);
    else
        snprintf(text, sizeof(text), "%s%s", fact_name(v->ip_bound),
                 v->ip_bound == FACT_NO ? ": works from any address" : "");
    show_row(s, ROW_IP, "IP list", text);
}

static void show_dates(const struct sheet *s)
{
    const struct verdict *v = &s->k->verdict;
    const struct record_info *r = s->info;
    uint64_t here = r->rotated_ms ? r->rotated_ms : r->created_ms;
    uint64_t since = v->created_ms ? v->created_ms : here;
    char date[DATE_TEXT], text[120];

    date_text(v->created_ms, date);
    out_line(s->o, "%-*s %s%s", LABEL_WIDTH, "created",
             v->created_ms ? date : "unknown: the exchange does not say",
             v->created_ms ? " UTC" : "");
    date_text(v->expires_ms, date);
    if (v->expires_ms)
        snprintf(text, sizeof(text), "%s UTC", date);
    else
        snprintf(text, sizeof(text), "%s",
                 v->expires == FACT_NO    ? "never"
                 : v->expires == FACT_YES ? "yes, at a time that is not told"
                                          : "unknown: the exchange does not say");
    show_row(s, ROW_EXPIRES, "expires", text);
    if (since == 0)
        snprintf(text, sizeof(text), "unknown");
    else
        snprintf(text, sizeof(text), "%" PRIu64 " d%s",
                 s->now_ms > since ? (s->now_ms - since) / DAY_MS : 0,
                 v->created_ms ? "" : " in this vault");
    show_row(s, ROW_AGE, "age", text);
}

/* Accepted once, and of nothing that is listed above. */
static void show_other_risks(const struct sheet *s)
{
    const struct record_info *r = s->info;
    char date[DATE_TEXT];

    for (size_t i = 0; i < r->n_risks; i++) {
        bool is_shown = false;
        const struct verdict *v = &s->k->verdict;
        for (size_t f = 0; f < v->n_findings && f < FINDINGS_MAX && !is_shown; f++)
            is_shown = accepted(r, v->findings[f].problem) == &r->risks[i];
        if (is_shown)
            continue;
        date_text(r->risks[i].date_ms, date);
        out_line(s->o, "%-*s %s: %s (%s UTC)", LABEL_WIDTH, "accepted", r->risks[i].problem,
                 r->risks[i].reason, date);
    }
}

void checkup_show(struct cli *c, const struct record_info *info, const struct checkup *k,
                  uint64_t now_ms)
{
    const struct verdict *v = &k->verdict;
    struct sheet s = {&c->out, info, k, now_ms};

    if (c->out.is_json)
        return;
    show_head(&s);
    show_works(&s);
    show_clock(&s);
    if (k->reach == REACH_WORKS || v->is_judged) {
        show_row(&s, ROW_READ, "read", fact_name(v->read));
        show_row(&s, ROW_SPOT, "trade spot", fact_name(v->trade_spot));
        show_row(&s, ROW_FUTURES, "trade futures", fact_name(v->trade_futures));
        show_row(&s, ROW_WITHDRAW, "withdraw", fact_name(v->withdraw));
        show_row(&s, ROW_TRANSFER, "transfer", fact_name(v->transfer));
        if (is_listed(&s, ROW_OTHER))
            show_row(&s, ROW_OTHER, "other rights", "yes");
        show_ip(&s);
        show_dates(&s);
    }
    show_other_risks(&s);
}
