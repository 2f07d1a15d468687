#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""The vault is changed by its owner while bots trade: keys that come, change and go are seen with the
next request, a new sealing key or recipient too, and whom it does not concern notices nothing"""
import os

import lib
from agent_kit import wait_for
from agent_load import Bots, MockWorld, ask
from agent_world import own


LOCKED = "hint: the running agent is locked now: run 'coffer unlock'"


def test_names():
    """add, rename, remove under load: seen by the next request, nobody else's fails"""
    with MockWorld() as w:
        with Bots(w, ("held", 3), ("each", 2)) as bots:
            bots.wait_good(10)
            for i in range(3):
                own(ask(w, "third"), 401, "third")
                w.add("third", "binance", "--unseal", "session")
                assert ask(w, "third").status == 200
                w.h.ok("rename", "third", f"other{i}", pin=True)
                own(ask(w, "third"), 401, "third")
                assert ask(w, f"other{i}").status == 200
                w.h.ok("remove", f"other{i}", "--yes")
                own(ask(w, f"other{i}"), 401)
                bots.wait_good(10)
        assert not bots.bad(), bots.bad()[:5]


def test_name_taken():
    """a name that another key takes over signs with that one at once, though the first was held"""
    with MockWorld() as w:
        first = w.keys["held"]
        assert ask(w, "held").status == 200
        bearer = w.bearer("held", "mm1")
        w.h.ok("rename", "held", "old")
        w.add("held", "binance", "--unseal", "session")
        second = w.keys["held"]
        assert ask(w, "held").status == 200
        sent = str(list(w.x.log)[-1].headers)
        assert second.id in sent and first.id not in sent, sent
        with w.connect() as c:          # a bearer belongs to the key, not to the name
            own(c.ask("GET", f"/held~{bearer}/https://api.binance.com/api/v3/account"), 401)
            r = c.ask("GET", f"/old~{bearer}/https://api.binance.com/api/v3/account")
            assert r.status == 200, r


def test_policy():
    """policy --unseal under load: from the next signature on, and a shorter time closes at once"""
    with MockWorld() as w:
        with Bots(w, ("held", 3)) as bots:
            bots.wait_good(10)
            before = w.count()
            w.h.ok("policy", "held", "--unseal", "each-use")
            changed = w.count()
            bots.wait_good(20)
            assert w.count() - changed >= 15, (before, changed, w.count())
            assert w.a.ask("status")["held"] == 0
            w.h.ok("policy", "held", "--unseal", "session")
            bots.wait_good(20)
            changed = w.count()
            bots.wait_good(20)
            assert w.count() == changed and w.a.ask("status")["held"] == 1
        assert not bots.bad(), bots.bad()[:5]


def test_release():
    """policy --release: yes and no take effect with the next 'sign'"""
    with MockWorld() as w:
        want = {"method": "GET", "url": "/api/v3/account"}
        for _ in range(2):
            with w.a.client() as c:
                c.send({"op": "sign", "name": "held", "request": want})
                assert c.line()["error"]["code"] == "policy"
                w.h.ok("policy", "held", "--release", "yes")
                c.send({"op": "sign", "name": "held", "request": want})
                assert "signature=" in c.line()["result"]["url"]
                w.h.ok("policy", "held", "--release", "no")
                c.send({"op": "sign", "name": "held", "request": want})
                assert c.line()["error"]["code"] == "policy"


def test_seal():
    """rotate --seal under load: clients are told 401, 'coffer unlock' opens the new sealing key"""
    with MockWorld() as w:
        with w.a.client() as c, Bots(w, ("held", 4), ("each", 4)) as bots:
            c.ask("subscribe")
            bots.wait_good(20)
            r = w.h.ok("rotate", "--seal", "--generate", "--yes")
            assert LOCKED in r.err and LOCKED not in r.out, r
            wait_for("an answer to that", lambda: bots.bad("held") and bots.bad("each"))
            assert not w.a.is_unlocked() and len(w.a.ask("status")["tokens"]) == 1
            while (event := c.line())["event"] != "token":
                assert event["event"] == "vault", event
            assert "coffer unlock" in event["text"], event
            r = w.h.ok("unlock")
            assert "is unlocked by token" in r.out, r
            bots.wait_good(10, "each")
            bots.wait_good(10, "held")
            bots.all_good(20)
        seen = {b[2][0] for b in bots.bad()}
        assert seen <= {401, 503} and 401 in seen, bots.bad()[:5]


def test_seal_unattended():
    """rotate --seal with --pin-file: the same token's new sealing key is opened without a person"""
    with MockWorld() as w:
        w.a.stop()
        wait_for("its end", lambda: not w.a.pid)
        p = w.a.popen("--pin-file", w.h.pin_file)
        wait_for("an answer", w.a.is_answering)
        wait_for("it is unlocked", w.a.is_unlocked)
        with Bots(w, ("held", 4), ("each", 4)) as bots:
            bots.wait_good(20)
            r = w.h.ok("rotate", "--seal", "--generate", "--yes")
            assert "agent" not in r.err, r
            bots.wait_good(10, "each")
            bots.wait_good(10, "held")
            bots.all_good(20)
        assert w.count("pin_wrong") == 0
        assert {b[2][0] for b in bots.bad()} <= {401, 503, "no reply"}, bots.bad()[:5]
        p.terminate()
        p.communicate(timeout=10)


def test_recipients():
    """recipients added and removed under load: who can still open goes on, not one request fails"""
    with MockWorld() as w:
        key = os.path.join(w.h.top, "far.pem")
        make_key(key)
        with Bots(w, ("held", 4), ("each", 4)) as bots:
            bots.wait_good(20)
            w.h.ok("recipients", "add", "--public-key", key, "--label", "far", "--yes")
            bots.wait_good(30)
            r = w.h.ok("recipients", "remove", "far", "--yes")
            assert "agent" not in r.err, r
            bots.wait_good(30, "each")
            bots.wait_good(30, "held")
        assert not bots.bad(), (len(bots.bad()), len(bots.results), bots.bad()[:5])


def make_key(path):
    from exchange.certs import openssl      # pylint: disable=import-outside-toplevel
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
            path + ".private")
    openssl("pkey", "-in", path + ".private", "-pubout", "-out", path)


def test_damaged():
    """a record whose file is damaged: it fails and says so, others go on; put back, it works"""
    with MockWorld() as w:
        assert ask(w, "each").status == ask(w, "held").status == 200
        path = w.h.record_file("each")
        with open(path, "rb") as f:
            good = f.read()
        with Bots(w, ("held", 3)) as bots:
            for bad in (good[:-20], b"", good[:60] + b"\0" + good[61:],
                        good[:-30] + bytes([good[-30] ^ 1]) + good[-29:]):
                replace(path, bad)
                r = own(ask(w, "each"), 503, "each")
                assert r.headers["x-coffer-error"] in ("tampered", "format"), r
                listed = w.a.ask("list")["records"]
                assert len(listed) == 2, listed
                bots.wait_good(5)
            os.unlink(path)
            own(ask(w, "each"), 401)
            replace(path, good)
            assert ask(w, "each").status == 200
        assert not bots.bad(), bots.bad()[:5]


def replace(path, data):
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


def test_held_damaged():
    """the file of a held record is damaged: what was proven is used on, and after a lock no more"""
    with MockWorld() as w:
        assert ask(w, "held").status == 200
        path = w.h.record_file("held")
        with open(path, "rb") as f:
            good = f.read()
        replace(path, good[:-30] + bytes([good[-30] ^ 1]) + good[-29:])
        assert ask(w, "held").status == 200
        w.h.ok("lock", pin=False)
        w.h.ok("unlock")
        own(ask(w, "held"), 503, "held")
        replace(path, good)
        assert ask(w, "held").status == 200


def test_away():
    """the vault's directory is away for a while, as on a drive: 503, and then all goes on"""
    with MockWorld() as w:
        with Bots(w, ("held", 2)) as bots:
            bots.wait_good(5)
            os.rename(w.h.vault, w.h.vault + ".away")
            wait_for("an answer to that", bots.bad)
            assert w.a.is_answering()
            os.rename(w.h.vault + ".away", w.h.vault)
            bots.wait_good(10)
            bots.all_good(10)
        assert {b[2][0] for b in bots.bad()} == {503}, bots.bad()[:3]


lib.main([test_names, test_name_taken, test_policy, test_release, test_seal,
          test_seal_unattended, test_recipients, test_damaged, test_held_damaged,
          test_away], needs_softhsm=False)
