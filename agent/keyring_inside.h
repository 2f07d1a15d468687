/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring from within: records that are held, and openings under way. Private to
 * agent/keyring*.c. */
#ifndef AGENT_KEYRING_INSIDE_H
#define AGENT_KEYRING_INSIDE_H

#include "agent/keyring.h"
#include "agent/tokens.h"

struct event;
struct opening;

struct held {
    struct keyring *k;
    struct held *prev, *next; /* among those that are kept, or those that are not */
    struct record *record;
    unsigned refs;
    bool is_kept;
    uint64_t until_ms; /* of ticks_ms; UINT64_MAX: until the lock */
};

struct keyring {
    struct agent *agent;
    struct vault *vault;       /* not open: nothing is kept */
    struct held *first, *last; /* kept; the last used first */
    struct held *loose;        /* in use, and not kept: those of each use, and dropped ones */
    size_t n_kept;
    uint64_t looked; /* agent.moment of the last look at the vault */
    struct event *expiry;
    struct opening *openings;
    bool is_unreadable; /* and that was told */
    bool is_refused;    /* nothing is opened until the vault or this machine's pin is another */
    bool is_doubted; /* the vault was changed by somebody without its key, and not proven since */
    struct err refused;
};

/* -- keyring.c -- */
/* As keyring_refresh, without what was refused. */
int keyring_follow(struct keyring *k, struct err *e) MUST_USE;
/* After a call that may have found the vault changed: what is kept must be of an open vault. */
void keyring_settle(struct keyring *k);
/* ERR_TRUST: the vault is refused from now on. */
void keyring_refuse(struct keyring *k, const struct err *e);

/* What cannot be read allows least. */
struct unseal unseal_of(const char *text);

/* -- keyring_held.c -- */
/* Takes r (freed on failure), with one reference. NULL: no memory. */
struct held *held_new(struct keyring *k, struct record *r, struct err *e);
void held_keep(struct keyring *k, struct held *h, uint64_t for_ms); /* UINT64_MAX: no end */
/* NULL: not kept, or no longer. The last used from now on. */
struct held *held_find(struct keyring *k, const char *name);
const struct held *held_look(const struct keyring *k, const char *name);
void held_drop_all(struct keyring *k);
void held_wipe_all(struct keyring *k); /* those in use too */
void held_drop_changed(struct keyring *k);
/* False: there is none. */
bool held_drop_oldest(struct keyring *k);
void held_expire(struct keyring *k);

/* -- keyring_open.c -- */
struct keyring_wait;
/* w waits for an opening from here on (true), or was told at once that it cannot be, and is gone.
 */
bool keyring_wait_for(struct agent *a, const char *name, struct keyring_wait *w);
/* Ends all openings; who waits is told, if there is an error. */
void openings_end(struct keyring *k, const struct err *e);

#endif
