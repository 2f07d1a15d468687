#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer run: a bot that trades with a key that it never has; what it is given, what not, signals,
its exit status, and that the agent it needs comes and goes with it"""
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse

import kit
import lib
from agent_cli import stop
from agent_kit import processes
from request import ORDER, READ, world

PIN_OPTION = "--pin-file"

# A bot without any secret: it reads its balance and places an order.
BOT = r"""
import json, os, sys, urllib.request
url, key = os.environ["COFFER_PROXY_URL"], os.environ["COFFER_API_KEY"]
def call(method, target, body=None, headers={}):
    r = urllib.request.Request(url + target, method=method, data=body,
                               headers={"X-MBX-APIKEY": key, **headers})
    with urllib.request.urlopen(r, timeout=20) as reply:
        return json.load(reply)
account = call("GET", "https://api.binance.com/api/v3/account?timestamp=1&signature=00")
order = call("POST", "https://api.binance.com/api/v3/order?" + sys.argv[1])
print(json.dumps({"balances": len(account["balances"]), "order": order["orderId"]}))
"""


def run(h, name, *cmd, options=(), **kw):
    r = h.run("run", name, *options, PIN_OPTION, h.pin_file, "--", *cmd, pin=False, **kw)
    kit.calm(r)
    lib.no_secret(r.out + r.err, lib.PIN)
    return r


def env_of(h, *options, name="binance", **env):
    """The environment of a program that coffer run starts."""
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    r = run(h, name, sys.executable, "-c", show, options=options, env=h.environ(**env))
    assert r.code == 0, r
    return json.loads(r.out), r


def no_agent(h):
    assert h.ok("status", "--json", pin=False).json()["agent"] is None


def test_trades():
    """a script without a secret reads and trades; the exchange sees good signatures"""
    w = world()
    w.x.funds("A1", {"USDT": "100000"}, "binance")
    before = len(w.x.orders(exchange="binance"))
    r = run(w.h, "binance", sys.executable, "-c", BOT, urllib.parse.urlencode(ORDER["binance"][1]))
    assert r.code == 0 and json.loads(r.out)["balances"], r
    assert len(w.x.orders(exchange="binance")) == before + 1
    assert len(w.x.log) == 2 and all(c.ok for c in w.x.log), w.x.log
    assert w.keys["binance"].credentials["api_key"] not in r.out
    no_agent(w.h)


def test_environment():
    """it gets the caller's environment, the address and credentials that are none; no secret, and
    nothing that leads to the vault or the token"""
    w = world()
    h = w.h
    env, r = env_of(h, MY_SETTING="x y", COFFER_HOME=h.vault, SOFTHSM2_CONF="/nowhere",
                    CREDENTIALS_DIRECTORY="/nowhere", LISTEN_FDS="0", no_proxy="example.com",
                    BINANCE_API_SECRET="looks like one")
    assert env["MY_SETTING"] == "x y" and env["HOME"] == h.home and env["PATH"], env
    for gone in ("COFFER_HOME", "SOFTHSM2_CONF", "CREDENTIALS_DIRECTORY", "LISTEN_FDS"):
        assert gone not in env, gone
    assert "BINANCE_API_SECRET" in r.err and "looks like one" not in r.err, r
    url = urllib.parse.urlsplit(env["COFFER_PROXY_URL"])
    name, _, bearer = url.path.strip("/").partition("~")
    assert url.hostname == "127.0.0.1" and name == "binance" and len(bearer) == 32, url
    assert env["COFFER_API_KEY"] == f"coffer_binance_{bearer}", env
    secret = env["COFFER_API_SECRET"]
    assert len(secret) % 4 == 0 and secret.isalnum() and env["COFFER_PASSWORD"] == "coffer"
    assert env["no_proxy"].startswith("example.com,127.0.0.1"), env["no_proxy"]
    text = json.dumps(env)
    for key in w.keys.values():
        lib.no_secret(text, lib.PIN, *kit.secrets_of({"s": 0, **key.credentials}))
    assert h.pin_file not in text and "coffer-softhsm" not in text


def test_kinds():
    """freqtrade and Hummingbot get the names that they read"""
    h = world().h
    env, _ = env_of(h, "--as", "freqtrade", FREQTRADE__EXCHANGE__SECRET="old")
    assert env["FREQTRADE__EXCHANGE__CCXT_CONFIG__proxyUrl"] == env["COFFER_PROXY_URL"]
    assert env["FREQTRADE__EXCHANGE__KEY"] == env["COFFER_API_KEY"]
    assert env["FREQTRADE__EXCHANGE__SECRET"] == env["COFFER_API_SECRET"]
    assert env["FREQTRADE__EXCHANGE__PASSWORD"] == env["COFFER_PASSWORD"]
    env, _ = env_of(h, "--as", "hummingbot", PYTHONPATH="/mine")
    plugin, mine = env["PYTHONPATH"].split(":")
    assert mine == "/mine" and os.path.exists(plugin + "/coffer_hummingbot.py"), env["PYTHONPATH"]
    kit.refused(h, 2, "--as", "run", "binance", "--as", "excel", "--", "true", pin=False)


# Hummingbot's module as its connectors use it, and a connector's calls.
CONNECTION = """
class RESTConnection:
    def __init__(self, session):
        self.session = session
    async def call(self, request):
        return request.url
"""
CALLS = """
import asyncio, json, os
from types import SimpleNamespace as R
from hummingbot.core.web_assistant.connections.rest_connection import RESTConnection
calls = [R(url='https://h/p', is_auth_required=auth, headers=headers) for auth, headers in (
    (True, {'X-MBX-APIKEY': 'coffer_binance'}), (False, None), (True, None),
    (True, {'K': 'coffer_my_okx-1_' + '0' * 32}), (True, {'K': 'coffer_okx'}))]
first = [asyncio.run(RESTConnection(None).call(c)) for c in calls]
assert first == [asyncio.run(RESTConnection(None).call(c)) for c in calls]
print(json.dumps([os.environ['COFFER_PROXY_URL'], first]))
"""


def test_hummingbot():
    """the plug-in loads by itself; what is to be signed goes to the proxy, all else as it was"""
    h = world().h
    top = os.path.join(h.top, "bot")
    folder = os.path.join(top, "hummingbot/core/web_assistant/connections")
    os.makedirs(folder, exist_ok=True)
    for name, text in ((folder + "/rest_connection.py", CONNECTION), (top + "/start.py", CALLS)):
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
    r = run(h, "binance", sys.executable, top + "/start.py", options=("--as", "hummingbot"))
    assert r.code == 0, r
    url, got = json.loads(r.out)
    base = url.rsplit("/", 2)[0]
    assert got == [url + "https://h/p", "https://h/p", url + "https://h/p",
                   f"{base}/my_okx-1~{'0' * 32}/https://h/p", f"{base}/okx/https://h/p"], (url, got)


def test_process():
    """it is a process as the caller's: umask, descriptors, signals, arguments; not ours"""
    h = world().h
    show = ("import json, os, signal, sys; m = os.umask(0); print(json.dumps({'umask': m, 'fds': "
            "sorted(int(x) for x in os.listdir('/proc/self/fd')), 'pipe': signal.getsignal("
            "signal.SIGPIPE) != signal.SIG_IGN or sys.argv[0], 'args': sys.argv[1:], 'status': "
            "open('/proc/self/status').read()}))")
    reader, writer = os.pipe()
    try:
        r = run(h, "binance", sys.executable, "-c", show, "--json", "--pin-fd", "-x",
                pass_fds=(reader,))
    finally:
        os.close(reader)
        os.close(writer)
    told = json.loads(r.out)
    assert told["args"] == ["--json", "--pin-fd", "-x"], told
    assert told["fds"] == [0, 1, 2, 3], told["fds"]     # 3 is the listing's own
    old = os.umask(0)
    os.umask(old)
    assert told["umask"] == old, told["umask"]
    status = dict(x.split(":\t", 1) for x in told["status"].splitlines() if ":\t" in x)
    assert int(status["SigBlk"], 16) == 0, status["SigBlk"]
    assert not int(status["SigIgn"], 16) & (1 << (signal.SIGPIPE - 1)) or "python" in sys.executable


def test_status():
    """the exit status is the program's; 128 and the number when a signal ended it"""
    h = world().h
    for code in (0, 1, 5, 77):
        assert run(h, "binance", "sh", "-c", f"exit {code}").code == code
    assert run(h, "binance", "sh", "-c", "kill -9 $$").code == 137
    r = run(h, "binance", "/no/such/program")
    assert r.code == 1 and "no such program" in r.err, r
    no_agent(h)
    kit.refused(h, 2, "needs the program", "run", "binance", pin=False)
    kit.refused(h, 1, "no key named", "run", "nosuch", "--", "true", pin=False)
    kit.refused(h, 3, "no terminal", "run", "binance", "--", "true", pin=False)
    no_agent(h)


def start(h, *cmd):
    return subprocess.Popen([lib.COFFER, "run", "binance", PIN_OPTION, h.pin_file, "--", *cmd],
                            env=h.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True)


def test_signals():
    """signals are passed on; the program decides what becomes of them"""
    h = world().h
    for number, name in ((signal.SIGTERM, "TERM"), (signal.SIGINT, "INT"), (signal.SIGHUP, "HUP"),
                         (signal.SIGUSR1, "USR1")):
        p = start(h, "sh", "-c", f"trap 'echo got {name}; exit 9' {name}; echo ready; "
                  "while :; do sleep 0.05; done")
        assert p.stdout.readline() == "ready\n"
        p.send_signal(number)
        out, err = p.communicate(timeout=20)
        assert p.returncode == 9 and f"got {name}" in out, (p.returncode, out, err)
    p = start(h, "sleep", "60")
    time.sleep(1.5)
    p.terminate()
    p.communicate(timeout=20)
    assert p.returncode == 143, p.returncode
    no_agent(h)


def ask(url, key):
    u = urllib.parse.urlsplit(url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=20)
    c.request("GET", u.path + "https://api.binance.com/api/v3/account", headers={"X-MBX-APIKEY": key})
    r = c.getresponse()
    return r.status, r.read()


def test_bearer_ends():
    """the bearer that is lent ends with the command, and lets in for this key alone"""
    h = world().h
    h.ok("agent", "--listen", "127.0.0.1:0")
    try:
        p = start(h, sys.executable, "-u", "-c", "import os; print(os.environ['COFFER_PROXY_URL'],"
                  "os.environ['COFFER_API_KEY']); input()")
        p.stdin = None
        line = p.stdout.readline().split()
        p.wait(timeout=20)
        assert ask(*line)[0] == 401, ask(*line)
        r = run(h, "binance", sys.executable, "-c",
                "import os, urllib.request as u\n"
                "url = os.environ['COFFER_PROXY_URL'].replace('/binance~', '/okx~')\n"
                "try: u.urlopen(url + 'https://www.okx.com/api/v5/account/balance')\n"
                "except u.HTTPError as e: print(e.code)")
        assert r.out == "401\n", r
        assert h.ok("status", "--json", pin=False).json()["agent"]["unlocked"]
    finally:
        stop(h)


def test_socket():
    """an agent without a TCP port: the address of its socket, or a word that TCP is needed"""
    h = world().h
    h.ok("agent")
    try:
        env, _ = env_of(h)
        assert env["COFFER_PROXY_URL"] == "http://coffer/binance/", env
        assert os.path.exists(env["COFFER_PROXY_SOCKET"]) and env["COFFER_API_KEY"] == "coffer_binance"
        r = run(h, "binance", "true", options=("--as", "freqtrade"))
        assert r.code == 1 and "TCP" in r.err and "--listen" in r.err, r
        curl = subprocess.run(["curl", "-s", "--unix-socket", env["COFFER_PROXY_SOCKET"],
                               env["COFFER_PROXY_URL"] + "https://api.binance.com" +
                               READ["binance"][1]], stdout=subprocess.PIPE, check=True)
        assert json.loads(curl.stdout)["balances"], curl
    finally:
        stop(h)


def test_killed():
    """coffer run killed: the agent that it started ends too"""
    h = world().h
    p = start(h, "sh", "-c", "echo ready; sleep 5")
    assert p.stdout.readline() == "ready\n"
    p.kill()
    p.wait()
    for _ in range(100):
        if h.ok("status", "--json", pin=False).json()["agent"] is None:
            break
        time.sleep(0.1)
    no_agent(h)
    p.stdout.close()
    p.stderr.close()


def test_core_killed():
    """the agent's core killed while a bot runs: its bearer works again without it"""
    h = world().h
    h.ok("agent", "--listen", "127.0.0.1:0")
    try:
        p = subprocess.Popen([lib.COFFER, "run", "binance", "--", sys.executable, "-u", "-c",
                              "import os; print(os.environ['COFFER_PROXY_URL'], "
                              "os.environ['COFFER_API_KEY']); import time; time.sleep(60)"],
                             env=h.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, start_new_session=True)
        line = p.stdout.readline().split()
        assert ask(*line)[0] == 200, ask(*line)
        for pid in core_of(h):
            os.kill(pid, signal.SIGKILL)
        status = 0
        for _ in range(100):
            status = ask(*line)[0]
            if status == 200:
                break
            time.sleep(0.1)
        p.terminate()
        _, err = p.communicate(timeout=20)
        assert status == 200, (status, err)
    finally:
        stop(h)


def test_agent_stands_still():
    """the agent's core is gone and no other comes: the bot still gets its signals, its end is seen"""
    h = world().h
    h.ok("agent", "--listen", "127.0.0.1:0")
    h.ok("unlock")
    first = [p.pid for p in processes() if p.name == "coffer-agent" and h.vault in p.argv]
    cores = core_of(h)
    first = [pid for pid in first if pid not in cores]
    try:
        p = start(h, "sh", "-c", "trap 'echo got USR1' USR1; trap 'exit 9' TERM; echo ready; "
                  "while :; do sleep 0.05; done")
        assert p.stdout.readline() == "ready\n"
        for pid in first:
            os.kill(pid, signal.SIGSTOP)
        for pid in cores:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        began = time.monotonic()
        p.send_signal(signal.SIGUSR1)
        assert p.stdout.readline() == "got USR1\n"
        p.send_signal(signal.SIGTERM)
        _, err = p.communicate(timeout=20)
        assert p.returncode == 9 and err == "", (p.returncode, err)
        assert time.monotonic() - began < 4, time.monotonic() - began
    finally:
        for pid in first:
            os.kill(pid, signal.SIGCONT)
        stop(h)


def core_of(h):
    """The process of the agent that is a child of another of its processes."""
    mine = {p.pid: p.parent for p in processes() if p.name == "coffer-agent" and h.vault in p.argv}
    return [pid for pid, parent in mine.items() if parent in mine]


if __name__ == "__main__":
    lib.main([test_trades, test_environment, test_kinds, test_hummingbot, test_process, test_status,
              test_signals, test_bearer_ends, test_socket, test_killed, test_core_killed,
              test_agent_stands_still])
