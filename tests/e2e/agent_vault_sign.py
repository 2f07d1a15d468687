#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""Signatures in a client's hand: only of keys whose owner released them, with the agent's clock or one
near it, short windows, nonces of the agent's own, the same limits as at the proxy"""
import json
import time
import urllib.parse

import lib
from agent_kit import AgentError, wait_for
from agent_load import Bots
from agent_world import READ, once

EXCHANGES = ("binance", "okx", "kraken", "coinbase")
ACCOUNT = {"method": "GET", "url": "/api/v3/account"}
the_world, close = once(*EXCHANGES)


def world():
    w = the_world()
    if "free" not in w.keys:
        for name, exchange in (("free", "binance"), ("krak", "kraken"), ("coin", "coinbase"),
                               ("ok", "okx")):
            w.add(name, exchange, "--release", "yes", "--allow", "session")
    return w


def sign(w, name, op="sign", **request):
    return w.a.ask(op, name=name, request=request)


def refused(w, code, *words, name="free", op="sign", **request):
    try:
        r = sign(w, name, op, **request)
    except AgentError as e:
        assert e.error["code"] == code, e.error
        for word in words:
            assert word in json.dumps(e.error), (word, e.error)
        return
    raise AssertionError(f"signed: {r}")


def query(result):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(result["url"]).query))


def now():
    return int(time.time() * 1000)


def test_not_released():
    """release off: sign and sign_ws are refused for each exchange, and the secret is not even opened"""
    w = world()
    before = w.a.ask("status")["held"]
    for e in EXCHANGES:
        method, path = READ[e]
        refused(w, "policy", "gives no signatures", name=e, method=method, url=path)
        refused(w, "usage" if e == "kraken" else "policy", name=e, op="sign_ws")
    assert w.a.ask("status")["held"] == before
    refused(w, "not_found", name="nobody", **ACCOUNT)


def test_clock():
    """a clock at most 1 s ahead and 5 s behind, of no other kind; without one the agent's"""
    w = world()
    for off in (-4500, -1000, 0, 700):
        at = now() + off
        got = query(sign(w, "free", **ACCOUNT, clock={"timestamp_ms": at}))
        assert got["timestamp"] == str(at), got
    for off in (-60000, -5500, 1500, 60000, 10**9):
        refused(w, "policy", **ACCOUNT, clock={"timestamp_ms": now() + off})
    for bad in ({"timestamp_ms": "now"}, {"timestamp_ms": -1}, {"timestamp_ms": 1.5},
                {"nonce": 1}, {"uuid": "x"}, {"random_hex16": "00"}, []):
        refused(w, "usage", **ACCOUNT, clock=bad)
    got = query(sign(w, "free", **ACCOUNT))
    assert abs(int(got["timestamp"]) - now()) < 2000, got


def test_clock_in_request():
    """a timestamp in the request itself is not a way round"""
    w = world()
    for url in (f"/api/v3/account?timestamp={now() + 60000}",
                f"/api/v3/account?timestamp={now() - 60000}"):
        try:
            got = query(sign(w, "free", method="GET", url=url))
        except AgentError as e:
            assert e.error["code"] in ("policy", "usage"), e.error
            continue
        assert abs(int(got["timestamp"]) - now()) < 6000, got
    url = "/api/v3/account?timestamp=1&timestamp=99999999999999"
    try:
        got = sign(w, "free", method="GET", url=url)
        assert got["url"].count("timestamp=") == 1 and "9999999999" not in got["url"], got
    except AgentError as e:
        assert e.error["code"] in ("policy", "usage"), e.error


def test_windows():
    """receive windows: longer ones become 5 s, shorter ones stay"""
    w = world()
    for asked, given in (("60000", 5000), ("5000", 5000), ("1500", 1500), ("5000.5", 5000)):
        got = query(sign(w, "free", method="GET", url=f"/api/v3/account?recvWindow={asked}"))
        assert float(got["recvWindow"]) <= given, got
        assert given == 5000 or float(got["recvWindow"]) == given, got
    body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&recvWindow=60000"
    got = sign(w, "free", method="POST", url="/api/v3/order", body=body,
               headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert "60000" not in got["body"] + got["url"], got


def test_classes():
    """what is no class of the key stays refused, released or not"""
    w = world()
    for method, url, body in (("POST", "/sapi/v1/capital/withdraw/apply", "coin=BTC"),
                              ("POST", "/sapi/v1/asset/transfer", "type=MAIN_UMFUTURE"),
                              ("POST", "/sapi/v1/sub-account/universalTransfer", "")):
        refused(w, "policy", method=method, url=url, body=body)
    refused(w, "policy", name="krak", method="POST", url="/0/private/Withdraw", body="asset=XBT")
    for url in ("https://evil.example/api/v3/account", "http://api.binance.com/api/v3/account",
                "https://api.binance.com@evil.example/", "https://www.okx.com/api/v3/account",
                "//evil.example/api/v3/account", "/api/v3/../sapi/v1/account", ""):
        try:
            r = sign(w, "free", method="GET", url=url)
        except AgentError as e:
            assert e.error["code"] in ("policy", "usage"), e.error
            continue
        raise AssertionError(f"signed: {r}")


def test_nonces():
    """Kraken: nonces rise across sign, a restart of the core, and the proxy"""
    w = world()
    seen = []

    def one():
        got = sign(w, "krak", method="POST", url="/0/private/Balance", body="")
        seen.append(int(dict(urllib.parse.parse_qsl(got["body"]))["nonce"]))
    for _ in range(5):
        one()
    one_of_mine = sign(w, "krak", method="POST", url="/0/private/Balance",
                       body="nonce=99999999999999999")
    assert "99999999999999999" not in one_of_mine["body"], one_of_mine
    w.kill(w.a.core)
    wait_for("an answer", w.a.is_answering)
    wait_for("unlocked", w.a.is_unlocked)
    for _ in range(5):
        one()
    assert seen == sorted(set(seen)), seen


def test_sign_ws():
    """logins for WebSockets: a short life, no clock of the client's"""
    w = world()
    for name in ("free", "krak", "coin", "ok"):
        if name == "krak":
            refused(w, "usage", "no signed WebSocket login", name=name, op="sign_ws")
            continue
        got = sign(w, name, "sign_ws")
        assert set(got) >= {"url", "headers", "message", "covers"}, got
        text = json.dumps(got)
        lib.no_secret(text, w.keys[name].secret)
    for name in ("free", "coin", "ok"):
        for off in (-60000, 1500, 60000):
            refused(w, "policy", name=name, op="sign_ws", clock={"timestamp_ms": now() + off})


def test_covers():
    """each answer says what the signature holds fast"""
    w = world()
    for name, method, url in (("free", "GET", "/api/v3/account"),
                              ("ok", "GET", "/api/v5/account/balance"),
                              ("krak", "POST", "/0/private/Balance"),
                              ("coin", "GET", "/api/v3/brokerage/accounts")):
        got = sign(w, name, method=method, url=url)
        assert len(got["covers"]) > 10, got


def test_taken():
    """what is signed is good at the exchange, under load of other clients too"""
    w = world()
    from exchange.client import Client      # pylint: disable=import-outside-toplevel
    exchange = Client(w.x)
    with Bots(w, ("free", 4)) as bots:
        for _ in range(10):
            got = sign(w, "free", **ACCOUNT)
            r = exchange.send("GET", "api.binance.com", path_of(got["url"]), got["headers"])
            assert r.status == 200, r
        bots.all_good(10)


def path_of(url):
    u = urllib.parse.urlsplit(url)
    return f"{u.path}?{u.query}"


def test_locked():
    """locked: sign needs a person, though the key was held"""
    w = world()
    sign(w, "free", **ACCOUNT)
    w.h.ok("lock", pin=False)
    refused(w, "person", "coffer unlock", **ACCOUNT)
    w.h.ok("unlock")
    sign(w, "free", **ACCOUNT)
    w.h.ok("policy", "free", "--release", "no")
    refused(w, "policy", **ACCOUNT)
    w.h.ok("policy", "free", "--release", "yes")
    sign(w, "free", **ACCOUNT)


def the_end():
    """the agent ends, nothing was sent twice"""
    close()


try:
    lib.main([test_not_released, test_clock, test_clock_in_request, test_windows, test_classes,
              test_nonces, test_sign_ws, test_covers, test_taken, test_locked, the_end])
finally:
    close(RuntimeError)
