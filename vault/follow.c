/* SPDX-License-Identifier: Apache-2.0 */
/* A vault that stays open while other processes change it: what they wrote is judged by the key
 * that is held, without a private-key operation. */
#include "vault/internal.h"

#include "base/file.h"
#include "vault/signer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* Times of files advance in steps of some milliseconds: one that is younger may change once more
 * without looking different. */
#define SETTLED_US 50000u

/* The MAC does not hold under the key that we have, but this machine's pin knows these very bytes:
 * another process has sealed the vault anew. */
static bool is_sealed_anew(const struct vault *v)
{
    struct sighting s = vault_sighting(v);
    return trust_knows(&s);
}

static int sealed_anew(struct err *e)
{
    err_set(e, ERR_FAILED, "the vault was sealed anew meanwhile, and has another key now");
    return err_hint(e, "run the command again");
}

/* The text is another one: the key stays if the MAC and the pin say so. */
static int judge_anew(struct vault *v, struct err *e)
{
    AUTO_SECRET vk = v->vk;
    v->vk = (struct secret){0};
    v->trust = TRUST_NOT_CHECKED;
    return vault_believe(v, &vk, false, e);
}

int vault_refresh(struct vault *v, struct err *e)
{
    bool changed = false;
    int rc = vault_reload(v, &changed, e);
    if (rc || !v->vk.n)
        return rc;
    /* the same bytes too: the pin may have moved, and an old state been put back */
    if (!changed) {
        struct sighting s = vault_sighting(v);
        rc = trust_check(&s, &v->trust, e);
        if (rc)
            secret_free(&v->vk);
        return rc;
    }
    rc = judge_anew(v, e);
    return rc == ERR_TAMPERED && is_sealed_anew(v) ? sealed_anew(e) : rc;
}

bool vault_moved_on(struct vault *v)
{
    struct err quiet;
    bool changed = false;
    if (vault_reload(v, &changed, &quiet) || !changed)
        return false;
    v->trust = TRUST_NOT_CHECKED;
    if (v->vk.n)
        (void)!judge_anew(v, &quiet);
    return true;
}

static struct file_mark mark_of(const struct stat *st)
{
    return (struct file_mark){.dev = st->st_dev,
                              .ino = st->st_ino,
                              .size = st->st_size,
                              .mtime = st->st_mtim,
                              .ctime = st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_mark(const struct file_mark *a, const struct file_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

static bool is_settled(const struct vault *v, const struct file_mark *m)
{
    struct err quiet;
    uint64_t now = 0,
             then = (uint64_t)m->ctime.tv_sec * 1000000u + (uint64_t)m->ctime.tv_nsec / 1000u;
    return v->env->now_us(v->env, &now, &quiet) == OK && now > then && now - then > SETTLED_US;
}

/* The directories too may be other ones: a backup that was moved into place. */
static int dirs_anew(struct vault *v, struct err *e)
{
    int dir = v->dir, records = v->records;
    v->dir = v->records = -1;
    int rc = vault_dirs(v, e);
    if (rc) {
        fd_closep(&v->dir);
        fd_closep(&v->records);
        v->dir = dir;
        v->records = records;
        return rc;
    }
    fd_closep(&dir);
    fd_closep(&records);
    return OK;
}

/* By the whole path: below v->dir it would be the old one for ever where another directory was
 * moved into its place. */
static int look_at(const struct vault *v, struct stat *st, struct err *e)
{
    char path[WHERE_MAX + sizeof(VAULT_FILE) + 1];
    snprintf(path, sizeof(path), "%s/" VAULT_FILE, v->where.vault);
    if (lstat(path, st) == 0)
        return OK;
    if (errno != ENOENT)
        return err_sys(e, errno, "look at '%s'", path);
    err_set(e, ERR_NOT_FOUND, "the vault at '%s' is gone", v->where.vault);
    return err_hint(e, "restore it from a backup, or copy it again");
}

int vault_follow(struct vault *v, bool *changed, struct err *e)
{
    struct stat st;
    uint8_t before[SHA256_LEN];
    *changed = false;
    int rc = look_at(v, &st, e);
    if (rc)
        return rc;
    struct file_mark now = mark_of(&st);
    bool is_same = same_mark(&now, &v->mark), was_open = v->vk.n > 0;
    if (is_same && v->is_settled)
        return OK;
    bool is_old_enough = is_settled(v, &now);
    memcpy(before, v->sha, sizeof(before));
    rc = dirs_anew(v, e);
    if (!rc)
        rc = vault_refresh(v, e);
    if (rc && !(was_open && !v->vk.n)) /* it was not read */
        return rc;
    *changed = rc || !is_same || memcmp(before, v->sha, sizeof(before)) != 0;
    v->mark = now;
    v->is_settled = is_old_enough;
    return rc;
}

bool vault_pin_moved(struct vault *v)
{
    char hex[VAULT_ID_HEX], path[WHERE_MAX + VAULT_ID_HEX + 16];
    struct stat st = {.st_ino = 0};
    where_id_hex(v->body.id, hex);
    snprintf(path, sizeof(path), "%s/%s/" PIN_FILE, v->where.state, hex);
    if (lstat(path, &st))
        st = (struct stat){.st_ino = 0};
    struct file_mark now = mark_of(&st);
    bool moved = !same_mark(&now, &v->pin_mark);
    v->pin_mark = now;
    return moved;
}

bool vault_is_open(const struct vault *v)
{
    return v->vk.n > 0;
}

void vault_forget_key(struct vault *v)
{
    secret_free(&v->vk);
    v->trust = TRUST_NOT_CHECKED;
}

bool vault_is_current(const struct vault *v, const struct record *r)
{
    const struct index_entry *n = vault_find(v, r->info.name);
    return n && bytes_eq_str(n->current.sha64, r->sha64);
}
