#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""coffer review: asks what only a person knows, notes date and open points, keeps nothing half"""
import json
import os

import kit
from kit import refused
from lib import Home, main, shared
from status import DAY, NOW, note, note_path

WITHDRAW, IP, MAIL, FACTOR = "switched off", "IP list", "e-mail address", "second factor"
PHISHING, ADDRESSES, COPIES = "anti-phishing", "withdrawal addresses", "nowhere else"
ACCOUNT = (MAIL, FACTOR, PHISHING, ADDRESSES)
ALL = (WITHDRAW, IP, *ACCOUNT, COPIES)
NAMES = ["withdrawal-off", "ip-list", "age", "own-email", "second-factor", "anti-phishing",
         "withdrawal-addresses", "no-copies"]


def prepare(h):
    h.init()
    h.add("main")
    h.add("other")
    h.add("kraken", "kraken", kit.KRAKEN)


fresh = shared(prepare)


def yes(*questions):
    return [(q, "y") for q in questions]


def noted(h, name):
    """The review's part of the note, or None."""
    path = note_path(h, name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return json.load(f).get("review")


def points(h, name):
    """The state of each point by --json, which asks nothing."""
    r = h.ok("review", name, "--json", pin=False)
    (key,) = r.json()["keys"]
    assert [p["name"] for p in key["points"]] == NAMES, key
    return key, {p["name"]: p for p in key["points"]}


def test_all_in_order():
    """every question answered with yes: noted without an open point, status is content"""
    h = fresh()
    r = h.tty("review", "main", answers=yes(*ALL))
    assert r.code == 0 and "0 of 8 points open" in r.out, r
    assert "shows when the next review is due: in 30 days" in r.out, r
    assert noted(h, "main")["open"] == [], noted(h, "main")
    j = h.ok("status", "--json", pin=False).json()
    assert [x["what"] for x in j["attention"] if x["name"] == "main"] == ["unverified"], j
    key, state = points(h, "main")
    assert not key["is_due"] and state["own-email"]["last"] == "ok", key


def test_no_gets_advice():
    """each no gets advice, and is noted as open until the next review"""
    h = fresh()
    r = h.tty("review", "main", answers=[(q, "n") for q in ALL])
    assert r.code == 0 and "7 of 8 points open" in r.out, r
    for text in ("Enable Withdrawals", "trusted IPs", "coffer rotate main", "phishing"):
        assert text in r.out, (text, r)
    assert noted(h, "main")["open"] == [n for n in NAMES if n != "age"], noted(h, "main")
    j = h.ok("status", "--json", pin=False).json()
    mine = [x for x in j["attention"] if x["name"] == "main"]
    assert mine[-1]["what"] == "review-open" and "no-copies" in mine[-1]["text"], mine
    assert points(h, "main")[1]["no-copies"]["last"] == "open"
    r = h.tty("review", "main", answers=yes(*ALL))
    assert r.code == 0 and noted(h, "main")["open"] == [], r


def test_exchange_answers():
    """what the last verification showed is not asked; bad news from it stays open"""
    h = fresh()
    note(h, "main", reviewed_ms=0)
    r = h.tty("review", "main", answers=yes(*ACCOUNT, COPIES))
    assert r.code == 0 and WITHDRAW not in r.out and "0 of 8" in r.out, r
    assert "the exchange says so, 3 d ago" in r.out, r
    note(h, "main", withdraw="yes", ip_bound="no", problems=["may-withdraw"])
    r = h.tty("review", "main", answers=yes(*ACCOUNT, COPIES))
    assert noted(h, "main")["open"] == ["withdrawal-off", "ip-list"], r
    assert "Enable Withdrawals" in r.out and "says it is not so" in r.out, r
    assert h.ok("status", "--json", pin=False).json()["keys"][1]["verified"]["withdraw"] is True
    note(h, "main", withdraw="unknown", ip_bound="unknown")
    r = h.tty("review", "main", answers=yes(*ALL))
    assert r.code == 0 and "0 of 8" in r.out, r
    note(h, "main", at_ms=NOW - 40 * DAY, worked_ms=NOW - 40 * DAY)
    r = h.tty("review", "main", answers=yes(*ALL))
    assert r.code == 0 and "too old" in r.out, r


def test_all_keys():
    """without a name: each key; what is of the account is asked once"""
    h = fresh()
    r = h.tty("review", answers=[*yes(*ALL), (WITHDRAW, "y"), (IP, "y"), (MAIL, "n"),
                                 (FACTOR, "y"), (PHISHING, "y"), (ADDRESSES, "y"), (COPIES, "y"),
                                 ("same account as 'main'", "y"), (WITHDRAW, "y"), (IP, "y"),
                                 (COPIES, "n")])
    assert r.code == 0, r
    assert noted(h, "kraken")["open"] == [], r
    assert noted(h, "main")["open"] == ["own-email"], r
    assert noted(h, "other")["open"] == ["own-email", "no-copies"], r
    assert "as with 'main'" in r.out, r


def test_other_account():
    """keys of two accounts: each account is asked about"""
    h = fresh()
    note(h, "main", account="A1", reviewed_ms=0)
    note(h, "other", account="A2", reviewed_ms=0)
    r = h.tty("review", answers=[*yes(*ALL), *yes(*ACCOUNT, COPIES), *yes(*ACCOUNT, COPIES)])
    assert r.code == 0 and "same account" not in r.out, r
    note(h, "other", account="A1", reviewed_ms=0)
    r = h.tty("review", answers=[*yes(*ALL), *yes(*ACCOUNT, COPIES), *yes(COPIES)])
    assert r.code == 0 and "same account" not in r.out and "as with 'main'" in r.out, r


def test_broken_off():
    """^C in the middle: what was answered of this key is not kept, the key before is"""
    h = fresh()
    r = h.tty("review", answers=[*yes(*ALL), (WITHDRAW, "n"), (IP, None)])
    assert r.code != 0, r
    assert noted(h, "kraken")["open"] == [] and noted(h, "main") is None, r
    note(h, "main", reviewed_ms=NOW - 5 * DAY, still_open=["no-copies"], withdraw="unknown")
    r = h.tty("review", "main", answers=[(WITHDRAW, "n"), (MAIL, None)])
    assert r.code != 0 and noted(h, "main") == {"at_ms": NOW - 5 * DAY, "open": ["no-copies"]}, r


def test_no_answer():
    """three answers that are neither y nor n: exit 3, nothing kept"""
    h = fresh()
    r = h.tty("review", "main", answers=[(WITHDRAW, "maybe"), (WITHDRAW, ""), (WITHDRAW, "ja")])
    assert r.code == 3 and "neither y nor n" in r.out and noted(h, "main") is None, r


def test_no_terminal():
    """without a terminal: the checklist, exit 3; --json tells the state and is content"""
    h = fresh()
    note(h, "main")
    before = h.snapshot()
    r = h.run("review", "main", pin=False)
    assert r.code == 3 and "no terminal" in r.err and "ok    withdrawal is off" in r.out, r
    assert "?     no copy of the secret elsewhere: in order when last asked, 1 d ago" in r.out, r
    key, state = points(h, "main")
    assert state["withdrawal-off"]["state"] == "ok" and state["no-copies"]["state"] == "ask", key
    assert len(h.ok("review", "--json", pin=False).json()["keys"]) == 3
    assert h.snapshot() == before


def test_wrong():
    """no such key, no name, a record that cannot be read"""
    h = fresh()
    refused(h, 1, "no key named 'mian'", "review", "mian", pin=False, hint="main")
    refused(h, 2, "no name for a key", "review", "a/b", pin=False)
    with open(h.record_file("main"), "r+b") as f:
        f.write(b"#")
    r = h.run("review", "--json", pin=False)
    assert r.code == 1 and len(r.json()["keys"]) == 3 and "'main'" in r.err, r
    assert h.run("review", "main", "--json", pin=False).code == 1
    r = h.tty("review", answers=[*yes(*ALL), *yes(*ALL)])
    assert r.code == 1 and noted(h, "other")["open"] == [], r


def test_empty():
    """nothing to review"""
    with Home() as h:
        h.init()
        assert "no keys yet" in h.ok("review", pin=False).out


def test_unwritable():
    """a note that cannot be kept: said, and not taken for done"""
    h = fresh()
    os.makedirs(os.path.join(note_path(h, "main"), "in the way"))
    r = h.tty("review", "main", answers=yes(*ALL))
    assert r.code == 1 and "note the review of 'main'" in r.out and "points open" not in r.out, r


if __name__ == "__main__":
    main([test_all_in_order, test_no_gets_advice, test_exchange_answers, test_all_keys,
          test_other_account, test_broken_off, test_no_answer, test_no_terminal, test_wrong,
          test_empty, test_unwritable])
