/* SPDX-License-Identifier: Apache-2.0 */
/* A request as it goes out: its buffers, headers and what every connector writes alike. */
#include "connectors/connector.h"

#include "base/text.h"

#define METHOD_MAX 16u
#define HEADER_NAME_MAX 256u
#define HEADER_VALUE_MAX 16384u
#define SIGNATURE_ROOM 4096u /* what signing may add to a url or body of the largest size */

void request_init(struct request *r)
{
    r->method = (struct buf)BUF_INIT(METHOD_MAX);
    r->url = (struct buf)BUF_INIT(URL_MAX + SIGNATURE_ROOM);
    r->body = (struct buf)BUF_INIT(BODY_MAX + SIGNATURE_ROOM);
    r->n_headers = 0;
}

void request_free(struct request *r)
{
    buf_free(&r->method);
    buf_free(&r->url);
    buf_free(&r->body);
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_free(&r->names[i]);
        buf_free(&r->values[i]);
    }
    r->n_headers = 0;
}

static struct buf *header_slot(struct request *r, struct bytes name)
{
    if (r->n_headers >= HEADERS_MAX) {
        if (!r->url.failed)
            r->url.failed = ERR_LIMIT;
        return &r->url;
    }
    size_t i = r->n_headers++;
    r->names[i] = (struct buf)BUF_INIT(HEADER_NAME_MAX);
    r->values[i] = (struct buf)BUF_INIT(HEADER_VALUE_MAX);
    buf_add(&r->names[i], name);
    return &r->values[i];
}

void request_header(struct request *r, struct bytes name, struct bytes value)
{
    buf_add(header_slot(r, name), value);
}

struct buf *request_header_new(struct request *r, const char *name)
{
    return header_slot(r, bytes_str(name));
}

/* In another charset the body would say something else than was judged. */
static bool is_media_type(struct bytes value, const char *type)
{
    struct bytes head, tail;

    text_cut(value, ';', &head, &tail);
    tail = text_trim(tail);
    return text_eq_nocase(text_trim(head), bytes_str(type)) &&
           (tail.n == 0 || text_eq_nocase(tail, BYTES_LIT("charset=utf-8")));
}

void request_content_type(struct request *r, const char *type)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (!text_eq_nocase(buf_bytes(&r->names[i]), BYTES_LIT("Content-Type")))
            continue;
        if (is_media_type(buf_bytes(&r->values[i]), type))
            return;
        buf_reset(&r->values[i]);
        buf_adds(&r->values[i], type);
        return;
    }
    request_header(r, BYTES_LIT("Content-Type"), bytes_str(type));
}

void request_origin_path(struct request *r, const struct call *c)
{
    if (c->origin.n) {
        buf_add(&r->url, c->origin);
    } else if (c->host.n) {
        buf_adds(&r->url, c->is_ws ? "wss://" : "https://");
        buf_add(&r->url, c->host);
    }
    buf_add(&r->url, c->path);
}

void request_url(struct request *r, const struct call *c)
{
    request_origin_path(r, c);
    if (c->has_query)
        buf_addc(&r->url, '?');
    buf_add(&r->url, c->query);
}

void request_unsigned(struct request *r, const struct call *c)
{
    buf_add(&r->method, c->method);
    request_url(r, c);
    buf_add(&r->body, c->body);
}

int request_check(const struct request *r, struct err *e)
{
    int rc = buf_check(&r->method, "method", e);
    if (!rc)
        rc = buf_check(&r->url, r->n_headers >= HEADERS_MAX ? "url or headers" : "url", e);
    if (!rc)
        rc = buf_check(&r->body, "body", e);
    for (size_t i = 0; !rc && i < r->n_headers; i++) {
        rc = buf_check(&r->names[i], "header name", e);
        if (!rc)
            rc = buf_check(&r->values[i], "header value", e);
    }
    return rc;
}
