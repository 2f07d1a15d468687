#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""An agent with --pin-file, whose token's process ends: unlocked again by itself, but a wrong PIN is
tried once, and never again unasked"""
import os
import signal
import time

import lib
from agent_kit import is_running, wait_for
from agent_load import Bots, MockWorld, ask
from agent_world import own


class Unattended(MockWorld):
    """Unlocked by the agent itself, from a file that the test may change."""
    before = 0                              # PINs that were tried before the agent was there

    def __enter__(self):
        w = super().__enter__()
        w.wait_unlocked()
        return w

    def wait_unlocked(self):
        wait_for("it is unlocked", self.a.is_unlocked)
        wait_for("the end of 'coffer unlock'", lambda: not self.a.children("coffer"))

    def begin(self):
        self.pin_file = self.h.private("unattended", lib.PIN + "\n")
        self.options = self.a.options = ("--pin-file", self.pin_file)
        self.before = self.count("pin_tried")
        super().begin()

    def end_token(self):
        old, n = self.a.tokens[0], self.token()["restarts"]
        os.kill(old, signal.SIGKILL)
        wait_for("its end", lambda: not is_running(old))
        wait_for("the agent to know of it", lambda: self.token()["restarts"] > n)

    def wrong(self, text="not the PIN at all"):
        with open(self.pin_file, "w", encoding="utf-8") as f:
            f.write(text + "\n")


def test_again():
    """killed under load: unlocked by itself, and all go on"""
    with Unattended(foreground=True) as w:
        with Bots(w, ("each", 3), ("held", 3)) as bots:
            bots.wait_good(12)
            w.end_token()
            w.wait_unlocked()
            bots.wait_good(8, "each")
            bots.all_good(8, "each")
        assert not bots.bad("held"), bots.bad("held")[:3]
        assert w.count("pin_wrong") == 0 and w.count("pin_left") == 8


def test_background():
    """in the background just the same: one try at the start, and the file is read again after it"""
    with Unattended() as w:
        tried = w.count("pin_tried")
        assert tried == w.before + 1 and ask(w, "each").status == 200
        w.end_token()
        w.wait_unlocked()
        assert ask(w, "each").status == 200
        assert w.count("pin_tried") == tried + 1, (tried, w.h.counts())
        w.h.ok("lock", pin=False)
        time.sleep(1)
        assert not w.a.is_unlocked() and w.count("pin_tried") == tried + 1
        w.a.stop()
        wait_for("its end", lambda: not w.a.pid)
        w.wrong()
        r = w.h.run("agent", "--pin-file", w.pin_file, pin=False)
        assert r.code == 3 and "the agent runs, but it is locked" in r.err, r
        time.sleep(1)
        assert not w.a.is_unlocked() and w.count("pin_wrong") == 1
        lib.no_secret(r.out + r.err, lib.PIN, "not the PIN at all")


def test_not_for_ever():
    """killed over and over: it is not started without end"""
    with Unattended(foreground=True) as w:
        w.end_token()
        w.wait_unlocked()
        w.end_token()
        time.sleep(1.5)
        assert not w.a.is_unlocked()
        own(ask(w, "each"), 401, "coffer unlock")
        w.h.ok("unlock")
        assert ask(w, "each").status == 200


def test_wrong():
    """a PIN file that is wrong by now: one try, then the guard; the right one by hand lifts it"""
    with Unattended(foreground=True) as w:
        w.wrong()
        assert ask(w, "held").status == 200
        w.end_token()
        wait_for("one try", lambda: w.count("pin_wrong") == 1)
        time.sleep(1)
        assert not w.a.is_unlocked() and w.count("pin_wrong") == 1
        own(ask(w, "each"), 401, "coffer unlock")
        assert ask(w, "held").status == 200
        r = w.h.run("unlock", "--pin-file", w.pin_file, pin=False)
        assert r.code == 3 and w.count("pin_wrong") == 1, r
        w.a.stop()
        w.process.wait(10)
        w.begin()                                   # anew, with the PIN file put right
        time.sleep(1)
        assert w.count("pin_wrong") == 1, "tried again"
        if not w.a.is_unlocked():
            r = w.h.tty("unlock", answers=[("PIN", lib.PIN)])
            assert r.code == 0, r
        assert ask(w, "each").status == 200
        said = w.said()
        lib.no_secret(said, lib.PIN, "not the PIN at all")


def test_locked_stays():
    """'coffer lock' is a person's word: nothing is unlocked by itself after it"""
    with Unattended(foreground=True) as w:
        before = w.count("pin_tried")
        w.h.ok("lock", pin=False)
        time.sleep(1)
        assert not w.a.is_unlocked()
        own(ask(w, "each"), 401)
        os.kill(w.a.core, signal.SIGKILL)
        wait_for("an answer", w.a.is_answering)
        time.sleep(1)
        assert not w.a.is_unlocked(), "a core that is started again unlocks what was locked"
        assert w.count("pin_tried") == before


if __name__ == "__main__":
    lib.main([test_again, test_background, test_not_for_ever, test_wrong, test_locked_stays],
             needs_softhsm=False)
