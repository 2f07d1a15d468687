/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's callbacks: the guard before a request goes out, and its reply as it comes in. */
#include "net/transfer.h"

#include "base/text.h"

#include <poll.h>

#define HEADS_MAX (2u * HEAD_MAX)
#define LATE_MS 500u /* after the moment at which libcurl should have ended a transfer */
#define LOOK_MS 50u

static size_t give_up(struct transfer *t, enum wire_fault fault, const char *why)
{
    t->fault = fault;
    t->why = why;
    return 0;
}

static uint64_t now_us(const struct transfer *t)
{
    uint64_t now = 0;
    struct err e;

    return t->common->env->now_us(t->common->env, &now, &e) ? 0 : now;
}

static bool is_hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

/* libcurl reads a proxy's answer to the end before it looks at its own limits or comes back to our
 * loop, and the answer may have none. */
int transfer_tick(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct transfer *t = arg;
    uint64_t now = ticks_ms();
    uint32_t limit = t->n_sent == 0 && t->q.timeout_ms > CONNECT_MS ? CONNECT_MS : t->q.timeout_ms;

    (void)down_all, (void)down, (void)up_all, (void)up;
    if (t->is_cancelled)
        return 1;
    if (t->begun_ms == 0)
        t->begun_ms = now;
    if (now - t->looked_ms < LOOK_MS)
        return 0;
    t->looked_ms = now;
    if (now - t->begun_ms > limit + LATE_MS) {
        t->why = "the time limit has passed";
        return 1;
    }
    return t->common->fd >= 0 && is_hung_up(t->common->fd);
}

curl_socket_t transfer_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;

    (void)purpose;
    t->has_opened = true;
    return sockets_open(t->common->sockets, address);
}

/* libcurl sends a request again when a connection that it kept ends without an answer. The first
 * may have been carried out: only a GET may go twice. When the kept one is not fit for another
 * request, nothing has been sent: transfer_renew begins anew. */
int transfer_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct transfer *t = arg;

    (void)remote, (void)local;
    if (t->is_cancelled)
        return CURL_PREREQFUNC_ABORT;
    if (!t->has_opened && !reuse_is_safe(t->common->sockets, t->easy, local_port, remote_port)) {
        t->wants_fresh = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->n_sent > 0 && !t->is_get) {
        (void)give_up(t, FAULT_CLOSED, "the connection ended without an answer");
        return CURL_PREREQFUNC_ABORT;
    }
    t->n_sent++;
    t->sent_us = now_us(t);
    return CURL_PREREQFUNC_OK;
}

/* "HTTP/1.1 200 OK": a response begins, and one that came before it was only informational. */
static bool take_status(struct transfer *t, struct bytes line)
{
    uint64_t status;
    struct bytes version, rest, code, tail;

    if (!text_cut(line, ' ', &version, &rest))
        return false;
    (void)text_cut(rest, ' ', &code, &tail);
    if (code.n != 3 || !text_u64(code, 999, &status) || status < 100)
        return false;
    t->status = (unsigned)status;
    t->n_spans = 0;
    t->has_end = status == 204 || status == 304 || bytes_eq_str(t->q.method, "HEAD");
    buf_reset(&t->head);
    if (status >= 200)
        t->answered_us = now_us(t);
    return true;
}

static bool ends_chunked(struct bytes v)
{
    static const char last[] = "chunked";
    size_t n = sizeof(last) - 1;

    return v.n >= n && text_eq_nocase(bytes_of(v.p + v.n - n, n), bytes_str(last));
}

static size_t take_header(struct transfer *t, struct bytes line)
{
    struct bytes name, value;

    if (line.p[0] == ' ' || line.p[0] == '\t' || !text_cut(line, ':', &name, &value) || name.n == 0)
        return give_up(t, FAULT_GARBAGE, "a malformed header");
    if (t->n_spans == WIRE_HEADERS_MAX || name.n > 256)
        return give_up(t, FAULT_TOO_LARGE, "too many headers");
    value = text_trim(value);
    if (text_eq_nocase(name, BYTES_LIT("content-length")) ||
        (text_eq_nocase(name, BYTES_LIT("transfer-encoding")) && ends_chunked(value)))
        t->has_end = true;
    struct span *s = &t->spans[t->n_spans++];
    *s = (struct span){t->head.n, name.n, t->head.n + name.n, value.n};
    buf_add(&t->head, name);
    buf_add(&t->head, value);
    if (t->head.failed)
        return give_up(t, FAULT_TOO_LARGE, "headers of over 64 KiB");
    return line.n;
}

/* libcurl keeps every line until the end: those of trailers, and of any number of informational
 * responses, too. */
static bool has_room(struct transfer *t, size_t n)
{
    size_t *sum = t->head_is_done ? &t->n_trailers : &t->n_heads;

    *sum += n;
    return *sum <= (t->head_is_done ? HEAD_MAX : HEADS_MAX);
}

static bool hand_on_head(struct transfer *t)
{
    return !t->common->sink || t->common->sink->head(t->owner, t);
}

size_t transfer_head(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct bytes line = bytes_of(p, size * n), text = line;

    if (!has_room(t, line.n))
        return give_up(t, FAULT_TOO_LARGE, "too much in headers or trailers");
    if (t->head_is_done) /* trailers say nothing that we use */
        return line.n;
    while (text.n > 0 && (text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\n'))
        text.n--;
    if (text_starts(text, "HTTP/1."))
        return take_status(t, text) ? line.n : give_up(t, FAULT_GARBAGE, "a malformed status line");
    if (t->status == 0)
        return give_up(t, FAULT_GARBAGE, "no status line");
    if (text.n == 0) {
        t->head_is_done = t->status >= 200;
        return t->head_is_done && !hand_on_head(t) ? 0 : line.n;
    }
    return take_header(t, text) ? line.n : 0;
}

size_t transfer_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    if (t->common->sink)
        return t->common->sink->body(t->owner, t, bytes_of(p, size * n)) ? size * n : 0;
    buf_add(&t->body, bytes_of(p, size * n));
    if (t->body.failed == ERR_LIMIT)
        return give_up(t, FAULT_TOO_LARGE, "a body of over 4 MiB");
    if (t->body.failed)
        return give_up(t, FAULT_INTERNAL, "out of memory");
    return size * n;
}
