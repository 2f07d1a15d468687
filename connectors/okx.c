/* SPDX-License-Identifier: Apache-2.0 */
/* OKX, API version 5. Timestamp, method, path with query, and body are signed as they are sent;
 * three regions are key spaces of their own. Endpoint classes: okx_endpoints.c; what
 * coffer asks by itself: okx_checks.c. */
#include "connectors/okx.h"

#include "base/codec.h"
#include "base/text.h"
#include "connectors/gist_read.h"
#include "connectors/jsonedit.h"

#include <time.h>

static const char *const aliases[] = {"okx_perpetual", "okex", "okx_v5", "myokx", "okxus", NULL};

static const char *const regions[] = {"www", "app", "my", NULL};
static const char *const region_sites[] = {"www.okx.com", "app.okx.com, USA", "my.okx.com, Europe",
                                           NULL};

#define HOST(where, area, host)                                                                    \
    {                                                                                              \
        .name = host, .env = where, .region = area                                                 \
    }
#define WS(where, area, host)                                                                      \
    {                                                                                              \
        .name = host, .env = where, .region = area, .is_ws = true                                  \
    }

static const struct host hosts[] = {
    HOST(ENV_LIVE, "www", "www.okx.com"),
    HOST(ENV_LIVE, "www", "openapi.okx.com"),
    HOST(ENV_LIVE, "app", "us.okx.com"),
    HOST(ENV_LIVE, "app", "app.okx.com"),
    HOST(ENV_LIVE, "my", "eea.okx.com"),
    HOST(ENV_DEMO, "www", "www.okx.com"),
    HOST(ENV_DEMO, "www", "openapi.okx.com"),
    HOST(ENV_DEMO, "app", "us.okx.com"),
    HOST(ENV_DEMO, "app", "app.okx.com"),
    HOST(ENV_DEMO, "my", "eea.okx.com"),
    WS(ENV_LIVE, "www", "ws.okx.com:8443"),
    WS(ENV_LIVE, "app", "wsus.okx.com:8443"),
    WS(ENV_LIVE, "my", "wseea.okx.com:8443"),
    WS(ENV_DEMO, "www", "wspap.okx.com:8443"),
    WS(ENV_DEMO, "app", "wsuspap.okx.com:8443"),
    WS(ENV_DEMO, "my", "wseeapap.okx.com:8443"),
    {0},
};

static const struct field_spec fields[] = {
    {.id = FIELD_API_KEY, .label = "API key", .codec = CODEC_TEXT, .min = 16, .max = 64},
    {.id = FIELD_API_SECRET,
     .label = "Secret key",
     .codec = CODEC_TEXT,
     .min = 16,
     .max = 64,
     .is_secret = true},
    {.id = FIELD_PASSPHRASE,
     .label = "Passphrase",
     .codec = CODEC_TEXT,
     .min = 1,
     .max = 64,
     .is_secret = true},
    {0},
};

static const char *const auth_headers[] = {
    "OK-ACCESS-KEY",        "OK-ACCESS-SIGN",      "OK-ACCESS-TIMESTAMP",
    "OK-ACCESS-PASSPHRASE", "x-simulated-trading", NULL,
};

#define TIME_MAX_MS 253402300799999u /* the end of the year 9999 */

static void put_digits(char *out, size_t n, unsigned v)
{
    for (; n; v /= 10)
        out[--n] = (char)('0' + v % 10);
}

/* By hand: a formatted print takes as long as the HMAC. */
static int add_iso_time(struct buf *out, uint64_t ms, struct err *e)
{
    char text[] = "0000-00-00T00:00:00.000Z";
    time_t s = (time_t)(ms / 1000);
    struct tm t;
    if (ms > TIME_MAX_MS || !gmtime_r(&s, &t))
        return err_set(e, ERR_USAGE, "timestamp is after the year 9999");
    put_digits(text, 4, (unsigned)t.tm_year + 1900);
    put_digits(text + 5, 2, (unsigned)t.tm_mon + 1);
    put_digits(text + 8, 2, (unsigned)t.tm_mday);
    put_digits(text + 11, 2, (unsigned)t.tm_hour);
    put_digits(text + 14, 2, (unsigned)t.tm_min);
    put_digits(text + 17, 2, (unsigned)t.tm_sec);
    put_digits(text + 20, 3, (unsigned)(ms % 1000));
    buf_adds(out, text);
    return OK;
}

static int sign_base64(struct signer *s, struct buf *prehash, struct buf *out, struct err *e)
{
    struct sig sig;
    int rc = buf_check(prehash, "request", e);
    if (!rc)
        rc = s->sign(s, SIG_HMAC_SHA256, FIELD_API_SECRET, buf_bytes(prehash), &sig, e);
    if (rc)
        return rc;
    b64_encode(out, bytes_of(sig.v, sig.n));
    return OK;
}

/* Path and body are signed without a separator: a body must not read as the path's end. */
static int check_body(struct bytes body, struct err *e)
{
    struct bytes text = text_trim(body);
    if (!body.n || (text.n && (text.p[0] == '{' || text.p[0] == '[')))
        return OK;
    return err_set(e, ERR_USAGE, "body is no JSON object or array");
}

static int sign(const struct call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF prehash = BUF_INIT(URL_MAX + BODY_MAX + 4096u);
    int rc = check_body(c->body, e);
    if (!rc)
        rc = s->place(s, FIELD_API_KEY, request_header_new(out, "OK-ACCESS-KEY"), e);
    if (!rc)
        rc = s->place(s, FIELD_PASSPHRASE, request_header_new(out, "OK-ACCESS-PASSPHRASE"), e);
    if (!rc)
        rc = add_iso_time(&prehash, c->timestamp_ms, e);
    if (rc)
        return rc;
    buf_add(request_header_new(out, "OK-ACCESS-TIMESTAMP"), buf_bytes(&prehash));
    buf_add(&prehash, c->method);
    buf_add(&prehash, c->path);
    if (c->has_query)
        buf_addc(&prehash, '?');
    buf_add(&prehash, c->query);
    buf_add(&prehash, c->body);
    rc = sign_base64(s, &prehash, request_header_new(out, "OK-ACCESS-SIGN"), e);
    if (rc)
        return rc;
    if (c->env == ENV_DEMO)
        request_header(out, BYTES_LIT("x-simulated-trading"), BYTES_LIT("1"));
    if (c->body.n)
        request_content_type(out, "application/json");
    request_unsigned(out, c);
    return request_check(out, e);
}

/* The client's login with one object in args, or a login of our own. */
static int ws_message(const struct ws_call *c, struct buf *out, struct err *e)
{
    struct json root, op, args;
    struct json_edit add = {.name = "args", .value = BYTES_LIT("[{}]")};
    if (!c->message.n) {
        buf_adds(out, "{\"op\":\"login\",\"args\":[{}]}");
        return buf_check(out, "message", e);
    }
    int rc = message_parse(c->message, &root, e);
    if (rc)
        return rc;
    if (!json_get(root, "op", &op) || !json_str_eq(op, "login")) {
        err_set(e, ERR_USAGE, "message is not a login, and okx signs nothing else on a WebSocket");
        return err_hint(e, "after the login, other messages go out as they are");
    }
    json_edit_object(out, c->message, root, &add, json_get(root, "args", &args) ? 0 : 1);
    return buf_check(out, "message", e);
}

static bool login_object(struct json root, struct json *out)
{
    struct json args, key;
    struct json_iter it;
    if (!json_get(root, "args", &args) || args.type != JSON_ARRAY || json_count(args) != 1)
        return false;
    json_iter(&it, args);
    return json_next(&it, &key, out) && out->type == JSON_OBJECT;
}

static int place_json(struct signer *s, enum field_id f, struct buf *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(1024);
    int rc = s->place(s, f, &text, e);
    if (!rc)
        buf_add_json(out, buf_bytes(&text));
    return rc;
}

static int sign_ws(const struct ws_call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(MESSAGE_MAX + 64u), now = BUF_INIT(32), prehash = BUF_INIT(128);
    AUTO_BUF key = BUF_INIT(1024), pass = BUF_INIT(1024), sig = BUF_INIT(128);
    struct json root, login;
    int rc = ws_message(c, &text, e);
    if (!rc)
        rc = message_parse(buf_bytes(&text), &root, e);
    if (!rc && !login_object(root, &login))
        rc = err_set(e, ERR_USAGE, "args of the login is not an array of one object");
    if (!rc)
        rc = place_json(s, FIELD_API_KEY, &key, e);
    if (!rc)
        rc = place_json(s, FIELD_PASSPHRASE, &pass, e);
    if (rc)
        return rc;
    buf_addf(&now, "\"%llu\"", (unsigned long long)(c->base.timestamp_ms / 1000));
    buf_add(&prehash, bytes_of(now.p + 1, now.n - 2));
    buf_adds(&prehash, "GET/users/self/verify");
    buf_addc(&sig, '"');
    rc = sign_base64(s, &prehash, &sig, e);
    if (rc)
        return rc;
    buf_addc(&sig, '"');
    const struct json_edit edits[] = {
        {.name = "apiKey", .value = buf_bytes(&key)},
        {.name = "passphrase", .value = buf_bytes(&pass)},
        {.name = "timestamp", .value = buf_bytes(&now)},
        {.name = "sign", .value = buf_bytes(&sig)},
    };
    json_edit_object(&out->body, buf_bytes(&text), login, edits, ARRAY_LEN(edits));
    request_url(out, &c->base);
    return request_check(out, e);
}

static enum req_class classify_ws(const struct ws_call *c)
{
    return c->message.n ? message_class(c->message, "op", okx_ws_ops) : CLASS_SESSION;
}

const struct connector connector_okx = {
    .name = "okx",
    .title = "OKX",
    .aliases = aliases,
    .docs = "https://www.okx.com/docs-v5/en/#overview-rest-authentication-signature",
    .covers = "timestamp, method, path with query, and body, not the host: it can be sent again "
              "for 30 seconds; a WebSocket login covers its time only",
    .hosts = hosts,
    .regions = regions,
    .region_sites = region_sites,
    .fields = fields,
    .key_types = 1u << KEY_HMAC,
    .endpoints = okx_endpoints,
    .ws_ops = okx_ws_ops,
    .auth_headers = auth_headers,
    .sign = sign,
    .sign_ws = sign_ws,
    .classify_ws = classify_ws,
    .gist = okx_gist,
    .checks = &okx_checks,
};
