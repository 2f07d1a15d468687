/* SPDX-License-Identifier: Apache-2.0 */
/* sign and sign_ws: the client's words to the desk, its decision to the client. Whether a signature
 * is given away at all is the desk's. */
#include "agent/ops_sign.h"

#include "agent/desk.h"
#include "agent/server_client.h"
#include "connectors/connector.h"

static int say_signed(const struct decision *d, struct buf *out, struct err *e)
{
    const struct connector *k = d->info ? connector_find(d->info->connector) : NULL;

    buf_reserve(out, d->request->url.n + d->request->body.n + 512);
    if (request_json(d->request, d->prepared->is_ws, out, e))
        return e->code;
    /* one line with its LF, and room for one member more */
    while (out->n > 0 && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '}')) {
        bool is_end = out->p[out->n - 1] == '}';
        buf_cut(out, out->n - 1);
        if (is_end)
            break;
    }
    buf_adds(out, ",\"covers\":");
    buf_add_json(out, bytes_str(k && k->covers ? k->covers : ""));
    buf_addc(out, '}');
    return buf_check(out, "the signed request", e);
}

/* The request is over before its answer goes out: that may be the end of the client, and of all
 * that it still waits for. */
static void decided(void *ctx, struct decision *d)
{
    struct op o = *(struct op *)ctx;
    struct bytes id = bytes_of(o.id, o.n_id);
    AUTO_BUF out = BUF_INIT(SERVER_OUT_MAX / 2);
    UNSET struct err e;

    op_end(ctx);
    if (d->err.code)
        op_fail(o.c, id, &d->err);
    else if (say_signed(d, &out, &e))
        op_fail(o.c, id, &e);
    else
        client_result(o.c, id, buf_bytes(&out));
}

/* A login is told from a request by the operation; the text says it too. text: what the wish
 * borrows then. */
static int read_ws(struct json request, struct buf *text, struct wish *w, struct err *e)
{
    struct json kind;

    if (json_get(request, "kind", &kind))
        return wish_from_json(request, w, e);
    buf_adds(text, "{\"kind\":\"ws_login\"");
    buf_adds(text, json_count(request) > 0 ? "," : "");
    buf_add(text, bytes_of(request.p + 1, request.n - 1));
    return buf_check(text, "the request", e) ? e->code : wish_parse(buf_bytes(text), w, e);
}

/* Of the clock only the time, which is held to now; the rest is the agent's. */
static int check_clock(const struct wish *w, struct err *e)
{
    if (!w->clock.has_random && w->clock.nonce.n == 0 && w->clock.uuid.n == 0)
        return OK;
    err_set(e, ERR_POLICY, "nonce, uuid and random bytes are the agent's");
    return err_hint(e, "'coffer sign' takes them from the owner, with the PIN");
}

static int ask(struct op *o, const struct op_words *w, struct err *e)
{
    AUTO_BUF text = BUF_INIT(REQUEST_FILE_MAX);
    UNSET struct wish wish;

    wish_init(&wish);
    int rc = w->kind == OP_SIGN_WS ? read_ws(w->request, &text, &wish, e)
                                   : wish_from_json(w->request, &wish, e);
    if (!rc && wish.is_ws != (w->kind == OP_SIGN_WS))
        rc = err_set(e, ERR_USAGE, "a WebSocket login is signed by 'sign_ws', a request by 'sign'");
    if (!rc)
        rc = check_clock(&wish, e);
    if (!rc) {
        o->desk_id = desk_ask(o->a, DESK_RELEASE, &o->who, w->name, &wish, decided, o, e);
        rc = o->desk_id ? OK : e->code;
    }
    wish_free(&wish);
    return rc;
}

void op_run_sign(struct client *c, const struct op_words *w, size_t cost)
{
    struct op *o = op_begin(c, w, cost);
    UNSET struct err e;

    if (!o)
        err_set(&e, ERR_MEMORY, "out of memory");
    else if (ask(o, w, &e) == OK)
        return;
    if (o)
        op_end(o);
    op_fail(c, w->id, &e);
}
