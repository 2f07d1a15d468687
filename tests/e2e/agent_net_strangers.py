#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 90 s
"""Others on the same proxy, who take what they can: connections by thousands that never ask, and
one client's requests that all wait. Bots trade on meanwhile"""
import threading
import time

import agent_world as world
from agent_world import Broken, Later, Stopped, own, wait_for

the_world, close = world.once("binance")
CLIENTS = 3000
SLOW_S = 2


def begun(w, c, i):
    """Something that never becomes a request."""
    whole = c.request("POST", w.target("binance", "/api/v3/order"), "a=" + 50 * "1")
    c.send((b"", b"G", whole[:60], whole[:-20])[i % 4])


class Flood:
    """with Flood(w): a stranger keeps opening connections to the port, and ends none."""

    def __init__(self, w):
        self.w, self.where, self.stop = w, w.tcp, threading.Event()
        self.held, self.n = [], 0

    def __enter__(self):
        self.thread = Later(self.run)
        wait_for("a full port", lambda: self.n >= CLIENTS // 3)
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        for c in self.held:
            c.__exit__()
        if kind is None:
            self.thread.result()

    def run(self):
        while not self.stop.is_set():
            try:
                c = self.w.connect(self.where)
                self.held.append(c)
                begun(self.w, c, self.n)
            except (Broken, ConnectionError):
                pass
            self.n += 1
            if len(self.held) > CLIENTS // 2:
                self.held.pop(0).__exit__()


def trade(w, c, bearer):
    start = time.monotonic()
    order, number = w.order(bearer=bearer)
    r = c.ask(*order)
    assert r.status == 200 and w.placed(number) == 1, r
    assert time.monotonic() - start < SLOW_S


def test_flood():
    """3,000 connections to the port, half a request each: bots trade there, old and new ones"""
    w = the_world()
    bearer, tcp = w.bearer("binance", "bot"), w.tcp
    with w.connect(tcp) as kept:
        trade(w, kept, bearer)
        with Flood(w) as flood:
            rounds = 0
            while flood.n < CLIENTS or rounds < 10:
                trade(w, kept, bearer)      # its connection stays
                with w.connect(tcp) as c:
                    trade(w, c, bearer)
                with w.connect() as c:
                    trade(w, c, None)
                rounds += 1
        trade(w, kept, bearer)
    assert w.is_good()


def test_one_client():
    """300 requests of one client that wait for a token: another's are answered meanwhile"""
    w = the_world()
    w.add("held", "binance", "--unseal", "session")
    w.add("each", "binance", "--unseal", "each-use")
    target, held = (w.target("binance", "/api/v3/account").replace("binance", name, 1)
                    for name in ("each", "held"))
    assert w.ask("GET", held).status == 200 and w.ask("GET", target).status == 200
    before = len(w.x.calls(path="/api/v3/account"))
    with Stopped(*w.a.tokens):
        many = [w.connect() for _ in range(300)]
        try:
            for c in many:
                c.begin("GET", target)
            for c in many[-20:]:
                own(c.reply(), 429, "too many")
            for _ in range(20):
                assert w.ask("GET", held).status == 200
        finally:
            for c in many:
                c.__exit__()
        more = [w.connect() for _ in range(100)]     # their room is free at once
        try:
            for c in more:
                c.begin("GET", target)
            assert w.ask("GET", held).status == 200
            assert not any(c.is_ended(0.001) or c.left for c in more)
        finally:
            for c in more:
                c.__exit__()
        assert w.ask("GET", held).status == 200
    assert w.is_good()
    # nobody waited for those: at most the one that the token had already
    assert len(w.x.calls(path="/api/v3/account")) - before <= 22 + 2


if __name__ == "__main__":
    world.more_descriptors()
    world.main([test_flood, test_one_client], close)
