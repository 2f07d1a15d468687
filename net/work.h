/* SPDX-License-Identifier: Apache-2.0 */
/* What gate.c, job.c, share.c, finish.c and frames*.c share: the gate with its jobs, and how one
 * ends. */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "base/stream.h"
#include "net/gate.h"
#include "net/job.h"
#include "net/session.h"
#include "net/upstream.h"

#include <event2/event.h>

#define JOBS_MAX 256u
#define SLOT_BITS 8u
#define PROVEN_MAX 64u
#define LEFT_MIN_MS 500u /* a permit that comes later than this before the end is not used */
#define AGENT_OUT_MAX (8u * 1024 * 1024)
#define REQUESTS_MAX (32u * 1024 * 1024) /* bytes of all that are under way */
#define RECORD_NAME_MAX 256u

enum job_state {
    JOB_NONE,
    JOB_DOOMED,  /* there was nobody to ask: it fails from the loop */
    JOB_ASKED,   /* the agent has it */
    JOB_SENDING, /* libcurl has it */
    JOB_ENDING   /* its last call is under way */
};

struct job {
    struct gate *gate;
    enum job_state state;
    uint32_t id;
    uint64_t channel; /* that it was asked on */
    uint64_t begun_ms;
    uint64_t asker, client; /* net/share.c: whose it is, and whose share it counts against */
    size_t size;                   /* of the request, about */
    struct job *before, *after;    /* in the order of their beginnings */
    const struct job_calls *calls; /* NULL: the client is gone */
    void *ctx;
    struct err *doom; /* why it fails from the loop, with 422; NULL: no agent */
    struct transfer *t;
    bool has_head, wants_resume, wants_cancel;
    bool has_token;    /* the request may hold a real session token, and its reply show it */
    bool is_masked;    /* the reply is kept whole: the client gets it without its token */
    struct buf reply;  /* then */
    struct buf record; /* its name, as asked */
    const char *detail;
};

struct gate {
    struct event_base *loop;
    const struct env *env;
    struct upstream *upstream;
    struct sessions *sessions;
    struct stream *agent; /* NULL: not there */
    uint64_t channel;     /* a number for each */
    struct buf out;       /* for the agent, at the end of this turn of the loop */
    struct event *turn, *clock, *hold;
    bool is_turning, has_clock, has_hold, wants_wipe, wants_scan;
    bool is_held; /* what is in out is only what became of requests, and can wait */
    struct job jobs[JOBS_MAX];
    struct job *first, *last;
    uint32_t n_begun, n_jobs, n_asked; /* the third: the agent has them */
    uint32_t n_peak;                   /* most jobs since memory was last given back */
    uint64_t proven[PROVEN_MAX];       /* askers of late to whom something was permitted */
    size_t n_proven;
    uint64_t share_seed;
    struct frames *frames;             /* commands' connections */
    unsigned n_frames;
    size_t size; /* of all jobs */
    size_t held; /* bytes of replies that are kept for them */
};

/* Something is to be done at the end of this turn of the loop. */
void gate_turn(struct gate *g);
/* To the agent that permitted j. */
void gate_done(struct gate *g, const struct job *j, const struct wire_done *d);
void gate_frames_close(struct gate *g); /* net/frames.c */

/* Whose request it is, as far as it says so itself. */
uint64_t share_asker(const struct gate *g, const struct wire_ask *a);
/* Whose share it counts against: the asker's own once something was permitted to it, else that of
 * all who are not known on its socket. */
uint64_t share_client(const struct gate *g, const struct wire_ask *a, uint64_t asker);
void share_prove(struct gate *g, uint64_t asker);
/* Whether it has room for one more job of that size. */
bool share_is_left(const struct gate *g, uint64_t client, size_t size);

struct job *job_find(struct gate *g, uint32_t id);
void job_become(struct job *j, enum job_state state);
bool job_is_late(const struct job *j, uint64_t now_ms);
/* Puts what the client says into g->out. */
int job_ask(struct job *j, const struct wire_ask *ask, struct err *e) MUST_USE;
/* The agent's answers. frame is the permit's. */
void job_permitted(struct job *j, struct bytes frame, const struct wire_permit *p);
void job_refused(struct job *j, const struct wire_refusal *r);
/* Its end, with a call of the client's side, or without when it is gone. */
void job_fail(struct job *j, unsigned status, const struct err *e, enum wire_result result,
              enum wire_fault fault);
void job_unanswered(struct job *j); /* no agent, or none any more */
void job_expired(struct job *j);    /* JOB_TOTAL_MS have passed */
void job_doomed(struct job *j);
void job_cancelled(struct job *j);
/* How libcurl ended (net/finish.c). */
void job_sent(struct job *j, CURLcode code);
extern const struct upstream_calls job_upstream_calls;

#endif
