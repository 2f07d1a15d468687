/* SPDX-License-Identifier: Apache-2.0 */
/* The mark of each key's nonces: one small file under a lock, moved on before a nonce is used. */
#include "vault/nonces.h"

#include "base/file.h"
#include "base/text.h"
#include "base/wipe.h"
#include "vault/state.h"
#include "vault/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US 86400000000ull
#define LOCK_MS 10000u
/* A command that takes one nonce keeps the lock while the disk writes. A process that serves nobody
 * meanwhile waits so long, and then not again for four times that. */
#define LOCK_SHORT_MS 400u
#define LOCK_HELD_MS 1600u

static int mark_read(int dir, const char *name, uint64_t *mark, struct err *e)
{
    AUTO_BUF text = BUF_INIT(64);
    int rc = file_read_at(dir, name, 64, FILE_PRIVATE, &text, e);
    if (rc == ERR_NOT_FOUND) {
        *mark = 0;
        return OK;
    }
    if (rc)
        return rc;
    if (!text_u64(text_trim(buf_bytes(&text)), UINT64_MAX / 2, mark)) {
        err_set(e, ERR_FORMAT, "the nonce mark '%s' is damaged", name);
        return err_hint(e, "write the last nonce used, as digits, into it; do not delete it");
    }
    return OK;
}

static int mark_next(uint64_t mark, uint64_t now, uint64_t *next, struct err *e)
{
    if (mark > now && mark - now > DAY_US) {
        err_set(e, ERR_FAILED, "the last nonce of this key is more than a day ahead of the clock");
        err_hint(e, "set the clock; if it was wrong before, make a new key at the exchange");
        return e->code;
    }
    *next = mark >= now ? mark + 1 : now;
    return OK;
}

int state_nonce(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN],
                const uint8_t rec_id[REC_ID_LEN], const struct env *env, uint64_t *nonce,
                struct err *e)
{
    AUTO(fd_closep) int dir = -1;
    AUTO(fd_closep) int lock = -1;
    char file[64], lock_name[64], text[32];
    uint64_t mark = 0, now = 0, next = 0;
    state_name(rec_id, REC_ID_LEN, ".nonce", file, sizeof(file));
    state_name(rec_id, REC_ID_LEN, ".lock", lock_name, sizeof(lock_name));
    int rc = state_dir(w, vault_id, true, &dir, e);
    if (!rc)
        rc = file_lock_at(dir, lock_name, LOCK_MS, &lock, e);
    if (!rc)
        rc = mark_read(dir, file, &mark, e);
    if (!rc)
        rc = env->now_us(env, &now, e);
    if (!rc)
        rc = mark_next(mark, now, &next, e);
    if (!rc) {
        snprintf(text, sizeof(text), "%llu\n", (unsigned long long)next);
        rc = file_replace_at(dir, file, bytes_str(text), e);
    }
    if (rc)
        return err_wrap(e, "keep the key's nonce");
    *nonce = next;
    return OK;
}

/* -- reserved ahead -- */

struct place { /* of one key */
    struct place *next;
    uint8_t rec_id[REC_ID_LEN];
    char file[48];
    int lock;         /* open, and locked only while a nonce is taken */
    uint64_t held_ms; /* until when another process that keeps it is not waited for */
    bool has_block;
    uint64_t last, end;
    struct stat mark; /* the mark as we wrote it: whoever moves it writes another file */
};

struct nonces {
    const struct where *where;
    const struct env *env;
    int dir;
    struct place *places;
};

int nonces_new(const struct where *w, const uint8_t vault_id[VAULT_ID_LEN], const struct env *env,
               struct nonces **out, struct err *e)
{
    struct nonces *n = wipe_malloc(sizeof(*n));

    if (!n)
        return err_set(e, ERR_MEMORY, "out of memory");
    *n = (struct nonces){.where = w, .env = env, .dir = -1};
    if (state_dir(w, vault_id, true, &n->dir, e)) {
        wipe_free(n);
        return e->code;
    }
    *out = n;
    return OK;
}

void nonces_free(struct nonces *n)
{
    while (n && n->places) {
        struct place *p = n->places;
        n->places = p->next;
        close(p->lock);
        wipe_free(p);
    }
    if (n)
        close(n->dir);
    wipe_free(n);
}

static struct place *find_place(struct nonces *n, const uint8_t rec_id[REC_ID_LEN], struct err *e)
{
    struct place *p = n->places;

    while (p && memcmp(p->rec_id, rec_id, REC_ID_LEN) != 0)
        p = p->next;
    if (p)
        return p;
    p = wipe_malloc(sizeof(*p));
    if (!p) {
        err_set(e, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *p = (struct place){.next = n->places, .lock = -1};
    memcpy(p->rec_id, rec_id, REC_ID_LEN);
    state_name(rec_id, REC_ID_LEN, ".nonce", p->file, sizeof(p->file));
    n->places = p;
    return p;
}

static int lock_place(struct nonces *n, struct place *p, struct err *e)
{
    char name[64];

    if (p->lock >= 0 && flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return OK;
    fd_closep(&p->lock);
    state_name(p->rec_id, REC_ID_LEN, ".lock", name, sizeof(name));
    unsigned wait_ms = ticks_ms() < p->held_ms ? 0 : LOCK_SHORT_MS;
    int rc = file_lock_at(n->dir, name, wait_ms, &p->lock, e);
    if (rc != ERR_FAILED)
        return rc;
    if (wait_ms > 0)
        p->held_ms = ticks_ms() + LOCK_HELD_MS;
    err_set(e, ERR_FAILED, "another process holds the nonces of this key");
    err_hint(e, "nothing was sent: try again; a command without the agent lets go at once");
    return err_hint(e, "if it stays so: 'fuser %s' beside pin.json tells who it is", name);
}

static bool is_ours(const struct nonces *n, const struct place *p)
{
    struct stat st;

    return p->has_block && fstatat(n->dir, p->file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == p->mark.st_ino && st.st_dev == p->mark.st_dev &&
           st.st_size == p->mark.st_size && st.st_ctim.tv_sec == p->mark.st_ctim.tv_sec &&
           st.st_ctim.tv_nsec == p->mark.st_ctim.tv_nsec;
}

/* A block that begins at *next. */
static int reserve(struct nonces *n, struct place *p, uint64_t now, uint64_t *next, struct err *e)
{
    uint64_t mark = 0, first = 0;
    char text[32];

    p->has_block = false;
    if (mark_read(n->dir, p->file, &mark, e) || mark_next(mark, now, &first, e))
        return e->code;
    p->end = first + NONCES_AHEAD_US;
    snprintf(text, sizeof(text), "%llu\n", (unsigned long long)p->end);
    if (file_replace_at(n->dir, p->file, bytes_str(text), e))
        return e->code;
    p->has_block = fstatat(n->dir, p->file, &p->mark, AT_SYMLINK_NOFOLLOW) == 0;
    *next = first;
    return OK;
}

int nonces_next(struct nonces *n, const uint8_t rec_id[REC_ID_LEN], uint64_t *nonce, struct err *e)
{
    struct place *p = find_place(n, rec_id, e);
    uint64_t now = 0, next = 0;

    if (!p || n->env->now_us(n->env, &now, e))
        return err_wrap(e, "keep the key's nonce");
    int rc = lock_place(n, p, e);
    if (rc == ERR_FAILED)
        return rc;
    if (rc)
        return err_wrap(e, "keep the key's nonce");
    if (is_ours(n, p) && p->last < p->end && now <= p->end)
        rc = mark_next(p->last, now, &next, e);
    else
        rc = reserve(n, p, now, &next, e);
    flock(p->lock, LOCK_UN);
    if (rc)
        return err_wrap(e, "keep the key's nonce");
    p->last = next;
    *nonce = next;
    return OK;
}
