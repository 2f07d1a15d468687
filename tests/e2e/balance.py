#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer balance against the simulated exchanges: amounts as text, nothing made up, and a clear end
when the exchange refuses or cannot be reached"""
import json
from decimal import Decimal

import kit
import lib
from request import RISK, world

BIG = "123456789012345678.123456789012345678"
NAMES = ("binance", "okx", "kraken", "coinbase")
NO_KEY = {"binance": "-2008", "okx": "50119", "kraken": "EAPI:Invalid key",
          "coinbase": "coinbase_advanced_trade"}


def balance(w, name, *more, code=0):
    r = w.h.run("balance", name, *more)
    kit.calm(r)
    for key in w.keys.values():
        lib.no_secret(r.out + r.err, *kit.secrets_of({"s": 0, **key.credentials}))
    assert r.code == code, f"exit {code} expected\n{r}"
    return r


def rows(r):
    """wallet, asset: (free, locked, total) of the table; its rows must be in order."""
    lines = [x.split() for x in r.out.splitlines()]
    assert lines[0] == ["WALLET", "ASSET", "FREE", "LOCKED", "TOTAL"], r
    keys = [tuple(x[:2]) for x in lines[1:]]
    assert keys == sorted(keys) and len(keys) == len(set(keys)), r
    return {tuple(x[:2]): tuple(x[2:]) for x in lines[1:]}


def test_all():
    """each exchange: the assets that the account holds, zeros left out, in order"""
    w = world()
    for name in NAMES:
        w.x.funds("A1", {"BTC": "0.50000000", "USDT": "12.5", "ETH": "0"}, name)
        got = rows(balance(w, name))
        spot = {a: v for (wallet, a), v in got.items() if wallet != "futures"}
        btc = spot["XXBT" if name == "kraken" else "BTC"]
        assert Decimal(btc[2]) == Decimal("0.5"), (name, got)
        assert Decimal(spot["USDT"][0]) == Decimal("12.5"), (name, got)
        assert "ETH" not in spot, (name, got)
        j = balance(w, name, "--json").json()
        assert {(b["wallet"], b["asset"]) for b in j["balances"]} == set(got), (name, j)
        for b in j["balances"]:
            assert got[b["wallet"], b["asset"]][2] == b["total"], (name, b)
            assert all(isinstance(b[m], (str, type(None))) for m in ("free", "locked", "total"))


def test_locked():
    """what an order holds is locked, and the total is exact"""
    w = world()
    for name in ("binance", "okx", "kraken", "coinbase"):
        w.x.funds("A1", {"USDT": "1000", "USD": "1000"}, name)
        w.order(name)
        got = balance(w, name, "--json").json()["balances"]
        held = [b for b in got if b["asset"] in ("USDT", "USD", "ZUSD")
                and Decimal(b["locked"] or 0) > 0]
        assert len(held) == 1, (name, got)
        assert Decimal(held[0]["total"]) == Decimal(held[0]["free"]) + Decimal(held[0]["locked"])


def test_many_digits():
    """an amount with more digits than a floating point number has goes through unchanged"""
    w = world()
    w.add("rich", w.x.key("okx", account="R1"))
    w.x.funds("R1", {"BTC": BIG}, "okx")
    got = balance(w, "rich", "--json")
    assert any(b["free"] == BIG for b in got.json()["balances"]), got


def test_nothing():
    """an empty account"""
    w = world()
    w.add("empty", w.x.key("kraken", account="E1"))
    w.x.funds("E1", {"BTC": "0", "USDT": "0", "USD": "0"}, "kraken")
    assert balance(w, "empty").out == "(nothing)\n"
    j = balance(w, "empty", "--json").json()
    assert j == {"balances": [], "missing": None}, j


def test_missing_wallet():
    """a wallet that is not open to the key: a note, no warning; the others are shown"""
    w = world()
    r = balance(w, "binance")
    assert r.err == "hint: futures: not open to this key (-2015)\n" and rows(r), r
    assert balance(w, "binance", "--quiet").err == ""
    w.x.fail("503", "binance", "/fapi/v3/balance")
    r = balance(w, "binance", "--quiet")
    assert "coffer: warning: not all wallets could be read: futures" in r.err and rows(r), r
    w.x.heal()
    assert "futures" in balance(w, "binance", "--json").json()["missing"]
    w.add("both", w.x.key("binance", futures=True, account="F1"))
    w.x.funds("F1", {"USDT": "77"}, "binance", wallet="futures")
    r = balance(w, "both")
    assert r.err == "" and ("futures", "USDT") in rows(r), r


def test_refused():
    """the exchange knows no such key: exit 4, the causes, nothing on stdout"""
    w = world()
    for name in NAMES:
        key = w.x.key(name)
        w.add("gone-" + name, key)
        key.delete()
        r = balance(w, "gone-" + name, code=4)
        assert r.out == "" and NO_KEY[name] in r.err and "hint: " in r.err, r
        j = balance(w, "gone-" + name, "--json", code=4).json()
        assert j["error"]["hints"], j


def test_cannot_read():
    """a key without the right to read: exit 4"""
    w = world()
    key = w.x.key("kraken")
    w.add("blind", key)
    key.read = False
    r = balance(w, "blind", code=4)
    assert "EGeneral:Permission denied" in r.err, r


def test_bad_answers():
    """no answer, or none that is one: exit 1, nothing on stdout; never an amount of zero"""
    w = world()
    for name in NAMES:
        for kind in ("429", "503", "html", "redirect", "empty", "not_json", "deep", "truncated",
                     "huge", "short", "closed"):
            w.x.heal()
            w.x.fail(kind)
            r = balance(w, name, code=1)
            assert r.out == "", (name, kind, r)


def test_odd_numbers():
    """numbers of another type or beyond all size: shown exactly, or refused; never altered"""
    w = world()
    for name in NAMES:
        for kind in ("big_number", "wrong_type"):
            w.x.heal()
            w.x.fail(kind)
            r = w.h.run("balance", name, "--json")
            kit.calm(r)
            assert r.code in (0, 1, 4), (name, kind, r)
            for b in r.json().get("balances", []):
                for m in ("free", "locked", "total"):
                    assert b[m] is None or Decimal(b[m]).is_finite(), (name, kind, b)
                    assert b[m] is None or "e" not in b[m].lower(), (name, kind, b)


def test_before_pin():
    """what cannot work is refused before the PIN"""
    w = world()
    kit.refused(w.h, 1, "no key named", "balance", "nobody", pin=False)
    kit.refused(w.h, 2, "no name for a key", "balance", "a/b", pin=False)
    kit.refused(w.h, 2, "needs", "balance", pin=False)
    r = w.h.run("balance", "okx", pin=False)
    assert r.code == 3 and "no terminal" in r.err and not w.x.log, r


def test_certificate():
    """a wrong certificate: exit 1, nothing sent"""
    w = world()
    try:
        w.x.restart("other_ca")
        r = balance(w, "binance", code=1)
        assert "certificate" in r.err, r
    finally:
        w.x.restart()
    assert w.x.log == []


def test_other_environment():
    """a demo key shows the demo's money"""
    w = world()
    key = w.x.key("okx", env="demo", account="D1")
    w.h.ok("add", "demo", "okx", "--env", "demo", "--connect-to", w.x.connect_to, "--ca-file",
           w.x.ca_file, *RISK, "--from-json", "-", stdin=json.dumps(key.fields))
    w.x.funds("D1", {"BTC": "3"}, "okx", "demo")
    got = {a: v for (_, a), v in rows(balance(w, "demo")).items()}
    assert Decimal(got["BTC"][2]) == 3, got


if __name__ == "__main__":
    lib.main([test_all, test_locked, test_many_digits, test_nothing, test_missing_wallet,
              test_refused, test_cannot_read, test_bad_answers, test_odd_numbers, test_before_pin,
              test_certificate, test_other_environment])
