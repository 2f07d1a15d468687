#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer bearer and coffer proxy --show: made once and shown once, kept as a hash, ended at once;
the lines for each client, tried as they are printed"""
import json
import os
import re
import subprocess
import urllib.error
import urllib.request

import kit
import lib
from agent_cli import stop
from request import READ, world

CLIENTS = ("ccxt", "freqtrade", "hummingbot", "curl")


def show(h, *args):
    r = h.ok("proxy", "--show", *args, pin=False)
    kit.calm(r)
    return r


def test_file():
    """add, list and revoke without an agent and without a PIN; the file has no bearer in it"""
    h = world().h
    r = h.ok("bearer", "binance", "add", "mm1", pin=False)
    assert re.fullmatch("[0-9a-f]{32}\n", r.out), r
    bearer = r.out.strip()
    assert bearer not in r.err and "once" in r.err, r
    for path, data in h.snapshot().items():
        assert bearer.encode() not in data, path
        if path.endswith("bearers.json"):
            assert os.stat(path).st_mode & 0o777 == 0o600, path
    kit.refused(h, 1, "has a bearer", "bearer", "binance", "add", "mm1", pin=False)
    other = h.ok("bearer", "okx", "add", "mm1", "--json", pin=False).json()
    assert other["bearer"] != bearer and other["client"] == "mm1", other
    assert "mm1" in h.ok("bearer", "binance", pin=False).out
    listed = h.ok("bearer", "binance", "list", "--json", pin=False).json()["bearers"]
    assert [x["client"] for x in listed] == ["mm1"] and listed[0]["created_ms"] > 0, listed
    lib.no_secret(json.dumps(listed), bearer)
    h.ok("bearer", "binance", "revoke", "mm1", pin=False)
    kit.refused(h, 1, "no bearer", "bearer", "binance", "revoke", "mm1", pin=False)
    assert "no client" in h.ok("bearer", "binance", pin=False).out
    assert "mm1" in h.ok("bearer", "okx", pin=False).out
    h.ok("bearer", "okx", "revoke", "mm1", pin=False)


def test_usage():
    """names, words and keys that are none"""
    h = world().h
    for args in (("add",), ("revoke",), ("add", "a b"), ("add", "../x"), ("add", "x" * 65),
                 ("list", "mm1"), ("make", "mm1")):
        kit.refused(h, 2, "", "bearer", "binance", *args, pin=False)
    kit.refused(h, 1, "no key named", "bearer", "nosuch", "add", "mm1", pin=False)
    kit.refused(h, 2, "belong together", "proxy", "binance", pin=False)
    kit.refused(h, 2, "belong together", "proxy", "--show", "ccxt", pin=False)
    kit.refused(h, 2, "takes ccxt", "proxy", "--show", "env", "binance", pin=False)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as r:
            return r.status
    except urllib.error.HTTPError as e:
        return e.code


def test_in_use():
    """over TCP: let in from add on, for that key; not without, and not after revoke"""
    h = world().h
    h.ok("agent", "--listen", "127.0.0.1:0")
    try:
        tcp = h.ok("proxy", "--json", pin=False).json()["tcp"]
        target = "https://api.binance.com" + READ["binance"][1]
        assert get(f"http://{tcp}/binance/{target}") == 401
        bearer = h.ok("bearer", "binance", "add", "mm1", pin=False).out.strip()
        assert get(f"http://{tcp}/binance~{bearer}/{target}") == 200
        okx = "https://www.okx.com" + READ["okx"][1]
        assert get(f"http://{tcp}/okx~{bearer}/{okx}") == 401
        h.ok("rename", "binance", "renamed")
        assert get(f"http://{tcp}/renamed~{bearer}/{target}") == 200
        h.ok("rename", "renamed", "binance")
        h.ok("bearer", "binance", "revoke", "mm1", pin=False)
        assert get(f"http://{tcp}/binance~{bearer}/{target}") == 401
    finally:
        stop(h)


def test_lines():
    """--show: address and credentials of each client; never a bearer, for TCP its place"""
    h = world().h
    bearer = h.ok("bearer", "okx", "add", "mm1", pin=False).out.strip()
    h.ok("agent", "--listen", "127.0.0.1:0", pin=False)
    try:
        tcp = h.ok("proxy", "--json", pin=False).json()["tcp"]
        for client in CLIENTS:
            r = show(h, client, "okx", "--client", "mm1")
            assert f"http://{tcp}/okx~BEARER/" in r.out and bearer not in r.out + r.err, r
            assert "coffer bearer okx add mm1" in r.err, r
            assert "proxy.sock" not in r.out, r
            j = show(h, client, "okx", "--json").json()
            assert j["url"] == f"http://{tcp}/okx~BEARER/" and j["key"] == "coffer_okx_BEARER", j
            assert len(j["secret"]) % 4 == 0 and "=" not in j["secret"], j
        assert "password" in show(h, "ccxt", "okx").out
        assert "password" not in show(h, "ccxt", "binance").out
        assert "ccxt.coinbase(" in show(h, "ccxt", "coinbase").out
        config = json.loads("{" + show(h, "freqtrade", "okx").out + "}")["exchange"]
        assert config["name"] == "okx" and config["ccxt_config"]["proxyUrl"].endswith("BEARER/")
        kit.refused(h, 1, "has no bearer", "proxy", "--show", "ccxt", "okx", "--client", "nobody",
                    pin=False)
    finally:
        stop(h)
        h.ok("bearer", "okx", "revoke", "mm1", pin=False)


def test_curl():
    """the lines for curl work as they are printed, on the socket and over TCP"""
    h = world().h
    for name in ("binance", "kraken"):
        h.ok("agent")
        try:
            line = show(h, "curl", name).out.strip()
            p = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               check=True)
            assert json.loads(p.stdout) in ([], {"error": [], "result": {"open": {}}}), p.stdout
        finally:
            stop(h)
        h.ok("agent", "--listen", "127.0.0.1:0")
        try:
            bearer = h.ok("bearer", name, "add", "curl", pin=False).out.strip()
            lines = [x.strip() for x in show(h, "curl", name).out.splitlines() if " = " in x]
            path = h.private("curl", "\n".join(lines).replace("BEARER", bearer) + "\n")
            p = subprocess.run(["curl", "-s", "--config", path], stdout=subprocess.PIPE, check=True)
            assert json.loads(p.stdout) in ([], {"error": [], "result": {"open": {}}}), p.stdout
        finally:
            stop(h)
            h.ok("bearer", name, "revoke", "curl", pin=False)


def test_socket_lines():
    """on the socket alone: no bearer anywhere; freqtrade is told that it needs TCP"""
    h = world().h
    for client in CLIENTS:
        if client == "freqtrade":
            kit.refused(h, 1, "TCP only", "proxy", "--show", client, "okx", pin=False,
                        hint="--listen")
            continue
        r = show(h, client, "okx")
        assert "http://coffer/okx/" in r.out and "proxy.sock" in r.out and "BEARER" not in r.out, r


if __name__ == "__main__":
    lib.main([test_file, test_usage, test_in_use, test_lines, test_curl, test_socket_lines])
