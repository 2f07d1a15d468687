#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""The simulated exchange itself: what it takes and what it refuses, and how. Requests are signed by
tests/exchange/client.py, which shares no code with the exchange, and by the clients whose requests
are in tests/vectors."""
import json
import os
import re
import subprocess
import sys
import time
from decimal import Decimal

import lib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(lib.ROOT, "tests"))

# pylint: disable=wrong-import-position
from exchange.hosts import HOSTS  # noqa: E402
from exchange.selfkit import (BUY, CB, GONE, ORDER, READ, RIGHTS, every, place, read,  # noqa: E402
                              rights, says, world)
from exchange.switches import RIGHTS_AT  # noqa: E402


@world
def starts_quickly(x, c):
    """starts at once, and answers the time under every host name"""
    begin = time.time()
    with lib.exchange():
        assert time.time() - begin < 2
    paths = {"binance": "/api/v3/time", "okx": "/api/v5/public/time", "kraken":
             "/0/public/Time", "coinbase_advanced_trade": CB + "time"}
    for host, site in HOSTS.items():
        path = {"futures": "/fapi/v1/time", "delivery": "/dapi/v1/time"}.get(
            site.part, paths[site.exchange])
        want = 404 if host == "api-sandbox.coinbase.com" else 200
        assert c.send("GET", host, path).status == want, host
        entry = x.log[-1]
        assert (entry.host, entry.path, entry.exchange) == (host, path, site.exchange), entry


@world
def unknown_host(x, c):
    """a host that is none of them, or another than the handshake named, gets 421 and is noted"""
    assert c.send("GET", "evil.example", "/", sni="api.binance.com").status == 421
    says(c.send("GET", "www.okx.com", "/api/v5/public/time", sni="api.kraken.com"), 421, "")
    assert [e.status for e in x.log] == [421, 421] and x.log[0].host == "evil.example"
    assert c.send("GET", "api.kraken.com", "/0/public/Nothing").status == 404
    for host in ("api.binance.com", "testnet.binance.vision", "www.okx.com", "api.coinbase.com"):
        assert c.send("GET", host, "/nothing/here").status == 404


@world
def signed_calls(x, c):
    """signed calls with every key type, and rights as the key has them"""
    for key_type in ("hmac", "rsa", "ed25519"):
        k = x.key("binance", key_type=key_type, futures=True)
        got = rights(c, k).json
        assert got["enableReading"] is got["enableFutures"] is got["ipRestrict"] is True
        assert got["enableWithdrawals"] is False and x.log[-1].ok and x.log[-1].key is k
        k.withdraw, k.ip = True, None
        got = rights(c, k).json
        assert got["enableWithdrawals"] is True and got["ipRestrict"] is False
    assert c.call(k, "GET", "/api/v3/account").json["canWithdraw"] is True
    for region in ("www", "app", "my"):
        k = x.key("okx", region=region, withdraw=True)
        assert set(rights(c, k).json["data"][0]["perm"].split(",")) == \
            {"read_only", "trade", "withdraw"}
    k = x.key("kraken", withdraw=True, expires_ms=2_000_000_000_000)
    got = rights(c, k).json["result"]
    assert "withdraw-funds" in got["permissions"] and got["valid_until"] == "2000000000"
    for key_type in ("p256", "ed25519"):
        k = x.key("coinbase", key_type=key_type)
        assert rights(c, k).json["can_transfer"] is False
        k.transfer = True
        assert rights(c, k).json["can_transfer"] is True
    for env in ("test", "demo"):
        k = x.key("binance", env=env)
        assert read(c, k).status == 200 and rights(c, k).status == 404
    says(rights(c, x.key("okx", env="demo")), 200, '"code":"0"')


@world
def wrong_signatures(x, c):
    """a signature by another secret, a body that was changed, a request without one"""
    other = {k.exchange: k.secret for k in every(x)}
    want = {"binance": (400, "-1022"), "okx": (401, "50113"),
            "kraken": (200, "EAPI:Invalid signature"),
            "coinbase_advanced_trade": (401, "Unauthorized")}
    for k in every(x):
        says(rights(c, k, secret=other[k.exchange]), *want[k.exchange])
        assert x.log[-1].ok is False and x.log[-1].key is k
    k = x.key("binance")
    target, headers, _ = c.binance(k, k.secret, "POST", ORDER["binance"], BUY["binance"], "")
    says(c.send("POST", "api.binance.com", target.replace("=31000", "=31001"), headers), 400,
         "-1022")
    says(c.send("GET", "api.binance.com", RIGHTS + "?timestamp=1", headers), 400, "-1021")
    says(c.send("GET", "api.binance.com", RIGHTS, headers), 400, "-1102")
    says(c.send("GET", "api.binance.com", RIGHTS), 401, "-2014")
    says(c.send("GET", "www.okx.com", RIGHTS_AT["okx"]), 401, "50103")
    says(c.send("GET", "api.coinbase.com", CB + "accounts"), 401, "Unauthorized")
    assert not x.orders()


@world
def vectors(x, c):
    """requests that real clients signed hold at the clock of then, and damaged do not"""
    held = 0
    for name in ("binance", "okx", "kraken", "coinbase"):
        for case in lib.vectors(name).values():
            s = case.get("signed")
            if not s or case["use_for"] == "divergence" or case.get("kind") or \
                    case["feature"] == "legacy_hmac" or case.get("signature_rule") not in \
                    (None, "wire", "any"):
                continue
            fields = {n: v for n, v in case["credentials"].items() if v}
            key_type = "hmac" if name != "coinbase" else "p256"
            x.key(name, fields=fields, key_type=key_type, withdraw=False)
            x.clock_ms = 0
            x.clock_ms = case["clock"]["timestamp_ms"] - x.now_ms()
            host, target = re.match("https://([^/]+)(.*)", s["url"]).groups()
            for damage in (False, True):
                headers = {n: v.replace("a", "b").replace("A", "B") if damage else v
                           for n, v in s["headers"].items()}
                c.send(s["method"], host, target, headers, s["body"] or "")
                entry = x.log[-1]
                if not damage and entry.ok is not None:
                    held += 1
                    assert entry.ok, f"{case['id']}: {entry.why}"
                assert not damage or not entry.ok, case["id"]
    assert held >= 55, held
    assert not x.withdrawals()


@world
def clocks(x, c):
    """the clock is the exchange's: time calls show it, stamps outside the window are refused"""
    k, o, cb = x.key("binance"), x.key("okx"), x.key("coinbase")
    for skew, want in ((900, 200), (1500, 400), (-4500, 200), (-5500, 400)):
        c.skew_ms = skew
        assert read(c, k).status == want, skew
    c.skew_ms, x.clock_ms = 0, 40_000
    shown = c.send("GET", "api.binance.com", "/api/v3/time").json["serverTime"]
    assert abs(shown - time.time() * 1000 - 40_000) < 2000
    says(read(c, o), 401, "50102")
    assert read(c, cb).status == 200
    x.clock_ms = 130_000
    says(read(c, cb), 401, "Unauthorized")
    x.clock_ms = -30_000
    says(read(c, cb), 401, "Unauthorized")
    says(c.call(k, "GET", READ["binance"], {"recvWindow": "60001"}), 400, "-1131")


@world
def nonces(x, c):
    """Kraken's nonces rise strictly, each key on its own"""
    k, other = x.key("kraken"), x.key("kraken")
    for nonce, text in ((10, '"error":[]'), (10, "EAPI:Invalid nonce"), (9, "Invalid nonce"),
                        (11, '"error":[]'), (1 << 64, "Invalid nonce")):
        says(c.call(k, "POST", READ["kraken"], {"nonce": nonce}), 200, text)
    says(c.call(other, "POST", READ["kraken"], {"nonce": 1}), 200, '"error":[]')
    assert (k.nonce, other.nonce) == (11, 1)


@world
def refused_keys(x, c):
    """unknown, deleted, expired, from a foreign address, of another environment or region"""
    for k in every(x):
        says(read(c, k), 200, "")
        k.delete()
        says(read(c, k), *GONE[k.exchange])
    x.ambiguous = True
    says(read(c, x.keys[next(n for n in x.keys if n[0] == "binance")]), 401, "-2015")
    x.ambiguous = False
    foreign = {**GONE, "binance": (401, "-2015"), "okx": (401, "50110")}
    for k in every(x, ip=["203.0.113.7"]):
        says(read(c, k), *foreign[k.exchange])
        k.ip = ["127.0.0.0/8"]
        assert read(c, k).status == 200
    says(read(c, x.key("binance"), host="testnet.binance.vision"), 401, "-2008")
    says(read(c, x.key("okx", region="my"), host="www.okx.com"), 200, "50119")
    k = x.key("okx", env="demo")
    k.env = "live"
    target, headers, _ = c.okx(k, k.secret, "GET", READ["okx"], None, "")
    says(c.send("GET", "www.okx.com", target, {**headers, "x-simulated-trading": "1"}), 401,
         "50101")
    over = {**GONE, "binance": (401, "-2015"), "kraken": (200, "EAPI:Feature disabled")}
    for k in every(x, expires_ms=1_700_000_000_000):
        says(place(c, k), *over[k.exchange])
        assert (read(c, k).status == 200) == (k.exchange in ("binance", "okx", "kraken"))


@world
def missing_rights(x, c):
    """each right that is missing is missed"""
    want = {"binance": (401, "-2015"), "okx": (200, "50120"),
            "kraken": (200, "EGeneral:Permission denied"),
            "coinbase_advanced_trade": (403, "PERMISSION_DENIED")}
    for k in every(x, spot=False):
        says(place(c, k), *want[k.exchange])
        k.read = False
        says(read(c, k), *want[k.exchange])
    k = x.key("binance", futures=True)
    x.funds("A1", {"USDT": "55.5"}, wallet="futures")
    assert c.call(k, "GET", "/fapi/v3/balance", host="fapi.binance.com").json[0]["balance"] == \
        "55.50000000"
    k.futures = False
    says(c.call(k, "GET", "/fapi/v3/balance", host="fapi.binance.com"), 401, "-2015")
    assert not x.orders()


@world
def orders(x, c):
    """orders lock funds, are refused for lack of them or below limits, and cancelling frees"""
    poor = {"binance": "-2010", "okx": "51008", "kraken": "EOrder:Insufficient funds",
            "coinbase_advanced_trade": "INSUFFICIENT_FUND"}
    size = {"binance": "quantity", "okx": "sz", "kraken": "volume",
            "coinbase_advanced_trade": "base_size"}
    px = {"binance": "price", "okx": "px", "kraken": "price",
          "coinbase_advanced_trade": "limit_price"}
    for k in every(x):
        e, quote = k.exchange, "USDT" if k.exchange in ("binance", "okx") else "USD"
        x.funds("A1", {quote: "100"}, e)
        place(c, k)
        order = x.orders("A1", e)[0]
        assert order.state == "open" and order.key is k, order
        assert x.balances("A1", e)[quote] == (69, 31)
        for name, value, text in (
                (size[e], "0.01", poor[e]), (size[e], "0.0000000001", ""),
                (size[e], "0", ""), (size[e], "-1", ""), (px[e], "1e3", ""),
                (px[e], "31000.0001", "")):
            answer = place(c, k, **{name: value, "client_order_id": value + name})
            assert text in answer.body.decode(), answer
        x.funds("A1", {quote: "100000"}, e)
        place(c, k, **{px[e]: "62100", "client_order_id": "crossing"})
        assert [o.state for o in x.orders("A1", e)] in (["open"], ["open", "canceled"]), e
        how = {"binance": ("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": order.id}),
               "okx": ("POST", "/api/v5/trade/cancel-order", {"instId": "BTC-USDT",
                                                              "ordId": order.id}),
               "kraken": ("POST", "/0/private/CancelOrder", {"txid": order.id}),
               "coinbase_advanced_trade": ("POST", CB + "orders/batch_cancel",
                                           {"order_ids": [order.id]})}[e]
        again = {"binance": "-2011", "okx": "51400", "kraken": "EOrder:Unknown order",
                 "coinbase_advanced_trade": '"success":false'}
        assert c.call(k, *how).status == 200
        assert order.state == "canceled" and x.balances("A1", e)[quote] == (100031, 0), e
        assert again[e] in c.call(k, *how).body.decode()
    says(place(c, every(x)[0], symbol="NOPE"), 400, "-1121")


@world
def shared_accounts(x, c):
    """keys of one account see the same orders and funds, others do not; nothing is ever rounded"""
    one, two, other = (x.key("binance", account=a) for a in ("A1", "A1", "B1"))
    x.funds("A1", {"USDT": "0.1"})
    x.funds("A1", {"USDT": "123456789.12345678"}, "binance")
    place(c, one)
    assert len(c.call(two, "GET", "/api/v3/openOrders").json) == 1
    assert c.call(other, "GET", "/api/v3/openOrders").json == []
    rows = {r["asset"]: r for r in read(c, two).json["balances"]}
    assert rows["USDT"] == {"asset": "USDT", "free": "123456758.12345678", "locked": "31.00000000"}
    k = x.key("coinbase")
    x.funds("A1", {f"C{i:03d}": "1" for i in range(260)}, "coinbase")
    first = c.call(k, "GET", CB + "accounts", {"limit": "250"}).json
    assert first["has_next"] is True and first["size"] == 250
    rest = c.call(k, "GET", CB + "accounts", {"limit": "250", "cursor": first["cursor"]}).json
    assert rest["has_next"] is False and len(rest["accounts"]) == 10


@world
def withdrawing(x, c):
    """money leaves when the key may withdraw, and only then"""
    k = x.key("binance")
    x.funds("A1", {"BTC": "1"}, "binance")
    wish = {"coin": "BTC", "address": "bc1qnobody", "amount": "0.4"}
    says(c.call(k, "POST", "/sapi/v1/capital/withdraw/apply", wish), 401, "-2015")
    assert not x.withdrawals()
    k.withdraw = True
    says(c.call(k, "POST", "/sapi/v1/capital/withdraw/apply", wish), 200, '"id"')
    assert x.withdrawals() == [("BTC", Decimal("0.4"), "bc1qnobody")]
    assert x.balances("A1", "binance")["BTC"] == (Decimal("0.6"), 0)


@world
def bad_requests(x, c):
    """what is no HTTP/1.1 gets 400; one connection carries several requests"""
    good = b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"
    for data in (b"hello\r\n\r\n", good.replace(b"/1.1", b"/2.0"), good.replace(b"Host:", b"Host "),
                 b"GET /api/v3/time HTTP/1.1\r\n\r\n", good.replace(b" /api", b" http://a/api"),
                 good.replace(b"\r\n\r\n", b"\r\nHost: www.okx.com\r\n\r\n"),
                 good.replace(b"\r\n\r\n", b"\r\nContent-Length: -1\r\n\r\n"),
                 good.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n")):
        with c.connect("api.binance.com") as conn:
            conn.sendall(data)
            assert conn.recv(4096).startswith(b"HTTP/1.1 400 "), data
        assert x.log[-1].status == 400
    with c.connect("api.binance.com") as conn:
        before = x.connections
        for _ in range(3):
            conn.sendall(good)
            assert b"serverTime" in conn.recv(4096)
        assert x.connections == before
    answer = c.send("POST", "api.kraken.com", "/0/private/Balance", {"User-Agent": ""})
    assert answer.status == 403


@world
def with_curl(x, _):
    """curl reaches it by --connect-to under a real name"""
    try:
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "--cacert", x.ca_file, "--connect-to", x.connect_to,
             "https://www.okx.com/api/v5/market/ticker?instId=BTC-USDT"], capture_output=True,
            check=False, timeout=20)
    except FileNotFoundError:
        return "curl is not installed"
    assert done.returncode == 0 and json.loads(done.stdout)["data"][0]["last"] == "62000", done
    return None


@world
def as_a_program(_x, _c):
    """run.py tells its usage, for a name with a dash too, and makes no directory of it"""
    run = os.path.join(lib.ROOT, "tests/exchange/run.py")
    for args, code in ((["--help"], 0), (["-h"], 0), (["--nope"], 2), (["-"], 2), ([], 2)):
        done = subprocess.run([sys.executable, run, *args], capture_output=True, check=False,
                              timeout=20, stdin=subprocess.DEVNULL, text=True)
        said = done.stderr if code else done.stdout
        assert done.returncode == code and "Usage: run.py DIR" in said, (args, done)
        assert not args or not os.path.exists(args[0]), args


lib.main([starts_quickly, unknown_host, signed_calls, wrong_signatures, vectors, clocks, nonces,
          refused_keys, missing_rights, orders, shared_accounts, withdrawing, bad_requests,
          with_curl, as_a_program], needs_softhsm=False)
