# SPDX-License-Identifier: Apache-2.0
"""The cells of the permission grid: what an exchange answers about a key, and what must be made of
it, computed here from what the exchanges' documentation says the members mean. No file of coffer's
own is read or believed."""
import itertools
import time

from exchange.keys import DAY_MS, NULL
from exchange.switches import RIGHTS_AT

assert len(RIGHTS_AT) == 4

NOW = int(time.time() * 1000)
# Of a right that is documented as a boolean: on, off, and ways in which nothing can be read.
GONE = None
RIGHT = (True, False, GONE, "false", 0, NULL)
DATES = (None, NOW - 5 * DAY_MS, NOW + 3 * DAY_MS, NOW + 365 * DAY_MS)
UNKNOWN = {"withdraw": {"withdraw-unknown"}, "transfer": {"transfer-unknown"}}
CAN = {"withdraw": {"may-withdraw"}, "transfer": {"may-transfer"}}
FACTS = ("read", "trade_spot", "trade_futures", "withdraw", "transfer", "ip_allow_list", "expires",
         "expires_ms")


def fact(value):
    """Only a boolean says anything."""
    return value if isinstance(value, bool) else None


def danger(name, value):
    """What must be listed for a right to move money."""
    return set() if value is False else (CAN if value else UNKNOWN)[name]


def soon_or_over(ms):
    if ms is None:
        return set()
    return {"expired"} if ms <= NOW else {"expires-soon"} if ms <= NOW + 14 * DAY_MS else set()


class Cell:
    """key: attributes of keys.Key; extra: see there. want: facts that coffer must tell, a tuple
    where more than one is right. dangers: those that must be listed beside what follows from the
    facts withdraw and transfer; warns: problems of that weight; may: what else may be."""

    def __init__(self, pool, key, extra, want, dangers=(), warns=(), works=True):
        self.pool, self.key, self.extra, self.works = pool, key, extra, works
        self.want = {n: want.get(n) for n in FACTS}
        self.dangers, self.may, self.warns = set(dangers), set(), set(warns)
        self.is_both = False

    def apply(self, key):
        fresh = {"read": True, "spot": True, "futures": False, "withdraw": False,
                 "transfer": False, "ip": ("127.0.0.1",), "expires_ms": None,
                 "created_ms": NOW - DAY_MS}
        for name, value in {**fresh, **self.key}.items():
            setattr(key, name, value)
        key.extra = self.extra

    def __repr__(self):
        answer = {n: "NULL" if v is NULL else v for n, v in self.extra.items()}
        return f"{self.pool}: key {self.key}, answer {str(answer)[:400]}, wanted {self.want}, " \
               f"dangers {sorted(self.dangers)}, warns {sorted(self.warns)}"


def refused(pool, key):
    """The exchange says no: nothing is known."""
    return Cell(pool, key, {}, {}, works=False)


# Binance -----------------------------------------------------------------------------------------

# The box of enableMargin reads "Loan, Repay & Transfer"; portfolio margin collects between wallets.
MOVES = ("enableInternalTransfer", "permitsUniversalTransfer", "enableMargin",
         "enablePortfolioMarginTrading")


def binance_live(members, expires_ms=None, unknown=False):
    """members: those that differ from a key that only reads and is bound to an address."""
    told = {"ipRestrict": True, "enableReading": True, "enableSpotAndMarginTrading": False,
            "enableFutures": False, "enableWithdrawals": False, **dict.fromkeys(MOVES, False),
            **members}
    moves = [fact(told[m]) for m in MOVES]
    transfer = True if True in moves else None if None in moves else False
    ip = fact(told["ipRestrict"])
    does_more = any(v is True for m, v in told.items() if m not in ("enableReading", "ipRestrict"))
    warns = soon_or_over(expires_ms) | ({"no-ip-list"} if ip is False else set())
    warns |= {"deleted-when-idle"} if ip is False and does_more else set()
    warns |= {"cannot-read"} if told["enableReading"] is False else set()
    return Cell("binance live", {"expires_ms": expires_ms}, told, {
        "read": fact(told["enableReading"]), "ip_allow_list": ip, "expires_ms": expires_ms,
        "trade_spot": fact(told["enableSpotAndMarginTrading"]),
        "trade_futures": fact(told["enableFutures"]),
        "withdraw": fact(told["enableWithdrawals"]), "transfer": transfer,
        # Without a date nothing lapses where the key is bound, and elsewhere nobody says.
        "expires": True if expires_ms else False if ip else None},
        {"unknown-right"} if unknown else (), warns)


def binance():
    grid = itertools.product(RIGHT, RIGHT, (True, False, GONE, "true"), DATES, (True, False))
    for i, (withdraw, transfer, ip, expires, trades) in enumerate(grid):
        yield binance_live({"enableWithdrawals": withdraw, MOVES[i % len(MOVES)]: transfer,
                            "ipRestrict": ip, "enableSpotAndMarginTrading": trades}, expires)
    for value in RIGHT:
        for name in ("enableReading", "enableSpotAndMarginTrading", "enableFutures", *MOVES):
            yield binance_live({name: value})
        for name in ("enableTeleport", "permitsAll", "allowWithdraw", "canWithdraw"):
            yield binance_live({name: value}, unknown=value is not False and value is not GONE)
    for value in ("true", 1, [], {}, ["false"], -1, 0.0, ""):
        for name in ("enableWithdrawals", "ipRestrict", *MOVES):
            yield binance_live({name: value})
    for value in ("1893456000000", NULL, -1, 1.5, 0, True, 10 ** 30):
        cell = binance_live({"tradingAuthorityExpirationTime": value})
        cell.want["expires"] = (None, False) if value is None else None
        yield cell
    yield from binance_not_live()


def binance_not_live():
    """Testnet and demo have no call that tells rights: whatever they are, they are unknown."""
    grid = itertools.product(("test", "demo"), (True, False), (True, False), (None, ("127.0.0.1",)),
                             DATES, (True, False))
    for env, withdraw, transfer, ip, expires, trades in grid:
        yield Cell("binance " + env, {"withdraw": withdraw, "transfer": transfer, "ip": ip,
                                      "expires_ms": expires, "spot": trades}, {}, {"read": True})


# OKX ---------------------------------------------------------------------------------------------

PERMS = ("read_only", "read_only,trade", "trade,read_only", "trade", "read_only,withdraw",
         "withdraw", "read_only,withdraw,trade", " read_only , trade , withdraw ", "", GONE, NULL,
         ["read_only"], "Withdraw", "read_only,WITHDRAW", "read_only;withdraw",
         "read_only withdraw", "read_only,teleport", "read_only,trade,teleport", True, 7, {},
         ",read_only", "read_only,,trade", "read_only,withdraw,", "read_only\0,withdraw",
         "read_only," * 40 + "trade", "read_only," * 200 + "withdraw", "read_only, withdraw\t")
OKX_WORDS = {"read_only", "trade", "withdraw"}
OPEN_LISTS = ("0.0.0.0/0", "203.0.113.7,::/0", "0.0.0.0")
OKX_IPS = (("203.0.113.7", True), ("203.0.113.0/24,2001:db8::1", True), ("", False), (GONE, None),
           (NULL, None), (["203.0.113.7"], None), ("not told", None), (True, None),
           *((text, False) for text in OPEN_LISTS))


def okx_cell(perm, ip, bound, env="live", region="www", level="2", expires=None):
    words = [w.strip(" ") for w in perm.split(",")] if isinstance(perm, str) else []
    is_plain = bool(words) and set(words) <= OKX_WORDS and isinstance(perm, str)
    may = {w: True if w in words else False if is_plain else None for w in OKX_WORDS}
    transfer = may["trade"]         # one right for both
    if may["withdraw"] and transfer is False:
        transfer = None             # not said to be off for a key that may take all of it away
    is_demo = env == "demo"
    does_more = bool(may["trade"] or may["withdraw"])
    futures = {"1": False, "2": True, "3": True, "4": True}.get(level) if may["trade"] else \
        may["trade"]
    ends = False if is_demo or bound or (is_plain and not does_more) else None
    warns = {"no-ip-list"} if bound is False else set()
    if not is_demo and bound is False and does_more:
        warns |= {"deleted-when-idle"}
    others = [w for w in words if w not in OKX_WORDS] if perm else []
    want = {"read": True, "trade_spot": may["trade"], "trade_futures": futures,
            "withdraw": may["withdraw"], "transfer": transfer, "ip_allow_list": bound,
            "expires": ends}
    cell = Cell(f"okx {env} {region}", {"expires_ms": expires},
                {"perm": perm, "ip": ip, "acctLv": level}, want,
                {"unknown-right"} if [w for w in others if w] else (), warns)
    if len(str(perm)) > 100 or "" in others or "\0" in str(perm):     # read whole, or not at all
        cell.dangers, cell.may = set(), {"unknown-right", "deleted-when-idle"}
        cell.warns -= cell.may
        for name in ("trade_spot", "trade_futures", "withdraw", "transfer"):
            cell.want[name] = (cell.want[name], None)
    return cell


def okx():
    for env in ("live", "demo"):
        each = itertools.product(PERMS, OKX_IPS if env == "live" else OKX_IPS[:4])
        for i, (perm, (ip, bound)) in enumerate(each):
            yield okx_cell(perm, ip, bound, env, expires=(None, DATES[2], DATES[3])[i % 3])
    for region in ("app", "my"):
        for perm, (ip, bound) in itertools.product(PERMS[:12], OKX_IPS[:4]):
            yield okx_cell(perm, ip, bound, region=region)
    for level in ("1", "2", "3", "4", "9", "", GONE, "12", "-1"):
        for perm in PERMS[:6]:
            yield okx_cell(perm, "203.0.113.7", True, level=level)
    for withdraw, trades, env in itertools.product((True, False), (True, False), ("live", "demo")):
        key = {"withdraw": withdraw, "spot": trades, "expires_ms": DATES[1]}
        yield refused(f"okx {env} www", key)
        yield refused(f"okx {env} www", {"withdraw": withdraw, "spot": trades, "read": False})


# Kraken ------------------------------------------------------------------------------------------

HARMLESS = {"query-funds", "add-funds", "query-open-trades", "query-closed-trades", "modify-trades",
            "close-trades", "query-ledger", "export-data", "create-ws-token"}
ADDRESSES = {"add-withdraw-address", "update-withdraw-address"}
TOKENS = HARMLESS | ADDRESSES | {"withdraw-funds", "earn-funds"}
KRAKEN_LISTS = (GONE, NULL, "query-funds", ["query-funds", 7], [["query-funds"]], [None],
                {"withdraw-funds": True}, ["Withdraw-Funds"], ["withdraw_funds"],
                ["withdraw-funds "], ["query-funds", "teleport-funds"], ["earn-teleport"], [""],
                [], ["add-withdraw-address"], ["query-ledger", "update-withdraw-address"],
                ["modify-trades", True], ["query-funds"] * 300, ["x" * 200], True, 0,
                ["withdraw-funds"] * 2, ["query-funds,withdraw-funds"], [{"withdraw-funds": 1}],
                ["query-open-trades", "modify-trades"], ["create-ws-token"], ["add-funds"],
                ["sub-accounts"], ["\0"], ["modify-trades", "withdraw-funds\0"])
KRAKEN_IPS = ((["203.0.113.7"], True), (["203.0.113.7", ""], True), ([""], False), ([], False),
              (GONE, None), (NULL, None), ("203.0.113.7", None), ([7], None),
              (["203.0.113.7", 7], None), (["0.0.0.0/0"], False), (["203.0.113.7", "::/0"], False),
              (["0.0.0.0"], False), ([" "], None), (["not told"], None))


def kraken_cell(tokens, ip, bound, until=None, **more):
    """until: ms, or None for 'never'."""
    words = [w for w in tokens if isinstance(w, str)] if isinstance(tokens, list) else []
    is_plain = isinstance(tokens, list) and len(words) == len(tokens) and set(words) <= TOKENS

    def may(word):
        return True if word in words else False if is_plain else None
    transfer = None
    if may("withdraw-funds") or any(w.startswith("earn-") for w in words):
        transfer = True
    elif is_plain and not may("query-funds"):      # 'Query' is said to be enough for WalletTransfer
        transfer = False
    dangers = {"unknown-right"} if set(words) - TOKENS else set()
    dangers |= {"may-change-addresses"} if set(words) & ADDRESSES else set()
    warns = soon_or_over(until) | ({"no-ip-list"} if bound is False else set())
    warns |= {"cannot-read"} if may("query-funds") is False else set()
    seconds = until and until // 1000
    want = {"read": may("query-funds"), "trade_spot": may("modify-trades"), "trade_futures": False,
            "withdraw": may("withdraw-funds"), "transfer": transfer, "ip_allow_list": bound,
            "expires": until is not None, "expires_ms": until and seconds * 1000}
    return Cell("kraken live", {}, {"permissions": tokens, "ip_allowlist": ip,
                                    "valid_until": str(seconds or 0), **more},
                want, dangers, warns)


def kraken():
    basic = ["query-open-trades", "query-closed-trades"]
    grid = itertools.product(("on", "off", "unreadable"), (True, False), (True, False),
                             (True, False), KRAKEN_IPS[:6], DATES)
    for withdraw, earn, reads, trades, (ip, bound), until in grid:
        tokens = basic + ["query-funds"] * reads + ["modify-trades", "close-trades"] * trades + \
            ["earn-funds"] * earn + ["withdraw-funds"] * (withdraw == "on") + \
            [5] * (withdraw == "unreadable")
        yield kraken_cell(tokens, ip, bound, until)
    for i, tokens in enumerate(KRAKEN_LISTS):
        for ip, bound in KRAKEN_IPS[i % 2::2]:
            yield kraken_cell(tokens, ip, bound, DATES[i % 4])
    for until in (GONE, NULL, 0, 1893456000, "", "-1", "abc", "1e9", "0x10", " 0", "9" * 30, [],
                  True):
        cell = kraken_cell(["query-funds"], ["203.0.113.7"], True, valid_until=until)
        cell.want["expires"] = None
        yield cell
    for withdraw, trades in itertools.product((True, False), (True, False)):
        yield refused("kraken live", {"withdraw": withdraw, "spot": trades, "expires_ms": DATES[1]})


def kraken_both():
    """Both spellings of a member at once: neither is believed."""
    for name, value in (("ipAllowlist", ["203.0.113.7"]), ("validUntil", "0")):
        cell = kraken_cell(["modify-trades"], ["203.0.113.7"], True, **{name: value})
        cell.want["ip_allow_list" if name == "ipAllowlist" else "expires"] = None
        cell.is_both = True
        yield cell


# Coinbase ----------------------------------------------------------------------------------------

def coinbase():
    """One right for transfers and withdrawals; the IP list and the end of a key are not told."""
    grid = itertools.product((*RIGHT, "true", 1, [], {}, ""), (True, False, GONE, "true"),
                             (True, False, GONE, "false"))
    for i, (transfer, view, trade) in enumerate(grid):
        yield coinbase_live({"can_transfer": transfer, "can_view": view, "can_trade": trade},
                            expires_ms=(None, *DATES[2:])[i % 3], ip=(None, ("127.0.0.1",))[i % 2])
    for value in RIGHT:
        yield coinbase_live({"can_teleport": value})
    for moves, trades in itertools.product((True, False), (True, False)):
        yield refused("coinbase live", {"withdraw": moves, "spot": trades, "expires_ms": DATES[1]})
        for reads, until, ip in itertools.product((True, False), DATES, (None, ("127.0.0.1",))):
            yield Cell("coinbase test", {"transfer": moves, "spot": trades, "read": reads,
                                         "expires_ms": until, "ip": ip}, {}, {})


def coinbase_live(members, **key):
    told = {"can_view": True, "can_trade": True, "can_transfer": False, **members}
    trade, moves = fact(told["can_trade"]), fact(told["can_transfer"])
    is_odd = all(told.get("can_teleport") is not v for v in (False, GONE))
    warns = {"cannot-read"} if told["can_view"] is False else set()
    return Cell("coinbase live", key, told, {
        "read": fact(told["can_view"]), "trade_spot": trade, "trade_futures": trade,
        "withdraw": moves, "transfer": moves}, {"unknown-right"} if is_odd else (), warns)


def every():
    """All cells, by pool: keys of one exchange, environment and region."""
    pools = {}
    for cell in itertools.chain(binance(), okx(), kraken(), kraken_both(), coinbase()):
        pools.setdefault(cell.pool, []).append(cell)
    return pools
