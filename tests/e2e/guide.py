#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""coffer guide: the newcomer's questions, and the steps for each exchange; no vault anywhere"""
import json

from kit import refused
from lib import Home, main

ASKED = ("What is an API key", "public", "tick", "works", "Hummingbot", "per IP", "several bots",
         "safe")
# own_steps and then are empty where there is nothing to say.
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
        flat = " ".join(r.out.split())
        assert "is not in this version" in flat and "coffer request" in flat, r
        assert "the key that coffer protects is not the one that such a bot uses" in flat, r
        assert "provider's page" in flat and "router's" in flat and "with curl" in flat, r
        assert "OKX's 'Trade' includes" in flat and "Kraken does not tell" in flat, r
        assert "prove one thing" in r.out, r
        j = h.ok("guide", "--json", pin=False).json()
        assert len(j["topics"]) >= 8 and all(t["answer"] for t in j["topics"]), j
        for name in j["exchanges"]:
            assert f"coffer guide {name}\n" in r.out, r
        assert [x["exchange"] for x in j["limits"]] == j["exchanges"], j
        assert j["limits_of_others"] in flat, j
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


def test_refused_at_first():
    """OKX and Kraken: a key made as the guide says is refused at first; what to do then is told"""
    with home() as h:
        for name, why in (("okx", "OKX's 'Trade' includes"), ("kraken", "Kraken does not tell")):
            r = h.ok("guide", name, pin=False)
            then = " ".join(r.out.split("\nThen\n")[1].split())
            for text in (why, "refused at first", "boxes once more", "answer r and give the reason",
                         "--accept-risk REASON"):
                assert text in then, (text, r)
            assert h.ok("guide", name, "--json", pin=False).json()["then"] in then, r
        for name in ("binance", "coinbase"):
            assert "refused at first" not in h.ok("guide", name, pin=False).out
            assert h.ok("guide", name, "--json", pin=False).json()["then"] == ""
        okx = " ".join(h.ok("guide", "okx", pin=False).out.split())
        assert "coffer add NAME okx --region www" in okx, okx


def test_binance_order():
    """Binance: restrictions first, 'coffer add' last; a pair of one's own; no word of 30 days"""
    with home() as h:
        j = h.ok("guide", "binance", "--json", pin=False).json()
        at = {word: next(i for i, s in enumerate(j["steps"]) if word in s)
              for word in ("open", "'Edit restrictions'", "coffer add")}
        assert at["open"] < at["'Edit restrictions'"] < at["coffer add"] == len(j["steps"]) - 1, at
        own = "\n".join(j["own_steps"])
        for text in ("openssl genpkey -algorithm ed25519", "-pubout", "shred -u k.pem",
                     "--field-file private_key_pem=k.pem", "does not reach"):
            assert text in own and text in " ".join(h.ok("guide", "binance", pin=False).out.split())
        assert "30 days" not in json.dumps(j) and "not documented" in j["life"] + j["ip"], j


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
        refused(h, 2, "does not know the exchange 'binanc'", "guide", "binanc", pin=False,
                hint="did you mean 'binance'")
        r = refused(h, 2, "does not know the exchange 'bybit'", "guide", "bybit", pin=False,
                    hint="it knows binance, coinbase_advanced_trade, kraken, okx")
        assert "did you mean" not in r.err, r
        refused(h, 2, "takes at most 1 argument", "guide", "okx", "kraken", pin=False)


if __name__ == "__main__":
    main([test_questions, test_each, test_refused_at_first, test_binance_order, test_width, test_alias, test_unknown], needs_softhsm=False)
