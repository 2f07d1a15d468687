#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""The lock while bots trade: by command, by idleness, by sleep, by the end of the session. Tokens'
processes end, what waits is told, and 'coffer unlock' heals without anything being started again"""
import os
import shutil
import signal
import threading
import time

import agent_kit
import lib
from agent_kit import is_running, wait_for
from agent_load import Bots, MockWorld, ask
from agent_world import own


def test_under_load():
    """lock and unlock, over and over, under load: 401 between them, and nothing else"""
    with MockWorld() as w:
        with Bots(w, ("each", 5), ("held", 5)) as bots:
            for _ in range(5):
                bots.wait_good(10, "each")
                bots.wait_good(10, "held")
                old = w.a.tokens[0]
                w.h.ok("lock", pin=False)
                locked = time.monotonic()
                wait_for("the token's end", lambda o=old: not is_running(o))
                time.sleep(0.2)
                assert bots.good(None, locked) == 0, "signed while locked"
                assert w.a.ask("status")["held"] == 0 and not w.a.tokens
                w.h.ok("unlock")
                bots.wait_good(10, "held")
            bots.all_good(40)
        seen = {b[2][0] for b in bots.bad()}
        assert seen == {401}, (seen, bots.bad()[:3])
        assert all("coffer unlock" in b[2][1] for b in bots.bad()), bots.bad()[:3]
        assert w.count("pin_wrong") == 0


def test_waiting():
    """what waits for the token at the lock is refused at once, and never sent"""
    with MockWorld("C_DeriveKey sleep=4000 while=slow") as w:
        assert ask(w, "each").status == 200
        w.mark("slow")
        got, begun = [], time.monotonic()
        orders = [w.order() for _ in range(4)]

        def place(order):
            (method, _, body, form), _ = order
            with w.connect() as c:
                got.append(c.ask(method, "/each/https://api.binance.com/api/v3/order", body, form))
        threads = [threading.Thread(target=place, args=(o,)) for o in orders]
        for t in threads:
            t.start()
        time.sleep(0.7)
        w.h.ok("lock", pin=False)
        for t in threads:
            t.join(5)
        assert time.monotonic() - begun < 3 and len(got) == 4
        for r in got:
            own(r, 401, "locked")
        w.unmark("slow")
        w.h.ok("unlock")
        assert ask(w, "each").status == 200
        time.sleep(0.2)
        assert not any(w.sent(number) for _, number in orders)


def test_events():
    """locked and unlocked are told to who subscribed, once each; a second lock does no harm"""
    with MockWorld() as w:
        with w.a.client() as c:
            c.ask("subscribe")
            w.h.ok("lock", pin=False)
            assert c.line()["event"] == "locked"
            w.h.ok("unlock")
            e = c.line()
            assert e["event"] == "unlocked" and e["subject"], e
        assert w.a.ask("status")["last_lock"], w.a.ask("status")
        w.h.ok("lock", pin=False)
        w.h.ok("lock", pin=False)
        w.h.ok("unlock")
        assert ask(w, "held").status == 200


def test_idle():
    """--lock-after counts from the last signature, not from the unlock; public requests do not count"""
    with MockWorld(options=("--lock-after", "2s")) as w:
        begun = time.monotonic()
        while time.monotonic() - begun < 4:
            assert ask(w, "held").status == 200
            time.sleep(0.3)
        last = time.monotonic()
        while w.a.is_unlocked():
            assert ask(w, "held", "/api/v3/time").status in (200, 401)
            assert time.monotonic() - last < 6, "never locked"
            time.sleep(0.2)
        assert time.monotonic() - last > 1.7
        wait_for("the token's end", lambda: not w.a.tokens)
        own(ask(w, "held"), 401, "coffer unlock")
        w.h.ok("unlock")
        assert ask(w, "held").status == 200


def test_sleep():
    """the machine slept while bots traded: locked before anything more is signed for them"""
    with MockWorld() as w:
        w.a.stop()
        asleep = os.path.join(w.h.top, "asleep")
        p = w.a.popen(env=w.h.environ(LD_PRELOAD=os.path.join(lib.TOOLS, "asleep_preload.so"),
                                      ASLEEP_FILE=asleep))
        wait_for("an answer", w.a.is_answering)
        w.a.unlock()
        with Bots(w, ("held", 3)) as bots:
            bots.wait_good(10)
            with open(asleep, "w", encoding="utf-8"):
                pass
            wait_for("the lock", lambda: not w.a.is_unlocked())
            locked = time.monotonic()
            time.sleep(0.3)
            assert bots.good(None, locked) == 0
            w.a.unlock()
            bots.all_good(20)
        assert {b[2][0] for b in bots.bad()} == {401}, bots.bad()[:3]
        p.terminate()
        assert b"locked: the machine was asleep" in p.communicate(timeout=10)[1]


def test_logout():
    """the runtime directory goes while bots trade: everything ends, tokens too"""
    with MockWorld(foreground=True) as w:
        pids = [w.a.pid] + [p.pid for p in w.a.family()]
        assert len(pids) == 4, pids
        bots = Bots(w, ("each", 3), ("held", 3))
        with bots:
            bots.wait_good(12)
            os.rename(w.a.run_dir, w.a.run_dir + ".gone")
            wait_for("the end of all", lambda: not any(map(is_running, pids)))
        assert w.process.wait(10) == 0
        shutil.rmtree(w.a.run_dir + ".gone")
        w.begin()
        w.a.unlock()
        assert ask(w, "each").status == 200


def test_two():
    """a second agent for the same vault: refused, and the first goes on; two homes: each its own"""
    with MockWorld() as w, MockWorld() as other:
        w.h.extra_env["XDG_RUNTIME_DIR"] = w.a.top
        with Bots(w, ("held", 3)) as bots:
            bots.wait_good(5)
            r = w.h.run("agent", pin=False)
            assert r.code == 1 and f"an agent already runs (pid {w.a.pid})" in r.err, r
            other.h.ok("lock", pin=False)
            own(ask(other, "held"), 401)
            other.a.stop()
            bots.all_good(10)
        assert not bots.bad(), bots.bad()[:3]
        second = agent_kit.Agent(w.h, start=False)      # another runtime directory, the same vault
        with second:
            second.start()
            second.unlock()
            assert second.pid != w.a.pid
            with Bots(w, ("held", 2)) as bots:
                for _ in range(20):
                    assert other_way(w, second).status == 200
                bots.wait_good(10)
            assert not bots.bad(), bots.bad()[:3]


def other_way(w, agent):
    with w.connect(agent.proxy) as c:
        return c.ask("GET", "/held/https://api.binance.com/api/v3/account")


def test_stopped_token():
    """a token's process that stands still under load: lock ends it, unlock heals"""
    with MockWorld() as w:
        with Bots(w, ("each", 2), ("held", 2)) as bots:
            bots.wait_good(8)
            old = w.a.tokens[0]
            os.kill(old, signal.SIGSTOP)
            bots.wait_good(10, "held")
            w.h.ok("lock", pin=False)
            wait_for("its end", lambda: not is_running(old))
            w.h.ok("unlock")
            bots.wait_good(8, "each")
            bots.all_good(8)


lib.main([test_under_load, test_waiting, test_events, test_idle, test_sleep, test_logout, test_two,
          test_stopped_token], needs_softhsm=False)
