#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""New keys that coffer rotate must not switch to, and everything that exchange and network do
badly meanwhile: the old key stays in place, and no old key is called dead by an answer that does
not say so."""
import json
import threading

import kit
import lib
import rotate_kit
from rotate_kit import EXCHANGES

home = lib.shared(lambda h: h.init())
desk = rotate_kit.desk(home)
ACCEPT = ("--accept-risk", "must be so, withdrawals too")

# What an answer that tells nothing of a key ends in, and one that leaves rights out.
UNREACHED = ("429", "418", "503", "rate", "html", "html403", "redirect", "empty", "not_json",
             "deep", "truncated", "short", "huge", "closed", "dup", "dup_escaped")
UNTOLD = ("wrong_type", "missing", "unknown_right")
SLOW = ("slow", "silent")


def code_of(kind, exchange):
    if kind in UNREACHED or (kind, exchange) == ("wrong_type", "okx"):
        return 1
    if kind in UNTOLD or (kind, exchange) == ("big_number", "binance"):
        return 5
    # OKX's codes are numbers in text; Kraken's and Coinbase's rights have none.
    return 4 if exchange == "okx" else 0


def fail_after(x, n, kind, exchange=None, path=None):
    """From the (n+1)th call on."""
    switch, first = x.fail(kind, exchange, path), len(x.log)
    matches = switch.matches
    switch.matches = lambda *call: len(x.log) - first > n and matches(*call)
    return switch


def calls_of_one_try(d, old, name="mm1"):
    n = len(d.x.log)
    d.rotate(old, name=name)            # the same key: only the old one is tried
    return len(d.x.log) - n


@desk
def rights(d):
    """fewer, more, dangerous: exit 5 and all as it was; with a reason switched to and shown"""
    for attributes, said, problem in (
            ({"spot": False}, "may do less than is needed: trade spot", "fewer-rights"),
            ({"futures": True}, "may do more than the one it replaces: trade f", "more-rights"),
            ({"ip": None}, "may do more than the one it replaces: use from any", "more-rights"),
            ({"withdraw": True}, "it may withdraw", "may-withdraw"),
            ({"transfer": True}, "may move funds between accounts", "may-transfer"),
            ({"spot": False, "futures": True, "ip": None}, "trade futures, use from any IP", None)):
        old, new = d.start(), d.x.key("binance", **attributes)
        r = d.refused(old, new, 5, said, hint="--accept-risk REASON; the reason is kept")
        assert "trying the key" in r.out and "read           yes" in r.out, r
        if problem == "may-withdraw":
            d.refused(old, new, 5, said, "--accept-risk", "must be so", hint="does not cover that")
        d.refused(old, new, 5, said, "--json")
        r = d.rotate(new, *ACCEPT)
        assert r.code == 0, r
        d.in_place(new, retiring=True)
        wanted = [problem] if problem else ["fewer-rights", "more-rights"]
        assert d.risks() == {p: ACCEPT[1] for p in wanted}, d.risks()
        for text in (d.h.ok("list", pin=False).out, d.h.ok("show", "mm1", pin=False).out,
                     d.h.ok("status", pin=False).out):
            assert all(p in text for p in wanted), text
        assert ACCEPT[1] in d.h.ok("show", "mm1", pin=False).out
        old.delete()
        assert d.finish().code == 0 and sorted(d.risks()) == wanted
        d.h.ok("remove", "mm1", "--yes")


@desk
def accepted_before(d):
    """a risk that the record has accepted needs no new reason, and goes with the right itself"""
    old, new = d.x.key("binance", withdraw=True), d.x.key("binance", withdraw=True)
    d.add(old, "mm1", "--accept-risk", "withdraws to the cold wallet")
    assert d.rotate(new).code == 0 and d.risks() == {"may-withdraw": "withdraws to the cold wallet"}
    old.delete()
    assert d.finish().code == 0
    worse = d.x.key("binance", withdraw=True, transfer=True)
    r = d.refused(new, worse, 5, "move funds between accounts")
    assert "it may withdraw" not in r.err, r
    better = d.x.key("binance")
    assert d.rotate(better).code == 0 and d.risks() == {}
    new.delete()
    assert d.finish().code == 0
    d.refused(better, d.x.key("binance", withdraw=True), 5, "it may withdraw")
    old = d.x.key("binance", transfer=True)
    d.add(old, "mm2", "--accept-risk", "known")
    n = calls_of_one_try(d, old, "mm2")
    fail_after(d.x, n, "missing")           # accepted too where it cannot be told, and not lost
    d.x.switches[0].members = ["permitsUniversalTransfer", "enableInternalTransfer"]
    r = d.rotate(d.x.key("binance"), name="mm2")
    assert r.code == 0 and d.risks("mm2") == {"may-transfer": "known"}, (r, d.risks("mm2"))


@desk
def accounts(d):
    """of another account: never, also when only the note knows it; untold: with a reason"""
    for e in EXCHANGES:
        old, other = d.start(e, name=e), d.x.key(e, account="B2")
        d.refused(old, other, 5, "another account", name=e, hint="coffer add OTHERNAME")
        d.refused(old, other, 5, "another account", *ACCEPT, name=e)
        old.delete()
        r = d.refused(old, other, 5, "another account", *ACCEPT, name=e)
        assert "does not work any more" in r.out, r
    old, new = d.start(), d.x.key("binance")
    n = calls_of_one_try(d, old)
    fail_after(d.x, n, "503", path="/api/v3/account")
    d.refused(old, d.x.key("binance", account="B2"), 5, "cannot be told to be of the same account",
              hint="may only have failed to say")
    assert d.rotate(new, *ACCEPT).code == 0 and d.risks() == {"account-unknown": ACCEPT[1]}


@desk
def same_key(d):
    """the key that is in place already: exit 5, whatever is accepted, living or dead"""
    old = d.start()
    for more in ((), ACCEPT, ("--json",)):
        n = len(d.x.log)
        r = d.refused(old, old, 5, "that is the key which 'mm1' has already", *more)
        assert "trying the key" not in r.out and len(d.x.log) - n == 3, r
    old.delete()
    d.refused(old, old, 5, "has already")


@desk
def refused_keys(d):
    """what the exchange refuses is not switched to: exit 4, whatever is accepted"""
    for e in EXCHANGES:
        old, gone, wrong = d.start(e, name=e), d.x.key(e), d.x.key(e)
        gone.delete()
        wrong.fields = {**wrong.fields, **{k: v for k, v in d.x.key(e).fields.items()
                                           if k in ("api_secret", "privateKey")}}
        away = d.x.key(e, ip=["203.0.113.7"])
        for k in (gone, wrong, away):
            for more in ((), ACCEPT, ("--json",)):
                d.refused(old, k, 4, "refuses the key", *more, name=e)
        if e in ("binance", "okx"):
            d.refused(old, d.x.key(e, env="demo"), 4, "refuses the key", name=e)
    old = d.start()
    d.x.clock_ms = 3_600_000
    d.refused(old, d.x.key("binance"), 4, "clock")


@desk
def needs_without_an_old_key(d):
    """with the old key gone the new one must read and trade, all the same"""
    old = d.start()
    old.delete()
    d.refused(old, d.x.key("binance", spot=False), 5, "less than is needed: trade")
    d.refused(old, d.x.key("binance", withdraw=True), 5, "may withdraw")
    assert d.rotate(d.x.key("binance", spot=False), *ACCEPT).code == 0
    old = d.start(name="mm2")
    d.x.fail("missing", times=1)                # of the old one no right is told, but it works
    r = d.rotate(d.x.key("binance", spot=False), name="mm2")
    kit.judge_refusal(r, 5, "less than is needed: trade")


@desk
def bad_input(d):
    """what is no key, no such record, options that do not fit: refused, nothing sent"""
    old = d.start()
    new, n = d.x.key("binance"), len(d.x.log)
    for args, code, said in (
            (("rotate", "mm1", "--finish", "--remove-source"), 2, "--remove-source is for a new"),
            (("rotate", "nosuch", "--from-json", d.file(new)), 1, "nosuch"),
            (("rotate", "nosuch", "--finish"), 1, "nosuch"), (("rotate",), 2, "needs NAME"),
            (("rotate", "mm1", "--to", "x"), 2, "--to goes with --seal"),
            (("rotate", "mm1", "--remove-source"), 2, "--remove-source needs --from-json"),
            (("rotate", "mm1", "--from-json", d.file(new), "--accept-risk", ""), 2, "the reason"),
            (("rotate", "mm1", "--seal"), 2, "--seal is about the whole vault")):
        before = d.kept()
        kit.judge_refusal(d.heard(d.h.run(*args)), code, said)
        assert d.kept() == before and len(d.x.log) == n, args
    for text in ("", "{", "[]", '{"api_key": "x"}', json.dumps({**new.fields, "colour": "red"}),
                 json.dumps({**new.fields, "api_secret": "short"})):
        before = d.kept()
        r = d.heard(d.h.run("rotate", "mm1", "--from-json", "-", stdin=text))
        d.untouched(old, r, 2, "", before)
    assert not [e for e in d.x.log if e.headers.get("x-mbx-apikey") == new.id]


def judge_fault(d, e, kind, old, new, where, more):
    """One rotation while something is wrong, for both keys or only for the new one."""
    before = d.kept()
    fail_after(d.x, where, kind)
    r = d.rotate(new, *more, name=e)
    d.x.heal()
    code = 0 if more and code_of(kind, e) == 5 else code_of(kind, e)
    assert r.code == code, (kind, where, more, r)
    assert "\x1b" not in r.out + r.err and "is dead" not in r.out, r
    if code:
        kit.judge_refusal(r, code, "")
        assert ("nothing was changed" if code == 1 and not where else "old key is in place") in \
            r.err, r
        assert d.kept() == before and not d.is_retiring(e), (kind, where, more, r)
    else:
        assert ("read           yes" in r.out or more) and "still works" in r.out, r
        assert bool(d.risks(e).keys() - set(rotate_kit.ALWAYS.get(e, []))) == bool(more), r
        d.h.ok("remove", e, "--yes")
        d.add(old, e)


@desk
def every_fault(d):
    """all that can go wrong in answers: never switched to a key that was not judged"""
    for e in EXCHANGES:
        old, new = d.start(e, name=e), d.x.key(e)
        n = calls_of_one_try(d, old, e)
        for kind in (*UNREACHED, *UNTOLD, "big_number"):
            judge_fault(d, e, kind, old, new, 0, ())
            for more in ((), ACCEPT) if code_of(kind, e) else ((),):
                judge_fault(d, e, kind, old, new, n, more)
        d.in_place(old, e)


@desk
def faults_of_the_proof(d):
    """--finish of a deleted key: garbage is no proof, neither for the old one nor for the new"""
    for e in ("binance", "okx"):
        old, new = d.start(e, name=e), d.x.key(e)
        assert d.rotate(new, name=e).code == 0
        old.delete()
        before, log = d.kept(), len(d.x.log)
        d.x.fail("429", e)
        d.finish(name=e)
        n = len(d.x.log) - log
        d.x.heal()
        for kind in (*UNREACHED, "big_number"):
            # Binance's answer to the new key still says all that is needed with other numbers.
            for where in (0,) if (kind, e) == ("big_number", "binance") else (0, n):
                fail_after(d.x, where, kind)
                r = d.finish(name=e)
                d.x.heal()
                kit.judge_refusal(r, 1 if where == 0 and kind in UNREACHED else 3, "")
                assert d.kept() == before and d.is_retiring(e), (kind, where, r)
        d.x.fail("missing")                     # says nothing of whether there is a key
        r = d.finish(name=e)
        assert r.code == 0 and "is dead" in r.out, r
        d.x.heal()


@desk
def network(d):
    """nobody there, no such host, wrong certificates: exit 1, the old key in place, nothing sent"""
    old = d.start()
    for cert in ("expired", "wrong_name", "other_ca"):
        d.x.restart(cert)
        n, before = len(d.x.log), d.kept()
        r = d.rotate(d.x.key("binance"))
        d.untouched(old, r, 1, "certificate", before, "nothing was changed", in_place=None)
        assert len(d.x.log) == n, "sent without a good certificate"
    d.x.restart()
    for to in ("::127.0.0.1:1", "::nosuch.invalid:443"):
        k = d.x.key("binance")
        d.h.ok("add", "away", "binance", "--connect-to", to, "--ca-file", d.x.ca_file,
               "--no-verify", "--accept-risk", "x", "--from-json", d.file(k))
        before = d.kept()
        r = d.rotate(d.x.key("binance"), name="away")
        kit.judge_refusal(r, 1, "api.binance.com", "nothing was changed")
        assert d.kept() == before, r
        d.h.ok("remove", "away", "--yes")


def wait_for(kind, e, failures):
    """Ten seconds each: before, in the midst, and when the old key is to be proven dead."""
    def one(part):
        try:
            with lib.exchange() as x, lib.Home() as h:
                h.init()
                d = rotate_kit.Desk(x, h)
                old, new = d.start(e, name=e), d.x.key(e)
                n = calls_of_one_try(d, old, e)
                if part == "finish":
                    assert d.rotate(new, name=e).code == 0
                    old.delete()
                before = d.kept()
                fail_after(d.x, n if part == "new" else 0, kind)
                r = d.finish(*ACCEPT, name=e) if part == "finish" else d.rotate(new, name=e)
                d.x.heal()
                kit.judge_refusal(r, 1, "", None if part == "finish" else
                                  "old key is in place" if part == "new" else "nothing was changed")
                assert d.kept() == before and d.is_retiring(e) == (part == "finish"), r
        except Exception as why:                               # pylint: disable=broad-except
            failures.append((kind, e, part, why))
    return [threading.Thread(target=one, args=(p,)) for p in ("both", "new", "finish")]


def slow_answers():
    """answers that come too slowly or never: exit 1 after the limit, nothing changed or claimed"""
    failures = []
    threads = [t for kind in SLOW for e in ("binance", "kraken") for t in wait_for(kind, e, failures)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures


def no_secret():
    """no secret in anything that was printed, nor in a file below the home used here"""
    rotate_kit.no_secret_said()
    for path, data in home().snapshot().items():
        for s in rotate_kit.SECRETS:
            assert s.encode() not in data, path


if __name__ == "__main__":
    lib.main([rights, accepted_before, accounts, same_key, refused_keys, needs_without_an_old_key,
              bad_input, every_fault, faults_of_the_proof, network, slow_answers, no_secret])
