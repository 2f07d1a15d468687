#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 90 s
"""An exchange that hangs up, breaks off, says nothing or nonsense: an order is sent once and its
client told what is known; a reply that broke off is never shown as a whole one"""
import threading
import time

import agent_world as world
from agent_world import LIMIT_S, NOTHING_SENT, UNKNOWN, Broken, Later, own, wait_for

the_world, close = world.once("binance", "kraken")
INFO = "/api/v3/exchangeInfo"


def warm(w):
    """A connection to the exchange is there and kept."""
    assert w.is_good()


def test_closed_between():
    """kept connections that were closed between two requests: nobody notices, nothing twice"""
    w = the_world()
    for _ in range(10):
        warm(w)
        w.x.server.drop()
        time.sleep(0.02)
        order, number = w.order()
        r = w.ask(*order)
        assert r.status == 200 and w.sent(number) == 1, r
        w.x.server.drop()       # and now without time to hear of it
        order, number = w.order()
        r = w.ask(*order)
        assert w.sent(number) <= 1, number
        if r.status != 200:
            own(r, 504 if w.sent(number) else r.status)
            assert r.status in (502, 504) and (UNKNOWN in r.text or NOTHING_SENT in r.text), r


def test_closed_under_load():
    """kept connections closed at any moment under load: each order once, and the truth told"""
    w = the_world()
    stop, done = threading.Event(), []

    def trade():
        with w.connect() as c:
            for _ in range(60):
                order, number = w.order()
                done.append((number, c.ask(*order)))
                r = c.ask("GET", w.target("binance", "/api/v3/account"))
                assert r.is_whole and (r.status == 200 or own(r, r.status)), r
                assert r.status in (200, 502, 504), r

    def drop():
        while not stop.wait(0.013):
            w.x.server.drop()
    dropping = Later(drop)
    clients = [Later(trade) for _ in range(4)]
    try:
        for c in clients:
            c.result()
    finally:
        stop.set()
    dropping.result()
    came = {number: n for (_, _, number), n in w.came().items()}
    placed = [o.client_id for o in w.x.orders()]
    assert len(done) == 240
    for number, r in done:
        assert came.get(number, 0) <= 1 and r.is_whole, (number, r)
        if r.status == 200:
            assert placed.count(number) == 1, number
        elif r.status == 502:
            own(r, 502, NOTHING_SENT)
            assert came.get(number, 0) == 0, (number, r)
        else:
            own(r, 504, UNKNOWN, "open orders")
    assert sum(r.status == 200 for _, r in done) > 20


def test_closed_in_order():
    """closed after an order was read, on a kept and on a new connection: 504, sent once"""
    w = the_world()
    for prepare in (warm, lambda w: w.x.server.drop()):
        for exchange, path in (("binance", "/api/v3/order"), ("kraken", "/0/private/AddOrder")):
            prepare(w)
            w.x.fail("closed", exchange, path)
            order, number = w.order(exchange)
            r = own(w.ask(*order), 504, UNKNOWN, world.HOST[exchange], "open orders")
            assert r.headers["x-coffer-error"] == "failed", r
            w.x.heal()
            time.sleep(0.1)
            assert w.sent(number) == 1 and w.placed(number) == 1, w.x.log[-3:]
        order, number = w.order()
        assert w.ask(*order).status == 200
        w.x.fail("closed", "binance", "/api/v3/order")
        own(w.ask(*w.cancel(number, "binance")), 504, UNKNOWN)
        w.x.heal()
        assert w.sent(number, "DELETE") == 1


def test_closed_in_get():
    """closed after a GET was read: it may go again, only so often, and its client is told"""
    w = the_world()
    warm(w)
    before = len(w.x.calls(method="GET"))
    w.x.fail("closed", "binance", "/api/v3/account", times=1)
    r = w.read()
    assert r.is_whole and r.status in (200, 504), r
    assert r.status == 200 or own(r, 504, "no answer")
    w.x.fail("closed", "binance", "/api/v3/account")
    r = own(w.read(), 504, "no answer")
    assert UNKNOWN not in r.text, r
    w.x.heal()
    assert len(w.x.calls(method="GET")) - before <= 6
    assert w.is_good()


def waits(w, *arguments):
    begun = time.monotonic()
    with w.connect(timeout=20) as c:
        r = c.ask(*arguments)
    return r, time.monotonic() - begun


def test_silent():
    """never an answer: 504 before 9 s, order or not; other hosts and paths go on meanwhile"""
    w = the_world()
    w.x.fail("silent", "binance", "/api/v3/order")
    w.x.fail("silent", "binance", INFO)
    order, number = w.order()
    kraken, number2 = w.order("kraken")
    w.x.fail("silent", "kraken", "/0/private/AddOrder")
    silent = [Later(waits, w, *order), Later(waits, w, *kraken)]
    get = Later(waits, w, "GET", w.target("binance", INFO))
    wait_for("all at the exchange",
             lambda: w.sent(number) and w.sent(number2) and w.x.calls(path=INFO))
    for _ in range(10):
        assert w.is_good()
    for c in silent:
        r, took = c.result()
        own(r, 504, UNKNOWN)
        assert 7 < took < LIMIT_S, took
    r, took = get.result()
    own(r, 504, "no answer")
    assert 7 < took < LIMIT_S, took
    w.x.heal()
    assert w.sent(number) == 1 and w.sent(number2) == 1
    order, number = w.order("kraken")       # the next one of that key has its turn
    assert w.ask(*order).json()["error"] == [] and w.placed(number) == 1


def test_broken_off():
    """a reply that breaks off: the client sees it, whether it has a length, chunks, or neither"""
    w = the_world()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    replies = {"length": head + b'Content-Length: 100\r\n\r\n{"a":1}',
               "chunks": head + b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n',
               "in a chunk": head + b'Transfer-Encoding: chunked\r\n\r\n20\r\n{"a":1}',
               "no last line": head + b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n',
               "neither": head + b'\r\n{"a":1}'}
    for how, data in replies.items():
        for is_order in (False, True):
            order, number = w.order()
            stop = world.answer_badly(w, data)
            r = None
            with w.connect() as c:
                try:
                    r = c.ask(*order) if is_order else \
                        c.ask("GET", w.target("binance", INFO))
                except Broken:
                    pass
                if r and r.status == 200:
                    assert not r.is_whole, (how, r)
                    assert c.is_ended(), how
                elif r:
                    own(r, 504, UNKNOWN if is_order else "no answer")
            stop()
            assert not is_order or w.sent(number) == 1, how
    w.x.fail("short", "binance", "/api/v3/order")
    order, number = w.order()
    with w.connect() as c:
        r = c.ask(*order)
        assert (r.status, r.is_whole) == (200, False) and c.is_ended(), r
    w.x.heal()
    assert w.sent(number) == 1 and w.is_good()


def test_garbage():
    """what is no HTTP, or is none that may be passed on: 504 for an order, sent once"""
    w = the_world()
    good = b"HTTP/1.1 200 OK\r\n"
    for data in (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x00" * 4096, b"HTTP/1.1 99 no\r\n\r\n", b"",
                 good + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
                 good + b"Content-Length: -1\r\n\r\n{}", good + b"Content-Length: 2x\r\n\r\n{}",
                 good + b"X: " + b"y" * 120_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
                 good + b"".join(b"X%d: y\r\n" % i for i in range(3000)) + b"\r\n{}"):
        order, number = w.order()
        stop = world.answer_badly(w, data)
        try:
            with w.connect() as c:
                r = c.ask(*order)
                assert r.status != 200 or not r.is_whole, (data[:60], r)
                assert r.status == 200 or own(r, 504, UNKNOWN), (data[:60], r)
        finally:
            stop()
        assert w.sent(number) == 1 and w.is_good(), data[:60]


def test_not_there():
    """nobody listens, or shows another certificate: 502, nothing was sent; then it goes on"""
    w = the_world()
    for cert in ("expired", "wrong_name", "other_ca"):
        w.x.restart(cert)
        order, number = w.order()
        own(w.ask(*order), 502, NOTHING_SENT, "certificate")
        own(w.read(), 502, NOTHING_SENT, "certificate")
        assert w.sent(number) == 0
    w.x.restart()
    assert w.is_good()


def test_statuses():
    """what the exchange refuses comes as it said it, once, whatever the status"""
    w = the_world()
    for kind, status in (("429", 429), ("418", 418), ("503", 503), ("html403", 403),
                         ("redirect", 302), ("empty", 200), ("not_json", 200), ("deep", 200)):
        switch = w.x.fail(kind, "binance", "/api/v3/order")
        order, number = w.order()
        r = w.ask(*order)
        assert r.status == status and r.is_whole and "x-coffer-error" not in r.headers, (kind, r)
        assert w.sent(number) == 1 and switch.hits == 1, kind
        w.x.heal()


def test_big():
    """a reply of 5 MiB comes whole, and as it was"""
    w = the_world()
    w.x.fail("huge", "binance", INFO)
    for _ in range(3):
        r = w.ask("GET", w.target("binance", INFO))
        assert r.status == 200 and r.is_whole and len(r.body) > 5 << 20 and r.json()["symbols"]
    w.x.heal()


if __name__ == "__main__":
    world.main([test_closed_between, test_closed_under_load, test_closed_in_order,
                test_closed_in_get, test_silent, test_broken_off, test_garbage, test_not_there,
                test_statuses, test_big], close)
