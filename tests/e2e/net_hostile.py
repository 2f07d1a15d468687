#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# time-out: 240 s
"""coffer-net against those who want more than to answer badly: endless answers, answers to what was
not asked yet, a terminal to read; and systems that keep their certificates elsewhere."""
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import net_lib as net
from lib import TOOLS, main
from net_lib import (HOST, NOT_SENT, PEM, REPLIED, SANITIZED, TESTS, TOP, UNKNOWN, Net, Server, case,
                     expect, serve)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def grown(n):
    """The most memory that it ever had, in MiB."""
    return int(n.status()["VmHWM"].split()[0]) >> 10


# -- without end --

@case
def endless_heads_and_trailers():
    def forever(first, block):
        def handler(conn):
            conn.request()
            conn.send(first)
            while True:
                conn.send(block * 100)
        return handler
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    early = b"HTTP/1.1 103 Early Hints\r\n"
    for handler in (forever(chunked, b"X-A: " + b"y" * 20 + b"\r\n"),
                    forever(chunked, b"X-A: " + b"y" * 3000 + b"\r\n"),
                    forever(b"", early + b"\r\n"),
                    forever(b"", early + b"X-A: b\r\n" * 50 + b"\r\n")):
        with serve(handler) as s, Net([s.port], ca=PEM) as n:
            expect(n.at(s, method="POST", timeout_ms=5000), UNKNOWN, "too_large")
            assert grown(n) < 64 or SANITIZED, grown(n)
    # what is within the bounds passes
    some = early + b"X-A: b\r\n" * 10 + b"\r\n"
    r, _ = net.once(net.raw(some * 50 + chunked + (b"X-T: " + b"t" * 1000 + b"\r\n") * 60 + b"\r\n"))
    expect(r, REPLIED, "none")
    assert r.body == b"ok" and len(r.headers) == 1, r


def endless_proxy(head, block):
    def handler(conn):
        conn.request()
        conn.send(head)
        while True:
            conn.send(block)
    return Server(None, handler, plain=True)


@case
def endless_answers_of_a_proxy():
    no = b"HTTP/1.1 407 No\r\n"
    for head, block in ((no + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"y" * 4096 + b"\r\n"),
                        (no + b"Content-Length: 99999999999\r\n\r\n", b"y" * 65536)):
        with endless_proxy(head, block) as p, serve() as s, \
                Net([s.port], env={"https_proxy": f"http://127.0.0.1:{p.port}", "no_proxy": "own.test"},
                    ca=PEM) as n:
            started = time.monotonic()
            r = n.ask(f"https://{HOST}/", method="POST", timeout_ms=700)
            expect(r, NOT_SENT, "proxy")
            assert 0.6 < time.monotonic() - started < 3
            # no longer than a connection may take, though the request may take longer
            started = time.monotonic()
            expect(n.ask(f"https://{HOST}/", timeout_ms=30000), NOT_SENT, "proxy")
            assert time.monotonic() - started < 8
            assert grown(n) < 64 or SANITIZED, grown(n)
            # and it ends with coffer even in the middle of it
            n.send(f"https://{HOST}/", timeout_ms=30000)
            time.sleep(0.5)
            n.sock.close()
            started = time.monotonic()
            assert n.p.wait(5) == 0
            assert time.monotonic() - started < 1


# -- before the question --

@case
def an_answer_before_the_question_is_none():
    def pushes(conn):
        while True:
            conn.request()
            conn.send(OK)
            time.sleep(0.05)
            conn.send(FORGED)

    def in_one_record(conn):  # the rest of which the library has already taken from the socket
        while True:
            conn.request()
            conn.send(OK[:-2])
            time.sleep(0.05)
            conn.send(OK[-2:] + FORGED)

    def at_once(conn):
        while True:
            conn.request()
            conn.send(OK + FORGED)
    for handler in (pushes, in_one_record, at_once):
        for method in ("GET", "POST", "DELETE"):
            with serve(handler) as s, Net([s.port], ca=PEM) as n:
                for path in ("/1", "/2", "/3"):
                    r = n.at(s, path, method=method)
                    expect(r, REPLIED, "none")
                    assert r.body == b"ok", (handler.__name__, method, r)
                    time.sleep(0.15)
                assert [h.split(b" ")[1] for h, _ in s.seen] == [b"/1", b"/2", b"/3"], s.seen
                assert s.n_connections == 3


@case
def a_farewell_is_seen():
    """an order after TLS's farewell goes out on another connection, once, and is answered"""
    def ends(conn):
        conn.request()
        conn.reply()
        conn.end()

    def lingers(conn):  # says it, and leaves the socket open
        conn.request()
        conn.reply()
        conn.sock.settimeout(1)
        try:
            conn.sock.unwrap()
        except OSError:
            time.sleep(1)
    for handler in (ends, lingers):
        for method in ("POST", "GET"):
            with serve(handler) as s, Net([s.port], ca=PEM) as n:
                for i in range(4):
                    expect(n.at(s, f"/{i}", method=method, body=b"x" if method == "POST" else b""),
                           REPLIED, "none")
                    time.sleep(0.1)
                assert len(s.seen) == s.n_connections == 4, s.seen


@case
def other_connections_are_kept():
    with serve() as s, Net([s.port], ca=PEM) as n:
        assert [n.at(s, method=m).status for m in ("GET", "POST") * 10] == [200] * 20
        for _ in range(5):
            for _ in range(10):
                n.send(f"https://{HOST}/", connect_to=f"::127.0.0.1:{s.port}")
            assert [n.wait().status for _ in range(10)] == [200] * 10
        assert s.n_connections <= 11, s.n_connections


# -- headers --

@case
def blanks_alone_are_a_value():
    with serve() as s, Net([s.port], ca=PEM) as n:
        for blank in ("", " ", " \t "):
            n.at(s, headers=[("X-Blank", blank), ("X-Two", "  a b ")])
            assert b"\r\nX-Blank:\r\nX-Two: a b\r\n" in s.seen[-1][0], s.seen[-1]


# -- the terminal --

def child_of(pid):
    for _ in range(200):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            if words := f.read().split():
                return int(words[0])
        time.sleep(0.02)
    raise AssertionError("coffer-net was not started")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@case
def the_terminal_is_out_of_reach():
    def silent(conn):
        conn.request()
        time.sleep(20)
    env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    with serve(silent) as s:
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(os.path.join(TOOLS, "fetch"), ["fetch"], env)
        try:
            wish = {"url": "https://api.binance.com/", "connect_to": f"::127.0.0.1:{s.port}",
                    "ca_file": os.path.join(TOP, "ca.pem")}
            os.write(fd, json.dumps(wish).encode() + b"\n\x04")
            own = child_of(pid)
            end = time.monotonic() + 10
            while not s.seen and time.monotonic() < end:
                time.sleep(0.02)
            assert s.seen, "no request came"
            with open(f"/proc/{own}/stat", encoding="ascii") as f:
                rest = f.read().rpartition(")")[2].split()
            assert (int(rest[3]), int(rest[4])) == (own, 0), "it has the terminal's session"
            if os.geteuid() == 0 and not SANITIZED:
                links = {x: os.readlink(f"/proc/{own}/fd/{x}") for x in os.listdir(f"/proc/{own}/fd")}
                assert links["2"] == "/dev/null", links
                assert not [x for x in links.values() if x.startswith(("/dev/pts", "/dev/tty"))], links
            os.write(fd, b"\x03")  # ends coffer, and so coffer-net
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGINT
            pid = 0
            end = time.monotonic() + 2
            while is_alive(own) and time.monotonic() < end:
                time.sleep(0.02)
            assert not is_alive(own), "it goes on without coffer"
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(fd)


# -- where the authorities are --

def elsewhere(script, port):
    """coffer-net with mounts of its own; None when that is not possible here."""
    script += f" && exec {net.NET} {net.version()} {port}"
    return Net(argv=["unshare", "-m", "sh", "-c", script])


@case
def authorities_behind_a_link():
    can = os.geteuid() == 0 and os.path.exists(BUNDLE) and not subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/etc/ssl"], check=False,
        stderr=subprocess.DEVNULL).returncode
    if not can:
        return "only root may mount, over the directories of Debian"
    certs, var = os.path.join(TOP, "certs"), os.path.join(TOP, "var")
    os.mkdir(certs)
    os.mkdir(var)
    with open(os.path.join(var, "bundle.pem"), "wb") as f:
        f.write(PEM)
    os.symlink(os.path.join(var, "bundle.pem"), os.path.join(certs, os.path.basename(BUNDLE)))
    with serve() as s:
        with elsewhere(f"mount --bind {certs} /etc/ssl/certs", s.port) as n:
            expect(n.at(s), REPLIED, "none")
        # no bundle, but the directory of hashed names
        os.unlink(os.path.join(certs, os.path.basename(BUNDLE)))
        os.rename(os.path.join(var, "bundle.pem"), os.path.join(certs, "own.pem"))
        subprocess.run(["openssl", "rehash", certs], check=True)
        with elsewhere(f"mount --bind {certs} /etc/ssl/certs", s.port) as n:
            expect(n.at(s), REPLIED, "none")
        # nothing at all is said as such, not as a fault of the exchange's certificate
        with elsewhere("mount -t tmpfs none /etc/ssl", s.port) as n:
            expect(n.at(s), NOT_SENT, "internal", "authorities cannot be read")
    return None


# -- the courier's patience --

@case
def bytes_one_by_one_are_no_answer():
    """the courier's limit is for the whole answer, not from byte to byte"""
    top = tempfile.mkdtemp(dir=TOP)
    os.mkdir(os.path.join(top, "tools"))
    fetch = os.path.join(top, "tools/fetch")
    shutil.copy(os.path.join(TOOLS, "fetch"), fetch)
    with open(os.path.join(top, "coffer-net"), "w", encoding="ascii") as f:
        f.write(f"#!{sys.executable} -IS\nimport socket, time\ns = socket.socket(fileno=3)\n"
                "s.recv(65536)\ns.send(b'\\0\\0\\x40\\0')\n"
                "for _ in range(60):\n    s.send(b'x')\n    time.sleep(0.2)\n")
        os.fchmod(f.fileno(), 0o755)
    env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    started = time.monotonic()
    p = subprocess.run([fetch], env=env, input=b'{"url": "https://api.binance.com/", "timeout_ms": 10}\n',
                       stdout=subprocess.PIPE, timeout=30, check=False)
    assert b"coffer-net does not answer, and was stopped" in p.stdout, p
    assert time.monotonic() - started < 9


main(TESTS, needs_softhsm=False)
