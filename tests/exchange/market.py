# SPDX-License-Identifier: Apache-2.0
"""Accounts, balances and orders, the same for every exchange: an order locks funds, is refused for
lack of them or under the market's smallest, and frees them when it is cancelled. Prices stand
still. How an exchange words all this is not here."""
from decimal import Decimal
import itertools

PRICES = {"BTC": Decimal(62000), "ETH": Decimal(3000), "LTC": Decimal(80), "SOL": Decimal(150)}
QUOTES = ("USDT", "USD", "USDC", "EUR")
STEPS = {"BTC": "0.00001", "ETH": "0.0001", "LTC": "0.001", "SOL": "0.001"}
START = {"USDT": "1000", "USD": "1000", "BTC": "0.1"}     # until somebody says otherwise


class Refused(Exception):
    """Why an order is not taken: symbol, price, size, tick, step, min_size, min_cost, band, funds,
    crosses, duplicate, unknown."""


class Market:
    """A pair and its limits. min_cost: of price times size, in quote."""

    def __init__(self, base, quote, tick="0.01", step=None, min_size=None, min_cost="5"):
        self.base, self.quote, self.price = base, quote, PRICES[base]
        self.tick, self.step = Decimal(tick), Decimal(step or STEPS[base])
        self.min_size, self.min_cost = Decimal(min_size or self.step), Decimal(min_cost)
        self.bid, self.ask = self.price - self.tick, self.price

    def check(self, price, size, band):
        """Raises Refused. band: how far from the market a price may be, as factors, or None."""
        if size <= 0:
            raise Refused("size")
        if price <= 0:
            raise Refused("price")
        if price % self.tick:
            raise Refused("tick")
        if band and not Decimal(band[0]) <= price / self.price <= Decimal(band[1]):
            raise Refused("band")
        if size % self.step:
            raise Refused("step")
        if size < self.min_size:
            raise Refused("min_size")
        if price * size < self.min_cost:
            raise Refused("min_cost")


class Order:
    """One order. state: open, filled, canceled."""

    def __init__(self, number, market, side, price, size, **more):
        self.number, self.market, self.side = number, market, side
        self.price, self.size, self.state = price, size, "open"
        self.kind, self.client_id, self.post_only, self.crossed = "limit", "", False, False
        self.id = str(number)
        self.exchange = self.env = self.account = self.key = None
        self.created_ms, self.expires_ms = 0, None
        self.__dict__.update(more)

    @property
    def locks(self):
        """(asset, amount) that it holds while it is open."""
        if self.side == "buy":
            return self.market.quote, self.price * self.size
        return self.market.base, self.size

    @property
    def filled(self):
        return self.size if self.state == "filled" else Decimal(0)

    def __repr__(self):
        return (f"<{self.exchange} order {self.id}: {self.side} {self.size} {self.market.base} at "
                f"{self.price} {self.market.quote}, {self.state}>")


class Book:
    """What one account has at one exchange in one environment."""

    numbers = itertools.count(100_001)

    def __init__(self, account, exchange, env):
        self.account, self.exchange, self.env = account, exchange, env
        self.wallets = {"spot": {}, "futures": {}, "funding": {}}
        self.orders = []
        self.withdrawals = []

    def put(self, wallet, assets):
        """Replaces all of a wallet; what open orders lock stays theirs."""
        self.wallets[wallet] = {a: Decimal(str(v)) for a, v in assets.items()}

    def locked(self, asset):
        return sum((o.locks[1] for o in self.orders if o.state == "open" and o.locks[0] == asset),
                   Decimal(0))

    def free(self, asset):
        return self.wallets["spot"].get(asset, Decimal(0))

    def rows(self):
        """(asset, free, locked) of the spot wallet."""
        held = {o.locks[0] for o in self.orders if o.state == "open"}
        return [(a, self.free(a), self.locked(a)) for a in sorted(held | set(self.wallets["spot"]))]

    def add(self, asset, amount):
        self.wallets["spot"][asset] = self.free(asset) + amount

    def place(self, market, side, price, size, *, post_only=False, immediate=False, client_id="",
              band=None, on_cross="refuse", dry_run=False, **more):
        """A new order. price None: at the market. Raises Refused. on_cross: what becomes of a
        post-only order that would take: "refuse" or "cancel". dry_run: checked only, None."""
        at_market = market.ask if side == "buy" else market.bid
        limit = at_market if price is None else price
        market.check(limit, size, band)
        if client_id and any(o.client_id == client_id for o in self.orders if o.state == "open"):
            raise Refused("duplicate")
        crosses = limit >= market.ask if side == "buy" else limit <= market.bid
        if crosses and post_only and on_cross == "refuse":
            raise Refused("crosses")
        order = Order(next(self.numbers), market, side, limit, size, exchange=self.exchange,
                      env=self.env, account=self.account, client_id=client_id, post_only=post_only,
                      kind="market" if price is None else "limit", **more)
        asset, needed = order.locks
        if self.free(asset) < needed:
            raise Refused("funds")
        if dry_run:
            return None
        if crosses and not post_only:
            self._fill(order)
        elif crosses or immediate:
            order.state = "canceled"
        else:
            self.add(asset, -needed)
        self.orders.append(order)
        return order

    def _fill(self, order):
        price = order.market.ask if order.side == "buy" else order.market.bid
        sign = 1 if order.side == "buy" else -1
        self.add(order.market.base, sign * order.size)
        self.add(order.market.quote, -sign * order.size * price)
        order.state, order.price = "filled", price

    def find(self, order_id=None, client_id=None):
        for order in reversed(self.orders):
            if (order_id and order.id == order_id) or (client_id and order.client_id == client_id):
                return order
        raise Refused("unknown")

    def cancel(self, order):
        if order.state != "open":
            raise Refused("unknown")
        order.state = "canceled"
        self.add(*order.locks)

    def open_orders(self, market=None):
        return [o for o in self.orders if o.state == "open" and market in (None, o.market)]

    def withdraw(self, asset, amount, address):
        """Money leaves, for good."""
        if amount <= 0 or self.free(asset) < amount:
            raise Refused("funds")
        self.add(asset, -amount)
        self.withdrawals.append((asset, amount, address))


class Accounts:
    """Every book, made when first touched, with whatever funds were given to the account."""

    def __init__(self):
        self.books, self.given = {}, []

    def book(self, account, exchange, env):
        place = (account, exchange, env)
        if place not in self.books:
            book = self.books[place] = Book(*place)
            book.put("spot", START)
            for who, where, environment, wallet, assets in self.given:
                if who == account and where in (None, exchange) and environment in (None, env):
                    book.put(wallet, assets)
        return self.books[place]

    def give(self, account, assets, exchange, env, wallet):
        self.given.append((account, exchange, env, wallet, dict(assets)))
        for (who, where, environment), book in self.books.items():
            if who == account and exchange in (None, where) and env in (None, environment):
                book.put(wallet, assets)

    def all(self, account=None, exchange=None):
        return [b for (who, where, _), b in self.books.items()
                if account in (None, who) and exchange in (None, where)]


def amount(text):
    """A decimal as written; Refused('number') for anything else."""
    text = str(text)
    if not text or len(text) > 40 or not all(c in "0123456789." for c in text) \
            or text.count(".") > 1 or text.startswith(".") or text.endswith("."):
        raise Refused("number")
    return Decimal(text)


def plain(value, places=8):
    """With that many decimals, never in exponent form."""
    return f"{value:.{places}f}"


def short(value):
    """Without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
