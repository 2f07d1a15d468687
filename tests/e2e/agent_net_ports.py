#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 90 s
"""A key that leads to a port which the running proxy was not given: another proxy takes its place,
what is under way gets its answer, and no bot an error; the same at the agent's end"""
import json
import os
import signal
import socket
import threading
import time

import agent_kit
import agent_world as world
from agent_world import Broken, Later, Stopped, own, wait_for

the_world, close = world.once("binance", "kraken")


class Door:
    """Another port that leads to the simulated exchange."""

    def __init__(self, w):
        self.to = ("127.0.0.1", int(w.x.connect_to.rsplit(":", 1)[1]))
        self.s = socket.create_server(("127.0.0.1", 0))
        self.connect_to = f"::127.0.0.1:{self.s.getsockname()[1]}"
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                one = self.s.accept()[0]
            except OSError:
                return
            other = socket.create_connection(self.to)
            for a, b in ((one, other), (other, one)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    @staticmethod
    def carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()


def add(w, name, door):
    """A key that leads to that door, of the account of the key 'binance'."""
    w.h.ok("add", name, "binance", "--connect-to", door.connect_to, "--ca-file", w.x.ca_file,
           "--accept-risk", "a test", "--from-json", "-", stdin=json.dumps(w.keys["binance"].fields))


def nets(w):
    return w.a.children("coffer-net")


def account(w, name):
    return w.ask("GET", f"/{name}/https://api.binance.com/api/v3/account")


def newest(w, old):
    return wait_for("a new coffer-net", lambda: [n for n in nets(w) if n not in old])[0]


def only(w, net):
    wait_for("one coffer-net", lambda: nets(w) == [net])


def test_renewed():
    """an order is out, and a kept connection idle: answered; the new key works; others see nothing"""
    w = the_world()
    assert w.is_good()
    old, (order, number) = nets(w), w.order()
    stop, seen = threading.Event(), []

    def trade():
        with w.connect() as c:
            while not stop.is_set():
                r = c.ask("GET", w.target("binance", "/api/v3/account"))
                seen.append(r.status)
                if r.headers.get("connection") == "close":
                    assert c.is_ended()
                    c.s.close()
                    c.__init__(w.a.proxy)                      # pylint: disable=unnecessary-dunder-call
                time.sleep(0.01)
    with Door(w) as door, w.connect() as kept:
        assert kept.ask("GET", w.target("binance", "/api/v3/ping")).status == 200
        w.x.delay_s = 2.0
        client = Later(w.ask, *order)
        wait_for("the order at the exchange", lambda: w.sent(number))
        w.x.delay_s = 0
        bots = [Later(trade) for _ in range(3)]
        add(w, "other", door)
        new = newest(w, old)
        assert account(w, "other").status == 200
        assert client.is_alive() and sorted(nets(w)) == sorted([*old, new]), nets(w)
        r = client.result()
        assert r.status == 200 and r.json()["clientOrderId"] == number, r
        assert r.headers["connection"] == "close"
        only(w, new)
        assert kept.is_ended()
        stop.set()
        for b in bots:
            b.result()
        assert set(seen) == {200} and len(seen) > 20, seen
        assert (w.sent(number), w.placed(number)) == (1, 1)
        assert account(w, "other").status == 200


def test_permitted_later():
    """the old proxy's request that waits for its turn in the core is permitted and answered, too"""
    w = the_world()
    old = nets(w)
    first, number = w.order("kraken")
    second, number2 = w.order("kraken")
    with Door(w) as door:
        w.x.delay_s = 1.5
        clients = [Later(w.ask, *first)]
        wait_for("the first at the exchange", lambda: w.sent(number))
        clients.append(Later(w.ask, *second))   # waits for the end of the first
        time.sleep(0.2)
        add(w, "third", door)
        new = newest(w, old)
        w.x.delay_s = 0
        for c in clients:
            assert c.result().json()["error"] == []
        assert [w.sent(n) for n in (number, number2)] == [1, 1]
        third, number3 = w.order("kraken")
        assert w.ask(*third).json()["error"] == [] and w.placed(number3) == 1
        only(w, new)


def test_no_new_port():
    """a key for a port that it has, and a new version of a key: the proxy goes on"""
    w = the_world()
    old = nets(w)
    w.add("again", "binance")
    assert account(w, "again").status == 200
    time.sleep(1.2)
    assert nets(w) == old


def test_hung():
    """the old one stands still: it is killed after ten seconds; the new one serves meanwhile"""
    w = the_world()
    old = nets(w)
    with Door(w) as door, Stopped(*old):
        add(w, "fourth", door)
        new = newest(w, old)
        assert account(w, "fourth").status == 200
        begun = time.monotonic()
        wait_for("one coffer-net", lambda: nets(w) == [new], 13)
        assert time.monotonic() - begun > 5


def test_core_killed():
    """the core killed while the old one finishes: no PIN, no second renewal"""
    w = the_world()
    old, (order, number) = nets(w), w.order()
    with Door(w) as door:
        w.x.delay_s = 1.5
        client = Later(w.ask, *order)
        wait_for("the order at the exchange", lambda: w.sent(number))
        w.x.delay_s = 0
        add(w, "fifth", door)
        new = newest(w, old)
        w.kill(w.a.core)
        r = client.result()
        assert r.status == 200 and w.sent(number) == 1, r
        wait_for("a signed request that works", w.is_good)
        assert account(w, "fifth").status == 200
        only(w, new)


def test_stop():
    """--stop with an order at the exchange: it gets its answer; with nothing under way it is quick"""
    w = the_world()
    order, number = w.order()
    with w.connect() as idle, w.connect() as half:
        assert idle.ask("GET", w.target("binance", "/api/v3/ping")).status == 200
        half.send(b"GET /binance")
        w.x.delay_s = 1.0
        client = Later(w.ask, *order)
        wait_for("the order at the exchange", lambda: w.sent(number))
        pids = [w.a.pid] + [p.pid for p in w.a.family()]
        stopping = Later(w.a.stop)
        wait_for("idle connections closed", idle.is_ended)
        assert half.is_ended() and client.is_alive()
        try:
            own(w.read(), 503)
        except (OSError, Broken):
            pass                # nobody comes in any more
        r = client.result()
        assert r.status == 200 and (w.sent(number), w.placed(number)) == (1, 1), r
        stopping.result()
        assert not any(map(agent_kit.is_running, pids))
        w.x.delay_s = 0
    w.a.start()
    w.a.unlock()
    with w.connect() as idle:
        assert idle.ask("GET", w.target("binance", "/api/v3/account")).status == 200
        begun = time.monotonic()
        w.a.stop()
        assert time.monotonic() - begun < 2 and idle.is_ended()
    w.a.start()
    w.a.unlock()


def test_killed():
    """the first process killed while an old proxy finishes: all end at once"""
    w = the_world()
    old, (order, number) = nets(w), w.order()
    with Door(w) as door:
        w.x.delay_s = 3.0
        client = Later(w.ask, *order)
        wait_for("the order at the exchange", lambda: w.sent(number))
        w.x.delay_s = 0
        add(w, "sixth", door)
        newest(w, old)
        pids = [p.pid for p in w.a.family()]
        os.kill(w.a.pid, signal.SIGKILL)
        wait_for("their end", lambda: not any(map(agent_kit.is_running, pids)), 2)
        try:
            client.result()
            assert False, "an answer came"
        except Broken:
            pass
    w.a.start()
    w.a.unlock()
    assert w.is_good() and w.sent(number) == 1


if __name__ == "__main__":
    world.main([test_renewed, test_permitted_later, test_no_new_port, test_hung, test_core_killed,
                test_stop, test_killed], close)
