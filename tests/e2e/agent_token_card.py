#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""Bots on a key behind the test card (tests/tokens/piv.py), by both drivers: the card pulled and put
back, a touch that is waited for, a card that others want"""
import os
import subprocess
import sys
import threading
import time
import traceback

import agent_kit
import agent_world
import lib
from agent_kit import wait_for
from agent_load import Bots, ask
from agent_world import own

sys.path.insert(0, os.path.join(lib.ROOT, "tests/tokens"))

import run                                  # noqa: E402  pylint: disable=wrong-import-position
import worlds                               # noqa: E402  pylint: disable=wrong-import-position
from world import NotRun                    # noqa: E402  pylint: disable=wrong-import-position

WORLDS = ("yubikey-ykcs11", "yubikey-opensc")
TESTS = 5


class CardWorld(agent_world.World):
    """A World whose vault is sealed to the card."""

    def __init__(self, card):
        super().__init__("binance", options=())
        self.card = card

    def __enter__(self):
        self.h, self.exchange = lib.Home(), lib.exchange()
        self.x = self.exchange.__enter__()
        self.a = agent_kit.Agent(self.h, start=False)
        self.h.extra_env.update(self.card.env)
        self.h.pin_file = self.h.private("pin", self.card.pin + "\n")
        try:
            self.h.ok("init", "--token", self.card.uri(self.card.seals))
            self.add("each", "binance")     # the card asks for a touch: by default for each use
            self.add("held", "binance", "--unseal", "session")
            self.process = self.a.popen()
            wait_for("an answer", self.a.is_answering)
            self.a.unlock()
            assert ask(self, "held").status == ask(self, "each").status == 200
        except BaseException:
            self.close(RuntimeError)
            raise
        return self


def test_pulled(w):
    """pulled and put back under load: held keys go on; it works again without a PIN or a restart"""
    pids = w.a.tokens
    with Bots(w, ("held", 4)) as bots:
        bots.wait_good(20)
        for _ in range(2):
            w.card.remove()
            # one after the other: the reader's driver of the tests sees no card that is put in
            # while somebody asks for it
            for _ in range(2):
                own(ask(w, "each"), 503, "token")
            w.card.insert()
            for _ in range(3):
                assert ask(w, "each").status == 200
            bots.wait_good(20)
    assert not bots.bad(), bots.bad()[:3]
    assert w.a.tokens == pids and w.a.ask("status")["tokens"][0]["restarts"] == 0


def test_gone(w):
    """while it is away: told by status and by an error, and the PIN is kept"""
    w.card.remove()
    own(ask(w, "each"), 503)
    status = w.a.ask("status", look=True)["tokens"][0]
    assert not status["present"], status
    w.card.insert()
    assert ask(w, "each").status == 200
    assert w.a.ask("status", look=True)["tokens"][0]["present"]


def test_touch(w):
    """a touch: who wants what is said, and the others are served meanwhile"""
    got = []

    def order():
        (method, _, body, form), number = w.order()
        with w.connect() as c:
            got.append((c.ask(method, "/each/https://api.binance.com/api/v3/order", body, form),
                        number))
    with w.a.client() as events:
        events.ask("subscribe")
        w.card.touch(3000)
        t = threading.Thread(target=order)
        t.start()
        event = events.line()
        assert event["event"] == "touch" and event["subject"] == "each", event
        assert "BUY 0.001 BTCUSDT" in event["text"], event
        assert ask(w, "held").status == ask(w, "held", "/api/v3/time").status == 200
        assert t.is_alive()
        t.join(15)
        assert events.line()["event"] == "touched"
    w.card.touch(0)
    assert got[0][0].status == 200 and w.sent(got[0][1]) == 1, got


def test_others(w):
    """SIGHUP: another program gets the card; then the agent does, without a PIN"""
    os.kill(w.a.pid, 1)
    time.sleep(0.3)
    code, out = w.card.piv_tool("-a", "status")
    assert code == 0, out
    assert ask(w, "each").status == 200
    w.h.ok("sign", "held", "GET", "/api/v3/account")    # the owner's act, with the PIN, beside it
    assert ask(w, "each").status == 200


def test_locked(w):
    """the lock ends the driver's process; the next unlock opens the card again"""
    w.h.ok("lock", pin=False)
    wait_for("no process", lambda: not w.a.tokens)
    own(ask(w, "each"), 401, "coffer unlock")
    w.a.unlock()
    assert ask(w, "each").status == ask(w, "held").status == 200


def inside(name):
    run.lo_by_ioctl()
    os.chdir(run.DIRECTORY)
    card = worlds.world_class(name)(run.DIRECTORY)
    try:
        card.start()
        with CardWorld(card) as w:
            for test in (test_pulled, test_gone, test_touch, test_others, test_locked):
                tell(name, test, w)
    except NotRun as e:
        print(f"skip {e}")
    finally:
        card.stop()


def tell(name, test, w):
    try:
        test(w)
        print(f"ok - {name}: {test.__doc__}", flush=True)
    except Exception:                                          # pylint: disable=broad-except
        print(f"not ok - {name}: {test.__doc__}")
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        sys.stdout.flush()


def main():
    print(f"1..{TESTS * len(WORLDS)}")
    why, n, bad = run.refusal(), 0, 0
    for name in WORLDS:
        argv = [*run.NAMESPACE, "sh", "-c", run.SETUP, "sh", sys.executable,
                os.path.abspath(__file__), "--inside", name]
        p = why or subprocess.run(argv, env=run.environ(), stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = [f"skip {why}"] if why else p.stdout.splitlines()
        said = n
        for line in lines:
            if line.startswith(("ok - ", "not ok - ")):
                n += 1
                bad += line.startswith("not")
                head, text = line.split(" - ", 1)
                print(f"{head} {n} - {text}")
            elif line.startswith("skip "):
                for _ in range(TESTS):
                    n += 1
                    print(f"ok {n} - {name} # SKIP {line[5:]}")
            elif line.startswith("# ") or n < said + TESTS:
                print("# " + line.removeprefix("# "))
        for _ in range(n, said + TESTS):
            n, bad = n + 1, bad + 1
            print(f"not ok {n} - {name}: it did not come so far")
    sys.exit(1 if bad else 0)


if sys.argv[1:2] == ["--inside"]:
    inside(sys.argv[2])
else:
    main()
