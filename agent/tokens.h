/* SPDX-License-Identifier: Apache-2.0 */
/* The core's end of the coffer-token processes: one for each token of tokens.json that opens this
 * vault. A process runs from the first unlock on, and until the lock. Operations on one token are
 * done one after the other; a token that does not answer is killed and started again. */
#ifndef AGENT_TOKENS_H
#define AGENT_TOKENS_H

#include "agent/agent.h"
#include "base/attr.h"
#include "base/tokenwire.h"

#define TOKEN_HUNG_MS 45000u /* longer than any token waits for a touch */
#define TOKENS_WHY_MAX 512u

struct token_view {
    uint8_t rid[RID_LEN];
    char label[TOKEN_LABEL_MAX]; /* as tokens.json has it, before the token was seen */
    bool is_running;             /* its process */
    bool is_known;               /* state is as its process told last */
    bool is_unlocked;            /* a PIN that worked is kept by its process */
    bool has_pin_file;           /* as this machine remembers */
    struct tokenwire_state state;
    unsigned restarts; /* because it hung or ended */
};

int tokens_new(struct agent *a, struct err *e) MUST_USE; /* sets a->tokens; reads tokens.json */
void tokens_free(struct agent *a);
size_t tokens_view(const struct agent *a, size_t i, struct token_view *out); /* returns how many
                                                                              * there are */
/* From the spawner: fd, taken over, is the core's end of the channel to this recipient's token. */
void tokens_channel(struct agent *a, const uint8_t rid[RID_LEN], int fd);
/* Its process has ended; for each that ever was exactly once. status -1: it could not be started
 * (SPAWN_FAILED). */
void tokens_gone(struct agent *a, const uint8_t rid[RID_LEN], int status);

/* d lives as long as the call. Never called from within the call that took it. */
typedef void tokens_done(void *ctx, const struct tokenwire_done *d);
/* Opens the token of this place and logs in. pin_fd: where the PIN is read from, taken over; -1: it
 * is typed on the device. done is called once. */
void tokens_unlock(struct agent *a, size_t i, int pin_fd, uint32_t flags, tokens_done *done,
                   void *ctx);
/* Starts the process, so that its state becomes known: done when it has told it. */
void tokens_look(struct agent *a, size_t i, tokens_done *done, void *ctx);
/* The best of the unlocked tokens for a private-key operation of one of these recipients: one that
 * answered last time, is there, asks for no touch, and has the least to do. ERR_PERSON: none is
 * unlocked. */
int tokens_choose(const struct agent *a, const struct recipient *among, size_t n,
                  uint8_t rid[RID_LEN], enum scheme *s, struct err *e) MUST_USE;
/* The private-key operation with that recipient's token, which must be unlocked (ERR_PERSON). why:
 * "bot 'mm1': BUY 0.5 ETHUSDT", for the notice while it waits. subject: the record. */
struct tokens_op;
int tokens_decap(struct agent *a, const uint8_t rid[RID_LEN], struct bytes ct, const char *subject,
                 const char *why, tokens_done *done, void *ctx, struct tokens_op **op,
                 struct err *e) MUST_USE;
/* Whether the token has been asked already: it goes on then, cancelled or not. */
bool tokens_is_sent(const struct tokens_op *op);
/* done is not called any more, and op no longer valid. */
void tokens_cancel(struct tokens_op *op);
/* Whether the sealing key of that recipient's token asks, or may ask, for a touch. */
bool tokens_may_touch(const struct agent *a, const uint8_t rid[RID_LEN]);
bool tokens_is_unlocked(const struct agent *a); /* any of them */
void tokens_lock(struct agent *a);    /* kills all: what waits fails with ERR_PERSON */
void tokens_release(struct agent *a); /* SIGHUP: lets go of the tokens until next asked */
/* Has the spawner read tokens.json again, and does so, too; unchanged tokens go on, wherever in it
 * they stand. */
int tokens_reload(struct agent *a, struct err *e) MUST_USE;
/* tokens_reload if tokens.json changed: by a new sealing key, or a token that was made known. */
void tokens_follow(struct agent *a);

#endif
