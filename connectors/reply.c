/* SPDX-License-Identifier: Apache-2.0 */
/* A reply's parts: a header by name, the body as JSON within limits. What they mean is not known
 * here. */
#include "connectors/checks.h"

#include "base/text.h"

const struct json_limits reply_limits = {
    .max_bytes = 4u * 1024u * 1024u,
    .max_depth = 32,
    .max_members = 10000,
};

const char *fact_name(enum fact f)
{
    switch (f) {
    case FACT_NO:
        return "no";
    case FACT_YES:
        return "yes";
    case FACT_UNKNOWN:
        break;
    }
    return "unknown";
}

bool reply_header(const struct reply *r, const char *name, struct bytes *value)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (text_eq_nocase(r->headers[i].name, bytes_str(name))) {
            *value = r->headers[i].value;
            return true;
        }
    return false;
}

int reply_json(const struct reply *r, struct json *root, struct err *e)
{
    if (!json_check(r->body, &reply_limits, root, e))
        return OK;
    /* To whoever reads it, too deep or too large is not the documented form either. */
    if (e->code == ERR_LIMIT)
        e->code = ERR_FORMAT;
    return err_wrap(e, "the exchange's reply");
}
