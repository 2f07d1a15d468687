#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""A driver that never comes back: it is killed and started again when its time limit is over; until
then requests that need it are refused in time, and all others are served"""
import threading
import time

import lib
from agent_kit import is_running, wait_for
from agent_load import Bots, MockWorld, ask, path_of

LIMIT_S = 45        # TOKEN_HUNG_MS


def timed(w, name):
    begun = time.monotonic()
    return ask(w, name), time.monotonic() - begun


def test_hung():
    """in a signature: the order is not sent, held keys go on, then it is restarted and unlocked"""
    with MockWorld("C_DeriveKey hang while=hang", foreground=True) as w:
        assert ask(w, "each").status == ask(w, "held").status == 200
        old = w.a.tokens[0]
        events = w.a.client(timeout=LIMIT_S + 15)
        events.ask("subscribe")
        with Bots(w, ("held", 3), pause_s=0.02) as bots:
            w.mark("hang")
            hung = time.monotonic()
            (method, _, body, form), number = w.order()
            with w.connect() as c:
                r = c.ask(method, path_of("each", "/api/v3/order"), body, form)
            took = time.monotonic() - hung
            assert r.status in (401, 503) and took < 9.5, (r, took)
            r, took = timed(w, "each")
            assert r.status in (401, 503) and took < 9.5, (r, took)
            assert events.line()["event"] == "touch"
            assert w.a.ask("status", look=True)["tokens"][0]["running"]
            while (event := events.line())["event"] != "token":
                assert event["event"] in ("touch", "touched"), event
            assert LIMIT_S - 2 < time.monotonic() - hung < LIMIT_S + 5
            assert "has not answered" in event["text"] and "locked" in event["text"], event
            wait_for("the old one's end", lambda: not is_running(old))
            w.unmark("hang")
            wait_for("another", lambda: w.a.tokens)
            assert w.a.tokens[0] != old and w.token()["restarts"] == 1
            r, took = timed(w, "each")
            assert r.status == 401 and "coffer unlock" in r.text and took < 2, (r, took)
            w.a.unlock()
            assert ask(w, "each").status == 200
        assert not bots.bad(), bots.bad()[:3]
        assert w.sent(number) == 0 and w.placed(number) == 0
        events.socket.close()


def test_hung_at_unlock():
    """in a login: 'coffer unlock' ends with an error, others are served, and it can be tried again"""
    with MockWorld("C_Login hang while=hang") as w:
        assert ask(w, "held").status == 200
        w.h.ok("lock", pin=False)
        w.mark("hang")
        got = []
        t = threading.Thread(target=lambda: got.append(w.h.run("unlock", timeout=90)))
        begun = time.monotonic()
        t.start()
        time.sleep(1)
        r, took = timed(w, "held")
        assert r.status == 401 and took < 2, (r, took)
        t.join(90)
        assert got and got[0].code in (1, 3) and "has not answered" in got[0].err, got
        assert LIMIT_S - 2 < time.monotonic() - begun < LIMIT_S + 10
        w.unmark("hang")
        wait_for("another", lambda: w.a.tokens)
        r = w.h.tty("unlock", answers=[("PIN", lib.PIN)])
        assert r.code == 0, r
        assert ask(w, "held").status == 200


def test_locked_while_hung():
    """'coffer lock' ends it at once"""
    with MockWorld("C_DeriveKey hang while=hang") as w:
        assert ask(w, "each").status == 200
        w.mark("hang")
        got = []
        t = threading.Thread(target=lambda: got.append(timed(w, "each")))
        t.start()
        time.sleep(1)
        old = w.a.tokens[0]
        w.h.ok("lock", pin=False)
        t.join(5)
        assert got and got[0][0].status == 401 and got[0][1] < 3, got
        wait_for("its end", lambda: not is_running(old))
        w.unmark("hang")
        w.h.ok("unlock")
        assert ask(w, "each").status == 200


lib.main([test_hung, test_hung_at_unlock, test_locked_while_hung], needs_softhsm=False)
