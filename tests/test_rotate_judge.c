/* SPDX-License-Identifier: Apache-2.0 */
/* cli/rotate_judge.c: which new key may take the old one's place, and what acceptance writes down.
 */
#include "cli/rotate.h"

#include "agent/policy.h"
#include "tests/harness.h"

#include <stdio.h>

static struct checkup works(enum fact read, enum fact spot, enum fact futures, enum fact withdraw,
                            enum fact transfer, enum fact bound, const char *account)
{
    struct checkup u;
    struct verdict *v = &u.verdict;

    memset(&u, 0, sizeof(u));
    u.reach = REACH_WORKS;
    v->is_judged = true;
    v->read = read;
    v->trade_spot = spot;
    v->trade_futures = futures;
    v->withdraw = withdraw;
    v->transfer = transfer;
    v->ip_bound = bound;
    snprintf(v->account, sizeof(v->account), "%s", account);
    verdict_conclude(v, connector_find("binance")->checks, 1000);
    return u;
}

static struct checkup good(const char *account)
{
    return works(FACT_YES, FACT_YES, FACT_NO, FACT_NO, FACT_NO, FACT_YES, account);
}

static struct checkup dead(void)
{
    struct checkup u;

    memset(&u, 0, sizeof(u));
    u.reach = REACH_REFUSED;
    u.failure.kind = FAILURE_KEY_GONE;
    return u;
}

static void judge(const struct checkup *old, const char *account, const struct checkup *now,
                  const struct record_info *info, struct objections *o)
{
    rotate_object(old, account, now, info, o);
}

static void test_the_same_rights_pass(void)
{
    struct record_info info;
    struct checkup old = good("A"), now = good("A");
    struct objections o;

    record_info_init(&info);
    judge(&old, "", &now, &info, &o);
    CHECK(!rotate_objects(&o));
    /* where the exchange names no account nothing can be compared */
    now = good("");
    judge(&old, "B", &now, &info, &o);
    CHECK(!rotate_objects(&o));
    record_info_free(&info);
}

static void test_another_account(void)
{
    struct record_info info;
    struct checkup old = good("A"), now = good("B"), gone = dead();
    struct objections o;
    struct err e;

    record_info_init(&info);
    judge(&old, "B", &now, &info, &o); /* what the old key says counts, not the note */
    CHECK(o.is_other_account);
    judge(&gone, "A", &now, &info, &o); /* an old key that is gone says nothing: then the note */
    CHECK(o.is_other_account);
    EQ_INT(rotate_refuse("mm1", connector_find("binance"), &o, &e), ERR_POLICY);
    judge(&gone, "", &now, &info, &o);
    CHECK(!o.is_other_account);
    record_info_free(&info);
}

static void test_fewer_and_more(void)
{
    struct record_info info;
    struct checkup old = works(FACT_YES, FACT_YES, FACT_YES, FACT_NO, FACT_NO, FACT_YES, "A");
    struct checkup now = works(FACT_YES, FACT_UNKNOWN, FACT_NO, FACT_NO, FACT_NO, FACT_NO, "A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    judge(&old, "", &now, &info, &o);
    EQ_STR(o.fewer, "trade spot, trade futures"); /* unknown is not a right */
    EQ_STR(o.more, "use from any IP address");
    EQ_INT(rotate_refuse("mm1", connector_find("binance"), &o, &e), ERR_POLICY);
    judge(&now, "", &old, &info, &o);
    EQ_STR(o.fewer, "");
    EQ_STR(o.more, "trade futures");
    record_info_free(&info);
}

static void test_needs_without_an_old_key(void)
{
    struct record_info info;
    struct checkup gone = dead();
    struct checkup now = works(FACT_YES, FACT_NO, FACT_NO, FACT_NO, FACT_NO, FACT_YES, "A");
    struct objections o;

    record_info_init(&info);
    judge(&gone, "", &now, &info, &o);
    EQ_STR(o.fewer, "trade");
    now = works(FACT_NO, FACT_NO, FACT_YES, FACT_NO, FACT_NO, FACT_YES, "A");
    judge(&gone, "", &now, &info, &o);
    EQ_STR(o.fewer, "read");
    record_info_free(&info);
}

static void test_dangers(void)
{
    static const enum fact bad[] = {FACT_YES, FACT_UNKNOWN};
    struct record_info info;
    struct checkup old = good("A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    for (size_t i = 0; i < 2; i++) {
        struct checkup now = works(FACT_YES, FACT_YES, FACT_NO, bad[i], FACT_NO, FACT_YES, "A");
        judge(&old, "", &now, &info, &o);
        EQ_INT(o.n_dangers, 1);
        CHECK(rotate_objects(&o));
        EQ_INT(rotate_refuse("mm1", connector_find("binance"), &o, &e), ERR_POLICY);
        now = works(FACT_YES, FACT_YES, FACT_NO, FACT_NO, bad[i], FACT_YES, "A");
        judge(&old, "", &now, &info, &o);
        EQ_INT(o.n_dangers, 1);
    }
    record_info_free(&info);
}

static void put_risk(struct record_info *info, const char *problem)
{
    struct risk *r = &info->risks[info->n_risks++];

    memset(r, 0, sizeof(*r));
    snprintf(r->problem, sizeof(r->problem), "%s", problem);
    snprintf(r->reason, sizeof(r->reason), "before");
}

static void test_accept(void)
{
    struct record_info info;
    struct checkup old = good("A");
    struct checkup now = works(FACT_YES, FACT_NO, FACT_YES, FACT_NO, FACT_YES, FACT_YES, "A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    put_risk(&info, RISK_NOT_VERIFIED);
    put_risk(&info, problem_name(PROBLEM_WITHDRAW)); /* the new key may not any more */
    put_risk(&info, "a word of another version");
    judge(&old, "", &now, &info, &o);
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "mine", 7000, &e), &e);
    EQ_INT(info.n_risks, 4);
    EQ_STR(info.risks[0].problem, "a word of another version");
    EQ_STR(info.risks[0].reason, "before");
    EQ_STR(info.risks[1].problem, problem_name(PROBLEM_TRANSFER));
    EQ_STR(info.risks[1].reason, "mine");
    EQ_INT((int)info.risks[1].date_ms, 7000);
    EQ_STR(info.risks[2].problem, "fewer-rights");
    EQ_STR(info.risks[3].problem, "more-rights");
    /* what is accepted stands in the way no more */
    judge(&old, "", &now, &info, &o);
    EQ_INT(o.n_dangers, 0);
    record_info_free(&info);
}

static void test_accept_has_an_end(void)
{
    struct record_info info;
    struct checkup old = good("A");
    struct checkup now = works(FACT_YES, FACT_NO, FACT_NO, FACT_NO, FACT_NO, FACT_YES, "A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    for (size_t i = 0; i < RISKS_MAX; i++)
        put_risk(&info, "kept");
    judge(&old, "", &now, &info, &o);
    EQ_INT(rotate_accept(&info, &o, &now.verdict, "mine", 7000, &e), ERR_LIMIT);
    record_info_free(&info);
}

int main(void)
{
    RUN(test_the_same_rights_pass);
    RUN(test_another_account);
    RUN(test_fewer_and_more);
    RUN(test_needs_without_an_old_key);
    RUN(test_dangers);
    RUN(test_accept);
    RUN(test_accept_has_an_end);
    return harness_end();
}
