/* SPDX-License-Identifier: Apache-2.0 */
/* What coffer verify says: of one key its table, of many a row each and more only of those with
 * which something is wrong. How one key is shown is checkup_text.c's. */
#include "cli/verify.h"

#include "agent/policy.h"
#include "base/buf.h"
#include "cli/page.h"

#include <stdio.h>

#define CELL 200u
#define LIST_MAX 65536u

static bool is_danger(const struct finding *f)
{
    return problem_weight(f->problem) == WEIGHT_DANGER;
}

/* What nobody has accepted, dangers or all else. */
static size_t count_open(const struct patient *p, bool dangers)
{
    const struct verdict *v = &p->k.verdict;
    size_t n = 0;

    for (size_t i = 0; p->k.reach == REACH_WORKS && i < v->n_findings; i++)
        n += finding_is_open(&p->info, &v->findings[i]) && is_danger(&v->findings[i]) == dangers;
    return n;
}

static bool has_trouble(const struct patient *p)
{
    return count_open(p, true) + count_open(p, false) > 0;
}

static void report_json(cJSON *j, const struct patient *p)
{
    const struct connector *k = connector_find(p->info.connector);
    struct err e;

    checkup_json(j, &p->info, &p->k);
    json_text(j, "connector", p->info.connector);
    json_text(j, "environment", p->info.environment);
    json_text(j, "key", p->info.key_mask);
    json_bool_member(j, "verified", policy_is_verified(&p->info));
    json_bool_member(j, "unverified", p->info.unverified);
    json_bool_member(j, "retiring", p->is_retiring);
    if (p->k.reach == REACH_WORKS)
        return;
    if (k)
        checkup_error(p->info.name, k, &p->k, &e);
    else
        e = p->k.not_reached;
    json_error(j, &e);
}

static void say_changes(struct cli *c, const struct patient *p)
{
    if (p->was_marked && policy_is_verified(&p->info))
        out_note(&c->out, "'%s' is verified now: it is no longer marked as not verified.",
                 p->info.name);
    if (p->is_retiring)
        out_line(&c->out,
                 "An old key of '%s' is kept too, not yet proven dead: coffer rotate %s --finish",
                 p->info.name, p->info.name);
}

void verify_report(struct cli *c, struct verifying *a, struct patient *p, cJSON *list,
                   uint64_t now_ms)
{
    a->n_done++;
    a->n_works += p->k.reach == REACH_WORKS;
    a->n_refused += p->k.reach == REACH_REFUSED;
    a->n_unreached += p->k.reach == REACH_NOT;
    a->n_trouble += has_trouble(p);
    p->now_ms = now_ms;
    if (c->out.is_json) {
        report_json(list ? json_object(list, NULL) : out_json(&c->out), p);
    } else if (a->is_one) {
        checkup_show(c, &p->info, &p->k, now_ms);
        say_changes(c, p);
    }
}

/* -- many -- */

static const char *right_cell(const struct patient *p, enum fact f, enum problem yes,
                              enum problem unknown, char out[16])
{
    bool is_open = f != FACT_NO && !risk_is_accepted(&p->info, f == FACT_YES ? yes : unknown);

    snprintf(out, 16, "%s%s", fact_name(f), is_open ? " !" : "");
    return out;
}

static const char *trade_cell(const struct verdict *v)
{
    if (v->trade_spot == FACT_YES)
        return v->trade_futures == FACT_YES ? "spot, futures" : "spot";
    if (v->trade_futures == FACT_YES)
        return "futures";
    return v->trade_spot == FACT_NO && v->trade_futures == FACT_NO ? "no" : "unknown";
}

static void expires_cell(const struct verdict *v, char out[DATE_TEXT])
{
    date_text(v->expires_ms, out);
    out[10] = 0;
    if (!v->expires_ms)
        snprintf(out, DATE_TEXT, "%s", fact_name(v->expires));
}

static void note_cell(const struct patient *p, char out[CELL])
{
    const struct verdict *v = &p->k.verdict;
    size_t n = 0;

    out[0] = 0;
    if (p->k.reach == REACH_REFUSED)
        snprintf(out, CELL, "refused: %s",
                 checkup_is_late(&p->k) ? "this machine's clock"
                 : p->k.failure.code[0] ? p->k.failure.code
                                        : failure_name(p->k.failure.kind));
    if (p->k.reach == REACH_NOT)
        snprintf(out, CELL, "not reached");
    for (size_t i = 0; p->k.reach == REACH_WORKS && i < v->n_findings && n < CELL; i++) {
        const struct finding *f = &v->findings[i];
        if (finding_is_open(&p->info, f))
            n += (size_t)snprintf(out + n, CELL - n, "%s%s%s", n ? ", " : "",
                                  is_danger(f) ? "DANGER: " : "", problem_line(f->problem));
    }
}

/* That the clock is wrong says nothing about the key. */
static const char *works_cell(const struct checkup *k)
{
    if (k->reach == REACH_WORKS)
        return "yes";
    return k->reach == REACH_REFUSED && !checkup_is_late(k) ? "no" : "unknown";
}

static void add_row(struct table *t, const struct patient *p)
{
    static const char *const ip[] = {"unknown", "no !", "yes"}; /* by enum fact */
    const struct verdict *v = &p->k.verdict;
    char withdraw[16], transfer[16], expires[DATE_TEXT], note[CELL];

    note_cell(p, note);
    if (p->k.reach != REACH_WORKS) {
        const char *cells[] = {p->info.name, works_cell(&p->k), "-", "-", "-", "-", "-", "-", note};
        table_row(t, cells, ARRAY_LEN(cells));
        return;
    }
    expires_cell(v, expires);
    const char *cells[] = {
        p->info.name,
        works_cell(&p->k),
        fact_name(v->read),
        trade_cell(v),
        right_cell(p, v->withdraw, PROBLEM_WITHDRAW, PROBLEM_WITHDRAW_UNKNOWN, withdraw),
        right_cell(p, v->transfer, PROBLEM_TRANSFER, PROBLEM_TRANSFER_UNKNOWN, transfer),
        ip[v->ip_bound],
        expires,
        note};
    table_row(t, cells, ARRAY_LEN(cells));
}

static void show_rows(struct cli *c, const struct verifying *a)
{
    static const char *const head[] = {"NAME",     "WORKS",   "READ",    "TRADE", "WITHDRAW",
                                       "TRANSFER", "IP LIST", "EXPIRES", "NOTE"};
    struct table t = {.n_columns = 0};

    table_row(&t, head, ARRAY_LEN(head));
    for (size_t i = 0; i < a->n_done; i++)
        add_row(&t, &a->list[i]);
    table_print(&c->out, &t);
    table_free(&t);
}

static bool is_same_failure(const struct patient *x, const struct patient *y)
{
    return x->k.reach == y->k.reach && strcmp(x->info.connector, y->info.connector) == 0 &&
           strcmp(x->k.not_reached.msg, y->k.not_reached.msg) == 0 &&
           strcmp(x->k.failure.code, y->k.failure.code) == 0 &&
           strcmp(x->k.failure.message, y->k.failure.message) == 0;
}

/* The one before it that failed in the same way, or NULL. */
static const struct patient *alike(const struct verifying *a, size_t n)
{
    for (size_t i = 0; a->list[n].k.reach != REACH_WORKS && i < n; i++)
        if (is_same_failure(&a->list[i], &a->list[n]))
            return &a->list[i];
    return NULL;
}

static void show_trouble(struct cli *c, const struct verifying *a)
{
    for (size_t i = 0; i < a->n_done; i++) {
        const struct patient *p = &a->list[i], *first = alike(a, i);
        if (p->k.reach == REACH_WORKS && !has_trouble(p))
            continue;
        out_line(&c->out, "%s", "");
        if (first)
            out_line(&c->out, "%-14s as '%s'", p->info.name, first->info.name);
        else
            checkup_show(c, &p->info, &p->k, p->now_ms);
    }
    out_line(&c->out, "%s", "");
    for (size_t i = 0; i < a->n_done; i++)
        say_changes(c, &a->list[i]);
}

/* "; DANGER: mm1 may withdraw, mm2 ..." */
static void list_dangers(const struct verifying *a, struct buf *out)
{
    bool is_first = true;

    for (size_t i = 0; i < a->n_done; i++) {
        const struct patient *p = &a->list[i];
        const struct verdict *v = &p->k.verdict;
        if (count_open(p, true) == 0)
            continue;
        buf_addf(out, "%s%s", is_first ? "; DANGER: " : ", ", p->info.name);
        for (size_t n = 0, shown = 0; n < v->n_findings; n++)
            if (is_danger(&v->findings[n]) && finding_is_open(&p->info, &v->findings[n]))
                buf_addf(out, "%s%s", shown++ ? " and " : " ",
                         problem_line(v->findings[n].problem));
        is_first = false;
    }
}

static void list_problems(const struct verifying *a, struct buf *out)
{
    bool is_first = true;

    for (size_t i = 0; i < a->n_done; i++) {
        if (count_open(&a->list[i], false) == 0)
            continue;
        buf_addf(out, "%s%s", is_first ? "; problems: " : ", ", a->list[i].info.name);
        is_first = false;
    }
}

static void show_count(struct cli *c, const struct verifying *a)
{
    AUTO_BUF text = BUF_INIT(LIST_MAX);
    bool is_danger_there = false;

    for (size_t i = 0; i < a->n_done; i++)
        is_danger_there = is_danger_there || count_open(&a->list[i], true) > 0;
    buf_addf(&text, "%zu key%s: %zu work%s, %zu refused, %zu not reached", a->n_done,
             a->n_done == 1 ? "" : "s", a->n_works, a->n_works == 1 ? "s" : "", a->n_refused,
             a->n_unreached);
    list_dangers(a, &text);
    list_problems(a, &text);
    page_line(&c->out, is_danger_there, "", buf_str(&text));
}

static void summary_json(cJSON *to, const struct verifying *a)
{
    cJSON *j = json_object(to, "summary");

    json_number(j, "keys", a->n);
    json_number(j, "works", a->n_works);
    json_number(j, "refused", a->n_refused);
    json_number(j, "not_reached", a->n_unreached);
    json_number(j, "with_problems", a->n_trouble);
}

/* Reading proves only reading. */
static void say_unproven(struct cli *c, const struct verifying *a)
{
    for (size_t i = 0; i < a->n_done && !c->args->given[OPT_TRADE]; i++) {
        const struct patient *p = &a->list[i];
        const struct connector *k = connector_find(p->info.connector);
        if (p->k.verdict.trade_spot != FACT_YES && p->k.verdict.trade_futures != FACT_YES)
            continue;
        out_note(&c->out,
                 "The right to trade is as the exchange tells it; an order proves it: coffer "
                 "verify %s --trade %s",
                 a->is_one ? p->info.name : "NAME",
                 a->is_one && k && k->checks ? k->checks->symbol : "SYMBOL");
        return;
    }
}

void verify_summary(struct cli *c, const struct verifying *a)
{
    if (c->out.is_json && !a->is_one)
        summary_json(out_json(&c->out), a);
    if (!a->is_one && a->n_done > 0 && !c->out.is_json) {
        show_rows(c, a);
        show_trouble(c, a);
    }
    say_unproven(c, a);
    if (!a->is_one && !c->out.is_json)
        show_count(c, a);
}
