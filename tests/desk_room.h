/* SPDX-License-Identifier: Apache-2.0 */
/* An agent's desk with a keyring that opens when the test says so: its records are in memory, and
 * its signatures are all zero unless a signer is given. Defines the functions of agent/keyring.h:
 * included once in a program, by its test. */
#ifndef TESTS_DESK_ROOM_H
#define TESTS_DESK_ROOM_H

#include "tests/harness.h"

#include "agent/desk.h"
#include "agent/keyring.h"
#include "base/file.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_RECORDS 4u

enum room_key {
    ROOM_HELD,    /* open already */
    ROOM_CLOSED,  /* opens by room_open, and is held then */
    ROOM_EACH_USE /* opens by room_open, for one */
};

struct room_record {
    struct record_info info;
    enum room_key key;
    struct signer *signer; /* NULL: zeros */
    bool is_changed;       /* what opening proves is another record of that name */
    unsigned n_opened, n_signed, n_refs;
    char why[512]; /* of the last opening */
};

struct room {
    struct agent agent;
    struct agent_options options;
    struct room_record records[ROOM_RECORDS];
    size_t n_records;
    uint64_t now_us;
    bool is_unproven, is_doubted;
    struct err vault; /* of keyring_refresh; code OK: none */
};
static struct room room;
static void (*room_turn_ends)(struct agent *a); /* after each desk_turn; NULL: nothing */

/* A fresh state directory, loop, log and desk. */
void room_begin(void);
void room_end(void);
struct room_record *room_add(const char *name, const char *connector, enum room_key key);
/* All that wait for it get it; e: or this error. */
void room_open(const char *name, const struct err *e);
size_t room_waiting(const char *name);
/* The log so far. */
const char *room_log(void);
/* Turns of the loop, with what is due, for so long. */
void room_turns(unsigned ms);

struct held {
    struct signer s; /* first */
    struct room_record *r;
    struct record_info info;
};

struct keyring_wait {
    struct keyring_wait *next;
    struct room_record *r;
    keyring_done *done;
    void *ctx;
};
static struct keyring_wait *waits;

/* -- the world -- */

static int room_now(const struct env *env, uint64_t *us, struct err *e)
{
    (void)env, (void)e;
    *us = room.now_us;
    return OK;
}

static int room_random(const struct env *env, void *p, size_t n, struct err *e)
{
    (void)env, (void)e;
    static uint8_t next;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = next++;
    return OK;
}

static const struct env room_env = {.now_us = room_now, .random = room_random};

void room_begin(void)
{
    static unsigned n;
    struct agent *a = &room.agent;
    struct err e;

    memset(&room, 0, sizeof(room));
    room.now_us = 1700000000000000;
    a->env = &room_env;
    a->options = &room.options;
    a->loop = event_base_new();
    snprintf(a->where.state, sizeof(a->where.state), "%s/desk%u", harness_dir(), n++);
    memset(a->vault_id, 0xcd, sizeof(a->vault_id));
    OK_CALL(audit_open(a, &e), &e);
    OK_CALL(desk_new(a, &e), &e);
}

void room_end(void)
{
    struct agent *a = &room.agent;

    desk_free(a);
    audit_close(a);
    event_base_free(a->loop);
    CHECK(waits == NULL);
    for (size_t i = 0; i < room.n_records; i++) {
        EQ_INT(room.records[i].n_refs, 0);
        record_info_free(&room.records[i].info);
    }
}

struct room_record *room_add(const char *name, const char *connector, enum room_key key)
{
    struct room_record *r = &room.records[room.n_records++];

    record_info_init(&r->info);
    snprintf(r->info.name, sizeof(r->info.name), "%s", name);
    snprintf(r->info.connector, sizeof(r->info.connector), "%s", connector);
    snprintf(r->info.environment, sizeof(r->info.environment), "live");
    memset(r->info.rec_id, (int)room.n_records, REC_ID_LEN);
    memcpy(r->info.vault_id, room.agent.vault_id, VAULT_ID_LEN);
    r->info.key = KEY_HMAC;
    r->key = key;
    return r;
}

const char *room_log(void)
{
    static struct buf text = BUF_INIT(1 << 22);
    char path[WHERE_MAX + 80];
    struct err e;

    snprintf(path, sizeof(path), "%s/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd/audit.log",
             room.agent.where.state);
    buf_reset(&text);
    OK_CALL(file_read_user(path, 1 << 22, &text, &e), &e);
    return buf_str(&text);
}

void room_turns(unsigned ms)
{
    uint64_t end = ticks_ms() + ms;
    struct timeval tick = {.tv_usec = 5000};

    do {
        event_base_loopexit(room.agent.loop, &tick);
        event_base_loop(room.agent.loop, EVLOOP_ONCE);
        desk_turn(&room.agent);
        if (room_turn_ends)
            room_turn_ends(&room.agent);
    } while (ticks_ms() < end);
}

/* -- its keyring -- */

static struct room_record *find(const char *name)
{
    for (size_t i = 0; i < room.n_records; i++)
        if (strcmp(room.records[i].info.name, name) == 0)
            return &room.records[i];
    return NULL;
}

static int zeros(struct signer *s, enum sig_alg alg, enum field_id f, struct bytes msg,
                 struct sig *out, struct err *e)
{
    struct held *h = (struct held *)s;

    (void)f, (void)msg, (void)e;
    h->r->n_signed++;
    memset(out, 0, sizeof(*out));
    out->n = alg == SIG_HMAC_SHA512 ? 64 : 32;
    return OK;
}

static int place(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    (void)s, (void)e;
    buf_adds(out, f == FIELD_API_KEY ? "KEY" : "OTHER");
    return OK;
}

static struct held *give(struct room_record *r)
{
    struct held *h = calloc(1, sizeof(*h));

    if (!h)
        abort();
    h->r = r;
    h->s = (struct signer){r->info.key, zeros, place};
    record_info_init(&h->info);
    struct err e;
    OK_CALL(record_info_copy(&h->info, &r->info, &e), &e);
    if (r->is_changed)
        h->info.rec_id[0] ^= 0xff;
    r->n_refs++;
    return h;
}

const struct record_info *held_info(const struct held *h)
{
    return &h->info;
}

struct signer *held_signer(struct held *h)
{
    return h->r->signer ? h->r->signer : &h->s;
}

void held_release(struct held *h)
{
    h->r->n_refs--;
    record_info_free(&h->info);
    free(h);
}

int keyring_refresh(struct agent *a, struct err *e)
{
    (void)a;
    if (room.vault.code != OK)
        *e = room.vault;
    return room.vault.code;
}

int keyring_peek(struct agent *a, const char *name, struct record_info *out, struct err *e)
{
    const struct room_record *r = find(name);

    (void)a;
    if (!r)
        return err_set(e, ERR_NOT_FOUND, "there is no record '%s'", name);
    return record_info_copy(out, &r->info, e);
}

int keyring_rec_id(struct agent *a, const char *name, uint8_t rec_id[REC_ID_LEN], struct err *e)
{
    const struct room_record *r = find(name);

    (void)a;
    if (!r)
        return err_set(e, ERR_NOT_FOUND, "there is no record '%s'", name);
    memcpy(rec_id, r->info.rec_id, REC_ID_LEN);
    return OK;
}

bool keyring_is_proven(const struct agent *a)
{
    (void)a;
    return !room.is_unproven;
}

bool keyring_is_doubted(const struct agent *a)
{
    (void)a;
    return room.is_doubted;
}

bool keyring_is_held(const struct agent *a, const char *name)
{
    const struct room_record *r = find(name);

    (void)a;
    return r && r->key == ROOM_HELD;
}

void keyring_open(struct agent *a, const char *name, const char *why, keyring_done *done, void *ctx,
                  struct keyring_wait **w)
{
    struct room_record *r = find(name);
    struct keyring_wait *wait, **end = &waits;
    struct err e;

    (void)a;
    *w = NULL;
    if (!r) {
        err_set(&e, ERR_NOT_FOUND, "there is no record '%s'", name);
        done(ctx, NULL, &e);
        return;
    }
    snprintf(r->why, sizeof(r->why), "%s", why);
    if (r->key == ROOM_HELD) {
        done(ctx, give(r), NULL);
        return;
    }
    if (!(wait = calloc(1, sizeof(*wait))))
        abort();
    *wait = (struct keyring_wait){.r = r, .done = done, .ctx = ctx};
    while (*end)
        end = &(*end)->next;
    *end = wait;
    *w = wait;
}

void keyring_cancel(struct keyring_wait *w)
{
    struct keyring_wait **at = &waits;

    while (*at && *at != w)
        at = &(*at)->next;
    if (!CHECK(*at == w))
        return;
    *at = w->next;
    free(w);
}

size_t room_waiting(const char *name)
{
    size_t n = 0;

    for (const struct keyring_wait *w = waits; w; w = w->next)
        n += strcmp(w->r->info.name, name) == 0;
    return n;
}

void room_open(const char *name, const struct err *e)
{
    struct room_record *r = find(name);
    struct keyring_wait **at = &waits;

    r->n_opened++;
    if (!e && r->key == ROOM_CLOSED)
        r->key = ROOM_HELD;
    while (*at) {
        struct keyring_wait *w = *at;
        if (w->r != r) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->done(w->ctx, e ? NULL : give(r), e);
        free(w);
        if (!e && r->key == ROOM_EACH_USE)
            return;
        at = &waits;
    }
}

#endif
