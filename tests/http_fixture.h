/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of net/http.h and net/listener.h share: jobs that do nothing by themselves, in the
 * place of net/job.c and net/frames.c, and clients that say and hear bytes. All in one thread. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include "base/buf.h"
#include "net/http.h"
#include "net/job.h"

#include <event2/event.h>

struct job {
    const struct job_calls *calls;
    void *ctx;
    struct buf text; /* what record, bearer and so on point into */
    struct wire_ask ask;
    unsigned n_pauses;
    bool is_paused, is_abandoned, is_over;
};

#define JOBS_MAX 4096u
extern struct job *jobs[JOBS_MAX]; /* in their order */
extern size_t n_jobs;
extern bool jobs_are_full; /* the next is refused */

extern struct frames_seen {
    unsigned n;
    int fd;
    struct buf first;
    uint32_t uid, pid;
} frames_seen;

/* The exchange's reply, in one turn of the loop. */
void job_reply(struct job *j, unsigned status, const char *body);
void job_head(struct job *j, unsigned status, uint64_t length);
void job_body(struct job *j, struct bytes v);
void job_end(struct job *j, bool is_whole);
void job_fail(struct job *j, unsigned status, const struct err *e);
void jobs_forget(void); /* frees them all */

extern struct event_base *loop;
void pump(void); /* until nothing happens */

/* A hub with one client, both new for each test; its clock stands at 1 s. */
extern struct http_hub *hub;
extern int fd;
void open_hub(void);
void close_hub(void); /* the client is the last; jobs are forgotten */

#define HOST "Host: coffer\r\n"
#define GET "GET /main/https://api.test/a?b=c HTTP/1.1\r\n" HOST
#define REPLY_HEADERS                                                                              \
    "Content-Type: application/json\r\nX-One: a, b\r\nx-one: \r\n" /* of job_head */
#define ROW(ok, i, reply)                                                                          \
    harness_ok((ok), __FILE__, __LINE__, "row %zu: '%s'", (size_t)(i), (reply))

/* A connected socket's client end, that does not wait. */
int client_new(struct http_hub *of, int type, unsigned port);
void say(int s, const char *text);
void say_bytes(int s, struct bytes v);
/* What has come since; "" when nothing. Valid until the next call. */
const char *hear(int s);
bool hears_end(int s);                 /* nothing more waits, and the other end has closed */
unsigned status_of(const char *reply); /* 0: no reply */

#endif
