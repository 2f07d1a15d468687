# SPDX-License-Identifier: Apache-2.0
"""Coinbase Advanced Trade, as its documentation says it answers, and its sandbox, which asks for
no key and has made-up answers for accounts and orders only."""
import json
import uuid

import checker

from .common import Refuse, as_json, iso, told
from . import lists
from .market import PRICES, Market, Refused, amount, short
from .server import Reply

MARKETS = {f"{b}-{q}": Market(b, q, step="0.00000001", min_cost="1")
           for b in PRICES for q in ("USD", "USDC", "EUR")}
LEEWAY_S = 2
NAMESPACE = uuid.UUID("8c4b2f5e-0000-4000-8000-c0ffe0000000")
REFUSALS = {"symbol": ("INVALID_PRODUCT_ID", "Invalid product_id"),
            "number": ("UNKNOWN_FAILURE_REASON", "Invalid number"),
            "price": ("INVALID_PRICE_PRECISION", "Invalid limit price"),
            "tick": ("INVALID_PRICE_PRECISION", "Too many decimals in order price"),
            "size": ("INVALID_SIZE_PRECISION", "Invalid order size"),
            "step": ("INVALID_SIZE_PRECISION", "Too many decimals in order amount"),
            "min_size": ("UNKNOWN_FAILURE_REASON", "Order size below the minimum"),
            "min_cost": ("UNKNOWN_FAILURE_REASON", "Order size below the minimum"),
            "funds": ("INSUFFICIENT_FUND", "Insufficient balance in source account"),
            "crosses": ("INVALID_LIMIT_PRICE_POST_ONLY", "Post only order would cross the book")}


def refuse(status, code, details):
    raise Refuse(as_json({"error": code, "error_details": details, "message": details}, status))


def unauthorized():
    raise Refuse(Reply(401, "Unauthorized\n", kind="text/plain; charset=utf-8"))


def made_up_id(*names):
    return str(uuid.uuid5(NAMESPACE, "/".join(names)))


def handle(call):
    if (call.method, call.path) in LISTS:
        return LISTS[call.method, call.path](call)
    if not call.path.startswith(V3) and (call.method, call.path) not in OTHER:
        return as_json({"errors": [{"id": "not_found", "message": "Not found"}]}, 404)
    path = call.path[len(V3):]
    if call.env == "test":
        return sandbox(call, path)
    if call.method == "GET" and path == "time":
        return time(call)
    if call.method == "GET" and path.startswith("market/products"):
        return product(call, path[len("market/"):])
    right, action = OTHER.get((call.method, call.path)) or \
        ROUTES.get((call.method, path), (None, None))
    for method, start, one_right, one in BELOW:
        if not action and call.method == method and path.startswith(start):
            right, action = one_right, lambda c, s=start, f=one: f(c, path[len(s):])
    sign_in(call)
    if not action:
        refuse(404, "NOT_FOUND", "not found")
    if right and not getattr(call.key, right):
        refuse(403, "PERMISSION_DENIED", "Missing required scopes")
    with call.x.lock:
        return action(call)


def sign_in(call):
    """Sets call.key, or ends the call; whatever is wrong, the answer is the same."""
    parts = call.headers.get("authorization", "").partition("Bearer ")[2].split(".")
    try:
        head, claims = (json.loads(checker.unbase64url(p, "token")) for p in parts[:2])
        name = head["kid"]
    except (ValueError, KeyError, TypeError, checker.Bad):
        unauthorized()
    key = call.entry.key = call.x.find_key("coinbase_advanced_trade", name)
    if not key or key.is_deleted or key.env != call.env:
        unauthorized()
    call.key = key
    is_held = call.signature_holds()
    now = call.now_ms / 1000
    if not is_held or now >= claims["exp"] or now + LEEWAY_S < claims["nbf"]:
        unauthorized()
    if key.is_expired(call.now_ms) or not key.lets_in():
        unauthorized()
    key.last_used_ms = call.now_ms


# Public ------------------------------------------------------------------------------------------

def time(call):
    return as_json({"iso": iso(call.now_ms)[:-5] + "Z", "epochSeconds": str(call.now_ms // 1000),
                    "epochMillis": str(call.now_ms)})


def product_row(name, m):
    return {"product_id": name, "price": short(m.price), "base_increment": f"{m.step:f}",
            "quote_increment": short(m.tick), "price_increment": short(m.tick),
            "quote_min_size": short(m.min_cost), "quote_max_size": "150000000",
            "base_min_size": f"{m.min_size:f}", "base_max_size": "3400", "product_type": "SPOT",
            "base_currency_id": m.base, "quote_currency_id": m.quote, "status": "online",
            "base_display_symbol": m.base, "quote_display_symbol": m.quote,
            "is_disabled": False, "new": False, "cancel_only": False, "limit_only": False,
            "post_only": False, "trading_disabled": False, "auction_mode": False,
            "view_only": False, "volume_24h": "100"}


def product(_, path):
    """path: products or products/ID."""
    name = path.partition("/")[2]
    if not name:
        return as_json({"products": [product_row(n, m) for n, m in MARKETS.items()],
                        "num_products": len(MARKETS)})
    if name not in MARKETS:
        refuse(404, "NOT_FOUND", "valid product_id is required")
    return as_json(product_row(name, MARKETS[name]))


# Signed ------------------------------------------------------------------------------------------

def permissions(call):
    """withdraw and transfer are one right here."""
    k = call.key
    reply = {"can_view": k.read, "can_trade": k.spot, "can_transfer": k.withdraw or k.transfer,
             "portfolio_uuid": made_up_id("portfolio", k.account), "portfolio_type": "DEFAULT"}
    return as_json(told(reply, k))


def accounts(call):
    """In pages of 'limit', 49 unless told, 250 at most; the cursor names the next row."""
    query = call.query
    if not query.get("limit", "49").isdigit() or not query.get("cursor", "0").isdigit():
        refuse(400, "INVALID_ARGUMENT", "limit or cursor is not valid")
    size = min(int(query.get("limit", "49")), call.x.coinbase_page)
    start = int(query.get("cursor") or 0)
    rows = call.book().rows()
    some = rows[start:start + size]
    more = start + size < len(rows)
    return as_json({"accounts": [account_row(call.key.account, *r) for r in some],
                    "has_next": more, "cursor": str(start + size) if more else "",
                    "size": len(some)})


def account_row(owner, asset, free, locked):
    return {"uuid": made_up_id("account", owner, asset), "name": asset + " Wallet",
            "currency": asset, "available_balance": {"value": short(free), "currency": asset},
            "default": asset == "BTC", "active": True, "created_at": "2021-05-31T09:59:59.000Z",
            "updated_at": "2021-05-31T09:59:59.000Z", "deleted_at": None,
            "type": "ACCOUNT_TYPE_CRYPTO", "ready": True,
            "hold": {"value": short(locked), "currency": asset},
            "retail_portfolio_id": made_up_id("portfolio", owner), "platform":
            "ACCOUNT_PLATFORM_CONSUMER"}


def place(call):
    p = call.json()
    if not isinstance(p, dict) or not isinstance(p.get("order_configuration"), dict) or \
            len(p["order_configuration"]) != 1:
        refuse(400, "INVALID_ARGUMENT", "order_configuration is required")
    for name in ("client_order_id", "product_id", "side"):
        if not isinstance(p.get(name), str) or not p[name]:
            refuse(400, "INVALID_ARGUMENT", f"{name} is required")
    kind, config = next(iter(p["order_configuration"].items()))
    if p["side"] not in ("BUY", "SELL") or not isinstance(config, dict) or \
            kind not in ("limit_limit_gtc", "market_market_ioc"):
        refuse(400, "INVALID_ARGUMENT", "side or order_configuration is not valid")
    try:
        order = find_or_place(call, p, kind, config)
    except Refused as why:
        code, words = REFUSALS[str(why)]
        return as_json({"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON",
                        "order_id": "", "error_response": {
                            "error": code, "message": words, "error_details": "",
                            "preview_failure_reason": "PREVIEW_" + code},
                        "order_configuration": p["order_configuration"]})
    return as_json({"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON",
                    "order_id": order.id, "success_response": {
                        "order_id": order.id, "product_id": p["product_id"], "side": p["side"],
                        "client_order_id": p["client_order_id"], "attached_order_id": ""},
                    "order_configuration": p["order_configuration"]})


def find_or_place(call, p, kind, config):
    """The same client_order_id again gives the same order."""
    try:
        return call.book().find(client_id=p["client_order_id"])
    except Refused:
        pass
    if p["product_id"] not in MARKETS:
        raise Refused("symbol")
    m = MARKETS[p["product_id"]]
    price = amount(config.get("limit_price", "")) if kind == "limit_limit_gtc" else None
    if price is None and "quote_size" in config:
        size = (amount(config["quote_size"]) / m.ask).quantize(m.step)
    else:
        size = amount(config.get("base_size", ""))
    order = call.book().place(m, p["side"].lower(), price, size, key=call.key, type=kind,
                              post_only=config.get("post_only") is True, configuration=config,
                              client_id=p["client_order_id"], created_ms=call.now_ms)
    order.id = made_up_id("order", str(order.number))
    return order


def cancel(call):
    wanted = (call.json() or {}).get("order_ids")
    if not isinstance(wanted, list) or not wanted:
        refuse(400, "INVALID_ARGUMENT", "order_ids is required")
    return as_json({"results": [cancel_one(call.book(), str(one)) for one in wanted]})


def cancel_one(book, order_id):
    try:
        book.cancel(book.find(order_id))
    except Refused:
        return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": order_id}
    return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON",
            "order_id": order_id}


def order_row(o):
    return {"order_id": o.id, "product_id": f"{o.market.base}-{o.market.quote}",
            "order_configuration": {o.type: o.configuration}, "side": o.side.upper(),
            "client_order_id": o.client_id, "status": {"canceled": "CANCELLED"}.get(
                o.state, o.state.upper()), "time_in_force": "GOOD_UNTIL_CANCELLED",
            "created_time": iso(o.created_ms), "filled_size": short(o.filled),
            "average_filled_price": short(o.price) if o.filled else "0", "order_type": "LIMIT"}


def orders(call):
    query, rows = call.query, [order_row(o) for o in call.book().orders]
    state = query.get("order_status")
    return as_json({"orders": [r for r in rows if state in (None, r["status"])],
                    "sequence": "0", "has_next": False, "cursor": ""})


def one_order(call, order_id):
    try:
        return as_json({"order": order_row(call.book().find(order_id))})
    except Refused:
        refuse(404, "NOT_FOUND", "order not found")


# Sandbox -----------------------------------------------------------------------------------------

def sandbox(call, path):
    """The same answers for everybody, signed or not."""
    order = made_up_id("sandbox", "order")
    replies = {
        ("GET", "accounts"): {"accounts": [account_row("sandbox", "BTC", PRICES["BTC"], 0),
                                           account_row("sandbox", "USD", PRICES["ETH"], 0)],
                              "has_next": False, "cursor": "", "size": 2},
        ("POST", "orders"): {"success": True, "order_id": order, "success_response": {
            "order_id": order, "product_id": "BTC-USD", "side": "BUY",
            "client_order_id": "sandbox"}, "order_configuration": None},
        ("POST", "orders/batch_cancel"): {"results": [{
            "success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON",
            "order_id": order}]},
        ("GET", "orders/historical/batch"): {"orders": [], "has_next": False, "cursor": ""}}
    if (call.method, path) not in replies:
        refuse(404, "NOT_FOUND", "not in the sandbox")
    return as_json(replies[call.method, path])


V3 = "/api/v3/brokerage/"
LISTS, OTHER = lists.of("coinbase", True), lists.of("coinbase", False)
# (right of the key that it takes, what it does)
ROUTES = {("GET", "key_permissions"): (None, permissions), ("GET", "accounts"): ("read", accounts),
          ("GET", "products"): ("read", lambda call: product(call, "products")),
          ("POST", "orders"): ("spot", place), ("POST", "orders/batch_cancel"): ("spot", cancel),
          ("GET", "orders/historical/batch"): ("read", orders)}
BELOW = (("GET", "products/", "read", lambda call, name: product(call, "products/" + name)),
         ("GET", "orders/historical/", "read", one_order))
