/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the gate stand between: an agent that the test plays on one side, a TLS server
 * on the other, and all that is between them in one loop. */
#ifndef TESTS_GATE_WORLD_H
#define TESTS_GATE_WORLD_H

#include "tests/harness.h"
#include "tests/tls_server.h"

#include "net/work.h"

#define WAIT_MS 8000u

/* What the agent says to an ask. */
enum mood { PERMITS, REFUSES, IS_SILENT, HANGS_UP, TALKS_NONSENSE };

struct world {
    struct event_base *loop;
    struct gate *gate;
    struct tls_server *server;
    struct proxy proxy;
    struct stream *agent;
    enum mood mood;
    uint32_t timeout_ms;
    const char *session_token;
    unsigned n_asks, n_dones;
    uint32_t ask_id; /* of the last ask */
    struct wire_done done;
    char url[512], body[512]; /* of the last ask */
    uint32_t uid, pid;
    bool is_tcp;
};
extern struct world w;

bool world_start(void); /* first of all; false: it said why */
void world_end(void);
/* A new agent in this mood, in the place of any other; what was counted begins anew. */
void hire(enum mood mood);

struct client {
    struct job *job;
    unsigned status, n_heads;
    bool is_over, is_whole, has_failed, pauses, leaves_at_head;
    uint64_t length;
    enum wire_result result;
    enum wire_fault fault;
    char text[ERR_MSG_MAX], headers[2048];
    struct buf body;
    size_t n_body;
};

extern const struct job_calls client_calls;
/* A request of record "main" for https://api.test and path. */
void begin(struct client *c, const char *method, const char *path, const char *body);
/* Another's: uid, is_tcp, record, bearer and headers of who count. false: it found no room. */
bool begin_as(struct client *c, const struct wire_ask *who, const char *method, const char *path,
              const char *body);
/* The loop, until *what, or for ms when it is NULL. */
void run(const bool *what, unsigned ms);
void finish(struct client *c); /* to its end */
/* All of it; with a small body unless it is a GET. Then c->body is a text. */
void ask(struct client *c, const char *method, const char *path);
void done_with(struct client *c);
/* As if it had begun so long before. */
void age(struct client *c, unsigned ms);

#endif
