/* SPDX-License-Identifier: Apache-2.0 */
/* One line into one operation. Strict: a member that is not understood is refused, since it could
 * have been meant to limit something. No I/O. */
#include "agent/ops.h"

#include "agent/bearers_file.h"
#include "base/json.h"

enum {
    M_PROTOCOL = 1,
    M_NAME = 2,
    M_REQUEST = 4,
    M_CLIENT = 8,
    M_TOKEN = 16,
    M_INDEX = 32,
    M_LAST_TRY = 64,
    M_LOOK = 128,
    M_BEARER = 256
};

static const struct {
    const char *name;
    unsigned must, may;
} ops[OP_COUNT] = {
    [OP_HELLO] = {"hello", M_PROTOCOL, 0},
    [OP_LIST] = {"list", 0, 0},
    [OP_STATUS] = {"status", 0, M_LOOK},
    [OP_UNLOCK] = {"unlock", 0, M_TOKEN | M_INDEX | M_LAST_TRY},
    [OP_LOCK] = {"lock", 0, 0},
    [OP_SIGN] = {"sign", M_NAME | M_REQUEST, 0},
    [OP_SIGN_WS] = {"sign_ws", M_NAME | M_REQUEST, 0},
    [OP_LEND] = {"lend", M_NAME, M_CLIENT | M_BEARER},
    [OP_SUBSCRIBE] = {"subscribe", 0, 0},
    [OP_RELOAD] = {"reload", 0, 0},
    [OP_STOP] = {"stop", 0, 0},
};

static const struct {
    const char *name, *is;
    unsigned bit;
} members[] = {
    {"protocol", "an integer", M_PROTOCOL},
    {"name", "the name of a key", M_NAME},
    {"request", "an object", M_REQUEST},
    {"client", "a name of letters, digits, '_' and '-'", M_CLIENT},
    {"token", "a label, a serial number or a rid", M_TOKEN},
    {"index", "an integer, as 'status' tells it", M_INDEX},
    {"use_last_try", "true or false", M_LAST_TRY},
    {"look", "true or false", M_LOOK},
    {"bearer", "32 hex digits", M_BEARER},
};

static bool name_parse(struct json v, char *out, size_t cap)
{
    return json_cstr(v, out, cap) && record_name_ok(bytes_str(out));
}

static bool value_parse(unsigned bit, struct json v, struct op_words *out)
{
    switch (bit) {
    case M_PROTOCOL:
        return json_u64(v, UINT32_MAX, &out->protocol);
    case M_NAME:
        return name_parse(v, out->name, sizeof(out->name));
    case M_REQUEST:
        out->request = v;
        return v.type == JSON_OBJECT;
    case M_CLIENT:
        return name_parse(v, out->client, sizeof(out->client));
    case M_TOKEN:
        return json_cstr(v, out->token, sizeof(out->token)) && out->token[0];
    case M_INDEX:
        out->has_index = true;
        return json_u64(v, UINT32_MAX, &out->index);
    case M_LAST_TRY:
        return json_bool(v, &out->use_last_try);
    case M_LOOK:
        return json_bool(v, &out->look);
    case M_BEARER:
        return json_cstr(v, out->bearer, sizeof(out->bearer)) &&
               bearer_is_text(bytes_str(out->bearer));
    default:
        return false;
    }
}

static int unknown(enum op_kind kind, struct err *e)
{
    err_set(e, ERR_USAGE, "'%s' with a member that it does not have", ops[kind].name);
    return err_hint(e, "what is not understood is refused, because it could be a limit");
}

static int member_parse(struct json key, struct json v, struct op_words *out, unsigned *seen,
                        struct err *e)
{
    unsigned can = ops[out->kind].must | ops[out->kind].may;

    if (json_str_eq(key, "op") || json_str_eq(key, "id"))
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!(members[i].bit & can) || !json_str_eq(key, members[i].name))
            continue;
        *seen |= members[i].bit;
        if (value_parse(members[i].bit, v, out))
            return OK;
        return err_set(e, ERR_USAGE, "'%s': its '%s' is not %s", ops[out->kind].name,
                       members[i].name, members[i].is);
    }
    return unknown(out->kind, e);
}

static int members_parse(struct json root, struct op_words *out, struct err *e)
{
    struct json_iter it;
    struct json key, v;
    unsigned seen = 0;

    json_iter(&it, root);
    while (json_next(&it, &key, &v))
        if (member_parse(key, v, out, &seen, e))
            return e->code;
    unsigned lacks = ops[out->kind].must & ~seen;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].bit & lacks)
            return err_set(e, ERR_USAGE, "'%s' without '%s'", ops[out->kind].name, members[i].name);
    if ((seen & M_TOKEN) && (seen & M_INDEX))
        return err_set(e, ERR_USAGE, "'%s' with both 'token' and 'index'", ops[out->kind].name);
    return OK;
}

/* n 0: it is not there. */
static void find(struct json root, struct json *id, struct json *op)
{
    struct json_iter it;
    struct json key, v;

    *id = *op = (struct json){NULL, 0, JSON_NULL};
    json_iter(&it, root);
    while (json_next(&it, &key, &v)) {
        if (json_str_eq(key, "id"))
            *id = v;
        else if (json_str_eq(key, "op"))
            *op = v;
    }
}

/* A short string, or an integer: it comes back as it was written. */
static bool id_parse(struct json v, struct bytes *id)
{
    uint64_t n;

    if (v.n == 0)
        return true;
    if (!(v.type == JSON_STRING || json_u64(v, JSON_INT_MAX, &n)) || v.n > OP_ID_MAX)
        return false;
    *id = bytes_of(v.p, v.n);
    return true;
}

static int kind_parse(struct json v, enum op_kind *out, struct err *e)
{
    if (v.n == 0)
        return err_set(e, ERR_USAGE, "no 'op'");
    for (unsigned i = 0; i < OP_COUNT; i++)
        if (json_str_eq(v, ops[i].name)) {
            *out = (enum op_kind)i;
            return OK;
        }
    err_set(e, ERR_USAGE, "no such operation");
    return err_hint(e, "there are: hello, list, status, unlock, lock, sign, sign_ws, lend, "
                       "subscribe, reload, stop");
}

int op_parse(struct bytes line, struct op_words *out, bool *is_broken, struct err *e)
{
    static const struct json_limits lim = {AGENT_LINE_MAX, 6, 128};
    struct json root, id, op;

    *out = (struct op_words){.kind = OP_COUNT};
    *is_broken = true;
    if (json_check(line, &lim, &root, e)) {
        e->code = e->code == ERR_MEMORY ? ERR_MEMORY : ERR_USAGE;
        return err_wrap(e, "message");
    }
    if (root.type != JSON_OBJECT)
        return err_set(e, ERR_USAGE, "message: not a JSON object");
    find(root, &id, &op);
    if (!id_parse(id, &out->id))
        return err_set(e, ERR_USAGE,
                       "message: 'id' is neither a string of at most %u bytes nor "
                       "an integer",
                       OP_ID_MAX - 2);
    *is_broken = false;
    if (kind_parse(op, &out->kind, e))
        return e->code;
    return members_parse(root, out, e);
}
