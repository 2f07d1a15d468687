/* SPDX-License-Identifier: Apache-2.0 */
/* Coinbase Advanced Trade with CDP keys: each request carries a fresh JWT, ES256 or EdDSA. The
 * legacy HMAC keys are retired and refused. */
#include "connectors/connector.h"

#include "base/codec.h"
#include "connectors/coinbase.h"
#include "connectors/gist_read.h"
#include "connectors/jsonedit.h"

#define JWT_LIFE_S 120u /* the longest that Coinbase takes */
#define JWT_MAX 65536u

static const char *const aliases[] = {
    "coinbase", "coinbaseadvanced", "coinbase_advanced", "coinbaseadvancedtrade", NULL,
};

static const struct host hosts[] = {
    {.name = "api.coinbase.com", .env = ENV_LIVE},
    {.name = "advanced-trade-ws.coinbase.com", .env = ENV_LIVE, .is_ws = true},
    {.name = "advanced-trade-ws-user.coinbase.com", .env = ENV_LIVE, .is_ws = true},
    {.name = "api-sandbox.coinbase.com", .env = ENV_TEST},
    {0},
};

static const struct field_spec fields[] = {
    {.id = FIELD_API_KEY, .label = "API key name", .codec = CODEC_TEXT, .min = 16, .max = 255},
    {.id = FIELD_API_SECRET,
     .label = "Private key (base64)",
     .codec = CODEC_TEXT,
     .min = 16,
     .max = 1024,
     .is_secret = true,
     .is_optional = true},
    {.id = FIELD_PRIVATE_KEY_PEM,
     .label = "Private key (PEM)",
     .codec = CODEC_PEM,
     .min = 100,
     .max = 1024,
     .is_secret = true,
     .is_optional = true},
    {0},
};

static const char *const auth_headers[] = {
    "Authorization",       "CB-ACCESS-KEY",        "CB-ACCESS-SIGN",
    "CB-ACCESS-TIMESTAMP", "CB-ACCESS-PASSPHRASE", NULL,
};

#define V3(cls, method, path) ENDPOINT(cls, method, NULL, "/api/v3/brokerage/" path)
#define V2(cls, method, path) ENDPOINT(cls, method, NULL, "/v2/" path)

static const struct endpoint endpoints[] = {
    V3(PUBLIC, "GET", "time"),
    V3(PUBLIC, "GET", "market/**"),
    V2(PUBLIC, "GET", "time"),
    V2(PUBLIC, "GET", "currencies"),
    V2(PUBLIC, "GET", "currencies/crypto"),
    V2(PUBLIC, "GET", "exchange-rates"),
    V2(PUBLIC, "GET", "prices/*/buy"),
    V2(PUBLIC, "GET", "prices/*/sell"),
    V2(PUBLIC, "GET", "prices/*/spot"),
    V2(PUBLIC, "GET", "users/*"),
    V3(READ, "GET", "key_permissions"),
    V3(READ, "GET", "accounts"),
    V3(READ, "GET", "accounts/*"),
    V3(READ, "GET", "best_bid_ask"),
    V3(READ, "GET", "product_book"),
    V3(READ, "GET", "products"),
    V3(READ, "GET", "products/*"),
    V3(READ, "GET", "products/*/candles"),
    V3(READ, "GET", "products/*/ticker"),
    V3(READ, "GET", "orders/historical/*"),
    V3(READ, "GET", "portfolios"),
    V3(READ, "GET", "portfolios/*"),
    V3(READ, "GET", "payment_methods"),
    V3(READ, "GET", "payment_methods/*"),
    V3(READ, "GET", "transaction_summary"),
    V3(READ, "GET", "convert/trade/*"),
    V3(READ, "GET", "cfm/balance_summary"),
    V3(READ, "GET", "cfm/intraday/current_margin_window"),
    V3(READ, "GET", "cfm/intraday/margin_setting"),
    V3(READ, "GET", "cfm/positions"),
    V3(READ, "GET", "cfm/positions/*"),
    V3(READ, "GET", "cfm/sweeps"),
    V3(READ, "GET", "intx/balances/*"),
    V3(READ, "GET", "intx/portfolio/*"),
    V3(READ, "GET", "intx/positions/*"),
    V3(READ, "GET", "intx/positions/*/*"),
    V2(READ, "GET", "user"),
    V2(READ, "GET", "user/auth"),
    V2(READ, "GET", "accounts"),
    V2(READ, "GET", "accounts/*"),
    V2(READ, "GET", "accounts/*/addresses"),
    V2(READ, "GET", "accounts/*/addresses/*"),
    V2(READ, "GET", "accounts/*/addresses/*/transactions"),
    V2(READ, "GET", "accounts/*/buys"),
    V2(READ, "GET", "accounts/*/buys/*"),
    V2(READ, "GET", "accounts/*/deposits"),
    V2(READ, "GET", "accounts/*/deposits/*"),
    V2(READ, "GET", "accounts/*/sells"),
    V2(READ, "GET", "accounts/*/sells/*"),
    V2(READ, "GET", "accounts/*/transactions"),
    V2(READ, "GET", "accounts/*/transactions/*"),
    V2(READ, "GET", "accounts/*/withdrawals"),
    V2(READ, "GET", "accounts/*/withdrawals/*"),
    V2(READ, "GET", "payment-methods"),
    V2(READ, "GET", "payment-methods/*"),
    V2(READ, "GET", "subscriptions/coinbase-one"),
    V3(TRADE, "POST", "orders"),
    V3(TRADE, "POST", "orders/preview"),
    V3(TRADE, "POST", "orders/edit"),
    V3(TRADE, "POST", "orders/edit_preview"),
    V3(TRADE, "POST", "orders/close_position"),
    V3(CANCEL, "POST", "orders/batch_cancel"),
    V3(TRANSFER, "POST", "portfolios/move_funds"),
    V3(ACCOUNT, "POST", "portfolios"),
    V3(ACCOUNT, "PUT", "portfolios/*"),
    V3(ACCOUNT, "DELETE", "portfolios/*"),
    V3(TRANSFER, "POST", "convert/quote"),
    V3(TRANSFER, "POST", "convert/trade/*"),
    V3(TRANSFER, "POST", "cfm/sweeps/schedule"),
    V3(TRANSFER, "DELETE", "cfm/sweeps"),
    V3(ACCOUNT, "POST", "cfm/intraday/margin_setting"),
    V3(TRANSFER, "POST", "intx/allocate"),
    V3(ACCOUNT, "POST", "intx/multi_asset_collateral"),
    V2(WITHDRAW, "POST", "accounts/*/transactions"),
    V2(WITHDRAW, "POST", "accounts/*/transactions/*/complete"),
    V2(WITHDRAW, "POST", "accounts/*/transactions/*/resend"),
    V2(WITHDRAW, "DELETE", "accounts/*/transactions/*"),
    V2(WITHDRAW, "POST", "accounts/*/withdrawals"),
    V2(WITHDRAW, "POST", "accounts/*/withdrawals/*/commit"),
    V2(TRANSFER, "POST", "accounts/*/deposits"),
    V2(TRANSFER, "POST", "accounts/*/deposits/*/commit"),
    V2(TRANSFER, "POST", "accounts/*/buys"),
    V2(TRANSFER, "POST", "accounts/*/buys/*/commit"),
    V2(TRANSFER, "POST", "accounts/*/sells"),
    V2(TRANSFER, "POST", "accounts/*/sells/*/commit"),
    V2(ACCOUNT, "POST", "accounts"),
    V2(ACCOUNT, "POST", "accounts/*/addresses"),
    V2(ACCOUNT, "POST", "accounts/*/primary"),
    V2(ACCOUNT, "PUT", "accounts/*"),
    V2(ACCOUNT, "DELETE", "accounts/*"),
    V2(ACCOUNT, "PUT", "user"),
    {0},
};

static const struct endpoint ws_ops[] = {
    {CLASS_SESSION, "subscribe", NULL, NULL, 0},
    {CLASS_SESSION, "unsubscribe", NULL, NULL, 0},
    {0},
};

static int check(const struct secret *const f[FIELD_COUNT], enum key_type key, struct err *e)
{
    if (key != KEY_HMAC || !f[FIELD_API_SECRET])
        return OK;
    err_set(e, ERR_USAGE,
            "api_secret is neither a PEM private key nor base64 of a 64-byte Ed25519 key; short "
            "secrets belong to legacy HMAC keys, which coinbase has retired");
    return err_hint(e, "make a new Secret API key at https://portal.cdp.coinbase.com, and give its "
                       "private key whole");
}

/* Adds the signed JWT; with a uri claim for REST, without one for WebSocket messages. */
static int add_jwt(const struct call *c, bool has_uri, struct signer *s, struct buf *out,
                   struct err *e)
{
    AUTO_BUF kid = BUF_INIT(1024), uri = BUF_INIT(URL_MAX + 512u);
    AUTO_BUF header = BUF_INIT(2048), claims = BUF_INIT(JWT_MAX);
    bool is_ec = s->key == KEY_EC_P256;
    unsigned long long now = c->timestamp_ms / 1000;
    unsigned life = c->token_s && c->token_s < JWT_LIFE_S ? c->token_s : JWT_LIFE_S;
    size_t start = out->n;
    struct sig sig;
    if (!is_ec && s->key != KEY_ED25519)
        return err_set(e, ERR_USAGE, "coinbase takes no %s key", key_type_name(s->key));
    int rc = s->place(s, FIELD_API_KEY, &kid, e);
    if (rc)
        return rc;
    buf_addf(&header, "{\"alg\":\"%s\",\"kid\":", is_ec ? "ES256" : "EdDSA");
    buf_add_json(&header, buf_bytes(&kid));
    buf_adds(&header, ",\"nonce\":\"");
    hex_encode(&header, BYTES_ARR(c->random));
    buf_adds(&header, "\",\"typ\":\"JWT\"}");
    buf_adds(&claims, "{\"sub\":");
    buf_add_json(&claims, buf_bytes(&kid));
    buf_addf(&claims, ",\"iss\":\"cdp\",\"nbf\":%llu,\"exp\":%llu", now, now + life);
    if (has_uri) {
        buf_add(&uri, c->method);
        buf_addc(&uri, ' ');
        buf_add(&uri, c->host);
        buf_add(&uri, c->path);
        buf_adds(&claims, ",\"uri\":");
        buf_add_json(&claims, buf_bytes(&uri));
    }
    buf_addc(&claims, '}');
    rc = buf_check(&header, "key name", e);
    if (!rc)
        rc = buf_check(&claims, "claims", e);
    if (rc)
        return rc;
    b64url_encode(out, buf_bytes(&header));
    buf_addc(out, '.');
    b64url_encode(out, buf_bytes(&claims));
    rc = buf_check(out, "token", e);
    if (!rc)
        rc = s->sign(s, is_ec ? SIG_ES256 : SIG_ED25519, FIELD_PRIVATE_KEY_PEM,
                     bytes_of(out->p + start, out->n - start), &sig, e);
    if (rc)
        return rc;
    buf_addc(out, '.');
    b64url_encode(out, bytes_of(sig.v, sig.n));
    return buf_check(out, "token", e);
}

static int sign(const struct call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF jwt = BUF_INIT(JWT_MAX);
    int rc = add_jwt(c, true, s, &jwt, e);
    if (rc)
        return rc;
    struct buf *value = request_header_new(out, "Authorization");
    buf_adds(value, "Bearer ");
    buf_add(value, buf_bytes(&jwt));
    if (c->body.n)
        request_content_type(out, "application/json");
    request_unsigned(out, c);
    return request_check(out, e);
}

static int sign_ws(const struct ws_call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF jwt = BUF_INIT(JWT_MAX);
    struct bytes text = c->message;
    struct json root;
    if (!text.n)
        text = BYTES_LIT("{\"type\":\"subscribe\",\"channel\":\"user\"}");
    int rc = message_parse(text, &root, e);
    buf_addc(&jwt, '"');
    if (!rc)
        rc = add_jwt(&c->base, false, s, &jwt, e);
    if (rc)
        return rc;
    buf_addc(&jwt, '"');
    struct json_edit edit = {.name = "jwt", .value = buf_bytes(&jwt)};
    json_edit_object(&out->body, text, root, &edit, 1);
    request_url(out, &c->base);
    return request_check(out, e);
}

static enum req_class classify_ws(const struct ws_call *c)
{
    return c->message.n ? message_class(c->message, "type", ws_ops) : CLASS_SESSION;
}

const struct connector connector_coinbase_advanced_trade = {
    .name = "coinbase_advanced_trade",
    .title = "Coinbase Advanced Trade",
    .aliases = aliases,
    .docs = "https://docs.cdp.coinbase.com/get-started/authentication/jwt-authentication",
    .covers = "method, host and path, neither query nor body, for 30 seconds (120 with a clock of "
              "one's own); a WebSocket token covers nothing but its time",
    .hosts = hosts,
    .fields = fields,
    .key_types = 1u << KEY_EC_P256 | 1u << KEY_ED25519,
    .endpoints = endpoints,
    .ws_ops = ws_ops,
    .auth_headers = auth_headers,
    .check = check,
    .needs_random = true,
    .sign = sign,
    .sign_ws = sign_ws,
    .classify_ws = classify_ws,
    .gist = coinbase_gist,
    .checks = &coinbase_checks,
};
