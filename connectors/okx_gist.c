/* SPDX-License-Identifier: Apache-2.0 */
/* OKX: where an order's words stand. Orders come alone, or in an array. */
#include "connectors/gist_read.h"

/* A market order that buys on spot is of the quote, unless it says otherwise. */
static bool is_of_quote(struct json order, const struct gist *g)
{
    const char *dash = strchr(g->market, '-');
    struct json v;

    if (json_get(order, "tgtCcy", &v))
        return json_str_eq(v, "quote_ccy");
    return dash && !strchr(dash + 1, '-') && strcmp(g->side, "BUY") == 0 &&
           json_get(order, "ordType", &v) && json_str_eq(v, "market");
}

void okx_gist(const struct call *c, struct gist *out)
{
    uint8_t room[GIST_VALUE];
    struct json root, order;
    unsigned n = 1;

    if (!gist_json(c->body, &root))
        return;
    order = root;
    if (root.type == JSON_ARRAY && !gist_first(root, &order, &n))
        return;
    if (!gist_set_side(out, gist_member(order, "side", room)))
        return;
    if (!gist_set_market(out, gist_member(order, "instId", room)) &&
        !gist_set_market(out, gist_member(order, "sprdId", room)))
        return;
    out->n = n;
    out->is_quote = gist_set_size(out, gist_member(order, "sz", room)) && is_of_quote(order, out);
}
