# SPDX-License-Identifier: Apache-2.0
"""What a trading library asks for before its first order: lists of coins, networks, fees and other
markets. Answered with the form that the exchanges document and as little as a library takes."""
from .common import as_json
from .market import PRICES, QUOTES, plain


def okx(*rows):
    return as_json({"code": "0", "data": list(rows), "msg": ""})


def kraken(result):
    return as_json({"error": [], "result": result})


def empty(_):
    return as_json([])


def okx_currencies(_):
    return okx(*({"ccy": a, "name": a, "chain": f"{a}-{a}", "canDep": True, "canWd": True,
                  "canInternal": True, "minWd": "0.001", "maxWd": "500", "minFee": "0.0001",
                  "maxFee": "0.0004", "wdTickSz": "8", "mainNet": True, "logoLink": ""}
                 for a in (*PRICES, *QUOTES)))


def kraken_assets(_):
    # the same names as in AssetPairs and Balance
    from .kraken import asset_name  # pylint: disable=import-outside-toplevel,cyclic-import
    return kraken({asset_name(a): {"aclass": "currency", "altname": {"BTC": "XBT"}.get(a, a),
                                   "decimals": 10, "display_decimals": 5, "status": "enabled"}
                   for a in (*PRICES, *QUOTES)})


def coinbase_crypto(_):
    return as_json({"data": [{"code": a, "name": a, "color": "#000000", "sort_index": 1, "exponent": 8,
                              "type": "crypto", "address_regex": "", "asset_id": a.lower()}
                             for a in PRICES]})


def coinbase_fiat(_):
    return as_json({"data": [{"id": a, "name": a, "min_size": "0.01"} for a in ("USD", "EUR")]})


def coinbase_rates(_):
    return as_json({"data": {"currency": "USD", "rates": {"USD": "1.0"}}})


def coinbase_fees(_):
    return as_json({"total_volume": 0, "total_fees": 0, "fee_tier": {
        "pricing_tier": "", "usd_from": "0", "usd_to": "1000", "taker_fee_rate": "0.006",
        "maker_fee_rate": "0.004"}})


def binance_coins(_):
    return as_json([{"coin": a, "name": a, "free": "0", "locked": "0", "isLegalMoney": False,
                     "trading": True, "depositAllEnable": True, "withdrawAllEnable": True,
                     "networkList": []} for a in (*PRICES, *QUOTES)])


def binance_time(call):
    return as_json({"serverTime": call.now_ms})


def binance_other_info(call):
    return as_json({"timezone": "UTC", "serverTime": call.now_ms, "rateLimits": [],
                    "exchangeFilters": [], "assets": [], "symbols": []})


def of(exchange, is_public):
    """{(method, path): action}, or with the right that it takes: {(method, path): (right, action)}."""
    return {at: action if is_public else (right, action)
            for at, (right, action) in LISTS[exchange].items() if (right is None) == is_public}


def coinbase_wallets(call):
    return as_json({"pagination": {"next_uri": None, "next_starting_after": None}, "data": [
        {"id": a, "name": a + " Wallet", "primary": False, "type": "wallet",
         "currency": {"code": a, "name": a}, "balance": {"amount": plain(free), "currency": a}}
        for a, free, _ in call.book().rows()]})


# exchange: {(method, path): (right of the key or None for public, what it does)}
LISTS = {
    "binance": {("GET", "/sapi/v1/margin/allPairs"): ("read", empty),
                ("GET", "/sapi/v1/margin/isolated/allPairs"): ("read", empty),
                ("GET", "/sapi/v1/capital/config/getall"): ("read", binance_coins),
                ("GET", "/fapi/v1/exchangeInfo"): (None, binance_other_info),
                ("GET", "/dapi/v1/exchangeInfo"): (None, binance_other_info),
                ("GET", "/dapi/v1/time"): (None, binance_time)},
    "okx": {("GET", "/api/v5/asset/currencies"): ("read", okx_currencies)},
    "kraken": {("GET", "/0/public/Assets"): (None, kraken_assets)},
    "coinbase": {("GET", "/v2/currencies"): (None, coinbase_fiat),
                 ("GET", "/v2/currencies/crypto"): (None, coinbase_crypto),
                 ("GET", "/v2/exchange-rates"): (None, coinbase_rates),
                 ("GET", "/v2/accounts"): ("read", coinbase_wallets),
                 ("GET", "/api/v3/brokerage/transaction_summary"): ("read", coinbase_fees)},
}
