/* SPDX-License-Identifier: Apache-2.0 */
/* agent/unseal.c: how long a record stays open, as it is written. */
#include "agent/keyring.h"
#include "tests/harness.h"

static void reads(const char *text, enum unseal_kind kind, uint64_t ms)
{
    struct err e;
    struct unseal u = {UNSEAL_SESSION, 77};
    if (!OK_CALL(unseal_parse(bytes_str(text), &u, &e), &e))
        return;
    EQ_INT(u.kind, kind);
    EQ_INT(u.ms, ms);
}

static void test_what_is_said(void)
{
    reads("", UNSEAL_DEFAULT, 0);
    reads("each-use", UNSEAL_EACH_USE, 0);
    reads("session", UNSEAL_SESSION, 0);
    reads("1s", UNSEAL_FOR, 1000);
    reads("90s", UNSEAL_FOR, 90000);
    reads("15m", UNSEAL_FOR, 900000);
    reads("8h", UNSEAL_FOR, 28800000);
    reads("168h", UNSEAL_FOR, UNSEAL_MAX_S * 1000ull);
    reads("604800s", UNSEAL_FOR, UNSEAL_MAX_S * 1000ull);
}

static void test_what_is_refused(void)
{
    static const char *const bad[] = {"0s",       "00m",       "05m",
                                      "15",       "m",         "15 m",
                                      " 15m",     "15m ",      "-1m",
                                      "+1m",      "1.5h",      "15M",
                                      "1d",       "169h",      "604801s",
                                      "forever",  "Each-use",  "eachuse",
                                      "9999999h", "99999999h", "18446744073709551617s",
                                      "1h30m",    "s",         "sessions"};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct unseal u = {UNSEAL_FOR, 5};
        EQ_INT(unseal_parse(bytes_str(bad[i]), &u, &e), ERR_USAGE);
        CHECK(u.kind == UNSEAL_FOR && u.ms == 5);
        EQ_INT(e.n_hints, 1);
    }
    struct unseal u = {UNSEAL_FOR, 5};
    EQ_INT(unseal_parse(BYTES_LIT("1\0m"), &u, &e), ERR_USAGE);
}

int main(void)
{
    RUN(test_what_is_said);
    RUN(test_what_is_refused);
    return harness_end();
}
