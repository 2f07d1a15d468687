/* SPDX-License-Identifier: Apache-2.0 */
/* What `coffer status` calls for attention and what `coffer review` knows without asking, from
 * facts made here. The commands run in the end-to-end tests. */
#include "cli/attention.h"
#include "cli/review_points.h"
#include "tests/harness.h"

#include <stdio.h>

#define NOW (1000 * DAY_MS)

/* A key with nothing to say about it. */
static void calm(struct key_facts *f)
{
    memset(f, 0, sizeof(*f));
    record_info_init(&f->info);
    snprintf(f->info.name, sizeof(f->info.name), "main");
    snprintf(f->info.connector, sizeof(f->info.connector), "binance");
    f->now_ms = NOW;
    f->info.version = 1;
    f->info.created_ms = NOW - 10 * DAY_MS;
    f->verify.at_ms = f->verify.worked_ms = NOW - 3 * DAY_MS;
    snprintf(f->verify.works, sizeof(f->verify.works), "yes");
    snprintf(f->verify.ip_bound, sizeof(f->verify.ip_bound), "yes");
    snprintf(f->verify.withdraw, sizeof(f->verify.withdraw), "no");
    snprintf(f->verify.transfer, sizeof(f->verify.transfer), "no");
    f->review.at_ms = NOW - DAY_MS;
}

static void problem(struct key_facts *f, const char *name)
{
    snprintf(f->verify.problems[f->verify.n_problems++], sizeof(f->verify.problems[0]), "%s", name);
}

static void refuse(struct key_facts *f)
{
    snprintf(f->verify.works, sizeof(f->verify.works), "refused");
}

/* What is listed for f, most urgent first, as "3 9": numbers of enum urgency. */
static const char *listed(const struct key_facts *f, char out[64])
{
    struct attention a = {.v = NULL};
    size_t n = 0;

    out[0] = 0;
    attention_key(&a, f);
    for (unsigned what = 0; what < URGENT_COUNT; what++)
        for (size_t i = 0; i < a.n; i++)
            if ((unsigned)a.v[i].what == what)
                n += (size_t)snprintf(out + n, 64 - n, "%s%u", n ? " " : "", what);
    attention_free(&a);
    return out;
}

static bool lists(const struct key_facts *f, enum urgency what, const char *text, const char *todo)
{
    struct attention a = {.v = NULL};
    bool is_there = false;

    attention_key(&a, f);
    for (size_t i = 0; i < a.n; i++)
        if (a.v[i].what == what && strstr(a.v[i].text, text) && strcmp(a.v[i].todo, todo) == 0)
            is_there = true;
    if (!is_there && a.n > 0)
        printf("# first of %zu: %d '%s' '%s'\n", a.n, (int)a.v[0].what, a.v[0].text, a.v[0].todo);
    attention_free(&a);
    return is_there;
}

static void a_calm_key_is_not_listed(void)
{
    struct key_facts f;
    char text[64];

    calm(&f);
    EQ_STR(listed(&f, text), "");
}

static void each_reason(void)
{
    struct key_facts f;

    calm(&f);
    refuse(&f);
    CHECK(lists(&f, URGENT_REFUSED, "refused by the exchange, 3 d ago", "coffer verify main"));
    calm(&f);
    f.verify.expires_ms = NOW - 1;
    CHECK(lists(&f, URGENT_EXPIRED, "expired on 1972", "coffer rotate main"));
    calm(&f);
    f.verify.expires_ms = NOW + 14 * DAY_MS;
    CHECK(lists(&f, URGENT_EXPIRES, "in 14 d", "coffer rotate main"));
    calm(&f);
    f.info.unverified = true;
    CHECK(lists(&f, URGENT_UNVERIFIED, "UNVERIFIED", "coffer verify main"));
    calm(&f);
    snprintf(f.info.risks[f.info.n_risks++].problem, 64, "not verified");
    CHECK(lists(&f, URGENT_UNVERIFIED, "without being tried", "coffer verify main"));
    calm(&f);
    f.is_retiring = true;
    f.info.rotated_ms = NOW - 5 * DAY_MS;
    CHECK(lists(&f, URGENT_ROTATION, "for 5 d", "coffer rotate main --finish"));
    f.info.rotated_ms = NOW - 1;
    CHECK(lists(&f, URGENT_ROTATION, "unfinished since today:", "coffer rotate main --finish"));
    calm(&f);
    snprintf(f.verify.ip_bound, sizeof(f.verify.ip_bound), "no");
    CHECK(lists(&f, URGENT_NO_IP_LIST, "no IP list", "coffer guide binance"));
    calm(&f);
    f.info.created_ms = NOW - 90 * DAY_MS;
    CHECK(lists(&f, URGENT_OLD, "90 d old", "coffer rotate main"));
    calm(&f);
    f.review.at_ms = 0;
    CHECK(lists(&f, URGENT_REVIEW, "last: never", "coffer review main"));
    f.info.created_ms = NOW - DAY_MS + 1; /* not on its first day */
    CHECK(!review_is_due(&f));
    f.info.created_ms = NOW - DAY_MS;
    CHECK(review_is_due(&f));
    calm(&f);
    snprintf(f.review.open[f.review.n_open++], sizeof(f.review.open[0]), "no-copies");
    CHECK(lists(&f, URGENT_OPEN, "no-copies", "coffer review main"));
    calm(&f);
    f.has_bad_notes = true;
    CHECK(lists(&f, URGENT_NOTES, "cannot be read", "coffer verify main"));
}

/* A day less, and nothing is due. */
static void limits_are_days(void)
{
    struct key_facts f;
    char text[64];

    calm(&f);
    f.info.created_ms = NOW - 90 * DAY_MS + 1;
    f.verify.expires_ms = NOW + 14 * DAY_MS + 1;
    f.verify.at_ms = f.verify.worked_ms = NOW - 31 * DAY_MS + 1;
    f.review.at_ms = NOW - 31 * DAY_MS + 1;
    EQ_STR(listed(&f, text), "");
    f.verify.at_ms = f.verify.worked_ms = NOW - 31 * DAY_MS;
    CHECK(lists(&f, URGENT_STALE, "for 31 d", "coffer verify main"));
    f.review.at_ms = NOW - 31 * DAY_MS;
    CHECK(lists(&f, URGENT_REVIEW, "31 d ago", "coffer review main"));
    /* The age counts from the last rotation. */
    calm(&f);
    f.info.created_ms = NOW - 900 * DAY_MS;
    f.info.rotated_ms = NOW - 89 * DAY_MS;
    EQ_STR(listed(&f, text), "");
}

static void never_verified_is_no_good_news(void)
{
    struct key_facts f;

    calm(&f);
    f.verify = (struct verify_note){.at_ms = 0};
    CHECK(lists(&f, URGENT_NEVER, "never verified on this machine", "coffer verify main"));
    calm(&f);
    f.verify.worked_ms = 0;
    snprintf(f.verify.works, sizeof(f.verify.works), "unreached");
    CHECK(lists(&f, URGENT_NEVER, "never reached", "coffer verify main"));
    /* Refused once, not reached today: it is not known to work. */
    f.verify.worked_ms = NOW - 40 * DAY_MS;
    CHECK(lists(&f, URGENT_STALE, "for 40 d", "coffer verify main"));
}

static void dangers_need_acceptance(void)
{
    struct key_facts f;
    char text[64];

    calm(&f);
    problem(&f, problem_name(PROBLEM_TRANSFER));
    problem(&f, problem_name(PROBLEM_CANNOT_TRADE));
    problem(&f, problem_name(PROBLEM_ADDRESSES));
    CHECK(lists(&f, URGENT_DANGER, problem_line(PROBLEM_ADDRESSES), "coffer verify main"));
    CHECK(lists(&f, URGENT_DANGER, problem_line(PROBLEM_TRANSFER), "coffer verify main"));
    CHECK(!lists(&f, URGENT_DANGER, problem_line(PROBLEM_CANNOT_TRADE), "coffer verify main"));
    snprintf(f.info.risks[f.info.n_risks++].problem, 64, "%s", problem_name(PROBLEM_ADDRESSES));
    CHECK(!lists(&f, URGENT_DANGER, problem_line(PROBLEM_ADDRESSES), "coffer verify main"));
    CHECK(lists(&f, URGENT_DANGER, problem_line(PROBLEM_TRANSFER), "coffer verify main"));
    snprintf(f.info.risks[f.info.n_risks++].problem, 64, "may-transfer: what was seen");
    EQ_STR(listed(&f, text), "");
    /* Another right of the kind that was accepted. */
    snprintf(f.info.risks[f.info.n_risks++].problem, 64, "unknown-right: enableMoon");
    problem(&f, "unknown-right");
    EQ_STR(listed(&f, text), "");
    problem(&f, "unknown-right: new");
    CHECK(lists(&f, URGENT_DANGER, problem_line(PROBLEM_UNKNOWN_RIGHT), "coffer verify main"));
    /* What nobody could tell is a danger as well, and so is what only a later version knows. */
    calm(&f);
    problem(&f, problem_name(PROBLEM_WITHDRAW_UNKNOWN));
    CHECK(lists(&f, URGENT_DANGER, problem_line(PROBLEM_WITHDRAW_UNKNOWN), "coffer verify main"));
    calm(&f);
    problem(&f, "may-teleport");
    CHECK(lists(&f, URGENT_DANGER, "may-teleport", "coffer verify main"));
}

static void put_risk(struct key_facts *f, const char *name, const char *reason)
{
    struct risk *r = &f->info.risks[f->info.n_risks++];

    snprintf(r->problem, sizeof(r->problem), "%s", name);
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    r->date_ms = NOW;
}

/* First and always, whoever has accepted it. */
static void withdrawal_comes_first(void)
{
    struct key_facts f;
    char text[64], want[16], longest[256];

    calm(&f);
    snprintf(want, sizeof(want), "%d", URGENT_WITHDRAW);
    EQ_INT(URGENT_WITHDRAW, 0);
    problem(&f, problem_name(PROBLEM_WITHDRAW));
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "yes");
    EQ_STR(listed(&f, text), want); /* once */
    CHECK(lists(&f, URGENT_WITHDRAW, "MAY WITHDRAW: not accepted", "coffer rotate main"));
    put_risk(&f, "may-withdraw", "withdrawals pay the bills");
    EQ_STR(listed(&f, text), want);
    CHECK(lists(&f, URGENT_WITHDRAW,
                "MAY WITHDRAW (accepted 1972-09-27: withdrawals pay the bills)",
                "coffer rotate main"));
    /* Nor does it go away because the exchange did not say this time. */
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "unknown");
    f.verify.n_problems = 0;
    CHECK(lists(&f, URGENT_WITHDRAW, "accepted 1972", "coffer rotate main"));
    /* On a machine that never tried it the record's word counts; else what was found last. */
    f.verify = (struct verify_note){.at_ms = 0};
    CHECK(lists(&f, URGENT_WITHDRAW, "accepted 1972", "coffer rotate main"));
    calm(&f);
    put_risk(&f, "may-withdraw", "it did");
    EQ_STR(listed(&f, text), "");
    refuse(&f);
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "yes");
    memset(longest, 'r', sizeof(longest));
    longest[255] = 0;
    memcpy(f.info.risks[0].reason, longest, sizeof(longest));
    CHECK(lists(&f, URGENT_WITHDRAW, "rrr...)", "coffer rotate main"));
}

static void idle_keys(void)
{
    struct key_facts f;
    char text[64];

    calm(&f);
    problem(&f, problem_name(PROBLEM_DELETED_WHEN_IDLE));
    EQ_STR(listed(&f, text), ""); /* seen at work 3 days ago */
    f.verify.at_ms = f.verify.worked_ms = NOW - 9 * DAY_MS;
    CHECK(lists(&f, URGENT_IDLE, "9 d ago", "coffer verify main"));
    /* Refused: that it is gone is told already. */
    refuse(&f);
    CHECK(!lists(&f, URGENT_IDLE, "", "coffer verify main"));
}

static void most_urgent_first(void)
{
    struct key_facts f;
    char text[64], want[64];

    calm(&f);
    refuse(&f);
    f.verify.expires_ms = NOW - DAY_MS;
    problem(&f, problem_name(PROBLEM_WITHDRAW));
    problem(&f, problem_name(PROBLEM_TRANSFER));
    f.is_retiring = true;
    f.info.rotated_ms = NOW - 100 * DAY_MS;
    f.review.at_ms = 0;
    snprintf(want, sizeof(want), "%d %d %d %d %d %d %d", URGENT_WITHDRAW, URGENT_DANGER,
             URGENT_REFUSED, URGENT_EXPIRED, URGENT_ROTATION, URGENT_OLD, URGENT_REVIEW);
    EQ_STR(listed(&f, text), want);
}

static void a_clock_set_back(void)
{
    char text[AGO_TEXT];

    EQ_INT(days_since(5, 10), 0);
    ago_text(5, 10, text);
    EQ_STR(text, "just now");
    ago_text(NOW, 0, text);
    EQ_STR(text, "never");
    ago_text(NOW, NOW - 5 * 3600000, text);
    EQ_STR(text, "5 h ago");
}

/* -- review -- */

static void review_takes_the_exchange_at_its_word(void)
{
    struct key_facts f;
    char why[WHY_TEXT];

    calm(&f);
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_WELL);
    EQ_STR(why, "the exchange says so, 3 d ago");
    EQ_INT(point_known(&f, POINT_IP_LIST, why), STANDS_WELL);
    EQ_INT(point_known(&f, POINT_AGE, why), STANDS_WELL);
    EQ_INT(point_known(&f, POINT_EMAIL, why), STANDS_UNKNOWN);
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "yes");
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_OPEN);
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "unknown");
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_UNKNOWN);
    f.info.created_ms = NOW - 90 * DAY_MS;
    EQ_INT(point_known(&f, POINT_AGE, why), STANDS_OPEN);
}

/* Good news goes stale, or with a key that no longer works; bad news stays. */
static void review_asks_when_the_answer_is_old(void)
{
    struct key_facts f;
    char why[WHY_TEXT];

    calm(&f);
    f.verify.at_ms = f.verify.worked_ms = NOW - 31 * DAY_MS;
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_UNKNOWN);
    snprintf(f.verify.ip_bound, sizeof(f.verify.ip_bound), "no");
    EQ_INT(point_known(&f, POINT_IP_LIST, why), STANDS_OPEN);
    calm(&f);
    refuse(&f);
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_UNKNOWN);
    calm(&f);
    f.verify = (struct verify_note){.at_ms = 0};
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_UNKNOWN);
    EQ_STR(why, "never verified here");
}

static void review_shows_what_was_accepted(void)
{
    struct key_facts f;
    char why[WHY_TEXT];

    calm(&f);
    snprintf(f.verify.withdraw, sizeof(f.verify.withdraw), "yes");
    struct risk *r = &f.info.risks[f.info.n_risks++];
    snprintf(r->problem, sizeof(r->problem), "%s", problem_name(PROBLEM_WITHDRAW));
    snprintf(r->reason, sizeof(r->reason), "it pays the bills");
    r->date_ms = NOW;
    EQ_INT(point_known(&f, POINT_WITHDRAW, why), STANDS_OPEN);
    CHECK(strstr(why, "it pays the bills") != NULL);
}

static void review_names_fit_their_note(void)
{
    struct review_note n;

    CHECK(POINT_COUNT <= ARRAY_LEN(n.open));
    for (unsigned i = 0; i < POINT_COUNT; i++)
        CHECK(strlen(review_points[i].name) < sizeof(n.open[0]));
}

int main(void)
{
    RUN(a_calm_key_is_not_listed);
    RUN(each_reason);
    RUN(limits_are_days);
    RUN(never_verified_is_no_good_news);
    RUN(dangers_need_acceptance);
    RUN(withdrawal_comes_first);
    RUN(idle_keys);
    RUN(most_urgent_first);
    RUN(a_clock_set_back);
    RUN(review_takes_the_exchange_at_its_word);
    RUN(review_asks_when_the_answer_is_old);
    RUN(review_shows_what_was_accepted);
    RUN(review_names_fit_their_note);
    return harness_end();
}
