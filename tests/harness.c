/* SPDX-License-Identifier: Apache-2.0 */
/* The harness of harness.h. Opens the secret arena and installs the wiping allocator, as main
 * does. */
#include "tests/harness.h"

#include "base/secret.h"
#include "base/wipe.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned n_tests, n_failed;
static bool current_failed;
static char skip_reason[256], tmp_dir[256];

__attribute__((constructor)) static void start(void)
{
    struct err e;
    if (wipe_install(&e) || secret_arena_open(&e)) {
        fprintf(stderr, "harness: %s\n", e.msg);
        exit(99);
    }
}

void harness_run(const char *name, void (*fn)(void))
{
    current_failed = false;
    skip_reason[0] = 0;
    fn();
    n_tests++;
    n_failed += current_failed;
    printf("%s %u - %s%s%s\n", current_failed ? "not ok" : "ok", n_tests, name,
           skip_reason[0] ? " # SKIP " : "", skip_reason);
    fflush(stdout);
}

void harness_skip(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(skip_reason, sizeof(skip_reason), fmt, ap);
    va_end(ap);
}

bool harness_ok(bool ok, const char *file, int line, const char *fmt, ...)
{
    if (ok)
        return true;
    va_list ap;
    va_start(ap, fmt);
    printf("# %s:%d: ", file, line);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    current_failed = true;
    return false;
}

bool harness_int(long long got, long long want, const char *file, int line, const char *what)
{
    return harness_ok(got == want, file, line, "%s: got %lld, want %lld", what, got, want);
}

bool harness_str(const char *got, const char *want, const char *file, int line, const char *what)
{
    return harness_ok(strcmp(got, want) == 0, file, line, "%s: got '%s', want '%s'", what, got,
                      want);
}

static void print_mem(const char *what, struct bytes v)
{
    printf("#   %s (%zu): ", what, v.n);
    for (size_t i = 0; i < v.n && i < 96; i++)
        printf("%02x", v.p[i]);
    printf(v.n > 96 ? "...\n" : "\n");
}

bool harness_mem(struct bytes got, struct bytes want, const char *file, int line, const char *what)
{
    if (bytes_eq(got, want))
        return true;
    harness_ok(false, file, line, "%s differs", what);
    print_mem("got ", got);
    print_mem("want", want);
    return false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

const char *harness_dir(void)
{
    if (!tmp_dir[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(tmp_dir, sizeof(tmp_dir), "%s/coffer-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(tmp_dir))
            abort();
    }
    return tmp_dir;
}

int harness_end(void)
{
    if (tmp_dir[0])
        nftw(tmp_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    printf("1..%u\n", n_tests);
    return n_failed ? 1 : 0;
}
