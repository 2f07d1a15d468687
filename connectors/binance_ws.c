/* SPDX-License-Identifier: Apache-2.0 */
/* Binance's WebSocket API: logins and signed messages. All parameters but the signature are signed,
 * sorted by name and raw. REST: binance.c. */
#include "connectors/binance.h"

#include "base/text.h"
#include "connectors/jsonedit.h"

#include <stdio.h>

/* Parameters of a WebSocket message, unescaped one after the other in text. */
#define PARAMS_MAX 64u
#define PARAM_MAX 4096u

struct param {
    size_t name, name_n, value, value_n;
};

struct params {
    struct param v[PARAMS_MAX];
    size_t n;
    struct buf text;
};

static int params_add(struct params *p, struct bytes name, struct bytes value, struct err *e)
{
    if (p->n == PARAMS_MAX)
        return err_set(e, ERR_USAGE, "message has more than %u parameters", PARAMS_MAX);
    struct param *v = &p->v[p->n++];
    *v = (struct param){.name = p->text.n, .name_n = name.n, .value_n = value.n};
    buf_add(&p->text, name);
    v->value = p->text.n;
    buf_add(&p->text, value);
    return OK;
}

static int params_add_json(struct params *p, struct json key, struct json value, struct err *e)
{
    uint8_t name[256], text[PARAM_MAX];
    size_t name_n, n;
    if (!json_str(key, name, sizeof(name), &name_n))
        return err_set(e, ERR_USAGE, "message has a parameter name over %zu bytes", sizeof(name));
    if (value.type == JSON_STRING) {
        if (!json_str(value, text, sizeof(text), &n))
            return err_set(e, ERR_USAGE, "message has a parameter over %zu bytes", sizeof(text));
        return params_add(p, bytes_of(name, name_n), bytes_of(text, n), e);
    }
    if (value.type == JSON_NUMBER || value.type == JSON_BOOL)
        return params_add(p, bytes_of(name, name_n), bytes_of(value.p, value.n), e);
    err_set(e, ERR_USAGE, "parameter '%.*s' of the message is not a text, number or true or false",
            (int)name_n, (const char *)name);
    return err_hint(e, "binance signs plain values only");
}

static struct bytes param_name(const struct params *p, size_t i)
{
    return bytes_of(p->text.p + p->v[i].name, p->v[i].name_n);
}

static int bytes_order(struct bytes a, struct bytes b)
{
    int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

static void params_sort(struct params *p)
{
    for (size_t i = 1; i < p->n; i++)
        for (size_t j = i; j && bytes_order(param_name(p, j - 1), param_name(p, j)) > 0; j--) {
            struct param t = p->v[j];
            p->v[j] = p->v[j - 1];
            p->v[j - 1] = t;
        }
}

/* The string that the WebSocket API signs: all parameters but the signature, sorted by name. */
static int ws_prehash(struct json object, struct bytes api_key, struct bytes now, struct buf *out,
                      struct err *e)
{
    struct params p = {.text = BUF_INIT(MESSAGE_MAX)};
    struct json_iter it;
    struct json key, value;
    int rc = params_add(&p, BYTES_LIT("apiKey"), api_key, e);
    if (!rc)
        rc = params_add(&p, BYTES_LIT("timestamp"), now, e);
    json_iter(&it, object);
    while (!rc && json_next(&it, &key, &value))
        if (!json_str_eq(key, "apiKey") && !json_str_eq(key, "timestamp") &&
            !json_str_eq(key, "signature"))
            rc = params_add_json(&p, key, value, e);
    if (!rc)
        rc = buf_check(&p.text, "parameters", e);
    if (!rc)
        params_sort(&p);
    for (size_t i = 0; !rc && i < p.n; i++) {
        if (i)
            buf_addc(out, '&');
        buf_add(out, param_name(&p, i));
        buf_addc(out, '=');
        buf_add(out, bytes_of(p.text.p + p.v[i].value, p.v[i].value_n));
    }
    buf_free(&p.text);
    return rc ? rc : buf_check(out, "parameters", e);
}

/* The message to sign, with a params object in it: the client's, or a login of our own. */
static int ws_message(const struct ws_call *c, struct signer *s, struct buf *out, struct err *e)
{
    bool is_futures = bytes_eq_str(c->base.path, "/ws-fapi/v1");
    struct json root, params;
    if (!c->message.n) {
        buf_adds(out, "{\"id\":");
        buf_add_json(out, c->base.uuid);
        buf_addf(out, ",\"method\":\"%s\",\"params\":{}}",
                 is_futures ? "session.logon" : "userDataStream.subscribe.signature");
    } else {
        int rc = message_parse(c->message, &root, e);
        if (rc)
            return rc;
        struct json_edit add = {.name = "params", .value = BYTES_LIT("{}")};
        bool has = json_get(root, "params", &params);
        json_edit_object(out, c->message, root, &add, has ? 0 : 1);
    }
    int rc = buf_check(out, "message", e);
    if (rc)
        return rc;
    rc = message_parse(buf_bytes(out), &root, e);
    if (rc)
        return rc;
    struct json method;
    bool is_logon = json_get(root, "method", &method) && json_str_eq(method, "session.logon");
    if (is_logon && s->key != KEY_ED25519) {
        err_set(e, ERR_USAGE, "binance takes session.logon with ed25519 keys only, this is %s",
                key_type_name(s->key));
        return err_hint(e, "sign each message, or userDataStream.subscribe.signature");
    }
    return OK;
}

static bool is_within(struct json window, uint32_t max)
{
    uint64_t ms;
    return text_u64(json_raw(window), max, &ms);
}

/* The params of the message in text, with the window cut to max where it is not 0. */
static int ws_params(struct buf *text, uint32_t max, struct json *root, struct json *params,
                     struct err *e)
{
    AUTO_BUF whole = BUF_INIT(MESSAGE_MAX + 1024u);
    char limit[12];
    struct json window;
    int rc = message_parse(buf_bytes(text), root, e);
    if (rc)
        return rc;
    if (!json_get(*root, "params", params) || params->type != JSON_OBJECT)
        return err_set(e, ERR_USAGE, "params of the message is not an object");
    if (!max || !json_get(*params, "recvWindow", &window) || is_within(window, max))
        return OK;
    int n = snprintf(limit, sizeof(limit), "%u", max);
    struct json_edit edit = {.name = "recvWindow", .value = bytes_of(limit, (size_t)n)};
    buf_add(&whole, buf_bytes(text));
    rc = buf_check(&whole, "message", e);
    if (!rc)
        rc = message_parse(buf_bytes(&whole), root, e);
    if (rc || !json_get(*root, "params", params))
        return rc;
    buf_reset(text);
    json_edit_object(text, buf_bytes(&whole), *params, &edit, 1);
    return ws_params(text, 0, root, params, e);
}

int binance_sign_ws(const struct ws_call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(MESSAGE_MAX + 1024u);
    AUTO_BUF key = BUF_INIT(1024), key_json = BUF_INIT(2048);
    AUTO_BUF prehash = BUF_INIT(MESSAGE_MAX), sig = BUF_INIT(1024);
    struct json root, params;
    char now[24];
    int n = snprintf(now, sizeof(now), "%llu", (unsigned long long)c->base.timestamp_ms);
    struct bytes now_text = bytes_of(now, (size_t)n);

    int rc = ws_message(c, s, &text, e);
    if (!rc)
        rc = ws_params(&text, c->base.window_ms, &root, &params, e);
    if (!rc)
        rc = s->place(s, FIELD_API_KEY, &key, e);
    if (!rc)
        rc = ws_prehash(params, buf_bytes(&key), now_text, &prehash, e);
    buf_addc(&sig, '"');
    if (!rc)
        rc = binance_sign_text(s, buf_bytes(&prehash), &sig, e);
    if (rc)
        return rc;
    buf_addc(&sig, '"');
    buf_add_json(&key_json, buf_bytes(&key));
    const struct json_edit edits[] = {
        {.name = "apiKey", .value = buf_bytes(&key_json)},
        {.name = "timestamp", .value = now_text},
        {.name = "signature", .value = buf_bytes(&sig)},
    };
    json_edit_object(&out->body, buf_bytes(&text), params, edits, ARRAY_LEN(edits));
    request_url(out, &c->base);
    return request_check(out, e);
}

enum req_class binance_classify_ws(const struct ws_call *c)
{
    AUTO_BUF text = BUF_INIT(MESSAGE_MAX);
    struct json root, params;
    struct err e;
    if (!c->message.n)
        return CLASS_SESSION;
    enum req_class cls = message_class(c->message, "method", binance_ws_ops);
    if (cls == CLASS_UNKNOWN || message_parse(c->message, &root, &e))
        return cls;
    bool has = json_get(root, "params", &params);
    if (!has || binance_is_logon(params))
        return cls == CLASS_READ ? CLASS_SESSION : cls;
    /* What cannot be signed keeps its class: sign_ws says why. */
    int rc = ws_prehash(params, BYTES_LIT("0"), BYTES_LIT("0"), &text, &e);
    if (rc)
        return rc == ERR_USAGE ? cls : CLASS_UNKNOWN;
    return binance_raise(cls, buf_bytes(&text), bytes_of(NULL, 0));
}
