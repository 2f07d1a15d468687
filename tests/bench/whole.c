/* SPDX-License-Identifier: Apache-2.0 */
/* Whole processes: `coffer sign` against the floor, and against itself with many records. This part
 * opens no token, so that its own memory stays below what it measures (a child's peak counts its
 * parent's pages until exec). */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <sys/resource.h>

static void kraken_line(const struct run *floor, const struct run *kraken, uint64_t n)
{
    static struct samples a, b;
    double rss;
    for (uint64_t i = 0; i < n; i++) {
        sample(&a, run_once(floor, &rss) / 1e6);
        sample(&b, run_once(kraken, &rss) / 1e6);
    }
    result("coffer sign, Kraken (nonce mark on disk)", "ms", median(&b), median(&a), 0);
}

int bench_whole(int argc, char **argv)
{
    static struct samples ours, floor_ms, ours_rss, floor_rss;
    uint64_t n = count_arg(argc, argv);
    const char *coffer = env_or_die("COFFER"), *pin = env_or_die("PIN_FILE");
    const char *home = env_or_die("HOME");
    struct run sign = {
        home,
        {coffer, "sign", "key000005", "GET", "/api/v3/account?recvWindow=5000", "--pin-file", pin}};
    struct run kraken = {
        home, {coffer, "sign", "kraken", "POST", "/0/private/Balance", "--pin-file", pin}};
    struct run floor = {home,
                        {env_or_die("FLOOR"), env_or_die("FLOOR_MODULE"), env_or_die("FLOOR_LABEL"),
                         env_or_die("FLOOR_PIN"), env_or_die("FLOOR_ID"), env_or_die("FLOOR_POINT"),
                         "recvWindow=5000&timestamp=1700000000000"}};
    double rss;
    for (unsigned i = 0; i < 5; i++) { /* warm the caches */
        (void)run_once(&sign, &rss);
        (void)run_once(&floor, &rss);
    }
    for (uint64_t i = 0; i < n; i++) {
        sample(&ours, run_once(&sign, &rss) / 1e6);
        sample(&ours_rss, rss);
        sample(&floor_ms, run_once(&floor, &rss) / 1e6);
        sample(&floor_rss, rss);
    }
    printf("# %llu alternating runs of each, whole processes\n", (unsigned long long)n);
    result("coffer sign, Binance HMAC, median", "ms", median(&ours), median(&floor_ms), 1.3);
    result("coffer sign, Binance HMAC, 95th percentile", "ms", percentile(&ours, 0.95),
           percentile(&floor_ms, 0.95), 0);
    kraken_line(&floor, &kraken, n / 4 + 1);
    struct rusage self;
    getrusage(RUSAGE_SELF, &self);
    double more = (median(&ours_rss) - median(&floor_rss)) / 1024;
    printf("# peak memory: ours %.2f MiB, floor %.2f MiB, this driver %.2f MiB\n",
           median(&ours_rss) / 1024, median(&floor_rss) / 1024, (double)self.ru_maxrss / 1024);
    result("peak memory above the floor, of 4 MiB allowed", "MiB", more, 4, 1.0);
    return results_end();
}

/* add and sign with many records against few; each add takes a name of its own. */
int bench_many(int argc, char **argv)
{
    static struct samples sign_ms[2], add_ms[2];
    uint64_t n = count_arg(argc, argv);
    const char *coffer = env_or_die("COFFER"), *pin = env_or_die("PIN_FILE");
    const char *homes[2] = {env_or_die("HOME_FEW"), env_or_die("HOME_MANY")};
    double rss;
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < 2; k++) {
            char name[32];
            snprintf(name, sizeof(name), "added%llu", (unsigned long long)i);
            struct run sign = {
                homes[k],
                {coffer, "sign", "key000005", "GET", "/api/v3/account", "--pin-file", pin}};
            struct run add = {homes[k],
                              {coffer, "add", name, "binance", "--no-verify", "--accept-risk",
                               "bench", "--from-json", env_or_die("FIELDS"), "--pin-file", pin,
                               "--quiet"}};
            sample(&sign_ms[k], run_once(&sign, &rss) / 1e6);
            sample(&add_ms[k], run_once(&add, &rss) / 1e6);
        }
    }
    printf("# %llu runs of each; the floor is the same command with 10 records\n",
           (unsigned long long)n);
    result("coffer sign with 10,000 records", "ms", median(&sign_ms[1]), median(&sign_ms[0]), 3);
    result("coffer add with 10,000 records", "ms", median(&add_ms[1]), median(&add_ms[0]), 3);
    return results_end();
}

int bench_list(int argc, char **argv)
{
    static struct samples ours, floor_ms;
    uint64_t n = count_arg(argc, argv);
    const char *home = env_or_die("HOME_LIST");
    struct run list = {home, {env_or_die("COFFER"), "list"}};
    struct run floor = {home, {env_or_die("FLOOR_READ"), env_or_die("LIST_RECORDS")}};
    double rss;
    for (uint64_t i = 0; i < n; i++) {
        sample(&ours, run_once(&list, &rss) / 1e6);
        sample(&floor_ms, run_once(&floor, &rss) / 1e6);
    }
    printf("# %llu alternating runs of each; the floor reads and hashes the same records\n",
           (unsigned long long)n);
    result("coffer list of 1,000 records", "ms", median(&ours), median(&floor_ms), 0);
    return results_end();
}
