#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer rotate NAME and --finish against the simulated exchanges: the new key tried and switched
to, the old one kept until it is proven dead; at a terminal, twice at once, and in between."""
import json
import os
import subprocess

import kit
import lib
import rotate_kit
from rotate_kit import ALWAYS, EXCHANGES

home = lib.shared(lambda h: h.init())
desk = rotate_kit.desk(home)
SEEN = ("--accept-risk", "seen deleted on the site")


@desk
def good_way(d):
    """each exchange: switched to, old one alive, then deleted and proven dead, or on one's word"""
    for e in EXCHANGES:
        old, new = d.start(e, name=e), d.x.key(e)
        r = d.rotate(new, name=e)
        assert r.code == 0 and r.err == "" and f"'{e}' now signs with key" in r.out, r
        assert "still works at" in r.out and "stays sealed beside the new one" in r.out, r
        assert old.fields.get("api_key", "-")[:4] in r.out or e == "coinbase", r
        d.in_place(new, e, retiring=True)
        assert sorted(d.risks(e)) == ALWAYS.get(e, []), d.risks(e)
        assert len(d.files()) == 2, d.files()
        kit.judge_refusal(d.finish(name=e), 3, "still works at", f"coffer rotate {e} --finish")
        old.delete()
        r = d.finish(name=e)
        if e in ("binance", "okx"):
            assert r.code == 0 and "is dead" in r.out and "knows the new one" in r.out, r
        else:
            kit.judge_refusal(r, 3, "does not say that it is gone",
                              ["seen deleted on the site", "are answered alike"])
            assert "mistyped" not in r.err, r
            d.in_place(new, e, retiring=True)
            r = d.finish(*SEEN, name=e)
            assert r.code == 0 and "on your word" in r.out and "is dead:" not in r.out, r
            assert d.risks(e)["old-key-unproven"] == SEEN[1]
        d.in_place(new, e)
        assert len(d.files()) == 1, d.files()
        assert d.heard(d.h.run("verify", e)).code == 0
        d.h.ok("remove", e, "--yes")


@desk
def removed_meanwhile(d):
    """remove while a rotation is unfinished: the old key is named, and where keys are deleted"""
    old, new = d.start(), d.x.key("binance")
    assert d.rotate(new).code == 0
    mask = old.id[:4]
    r = d.h.tty("remove", "mm1", "--pin-file", d.h.pin_file, answers=[("Remove 'mm1'", "n")])
    assert f"the old key {mask}" in r.out and "never proven dead" in r.out, r
    r = d.heard(d.h.run("remove", "mm1", "--yes"))
    assert r.code == 0 and f"The old key {mask}" in r.out and "never proven dead" in r.out, r
    assert "https://www.binance.com/en/my/settings/api-management" in r.out and "both" in r.out, r
    for e, where in (("okx", "okx.com"), ("kraken", "Connections"), ("coinbase", "portal.cdp")):
        d.start(e, name=e)
        j = d.heard(d.h.run("remove", e, "--yes", "--json")).json()
        assert where in j["delete_at"] and j["old_key_forgotten"] is None, j


@desk
def another_key_type(d):
    """HMAC to Ed25519 and RSA at Binance: list and show tell the new type, it signs and rotates on"""
    old = d.start()
    for kind in ("ed25519", "rsa", "hmac"):
        new = d.x.key("binance", key_type=kind)
        assert d.rotate(new).code == 0
        old.delete()
        assert d.finish().code == 0
        d.in_place(new)
        assert d.listed()["key_type"].startswith(kind[:3]), d.listed()
        old = new
    assert d.heard(d.h.run("request", "mm1", "GET", "/api/v3/account")).code == 0


@desk
def deleted_before(d):
    """the old key is gone already: said, the note knows its account, finished in one go"""
    old, new = d.start(), d.x.key("binance")
    old.delete()
    r = d.rotate(new, "--json")
    j = r.json()
    assert r.code == 0 and j["old_key"] == "dead" and j["works"] is True and r.err == "", r
    assert j["replaced_key"] != j["key"] and j["key_type"] == "hmac" and j["name"] == "mm1", r
    d.in_place(new)
    new.delete()
    r = d.rotate(d.x.key("binance"))
    assert r.code == 0 and "does not work any more: Binance -2008" in r.out, r
    assert "whose account" not in r.out and "rotation is finished" in r.out, r
    for f in os.listdir(os.path.join(d.h.state, os.listdir(d.h.state)[0])):
        if f.endswith(".notes.json"):
            os.unlink(os.path.join(d.h.state, os.listdir(d.h.state)[0], f))
    r = d.rotate(d.x.key("binance"))
    assert r.code == 0, r
    d.h.ok("remove", "mm1", "--yes")
    d.h.ok("add", "mm1", "binance", *d.net(), "--no-verify", "--accept-risk", "x", "--from-json",
           d.file(new))
    r = d.rotate(d.x.key("binance", account="B2"))
    assert r.code == 0 and "whose account it was is not known here" in r.out, r


class Act(str):
    """An answer at whose sending something happens elsewhere."""

    def __new__(cls, text, act):
        self = str.__new__(cls, text)
        self.act = act
        return self

    def encode(self, *a, **b):
        self.act()
        return str.encode(self, *a, **b)


@desk
def deleted_while_asked(d):
    """at a terminal: deleted there now, looked again, proven dead; or left for later"""
    old, new = d.start(), d.x.key("binance")
    r = d.type_in([d.typed(new), [("Look again?", "y"), ("Look again?", Act("y", old.delete))]])
    assert r.code == 0 and r.out.count("still works at Binance") == 2, r
    assert "is dead: Binance says -2008" in r.out and "coffer guide binance" in r.out, r
    d.in_place(new)
    later = d.x.key("binance")
    r = d.type_in([d.typed(later), [("Look again?", "n")]])
    assert r.code == 0 and "stays sealed beside" in r.out, r
    d.in_place(later, retiring=True)


@desk
def letters(d):
    """at a terminal: try again, type another, give a reason, give up; secrets are never shown"""
    old, bad, gone = d.start(), d.x.key("binance", withdraw=True), d.x.key("binance")
    gone.delete()
    before, menu = d.kept(), "The new key is not in place."
    r = d.type_in([d.typed(bad), [(menu, "g")]])
    assert r.code == 5 and "'mm1' is not replaced" in r.out and d.kept() == before, r
    r = d.type_in([d.typed(gone), [(menu, "a"), (menu, "r"), ("g: ", "x"), ("g: ", "")]])
    assert r.code == 4 and d.kept() == before, r           # no reason makes a dead key work
    for kinds in (d.typed(old), [("API key", "short"), ("Secret key", "x" * 64)]):
        r = d.type_in([kinds, [(menu, "a"), ("g: ", "r"), ("g: ", "g")]])
        assert r.code in (2, 5) and d.kept() == before, r  # nothing to try again or to accept
    r = d.type_in([d.typed(gone), [(menu, "t")], d.typed(bad),
                   [(menu, Act("a", lambda: setattr(bad, "withdraw", False))), ("Look again?", "n")]])
    assert r.code == 0 and d.risks() == {}, r
    d.in_place(bad, retiring=True)
    old.delete()
    assert d.finish().code == 0
    risky = d.x.key("binance", transfer=True)
    r = d.type_in([d.typed(risky), [(menu, "r"), ("Reason", " "), (menu, "r"), ("Reason", "mine"),
                                    ("Look again?", "n")]])
    assert r.code == 0 and d.risks() == {"may-transfer": "mine"}, r


@desk
def reason_is_for_one_key(d):
    """at a terminal: a reason is for what was shown, not for the next key nor for the next try"""
    old, bad, worse = d.start(), d.x.key("binance", transfer=True), d.x.key("binance", withdraw=True)
    before, menu = d.kept(), "The new key is not in place."
    r = d.type_in([d.typed(worse), [(menu, "r"), ("Reason", "mine"), (menu, "t")],
                   d.typed(bad), [(menu, "g")]])
    assert r.code == 5 and d.kept() == before, r

    def other_danger():
        worse.withdraw, worse.transfer = False, True

    r = d.type_in([d.typed(worse), [(menu, "r"), ("Reason", "mine"),
                                    (menu, Act("a", other_danger)), (menu, "g")]])
    assert r.code == 5 and d.kept() == before and "may move funds" in r.out, r
    d.in_place(old)


@desk
def interrupted(d):
    """at a terminal: ^C and other signals at each question leave the old key alone, or both"""
    old, bad = d.start(), d.x.key("binance", withdraw=True)
    before = d.kept()
    for sig in (2, 15, 1, 9):
        for talk in ([[("API key", None)]], [d.typed(bad)[:1], [("Secret key", None)]],
                     [d.typed(bad), [("not in place.", None)]],
                     [d.typed(bad), [("not in place.", "r"), ("Reason", None)]]):
            r = d.type_in(talk, send_signal=sig)
            assert r.code in (-sig, 128 + sig), r
            assert d.kept() == before, r
    new = d.x.key("binance")
    r = d.type_in([d.typed(new), [("Look again?", None)]], send_signal=2)
    assert r.code in (-2, 130), r
    d.in_place(new, retiring=True)
    old.delete()
    assert d.finish().code == 0


@desk
def never_seen_to_work(d):
    """an old key that was sealed without being tried may have been mistyped: it is not called dead"""
    old, new = d.x.key("binance"), d.x.key("binance")
    d.add(old, "mm1", "--no-verify", "--accept-risk", "later")
    old.delete()
    r = d.rotate(new)
    assert r.code == 0 and "is dead" not in r.out and "never seen to work here" in r.out, r
    r = d.finish()
    kit.judge_refusal(r, 3, "Binance refuses the old key", "sealed without being tried")
    d.in_place(new, retiring=True)
    assert d.finish(*SEEN).code == 0 and d.risks() == {"old-key-unproven": SEEN[1]}
    d.in_place(new)


@desk
def finish_at_a_terminal(d):
    """--finish at a terminal: the old key lives, deleted now, looked again; or left for later"""
    old, new = d.start(), d.x.key("binance")
    assert d.rotate(new).code == 0
    r = d.type_in([[("Look again?", "n")]], "--finish")
    assert r.code == 3 and "lives, and is kept" in r.out and r.out.count("still works") == 1, r
    d.in_place(new, retiring=True)
    r = d.type_in([[("Look again?", "y"), ("Look again?", Act("y", old.delete))]], "--finish")
    assert r.code == 0 and r.out.count("still works at Binance") == 2, r
    assert "rotation is finished" in r.out, r
    d.in_place(new)


@desk
def unfinished(d):
    """while unfinished: no second rotation; everything else works, status and doctor say so"""
    old, new = d.start(), d.x.key("binance")
    assert d.rotate(new).code == 0
    before = d.kept()
    r = d.rotate(d.x.key("binance"))
    kit.judge_refusal(r, 1, "is not finished", "coffer rotate mm1 --finish")
    assert d.kept() == before and d.x.calls(key=new), r
    assert "old key not yet proven dead" in d.h.ok("list", pin=False).out
    assert "coffer rotate mm1 --finish" in d.h.ok("show", "mm1", pin=False).out
    status = d.h.ok("status", pin=False).out
    assert "rotation unfinished" in status and "coffer rotate mm1 --finish" in status, status
    for args in (("verify", "mm1"), ("verify", "mm1", "--json"), ("balance", "mm1"), ("doctor",),
                 ("request", "mm1", "GET", "/api/v3/account"),
                 ("sign", "mm1", "GET", "/api/v3/account")):
        assert d.heard(d.h.run(*args)).code == 0, args
    d.h.ok("rename", "mm1", "mm2")
    kit.judge_refusal(d.finish(), 1, "mm1")
    d.in_place(new, "mm2", retiring=True)
    old.delete()
    assert d.finish(name="mm2").code == 0
    d.in_place(new, "mm2")
    assert d.rotate(d.x.key("binance"), name="mm2").code == 0
    d.h.ok("remove", "mm2", "--yes")
    assert d.listed("mm2") is None and d.files() == []


@desk
def finish_keeps(d):
    """--finish: alive, unproven, unreached, new key out of order, none unfinished: nothing lost"""
    old, new = d.start(), d.x.key("binance")
    kit.judge_refusal(d.finish(), 1, "no rotation is unfinished", "coffer status")
    assert d.rotate(new).code == 0

    def keeps(code, said, *more):
        before = d.kept()
        r = d.finish(*more)
        kit.judge_refusal(r, code, said)
        assert d.kept() == before and d.is_retiring(), r
        return r

    keeps(3, "still works")
    keeps(3, "still works", *SEEN)              # a word does not make it dead
    assert json.loads(keeps(3, "still works", "--json").out)["error"]["code"] == "person"
    old.ip = ["203.0.113.7"]
    keeps(3, "does not say that it is gone")
    old.ip = ["127.0.0.1"]
    for kind in ("closed", "503", "html", "html403", "429"):
        d.x.fail(kind)
        keeps(1, "", *SEEN)                     # nor one that is not to be reached
        d.x.heal()
    old.delete()
    new.ip = ["203.0.113.7"]
    r = keeps(3, "does not say that it is gone")
    assert "the key in place does not work at the moment either" in r.err, r
    new.ip, d.x.ambiguous = ["127.0.0.1"], True
    keeps(3, "-2015")
    kit.judge_refusal(d.finish("--accept-risk", " "), 2, "--accept-risk")
    r = d.finish(*SEEN, "--json")
    assert r.code == 0 and r.json() == {"name": "mm1", "old_key": "unproven"}, r
    assert d.risks() == {"old-key-unproven": SEEN[1]}
    assert SEEN[1] in d.h.ok("show", "mm1", pin=False).out
    assert "old-key-unproven" in d.h.ok("status", pin=False).out
    d.in_place(new)
    old = d.start("okx", name="other")
    assert d.rotate(d.x.key("okx"), name="other").code == 0
    old.read = False                            # a key that lacks a right is one that exists
    kit.judge_refusal(d.finish(*SEEN, name="other"), 3, "is still known at OKX")


@desk
def words_have_room(d):
    """keys that are never proven dead can be rotated for ever: the oldest word makes room"""
    old = d.start("kraken")
    for i in range(10):
        new = d.x.key("kraken")
        assert d.rotate(new).code == 0
        old.delete()
        r = d.finish("--accept-risk", f"word {i}")
        assert r.code == 0, r
        old = new
    words = [r["reason"] for r in d.listed()["risks"] if r["problem"] == "old-key-unproven"]
    assert "word 9" in words and len(words) > 1, words
    d.in_place(new)


@desk
def source_file(d):
    """--remove-source: the file goes after the switch only, and stays after each refusal"""
    old, bad, new = d.start(), d.x.key("binance", withdraw=True), d.x.key("binance")
    path = d.file(bad)
    for code, fault in ((5, None), (1, "closed")):
        if fault:
            d.x.fail(fault)
        r = d.rotate(bad, "--remove-source", file=path)
        assert r.code == code and json.load(open(path, encoding="ascii")) == bad.fields, r
        d.x.heal()
    d.in_place(old)
    path = d.file(new)
    r = d.rotate(new, "--remove-source", "--json", file=path)
    assert r.code == 0 and r.json()["source_removed"] is True and not os.path.exists(path), r
    assert r.json()["old_key"] == "alive", r
    path = d.file(bad)
    assert d.rotate(bad, "--remove-source", file=path).code == 1 and os.path.exists(path)
    kit.judge_refusal(d.finish("--from-json", path), 2, "--from-json is for a new exchange key")


@desk
def two_at_once(d):
    """two rotations at once: one wins, the other's key is kept beside it or was refused before"""
    kept = 0
    for n in range(4):
        old, news = d.start(name=f"k{n}"), [d.x.key("binance") for _ in range(2)]
        d.x.delay_s = 0.1
        jobs = [subprocess.Popen([lib.COFFER, "rotate", f"k{n}", "--from-json",
                                  d.file(k, f"new{i}.json"), "--pin-file", d.h.pin_file],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.PIPE, env=d.h.environ())
                for i, k in enumerate(news)]
        done = [lib.Result(("rotate",), p.returncode, *said) for p, said in
                [(p, p.communicate(timeout=60)) for p in jobs]]
        d.x.delay_s = 0
        for r in done:
            d.heard(r)
        assert sorted(r.code for r in done) == [0, 1], done
        won, lost = (0, 1) if done[0].code == 0 else (1, 0)
        d.in_place(news[won], f"k{n}", retiring=True)
        old.delete()
        assert d.finish(name=f"k{n}").code == 0
        if "is not finished" in done[lost].err and d.listed(f"k{n}-new") is None:
            continue                            # it came too late to do anything
        kept += 1
        assert f"sealed as 'k{n}-new'" in done[lost].err, done
        assert "nothing was written" not in done[lost].err, done
        d.in_place(news[lost], f"k{n}-new")
        assert d.heard(d.h.run("verify", f"k{n}-new")).code == 0
    assert kept, "no two were ever at it at once"


@desk
def overtaken_while_asked(d):
    """removed, or rotated by another process, while a person was asked: the typed key is kept"""
    for act, name in ((("remove", "mm1", "--yes"), "mm1-new"), (None, "mm1-new-2")):
        d.start()
        bad, other = d.x.key("binance", withdraw=True), d.x.key("binance")

        def meanwhile():
            r = d.h.run(*act) if act else d.rotate(other)
            assert r.code == 0, r
            bad.withdraw = False

        r = d.type_in([d.typed(bad), [("not in place.", Act("a", meanwhile))]])
        assert r.code == 1 and f"sealed as '{name}'" in r.out and "Mend that" not in r.out, r
        d.in_place(bad, name)
    d.in_place(other, retiring=True)


def no_secret():
    """no secret in anything that was printed, nor in a file below the home used here"""
    rotate_kit.no_secret_said()
    for path, data in home().snapshot().items():
        for s in rotate_kit.SECRETS:
            assert s.encode() not in data, path


if __name__ == "__main__":
    lib.main([good_way, removed_meanwhile, another_key_type, never_seen_to_work, finish_at_a_terminal, deleted_before, deleted_while_asked,
              letters, reason_is_for_one_key, interrupted, unfinished, finish_keeps, words_have_room,
              source_file, two_at_once, overtaken_while_asked, no_secret])
