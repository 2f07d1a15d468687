/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each decision, in STATE/VAULT_ID/audit.log: when, who, which key, what kind of
 * request, what of it, and the outcome. No secret, no body, no query. Where the line cannot be
 * written nothing is signed. The lines of one turn of the loop go out in one write, before anything
 * that was decided in it leaves. */
#ifndef AGENT_AUDIT_H
#define AGENT_AUDIT_H

#include "agent/agent.h"
#include "base/attr.h"
#include "connectors/connector.h"
#include "connectors/gist.h"

#define ASKER_NAME_MAX 64u

/* Who asks. */
struct asker {
    enum { ASKER_SOCKET, ASKER_PROXY, ASKER_TCP } way;
    uint32_t uid, pid;               /* UINT32_MAX: not known (TCP) */
    char client[ASKER_NAME_MAX + 1]; /* the bearer's client name, or empty */
    bool is_bound;                   /* its bearer opens the record of this id, and no other */
    uint8_t rec_id[REC_ID_LEN];
};
/* "bot 'mm1'", "uid 1000 (pid 4711)": for notices, errors and the log. */
#define ASKER_TEXT 128u
void asker_text(const struct asker *a, char out[ASKER_TEXT]);

struct audit_line {
    const struct asker *who;
    const char *record;        /* as asked for; need not exist */
    const char *op;            /* "request", "sign", "sign_ws", "unlock", "lock" */
    const char *cls;           /* class_name, or "" */
    struct bytes method, path; /* path without query, cut; may be empty */
    const struct gist *gist;   /* of an order; or NULL */
    const char *outcome;       /* "allowed", or err_name of why not; of a DONE: "200", "unknown",
                            * "not_sent"; "bearer": not let in */
};

struct audit;
int audit_open(struct agent *a, struct err *e) MUST_USE; /* sets a->audit; ERR_IO */
void audit_close(struct agent *a);
/* Adds to what the next commit writes. ERR_MEMORY, ERR_LIMIT. */
int audit_add(struct agent *a, const struct audit_line *l, struct err *e) MUST_USE;
/* Writes what was added, in one write. ERR_IO: nothing of it counts as written (a torn line is
 * closed before the next one), and what was decided must not leave. OK when there was nothing. */
int audit_commit(struct agent *a, struct err *e) MUST_USE;
/* Why the last commit failed; code OK: it did not. For status. */
const struct err *audit_failure(const struct agent *a);

#endif
