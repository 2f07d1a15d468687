/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/wipe.c: blocks keep their contents while held and lose them when given back, ours
 * and those of OpenSSL and cJSON. */
#include "tests/harness.h"

#include "base/wipe.h"

#include <cjson/cJSON.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif

#ifndef POISONS
/* Put together at run time, so that no constant holds it whole. */
static void make_needle(char *out)
{
    static const char mixed[] = "Opfemf.pg.b.tfdsfu.hjwfo.up.bmm";

    for (size_t i = 0; i < sizeof(mixed); i++)
        out[i] = (char)(mixed[i] ? mixed[i] - 1 : 0);
}

/* How often the needle, other than at skip, stands in this process's writable memory. Read through
 * /proc/self/mem: only what the kernel gives, no fault on odd mappings. */
static size_t count_needle(const char *skip)
{
    static char page[4096 + 32];
    char line[512], needle[32];
    size_t found = 0, n_needle;
    FILE *maps = fopen("/proc/self/maps", "re"), *mem = fopen("/proc/self/mem", "re");

    if (!maps || !mem)
        return SIZE_MAX;
    setvbuf(mem, NULL, _IONBF, 0);
    make_needle(needle);
    n_needle = strlen(needle);
    while (fgets(line, sizeof(line), maps)) {
        char *end;
        unsigned long from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);
        if (end[2] != 'w' || strstr(line, "[v"))
            continue;
        for (unsigned long at = from; at < to; at += 4096) {
            memset(page, 0, sizeof(page));
            if (fseeko(mem, (off_t)at, SEEK_SET) || !fread(page, 1, sizeof(page), mem))
                continue;
            for (size_t i = 0; i < 4096; i++) {
                uintptr_t here = at + i;
                bool own = (here >= (uintptr_t)page && here < (uintptr_t)page + sizeof(page)) ||
                           here == (uintptr_t)needle || here == (uintptr_t)skip;
                if (!own && memcmp(page + i, needle, n_needle) == 0)
                    found++;
            }
        }
    }
    fclose(maps);
    fclose(mem);
    explicit_bzero(needle, sizeof(needle));
    explicit_bzero(page, sizeof(page));
    return found;
}
#endif

static void test_blocks(void)
{
    unsigned char *p = wipe_malloc(100);

    CHECK(p != NULL);
    CHECK((uintptr_t)p % 16 == 0);
    for (int i = 0; i < 100; i++)
        p[i] = (unsigned char)i;
    p = wipe_realloc(p, 5000);
    CHECK(p && p[0] == 0 && p[99] == 99);
    p = wipe_realloc(p, 50);
    CHECK(p && p[49] == 49);
    /* What was cut off is gone even though the block is the same. */
    p = wipe_realloc(p, 100);
    CHECK(p && p[49] == 49 && p[50] == 0 && p[99] == 0);
    wipe_free(p);
    wipe_free(NULL);
    p = wipe_malloc(0);
    CHECK(p != NULL);
    p = wipe_realloc(p, 8);
    CHECK(p != NULL);
    wipe_free(p);
}

static void test_absurd(void)
{
    void *p = wipe_malloc(16);

    CHECK(wipe_malloc(SIZE_MAX) == NULL);
    CHECK(wipe_malloc(SIZE_MAX - 8) == NULL);
    CHECK(wipe_realloc(p, SIZE_MAX - 15) == NULL);
    wipe_free(p);
}

#ifdef POISONS
static void test_freed_is_wiped(void)
{
    harness_skip("the sanitizer poisons freed memory itself");
}
#else
static void use_all(char *needle)
{
    char *p = wipe_malloc(64), *q, *text;
    BIO *bio = BIO_new(BIO_s_mem());
    cJSON *o = cJSON_CreateObject();

    memcpy(p, needle, 32);
    p = wipe_realloc(p, 4000);
    q = OPENSSL_strdup(needle);
    q = OPENSSL_realloc(q, 9000);
    for (int i = 0; i < 100; i++)
        BIO_puts(bio, needle);
    cJSON_AddStringToObject(o, "s", needle);
    text = cJSON_PrintUnformatted(o);
    CHECK(count_needle(needle) >= 104);
    cJSON_free(text);
    cJSON_Delete(o);
    BIO_free(bio);
    OPENSSL_free(q);
    wipe_free(p);
}

static void test_freed_is_wiped(void)
{
    char *needle = calloc(1, 64), *plain = malloc(64);

    make_needle(needle);
    use_all(needle);
    wipe_stack();
    size_t left = count_needle(needle);
    EQ_INT(left, 0);
    /* The search itself must be able to find one. */
    memcpy(plain, needle, 32);
    left = count_needle(needle);
    CHECK(left >= 1 && left != SIZE_MAX);
    explicit_bzero(plain, 64);
    explicit_bzero(needle, 64);
    free(plain);
    free(needle);
}
#endif

static void test_install(void)
{
    struct err e;
    CRYPTO_malloc_fn m;
    CRYPTO_realloc_fn r;
    CRYPTO_free_fn f;

    /* The harness did it; a second time is no error. */
    OK_CALL(wipe_install(&e), &e);
    CRYPTO_get_mem_functions(&m, &r, &f);
    CHECK(OPENSSL_malloc(0) == NULL);
    void *p = OPENSSL_zalloc(10);
    CHECK(OPENSSL_realloc(p, 0) == NULL);
    CHECK(m != CRYPTO_malloc && r != CRYPTO_realloc && f != CRYPTO_free);
}

/* In a child, because what it undoes cannot be done again. */
static void test_too_late(void)
{
    struct err e;
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        bool undone = CRYPTO_set_mem_functions(CRYPTO_malloc, CRYPTO_realloc, CRYPTO_free);
        void *p = OPENSSL_malloc(10);
        _exit(undone && p && wipe_install(&e) == ERR_FAILED ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    EQ_INT(status, 0);
}

int main(void)
{
    RUN(test_blocks);
    RUN(test_absurd);
    RUN(test_freed_is_wiped);
    RUN(test_install);
    RUN(test_too_late);
    return harness_end();
}
