/* SPDX-License-Identifier: Apache-2.0 */
/* A signed request as coffer-net gets it, with the hosts that it may go to: for the courier, and
 * for the agent's counter. */
#include "agent/courier_start.h"

int courier_fill(struct wire_request *q, const struct request *r, const struct record_info *rec,
                 struct err *e)
{
    if (request_check(r, e) || courier_hosts(rec, q->hosts, &q->n_hosts, e))
        return e->code;
    q->method = buf_bytes(&r->method);
    q->url = buf_bytes(&r->url);
    q->body = buf_bytes(&r->body);
    for (size_t i = 0; i < r->n_headers && i < WIRE_HEADERS_MAX; i++) {
        q->headers[i].name = buf_bytes(&r->names[i]);
        q->headers[i].value = buf_bytes(&r->values[i]);
    }
    q->n_headers = (uint32_t)r->n_headers;
    q->ca = buf_bytes(&rec->ca);
    q->connect_to = bytes_str(rec->connect_to);
    return OK;
}
