#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 120 s
"""Clients that do nothing, send a byte a second, read nothing or leave: the others do not notice,
the proxy's memory stays small, and the time of each is limited"""
import time

import agent_world as world
from agent_world import Broken, Later, Stopped, own, wait_for

the_world, close = world.once("binance")
INFO = "/api/v3/exchangeInfo"
NET_KIB = 16 * 1024
BACKGROUND = {}


def drip(w, where, before, byte):
    """Sends before at once, and byte each second: how it ended, and after how long."""
    begun = time.monotonic()
    with w.connect(where, timeout=1) as c:
        c.send(before)
        while time.monotonic() - begun < 50:
            try:
                c.send(byte)
                r = c.reply()
                return r, c.is_ended(), time.monotonic() - begun
            except TimeoutError:
                pass
            except (Broken, ConnectionError):
                return None, True, time.monotonic() - begun
    return None, False, time.monotonic() - begun


def test_slow_begin():
    """clients that send a byte a second begin, in head and body, on both sockets"""
    w = the_world()
    order, number = w.order()
    with w.connect() as c:
        whole = c.request(*order)
    head = whole.index(b"\r\n\r\n")
    BACKGROUND.update(number=number, head=[
        Later(drip, w, where, whole[:head - 40], b"x") for where in (None, w.tcp)], body=[
        Later(drip, w, where, whole[:head + 6].replace(b"Content-Length: ", b"Content-Length: 9"),
              b"x") for where in (None, w.tcp)])
    time.sleep(0.2)
    assert w.is_good()


def test_slow_end():
    """they are told off after 10 s for a head, 30 s for a body; nothing of it was sent"""
    w = the_world()
    for kind, low, high in (("head", 9.9, 14), ("body", 29.9, 36)):
        for client in BACKGROUND[kind]:
            r, is_ended, took = client.result()
            own(r, 422, kind)
            assert is_ended and low < took < high, (kind, took)
    with BACKGROUND["kept"] as c:       # who is silent between requests may be so for longer
        assert c.ask("GET", w.target("binance", "/api/v3/ping")).status == 200
    assert w.sent(BACKGROUND["number"]) == 0 and w.is_good()


def worker(w, n):
    """n requests on one connection; the longest time of one."""
    longest = 0.0
    with w.connect() as c:
        for i in range(n):
            begun = time.monotonic()
            r = c.ask("GET", w.target("binance", "/api/v3/account"))
            assert r.status == 200 and r.is_whole, (i, r)
            longest = max(longest, time.monotonic() - begun)
    return longest


def test_idle():
    """1,000 idle clients, half of them in the middle of a head: another one works as before"""
    w = the_world()
    worker(w, 20)
    before = w.memory_kib(w.a.net)
    tcp = w.tcp
    idle = [w.connect(tcp if i % 4 == 0 else None) for i in range(1000)]
    try:
        for c in idle[::2]:
            c.send(b"GET /binance/https://api.bin")
        longest = worker(w, 100)
        order, number = w.order()
        assert w.ask(*order).status == 200 and w.placed(number) == 1
        after = w.memory_kib(w.a.net)
        assert after < NET_KIB, (before, after)
        assert longest < 1, longest
        for c in idle[1:100:2]:     # and each of them can still begin
            r = c.ask("GET", "/nobody/https://api.binance.com/api/v3/ping")
            own(r, 401)
    finally:
        for c in idle:
            c.__exit__()
    wait_for("no connection too many", lambda: w.memory_kib(w.a.net) < NET_KIB)


def test_too_many():
    """more clients than there is room for: the longest idle make room for who works"""
    w = the_world()
    idle = []
    try:
        for _ in range(1300):
            idle.append(w.connect())
        assert worker(w, 20) < 1
        left = sum(not c.is_ended(0.0001) for c in idle[::10])
        assert 60 < left <= 121, left
        assert w.is_good()
    finally:
        for c in idle:
            c.__exit__()


def test_busy():
    """400 clients that all ask at once: each gets its answer, or 429 or 503 in words"""
    w = the_world()
    clients = [w.connect() for _ in range(400)]
    try:
        for c in clients:
            c.begin("GET", w.target("binance", "/api/v3/account"))
        kinds = {}
        for c in clients:
            r = c.reply()
            kinds[r.status] = kinds.get(r.status, 0) + 1
            assert r.is_whole and (r.status == 200 or own(r, r.status, "too many")), r
        assert kinds.pop(200) >= 200 and not set(kinds) - {429, 503}, kinds
    finally:
        for c in clients:
            c.__exit__()
    assert w.is_good()
    BACKGROUND["kept"] = w.connect()


def test_never_reads():
    """40 clients that never read a reply of 5 MiB: others go on, memory is bounded"""
    w = the_world()
    w.x.fail("huge", "binance", INFO)
    clients = [w.connect() for _ in range(40)]
    try:
        for c in clients:
            c.begin("GET", w.target("binance", INFO))
        most, end = 0, time.monotonic() + 3
        while time.monotonic() < end:
            assert worker(w, 5) < 2
            order, number = w.order()
            assert w.ask(*order).status == 200 and w.placed(number) == 1
            most = max(most, w.memory_kib(w.a.net))
            time.sleep(0.1)
        # 40 replies are 200 MiB; a client's part is 1.25 MiB and a little of libcurl's
        assert most < 40 * 1600 + NET_KIB, most
        time.sleep(max(0.0, 9.0 + end - 3 - time.monotonic()))
        for c in clients[::8]:      # 9 s are all that a request has
            r = c.reply()
            assert r.status == 200 and not r.is_whole, len(r.body)
    finally:
        for c in clients:
            c.__exit__()
        w.x.heal()
    wait_for("memory given back", lambda: w.memory_kib(w.a.net) < 2 * NET_KIB)
    assert w.is_good()


def test_slow_reader():
    """a client that reads slowly gets its long reply whole"""
    w = the_world()
    w.x.fail("huge", "binance", INFO, times=1)
    with w.connect() as c:
        c.begin("GET", w.target("binance", INFO))
        while len(c.left) < 5 << 20:
            assert c.more()
            time.sleep(0.01)
        r = c.reply()
    assert r.is_whole and len(r.body) > 5 << 20 and r.json()["symbols"]


def test_leaves():
    """a client that leaves: unsent is never sent, sent is sent once"""
    w = the_world()
    order, number = w.order()
    with Stopped(w.a.core):
        with w.connect() as c:
            c.begin(*order)
            time.sleep(0.2)
        time.sleep(1.2)         # it is seen within a second
    assert w.is_good()
    assert w.sent(number) == 0
    w.x.delay_s = 0.5
    order, number = w.order()
    with w.connect() as c:
        c.begin(*order)
        wait_for("the order", lambda: w.sent(number))
    w.x.delay_s = 0
    time.sleep(0.7)
    assert w.placed(number) == 1 and w.sent(number) == 1
    # half a body
    order, number = w.order()
    with w.connect() as c:
        c.send(c.request(*order)[:-5])
        time.sleep(0.05)
    assert w.is_good() and w.sent(number) == 0


def test_pipelined():
    """requests behind each other on one connection: answered in order, one at a time"""
    w = the_world()
    orders = [w.order() for _ in range(20)]
    with w.connect() as c:
        c.send(b"".join(c.request(*o) for o, _ in orders))
        for _, number in orders:
            assert c.reply().json()["clientOrderId"] == number
        assert not c.left


if __name__ == "__main__":
    world.more_descriptors()
    world.main([test_slow_begin, test_idle, test_too_many, test_busy, test_never_reads,
                test_slow_reader, test_leaves, test_pipelined, test_slow_end], close)
