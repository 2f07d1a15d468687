/* SPDX-License-Identifier: Apache-2.0 */
/* A request's life, and what is set for it on a handle that stands ready for its place. */
#include "net/transfer.h"

#include "base/text.h"
#include "base/wipe.h"

/* How long a connection may have been idle: exchanges close them sooner than libcurl would. A
 * farewell that has not come yet is not seen (net/reuse.c); a request that then goes into the void
 * is repeated if it is a GET, but an order's end is unknown. */
#define IDLE_MAX_S 30L
#define IDLE_MAX_ORDER_S 2L
#define USER_AGENT "User-Agent: coffer/" VERSION
#define KEPT_MAX 65536u /* of a buffer that waits for the next request */
#define LINES_MAX WIRE_FRAME_MAX

struct transfer *transfer_new(const struct common *common)
{
    struct transfer *t = wipe_malloc(sizeof(*t));

    if (!t)
        return NULL;
    memset(t, 0, sizeof(*t));
    t->frame = (struct buf)BUF_INIT(WIRE_FRAME_MAX);
    t->lines = (struct buf)BUF_INIT(LINES_MAX);
    t->head = (struct buf)BUF_INIT(HEAD_MAX);
    t->body = (struct buf)BUF_INIT(WIRE_BODY_MAX);
    t->place = (struct place){
        .origin = BUF_INIT(512), .ca = BUF_INIT(WIRE_FRAME_MAX), .connect_to = BUF_INIT(1024)};
    t->common = common;
    return t;
}

static struct bytes moved(struct bytes v, struct bytes from, struct bytes to)
{
    return v.n > 0 ? bytes_of(to.p + (v.p - from.p), v.n) : bytes_of(NULL, 0);
}

/* What points into one frame, pointing into its copy. */
static void take_request(struct wire_request *q, const struct wire_request *of, struct bytes from,
                         struct bytes to)
{
    q->id = of->id;
    q->timeout_ms = of->timeout_ms;
    q->method = moved(of->method, from, to);
    q->url = moved(of->url, from, to);
    q->body = moved(of->body, from, to);
    q->ca = moved(of->ca, from, to);
    q->connect_to = moved(of->connect_to, from, to);
    q->n_headers = of->n_headers;
    for (uint32_t i = 0; i < of->n_headers; i++) {
        q->headers[i].name = moved(of->headers[i].name, from, to);
        q->headers[i].value = moved(of->headers[i].value, from, to);
    }
    q->n_hosts = of->n_hosts;
    for (uint32_t i = 0; i < of->n_hosts; i++)
        q->hosts[i] = moved(of->hosts[i], from, to);
}

int transfer_load(struct transfer *t, struct bytes frame, const struct wire_permit *p,
                  struct err *e)
{
    buf_add(&t->frame, frame);
    if (buf_check(&t->frame, "a request", e))
        return e->code;
    struct bytes copy = buf_bytes(&t->frame);
    take_request(&t->q, &p->request, frame, copy);
    t->session_token = moved(p->session_token, frame, copy);
    t->is_get = bytes_eq_str(t->q.method, "GET") && !p->is_order;
    return OK;
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    handle_drop(t);
    buf_free(&t->frame);
    buf_free(&t->lines);
    buf_free(&t->head);
    buf_free(&t->body);
    buf_free(&t->place.origin);
    buf_free(&t->place.ca);
    buf_free(&t->place.connect_to);
    wipe_free(t);
}

static void empty(struct buf *b)
{
    if (b->cap > KEPT_MAX)
        buf_free(b);
    else
        buf_reset(b);
}

/* Any failure of a setopt is sticky in ok. */
#define SET(option, value) (ok = ok && curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

/* Whatever libcurl copied of the request is freed, and so wiped. */
static bool unset_request(struct transfer *t)
{
    bool ok = !t->is_spoiled && !t->is_fresh && t->fault == FAULT_NONE && t->head_is_done &&
              !bytes_eq_str(t->q.method, "HEAD");

    SET(CURLOPT_HTTPHEADER, NULL);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    SET(CURLOPT_REQUEST_TARGET, NULL);
    SET(CURLOPT_POSTFIELDS, NULL);
    SET(CURLOPT_HTTPGET, 1L);
    return ok;
}

void transfer_clear(struct transfer *t)
{
    if (t->easy && !unset_request(t))
        handle_drop(t);
    empty(&t->frame);
    empty(&t->lines);
    empty(&t->head);
    empty(&t->body);
    /* the rest are numbers, and places in what is wiped */
    t->owner = NULL;
    t->q.n_headers = t->q.n_hosts = t->n_spans = 0;
    t->session_token = bytes_of(NULL, 0);
    t->is_get = t->is_proxied = t->keeps_encoding = false;
    t->begun_ms = t->looked_ms = t->sent_us = t->answered_us = 0;
    t->is_spoiled = t->is_cancelled = t->has_opened = t->wants_fresh = t->is_fresh = false;
    t->n_sent = t->status = 0;
    t->head_is_done = t->has_end = false;
    t->n_heads = t->n_trailers = 0;
    t->fault = FAULT_NONE;
    t->why = NULL;
    t->text[0] = 0;
}

/* -- what differs from request to request -- */

static void add_line(struct transfer *t, size_t *starts, size_t *n, struct bytes name,
                     const char *between, struct bytes value)
{
    starts[(*n)++] = t->lines.n;
    buf_add(&t->lines, name);
    buf_adds(&t->lines, between);
    buf_add(&t->lines, value);
    buf_addc(&t->lines, 0);
}

/* The list that libcurl reads, whose texts it does not copy. */
static bool link_lines(struct transfer *t, const size_t *starts, size_t n)
{
    if (t->lines.failed)
        return false;
    for (size_t i = 0; i < n; i++) {
        t->nodes[i].data = (char *)t->lines.p + starts[i];
        t->nodes[i].next = i + 1 < n ? &t->nodes[i + 1] : NULL;
    }
    return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->nodes) == CURLE_OK;
}

/* Those given, and of libcurl's own only Host, Accept and Content-Length; two more of its own come
 * with a body. */
static bool set_headers(struct transfer *t, bool has_body)
{
    size_t starts[WIRE_HEADERS_MAX + 3], n = 0;
    bool has_type = false, has_agent = false;
    const struct bytes none = {NULL, 0};

    for (uint32_t i = 0; i < t->q.n_headers; i++) {
        const struct wire_header *h = &t->q.headers[i];
        struct bytes value = text_trim(h->value);
        if (!t->keeps_encoding && text_eq_nocase(h->name, BYTES_LIT("accept-encoding")))
            continue; /* replies are read as they come */
        has_type = has_type || text_eq_nocase(h->name, BYTES_LIT("content-type"));
        has_agent = has_agent || text_eq_nocase(h->name, BYTES_LIT("user-agent"));
        /* to libcurl "Name:" alone, or with blanks, means that the header is left out */
        add_line(t, starts, &n, h->name, value.n > 0 ? ": " : ";", value);
    }
    if (!has_agent)
        add_line(t, starts, &n, BYTES_LIT(USER_AGENT), "", none);
    if (has_body && !has_type)
        add_line(t, starts, &n, BYTES_LIT("Content-Type:"), "", none);
    if (has_body)
        add_line(t, starts, &n, BYTES_LIT("Expect:"), "", none);
    return link_lines(t, starts, n);
}

static bool set_text(struct transfer *t, CURLoption option, struct bytes v)
{
    struct buf text = BUF_INIT(WIRE_FRAME_MAX);

    buf_add(&text, v);
    bool ok = !text.failed && curl_easy_setopt(t->easy, option, buf_str(&text)) == CURLE_OK;
    buf_free(&text);
    return ok;
}

static bool set_request(struct transfer *t)
{
    bool ok = true, has_body = t->q.body.n > 0,
         is_post = bytes_eq_str(t->q.method, "POST") || bytes_eq_str(t->q.method, "PUT") ||
                   bytes_eq_str(t->q.method, "PATCH");

    if (has_body || is_post) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->q.body.n);
        SET(CURLOPT_POSTFIELDS, has_body ? (const char *)t->q.body.p : "");
    } else if (bytes_eq_str(t->q.method, "HEAD")) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    /* else libcurl names it so itself */
    if (has_body ? !bytes_eq_str(t->q.method, "POST") : !t->is_get)
        ok = ok && set_text(t, CURLOPT_CUSTOMREQUEST, t->q.method);
    return ok && set_text(t, CURLOPT_REQUEST_TARGET, t->goal.target) &&
           set_headers(t, has_body || is_post);
}

static bool set_limits(struct transfer *t)
{
    bool ok = true;
    long connect_ms = t->q.timeout_ms < CONNECT_MS ? (long)t->q.timeout_ms : (long)CONNECT_MS;
    long idle_s = t->is_get ? IDLE_MAX_S : IDLE_MAX_ORDER_S;

    SET(CURLOPT_TIMEOUT_MS, (long)t->q.timeout_ms);
    if (connect_ms != t->place.connect_ms)
        SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    if (idle_s != t->place.idle_s)
        SET(CURLOPT_MAXAGE_CONN, idle_s);
    t->place.connect_ms = connect_ms;
    t->place.idle_s = idle_s;
    return ok;
}

static bool refuse(struct transfer *t, enum wire_fault fault, const char *why)
{
    t->fault = fault;
    t->why = why;
    return false;
}

bool transfer_suits(const struct transfer *t, const struct wire_request *q)
{
    struct bytes origin = buf_bytes(&t->place.origin);

    return t->easy && q->url.n > origin.n && memcmp(q->url.p, origin.p, origin.n) == 0 &&
           q->url.p[origin.n] == '/' && bytes_eq(q->connect_to, buf_bytes(&t->place.connect_to)) &&
           bytes_eq(q->ca, buf_bytes(&t->place.ca));
}

bool transfer_prepare(struct transfer *t)
{
    const struct proxy *proxy = t->common->proxy;
    const char *why = check_request(&t->q, &t->goal);

    if (why)
        return refuse(t, FAULT_REFUSED_HERE, why);
    t->is_proxied = proxy_is_for(proxy, t->goal.host);
    if (t->is_proxied && proxy->bad)
        return refuse(t, FAULT_PROXY, proxy->bad);
    if ((transfer_suits(t, &t->q) || handle_make(t)) && set_request(t) && set_limits(t))
        return true;
    return refuse(t, FAULT_INTERNAL, "libcurl takes not all that is set");
}

bool transfer_renew(struct transfer *t)
{
    bool ok = true;

    if (!t->wants_fresh || t->is_fresh)
        return false;
    t->wants_fresh = false;
    t->is_fresh = true;
    t->text[0] = 0;
    SET(CURLOPT_FRESH_CONNECT, 1L);
    return ok;
}

struct wire_header transfer_header(const struct transfer *t, uint32_t i)
{
    const struct span *s = &t->spans[i];

    return (struct wire_header){bytes_of(t->head.p + s->name, s->n_name),
                                bytes_of(t->head.p + s->value, s->n_value)};
}
