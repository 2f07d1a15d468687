/* SPDX-License-Identifier: Apache-2.0 */
/* One token of tokens.json as the core sees it: its process, from its start to its end, and what it
 * is asked, one after the other. Private to agent/token*.c and their tests. */
#ifndef AGENT_TOKEN_PLACE_H
#define AGENT_TOKEN_PLACE_H

#include "agent/spawn.h"
#include "agent/token_channel.h"
#include "agent/tokens.h"
#include "vault/local.h"

#define UNATTENDED_MS 60000u /* an unattended unlock is asked for no more often than this */

struct event;

enum place_at {
    PLACE_OFF,
    PLACE_STARTING, /* asked for; its channel comes */
    PLACE_UP,
    PLACE_ENDING /* killed, or its channel has ended: SPAWN_GONE comes */
};

enum op_kind { OP_LOOK, OP_UNLOCK, OP_DECAP };

struct tokens_op {
    struct tokens_op *next;
    struct tokens *all;
    struct place *place; /* NULL: finished, or not asked yet */
    enum op_kind kind;
    uint32_t id, flags;
    int pin_fd;
    size_t n_ct;
    uint8_t ct[KEM_CT_MAX];
    char subject[NAME_MAX_LEN + 1], why[TOKENS_WHY_MAX];
    bool is_sent, is_waiting;
    tokens_done *done; /* NULL: cancelled */
    void *ctx;
    struct err err; /* what it ends with, once it is among tokens.finished */
};

struct place {
    struct tokens *all;
    struct local_token entry;
    enum place_at at;
    struct token_channel *channel;
    bool is_known, is_unlocked, has_failed; /* the last operation, by no fault of what was asked */
    bool is_wanted;                         /* start it again as soon as it has ended */
    struct tokenwire_state state;
    unsigned restarts;
    uint32_t recoveries, last_id;
    uint64_t unattended_ms; /* when one was last asked for; 0: never */
    struct tokens_op *first;
    struct event *limit;
    bool is_limited; /* limit runs */
};

struct tokens {
    struct agent *agent;
    uint32_t hung_ms; /* TOKEN_HUNG_MS; tests are quicker */
    struct place *places[SPAWN_TOKENS_MAX];
    size_t n;
    struct tokens_op *finished; /* done is called in the next turn */
    struct event *later;
    struct local_mark mark; /* of tokens.json as it was read */
};

const char *place_label(const struct place *p);
/* NULL on failure. */
struct place *place_new(struct tokens *all, const struct local_token *entry, struct err *e);
/* Drops what it was asked without a word. */
void place_free(struct place *p);
/* This recipient's entry is another one now: ends what ran. */
void place_change(struct place *p, const struct local_token *entry);
/* The recipient is on the list no more: ends what ran; place_free comes. next: the same token with
 * another sealing key; NULL: none. */
void place_leave(struct place *p, struct place *next);
bool place_is_same_token(const struct place *p, const struct place *other);
/* Takes op, which is asked as soon as it can be. */
void place_ask(struct place *p, struct tokens_op *op);
void place_channel(struct place *p, int fd);
void place_gone(struct place *p, int status);
/* Ends the process; what it was asked fails with this. */
void place_kill(struct place *p, const struct err *why);
void place_release(struct place *p);
size_t place_load(const struct place *p);

/* -- among the files of a place -- */
/* A frame; false: not as documented. */
bool place_told(void *ctx, enum tokenwire_kind kind, struct bytes frame);
struct tokens_op *place_in_flight(const struct place *p); /* NULL: none */
/* Starts or stops the time in which something must come from it. */
void place_limit(struct place *p, bool anew);
/* Asks what can be asked now. */
void place_run(struct place *p);
/* Nobody has to touch for it any more. */
void op_touched(struct place *p, struct tokens_op *op);

struct tokens_op *op_new(struct tokens *all, enum op_kind kind, tokens_done *done, void *ctx,
                         struct err *e);
void op_free(struct tokens_op *op);
/* Calls done in the next turn, and frees. */
void op_finish_later(struct tokens_op *op, const struct err *e);
#endif
