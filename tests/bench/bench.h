/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the bench share. Each part is a command of one program; run.sh puts them in
 * order. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "base/err.h"
#include "pkcs11/token.h"
#include "vault/vault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLES_MAX 4096u

struct samples {
    double v[SAMPLES_MAX];
    size_t n;
};

double now_ns(void);
void sample(struct samples *s, double v);
double median(struct samples *s); /* sorts */
double percentile(struct samples *s, double p);

/* One line: what, ours, the floor, their ratio, and the verdict. target 0: none. Counts. */
void result(const char *what, const char *unit, double ours, double floor, double target);
/* As result where more is better: floor / ours at least target. */
void result_faster(const char *what, const char *unit, double ours, double theirs, double target);
int results_end(void); /* exit status; prints 'N passed, N failed' */

/* Stops the bench with the error: a bench that cannot measure says so. */
void must(int rc, const struct err *e);

/* The vault of this environment (HOME, COFFER_HOME), locked, opened by its token with the PIN. */
struct world {
    struct where where;
    struct token *token;
    struct opener opener;
    struct vault *vault;
    struct local_tokens *locals;
};
void world_open(struct world *w, const char *pin);
void world_close(struct world *w);

/* One whole process: argv ends with NULL; HOME is home, stdout goes nowhere. */
#define ARGS_MAX 24
struct run {
    const char *home; /* HOME and, below it, the vault */
    const char *argv[ARGS_MAX];
};
/* Runs it once: nanoseconds from before the spawn until it was waited for. *rss: the peak in KiB,
 * of it or of what it started and waited for. Ends the bench unless the exit status is 0. */
double run_once(const struct run *r, double *rss);
/* Runs it and reads, while it lives, the peaks of its own memory and of the first process that it
 * starts, in MiB; 0: could not be seen. */
void run_peaks(const struct run *r, double *own, double *child);
const char *env_or_die(const char *name);
uint64_t count_arg(int argc, char **argv); /* COUNT, the only word */

/* fill PIN N [CA-FILE CONNECT-TO]: N records in one commit */
int bench_fill(int argc, char **argv);
int bench_inside(int argc, char **argv); /* inside PIN [CCXT-FILE]: signing in process */
int bench_whole(int argc, char **argv);  /* whole COUNT: whole processes against the floor */
int bench_many(int argc, char **argv);   /* many COUNT: 10,000 records against 10 */
/* recipients HOME...: one more for each of these vaults, against the floor */
int bench_recipients(int argc, char **argv);
int bench_list(int argc, char **argv);   /* list COUNT: 1,000 records against reading them */
/* verify COUNT WHAT: 30 keys at once against one; WHAT for the lines */
int bench_verify(int argc, char **argv);
/* request COUNT: against signing and sending alone */
int bench_request(int argc, char **argv);

extern bool skip_fsync; /* while filling a vault, nothing has to survive */

#endif
