/* SPDX-License-Identifier: Apache-2.0 */
/* The codec of wire.h, both ways, with one table of limits for either. It does no I/O. */
#include "base/wire.h"

#include <stdbool.h>

#define KIND_REQUEST 1u
#define KIND_REPLY 2u
#define HEAD 5u /* length and kind */

#define TIMEOUT_MAX 60000u
#define METHOD_MAX 16u
#define URL_MAX_HERE (64u * 1024)
#define REQUEST_BODY_MAX (1024u * 1024 + 64u * 1024) /* 1 MiB, and what signing adds */
#define NAME_MAX_HERE 256u
#define VALUE_MAX (64u * 1024)
#define HOST_MAX 256u
#define CA_MAX (1024u * 1024)
#define CONNECT_TO_MAX 512u
#define DETAIL_MAX 512u

/* -- writing: a failure sticks in r -- */

struct writer {
    struct buf *out;
    int r;
    struct err *e;
};

static void put_uint(struct writer *w, uint64_t v, unsigned n)
{
    uint8_t at[8];

    for (unsigned i = 0; i < n; i++)
        at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    buf_add(w->out, bytes_of(at, n));
}

static void put_range(struct writer *w, uint64_t v, uint64_t min, uint64_t max, unsigned n,
                      const char *what)
{
    if (!w->r && (v < min || v > max))
        w->r = err_set(w->e, ERR_LIMIT, "%s is out of range", what);
    put_uint(w, v, n);
}

static void put_bytes(struct writer *w, struct bytes v, size_t max, const char *what)
{
    if (!w->r && v.n > max)
        w->r = err_set(w->e, ERR_LIMIT, "%s is over %zu bytes", what, max);
    if (w->r)
        return;
    put_uint(w, v.n, 4);
    buf_add(w->out, v);
}

static void put_headers(struct writer *w, const struct wire_header *h, uint32_t n)
{
    put_range(w, n, 0, WIRE_HEADERS_MAX, 4, "the number of headers");
    for (uint32_t i = 0; !w->r && i < n; i++) {
        put_bytes(w, h[i].name, NAME_MAX_HERE, "a header's name");
        put_bytes(w, h[i].value, VALUE_MAX, "a header");
    }
}

static size_t frame_start(struct writer *w, uint8_t kind)
{
    size_t start = w->out->n;

    put_uint(w, 0, 4);
    put_uint(w, kind, 1);
    return start;
}

/* Fills in the length, or takes back what was put. */
static int frame_end(struct writer *w, size_t start)
{
    if (!w->r)
        w->r = buf_check(w->out, "the frame", w->e);
    if (!w->r && w->out->n - start > WIRE_FRAME_MAX)
        w->r = err_set(w->e, ERR_LIMIT, "the frame is over %u bytes", WIRE_FRAME_MAX);
    if (w->r) {
        buf_cut(w->out, start);
        return w->r;
    }
    size_t n = w->out->n - start - 4;
    for (unsigned i = 0; i < 4; i++)
        w->out->p[start + i] = (uint8_t)(n >> (8 * (3 - i)));
    return OK;
}

int wire_put_request(struct buf *out, const struct wire_request *r, struct err *e)
{
    struct writer w = {.out = out, .e = e};
    size_t start = frame_start(&w, KIND_REQUEST);

    put_uint(&w, r->id, 4);
    put_range(&w, r->timeout_ms, 1, TIMEOUT_MAX, 4, "the time limit");
    put_bytes(&w, r->method, METHOD_MAX, "the method");
    put_bytes(&w, r->url, URL_MAX_HERE, "the url");
    put_bytes(&w, r->body, REQUEST_BODY_MAX, "the body");
    put_headers(&w, r->headers, r->n_headers);
    put_range(&w, r->n_hosts, 0, WIRE_HOSTS_MAX, 4, "the number of hosts");
    for (uint32_t i = 0; !w.r && i < r->n_hosts; i++)
        put_bytes(&w, r->hosts[i], HOST_MAX, "a host's name");
    put_bytes(&w, r->ca, CA_MAX, "the CA file");
    put_bytes(&w, r->connect_to, CONNECT_TO_MAX, "--connect-to");
    return frame_end(&w, start);
}

/* A status is what makes a reply, and its absence what makes a fault. */
static bool reply_is_coherent(const struct wire_reply *r)
{
    if (r->result > WIRE_UNKNOWN || r->fault >= FAULT_COUNT)
        return false;
    if (r->result == WIRE_REPLIED)
        return r->fault == FAULT_NONE && r->status >= 100 && r->status <= 999;
    return r->fault != FAULT_NONE && r->status == 0 && r->n_headers == 0 && r->body.n == 0;
}

int wire_put_reply(struct buf *out, const struct wire_reply *r, struct err *e)
{
    struct writer w = {.out = out, .e = e};
    size_t start = frame_start(&w, KIND_REPLY);

    put_uint(&w, r->id, 4);
    put_uint(&w, r->result, 1);
    put_uint(&w, r->fault, 1);
    put_uint(&w, r->status, 2);
    put_uint(&w, r->sent_us, 8);
    put_uint(&w, r->answered_us, 8);
    put_bytes(&w, r->detail, DETAIL_MAX, "the detail");
    put_headers(&w, r->headers, r->n_headers);
    put_bytes(&w, r->body, WIRE_BODY_MAX, "the reply");
    if (!w.r && !reply_is_coherent(r))
        w.r = err_set(e, ERR_FORMAT, "result, fault and status do not go together");
    return frame_end(&w, start);
}

/* -- reading: a failure sticks in bad, and then every value is empty -- */

struct reader {
    struct bytes rest;
    bool bad;
};

static uint64_t get_uint(struct reader *r, unsigned n)
{
    uint64_t v = 0;

    if (r->bad || r->rest.n < n) {
        r->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | r->rest.p[i];
    r->rest.p += n;
    r->rest.n -= n;
    return v;
}

static uint32_t get_count(struct reader *r, uint32_t max)
{
    uint32_t n = (uint32_t)get_uint(r, 4);

    if (n > max)
        r->bad = true;
    return r->bad ? 0 : n;
}

static struct bytes get_bytes(struct reader *r, size_t max)
{
    size_t n = (size_t)get_uint(r, 4);

    if (r->bad || n > max || n > r->rest.n) {
        r->bad = true;
        return bytes_of(NULL, 0);
    }
    struct bytes v = bytes_of(r->rest.p, n);
    r->rest.p += n;
    r->rest.n -= n;
    return v;
}

static uint32_t get_headers(struct reader *r, struct wire_header *h)
{
    uint32_t n = get_count(r, WIRE_HEADERS_MAX);

    for (uint32_t i = 0; i < n; i++) {
        h[i].name = get_bytes(r, NAME_MAX_HERE);
        h[i].value = get_bytes(r, VALUE_MAX);
    }
    return n;
}

/* Length and kind of the one frame. */
static void frame_open(struct reader *r, struct bytes frame, uint8_t kind)
{
    *r = (struct reader){.rest = frame};
    if (frame.n > WIRE_FRAME_MAX || get_uint(r, 4) != frame.n - 4 || get_uint(r, 1) != kind)
        r->bad = true;
}

static int frame_close(const struct reader *r, const char *what, struct err *e)
{
    if (r->bad || r->rest.n > 0)
        return err_set(e, ERR_FORMAT, "the frame is no well-formed %s", what);
    return OK;
}

int wire_frame(struct bytes in, size_t *n, struct err *e)
{
    struct reader r = {.rest = in};

    if (in.n < 4) {
        *n = 0;
        return OK;
    }
    size_t len = (size_t)get_uint(&r, 4);
    if (len < HEAD - 4)
        return err_set(e, ERR_FORMAT, "a frame without a kind");
    if (len > WIRE_FRAME_MAX - 4)
        return err_set(e, ERR_LIMIT, "a frame of over %u bytes", WIRE_FRAME_MAX);
    *n = len + 4 <= in.n ? len + 4 : 0;
    return OK;
}

int wire_get_request(struct bytes frame, struct wire_request *out, struct err *e)
{
    struct wire_request q = {0};
    struct reader r;

    frame_open(&r, frame, KIND_REQUEST);
    q.id = (uint32_t)get_uint(&r, 4);
    q.timeout_ms = get_count(&r, TIMEOUT_MAX);
    q.method = get_bytes(&r, METHOD_MAX);
    q.url = get_bytes(&r, URL_MAX_HERE);
    q.body = get_bytes(&r, REQUEST_BODY_MAX);
    q.n_headers = get_headers(&r, q.headers);
    q.n_hosts = get_count(&r, WIRE_HOSTS_MAX);
    for (uint32_t i = 0; i < q.n_hosts; i++)
        q.hosts[i] = get_bytes(&r, HOST_MAX);
    q.ca = get_bytes(&r, CA_MAX);
    q.connect_to = get_bytes(&r, CONNECT_TO_MAX);
    if (q.timeout_ms == 0)
        r.bad = true;
    int rc = frame_close(&r, "request", e);
    if (!rc)
        *out = q;
    return rc;
}

int wire_get_reply(struct bytes frame, struct wire_reply *out, struct err *e)
{
    struct wire_reply y = {0};
    struct reader r;

    frame_open(&r, frame, KIND_REPLY);
    y.id = (uint32_t)get_uint(&r, 4);
    y.result = (uint8_t)get_uint(&r, 1);
    y.fault = (uint8_t)get_uint(&r, 1);
    y.status = (uint16_t)get_uint(&r, 2);
    y.sent_us = get_uint(&r, 8);
    y.answered_us = get_uint(&r, 8);
    y.detail = get_bytes(&r, DETAIL_MAX);
    y.n_headers = get_headers(&r, y.headers);
    y.body = get_bytes(&r, WIRE_BODY_MAX);
    if (!reply_is_coherent(&y))
        r.bad = true;
    int rc = frame_close(&r, "reply", e);
    if (!rc)
        *out = y;
    return rc;
}
