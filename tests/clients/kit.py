# SPDX-License-Identifier: Apache-2.0
"""What the tests with real clients share: the simulated exchanges, a vault with a key for each of
them, and an agent with its proxy, on a Unix socket and on a port of 127.0.0.1."""
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
sys.path.insert(0, os.path.join(ROOT, "clients/python"))

import lib  # noqa: E402  pylint: disable=wrong-import-position

NODE = os.path.join(ROOT, "build/clients")
# What a bot holds in the place of a secret, as `coffer proxy --show` prints it.
DUMMY_SECRET, DUMMY_PASSWORD = "Y29mZmVyLWR1bW15LWtl", "coffer"
# name of the key, exchange, ccxt's id, symbol
BOTS = [("binance-main", "binance", "binance", "BTC/USDT"), ("okx-main", "okx", "okx", "BTC/USDT"),
        ("kraken-main", "kraken", "kraken", "BTC/USD"),
        ("coinbase-main", "coinbase", "coinbase", "BTC/USD")]


class World:
    """with World() as w: w.x the exchange, w.h the home, w.socket and w.url the proxy."""

    def __init__(self, *agent_options):
        self.agent_options = agent_options or ("--listen", "127.0.0.1:0")
        self.keys = {}

    def __enter__(self):
        self.h, self.exchange = lib.Home(), lib.exchange()
        self.x = self.exchange.__enter__()
        self.run = tempfile.mkdtemp(prefix="coffer-", dir="/tmp")  # the path of a socket is short
        self.h.extra_env["XDG_RUNTIME_DIR"] = self.run
        try:
            self.h.init()
            for name, exchange, _, _ in BOTS:
                self.add(name, exchange)
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        self.h.run("agent", "--stop", pin=False)
        self.exchange.__exit__(kind, None, None)
        self.h.__exit__()
        shutil.rmtree(self.run, ignore_errors=True)

    def add(self, name, exchange, *more, **rights):
        key = self.keys[name] = self.x.key(exchange, **rights)
        self.h.ok("add", name, exchange, "--connect-to", self.x.connect_to, "--ca-file",
                  self.x.ca_file, "--accept-risk", "a test", "--from-json", "-", *more,
                  stdin=json.dumps(key.fields))
        return key

    def start(self):
        self.h.ok("agent", *self.agent_options)
        where = self.h.ok("proxy", "--json", pin=False).json()
        self.socket, self.url = where["socket"], "http://" + (where["tcp"] or "")

    def bearer(self, name, client):
        """A new one, as a dummy API key."""
        return f"coffer_{name}_" + self.h.ok("bearer", name, "add", client, pin=False).out.strip()

    def secrets(self):
        return [k.secret for k in self.keys.values()]


def missing(what="ccxt"):
    """Why the client libraries are not here, or None."""
    reason = os.path.join(NODE, "missing")
    if os.path.exists(reason):
        with open(reason, encoding="utf-8") as f:
            return f"{what} is not driven: {f.read().strip()}"
    return None if os.path.isdir(os.path.join(NODE, "node_modules/ccxt")) else \
        "the client libraries are not here: make check-clients"


def ccxt(options, exchange, symbol, **more):
    """Runs ccxt.mjs; the lines that it printed, by step."""
    want = {"exchange": exchange, "options": options, "symbol": symbol, "price": 50000,
            "size": 0.001, **more}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(want, f)
        f.flush()
        p = subprocess.run(["node", os.path.join(ROOT, "tests/clients/ccxt.mjs"), f.name], cwd=NODE,
                           capture_output=True, text=True, timeout=60, check=False,
                           env={"PATH": os.environ["PATH"], "HOME": NODE})
    assert p.returncode == 0, p.stderr
    return {line["step"]: line for line in map(json.loads, p.stdout.splitlines())}


def once(make):
    """One world for all tests of a script, closed at its end."""
    import atexit           # pylint: disable=import-outside-toplevel

    @functools.lru_cache(None)
    def get():
        world = make()
        world.__enter__()   # pylint: disable=unnecessary-dunder-call
        atexit.register(world.__exit__, None)
        return world
    return get


def unless_missing(test):
    """Skipped aloud where the libraries are not."""
    @functools.wraps(test)
    def run():
        return missing() or test()
    return run
