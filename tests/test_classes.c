/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the classes: what each exchange's dangerous endpoints get, and that no variant of their
 * spelling is taken for something harmless. */
#include "tests/harness.h"

#include "connectors/target.h"

#include <stdio.h>

#define BINANCE &connector_binance
#define OKX &connector_okx
#define KRAKEN &connector_kraken
#define COINBASE &connector_coinbase_advanced_trade

static enum req_class classify(const struct connector *c, const char *method, const char *path)
{
    struct call call = {.conn = c};
    struct err e;
    if (target_parse(bytes_str(path), false, &call, &e))
        return CLASS_UNKNOWN;
    call.method = bytes_str(method);
    return connector_classify(&call);
}

static bool is_harmless(enum req_class c)
{
    return (CLASS_BIT(c) & CLASSES_DEFAULT) != 0;
}

static void is_dangerous(const struct connector *c, const char *method, const char *path)
{
    enum req_class got = classify(c, method, path);
    harness_ok(got != CLASS_UNKNOWN && !is_harmless(got), __FILE__, __LINE__, "%s %s is %s", method,
               path, class_name(got));
}

/* Neither another case of a letter nor something added at the end opens what is closed. */
static void variants_stay_closed(const struct connector *c, const char *method, const char *path)
{
    static const char *const tails[] = {"/", "//", ";", "%20", ".", "?x=1", "/x"};
    char v[256], w[256 + 8];
    for (size_t i = 0; path[i]; i++) {
        snprintf(v, sizeof(v), "%s", path);
        if (v[i] >= 'a' && v[i] <= 'z')
            v[i] = (char)(v[i] - 32);
        else if (v[i] >= 'A' && v[i] <= 'Z')
            v[i] = (char)(v[i] + 32);
        harness_ok(!is_harmless(classify(c, method, v)), __FILE__, __LINE__, "%s %s passes", method,
                   v);
    }
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(w, sizeof(w), "%s%s", path, tails[i]);
        harness_ok(!is_harmless(classify(c, method, w)), __FILE__, __LINE__, "%s %s passes", method,
                   w);
    }
}

static void all_dangerous(const struct connector *c, const char *method, const char *prefix,
                          const char *const *paths)
{
    char path[256];
    for (; *paths; paths++) {
        snprintf(path, sizeof(path), "%s%s", prefix, *paths);
        is_dangerous(c, method, path);
        variants_stay_closed(c, method, path);
    }
}

static void binance_moves_no_funds_by_default(void)
{
    static const char *const post[] = {
        "v1/capital/withdraw/apply", "v1/localentity/withdraw/apply",
        "v1/localentity/broker/withdraw/apply", "v1/fiatpayment/withdraw/apply",
        "v2/fiat/withdraw", "v1/fiat/withdraw/apply", "v1/managed-subaccount/withdraw",
        "v1/asset/transfer", "v1/asset/convert-transfer", "v1/futures/transfer",
        "v1/margin/transfer", "v1/margin/isolated/transfer", "v1/sub-account/transfer/subToSub",
        "v1/sub-account/transfer/subToMaster", "v1/sub-account/universalTransfer",
        "v1/sub-account/futures/transfer", "v1/sub-account/futures/internalTransfer",
        "v1/sub-account/margin/transfer", "v1/sub-account/futures/move-position",
        "v3/sub-account/transfer", "v1/managed-subaccount/deposit", "v1/broker/transfer",
        "v1/broker/universalTransfer", "v1/broker/anything", "v1/portfolio/auto-collection",
        "v1/portfolio/asset-collection", "v1/portfolio/bnb-transfer",
        "v1/portfolio/earn-asset-transfer", "v1/portfolio/mint", "v1/portfolio/redeem",
        "v1/custodian/transfer", "v1/cl/transfer", "v1/giftcard/createCode",
        "v1/giftcard/buyCode", "v1/giftcard/redeemCode", "v1/asset/dust", "v1/asset/dust-btc",
        "v1/asset/dust-convert/convert", "v1/convert/getQuote", "v1/convert/acceptQuote",
        "v1/capital/deposit/credit-apply", "v1/loan/borrow", "v2/loan/flexible/borrow",
        "v1/margin/borrow-repay", "v1/simple-earn/flexible/subscribe",
        "v1/simple-earn/locked/redeem", "v1/eth-staking/eth/stake", "v2/eth-staking/eth/stake",
        "v1/sol-staking/sol/redeem", "v1/bfusd/subscribe", "v1/rwusd/redeem",
        "v1/account/enableFastWithdrawSwitch", "v1/mining/hash-transfer/config",
        "v1/sub-account/subAccountApi", "v2/sub-account/subAccountApi",
        "v1/sub-account/subAccountApiPermission", "v2/sub-account/subAccountApi/ipRestriction",
        "v1/broker/subAccountApi", "v1/broker/subAccountApi/permission", "v1/margin/apiKey",
        "v1/margin/exit-special-key-mode", NULL,
    };
    static const char *const delete[] = {
        "v1/sub-account/subAccountApi", "v1/sub-account/subAccountApi/ipRestriction/ipList",
        "v1/broker/subAccountApi", "v1/margin/apiKey", NULL,
    };
    static const char *const put[] = {"v1/margin/apiKey/ip", NULL};
    static const char *const other[] = {
        "/wapi/v3/withdraw.html", "/wapi/v3/sub-account/transfer.html", "/papi/v1/bnb-transfer",
        "/papi/v1/auto-collection", "/papi/v1/asset-collection", "/papi/v1/repay-futures-switch",
        "/fapi/v1/convert/getQuote", "/fapi/v1/convert/acceptQuote", NULL,
    };
    all_dangerous(BINANCE, "POST", "/sapi/", post);
    all_dangerous(BINANCE, "DELETE", "/sapi/", delete);
    all_dangerous(BINANCE, "PUT", "/sapi/", put);
    all_dangerous(BINANCE, "POST", "", other);
}

static void okx_moves_no_funds_by_default(void)
{
    static const char *const post[] = {
        "asset/withdrawal", "asset/withdrawal-lightning", "asset/cancel-withdrawal",
        "fiat/create-withdrawal", "fiat/cancel-withdrawal", "asset/transfer",
        "asset/subaccount/transfer", "users/subaccount/set-transfer-out",
        "tradingBot/grid/withdraw-income", "account/move-positions",
        "account/position/margin-balance", "asset/convert/estimate-quote", "asset/convert/trade",
        "asset/convert-dust-assets", "trade/easy-convert", "trade/one-click-repay",
        "trade/one-click-repay-v2", "fiat/buy-sell/quote", "fiat/buy-sell/trade",
        "account/spot-manual-borrow-repay", "account/quick-margin-borrow-repay",
        "account/borrow-repay", "account/set-auto-loan", "account/fixed-loan/borrowing-order",
        "account/subaccount/set-loan-allocation", "finance/savings/purchase-redempt",
        "finance/staking-defi/purchase", "finance/flexible-loan/borrow", "rfq/create-rfq",
        "rfq/execute-quote", "rfq/cancel-all-rfqs", "copytrading/first-copy-settings",
        "copytrading/close-subposition", "asset/monthly-statement",
        "users/subaccount/create-subaccount", "users/subaccount/apikey",
        "users/subaccount/modify-apikey", "users/subaccount/delete-apikey",
        "users/subaccount/subaccount-apikey", "broker/nd/create-subaccount",
        "broker/nd/subaccount/apikey", "broker/dma/subaccount/apikey", "broker/anything",
        "asset/broker/nd/subaccount-deposit-address", "account/set-account-level", NULL,
    };
    static const char *const get[] = {"asset/deposit-lightning", "asset/monthly-statement", NULL};
    all_dangerous(OKX, "POST", "/api/v5/", post);
    all_dangerous(OKX, "GET", "/api/v5/", get);
}

static void kraken_moves_no_funds_by_default(void)
{
    static const char *const post[] = {
        "Withdraw", "WithdrawCancel", "WalletTransfer", "AccountTransfer", "CreateSubaccount",
        "Earn/Allocate", "Earn/Deallocate", "Stake", "Unstake", "DepositAddresses", "AddExport",
        "RetrieveExport", "RemoveExport", "CreateOtcQuoteRequest", "GetWebSocketsToken", NULL,
    };
    all_dangerous(KRAKEN, "POST", "/0/private/", post);
}

static void coinbase_moves_no_funds_by_default(void)
{
    static const char *const v3[] = {
        "portfolios/move_funds", "portfolios", "convert/quote", "convert/trade/abc",
        "cfm/sweeps/schedule", "cfm/intraday/margin_setting", "intx/allocate",
        "intx/multi_asset_collateral", NULL,
    };
    static const char *const v3_delete[] = {"portfolios/abc", "cfm/sweeps", NULL};
    static const char *const v2[] = {
        "accounts/a/transactions", "accounts/a/transactions/b/complete",
        "accounts/a/transactions/b/resend", "accounts/a/withdrawals",
        "accounts/a/withdrawals/b/commit", "accounts/a/deposits", "accounts/a/deposits/b/commit",
        "accounts/a/buys", "accounts/a/buys/b/commit", "accounts/a/sells",
        "accounts/a/sells/b/commit", "accounts/a/addresses", NULL,
    };
    static const char *const v2_put[] = {"accounts/a", "user", NULL};
    static const char *const v2_delete[] = {"accounts/a", NULL};
    all_dangerous(COINBASE, "POST", "/api/v3/brokerage/", v3);
    all_dangerous(COINBASE, "DELETE", "/api/v3/brokerage/", v3_delete);
    is_dangerous(COINBASE, "PUT", "/api/v3/brokerage/portfolios/abc");
    all_dangerous(COINBASE, "POST", "/v2/", v2);
    all_dangerous(COINBASE, "PUT", "/v2/", v2_put);
    all_dangerous(COINBASE, "DELETE", "/v2/", v2_delete);
}

struct expectation {
    const struct connector *c;
    const char *method, *path;
    enum req_class cls;
};

static const struct expectation expectations[] = {
    {BINANCE, "GET", "/api/v3/time", CLASS_PUBLIC},
    {BINANCE, "GET", "/api/v3/account", CLASS_READ},
    {BINANCE, "POST", "/api/v3/account", CLASS_UNKNOWN},
    {BINANCE, "GET", "/sapi/v1/account/apiRestrictions", CLASS_READ},
    {BINANCE, "GET", "/sapi/v1/capital/withdraw/history", CLASS_READ},
    {BINANCE, "GET", "/sapi/v1/capital/withdraw/apply", CLASS_UNKNOWN},
    {BINANCE, "POST", "/sapi/v1/capital/withdraw/apply", CLASS_WITHDRAW},
    {BINANCE, "POST", "/sapi/v1/asset/get-funding-asset", CLASS_READ},
    {BINANCE, "POST", "/api/v3/order", CLASS_TRADE},
    {BINANCE, "GET", "/api/v3/order", CLASS_READ},
    {BINANCE, "DELETE", "/api/v3/order", CLASS_CANCEL},
    {BINANCE, "PUT", "/api/v3/order", CLASS_UNKNOWN},
    {BINANCE, "PATCH", "/api/v3/order", CLASS_UNKNOWN},
    {BINANCE, "POST", "/api/v3/userDataStream", CLASS_SESSION},
    {BINANCE, "POST", "/fapi/v1/listenKey", CLASS_SESSION},
    {BINANCE, "POST", "/fapi/v1/order", CLASS_TRADE},
    {BINANCE, "POST", "/fapi/v1/leverage", CLASS_ACCOUNT},
    {BINANCE, "GET", "/fapi/v1/positionSide/dual", CLASS_READ},
    {BINANCE, "POST", "/fapi/v1/positionSide/dual", CLASS_ACCOUNT},
    {BINANCE, "GET", "/sapi/v1/nothing", CLASS_UNKNOWN},
    {BINANCE, "GET", "/", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://fapi.binance.com/fapi/v1/exchangeInfo", CLASS_PUBLIC},
    {BINANCE, "GET", "/sapi/v1/margin/allPairs", CLASS_READ},
    {BINANCE, "GET", "/sapi/v1/margin/isolated/allPairs", CLASS_READ},
    {BINANCE, "GET", "/sapi/v1/capital/config/getall", CLASS_READ},
    /* of the COIN-M futures nothing but what is public */
    {BINANCE, "GET", "https://dapi.binance.com/dapi/v1/exchangeInfo", CLASS_PUBLIC},
    {BINANCE, "GET", "/dapi/v1/exchangeInfo", CLASS_PUBLIC},
    {BINANCE, "POST", "https://dapi.binance.com/dapi/v1/exchangeInfo", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://dapi.binance.com/dapi/v1/account", CLASS_UNKNOWN},
    {BINANCE, "POST", "https://dapi.binance.com/dapi/v1/order", CLASS_UNKNOWN},
    {BINANCE, "POST", "https://dapi.binance.com/api/v3/order", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://dapi.binance.com/api/v3/account", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://dapi.binance.com/api/v3/time", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://dapi.binance.com/sapi/v1/%41", CLASS_UNKNOWN},
    {BINANCE, "GET", "https://api.binance.com/dapi/v1/exchangeInfo", CLASS_UNKNOWN},
    {OKX, "GET", "/api/v5/public/time", CLASS_PUBLIC},
    {OKX, "GET", "/api/v5/market/books", CLASS_PUBLIC},
    {OKX, "GET", "/api/v5/account/config", CLASS_READ},
    {OKX, "GET", "/api/v5/asset/currencies", CLASS_READ},
    {OKX, "GET", "/api/v5/asset/withdrawal-history", CLASS_READ},
    {OKX, "POST", "/api/v5/asset/withdrawal", CLASS_WITHDRAW},
    {OKX, "POST", "/api/v5/trade/order", CLASS_TRADE},
    {OKX, "GET", "/api/v5/trade/order", CLASS_READ},
    {OKX, "POST", "/api/v5/trade/cancel-order", CLASS_CANCEL},
    {OKX, "POST", "/api/v5/account/set-leverage", CLASS_ACCOUNT},
    {OKX, "GET", "/api/v5/users/subaccount/apikey", CLASS_KEYS},
    {OKX, "DELETE", "/api/v5/trade/order", CLASS_UNKNOWN},
    {KRAKEN, "GET", "/0/public/Time", CLASS_PUBLIC},
    {KRAKEN, "GET", "/0/public/Assets", CLASS_PUBLIC},
    {KRAKEN, "POST", "/0/private/Balance", CLASS_READ},
    {KRAKEN, "GET", "/0/private/Balance", CLASS_UNKNOWN},
    {KRAKEN, "POST", "/0/private/WithdrawInfo", CLASS_READ},
    {KRAKEN, "POST", "/0/private/AddOrder", CLASS_TRADE},
    {KRAKEN, "POST", "/0/private/CancelAll", CLASS_CANCEL},
    {COINBASE, "GET", "/api/v3/brokerage/time", CLASS_PUBLIC},
    {COINBASE, "GET", "/api/v3/brokerage/products", CLASS_READ},
    {COINBASE, "GET", "/v2/accounts?limit=100", CLASS_READ},
    {COINBASE, "GET", "/v2/currencies", CLASS_PUBLIC},
    {COINBASE, "GET", "/v2/currencies/crypto", CLASS_PUBLIC},
    {COINBASE, "GET", "/v2/exchange-rates", CLASS_PUBLIC},
    {COINBASE, "GET", "/api/v3/brokerage/key_permissions", CLASS_READ},
    {COINBASE, "GET", "/api/v3/brokerage/orders/historical/batch", CLASS_READ},
    {COINBASE, "GET", "/api/v3/brokerage/orders/historical/%252e", CLASS_UNKNOWN},
    {COINBASE, "GET", "/api/v3/brokerage/orders/historical/a/b", CLASS_UNKNOWN},
    {COINBASE, "POST", "/api/v3/brokerage/orders", CLASS_TRADE},
    {COINBASE, "POST", "/api/v3/brokerage/orders/batch_cancel", CLASS_CANCEL},
    {COINBASE, "POST", "/v2/accounts/x/transactions", CLASS_WITHDRAW},
    {COINBASE, "GET", "/v2/accounts/x/transactions", CLASS_READ},
};

static void classes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(expectations); i++) {
        const struct expectation *x = &expectations[i];
        enum req_class got = classify(x->c, x->method, x->path);
        harness_ok(got == x->cls, __FILE__, __LINE__, "%s %s: got %s, want %s", x->method, x->path,
                   class_name(got), class_name(x->cls));
    }
}

static enum req_class with_params(const char *method, const char *url, const char *body)
{
    struct call call = {.conn = BINANCE};
    struct err e;
    if (!OK_CALL(target_parse(bytes_str(url), false, &call, &e), &e))
        return CLASS_UNKNOWN;
    call.method = bytes_str(method);
    call.body = bytes_str(body);
    return connector_classify(&call);
}

struct lent {
    const char *method, *url, *body;
    enum req_class cls;
};

/* The signature covers the parameters only: it must not be had at a harmless path. */
static const struct lent lent[] = {
    {"GET", "/api/v3/account?coin=USDT&address=0x1&amount=5", "", CLASS_WITHDRAW},
    {"POST", "/api/v3/order/test?coin=USDT&address=0x1", "amount=5", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=USDT&address=0x1&am", "ount=5", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&address=0x1&am", "signature=x&ount=5", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?timestamp=1&coin=U&address=0x1&am", "timestamp=2&ount=5",
     CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&ad%64ress=0x1&%61mount=5", "", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&addres%73=0x1&amoun%74=5", "", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&address=0x1&x=1amount=5", "", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&address=0x1&x=1", "amount=5", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?coin=U&address=0x1&x=amount&totalAmount=1", "", CLASS_READ},
    {"GET", "/api/v3/account?coin=U;address=0x1;amount=5", "", CLASS_WITHDRAW},
    {"DELETE", "/api/v3/openOrders", "coin=U&address=0x1&amount=5", CLASS_WITHDRAW},
    {"GET", "/api/v3/account?type=MAIN_UMFUTURE&asset=USDT&amount=5", "", CLASS_TRANSFER},
    {"GET", "/sapi/v1/simple-earn/flexible/subscriptionPreview?productId=1&amount=5", "",
     CLASS_TRANSFER},
    {"GET", "/api/v3/account?fromAsset=A&toAsset=B&fromAmount=5", "", CLASS_TRANSFER},
    {"GET", "/api/v3/account?email=a&canTrade=true", "", CLASS_KEYS},
    {"GET", "/api/v3/account?apiName=a&coin=U&address=0x1&amount=5", "", CLASS_UNKNOWN},
    {"POST", "/sapi/v1/margin/apiKey?apiName=a&coin=U&address=0x1&amount=5", "", CLASS_UNKNOWN},
    {"POST", "/sapi/v1/asset/transfer?asset=U&coin=U&address=0x1&amount=5", "", CLASS_UNKNOWN},
    {"POST", "/fapi/v1/leverage?symbol=X&leverage=1&asset=U&amount=5", "", CLASS_UNKNOWN},
    {"POST", "/sapi/v1/nothing?coin=U&address=0x1&amount=5", "", CLASS_UNKNOWN},
    {"GET", "/fapi/v3/account?symbol=X&leverage=100", "", CLASS_ACCOUNT},
    {"GET", "/api/v3/account?symbol=X&side=BUY&type=MARKET&quantity=1", "", CLASS_TRADE},
    {"DELETE", "/api/v3/openOrders?symbol=X&side=BUY&quantity=1", "", CLASS_TRADE},
    /* what belongs there keeps its class */
    {"POST", "/api/v3/order", "symbol=X&side=BUY&type=MARKET&quantity=1", CLASS_TRADE},
    {"GET", "/api/v3/myTrades?symbol=X&fromId=1&recvWindow=5000", "", CLASS_READ},
    {"GET", "/api/v3/time?amount=1&asset=U", "", CLASS_PUBLIC},
    {"GET", "/sapi/v1/algo/spot/historicalOrders?symbol=X&side=BUY", "", CLASS_READ},
    {"GET", "/sapi/v1/convert/orderStatus?quoteId=1", "", CLASS_READ},
    {"POST", "/fapi/v1/positionMargin?symbol=X&amount=5&type=1", "", CLASS_ACCOUNT},
    {"POST", "/sapi/v1/asset/transfer?type=A&asset=U&amount=5", "", CLASS_TRANSFER},
    {"POST", "/sapi/v1/capital/withdraw/apply", "coin=U&address=0x1&amount=5", CLASS_WITHDRAW},
    {"POST", "/sapi/v1/margin/apiKey?apiName=a&ip=1.2.3.4", "", CLASS_KEYS},
};

static void binance_lends_no_signature(void)
{
    for (size_t i = 0; i < ARRAY_LEN(lent); i++) {
        const struct lent *x = &lent[i];
        enum req_class got = with_params(x->method, x->url, x->body);
        harness_ok(got == x->cls, __FILE__, __LINE__, "%s %s %s: got %s, want %s", x->method,
                   x->url, x->body, class_name(got), class_name(x->cls));
    }
}

/* The path alone, whatever the parameters; and both agree where nothing raises. */
static void path_class_knows_no_parameters(void)
{
    struct call call = {.conn = BINANCE, .method = BYTES_LIT("GET")};
    struct err e;

    OK_CALL(target_parse(BYTES_LIT("/api/v3/account?amount=1&address=x"), false, &call, &e), &e);
    EQ_INT(connector_path_class(&call), CLASS_READ);
    EQ_INT(connector_classify(&call), CLASS_WITHDRAW);
    OK_CALL(target_parse(BYTES_LIT("/api/v3/no/such"), false, &call, &e), &e);
    EQ_INT(connector_path_class(&call), CLASS_UNKNOWN);
    call = (struct call){.conn = KRAKEN, .method = BYTES_LIT("POST")};
    OK_CALL(target_parse(BYTES_LIT("/0/private/AddOrder"), false, &call, &e), &e);
    EQ_INT(connector_path_class(&call), CLASS_TRADE);
    EQ_INT(connector_classify(&call), CLASS_TRADE);
}

int main(void)
{
    RUN(classes);
    RUN(binance_lends_no_signature);
    RUN(binance_moves_no_funds_by_default);
    RUN(okx_moves_no_funds_by_default);
    RUN(kraken_moves_no_funds_by_default);
    RUN(coinbase_moves_no_funds_by_default);
    RUN(path_class_knows_no_parameters);
    return harness_end();
}
