#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer-net as the agent's proxy, with an agent that the test plays: how it is started, hears of
channels and ends; that its sandbox lets it do its work; what it answers while the agent is away; that
nothing of a request stays. What it tells clients when something fails: tests/test_gate*.c."""
import array
import fcntl
import http.client
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import time

import net_lib as nl
from lib import main
from net_lib import case, lp

NUMBERS = itertools.count()
SECRET = "Zq7-in-clear-" + "8d1f" * 6


class Agent:
    """The core's end of one channel: permits what is asked, and keeps what it was told."""

    def __init__(self, sock, connect_to):
        self.sock, self.connect_to, self.asks, self.dones = sock, connect_to, [], []
        self.is_mute = False
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        data = b""
        while True:
            try:
                got = self.sock.recv(1 << 20)
            except OSError:
                return
            if not got:
                return
            data += got
            while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
                n = 4 + int.from_bytes(data[:4], "big")
                self.take(nl.Reader(data[4:n]))
                data = data[n:]

    def take(self, r):
        kind = r.uint(1)
        if kind == 6:
            self.dones.append((r.uint(4), r.uint(1), r.uint(1), r.uint(2)))
            return
        assert kind == 3, kind
        number, uid, pid, is_tcp = r.uint(4), r.uint(4), r.uint(4), r.uint(1)
        record, _bearer, method, url, body = (r.text() for _ in range(5))
        headers = [(r.text(), r.text()) for _ in range(r.uint(4))]
        self.asks.append((record, method, url, body, uid, pid, is_tcp))
        if self.is_mute:
            return
        headers.append((b"X-Secret", SECRET.encode()))
        frame = nl.request_frame(number, url, method, body, headers, ca=nl.PEM,
                                 connect_to=self.connect_to)
        self.sock.sendall(lp(b"\4" + frame[5:] + b"\0" + lp(b"")))

    def hang_up(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def spawn(argv, sockets):
    """A process with these at their numbers, and nothing else. (The module subprocess has a pipe of
    its own at one of them.)"""
    copies = {to: fcntl.fcntl(x.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for to, x in sockets.items()}
    env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    pid = os.posix_spawn(argv[0], argv, env, file_actions=[
        (os.POSIX_SPAWN_DUP2, fd, to) for to, fd in copies.items()])
    for fd in copies.values():
        os.close(fd)
    return pid


class Proxy:
    """A running coffer-net with a Unix socket and a TCP port."""

    def __init__(self, server, words=()):
        self.server = server
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.path = os.path.join(nl.TOP, f"proxy-{next(NUMBERS)}.sock")
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(self.path)
        unix.listen(64)
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        argv = [nl.NET, nl.version(), "proxy", "unix=4", f"tcp=5:{self.port}", *words,
                str(server.port)]
        self.pid = spawn(argv, {3: theirs, 4: unix, 5: tcp})
        for x in (theirs, unix, tcp):
            x.close()

    def channel(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.control.sendmsg([b"C"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array("i", [theirs.fileno()]))])
        theirs.close()
        return Agent(ours, f"{nl.HOST}:443:127.0.0.1:{self.server.port}")

    def ready(self):
        """Waits until it has heard of a channel: for another host it asks, and sends nothing."""
        until(lambda: ask(self.client(), host="other.test")[0] == 502)

    def client(self):
        c = http.client.HTTPConnection("coffer", timeout=20)
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.connect(self.path)
        return c

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.control.close()
        if self.pid:
            assert self.wait() == 0

    def wait(self):
        """Its exit status."""
        end, pid = time.monotonic() + 10, 0
        while not pid and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            time.sleep(0.01)
        if not pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError("it does not end")
        self.pid = None
        return os.waitstatus_to_exitcode(status)


def ask(client, method="GET", path="/x", body=None, host=nl.HOST):
    client.request(method, f"/main/https://{host}{path}", body=body)
    r = client.getresponse()
    return r.status, r.read().decode(), r


def until(what, seconds=5):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


@case
def goes_through():
    """an order goes through, by the Unix socket and by TCP, and its sender is known"""
    with nl.serve() as s, Proxy(s) as p:
        a = p.channel()
        p.ready()
        assert ask(p.client(), "POST", "/order?x=1", "side=BUY")[:2] == (200, "ok")
        assert a.asks[-1][:4] == (b"main", b"POST", b"https://api.test/order?x=1", b"side=BUY")
        assert a.asks[-1][4:] == (os.getuid(), os.getpid(), 0)
        c = http.client.HTTPConnection("127.0.0.1", p.port, timeout=20)
        assert ask(c)[:2] == (200, "ok")
        assert a.asks[-1][4:] == (0xFFFFFFFF, 0xFFFFFFFF, 1)
        until(lambda: len(a.dones) == len(a.asks))
        assert [d[1:] for d in a.dones[-2:]] == [(nl.REPLIED, 0, 200)] * 2, a.dones
        assert b"X-Secret: " + SECRET.encode() in s.seen[0][0]


@case
def agent_away():
    """without an agent 503 at once; with a new channel it goes on, on the same connections"""
    with nl.serve() as s, Proxy(s) as p:
        c = p.client()
        status, text, r = ask(c, "POST", body="x")
        assert status == 503 and r.headers.get_content_type() == "text/plain", (status, text)
        a = p.channel()
        until(lambda: ask(c, "POST", body="x")[0] == 200)  # it hears of the channel when it can
        a.hang_up()
        until(lambda: ask(c, "POST", body="x")[0] == 503)
        assert len(s.seen) == len(a.asks)
        seen = len(s.seen)
        for _ in range(3):
            begun = time.monotonic()
            status, text, _r = ask(c, "POST", body="x")
            assert status == 503 and "agent is not there" in text, (status, text)
            assert time.monotonic() - begun < 1
        b = p.channel()
        until(lambda: ask(c, "POST", body="x")[0] == 200)
        assert len(b.asks) == 1 and len(s.seen) == seen + 1


@case
def agent_dies_under_a_question():
    """a question that is open when the agent dies is answered 503, and never sent"""
    with nl.serve() as s, Proxy(s) as p:
        a = p.channel()
        c = p.client()
        until(lambda: ask(c)[0] == 200)
        a.is_mute = True
        n = len(a.asks)
        c.request("POST", f"/main/https://{nl.HOST}/x", body="x")
        until(lambda: len(a.asks) > n)
        a.hang_up()
        assert c.getresponse().status == 503
        assert len(s.seen) == 1


@case
def killed_under_an_order():
    """killed while an order is under way: it was sent once"""
    def handler(conn):
        conn.request()
        time.sleep(2)
    with nl.serve(handler) as s:
        p = Proxy(s)
        p.channel()
        p.ready()
        c = p.client()
        c.request("POST", f"/main/https://{nl.HOST}/x", body="x")
        until(lambda: s.seen)
        os.kill(p.pid, signal.SIGKILL)
        assert p.wait() == -signal.SIGKILL
        try:
            c.getresponse()
            raise AssertionError("an answer")
        except (http.client.HTTPException, OSError):
            pass
        assert len(s.seen) == 1


@case
def kept_connection_dies():
    """a connection that the exchange closes under an order: sent once, 504; a GET is sent again"""
    with nl.serve(nl.dies_on_second) as s, Proxy(s) as p:
        p.channel()
        p.ready()
        c = p.client()
        assert ask(c)[0] == 200
        status, text, _ = ask(c, "POST", body="x")
        assert status == 504 and text.startswith("order state unknown"), (status, text)
        assert len(s.seen) == 2
        assert ask(c)[0] == 200
        assert ask(c)[0] == 200
        assert len(s.seen) == 5, len(s.seen)


@case
def wrong_words():
    """wrong words, or another kind of socket, are an error of use"""
    for words in (["unix=3"], ["unix=x"], ["tcp=5"], ["tcp=5:0"], ["tcp=5:70000"], ["uid=x"],
                  ["uid=4294967295"], ["port=1"], ["0"], ["unix=4"] * 9):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        r = subprocess.run([nl.NET, nl.version(), "proxy", *words], pass_fds=(3, fd),
                           preexec_fn=lambda fd=fd: os.dup2(fd, 3, inheritable=True),
                           capture_output=True, timeout=20, check=False)
        assert r.returncode == 2 and b"is no port, or one too many" in r.stderr, (words, r)
        ours.close()
        theirs.close()
    with nl.Net(argv=[nl.NET, nl.version(), "proxy"]) as n:
        assert n.p.wait(20) == 2 and b"started by coffer" in n.p.stderr.read()


def found(pid, needle):
    """How often it is in the memory of a process; None: it cannot be looked at."""
    n = 0
    try:
        with open(f"/proc/{pid}/mem", "rb", 0) as mem, open(f"/proc/{pid}/maps",
                                                            encoding="ascii") as maps:
            for line in maps:
                m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
                if not m or "[v" in line:
                    continue
                try:
                    mem.seek(int(m[1], 16))
                    n += mem.read(int(m[2], 16) - int(m[1], 16)).count(needle)
                except OSError:
                    pass
    except PermissionError:
        return None
    return n


@case
def nothing_stays():
    """after the reply nothing of a request is in memory, though client and exchange stay connected"""
    if nl.SANITIZED:
        return "a sanitizer keeps what is freed"
    hold, held = threading.Event(), threading.Event()

    def handler(conn):
        while True:
            head, _ = conn.request()
            if b"/wait" in head:
                held.set()
                hold.wait(10)
            conn.reply()
    with nl.serve(handler) as s, Proxy(s) as p:
        p.channel()
        p.ready()
        c = p.client()
        t = threading.Thread(target=ask, args=(c, "POST", "/wait?signature=" + SECRET, SECRET))
        t.start()
        assert held.wait(10)
        under_way = found(p.pid, SECRET.encode())
        hold.set()
        t.join()
        for i in range(20):
            assert ask(c, "POST" if i % 2 else "GET", "/x?signature=" + SECRET,
                       SECRET if i % 2 else None)[0] == 200
        time.sleep(0.2)
        if under_way is None:
            return "only root can look into its memory"
        assert under_way > 0, "the search finds nothing while it is there"
        assert found(p.pid, SECRET.encode()) == 0
    return None


main(nl.TESTS, needs_softhsm=False)
