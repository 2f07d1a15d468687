/* SPDX-License-Identifier: Apache-2.0 */
/* Where every request of every client is decided: the record's header, policy, the key, the order
 * of nonces, the signature, the line in the log. The socket (ops.c) and the proxy (counter.c) only
 * bring requests here and carry answers away. What is decided in one turn of the loop is answered
 * at the end of it, after the log is written. */
#ifndef AGENT_DESK_H
#define AGENT_DESK_H

#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/prepare.h"
#include "base/attr.h"

#define DESK_WAIT_MS 8000u  /* how long a request may wait for its key or its turn */
#define DESK_OPEN_MAX 4096u /* requests here at once; beyond: ERR_LIMIT, answered 429 */
#define DESK_QUEUE_MAX 256u /* of them for one key whose nonces must leave in order */

enum desk_way {
    DESK_SEND,   /* coffer-net will send it: nothing that signs leaves coffer */
    DESK_RELEASE /* the signed request is the client's: only records with release, clock and windows
                  * clamped */
};

/* A decision. Owned by the desk; valid in its callback, and for DESK_SEND until desk_done. */
struct decision {
    uint64_t id;
    enum desk_way way;
    struct asker who;
    const char *record;
    struct err err;                  /* code OK: request is signed (or public, as it came) */
    const struct record_info *info;  /* only in the callback; authenticated; of a public request it
                                      * may be not: its  hosts are the connector's all the same */
    const struct prepared *prepared; /* with code OK; its call.region only in the callback */
    const struct request *request;   /* with code OK */
    bool is_order;                   /* not of class public or read */
};
typedef void desk_decided(void *ctx, struct decision *d);

int desk_new(struct agent *a, struct err *e) MUST_USE; /* sets a->desk */
void desk_free(struct agent *a);
/* Takes the request in; w is copied (with all it borrows). For ASKER_TCP the caller has checked the
 * bearer. decided is called once, at the end of this or a later turn, never from within. Returns
 * its id, which desk_forget takes; 0: too many, err says so and decided is not called. */
uint64_t desk_ask(struct agent *a, enum desk_way way, const struct asker *who, const char *record,
                  const struct wish *w, desk_decided *decided, void *ctx, struct err *e);
/* The client is gone: nothing is signed for it any more, and decided is not called. */
void desk_forget(struct agent *a, uint64_t id);
/* What became of a DESK_SEND request: lets the next one of its key go. status 0: no reply. */
void desk_done(struct agent *a, uint64_t id, unsigned status, bool is_unknown);
/* The end of a turn: writes the log, then answers. core.c calls it after each turn of the loop. */
void desk_turn(struct agent *a);
uint64_t desk_last_ms(const struct agent *a); /* ticks_ms of the last signature; for --lock-after */
size_t desk_open(const struct agent *a);

#endif
