/* SPDX-License-Identifier: Apache-2.0 */
/* Which dangers of a checkup stand open, and what is accepted by which reason. What is said of it
 * is in test_checkup_said.c. */
#include "connectors/connector.h"
#include "tests/checkup_fixture.h"
#include "tests/harness.h"

static void no_danger_no_refusal(void)
{
    struct record_info r = info_of();
    struct checkup k = works();

    EQ_INT(dangers_open(&r, &k.verdict, NULL), 0);
    verdict_add(&k.verdict, PROBLEM_NO_IP_LIST, "bind it", "from anywhere");
    EQ_INT(dangers_open(&r, &k.verdict, NULL), 0); /* to be mended, but no danger */
}

static void dangers_are_accepted_one_by_one(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    enum problem list[FINDINGS_MAX];
    struct err e;

    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "off", "it is on");
    EQ_INT(dangers_open(&r, &k.verdict, list), 1);
    EQ_INT(list[0], PROBLEM_WITHDRAW);
    OK_CALL(dangers_accept(&r, &k.verdict, "withdraws to the cold wallet", NOW_MS, &e), &e);
    EQ_INT(r.n_risks, 1);
    EQ_STR(r.risks[0].problem, "may-withdraw");
    EQ_STR(r.risks[0].reason, "withdraws to the cold wallet");
    EQ_INT(r.risks[0].date_ms, NOW_MS);
    EQ_INT(dangers_open(&r, &k.verdict, list), 0);
    /* A danger that comes later is not covered by it. */
    verdict_add(&k.verdict, PROBLEM_TRANSFER_UNKNOWN, "", "?");
    EQ_INT(dangers_open(&r, &k.verdict, list), 1);
    EQ_INT(list[0], PROBLEM_TRANSFER_UNKNOWN);
    /* What stands there already is not written twice. */
    OK_CALL(dangers_accept(&r, &k.verdict, "later", NOW_MS, &e), &e);
    EQ_INT(r.n_risks, 2);
    EQ_STR(r.risks[0].reason, "withdraws to the cold wallet");
}

static void yes_covers_unknown_but_not_the_other_way(void)
{
    struct record_info r = info_of();

    r.n_risks = 1;
    snprintf(r.risks[0].problem, sizeof(r.risks[0].problem), "may-withdraw");
    CHECK(risk_is_accepted(&r, PROBLEM_WITHDRAW));
    CHECK(risk_of_kind(&r, PROBLEM_WITHDRAW_UNKNOWN) == &r.risks[0]);
    CHECK(risk_is_accepted(&r, PROBLEM_WITHDRAW_UNKNOWN));
    CHECK(!risk_is_accepted(&r, PROBLEM_TRANSFER_UNKNOWN));
    snprintf(r.risks[0].problem, sizeof(r.risks[0].problem), "withdraw-unknown");
    CHECK(risk_is_accepted(&r, PROBLEM_WITHDRAW_UNKNOWN));
    CHECK(!risk_is_accepted(&r, PROBLEM_WITHDRAW));
    snprintf(r.risks[0].problem, sizeof(r.risks[0].problem), "not verified");
    for (unsigned p = 0; p < PROBLEM_COUNT; p++)
        CHECK(!risk_is_accepted(&r, (enum problem)p));
}

/* At some exchanges every key needs a reason; it must not let a slip through. */
static void withdrawal_needs_a_reason_of_its_own(void)
{
    static const char *const do_not[] = {"sub-account of its own", "", "with draw", "WITHDRA"};
    static const char *const do_so[] = {"withdraw", "May WITHDRAW: it pays", "withdrawals, by me"};
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(do_not); i++) {
        struct record_info r = info_of();
        struct checkup k = works();
        verdict_add(&k.verdict, PROBLEM_TRANSFER, "", "%s", "");
        verdict_add(&k.verdict, PROBLEM_WITHDRAW, "untick it", "%s", "");
        CHECK(danger_needs_word(&r, &k.verdict));
        CHECK(strstr(reason_question(&r, &k.verdict), "'withdraw'") != NULL);
        EQ_INT(dangers_accept(&r, &k.verdict, do_not[i], NOW_MS, &e), ERR_POLICY);
        EQ_INT(r.n_risks, 0); /* the other danger neither */
        EQ_STR(e.msg, "the key for 'acme' is refused: it may withdraw");
        CHECK(strstr(e.hints[0], "does not cover that") && strstr(e.hints[0], "say 'withdraw'"));
        CHECK(strstr(e.hints[0], do_not[i]) != NULL);
        EQ_STR(e.hints[1], "untick it");
    }
    for (size_t i = 0; i < ARRAY_LEN(do_so); i++) {
        struct record_info r = info_of();
        struct checkup k = works();
        verdict_add(&k.verdict, PROBLEM_TRANSFER, "", "%s", "");
        verdict_add(&k.verdict, PROBLEM_WITHDRAW, "", "%s", "");
        OK_CALL(dangers_accept(&r, &k.verdict, do_so[i], NOW_MS, &e), &e);
        EQ_INT(r.n_risks, 2);
        /* What is accepted stays so, and the next danger needs no such word. */
        verdict_add(&k.verdict, PROBLEM_ADDRESSES, "", "%s", "");
        CHECK(!danger_needs_word(&r, &k.verdict));
        EQ_STR(reason_question(&r, &k.verdict), "Reason");
        OK_CALL(dangers_accept(&r, &k.verdict, "x", NOW_MS, &e), &e);
    }
}

static void a_long_reason_is_quoted_in_part(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    char reason[256];
    struct err e;

    memset(reason, 'r', sizeof(reason));
    reason[255] = 0;
    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "", "%s", "");
    EQ_INT(dangers_accept(&r, &k.verdict, reason, NOW_MS, &e), ERR_POLICY);
    CHECK(strstr(e.hints[0], "r...' does not cover") && strstr(e.hints[0], "say 'withdraw'"));
}

/* Any reason does for what cannot be told. */
static void what_cannot_be_told_needs_no_word(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct err e;

    verdict_add(&k.verdict, PROBLEM_WITHDRAW_UNKNOWN, "", "%s", "");
    OK_CALL(dangers_accept(&r, &k.verdict, "seen on the site", NOW_MS, &e), &e);
    EQ_STR(r.risks[0].problem, "withdraw-unknown");
    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "", "%s", ""); /* and it does not cover this one */
    EQ_INT(dangers_accept(&r, &k.verdict, "seen on the site", NOW_MS, &e), ERR_POLICY);
}

static struct checkup with_right(const char *words)
{
    struct checkup k = works();

    verdict_add(&k.verdict, PROBLEM_UNKNOWN_RIGHT, "", "%s", words);
    return k;
}

static void one_unknown_right_is_not_another(void)
{
    struct record_info r = info_of();
    struct checkup one = with_right("enableMoon"), other = with_right("enableMars");
    struct checkup both = with_right("enableMoon, enableMars");
    struct err e;

    OK_CALL(dangers_accept(&r, &one.verdict, "mine", NOW_MS, &e), &e);
    EQ_STR(r.risks[0].problem, "unknown-right: enableMoon");
    EQ_INT(dangers_open(&r, &one.verdict, NULL), 0);
    EQ_INT(dangers_open(&r, &other.verdict, NULL), 1);
    EQ_INT(dangers_open(&r, &both.verdict, NULL), 1);
    OK_CALL(dangers_accept(&r, &both.verdict, "mine", NOW_MS, &e), &e);
    EQ_INT(r.n_risks, 2);
    /* As earlier versions wrote it. */
    r.n_risks = 1;
    snprintf(r.risks[0].problem, sizeof(r.risks[0].problem), "unknown-right");
    EQ_INT(dangers_open(&r, &both.verdict, NULL), 0);
}

static void long_lists_are_told_apart(void)
{
    char words[190];
    struct err e;

    memset(words, 'w', sizeof(words));
    words[189] = 0;
    for (size_t n = 40; n < 189; n++) {
        struct record_info r = info_of();
        struct checkup k = with_right(words + 189 - n), more = with_right(words + 188 - n);
        OK_CALL(dangers_accept(&r, &k.verdict, "mine", NOW_MS, &e), &e);
        CHECK(strncmp(r.risks[0].problem, "unknown-right: wwwwwwwwwwwwwwwwwwwwwwwww", 40) == 0);
        EQ_INT(dangers_open(&r, &k.verdict, NULL), 0);
        EQ_INT(dangers_open(&r, &more.verdict, NULL), 1);
    }
}

/* Of transfers the kind is enough: the words are for the one who reads them. */
static void transfers_are_accepted_by_kind(void)
{
    struct record_info r = info_of();
    struct checkup k = works(), other = works();
    struct err e;

    verdict_add(&k.verdict, PROBLEM_TRANSFER, "", "%s", "Funds 'Earn' moves funds");
    verdict_add(&other.verdict, PROBLEM_TRANSFER, "", "%s", "another way");
    OK_CALL(dangers_accept(&r, &k.verdict, "mine", NOW_MS, &e), &e);
    EQ_STR(r.risks[0].problem, "may-transfer: Funds 'Earn' moves funds");
    EQ_INT(dangers_open(&r, &other.verdict, NULL), 0);
    CHECK(risk_is_accepted(&r, PROBLEM_TRANSFER_UNKNOWN));
}

static void a_full_list_takes_no_more(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct err e;

    r.n_risks = RISKS_MAX;
    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "", "?");
    EQ_INT(dangers_accept(&r, &k.verdict, "may withdraw", NOW_MS, &e), ERR_LIMIT);
    EQ_INT(r.n_risks, RISKS_MAX);
    EQ_INT(dangers_open(&r, &k.verdict, NULL), 1);
}

static void reasons(void)
{
    struct args a = {.given = {false}};
    char out[256] = "x", longest[257];
    struct err e;

    OK_CALL(accept_reason(&a, out, &e), &e);
    EQ_STR(out, "");
    a.given[OPT_ACCEPT_RISK] = true;
    a.value[OPT_ACCEPT_RISK] = "  why not \n";
    OK_CALL(accept_reason(&a, out, &e), &e);
    EQ_STR(out, "why not");
    memset(longest, 'r', sizeof(longest));
    longest[256] = 0;
    a.value[OPT_ACCEPT_RISK] = longest;
    EQ_INT(accept_reason(&a, out, &e), ERR_USAGE);
    longest[255] = 0;
    OK_CALL(accept_reason(&a, out, &e), &e);
    a.value[OPT_ACCEPT_RISK] = " \t ";
    EQ_INT(accept_reason(&a, out, &e), ERR_USAGE);
    a.value[OPT_ACCEPT_RISK] = "\xff";
    EQ_INT(accept_reason(&a, out, &e), ERR_USAGE);
}

int main(void)
{
    RUN(no_danger_no_refusal);
    RUN(dangers_are_accepted_one_by_one);
    RUN(yes_covers_unknown_but_not_the_other_way);
    RUN(withdrawal_needs_a_reason_of_its_own);
    RUN(a_long_reason_is_quoted_in_part);
    RUN(what_cannot_be_told_needs_no_word);
    RUN(one_unknown_right_is_not_another);
    RUN(long_lists_are_told_apart);
    RUN(transfers_are_accepted_by_kind);
    RUN(a_full_list_takes_no_more);
    RUN(reasons);
    return harness_end();
}
