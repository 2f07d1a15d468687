#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""Keys and clocks that an exchange refuses, against add, verify, balance, a read and an order: exit
4 with what it can mean, nothing known about rights, nothing stored; and keys that were sealed while
the exchange could not be reached."""
import json
import time

import bad_world
import lib
from bad_world import COMMANDS, FACTS, at_each
from exchange.keys import DAY_MS, Key

HOUR_MS = 3_600_000
ALL_NO = dict.fromkeys(COMMANDS, 4)
FINE = {"binance": 0, "okx": 5, "kraken": 5, "coinbase": 0}   # add of a good key


def fine(exchange, **but):
    return {**dict.fromkeys(COMMANDS, 0), "add": FINE[exchange], **but}


def heal(place):
    """The key and the exchange as they were."""
    key, x = place.key, place.x
    x.heal()
    x.clock_ms, x.ambiguous = 0, False
    key.is_deleted, key.expires_ms, key.env, key.ip = False, None, "live", ["127.0.0.1"]
    key.read = key.spot = True
    key.region = "www" if place.exchange == "okx" else None
    key.credentials = place.good


def told(r, command):
    if command != "verify":
        return r.err
    return r.out


def try_all(place, codes, *words):
    """Each command ends as it must, and what it says has the words, when it is refused."""
    for command in COMMANDS:
        n = len(place.x.orders())
        r = place.command(command)
        assert r.code == codes[command], f"{command}: not {codes[command]}: {r}"
        if r.code == 4:
            assert any(w in told(r, command) for w in words), f"{command}: not {words}: {r}"
            assert bad_world.hints(r) or "It means" in r.out or "to do: " in r.out, r
            assert "withdraw  " not in r.out and "works          yes" not in r.out, r
            assert len(place.x.orders()) == n, r
        is_kept = "new" in place.sealed()
        assert is_kept == (command == "add" and r.code == 0), r
        if is_kept:
            place.h.ok("remove", "new", "--yes")
    if codes["verify"] == 4:
        nothing_known(place)
    if codes["add"] == 4:           # no reason makes it good
        assert place.add(place.key, *bad_world.RISK).code == 4 and place.sealed() == {"k"}


def nothing_known(place):
    j, code = place.facts()
    is_late = j["failure"]["kind"] == "clock"       # which says nothing of the key
    assert code == 4 and j["works"] is (None if is_late else False) and all(j[f] is None for f in FACTS), j
    causes = j["failure"]["causes"]
    assert causes and all(c["what"] and c["tell"] for c in causes), j
    assert j["error"]["code"] == "exchange" and j["error"]["hints"], j


def with_good(test):
    """Remembers what the exchange knows of the key, for heal."""
    def run(place):
        place.good = place.key.credentials
        test(place)
        heal(place)
        assert place.facts()[0]["works"] is True, "not well again"
    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return at_each(run)


@with_good
def clock(place):
    """a clock an hour off, either way: refused, and told by how much; not so at Kraken"""
    for ms, words in ((HOUR_MS, "behind"), (-HOUR_MS, "ahead of")):
        place.x.clock_ms = ms
        if place.exchange == "kraken":
            try_all(place, fine("kraken"))
            assert "clock" in {p["problem"] for p in place.facts()[0]["problems"]}
        else:
            try_all(place, ALL_NO, "clock")
            j, _ = place.facts()
            assert abs(j["skew_ms"] + ms) < 5000, j
        r = place.run("verify", "k")
        assert f" {words.split()[0]}" in r.out and "clock" in r.out, r


@with_good
def gone(place):
    """deleted, or never there: refused, with what else it can mean"""
    place.key.delete()
    try_all(place, ALL_NO, "was deleted")
    place.x.ambiguous = True
    try_all(place, ALL_NO, "was deleted", "mistyped", "wrong")
    j, _ = place.facts()
    assert len(j["failure"]["causes"]) >= 2, j


@with_good
def wrong_secret(place):
    """another secret than the exchange's: refused, and the signature or the key is named"""
    other = Key(place.exchange)
    place.key.credentials = {**other.credentials, "api_key": place.key.id}
    if place.exchange == "okx":
        place.key.credentials["passphrase"] = place.good["passphrase"]
    try_all(place, ALL_NO, "secret", "private key", "signature")
    if place.exchange == "okx":
        place.key.credentials = {**place.good, "passphrase": "Another-1!"}
        try_all(place, ALL_NO, "passphrase")


@with_good
def expired(place):
    """past its date: refused; at Binance the right to trade lapses and the key goes on reading"""
    place.key.expires_ms = int(time.time() * 1000) - DAY_MS
    if place.exchange == "binance":
        try_all(place, fine("binance", order=4), "lacks the right")
        j, _ = place.facts()
        assert "expired" in {p["problem"] for p in j["problems"]}, j
        return
    try_all(place, ALL_NO, "expired", "deleted")
    if place.exchange == "kraken":
        place.x.kraken_expired_error = "EAPI:Bad request"
        try_all(place, ALL_NO, "expired")


@with_good
def other_side(place):
    """a key of the test or demo side in a record of the live side: refused"""
    if place.exchange != "kraken":
        place.key.env = "demo" if place.exchange == "okx" else "test"
        try_all(place, ALL_NO, "environment", "demo", "sandbox", "another kind")


@with_good
def other_region(place):
    """OKX: a key of another site: refused, and the sites are named"""
    if place.exchange == "okx":
        for region in ("app", "my"):
            place.key.region = region
            try_all(place, ALL_NO, "another site")


@with_good
def not_listed(place):
    """this address is not on the key's list: refused, and the list is named"""
    place.key.ip = ["203.0.113.7", "198.51.100.0/24"]
    try_all(place, ALL_NO, "address")
    if place.exchange == "kraken":
        place.x.kraken_ip_error = "EGeneral:Permission denied"
        try_all(place, ALL_NO, "address")


@with_good
def right_missing(place):
    """the key may not read, or not trade: told as that, the rest goes on"""
    e = place.exchange
    place.key.spot = False
    adds = 0 if e == "okx" else FINE[e]         # OKX's one danger was the right to trade
    try_all(place, fine(e, order=4, add=adds), "right")
    assert place.facts()[0]["trade_spot"] is False
    place.key.spot, place.key.read = True, False
    if e in ("binance", "okx"):     # the call that tells rights needs the right to read
        try_all(place, {**ALL_NO, "order": 0}, "right")
        return
    try_all(place, fine(e, balance=4, read=4, add=0), "right")
    j, _ = place.facts()
    assert j["read"] is False and "cannot-read" in {p["problem"] for p in j["problems"]}, j


# Sealed without the exchange ---------------------------------------------------------------------

def listed(place, name):
    return next(k for k in place.h.ok("list", "--json", pin=False).json()["keys"]
                if k["name"] == name)


def only_reads(place, name):
    """An order is not signed, nor sent; a read is both."""
    path, body = bad_world.order_of(place.exchange)
    order = ("POST", path, *(("-d", body) if body else ()))
    n = len(place.x.log)
    for command in ("sign", "request"):
        r = place.run(command, name, *order)
        assert r.code == 5 and "not verified yet" in r.err, r
        assert f"coffer verify {name}" in "".join(bad_world.hints(r)) and r.out == "", r
    r = place.run("verify", name, "--trade", "BTCUSDT", "--yes")
    assert r.code == 5 and "not verified yet" in r.err, r
    assert len(place.x.log) == n, place.x.log[n:]
    place.h.ok("sign", name, *bad_world.READ[place.exchange])
    assert listed(place, name)["verified"] is False


@at_each
def sealed_unseen(place):
    """sealed while the exchange is down: reads only, until a verify that finds no open danger"""
    key = place.x.key(place.exchange)
    place.x.fail("closed", place.exchange)
    r = place.add(key, name="late")
    assert r.code == 1 and "late" not in place.sealed(), r
    r = place.add(key, *bad_world.RISK, name="late")
    assert r.code == 0 and "sealed as unverified" in r.err, r
    assert listed(place, "late")["unverified"] is True
    only_reads(place, "late")
    r = place.run("verify", "late")
    assert r.code == 1 and listed(place, "late")["unverified"], r
    place.x.heal()
    assert place.run("request", "late", *bad_world.READ[place.exchange]).code == 0
    only_reads(place, "late")
    r = place.run("verify", "late")
    assert r.code == 0, r
    if FINE[place.exchange]:        # a danger that is open: --accept-risk while it was down is none
        assert "stays marked as not verified" in r.err, r
        only_reads(place, "late")
        assert place.run("verify", "late", *bad_world.RISK).code == 0
    assert listed(place, "late")["verified"] is True and not listed(place, "late").get("unverified")
    assert place.command("order", "late").code == 0


@at_each
def sealed_unseen_and_dangerous(place):
    """sealed while the exchange is down, and it can withdraw: stays unverified until accepted"""
    key = place.x.key(place.exchange, withdraw=True)
    place.x.fail("503", place.exchange)
    assert place.add(key, *bad_world.RISK, name="late").code == 0
    place.x.heal()
    for _ in (1, 2):
        r = place.run("verify", "late")
        assert r.code == 0 and "may withdraw" in r.out and "stays marked" in r.err, r
        assert place.run("verify", "late", "--strict").code == 5
        only_reads(place, "late")
    key.delete()
    r = place.run("verify", "late", *bad_world.RISK)
    assert r.code == 4 and "nothing is accepted" in r.err, r
    only_reads(place, "late")
    key.is_deleted = False
    assert place.run("verify", "late", "--accept-risk", "withdraws to cold storage").code == 0
    risks = {p["problem"]: p["reason"] for p in listed(place, "late")["risks"]}
    assert risks.get("may-withdraw") == "withdraws to cold storage" and "not-verified" not in risks, risks
    assert place.command("order", "late").code == 0
    assert json.loads(place.run("verify", "late", "--json").out)["withdraw"] is True


if __name__ == "__main__":
    lib.main([clock, gone, wrong_secret, expired, other_side, other_region, not_listed,
              right_missing, sealed_unseen, sealed_unseen_and_dangerous])
