/* SPDX-License-Identifier: Apache-2.0 */
/* What a client reads: the exchange's reply as it came, framed anew, or an answer of our own. */
#include "net/http_parts.h"

#include "base/text.h"

#include <event2/event.h>
#include <sys/socket.h>

#define HIGH (256u * 1024u) /* bytes that the client has not read: the exchange is held up */
#define PIECE (64u * 1024u)
#define TOGETHER (16u * 1024u) /* what goes with a head in one send, at most */

/* -- what is being written -- */

void http_put(struct http *c, struct bytes v)
{
    struct err e;

    if (c->is_lost || v.n == 0)
        return;
    c->is_lost = stream_put(c->stream, v, &e) != OK;
    if (c->job && !c->is_held && stream_waiting(c->stream) > HIGH) {
        c->is_held = true;
        job_pause(c->job, true);
    }
}

void http_flush(struct http_hub *hub)
{
    struct http *c = hub->owner;

    if (!c)
        return;
    hub->owner = NULL;
    if (hub->out.failed)
        c->is_lost = true;
    http_put(c, buf_bytes(&hub->out));
    if (hub->out.cap > 2 * PIECE)
        buf_free(&hub->out);
    else
        buf_reset(&hub->out);
}

static struct buf *out_of(struct http *c)
{
    if (c->hub->owner != c)
        http_flush(c->hub);
    c->hub->owner = c;
    return &c->hub->out;
}

static void flush_later(struct http *c)
{
    if (c->hub->out.n >= TOGETHER)
        http_flush(c->hub);
    else
        event_active(c->hub->later, EV_TIMEOUT, 0);
}

static void finish(struct http *c)
{
    if (c->hub->owner == c)
        http_flush(c->hub);
    if (c->is_lost)
        return; /* its end comes by the stream, or with the next tick */
    c->state = HTTP_SENDING;
    if (stream_waiting(c->stream) == 0)
        http_ready(c);
}

/* -- heads -- */

static const char *phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {418, "I'm a teapot"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return status < 300 ? "Success" : status < 400 ? "Redirection" : "Error";
}

static void put_first_line(struct buf *b, unsigned status)
{
    char digits[] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                     (char)('0' + status % 10), ' '};

    buf_add(b, BYTES_LIT("HTTP/1.1 "));
    buf_add(b, bytes_of(digits, sizeof(digits)));
    buf_adds(b, phrase(status));
    buf_add(b, BYTES_LIT("\r\n"));
}

static bool has_line_end(struct bytes v)
{
    return v.n > 0 && (memchr(v.p, '\r', v.n) || memchr(v.p, '\n', v.n) || memchr(v.p, 0, v.n));
}

/* Where the reply ends is said by us alone. */
static bool is_framing(struct bytes name)
{
    return text_eq_nocase(name, BYTES_LIT("content-length")) ||
           text_eq_nocase(name, BYTES_LIT("transfer-encoding")) ||
           text_eq_nocase(name, BYTES_LIT("connection"));
}

static void put_headers(struct buf *b, const struct wire_header *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_framing(h[i].name) || has_line_end(h[i].name) || has_line_end(h[i].value))
            continue;
        buf_add(b, h[i].name);
        buf_add(b, BYTES_LIT(": "));
        buf_add(b, h[i].value);
        buf_add(b, BYTES_LIT("\r\n"));
    }
}

static void put_length(struct buf *b, uint64_t length)
{
    char digits[U64_TEXT];
    size_t n = text_of_u64(digits, length);

    buf_add(b, BYTES_LIT("Content-Length: "));
    buf_add(b, bytes_of(digits, n));
    buf_add(b, BYTES_LIT("\r\n"));
}

/* A reply to HEAD, and 304, may say a length that does not come; 204 says none. */
static void put_framing(struct http *c, struct buf *b, unsigned status, uint64_t length)
{
    bool is_known = length != UINT64_MAX;

    c->left = is_known ? length : 0;
    if (c->is_head || status == 204 || status == 304)
        c->framing = FRAMED_NOT;
    else if (is_known)
        c->framing = FRAMED_BY_LENGTH;
    else
        c->framing = c->is_old ? FRAMED_BY_END : FRAMED_BY_CHUNKS;
    if (c->framing == FRAMED_BY_CHUNKS)
        buf_add(b, BYTES_LIT("Transfer-Encoding: chunked\r\n"));
    if (is_known && status != 204)
        put_length(b, length);
    c->is_close = c->is_close || c->framing == FRAMED_BY_END || c->hub->is_finishing;
    if (c->is_close)
        buf_add(b, BYTES_LIT("Connection: close\r\n"));
    buf_add(b, BYTES_LIT("\r\n"));
}

/* -- the exchange's reply -- */

static void on_head(void *ctx, unsigned status, const struct wire_header *h, size_t n,
                    uint64_t length)
{
    struct http *c = ctx;
    struct buf *b = out_of(c);

    http_know(c);
    put_first_line(b, status);
    put_headers(b, h, n);
    put_framing(c, b, status, length);
    flush_later(c);
}

static void put_piece(struct http *c, struct bytes v)
{
    bool is_chunk = c->framing == FRAMED_BY_CHUNKS;
    bool is_alone = c->hub->owner != c;

    if (!is_chunk && (is_alone || v.n > TOGETHER)) {
        if (!is_alone)
            http_flush(c->hub);
        http_put(c, v); /* past the buffer: nothing of it needs to be copied */
        return;
    }
    struct buf *b = out_of(c);
    if (is_chunk)
        buf_addf(b, "%zx\r\n", v.n);
    buf_add(b, v);
    if (is_chunk)
        buf_add(b, BYTES_LIT("\r\n"));
    flush_later(c);
}

static void on_body(void *ctx, struct bytes v)
{
    struct http *c = ctx;

    if (c->framing == FRAMED_NOT)
        return;
    if (c->framing == FRAMED_BY_LENGTH) {
        if (v.n > c->left)
            v.n = (size_t)c->left;
        c->left -= v.n;
    }
    while (v.n > 0) {
        size_t n = v.n < PIECE ? v.n : PIECE;
        put_piece(c, bytes_of(v.p, n));
        v.p += n;
        v.n -= n;
    }
}

/* The client must not take it for whole. Where only the end of the connection says so, it ends
 * with a reset. */
static void break_off(struct http *c)
{
    struct linger now = {.l_onoff = 1};

    c->is_close = true;
    if (c->framing != FRAMED_BY_END) {
        finish(c);
        return;
    }
    http_flush(c->hub);
    (void)setsockopt(stream_fd(c->stream), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    http_free(c);
}

static void on_ended(void *ctx, bool is_whole)
{
    struct http *c = ctx;

    c->job = NULL;
    c->is_held = false;
    if (!is_whole || (c->framing == FRAMED_BY_LENGTH && c->left > 0)) {
        break_off(c);
        return;
    }
    if (c->framing == FRAMED_BY_CHUNKS)
        buf_add(out_of(c), BYTES_LIT("0\r\n\r\n"));
    finish(c);
}

/* -- answers of our own -- */

void http_answer(struct http *c, unsigned status, const struct err *e)
{
    struct buf text = BUF_INIT(8192), *b = out_of(c);

    buf_addf(&text, "%s\n", e->msg);
    for (unsigned i = 0; i < e->n_hints; i++)
        buf_addf(&text, "hint: %s\n", e->hints[i]);
    put_first_line(b, status);
    buf_add(b, BYTES_LIT("Content-Type: text/plain; charset=utf-8\r\nX-Coffer-Error: "));
    buf_adds(b, err_name(e->code));
    buf_add(b, BYTES_LIT("\r\n"));
    put_framing(c, b, status, text.n);
    if (c->framing == FRAMED_BY_LENGTH)
        buf_add(b, buf_bytes(&text));
    buf_free(&text);
    finish(c);
}

void http_refuse(struct http *c, const char *why)
{
    struct err e;

    err_set(&e, ERR_FORMAT, "this request cannot be read: %s", why);
    c->is_close = true;
    c->is_head = c->is_old = false;
    http_answer(c, 422, &e);
}

static void on_failed(void *ctx, unsigned status, const struct err *e, enum wire_result result,
                      enum wire_fault fault)
{
    struct http *c = ctx;

    (void)result, (void)fault; /* the message says it */
    if (status == 502 || status == 504)
        http_know(c);
    c->job = NULL;
    c->is_held = false;
    http_answer(c, status, e);
}

const struct job_calls http_job_calls = {on_head, on_body, on_ended, on_failed};
