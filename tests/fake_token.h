/* SPDX-License-Identifier: Apache-2.0 */
/* An agent's core without its other processes: the spawner is played here, and so are coffer-tokens
 * whose keys are in memory. Also notes what a person would be told. One at a time. */
#ifndef TESTS_FAKE_TOKEN_H
#define TESTS_FAKE_TOKEN_H

#include "agent/agent.h"
#include "agent/keyring.h"
#include "agent/notice.h"
#include "agent/spawn.h"
#include "agent/token_place.h"
#include "agent/tokens.h"
#include "tests/vault_world.h"

#define FAKES_MAX 3u

struct event;

enum fake_way {
    FAKE_ANSWERS,
    FAKE_WAITS,   /* says WAITING, and answers when it is told to (fake_touch) */
    FAKE_IS_MUTE, /* says nothing */
    FAKE_ENDS,    /* when it is asked to decrypt */
    FAKE_LIES,    /* another z */
    FAKE_BABBLES, /* no frame */
    FAKE_IS_GONE  /* ERR_TOKEN: pulled */
};

struct fake_token {
    struct softkey *key;
    enum fake_way way;
    struct tokenwire_state state;
    int fd; /* -1: no process */
    struct event *readable;
    struct buf in;
    struct secret out; /* of its own: the real one shares no memory with the core */
    char pin[64]; /* as the descriptor had it */
    unsigned n_starts, n_kills, n_unattended, n_decaps, n_releases;
    bool is_unstartable;
    bool has_pending;
    uint32_t pending_id;
    uint8_t pending_ct[KEM_CT_MAX];
    size_t n_pending;
};

struct fake_agent {
    struct agent a;
    struct agent_options options;
    struct fake_token tokens[FAKES_MAX]; /* in the order of their keys, whatever tokens.json has */
    size_t n;
    unsigned n_reloads;
    char told[NOTICE_COUNT][600]; /* the last text of each kind */
    unsigned n_told[NOTICE_COUNT];
};

/* Of fake_spawner.h, which the test program includes once. */
void fake_noted(enum notice_kind k, const char *text);
void fake_asked(enum spawn_kind kind, const uint8_t rid[RID_LEN]);

/* tokens.json gets the keys, in their order, as tokens of o's vault; then tokens and keyring are
 * made. */
void fake_start(struct fake_agent *f, struct world *o, struct softkey *const *keys, size_t n);
void fake_end(struct fake_agent *f);
/* Turns the loop until *done, at most ms. */
void fake_turn(struct fake_agent *f, const bool *done, unsigned ms);
/* Turns it for as long as something is under way that needs no time. */
void fake_settle(struct fake_agent *f);
/* Unlocks the token of this place; false when it failed. */
bool fake_unlock(struct fake_agent *f, size_t place);
void fake_touch(struct fake_agent *f, size_t place); /* what it waits for */
void fake_tell_state(struct fake_agent *f, size_t place);
void fake_crash(struct fake_agent *f, size_t place);
/* The entry of tokens.json. */
void fake_entry(const struct world *o, const struct softkey *key, struct local_token *out);

#endif
