#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""The simulated Kraken's orders that end by themselves, and both spellings of what it tells about a
key; and the test order of 'coffer verify --trade', which is such an order."""
import sys
import urllib.parse

import lib

sys.path.insert(0, lib.ROOT + "/tests")

# pylint: disable=wrong-import-position
import bad_world  # noqa: E402
from exchange.selfkit import place, rights, says, world  # noqa: E402


@world
def orders_with_an_end(x, c):
    """GTD takes a date five seconds ahead or more, and then the order is over"""
    k = x.key("kraken")
    says(place(c, k, timeinforce="GTD", expiretm="+60"), 200, '"txid"')
    says(place(c, k, timeinforce="GTD", expiretm=str(x.now_ms() // 1000 + 600)), 200, '"txid"')
    says(place(c, k, timeinforce="GTC"), 200, '"txid"')
    for wrong in ({"timeinforce": "GTD"}, {"timeinforce": "GTD", "expiretm": "+2"},
                  {"timeinforce": "GTD", "expiretm": " 60"}, {"timeinforce": "ABC"},
                  {"timeinforce": "GTD", "expiretm": "1700000000"}):
        says(place(c, k, **wrong), 200, "EGeneral:Invalid arguments")
    assert [o.state for o in x.orders()] == ["open"] * 3
    before = x.balances("A1", "kraken")["USD"]
    x.clock_ms = 61_000
    c.call(k, "POST", "/0/private/OpenOrders")
    assert [o.state for o in x.orders()] == ["expired", "open", "open"], x.orders()
    assert x.balances("A1", "kraken")["USD"][1] < before[1]


@world
def both_spellings(x, c):
    """GetApiKeyInfo answers with one spelling of its members or the other, never with both"""
    k = x.key("kraken", expires_ms=x.now_ms() + 90_000_000)
    one = rights(c, k).json["result"]
    x.kraken_camel = True
    other = rights(c, k).json["result"]
    assert {"api_key_name", "ip_allowlist", "valid_until", "created_time"} <= set(one)
    assert {"apiKeyName", "ipAllowlist", "validUntil", "createdTime"} <= set(other)
    assert not {n for n in other if "_" in n} and set(one) & set(other) == {
        "permissions", "nonce", "iban"}
    assert one["ip_allowlist"] == other["ipAllowlist"] and one["valid_until"] == other["validUntil"]


def coffer_tries_an_order():
    """verify --trade: good till a date, a minute ahead, cancelled; the facts in both spellings"""
    p = bad_world.Place("kraken")
    try:
        p.key.expires_ms = p.x.now_ms() + 90_000_000
        one, _ = p.facts()
        p.x.kraken_camel = True
        other, _ = p.facts()
        assert [one[f] for f in bad_world.FACTS] == [other[f] for f in bad_world.FACTS], other
        assert other["ip_allow_list"] is True and other["expires_ms"] and other["created_ms"], other
        r = p.run("verify", "k", "--trade", "XBTUSD", "--yes")
        assert r.code == 0 and "placed and cancelled" in r.out, r
        (sent,) = p.sent_orders()
        form = urllib.parse.parse_qs(sent.body)
        assert form["timeinforce"] == ["GTD"] and form["expiretm"] == ["+60"], form
        (order,) = p.x.orders()
        assert order.state == "canceled" and order.expires_ms, order
        # Not cancelled, it is over a minute later.
        p.x.fail("503", path="/0/private/CancelOrder")
        r = p.run("verify", "k", "--trade", "XBTUSD", "--yes")
        assert r.code == 1 and "AN ORDER MAY STILL BE OPEN" in r.err, r
        p.x.heal()
        p.x.clock_ms = 61_000
        assert p.run("balance", "k").code == 0 and p.x.orders()[-1].state == "expired", p.x.orders()
    finally:
        p.close()


lib.main([orders_with_an_end, both_spellings, coffer_tries_an_order])
