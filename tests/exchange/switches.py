# SPDX-License-Identifier: Apache-2.0
"""Everything that an exchange, or what stands before it, does badly: switched on by
Exchange.fail. Some switches refuse a call, some let it happen and spoil the answer."""
import fnmatch
import json
import re

from .common import as_json, page
from .hosts import BINANCE, COINBASE, KRAKEN, OKX
from .server import Reply

# Where a key's rights are told, and which members tell them.
RIGHTS_AT = {BINANCE: "/sapi/v1/account/apiRestrictions", OKX: "/api/v5/account/config",
             KRAKEN: "/0/private/GetApiKeyInfo", COINBASE: "/api/v3/brokerage/key_permissions"}
RIGHTS = {BINANCE: re.compile(r"enable|permits|ipRestrict"), OKX: re.compile(r"perm|ip$"),
          KRAKEN: re.compile(r"permissions|ip_allowlist|ipAllowlist"),
          COINBASE: re.compile(r"can_")}
# A member that says the worst, to stand before the true one of the same name.
WORST = {BINANCE: ("enableWithdrawals", True), OKX: ("perm", "read_only,trade,withdraw"),
         KRAKEN: ("permissions", ["query-funds", "modify-trades", "withdraw-funds"]),
         COINBASE: ("can_transfer", True)}
HUGE = 5 * 1024 * 1024
DEPTH = 10_000
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


# Refusals: the call does not happen --------------------------------------------------------------

def rate(exchange, switch):
    """As the exchange itself words it; OKX and Kraken with HTTP status 200."""
    if exchange in (OKX, KRAKEN):
        return Reply(200, limited(exchange))
    return too_many(exchange, switch)


def limited(exchange):
    return json.dumps({
        BINANCE: {"code": -1003, "msg": "Too much request weight used; current limit is 6000 "
                                        "request weight per 1 MINUTE."},
        OKX: {"msg": "Too Many Requests", "code": "50011"},
        KRAKEN: {"error": ["EAPI:Rate limit exceeded"]},
        COINBASE: {"error": "RESOURCE_EXHAUSTED", "error_details": "rate limit exceeded",
                   "message": "rate limit exceeded"}}[exchange])


def too_many(exchange, switch):
    return Reply(429, limited(exchange), {"Retry-After": str(switch.retry_after or 7)})


def banned(exchange, switch):
    after = {"Retry-After": str(switch.retry_after or 120)}
    if exchange == BINANCE:
        return as_json({"code": -1003, "msg": "Way too much request weight used; IP banned until "
                        "1893456000000. Please use WebSocket Streams for live updates to avoid "
                        "bans."}, 418, after)
    if exchange == KRAKEN:
        return as_json({"error": ["EGeneral:Temporary lockout"]})
    return Reply(429, limited(exchange), after)


def unavailable(exchange, _):
    return as_json({
        BINANCE: {"code": -1008, "msg": "Server is currently overloaded with other requests. "
                                        "Please try again in a few minutes."},
        OKX: {"msg": "Service temporarily unavailable. Please try again later", "code": "50001"},
        KRAKEN: {"error": ["EService:Unavailable"]},
        COINBASE: {"error": "UNAVAILABLE", "error_details": "", "message": "unavailable"},
    }[exchange], 503)


def html(_, switch):
    return page(switch.status or 200, "Attention Required!",
                "You are unable to access this site. Ray ID: 8f00ba4</p><p>\x1b[31mred\x1b[0m")


def redirect(_, switch):
    reply = page(switch.status or 302, "302 Found", "moved")
    reply.headers["Location"] = switch.location or "https://evil.example/"
    return reply


REFUSALS = {"429": too_many, "418": banned, "503": unavailable, "rate": rate, "html": html,
            "html403": lambda e, s: page(403, "403 Forbidden", "blocked"),
            "redirect": redirect, "empty": lambda e, s: Reply(200),
            "not_json": lambda e, s: Reply(200, "OK, all is well", kind="text/plain"),
            "deep": lambda e, s: Reply(200, "[" * DEPTH + "]" * DEPTH)}


# Spoilt answers: the call happens ----------------------------------------------------------------

def manner(name):
    def spoil(_, reply, __):
        reply.manner = name
    return spoil


def slow(_, reply, __):
    """Long enough for any client's limit."""
    reply.body = b" " * 600 + reply.body
    reply.manner = "slow"


def truncated(_, reply, __):
    reply.body = reply.body[:max(1, len(reply.body) // 2)]


def huge(_, reply, __):
    """Still good JSON."""
    if reply.body[:1] in (b"{", b"["):
        reply.body = reply.body[:1] + b" " * HUGE + reply.body[1:]


def every(value, change):
    """change(member's value) everywhere in a JSON value."""
    if isinstance(value, dict):
        return {k: every(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [every(v, change) for v in value]
    return change(value)


def rewrite(reply, change):
    try:
        value = json.loads(reply.body)
    except ValueError:
        return
    reply.body = json.dumps(change(value), separators=(",", ":")).encode()


def as_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def enormous(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return 10 ** 400
    is_number = isinstance(value, str) and NUMBER.fullmatch(value)
    return "1" + "0" * 400 if is_number else value


def as_number(value):
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        return as_text(value)
    return float(value) if "." in value else int(value)


def wrong_type(exchange, reply, _):
    """True and numbers as text. OKX and Kraken write numbers as text: there the other way round,
    and the list of rights is text where it is an array, an array where it is text."""
    def lists(row):
        for name in ("perm", "permissions", "ip", "ip_allowlist", "ipAllowlist"):
            if isinstance(row.get(name), str):
                row[name] = row[name].split(",")
            elif isinstance(row.get(name), list):
                row[name] = ",".join(row[name])
        return row
    if exchange in (OKX, KRAKEN):
        rewrite(reply, lambda v: members(every(v, as_number), lists))
    else:
        rewrite(reply, lambda v: every(v, as_text))


def big_number(_, reply, __):
    rewrite(reply, lambda v: every(v, enormous))


def members(value, change):
    """change(the dict) for every object in a JSON value."""
    if isinstance(value, dict):
        value = {k: members(v, change) for k, v in value.items()}
        return change(value)
    return [members(v, change) for v in value] if isinstance(value, list) else value


def missing(exchange, reply, switch):
    """The members that tell rights are left out, or those that the switch names."""
    def change(row):
        return {k: v for k, v in row.items()
                if not (k in switch.members if switch.members else RIGHTS[exchange].match(k))}
    rewrite(reply, lambda v: members(v, change))


def unknown_right(exchange, reply, _):
    def change(row):
        if exchange == BINANCE and "enableReading" in row:
            row["enableTeleport"] = True
        elif exchange == OKX and "perm" in row:
            row["perm"] += ",teleport"
        elif exchange == KRAKEN and "permissions" in row:
            row["permissions"] = row["permissions"] + ["teleport-funds"]
        elif exchange == COINBASE and "can_view" in row:
            row["can_teleport"] = True
        return row
    rewrite(reply, lambda v: members(v, change))


def dup(exchange, reply, switch):
    """A member twice: the worst first, the truth after it. With "escaped" the first is spelled
    with an escape, which is the same name."""
    name, value = WORST[exchange]
    text = reply.body.decode()
    if f'"{name}":' not in text:
        found = re.match(r'\{"([a-zA-Z_]+)":', text)
        if not found:
            return
        name, value = found[1], 0
    shown = f"\\u{ord(name[0]):04x}{name[1:]}" if switch.kind == "dup_escaped" else name
    extra = f'"{shown}":{json.dumps(value)},'
    reply.body = text.replace(f'"{name}":', extra + f'"{name}":', 1).encode()


SPOILT = {"truncated": truncated, "short": manner("short"), "slow": slow, "huge": huge,
          "silent": manner("silent"), "closed": manner("closed"), "wrong_type": wrong_type,
          "big_number": big_number, "missing": missing, "unknown_right": unknown_right,
          "dup": dup, "dup_escaped": dup}
KINDS = tuple(REFUSALS) + tuple(SPOILT)


class Switch:
    """One thing that goes wrong. path: as sent, * and ? as in file names; times: how often."""

    def __init__(self, kind, exchange=None, path=None, times=None, *, method=None, status=None,
                 retry_after=None, location=None,
                 members=None):                       # pylint: disable=redefined-outer-name
        if kind not in KINDS:
            raise ValueError(f"no switch {kind}; there are {', '.join(KINDS)}")
        self.kind, self.exchange, self.path, self.left = kind, exchange, path, times
        self.method, self.status, self.retry_after = method, status, retry_after
        self.location, self.members = location, members
        self.hits = 0

    def matches(self, exchange, method, path):
        if self.left == 0 or self.exchange not in (None, exchange) or \
                self.method not in (None, method):
            return False
        if self.path:
            return fnmatch.fnmatchcase(path, self.path)
        return self.kind not in ("missing", "unknown_right") or path == RIGHTS_AT[exchange]

    def use(self):
        self.hits += 1
        if self.left:
            self.left -= 1

    def instead(self, exchange):
        """The reply in place of the call, or None when the call happens."""
        return REFUSALS[self.kind](exchange, self) if self.kind in REFUSALS else None

    def spoil(self, exchange, reply):
        if self.kind in SPOILT:
            SPOILT[self.kind](exchange, reply, self)
