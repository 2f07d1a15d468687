#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""Commands by an agent that stands still, dies or is locked: what was not handed to it is done
without it, and says why; what was handed to it is never sent a second time by anybody"""
import fcntl
import os
import time

import lib
from agent_kit import wait_for
from agent_load import MockWorld
from agent_world import Later, Stopped, World, own

SLOW = "C_DeriveKey sleep=1500 while=slow"
HERE = "the vault is opened here, without the agent"


class Handed:
    """with Handed(w) as h: 'coffer request' places an order by an agent that waits for its token.
    It could open the vault itself: it is given a PIN."""

    def __init__(self, w):
        self.w, self.before, self.run = w, 0, None
        (_, _, self.body, _), self.number = w.order()

    def __enter__(self):
        w = self.w
        w.mark("slow")
        self.before = w.count("pin_tried")
        self.run = Later(w.h.run, "request", "each", "POST", "/api/v3/order", "-d", self.body)
        wait_for("the order with the agent", lambda: w.a.ask("status")["requests"] == 1)
        return self

    def __exit__(self, *_):
        self.run.join(30)
        self.w.unmark("slow")

    def refused(self, *said, seconds=5):
        """It ends with an error that says so; nobody opens the vault, and nothing is sent."""
        r = self.run.result(seconds)
        assert r.code not in (0, 4) and not r.out, r
        assert any(x in r.err for x in said), r
        assert HERE not in r.err and self.w.count("pin_tried") == self.before, r
        time.sleep(2)                                  # its token has answered by now
        assert self.w.sent(self.number) == 0, "sent all the same"
        lib.no_secret(r.out + r.err, lib.PIN)
        return r


def test_killed():
    """the core is killed -9 with an order in its hands: an error, no second try, nothing is sent"""
    with MockWorld(SLOW) as w:
        with Handed(w) as order:
            w.kill(w.a.core)
            order.refused("agent")
        wait_for("unlocked as before", lambda: w.a.is_answering() and w.a.is_unlocked())
        r = w.h.ok("request", "each", "GET", "/api/v3/account", pin=False)
        assert not r.err, r


def test_locked():
    """locked with an order in its hands: told, and not done without the agent"""
    with MockWorld(SLOW) as w:
        with Handed(w) as order:
            w.h.ok("lock", pin=False)
            order.refused("locked")
        r = w.h.ok("request", "each", "GET", "/api/v3/account")
        assert f"hint: the agent is locked: {HERE}" in r.err, r
        assert "agent" not in w.h.ok("request", "each", "GET", "/api/v3/account", "--no-agent").err


def test_stopped():
    """the core stands still with an order in its hands: an error, and it is not sent later; a
    command that finds the agent so opens the vault itself, and says why"""
    with MockWorld(SLOW) as w:
        with Handed(w) as order:
            with Stopped(w.a.core):
                others = [Later(w.h.run, *c) for c in (("balance", "held"), ("verify", "held"))]
                # no PIN is there for this one: it says what it would need one for
                poor = Later(lambda: w.h.run("balance", "held", pin=False))
                r = order.run.result(12)
                assert r.code == 1 and not r.out and HERE not in r.err, r
                for o in others:
                    r = o.result(15)
                    assert r.code in (0, 5) and r.out, r
                    assert "warning: greet the agent: the agent does not answer" in r.err, r
                    assert f"hint: {HERE}" in r.err, r
                r = poor.result(15)
                assert r.code == 3 and HERE in r.err, r
            wait_for("an answer", w.a.is_answering)
            time.sleep(2)
            assert w.sent(order.number) == 0


def test_sent():
    """the core or coffer-net is killed after an order was sent: told or unknown, and there once"""
    for victim, code in (("core", 0), ("net", 1)):
        with MockWorld() as w:
            w.x.delay_s = 1.5
            (_, _, body, _), number = w.order()
            before = w.count("pin_tried")
            run = Later(w.h.run, "request", "held", "POST", "/api/v3/order", "-d", body)
            wait_for("the order at the exchange", lambda w=w, n=number: w.sent(n) == 1)
            w.kill(getattr(w.a, victim))
            r = run.result(10)
            assert r.code == code and HERE not in r.err, r
            assert code == 0 or "it may have been carried out" in r.err, r
            assert w.count("pin_tried") == before
            wait_for("the order", lambda w=w, n=number: w.placed(n) == 1)
            time.sleep(0.5)
            assert w.sent(number) == 1


def nonce_locks(top):
    """Of keys that are in the vault; one that was only tried, by 'coffer add', has no id yet."""
    return [os.path.join(d, f[:-6] + ".lock") for d, _, files in os.walk(top) for f in files
            if f.endswith(".nonce") and f.strip("0") != ".nonce"]


def test_nonces():
    """another process keeps the lock of a key's nonces: refused soon, and the agent serves on"""
    with World("kraken") as w:
        assert w.is_good()
        found = nonce_locks(w.h.state)
        assert len(found) == 1, found
        with open(found[0], "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            begun = time.monotonic()
            for _ in range(5):
                r = own(w.read("kraken"), 503, "another process holds the nonces of this key")
                assert r.headers["x-coffer-error"] == "failed", r
                assert w.a.ask("status")["records"] == 1
            assert time.monotonic() - begun < 4     # it waits once or twice, not five times
        assert w.is_good()


lib.main([test_killed, test_locked, test_stopped, test_sent, test_nonces])
