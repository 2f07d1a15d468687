# SPDX-License-Identifier: Apache-2.0
"""For the tests of the simulated exchange itself: a world for each test, and the same few calls at
each of the four."""
import functools
import json

from exchange import Exchange
from exchange.client import Client
from exchange.switches import RIGHTS_AT

CB = "/api/v3/brokerage/"
RIGHTS = "/sapi/v1/account/apiRestrictions"
GONE = {"binance": (401, "-2008"), "okx": (200, "50119"), "kraken": (200, "EAPI:Invalid key"),
        "coinbase_advanced_trade": (401, "Unauthorized")}
READ = {"binance": "/api/v3/account", "okx": "/api/v5/account/balance",
        "kraken": "/0/private/BalanceEx", "coinbase_advanced_trade": CB + "accounts"}
BUY = {"binance": {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001",
                   "price": "31000"},
       "okx": {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "post_only",
               "px": "31000", "sz": "0.001"},
       "kraken": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001",
                  "price": "31000", "oflags": "post"},
       "coinbase_advanced_trade": {"client_order_id": "1", "product_id": "BTC-USD", "side": "BUY",
                                   "order_configuration": {"limit_limit_gtc": {
                                       "base_size": "0.001", "limit_price": "31000",
                                       "post_only": True}}}}
ORDER = {"binance": "/api/v3/order", "okx": "/api/v5/trade/order",
         "kraken": "/0/private/AddOrder", "coinbase_advanced_trade": CB + "orders"}


def world(test):
    """Gives the test an exchange of its own and a client."""
    @functools.wraps(test)
    def run():
        with Exchange() as x:
            return test(x, Client(x))
    return run


def verb(key):
    return "POST" if key.exchange == "kraken" else "GET"


def rights(c, key, **more):
    return c.call(key, verb(key), RIGHTS_AT[key.exchange], **more)


def read(c, key, **more):
    return c.call(key, verb(key), READ[key.exchange], **more)


def place(c, key, **change):
    """Buys 0.001 BTC at 31000, or with something changed."""
    params = json.loads(json.dumps(BUY[key.exchange]))
    inner = params.get("order_configuration", {}).get("limit_limit_gtc", {})
    for name, value in change.items():
        (inner if name in inner else params)[name] = value
    return c.call(key, "POST", ORDER[key.exchange], params)


def says(answer, status, text):
    assert answer.status == status and text in answer.body.decode(), answer


def every(x, **more):
    return [x.key(e, **more) for e in READ]
