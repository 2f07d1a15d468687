/* SPDX-License-Identifier: Apache-2.0 */
/* Kraken spot. Each private request carries a nonce in its body and signs path and body. WebSocket
 * login is by a token that GetWebSocketsToken hands out. Futures keys are another key space. */
#include "connectors/connector.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/text.h"
#include "connectors/form.h"
#include "connectors/gist_read.h"
#include "connectors/jsonedit.h"
#include "connectors/kraken.h"

#define NONCE_DIGITS_MAX 20u /* an unsigned 64-bit integer */

static const char *const aliases[] = {"kraken_spot", "krakenspot", NULL};

static const struct host hosts[] = {
    {.name = "api.kraken.com", .env = ENV_LIVE},
    {.name = "ws-auth.kraken.com", .env = ENV_LIVE, .is_ws = true},
    {0},
};

static const struct field_spec fields[] = {
    {.id = FIELD_API_KEY, .label = "API key", .codec = CODEC_TEXT, .min = 16, .max = 128},
    {.id = FIELD_API_SECRET,
     .label = "Private key",
     .codec = CODEC_BASE64,
     .min = 44,
     .max = 176,
     .is_secret = true},
    {0},
};

static const char *const auth_headers[] = {"API-Key", "API-Sign", NULL};

#define P(cls, name) ENDPOINT(cls, "POST", NULL, "/0/private/" name)

static const struct endpoint endpoints[] = {
    ENDPOINT(PUBLIC, "GET", NULL, "/0/public/*"),
    /* introspection, balances, history; also what tells about deposits and withdrawals */
    P(READ, "GetApiKeyInfo"),
    P(READ, "GetApiKey"),
    P(READ, "Balance"),
    P(READ, "BalanceEx"),
    P(READ, "CreditLines"),
    P(READ, "TradeBalance"),
    P(READ, "OpenOrders"),
    P(READ, "ClosedOrders"),
    P(READ, "QueryOrders"),
    P(READ, "OrderAmends"),
    P(READ, "TradesHistory"),
    P(READ, "QueryTrades"),
    P(READ, "OpenPositions"),
    P(READ, "Ledgers"),
    P(READ, "QueryLedgers"),
    P(READ, "TradeVolume"),
    P(READ, "Level3"),
    P(READ, "ListWalletAccounts"),
    P(READ, "ExportStatus"),
    P(READ, "DepositMethods"),
    P(READ, "DepositStatus"),
    P(READ, "WithdrawMethods"),
    P(READ, "WithdrawAddresses"),
    P(READ, "WithdrawInfo"),
    P(READ, "WithdrawStatus"),
    P(READ, "Earn/Strategies"),
    P(READ, "Earn/Allocations"),
    P(READ, "Earn/AllocateStatus"),
    P(READ, "Earn/DeallocateStatus"),
    P(TRADE, "AddOrder"),
    P(TRADE, "AddOrderBatch"),
    P(TRADE, "AmendOrder"),
    P(TRADE, "EditOrder"),
    P(CANCEL, "CancelOrder"),
    P(CANCEL, "CancelOrderBatch"),
    P(CANCEL, "CancelAll"),
    P(CANCEL, "CancelAllOrdersAfter"),
    P(ACCOUNT, "DepositAddresses"), /* makes a new address when asked to */
    P(ACCOUNT, "CreateSubaccount"),
    P(ACCOUNT, "AddExport"), /* exports carry the whole history out */
    P(ACCOUNT, "RetrieveExport"),
    P(ACCOUNT, "RemoveExport"),
    P(TRANSFER, "WalletTransfer"),
    P(TRANSFER, "AccountTransfer"),
    P(TRANSFER, "Earn/Allocate"),
    P(TRANSFER, "Earn/Deallocate"),
    P(TRANSFER, "Stake"),
    P(TRANSFER, "Unstake"),
    P(TRANSFER, "*Otc*"),
    P(WITHDRAW, "Withdraw"),
    P(WITHDRAW, "WithdrawCancel"),
    P(SESSION, "GetWebSocketsToken"),
    {0},
};

static int check_nonce(struct bytes nonce, struct err *e)
{
    bool ok = nonce.n > 0 && nonce.n <= NONCE_DIGITS_MAX;
    for (size_t i = 0; ok && i < nonce.n; i++)
        ok = nonce.p[i] >= '0' && nonce.p[i] <= '9';
    if (ok)
        return OK;
    return err_set(e, ERR_USAGE, "nonce for kraken is not a decimal number of at most %u digits",
                   NONCE_DIGITS_MAX);
}

static bool is_json(struct bytes body)
{
    struct bytes t = text_trim(body);
    return t.n > 0 && (t.p[0] == '{' || t.p[0] == '[');
}

/* The nonce as a string member comes first; one that is there keeps its place and its type. */
static int write_json(const struct call *c, struct buf *out, struct err *e)
{
    AUTO_BUF text = BUF_INIT(64);
    struct json root, old;
    int rc = message_parse(c->body, &root, e);
    if (rc)
        return rc;
    bool as_number = json_get(root, "nonce", &old) && old.type == JSON_NUMBER;
    if (as_number)
        buf_add(&text, c->nonce);
    else
        buf_add_json(&text, c->nonce);
    struct json_edit edit = {.name = "nonce", .value = buf_bytes(&text), .at_front = true};
    json_edit_object(out, c->body, root, &edit, 1);
    return OK;
}

static void write_form(const struct call *c, struct buf *out)
{
    if (!form_has(c->body, "nonce")) {
        form_append(out, out->n, "nonce", c->nonce);
        if (c->body.n)
            buf_addc(out, '&');
        buf_add(out, c->body);
        return;
    }
    form_copy(out, c->body, NULL, "nonce", c->nonce);
}

static int write_body(const struct call *c, struct request *out, struct err *e)
{
    const char *type = "application/x-www-form-urlencoded";
    int rc = OK;
    if (is_json(c->body)) {
        type = "application/json";
        rc = write_json(c, &out->body, e);
    } else {
        write_form(c, &out->body);
    }
    if (rc)
        return rc;
    request_content_type(out, type);
    return buf_check(&out->body, "body", e);
}

static int sign(const struct call *c, struct signer *s, struct request *out, struct err *e)
{
    AUTO_BUF message = BUF_INIT(URL_MAX + SHA256_LEN);
    uint8_t digest[SHA256_LEN];
    struct sig sig;
    if (c->has_query) {
        err_set(e, ERR_USAGE, "kraken does not sign a query");
        return err_hint(e, "put the parameters into the body");
    }
    int rc = check_nonce(c->nonce, e);
    if (!rc)
        rc = write_body(c, out, e);
    if (!rc)
        rc = sha256_2(c->nonce, buf_bytes(&out->body), digest, e);
    if (rc)
        return rc;
    buf_add(&message, c->path);
    buf_add(&message, BYTES_ARR(digest));
    rc = buf_check(&message, "path", e);
    if (!rc)
        rc = s->sign(s, SIG_HMAC_SHA512, FIELD_API_SECRET, buf_bytes(&message), &sig, e);
    if (!rc)
        rc = s->place(s, FIELD_API_KEY, request_header_new(out, "API-Key"), e);
    if (rc)
        return rc;
    b64_encode(request_header_new(out, "API-Sign"), bytes_of(sig.v, sig.n));
    buf_add(&out->method, c->method);
    request_origin_path(out, c);
    return request_check(out, e);
}

const struct connector connector_kraken = {
    .name = "kraken",
    .title = "Kraken",
    .aliases = aliases,
    .docs = "https://docs.kraken.com/api/docs/guides/spot-rest-auth",
    .covers = "path, nonce and the whole body, not the host: a signed request stays good until a "
              "higher nonce was seen",
    .hosts = hosts,
    .fields = fields,
    .key_types = 1u << KEY_HMAC,
    .endpoints = endpoints,
    .auth_headers = auth_headers,
    .needs_nonce = true,
    .sign = sign,
    .gist = kraken_gist,
    .session_token = kraken_session_token,
    .checks = &kraken_checks,
};
