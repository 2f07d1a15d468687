/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of locked memory and its allocator. What is allocated where is kept outside the arena,
 * so that an overrun in it cannot steer the allocator. */
#include "base/secret.h"

#include <openssl/crypto.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define ARENA_SIZE (256u * 1024)
#define ARENA_SIZE_MIN (32u * 1024)
#define GRAIN 64u

static struct {
    pthread_mutex_t lock;
    bool watches_fork;
    enum arena_kind kind;
    uint8_t *map; /* guard page, arena, guard page */
    size_t guard;
    uint8_t *base;
    size_t size;
    size_t used; /* bytes from base that a secret ever had: only these need wiping */
    uint16_t run[ARENA_SIZE / GRAIN]; /* grains of the block that starts here; 0 elsewhere */
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&arena.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&arena.lock);
}

static void forget(void)
{
    memset(arena.run, 0, sizeof(arena.run));
    arena.kind = ARENA_CLOSED;
    arena.map = arena.base = NULL;
    arena.size = arena.used = 0;
}

/* The child has no arena pages: without this its first secret_free would fault. */
static void forget_in_child(void)
{
    if (arena.map)
        munmap(arena.map, arena.size + 2 * arena.guard);
    forget();
    unlock();
}

static bool map_memfd_secret(uint8_t *at, size_t size)
{
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = ftruncate(fd, (off_t)size) == 0 &&
              mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == at;
    close(fd);
    return ok;
}

static bool map_locked(uint8_t *at, size_t size)
{
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
               at &&
           mlock(at, size) == 0;
}

static bool open_size(enum arena_kind kind, size_t size)
{
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, size + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return false;
    uint8_t *base = map + guard;
    bool ok = kind == ARENA_MEMFD_SECRET ? map_memfd_secret(base, size) : map_locked(base, size);
    if (!ok || madvise(base, size, MADV_DONTDUMP) || madvise(base, size, MADV_DONTFORK)) {
        int why = errno;
        munmap(map, size + 2 * guard);
        errno = why;
        return false;
    }
    arena.kind = kind;
    arena.map = map;
    arena.guard = guard;
    arena.base = base;
    arena.size = size;
    return true;
}

static int arena_open(struct err *e)
{
    if (!arena.watches_fork) {
        int why = pthread_atfork(lock, unlock, forget_in_child);
        if (why)
            return err_sys(e, why, "prepare for fork");
        arena.watches_fork = true;
    }
    for (size_t size = ARENA_SIZE; size >= ARENA_SIZE_MIN; size /= 2)
        if (open_size(ARENA_MEMFD_SECRET, size) || open_size(ARENA_LOCKED, size))
            return OK;
    err_set(e, ERR_MEMORY, "cannot lock %u KiB of memory for secrets", ARENA_SIZE_MIN / 1024);
    return err_hint(e, "raise the limit with 'ulimit -l 256' (or LimitMEMLOCK= in a unit)");
}

int secret_arena_open(struct err *e)
{
    lock();
    int r = arena.base ? OK : arena_open(e);
    unlock();
    return r;
}

enum arena_kind secret_arena_kind(void)
{
    return arena.kind;
}

void secret_arena_close(void)
{
    lock();
    if (arena.map) {
        explicit_bzero(arena.base, arena.used);
        munmap(arena.map, arena.size + 2 * arena.guard);
    }
    forget();
    unlock();
}

/* First fit: the arena is small and blocks are few. The grain after the free ones; 0: too full. */
static size_t find(size_t need)
{
    size_t total = arena.size / GRAIN, n_free = 0;

    for (size_t i = 0; i < total;) {
        if (arena.run[i] > 0) {
            i += arena.run[i];
            n_free = 0;
            continue;
        }
        i++;
        if (++n_free == need)
            return i;
    }
    return 0;
}

static uint8_t *take(size_t cap)
{
    size_t need = (cap + GRAIN - 1) / GRAIN, end = find(need);

    if (end == 0)
        return NULL;
    arena.run[end - need] = (uint16_t)need;
    if (arena.used < end * GRAIN)
        arena.used = end * GRAIN;
    return arena.base + (end - need) * GRAIN;
}

bool secret_room(size_t cap)
{
    lock();
    bool yes = cap > 0 && find((cap + GRAIN - 1) / GRAIN) > 0;
    unlock();
    return yes;
}

static int refuse(struct err *e)
{
    if (!arena.base)
        return err_set(e, ERR_MEMORY, "the memory for secrets is not open");
    err_set(e, ERR_LIMIT, "locked memory is full (%zu KiB)", arena.size / 1024);
    if (arena.size < ARENA_SIZE)
        return err_hint(e, "raise the limit with 'ulimit -l 256' (or LimitMEMLOCK= in a unit)");
    return err_hint(e, "hold fewer or shorter secrets at the same time");
}

int secret_new(struct secret *s, size_t cap, struct err *e)
{
    assert(!s->p);
    if (cap == 0 || cap > SECRET_MAX)
        return err_set(e, ERR_LIMIT, "a secret may have 1 to %u bytes", SECRET_MAX);
    lock();
    uint8_t *p = take(cap);
    int r = p ? OK : refuse(e);
    unlock();
    if (r)
        return r;
    *s = (struct secret){.p = p, .cap = cap};
    return OK;
}

int secret_copy(struct secret *s, struct bytes v, struct err *e)
{
    int r = secret_new(s, v.n > 0 ? v.n : 1, e);
    return r ? r : secret_append(s, v, e);
}

int secret_append(struct secret *s, struct bytes v, struct err *e)
{
    if (v.n > s->cap - s->n)
        return err_set(e, ERR_LIMIT, "the secret is over %zu bytes", s->cap);
    if (v.n > 0)
        memmove(s->p + s->n, v.p, v.n);
    s->n += v.n;
    return OK;
}

void secret_free(struct secret *s)
{
    lock();
    /* After a close or a fork the block is gone already. */
    if (s->p && arena.base && s->p >= arena.base && s->p < arena.base + arena.size) {
        size_t i = (size_t)(s->p - arena.base) / GRAIN;
        assert(arena.run[i] > 0);
        explicit_bzero(s->p, arena.run[i] * (size_t)GRAIN);
        arena.run[i] = 0;
    }
    unlock();
    *s = (struct secret){0};
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
    return a->n == b->n && (a->n == 0 || CRYPTO_memcmp(a->p, b->p, a->n) == 0);
}
