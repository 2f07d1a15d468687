# SPDX-License-Identifier: Apache-2.0
"""The Exchange that tests use: keys, accounts, clock, switches and the log of every request."""
import shutil
import tempfile
import threading
import time
import traceback

from . import binance, coinbase, kraken, okx
from .certs import Certs
from .common import Call, Refuse
from .hosts import BINANCE, COINBASE, HOSTS, KRAKEN, OKX, exchange_name
from .keys import Key
from .market import Accounts
from .server import Malformed, Reply, Server
from .switches import Switch

RULES = {BINANCE: binance, OKX: okx, KRAKEN: kraken, COINBASE: coinbase}


class Entry:
    """One request in the log. ok: the signature held (None: none was looked at); why: what the
    checker said; status 0: nothing was answered; switch: the kind that was in force."""

    def __init__(self, request):
        self.time = time.time()
        self.exchange = self.env = self.key = self.ok = self.why = self.switch = None
        self.status = 0
        self.method = getattr(request, "method", None)
        self.host, self.sni = getattr(request, "host", None), getattr(request, "sni", None)
        self.path, self.query = getattr(request, "path", None), getattr(request, "query", None)
        self.headers = getattr(request, "headers", {})
        self.body = getattr(request, "body", b"").decode("utf-8", "surrogateescape")

    def __getitem__(self, name):
        return getattr(self, name)

    def __repr__(self):
        return f"<{self.method} {self.host}{self.path} -> {self.status}>"


class Exchange:
    """All four exchanges at one port of 127.0.0.1, from 'with' to its end."""

    def __init__(self):
        self.clock_ms, self.delay_s = 0, 0.0
        self.ambiguous = False        # a key that is gone gets the answer that has other causes too
        self.kraken_ip_error = "EAPI:Invalid key"      # what Kraken says to an unlisted address
        self.kraken_expired_error = "EAPI:Feature disabled"
        self.kraken_camel = False     # GetApiKeyInfo with the documentation's names of members
        self.coinbase_page = 250      # rows of a page at most, whatever was asked
        self.nonces = {}              # that Kraken saw, by key
        self.log, self.errors, self.switches = [], [], []
        self.lock = threading.RLock()
        self.accounts, self.keys = Accounts(), {}
        self.dir = self.server = self.certs = None

    def start(self):
        self.dir = tempfile.mkdtemp(prefix="coffer-exchange-")
        try:
            self.certs = Certs(self.dir, HOSTS)
            self.server = Server(self._handle)
            self.restart()
            self.server.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        if self.server:
            self.server.close()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.close()
        if self.errors and kind is None:
            raise AssertionError("the simulated exchange failed itself:\n" + self.errors[0])

    # For clients

    @property
    def ca_file(self):
        return self.certs.ca_file

    @property
    def port(self):
        return self.server.port

    @property
    def connect_to(self):
        return f"::127.0.0.1:{self.port}"

    def restart(self, cert="good"):
        """Shows another certificate: good, expired, wrong_name, other_ca. Same port."""
        self.server.certificate(*self.certs.server(cert))

    @property
    def connections(self):
        """How many were accepted so far."""
        return self.server.accepted

    @property
    def bad_handshakes(self):
        """Why the TLS handshakes failed that did."""
        return self.server.bad_handshakes

    # For tests

    def key(self, exchange, env="live", region=None, key_type=None, **more):
        """A new key; see keys.Key. fields={...} gives it that credential."""
        key = Key(exchange, env, region, key_type, **more)
        with self.lock:
            self.keys[key.exchange, key.id] = key
        return key

    def find_key(self, exchange, name):
        return self.keys.get((exchange, name))

    def now_ms(self):
        """By the exchange's clock."""
        return int(time.time() * 1000) + self.clock_ms

    def funds(self, account, assets, exchange=None, env=None, wallet="spot"):
        """What an account holds from now on, free. wallet: spot, futures, funding."""
        with self.lock:
            self.accounts.give(account, assets, exchange and exchange_name(exchange), env, wallet)

    def balances(self, account, exchange, env="live"):
        """asset: (free, locked) of the spot wallet."""
        with self.lock:
            rows = self.accounts.book(account, exchange_name(exchange), env).rows()
        return {a: (f, k) for a, f, k in rows}

    def orders(self, account=None, exchange=None):
        """Every order, in order of time; each has id, side, price, size, state ..."""
        with self.lock:
            books = self.accounts.all(account, exchange and exchange_name(exchange))
            return sorted((o for b in books for o in b.orders), key=lambda o: o.number)

    def withdrawals(self, account=None):
        """Everything that left: (asset, amount, address)."""
        with self.lock:
            return [w for b in self.accounts.all(account) for w in b.withdrawals]

    def fail(self, kind, exchange=None, path=None, times=None, **more):
        """From now on calls go wrong; see switches.Switch. The newest that fits counts."""
        switch = Switch(kind, exchange and exchange_name(exchange), path, times, **more)
        with self.lock:
            self.switches.insert(0, switch)
        return switch

    def heal(self):
        with self.lock:
            self.switches.clear()

    def calls(self, **like):
        """Log entries with these attributes: x.calls(method="POST", exchange="okx")."""
        return [e for e in list(self.log)
                if all(getattr(e, name) == value for name, value in like.items())]

    # For the server

    def _handle(self, request):
        entry = Entry(request)
        self.log.append(entry)
        if isinstance(request, Malformed):
            entry.why, entry.status = str(request), request.status
            return Reply(request.status, f"{request}\n", kind="text/plain")
        site = HOSTS.get(request.host)
        if not site or request.sni not in (None, request.host):
            entry.status = 421
            return Reply(421, "not here\n", kind="text/plain")
        entry.exchange, entry.env = site.exchange, site.env
        if self.delay_s:
            self.server.closing.wait(self.delay_s)
        reply = self._answer(Call(self, site, request, entry))
        entry.status = 0 if reply.manner in ("closed", "silent") else reply.status
        return reply

    def _answer(self, call):
        exchange = call.site.exchange
        with self.lock:
            switch = next((s for s in self.switches
                           if s.matches(exchange, call.method, call.path)), None)
            if switch:
                switch.use()
                call.entry.switch = switch.kind
        reply = switch.instead(exchange) if switch else None
        if reply:
            return reply
        try:
            reply = RULES[exchange].handle(call)
        except Refuse as refused:
            reply = refused.reply
        except Exception:                                      # pylint: disable=broad-except
            self.errors.append(traceback.format_exc())
            return Reply(500, "the simulated exchange failed itself\n", kind="text/plain")
        if switch:
            switch.spoil(exchange, reply)
        return reply
