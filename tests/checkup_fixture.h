/* SPDX-License-Identifier: Apache-2.0 */
/* A record and checkups of it, for the tests of what the command line makes of them. */
#ifndef TESTS_CHECKUP_FIXTURE_H
#define TESTS_CHECKUP_FIXTURE_H

#include "cli/checkup.h"

#include <stdio.h>

#define NOW_MS 1767225600000u /* 2026-01-01 00:00 */
#define DAY_MS 86400000u

static inline struct record_info info_of(void)
{
    struct record_info r;

    record_info_init(&r);
    snprintf(r.name, sizeof(r.name), "acme");
    snprintf(r.connector, sizeof(r.connector), "binance");
    snprintf(r.environment, sizeof(r.environment), "live");
    snprintf(r.key_mask, sizeof(r.key_mask), "vmPU...Eh8A");
    r.created_ms = NOW_MS - 3 * (uint64_t)DAY_MS;
    return r;
}

static inline struct checkup works(void)
{
    struct checkup k = {.reach = REACH_WORKS, .has_skew = true, .latency_ms = 84};

    k.skew_ms = -12;
    k.skew_error_ms = 40;
    k.verdict = (struct verdict){
        .is_judged = true,
        .read = FACT_YES,
        .trade_spot = FACT_YES,
        .trade_futures = FACT_NO,
        .withdraw = FACT_NO,
        .transfer = FACT_NO,
        .ip_bound = FACT_YES,
        .ips = "203.0.113.7",
        .created_ms = NOW_MS - 10 * (uint64_t)DAY_MS,
        .expires = FACT_NO,
    };
    return k;
}

static inline struct checkup refused(void)
{
    struct checkup k = {.reach = REACH_REFUSED};

    k.failure = (struct failure){
        .kind = FAILURE_KEY,
        .code = "-2015",
        .message = "Invalid API-key, IP, or permissions for action.",
        .causes = {{"the key was deleted", "it is gone from the list"},
                   {"the address is not on its list", "the list is shown beside it"}},
        .n_causes = 2,
    };
    return k;
}

#endif
