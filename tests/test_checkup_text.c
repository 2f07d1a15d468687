/* SPDX-License-Identifier: Apache-2.0 */
/* The table that a person reads of a checkup. What a checkup finds is test_checkup.c's, what is
 * made of its dangers test_checkup_risks.c's. */
#include "connectors/connector.h"
#include "tests/checkup_fixture.h"
#include "tests/harness.h"

#include <fcntl.h>
#include <unistd.h>

static char shown[16384];

static const char *show(const struct record_info *r, const struct checkup *k, bool has_color,
                        bool is_json)
{
    char path[512];
    struct cli c = {.out = {.has_color = has_color, .is_json = is_json}};

    snprintf(path, sizeof(path), "%s/table", harness_dir());
    fflush(stdout);
    int keep = dup(STDOUT_FILENO);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(keep >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
    checkup_show(&c, r, k, NOW_MS);
    fflush(stdout);
    dup2(keep, STDOUT_FILENO);
    ssize_t n = pread(fd, shown, sizeof(shown) - 1, 0);
    shown[n > 0 ? n : 0] = 0;
    close(fd);
    close(keep);
    out_close(&c.out);
    return shown;
}

static bool has_line(const char *line)
{
    size_t n = strlen(line);

    for (const char *p = shown; (p = strstr(p, line)) != NULL; p++)
        if ((p == shown || p[-1] == '\n') && p[n] == '\n')
            return true;
    return false;
}

static void table_of_a_good_key(void)
{
    struct record_info r = info_of();
    struct checkup k = works();

    show(&r, &k, false, false);
    CHECK(has_line("acme           Binance live, key vmPU...Eh8A"));
    CHECK(has_line("works          yes, answered in 84 ms"));
    CHECK(has_line("clock          right, as far as can be told (within 40 ms)"));
    CHECK(has_line("read           yes"));
    CHECK(has_line("trade spot     yes"));
    CHECK(has_line("trade futures  no"));
    CHECK(has_line("withdraw       no"));
    CHECK(has_line("transfer       no"));
    CHECK(has_line("IP list        yes: 203.0.113.7"));
    CHECK(has_line("created        2025-12-22 00:00 UTC"));
    CHECK(has_line("expires        never"));
    CHECK(has_line("age            10 d"));
    CHECK(!strstr(shown, "to do") && !strstr(shown, "accepted") && !strstr(shown, "\033"));
    EQ_STR(show(&r, &k, false, true), "");
}

static void clock_says_which_way(void)
{
    struct record_info r = info_of();
    struct checkup k = works();

    k.skew_ms = -2500;
    CHECK(strstr(show(&r, &k, false, false), "2.5 s behind the exchange (give or take 40 ms)"));
    k.skew_ms = 999;
    CHECK(strstr(show(&r, &k, false, false), "999 ms ahead of the exchange"));
    k.skew_ms = 1049;
    CHECK(strstr(show(&r, &k, false, false), "is 1 s ahead of the exchange"));
    k.skew_ms = INT64_MIN;
    CHECK(strstr(show(&r, &k, false, false), "9223372036854775.8 s behind"));
    /* The row has said how far, and in which unit. */
    k.skew_ms = -2500;
    verdict_add(&k.verdict, PROBLEM_CLOCK, "set it", "2.5 s behind");
    show(&r, &k, false, false);
    CHECK(
        strstr(shown, "take 40 ms)\n  problem: this machine's clock is off\n    to do: set it\n"));
    k.has_skew = false;
    show(&r, &k, false, false);
    CHECK(has_line("clock          unknown"));
}

/* What is refused is the time, whatever the exchange calls it; told once. */
static void a_refusal_for_the_clock_is_none_of_the_key(void)
{
    struct record_info r = info_of();
    struct checkup k = refused();

    k.failure.kind = FAILURE_CLOCK;
    k.has_skew = true;
    k.skew_ms = -400012;
    k.skew_error_ms = 40;
    show(&r, &k, true, false);
    CHECK(strstr(shown, "works          unknown: this machine's clock is 400 s behind\n"));
    CHECK(strstr(shown, "    to do: set it by network time (NTP)"));
    CHECK(!strstr(shown, "refuses") && !strstr(shown, "clock    ") && !strstr(shown, "It means"));
    k.has_skew = false; /* then its words are all that is known */
    show(&r, &k, false, false);
    CHECK(has_line("works          no: the exchange refuses the key"));
}

static void a_list_that_is_not_told(void)
{
    struct record_info r = info_of();
    struct checkup k = works();

    k.verdict.ips[0] = 0;
    show(&r, &k, false, false);
    CHECK(has_line("IP list        yes (the exchange does not tell which)"));
}

static void long_lines_are_wrapped(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    size_t n = 0;

    verdict_add(
        &k.verdict, PROBLEM_NO_IP_LIST,
        "edit the key where the exchange lists its API keys, and enter the addresses of "
        "your servers, with commas between them, and nothing else",
        "%s", "whoever gets hold of it can use it from anywhere, from now on until it is deleted");
    show(&r, &k, false, false);
    CHECK(strstr(shown, "    to do: edit") && strstr(shown, "\n           ") != NULL);
    for (const char *p = shown; *p; p++) {
        n = *p == '\n' ? 0 : n + 1;
        CHECK(n <= 100);
    }
}

/* No row of an unset verdict may read as safe. */
static void unknown_is_shown_as_unknown(void)
{
    struct record_info r = info_of();
    struct checkup k = {.reach = REACH_WORKS, .latency_ms = 1};

    verdict_conclude(&k.verdict, connector_binance.checks, NOW_MS);
    show(&r, &k, false, false);
    CHECK(has_line("read           unknown"));
    CHECK(has_line("trade spot     unknown"));
    CHECK(has_line("trade futures  unknown"));
    CHECK(has_line("withdraw       unknown"));
    CHECK(has_line("transfer       unknown"));
    CHECK(has_line("IP list        unknown"));
    CHECK(strstr(shown, "DANGER: cannot be proven not to withdraw"));
    CHECK(strstr(shown, "expires        unknown"));
    CHECK(strstr(shown, "created        unknown"));
    CHECK(has_line("age            3 d in this vault"));
}

static void bad_lines_say_what_to_do(void)
{
    struct record_info r = info_of();
    struct checkup k = works();

    k.verdict.withdraw = FACT_YES;
    k.verdict.ip_bound = FACT_NO;
    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "untick it", "enableWithdrawals is true");
    verdict_add(&k.verdict, PROBLEM_NO_IP_LIST, "bind it", "%s", "");
    verdict_add(&k.verdict, PROBLEM_CANNOT_TRADE, "nothing", "%s", "");
    show(&r, &k, false, false);
    CHECK(strstr(shown, "withdraw       yes\n"
                        "  DANGER: may withdraw: enableWithdrawals is true\n"
                        "    to do: untick it\n"));
    CHECK(strstr(shown, "IP list        no: works from any address\n"
                        "  problem: works from any IP address\n"
                        "    to do: bind it\n"));
    CHECK(strstr(shown, "trade spot     yes\n  note: cannot trade\n"));
    show(&r, &k, true, false);
    CHECK(strstr(shown, "\033[1;31mwithdraw       yes\n\033[0m"));
    CHECK(strstr(shown, "\033[1;31m  DANGER: may withdraw") != NULL);
    CHECK(!strstr(shown, "\033[1;31m  problem"));
    CHECK(strstr(shown, "\033[1;31mIP list"));
    CHECK(!strstr(shown, "\033[1;31mtrade spot")); /* a note is no bad news */
}

static void accepted_risks_are_shown_ever_after(void)
{
    struct record_info r = info_of();
    struct checkup k = works();
    struct err e;

    verdict_add(&k.verdict, PROBLEM_WITHDRAW, "untick it", "%s", "");
    OK_CALL(dangers_accept(&r, &k.verdict, "withdraws to the cold wallet", NOW_MS, &e), &e);
    r.n_risks = 2;
    snprintf(r.risks[1].problem, sizeof(r.risks[1].problem), "not verified");
    snprintf(r.risks[1].reason, sizeof(r.risks[1].reason), "in a hurry");
    r.risks[1].date_ms = NOW_MS;
    show(&r, &k, true, false);
    CHECK(strstr(shown, "  accepted risk: may withdraw\n"
                        "    accepted: withdraws to the cold wallet (2026-01-01 00:00 UTC)\n"));
    CHECK(has_line("accepted       not verified: in a hurry (2026-01-01 00:00 UTC)"));
    CHECK(!strstr(shown, "\033") && !strstr(shown, "to do"));
    /* The exchange finds it no more, and still it stands in the record. */
    k = works();
    show(&r, &k, false, false);
    CHECK(has_line(
        "accepted       may-withdraw: withdraws to the cold wallet (2026-01-01 00:00 UTC)"));
}

static void causes_are_listed(void)
{
    struct record_info r = info_of();
    struct checkup k = refused();

    show(&r, &k, false, false);
    CHECK(has_line("works          no: the exchange refuses the key"));
    CHECK(strstr(shown, "  It says: -2015 Invalid API-key, IP, or permissions for action\n"
                        "  It means one of:\n"
                        "    1. the key was deleted\n"
                        "       it is gone from the list\n"
                        "    2. the address is not on its list\n"));
    CHECK(!strstr(shown, "withdraw")); /* nothing is known of it */
    k.failure.n_causes = 1;
    show(&r, &k, false, false);
    CHECK(strstr(shown, "  It means: the key was deleted\n       it is gone from the list\n"));
    CHECK(!strstr(shown, "one of"));

    k = (struct checkup){.reach = REACH_NOT};
    err_set(&k.not_reached, ERR_FAILED, "api.binance.com could not be reached");
    err_hint(&k.not_reached, "look at the network");
    show(&r, &k, false, false);
    CHECK(has_line("works          unknown: api.binance.com could not be reached"));
    CHECK(has_line("    to do: look at the network"));
    k.failure = refused().failure; /* whose causes are hints already */
    show(&r, &k, false, false);
    CHECK(!strstr(shown, "It means"));
    CHECK(!strstr(shown, "withdraw"));
}

static void control_characters_never_pass(void)
{
    struct record_info r = info_of();
    struct checkup k = refused();

    snprintf(k.failure.message, sizeof(k.failure.message), "a\033[2Jb\xe2\x80\xae\x07");
    snprintf(r.name, sizeof(r.name), "ac\033me");
    show(&r, &k, false, false);
    CHECK(!strchr(shown, 033) && !strchr(shown, 7) && !strstr(shown, "\xe2\x80\xae"));
    k = works();
    snprintf(k.verdict.ips, sizeof(k.verdict.ips), "1.2.3.4\r\033]0;x");
    show(&r, &k, false, false);
    CHECK(!strchr(shown, 033) && !strchr(shown, '\r'));
}

int main(void)
{
    RUN(table_of_a_good_key);
    RUN(clock_says_which_way);
    RUN(a_refusal_for_the_clock_is_none_of_the_key);
    RUN(a_list_that_is_not_told);
    RUN(long_lines_are_wrapped);
    RUN(unknown_is_shown_as_unknown);
    RUN(bad_lines_say_what_to_do);
    RUN(accepted_risks_are_shown_ever_after);
    RUN(causes_are_listed);
    RUN(control_characters_never_pass);
    return harness_end();
}
