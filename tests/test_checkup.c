/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a checkup: works, refused or not reached; the clock; nothing is known of a key that
 * was not shown to work. Replies are set by hand, read by a connector made here. */
#include "agent/errand.h"
#include "base/text.h"
#include "tests/harness.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW_MS 1700000000000u

/* A body is the number of the failure that it stands for; "ok" and "judged" are successes. */
static void explain(const struct reply *r, struct failure *out)
{
    uint64_t kind = 0;

    *out = (struct failure){0};
    if (!text_u64(r->body, FAILURE_PLACE, &kind))
        return;
    out->kind = (enum failure_kind)kind;
    failure_say(out, BYTES_LIT("-1"), BYTES_LIT("words"));
    out->causes[0] = (struct cause){"a cause", "how to tell"};
    out->n_causes = 1;
    if (r->n_headers > 0)
        out->retry_after_s = 77;
}

/* Says that all is safe, whatever was answered, to show that this is not believed. */
static void judge(const struct talk *t, uint64_t now_ms, struct verdict *out)
{
    (void)now_ms;
    *out = (struct verdict){.withdraw = FACT_NO, .transfer = FACT_NO, .read = FACT_YES};
    for (unsigned i = 1; i < t->n_asked; i++)
        if (bytes_eq_str(t->replies[i].body, "judged") || t->replies[i].status == 299)
            out->is_judged = true;
}

static int server_time(const struct reply *r, uint64_t *ms, struct err *e)
{
    if (text_u64(r->body, UINT64_MAX, ms))
        return OK;
    return err_set(e, ERR_FORMAT, "no time");
}

static const struct checks checks = {
    .judge = judge, .explain = explain, .server_time = server_time, .time_unit_ms = 1};
static const struct connector conn = {.name = "acme", .title = "Acme", .checks = &checks};

struct said {
    unsigned status;
    const char *body;
};

/* An errand whose call 0 is the clock, with these replies; the caller frees it. */
static struct errand *errand_of(const struct said *said, unsigned n)
{
    static struct record_info info = {.connector = "binance", .environment = "live"};
    struct err e;
    struct errand *r = errand_new(PURPOSE_VERIFY, &info, NULL, &e);

    if (!r)
        abort();
    r->failed = (struct err){0};
    r->talk.conn = &conn;
    r->talk.n_asked = n;
    for (unsigned i = 0; i < n; i++) {
        r->classes[i] = i == 0 ? CLASS_PUBLIC : CLASS_READ;
        r->talk.is_answered[i] = true;
        r->talk.replies[i] = (struct reply){.status = said[i].status,
                                            .body = bytes_str(said[i].body),
                                            .sent_us = NOW_MS * (uint64_t)1000,
                                            .answered_us = NOW_MS * (uint64_t)1000 + 100000};
    }
    return r;
}

static struct checkup *checkup_of(const struct said *said, unsigned n, const char *failed)
{
    struct checkup *k = malloc(sizeof(*k));
    struct errand *r = errand_of(said, n);

    if (!k)
        abort();
    if (failed)
        err_set(&r->failed, ERR_FAILED, "%s", failed);
    errand_checkup(r, NOW_MS, k);
    errand_free(r);
    return k;
}

static void facts_of(const struct checkup *k)
{
    bool is_good = k->reach == REACH_WORKS;

    EQ_INT(k->verdict.is_judged, is_good);
    EQ_INT(k->verdict.withdraw, is_good ? FACT_NO : FACT_UNKNOWN);
    EQ_INT(k->verdict.read, is_good ? FACT_YES : FACT_UNKNOWN);
    EQ_INT(verdict_has(&k->verdict, PROBLEM_WITHDRAW_UNKNOWN), !is_good);
    EQ_INT(verdict_has(&k->verdict, PROBLEM_TRANSFER_UNKNOWN), !is_good);
    EQ_INT(k->not_reached.code != OK, k->reach == REACH_NOT);
}

#define CLOCK                                                                                      \
    {                                                                                              \
        200, "1700000000050"                                                                       \
    }

static void reaches(void)
{
    static const struct {
        struct said said[4];
        unsigned n;
        const char *failed;
        enum reach reach;
        enum failure_kind kind;
    } cases[] = {
        {{CLOCK, {200, "judged"}}, 2, NULL, REACH_WORKS, FAILURE_NONE},
        {{{0, ""}, {200, "judged"}}, 2, NULL, REACH_WORKS, FAILURE_NONE},
        {{{503, "12"}, {200, "judged"}}, 2, NULL, REACH_WORKS, FAILURE_NONE},
        {{CLOCK, {200, "judged"}, {403, "7"}}, 3, NULL, REACH_WORKS, FAILURE_RIGHT},
        {{CLOCK, {401, "2"}, {200, "judged"}}, 3, NULL, REACH_WORKS, FAILURE_KEY},
        /* good by its form, but nothing in it */
        {{CLOCK, {200, "ok"}}, 2, NULL, REACH_NOT, FAILURE_NONE},
        {{CLOCK, {401, "2"}}, 2, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {401, "1"}}, 2, NULL, REACH_REFUSED, FAILURE_KEY_GONE},
        {{CLOCK, {200, "ok"}, {401, "2"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {503, "12"}, {401, "6"}}, 3, NULL, REACH_REFUSED, FAILURE_IP},
        {{CLOCK, {401, "3"}, {401, "6"}}, 3, NULL, REACH_REFUSED, FAILURE_SIGNATURE},
        /* the connector says that it could judge by a refusal */
        {{CLOCK, {299, "2"}}, 2, NULL, REACH_REFUSED, FAILURE_KEY},
        /* gone stands only while no other answer knows the key */
        {{CLOCK, {401, "1"}, {401, "2"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {401, "2"}, {401, "1"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {401, "1"}, {401, "1"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY_GONE},
        {{CLOCK, {401, "1"}, {503, "12"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY_GONE},
        {{CLOCK, {401, "1"}, {200, "ok"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {200, "ok"}, {401, "1"}}, 3, NULL, REACH_REFUSED, FAILURE_KEY},
        {{CLOCK, {400, "15"}}, 2, NULL, REACH_NOT, FAILURE_REQUEST},
        {{CLOCK, {451, "18"}}, 2, NULL, REACH_NOT, FAILURE_PLACE},
        {{CLOCK, {400, "17"}}, 2, NULL, REACH_REFUSED, FAILURE_OTHER},
        {{CLOCK}, 1, NULL, REACH_NOT, FAILURE_NONE},
        {{{503, "12"}}, 1, NULL, REACH_NOT, FAILURE_NONE},
        {{{0, ""}, {0, ""}}, 2, "dns", REACH_NOT, FAILURE_NONE},
        {{CLOCK, {0, ""}}, 2, "timeout", REACH_NOT, FAILURE_NONE},
        {{CLOCK}, 0, "policy", REACH_NOT, FAILURE_NONE},
        {{CLOCK, {200, "judged"}}, 2, "second call", REACH_WORKS, FAILURE_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct checkup *k = checkup_of(cases[i].said, cases[i].n, cases[i].failed);
        bool is_fine = EQ_INT(k->reach, cases[i].reach) && EQ_INT(k->failure.kind, cases[i].kind);
        if (!is_fine)
            printf("# case %zu\n", i);
        facts_of(k);
        if (cases[i].failed && k->reach == REACH_NOT)
            EQ_STR(k->not_reached.msg, cases[i].failed);
        free(k);
    }
}

static void by_kind(void)
{
    static const enum failure_kind not_the_key[] = {FAILURE_RATE, FAILURE_BANNED, FAILURE_BUSY,
                                                    FAILURE_UNKNOWN_STATE, FAILURE_GARBAGE,
                                                    FAILURE_REQUEST,       FAILURE_PLACE};

    for (unsigned kind = FAILURE_KEY_GONE; kind <= FAILURE_PLACE; kind++) {
        char body[8];
        snprintf(body, sizeof(body), "%u", kind);
        const struct said said[] = {CLOCK, {400, body}};
        bool is_not = false;
        for (size_t i = 0; i < ARRAY_LEN(not_the_key); i++)
            is_not |= kind == not_the_key[i];
        struct checkup *k = checkup_of(said, 2, NULL);
        EQ_INT(k->reach, is_not ? REACH_NOT : REACH_REFUSED);
        EQ_INT(k->failure.kind, kind);
        facts_of(k);
        if (is_not) {
            CHECK(strncmp(k->not_reached.msg, "Acme answered: ", 15) == 0);
            CHECK(strstr(k->not_reached.msg, "(-1: words)") && k->not_reached.n_hints > 0);
        }
        free(k);
    }
}

static void when_to_come_back(void)
{
    static const struct said said[] = {CLOCK, {418, "11"}};
    struct header h = {BYTES_LIT("Retry-After"), BYTES_LIT("77")};
    struct errand *r = errand_of(said, 2);
    struct checkup k;

    r->talk.replies[1].headers = &h;
    r->talk.replies[1].n_headers = 1;
    errand_checkup(r, NOW_MS, &k);
    EQ_INT(k.reach, REACH_NOT);
    CHECK(strstr(k.not_reached.hints[0], "77 s"));
    EQ_STR(k.not_reached.hints[1], "a cause: how to tell");
    r->talk.replies[1].n_headers = 0;
    errand_checkup(r, NOW_MS, &k);
    CHECK(strstr(k.not_reached.hints[0], "15 minutes"));
    errand_free(r);
}

/* The request is 100 ms on its way there and back, so it is at the exchange at NOW_MS + 50. */
static void clocks(void)
{
    static const struct {
        const char *server;
        int64_t skew;
        bool is_off;
        const char *text;
    } cases[] = {
        {"1700000000050", 0, false, ""},
        {"1700000000049", 1, false, ""},
        {"1699999999000", 1050, false, ""},
        {"1699999998999", 1051, false, ""},
        {"1699999998998", 1052, true, "is 1.1 s ahead of"},
        {"1700000001101", -1051, false, ""},
        {"1700000001102", -1052, true, "is 1.1 s behind"},
        {"1700003600050", -3600000, true, "is 3600.0 s behind"},
        {"0", (int64_t)NOW_MS + 50, true, "1700000000.1 s ahead of"},
        {"18446744073709551615", -((int64_t)1 << 53), true, "behind"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct said said[] = {{200, cases[i].server}, {200, "judged"}};
        struct checkup *k = checkup_of(said, 2, NULL);
        CHECK(k->has_skew);
        EQ_INT(k->skew_ms, cases[i].skew);
        EQ_INT(k->skew_error_ms, 51);
        EQ_INT(verdict_has(&k->verdict, PROBLEM_CLOCK), cases[i].is_off);
        if (k->verdict.n_findings > 0) {
            CHECK(strstr(k->verdict.findings[0].text, cases[i].text));
            CHECK(k->verdict.findings[0].todo[0]);
        }
        EQ_INT(k->latency_ms, 100);
        free(k);
    }
}

static bool has_skew(uint64_t sent_us, uint64_t answered_us, struct checkup *k)
{
    static const struct said said[] = {CLOCK, {401, "4"}};
    struct errand *r = errand_of(said, 2);

    r->talk.replies[0].sent_us = sent_us;
    r->talk.replies[0].answered_us = answered_us;
    errand_checkup(r, NOW_MS, k);
    errand_free(r);
    return k->has_skew;
}

static void clocks_that_say_nothing(void)
{
    static const struct said bad[] = {{200, "soon"}, {200, "judged"}};
    struct checkup k, *other = checkup_of(bad, 2, NULL);

    CHECK(!other->has_skew && other->reach == REACH_WORKS);
    free(other);
    CHECK(!has_skew(0, 5, &k) && !has_skew(NOW_MS, NOW_MS - 1, &k));
    EQ_STR(k.failure.message, "words");
    /* a slow answer leaves room for doubt, so there is no word of a clock that is off */
    CHECK(has_skew((NOW_MS + 3000) * (uint64_t)1000, (NOW_MS + 9000) * (uint64_t)1000, &k));
    EQ_INT(k.skew_ms, 5950);
    EQ_INT(k.skew_error_ms, 3001);
    CHECK(verdict_has(&k.verdict, PROBLEM_CLOCK));
    CHECK(has_skew(NOW_MS * (uint64_t)1000, (NOW_MS + 9000) * (uint64_t)1000, &k));
    EQ_INT(k.skew_ms, 4450);
    CHECK(!verdict_has(&k.verdict, PROBLEM_CLOCK));
}

static void clock_refused(void)
{
    struct checkup k;

    CHECK(has_skew((NOW_MS + 5000) * (uint64_t)1000, (NOW_MS + 5000) * (uint64_t)1000, &k));
    EQ_INT(k.failure.kind, FAILURE_CLOCK);
    EQ_STR(k.failure.message, "words (this machine's clock is 5.0 s ahead of the exchange's)");
    EQ_INT(k.reach, REACH_REFUSED);
    CHECK(verdict_has(&k.verdict, PROBLEM_CLOCK));
}

static void without_connector(void)
{
    static struct record_info info = {.name = "a", .connector = "nosuch", .environment = "live"};
    struct checkup k;
    struct err e;
    struct errand *r = errand_new(PURPOSE_VERIFY, &info, NULL, &e);

    if (!CHECK(r && r->is_done))
        return;
    errand_checkup(r, NOW_MS, &k);
    EQ_INT(k.reach, REACH_NOT);
    EQ_STR(k.not_reached.msg, r->failed.msg);
    CHECK(verdict_has(&k.verdict, PROBLEM_WITHDRAW_UNKNOWN));
    CHECK(!k.verdict.is_judged && k.not_reached.code == ERR_FAILED);
    errand_free(r);
}

int main(void)
{
    RUN(reaches);
    RUN(by_kind);
    RUN(when_to_come_back);
    RUN(clocks);
    RUN(clocks_that_say_nothing);
    RUN(clock_refused);
    RUN(without_connector);
    return harness_end();
}
