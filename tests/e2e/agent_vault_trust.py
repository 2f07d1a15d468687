#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""Somebody else changes the vault while bots trade: what is older, forged or not this machine's vault
is never signed with, held or not; the true one put back, or trusted, heals without a restart"""
import json
import os

import lib
from agent_kit import wait_for
from agent_load import Bots, MockWorld, ask
from agent_vault_kit import copy_vault, put_vault
from agent_world import own
from forge import Forger, write

NOT_THIS = "not the vault that this machine trusts"


def refused(w, *words, names=("held", "each"), status=401):
    """Neither key signs, nothing of it reaches the exchange, public requests go on."""
    for name in names:
        seen = len(w.x.log)
        own(ask(w, name), status, *words)
        (method, _, body, form), number = w.order()
        with w.connect() as c:
            own(c.ask(method, f"/{name}/https://api.binance.com/api/v3/order", body, form), status)
        assert len(w.x.log) == seen and w.sent(number) == 0
    with w.a.client() as c:
        assert c.ask("list")["records"]


def test_older():
    """an older vault is put back: refused, held or not; the newer one heals, or trust and start"""
    with MockWorld() as w:
        fp = w.h.fingerprint()
        old = copy_vault(w.h, "old")
        w.add("third", "binance", "--unseal", "session")
        new = copy_vault(w.h, "new")
        with Bots(w, ("held", 3), ("third", 2), pause_s=0.01) as bots:
            bots.wait_good(10)
            put_vault(w.h, old)
            wait_for("an answer to that", lambda: bots.bad("held"))
            refused(w, "older than this machine has seen")
            put_vault(w.h, new)
            bots.wait_good(5, "held")
            bots.wait_good(5, "third")
            bots.all_good(10)
            put_vault(w.h, old)
            wait_for("an answer to that", lambda: bots.bad("held", bots.results[-1][1]))
            r = w.h.ok("trust", fp)
            assert "until it is started again" in r.err, r
            refused(w, "older than this machine has seen")
            again(w)
            bots.wait_good(10, "held")
            own(ask(w, "third"), 401, "third")
        assert {b[2][0] for b in bots.bad()} <= {401, 503, "no reply"}, bots.bad()[:5]


def again(w):
    w.a.stop()
    w.a.start()
    w.a.unlock()


def test_pin_gone():
    """pin.json is deleted, or put back with the vault: a running agent has seen a newer one"""
    with MockWorld() as w:
        first = pins(w)
        w.h.ok("policy", "held", "--unseal", "1h")
        old = copy_vault(w.h, "old")
        w.add("third", "binance", "--unseal", "session")
        new = copy_vault(w.h, "new")
        assert ask(w, "held").status == ask(w, "each").status == 200
        for path, data in first.items():
            put_vault(w.h, old)
            os.unlink(path)
            refused(w, "older than this machine has seen")
            write(path, data)
            refused(w, "older than this machine has seen")
            w.h.ok("lock", pin=False)
            w.h.ok("unlock")
            refused(w, "older than this machine has seen")
            os.unlink(path)
            put_vault(w.h, new)
            assert ask(w, "held").status == ask(w, "third").status == 200
        put_vault(w.h, old)
        refused(w, "older than this machine has seen")
        again(w)
        assert ask(w, "held").status == 200


def test_older_at_start():
    """an older vault at the agent's start, and after its core was killed"""
    with MockWorld() as w:
        old = copy_vault(w.h, "old")
        w.add("third", "binance")
        put_vault(w.h, old)
        os.kill(w.a.core, 9)
        wait_for("an answer", w.a.is_answering)
        wait_for("unlocked as before", w.a.is_unlocked)
        wait_for("a proxy", lambda: w.a.ask("status")["proxy"]["running"])
        refused(w, "older than this machine has seen")
        w.a.stop()
        w.a.start()
        w.h.run("unlock")
        refused(w)


def test_forged():
    """a vault forged with public keys, of a higher generation: refused, held or not"""
    with MockWorld() as w:
        assert ask(w, "held").status == 200
        true = copy_vault(w.h, "true")
        f = Forger(w.h.vault)
        f.body["generation"] += 1000
        f.add_recipient()
        for name in ("held", "each"):
            f.record(name, {"api_key": "A" * 64, "api_secret": "B" * 64})
        f.write()
        with w.a.client() as c:
            c.ask("subscribe")
            refused(w, NOT_THIS)
            assert c.line()["event"] == "vault"
        pin = pins(w)
        put_vault(w.h, true)
        assert ask(w, "held").status == ask(w, "each").status == 200
        assert pins(w) == pin, "the forged generation moved the pin"


def pins(w):
    return {p: b for p, b in w.h.snapshot().items() if p.endswith("pin.json")}


def test_forged_record():
    """one record forged in the true vault, its hash in the index: the MAC does not hold"""
    with MockWorld() as w:
        assert ask(w, "held").status == 200
        true = copy_vault(w.h, "true")
        path = os.path.join(w.h.vault, "vault.json")
        with open(path, "rb") as f:
            mac = f.read().split(b"\n")[1]
        f = Forger(w.h.vault)
        f.record("held", {"api_key": "A" * 64, "api_secret": "B" * 64})
        body = json.dumps(f.body, separators=(",", ":")).encode()
        write(path, body + b"\n" + mac + b"\n")
        for name in ("held", "each"):
            r = ask(w, name)
            assert r.status in (401, 503), r
            own(r, r.status)
        assert all("A" * 64 not in str(e.headers) for e in w.x.log)
        put_vault(w.h, true)
        assert ask(w, "held").status == ask(w, "each").status == 200


def test_mac():
    """a header member changed in vault.json by who does not hold its key: not believed"""
    with MockWorld() as w:
        w.h.ok("policy", "held", "--release", "yes")
        assert ask(w, "held").status == 200
        true = copy_vault(w.h, "true")
        path = os.path.join(w.h.vault, "vault.json")
        with open(path, "rb") as f:
            body, mac, _ = f.read().split(b"\n")
        body = json.loads(body)
        body["index"] = [e for e in body["index"] if e["name"] != "each"]
        write(path, json.dumps(body, separators=(",", ":")).encode() + b"\n" + mac + b"\n")
        r = ask(w, "held")
        assert r.status in (401, 503), r
        put_vault(w.h, true)
        assert ask(w, "held").status == ask(w, "each").status == 200


def test_release_header():
    """release written into a record's header by hand: 'sign' stays refused"""
    with MockWorld() as w:
        for is_held in (False, True):
            path = w.h.record_file("held")
            with open(path, "rb") as f:
                good = f.read()
            bad = good.replace(b'"unseal":"session"', b'"unseal":"session","release":true', 1)
            assert bad != good, good[:600]
            if is_held:
                assert ask(w, "held").status == 200
            write(path, bad)
            with w.a.client() as c:
                c.send({"op": "sign", "name": "held",
                        "request": {"method": "GET", "url": "/api/v3/account"}})
                answer = c.line()
            assert "error" in answer, answer
            write(path, good)
            assert ask(w, "held").status == 200


def test_another_vault():
    """another vault in its place, whose token it is, too: refused"""
    with MockWorld() as w, lib.Home() as other:
        true = copy_vault(w.h, "true")
        other.extra_env = dict(w.h.extra_env)
        other.init()
        other.add("held")
        put_vault(w.h, other.vault)
        r = ask(w, "held")
        assert r.status in (401, 503), r
        put_vault(w.h, true)
        assert ask(w, "held").status == ask(w, "each").status == 200


lib.main([test_older, test_pin_gone, test_older_at_start, test_forged, test_forged_record, test_mac,
          test_release_header, test_another_vault])
