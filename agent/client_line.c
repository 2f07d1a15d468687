/* SPDX-License-Identifier: Apache-2.0 */
/* Answers and events of the agent, read as strictly as the agent reads requests. No I/O. */
#include "agent/client_line.h"

#define LINE_MAX_HERE (8u * 1024u * 1024u)
#define CODES_END (-64)

static int parse(struct bytes line, struct json *root, struct err *e)
{
    static const struct json_limits lim = {LINE_MAX_HERE, 8, 256};

    if (json_check(line, &lim, root, e) == OK && root->type == JSON_OBJECT)
        return OK;
    return err_set(e, ERR_FORMAT, "the agent said what cannot be understood");
}

bool client_line_is_event(struct bytes line)
{
    struct json root, v;
    struct err ignored;

    return parse(line, &root, &ignored) == OK && json_get(root, "event", &v);
}

int client_line_event(struct bytes line, struct json *event, struct err *e)
{
    struct json root, v;

    if (parse(line, &root, e))
        return e->code;
    if (!json_get(root, "event", &v) || v.type != JSON_STRING)
        return err_set(e, ERR_FORMAT, "the agent said what is no event");
    *event = root;
    return OK;
}

/* One that this version does not know is a plain failure. */
static enum err_code code_by_name(struct json v)
{
    for (int c = ERR_FAILED; c > CODES_END; c--)
        if (json_str_eq(v, err_name((enum err_code)c)))
            return (enum err_code)c;
    return ERR_FAILED;
}

static int read_error(struct json v, struct err *e)
{
    struct json code, text, hints, key, hint;
    char msg[ERR_MSG_MAX], line[ERR_HINT_MAX];
    struct json_iter it;

    if (!json_get(v, "code", &code) || !json_get(v, "message", &text) ||
        !json_cstr(text, msg, sizeof(msg)))
        return err_set(e, ERR_FORMAT, "the agent refused, and it cannot be understood why");
    err_set(e, code_by_name(code), "%s", msg);
    if (!json_get(v, "hints", &hints) || hints.type != JSON_ARRAY)
        return e->code;
    json_iter(&it, hints);
    while (json_next(&it, &key, &hint))
        if (json_cstr(hint, line, sizeof(line)))
            err_hint(e, "%s", line);
    return e->code;
}

int client_line_answer(struct bytes line, struct json *result, struct err *e)
{
    struct json root, v;

    *result = (struct json){.type = JSON_NULL};
    if (parse(line, &root, e))
        return e->code;
    if (json_get(root, "error", &v)) {
        *result = v;
        return read_error(v, e);
    }
    if (!json_get(root, "result", &v) || v.type != JSON_OBJECT)
        return err_set(e, ERR_FORMAT, "the agent's answer has no result");
    *result = v;
    return OK;
}
