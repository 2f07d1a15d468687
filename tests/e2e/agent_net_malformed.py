#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 90 s
"""Malformed requests by the thousand, over the Unix socket and TCP: each is answered with 422 or
401 or not at all, none harms the proxy, and nothing of it reaches an exchange"""
import random
import select
import time

import agent_world as world
from agent_world import Broken, own

the_world, close = world.once("binance")
PING = "https://api.binance.com/api/v3/ping"
OK_TARGET = f"/binance/{PING}"
ORDER = "https://api.binance.com/api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1"


def head(*lines, first=f"GET {OK_TARGET} HTTP/1.1", host="Host: coffer"):
    return "\r\n".join([first, *([host] if host else []), *lines]).encode("latin-1") + b"\r\n\r\n"


def first(line):
    return head(first=line)


# Each would be answered 200 if it were read leniently: the target is a public one.
HEADS = {
    "two lengths": head("Content-Length: 0", "Content-Length: 0"),
    "two lengths that differ": head("Content-Length: 0", "Content-Length: 5") + b"GET /",
    "lengths in one line": head("Content-Length: 0, 0"),
    "length with a sign": head("Content-Length: +0"),
    "length below zero": head("Content-Length: -1"),
    "length in hex": head("Content-Length: 0x0"),
    "no length": head("Content-Length:"),
    "length with a space": head("Content-Length: 0 0"),
    "a huge length": head("Content-Length: 99999999999999999999"),
    "a length over 1 MiB": head("Content-Length: 1048577"),
    "chunked": head("Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked with a length": head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunked, folded": head("Transfer-Encoding:", " chunked") + b"0\r\n\r\n",
    "another coding": head("Transfer-Encoding: identity"),
    "a folded line": head("X-A: b", " c"),
    "a folded line with a tab": head("X-A: b", "\tc"),
    "a first line that is folded": head(" X-A: b"),
    "a space before the colon": head("X-A : b"),
    "a space before the colon of Host": head(host="Host : coffer"),
    "a space in a name": head("X A: b"),
    "no name": head(": b"),
    "no colon": head("X-A"),
    "a name that is none": head("X(A): b"),
    "a control character": head("X-A: b\x01c"),
    "a NUL": head("X-A: b\0c"),
    "a bare CR": head("X-A: b\rc"),
    "DEL": head("X-A: b\x7fc"),
    "no Host": head(host=None),
    "two Hosts": head("Host: coffer"),
    "an empty Host": head(host="Host:"),
    "bare LF": head("X-A: b").replace(b"\r\n", b"\n"),
    "one bare LF": head("X-A: b\nX-B: c"),
    "CR alone": head("X-A: b").replace(b"\n", b""),
    "CONNECT": first("CONNECT api.binance.com:443 HTTP/1.1"),
    "TRACE": first(f"TRACE {OK_TARGET} HTTP/1.1"),
    "absolute form": first(f"GET {PING} HTTP/1.1"),
    "absolute form of ours": first(f"GET http://coffer{OK_TARGET} HTTP/1.1"),
    "asterisk form": first("OPTIONS * HTTP/1.1"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": first(f"GET {OK_TARGET} HTTP/1.2"),
    "HTTP/0.9": f"GET {OK_TARGET}\r\n\r\n".encode(),
    "http/1.1": first(f"GET {OK_TARGET} http/1.1"),
    "two spaces": first(f"GET  {OK_TARGET} HTTP/1.1"),
    "a tab": first(f"GET\t{OK_TARGET} HTTP/1.1"),
    "a space in the target": first(f"GET {OK_TARGET} x HTTP/1.1"),
    "a space at the end": first(f"GET {OK_TARGET} HTTP/1.1 "),
    "a fragment": first(f"GET {OK_TARGET}#x HTTP/1.1"),
    "an 8 bit target": first(f"GET {OK_TARGET}?a=\xe4 HTTP/1.1"),
    "a method that is none": first(f"G(T {OK_TARGET} HTTP/1.1"),
    "another expectation": head("Expect: 200-ok"),
    "a head of over 32 KiB": head("X-A: " + "b" * 33000),
    "a head of many lines": head(*[f"X-{i}: b" for i in range(2000)]),
    "a target of over 32 KiB": first(f"GET {OK_TARGET}?a={'b' * 33000} HTTP/1.1"),
    "TLS": bytes.fromhex("16030100c6010000c20303") + b"\r\n\r\n" * 40,
    "spaces only": b" " * 40000,
    "SSH": b"SSH-2.0-x\r\n\r\n",
}
# Good HTTP to something that must not be reached: status 422, 401 for keys that are none.
TARGETS = {"/": 422, "//": 422, "/binance": 422, "/binance/": 422, f"/{PING}": 422,
           f"//binance/{PING}": 422, f"/binance//{PING}": 422, f"/binance/./{PING}": 422,
           f"/x/../binance/{PING}": 422, f"/%62inance/{PING}": None, f"/binance%2f{PING}": None,
           f"/nobody/{PING}": 401, f"/BINANCE/{PING}": 401, f"/binance~/{PING}": None,
           f"/binance~zz/{PING}": None, f"/{'b' * 65}/{PING}": None,
           "/binance/http://api.binance.com/api/v3/ping": 422,
           "/binance/ftp://api.binance.com/api/v3/ping": 422,
           "/binance/HTTPS://api.binance.com/api/v3/ping": None,
           "/binance/wss://stream.binance.com/ws": 422,
           "/binance/https:/api.binance.com/api/v3/ping": 422,
           "/binance/https://": 422, "/binance/https:///api/v3/ping": 422,
           "/binance/https://evil.example/api/v3/ping": 422,
           "/binance/https://api.binance.com.evil.example/api/v3/ping": 422,
           "/binance/https://api.binance.com@evil.example/api/v3/ping": 422,
           "/binance/https://u:p@api.binance.com/api/v3/ping": 422,
           "/binance/https://api.binance.com:8443/api/v3/ping": 422,
           "/binance/https://api.binance.com./api/v3/ping": 422,
           "/binance/https://127.0.0.1/api/v3/ping": 422,
           "/binance/https://[::1]/api/v3/ping": 422,
           "/binance/https%253A%252F%252Fapi.binance.com%252Fapi%252Fv3%252Fping": 422,
           "/binance/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Fping%0d%0aX:y": 422,
           "/binance/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Fping%20x": 422,
           "/binance/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Fping%": 422,
           "/binance/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Fping%0": 422,
           "/binance/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Fping%00": 422,
           f"/binance/{PING}/../order": 422, f"/binance/{PING};x": 422,
           f"/binance/{PING}%2f..": 422, f"/binance/{PING}%2e": 422, f"/binance/{PING}\\x": 422,
           "/binance/https://api.binance.com//api/v3/ping": 422}


def judge(r, statuses=(401, 422)):
    """A refusal, worth an answer of ours, that ends the connection when it was no HTTP."""
    own(r, r.status)
    assert r.status in statuses, r


def heads(where=None, bearer=""):
    """With them one good head, so that it is known that nothing else was in the way."""
    w = the_world()
    before = len(w.x.log)
    for name, data in {"good": head(), **HEADS}.items():
        with w.connect(where, timeout=5) as c:
            data = data.replace(b"Host: coffer", b"Host: " + c.host.encode())
            c.send(data.replace(b"/binance/", f"/binance{bearer}/".encode()))
            try:
                r = c.reply()
                if name == "good":
                    assert r.status == 200, r
                    continue
                judge(r, (422,))
                is_closed = r.headers.get("connection") == "close" and c.is_ended()
                assert is_closed or name == "an empty Host", (name, r)
            except Broken:
                raise AssertionError(f"{name}: no answer") from None
            except TimeoutError:
                raise AssertionError(f"{name}: it waits") from None
    assert len(w.x.log) == before + 1, w.x.log[before:]


def test_heads_unix():
    """heads that two readers could take in two ways, over the Unix socket: 422, and closed"""
    heads()


def test_heads_tcp():
    """the same over TCP, with a bearer that would let them in"""
    w = the_world()
    heads(w.tcp, "~" + w.bearer("binance", "sender"))


def test_upgrade():
    """who wants to leave HTTP is answered as if he had not said so"""
    w = the_world()
    with w.connect() as c:
        c.send(head("Connection: Upgrade, X-Hop, keep-alive", "Upgrade: websocket", "X-Hop: 1",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
        r = c.reply()
        assert r.status == 200 and "upgrade" not in r.headers, r
        assert not {"upgrade", "x-hop"} & set(w.x.log[-1].headers), w.x.log[-1].headers
        assert c.ask("GET", OK_TARGET).status == 200


def test_targets():
    """ways to what must not be reached: 422 or 401, and nothing is asked for at any exchange"""
    w = the_world()
    before = len(w.x.log)
    for target, status in TARGETS.items():
        for method in ("GET", "POST"):
            with w.connect() as c:
                c.begin(method, target, "" if method == "POST" else None)
                r = c.reply()
                assert r.status in ((401, 422) if status is None else (status,)), (target, r)
                own(r, r.status)
    assert len(w.x.log) == before, w.x.log[before:]


def test_smuggled():
    """a second request inside the body of a refused one, or behind it, is never carried out"""
    w = the_world()
    order, number = w.order()
    with w.connect() as c:
        inner = c.request(*order)
    before = len(w.x.log)
    for outer in (head("Content-Length: 0", f"Content-Length: {len(inner)}"),
                  head("Transfer-Encoding: chunked", f"Content-Length: {len(inner)}"),
                  head("Transfer-Encoding: chunked") + b"0\r\n\r\n", head(host=None),
                  head("X-A : b"), first("GET / HTTP/3.0"), head("X-A: b", " c")):
        with w.connect() as c:
            c.send(outer + inner)
            judge(c.reply(), (422,))
            assert c.is_ended(), outer
    # as the body of a good one it is a body, and no request
    with w.connect() as c:
        r = c.ask("POST", f"/binance/{PING}", inner)
        assert r.status in (200, 404, 422), r
    time.sleep(0.1)
    assert all(e.path == "/api/v3/ping" for e in w.x.log[before:]), w.x.log[before:]
    assert w.placed(number) == 0


def mutations(rng, host, n):
    """Requests to a key that there is none of, damaged: so that none of them may be sent."""
    base = [f"POST /nobody/{ORDER} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n"
            "X-MBX-APIKEY: coffer_nobody\r\nAccept: */*\r\n\r\na=b",
            f"GET /nobody/https%3A%2F%2Fapi.binance.com%2Fapi%2Fv3%2Faccount HTTP/1.1\r\n"
            f"Host: {host}\r\nUser-Agent: x\r\nConnection: keep-alive\r\n\r\n"]
    pieces = [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b"%", b"%00", b"//",
              b"https://", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"\xff",
              b"Host: evil\r\n", b"/", b"~", b"HTTP/1.1", b"GET ", b"?", b"#", b",", b"0"]
    for i in range(n):
        data = bytearray(base[i % 2].encode())
        for _ in range(rng.randrange(1, 5)):
            at, how = rng.randrange(len(data)), rng.randrange(4)
            if how == 0:
                data[at] = rng.randrange(256)
            elif how == 1:
                data[at:at] = rng.choice(pieces)
            elif how == 2:
                del data[at:at + rng.randrange(1, 9)]
            else:
                data[at:at] = data[rng.randrange(len(data)):][:rng.randrange(1, 60)]
            data = data or bytearray(b"x")
        if data[:1] == b"\0":
            data[:1] = b"x"     # a zero first: a command's own frames
        yield bytes(data)


def volley(w, where, requests):
    """Sends each on a connection of its own, all at once; how each was answered."""
    clients, counts = [], {}
    for data in requests:
        c = w.connect(where)
        try:
            c.send(data)
        except ConnectionError:
            pass
        c.s.setblocking(False)
        clients.append(c)
    waiting, end = {c.s.fileno(): c for c in clients}, time.monotonic() + 0.4
    poll = select.poll()
    for fd in waiting:
        poll.register(fd, select.POLLIN)
    while waiting and time.monotonic() < end:
        for fd, _ in poll.poll(50):
            poll.unregister(fd)
            c = waiting.pop(fd)
            c.s.settimeout(5)
            try:
                r = c.reply()
                judge(r)
                kind = r.status
            except Broken:
                kind = "ended"
            counts[kind] = counts.get(kind, 0) + 1
    for c in clients:
        c.__exit__()
    counts["waits"] = len(waiting)
    return counts


def mutated(where, seed, total=4000, at_once=500):
    w = the_world()
    before, counts = len(w.x.log), {}
    net, core = w.a.net, w.a.core
    rng = random.Random(seed)
    host = f"{where[0]}:{where[1]}" if where else "coffer"
    for _ in range(total // at_once):
        for kind, n in volley(w, where, mutations(rng, host, at_once)).items():
            counts[kind] = counts.get(kind, 0) + n
    assert len(w.x.log) == before, w.x.log[before:]
    assert (w.a.net, w.a.core) == (net, core) and w.is_good()
    assert counts[422] > total / 3 and counts.get(401, 0) > total / 50, counts
    assert not counts.get("ended"), counts
    assert counts["waits"] < total / 2, counts


def test_mutated_unix():
    """4,000 damaged requests over the Unix socket: 422, 401, or waited for; nothing is sent"""
    mutated(None, 1)


def test_mutated_tcp():
    """4,000 more over TCP"""
    mutated(the_world().tcp, 2)


def test_frames():
    """on the Unix socket what begins as a command's frame and is none is hung up on; not on TCP"""
    w = the_world()
    net, rng = w.a.net, random.Random(3)
    for i in range(200):
        with w.connect(timeout=5) as c:
            n = rng.randrange(1, 64)
            c.send(b"\0\0" + bytes([0, n]) + rng.randbytes(n) if i % 2 else
                   b"\0" + rng.randbytes(100))
            c.s.shutdown(1)
            c.more()
            assert c.is_ended(), i
    with w.connect(w.tcp, timeout=5) as c:
        c.send(b"\0" * 64 + b"\r\n\r\n")
        judge(c.reply(), (422,))
    assert w.a.net == net and w.is_good()


if __name__ == "__main__":
    world.more_descriptors()
    world.main([test_heads_unix, test_heads_tcp, test_upgrade, test_targets, test_smuggled,
                test_mutated_unix, test_mutated_tcp, test_frames], close)
