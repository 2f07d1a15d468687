/* SPDX-License-Identifier: Apache-2.0 */
/* A request's words, copied into one piece of memory that lives as long as the request is here. */
#include "agent/desk_inside.h"

static size_t wish_size(const struct wish *w, const char *record)
{
    size_t n = strlen(record) + 1 + w->method.n + w->url.n + w->body.n + w->message.n +
               w->clock.nonce.n + w->clock.uuid.n;

    for (size_t i = 0; i < w->n_headers; i++)
        n += w->headers[i].name.n + w->headers[i].value.n;
    return n;
}

static struct bytes put(uint8_t **at, struct bytes v)
{
    struct bytes here = bytes_of(*at, v.n);

    if (v.n > 0)
        memcpy(*at, v.p, v.n);
    *at += v.n;
    return here;
}

int desk_copy(struct entry *n, const struct wish *w, const char *record, struct err *e)
{
    size_t size = wish_size(w, record);
    uint8_t *at = buf_extend(&n->text, size);

    if (!at)
        return buf_check(&n->text, "the request", e);
    n->d.record = (const char *)put(&at, bytes_of(record, strlen(record) + 1)).p;
    n->w.is_ws = w->is_ws;
    n->w.method = put(&at, w->method);
    n->w.url = put(&at, w->url);
    n->w.body = put(&at, w->body);
    n->w.message = put(&at, w->message);
    n->w.n_headers = w->n_headers;
    for (size_t i = 0; i < w->n_headers; i++)
        n->w.headers[i] =
            (struct header){put(&at, w->headers[i].name), put(&at, w->headers[i].value)};
    n->w.clock = w->clock;
    n->w.clock.nonce = put(&at, w->clock.nonce);
    n->w.clock.uuid = put(&at, w->clock.uuid);
    return OK;
}
