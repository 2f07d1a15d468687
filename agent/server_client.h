/* SPDX-License-Identifier: Apache-2.0 */
/* The clients of the agent's socket, as server.c, server_client.c and ops.c see them. */
#ifndef AGENT_SERVER_CLIENT_H
#define AGENT_SERVER_CLIENT_H

#include "agent/bearers.h"
#include "agent/ops.h"
#include "agent/server.h"
#include "base/stream.h"

#define SERVER_IN_MAX (AGENT_LINE_MAX + 131072u) /* a line and some of what comes behind it */
#define SERVER_IN_ALL (64u * 1024u * 1024u)      /* of all clients together */
#define SERVER_OUT_MAX (4u * 1024u * 1024u) /* beyond, a client that does not read is dropped */
#define SERVER_OUT_HIGH 65536u              /* beyond, nothing more is done for it meanwhile */
#define SERVER_OPEN_MAX 64u                 /* requests of one client at once */
#define SERVER_OPEN_BYTES AGENT_LINE_MAX    /* of their lines; one may be more */
#define SERVER_LENT_MAX 16u                 /* bearers of one client */
#define SERVER_STUCK_MS 30000u /* so long without reading any of its answers: dropped */

struct lent {
    struct lent *next;
    char text[BEARER_TEXT];
};

/* A request that is not answered yet. */
struct op {
    struct op *next, *prev;
    struct client *c; /* NULL: it is gone, or got its answer */
    struct agent *a;
    enum op_kind kind;
    uint64_t desk_id; /* of sign and sign_ws */
    uint8_t rid[RID_LEN]; /* of unlock: the token's recipient, wherever on the list it is then */
    unsigned n_left;  /* of status: tokens that have not told yet */
    size_t cost;
    struct asker who;
    size_t n_id;
    char id[OP_ID_MAX];
};

struct client {
    struct client *next, *prev; /* of the server's list */
    struct client *next_due, *next_dead;
    struct server *server;
    struct stream *stream;
    struct asker who;
    struct op *ops;
    struct op *barrier; /* without an id: nothing behind it is looked at before it is answered */
    struct lent *lent;
    size_t n_ops, n_lent, open_bytes;
    size_t in_seen;    /* bytes in its buffer that the server has counted */
    size_t looked;     /* of them, without a line end */
    uint64_t n_put;    /* bytes of answers */
    uint64_t n_read;   /* of them, read when last looked at */
    uint64_t stuck_ms; /* ticks_ms since when it has read none; 0: it reads */
    bool is_subscribed, is_full, is_paused, is_finishing, is_due, is_dead;
};

struct server {
    struct agent *a;
    int listener;
    struct event *come, *come_later, *again, *stuck;
    struct client *clients, *due, **due_end, *dead;
    struct op *orphans; /* whose clients are gone; what they wait for still comes */
    size_t n_clients, in_all;
    uint64_t started_ms, last_lock_ms;
    char last_lock[256];
    bool is_stuck_looked_for;
};

/* -- server.c -- */
/* From the loop, when all that has come in is read: lines, the dead freed. */
void server_again(struct server *s);
/* Its lines then. */
void server_due(struct client *c);
void server_look_for_stuck(struct server *s);

/* -- server_client.c -- */
/* fd: connected, its peer checked; the server's from here on. */
int client_new(struct server *s, int fd, const struct asker *who, struct err *e) MUST_USE;
/* It is gone from now on; what it waits for, and its memory, a little later, from the loop. */
void client_kill(struct client *c);
void client_free(struct client *c); /* of one that is dead; all that it still has ends */
void client_take(struct client *c); /* what lines there are, as far as it may be now */
/* Whole answers; id as written, or empty. */
void client_result(struct client *c, struct bytes id, struct bytes result);
void client_error(struct client *c, struct bytes id, struct bytes error);
void client_event(struct client *c, struct bytes line); /* with its LF */
/* One error line, and the connection ends. */
void client_broken(struct client *c, const struct err *e);

/* A request that is answered later. NULL: no memory. */
struct op *op_begin(struct client *c, const struct op_words *w, size_t cost);
void op_end(struct op *o); /* it was answered, or nobody waits for it */
/* Its client is gone; what it waits for comes all the same, and ends it. */
void op_orphan(struct op *o);
/* ops.c: its client is gone, so that one of the two. */
void op_forget(struct op *o);

#endif
