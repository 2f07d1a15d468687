/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of wire.h between coffer-net as proxy and the agent, both ways. It does no I/O. */
#include "base/wire.h"

#include "base/text.h"
#include "base/wire_codec.h"

int wire_put_ask(struct buf *out, const struct wire_ask *a, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_ASK);

    wire_add_uint(&w, a->id, 4);
    wire_add_uint(&w, a->uid, 4);
    wire_add_uint(&w, a->pid, 4);
    wire_add_range(&w, a->is_tcp, 0, 1, 1, "'is_tcp'");
    wire_add_bytes(&w, a->record, RECORD_MAX, "the record's name");
    wire_add_bytes(&w, a->bearer, BEARER_MAX, "the bearer");
    wire_add_bytes(&w, a->method, METHOD_MAX, "the method");
    wire_add_bytes(&w, a->url, URL_MAX_HERE, "the url");
    wire_add_bytes(&w, a->body, REQUEST_BODY_MAX, "the body");
    wire_add_headers(&w, a->headers, a->n_headers);
    return wire_end(&w, start);
}

int wire_get_ask(struct bytes frame, struct wire_ask *out, struct err *e)
{
    UNSET struct wire_ask a; /* of the headers only those that are there */
    struct wire_reader r;

    wire_open(&r, frame, WIRE_ASK);
    a.id = (uint32_t)wire_take_uint(&r, 4);
    a.uid = (uint32_t)wire_take_uint(&r, 4);
    a.pid = (uint32_t)wire_take_uint(&r, 4);
    a.is_tcp = wire_take_bool(&r);
    a.record = wire_take_bytes(&r, RECORD_MAX);
    a.bearer = wire_take_bytes(&r, BEARER_MAX);
    a.method = wire_take_bytes(&r, METHOD_MAX);
    a.url = wire_take_bytes(&r, URL_MAX_HERE);
    a.body = wire_take_bytes(&r, REQUEST_BODY_MAX);
    a.n_headers = wire_take_headers(&r, a.headers);
    int rc = wire_close(&r, "ask", e);
    if (!rc)
        *out = a;
    return rc;
}

int wire_put_permit(struct buf *out, const struct wire_permit *p, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_PERMIT);

    wire_add_request(&w, &p->request);
    wire_add_range(&w, p->is_order, 0, 1, 1, "'is_order'");
    wire_add_bytes(&w, p->session_token, SESSION_TOKEN_MAX, "the session token's member");
    return wire_end(&w, start);
}

int wire_get_permit(struct bytes frame, struct wire_permit *out, struct err *e)
{
    struct wire_permit p = {0};
    struct wire_reader r;

    wire_open(&r, frame, WIRE_PERMIT);
    wire_take_request(&r, &p.request);
    p.is_order = wire_take_bool(&r);
    p.session_token = wire_take_bytes(&r, SESSION_TOKEN_MAX);
    int rc = wire_close(&r, "permit", e);
    if (!rc)
        *out = p;
    return rc;
}

/* -- refusals -- */

static bool is_refusal_status(unsigned status)
{
    static const unsigned known[] = {401, 422, 429, 502, 503, 504};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] == status)
            return true;
    return false;
}

static bool is_refusal_code(int code)
{
    return code != OK && (code == ERR_FAILED || strcmp(err_name((enum err_code)code), "failed"));
}

int wire_put_refusal(struct buf *out, const struct wire_refusal *f, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_REFUSAL);

    wire_add_uint(&w, f->id, 4);
    wire_add_uint(&w, f->status, 2);
    wire_add_uint(&w, (uint64_t)-f->err.code, 2);
    wire_add_bytes(&w, bytes_str(f->err.msg), ERR_MSG_MAX - 1, "the message");
    wire_add_range(&w, f->err.n_hints, 0, ERR_HINTS, 4, "the number of hints");
    for (unsigned i = 0; !w.r && i < f->err.n_hints; i++)
        wire_add_bytes(&w, bytes_str(f->err.hints[i]), ERR_HINT_MAX - 1, "a hint");
    if (!w.r && (!is_refusal_status(f->status) || !is_refusal_code(f->err.code)))
        w.r = err_set(e, ERR_FORMAT, "a refusal without a status or code of one");
    return wire_end(&w, start);
}

/* A text that could not come from err_set is none. */
static void take_text(struct wire_reader *r, char *out, size_t cap)
{
    struct bytes v = wire_take_bytes(r, cap - 1);

    text_clean(out, cap, v);
    if (!bytes_eq_str(v, out))
        r->bad = true;
}

int wire_get_refusal(struct bytes frame, struct wire_refusal *out, struct err *e)
{
    struct wire_refusal f = {0};
    struct wire_reader r;

    wire_open(&r, frame, WIRE_REFUSAL);
    f.id = (uint32_t)wire_take_uint(&r, 4);
    f.status = (uint16_t)wire_take_uint(&r, 2);
    f.err.code = (enum err_code) - (int)wire_take_uint(&r, 2);
    take_text(&r, f.err.msg, sizeof(f.err.msg));
    f.err.n_hints = wire_take_count(&r, ERR_HINTS);
    for (unsigned i = 0; i < f.err.n_hints; i++)
        take_text(&r, f.err.hints[i], sizeof(f.err.hints[i]));
    if (!is_refusal_status(f.status) || !is_refusal_code(f.err.code))
        r.bad = true;
    int rc = wire_close(&r, "refusal", e);
    if (!rc)
        *out = f;
    return rc;
}

/* -- what became of it -- */

/* A reply may have begun, and its status be known, though it never became whole. */
static bool done_is_coherent(const struct wire_done *d)
{
    bool has_status = d->status >= 100 && d->status <= 999;

    if (d->result > WIRE_UNKNOWN || d->fault >= FAULT_COUNT)
        return false;
    if (d->result == WIRE_REPLIED)
        return d->fault == FAULT_NONE && has_status;
    return d->fault != FAULT_NONE && (d->status == 0 || (d->result == WIRE_UNKNOWN && has_status));
}

int wire_put_done(struct buf *out, const struct wire_done *d, struct err *e)
{
    struct wire_writer w = {.out = out, .e = e};
    size_t start = wire_start(&w, WIRE_DONE);

    wire_add_uint(&w, d->id, 4);
    wire_add_uint(&w, d->result, 1);
    wire_add_uint(&w, d->fault, 1);
    wire_add_uint(&w, d->status, 2);
    if (!w.r && !done_is_coherent(d))
        w.r = err_set(e, ERR_FORMAT, "result, fault and status do not go together");
    return wire_end(&w, start);
}

int wire_get_done(struct bytes frame, struct wire_done *out, struct err *e)
{
    struct wire_done d = {0};
    struct wire_reader r;

    wire_open(&r, frame, WIRE_DONE);
    d.id = (uint32_t)wire_take_uint(&r, 4);
    d.result = (uint8_t)wire_take_uint(&r, 1);
    d.fault = (uint8_t)wire_take_uint(&r, 1);
    d.status = (uint16_t)wire_take_uint(&r, 2);
    if (!done_is_coherent(&d))
        r.bad = true;
    int rc = wire_close(&r, "note of what became of a request", e);
    if (!rc)
        *out = d;
    return rc;
}
