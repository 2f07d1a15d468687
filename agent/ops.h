/* SPDX-License-Identifier: Apache-2.0 */
/* A request on the agent's socket in words (agent/PROTOCOL.md): read by op_parse.c, which is pure,
 * and done by ops*.c. */
#ifndef AGENT_OPS_H
#define AGENT_OPS_H

#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/bearers.h"
#include "base/attr.h"
#include "base/json.h"

#define OP_ID_MAX 80u /* of an id as written */
#define OP_TOKEN_MAX 136u

enum op_kind {
    OP_HELLO,
    OP_LIST,
    OP_STATUS,
    OP_UNLOCK,
    OP_LOCK,
    OP_SIGN,
    OP_SIGN_WS,
    OP_LEND,
    OP_SUBSCRIBE,
    OP_RELOAD,
    OP_STOP,
    OP_COUNT
};

struct op_words { /* what is borrowed is borrowed from the line */
    enum op_kind kind;
    struct bytes id; /* as written; empty: none */
    char name[NAME_MAX_LEN + 1], client[ASKER_NAME_MAX + 1], token[OP_TOKEN_MAX];
    char bearer[BEARER_TEXT]; /* empty: a fresh one */
    bool has_index, use_last_try, look;
    uint64_t index, protocol;
    struct json request;
};
/* line: without its LF. ERR_USAGE; out->id is set then too, where it could be read. *is_broken: it
 * is no message of the protocol at all, and what follows cannot be relied on either. */
int op_parse(struct bytes line, struct op_words *out, bool *is_broken, struct err *e) MUST_USE;

struct client;
/* Does it, or begins it; the answer goes to the client now or later. cost: bytes of its line. */
void op_run(struct client *c, const struct op_words *w, size_t cost);

/* -- ops_status.c -- */
void ops_status(struct agent *a, struct buf *out);
int ops_list(struct agent *a, struct buf *out, struct err *e) MUST_USE;
/* The error's members, with braces. pin_try: NULL, or its name. */
void ops_error(const struct err *e, const char *pin_try, struct buf *out);

#endif
