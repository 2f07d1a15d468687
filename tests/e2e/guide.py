#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer guide: the newcomer's questions, and the steps for each exchange; no vault anywhere"""
from kit import refused
from lib import Home, main

ASKED = ("What is an API key", "public", "tick", "works", "Hummingbot", "per IP", "several bots",
         "safe")
MEMBERS = ("where", "before", "steps", "tick", "never", "ip", "you_get", "own_key", "life",
           "limits", "hummingbot", "traps")


def home():
    return Home()


def test_questions():
    """without a name: every question, every exchange that has a guide, no vault needed or made"""
    with home() as h:
        r = h.ok("guide", pin=False)
        for text in ASKED:
            assert text in r.out, (text, r)
        assert "not in this version" in r.out and "coffer request" in r.out, r
        assert "prove one thing" in r.out, r
        j = h.ok("guide", "--json", pin=False).json()
        assert len(j["topics"]) >= 8 and all(t["answer"] for t in j["topics"]), j
        for name in j["exchanges"]:
            assert f"coffer guide {name}\n" in r.out, r
        assert {"binance", "okx", "kraken"} <= {x["exchange"] for x in j["limits"]}, j
        assert h.snapshot() == {}, "something was written"


def test_each():
    """each exchange: all its sections, the fields that coffer asks for, and what to type then"""
    with home() as h:
        names = h.ok("guide", "--json", pin=False).json()["exchanges"]
        assert names == ["binance", "coinbase_advanced_trade", "kraken", "okx"], names
        fields = {c["name"]: c["fields"] for c in
                  h.ok("connectors", "--json", pin=False).json()["connectors"]}
        for name in names:
            r = h.ok("guide", name, pin=False)
            assert f"coffer add NAME {name}\n" in r.out, r
            for field in fields[name]:
                assert field in r.out, (name, field, r)
            j = h.ok("guide", name, "--json", pin=False).json()
            for member in MEMBERS:
                assert j[member], (name, member)
            assert any("ithdraw" in x or "ransfer" in x for x in j["never"]), (name, j["never"])


def test_width():
    """lines fit a terminal, words are never cut"""
    with home() as h:
        for args in ((), ("binance",), ("coinbase",), ("kraken",), ("okx",)):
            r = h.ok("guide", *args, pin=False)
            for line in r.out.splitlines():
                assert len(line) <= 100 or len(line.split()) == 1, line
        j = h.ok("guide", "okx", "--json", pin=False).json()
        flat = " ".join(h.ok("guide", "okx", pin=False).out.split())
        for member in MEMBERS:
            for text in j[member] if isinstance(j[member], list) else [j[member]]:
                assert " ".join(text.split()) in flat, (member, text)


def test_alias():
    """an alias leads to its exchange's guide"""
    with home() as h:
        assert h.ok("guide", "okx-perpetual", pin=False).out == \
            h.ok("guide", "okx", pin=False).out


def test_unknown():
    """an exchange that coffer does not know: the nearest is named"""
    with home() as h:
        refused(h, 2, "unknown connector 'binanc'", "guide", "binanc", pin=False, hint="binance")
        refused(h, 2, "takes at most 1 argument", "guide", "okx", "kraken", pin=False)


if __name__ == "__main__":
    main([test_questions, test_each, test_width, test_alias, test_unknown], needs_softhsm=False)
