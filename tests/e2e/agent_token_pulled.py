#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""A token that is pulled, put back, busy, let go of or locked while bots trade: what needs it waits
or fails with a status, what is held goes on, and nothing but the lock asks for a PIN again"""
import os
import signal
import threading
import time

import lib
from agent_kit import is_running, wait_for
from agent_load import PULLED, Bots, MockWorld, ask, path_of
from agent_world import own


def tried(w):
    return w.count("pin_tried")


def test_pulled():
    """pulled under load: held keys go on, each-use ones are told; put back: it works, without a PIN"""
    with MockWorld(*PULLED) as w:
        with Bots(w, ("each", 4), ("held", 4)) as bots:
            bots.wait_good(8, "each")
            bots.wait_good(8, "held")
            pids, before = (w.a.core, w.a.net, w.a.tokens), tried(w)
            for _ in range(3):
                n_bad = len(bots.bad("each"))
                w.mark("gone")
                wait_for("an answer that it is gone", lambda n=n_bad: len(bots.bad("each")) > n)
                time.sleep(0.3)
                assert w.a.is_unlocked(), "its PIN is kept"
                w.unmark("gone")
                bots.wait_good(8, "each")
                bots.all_good(20, "each")
        assert not bots.bad("held"), bots.bad("held")[:3]
        for _, _, (status, text) in bots.bad("each"):
            assert status == 503 and "token" in text, (status, text)
        assert (w.a.core, w.a.net, w.a.tokens) == pids
        assert tried(w) <= before + 6 and w.count("pin_wrong") == 0, (before, tried(w))
        assert w.count("pin_left") == 8 and w.token()["restarts"] == 0


def test_pulled_for_long():
    """while it is gone status says so, unlock says so, and nothing is tried on it"""
    with MockWorld(*PULLED) as w:
        w.mark("gone")
        own(ask(w, "each"), 503, "token")
        before = tried(w)
        status = w.a.ask("status", look=True)["tokens"][0]
        assert not status["present"] and status["unlocked"], status
        for _ in range(3):
            own(ask(w, "each"), 503, "token")
        assert tried(w) == before
        w.unmark("gone")
        assert ask(w, "each").status == 200 and tried(w) <= before + 1
        assert w.a.ask("status", look=True)["tokens"][0]["present"]


def test_locked_while_gone():
    """pulled and locked: put back, it stays locked until its PIN is given"""
    with MockWorld(*PULLED) as w:
        assert ask(w, "held").status == 200
        w.mark("gone")
        own(ask(w, "each"), 503)
        w.h.ok("lock", pin=False)
        w.unmark("gone")
        for name in ("each", "held"):
            own(ask(w, name), 401, "coffer unlock")
        w.h.ok("unlock")
        assert ask(w, "each").status == ask(w, "held").status == 200


def test_one_for_each():
    """each-use: one private operation a request, also of ten clients at once; held: none more"""
    with MockWorld() as w:
        assert ask(w, "each").status == 200         # the vault itself is open from here on
        before = w.count()
        with Bots(w, ("each", 10)) as bots:
            bots.wait_good(100)
        assert not bots.bad(), bots.bad()[:3]
        n = len(bots.results)
        assert w.count() - before == n, (w.count() - before, n)
        assert not w.a.ask("status")["held"]
        with Bots(w, ("held", 10)) as bots:
            bots.wait_good(50)
        assert not bots.bad() and w.count() - before == n + 1, w.count() - before - n
        assert w.count("secrets") == 0, "shared values are left in the token"


def test_for_a_time():
    """a key that stays open for 2 s: one operation each time, and closed when the time is over"""
    with MockWorld() as w:
        w.h.ok("policy", "each", "--unseal", "2s")
        assert ask(w, "each").status == 200
        before, begun = w.count(), time.monotonic()
        while time.monotonic() - begun < 1:
            assert ask(w, "each").status == 200
        assert w.count() == before
        assert w.a.ask("status")["held"] == 1
        wait_for("its end", lambda: w.a.ask("status")["held"] == 0, 4)
        assert time.monotonic() - begun > 1.5
        assert ask(w, "each").status == 200 and w.count() == before + 1


def test_touch():
    """a touch is waited for: who asks for what is said, and nobody else waits"""
    script = ("C_DeriveKey sleep=2500 while=touch times=1",)
    with MockWorld(*script, foreground=True) as w:
        bearer = w.bearer("each", "mm1")
        assert ask(w, "held").status == 200 and ask(w, "each").status == 200
        events = w.a.client()
        events.ask("subscribe")
        w.mark("touch")
        body = ("symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=1500"
                "&newClientOrderId=touchme1")
        got = []

        def order():
            with w.connect() as c:
                got.append(c.ask("POST", path_of("each", "/api/v3/order", bearer), body,
                                 {"Content-Type": "application/x-www-form-urlencoded"}))
        t = threading.Thread(target=order)
        t.start()
        event = events.line()
        assert event["event"] == "touch" and event["subject"] == "each", event
        assert event["text"].startswith("bot 'mm1': BUY 0.5 ETHUSDT"), event
        assert "each" in event["text"] and "waits for a touch" in event["text"], event
        begun = time.monotonic()
        assert ask(w, "held").status == 200
        assert ask(w, "each", "/api/v3/time").status == 200
        assert w.a.ask("list")["records"] and w.a.ask("status")
        took = time.monotonic() - begun
        assert t.is_alive() and took < 1, took
        assert events.line()["event"] == "touched"
        t.join(10)
        assert got[0].status == 200 and w.sent("touchme1") == 1, got
        with w.connect() as c:
            listed = w.a.ask("status")["tokens"][0]
            assert listed["restarts"] == 0
        events.socket.close()
        said = w.said()
        assert event["text"] in said and "waits no longer" in said, said
        lib.no_secret(said, *[k.secret for k in w.keys.values()], lib.PIN, bearer)


def test_hung_up():
    """a client that goes while its touch is waited for: nothing is sent for it, others are served"""
    script = ("C_DeriveKey sleep=1500 while=touch times=1",)
    with MockWorld(*script) as w:
        assert ask(w, "each").status == 200
        w.mark("touch")
        c = w.connect()
        (method, _, body, form), number = w.order()
        c.begin(method, path_of("each", "/api/v3/order"), body, form)
        time.sleep(0.3)
        c.s.close()
        assert ask(w, "each").status == 200
        time.sleep(0.3)
        assert w.sent(number) == 0 and w.placed(number) == 0


def test_release():
    """SIGHUP under load: no request fails; afterwards the card is free until it is next asked"""
    with MockWorld() as w:
        with Bots(w, ("each", 4), ("held", 2)) as bots:
            for _ in range(10):
                os.kill(w.a.pid, signal.SIGHUP)
                bots.wait_good(8)
        assert not bots.bad(), bots.bad()[:3]
        os.kill(w.a.pid, signal.SIGHUP)
        wait_for("no session with the token", lambda: w.count("sessions") == 0)
        before, tokens = tried(w), w.a.tokens
        assert ask(w, "held").status == 200 and w.count("sessions") == 0
        assert ask(w, "each").status == 200 and tried(w) == before + 1 and w.a.tokens == tokens


def test_token_killed():
    """its process killed under load: what is held goes on, each use is told to unlock, and it heals"""
    with MockWorld() as w:
        with Bots(w, ("each", 3), ("held", 3)) as bots:
            bots.wait_good(12)
            for _ in range(2):
                old, n_bad = w.a.tokens[0], len(bots.bad("each"))
                os.kill(old, signal.SIGKILL)
                wait_for("its end", lambda o=old: not is_running(o))
                wait_for("an answer to that", lambda n=n_bad: len(bots.bad("each")) > n)
                bots.wait_good(10, "held")
                w.h.ok("unlock")
                bots.wait_good(8, "each")
                bots.all_good(8, "each")
        assert not bots.bad("held"), bots.bad("held")[:3]
        assert {b[2][0] for b in bots.bad("each")} <= {401, 503}, bots.bad("each")[:3]


lib.main([test_pulled, test_pulled_for_long, test_locked_while_gone, test_one_for_each,
          test_for_a_time, test_touch, test_hung_up, test_release, test_token_killed],
         needs_softhsm=False)
