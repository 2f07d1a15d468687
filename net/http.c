/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an HTTP connection: what it waits for, and for how long. A client that closes its
 * side counts as gone: nobody can tell whether it still reads. */
#include "net/http_parts.h"

#include "net/frames.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS 80000u
#define HEAD_MS 11000u /* the hub's clock is up to a second late */
#define BODY_MS 31000u
#define STUCK_MS 10000u
#define LEAVE_MS 2000u
#define IN_MAX ((size_t)HEAD_BYTES_MAX + HEAD_BODY_MAX)
#define BODY_SMALL 16384u /* so much each connection may always have: an order's is far less */

/* -- the end -- */

void http_free(struct http *c)
{
    struct http_hub *hub = c->hub;

    if (c->job)
        job_abandon(c->job);
    if (hub->owner == c) {
        hub->owner = NULL;
        buf_reset(&hub->out);
    }
    http_delist(c);
    http_unbook(c);
    stream_free(c->stream);
    free(c);
}

/* To close with something unread would take the answer back from a client that is still sending. */
static void leave(struct http *c)
{
    http_unbook(c);
    c->state = HTTP_LEAVING;
    c->due_ms = c->hub->now_ms + LEAVE_MS;
    stream_took(c->stream, stream_in(c->stream).n);
    if (c->is_paused)
        stream_pause(c->stream, false);
    c->is_paused = false;
    (void)shutdown(stream_fd(c->stream), SHUT_WR);
}

void http_ready(struct http *c)
{
    if (c->is_close) {
        leave(c);
        return;
    }
    c->state = HTTP_IDLE;
    c->due_ms = c->hub->now_ms + IDLE_MS;
    if (c->is_known) {
        http_delist(c);
        http_enlist(c); /* as the last */
    }
    if (stream_in(c->stream).n > 0 && !c->is_paused)
        stream_pause(c->stream, true);
    else if (!c->is_paused)
        return;
    c->is_paused = false;
    stream_pause(c->stream, false); /* shows the next request, from the loop */
}

/* -- a request comes -- */

/* Not to be fed with what nobody will answer. */
static void await_body(struct http *c, const struct head *h)
{
    struct http_hub *hub = c->hub;
    struct route route;
    struct err e;

    c->due_ms = hub->now_ms + BODY_MS;
    http_book(c, h->body_n > BODY_SMALL ? h->body_n : 0);
    if (!h->wants_continue)
        return;
    if (http_judge(c, h, &route, &e)) {
        c->is_close = true; /* whether the body still comes is the client's secret */
        http_answer(c, 422, &e);
        return;
    }
    http_flush(hub);
    http_put(c, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void take_request(struct http *c, struct bytes in)
{
    struct head h;
    const char *why = NULL;
    size_t n = 0;

    switch (head_read(in, &h, &n, &why)) {
    case HEAD_MORE:
        return;
    case HEAD_BAD:
        http_refuse(c, why);
        return;
    case HEAD_WHOLE:
        break;
    }
    c->is_close = h.is_close;
    c->is_old = h.is_old;
    c->is_head = bytes_eq_str(h.method, "HEAD");
    c->need = n + (size_t)h.body_n;
    if (in.n < c->need) {
        await_body(c, &h);
        return;
    }
    http_unbook(c);
    http_begin(c, &h, bytes_of(in.p + n, (size_t)h.body_n), c->need);
}

/* A command of coffer, which speaks frames: their length is under 2^24. */
static bool is_frame(const struct http *c, struct bytes in)
{
    return in.p[0] == 0 && c->peer.port == 0 && !c->has_asked;
}

static void hand_over(struct http *c, struct bytes in)
{
    int fd = fcntl(stream_fd(c->stream), F_DUPFD_CLOEXEC, 3);

    if (fd >= 0)
        frames_accept(c->hub->loop, c->hub->gate, fd, in, c->peer.uid, c->peer.pid);
    http_free(c);
}

static void on_input(void *ctx, struct stream *s)
{
    struct http *c = ctx;
    struct bytes in = stream_in(s);

    switch (c->state) {
    case HTTP_IDLE:
        if (is_frame(c, in)) {
            hand_over(c, in);
            return;
        }
        c->state = HTTP_HEAD;
        c->due_ms = c->hub->now_ms + HEAD_MS;
        c->seen = 0;
        take_request(c, in);
        return;
    case HTTP_HEAD:
        if (head_is_due(in, &c->seen))
            take_request(c, in);
        return;
    case HTTP_BODY:
        if (in.n >= c->need)
            take_request(c, in);
        return;
    case HTTP_BUSY:
    case HTTP_SENDING:
        c->is_paused = true;
        stream_pause(s, true);
        return;
    case HTTP_LEAVING:
        stream_took(s, in.n);
        return;
    }
}

static void on_ended(void *ctx, struct stream *s)
{
    (void)s;
    http_free(ctx);
}

static void on_drained(void *ctx, struct stream *s)
{
    struct http *c = ctx;

    (void)s;
    c->stuck_n = 0;
    if (c->is_held && c->job)
        job_pause(c->job, false);
    c->is_held = false;
    if (c->state == HTTP_SENDING)
        http_ready(c);
}

/* -- time -- */

static bool is_hung_up(const struct http *c)
{
    struct pollfd p = {.fd = stream_fd(c->stream), .events = POLLRDHUP};

    return c->is_paused && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static bool is_stuck(struct http *c, uint64_t now_ms)
{
    size_t n = stream_waiting(c->stream);

    if (n == 0 || n != c->stuck_n) {
        c->stuck_n = n;
        c->stuck_ms = now_ms;
    }
    return n > 0 && now_ms - c->stuck_ms >= STUCK_MS;
}

void http_tick_one(struct http *c, uint64_t now_ms)
{
    bool is_due = now_ms >= c->due_ms;

    if (c->is_lost || is_stuck(c, now_ms)) {
        http_free(c);
        return;
    }
    switch (c->state) {
    case HTTP_IDLE:
    case HTTP_LEAVING:
        if (is_due)
            http_free(c);
        return;
    case HTTP_HEAD:
        if (is_due)
            http_refuse(c, "its head took over 10 s to come");
        return;
    case HTTP_BODY:
        if (is_due)
            http_refuse(c, "its body took over 30 s to come");
        return;
    case HTTP_BUSY:
    case HTTP_SENDING:
        if (is_hung_up(c))
            http_free(c);
        return;
    }
}

/* -- the beginning -- */

int http_open(struct http_hub *hub, int fd, const struct http_peer *peer, struct err *e)
{
    static const struct stream_calls calls = {on_input, on_ended, on_drained};
    static const struct stream_limits limits = {.in = IN_MAX, .out = HTTP_OUT_MAX};
    struct http *c = calloc(1, sizeof(*c));

    if (!c) {
        close(fd);
        return err_set(e, ERR_MEMORY, "no memory for a connection");
    }
    if (stream_new(hub->loop, fd, &limits, &calls, c, &c->stream, e)) {
        free(c);
        return e->code;
    }
    c->hub = hub;
    c->peer = *peer;
    c->due_ms = hub->now_ms + IDLE_MS;
    http_enlist(c);
    return OK;
}
