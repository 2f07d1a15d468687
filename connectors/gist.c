/* SPDX-License-Identifier: Apache-2.0 */
/* What the exchanges' files share in reading an order's words, and how the words are put together.
 * Where they stand is in the exchanges' own files. */
#include "connectors/gist.h"

#include "base/text.h"
#include "connectors/form.h"
#include "connectors/gist_read.h"

#include <stdio.h>

#define ORDERS_MAX 9999u

static const struct json_limits limits = {
    .max_bytes = BODY_MAX, .max_depth = 16, .max_members = 256};

bool gist_set_side(struct gist *out, struct bytes text)
{
    static const char *const sides[] = {"BUY", "SELL"};

    for (size_t i = 0; i < ARRAY_LEN(sides); i++)
        if (text_eq_nocase(text, bytes_str(sides[i]))) {
            snprintf(out->side, sizeof(out->side), "%s", sides[i]);
            return true;
        }
    return false;
}

static bool is_made_of(struct bytes text, const char *more)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_digit && !(more && (is_letter || (c && strchr(more, c)))) && !(!more && c == '.'))
            return false;
    }
    return text.n > 0;
}

bool gist_set_size(struct gist *out, struct bytes text)
{
    return is_made_of(text, NULL) && text_copy(out->size, sizeof(out->size), text);
}

bool gist_set_market(struct gist *out, struct bytes text)
{
    return is_made_of(text, "-_./:") && text_copy(out->market, sizeof(out->market), text);
}

static struct bytes unescape(struct bytes v, uint8_t room[GIST_VALUE])
{
    AUTO_BUF text = BUF_INIT(GIST_VALUE);

    form_decode(&text, v);
    if (text.failed || text.n == 0)
        return bytes_of(NULL, 0);
    memcpy(room, text.p, text.n);
    return bytes_of(room, text.n);
}

struct bytes gist_pair(struct bytes query, struct bytes body, const char *name,
                       uint8_t room[GIST_VALUE])
{
    struct bytes v = {NULL, 0};
    unsigned n = form_value(query, name, &v) + form_value(body, name, &v);

    return n == 1 ? unescape(v, room) : bytes_of(NULL, 0);
}

struct bytes gist_member(struct json object, const char *name, uint8_t room[GIST_VALUE])
{
    struct json v;
    size_t n;

    if (!json_get(object, name, &v))
        return bytes_of(NULL, 0);
    if (v.type == JSON_NUMBER)
        return json_raw(v);
    return json_str(v, room, GIST_VALUE, &n) ? bytes_of(room, n) : bytes_of(NULL, 0);
}

bool gist_json(struct bytes body, struct json *root)
{
    struct err quiet;

    return body.n > 0 && json_check(body, &limits, root, &quiet) == OK &&
           (root->type == JSON_OBJECT || root->type == JSON_ARRAY);
}

bool gist_first(struct json array, struct json *first, unsigned *n)
{
    struct json_iter it;
    struct json key;
    size_t count = json_count(array);

    if (array.type != JSON_ARRAY || count == 0 || count > ORDERS_MAX)
        return false;
    json_iter(&it, array);
    *n = (unsigned)count;
    return json_next(&it, &key, first) && first->type == JSON_OBJECT;
}

/* One that names neither side nor market says nothing. */
void gist_of(const struct call *c, struct gist *out)
{
    memset(out, 0, sizeof(*out));
    if (!c->conn->gist || connector_path_class(c) != CLASS_TRADE)
        return;
    c->conn->gist(c, out);
    if (out->n == 0 || !out->side[0] || !out->market[0])
        memset(out, 0, sizeof(*out));
}

void gist_text(const struct gist *g, char out[GIST_TEXT])
{
    char more[24] = "";

    out[0] = 0;
    if (g->n == 0)
        return;
    if (g->n > 1)
        snprintf(more, sizeof(more), " and %u more", g->n - 1);
    if (!g->size[0])
        snprintf(out, GIST_TEXT, "%s %s%s", g->side, g->market, more);
    else if (g->is_quote)
        snprintf(out, GIST_TEXT, "%s %s for %s%s", g->side, g->market, g->size, more);
    else
        snprintf(out, GIST_TEXT, "%s %s %s%s", g->side, g->size, g->market, more);
}

const char *session_token_member(const struct call *c)
{
    if (!c->conn->session_token || connector_path_class(c) != CLASS_SESSION)
        return NULL;
    return c->conn->session_token(c);
}
