/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: spot, wallet (/sapi) and USD-M futures, which share keys. REST signs the parameters as
 * they are sent; the WebSocket API (binance_ws.c) signs them sorted and raw. Hosts and fields:
 * binance_fields.c; classes: binance_endpoints.c; what coffer asks by itself: binance_checks.c. */
#include "connectors/binance.h"

#include "base/codec.h"
#include "base/text.h"
#include "connectors/form.h"
#include "connectors/gist_read.h"

static const char *const aliases[] = {
    "binance_perpetual", "binance_perpetual_testnet", "binanceusdm", "binance_usdm",
    "binance_spot",      "binance_futures",           NULL,
};

static const char *const auth_headers[] = {"X-MBX-APIKEY", NULL};

int binance_sign_text(struct signer *s, struct bytes msg, struct buf *out, struct err *e)
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
        return binance_sign_text(s, query, out, e);
    if (!query.n)
        return binance_sign_text(s, body, out, e);
    buf_add(&both, query);
    buf_add(&both, body);
    int rc = buf_check(&both, "parameters", e);
    return rc ? rc : binance_sign_text(s, buf_bytes(&both), out, e);
}

/* With the window cut to what the caller may have; room: for what changed. */
static struct bytes narrow(const struct call *c, struct bytes form, struct buf *room)
{
    struct bytes value;
    uint64_t ms;
    unsigned n = c->window_ms ? form_value(form, "recvWindow", &value) : 0;
    if (n == 0 || (n == 1 && text_u64(value, c->window_ms, &ms)))
        return form;
    form_cap(room, form, "recvWindow", c->window_ms);
    return buf_bytes(room);
}

/* Writes query and body with the new timestamp and without signatures; returns where the query
 * begins in url. The timestamp keeps its place, else it ends the body, or the query when there
 * is no body. */
static size_t write_params(const struct call *c, struct buf *url, struct buf *body)
{
    AUTO_BUF query = BUF_INIT(2u * URL_MAX), form = BUF_INIT(2u * BODY_MAX);
    char text[U64_TEXT];
    struct bytes now = bytes_of(text, text_of_u64(text, c->timestamp_ms));
    struct buf *last = c->body.n ? body : url;
    size_t start = url->n + 1;

    if (c->has_query || !c->body.n)
        buf_addc(url, '?');
    else
        start = url->n;
    bool is_there = form_copy(url, narrow(c, c->query, &query), "signature", "timestamp", now);
    is_there |= form_copy(body, narrow(c, c->body, &form), "signature", "timestamp",
                          is_there ? bytes_of(NULL, 0) : now);
    if (query.failed || form.failed)
        url->failed = query.failed ? query.failed : form.failed;
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

/* As it came, but for a signature of the caller's, which would be a parameter too many. */
static void send_key_only(const struct call *c, struct request *out)
{
    const struct bytes none = {NULL, 0};
    if (!form_has(c->query, "signature") && !form_has(c->body, "signature")) {
        request_unsigned(out, c);
        return;
    }
    buf_add(&out->method, c->method);
    request_origin_path(out, c);
    size_t at = out->url.n;
    buf_addc(&out->url, '?');
    (void)form_copy(&out->url, c->query, "signature", "timestamp", none);
    if (out->url.n == at + 1)
        buf_cut(&out->url, at);
    (void)form_copy(&out->body, c->body, "signature", "timestamp", none);
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
        send_key_only(c, out);
        return request_check(out, e);
    }
    buf_add(&out->method, c->method);
    request_origin_path(out, c);
    size_t start = write_params(c, &out->url, &out->body);
    if (has_body)
        request_content_type(out, "application/x-www-form-urlencoded");
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
    .sign_ws = binance_sign_ws,
    .raise_class = raise_class,
    .classify_ws = binance_classify_ws,
    .gist = binance_gist,
    .session_token = binance_session_token,
    .checks = &binance_checks,
};
