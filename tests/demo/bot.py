#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trading bot without a secret: all that it knows is a URL, which it got from `coffer run`. It
places an order, sees it among the open ones, and cancels it; then it tries to withdraw."""
import json
import os
import urllib.error
import urllib.request

PROXY = os.environ["COFFER_PROXY_URL"]      # http://127.0.0.1:PORT/NAME~BEARER/
EXCHANGE = "https://api.binance.com"


def ask(method, path, params=""):
    url = PROXY + EXCHANGE + path
    if method == "POST":
        request = urllib.request.Request(url, data=params.encode(), method=method)
    else:
        request = urllib.request.Request(f"{url}?{params}", method=method)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


order = ask("POST", "/api/v3/order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000")
print("placed   ", order["orderId"], order["side"], order["origQty"], order["symbol"], order["status"])
print("open     ", [o["orderId"] for o in ask("GET", "/api/v3/openOrders", "symbol=BTCUSDT")])
gone = ask("DELETE", "/api/v3/order", f"symbol=BTCUSDT&orderId={order['orderId']}")
print("cancelled", gone["orderId"], gone["status"])
try:
    ask("POST", "/sapi/v1/capital/withdraw/apply", "coin=BTC&amount=1&address=mine")
except urllib.error.HTTPError as e:
    print("withdraw ", e.code, e.read().decode().splitlines()[0])
print("secrets  ", [n for n, v in os.environ.items() if "SECRET" in n and "COFFER" not in n] or "none here")
