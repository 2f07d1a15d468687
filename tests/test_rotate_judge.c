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

static int refuse(const struct record_info *info, const struct checkup *now,
                  const struct objections *o, struct err *e)
{
    return rotate_refuse(info, connector_find("binance"), &now->verdict, o, e);
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
    old = now = good("");
    judge(&old, "", &now, &info, &o);
    CHECK(!rotate_objects(&o));
    record_info_free(&info);
}

static void test_unknown_account(void)
{
    struct record_info info;
    struct checkup known = good("A"), untold = good(""), gone = dead();
    struct objections o;
    struct err e;

    record_info_init(&info);
    snprintf(info.name, sizeof(info.name), "mm1");
    judge(&known, "", &untold, &info, &o);
    CHECK(o.is_account_unknown && !o.is_other_account && rotate_objects(&o));
    EQ_INT(refuse(&info, &untold, &o, &e), ERR_POLICY);
    CHECK(strstr(e.msg, "cannot be told to be of the same account") != NULL);
    judge(&gone, "A", &untold, &info, &o);
    CHECK(o.is_account_unknown);
    judge(&untold, "", &known, &info, &o);
    CHECK(o.is_account_unknown);
    judge(&untold, "A", &known, &info, &o); /* the note helps */
    CHECK(!o.is_account_unknown && !rotate_objects(&o));
    judge(&gone, "", &known, &info, &o); /* nobody can ever tell any more */
    CHECK(!o.is_account_unknown);
    judge(&known, "", &untold, &info, &o);
    OK_CALL(rotate_accept(&info, &o, &untold.verdict, "mine", 7000, &e), &e);
    EQ_INT(info.n_risks, 1);
    EQ_STR(info.risks[0].problem, "account-unknown");
    judge(&known, "", &known, &info, &o); /* settled by the next one */
    OK_CALL(rotate_accept(&info, &o, &known.verdict, "", 7000, &e), &e);
    EQ_INT(info.n_risks, 0);
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
    EQ_INT(refuse(&info, &now, &o, &e), ERR_POLICY);
    judge(&gone, "", &now, &info, &o);
    CHECK(!o.is_other_account);
    /* refused for its address: it lives, so nobody may take its account for unknown in silence */
    CHECK(!o.is_account_unknown);
    gone.failure.kind = FAILURE_IP;
    judge(&gone, "", &now, &info, &o);
    CHECK(o.is_account_unknown);
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
    EQ_INT(refuse(&info, &now, &o, &e), ERR_POLICY);
    CHECK(strstr(e.msg, "less than is needed: trade spot, trade futures; it may do more") != NULL);
    CHECK(strstr(e.msg, "use from any IP address") != NULL);
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

/* Of a working old key whose rights the exchange did not tell, as after a reply that was cut. */
static void test_untold_rights_are_needed(void)
{
    struct record_info info;
    struct checkup old =
        works(FACT_YES, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, "A");
    struct checkup now = works(FACT_YES, FACT_NO, FACT_NO, FACT_NO, FACT_NO, FACT_YES, "A");
    struct objections o;

    record_info_init(&info);
    judge(&old, "", &now, &info, &o);
    EQ_STR(o.fewer, "trade");
    now.verdict.trade_futures = FACT_YES;
    judge(&old, "", &now, &info, &o);
    EQ_STR(o.fewer, "");
    old.verdict.read = FACT_UNKNOWN;
    now.verdict.read = FACT_NO;
    judge(&old, "", &now, &info, &o);
    EQ_STR(o.fewer, "read");
    record_info_free(&info);
}

static void test_all_at_once(void)
{
    struct record_info info;
    struct checkup old = works(FACT_YES, FACT_YES, FACT_NO, FACT_NO, FACT_NO, FACT_YES, "A");
    struct checkup now = works(FACT_YES, FACT_NO, FACT_YES, FACT_YES, FACT_UNKNOWN, FACT_NO, "");
    struct objections o;
    struct err e;

    record_info_init(&info);
    judge(&old, "", &now, &info, &o);
    EQ_INT(refuse(&info, &now, &o, &e), ERR_POLICY);
    CHECK(strstr(e.msg, "may withdraw") && strstr(e.msg, "needed: trade spot;"));
    CHECK(strstr(e.msg, "replaces: trade futures, use from any IP address;"));
    CHECK(strstr(e.msg, "same account") && e.n_hints < ERR_HINTS);
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
        EQ_INT(refuse(&info, &now, &o, &e), ERR_POLICY);
        CHECK(e.n_hints < ERR_HINTS);
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
    enum problem p;
    CHECK(problem_by_name(bytes_str(info.risks[1].problem), &p) && p == PROBLEM_TRANSFER);
    EQ_STR(info.risks[1].reason, "mine");
    EQ_INT((int)info.risks[1].date_ms, 7000);
    EQ_STR(info.risks[2].problem, "fewer-rights");
    EQ_STR(info.risks[3].problem, "more-rights");
    /* what is accepted stands in the way no more */
    judge(&old, "", &now, &info, &o);
    EQ_INT(o.n_dangers, 0);
    record_info_free(&info);
}

/* Who accepted that a key may transfer accepted that nobody can tell; the reason must stay. */
static void test_accepted_stays_with_what_cannot_be_told(void)
{
    struct record_info info;
    struct checkup old = good("A");
    struct checkup now =
        works(FACT_YES, FACT_YES, FACT_NO, FACT_UNKNOWN, FACT_UNKNOWN, FACT_YES, "A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    put_risk(&info, problem_name(PROBLEM_TRANSFER));
    put_risk(&info, problem_name(PROBLEM_WITHDRAW));
    judge(&old, "", &now, &info, &o);
    CHECK(!rotate_objects(&o));
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "", 7000, &e), &e);
    EQ_INT(info.n_risks, 2);
    EQ_INT((int)dangers_open(&info, &now.verdict, NULL), 0);
    now = good("A");
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "", 7000, &e), &e);
    EQ_INT(info.n_risks, 0);
    record_info_free(&info);
}

/* A reason for one danger is none for withdrawal; then nothing is changed, not even what the new
 * key has no more. */
static void test_withdrawal_needs_its_word(void)
{
    struct record_info info;
    struct checkup old = good("A");
    struct checkup now = works(FACT_YES, FACT_YES, FACT_NO, FACT_YES, FACT_NO, FACT_YES, "A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    snprintf(info.connector, sizeof(info.connector), "binance");
    put_risk(&info, problem_name(PROBLEM_TRANSFER));
    put_risk(&info, RISK_NOT_VERIFIED);
    judge(&old, "", &now, &info, &o);
    EQ_INT(rotate_accept(&info, &o, &now.verdict, "sub-account", 7000, &e), ERR_POLICY);
    CHECK(strstr(e.hints[0], "'sub-account' does not cover that") != NULL);
    EQ_INT(info.n_risks, 2);
    EQ_STR(info.risks[1].problem, RISK_NOT_VERIFIED);
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "may Withdraw", 7000, &e), &e);
    EQ_INT(info.n_risks, 1);
    EQ_STR(info.risks[0].problem, problem_name(PROBLEM_WITHDRAW));
    record_info_free(&info);
}

static void test_unknown_rights_are_one_by_one(void)
{
    struct record_info info;
    struct checkup old = good("A"), now = good("A");
    struct objections o;
    struct err e;

    record_info_init(&info);
    put_risk(&info, "unknown-right: enableMoon");
    verdict_add(&now.verdict, PROBLEM_UNKNOWN_RIGHT, "", "enableMoon");
    judge(&old, "", &now, &info, &o);
    CHECK(!rotate_objects(&o));
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "", 7000, &e), &e);
    EQ_INT(info.n_risks, 1);
    now = good("A");
    verdict_add(&now.verdict, PROBLEM_UNKNOWN_RIGHT, "", "enableMars");
    judge(&old, "", &now, &info, &o);
    EQ_INT(o.n_dangers, 1);
    OK_CALL(rotate_accept(&info, &o, &now.verdict, "mine", 7000, &e), &e);
    EQ_INT(info.n_risks, 1);
    EQ_STR(info.risks[0].problem, "unknown-right: enableMars");
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
    RUN(test_unknown_account);
    RUN(test_fewer_and_more);
    RUN(test_needs_without_an_old_key);
    RUN(test_untold_rights_are_needed);
    RUN(test_all_at_once);
    RUN(test_dangers);
    RUN(test_accept);
    RUN(test_accepted_stays_with_what_cannot_be_told);
    RUN(test_withdrawal_needs_its_word);
    RUN(test_unknown_rights_are_one_by_one);
    RUN(test_accept_has_an_end);
    return harness_end();
}
