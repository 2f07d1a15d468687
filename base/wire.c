/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of wire.h, both ways. It does no I/O. */
#include "base/wire.h"

#include "base/wire_codec.h"

void wire_add_request(struct wire_writer *w, const struct wire_request *r)
{
    wire_add_uint(w, r->id, 4);
    wire_add_range(w, r->timeout_ms, 1, TIMEOUT_MAX, 4, "the time limit");
    wire_add_bytes(w, r->method, METHOD_MAX, "the method");
    wire_add_bytes(w, r->url, URL_MAX_HERE, "the url");
    wire_add_bytes(w, r->body, REQUEST_BODY_MAX, "the body");
    wire_add_headers(w, r->headers, r->n_headers);
    wire_add_range(w, r->n_hosts, 0, WIRE_HOSTS_MAX, 4, "the number of hosts");
    for (uint32_t i = 0; !w->r && i < r->n_hosts; i++)
        wire_add_bytes(w, r->hosts[i], HOST_MAX, "a host's name");
    wire_add_bytes(w, r->ca, CA_MAX, "the CA file");
    wire_add_bytes(w, r->connect_to, CONNECT_TO_MAX, "--connect-to");
}

int wire_put_request(struct buf *out, const struct wire_request *r, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_REQUEST);

    wire_add_request(&w, r);
    return wire_end(&w, start);
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
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_REPLY);

    wire_add_uint(&w, r->id, 4);
    wire_add_uint(&w, r->result, 1);
    wire_add_uint(&w, r->fault, 1);
    wire_add_uint(&w, r->status, 2);
    wire_add_uint(&w, r->sent_us, 8);
    wire_add_uint(&w, r->answered_us, 8);
    wire_add_bytes(&w, r->detail, DETAIL_MAX, "the detail");
    wire_add_headers(&w, r->headers, r->n_headers);
    wire_add_bytes(&w, r->body, WIRE_BODY_MAX, "the reply");
    if (!w.r && !reply_is_coherent(r))
        w.r = err_set(e, ERR_FORMAT, "result, fault and status do not go together");
    return wire_end(&w, start);
}

void wire_take_request(struct wire_reader *r, struct wire_request *q)
{
    q->id = (uint32_t)wire_take_uint(r, 4);
    q->timeout_ms = wire_take_count(r, TIMEOUT_MAX);
    q->method = wire_take_bytes(r, METHOD_MAX);
    q->url = wire_take_bytes(r, URL_MAX_HERE);
    q->body = wire_take_bytes(r, REQUEST_BODY_MAX);
    q->n_headers = wire_take_headers(r, q->headers);
    q->n_hosts = wire_take_count(r, WIRE_HOSTS_MAX);
    for (uint32_t i = 0; i < q->n_hosts; i++)
        q->hosts[i] = wire_take_bytes(r, HOST_MAX);
    q->ca = wire_take_bytes(r, CA_MAX);
    q->connect_to = wire_take_bytes(r, CONNECT_TO_MAX);
    if (q->timeout_ms == 0)
        r->bad = true;
}

int wire_get_request(struct bytes frame, struct wire_request *out, struct err *e)
{
    struct wire_request q = {0};
    struct wire_reader r;

    wire_open(&r, frame, WIRE_REQUEST);
    wire_take_request(&r, &q);
    int rc = wire_close(&r, "request", e);
    if (!rc)
        *out = q;
    return rc;
}

int wire_get_reply(struct bytes frame, struct wire_reply *out, struct err *e)
{
    struct wire_reply y = {0};
    struct wire_reader r;

    wire_open(&r, frame, WIRE_REPLY);
    y.id = (uint32_t)wire_take_uint(&r, 4);
    y.result = (uint8_t)wire_take_uint(&r, 1);
    y.fault = (uint8_t)wire_take_uint(&r, 1);
    y.status = (uint16_t)wire_take_uint(&r, 2);
    y.sent_us = wire_take_uint(&r, 8);
    y.answered_us = wire_take_uint(&r, 8);
    y.detail = wire_take_bytes(&r, DETAIL_MAX);
    y.n_headers = wire_take_headers(&r, y.headers);
    y.body = wire_take_bytes(&r, WIRE_BODY_MAX);
    if (!reply_is_coherent(&y))
        r.bad = true;
    int rc = wire_close(&r, "reply", e);
    if (!rc)
        *out = y;
    return rc;
}
