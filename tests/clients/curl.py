#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""curl trades through the proxy: over the Unix socket with --unix-socket, and over TCP."""
import json
import shutil
import subprocess
import urllib.parse

import kit
from kit import lib

world = kit.once(kit.World)
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000"


def curl(url, *more, socket=None):
    """(status, headers, body)"""
    argv = ["curl", "-s", "-S", "-i", "--max-time", "20"]
    if socket:
        argv += ["--unix-socket", socket]
    p = subprocess.run([*argv, *more, url], capture_output=True, text=True, check=False,
                       env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    assert p.returncode == 0, p.stderr
    head, _, body = p.stdout.partition("\n\n" if "\r\n" not in p.stdout else "\r\n\r\n")
    lines = head.splitlines()
    return int(lines[0].split()[1]), {n.lower(): v.strip() for n, v in
                                      (x.split(":", 1) for x in lines[1:])}, body


def local(target, *more, name="binance-main"):
    return curl(f"http://coffer/{name}/{target}", *more, socket=world().socket)


def refused(answer, status, code, said):
    got, headers, body = answer
    assert got == status, answer
    assert headers["content-type"].startswith("text/plain") and headers["x-coffer-error"] == code, answer
    assert said in body and not body.startswith("{"), answer


def reads():
    """a balance, with the target as it is and percent-encoded"""
    target = "https://api.binance.com/api/v3/account?omitZeroBalances=true"
    for t in (target, urllib.parse.quote(target, safe="")):
        status, headers, body = local(t)
        assert status == 200 and "application/json" in headers["content-type"], (t, status, body)
        assert {b["asset"] for b in json.loads(body)["balances"]} == {"BTC", "USD", "USDT"}, body


def trades():
    """an order and its end, parameters in the body and in the query"""
    status, _, body = local("https://api.binance.com/api/v3/order", "-d", ORDER)
    assert status == 200, body
    number = json.loads(body)["orderId"]
    status, _, body = local(f"https://api.binance.com/api/v3/order?symbol=BTCUSDT&orderId={number}",
                            "-X", "DELETE")
    assert status == 200 and json.loads(body)["status"] == "CANCELED", body


def public():
    """what is public goes unsigned"""
    status, _, body = local("https://api.binance.com/api/v3/ping")
    assert (status, body.strip()) == (200, "{}")
    sent = world().x.log[-1]
    assert "signature" not in sent.query and "x-mbx-apikey" not in sent.headers, sent.headers


def own_refusals():
    """refusals are text/plain, name their code, and nothing is sent"""
    w = world()
    before = len(w.x.log)
    refused(local("https://api.binance.com/sapi/v1/capital/withdraw/apply", "-d", "coin=BTC&amount=1"),
            422, "policy", "withdraw")
    refused(local("https://api.binance.com/nothing/known", "-X", "POST"), 422, "policy", "know")
    refused(local("https://evil.example/api/v3/account"), 422, "usage", "evil.example")
    refused(local("http://api.binance.com/api/v3/account"), 422, "usage", "")
    refused(local("https://api.binance.com/api/v3/account", name="nobody"), 401, "not_found", "nobody")
    refused(curl("http://coffer/", socket=w.socket), 422, "usage", "")
    refused(curl(f"{w.url}/binance-main/https://api.binance.com/api/v3/account"), 401, "policy", "")
    assert len(w.x.log) == before, w.x.log[before:]


def browsers():
    """what a browser or a page that it shows could send is refused"""
    w = world()
    before = len(w.x.log)
    ok = f"{w.url}/binance-main~{w.bearer('binance-main', 'page').rsplit('_', 1)[1]}/" \
         "https://api.binance.com/api/v3/account"
    assert curl(ok)[0] == 200
    before += 1
    for more in (["-H", "Host: rebound.example"], ["-H", "Origin: https://evil.example"],
                 ["-H", "Origin: null"], ["-H", "Sec-Fetch-Mode: no-cors"]):
        refused(curl(ok, *more), 422, "policy", "web pages")
    assert curl(ok, "-H", "Origin: *")[0] == 200  # ccxt says so
    assert len(w.x.log) == before + 1


def strips():
    """the client's own authentication, cookies and forwarding headers do not reach the exchange"""
    w = world()
    status, _, body = local("https://api.binance.com/api/v3/account?signature=ff&timestamp=1", "-H",
                            "X-MBX-APIKEY: coffer_binance-main", "-H", "Cookie: a=b", "-H",
                            "X-Forwarded-For: 10.0.0.1", "-H", "Proxy-Authorization: Basic eA==")
    assert status == 200, body
    sent = w.x.log[-1]
    assert sent.headers["x-mbx-apikey"] == w.keys["binance-main"].id, sent.headers
    assert not {"cookie", "x-forwarded-for", "proxy-authorization"} & set(sent.headers), sent.headers
    assert sent.headers["host"].startswith("api.binance.com"), sent.headers


def bearer():
    """over TCP a bearer lets in: in the path, or as the dummy API key in any exchange's header"""
    w = world()
    key = w.bearer("kraken-main", "curl")
    target = "kraken-main/https://api.kraken.com/0/private/Balance"
    in_path = target.replace("kraken-main", "kraken-main~" + key.rsplit("_", 1)[1], 1)
    for url, more in ((f"{w.url}/{in_path}", []), (f"{w.url}/{target}", ["-H", "API-Key: " + key])):
        status, _, body = curl(url, "-d", "", *more)
        assert status == 200 and json.loads(body)["error"] == [], body
    before = len(w.x.log)
    refused(curl(f"{w.url}/{target}", "-d", ""), 401, "policy", "bearer")
    other = in_path.replace("kraken-main", "okx-main", 1)
    refused(curl(f"{w.url}/{other}", "-d", ""), 401, "policy", "bearer")
    w.h.ok("bearer", "kraken-main", "revoke", "curl", pin=False)
    refused(curl(f"{w.url}/{in_path}", "-d", ""), 401, "policy", "bearer")
    assert len(w.x.log) == before


def skipped():
    """curl"""
    return "curl is not installed"


if __name__ == "__main__":
    lib.main([reads, trades, public, own_refusals, bearer, browsers, strips] if shutil.which("curl") else
             [skipped])
