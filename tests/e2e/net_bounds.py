#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# time-out: 240 s
"""coffer-net's bounds: the end of its parent, malformed frames, the HTTP proxy, its sandbox, what it
leaves in memory; and the same through the courier."""
import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import net_lib as net
from lib import COFFER, TOOLS, main
from net_lib import (HOST, NOT_SENT, PEM, REPLIED, SANITIZED, TESTS, TOP, UNKNOWN, Net, Server, case,
                     dies_on_second, expect, serve)


# -- the other end --

@case
def end_of_the_parent():
    def silent(conn):
        conn.request()
        time.sleep(20)
    with serve(silent) as s:
        for under_way in (0, 3):
            n = Net([s.port], ca=PEM)
            for _ in range(under_way):
                n.send(f"https://{HOST}/", connect_to=f"::127.0.0.1:{s.port}")
            time.sleep(0.3)
            started = time.monotonic()
            n.sock.close()
            assert n.p.wait(5) == 0
            assert time.monotonic() - started < 3
            assert n.p.stderr.read() == b""
            n.p.stdout.close()
            n.p.stderr.close()
        n = Net(ca=PEM)  # half closed is closed; a name is being looked up meanwhile
        n.send("https://nothing.invalid/", hosts=("nothing.invalid",))
        n.sock.shutdown(socket.SHUT_WR)
        assert n.p.wait(5) == 0
        n.close()


@case
def frames_that_are_none():
    good = net.request_frame(1, f"https://{HOST}/")
    for data in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1\2", b"GET / HTTP/1.1\r\n\r\n",
                 good[:4] + b"\2" + good[5:], net.lp(good[4:] + b"x"), net.lp(good[4:-1]),
                 net.request_frame(1, f"https://{HOST}/", timeout_ms=0),
                 net.request_frame(1, f"https://{HOST}/", timeout_ms=60001),
                 net.request_frame(1, "x" * 70000), net.request_frame(1, "x", headers=[("a", "b")] * 129)):
        with Net(ca=PEM) as n:
            n.sock.sendall(data)
            assert n.wait(5) is None, data[:20]
            assert n.p.wait(5) == 1
            said = n.p.stderr.read().decode()  # by then it has left the terminal
            assert not said or SANITIZED, said
    with serve() as s, Net([s.port], ca=PEM) as n:  # byte by byte is fine
        frame = net.request_frame(5, f"https://{HOST}/", ca=PEM, connect_to=f"::127.0.0.1:{s.port}")
        for i in range(len(frame)):
            n.sock.sendall(frame[i:i + 1])
        assert n.wait().status == 200


@case
def not_by_hand():
    p = subprocess.run([net.NET], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False, timeout=20)
    assert p.returncode == 2 and b"started by coffer" in p.stderr, p
    for argv, says in (([net.NET, "0.0.0"], "coffer is '0.0.0'"), ([net.NET], "not by hand"),
                       ([net.NET, net.version(), "0"], "'0' is no port"),
                       ([net.NET, net.version(), "443", "x"], "'x' is no port")):
        with Net(argv=argv) as n:
            assert n.wait(5) is None and n.p.wait(5) == 2
            assert says in n.p.stderr.read().decode()


# -- the proxy --

class Proxy(Server):
    """An HTTP proxy that knows CONNECT only, and leads everything to one server."""

    def __init__(self, to, answer=b"HTTP/1.1 200 Connection established\r\nX-Proxy: p\r\n\r\n"):
        self.to, self.answer = to, answer
        super().__init__(None, self.tunnel, plain=True)

    def tunnel(self, conn):
        conn.request()
        conn.send(self.answer)
        if b" 200 " not in self.answer:
            return
        with socket.create_connection(("127.0.0.1", self.to)) as out:
            threading.Thread(target=self.copy, args=(conn.sock, out), daemon=True).start()
            self.copy(out, conn.sock)

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass


@case
def proxy_tunnels():
    with serve() as s, Proxy(s.port) as p:
        url = f"http://user:pw@127.0.0.1:{p.port}"
        for name in ("https_proxy", "HTTPS_PROXY"):
            p.seen.clear()
            with Net(env={name: url}, ca=PEM) as n:  # no connect-to: the proxy finds the host
                r = n.ask(f"https://{HOST}/a", headers=[("X-Key", "secret-key")], method="POST")
                assert r.status == 200 and not r.header("x-proxy"), r
            head = p.seen[0][0]
            assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode()), head
            assert b"Proxy-Authorization: Basic" in head and b"secret" not in head, head
            assert b"uthorization" not in s.seen[-1][0]
        # TLS is checked through it all the same
        with Net(env={"https_proxy": url}, ca=PEM) as n:
            expect(n.ask("https://other.test/", hosts=("other.test",)), NOT_SENT, "certificate_name")
            # and --connect-to says where the proxy is to lead
            r = n.ask(f"https://{HOST}/", connect_to="::somewhere.test:8443")
            assert r.status == 200 and p.seen[-1][0].startswith(b"CONNECT somewhere.test:8443 ")


@case
def proxy_refuses():
    with serve() as s:
        for answer in (b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 502 Bad\r\n\r\n", b"garbage\r\n\r\n"):
            with Proxy(s.port, answer) as p, \
                    Net(env={"https_proxy": f"http://127.0.0.1:{p.port}"}, ca=PEM) as n:
                expect(n.ask(f"https://{HOST}/", method="POST", timeout_ms=3000), NOT_SENT, "proxy")
        for url in (f"http://127.0.0.1:{p.port}", "http://nothing.invalid:3128",
                    "socks5://127.0.0.1:1080", "http://127.0.0.1:99999", "https://127.0.0.1:1"):
            with Net(env={"https_proxy": url}, ca=PEM) as n:
                expect(n.ask(f"https://{HOST}/", timeout_ms=3000), NOT_SENT, "proxy")
        assert not s.seen


@case
def other_proxies_do_not_count():
    with serve() as s, Proxy(s.port) as p:
        url = f"http://127.0.0.1:{p.port}"
        for env in ({"ALL_PROXY": url, "all_proxy": url, "http_proxy": url, "HTTP_PROXY": url},
                    {"https_proxy": url, "no_proxy": "x.test," + HOST}, {"https_proxy": url, "NO_PROXY": "*"},
                    {"https_proxy": url, "no_proxy": ".test"}, {"https_proxy": ""}):
            with Net([s.port], env=env, ca=PEM) as n:
                assert n.at(s).status == 200, env
        assert p.n_connections == 0


# -- the sandbox --

@case
def only_the_given_ports():
    with serve() as s, serve() as other, Net([s.port], ca=PEM) as n:
        assert n.at(s).status == 200
        if landlock_abi() < 4:
            print("# landlock here knows no ports")
            return
        expect(n.at(other), NOT_SENT, "connect")
        assert other.n_connections == 0


def landlock_abi():
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


@case
def the_process_is_bound():
    with Net(env={"HOME": "/root", "SECRET": "x", "LD_PRELOAD": ""}, ca=PEM) as n:
        n.ask("https://nothing.test/")
        status = n.status()
        assert status["NoNewPrivs"] == "1"
        assert SANITIZED or status["Seccomp"] == "2", status["Seccomp"]
        fds = sorted(os.listdir(f"/proc/{n.p.pid}/fd")) if os.geteuid() == 0 else []
        links = [os.readlink(f"/proc/{n.p.pid}/fd/{f}") for f in fds]
        assert not [x for x in links if x.startswith("/") and x != "/dev/null"], links


@case
def files_are_out_of_reach():
    """a path in place of a CA's text is not opened; the system's authorities can be read"""
    probe = os.path.join(TOP, "probe.pem")
    with open(probe, "wb") as f:
        f.write(PEM)
    with serve() as s, Net([s.port]) as n:
        expect(n.at(s, ca=probe.encode()), NOT_SENT, "refused_here")
        r = n.at(s)  # the system's authorities, read after the sandbox stands
        expect(r, NOT_SENT, "certificate")
        assert "error setting" not in r.detail, r


# -- what stays in memory --

def memory_has(pid, needles):
    """Which of them stand anywhere in the process's memory."""
    found = set()
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            lo, hi = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            try:
                mem.seek(lo)
                data = mem.read(hi - lo)
            except (OSError, ValueError):
                continue
            found |= {k for k in needles if k in data}
    return found


@case
def nothing_secret_stays():
    if os.geteuid() != 0:
        return "only root may read that memory"
    if SANITIZED:
        return "a sanitizer keeps what is freed"
    marks = {b"passphrase-mark-%d-7f3a9c" % i for i in range(40)} | {b"body-mark-51d0aa", b"path-mark-88c1"}
    with serve() as s, Net([s.port], ca=PEM) as n:
        for i in range(40):
            n.send(f"https://{HOST}/path-mark-88c1", method="POST", body=b"body-mark-51d0aa",
                   headers=[("OK-ACCESS-PASSPHRASE", f"passphrase-mark-{i}-7f3a9c")],
                   connect_to=f"::127.0.0.1:{s.port}")
        for _ in range(40):
            assert n.wait().status == 200
        r = n.at(s, "/control-mark-27aa", headers=[("X", "y")], method="POST", body=b"control")
        assert r.status == 200
        time.sleep(0.1)
        left = memory_has(n.p.pid, marks | {HOST.encode()})
        assert HOST.encode() in left, "the search finds nothing at all"
        assert left == {HOST.encode()}, sorted(left)
        # while one is under way it is there, which proves that the search would see it

        def slow(conn):
            conn.request()
            time.sleep(1)
            conn.reply()
    with serve(slow) as s, Net([s.port], ca=PEM) as n:
        n.send(f"https://{HOST}/", headers=[("X", "mark-under-way-1b")], connect_to=f"::127.0.0.1:{s.port}")
        time.sleep(0.5)
        assert memory_has(n.p.pid, {b"mark-under-way-1b"})
        assert n.wait().status == 200
    return None


# -- by the courier --

def fetch(*wishes, env=None):
    full = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    full.update(env or {})
    p = subprocess.run([os.path.join(TOOLS, "fetch")], env=full, timeout=60, check=False,
                       input="".join(json.dumps(w) + "\n" for w in wishes).encode(),
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = p.stdout.decode().splitlines()
    assert p.returncode == 0 and lines[-1] == "end" and not p.stderr, p
    return {r["id"]: r for r in map(json.loads, lines[:-1])}


@case
def the_courier_carries():
    ca = os.path.join(TOP, "ca.pem")
    with serve() as s:
        base = {"ca_file": ca, "connect_to": f"::127.0.0.1:{s.port}"}
        url = "https://api.binance.com/api/v3/time"
        got = fetch({"url": url, **base}, {"url": url, "method": "POST", "body": "a=1", **base},
                    {"url": "https://api.okx.com/", **base},
                    {"url": "https://testnet.binance.vision/", **base},
                    {"url": "https://fapi.binance.com/", "hosts": ["api.binance.com"], **base},
                    {"url": url, "ca_file": ca, "connect_to": "::nothing.invalid:443"})
        assert got[0]["status"] == got[1]["status"] == 200, got
        for i in (2, 3, 4):
            assert got[i]["fault"] == 1 and got[i]["code"] == -50, got[i]
            assert "the host is none of the exchange's" in got[i]["text"]
        assert got[5]["text"] == "cannot reach 'api.binance.com': its name could not be resolved"
        assert got[5]["hints"], got[5]
    with serve(dies_on_second) as s:
        base = {"ca_file": ca, "connect_to": f"::127.0.0.1:{s.port}", "alone": True}
        got = fetch({"url": url, **base}, {"url": url, "method": "POST", **base})
        assert got[1]["text"].startswith("no whole answer from 'api.binance.com': ")
        assert got[1]["text"].endswith("; it may have been carried out"), got[1]
        assert got[1]["hints"][0].startswith("look at the open orders"), got[1]


@case
def coffer_net_is_found():
    """beside the program, else in ../lib/coffer; never along PATH or in the working directory"""
    for place in ("bin", "lib/coffer", None):
        top = tempfile.mkdtemp(dir=TOP)
        os.makedirs(os.path.join(top, "bin"))
        os.makedirs(os.path.join(top, "lib/coffer"))
        os.makedirs(os.path.join(top, "elsewhere"))
        shutil.copy(os.path.join(TOOLS, "fetch"), os.path.join(top, "bin/fetch"))
        shutil.copy(net.NET, os.path.join(top, place or "elsewhere", "coffer-net"))
        os.symlink(os.path.join(top, "bin/fetch"), os.path.join(top, "elsewhere/fetch"))
        env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        env["PATH"] = os.path.join(top, "elsewhere")
        p = subprocess.run(["fetch", "--find"], executable=os.path.join(top, "elsewhere/fetch"),
                           env=env, cwd=os.path.join(top, "elsewhere"), check=False, timeout=60,
                           input=b'{"url": "https://none.test/"}\n', stdout=subprocess.PIPE)
        if place:
            assert p.returncode == 0 and b"none of the exchange's" in p.stdout, p
        else:
            assert p.returncode == 1 and b"coffer-net is missing" in p.stdout, p


@case
def only_coffer_net_links_the_network():
    def needed(name):
        out = subprocess.run(["readelf", "-d", os.path.join(os.path.dirname(COFFER), name)], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        return [x for x in out.splitlines() if "NEEDED" in x]
    try:
        coffer, own = needed("coffer"), needed("coffer-net")
    except FileNotFoundError:
        return "readelf is not installed"
    assert not [x for x in coffer if "curl" in x or "seccomp" in x or "libssl" in x], coffer
    assert [x for x in own if "libcurl" in x] and (SANITIZED or [x for x in own if "libseccomp" in x]), own
    assert not [x for x in own if "p11" in x], own
    return None


main(TESTS, needs_softhsm=False)
