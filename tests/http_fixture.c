/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of http_fixture.h. */
#include "tests/http_fixture.h"

#include "net/frames.h"
#include "tests/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARD_MAX (8u << 20)

struct job *jobs[JOBS_MAX];
size_t n_jobs;
bool jobs_are_full;
struct frames_seen frames_seen = {.first = BUF_INIT(4096)};
struct event_base *loop;
struct http_hub *hub;
int fd;

/* -- jobs -- */

static struct bytes keep(struct buf *b, struct bytes v)
{
    size_t at = b->n;

    buf_add(b, v);
    if (b->failed)
        abort();
    return bytes_of(b->p + at, v.n);
}

struct job *job_begin(struct gate *g, const struct wire_ask *ask, const struct job_calls *calls,
                      void *ctx, struct err *e)
{
    (void)g;
    if (jobs_are_full || n_jobs == JOBS_MAX) {
        err_set(e, ERR_LIMIT, "too many requests are under way");
        return NULL;
    }
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        abort();
    j->text = (struct buf)BUF_INIT(4u << 20);
    (void)buf_extend(&j->text, 65536 + ask->body.n); /* so that it does not move */
    buf_cut(&j->text, 0);
    j->calls = calls;
    j->ctx = ctx;
    j->ask = *ask;
    j->ask.record = keep(&j->text, ask->record);
    j->ask.bearer = keep(&j->text, ask->bearer);
    j->ask.method = keep(&j->text, ask->method);
    j->ask.url = keep(&j->text, ask->url);
    j->ask.body = keep(&j->text, ask->body);
    for (uint32_t i = 0; i < ask->n_headers; i++) {
        j->ask.headers[i].name = keep(&j->text, ask->headers[i].name);
        j->ask.headers[i].value = keep(&j->text, ask->headers[i].value);
    }
    jobs[n_jobs++] = j;
    return j;
}

void job_abandon(struct job *j)
{
    if (j->is_over || j->is_abandoned)
        abort();
    j->is_abandoned = true;
}

void job_pause(struct job *j, bool is_paused)
{
    if (j->is_over || j->is_abandoned || j->is_paused == is_paused)
        abort();
    j->is_paused = is_paused;
    j->n_pauses += is_paused;
}

void job_head(struct job *j, unsigned status, uint64_t length)
{
    const struct wire_header h[] = {
        {BYTES_LIT("Content-Type"), BYTES_LIT("application/json")},
        {BYTES_LIT("X-One"), BYTES_LIT("a, b")},
        {BYTES_LIT("x-one"), BYTES_LIT("")},
    };

    j->calls->head(j->ctx, status, h, ARRAY_LEN(h), length);
}

void job_body(struct job *j, struct bytes v)
{
    if (!j->is_abandoned)
        j->calls->body(j->ctx, v);
}

void job_end(struct job *j, bool is_whole)
{
    if (j->is_abandoned || j->is_over)
        return;
    j->is_over = true;
    j->calls->ended(j->ctx, is_whole);
}

void job_fail(struct job *j, unsigned status, const struct err *e)
{
    j->is_over = true;
    j->calls->failed(j->ctx, status, e, WIRE_NOT_SENT, FAULT_NONE);
}

void job_reply(struct job *j, unsigned status, const char *body)
{
    job_head(j, status, strlen(body));
    job_body(j, bytes_str(body));
    job_end(j, true);
}

void jobs_forget(void)
{
    for (size_t i = 0; i < n_jobs; i++) {
        buf_free(&jobs[i]->text);
        free(jobs[i]);
    }
    n_jobs = 0;
}

/* -- frames -- */

void frames_accept(struct event_base *base, struct gate *g, int s, struct bytes first, uint32_t uid,
                   uint32_t pid)
{
    (void)base, (void)g;
    frames_seen.n++;
    frames_seen.fd = s;
    frames_seen.uid = uid;
    frames_seen.pid = pid;
    buf_reset(&frames_seen.first);
    buf_add(&frames_seen.first, first);
}

/* -- clients -- */

void pump(void)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(loop, EVLOOP_NONBLOCK);
}

int client_new(struct http_hub *of, int type, unsigned port)
{
    struct http_peer peer = {.uid = 1001, .pid = 4711, .port = port};
    struct err e;
    int pair[2];

    if (port)
        peer.uid = peer.pid = HTTP_NOBODY;
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        abort();
    if (!OK_CALL(http_open(of, pair[1], &peer, &e), &e))
        abort();
    return pair[0];
}

void say_bytes(int s, struct bytes v)
{
    while (v.n > 0) {
        ssize_t n = send(s, v.p, v.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        if (n > 0) {
            v.p += n;
            v.n -= (size_t)n;
        }
        pump();
    }
    pump();
}

void say(int s, const char *text)
{
    say_bytes(s, bytes_str(text));
}

const char *hear(int s)
{
    static char heard[HEARD_MAX + 1];
    size_t n = 0;

    pump();
    for (;;) {
        ssize_t got = recv(s, heard + n, HEARD_MAX - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        pump();
    }
    heard[n] = 0;
    return heard;
}

bool hears_end(int s)
{
    char one;

    pump();
    ssize_t n = recv(s, &one, 1, MSG_PEEK);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

unsigned status_of(const char *reply)
{
    if (strncmp(reply, "HTTP/1.1 ", 9) != 0)
        return 0;
    const char *d = reply + 9;
    return (unsigned)((d[0] - '0') * 100 + (d[1] - '0') * 10 + (d[2] - '0'));
}

/* -- a hub -- */

void open_hub(void)
{
    struct err e;

    if (OK_CALL(http_hub_new(loop, NULL, &hub, &e), &e))
        fd = client_new(hub, SOCK_STREAM, 0);
    http_tick(hub, 1000);
}

void close_hub(void)
{
    close(fd);
    pump();
    EQ_INT(http_count(hub), 0);
    http_hub_free(hub);
    jobs_forget();
}
