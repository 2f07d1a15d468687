#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agent/PROTOCOL.md against a running agent: every 'C:' line of its examples is sent, and every 'A:'
line must be what comes, but for what differs from run to run (VARIES). Then what the page says of
limits, of bad clients, and of a client that hangs up.
# run: once
"""
import array
import hmac
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

import lib

PAGE = os.path.join(lib.ROOT, "agent/PROTOCOL.md")
# Members whose value is of this form, and another one each time.
VARIES = {
    "version": r"\d+\.\d+.*", "pid": r"\d+", "vault_id": "[0-9a-f]{32}", "started_ms": r"1\d{12}",
    "at_ms": r"1\d{12}", "vault": "/.*", "socket": "/.*sock", "rid": "[0-9a-f]{64}", "serial": ".+",
    "firmware": r"\d+\.\d+", "driver": ".+", "manufacturer": ".+", "model": ".+", "label": ".+",
    "token": ".+", "bearer": "[0-9a-f]{32}", "key": "coffer_main_[0-9a-f]{32}", "recoveries": r"\d+",
    "touch": "never|always|cached|unknown"}
URL = (("timestamp=[0-9]{13}", "timestamp=T"), ("signature=[0-9a-f]{64}", "signature=S"))


def blocks():
    """The examples: one list of (who, line) for each fenced block."""
    with open(PAGE, encoding="utf-8") as f:
        parts = re.findall(r"^```\n(.*?)^```$", f.read(), re.M | re.S)
    out = []
    for part in parts:
        lines = [re.fullmatch(r"(C|C\+PIN|A): (.*)", line) for line in part.splitlines()]
        assert all(lines), part
        out.append([m.groups() for m in lines])
    return out


def url(v):
    for pattern, by in URL:
        v = re.sub(pattern, by, v)
    return v


def same(want, got, name=""):
    """'' or what differs. "..." stands for any text, ["..."] for any texts."""
    if want == "...":
        return "" if isinstance(got, str) and got else f"{name}: {got!r} is no text"
    if want == ["..."]:
        return "" if isinstance(got, list) and all(isinstance(x, str) for x in got) else f"{name}: {got!r}"
    if type(want) is not type(got):
        return f"{name}: {got!r}, not {want!r}; "
    if isinstance(want, dict):
        if list(want) != list(got):
            return f"{name}: members {list(got)}, not {list(want)}"
        return "".join(same(want[k], got[k], k) for k in want)
    if isinstance(want, list):
        if len(want) != len(got):
            return f"{name}: {got!r}, not {want!r}"
        return "".join(same(a, b, name) for a, b in zip(want, got))
    if name in VARIES:
        return "" if re.fullmatch(VARIES[name], str(got)) else f"{name}: {got!r}"
    if name == "url" and isinstance(want, str):
        return "" if url(want) == url(got) else f"url: {got!r}, not {want!r}"
    return "" if want == got else f"{name}: {got!r}, not {want!r}; "


class Client:
    """One connection."""

    def __init__(self, agent):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(agent.path)
        self.read = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.read.close()
        self.s.close()

    def say(self, line, pin=None):
        data = line.encode() + b"\n"
        if pin is None:
            self.s.sendall(data)
            return
        r, w = os.pipe()
        os.write(w, pin.encode())
        os.close(w)
        self.s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [r]))])
        os.close(r)

    def hear(self):
        """The next line; None at the end."""
        line = self.read.readline()
        return json.loads(line) if line else None

    def ask(self, **request):
        self.say(json.dumps(request))
        return self.hear()


class Agent:
    """A home with a vault of two keys, and an agent for it."""

    def __init__(self):
        self.home = lib.Home()
        run = os.path.join(self.home.top, "run")
        os.mkdir(run, 0o700)
        self.home.extra_env["XDG_RUNTIME_DIR"] = run
        self.path = os.path.join(run, "coffer/agent.sock")
        self.home.ok("init", "--softhsm")
        key = self.home.private("key.json", json.dumps(lib.BINANCE))
        for name, *more in (("main",), ("signing", "--release", "yes", "--unseal", "session", "--allow",
                                          "session")):
            self.home.ok("add", name, "binance", "--no-verify", "--accept-risk", "no network here",
                         "--from-json", key, *more)
        self.process = subprocess.Popen([lib.COFFER, "agent", "--foreground"], cwd=self.home.top,
                                        env=self.home.environ(), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
        end = time.time() + 20
        while not os.path.exists(self.path):
            assert time.time() < end and self.process.poll() is None, "no agent"
            time.sleep(0.02)
        while True:         # coffer-net comes a moment later
            with Client(self) as c:
                if c.ask(op="status")["result"]["proxy"]["running"]:
                    return
            assert time.time() < end, "no proxy"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.err = self.process.stderr.read().decode()
        self.process.stderr.close()
        self.home.__exit__()


def replay(agent, block):
    with Client(agent) as c:
        for who, line in block:
            if who != "A":
                c.say(line, lib.PIN + "\n" if who == "C+PIN" else None)
            elif line == "(the end)":
                assert c.hear() is None, "it goes on"
            else:
                got = c.hear()
                what = same(json.loads(line), got)
                assert not what, f"{what}\nwanted {line}\ngot    {json.dumps(got)}"


def test_examples(agent):
    all_blocks = blocks()
    assert len(all_blocks) >= 8, all_blocks
    ops = set()
    for block in all_blocks:
        replay(agent, block)
        ops |= {json.loads(x)["op"] for who, x in block if who != "A" and x.startswith("{")}
    missing = {"hello", "list", "status", "unlock", "lock", "sign", "sign_ws", "lend", "subscribe",
               "reload"} - ops
    assert not missing, f"no example of {missing}"


def unlock(agent):
    with Client(agent) as c:
        c.say('{"op":"unlock"}', lib.PIN)
        got = c.hear()
        assert got.get("result", {}).get("unlocked") is True, got


SIGN = {"op": "sign", "name": "signing",
        "request": {"method": "GET", "url": "https://api.binance.com/api/v3/account"}}


def test_wrong_pin(agent):
    with Client(agent) as c:
        assert c.ask(op="lock") == {"result": {}}
        c.say('{"op":"unlock"}', "not the PIN at all\n")
        e = c.hear()["error"]
        assert e["code"] == "wrong_pin" and e["pin_try"] == "tried", e
        e = c.ask(**SIGN)["error"]
        assert e["code"] == "person", e
    unlock(agent)
    with Client(agent) as c:
        assert "result" in c.ask(**SIGN)


def test_signature(agent):
    """Worked out here too; and a time of the client's is taken when it is near enough."""
    with Client(agent) as c:
        for off, good in ((None, True), (0, True), (-4000, True), (-7000, False), (900, True), (3000, False)):
            now = int(time.time() * 1000)
            clock = {} if off is None else {"clock": {"timestamp_ms": now + off}}
            url = "https://api.binance.com/api/v3/order?symbol=LTCBTC&origClientOrderId=a%20b"
            got = c.ask(**{**SIGN, "request": {"method": "GET", "url": url, **clock}})
            assert ("result" in got) == good, (off, got)
            if not good:
                continue
            m = re.fullmatch(re.escape(url) + "(&timestamp=([0-9]{13}))&signature=([0-9a-f]{64})",
                             got["result"]["url"])
            assert m, got
            signed = url.split("?")[1] + m[1]
            want = hmac.new(lib.BINANCE["api_secret"].encode(), signed.encode(), "sha256").hexdigest()
            assert m[3] == want, got
            assert abs(int(m[2]) - now - (off or 0)) < (2000 if off is None else 1), (off, got)


def test_pipelined(agent):
    """A hundred with ids: each gets its own, whatever the order."""
    with Client(agent) as c:
        c.say("\n".join(json.dumps({**SIGN, "id": i}) for i in range(100)))
        got = [c.hear() for _ in range(100)]
    assert sorted(g["id"] for g in got) == list(range(100))
    bad = [g for g in got if "result" not in g]
    assert not bad, bad[0]


def test_lock_forgets(agent):
    with Client(agent) as c:
        assert c.ask(op="status")["result"]["held"] >= 1
        assert c.ask(op="lock") == {"result": {}}
        status = c.ask(op="status")["result"]
        assert status["held"] == 0 and status["last_lock"]["at_ms"] > 10 ** 12, status
        assert not any(t["unlocked"] for t in status["tokens"]), status
        assert c.ask(**SIGN)["error"]["code"] == "person"
    unlock(agent)


def test_long_lines(agent):
    body = "b" * (1024 * 1024 - 400)
    with Client(agent) as c:
        got = c.ask(**{**SIGN, "request": {"method": "POST", "url": "/api/v3/order", "body": body}})
        assert got.get("result", {}).get("body", "").startswith(body) or "error" in got, str(got)[:300]
    with Client(agent) as c:
        try:
            c.s.sendall(b" " * (1024 * 1024 + 1))
        except OSError:
            pass
        assert c.hear()["error"]["code"] == "limit"
        assert c.hear() is None


def test_bad_clients(agent):
    """They go, each with one line at most; a good one beside them does not notice."""
    with Client(agent) as good:
        for data in (b"\n", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\5hello\n", b"[]\n", b"{}{}\n", b"\xff\n",
                     b'{"op":"list","op":"list"}\n', b'{"op":"list","id":[]}\n', b"{" * 100 + b"\n"):
            with Client(agent) as c:
                c.s.sendall(data)
                got = c.hear()
                assert got["error"]["code"] == "usage" and "id" not in got, (data, got)
                assert c.hear() is None, data
            assert good.ask(op="hello", protocol=1)["result"]["protocol"] == 1, data
        with Client(agent) as c:        # a descriptor that nobody asked for
            r, w = os.pipe()
            c.s.sendmsg([b'{"op":"list"}\n'],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [r, w]))])
            assert "result" in c.hear()
            assert c.hear()["error"]["code"] == "usage" and c.hear() is None
            os.close(w)
            assert os.read(r, 1) == b"", "the agent keeps it"
            os.close(r)
        for linger in range(20):        # gone in the middle of all kinds of things
            c = Client(agent)
            c.say(json.dumps(SIGN) if linger % 2 else '{"op":"subscribe"}')
            c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.read.close()
            c.s.close()
        end = time.time() + 5
        while good.ask(op="status")["result"]["clients"] > 1:
            assert time.time() < end, "it still counts those that are gone"
            time.sleep(0.01)


def test_idle_clients(agent):
    many = []
    try:
        for _ in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(agent.path)
            many.append(s)
    except OSError as e:
        assert e.errno == 24, e      # of this process: too many open files
    try:
        with Client(agent) as c:
            assert "result" in c.ask(**SIGN)
            got = c.ask(op="status")["result"]["clients"]
            assert got == len(many) + 1, (got, len(many))
    finally:
        for s in many:
            s.close()


def test_slow_client(agent):
    with Client(agent) as c:
        for b in b'{"op":"hello","protocol":1}\n':
            c.s.sendall(bytes([b]))
            time.sleep(0.002)
        assert c.hear()["result"]["protocol"] == 1


def test_never_reads(agent):
    """It is held up, not buffered for; and gets all of it when it reads at last."""
    with Client(agent) as c, Client(agent) as good:
        line = json.dumps({"op": "list", "id": 1}).encode() + b" " * 300 + b"\n"
        c.s.settimeout(0.3)
        n = 0
        try:
            while n < 100000:
                c.s.sendall(line)
                n += 1
        except TimeoutError:
            pass
        assert 0 < n < 100000, "it is never held up"
        assert good.ask(op="hello", protocol=1)["result"]["protocol"] == 1
        c.s.settimeout(20)
        with open(f"/proc/{good.ask(op='status')['result']['pid']}/status", encoding="utf-8") as f:
            rss = int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))
        assert rss < 16 * 1024 or "ASAN_OPTIONS" in os.environ, f"{rss} KiB"
        for _ in range(n):
            assert c.hear()["id"] == 1


def test_stop(agent):
    with Client(agent) as c:
        assert c.ask(op="stop") == {"result": {}}
        assert c.hear() is None
    assert agent.process.wait(15) == 0
    assert not os.path.exists(agent.path), "its socket is left"


def main():
    tests = [v for k, v in globals().items() if k.startswith("test_")]
    if not lib.softhsm_module():
        print("1..0 # SKIP SoftHSM is not installed")
        return 0
    failed = 0
    with Agent() as agent:
        for n, test in enumerate(tests, 1):
            try:
                test(agent)
                print(f"ok {n} - {test.__name__}", flush=True)
            except Exception:           # pylint: disable=broad-except
                failed += 1
                print(f"not ok {n} - {test.__name__}", flush=True)
                lib.traceback.print_exc(file=sys.stdout)
    if failed:
        print("# the agent said:", *agent.err.splitlines(), sep="\n# ")
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
