#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# time-out: 240 s
"""ccxt, as npm has it, trades through the proxy with dummy credentials: its own code makes the
requests, checks the answers, and turns the proxy's refusals into its classes of errors."""
import json
import subprocess

import kit
from kit import BOTS, DUMMY_PASSWORD, DUMMY_SECRET, lib, unless_missing

world = kit.once(kit.World)


def credentials(api_key):
    return {"apiKey": api_key, "secret": DUMMY_SECRET, "password": DUMMY_PASSWORD}


def over_tcp(name, client):
    """The bearer is in the URL, because public calls carry no API key."""
    w = world()
    key = w.bearer(name, client)
    return {**credentials(key), "proxyUrl": f"{w.url}/{name}~{key.rsplit('_', 1)[1]}/"}


def over_socket(name):
    return {**credentials("coffer_" + name), "proxyUrl": f"http://coffer/{name}/"}


def trades(options, name, exchange, symbol, **more):
    """Balance, an order, the open orders, its end; and the exchange saw all of it, well signed."""
    w = world()
    before = len(w.x.log)
    done = kit.ccxt(options, exchange, symbol, **more)
    assert [s for s in done if "error" in done[s]] == [], done
    assert done["fetchBalance"]["ok"]["BTC"] == 0.1, done
    assert done["fetchOpenOrders"]["ok"] >= 1, done
    seen = w.x.log[before:]
    assert all(e.status == 200 for e in seen), [e for e in seen if e.status != 200]
    assert any(e.key is w.keys[name] for e in seen)
    for e in seen:
        lib.no_secret(json.dumps(list(e.headers.items())) + e.body + repr(e.query), DUMMY_SECRET,
                      "coffer_" + name)


def make(bot, is_tcp):
    name, _, ccxt_id, symbol = bot

    def test():
        w = world()
        if is_tcp:
            trades(over_tcp(name, "tcp-bot"), name, ccxt_id, symbol)
        else:
            trades(over_socket(name), name, ccxt_id, symbol, socket=w.socket)
    test.__doc__ = f"{ccxt_id}: balance, order, open orders, cancel " + \
        ("over TCP, with a bearer in the URL" if is_tcp else "over the Unix socket")
    return unless_missing(test)


@unless_missing
def policy():
    """a withdrawal is refused by policy: ExchangeError, not tried again; nothing was sent"""
    w = world()
    before = len(w.x.log)
    got = kit.ccxt(over_tcp("binance-main", "greedy"), "binance", "BTC/USDT", steps=["withdraw"])
    assert got["withdraw"]["error"] == "ExchangeError" and not got["withdraw"]["network"], got
    assert "withdraw" in got["withdraw"]["message"], got
    assert not any("/withdraw" in e.path for e in w.x.log[before:])


@unless_missing
def bearer():
    """a revoked bearer, a wrong one, and none: AuthenticationError at each exchange"""
    w = world()
    for name, _, ccxt_id, symbol in BOTS:
        options = over_tcp(name, "short-lived")
        w.h.ok("bearer", name, "revoke", "short-lived", pin=False)
        wrong = {**options, "proxyUrl": f"{w.url}/{name}~{'0' * 32}/"}
        for one in (options, wrong, {**options, "proxyUrl": f"{w.url}/{name}/"}):
            got = kit.ccxt(one, ccxt_id, symbol, steps=["fetchOpenOrders"])["fetchOpenOrders"]
            assert got["error"] == "AuthenticationError", (ccxt_id, got)


@unless_missing
def no_such_key():
    """a name that is no key: AuthenticationError"""
    w = world()
    options = {**credentials("coffer_nobody"), "proxyUrl": "http://coffer/nobody/"}
    got = kit.ccxt(options, "kraken", "BTC/USD", steps=["fetchBalance"], socket=w.socket)
    assert got["fetchBalance"]["error"] == "AuthenticationError", got


@unless_missing
def unreachable():
    """an exchange that cannot be reached: ExchangeNotAvailable, which bots try again"""
    w = world()
    w.x.restart("other_ca")
    try:
        for name, _, ccxt_id, symbol in BOTS:
            got = kit.ccxt(over_socket(name), ccxt_id, symbol, steps=["fetchBalance"],
                           socket=w.socket)["fetchBalance"]
            assert got["error"] == "ExchangeNotAvailable" and got["network"], (ccxt_id, got)
    finally:
        w.x.restart()


@unless_missing
def silent():
    """an exchange that never answers: RequestTimeout, from the proxy before ccxt's own 10 s"""
    w = world()
    w.x.fail("silent", "kraken", "/0/private/BalanceEx")
    try:
        got = kit.ccxt({**over_socket("kraken-main"), "timeout": 10000}, "kraken", "BTC/USD",
                       steps=["fetchBalance"], socket=w.socket)["fetchBalance"]
    finally:
        w.x.heal()
    assert got["error"] == "RequestTimeout", got
    assert "request timed out" not in got["message"], "ccxt gave up before the proxy answered"


@unless_missing
def locked():
    """a locked agent: AuthenticationError, and after `coffer unlock` all is well again"""
    w = world()
    w.h.ok("lock", pin=False)
    try:
        for name, _, ccxt_id, symbol in BOTS:
            got = kit.ccxt(over_socket(name), ccxt_id, symbol, steps=["fetchOpenOrders"],
                           socket=w.socket)["fetchOpenOrders"]
            assert got["error"] == "AuthenticationError", (ccxt_id, got)
    finally:
        w.h.ok("unlock")
    trades(over_socket("okx-main"), "okx-main", "okx", "BTC/USDT", socket=w.socket)


@unless_missing
def own_errors():
    """what the exchange itself refuses reaches ccxt as ever: InsufficientFunds"""
    w = world()
    got = kit.ccxt(over_socket("binance-main"), "binance", "BTC/USDT", steps=["createOrder"],
                   socket=w.socket, size=500)
    assert got["createOrder"]["error"] == "InsufficientFunds", got


def try_shown(w, name, *client, bearer=""):
    text = w.h.ok("proxy", "--show", "ccxt", name, *client, pin=False).out.replace("BEARER", bearer)
    lines = text.partition("JavaScript:")[2].partition("Python")[0]
    script = f"const ccxt = require('ccxt');\n(async () => {{\n{lines}\n" \
             "console.log((await exchange.fetchBalance()).total.BTC); process.exit(0); })();"
    p = subprocess.run(["node", "-e", script], cwd=kit.NODE, capture_output=True, text=True,
                       timeout=30, check=False)
    assert (p.returncode, p.stdout) == (0, "0.1\n"), (name, lines, p.stdout, p.stderr)


@unless_missing
def shown():
    """the lines of `coffer proxy --show ccxt`, as they are printed, trade: over TCP and the socket"""
    w = world()
    for name in ("binance-main", "okx-main"):
        try_shown(w, name, "--client", "as-shown",
                  bearer=w.bearer(name, "as-shown").rsplit("_", 1)[1])
    with kit.World("--lock-after", "1h") as local:
        for name in ("kraken-main", "coinbase-main"):
            try_shown(local, name)


if __name__ == "__main__":
    lib.main([*(make(b, True) for b in BOTS), *(make(b, False) for b in BOTS), policy, bearer,
              no_such_key, unreachable, silent, locked, own_errors, shown])
