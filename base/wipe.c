/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks with their own length word in front, wiped before free. Secrets at rest: secret.h. */
#include "base/wipe.h"

#include <cjson/cJSON.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* malloc_usable_size would say the length too, but wiping that many bytes is an overflow to
 * FORTIFY_SOURCE. The mark catches a block that another allocator made. */
struct head {
    _Alignas(16) size_t n;
    uintptr_t mark;
};

#define MARK ((uintptr_t)0x77697065u)
#define STACK_WIPED (64u * 1024)

static struct head *head_of(void *p)
{
    struct head *h = (struct head *)p - 1;

    if (h->mark != ((uintptr_t)p ^ MARK))
        abort();
    return h;
}

void *wipe_malloc(size_t n)
{
    if (n > PTRDIFF_MAX - sizeof(struct head))
        return NULL;
    struct head *h = malloc(sizeof(*h) + n);
    if (!h)
        return NULL;
    h->n = n;
    h->mark = (uintptr_t)(h + 1) ^ MARK;
    return h + 1;
}

void wipe_free(void *p)
{
    if (!p)
        return;
    struct head *h = head_of(p);
    explicit_bzero(h, sizeof(*h) + h->n);
    free(h);
}

void *wipe_realloc(void *p, size_t n)
{
    if (!p)
        return wipe_malloc(n);
    struct head *h = head_of(p);
    if (n <= h->n) {
        explicit_bzero((uint8_t *)p + n, h->n - n);
        return p;
    }
    void *q = wipe_malloc(n);
    if (!q)
        return NULL;
    memcpy(q, p, h->n);
    wipe_free(p);
    return q;
}

__attribute__((noinline)) void wipe_stack(void)
{
    uint8_t room[STACK_WIPED];

    explicit_bzero(room, sizeof(room));
}

/* OpenSSL's own functions give NULL for no bytes, and its callers count on that. */
static void *ossl_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return n > 0 ? wipe_malloc(n) : NULL;
}

static void ossl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    wipe_free(p);
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    if (n > 0)
        return wipe_realloc(p, n);
    wipe_free(p);
    return NULL;
}

void wipe_give_back(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

int wipe_install(struct err *e)
{
    CRYPTO_malloc_fn has;
    cJSON_Hooks hooks = {.malloc_fn = wipe_malloc, .free_fn = wipe_free};

    CRYPTO_get_mem_functions(&has, NULL, NULL);
    if (has != ossl_malloc && !CRYPTO_set_mem_functions(ossl_malloc, ossl_realloc, ossl_free))
        return err_set(e, ERR_FAILED, "the wiping allocator came after OpenSSL's first use");
    /* the formats name their algorithms: openssl.cnf has no say in them, nor code to load */
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
        return err_set(e, ERR_FAILED, "OpenSSL does not start");
    cJSON_InitHooks(&hooks);
    return OK;
}
