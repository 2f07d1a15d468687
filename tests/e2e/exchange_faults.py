#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""The simulated exchange itself: every switch, every certificate, and the program for the demo."""
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import lib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(lib.ROOT, "tests"))

# pylint: disable=wrong-import-position
from exchange.client import Client  # noqa: E402
from exchange.selfkit import CB, ORDER, every, place, read, rights, world  # noqa: E402
from exchange.switches import KINDS  # noqa: E402


def answer_to(c, k):
    """Of the rights call: the answer, or the exception that a client gets."""
    try:
        return rights(c, k)
    except Exception as e:                                     # pylint: disable=broad-except
        return e


def checks_of(kind, got, k):
    """What a switch must show."""
    name = k.exchange
    text = got.body.decode() if hasattr(got, "body") else ""
    if kind in ("429", "418"):
        if kind == "429" or name != "kraken":
            assert got.status == (418 if kind == "418" and name == "binance" else 429)
            assert int(got.headers["retry-after"]) > 0
        else:
            assert "Temporary lockout" in text
    elif kind == "rate":
        assert "-1003" in text or "50011" in text or "Rate limit" in text or "EXHAUSTED" in text
    elif kind == "html403":
        assert got.status == 403 and text.startswith("<!DOCTYPE")
    elif kind == "redirect":
        assert got.status == 302 and got.headers["location"] == "https://evil.example/"
    elif kind == "503":
        assert got.status == 503
    elif kind in ("short", "closed"):
        assert isinstance(got, Exception), got
    else:
        assert got.status == 200
        {"html": lambda: "<html>" in text, "empty": lambda: text == "",
         "not_json": lambda: not text.startswith(("{", "[", "<")),
         "deep": lambda: text == "[" * 10000 + "]" * 10000,
         "huge": lambda: len(text) > 4 << 20 and got.json}.get(kind, lambda: True)()


def is_json(text):
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@world
def switches(x, c):
    """every switch that answers at once, at every exchange, and healed again"""
    for k in every(x):
        good = rights(c, k).body.decode()
        for kind in KINDS:
            if kind in ("slow", "silent"):
                continue
            switch = x.fail(kind, k.exchange)
            got = answer_to(c, k)
            assert switch.hits == 1 and x.log[-1].switch == kind, kind
            checks_of(kind, got, k)
            spoilt = got.body.decode() if hasattr(got, "body") else ""
            has_numbers = k.exchange != "coinbase_advanced_trade"
            assert spoilt != good or (kind == "big_number" and not has_numbers), \
                f"{kind}: nothing is wrong at {k.exchange}"
            if kind in ("truncated", "html", "not_json", "empty"):
                assert not is_json(spoilt), kind
            if kind in ("wrong_type", "missing", "unknown_right", "dup", "dup_escaped", "huge"):
                assert is_json(spoilt), kind
            x.heal()
        assert rights(c, k).status == 200


@world
def spoilt_rights(x, c):
    """the spoilt rights say what they should"""
    b, o, k, cb = every(x)
    x.fail("dup")
    assert '"enableWithdrawals":true,"enableWithdrawals":false' in rights(c, b).body.decode()
    assert '"perm":"read_only,trade,withdraw","perm":"read_only,trade"' in \
        rights(c, o).body.decode()
    assert rights(c, k).body.decode().count('"permissions":[') == 2
    assert '"can_transfer":true,"can_transfer":false' in rights(c, cb).body.decode()
    x.heal()
    x.fail("dup_escaped")
    assert '"\\u0065nableWithdrawals":true,"enableWithdrawals":false' in \
        rights(c, b).body.decode()
    x.heal()
    x.fail("wrong_type")
    assert rights(c, b).json["enableWithdrawals"] == "false"
    assert rights(c, o).json["data"][0]["perm"] == ["read_only", "trade"]
    assert isinstance(rights(c, k).json["result"]["permissions"], str)
    assert rights(c, cb).json["can_transfer"] == "false"
    x.heal()
    x.fail("missing", members=["enableWithdrawals"])
    got = rights(c, b).json
    assert "enableWithdrawals" not in got and got["enableReading"] is True
    x.heal()
    x.fail("missing")
    assert "perm" not in rights(c, o).json["data"][0]
    assert "permissions" not in rights(c, k).json["result"]
    assert not [n for n in rights(c, cb).json if n.startswith("can_")]
    x.heal()
    x.fail("unknown_right")
    assert rights(c, b).json["enableTeleport"] is True
    assert "teleport" in rights(c, o).json["data"][0]["perm"]
    assert "teleport-funds" in rights(c, k).json["result"]["permissions"]
    assert rights(c, cb).json["can_teleport"] is True
    b.extra = {"enableMargin": None, "enableFlight": True}
    got = rights(c, b).json
    assert "enableMargin" not in got and got["enableFlight"] is True


@world
def scope_of_switches(x, c):
    """a switch keeps to its exchange, path, method and number of times"""
    b, o = x.key("binance"), x.key("okx")
    x.fail("503", "binance", "/api/v3/*", times=2)
    assert [read(c, b).status for _ in range(3)] == [503, 503, 200]
    x.fail("503", "coinbase", CB + "accounts")
    assert read(c, b).status == read(c, o).status == rights(c, b).status == 200
    x.fail("html", method="POST", status=502)
    assert read(c, b).status == 200 and place(c, b).status == 502 and not x.orders()
    x.heal()
    x.fail("closed", path=ORDER["binance"], times=1)
    assert isinstance(_place_or_error(c, b), Exception)
    assert len(x.orders()) == 1, "the order was taken before the connection closed"


def _place_or_error(c, k):
    try:
        return place(c, k)
    except Exception as e:                                     # pylint: disable=broad-except
        return e


@world
def slow_and_silent(x, c):
    """slow takes longer than anybody waits, silent never answers, the delay is per call"""
    k, hasty = x.key("binance"), Client(x, timeout=0.7)
    for kind in ("slow", "silent"):
        x.fail(kind)
        begin = time.time()
        if kind == "silent":
            assert isinstance(answer_to(hasty, k), OSError)
            assert 0.6 < time.time() - begin < 3 and x.log[-1].status == 0
        else:
            conn = c.connect("api.binance.com")
            conn.sendall(b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n")
            conn.settimeout(0.2)
            seen = b""
            try:
                while time.time() - begin < 1.3:
                    try:
                        seen += conn.recv(4096)
                    except socket.timeout:
                        pass
            finally:
                conn.close()
            head, _, body = seen.partition(b"\r\n\r\n")
            assert 1 <= len(body) <= 4, seen
            assert int(re.search(rb"Content-Length: (\d+)", head)[1]) > 600
        x.heal()
    x.delay_s = 0.3
    begin = time.time()
    assert read(c, k).status == 200 and time.time() - begin >= 0.3


@world
def certificates(x, c):
    """every wrong certificate is refused by a client that looks, the good one taken again"""
    for kind, text in (("expired", "expired"), ("wrong_name", "mismatch"),
                       ("other_ca", "issuer"), ("good", None)):
        x.restart(cert=kind)
        seen = len(x.log)
        try:
            assert c.send("GET", "api.kraken.com", "/0/public/Time").status == 200 and not text
        except ssl.SSLCertVerificationError as e:
            assert text and text in str(e), f"{kind}: {e}"
        assert len(x.log) == seen + (not text), "a request came in spite of the certificate"


def program():
    """run.py serves a directory, ctl.py steers it, and it ends with its stdin"""
    here = os.path.join(lib.ROOT, "tests/exchange")
    with tempfile.TemporaryDirectory() as top:
        d = os.path.join(top, "x" * 60, "exchange")
        os.mkdir(os.path.dirname(d))
        wishes = os.path.join(top, "keys.json")
        with open(wishes, "w", encoding="utf-8") as f:
            json.dump({"bot": {"exchange": "binance", "ip": None, "funds": {"USDT": "7"}}}, f)
        run = subprocess.Popen([sys.executable, os.path.join(here, "run.py"), d, "--keys", wishes],
                               stdin=subprocess.PIPE)
        try:
            for _ in range(100):
                if os.path.exists(os.path.join(d, "connect_to")):
                    break
                time.sleep(0.05)

            def ctl(*words):
                done = subprocess.run([sys.executable, os.path.join(here, "ctl.py"), d, *words],
                                      capture_output=True, check=False, timeout=20)
                return done.returncode, done.stdout.decode()
            with open(os.path.join(d, "bot.json"), encoding="utf-8") as f:
                assert set(json.load(f)) == {"api_key", "api_secret"}
            assert os.stat(os.path.join(d, "bot.json")).st_mode & 0o777 == 0o600
            assert ctl("set", "bot", "withdraw", "true") == (0, "done\n")
            assert json.loads(ctl("show", "bot")[1])["withdraw"] is True
            assert ctl("balances", "A1", "binance") == (0, "USDT 7 0\n")
            assert ctl("set", "bot", "nothing", "1")[0] == 1
            assert ctl("delete", "who")[0] == 1
            for line in (("fail", "html"), ("heal",), ("clock", "5000"), ("delete", "bot"),
                         ("orders",), ("new", "k2", "coinbase", "withdraw=true")):
                assert ctl(*line)[0] == 0, line
            run.stdin.close()
            assert run.wait(5) == 0
            assert ctl("orders")[0] == 1
        finally:
            run.kill()
            run.wait()


lib.main([switches, spoilt_rights, scope_of_switches, slow_and_silent, certificates, program],
         needs_softhsm=False)
