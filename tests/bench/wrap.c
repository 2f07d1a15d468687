/* SPDX-License-Identifier: Apache-2.0 */
/* `coffer recipients add` of a public key, as a whole process, against the floor of floor_wrap.c.
 */
#include "tests/bench/bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How many record files there are, and the size of the largest. */
static void look(const char *dir, unsigned long *n, unsigned long *size)
{
    char path[1024 + 257];
    struct stat st;
    DIR *d = opendir(dir);
    *n = *size = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        snprintf(path, sizeof(path), "%s/%s", dir, f->d_name);
        if (f->d_name[0] == '.' || stat(path, &st))
            continue;
        ++*n;
        *size = (unsigned long)st.st_size > *size ? (unsigned long)st.st_size : *size;
    }
    if (d)
        closedir(d);
    if (!*n) {
        fprintf(stderr, "bench: '%s' has no records\n", dir);
        exit(1);
    }
}

/* A vault for each round: a file system may be slow to give out what it has just taken back, and
 * the floor takes nothing back. */
int bench_recipients(int argc, char **argv)
{
    static struct samples ours, floor_ms;
    char count[32], bytes[32], records[1024], what[96];
    unsigned long n = 0, size = 0;
    double rss;
    struct run add = {NULL,
                      {env_or_die("COFFER"), "recipients", "add", "--public-key",
                       env_or_die("WRAP_KEY"), "--label", "bench-spare", "--yes", "--pin-file",
                       env_or_die("PIN_FILE"), "--quiet"}};
    const struct run floor = {env_or_die("HOME"),
                              {env_or_die("FLOOR_WRAP"), env_or_die("FLOOR_MODULE"),
                               env_or_die("FLOOR_LABEL"), env_or_die("FLOOR_PIN"),
                               env_or_die("FLOOR_ID"), env_or_die("FLOOR_POINT"),
                               env_or_die("WRAP_DIR"), count, bytes, "2"}};
    for (int i = 0; i < argc; i++) {
        add.home = argv[i];
        sample(&ours, run_once(&add, &rss) / 1e6);
        snprintf(records, sizeof(records), "%s/.local/share/coffer/records", argv[i]);
        look(records, &n, &size);
        snprintf(count, sizeof(count), "%lu", n);
        snprintf(bytes, sizeof(bytes), "%lu", size);
        sample(&floor_ms, run_once(&floor, &rss) / 1e6);
    }
    printf("# %d alternating runs of each, whole processes; files of %lu bytes\n", argc, size);
    snprintf(what, sizeof(what), "coffer recipients add with %lu records", n);
    result(what, "ms", median(&ours), median(&floor_ms), 1.3);
    return results_end();
}
