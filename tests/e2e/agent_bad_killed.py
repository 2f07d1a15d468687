#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 120 s
"""The proxy or the agent's core killed at a bad moment: an order goes out once or not at all, its
client learns what is known, and all goes on without a PIN"""
import random
import time

import agent_world as world
from agent_world import NOTHING_SENT, Broken, Later, Stopped, own, wait_for

the_world, close = world.once("binance", "kraken")


def delayed(w, seconds):
    """The exchange takes so long for each answer."""
    w.x.delay_s = seconds


def end_of(w, arguments):
    """What a client sees: a reply, or the end of its connection."""
    with w.connect() as c:
        try:
            return c.ask(*arguments)
        except Broken:
            return None


def anew():
    """A new agent: the old one takes its time to start again what was killed often."""
    w = the_world()
    w.a.stop()
    wait_for("its end", lambda: w.a.pid is None)
    w.a.start()
    w.a.unlock()
    return w


def goes_on(w):
    """Another order works, and nobody typed a PIN."""
    wait_for("a signed request that works", w.is_good)
    order, number = w.order()
    r = w.ask(*order)
    assert r.status == 200 and (w.sent(number), w.placed(number)) == (1, 1), r


def test_net_killed_under_way():
    """the proxy killed while an order is at the exchange: its client's connection ends"""
    w = the_world()
    order, number = w.order()
    delayed(w, 0.5)
    client = Later(end_of, w, order)
    wait_for("the order at the exchange", lambda: w.sent(number))
    old = w.a.net
    w.kill(old)
    r = client.result()
    assert r is None, r
    w.new_net(old)
    delayed(w, 0)
    goes_on(w)
    time.sleep(0.6)
    assert w.sent(number) == 1 and w.placed(number) == 1


def test_net_killed_before():
    """the proxy killed before the agent decided: nothing is sent, by the next one neither"""
    w = the_world()
    order, number = w.order()
    old = w.a.net
    with Stopped(w.a.core):
        client = Later(end_of, w, order)
        time.sleep(0.2)
        assert client.is_alive()
        w.kill(old)
        assert client.result() is None
    w.new_net(old)
    goes_on(w)
    assert w.sent(number) == 0


def test_net_killed_in_reply():
    """the proxy killed in the middle of a long reply: the client does not take it for whole"""
    w = the_world()
    switch = w.x.fail("huge", path="/api/v3/exchangeInfo")
    with w.connect() as c:
        c.begin("GET", w.target("binance", "/api/v3/exchangeInfo"))
        c.more()                # and no more is read: the proxy stops in the middle
        wait_for("the reply", lambda: switch.hits)
        time.sleep(0.2)
        w.kill(w.a.net)
        r = c.reply()
        assert r.status == 200 and not r.is_whole and len(r.body) < 5_000_000, len(r.body)
    w.x.heal()
    goes_on(w)


def test_killed_at_random():
    """proxy or core killed at any moment of an order: not sent twice, nor told done undone"""
    w = anew()
    rng, seen = random.Random(5), set()
    delayed(w, 0.02)
    for i in range(8):
        order, number = w.order()
        old = wait_for("a proxy", lambda: w.a.net)
        client = Later(end_of, w, order)
        time.sleep(rng.random() * 0.03 if i > 1 else 0.2 * i)
        w.kill(w.a.core if i % 2 else old)
        r = client.result()
        time.sleep(0.05)
        sent = w.sent(number)
        assert sent <= 1, number
        if r and r.status == 200:
            assert r.is_whole and w.placed(number) == 1, r
        elif r:
            assert own(r, 503, NOTHING_SENT) and sent == 0
        seen.add((r.status if r else None, sent))
        wait_for("signed again", w.is_good)
    delayed(w, 0)
    assert (200, 1) in seen and seen & {(None, 0), (None, 1)}, seen


def test_core_killed_under_way():
    """the core killed while an order is at the exchange: its client gets the reply; sent once"""
    w = the_world()
    order, number = w.order()
    delayed(w, 0.6)
    client = Later(end_of, w, order)
    wait_for("the order at the exchange", lambda: w.sent(number))
    net, tokens = w.a.net, w.a.tokens
    w.kill(w.a.core)
    r = client.result()
    assert r.status == 200 and r.json()["clientOrderId"] == number, r
    delayed(w, 0)
    goes_on(w)
    assert w.sent(number) == 1 and (w.a.net, w.a.tokens) == (net, tokens)


def test_core_killed_before():
    """the core killed before it decided: 503, not one of these orders is sent, then it goes on"""
    w = the_world()
    orders = [w.order() for _ in range(10)]
    core = w.a.core
    with Stopped(core):
        clients = [Later(end_of, w, o) for o, _ in orders]
        time.sleep(0.3)
        assert all(c.is_alive() for c in clients)
        w.kill(core)
    for c in clients:
        own(c.result(), 503, NOTHING_SENT)
    goes_on(w)
    assert [w.sent(n) for _, n in orders] == [0] * 10


def test_core_away():
    """while there is no core: 503 with words that say so, at once; then it goes on without a PIN"""
    w = the_world()
    order, number = w.order()
    with Stopped(w.a.pid):      # so that nobody starts another
        w.kill(w.a.core)
        wait_for("503", lambda: end_of(w, order).status == 503)
        with w.connect() as c:
            for _ in range(20):
                begun = time.monotonic()
                r = own(c.ask(*order), 503, NOTHING_SENT, "agent")
                assert time.monotonic() - begun < 1
            own(c.ask("GET", w.target("binance", "/api/v3/ping")), 503)
            wait_for("an end of the pause", lambda: True)
        assert "coffer status" in r.text, r
    goes_on(w)
    assert w.sent(number) == 0


def test_core_killed_in_line():
    """the core killed while an order is out and others wait for its end: they are refused"""
    w = the_world()
    first, number = w.order("kraken")
    delayed(w, 1.0)
    client = Later(end_of, w, first)
    wait_for("the first at the exchange", lambda: w.sent(number))
    others = [w.order("kraken") for _ in range(5)]
    waiting = [Later(end_of, w, o) for o, _ in others]
    time.sleep(0.2)
    w.kill(w.a.core)
    for c in waiting:
        own(c.result(), 503, NOTHING_SENT)
    assert client.result().json()["error"] == []
    delayed(w, 0)
    goes_on(w)
    assert [w.sent(n) for _, n in others] == [0] * 5 and w.sent(number) == 1
    nonces_rise(w)
    again, number = w.order("kraken")
    assert w.ask(*again).json()["error"] == [] and w.placed(number) == 1


def nonces_rise(w):
    seen = [int(world.urllib.parse.parse_qs(e.body)["nonce"][0])
            for e in w.x.calls(exchange="kraken") if "nonce=" in e.body]
    assert seen == sorted(set(seen)), seen


def test_core_hangs():
    """the core stands still for long: 503 before 9 s, and what was asked then is never sent"""
    w = the_world()
    order, number = w.order()
    with Stopped(w.a.core):
        begun = time.monotonic()
        clients = [Later(end_of, w, order), Later(end_of, w, w.order("kraken")[0])]
        for c in clients:
            own(c.result(), 503, NOTHING_SENT)
            assert 7 < time.monotonic() - begun < world.LIMIT_S
    goes_on(w)
    assert w.sent(number) == 0 and not w.x.calls(exchange="kraken")[-1].body.count(number)


def request(w, number):
    """An order by the command, which goes the same way."""
    query = (f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=20000"
             f"&newClientOrderId={number}")
    return w.h.run("request", "binance", "POST", f"/api/v3/order?{query}", pin=False)


def test_command():
    """coffer request while proxy or core are killed: sent once, and it says what is known"""
    w = anew()
    for pid in ("net", "core"):
        _, number = w.order()
        delayed(w, 0.5)
        command = Later(request, w, number)
        wait_for("the order at the exchange", lambda n=number: w.sent(n))
        w.kill(getattr(w.a, pid))
        r = command.result()
        delayed(w, 0)
        time.sleep(0.6)
        assert w.sent(number) == 1 and w.placed(number) == 1, r
        assert (r.code == 0) == (pid == "core"), r
        assert r.code == 0 or "may have been carried out" in r.err, r
        goes_on(w)


def test_all_killed_under_load():
    """eight clients trade while core and proxy are killed in turn: each order once or not at all"""
    w = anew()
    stop, done = [], []

    def trade():
        while not stop:
            order, number = w.order()
            try:
                r = end_of(w, order)
            except OSError:
                r = None
            done.append((number, r))
            time.sleep(0 if r and r.status == 200 else 0.02)
    clients = [Later(trade) for _ in range(8)]
    for i in range(6):
        time.sleep(0.25)
        w.kill(wait_for("a core", lambda: w.a.core) if i % 2 else w.new_net(None))
    time.sleep(0.5)
    stop.append(True)
    for c in clients:
        c.result()
    wait_for("a signed request that works", w.is_good)
    kinds, came = {}, {number: n for (_, _, number), n in w.came().items()}
    placed = [o.client_id for o in w.x.orders()]
    for number, r in done:
        kind = r.status if r else "ended"
        kinds[kind] = kinds.get(kind, 0) + 1
        sent = came.get(number, 0)
        assert sent <= 1, number
        if kind == 200:
            assert placed.count(number) == 1, number
        elif kind in (422, 429, 503):
            own(r, kind)
            assert sent == 0, (number, r)
        else:
            assert kind == "ended", r
    assert kinds.get(200, 0) > 20 and kinds.get("ended", 0) + kinds.get(503, 0) > 0, kinds


if __name__ == "__main__":
    world.main([test_net_killed_under_way, test_core_killed_under_way, test_net_killed_before,
                test_core_killed_before, test_net_killed_in_reply, test_killed_at_random,
                test_core_away, test_core_killed_in_line, test_core_hangs, test_command,
                test_all_killed_under_load], close)
