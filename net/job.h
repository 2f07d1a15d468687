/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client of the proxy, from its head to the end of the reply: the seam between who
 * asks (an HTTP connection, or a command that speaks frames) and what is done for it (the agent's
 * yes, then libcurl). */
#ifndef NET_JOB_H
#define NET_JOB_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/wire.h"

#include <stdbool.h>

#define JOB_TOTAL_MS 8800u /* all of it: clients give up after 10 s, and must hear it before */

struct job;

/* The client's side. All are called from the loop, never from within job_begin. After failed or
 * ended nothing more is called and the job is gone. */
struct job_calls {
    /* The reply's head: its headers less hop-by-hop ones. length: UINT64_MAX when it is not known
     * (then Content-Length is none of the headers, and the client's side frames the body). */
    void (*head)(void *ctx, unsigned status, const struct wire_header *h, size_t n,
                 uint64_t length);
    void (*body)(void *ctx, struct bytes v);
    /* is_whole false: it broke off after the head. */
    void (*ended)(void *ctx, bool is_whole);
    /* In the place of a head: an answer of our own. status 401, 422, 429, 502, 503, 504; e: code,
     * message and hints. result, fault: as on the wire. */
    void (*failed)(void *ctx, unsigned status, const struct err *e, enum wire_result result,
                   enum wire_fault fault);
};

struct gate; /* the way to the agent and to the exchanges (net/gate.h) */
/* ask: copied; its id is set here. calls and ctx live until the job is gone. NULL: too many, and
 * e says so (answer 429). */
struct job *job_begin(struct gate *g, const struct wire_ask *ask, const struct job_calls *calls,
                      void *ctx, struct err *e);
/* The client is gone, or does not read: nothing more is called, and the job may be gone with this.
 * Before it was sent: it never is. After: the transfer goes on to its end unless it is a GET, and
 * its result is told to the agent all the same. */
void job_abandon(struct job *j);
/* The client reads more slowly than the exchange sends. */
void job_pause(struct job *j, bool is_paused);
/* For commands: when it was sent and answered, unix time in microseconds; 0: not. */
void job_times(const struct job *j, uint64_t *sent_us, uint64_t *answered_us);
/* One line from the TLS or socket layer about why there is no reply, or "". Within `failed`, and
 * `ended` when it is not whole. */
const char *job_detail(const struct job *j);

#endif
