/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's main, its arithmetic, and the opening of a vault. */
#include "tests/bench/bench.h"

#include "base/env.h"
#include "base/wipe.h"
#include "vault/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool skip_fsync;
static unsigned n_passed, n_failed;

/* Stands before the C library's in this program. */
int fsync(int fd)
{
    return skip_fsync ? 0 : (int)syscall(SYS_fsync, fd);
}

double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void sample(struct samples *s, double v)
{
    if (s->n < SAMPLES_MAX)
        s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double percentile(struct samples *s, double p)
{
    qsort(s->v, s->n, sizeof(s->v[0]), by_value);
    return s->n ? s->v[(size_t)((double)(s->n - 1) * p)] : 0;
}

double median(struct samples *s)
{
    return percentile(s, 0.5);
}

static void line(const char *what, const char *unit, double ours, double floor, double ratio,
                 const char *sign, double target, bool ok)
{
    printf("%-46s %10.2f %-3s  floor %10.2f  ratio %7.2f", what, ours, unit, floor, ratio);
    if (target > 0) {
        printf("  target %s %.1f  %s", sign, target, ok ? "PASS" : "FAIL");
        n_passed += ok;
        n_failed += !ok;
    }
    printf("\n");
    fflush(stdout);
}

void result(const char *what, const char *unit, double ours, double floor, double target)
{
    double ratio = floor > 0 ? ours / floor : 0;
    line(what, unit, ours, floor, ratio, "<=", target, ratio <= target);
}

void result_faster(const char *what, const char *unit, double ours, double theirs, double target)
{
    double ratio = ours > 0 ? theirs / ours : 0;
    line(what, unit, ours, theirs, ratio, ">=", target, ratio >= target);
}

int results_end(void)
{
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}

void must(int rc, const struct err *e)
{
    if (!rc)
        return;
    fprintf(stderr, "bench: %s\n", e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        fprintf(stderr, "hint: %s\n", e->hints[i]);
    exit(1);
}

void world_open(struct world *w, const char *pin)
{
    struct err e;
    struct token_key key;
    AUTO_SECRET secret = {0};
    memset(w, 0, sizeof(*w));
    w->locals = calloc(1, sizeof(*w->locals));
    must(where_find(NULL, &w->where, &e), &e);
    must(vault_load(&w->where, &env_real, &w->vault, &e), &e);
    must(local_read(&w->where, w->locals, &e), &e);
    for (size_t i = 0; i < w->locals->n; i++) {
        const struct local_token *t = &w->locals->v[i];
        if (memcmp(t->vault_id, vault_id(w->vault), VAULT_ID_LEN) != 0)
            continue;
        must(token_open(&t->where, &w->token, &e), &e);
        must(secret_copy(&secret, bytes_str(pin), &e), &e);
        must(token_login(w->token, &secret, false, &e), &e);
        const struct token_key_want want = {.id = bytes_of(t->key_id, t->key_id_len)};
        must(token_use_key(w->token, &want, &key, &e), &e);
        opener_token(&w->opener, w->token, t->rid, t->scheme);
        break;
    }
    must(vault_lock(w->vault, &e), &e);
    must(vault_open(w->vault, &w->opener, &e), &e);
}

void world_close(struct world *w)
{
    vault_free(w->vault);
    token_close(w->token);
    free(w->locals);
}

static int usage(void)
{
    fputs("usage: bench fill PIN N [CA-FILE CONNECT-TO] | inside PIN [CCXT] |\n"
          "       bench whole|many|list|request COUNT | verify COUNT WHAT | recipients HOME...\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int, char **);
    } parts[] = {{"fill", bench_fill},
                 {"inside", bench_inside},
                 {"whole", bench_whole},
                 {"many", bench_many},
                 {"list", bench_list},
                 {"recipients", bench_recipients},
                 {"verify", bench_verify},
                 {"request", bench_request}};
    struct err e;
    must(wipe_install(&e), &e);
    must(secret_arena_open(&e), &e);
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(parts); i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 2, argv + 2);
    return usage();
}
