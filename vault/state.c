/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of unattended logins and the count of wrong PINs, each one small file under a lock.
 * Nonce marks: nonces.c. */
#include "vault/state.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "vault/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_MS 10000u

void state_name(const uint8_t *id, size_t n, const char *suffix, char *out, size_t cap)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
    snprintf(out + 2 * n, cap - 2 * n, "%s", suffix);
}

/* The guard file is empty when all is well, and holds "tried\n" from the moment a try begins until
 * it is known to have spent nothing. So a process killed in between counts as a failure. */
#define TRIED "tried\n"

static int guard_open(int dir, const char *name, struct err *e)
{
    int fd = -1;
    return file_lock_at(dir, name, LOCK_MS, &fd, e) ? -1 : fd;
}

/* Where the guard is while the state directory is read-only: any private place will do. */
static int guard_spare(unsigned flags, int *fd, struct err *e)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char path[WHERE_MAX];
    int n = run ? snprintf(path, sizeof(path), "%s/coffer-pin", run) : -1;
    if (n <= 0 || (size_t)n >= sizeof(path))
        return err_set(e, ERR_NOT_FOUND, "there is no runtime directory");
    return dir_open(path, FILE_PRIVATE | flags, fd, e);
}

static int guard_dir(const struct where *w, const uint8_t id[VAULT_ID_LEN], int *fd, struct err *e)
{
    if (state_dir(w, id, true, fd, e) == OK && faccessat(*fd, ".", W_OK, AT_EACCESS) == 0)
        return OK;
    fd_closep(fd);
    if (guard_spare(DIR_CREATE, fd, e) == OK)
        return OK;
    err_set(e, ERR_PERSON, "there is no place to remember a failed login, so a PIN that nobody "
            "typed is not tried");
    return err_hint(e, "make '%s' writable, or type the PIN", w->state);
}

static int guard_find(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                      const uint8_t rid[32], int *fd, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    char name[96];
    state_name(rid, 32, ".pin-guard", name, sizeof(name));
    int rc = guard_dir(w, vault_id, &dir, e);
    if (rc)
        return rc;
    int got = guard_open(dir, name, e);
    if (got < 0) {
        e->code = ERR_PERSON;
        return err_wrap(e, "the guard of unattended logins");
    }
    *fd = got;
    return OK;
}

static bool is_marked_in(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_size > 0;
}

bool pin_guard_is_set(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                      const uint8_t rid[32])
{
    AUTO(fd_closep) int state = -1;
    AUTO(fd_closep) int spare = -1;
    struct err quiet;
    char name[96];
    state_name(rid, 32, ".pin-guard", name, sizeof(name));
    /* both, because the state directory may have become writable, or ceased to be, since */
    return (state_dir(w, vault_id, false, &state, &quiet) == OK && is_marked_in(state, name)) ||
           (guard_spare(0, &spare, &quiet) == OK && is_marked_in(spare, name));
}

int pin_guard_begin(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                    const uint8_t rid[32], struct pin_guard *g, struct err *e)
{
    int fd = -1;
    int rc = guard_find(w, vault_id, rid, &fd, e);
    if (rc)
        return rc;
    if (pin_guard_is_set(w, vault_id, rid)) {
        close(fd);
        err_set(e, ERR_PERSON, "an earlier login with a PIN that nobody typed failed or did not "
                "finish, so none is tried again");
        return err_hint(e, "run the command once at a terminal and type the PIN; then fix the PIN "
                        "file if it was wrong");
    }
    if (pwrite(fd, TRIED, sizeof(TRIED) - 1, 0) != sizeof(TRIED) - 1) {
        int err_no = errno;
        pin_guard_end(&(struct pin_guard){fd}, true);   /* half a mark is none: nothing was tried */
        err_sys(e, err_no, "remember the login below '%s'", w->state);
        if (err_no != ENOSPC && err_no != EDQUOT)
            return e->code = ERR_PERSON;
        return err_hint(e, "free some space there and run the command again");
    }
    g->fd = fd;
    return OK;
}

void pin_guard_end(struct pin_guard *g, bool ok)
{
    if (g->fd < 0)
        return;
    /* a failure to clear only means that a person is asked once too often; a failed login must be
     * known after a power failure too */
    int rc = ok ? ftruncate(g->fd, 0) : fsync(g->fd);
    (void)rc;
    close(g->fd);
    g->fd = -1;
}

void pin_guard_clear(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                     const uint8_t rid[32])
{
    AUTO(fd_closep) int spare = -1;
    struct err quiet;
    struct pin_guard g = {-1};
    char name[96];
    state_name(rid, 32, ".pin-guard", name, sizeof(name));
    if (guard_find(w, vault_id, rid, &g.fd, &quiet) == OK)
        pin_guard_end(&g, true);
    if (guard_spare(0, &spare, &quiet) == OK && is_marked_in(spare, name)) {
        g.fd = guard_open(spare, name, &quiet);
        pin_guard_end(&g, true);
    }
}

/* Guards and counts of tokens belong to no vault. */
static const uint8_t no_vault[VAULT_ID_LEN] = {0};

/* Always of one length: who reads without the lock finds the old or the new. */
#define COUNT_TEXT "%-10u%-6s\n"
#define COUNT_N 17
#define COUNT_MAX 1000000u

static void count_load(int fd, struct pin_count *k)
{
    char text[COUNT_N];
    struct stat st;
    uint64_t n;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0)
        return;
    bool is_good = pread(fd, text, COUNT_N, 0) == COUNT_N &&
                   text_u64(text_trim(bytes_of(text, 10)), COUNT_MAX, &n);
    k->kept = is_good ? (unsigned)n : 3; /* damaged: more than is safe to go on from */
    k->is_locked = is_good && text[10] == 'l';
    k->at = st.st_mtim.tv_sec > 0 ? (uint64_t)st.st_mtim.tv_sec : 0;
}

/* A TPM that is off forgives nothing; nor is a clock that was set back believed. */
static void count_age(const struct env *env, struct pin_count *k)
{
    struct err quiet;
    uint64_t us, age = 0, ran = ticks_ms() / 1000;
    bool is_known = env->now_us(env, &us, &quiet) == OK && us / 1000000 >= k->at;
    if (is_known)
        age = us / 1000000 - k->at;
    uint64_t forgiven = (age < ran ? age : ran) / PIN_FORGIVEN_S;
    k->n = forgiven < k->kept ? k->kept - (unsigned)forgiven : 0;
    if (k->is_locked && is_known && age < PIN_LOCKED_S)
        k->n = 0;
}

static void count_look(int dir, const char *name, const struct env *env, struct pin_count *k)
{
    struct pin_count found = {.fd = -1};
    AUTO(fd_closep) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    count_load(fd, &found);
    count_age(env, &found);
    if (found.n > k->n || k->kept == 0)
        *k = found;
}

struct pin_count pin_count_read(const struct where *w, const uint8_t rid[32], const struct env *env)
{
    AUTO(fd_closep) int state = -1;
    AUTO(fd_closep) int spare = -1;
    struct pin_count k = {.fd = -1};
    struct err quiet;
    char name[96];
    state_name(rid, 32, ".pin-count", name, sizeof(name));
    if (state_dir(w, no_vault, false, &state, &quiet) == OK)
        count_look(state, name, env, &k);
    if (guard_spare(0, &spare, &quiet) == OK)
        count_look(spare, name, env, &k);
    return k;
}

/* at 0: now */
static bool count_store(int fd, unsigned n, bool is_locked, uint64_t at)
{
    char text[COUNT_N + 1];
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)at}};
    if (at == 0)
        times[1].tv_nsec = UTIME_NOW;
    snprintf(text, sizeof(text), COUNT_TEXT, n < COUNT_MAX ? n : COUNT_MAX,
             is_locked ? "locked" : "");
    return pwrite(fd, text, COUNT_N, 0) == COUNT_N && futimens(fd, times) == 0;
}

int pin_count_begin(const struct where *w, const uint8_t rid[32], const struct env *env,
                    struct pin_count *k, struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    char name[96];
    state_name(rid, 32, ".pin-count", name, sizeof(name));
    int rc = guard_dir(w, no_vault, &dir, e);
    int fd = rc ? -1 : guard_open(dir, name, e);
    if (fd < 0)
        return e->code;
    *k = pin_count_read(w, rid, env);
    k->fd = fd;
    if (count_store(fd, k->kept + 1, false, 0))
        return OK;
    err_sys(e, errno, "remember the login below '%s'", w->state);
    pin_count_end(k, PIN_END_UNTRIED);
    return e->code;
}

void pin_count_end(struct pin_count *k, enum pin_end end)
{
    if (k->fd < 0)
        return;
    bool is_cleared = k->is_locked && k->n == 0; /* by somebody, where the PIN was compared */
    /* what cannot be kept leaves the count one too high */
    if (end == PIN_END_WRONG)
        count_store(k->fd, k->n + 1, false, 0);
    else if (end == PIN_END_RIGHT && is_cleared)
        count_store(k->fd, 0, false, 0);
    else
        count_store(k->fd, k->kept, k->is_locked || (end == PIN_END_LOCKED && k->kept > 0),
                    k->at ? k->at : 1);
    if (end == PIN_END_WRONG)
        (void)!fsync(k->fd);
    close(k->fd);
    k->fd = -1;
}
