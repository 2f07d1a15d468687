/* SPDX-License-Identifier: Apache-2.0 */
/* Who shows a bearer, and is let in or not: lent ones from memory, lasting ones from the file as it
 * is at that moment. How the file is written is bearers_file.c's. */
#include "agent/bearers.h"

#include "agent/bearers_file.h"
#include "base/crypto.h"
#include "base/wipe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* A file that was changed so short a time before it was read could be changed again with the same
 * times: it is read again. */
#define SETTLED_US 100000

struct bearers {
    char path[WHERE_MAX + VAULT_ID_HEX + 16];
    struct bearer_list lent, kept;
    uint32_t borrowers[BEARERS_MAX]; /* the process that has lent.v[i] */
    uint64_t looked;    /* agent.moment of the last look at the file */
    struct stat seen;   /* of the file that kept is from */
    bool is_there;      /* it existed */
    bool is_fresh;      /* seen and kept can be relied on */
    struct err failure; /* why kept could not be read; code OK: it could */
};

int bearers_new(struct agent *a, struct err *e)
{
    struct bearers *b = wipe_malloc(sizeof(*b));
    char hex[VAULT_ID_HEX];

    if (!b)
        return err_set(e, ERR_MEMORY, "no memory for bearers");
    memset(b, 0, sizeof(*b));
    where_id_hex(a->vault_id, hex);
    snprintf(b->path, sizeof(b->path), "%s/%s/" BEARERS_FILE, a->where.state, hex);
    a->bearers = b;
    return OK;
}

void bearers_free(struct agent *a)
{
    wipe_free(a->bearers);
    a->bearers = NULL;
}

/* -- the file -- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_settled(const struct agent *a, const struct stat *st)
{
    struct err ignored;
    uint64_t now_us;

    if (a->env->now_us(a->env, &now_us, &ignored))
        return false;
    int64_t age = (int64_t)now_us - (st->st_ctim.tv_sec * 1000000 + st->st_ctim.tv_nsec / 1000);
    return age > SETTLED_US;
}

/* Looked at before it is read: what changes in between is seen the next time. */
static void refresh(struct agent *a)
{
    struct bearers *b = a->bearers;
    struct stat st;

    if (a->moment && b->looked == a->moment)
        return;
    bool is_there = lstat(b->path, &st) == 0;

    if (!is_there && errno != ENOENT && errno != ENOTDIR) {
        err_sys(&b->failure, errno, "look at '" BEARERS_FILE "'");
        b->is_fresh = false;
        return;
    }
    b->looked = a->moment;
    if (b->is_fresh && is_there == b->is_there && (!is_there || is_same(&st, &b->seen)))
        return;
    b->failure.code = OK;
    b->is_there = is_there;
    b->is_fresh = !is_there;
    b->kept.n = 0;
    bool is_old_enough = is_there && is_settled(a, &st);
    if (!is_there || bearers_read(&a->where, a->vault_id, &b->kept, &b->failure))
        return;
    b->seen = st;
    b->is_fresh = is_old_enough;
}

/* -- lent -- */

/* Every member is compared, so that the time does not tell where one is. Its place; n: none. */
static size_t find(const struct bearer_list *list, const uint8_t hash[32])
{
    size_t at = list->n;

    for (size_t i = 0; i < list->n; i++)
        if (mem_eq(list->v[i].hash, hash, 32))
            at = i;
    return at;
}

/* One process cannot take them all, over however many connections. */
static int check_room(const struct bearers *b, uint32_t pid, struct err *e)
{
    size_t n = 0;

    for (size_t i = 0; i < b->lent.n; i++)
        n += b->borrowers[i] == pid;
    if (n >= BEARERS_SHARE)
        err_set(e, ERR_LIMIT, "process %u has %u bearers already", pid, BEARERS_SHARE);
    else if (b->lent.n == BEARERS_MAX)
        err_set(e, ERR_LIMIT, "%u bearers are lent already", BEARERS_MAX);
    else
        return OK;
    return err_hint(e, "one ends with the connection that it was lent to; 'coffer bearer' makes "
                       "lasting ones");
}

static int keep(struct agent *a, const uint8_t rec_id[REC_ID_LEN], const char *client, uint32_t pid,
                const uint8_t hash[32], struct err *e)
{
    struct bearer_list *lent = &a->bearers->lent;
    struct bearer b = {.created_ms = 0};

    if (check_room(a->bearers, pid, e))
        return e->code;
    a->bearers->borrowers[lent->n] = pid;
    memcpy(b.client, client, strlen(client) + 1);
    memcpy(b.rec_id, rec_id, REC_ID_LEN);
    memcpy(b.hash, hash, sizeof(b.hash));
    lent->v[lent->n++] = b;
    return OK;
}

int bearers_lend(struct agent *a, const uint8_t rec_id[REC_ID_LEN], const char *client,
                 uint32_t pid, char text[BEARER_TEXT], struct err *e)
{
    char fresh[BEARER_TEXT];
    uint8_t hash[32];

    if (bearer_check_client(client, e) || bearer_make(a->env, fresh, hash, e) ||
        keep(a, rec_id, client, pid, hash, e))
        return e->code;
    memcpy(text, fresh, BEARER_TEXT);
    return OK;
}

int bearers_lend_again(struct agent *a, const uint8_t rec_id[REC_ID_LEN], const char *client,
                       uint32_t pid, const char *text, struct err *e)
{
    uint8_t hash[32];

    if (!bearer_is_text(bytes_str(text)))
        return err_set(e, ERR_USAGE, "a bearer is 32 hex digits");
    if (bearer_check_client(client, e) || sha256(bytes_str(text), hash, e))
        return e->code;
    refresh(a);
    if (find(&a->bearers->lent, hash) < a->bearers->lent.n ||
        find(&a->bearers->kept, hash) < a->bearers->kept.n)
        return err_set(e, ERR_EXISTS, "that bearer is in use");
    return keep(a, rec_id, client, pid, hash, e);
}

void bearers_return(struct agent *a, const char *text)
{
    struct bearer_list *lent = &a->bearers->lent;
    uint8_t hash[32];
    struct err ignored;

    if (sha256(bytes_str(text), hash, &ignored))
        return;
    size_t i = find(lent, hash);
    if (i == lent->n)
        return;
    lent->v[i] = lent->v[--lent->n];
    a->bearers->borrowers[i] = a->bearers->borrowers[lent->n];
}

/* -- who is let in -- */

static int refuse(struct err *e)
{
    err_set(e, ERR_POLICY, "the bearer does not open this key");
    err_hint(e, "'coffer bearer NAME add CLIENT' makes one, and 'coffer bearer NAME list' shows "
                "who has one");
    return err_hint(e, "'coffer run NAME -- CMD' lends one to CMD, for as long as it runs");
}

/* Of another record: as if it were nobody's. */
static bool is_in(const struct bearer_list *list, const uint8_t hash[32],
                  const uint8_t rec_id[REC_ID_LEN], char client[ASKER_NAME_MAX + 1])
{
    size_t i = find(list, hash);

    if (i == list->n || memcmp(list->v[i].rec_id, rec_id, REC_ID_LEN) != 0)
        return false;
    memcpy(client, list->v[i].client, ASKER_NAME_MAX + 1);
    return true;
}

bool bearers_is_known(struct agent *a, struct bytes bearer, uint8_t hash[32])
{
    struct bearers *b = a->bearers;
    struct err quiet;

    if (!bearer_is_text(bearer) || sha256(bearer, hash, &quiet))
        return false;
    if (find(&b->lent, hash) < b->lent.n)
        return true;
    refresh(a);
    /* what cannot be read is bearers_check's to say */
    return b->failure.code || find(&b->kept, hash) < b->kept.n;
}

int bearers_check(struct agent *a, struct bytes bearer, const uint8_t rec_id[REC_ID_LEN],
                  char client[ASKER_NAME_MAX + 1], struct err *e)
{
    uint8_t hash[32];

    if (!bearer_is_text(bearer))
        return refuse(e);
    return sha256(bearer, hash, e) ? e->code : bearers_check_hash(a, hash, rec_id, client, e);
}

int bearers_check_hash(struct agent *a, const uint8_t hash[32], const uint8_t rec_id[REC_ID_LEN],
                       char client[ASKER_NAME_MAX + 1], struct err *e)
{
    struct bearers *b = a->bearers;

    if (is_in(&b->lent, hash, rec_id, client))
        return OK;
    refresh(a);
    if (b->failure.code) {
        *e = b->failure;
        e->code = ERR_IO;
        return err_wrap(e, "the bearers of this vault");
    }
    return is_in(&b->kept, hash, rec_id, client) ? OK : refuse(e);
}
