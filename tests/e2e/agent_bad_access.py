#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 60 s
"""Who is not let in: other users on either socket, bearers that were revoked, lent and given back,
or made for another key; and that nobody learns more than that by trying"""
import json
import os
import stat
import subprocess
import sys
import time

import agent_kit
import agent_world as world
from agent_world import own, wait_for

the_world, close = world.once("binance", "okx")
NOBODY = 65534
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
ACCOUNT = "/api/v3/account"
# Says what became of a request on a socket: "refused" (no connection), "closed" (not a byte), or
# the first line of the answer.
KNOCK = r"""
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
try:
    s.connect(sys.argv[1])
except OSError as e:
    print("refused")
    sys.exit()
try:
    s.sendall(sys.argv[2].encode() + b"\n")
    data = s.recv(65536)
except ConnectionError:
    data = b""
print(data.decode().splitlines()[0] if data else "closed")
"""
HELLO = '{"op":"hello","protocol":1}'
PING = "GET /binance/https://api.binance.com/api/v3/ping HTTP/1.1\r\nHost: coffer\r\n\r\n"


def knock(path, text, uid=NOBODY):
    argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all",
            PYTHON, "-I", "-c", KNOCK, path, text]
    p = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", timeout=20)
    assert p.returncode == 0, p.stderr
    return p.stdout.strip()


def open_up(a):
    """Somebody made folders and sockets open to all."""
    os.chmod(a.top, 0o755)
    os.chmod(a.run_dir, 0o755)
    for path in (a.socket, a.proxy):
        os.chmod(path, 0o666)


def other_users_matter():
    return None if os.geteuid() == 0 else "not run: only root can become another user"


def test_other_uid():
    """another user: kept out by the folder, and by both sockets where folder and modes are open"""
    why = other_users_matter()
    if why:
        return why
    w = the_world()
    before = len(w.x.log)
    for path, text in ((w.a.socket, HELLO), (w.a.proxy, PING)):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert knock(path, text) == "refused", path
    open_up(w.a)
    try:
        for path, text in ((w.a.socket, HELLO), (w.a.proxy, PING), (w.a.socket, PING),
                           (w.a.socket, '{"op":"lock"}'), (w.a.proxy, HELLO)):
            assert knock(path, text) == "closed", (path, text)
        assert knock(w.a.socket, HELLO, uid=0).startswith('{"result"')
        assert knock(w.a.proxy, PING, uid=0) == "HTTP/1.1 200 OK"
    finally:
        for path, mode in ((w.a.top, 0o700), (w.a.run_dir, 0o700), (w.a.socket, 0o600),
                           (w.a.proxy, 0o600)):
            os.chmod(path, mode)
    assert len(w.x.log) == before + 1 and w.a.is_unlocked()
    return None


def test_proxy_uid():
    """--proxy-uid: that user may use the proxy, its socket only, and nobody else"""
    why = other_users_matter()
    if why:
        return why
    w = the_world()
    a = w.a
    a.stop()
    place = os.path.join(a.top, "place")
    os.mkdir(place, 0o755)
    path = os.path.join(place, "p.sock")
    os.chmod(a.top, 0o755)
    try:
        a.start("--proxy-socket", path, "--proxy-uid", str(NOBODY))
        a.unlock()
        assert knock(path, PING) == "HTTP/1.1 200 OK"
        assert knock(path, PING, uid=NOBODY - 1) == "closed"
        assert knock(path, PING.replace("ping", "account")) == "HTTP/1.1 200 OK"
        os.chmod(a.run_dir, 0o755)
        os.chmod(a.socket, 0o666)
        assert knock(a.socket, HELLO) == "closed"
    finally:
        for kept, mode in ((a.socket, 0o600), (a.run_dir, 0o700), (a.top, 0o700)):
            os.chmod(kept, mode)
        a.stop()
        wait_for("its end", lambda: a.pid is None)
        a.start()
        a.unlock()
    return None


def account(w, c, bearer=None, key=None, exchange="binance", path=ACCOUNT):
    """A signed read with a bearer in the path, or as API key."""
    headers = {"X-MBX-APIKEY": key} if key else {}
    return c.ask("GET", w.target(exchange, path, bearer), None, headers)


def test_revoked():
    """a bearer after its revoke: 401 at once, on connections that it opened too, in both forms"""
    w = the_world()
    bearer = w.bearer("binance", "mm1")
    other = w.bearer("binance", "mm2")
    key = f"coffer_binance_{bearer}"
    with w.connect(w.tcp) as kept, w.connect(w.tcp) as kept2, w.connect(w.tcp) as kept3:
        assert account(w, kept, bearer).status == 200
        assert account(w, kept2, key=key).status == 200
        assert account(w, kept3, other).status == 200
        before = len(w.x.log)
        w.h.ok("bearer", "binance", "revoke", "mm1", pin=False)
        own(account(w, kept, bearer), 401)
        own(account(w, kept2, key=key), 401)
        order, number = w.order(bearer=bearer)
        own(kept.ask(*order), 401)
        order, number2 = w.order()
        own(kept2.ask(*order[:3], {**world.FORM, "X-MBX-APIKEY": key}), 401)
        with w.connect(w.tcp) as c:
            own(account(w, c, bearer), 401)
            own(c.ask("GET", w.target("binance", "/api/v3/ping", bearer)), 401)
        assert len(w.x.log) == before and w.sent(number) + w.sent(number2) == 0
        assert account(w, kept3, other).status == 200   # the others' go on
    w.bearer("binance", "mm1")                          # of the same name, but another one
    with w.connect(w.tcp) as c:
        own(account(w, c, bearer), 401)


def test_revoked_under_load():
    """eight clients with one bearer, revoked under load: after that not one request is sent"""
    w = the_world()
    bearer = w.bearer("binance", "crowd")
    stop, seen = [], []

    def ask():
        with w.connect(w.tcp) as c:
            while not stop:
                r = account(w, c, bearer)
                seen.append(r.status)
                if r.status == 401:
                    return
                assert r.status in (200, 429), r
    clients = [world.Later(ask) for _ in range(8)]
    wait_for("some answers", lambda: len(seen) > 50)
    w.h.ok("bearer", "binance", "revoke", "crowd", pin=False)
    ended = time.time()
    for c in clients:
        c.result(10)
    stop.append(True)
    assert seen.count(401) == 8
    late = [e for e in w.x.log if e.time > ended + 0.05]    # what was under way then
    assert not late, late


def test_other_key():
    """a bearer opens its own key, no other; and what is wrong with one is not told"""
    w = the_world()
    bearer = w.bearer("binance", "one")
    before = len(w.x.log)
    said = set()
    with w.connect(w.tcp) as c:
        for wrong in ("", bearer[:-1], bearer + "0", bearer.upper(), "0" * 32, "f" * 32,
                      bearer[:-1] + ("0" if bearer[-1] != "0" else "1")):
            if wrong != bearer:
                r = account(w, c, wrong) if wrong else account(w, c)
                assert r.status in (401, 422), (wrong, r)
                own(r, r.status)
                if len(wrong) == 32 and wrong.islower() | wrong.isdigit():
                    said.add(r.text.replace(wrong, ""))
        r = own(account(w, c, bearer, exchange="okx", path="/api/v5/account/balance"), 401)
        assert bearer not in r.text
        r = own(c.ask("GET", w.target("binance", ACCOUNT), None,
                      {"X-MBX-APIKEY": f"coffer_okx_{bearer}"}), 401)
        assert len(said) == 1, said
        assert account(w, c, bearer).status == 200
    assert len(w.x.log) == before + 1, w.x.log[before:]


def test_lent():
    """what `coffer run` lends ends with it: 401 for who kept it, at once"""
    w = the_world()
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    r = w.h.run("run", "binance", "--", sys.executable, "-c", show, pin=False)
    assert r.code == 0, r
    env = json.loads(r.out)
    bearer = env["COFFER_API_KEY"].rsplit("_", 1)[1]
    assert f"~{bearer}/" in env["COFFER_PROXY_URL"]
    before = len(w.x.log)
    with w.connect(w.tcp) as c:
        own(account(w, c, bearer), 401)
        own(account(w, c, key=env["COFFER_API_KEY"]), 401)
    # while it runs it works, and a kept connection does not keep it
    with w.a.client() as lender:
        bearer = lender.ask("lend", name="binance", client="t")["bearer"]
        with w.connect(w.tcp) as c:
            assert account(w, c, bearer).status == 200
            lender.socket.close()
            wait_for("401", lambda: account(w, c, bearer).status == 401, 3)
    assert len(w.x.log) - before >= 1
    with w.connect(w.tcp) as c:
        own(account(w, c, bearer), 401)


def test_locked():
    """locked: 401 says how to unlock; a public request too, by a key with a way of its own"""
    w = the_world()
    w.a.ask("lock")
    before = len(w.x.log)
    with w.connect() as c:
        own(account(w, c), 401, "coffer unlock")
        order, number = w.order()
        own(c.ask(*order), 401)
        assert len(w.x.log) == before
        # whether --connect-to is the owner's wish nobody can tell without the vault's key
        own(c.ask("GET", w.target("binance", "/api/v3/ping")), 401, "coffer unlock")
        assert len(w.x.log) == before
        w.a.unlock()
        assert account(w, c).status == 200 and w.sent(number) == 0


def test_guessing():
    """thousands of guessed bearers: 401 or 429, and who has a good one goes on meanwhile"""
    w = the_world()
    bearer = w.bearer("binance", "good")
    kinds, begun = {}, time.monotonic()
    with w.connect(w.tcp) as bad, w.connect(w.tcp) as good:
        assert account(w, good, bearer).status == 200
        for i in range(3000):
            bad.begin("GET", w.target("binance", ACCOUNT, f"{i:032x}"))
            if i % 50 == 49:
                for _ in range(50):
                    r = bad.reply()
                    assert r.status in (401, 429), r
                    kinds[r.status] = kinds.get(r.status, 0) + 1
                assert account(w, good, bearer).status == 200
    assert time.monotonic() - begun < 20, kinds
    assert agent_kit.Process(w.a.core).is_alive()


if __name__ == "__main__":
    world.main([test_other_uid, test_proxy_uid, test_revoked, test_revoked_under_load,
                test_other_key, test_lent, test_locked, test_guessing], close)
