#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer request against the simulated exchanges: signed, sent once, the reply printed as it came;
what is refused is refused before the PIN; what goes wrong on the way is told for what it is"""
import atexit
import json
import os
import shlex
import shutil
import subprocess
import threading
import urllib.parse

import kit
import lib

READ = {"binance": ("GET", "/api/v3/account"), "okx": ("GET", "/api/v5/account/balance"),
        "kraken": ("POST", "/0/private/Balance"), "coinbase": ("GET", "/api/v3/brokerage/accounts")}
PUBLIC = {"binance": "/api/v3/time", "okx": "/api/v5/public/time", "kraken": "/0/public/Time",
          "coinbase": "/api/v3/brokerage/time"}
ORDER = {"binance": ("/api/v3/order", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER",
                                       "quantity": "0.001", "price": "31000"}),
         "okx": ("/api/v5/trade/order", {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy",
                                         "ordType": "post_only", "px": "31000", "sz": "0.001"}),
         "kraken": ("/0/private/AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit",
                                            "volume": "0.001", "price": "31000", "oflags": "post"}),
         "coinbase": ("/api/v3/brokerage/orders", {
             "client_order_id": "1", "product_id": "BTC-USD", "side": "BUY",
             "order_configuration": {"limit_limit_gtc": {
                 "base_size": "0.001", "limit_price": "31000", "post_only": True}}})}
RISK = ("--accept-risk", "a test")
MAY_BE_DONE = "may have been"


class World:
    """One exchange and one vault with a key of each, for all tests."""

    def __init__(self):
        self.x = lib.exchange().start()
        atexit.register(self.x.close)
        self.h = lib.Home()
        atexit.register(lib.remove_tree, self.h.top)
        self.h.init()
        self.keys = {}
        for name in READ:
            self.add(name, self.x.key(name))

    def add(self, name, key, *more):
        self.keys[name] = key
        self.h.ok("add", name, key.exchange, "--env", key.env, "--connect-to", self.x.connect_to,
                  "--ca-file", self.x.ca_file, *RISK, "--from-json", "-", *more,
                  stdin=json.dumps(key.fields))

    def request(self, name, method, path, *more, code=0, **kw):
        r = self.h.run("request", name, method, path, *more, **kw)
        kit.calm(r)
        for key in self.keys.values():
            lib.no_secret(r.out + r.err, *kit.secrets_of({"s": 0, **key.credentials}))
        assert r.code == code, f"exit {code} expected\n{r}"
        return r

    def read(self, name, *more, **kw):
        return self.request(name, *READ[name], *more, **kw)

    def order(self, name, *more, **kw):
        path, params = ORDER[name]
        text = json.dumps(params) if name in ("okx", "coinbase") else \
            urllib.parse.urlencode(params)
        if name == "binance":
            return self.request(name, "POST", path + "?" + text, *more, **kw)
        return self.request(name, "POST", path, "-d", text, *more, **kw)


WORLD = []


def world():
    """The world, healed."""
    if not WORLD:
        WORLD.append(World())
    w = WORLD[0]
    w.x.heal()
    w.x.clock_ms, w.x.delay_s, w.x.ambiguous = 0, 0, False
    del w.x.log[:]
    return w


def said(r, *texts, hint=None):
    line = next(x for x in r.err.splitlines() if x.startswith("coffer: "))
    for text in texts:
        assert text in line, f"{text!r} expected\n{r}"
    if hint:
        assert any(x.startswith("hint: ") and hint in x for x in r.err.splitlines()), (hint, r)


def test_read():
    """each exchange: a signed read, its reply on stdout, one call with a good signature"""
    w = world()
    for name in READ:
        r = w.read(name)
        assert json.loads(r.out) and r.err == "", r
        (call,) = w.x.calls(method=READ[name][0])[-1:]
        assert call.ok is True and call.path == READ[name][1], call
    assert len(w.x.log) == len(READ), w.x.log


def test_public():
    """a public request: no PIN, no signature"""
    w = world()
    for name, path in PUBLIC.items():
        r = w.request(name, "GET", path, pin=False)
        assert json.loads(r.out), r
        call = w.x.log[-1]
        assert call.ok is None and call.path == path and not call.query, call
        for header in ("x-mbx-apikey", "ok-access-key", "api-key", "authorization"):
            assert header not in {h.lower() for h in dict(call.headers)}, call.headers


def test_order():
    """each exchange: an order is placed, by query, form or JSON, once; and cancelled"""
    w = world()
    for name in ORDER:
        before = len(w.x.orders(exchange=name))
        r = w.order(name)
        orders = w.x.orders(exchange=name)
        assert len(orders) == before + 1 and orders[-1].state == "open", (orders, r)
    (first,) = w.x.orders(exchange="binance")
    w.request("binance", "DELETE", f"/api/v3/order?symbol=BTCUSDT&orderId={first.id}")
    (first,) = w.x.orders(exchange="binance")
    assert first.state != "open", first
    posts = w.x.calls(method="POST")
    assert len(posts) == len(ORDER) and all(c.ok for c in posts), posts


def test_body():
    """a body from a file and from stdin, and headers, go out as they are"""
    w = world()
    path, params = ORDER["okx"]
    text = json.dumps(params, indent=1)
    f = w.h.private("body", text)
    w.request("okx", "POST", path, "-d", "@" + f, "-H", "X-Mine: as it is")
    call = w.x.log[-1]
    assert call.body == text and call.ok is True, call
    assert {k.lower(): v for k, v in dict(call.headers).items()}["x-mine"] == "as it is"
    w.request("okx", "POST", path, "-d", "@-", stdin=text)
    assert w.x.log[-1].body == text
    r = w.h.run("request", "okx", "POST", path, "-d", "@" + f + "x")
    assert r.code == 1 and len(w.x.log) == 2, r


def test_include_and_json():
    """-i prints status and headers first; --json has status, headers, body"""
    w = world()
    r = w.request("binance", "GET", "/api/v3/time", "-i", pin=False)
    head, body = r.out.split("\n\n", 1)
    assert head.splitlines()[0] == "HTTP 200" and json.loads(body)["serverTime"], r
    assert any(x.lower().startswith("content-type: ") for x in head.splitlines()), r
    j = w.read("okx", "--json").json()
    assert j["status"] == 200 and json.loads(j["body"])["code"] == "0", j
    assert "content-type" in {h["name"].lower() for h in j["headers"]}, j
    w.x.fail("redirect")
    r = w.read("binance", "-i", code=4)
    assert r.out.startswith("HTTP 302\n") and "evil.example" in r.out, r


def test_error_reply():
    """the exchange says no: body on stdout, what it means on stderr, exit 4"""
    w = world()
    r = w.request("binance", "GET", "/api/v3/openOrders?symbol=NOPE", code=4)
    assert json.loads(r.out)["code"] == -1121, r
    said(r, "binance says -1121: ", hint="BTCUSDT")
    r = w.request("kraken", "POST", "/0/private/QueryOrders", "-d", "txid=nope", code=4)
    assert json.loads(r.out)["error"], r          # with HTTP status 200
    said(r, "kraken says E")
    r = w.request("okx", "GET", "/api/v5/trade/order?instId=BTC-USDT&ordId=1", code=4)
    assert json.loads(r.out)["code"] != "0", r    # with HTTP status 200
    said(r, "okx says 5")
    r = w.request("coinbase", "GET", "/api/v3/brokerage/orders/historical/nope", code=4)
    said(r, "coinbase_advanced_trade ")
    j = w.request("binance", "GET", "/api/v3/openOrders?symbol=NOPE", "--json", code=4).json()
    assert j["failure"]["code"] == "-1121" and json.loads(j["body"])["code"] == -1121, j
    assert j["failure"]["causes"] and j["status"] == 400, j


def test_ambiguous():
    """an answer with three causes names all three"""
    w = world()
    w.x.ambiguous = True
    gone = w.x.key("binance")
    w.add("gone", gone)
    gone.delete()
    r = w.request("gone", "GET", "/api/v3/account", code=4)
    said(r, "binance says -2015")
    assert len([x for x in r.err.splitlines() if x.startswith("hint: ")]) >= 3, r


def test_right_missing():
    """a key that may only read: the order is refused by the exchange, exit 4"""
    w = world()
    key = w.x.key("binance", spot=False)
    w.add("reader", key)
    before = len(w.x.orders())
    path, params = ORDER["binance"]
    r = w.request("reader", "POST", path + "?" + urllib.parse.urlencode(params), code=4)
    said(r, "binance says -2015")
    assert len(w.x.orders()) == before


def refused(w, code, text, *args, hint=None):
    """Before the PIN, and before anything is sent."""
    n = len(w.x.log)
    kit.refused(w.h, code, text, "request", *args, pin=False, hint=hint)
    assert len(w.x.log) == n, w.x.log


def test_refused_before_pin():
    """classes, hosts, forms: refused without a PIN, nothing is sent"""
    w = world()
    refused(w, 5, "class withdraw", "binance", "POST", "/sapi/v1/capital/withdraw/apply")
    refused(w, 5, "class transfer", "okx", "POST", "/api/v5/asset/transfer", "-d", "{}")
    refused(w, 5, "class session", "kraken", "POST", "/0/private/GetWebSocketsToken")
    refused(w, 5, "class unknown", "coinbase", "POST", "/api/v3/brokerage/teleport")
    refused(w, 2, "is not one of the live hosts", "binance", "GET", "https://evil.example/api")
    refused(w, 2, "not encrypted", "binance", "GET", "http://api.binance.com/api/v3/account")
    refused(w, 2, "method", "binance", "get it", "/api/v3/account")
    refused(w, 1, "no key named", "nobody", "GET", "/api/v3/account")
    refused(w, 2, "needs", "binance", "GET")
    refused(w, 2, "header", "binance", "GET", "/api/v3/account", "-H", "no colon")
    r = w.h.run("request", "binance", *READ["binance"], pin=False)
    assert r.code == 3 and "no terminal" in r.err and not w.x.log, r


def test_unverified():
    """a key that was sealed without the exchange reads, and trades only when it is verified"""
    w = world()
    w.x.fail("503")
    w.add("late", w.x.key("binance"))
    w.x.heal()
    w.read("binance")
    w.request("late", "GET", "/api/v3/account")
    n = len(w.x.log)
    path, params = ORDER["binance"]
    r = w.h.run("request", "late", "POST", path + "?" + urllib.parse.urlencode(params), pin=False)
    assert r.code == 5 and "not verified" in r.err and len(w.x.log) == n, r


def test_bad_answers():
    """every bad answer to a read: its exit, told for what it is, asked once"""
    w = world()
    answered = {"429": "-1003", "418": "-1003", "503": "-1008", "html": "200",
                "html403": "403", "redirect": "302",
                "not_json": "200", "deep": "200",
                "truncated": "200", "empty": "200"}
    for kind, text in answered.items():
        w.x.heal()
        w.x.fail(kind)
        n = len(w.x.log)
        r = w.read("binance", code=4)
        said(r, text)
        assert len(w.x.log) == n + 1, (kind, w.x.log[n:])
    for kind in ("huge", "short", "closed"):
        w.x.heal()
        w.x.fail(kind)
        r = w.read("binance", code=1)
        assert r.out == "" and MAY_BE_DONE not in r.err, (kind, r)
    w.x.heal()
    w.x.fail("429", retry_after=33)
    said(w.read("okx", code=4), "okx says 50011", hint="33 s")
    w.x.heal()
    w.x.fail("deep")
    assert w.read("kraken", code=4).out == "[" * 10000 + "]" * 10000


def names_open_orders(w, name, r):
    """The command that it names runs, and lists orders."""
    (line,) = [x for x in r.err.splitlines() if "the open orders: coffer request" in x]
    command = shlex.split(line.partition("coffer request ")[2].partition(";")[0])
    assert command[0] == name and f"coffer balance {name}" in line, r
    w.x.heal()
    w.request(*command)
    assert w.x.log[-1].ok is True, w.x.log[-1]
    del w.x.log[-1]


def test_order_unknown():
    """an order without a reply: may have been carried out; sent once, never again"""
    w = world()
    for name in ORDER:
        for kind in ("closed", "short", "huge"):
            w.x.heal()
            w.x.fail(kind)
            n, before = len(w.x.log), len(w.x.orders(exchange=name))
            r = w.order(name, code=1)
            assert MAY_BE_DONE in r.err and r.out == "", (kind, r)
            names_open_orders(w, name, r)
            assert len(w.x.log) == n + 1, (kind, w.x.log[n:])
            assert len(w.x.orders(exchange=name)) <= before + 1, (kind, name)


def test_open_orders_of():
    """the list that is named is that of the market; for what places no order there is none"""
    w = world()
    w.x.fail("closed")
    order = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=1&timeInForce=GTC"
    r = w.request("binance", "POST", "/fapi/v1/order?" + order, code=1)
    assert "coffer request binance GET '/fapi/v1/openOrders'" in r.err, r
    r = w.request("binance", "DELETE", "/api/v3/order?symbol=BTCUSDT&orderId=1", code=1)
    assert "coffer request binance GET '/api/v3/openOrders'" in r.err, r
    assert "the open orders: " not in w.read("binance", code=1).err


def test_time_out():
    """no answer, or one that never ends: 10 seconds, then told; an order as unknown"""
    w = world()
    w.x.fail("silent", "binance")
    w.x.fail("slow", "okx")
    got = {}

    def run(name, what):
        got[name, what.__name__] = what(name, code=1)

    jobs = [threading.Thread(target=run, args=a) for a in
            (("binance", w.read), ("binance", w.order), ("okx", w.order))]
    for j in jobs:
        j.start()
    for j in jobs:
        j.join()
    assert len(got) == 3, got
    assert MAY_BE_DONE not in got["binance", "read"].err, got
    assert MAY_BE_DONE in got["binance", "order"].err and MAY_BE_DONE in got["okx", "order"].err
    assert len(w.x.calls(method="POST")) == 2, w.x.log


def test_certificate():
    """expired, for another name, by another CA: nothing is sent, and an order is not unknown"""
    w = world()
    try:
        for kind in ("expired", "wrong_name", "other_ca"):
            w.x.restart(kind)
            for what in (w.read, w.order):
                r = what("binance", code=1)
                said(r, "api.binance.com", "certificate")
                assert MAY_BE_DONE not in r.err, r
    finally:
        w.x.restart()
    assert w.x.log == [], w.x.log


def test_unreachable():
    """nobody listens: told, nothing unknown about an order"""
    with lib.exchange() as x, lib.Home() as h:
        h.init()
        key = x.key("binance")
        h.ok("add", "b", "binance", "--connect-to", x.connect_to, "--ca-file", x.ca_file,
             "--from-json", "-", stdin=json.dumps(key.fields))
        x.server.close()
        path, params = ORDER["binance"]
        r = h.run("request", "b", "POST", path + "?" + urllib.parse.urlencode(params))
        kit.calm(r)
        assert r.code == 1 and MAY_BE_DONE not in r.err, r
        said(r, "api.binance.com")


def test_terminal():
    """on a terminal a reply cannot send control characters; to a pipe it goes as it came"""
    w = world()
    w.x.fail("html")
    r = w.request("binance", "GET", "/api/v3/time", pin=False, code=4)
    assert "\x1b[31m" in r.out, r
    r = w.h.tty("request", "binance", "GET", "/api/v3/time")
    assert r.code == 4 and "\x1b[31m" not in r.out and "\\x1b[31m" in r.out, r
    w.x.heal()
    r = w.h.tty("request", "kraken", "GET", PUBLIC["kraken"])
    assert r.code == 0 and r.out.endswith("}\n"), r


def test_line_end():
    """a body without a line end: one is added before words on stderr where both go to one place"""
    w = world()
    argv = [lib.COFFER, "request", "binance", "GET", "/api/v3/openOrders?symbol=NOPE", "--pin-file",
            w.h.pin_file]
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=w.h.environ(),
                       check=False, timeout=60)
    lines = p.stdout.decode().splitlines()
    assert p.returncode == 4 and json.loads(lines[0])["code"] == -1121, p
    assert lines[1].startswith("coffer: binance says -1121"), p
    r = w.h.run(*argv[1:-2])
    assert r.out and not r.out.endswith("\n"), r


def test_no_such_path():
    """a page with 404: first of all that the exchange does not know the path"""
    w = world()
    r = w.request("binance", "GET", "/api/v3/openOrderList", code=4)
    hints = [x for x in r.err.splitlines() if x.startswith("hint: ")]
    assert hints[0].startswith("hint: the exchange does not know this path"), r
    w.x.fail("html")
    assert "does not know this path" not in w.read("binance", code=4).err
    w.x.heal()
    j = w.request("binance", "GET", "/api/v3/openOrderList", "--json", code=4).json()
    assert j["failure"]["causes"][0]["what"] == "the exchange does not know this path", j
    for name in READ:
        path = READ[name][1] + "Nope" if name != "coinbase" else "/api/v3/brokerage/nope"
        r = w.h.run("request", name, READ[name][0], path, pin=False)
        assert r.code == 5 and "coffer does not know " + READ[name][0] in r.err, r
        assert "--allow" not in r.err, r


def test_other_method():
    """a path that is known with another method: that is said first"""
    w = world()
    r = w.h.run("request", "kraken", "GET", "/0/private/Balance", pin=False)
    assert r.code == 5 and "coffer does not know GET /0/private/Balance and so does not sign" in \
        r.err, r
    assert r.err.splitlines()[1] == "hint: Kraken takes POST here", r
    r = w.h.run("request", "binance", "POST", "/sapi/v1/capital/withdraw/apply", pin=False)
    assert r.code == 5 and "--allow" not in r.err, r


def network_row(r):
    (row,) = [x for x in r.json()["checks"] if x["check"] == "network"]
    assert "coffer-net" in row["message"] and (row["status"] == "ok" or r.code == 1), r
    return row


def test_no_courier():
    """coffer-net is missing: said before the PIN; doctor has a row that fails"""
    w = world()
    alone = os.path.join(w.h.top, "alone")
    os.makedirs(alone, exist_ok=True)
    shutil.copy(lib.COFFER, alone)
    was = lib.COFFER
    lib.COFFER = os.path.join(alone, "coffer")
    try:
        for args in (("request", "binance", *READ["binance"]), ("balance", "binance")):
            r = w.h.run(*args, pin=False)
            kit.calm(r)
            assert r.code == 1 and "coffer-net" in r.err, r
        assert network_row(w.h.run("doctor", "--json", pin=False))["status"] == "fail"
    finally:
        lib.COFFER = was
    assert network_row(w.h.run("doctor", "--json", pin=False))["status"] == "ok"


if __name__ == "__main__":
    lib.main([test_read, test_public, test_order, test_body, test_include_and_json,
              test_error_reply, test_ambiguous, test_right_missing, test_refused_before_pin,
              test_unverified, test_bad_answers, test_order_unknown, test_open_orders_of,
              test_time_out, test_certificate, test_unreachable, test_terminal, test_line_end, test_no_such_path,
              test_other_method, test_no_courier])
