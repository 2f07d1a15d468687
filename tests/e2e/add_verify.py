#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer add against the simulated exchanges: tried, judged, sealed or not. A key that may move
money is stored only with a reason, one that the exchange refuses never, and a secret that was typed
is not lost by a wrong answer."""
# sanitizers: no
import json
import os
import signal

import kit
import lib

SAID = []       # everything that coffer printed here
SECRETS = set()


def prepare(h):
    h.init()


home = lib.shared(prepare)

# What Kraken and OKX cannot tell, or cannot separate, of an ordinary trading key.
ALWAYS = {"okx": {"may-transfer"}, "kraken": {"transfer-unknown"}}
LIKE_TYPED = [("the same?", "y")]
EXCHANGES = ("binance", "okx", "kraken", "coinbase")


def note(r, key, is_calm=True):
    SAID.append(r.out + r.err)
    SECRETS.update(kit.secrets_of({"api_secret": key.secret, "private_key_pem": key.secret}))
    if "passphrase" in key.fields:
        SECRETS.add(key.fields["passphrase"])
    if is_calm:
        kit.calm(r)
    return r


def args(x, key, name, *more):
    return ("add", name, key.exchange, "--env", key.env, "--connect-to", x.connect_to, "--ca-file",
            x.ca_file, *more)


def add(h, x, key, name="new", *more):
    return note(h.run(*args(x, key, name, "--from-json", "-", *more), stdin=json.dumps(key.fields)),
                key)


def refused(h, x, key, code, said, *more):
    before = h.kept()
    r = add(h, x, key, "new", *more)
    kit.judge_refusal(r, code, said)
    assert "the key was not stored" in r.err, r
    assert {p for p in h.kept() if "/records/" in p} == {p for p in before if "/records/" in p}, r
    assert "new" not in [k["name"] for k in keys(h)], r
    return r


def keys(h):
    return h.ok("list", "--json", pin=False).json()["keys"]


def kinds(key):
    """What was accepted of it, without the words of what was seen."""
    return {p["problem"].partition(":")[0] for p in key["risks"]}


def one(h, name="new"):
    return next(k for k in keys(h) if k["name"] == name)


def type_in(h, x, key, answers, name="typed", more=(), **kw):
    """add at a terminal; answers: what follows the fields."""
    fields = [(label, key.fields[f]) for label, f in
              (("API key", "api_key"), ("Secret key", "api_secret"))]
    return note(h.tty(*args(x, key, name, "--pin-file", h.pin_file, *more),
                      answers=[*fields, *answers], **kw), key, "send_signal" not in kw)


def good_keys():
    """a key of each exchange is tried, judged and sealed; what cannot be told needs a reason"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = x.key(e)
            more = ("--accept-risk", "seen on the site") if e in ALWAYS else ()
            if more:
                refused(h, x, k, 5, "move funds between accounts")
            r = add(h, x, k, e, "--json", *more)
            assert r.code == 0, r
            j = r.json()
            assert j["works"] is True and j["name"] == e and j["verified"] is True, r
            assert j["read"] is True and j["trade_spot"] is True and j["withdraw"] is False, r
            assert {p["problem"] for p in j["problems"] if p["weight"] == "danger"} == \
                ALWAYS.get(e, set()), r
            assert kinds(one(h, e)) == ALWAYS.get(e, set())
            assert one(h, e)["verified"] is True and one(h, e)["own_ca"] is True
            assert one(h, e)["connect_to"] == x.connect_to
            assert "connects to  " + x.connect_to in h.ok("show", e, pin=False).out
        r = add(h, x, x.key("binance"), "plain")
        assert r.code == 0 and "withdraw       no" in r.out and "Next: coffer verify plain" in r.out
        assert "api.binance.com" in {c.host for c in x.log}
        assert not [c for c in x.log if c.method not in ("GET", "POST") or "order" in c.path]


def dangers():
    """a key that may withdraw or transfer: exit 5 and nothing stored; with a reason sealed, shown"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = x.key(e, withdraw=True)
            refused(h, x, k, 5, "may withdraw")
            refused(h, x, k, 5, "may withdraw", "--json")
            r = refused(h, x, k, 5, f"the key for 'new' is refused: it may withdraw", "--accept-risk",
                        "sub-account of its own")
            assert "hint: --accept-risk 'sub-account of its own' does not cover that: a reason for " \
                "a key that may withdraw must say 'withdraw'" in r.err, r
            assert "ntick" in r.err or "Transfer" in r.err, r
            r = add(h, x, k, e, "--accept-risk", "may withdraw, to the cold wallet")
            assert r.code == 0 and "accepted: may withdraw, to the cold wallet (" in r.out, r
            assert "may-withdraw" in kinds(one(h, e))
            assert "may-withdraw (accepted: may withdraw, to the cold wallet)" in h.ok("list", pin=False).out
            shown = h.ok("show", e, pin=False).out
            assert "may-withdraw; accepted" in shown and "may withdraw, to the cold wallet" in shown, shown
        refused(h, x, x.key("binance", transfer=True), 5, "move funds between accounts")


def unreadable_rights():
    """rights that are missing, misspelt, of the wrong type or unknown are never taken for safe"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = x.key(e)
            for kind in ("missing", "wrong_type", "unknown_right", "dup", "dup_escaped", "truncated"):
                x.heal()
                x.fail(kind, e)
                r = add(h, x, k, "new")
                assert r.code in (1, 4, 5), (e, kind, r)
                assert r.code != 0 and "new" not in [n["name"] for n in keys(h)], (e, kind, r)


def refused_keys():
    """a key that the exchange refuses: exit 4 with causes, never stored, whatever is accepted"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = x.key(e)
            k.delete()
            for more in ((), ("--accept-risk", "yes"), ("--json",)):
                r = refused(h, x, k, 4, "refuses the key", *more)
                assert len([n for n in r.err.splitlines() if n.startswith("hint: ")]) >= 2, r
        bad = x.key("binance")
        bad.fields["api_secret"] = "x" * 64
        refused(h, x, bad, 4, "refuses the key")


def not_reached():
    """the exchange is down: nothing stored; with a reason sealed as unverified, which only reads"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        x.fail("closed")
        r = refused(h, x, k, 1, "binance.com")
        assert "new" not in r.out
        r = add(h, x, k, "new", "--accept-risk", "shown only once")
        assert r.code == 0 and "sealed as unverified" in r.err, r
        assert "coffer: warning: " in r.err and "coffer verify new" in r.err, r
        assert one(h)["unverified"] is True and one(h)["verified"] is False
        assert "UNVERIFIED" in h.ok("list", pin=False).out
        assert "UNVERIFIED" in h.ok("show", "new", pin=False).out
        h.ok("sign", "new", "GET", "/api/v3/account")
        r = h.run("sign", "new", "POST", "/api/v3/order", "-d", lib.BINANCE_QUERY)
        kit.judge_refusal(r, 5, "not verified yet", hint="coffer verify new")
        r = add(h, x, k, "quiet", "--accept-risk", "again", "--json", "--quiet")
        assert r.code == 0 and r.json()["works"] is None and r.json()["unverified"] is True, r
        x.heal()
        assert h.run("verify", "new").code == 0
        assert one(h)["verified"] is True and one(h)["risks"] == []
        h.ok("sign", "new", "POST", "/api/v3/order", "-d", lib.BINANCE_QUERY)


def every_fault():
    """all that can go wrong on the way: no crash, no secret, nothing stored"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        for kind in ("429", "418", "503", "html", "html403", "redirect", "empty", "not_json",
                     "deep", "truncated", "huge", "closed"):
            x.heal()
            x.fail(kind)
            r = refused(h, x, k, 1, "")
            assert "\x1b" not in r.err, r
        x.heal()
        for cert in ("expired", "wrong_name", "other_ca"):
            x.restart(cert)
            refused(h, x, k, 1, "certificate")
            assert not [c for c in x.log if c.path and "apiRestrictions" in c.path and c.status
                        and c.time > x.log[-1].time], "sent without a good certificate"
        x.restart()
        x.clock_ms = 3_600_000
        refused(h, x, k, 4, "clock")
        x.clock_ms = 0
        r = h.run("add", "new", "binance", "--connect-to", "::127.0.0.1:1", "--ca-file", x.ca_file,
                  "--from-json", "-", stdin=json.dumps(k.fields))
        kit.judge_refusal(r, 1, "binance.com", secrets=[k.secret])      # nobody listens there


def not_tried():
    """--no-verify asks nobody, needs a reason, and the first good verify takes the mark away"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        r = add(h, x, k, "new", "--no-verify")
        kit.judge_refusal(r, 2, "--no-verify needs --accept-risk REASON")
        r = add(h, x, k, "new", "--no-verify", "--accept-risk", "later")
        assert r.code == 0 and not x.log, r
        assert one(h)["verified"] is False and "unverified" not in one(h)
        r = h.run("verify", "new")
        assert r.code == 0 and "'new' is verified now" in r.out, r
        assert one(h)["verified"] is True and one(h)["risks"] == []


def source_file():
    """--remove-source wipes the file after sealing, and only then; no link, no other file"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance", withdraw=True)
        path = h.private("key.json", json.dumps(k.fields))
        other = os.path.join(h.top, "hard-link")
        r = note(h.run(*args(x, k, "new", "--from-json", path, "--remove-source")), k)
        assert r.code == 5 and json.load(open(path, encoding="ascii")) == k.fields, r
        os.link(path, other)
        r = note(h.run(*args(x, k, "new", "--from-json", path, "--remove-source", "--accept-risk",
                             "may withdraw")), k)
        assert r.code == 0 and not os.path.exists(path) and "overwritten and removed" in r.out, r
        assert open(other, "rb").read() == b"", "the contents are not overwritten"
        path = h.private("key.json", json.dumps(k.fields))
        link = os.path.join(h.top, "link")
        os.symlink(path, link)
        r = note(h.run(*args(x, k, "two", "--from-json", link, "--remove-source")), k)
        kit.judge_refusal(r, 2, "not a regular file")
        r = note(h.run(*args(x, k, "two", "--from-json", path, "--accept-risk",
                             "Withdrawals by me")), k)
        assert r.code == 0 and os.path.exists(path) and "still holds it" in r.out, r
        assert "this looks like the key of 'new', which is in the vault already" in r.err, r


def mended_at_the_terminal():
    """typed: the right is taken away at the exchange, tried again, sealed; the secret stays hidden"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance", withdraw=True)
        switch = []

        class Mend(str):
            """Takes the right away at the moment that the answer is sent."""

            def encode(self, *a, **b):
                k.withdraw = False
                switch.append(1)
                return str.encode(self, *a, **b)

        r = type_in(h, x, k, [("What now?", "what?"), ("? ", Mend("a"))])
        assert r.code == 0 and switch and "'typed' is sealed" in r.out, r
        assert "coffer guide binance" in r.out and "DANGER: may withdraw" in r.out, r
        assert k.secret not in r.out and one(h, "typed")["risks"] == []


def accepted_at_the_terminal():
    """typed: a reason is asked for, an empty one again; giving up stores nothing, exit 5"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance", withdraw=True)
        r = type_in(h, x, k, [("What now?", "r"), ("it must say 'withdraw')", ""), ("Reason", "mine"),
                              ("does not cover that", ""), ("Please answer a, r or g: ", "r"),
                              ("Reason", "to withdraw by me")])
        assert r.code == 0 and one(h, "typed")["risks"][0]["reason"] == "to withdraw by me", r
        assert "once it is changed at the exchange" in r.out, r
        r = type_in(h, x, k, [*LIKE_TYPED, ("What now?", "g")], name="second")
        assert r.code == 5 and "'second' is not stored" in r.out, r
        assert "second" not in [n["name"] for n in keys(h)]


def typed_anew():
    """typed wrongly: the exchange refuses it; typed anew, tried again, or given up with exit 4"""
    h = home()
    with lib.exchange() as x:
        k, gone = x.key("binance"), x.key("binance")
        gone.delete()
        r = type_in(h, x, gone, [("What now?", "t"), ("API key", k.fields["api_key"]),
                                 ("Secret key", k.fields["api_secret"])])
        assert r.code == 0 and one(h, "typed")["verified"], r
        note(r, k)
        r = type_in(h, x, gone, [("What now?", "a"), ("What now?", "g")], name="second")
        assert r.code == 4 and "'second' is not stored" in r.out, r
        r = type_in(h, x, gone, [("What now?", "r"), ("g: ", "u"), ("g: ", "")], name="second")
        assert r.code == 3, r      # a refused key is not to be had with a reason
        assert "second" not in [n["name"] for n in keys(h)]


def silent_at_the_terminal():
    """typed while the exchange is down: sealed as unverified on demand, or tried again"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        x.fail("closed")
        r = type_in(h, x, k, [("What now?", "u")])
        assert r.code == 0 and one(h, "typed")["unverified"] is True, r
        x.heal()
        x.fail("503", times=3)
        r = type_in(h, x, k, [*LIKE_TYPED, ("What now?", "a")], name="second")
        assert r.code == 0 and one(h, "second")["verified"] is True, r
        x.fail("503")
        r = type_in(h, x, k, [("all the same?", "y"),
                              ("What now?", "g")], name="third")
        assert r.code == 1 and "third" not in [n["name"] for n in keys(h)], r


def the_same_key_twice():
    """a key that looks like one of the vault is warned of, and asked about at a terminal"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        assert "looks like" not in add(h, x, k, "one").err
        r = type_in(h, x, k, [("all the same?", "n")])
        assert r.code == 1 and "'typed' is not stored" in r.out, r
        assert "coffer rotate one" in r.out and len(keys(h)) == 1, r
        assert "looks like the key of 'one'" in add(h, x, k, "two").err
        r = add(h, x, x.key("binance"), "one")
        kit.judge_refusal(r, 1, "one", hint="for a new key in its place: coffer rotate one")


def a_few_lines_first():
    """before the first question: where, what to tick and what never, in at most eight lines"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = x.key(e)
            label = "API key name: " if e == "coinbase" else "API key: "
            answers = [("[www] ", "")] if e == "okx" else []
            r = note(h.tty(*args(x, k, "new", "--pin-file", h.pin_file),
                           answers=[*answers, (label, None)]), k, False)
            lines = r.out.partition("make it at")[2].partition("\n\n")[0].splitlines()
            assert 4 <= len(lines) <= 8 and lines[-1] == f"Step by step: coffer guide {k.exchange}", r


def site_of_the_account():
    """OKX without --region: asked for at a terminal; a refused key is told to try another site"""
    h = home()
    with lib.exchange() as x:
        k = x.key("okx", region="app")
        words = "Site of the account: www (www.okx.com), app (app.okx.com, USA), my (my.okx.com, Europe)"
        fields = [("API key", k.fields["api_key"]), ("Secret key", k.fields["api_secret"]),
                  ("assphrase", k.fields["passphrase"])]
        r = note(h.tty(*args(x, k, "new", "--pin-file", h.pin_file),
                       answers=[(words + "? [www] ", "eu"), (words, "App"), *fields,
                                ("What now?", "r"), ("Reason", "seen")]), k)
        assert r.code == 0 and one(h)["region"] == "app", r
        h.ok("remove", "new", "--yes")
        r = refused(h, x, k, 4, "refuses the key")
        first = [n for n in r.err.splitlines() if n.startswith("hint: ")][0]
        assert "another site of OKX than 'www'? Then try --region app or --region my" in first, r
        assert r.err.count("--region app") == 1 and "the account belongs" not in r.err, r


def files_are_named():
    """a file that lacks a part of the key: its name, the part, and what it may be"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance")
        path = h.private("binance.json", json.dumps(k.fields))
        r = note(h.run("add", "new", "okx", "--from-json", path), k)
        kit.judge_refusal(r, 2, [path, "the key has no 'passphrase', which OKX keys need"],
                          hint="is it the key of another exchange?")


def killed_while_asking():
    """killed at the question: nothing is stored, nothing left half-way, and the next add works"""
    h = home()
    with lib.exchange() as x:
        k = x.key("binance", withdraw=True)
        before = {p for p in h.kept() if "/records/" in p or p.endswith("vault.json")}
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            r = type_in(h, x, k, [("What now?", None)], send_signal=sig)
            assert r.code != 0, r
            assert {p for p in h.kept() if "/records/" in p or p.endswith("vault.json")} == before
        k.withdraw = False
        assert type_in(h, x, k, []).code == 0


def no_secret():
    """no secret in anything that was printed, nor in a file below the homes used here"""
    assert len(SECRETS) > 20 and len(SAID) > 40
    for text in SAID:
        lib.no_secret(text, *SECRETS)
    for path, data in home().snapshot().items():
        for s in SECRETS:
            assert s.encode() not in data, path


if __name__ == "__main__":
    lib.main([good_keys, dangers, unreadable_rights, refused_keys, not_reached, every_fault,
              not_tried, source_file, mended_at_the_terminal, accepted_at_the_terminal, typed_anew,
              silent_at_the_terminal, the_same_key_twice, a_few_lines_first,
              site_of_the_account, files_are_named, killed_while_asking, no_secret])
