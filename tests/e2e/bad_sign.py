#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 'coffer sign' refuses, always before it wants a PIN: urls, headers, bodies, JSON, classes"""
import json
import os

import kit
import lib
from kit import refused

HOME = None
SECRETS = [lib.BINANCE["api_secret"], kit.OKX["api_secret"], kit.KRAKEN["api_secret"]]
CLOCK = {"timestamp_ms": 1719830465124, "nonce": "1719830465124"}
ACCOUNT = {"method": "GET", "url": "/api/v3/account"}


def home():
    global HOME                                            # pylint: disable=global-statement
    if not HOME:
        HOME = lib.Home()
        HOME.init()
        HOME.add("bin")
        HOME.add("okx", "okx", kit.OKX)
        HOME.add("kraken", "kraken", kit.KRAKEN)
        HOME.add("cb", "coinbase", kit.COINBASE_ED)
        HOME.add("open", "binance", lib.BINANCE, "--allow", "withdraw,unknown")
        HOME.add("all", "binance", kit.ED, "--allow", "all")
    return HOME


def bad(said, request, name="bin", code=2, hint=None):
    """A request in a file that must be refused; no PIN can be had here."""
    text = request if isinstance(request, (str, bytes)) else json.dumps(request)
    return refused(home(), code, said, "sign", name, "--request", "-", stdin=text, pin=False,
                   hint=hint, secrets=SECRETS)


def bad_url(said, url, hint=None, name="bin", argv=True):
    """The same url in a file and on the command line."""
    bad(said, {"method": "GET", "url": url}, name, hint=hint)
    if argv:
        refused(home(), 2, said, "sign", name, "GET", url, pin=False, hint=hint)


def good(request, name="bin"):
    return home().ok("sign", name, "--request", "-",
                     stdin=json.dumps({"clock": CLOCK, **request})).json()


def hosts():
    """another host, http, user information, another port, a fragment"""
    at = "/api/v3/account"
    for url in ("https://evil.example" + at, "https://api.binance.com.evil.example" + at,
                "https://api.binance.comm" + at, "https://api.binance.com." + at,
                "https://testnet.binance.vision" + at, "https://www.okx.com" + at, "https://" + at,
                "https://127.0.0.1" + at, "https://[::1]" + at, "https://api.binance.com%2f" + at,
                "https://api%2ebinance.com" + at):
        bad_url("is not one of the live hosts of binance", url)
    bad_url("is not one of the live hosts", "https://api.binance.com:8443" + at, hint="port")
    bad_url("is not one of the live hosts", "https://api.binance.com:0443" + at)
    bad_url("a colon without a port", "https://api.binance.com:" + at)
    for url in ("http://api.binance.com" + at, "ws://api.binance.com" + at):
        bad_url("not encrypted", url)
    for url in ("ftp://api.binance.com" + at, "HTTPX://x" + at, "api.binance.com" + at, "x",
                "file:///etc/passwd", "wss://api.binance.com" + at, "https:/api.binance.com" + at):
        bad_url("must begin with https://", url)
    for user in ("u@", "u:p@", "evil.example:443@", "@"):
        bad_url("user information", f"https://{user}api.binance.com" + at)
    bad_url("user information", "https://api.binance.com:443@evil.example" + at)
    for url in (at + "#x", at + "?a=1#", "https://api.binance.com#" + at, "#"):
        bad_url("fragment", url)
    bad_url("no path", "https://api.binance.com")
    bad_url("no path", "https://api.binance.com?a=1")
    bad_url("url is empty", "")
    bad_url("longer than", at + "?a=" + "x" * 40000)
    assert good({"method": "GET", "url": "https://API.BINANCE.com:443" + at})["url"].startswith(
        "https://API.BINANCE.com:443" + at)
    for path, host in (("/fapi/v3/account", "fapi"), ("/sapi/v1/account/status", "api"),
                       (at, "api")):
        url = good({"method": "GET", "url": path})["url"]
        assert url.startswith(f"https://{host}.binance.com{path}?"), url


def characters():
    """CR, LF, NUL, blank and others in a url or a header"""
    for c, said in (("\r", "control character (0x0d)"), ("\n", "control character (0x0a)"),
                    ("\t", "control character (0x09)"), (" ", "a blank"), ("\x7f", "(0x7f)"),
                    ("é", "outside ASCII"), ("\\", "must be escaped"), ("|", "must be escaped"),
                    ('"', "must be escaped"), ("<", "must be escaped"), ("^", "must be escaped"),
                    ("{", "must be escaped"), ("`", "must be escaped"), ("}", "must be escaped")):
        bad_url(said, f"/api/v3/acc{c}ount")
        bad_url(said, f"/api/v3/account?a={c}b")
        bad_url(said, f"https://api.binance{c}.com/api/v3/account")
    bad_url("", "/api/v3/account\0", argv=False)
    bad_url("", "/api/v3/account?a=\0b", argv=False)
    for c in "\r\n\0\x1b\x7f":
        bad("control character", {**ACCOUNT, "headers": {"X-A": f"a{c}b"}})
        bad("header name", {**ACCOUNT, "headers": {f"X{c}A": "ab"}})
        if c != "\0":
            refused(home(), 2, "control character", "sign", "bin", "GET", "/api/v3/account", "-H",
                    f"X-A: a{c}b", pin=False)
    for name in ("X A", "X:A", "é", "X(A)", "X\\", '"'):
        bad("header name", {**ACCOUNT, "headers": {name: "ab"}})
    bad("no name", {**ACCOUNT, "headers": {"": "x"}})
    bad("given twice", {**ACCOUNT, "headers": {"X-A": "1", "x-a": "2"}})
    bad("too many headers", {**ACCOUNT, "headers": {f"X-{i}": "1" for i in range(100)}})
    refused(home(), 2, "'Name: value'", "sign", "bin", "GET", "/api/v3/account", "-H", "no-colon",
            pin=False)


def paths():
    """every path trick, in a file and on the command line"""
    for path, said in (("//api/v3/account", ""), ("/api//v3/account", "'//'"),
                       ("/api/v3//account", "'//'"), ("/api/v3/account//", "'//'"),
                       ("/api/../api/v3/account", "'..' segment"), ("/api/v3/..", "'..' segment"),
                       ("/../api/v3/account", "'..' segment"), ("/api/./v3/account", "'.' segment"),
                       ("/api/v3/account/.", "'.' segment"), ("/.", "'.' segment"),
                       ("/api/%2e%2e/v3", "not needed"), ("/api/%2E%2e/v3", "not needed"),
                       ("/api/.%2e/v3", "not needed"), ("/api/%2e/v3", "not needed"),
                       ("/api%2fv3/account", "an escaped slash"),
                       ("/api%2Fv3/account", "an escaped slash"),
                       ("/api%5cv3/account", "an escaped slash"),
                       ("/api%5Cv3/account", "an escaped slash"),
                       ("/api/v3/account;x=1", "';'"), ("/api;/v3/account", "';'"),
                       ("/api/v3/account;", "';'"), ("/api/v3/account#x", "fragment"),
                       ("/api\\v3\\account", "must be escaped"),
                       ("/%61pi/v3/account", "not needed"),
                       ("/api/v3/%41ccount", "not needed"), ("/api/v3/accoun%7e", "not needed"),
                       ("/api/v3/a%2dc", "not needed"), ("/api/v3/a%5Fc", "not needed"),
                       ("/api/v3/a%39c", "not needed"), ("/api/v3/a%00", "control character"),
                       ("/api/v3/a%0a", "control character"), ("/api/v3/a%0D", "control character"),
                       ("/api/v3/a%", "malformed"), ("/api/v3/a%2", "malformed"),
                       ("/api/v3/a%zz", "malformed"), ("/api/v3/account?a=%", "malformed"),
                       ("/api/v3/account?a=%g1", "malformed")):
        bad_url(said, path)
        bad_url(said, "https://api.binance.com" + path)
    # not escaped once more, nor repaired: a query is the client's own affair
    url = "/api/v3/account?a=%2f..%2F//;x=%61&b=%3B"
    assert good({"method": "GET", "url": url})["url"].startswith("https://api.binance.com" + url)
    # case and an end slash are other paths: unknown, so refused
    for path in ("/API/v3/account", "/api/v3/account/", "/api/v3/Account", "/api/v3/account%20"):
        bad("class unknown", {"method": "GET", "url": path}, code=5)


def methods():
    """methods: unknown, lower case, empty"""
    for m in ("HEAD", "OPTIONS", "TRACE", "GET /", "GET\r\n", "", "G"):
        bad("method must be", {"method": m, "url": "/api/v3/account"})
    bad("method 'get' must be in upper case", {"method": "get", "url": "/api/v3/account"},
        hint="'GET'")
    refused(home(), 2, "upper case", "sign", "bin", "post", "/api/v3/order", pin=False)
    refused(home(), 2, "needs METHOD and URL", "sign", "bin", pin=False, hint="for example")
    refused(home(), 2, "needs METHOD and URL", "sign", "bin", "GET", pin=False)
    refused(home(), 2, "", "sign", "bin", "GET", "/api/v3/account", "x", pin=False)
    refused(home(), 2, "with --request", "sign", "bin", "GET", "/x", "--request", "-", pin=False)


def bodies():
    """bodies: 1 MiB is signed, 2 MiB refused; null is empty"""
    h = home()
    post = {"method": "POST", "url": "/api/v3/order"}
    big = "a=" + "x" * (2 * 1024 * 1024)
    bad("at most 1048576", {**post, "body": big})
    bad("is longer than", {**post, "body": big * 2})
    bad("", {**post, "body": "\0" * 400000})                # 2.4 MB when escaped
    path = h.private("body", big)
    refused(h, 2, "is longer than 1048576", "sign", "bin", "POST", "/api/v3/order", "-d",
            "@" + path, pin=False)
    refused(h, 1, "none", "sign", "bin", "POST", "/api/v3/order", "-d", "@" + path + ".none",
            pin=False)
    with open(path, "wb") as f:
        f.write(b"a=\xff")
    refused(h, 2, "not UTF-8", "sign", "bin", "POST", "/api/v3/order", "-d", "@" + path, pin=False)
    for end in ("\n", "\r\n"):
        with open(path, "w", encoding="ascii", newline="") as f:
            f.write("symbol=BTCUSDT&side=BUY" + end)
        refused(h, 2, "the body ends with a line end; a form has none", "sign", "bin", "POST",
                "/api/v3/order", "-d", "@" + path, hint="printf")
    os.unlink(path)
    bad("malformed JSON", '{"method":"POST","url":"/api/v3/order","body":"'.encode() + b'\xff"}')
    assert len(good({**post, "body": big[:1024 * 1024]})["body"]) > 1024 * 1024
    a, b, c = good({**post, "body": None}), good({**post, "body": ""}), good(post)
    assert a == b == c and a["body"] == "", (a, b, c)
    got = home().ok("sign", "kraken", "POST", "/0/private/Balance", "-d", "a=b").json()
    assert got["body"].startswith("nonce=") and got["body"].endswith("&a=b"), got


def request_json():
    """--request: malformed, nested, twice, unknown members, wrong types"""
    text = json.dumps(ACCOUNT)
    for t in ("", " ", "{", text[:-1], text + "x", text + text, text.replace('":', '"'),
              "\ufeff" + text,
              text.replace("}", ",}"), text.replace('"GET"', "'GET'"), text + "\0",
              '{"method":' + "[" * 20000, '{"a":' * 20000):
        bad("request: ", t)
    for t in ("[]", "null", "17", '"x"', f"[{text}]"):
        bad("not a JSON object", t)
    bad("request: ", '{"method":"GET","method":"GET","url":"/api/v3/account"}')
    bad("request: ", '{"method":"GET","url":"/api/v3/account","url":"/api/v3/order"}')
    bad("request: ", '{"method":"GET","url":"/api/v3/account","u\\u0072l":"/api/v3/order"}')
    bad("request: ", '{"method":"GET","url":"/a","headers":{"X":"1","X":"2"}}')
    bad("unknown member 'timeout' (known:", {**ACCOUNT, "timeout": 3}, hint="coffer help sign")
    bad("unknown member 'Method'", {**ACCOUNT, "Method": "GET"})
    for odd in ("", "a b", "x" * 33, "é", "a\x1b"):
        bad("unknown member (known:", {**ACCOUNT, odd: "GET"})
    bad("unknown member", {**ACCOUNT, "message": "x"})
    bad("no 'method'", {"url": "/api/v3/account"})
    bad("no 'url'", {"method": "GET"})
    for member in ("method", "url"):
        for odd in (None, 1, True, [], {}, ["GET"]):
            bad(f"'{member}' is not a string", {**ACCOUNT, member: odd})
    for odd in (1, True, [], {}, {"a": "b"}):
        bad("'body' is not a string", {**ACCOUNT, "body": odd})
    for odd in (None, 1, "X: 1", [], {"X": 1}, {"X": None}, {"X": {"a": "b"}}):
        bad("'headers' is not an object of strings", {**ACCOUNT, "headers": odd})
    bad("request: ", {**ACCOUNT, "headers": {"X": {"a": {"b": {"c": {"d": "e"}}}}}})
    for path, code in ((os.path.join(home().top, "none"), 1), (home().top, 1)):
        refused(home(), code, "", "sign", "bin", "--request", path, pin=False)
    path = home().private("request.json", json.dumps({**ACCOUNT, "clock": CLOCK}))
    assert home().ok("sign", "bin", "--request", path).json() == good(ACCOUNT)
    os.unlink(path)


def clocks():
    """clock: wrong members and types"""
    for odd in (None, 1, "x", []):
        bad("'clock' is not an object", {**ACCOUNT, "clock": odd})
    for odd in (-1, 1.5, "1", None, True, 2 ** 53 + 1, 1e400):
        text = json.dumps({**ACCOUNT, "clock": {"timestamp_ms": odd}})
        bad("", text.replace("Infinity", "1e400"))
    bad("'timestamp_ms'", {**ACCOUNT, "clock": {"timestamp_ms": "1"}})
    bad("'timestamp_ms'", {**ACCOUNT, "clock": {"timestamp_ms": 2 ** 53 + 1}})
    for odd in ("", "a b", "\n", "x" * 129, "é"):
        bad("'nonce'", {**ACCOUNT, "clock": {"nonce": odd}})
    bad("'nonce' is not a string", {**ACCOUNT, "clock": {"nonce": 1}})
    for odd in ("", "x", "fa4e0001-1111-4111-8111-0123456789a",
                "fa4e0001+1111-4111-8111-0123456789ab"):
        bad("'uuid'", {**ACCOUNT, "clock": {"uuid": odd}})
    for odd in ("", "00", "zz" * 16, "00" * 17):
        bad("'random_hex16'", {**ACCOUNT, "clock": {"random_hex16": odd}})
    bad("clock: unknown member 'time' (known:", {**ACCOUNT, "clock": {"time": 1}})
    bad("request: ", '{"method":"GET","url":"/a","clock":{"nonce":"1","nonce":"2"}}')
    r = refused(home(), 2, "nonce", "sign", "kraken", "--request", "-", stdin=json.dumps(
        {"method": "POST", "url": "/0/private/Balance", "clock": {"nonce": "0x10"}}))
    assert r.code == 2


def classes():
    """withdraw, transfer, keys, unknown: exit 5, the class and --allow named; allowed ones sign"""
    for name, method, path, cls in (
            ("bin", "POST", "/sapi/v1/capital/withdraw/apply", "withdraw"),
            ("bin", "POST", "/sapi/v1/asset/transfer", "transfer"),
            ("bin", "POST", "/sapi/v1/sub-account/subAccountApi/ipRestriction", "keys"),
            ("bin", "GET", "/api/v3/nosuch", "unknown"),
            ("bin", "PATCH", "/api/v3/order", "unknown"),
            ("kraken", "POST", "/0/private/Withdraw", "withdraw"),
            ("kraken", "POST", "/0/private/WalletTransfer", "transfer"),
            ("kraken", "POST", "/0/private/withdraw", "unknown"),
            ("kraken", "POST", "/0/private/GetWebSocketsToken", "session"),
            ("okx", "POST", "/api/v5/asset/withdrawal", "withdraw"),
            ("okx", "POST", "/api/v5/asset/transfer", "transfer"),
            ("okx", "POST", "/api/v5/users/subaccount/modify-apikey", "keys"),
            ("okx", "GET", "/api/v9/x", "unknown"),
            ("cb", "POST", "/v2/accounts/x/transactions", "withdraw"),
            ("cb", "POST", "/api/v3/brokerage/portfolios/move_funds", "transfer"),
            ("cb", "GET", "/api/v3/brokerage/nosuch", "unknown"),
            ("open", "POST", "/sapi/v1/asset/transfer", "transfer")):
        said, hint = (f"'{name}' may not sign", f"class {cls}"), ("coffer add OTHERNAME",
                                                                  f"--allow {cls}")
        if cls == "unknown":
            said, hint = (f"coffer does not know {method} {path} and", "class unknown"), "spelling"
        elif cls == "withdraw":
            hint = "on the exchange's own site"
        bad(said, {"method": method, "url": path}, name, 5, hint=hint)
        r = refused(home(), 5, said, "sign", name, method, path, pin=False, hint=hint)
        assert "remove" not in r.err, r
        assert ("--allow" in r.err) == (cls not in ("unknown", "withdraw")), r
    r = home().run("sign", "bin", "POST", "/sapi/v1/asset/transfer", "--json", pin=False)
    assert r.code == 5 and r.json()["error"]["code"] == "policy", r
    for name, path in (("open", "/sapi/v1/capital/withdraw/apply"), ("open", "/api/v3/nosuch"),
                       ("all", "/sapi/v1/asset/transfer"), ("all", "/api/v3/nosuch")):
        got = good({"method": "POST", "url": path}, name)
        assert "signature=" in got["url"] + got["body"], got


def public():
    """public requests are printed unsigned, without a PIN"""
    for name, path in (("bin", "/api/v3/time"), ("kraken", "/0/public/Time"),
                       ("okx", "/api/v5/public/time"), ("cb", "/api/v3/brokerage/time")):
        got = home().ok("sign", name, "GET", path, pin=False).json()
        assert got["url"].endswith(path) and got["headers"] == {} and got["body"] == "", got
    got = home().ok("sign", "bin", "GET", "/api/v3/time", "-H", "X-MBX-APIKEY: x", "-H", "X-A: b",
                    pin=False).json()
    assert got["headers"] == {"X-A": "b"}, got


def headers():
    """the caller's authentication and hop-by-hop headers are dropped, the others kept"""
    got = good({**ACCOUNT, "headers": {"x-mbx-apikey": "mine", "Connection": "close",
                                       "Host": "evil",
                                       "Content-Length": "3", "Transfer-Encoding": "chunked",
                                       "X-Kept": "yes \t ~"}})["headers"]
    assert got == {"X-Kept": "yes \t ~", "X-MBX-APIKEY": lib.BINANCE["api_key"]}, got
    for odd, says in (("é", "not visible ASCII"), ("\u2028", "not visible ASCII"),
                      ("\x7f", "control character"), ("a\x01", "control character")):
        bad(says, {**ACCOUNT, "headers": {"X-Kept": odd}})
    got = good({"method": "GET", "url": "/api/v5/account/balance", "headers": {
        "ok-access-sign": "mine", "OK-ACCESS-PASSPHRASE": "mine"}}, "okx")["headers"]
    assert "mine" not in got.values() and len(got) >= 4, got


def too_long_for_a_header():
    """a path that fits, whose token would not fit into a header"""
    refused(home(), 2, "sign for 'cb'", "sign", "cb", "GET",
            "/api/v3/brokerage/accounts/" + "x" * 30000)


def websocket():
    """ws_login: forms that are refused, and that are not"""
    ws = {"kind": "ws_login"}
    bad("no signed WebSocket login", ws, "kraken", hint="")
    for odd in ("rest", None, 1, "WS_LOGIN"):
        bad("'kind'", {**ACCOUNT, "kind": odd})
    for extra in ("method", "body", "headers", "x"):
        bad("unknown member", {**ws, extra: "x"}, "okx")
    bad("'message' is not a string", {**ws, "message": {"op": "login"}}, "okx")
    bad("", {**ws, "url": "https://www.okx.com/ws/v5/private"}, "okx")
    bad("is not one of the live hosts", {**ws, "url": "wss://evil.example/ws"}, "okx")
    bad("not encrypted", {**ws, "url": "ws://ws.okx.com/ws"}, "okx")
    for text in ("x", "{", "[]", '{"op":"nosuch"}', '{"op":"login","op":"login"}', "[" * 3000):
        r = home().run("sign", "okx", "--request", "-", stdin=json.dumps({**ws, "message": text}),
                       pin=False)
        kit.judge_refusal(r, r.code, "")
        assert r.code in (2, 5), r
    withdraw = json.dumps({"id": "1", "method": "account.withdraw", "params": {}})
    bad("class unknown", {**ws, "message": withdraw}, code=5)
    bad("class session", ws, "okx", 5, hint="--allow session")
    home().add("okx-s", "okx", kit.OKX, "--allow", "session")
    a, b, c = (good({**ws, **m}, "okx-s") for m in ({}, {"message": None}, {"message": ""}))
    assert a == b == c and json.loads(a["message"])["op"] == "login" and set(a) == {
        "url", "headers", "message"}, a
    order = json.dumps({"id": "1", "method": "order.place", "params": {"symbol": "BTCUSDT"}})
    got = good({**ws, "message": order})
    assert json.loads(got["message"])["params"]["signature"], got


def pin_is_last():
    """a request that may be signed wants the PIN only then: exit 3 without one"""
    refused(home(), 3, "PIN", "sign", "bin", "GET", "/api/v3/account", pin=False, hint="--pin-file")


if __name__ == "__main__":
    try:
        lib.main([hosts, characters, paths, methods, bodies, request_json, clocks, classes, public,
                  headers, too_long_for_a_header, websocket, pin_is_last])
    finally:
        if HOME:
            HOME.__exit__()
