/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out to an exchange (server.c), whole processes: many keys verified at once against one,
 * and one request against signing and sending by themselves. */
#include "tests/bench/bench.h"

#include <stdio.h>

#define KEYS 30u

static void print_peaks(const char *what, const struct run *r)
{
    double own, child;
    run_peaks(r, &own, &child);
    printf("# peak memory of %s: coffer %.2f MiB, coffer-net %.2f MiB\n", what, own, child);
}

/* The slowest key by the median of its runs. */
static double slowest(struct samples one[KEYS])
{
    double most = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        double ms = median(&one[k]);
        most = ms > most ? ms : most;
    }
    return most;
}

int bench_verify(int argc, char **argv)
{
    static struct samples all, any, one[KEYS];
    uint64_t n = count_arg(argc - 1, argv);
    char what[64];
    const char *coffer = env_or_die("COFFER"), *pin = env_or_die("PIN_FILE");
    const char *home = env_or_die("HOME_NET");
    struct run verify = {home, {coffer, "verify", "--pin-file", pin, "--quiet"}};
    double rss;
    (void)run_once(&verify, &rss);
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < KEYS; k++) {
            char name[32];
            snprintf(name, sizeof(name), "key%06u", k);
            struct run single = {home, {coffer, "verify", name, "--pin-file", pin, "--quiet"}};
            sample(&one[k], run_once(&single, &rss) / 1e6);
            sample(&any, one[k].v[one[k].n - 1]);
            if (k % 5 == 0) /* between them, so that noise hits both */
                sample(&all, run_once(&verify, &rss) / 1e6);
        }
    }
    printf("# the exchange takes 100 ms for each answer; %zu runs with all keys, %llu with each\n",
           all.n, (unsigned long long)n);
    snprintf(what, sizeof(what), "verify of 30 keys, %s, slowest key", argv[1]);
    result(what, "ms", median(&all), slowest(one), 1.5);
    snprintf(what, sizeof(what), "verify of 30 keys, %s, median key", argv[1]);
    result(what, "ms", median(&all), median(&any), 0);
    print_peaks("verify, 30 keys", &verify);
    return results_end();
}

int bench_request(int argc, char **argv)
{
    static struct samples ours, sign_ms, send_ms;
    uint64_t n = count_arg(argc, argv);
    const char *home = env_or_die("HOME"), *coffer = env_or_die("COFFER");
    const char *pin = env_or_die("PIN_FILE");
    struct run request = {home,
                          {coffer, "request", "net", "GET", "/api/v3/account", "--pin-file", pin}};
    struct run sign = {home,
                       {env_or_die("FLOOR"), env_or_die("FLOOR_MODULE"), env_or_die("FLOOR_LABEL"),
                        env_or_die("FLOOR_PIN"), env_or_die("FLOOR_ID"), env_or_die("FLOOR_POINT"),
                        "timestamp=1700000000000"}};
    struct run send = {home,
                       {env_or_die("FLOOR_NET"), env_or_die("NET_CA"), env_or_die("NET_TO"),
                        env_or_die("NET_URL"), env_or_die("NET_HEADER")}};
    double rss;
    for (uint64_t i = 0; i < n + 5; i++) {
        double a = run_once(&request, &rss), b = run_once(&sign, &rss), c = run_once(&send, &rss);
        if (i < 5) /* warms the caches */
            continue;
        sample(&ours, a / 1e6);
        sample(&sign_ms, b / 1e6);
        sample(&send_ms, c / 1e6);
    }
    printf("# %llu alternating runs of each; the floor: signing %.2f ms, sending %.2f ms\n",
           (unsigned long long)n, median(&sign_ms), median(&send_ms));
    result("coffer request, Binance HMAC, median", "ms", median(&ours),
           median(&sign_ms) + median(&send_ms), 1.3);
    result("coffer request, Binance HMAC, 95th percentile", "ms", percentile(&ours, 0.95),
           percentile(&sign_ms, 0.95) + percentile(&send_ms, 0.95), 0);
    struct run slow = {
        env_or_die("HOME_NET"),
        {coffer, "request", "key000000", "GET", "/api/v3/account", "--pin-file", pin}};
    print_peaks("request", &slow);
    return results_end();
}
