/* SPDX-License-Identifier: Apache-2.0 */
/* What the desk's files share: a request from its ask to its end. */
#ifndef AGENT_DESK_INSIDE_H
#define AGENT_DESK_INSIDE_H

#include "agent/desk.h"
#include "agent/keyring.h"
#include "vault/nonces.h"

#include <sys/queue.h>

/* A sent request whose end nobody told by then holds up nothing any more. */
#define DESK_SENT_MS 15000u

enum stage {
    STAGE_QUEUED,  /* waits for its turn in a lane */
    STAGE_OPENING, /* waits for its key */
    STAGE_DECIDED, /* is answered when the log is written */
    STAGE_SENT     /* coffer-net has it */
};

TAILQ_HEAD(entry_list, entry);

/* One key whose nonces must arrive in order: one request of it is under way at a time. */
struct lane {
    LIST_ENTRY(lane) link;
    uint8_t rec_id[REC_ID_LEN];
    struct entry *active;      /* is opened, decided or sent */
    struct entry_list waiting; /* cancels first */
    size_t n_waiting;          /* without the cancels */
};

struct entry {
    TAILQ_ENTRY(entry) link; /* in a list of its stage; of no list while it is opened or sent */
    TAILQ_ENTRY(entry) by_age;
    LIST_ENTRY(entry) by_id;
    struct agent *a;
    struct decision d;
    desk_decided *decided;
    void *ctx;
    enum stage stage;
    struct entry_list *list; /* where link is; NULL: nowhere */
    struct lane *lane;       /* NULL: none */
    uint64_t deadline_ms;
    struct keyring_wait *wait;
    struct held *held; /* from the signature to the answer, which needs its record */
    struct buf text;   /* what the wish borrows */
    struct wish w;
    struct prepared p;
    struct gist gist;
    struct request request;
    struct record_info info; /* as peeked */
    bool has_info;
};

#define DESK_BUCKETS 1024u
#define DESK_SPARE_MAX 64u

struct desk {
    struct agent *a;
    struct event *timer;
    struct nonces *nonces;
    LIST_HEAD(, entry) buckets[DESK_BUCKETS];
    TAILQ_HEAD(, entry) all; /* the oldest first */
    LIST_HEAD(, lane) lanes;
    struct entry_list staged, ready; /* decided in this turn; those whose lines are written */
    struct entry_list spare;
    size_t n_open, n_spare;
    uint64_t next_id, last_ms, now_ms;
    bool is_timer_set;
    uint64_t refused_s; /* the second in which n_refused were refused; by ticks_ms */
    unsigned n_refused, n_unwritten;
};

/* desk.c */
struct entry *desk_find(const struct desk *k, uint64_t id);
/* Stages it; e code OK: signed. */
void desk_decide(struct entry *n, const struct err *e);
void desk_drop(struct entry *n); /* frees it, and lets the next of its lane go */

/* desk_copy.c */
int desk_copy(struct entry *n, const struct wish *w, const char *record, struct err *e) MUST_USE;

/* desk_sign.c */
/* From here on: the cheap checks, the lane, the key, the signature. */
void desk_start(struct entry *n);
void desk_open_key(struct entry *n);
void desk_log(struct entry *n, const char *outcome);
/* Only so many a second: a client that is refused on a loop must not fill the disk, which would
 * stop all the others. How many had no line is told in the next second's first. */
#define REFUSALS_MAX 20u
void desk_log_refusal(struct entry *n, const char *outcome);

/* desk_lane.c */
/* Whether it may go on now. false: it waits, or was refused because too many do. */
bool lane_enter(struct entry *n, const uint8_t rec_id[REC_ID_LEN]);
void lane_leave(struct entry *n);
/* A cancel that came while this one's key was opened goes first; this one waits again. */
bool lane_gives_way(struct entry *n);

#endif
