# SPDX-License-Identifier: Apache-2.0
"""What the tests of the proxy's bad days share: simulated exchanges, a vault with keys, an agent
with its proxy, and an HTTP client of plain sockets that shows what a bot would get: a whole reply,
one that broke off, or the end of its connection.

    with World("binance", "kraken") as w:
        with w.connect() as c: c.ask("POST", w.order())
        w.sent(id)              # how often the exchange got the order of that id

At its end a World fails when the exchange got anything but a GET twice."""
import itertools
import json
import os
import re
import resource
import signal
import socket
import threading
import time
import urllib.parse

import agent_kit
import lib
from agent_kit import wait_for

NUMBERS = itertools.count(1)
ID = re.compile(r"ct[0-9]{10}")
HOST = {"binance": "api.binance.com", "okx": "www.okx.com", "kraken": "api.kraken.com",
        "coinbase": "api.coinbase.com"}
READ = {"binance": ("GET", "/api/v3/account"), "okx": ("GET", "/api/v5/account/balance"),
        "kraken": ("POST", "/0/private/Balance"), "coinbase": ("GET", "/api/v3/brokerage/accounts")}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIMIT_S = 9.0   # clients give up after ten
UNKNOWN, NOTHING_SENT = "order state unknown", "nothing was sent"


def more_descriptors():
    """As many as may be: some tests hold a thousand connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Broken(Exception):
    """No reply came, but the end of the connection."""


class Reply:
    """status, headers (lower case), body; is_whole: it ended as HTTP says."""

    def __init__(self, status, headers):
        self.status, self.headers, self.body, self.is_whole = status, headers, b"", True

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.text[:600]!r} whole={self.is_whole}>"


class Http:
    """A connection to the proxy. What is sent is sent as it is given."""

    def __init__(self, where, timeout=15):
        is_tcp = isinstance(where, tuple)
        self.host = f"{where[0]}:{where[1]}" if is_tcp else "coffer"
        self.s = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
        self.s.settimeout(timeout)
        try:
            self.s.connect(where)
        except BaseException:
            self.s.close()
            raise
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def more(self):
        try:
            data = self.s.recv(65536)
        except ConnectionError:
            data = b""
        self.left += data
        return bool(data)

    def send(self, data):
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Broken from None

    def request(self, method, target, body=None, headers=None):
        """The bytes of a request as clients write them."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{n}: {v}" for n, v in (headers or {}).items()]
        data = body.encode() if isinstance(body, str) else body
        lines += [f"Content-Length: {len(data)}"] if data is not None else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + (data or b"")

    def begin(self, method, target, body=None, headers=None):
        self.send(self.request(method, target, body, headers))

    def ask(self, method, target, body=None, headers=None):
        self.begin(method, target, body, headers)
        return self.reply()

    def reply(self):
        """The next reply. Broken: none came."""
        while b"\r\n\r\n" not in self.left:
            if not self.more():
                raise Broken(repr(self.left[:200]))
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
        r = Reply(int(first.split(" ")[1]), headers)
        assert not ("content-length" in headers and "transfer-encoding" in headers), r
        if headers.get("transfer-encoding") == "chunked":
            self._chunks(r)
        else:
            self._exactly(r, int(headers["content-length"]))
        return r

    def _exactly(self, r, n):
        while len(self.left) < n:
            if not self.more():
                r.body, r.is_whole = r.body + self.left, False
                self.left = b""
                return
        r.body, self.left = r.body + self.left[:n], self.left[n:]

    def _chunks(self, r):
        while r.is_whole:
            while b"\r\n" not in self.left:
                if not self.more():
                    r.is_whole = False
                    return
            line, self.left = self.left.split(b"\r\n", 1)
            n, end = int(line, 16), Reply(0, {})
            self._exactly(r, n)
            self._exactly(end, 2)
            r.is_whole = r.is_whole and end.body == b"\r\n"
            if n == 0:
                return

    def is_ended(self, seconds=3):
        """Whether the proxy closes it, without another byte."""
        self.s.settimeout(seconds)
        try:
            return not self.left and not self.more()
        except TimeoutError:
            return False


class World:
    """with World("binance", ...) as w: w.x the exchange, w.h the home, w.a the agent, unlocked."""

    def __init__(self, *exchanges, options=("--listen", "127.0.0.1:0"), prepare=None):
        self.exchanges, self.options, self.keys = exchanges or ("binance",), options, {}
        self.prepare, self.undo = prepare, None     # the first is given the empty home

    def __enter__(self):
        self.h, self.exchange = lib.Home(), lib.exchange()
        self.x = self.exchange.__enter__()
        self.a = agent_kit.Agent(self.h, *self.options, start=False)
        try:
            self.undo = self.prepare and self.prepare(self.h)
            self.h.init()
            for e in self.exchanges:
                self.add(e, e)
            self.a.start()
            self.a.unlock()
        except BaseException:
            self.close(RuntimeError)
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_once()
        finally:
            self.close(kind)

    def close(self, kind=None):
        try:
            self.a.__exit__()
            if self.undo:
                self.undo()
        finally:
            self.h.__exit__()
            self.exchange.__exit__(kind, None, None)

    def add(self, name, exchange, *more):
        key = self.keys[name] = self.x.key(exchange)
        self.x.funds(key.account, {"USDT": "10000000", "USD": "10000000"}, exchange)
        self.h.ok("add", name, exchange, "--connect-to", self.x.connect_to, "--ca-file",
                  self.x.ca_file, "--accept-risk", "a test", "--from-json", "-", *more,
                  stdin=json.dumps(key.fields))
        self.x.log.clear()

    # -- ways in --

    @property
    def tcp(self):
        host, port = self.a.ask("status")["proxy"]["tcp"].rsplit(":", 1)
        return host, int(port)

    def connect(self, where=None, **kw):
        return Http(where or self.a.proxy, **kw)

    def bearer(self, name, client):
        return self.h.ok("bearer", name, "add", client, pin=False).out.strip()

    @staticmethod
    def target(exchange, path, bearer=None):
        """As a client asks for it, with the key that is named like its exchange."""
        name = exchange + (f"~{bearer}" if bearer else "")
        return f"/{name}/https://{HOST[exchange]}{path}"

    def ask(self, method, target, body=None, headers=None):
        """One request on a connection of its own."""
        with self.connect() as c:
            return c.ask(method, target, body, headers)

    def read(self, exchange="binance"):
        method, path = READ[exchange]
        return self.ask(method, self.target(exchange, path), "" if method == "POST" else None)

    def is_good(self):
        """Whether a signed request gets its answer."""
        return self.read(self.exchanges[0]).status == 200

    # -- orders --

    def order(self, exchange="binance", bearer=None):
        """An order that rests, as arguments of ask, and its id."""
        number = f"ct{next(NUMBERS):010d}"
        if exchange == "kraken":
            body = urllib.parse.urlencode({"pair": "XBTUSD", "type": "buy", "ordertype": "limit",
                                           "volume": "0.001", "price": "20000",
                                           "cl_ord_id": number})
            path = "/0/private/AddOrder"
        else:
            body = urllib.parse.urlencode({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
                                           "timeInForce": "GTC", "quantity": "0.001",
                                           "price": "20000", "newClientOrderId": number})
            path = "/api/v3/order"
        return ("POST", self.target(exchange, path, bearer), body, FORM), number

    def cancel(self, number, exchange="kraken"):
        if exchange == "kraken":
            return ("POST", self.target(exchange, "/0/private/CancelOrder"), f"cl_ord_id={number}",
                    FORM)
        return ("DELETE", self.target(exchange, "/api/v3/order?symbol=BTCUSDT&origClientOrderId="
                                      + number))

    def sent(self, number, method="POST"):
        """How often a request with that id came to the exchange."""
        return sum(1 for e in list(self.x.log)
                   if e.method == method and number in f"{e.query}&{e.body}")

    def placed(self, number):
        return sum(1 for o in self.x.orders() if o.client_id == number)

    def came(self):
        """Of all that is no GET and has an id: (method, path, id) to how often it came."""
        seen = {}
        for e in list(self.x.log):
            found = e.method not in ("GET", None) and ID.search(f"{e.query}&{e.body}")
            if found:
                what = (e.method, e.path, found[0])
                seen[what] = seen.get(what, 0) + 1
        return seen

    def check_once(self):
        """Nothing but GET came twice."""
        twice = {what: n for what, n in self.came().items() if n != 1}
        assert not twice, f"sent more than once: {twice}"

    # -- the agent's processes --

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        wait_for("its end", lambda: not agent_kit.is_running(pid))

    def new_net(self, old):
        return wait_for("another coffer-net", lambda: self.a.net not in (None, old) and self.a.net)

    def memory_kib(self, pid):
        """Resident, without what is shared with files."""
        return int(agent_kit.Process(pid).status["RssAnon"].split()[0])


class Stopped:
    """with Stopped(pid): the process stands still."""

    def __init__(self, *pids):
        self.pids = pids

    def __enter__(self):
        for p in self.pids:
            os.kill(p, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for p in self.pids:
            if agent_kit.is_running(p):
                os.kill(p, signal.SIGCONT)


class Later(threading.Thread):
    """A call in a thread of its own; result() gives its result, or raises what it raised."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self.call, self.args, self.got, self.error = call, args, None, None
        self.took_s = 0.0
        self.start()

    def run(self):
        begun = time.monotonic()
        try:
            self.got = self.call(*self.args)
        except BaseException as e:                             # pylint: disable=broad-except
            self.error = e
        self.took_s = time.monotonic() - begun

    def result(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), f"{self.call} takes over {seconds} s"
        if self.error:
            raise self.error
        return self.got


def own(r, status, *words):
    """An answer of coffer's own: text, its code in a header, never JSON."""
    assert r.status == status and r.is_whole, r
    assert r.headers["content-type"].startswith("text/plain") and r.headers["x-coffer-error"], r
    assert not r.text.startswith(("{", "[")), r
    for w in words:
        assert w in r.text, (w, r)
    return r


def answer_badly(w, data, when=None):
    """The exchange answers with these bytes and closes, instead of what it would say; when(request)
    chooses, and is called once for each. Gives how to stop that."""
    server = w.x.server
    handler, write = server.handler, server._write             # pylint: disable=protected-access

    def handle(request):
        reply = handler(request)
        if when is None or when(request):
            reply.raw = data
        return reply

    def send(conn, reply, keep):
        if not hasattr(reply, "raw"):
            return write(conn, reply, keep)
        conn.sendall(reply.raw)
        return False

    server.handler, server._write = handle, send

    def stop():
        server.handler, server._write = handler, write
    return stop


def once(*args, **kw):
    """One World for all tests of a script, and the test that closes it."""
    made = []

    def get():
        if not made:
            made.append(World(*args, **kw))
            made[0].__enter__()    # pylint: disable=unnecessary-dunder-call
        return made[0]

    def close(kind=None):
        if made:
            made.pop().__exit__(kind, None, None)
    return get, close


def main(tests, close):
    """lib.main with a last test: nothing was sent twice, nothing is left."""
    def the_end():
        """nothing but a GET was sent twice in all of these, and the agent ends"""
        close()
    try:
        lib.main([*tests, the_end])
    finally:
        close(RuntimeError)
