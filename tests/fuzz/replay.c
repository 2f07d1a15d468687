/* SPDX-License-Identifier: Apache-2.0 */
/* The main of a harness without libFuzzer: runs it on every file named or in a directory named, and
 * on what is near: each beginning of the file, and the file with each byte changed. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define INPUT_MAX (4u << 20)
#define NEAR_MAX 1024u /* larger inputs are run only as they are */

static unsigned long n_files, n_runs;

/* Each run gets a block of exactly the input's size, so that a sanitizer sees the first byte
 * beyond. */
static void run(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    MUST(copy);
    if (n)
        memcpy(copy, p, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    n_runs++;
}

static void run_near(uint8_t *p, size_t n)
{
    static const uint8_t flips[] = {0x01, 0x20, 0x80};
    run(p, n);
    if (n > NEAR_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        run(p, i);
        for (size_t k = 0; k < sizeof(flips); k++) {
            p[i] ^= flips[k];
            run(p, n);
            p[i] ^= flips[k];
        }
    }
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(INPUT_MAX);
    if (!f || !p) {
        printf("# %s: %s\n", path, strerror(errno));
        free(p);
        return f ? fclose(f) : -1;
    }
    size_t n = fread(p, 1, INPUT_MAX, f);
    fclose(f);
    run_near(p, n);
    free(p);
    n_files++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st)) {
        printf("# %s: %s\n", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort), rc = n < 0 ? -1 : 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.' && run_file(file))
            rc = -1;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = LLVMFuzzerInitialize(&argc, &argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        if (run_path(argv[i]))
            rc = 1;
    if (n_files == 0)
        rc = 1;
    printf("%s 1 - %lu inputs, %lu runs\n1..1\n", rc ? "not ok" : "ok", n_files, n_runs);
    return rc;
}
