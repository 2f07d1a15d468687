#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hummingbot's REST calls, by aiohttp and with dummy secrets, through clients/hummingbot and the
proxy to the exchange. (Hummingbot itself is not installed: hummingbot_calls.py stands in.)"""
import json
import os
import subprocess
import sys

import kit
from kit import lib

world = kit.once(kit.World)


def python_with_aiohttp():
    for program in (sys.executable, "/usr/bin/python3"):
        p = subprocess.run([program, "-c", "import aiohttp"], capture_output=True, check=False)
        if p.returncode == 0:
            return program
    return None


def calls(name, **env):
    program = python_with_aiohttp()
    if not program:
        return "no Python here has aiohttp (Debian: python3-aiohttp)"
    w = world()
    before = len(w.x.log)
    p = subprocess.run([program, "-B", os.path.join(kit.ROOT, "tests/clients/hummingbot_calls.py")],
                       capture_output=True, text=True, timeout=60, check=False,
                       env={"PATH": os.environ["PATH"], "HOME": w.h.home, "PYTHONPATH":
                            os.pathsep.join(os.path.join(kit.ROOT, d) for d in (
                                "clients/hummingbot", "tests/clients/standin")), **env})
    assert p.returncode == 0, p.stderr
    got = json.loads(p.stdout)
    for what, (status, body) in got.items():
        want = 422 if what == "refused" else 400 if what == "binance odd id" else 200
        assert status == want, (name, what, status, body)
        if what.startswith("kraken"):
            assert body["error"] == [], body
        if what.startswith("okx"):
            assert body["code"] == "0", body
    assert got["binance odd id"][1]["code"] == -2011, got["binance odd id"]   # signed well, unknown
    assert "withdraw" in got["refused"][1], got["refused"]
    seen = w.x.log[before:]
    assert len(seen) == len(got) - 1, seen
    for e in seen:
        lib.no_secret(repr(e.headers) + e.body + repr(e.query), "Y29mZmVyLWR1bW15LWtl", "coffer_")
    return None


def over_socket():
    """over the Unix socket: balances, orders, odd ids; a refusal reaches the bot as text"""
    return calls("socket", COFFER_PROXY_URL="http://coffer/binance-main/",
                 COFFER_PROXY_SOCKET=world().socket)


def over_tcp():
    """over TCP, with a bearer for each key: in the URL, or as the connector's dummy API key"""
    w = world()
    bearers = {n: w.bearer(n, "hbot") for n in ("binance-main", "okx-main", "kraken-main")}
    url = f"{w.url}/binance-main~{bearers['binance-main'].rsplit('_', 1)[1]}/"
    return calls("tcp", COFFER_PROXY_URL=url, HB_KEYS=json.dumps(bearers))


if __name__ == "__main__":
    lib.main([over_socket, over_tcp])
