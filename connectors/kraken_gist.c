/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken: where an order's words stand, and which reply hands out a session token. Orders come as a
 * form or as JSON; several at once as JSON. */
#include "base/text.h"
#include "connectors/gist_read.h"

/* "viqc" among the flags: the volume is in the quote. */
static bool is_of_quote(struct bytes flags)
{
    struct bytes one;

    while (flags.n > 0) {
        (void)text_cut(flags, ',', &one, &flags);
        if (bytes_eq_str(text_trim(one), "viqc"))
            return true;
    }
    return false;
}

static void read_order(struct json order, struct gist *out)
{
    uint8_t room[GIST_VALUE];

    if (gist_set_side(out, gist_member(order, "type", room)) &&
        gist_set_size(out, gist_member(order, "volume", room)))
        out->is_quote = is_of_quote(gist_member(order, "oflags", room));
}

static void from_json(struct json root, struct gist *out)
{
    uint8_t room[GIST_VALUE];
    struct json list, first;

    if (!gist_set_market(out, gist_member(root, "pair", room)))
        return;
    if (!json_get(root, "orders", &list)) {
        read_order(root, out);
        out->n = 1;
    } else if (gist_first(list, &first, &out->n)) {
        read_order(first, out);
    }
}

void kraken_gist(const struct call *c, struct gist *out)
{
    struct bytes none = {NULL, 0};
    uint8_t room[GIST_VALUE];
    struct json root;

    if (c->body.n > 0 && c->body.p[0] == '{') {
        if (gist_json(c->body, &root))
            from_json(root, out);
        return;
    }
    if (!gist_set_side(out, gist_pair(none, c->body, "type", room)) ||
        !gist_set_market(out, gist_pair(none, c->body, "pair", room)))
        return;
    out->n = 1;
    if (gist_set_size(out, gist_pair(none, c->body, "volume", room)))
        out->is_quote = is_of_quote(gist_pair(none, c->body, "oflags", room));
}

const char *kraken_session_token(const struct call *c)
{
    (void)c; /* the one request of this class */
    return "result.token";
}
