# SPDX-License-Identifier: Apache-2.0
"""Kraken spot, as its documentation says it answers: HTTP status 200 nearly always, errors in a
list, nonces that must rise."""
import email.utils
import re

import checker

from .common import Refuse, as_json, iso, page, pairs, told
from . import lists
from .keys import number_of
from .market import PRICES, Market, Refused, amount, plain, short

ASSETS = {"BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC", "USD": "ZUSD", "EUR": "ZEUR"}
SHORT = {"BTC": "XBT"}


def asset_name(asset):
    return ASSETS.get(asset, asset)


def pair_names():
    """Every pair by its own name, with the other names that requests may use."""
    for base in PRICES:
        for quote in ("USD", "EUR", "USDT"):
            m = Market(base, quote, tick="0.1", step="0.00000001", min_size="0.00005",
                       min_cost="0.5")
            m.alt = SHORT.get(base, base) + quote
            m.ws = f"{SHORT.get(base, base)}/{quote}"
            m.own = asset_name(base) + asset_name(quote) if quote != "USDT" else m.alt
            yield m


MARKETS = {m.own: m for m in pair_names()}
NAMES = {n: m for m in MARKETS.values()
         for n in (m.own, m.alt, m.ws, m.base + m.quote, f"{m.base}/{m.quote}")}
REFUSALS = {"symbol": "EQuery:Unknown asset pair", "number": "EGeneral:Invalid arguments",
            "price": "EGeneral:Invalid arguments:price",
            "size": "EGeneral:Invalid arguments:volume",
            "tick": "EOrder:Tick size check failed", "step": "EGeneral:Invalid arguments:volume",
            "min_size": "EGeneral:Invalid arguments:volume minimum not met",
            "min_cost": "EOrder:Cost minimum not met", "funds": "EOrder:Insufficient funds",
            "crosses": "EOrder:Post only order", "duplicate": "EOrder:Invalid cl_ord_id",
            "unknown": "EOrder:Unknown order"}


def good(result):
    return as_json({"error": [], "result": result})


def refuse(text):
    raise Refuse(as_json({"error": [text]}))


def handle(call):
    if not call.headers.get("user-agent"):
        return page(403, "403 Forbidden", "cloudflare")
    if (call.method, call.path) in LISTS:
        return LISTS[call.method, call.path](call)
    public, rule = PUBLIC.get(call.path), PRIVATE.get(call.path)
    if public and call.method in ("GET", "POST"):
        return public(call, {**pairs(call.body), **call.query})
    if not rule or call.method != "POST":
        return as_json({"error": ["EGeneral:Unknown method"]}, 404)
    rights, action = rule
    with call.x.lock:
        sign_in(call)
        if rights and not rights & set(permissions(call.key)):
            refuse("EGeneral:Permission denied")
        end_old_orders(call)
        try:
            return action(call, call.sent)
        except Refused as why:
            refuse(REFUSALS[str(why)])


def sign_in(call):
    """Sets call.key and call.sent, the parameters, or ends the call."""
    key = call.entry.key = call.x.find_key("kraken", call.headers.get("api-key", ""))
    if not key or key.is_deleted:
        refuse("EAPI:Invalid key")
    if key.is_expired(call.now_ms):
        refuse(call.x.kraken_expired_error)
    call.key = key
    if not key.lets_in():
        refuse(call.x.kraken_ip_error)
    if not call.signature_holds():
        refuse("EAPI:Invalid signature" if call.headers.get("api-sign") else "EAPI:Invalid key")
    sent = pairs(call.body) if call.is_form else call.json()
    nonce = int(checker.kraken_nonce(call.body))
    if nonce >= 1 << 64 or nonce <= key.nonce - key.nonce_window:
        refuse("EAPI:Invalid nonce")
    if nonce in call.x.nonces.setdefault(key.id, set()):
        refuse("EAPI:Invalid nonce")
    call.x.nonces[key.id].add(nonce)
    key.nonce = max(key.nonce, nonce)
    key.last_used_ms = call.now_ms
    call.sent = {n: str(v) for n, v in sent.items()}


def permissions(k):
    """transfer: earning moves funds into staking."""
    words = [("query-funds", k.read), ("query-open-trades", k.read),
             ("query-closed-trades", k.read), ("modify-trades", k.spot), ("close-trades", k.spot),
             ("withdraw-funds", k.withdraw), ("earn-funds", k.transfer)]
    return [word for word, on in words if on]


# Public ------------------------------------------------------------------------------------------

def time(call, _):
    seconds = call.now_ms // 1000
    return good({"unixtime": seconds, "rfc1123": email.utils.formatdate(seconds, usegmt=True)})


def status(call, _):
    return good({"status": "online", "timestamp": iso(call.now_ms)})


def wanted(sent):
    if "pair" not in sent:
        return list(MARKETS.values())
    names = sent["pair"].split(",")
    if not all(n in NAMES for n in names):
        refuse("EQuery:Unknown asset pair")
    return [NAMES[n] for n in names]


def asset_pairs(_, sent):
    return good({m.own: {
        "altname": m.alt, "wsname": m.ws, "aclass_base": "currency", "base": asset_name(m.base),
        "aclass_quote": "currency", "quote": asset_name(m.quote), "lot": "unit",
        "cost_decimals": 5, "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1,
        "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
        "ordermin": short(m.min_size), "costmin": short(m.min_cost), "tick_size": short(m.tick),
        "status": "online"} for m in wanted(sent)})


def ticker(_, sent):
    def row(m):
        bid, ask, last = plain(m.bid, 5), plain(m.ask, 5), plain(m.price, 5)
        return {"a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [last, "0.01000000"],
                "v": ["10.0", "20.0"], "p": [last, last], "t": [100, 200], "l": [last, last],
                "h": [last, last], "o": last}
    return good({m.own: row(m) for m in wanted(sent)})


# Private -----------------------------------------------------------------------------------------

def camel(name):
    """ip_allowlist: ipAllowlist"""
    first, *others = name.split("_")
    return first + "".join(w.capitalize() for w in others)


def key_info(call, _):
    """Recorded replies write the members so; the documentation writes them as camel() does."""
    k = call.key

    def seconds(ms):
        return str(ms // 1000)
    reply = {"api_key_name": k.label, "api_key": k.id, "nonce": str(k.nonce),
             "nonce_window": str(k.nonce_window), "permissions": permissions(k),
             "iban": f"AA{number_of(k.account)}N84G", "valid_until": seconds(k.expires_ms or 0),
             "query_from": "0", "query_to": "0", "created_time": seconds(k.created_ms),
             "modified_time": seconds(k.created_ms), "last_used": seconds(k.last_used_ms),
             "ip_allowlist": [""] if k.ip is None else list(k.ip)}
    reply = told(reply, k)
    return good({camel(n): v for n, v in reply.items()} if call.x.kraken_camel else reply)


def balance(call, _):
    return good({asset_name(a): plain(f + k, 10) for a, f, k in call.book().rows()})


def balance_ex(call, _):
    return good({asset_name(a): {"balance": plain(f + k, 10), "hold_trade": plain(k, 10)}
                 for a, f, k in call.book().rows()})


def describe(side, kind, size, m, price):
    at = f" @ limit {plain(price, 1)}" if kind == "limit" else " @ market"
    return {"order": f"{side} {plain(size)} {m.alt}{at}"}


def lifetime(call, sent):
    """When the order ends by itself, in ms; None: when it is cancelled. GTD wants a date: unix
    seconds, or + and how many from now, five at least."""
    force, date = sent.get("timeinforce", "GTC"), sent.get("expiretm", "0")
    if force not in ("GTC", "IOC", "GTD"):
        refuse("EGeneral:Invalid arguments:timeinforce")
    if not re.fullmatch(r"\+?[0-9]{1,10}", date) or (force == "GTD" and date == "0"):
        refuse("EGeneral:Invalid arguments:expiretm")
    if force != "GTD":
        return None
    ms = int(date) * 1000 + (call.now_ms if date[0] == "+" else 0)
    if ms < call.now_ms + 5000:
        refuse("EGeneral:Invalid arguments:expiretm")
    return ms


def end_old_orders(call):
    for order in call.book().open_orders():
        if order.expires_ms and order.expires_ms <= call.now_ms:
            call.book().cancel(order)
            order.state = "expired"


def place(call, sent):
    for name in ("pair", "type", "ordertype", "volume"):
        if not sent.get(name):
            refuse(f"EGeneral:Invalid arguments:{name}")
    if sent["pair"] not in NAMES:
        raise Refused("symbol")
    if sent["type"] not in ("buy", "sell"):
        refuse("EGeneral:Invalid arguments:type")
    if sent["ordertype"] not in ("limit", "market"):
        refuse("EGeneral:Invalid arguments:ordertype")
    expires_ms = lifetime(call, sent)
    m, kind, size = NAMES[sent["pair"]], sent["ordertype"], amount(sent["volume"])
    price = amount(sent.get("price", "")) if kind == "limit" else None
    is_test = sent.get("validate", "false") not in ("false", "0")
    order = call.book().place(
        m, sent["type"], price, size, post_only="post" in sent.get("oflags", "").split(","),
        immediate=sent.get("timeinforce") == "IOC", client_id=sent.get("cl_ord_id", ""),
        type=kind, userref=sent.get("userref", "0"), dry_run=is_test, key=call.key,
        created_ms=call.now_ms, expires_ms=expires_ms)
    reply = {"descr": describe(sent["type"], kind, size, m, price)}
    if order:
        order.id = f"O{order.number:05d}-SIMUL-ATEDXX"
        reply["txid"] = [order.id]
    return good(reply)


def find(call, sent):
    client_id = sent.get("cl_ord_id")
    if not client_id and not sent.get("txid"):
        refuse("EGeneral:Invalid arguments:txid")
    return call.book().find(sent.get("txid"), client_id)


def cancel(call, sent):
    call.book().cancel(find(call, sent))
    return good({"count": 1})


def order_row(o):
    return {"refid": None, "userref": int(o.userref), "cl_ord_id": o.client_id,
            "status": {"filled": "closed"}.get(o.state, o.state), "opentm": o.created_ms / 1000,
            "starttm": 0, "expiretm": (o.expires_ms or 0) // 1000, "vol": plain(o.size),
            "vol_exec": plain(o.filled), "cost": "0.00000", "fee": "0.00000", "price": "0.00000",
            "misc": "", "oflags": "fciq,post" if o.post_only else "fciq",
            "descr": {"pair": o.market.alt, "type": o.side, "ordertype": o.type,
                      "price": plain(o.price, 1), "price2": "0", "leverage": "none",
                      **describe(o.side, o.type, o.size, o.market, o.price), "close": ""}}


def open_orders(call, _):
    return good({"open": {o.id: order_row(o) for o in call.book().open_orders()}})


def query_orders(call, sent):
    found = [call.book().find(one) for one in sent.get("txid", "").split(",")]
    return good({o.id: order_row(o) for o in found})


OPEN, OWN = "/0/public/", "/0/private/"
LISTS = lists.of("kraken", True)
PUBLIC = {OPEN + "Time": time, OPEN + "SystemStatus": status, OPEN + "AssetPairs": asset_pairs,
          OPEN + "Ticker": ticker}
# (permissions of which one is enough, or none, what it does)
PRIVATE = {OWN + "GetApiKeyInfo": (None, key_info),
           OWN + "Balance": ({"query-funds"}, balance),
           OWN + "BalanceEx": ({"query-funds"}, balance_ex),
           OWN + "AddOrder": ({"modify-trades"}, place),
           OWN + "CancelOrder": ({"modify-trades", "close-trades"}, cancel),
           OWN + "OpenOrders": ({"query-open-trades"}, open_orders),
           OWN + "QueryOrders": ({"query-open-trades", "query-closed-trades"}, query_orders)}
