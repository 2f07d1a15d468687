# SPDX-License-Identifier: Apache-2.0
"""Binance: spot, the wallet's key restrictions and the futures balance, as its documentation says
they answer."""
import re

from .common import Refuse, as_json, page, told
from . import lists
from .keys import number_of, text
from .market import QUOTES, Market, PRICES, Refused, amount, plain

MARKETS = {b + q: Market(b, q) for b in PRICES for q in QUOTES if q != "USD"}
BAND = ("0.2", "5")
WORDS = {-1003: "Too much request weight used; please use WebSocket Streams for live updates to "
                "avoid polling the API.",
         -1021: "Timestamp for this request is outside of the recvWindow.",
         -1022: "Signature for this request is not valid.",
         -1121: "Invalid symbol.",
         -1131: "recvWindow must be less than 60000.",
         -2008: "Invalid Api-Key ID.",
         -2011: "Unknown order sent.",
         -2013: "Order does not exist.",
         -2014: "API-key format invalid.",
         -2015: "Invalid API-key, IP, or permissions for action."}
REFUSALS = {"price": (-1013, "Invalid price."), "size": (-1013, "Invalid quantity."),
            "tick": (-1013, "Filter failure: PRICE_FILTER"),
            "step": (-1013, "Filter failure: LOT_SIZE"),
            "min_size": (-1013, "Filter failure: LOT_SIZE"),
            "min_cost": (-1013, "Filter failure: NOTIONAL"),
            "band": (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
            "funds": (-2010, "Account has insufficient balance for requested action."),
            "crosses": (-2010, "Order would immediately match and take."),
            "duplicate": (-2010, "Duplicate order sent."),
            "number": (-1100, "Illegal characters found in a parameter.")}


def error(code, msg=None, status=400):
    return as_json({"code": code, "msg": msg or WORDS[code]}, status)


def refuse(code, msg=None, status=400):
    raise Refuse(error(code, msg, status))


def missing(name):
    refuse(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def handle(call):
    public = PUBLIC.get((call.method, call.path))
    rule = SIGNED.get((call.method, call.path))
    part = {"/fapi/": "futures", "/dapi/": "delivery"}.get(call.path[:6], "spot")
    if not (public or rule) or part != call.site.part or \
            (call.path.startswith("/sapi/") and call.env != "live"):
        return page(404, "404 Not Found", "nginx")
    if public:
        return weighed(call, public(call))
    right, action = rule
    sign_in(call)
    if not getattr(call.key, right) or \
            (right == "spot" and call.key.is_expired(call.now_ms)):
        refuse(-2015, status=401)
    with call.x.lock:
        try:
            return weighed(call, action(call))
        except Refused as why:
            return error(*REFUSALS[str(why)])


def weighed(call, reply):
    name = "X-SAPI-USED-IP-WEIGHT-1M" if call.path.startswith("/sapi/") else "X-MBX-USED-WEIGHT-1M"
    reply.headers.setdefault(name, "20")
    return reply


def sign_in(call):
    """Sets call.key, or ends the call."""
    name = call.headers.get("x-mbx-apikey", "")
    if not re.fullmatch(r"[A-Za-z0-9]{64}", name):
        refuse(-2014, status=401)
    key = call.entry.key = call.x.find_key("binance", name)
    if not key or key.is_deleted or key.env != call.env:
        refuse(-2015 if call.x.ambiguous else -2008, status=401)
    call.key = key
    if not key.lets_in():
        refuse(-2015, status=401)
    check_time(call)
    if not call.params.get("signature"):
        missing("signature")
    if not call.signature_holds():
        refuse(-1022)
    key.last_used_ms = call.now_ms


def check_time(call):
    stamp, window = call.params.get("timestamp", ""), call.params.get("recvWindow", "5000")
    if not re.fullmatch(r"[0-9]{1,16}", stamp):
        missing("timestamp")
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", window) or float(window) > 60000:
        refuse(-1131)
    ms = int(stamp) // 1000 if len(stamp) == 16 and call.site.part == "spot" else int(stamp)
    if ms >= call.now_ms + 1000:
        refuse(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if call.now_ms - ms > float(window):
        refuse(-1021)


# Public ------------------------------------------------------------------------------------------

def time(call):
    return as_json({"serverTime": call.now_ms})


def symbol_row(name, m):
    return {"symbol": name, "status": "TRADING", "baseAsset": m.base, "baseAssetPrecision": 8,
            "quoteAsset": m.quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False, "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": plain(m.tick),
                 "maxPrice": "1000000.00000000", "tickSize": plain(m.tick)},
                {"filterType": "LOT_SIZE", "minQty": plain(m.min_size),
                 "maxQty": "9000.00000000", "stepSize": plain(m.step)},
                {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": BAND[1],
                 "bidMultiplierDown": BAND[0], "askMultiplierUp": BAND[1],
                 "askMultiplierDown": BAND[0], "avgPriceMins": 5},
                {"filterType": "NOTIONAL", "minNotional": plain(m.min_cost),
                 "applyMinToMarket": True, "maxNotional": "9000000.00000000",
                 "applyMaxToMarket": False, "avgPriceMins": 5},
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}],
            "permissions": [], "permissionSets": [["SPOT", "MARGIN"]]}


def wanted_market(params):
    name = params.get("symbol", "")
    if not name:
        missing("symbol")
    if name not in MARKETS:
        refuse(-1121)
    return MARKETS[name]


def exchange_info(call):
    some = MARKETS
    if "symbol" in call.query:
        some = {call.query["symbol"]: wanted_market(call.query)}
    return as_json({"timezone": "UTC", "serverTime": call.now_ms, "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
        "exchangeFilters": [], "symbols": [symbol_row(n, m) for n, m in some.items()]})


def price(call):
    if "symbol" in call.query:
        m = wanted_market(call.query)
        return as_json({"symbol": call.query["symbol"], "price": plain(m.price)})
    return as_json([{"symbol": n, "price": plain(m.price)} for n, m in MARKETS.items()])


# Signed ------------------------------------------------------------------------------------------

def account(call):
    """can... is about the account, and says nothing of the key."""
    rows = [r for r in call.book().rows()
            if r[1] or r[2] or call.params.get("omitZeroBalances") != "true"]
    return as_json({
        "makerCommission": 10, "takerCommission": 10, "buyerCommission": 0, "sellerCommission": 0,
        "canTrade": True, "canWithdraw": True, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": call.now_ms,
        "accountType": "SPOT", "permissions": ["SPOT"], "uid": number_of(call.key.account),
        "balances": [{"asset": a, "free": plain(f), "locked": plain(k)} for a, f, k in rows]})


def restrictions(call):
    k = call.key
    reply = {"ipRestrict": bool(k.ip), "createTime": k.created_ms, "enableReading": k.read,
             "enableSpotAndMarginTrading": k.spot, "enableWithdrawals": k.withdraw,
             "enableInternalTransfer": k.transfer, "permitsUniversalTransfer": k.transfer,
             "enableMargin": False, "enableFutures": k.futures, "enableVanillaOptions": False,
             "enablePortfolioMarginTrading": False, "enableFixApiTrade": False,
             "enableFixReadOnly": False}
    if k.expires_ms is not None:
        reply["tradingAuthorityExpirationTime"] = k.expires_ms
    return as_json(told(reply, k))


def order_row(o):
    return {"symbol": o.market.base + o.market.quote, "orderId": o.number, "orderListId": -1,
            "clientOrderId": o.client_id, "transactTime": o.created_ms, "price": plain(o.price),
            "origQty": plain(o.size), "executedQty": plain(o.filled),
            "cummulativeQuoteQty": plain(o.filled * o.price),
            "status": {"open": "NEW"}.get(o.state, o.state.upper()), "timeInForce": "GTC",
            "type": o.type, "side": o.side.upper(), "time": o.created_ms,
            "workingTime": o.created_ms, "selfTradePreventionMode": "EXPIRE_MAKER"}


def place(call):
    p, market = call.params, wanted_market(call.params)
    for name in ("side", "type"):
        if not p.get(name):
            missing(name)
    if p["side"] not in ("BUY", "SELL"):
        refuse(-1117, "Invalid side.")
    if p["type"] not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
        refuse(-1116, "Invalid orderType.")
    needs = {"LIMIT": ("timeInForce", "quantity", "price"), "LIMIT_MAKER": ("quantity", "price")}
    for name in needs.get(p["type"], ("quantity",)):
        if not p.get(name):
            missing(name)
    if p["type"] == "LIMIT" and p["timeInForce"] not in ("GTC", "IOC", "FOK"):
        refuse(-1115, "Invalid timeInForce.")
    numbers = {n: amount(p[n]) for n in ("quantity", "price") if p.get(n)}
    for name, value in numbers.items():
        if -value.as_tuple().exponent > 8:
            refuse(-1111, f"Parameter '{name}' has too much precision.")
    done = call.book().place(
        market, p["side"].lower(), None if p["type"] == "MARKET" else numbers["price"],
        numbers["quantity"], post_only=p["type"] == "LIMIT_MAKER", band=BAND, type=p["type"],
        immediate=p.get("timeInForce") in ("IOC", "FOK"), created_ms=call.now_ms, key=call.key,
        client_id=p.get("newClientOrderId") or "sim" + text(12),
        dry_run=call.path.endswith("/test"))
    return as_json({**order_row(done), "fills": []} if done else {})


def wanted_order(call, code):
    p, market = call.params, wanted_market(call.params)
    if not (p.get("orderId") or p.get("origClientOrderId")):
        refuse(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were "
                      "empty/null!")
    try:
        found = call.book().find(p.get("orderId"), p.get("origClientOrderId"))
    except Refused:
        refuse(code)
    if found.market is not market:
        refuse(code)
    return found


def show(call):
    return as_json(order_row(wanted_order(call, -2013)))


def cancel(call):
    order = wanted_order(call, -2011)
    try:
        call.book().cancel(order)
    except Refused:
        refuse(-2011)
    return as_json({**order_row(order), "origClientOrderId": order.client_id})


def open_orders(call):
    market = wanted_market(call.params) if call.params.get("symbol") else None
    return as_json([order_row(o) for o in call.book().open_orders(market)])


def withdraw(call):
    """Money leaves the account; nothing that coffer does may ever come here."""
    p = call.params
    for name in ("coin", "address", "amount"):
        if not p.get(name):
            missing(name)
    try:
        call.book().withdraw(p["coin"], amount(p["amount"]), p["address"])
    except Refused:
        refuse(-4026, "User has insufficient balance")
    return as_json({"id": "b6ae22b3aa844210a7041aee7589627c"})


def futures_balance(call):
    rows = call.book().wallets["futures"]
    return as_json([{"accountAlias": "SgsR", "asset": a, "balance": plain(v),
                     "crossWalletBalance": plain(v), "crossUnPnl": "0.00000000",
                     "availableBalance": plain(v), "maxWithdrawAmount": plain(v),
                     "marginAvailable": True, "updateTime": 0} for a, v in sorted(rows.items())])


PUBLIC = {("GET", "/api/v3/ping"): lambda call: as_json({}),
          ("GET", "/api/v3/time"): time, ("GET", "/fapi/v1/time"): time,
          ("GET", "/api/v3/exchangeInfo"): exchange_info,
          ("GET", "/api/v3/ticker/price"): price, **lists.of("binance", True)}
# (right of the key that it takes, what it does)
SIGNED = {("GET", "/sapi/v1/account/apiRestrictions"): ("read", restrictions),
          ("POST", "/sapi/v1/capital/withdraw/apply"): ("withdraw", withdraw),
          ("GET", "/api/v3/account"): ("read", account),
          ("GET", "/api/v3/order"): ("read", show),
          ("GET", "/api/v3/openOrders"): ("read", open_orders),
          ("POST", "/api/v3/order"): ("spot", place),
          ("POST", "/api/v3/order/test"): ("spot", place),
          ("DELETE", "/api/v3/order"): ("spot", cancel),
          ("GET", "/fapi/v3/balance"): ("futures", futures_balance), **lists.of("binance", False)}
