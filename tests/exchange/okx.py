# SPDX-License-Identifier: Apache-2.0
"""OKX, as its documentation says it answers: many refusals come with HTTP status 200, and the live
and the demo side share host names."""
import datetime
import re

from .common import Refuse, as_json, told
from . import lists
from .keys import number_of
from .market import PRICES, QUOTES, Market, Refused, amount, short

MARKETS = {f"{b}-{q}": Market(b, q, tick="0.1", step="0.00000001", min_size="0.00001", min_cost="0")
           for b in PRICES for q in QUOTES}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ERRORS = {"50002": (400, "JSON syntax error"),
          "50006": (400, "Invalid Content-Type, please use the \"application/json\" format"),
          "50011": (429, "Too Many Requests"),
          "50014": (400, "Parameter {} cannot be empty"),
          "50101": (401, "APIKey does not match current environment."),
          "50102": (401, "Timestamp request expired"),
          "50103": (401, "Request header \"OK-ACCESS-KEY\" cannot be empty."),
          "50104": (401, "Request header \"OK-ACCESS-PASSPHRASE\" cannot be empty."),
          "50105": (401, "Request header \"OK-ACCESS-PASSPHRASE\" incorrect."),
          "50106": (401, "Request header \"OK-ACCESS-SIGN\" cannot be empty."),
          "50107": (401, "Request header \"OK-ACCESS-TIMESTAMP\" cannot be empty."),
          "50110": (401, "Your IP 127.0.0.1 is not included in your API key's {} IP whitelist."),
          "50111": (401, "Invalid OK-ACCESS-KEY"),
          "50112": (401, "Invalid OK-ACCESS-TIMESTAMP"),
          "50113": (401, "Invalid Sign"),
          "50119": (200, "API key doesn't exist"),
          "50120": (200, "This API key doesn't have permission to use this function"),
          "51001": (200, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")}
REFUSALS = {"symbol": ("51001", ERRORS["51001"][1]),
            "price": ("51000", "Parameter px error"), "number": ("51000", "Parameter sz error"),
            "size": ("51000", "Parameter sz error"), "tick": ("51000", "Parameter px error"),
            "step": ("51121", "Order quantity must be a multiple of the lot size."),
            "min_size": ("51020", "Your order should meet or exceed the minimum order amount."),
            "funds": ("51008", "Order failed. Insufficient account balance."),
            "duplicate": ("51016", "Client order ID already exists."),
            "unknown": ("51400", "Cancellation failed as the order has been filled, canceled or "
                                 "does not exist.")}


def refuse(code, word=""):
    status, text = ERRORS[code]
    raise Refuse(as_json({"msg": text.format(word), "code": code}, status))


def good(*data):
    return as_json({"code": "0", "data": list(data), "msg": ""})


def handle(call):
    call.env = "demo" if call.headers.get("x-simulated-trading") == "1" else "live"
    call.entry.env = call.env
    public, rule = PUBLIC.get((call.method, call.path)), SIGNED.get((call.method, call.path))
    if public:
        return public(call)
    if not rule:
        return as_json({"code": "404", "data": {}, "detailMsg": "", "error_code": "404",
                        "error_message": "", "msg": "Not Found"}, 404)
    right, action = rule
    sign_in(call)
    if not getattr(call.key, right):
        refuse("50120")
    if call.method == "POST":
        if call.headers.get("content-type", "").partition(";")[0] != "application/json":
            refuse("50006")
        if not isinstance(call.json(), (dict, list)):
            refuse("50002")
    with call.x.lock:
        return action(call)


def sign_in(call):
    """Sets call.key, or ends the call."""
    for name, code in (("key", "50103"), ("sign", "50106"), ("timestamp", "50107"),
                       ("passphrase", "50104")):
        if not call.headers.get("ok-access-" + name):
            refuse(code)
    name = call.headers["ok-access-key"]
    key = call.entry.key = call.x.find_key("okx", name)
    if not UUID.fullmatch(name):
        refuse("50111")
    if not key or key.is_deleted or key.region != call.site.region or key.is_expired(call.now_ms):
        refuse("50111" if call.x.ambiguous else "50119")
    if key.env != call.env:
        refuse("50101")
    check_time(call)
    call.key = key
    if not key.lets_in():
        refuse("50110", key.label)
    if call.headers["ok-access-passphrase"] != key.credentials["passphrase"]:
        refuse("50105")
    if not call.signature_holds():
        refuse("50113")
    key.last_used_ms = call.now_ms


def check_time(call):
    text = call.headers["ok-access-timestamp"]
    try:
        moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        refuse("50112")
    ms = moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000
    if abs(call.now_ms - ms) > 30_000:
        refuse("50102")


# Public ------------------------------------------------------------------------------------------

def time(call):
    return good({"ts": str(call.now_ms)})


def instruments(call):
    if not call.query.get("instType"):
        refuse("50014", "instType")
    wanted = call.query.get("instId")
    if wanted and wanted not in MARKETS:
        refuse("51001")
    if call.query["instType"] != "SPOT":
        return good()
    return good(*({"instType": "SPOT", "instId": name, "baseCcy": m.base, "quoteCcy": m.quote,
                   "tickSz": short(m.tick), "lotSz": f"{m.step:f}", "minSz": short(m.min_size),
                   "state": "live", "maxLmtSz": "9999999999", "maxMktSz": "1000000",
                   "listTime": "1606468572000", "expTime": "", "instFamily": "", "uly": "",
                   "settleCcy": "", "ctVal": "", "lever": "10", "ruleType": "normal"}
                  for name, m in MARKETS.items() if wanted in (None, name)))


def ticker(call):
    name = call.query.get("instId")
    if name not in MARKETS:
        refuse("51001")
    m = MARKETS[name]
    return good({"instType": "SPOT", "instId": name, "last": short(m.price), "lastSz": "0.1",
                 "askPx": short(m.ask), "askSz": "1", "bidPx": short(m.bid), "bidSz": "1",
                 "open24h": short(m.price), "high24h": short(m.price), "low24h": short(m.price),
                 "vol24h": "100", "volCcy24h": "6200000", "ts": str(call.now_ms)})


# Signed ------------------------------------------------------------------------------------------

def config(call):
    k = call.key
    rights = [w for w, on in (("read_only", k.read), ("withdraw", k.withdraw), ("trade", k.spot))
              if on]
    uid = str(number_of(k.account))
    reply = {"acctLv": "2" if k.futures else "1", "acctStpMode": "cancel_maker",
             "autoLoan": False, "ctIsoMode": "automatic", "enableSpotBorrow": False,
             "greeksType": "PA", "ip": ",".join(k.ip or []), "kycLv": "3", "label": k.label,
             "level": "Lv1", "levelTmp": "", "liquidationGear": "-1", "mainUid": uid,
             "mgnIsoMode": "automatic", "opAuth": "0", "perm": ",".join(rights),
             "posMode": "net_mode", "roleType": "0", "spotBorrowAutoRepay": False,
             "spotOffsetType": "", "spotRoleType": "0", "spotTraderInsts": [],
             "traderInsts": [], "type": "0", "uid": uid}
    return good(told(reply, k))


def balance(call):
    wanted = [c for c in call.query.get("ccy", "").split(",") if c]
    details = [{"ccy": a, "cashBal": short(f + k), "eq": short(f + k), "availBal": short(f),
                "availEq": short(f), "frozenBal": short(k), "ordFrozen": short(k),
                "uTime": str(call.now_ms), "liab": "", "upl": "0"}
               for a, f, k in call.book().rows() if not wanted or a in wanted]
    return good({"uTime": str(call.now_ms), "totalEq": "1000", "isoEq": "0", "adjEq": "",
                 "details": details})


def funding(call):
    wallet = call.book().wallets["funding"]
    return good(*({"ccy": a, "bal": short(v), "frozenBal": "0", "availBal": short(v)}
                  for a, v in sorted(wallet.items())))


def order_row(o):
    return {"instType": "SPOT", "instId": f"{o.market.base}-{o.market.quote}", "ordId": o.id,
            "clOrdId": o.client_id, "tag": "", "px": short(o.price), "sz": short(o.size),
            "ordType": o.type, "side": o.side, "tdMode": "cash", "accFillSz": short(o.filled),
            "state": {"open": "live"}.get(o.state, o.state), "cTime": str(o.created_ms),
            "uTime": str(o.created_ms), "cancelSource": "31" if o.crossed else ""}


def answer(call, order_id, client_id, refused=None):
    """One item, with the code of its own."""
    code, text = REFUSALS[refused] if refused else ("0", "Order placed")
    row = {"clOrdId": client_id, "ordId": order_id, "sCode": code, "sMsg": text, "tag": "",
           "ts": str(call.now_ms)}
    now = str(call.now_ms * 1000)
    return as_json({"code": "1" if refused else "0", "data": [row], "inTime": now, "outTime": now,
                    "msg": "All operations failed" if refused else ""})


def place(call):
    p = call.json()
    p = p[0] if isinstance(p, list) and len(p) == 1 else p
    if not isinstance(p, dict):
        refuse("50002")
    for name in ("instId", "tdMode", "side", "ordType", "sz"):
        if not isinstance(p.get(name), str) or not p[name]:
            refuse("50014", name)
    client_id = p.get("clOrdId", "")
    try:
        if p["instId"] not in MARKETS:
            raise Refused("symbol")
        if p["tdMode"] != "cash" or p["side"] not in ("buy", "sell") or \
                p["ordType"] not in ("limit", "post_only", "market", "ioc", "fok"):
            raise Refused("number")
        if not re.fullmatch(r"[A-Za-z0-9]{0,32}", client_id):
            raise Refused("number")
        px = None if p["ordType"] == "market" else amount(p.get("px", ""))
        order = call.book().place(
            MARKETS[p["instId"]], p["side"], px, amount(p["sz"]), on_cross="cancel",
            post_only=p["ordType"] == "post_only", immediate=p["ordType"] in ("ioc", "fok"),
            client_id=client_id, type=p["ordType"], key=call.key, created_ms=call.now_ms)
    except Refused as why:
        return answer(call, "", client_id, str(why))
    order.crossed = order.state == "canceled" and order.post_only
    return answer(call, order.id, client_id)


def cancel(call):
    p = call.json()
    if not isinstance(p, dict) or not p.get("instId"):
        refuse("50014", "instId")
    order_id, client_id = p.get("ordId", ""), p.get("clOrdId", "")
    try:
        order = call.book().find(order_id, client_id)
        call.book().cancel(order)
    except Refused as why:
        return answer(call, order_id, client_id, str(why))
    return answer(call, order.id, order.client_id)


def show(call):
    try:
        return good(order_row(call.book().find(call.query.get("ordId"), call.query.get("clOrdId"))))
    except Refused:
        return as_json({"code": "51603", "data": [], "msg": "Order does not exist"})


def pending(call):
    wanted = call.query.get("instId")
    return good(*(r for r in map(order_row, call.book().open_orders())
                  if wanted in (None, r["instId"])))


V5 = "/api/v5/"
PUBLIC = {("GET", V5 + "public/time"): time, ("GET", V5 + "public/instruments"): instruments,
          ("GET", V5 + "market/ticker"): ticker}
# (right of the key that it takes, what it does)
SIGNED = {("GET", V5 + "account/config"): ("read", config),
          ("GET", V5 + "account/balance"): ("read", balance),
          ("GET", V5 + "asset/balances"): ("read", funding),
          ("GET", V5 + "trade/order"): ("read", show),
          ("GET", V5 + "trade/orders-pending"): ("read", pending),
          ("POST", V5 + "trade/order"): ("spot", place),
          ("POST", V5 + "trade/batch-orders"): ("spot", place),
          ("POST", V5 + "trade/cancel-order"): ("spot", cancel), **lists.of("okx", False)}
