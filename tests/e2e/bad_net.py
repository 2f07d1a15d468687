#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""An exchange that answers badly, in every way that there is a switch for, against add, verify,
balance, a read and an order: the documented exit status, never a key that works or a fact from
garbage, a cause and what to do, an order sent once and its state never guessed, an end in time."""
import bad_world
import lib
from bad_world import COMMANDS, EXCHANGES, FACTS, MAY_BE_DONE, Place, at_each, side_by_side, timed

# What the answer says nothing in, and a word that must be in the line that tells it.
NOT_NOW = {"429": "too many requests|1003|50011|Rate limit|RESOURCE_EXHAUSTED",
           "418": "locked out|too many requests|1003|50011|lockout|RESOURCE_EXHAUSTED",
           "503": "overload|maintenance|1008|50001|Unavailable|UNAVAILABLE",
           "rate": "too many requests|1003|50011|Rate limit|RESOURCE_EXHAUSTED"}
GARBAGE = {**dict.fromkeys(("html", "truncated", "deep", "dup", "dup_escaped", "redirect", "empty",
                            "not_json"), "documented|no reply as"),
           "html403": "documented|no reply as|locked out|403"}
NO_REPLY = {"short": "ended before", "closed": "ended before", "huge": "larger than"}
# Good JSON in which some members are not as documented.
ODD = ("wrong_type", "missing", "unknown_right", "big_number")
UNTOLD = ("wrong_type", "missing")
REQUESTS = ("read", "order")


def codes(kind, command, exchange):
    """Exit statuses that are right."""
    if kind in NO_REPLY:
        return (1,)
    if command == "order" and (kind in GARBAGE or kind in ("503", "html403")):
        return (1,) if kind != "html403" else (1, 4)    # nobody said no
    if command == "order" and kind == "wrong_type" and exchange == "okx":
        return (1, 4)
    if kind in NOT_NOW or kind in GARBAGE or (kind == "wrong_type" and exchange == "okx"):
        return (4,) if command in REQUESTS else (1,)
    if kind == "big_number":
        # A code of 400 digits is no success; where there is none, only amounts are concerned.
        return (1, 4) if exchange == "okx" else (1,) if command == "balance" else \
            (5,) if command == "add" and exchange == "kraken" else (0,)
    if command == "add":
        return (5,)
    if command == "balance" and kind == "wrong_type":
        return (0, 1)
    # Without one right in the documented form it is not the answer that tells rights.
    return (0, 1) if command == "verify" and kind in UNTOLD else (0,)


def told(r, command):
    """The cause, and what to do, as a person sees them."""
    if command != "verify":
        return bad_world.error_line(r), bad_world.hints(r)
    lines = [x.strip() for x in r.out.splitlines()]
    cause = next((x for x in lines if x.startswith("works ")), "")
    return cause, [x for x in lines if x.startswith(("to do: ", "it means", "- "))]


def has_words(kind, r, command):
    cause, todo = told(r, command)
    words = {**NOT_NOW, **GARBAGE, **NO_REPLY}.get(kind, "")
    assert any(w in cause for w in words.split("|")), f"{kind} {command}: not {words!r}: {r}"
    todo = [x for x in todo if x != "the key was not stored"]
    assert todo, f"{kind} {command}: not said what to do\n{r}"


def nothing_known(j, kind):
    """Neither works nor any fact, from an answer that is none."""
    assert j["works"] is None and j["failure"], (kind, j)
    assert all(j[f] is None for f in FACTS) and j["verified"] is True, (kind, j)
    assert j["error"]["message"], (kind, j)


def facts_hold(place, kind):
    j, code = place.facts()
    assert code in codes(kind, "verify", place.exchange), (kind, code, j)
    if code == 1:
        nothing_known(j, kind)
        return
    if code == 4:
        assert kind == "big_number" and j["works"] is False, (kind, j)
        return
    assert j["works"] is True and code == 0, (kind, j)
    for money in ("withdraw", "transfer"):
        assert j[money] is not False or kind in ("unknown_right", "big_number"), (kind, j)
    dangers = {p["problem"] for p in j["problems"] if p["weight"] == "danger"}
    assert kind != "unknown_right" or "unknown-right" in dangers, (kind, j)
    assert kind not in UNTOLD or "withdraw-unknown" in dangers, (kind, j)


def one_order(place, kind, since, before, r):
    """Sent once, taken once at most, and said to be open where nobody knows."""
    sent = place.sent_orders(since)
    assert len(sent) == 1 and sent[0].method == "POST", (kind, place.x.log[since:])
    assert len(place.x.orders()) <= before + 1, (kind, place.x.orders())
    is_lost = kind in NO_REPLY or kind in ("503", "html", "truncated", "deep", "dup", "redirect",
                                           "dup_escaped", "empty", "not_json", "slow", "silent")
    assert not is_lost or MAY_BE_DONE in r.err, f"{kind}: not said that it may be open\n{r}"
    assert kind not in ("429", "418", "rate") or MAY_BE_DONE not in r.err, r


def one(place, kind, command):
    since, before = len(place.x.log), len(place.x.orders())
    r = timed(place.command, command)
    assert r.code in codes(kind, command, place.exchange), f"{kind} {command}: {r}"
    if r.code:
        assert command != "balance" or r.out == "", r
        if kind not in ODD:
            has_words(kind, r, command)
    if command == "add":
        assert ("new" in place.sealed()) == (r.code == 0), (kind, r)
        if r.code == 0:
            place.h.ok("remove", "new", "--yes")
    if command == "order":
        one_order(place, kind, since, before, r)
    else:
        assert not place.sent_orders(since), (kind, command)
    calls = [(c.method, c.path) for c in place.x.log[since:]]
    assert len(calls) == len(set(calls)), f"{kind} {command}: asked twice: {calls}"
    assert "evil.example" not in {c.host for c in place.x.log[since:]}


def switches(kinds):
    @at_each
    def test(place):
        for kind in kinds:
            place.x.heal()
            place.x.fail(kind)
            for command in COMMANDS:
                one(place, kind, command)
            facts_hold(place, kind)
        place.x.heal()
        assert place.facts()[0]["works"] is True, "not well again"
    return test


not_now, garbage, no_reply, odd = (switches(k) for k in (NOT_NOW, GARBAGE, NO_REPLY, ODD))
not_now.__doc__ = """too many requests, locked out, in maintenance: nothing about the key"""
garbage.__doc__ = """pages, redirects, cut, deep, doubled or no JSON: nobody's word about a key"""
no_reply.__doc__ = """no reply, or not all of it: nothing known, an order said to be open"""
odd.__doc__ = """members of another type, missing, unknown or beyond all size: never for safe"""


@at_each
def when_to_come_back(place):
    """the exchange's own Retry-After is told in seconds"""
    place.x.fail("429", retry_after=33)
    for command in COMMANDS:
        r = place.command(command)
        assert "33 s" in "\n".join(told(r, command)[1]), (command, r)


@at_each
def failing_once(place):
    """one bad answer among good ones: a right that was not told is not known to be off"""
    for kind in ("503", "html", "closed", "rate", "empty"):
        for path in {"binance": ("/api/v3/time", "/sapi/*", "/api/v3/account"),
                     "okx": ("*/public/time", "*/account/config"),
                     "kraken": ("*/Time", "*/GetApiKeyInfo"),
                     "coinbase": ("*/time", "*/key_permissions")}[place.exchange]:
            place.x.heal()
            place.x.fail(kind, path=path)
            j, code = place.facts()
            if "ime" in path:
                assert j["works"] is True and j["withdraw"] is False and code == 0, (kind, path, j)
                assert j["skew_ms"] is None, j
            elif path == "/api/v3/account":
                assert j["works"] is True and j["withdraw"] is False, (kind, path, j)
            else:
                assert j["withdraw"] is None and j["transfer"] is None, (kind, path, j)
                # At Binance another call may have shown that the key works
                assert j["works"] is None or place.exchange == "binance", (kind, j)


def in_time():
    """an answer that never comes or never ends: over after ten seconds, an order said to be open"""
    places = [Place(e) for e in EXCHANGES for _ in (1, 2)]

    def job(place, kind, command):
        since = len(place.sent_orders())
        r = timed(place.command, command)
        assert r.code == 1 and "no answer came in time" in r.out + r.err, (kind, command, r)
        assert "withdraw " not in r.out and "works          yes" not in r.out, r
        assert command != "order" or MAY_BE_DONE in r.err, r
        assert command == "order" or MAY_BE_DONE not in r.err, r
        assert command != "order" or len(place.sent_orders()) == since + 1, r
    try:
        jobs = []
        for i, place in enumerate(places):
            kind = ("slow", "silent")[i % 2]
            place.x.fail(kind)
            jobs += [lambda p=place, k=kind, c=c: job(p, k, c) for c in COMMANDS]
        side_by_side(jobs)
        for place in places:
            assert place.sealed() == {"k"} and len(place.sent_orders()) == 1
    finally:
        for place in places:
            place.close()


if __name__ == "__main__":
    lib.main([not_now, garbage, no_reply, odd, when_to_come_back, failing_once, in_time])
