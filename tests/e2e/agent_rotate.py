#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""A key of an exchange is rotated while ten clients trade with it: no request fails, the old key is
used until the commit and never after it"""
import json
import os
import signal
import time

import lib
from agent_kit import wait_for
from agent_load import Bots, ask
from agent_world import World


def rotate(w, name, key, *more):
    return w.h.run("rotate", name, "--from-json", w.h.private("key.json", json.dumps(key.fields)),
                   *more)


def used(w, key, since):
    """How many requests of the exchange's log, from that one on, carry the key."""
    return sum(1 for e in list(w.x.log)[since:] if key.id in str(e.headers) + e.query)


def rotated_under_load(w, name, pause_s=0.0, again=2):
    with Bots(w, (name, 10), pause_s=pause_s) as bots:
        bots.wait_good(20)
        for _ in range(again):
            old, new = w.keys[name], w.x.key("binance")
            r = rotate(w, name, new)
            assert r.code == 0, r
            committed = time.monotonic()
            bots.wait_good(20)
            at = len(w.x.log)
            bots.wait_good(40)
            assert used(w, old, at) == 0 < used(w, new, at), "signed with the old key"
            old.delete()
            bots.wait_good(40)
            r = w.h.ok("rotate", name, "--finish")
            assert "is dead" in r.out, r
            bots.wait_good(20)
            w.keys[name] = new
            assert time.monotonic() - committed < 30
    assert not bots.bad(), (len(bots.bad()), bots.bad()[:5])
    assert len(bots.results) > 200


def test_held():
    """a key that is held: not one of its requests fails, twice over"""
    with World("binance") as w:
        w.add("held", "binance", "--unseal", "session")
        rotated_under_load(w, "held")
        assert ask(w, "held").status == 200


def test_each_use():
    """a key that is opened for each use, the same"""
    with World("binance") as w:
        w.add("each", "binance", "--unseal", "each-use")
        rotated_under_load(w, "each", again=1)


def test_restarted():
    """the core is killed in the middle: clients see 503 at most, and the new key is used on"""
    with World("binance") as w:
        w.add("held", "binance", "--unseal", "session")
        with Bots(w, ("held", 10)) as bots:
            bots.wait_good(20)
            old, new = w.keys["held"], w.x.key("binance")
            assert rotate(w, "held", new).code == 0
            os.kill(w.a.core, signal.SIGKILL)
            wait_for("an answer", w.a.is_answering)
            bots.wait_good(20)
            old.delete()
            bots.all_good(40)
            w.h.ok("rotate", "held", "--finish")
            bots.all_good(20)
        assert all(b[2][0] in (401, 503, "no reply") for b in bots.bad()), bots.bad()[:5]


def test_not_finished():
    """a rotation that the exchange refuses: the old key is used on, and nobody notices"""
    with World("binance") as w:
        w.add("held", "binance", "--unseal", "session")
        with Bots(w, ("held", 10)) as bots:
            bots.wait_good(20)
            dead = w.x.key("binance")
            dead.delete()
            r = rotate(w, "held", dead)
            assert r.code != 0 and "the old key is in place" in r.err, r
            bots.wait_good(40)
        assert not bots.bad(), bots.bad()[:5]


lib.main([test_held, test_each_use, test_restarted, test_not_finished])
