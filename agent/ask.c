/* SPDX-License-Identifier: Apache-2.0 */
/* From a prepared request to what the agent is asked. */
#include "agent/ask.h"

#include "agent/client.h"

static int ask(struct courier *c, uint32_t id, const char *record, const struct request *r,
               struct err *e)
{
    struct wire_ask a = {
        .method = buf_bytes(&r->method), .url = buf_bytes(&r->url), .body = buf_bytes(&r->body)};

    for (size_t i = 0; i < r->n_headers && i < WIRE_HEADERS_MAX; i++) {
        a.headers[i].name = buf_bytes(&r->names[i]);
        a.headers[i].value = buf_bytes(&r->values[i]);
    }
    a.n_headers = (uint32_t)r->n_headers;
    return courier_ask(c, id, record, &a, e);
}

int ask_agent(struct courier *c, uint32_t id, const char *record, const struct prepared *p,
              struct err *e)
{
    struct request r;

    request_init(&r);
    int rc = prepare_unsigned(p, &r, e);
    if (!rc)
        rc = ask(c, id, record, &r, e);
    request_free(&r);
    return rc;
}
