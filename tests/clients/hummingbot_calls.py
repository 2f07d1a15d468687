# SPDX-License-Identifier: Apache-2.0
"""Run by hummingbot_rest.py in a Python that has aiohttp: requests as Hummingbot's connectors for Binance,
OKX and Kraken make them (parameters as params or data, authentication added before the connection's
call), signed with the dummy secret, on a stand-in of its connection (standin/), which
clients/hummingbot patches as it patches Hummingbot's: at its import. Prints {"name": [status, body]} as JSON."""
import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import os
import time
import urllib.parse

import aiohttp
from hummingbot.core.web_assistant.connections.rest_connection import RESTConnection

SECRET, PASSWORD = "Y29mZmVyLWR1bW15LWtl", "coffer"
KEYS = json.loads(os.environ.get("HB_KEYS", "{}"))       # the dummy API keys, with bearers over TCP


def key(name):
    return KEYS.get(name, "coffer_" + name)


class RESTRequest:
    def __init__(self, method, url, params=None, data=None, headers=None, is_auth_required=False):
        self.method, self.url, self.params, self.data = method, url, params, data
        self.headers, self.is_auth_required = headers or {}, is_auth_required


def binance(name, method, path, params, host="https://api.binance.com"):
    """Parameters go as params with GET and DELETE, as data with POST; the content type is left as
    the assistant sets it, which is JSON for a POST though the body is a form."""
    params = {**params, "timestamp": int(time.time() * 1e3)}
    text = urllib.parse.urlencode(params)
    params["signature"] = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"X-MBX-APIKEY": key(name)}
    if method == "POST":
        headers["Content-Type"] = "application/json"
        return RESTRequest(method, host + path, data=urllib.parse.urlencode(params), headers=headers,
                           is_auth_required=True)
    return RESTRequest(method, host + path, params=params, headers=headers, is_auth_required=True)


def okx(name, method, path, params):
    stamp = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    stamp = stamp.replace("+00:00", "Z")
    body = json.dumps(params) if method == "POST" else ""
    query = "?" + urllib.parse.urlencode(params) if method == "GET" and params else ""
    sign = hmac.new(SECRET.encode(), (stamp + method + path + query + body).encode(),
                    hashlib.sha256).digest()
    headers = {"OK-ACCESS-KEY": key(name), "OK-ACCESS-SIGN": base64.b64encode(sign).decode(),
               "OK-ACCESS-TIMESTAMP": stamp, "OK-ACCESS-PASSPHRASE": PASSWORD,
               "Content-Type": "application/json"}
    return RESTRequest(method, "https://www.okx.com" + path, data=body or None, headers=headers,
                       params=params if method == "GET" else None, is_auth_required=True)


def kraken(name, path, params):
    """The nonce in seconds, as Hummingbot has it."""
    params = {"nonce": str(int(time.time())), **params}
    text = urllib.parse.urlencode(params)
    inner = path.encode() + hashlib.sha256((params["nonce"] + text).encode()).digest()
    sign = hmac.new(base64.b64decode(SECRET), inner, hashlib.sha512).digest()
    headers = {"API-Key": key(name), "API-Sign": base64.b64encode(sign).decode(),
               "Content-Type": "application/x-www-form-urlencoded"}
    return RESTRequest("POST", "https://api.kraken.com" + path, data=text, headers=headers,
                       is_auth_required=True)


ODD = "x-HBOT a+b=c&d/é"     # an id that a careless encoder would spoil


async def main():
    out = {}
    async with aiohttp.ClientSession() as session:
        connection = RESTConnection(session)

        async def ask(what, request):
            reply = await connection.call(request)
            text = await reply.text()
            out[what] = [reply.status, json.loads(text) if text[:1] in "{[" else text]
            return out[what][1]

        b, o, k = "binance-main", "okx-main", "kraken-main"
        await ask("binance account", binance(b, "GET", "/api/v3/account", {}))
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001",
                 "price": "50000", "timeInForce": "GTC", "newClientOrderId": "x-HBOT-1"}
        await ask("binance order", binance(b, "POST", "/api/v3/order", order))
        await ask("binance cancel", binance(b, "DELETE", "/api/v3/order", {
            "symbol": "BTCUSDT", "origClientOrderId": "x-HBOT-1"}))
        await ask("binance odd id", binance(b, "DELETE", "/api/v3/order", {
            "symbol": "BTCUSDT", "origClientOrderId": ODD}))
        await ask("okx balance", okx(o, "GET", "/api/v5/account/balance", {"ccy": "BTC"}))
        placed = await ask("okx order", okx(o, "POST", "/api/v5/trade/order", {
            "instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.001",
            "px": "50000"}))
        await ask("okx cancel", okx(o, "POST", "/api/v5/trade/cancel-order", {
            "instId": "BTC-USDT", "ordId": placed["data"][0]["ordId"]}))
        for i in range(3):      # within one second: the nonces that Hummingbot made would be equal
            await ask(f"kraken balance {i}", kraken(k, "/0/private/Balance", {}))
        await ask("refused", binance(b, "POST", "/sapi/v1/capital/withdraw/apply", {
            "coin": "BTC", "amount": "1"}))
    print(json.dumps(out))


asyncio.run(main())
