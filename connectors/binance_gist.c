/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: where an order's words stand, and which replies hand out a session token. */
#include "connectors/form.h"
#include "connectors/gist_read.h"

/* The futures' list of orders is JSON text inside a parameter. */
static void read_batch(struct json list, struct gist *out)
{
    uint8_t room[GIST_VALUE];
    struct json first;
    unsigned n = 0;

    if (!gist_first(list, &first, &n))
        return;
    if (gist_set_side(out, gist_member(first, "side", room)) &&
        gist_set_market(out, gist_member(first, "symbol", room)))
        out->n = n;
    (void)!gist_set_size(out, gist_member(first, "quantity", room));
}

static void batch(const struct call *c, struct gist *out)
{
    AUTO_BUF text = BUF_INIT(BODY_MAX);
    struct bytes v = {NULL, 0};
    struct json list;

    if (form_value(c->query, "batchOrders", &v) + form_value(c->body, "batchOrders", &v) != 1)
        return;
    form_decode(&text, v);
    if (!text.failed && gist_json(buf_bytes(&text), &list))
        read_batch(list, out);
}

static bool set_size(const struct call *c, struct gist *out, const char *name)
{
    uint8_t room[GIST_VALUE];

    return gist_set_size(out, gist_pair(c->query, c->body, name, room));
}

void binance_gist(const struct call *c, struct gist *out)
{
    uint8_t room[GIST_VALUE];

    if (bytes_eq_str(c->path, "/fapi/v1/batchOrders")) {
        batch(c, out);
        return;
    }
    /* The first order of a pair has names of its own. */
    bool is_pair = !gist_set_side(out, gist_pair(c->query, c->body, "side", room));
    if (is_pair && !gist_set_side(out, gist_pair(c->query, c->body, "workingSide", room)))
        return;
    if (!gist_set_market(out, gist_pair(c->query, c->body, "symbol", room)))
        return;
    out->n = 1;
    if (!set_size(c, out, is_pair ? "workingQuantity" : "quantity"))
        out->is_quote = set_size(c, out, "quoteOrderQty");
}

const char *binance_session_token(const struct call *c)
{
    if (bytes_eq_str(c->method, "DELETE"))
        return NULL;
    return bytes_eq_str(c->path, "/sapi/v1/userListenToken") ? "token" : "listenKey";
}
