# SPDX-License-Identifier: Apache-2.0
"""What the tests of a bad exchange and a bad network share: one exchange with a home of its own,
the five ways in which coffer talks to it, and what must hold whatever comes back."""
import itertools
import json
import re
import sys
import threading
import time
import traceback
import urllib.parse

import kit
import lib

sys.path.insert(0, lib.ROOT + "/tests")     # for the package exchange

EXCHANGES = ("binance", "okx", "kraken", "coinbase")
RISK = ("--accept-risk", "a test")
READ = {"binance": ("GET", "/api/v3/account"), "okx": ("GET", "/api/v5/account/balance"),
        "kraken": ("POST", "/0/private/Balance"), "coinbase": ("GET", "/api/v3/brokerage/accounts")}
ORDER = {"binance": "/api/v3/order", "okx": "/api/v5/trade/order",
         "kraken": "/0/private/AddOrder", "coinbase": "/api/v3/brokerage/orders"}
HOSTS = {"binance": "api.binance.com", "okx": "www.okx.com", "kraken": "api.kraken.com",
         "coinbase": "api.coinbase.com"}
COMMANDS = ("add", "verify", "balance", "read", "order")
FACTS = ("read", "trade_spot", "trade_futures", "withdraw", "transfer", "ip_allow_list", "expires",
         "expires_ms", "created_ms")
NUMBERS = itertools.count(1)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MAY_BE_DONE = "it may have been carried out"
LONGEST_S = 12      # one call may take ten seconds


def order_of(exchange):
    """Path with query, and body, of a small order far from the market, with an id of its own."""
    number = f"{next(NUMBERS):032x}"
    if exchange == "coinbase":
        return ORDER[exchange], json.dumps({
            "client_order_id": number, "product_id": "BTC-USD", "side": "BUY",
            "order_configuration": {"limit_limit_gtc": {
                "base_size": "0.001", "limit_price": "31000", "post_only": True}}})
    if exchange == "okx":
        return ORDER[exchange], json.dumps({
            "instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "post_only",
            "px": "31000", "sz": "0.001", "clOrdId": number})
    if exchange == "kraken":
        return ORDER[exchange], urllib.parse.urlencode({
            "pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001",
            "price": "31000", "oflags": "post"})
    return ORDER[exchange] + "?" + urllib.parse.urlencode({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001",
        "price": "31000", "newClientOrderId": number}), None


class Place:
    """One exchange, and a home with a verified key of it, named like it."""

    def __init__(self, exchange, x=None, **key):
        self.exchange, self.is_own = exchange, x is None
        self.x = x or lib.exchange().start()
        self.h = lib.Home()
        self.h.init()
        self.secrets = set()
        self.x.funds("A1", {"USDT": "1000000", "USD": "1000000"}, exchange)
        self.key = self.x.key(exchange, **key)
        self.seal("k", self.key)

    def close(self):
        lib.remove_tree(self.h.top)
        if self.is_own:
            self.x.close()
            assert not self.x.errors, self.x.errors[0]

    def know(self, key):
        self.secrets.update(kit.secrets_of({"s": 0, **key.credentials}))
        self.secrets.update([key.credentials["passphrase"]] if self.exchange == "okx" else [])

    def words(self, name, connect_to=None, ca_file=None):
        """All of these records are of the live side, wherever their keys belong."""
        return ("add", name, self.exchange, "--connect-to", connect_to or self.x.connect_to,
                "--ca-file", ca_file or self.x.ca_file, "--from-json", "-")

    def seal(self, name, key, *more, **how):
        """Sealed without being looked at twice: what is found is accepted."""
        self.know(key)
        self.h.ok(*self.words(name, **how), *(more or RISK), stdin=json.dumps(key.fields))

    def add(self, key, *more, name="new", **how):
        self.know(key)
        return self.look(self.h.run(*self.words(name, **how), *more,
                                    stdin=json.dumps(key.fields)))

    def run(self, *args, **how):
        return self.look(self.h.run(*args, **how), is_raw=args[0] == "request")

    def command(self, which, name="k", key=None):
        """One of COMMANDS; with 'add' the key is tried as a new one."""
        if which == "add":
            return self.add(key or self.key)
        if which == "read":
            return self.run("request", name, *READ[self.exchange])
        if which == "order":
            path, body = order_of(self.exchange)
            return self.run("request", name, "POST", path, *(("-d", body) if body else ()))
        return self.run(which, name)

    def look(self, r, is_raw=False):
        """What holds for every run: no crash, no secret, no control characters, words in order."""
        kit.calm(r)
        lib.no_secret(r.out + r.err, *self.secrets)
        assert not CONTROL.search(r.err) and (is_raw or not CONTROL.search(r.out)), r
        for line in r.err.splitlines():
            assert line.startswith(("coffer: ", "hint: ")), r
        assert len([x for x in r.err.splitlines()
                    if x.startswith("coffer: ") and " warning: " not in x[:18]]) <= 1, r
        return r

    def facts(self):
        """What 'verify' says about the key as JSON, with the exit status."""
        r = self.run("verify", "k", "--json")
        return r.json(), r.code

    def sealed(self):
        return {k["name"] for k in self.h.ok("list", "--json", pin=False).json()["keys"]}

    def sent_orders(self, since=0):
        return [c for c in self.x.log[since:] if c.path == ORDER[self.exchange]]


def error_line(r):
    """The line that says what is wrong, from where the command says it."""
    said = [x[len("coffer: "):] for x in r.err.splitlines()
            if x.startswith("coffer: ") and " warning: " not in x[:18]]
    return said[0] if said else ""


def hints(r):
    return [x[len("hint: "):] for x in r.err.splitlines() if x.startswith("hint: ")]


def timed(call, *args, **how):
    begin = time.monotonic()
    r = call(*args, **how)
    assert time.monotonic() - begin < LONGEST_S, f"{time.monotonic() - begin:.1f} s: {r}"
    return r


def side_by_side(jobs):
    """Runs functions in threads of their own, and fails with the words of all that failed. On a
    token of tests/tokens/ one after the other: four programs at once are too many for some."""
    failed = []

    def one(job):
        try:
            job()
        except Exception:                                      # pylint: disable=broad-except
            failed.append(traceback.format_exc())
    threads = [threading.Thread(target=one, args=(j,)) for j in jobs]
    for t in threads:
        t.start()
        if lib.TOKEN:
            t.join()
    for t in threads:
        t.join()
    assert not failed, f"{len(failed)} of {len(threads)} failed:\n" + \
        "\n".join(f[-1500:] for f in failed)


def at_each(test):
    """Makes of test(place) one that goes to all four exchanges side by side."""
    def run():
        def one(exchange):
            place = Place(exchange)
            try:
                test(place)
            finally:
                place.close()
        side_by_side([lambda e=e: one(e) for e in EXCHANGES])
    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run
