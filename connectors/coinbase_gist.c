/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase: where an order's words stand. The size is in the one member of order_configuration. */
#include "connectors/gist_read.h"

static void read_size(struct json configuration, struct gist *out)
{
    uint8_t room[GIST_VALUE];
    struct json_iter it;
    struct json key, kind;

    if (configuration.type != JSON_OBJECT || json_count(configuration) != 1)
        return;
    json_iter(&it, configuration);
    if (!json_next(&it, &key, &kind) || gist_set_size(out, gist_member(kind, "base_size", room)))
        return;
    out->is_quote = gist_set_size(out, gist_member(kind, "quote_size", room));
}

void coinbase_gist(const struct call *c, struct gist *out)
{
    uint8_t room[GIST_VALUE];
    struct json root, configuration;

    if (!gist_json(c->body, &root) || !gist_set_side(out, gist_member(root, "side", room)) ||
        !gist_set_market(out, gist_member(root, "product_id", room)))
        return;
    out->n = 1;
    if (json_get(root, "order_configuration", &configuration))
        read_size(configuration, out);
}
