/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: spot, wallet (/sapi) and USD-M futures, which share keys. REST signs the parameters as
 * they are sent; the WebSocket API signs them sorted and raw. Hosts and fields: binance_fields.c;
 * classes: binance_endpoints.c; what coffer asks by itself: binance_checks.c. */
#include "connectors/binance.h"

#include "base/codec.h"
#include "connectors/form.h"
#include "connectors/jsonedit.h"

#include <stdio.h>

static const char *const aliases[] = {
    "binance_perpetual", "binance_perpetual_testnet", "binanceusdm", "binance_usdm",
    "binance_spot",      "binance_futures",           NULL,
};

static const char *const auth_headers[] = {"X-MBX-APIKEY", NULL};

/* The signature as text: hex for HMAC, else base64. */
static int sign_text(struct signer *s, struct bytes msg, struct buf *out, struct err *e)
{
    struct sig sig;
    enum sig_alg alg;
    enum field_id field = FIELD_PRIVATE_KEY_PEM;
    switch (s->key) {
    case KEY_HMAC:
        alg = SIG_HMAC_SHA256;
        field = FIELD_API_SECRET;
        break;
    case KEY_RSA:
        alg = SIG_RSA_SHA256;
        break;
    case KEY_ED25519:
        alg = SIG_ED25519;
        break;
    default:
        return err_set(e, ERR_USAGE, "binance takes no %s key", key_type_name(s->key));
    }
    int rc = s->sign(s, alg, field, msg, &sig, e);
    if (rc)
        return rc;
    if (alg == SIG_HMAC_SHA256)
        hex_encode(out, bytes_of(sig.v, sig.n));
    else
        b64_encode(out, bytes_of(sig.v, sig.n));
    return OK;
}

/* Endpoints that want the key's name and no signature. */
static bool is_key_only(struct bytes path)
{
    static const char *const paths[] = {
        "/api/v3/userDataStream",    "/sapi/v1/userDataStream", "/sapi/v1/userDataStream/isolated",
        "/sapi/v1/userListenToken",  "/fapi/v1/listenKey",      "/api/v3/historicalTrades",
        "/fapi/v1/historicalTrades",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (bytes_eq_str(path, paths[i]))
            return true;
    return false;
}

/* Signs query and body as one run of bytes, without a separator. */
static int sign_params(struct signer *s, struct bytes query, struct bytes body, struct buf *out,
                       struct err *e)
{
    AUTO_BUF both = BUF_INIT(URL_MAX + BODY_MAX + 4096u);
    if (!body.n)
        return sign_text(s, query, out, e);
    if (!query.n)
        return sign_text(s, body, out, e);
    buf_add(&both, query);
    buf_add(&both, body);
    int rc = buf_check(&both, "parameters", e);
    return rc ? rc : sign_text(s, buf_bytes(&both), out, e);
}

/* Writes query and body with the new timestamp and without signatures; returns where the query
 * begins in url. The timestamp keeps its place, else it ends the body, or the query when there
 * is no body. */
static size_t write_params(const struct call *c, struct buf *url, struct buf *body)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)c->timestamp_ms);
    struct bytes now = bytes_of(text, (size_t)n);
    struct buf *last = c->body.n ? body : url;
    size_t start = url->n + 1;

    if (c->has_query || !c->body.n)
        buf_addc(url, '?');
    else
        start = url->n;
    bool is_there = form_copy(url, c->query, "signature", "timestamp", now);
    is_there |=
        form_copy(body, c->body, "signature", "timestamp", is_there ? bytes_of(NULL, 0) : now);
    if (!is_there)
        form_append(last, c->body.n ? 0 : start, "timestamp", now);
    return start;
}

static enum req_class raise_class(const struct call *c, enum req_class cls)
{
    AUTO_BUF query = BUF_INIT(2u * URL_MAX), body = BUF_INIT(2u * BODY_MAX);
    if (is_key_only(c->path))
        return cls;
    size_t start = write_params(c, &query, &body);
    if (query.failed || body.failed)
        return CLASS_UNKNOWN;
    struct bytes sent = query.n ? bytes_of(query.p + start, query.n - start) : buf_bytes(&query);
    return binance_raise(cls, sent, buf_bytes(&body));
}

static int sign(const struct call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(1024);
    bool has_body = c->body.n > 0;
    int rc = binance_check_body(c->body, e);
    if (!rc)
        rc = s->place(s, FIELD_API_KEY, request_header_new(out, "X-MBX-APIKEY"), e);
    if (rc)
        return rc;
    if (is_key_only(c->path)) {
        request_unsigned(out, c);
        return request_check(out, e);
    }
    buf_add(&out->method, c->method);
    request_origin_path(out, c);
    size_t start = write_params(c, &out->url, &out->body);
    if (has_body && !request_has_header(out, "Content-Type"))
        request_header(out, BYTES_LIT("Content-Type"),
                       BYTES_LIT("application/x-www-form-urlencoded"));
    rc = request_check(out, e);
    if (rc)
        return rc;
    struct bytes query = bytes_of(out->url.p + start, out->url.n - start);
    rc = sign_params(s, query, buf_bytes(&out->body), &text, e);
    if (rc)
        return rc;
    struct buf *last = has_body ? &out->body : &out->url;
    size_t from = has_body ? 0 : start;
    if (s->key == KEY_HMAC) {
        form_append(last, from, "signature", buf_bytes(&text));
    } else {
        form_append(last, from, "signature", bytes_of(NULL, 0));
        form_encode(last, buf_bytes(&text));
    }
    return request_check(out, e);
}

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

static int sign_ws(const struct ws_call *c, struct signer *s, struct request *out, struct err *e)
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
        rc = message_parse(buf_bytes(&text), &root, e);
    if (!rc && (!json_get(root, "params", &params) || params.type != JSON_OBJECT))
        rc = err_set(e, ERR_USAGE, "params of the message is not an object");
    if (!rc)
        rc = s->place(s, FIELD_API_KEY, &key, e);
    if (!rc)
        rc = ws_prehash(params, buf_bytes(&key), now_text, &prehash, e);
    buf_addc(&sig, '"');
    if (!rc)
        rc = sign_text(s, buf_bytes(&prehash), &sig, e);
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

static enum req_class classify_ws(const struct ws_call *c)
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

const struct connector connector_binance = {
    .name = "binance",
    .title = "Binance",
    .aliases = aliases,
    .docs = "https://developers.binance.com/docs/binance-spot-api-docs/rest-api/"
            "request-security",
    .covers = "the parameters of query and body, not method, path or host: a signature is good for "
              "any endpoint that takes the same parameters, within recvWindow",
    .hosts = binance_hosts,
    .fields = binance_fields,
    .key_types = 1u << KEY_HMAC | 1u << KEY_RSA | 1u << KEY_ED25519,
    .endpoints = binance_endpoints,
    .ws_ops = binance_ws_ops,
    .auth_headers = auth_headers,
    .check = binance_check_key,
    .sign = sign,
    .sign_ws = sign_ws,
    .raise_class = raise_class,
    .classify_ws = classify_ws,
    .checks = &binance_checks,
};
