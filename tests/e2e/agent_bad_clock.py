#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 60 s
"""Clocks that jump, and nonces: they rise and arrive in their order whatever happens to the clock,
the mark on disk, the agent or its clients; cancels overtake orders that wait"""
import glob
import os
import re
import time
import urllib.parse

import agent_world as world
from agent_world import Later, own, wait_for

the_world, close = world.once("kraken", "binance")
HOUR_US = 3600 * 1000000
CLIENTS, EACH = 8, 12


def mark_file(w):
    found = [f for f in glob.glob(os.path.join(w.h.state, "*", "*.nonce"))
             if not os.path.basename(f).startswith("0" * 32)]   # that is of add
    assert len(found) == 1, found
    return found[0]


def mark(w):
    with open(mark_file(w), encoding="ascii") as f:
        return f.read()


def set_mark(w, text):
    """As who sets the clock back would find it: the mark is where it was, the clock is not. Or as
    another process of coffer moves it."""
    path = mark_file(w)
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as f:
        f.write(text)
    os.rename(path + ".new", path)


def nonces(w):
    """In the order in which they arrived."""
    return [int(re.search(r'\bnonce["=: ]+([0-9]+)', e.body)[1])
            for e in w.x.calls(exchange="kraken", method="POST")]


def rises(w):
    seen = nonces(w)
    assert all(a < b for a, b in zip(seen, seen[1:])), seen
    return seen


def now_us():
    return time.time_ns() // 1000


def places(w):
    order, number = w.order("kraken")
    r = w.ask(*order)
    assert r.status == 200 and r.json()["error"] == [] and w.placed(number) == 1, r
    return nonces(w)[-1]


def test_near_the_clock():
    """a nonce is the time in microseconds; the mark on disk is never behind"""
    w = the_world()
    for _ in range(5):
        n = places(w)
        assert abs(n - now_us()) < 5_000_000 and int(mark(w)) >= n, (n, mark(w))
    rises(w)


def parallel(w, call):
    clients = [Later(call, i) for i in range(CLIENTS)]
    return [c.result() for c in clients]


def test_parallel():
    """eight clients at once: all accepted, nonces arrive in their order, no order twice"""
    w = the_world()
    before = len(nonces(w))

    def trade(_):
        with w.connect() as c:
            for _ in range(EACH):
                order, number = w.order("kraken")
                r = c.ask(*order)
                assert r.status == 200 and r.json()["error"] == [], r
                assert w.sent(number) == 1
                r = c.ask("POST", w.target("kraken", "/0/private/Balance"), "nonce=1", world.FORM)
                assert r.json()["error"] == [], r
    parallel(w, trade)
    assert len(rises(w)) - before == 2 * CLIENTS * EACH


def test_client_nonces():
    """what a client says about nonces and times counts for nothing, in no order and form"""
    w = the_world()
    for body, kind in (("nonce=99999999999999999999&pair=XBTUSD", None),
                       ("pair=XBTUSD&nonce=1", None),
                       ('{"nonce":"5","pair":"XBTUSD"}', "application/json"),
                       ('{"pair":"XBTUSD","nonce":99999999999999999}', "application/json")):
        r = w.ask("POST", w.target("kraken", "/0/private/OpenOrders"), body,
                  {"Content-Type": kind} if kind else world.FORM)
        assert r.status == 200 and r.json()["error"] == [], (body, r)
        last = w.x.log[-1].body
        assert "99999999999" not in last and last.count("nonce") == 1, last


def test_clock_back():
    """the clock was set back an hour: nonces go on above the mark, restarts or not"""
    w = the_world()
    ahead = now_us() + HOUR_US
    set_mark(w, f"{ahead}\n")
    first = places(w)
    assert ahead < first <= ahead + 2, (first, ahead)
    for _ in range(20):
        places(w)
    w.kill(w.a.core)
    wait_for("signed again", w.is_good)
    assert places(w) > ahead
    w.a.stop()
    wait_for("its end", lambda: w.a.pid is None)
    w.a.start()
    w.a.unlock()
    assert places(w) > ahead
    w.h.ok("agent", "--reload", pin=False)
    places(w)
    rises(w)


def test_days_back():
    """the mark is days ahead of the clock: nothing is signed, and it says why"""
    w = the_world()
    good = mark(w)
    before = len(w.x.log)
    set_mark(w, f"{now_us() + 25 * HOUR_US}\n")
    order, number = w.order("kraken")
    for _ in range(3):
        r = own(w.ask(*order), 503, "more than a day ahead of the clock")
        assert "set the clock" in r.text, r
    binance, number2 = w.order("binance")       # that key has no nonces
    assert w.ask(*binance).status == 200 and w.placed(number2) == 1
    assert len(w.x.log) == before + 1 and w.sent(number) == 0
    set_mark(w, good)
    places(w)
    rises(w)


def test_damaged():
    """a mark that is none: nothing is signed, and nobody begins anew below it"""
    w = the_world()
    good = mark(w)
    before = len(w.x.log)
    for text in ("", "x", "-5", "1e9", "9" * 30, "1\n2\n", "\0" * 8):
        set_mark(w, text)
        order, number = w.order("kraken")
        own(w.ask(*order), 503, "nonce mark")
        assert w.sent(number) == 0 and mark(w) == text
    assert len(w.x.log) == before
    set_mark(w, good)
    places(w)


def test_others():
    """other processes of coffer take nonces of the same key meanwhile: all differ"""
    w = the_world()
    taken = []
    wish = ("sign", "kraken", "POST", f"https://{world.HOST['kraken']}/0/private/Balance")

    def ask(i):
        for _ in range(4):
            if i % 2:
                places(w)
            else:
                made = w.h.ok(*wish).json()
                taken.append(int(urllib.parse.parse_qs(made["body"])["nonce"][0]))
    begun = nonces(w)[-1]
    parallel(w, ask)
    mine = [n for n in nonces(w) if n > begun]
    assert len(mine) == 4 * CLIENTS // 2 and len(taken) == len(mine)
    assert len(set(mine + taken)) == len(mine + taken) and min(taken) > begun
    rises(w)


def test_cancels_first():
    """cancels overtake the orders that wait for their turn, and keep their own order"""
    w = the_world()
    old = []
    for _ in range(3):
        order, number = w.order("kraken")
        assert w.ask(*order).json()["error"] == []
        old.append(number)
    before = len(w.x.log)
    w.x.delay_s = 0.15
    waiting = []
    for _ in range(8):
        order, number = w.order("kraken")
        waiting.append(Later(w.ask, *order))
        time.sleep(0.005)
    wait_for("the first at the exchange", lambda: len(w.x.log) > before)
    cancels = []
    for number in old:
        cancels.append(Later(w.ask, *w.cancel(number)))
        time.sleep(0.01)
    assert len(w.x.log) <= before + 2
    for c in waiting + cancels:
        assert c.result().json()["error"] == [], c.got
    w.x.delay_s = 0
    paths = [e.path.rsplit("/", 1)[1] for e in w.x.log[before:]]
    at = [i for i, p in enumerate(paths) if p == "CancelOrder"]
    assert len(paths) == 11 and at in ([1, 2, 3], [2, 3, 4]), paths
    bodies = [w.x.log[before + i].body for i in at]
    assert [number in body for number, body in zip(old, bodies)] == [True] * 3, bodies
    rises(w)


def test_one_at_a_time():
    """one request of a key is out at a time; one that never ends holds others up 9 s at most"""
    w = the_world()
    w.x.fail("silent", "kraken", "/0/private/AddOrder", times=1)
    order, number = w.order("kraken")
    begun = time.monotonic()
    silent = Later(w.ask, *order)
    wait_for("it", lambda: w.sent(number))
    order, number2 = w.order("kraken")
    second = Later(w.ask, *order)
    time.sleep(1)
    assert w.sent(number2) == 0
    own(silent.result(), 504, world.UNKNOWN)
    r = second.result()
    assert time.monotonic() - begun < 2 * world.LIMIT_S
    if r.status == 200:
        assert r.json()["error"] == [] and w.placed(number2) == 1
    else:
        own(r, 429, "took too long")
        assert w.sent(number2) == 0
    places(w)
    rises(w)


def test_exchange_clock():
    """the exchange's clock is an hour off: it says so itself, once, and nothing is sent again"""
    w = the_world()
    for off in (3600_000, -3600_000):
        w.x.clock_ms = off
        order, number = w.order("binance")
        r = w.ask(*order)
        assert r.status == 400 and r.json()["code"] == -1021, r
        assert "x-coffer-error" not in r.headers and (w.sent(number), w.placed(number)) == (1, 0)
    w.x.clock_ms = 0
    order, number = w.order("binance")
    assert w.ask(*order).status == 200 and w.placed(number) == 1


if __name__ == "__main__":
    world.main([test_near_the_clock, test_parallel, test_client_nonces, test_others,
                test_cancels_first, test_one_at_a_time, test_clock_back, test_days_back,
                test_damaged, test_exchange_clock], close)
