/* SPDX-License-Identifier: Apache-2.0 */
/* Text edits of JSON objects; see jsonedit.h. */
#include "connectors/jsonedit.h"

const struct json_limits message_limits = {
    .max_bytes = MESSAGE_MAX,
    .max_depth = 32,
    .max_members = 1024,
};

int message_parse(struct bytes text, struct json *root, struct err *e)
{
    int rc = json_check(text, &message_limits, root, e);
    if (!rc && root->type == JSON_OBJECT)
        return OK;
    if (!rc)
        return err_set(e, ERR_USAGE, "message is not a JSON object");
    err_wrap(e, "message");
    e->code = ERR_USAGE;
    return ERR_USAGE;
}

enum req_class message_class(struct bytes text, const char *op, const struct endpoint *ops)
{
    struct json root, name;
    struct err e;
    if (message_parse(text, &root, &e) || !json_get(root, op, &name))
        return CLASS_UNKNOWN;
    for (; ops->method; ops++)
        if (json_str_eq(name, ops->method))
            return ops->cls;
    return CLASS_UNKNOWN;
}

static struct bytes between(const uint8_t *from, const uint8_t *to)
{
    return bytes_of(from, (size_t)(to - from));
}

static void add_member(struct buf *out, const struct json_edit *e)
{
    buf_add_json(out, bytes_str(e->name));
    buf_addc(out, ':');
    buf_add(out, e->value);
}

static const struct json_edit *edit_of(struct json key, const struct json_edit *edits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (json_str_eq(key, edits[i].name))
            return &edits[i];
    return NULL;
}

/* Members that are not there yet, each with the comma that parts it from its neighbour. *n_members
 * counts what the object holds so far. */
static void add_missing(struct buf *out, struct json object, const struct json_edit *edits,
                        size_t n, bool at_front, size_t *n_members)
{
    struct json old;
    for (size_t i = 0; i < n; i++) {
        if (edits[i].at_front != at_front || json_get(object, edits[i].name, &old))
            continue;
        if (!at_front && *n_members)
            buf_addc(out, ',');
        add_member(out, &edits[i]);
        if (at_front && *n_members)
            buf_addc(out, ',');
        ++*n_members;
    }
}

void json_edit_object(struct buf *out, struct bytes text, struct json object,
                      const struct json_edit *edits, size_t n)
{
    const uint8_t *at = text.p, *end = text.p + text.n, *last = object.p + 1;
    struct json_iter it;
    struct json key, value;
    size_t n_members = json_count(object);

    buf_add(out, between(at, object.p + 1));
    at = object.p + 1;
    add_missing(out, object, edits, n, true, &n_members);
    json_iter(&it, object);
    while (json_next(&it, &key, &value)) {
        const struct json_edit *e = edit_of(key, edits, n);
        last = value.p + value.n;
        if (!e)
            continue;
        buf_add(out, between(at, value.p));
        buf_add(out, e->value);
        at = last;
    }
    buf_add(out, between(at, last));
    add_missing(out, object, edits, n, false, &n_members);
    buf_add(out, between(last, end));
}
