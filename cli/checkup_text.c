/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one key. Every line says in words what it means; colour only adds to that. Nothing
 * is decided here. */
#include "cli/checkup.h"

#include "cli/page.h"
#include "connectors/connector.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define DAY_MS 86400000u
#define LABEL_WIDTH 14
#define LINE_TEXT 800u
#define SPAN_TEXT 32u

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
        const struct finding *f = &v->findings[i];
        if (rows[f->problem] == r && finding_is_open(s->info, f))
            return true;
    }
    return false;
}

static void PRINTF(4, 5)
    say(const struct sheet *s, bool is_bad, const char *prefix, const char *fmt, ...)
{
    char text[LINE_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    page_line(s->o, is_bad, prefix, text);
}

static void show_finding(const struct sheet *s, const struct finding *f)
{
    static const char *const words[] = {"  note: ", "  problem: ", "  DANGER: "};
    enum weight weight = problem_weight(f->problem);
    const struct risk *r = risk_of_finding(s->info, f);
    bool has_text = f->text[0] && f->problem != PROBLEM_CLOCK; /* the row has said it */
    char date[DATE_TEXT];

    say(s, weight == WEIGHT_DANGER && !r, r && weight ? "  accepted risk: " : words[weight],
        "%s%s%s", problem_line(f->problem), has_text ? ": " : "", has_text ? f->text : "");
    if (r) {
        date_text(r->date_ms, date);
        say(s, false, "    accepted: ", "%s (%s UTC)", r->reason, date);
    }
    if (f->todo[0] && !r)
        page_line(s->o, false, "    to do: ", f->todo);
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

static void show_cause(const struct sheet *s, const struct cause *c, const char *number)
{
    page_line(s->o, false, number, c->what);
    if (c->tell && c->tell[0])
        page_line(s->o, false, "       ", c->tell);
}

static void show_causes(const struct sheet *s, const struct failure *f)
{
    char number[16];

    if (f->n_causes == 1)
        show_cause(s, &f->causes[0], "  It means: ");
    else if (f->n_causes > 1)
        out_line(s->o, "  It means one of:");
    for (size_t i = 0; f->n_causes > 1 && i < f->n_causes && i < CAUSES_MAX; i++) {
        snprintf(number, sizeof(number), "    %zu. ", i + 1);
        show_cause(s, &f->causes[i], number);
    }
    if (f->retry_after_s)
        out_line(s->o, "  It asks to wait %" PRIu64 " s.", f->retry_after_s);
}

/* One unit: "84 ms", "1.5 s", "400 s". */
static const char *span_text(uint64_t ms, char out[SPAN_TEXT])
{
    uint64_t tenths = ms / 100 + (ms % 100 >= 50);

    if (ms < 1000)
        snprintf(out, SPAN_TEXT, "%" PRIu64 " ms", ms);
    else if (tenths % 10)
        snprintf(out, SPAN_TEXT, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
    else
        snprintf(out, SPAN_TEXT, "%" PRIu64 " s", tenths / 10);
    return out;
}

static uint64_t skew_of(const struct checkup *k)
{
    return k->skew_ms < 0 ? 0 - (uint64_t)k->skew_ms : (uint64_t)k->skew_ms;
}

/* An answer about the time, not about the key. */
static void show_late(const struct sheet *s)
{
    const struct checkup *k = s->k;
    char label[24], span[SPAN_TEXT];

    snprintf(label, sizeof(label), "%-*s ", LABEL_WIDTH, "works");
    say(s, true, label, "unknown: this machine's clock is %s %s", span_text(skew_of(k), span),
        k->skew_ms > 0 ? "ahead" : "behind");
    page_line(s->o, false, "    to do: ",
              "set it by network time (NTP): timedatectl set-ntp true, or chrony; then try again");
}

static void show_refused(const struct sheet *s)
{
    char words[FAILURE_WORDS];

    failure_words(&s->k->failure, words);
    out_bad(s->o, "%-*s no: the exchange refuses the key", LABEL_WIDTH, "works");
    page_line(s->o, false, "  It says: ", words);
    show_causes(s, &s->k->failure);
}

/* Its hints have the causes in them, where there are any. */
static void show_unreached(const struct sheet *s)
{
    const struct err *why = &s->k->not_reached;
    char label[24];

    snprintf(label, sizeof(label), "%-*s ", LABEL_WIDTH, "works");
    say(s, true, label, "unknown: %s",
        why->code ? why->msg : "there was no answer that is about the key");
    for (unsigned i = 0; i < why->n_hints; i++)
        page_line(s->o, false, "    to do: ", why->hints[i]);
    if (why->n_hints == 0 && s->k->failure.kind != FAILURE_NONE)
        show_causes(s, &s->k->failure);
}

static void show_works(const struct sheet *s)
{
    char text[64];

    if (checkup_is_late(s->k)) {
        show_late(s);
    } else if (s->k->reach == REACH_REFUSED) {
        show_refused(s);
    } else if (s->k->reach == REACH_NOT) {
        show_unreached(s);
    } else {
        snprintf(text, sizeof(text), "yes, answered in %" PRIu64 " ms", s->k->latency_ms);
        show_row(s, ROW_WORKS, "works", text);
    }
}

static void show_clock(const struct sheet *s)
{
    const struct checkup *k = s->k;
    char text[120], off[SPAN_TEXT], error[SPAN_TEXT];

    span_text(k->skew_error_ms, error);
    if (!k->has_skew)
        snprintf(text, sizeof(text), "unknown");
    else if (skew_of(k) <= k->skew_error_ms)
        snprintf(text, sizeof(text), "right, as far as can be told (within %s)", error);
    else
        snprintf(text, sizeof(text), "this machine is %s %s the exchange (give or take %s)",
                 span_text(skew_of(k), off), k->skew_ms > 0 ? "ahead of" : "behind", error);
    show_row(s, ROW_CLOCK, "clock", text);
}

static void show_ip(const struct sheet *s)
{
    const struct verdict *v = &s->k->verdict;
    char text[320];

    if (v->ip_bound == FACT_YES)
        snprintf(text, sizeof(text), "yes%s%s", v->ips[0] ? ": " : "",
                 v->ips[0] ? v->ips : " (the exchange does not tell which)");
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

static bool is_shown(const struct sheet *s, const struct risk *r)
{
    const struct verdict *v = &s->k->verdict;

    for (size_t i = 0; i < v->n_findings && i < FINDINGS_MAX; i++)
        if (risk_of_finding(s->info, &v->findings[i]) == r)
            return true;
    return false;
}

/* Accepted once, and of nothing that is listed above. */
static void show_other_risks(const struct sheet *s)
{
    char date[DATE_TEXT], label[24];

    snprintf(label, sizeof(label), "%-*s ", LABEL_WIDTH, "accepted");
    for (size_t i = 0; i < s->info->n_risks; i++) {
        const struct risk *r = &s->info->risks[i];
        if (is_shown(s, r))
            continue;
        date_text(r->date_ms, date);
        say(s, false, label, "%s: %s (%s UTC)", r->problem, r->reason, date);
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
    if (!checkup_is_late(k))
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
