#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer verify against the simulated exchanges: one key and many, exit codes, marks that come off,
accepted risks, and the test order."""
import json
import shutil
import time

import kit
import lib

EXCHANGES = ("binance", "okx", "kraken", "coinbase")
SYMBOLS = {"binance": "BTCUSDT", "okx": "BTC-USDT", "kraken": "XBTUSD", "coinbase": "BTC-USD"}
QUOTES = {"binance": "USDT", "okx": "USDT", "kraken": "USD", "coinbase": "USD"}
SECRETS, SAID = set(), []


def prepare(h):
    h.init()


home = lib.shared(prepare)


def said(r):
    kit.calm(r)
    SAID.append(r.out + r.err)
    return r


def put(h, x, name, exchange, *more, accept="test", **key):
    """A key of the exchange, sealed without a trial."""
    k = x.key(exchange, **key)
    SECRETS.update(kit.secrets_of({"api_secret": k.secret, "private_key_pem": k.secret}))
    said(h.ok("add", name, exchange, "--env", k.env, "--no-verify", "--accept-risk", accept,
              "--connect-to", x.connect_to, "--ca-file", x.ca_file, "--from-json", "-", *more,
              stdin=json.dumps(k.fields)))
    return k


def verify(h, *args, code=0, **kw):
    r = said(h.run("verify", *args, **kw))
    assert r.code == code, f"exit {code} expected: {r}"
    return r


def listed(h, name):
    return next(k for k in h.ok("list", "--json", pin=False).json()["keys"] if k["name"] == name)


def generation(h):
    with open(h.vault + "/vault.json", encoding="utf-8") as f:
        return json.loads(f.readline())["generation"]


def what_the_exchange_says():
    """each right comes out as the exchange has it, in the table and in JSON"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = put(h, x, e, e)
            for attribute, member in (("withdraw", "withdraw"), ("spot", "trade_spot")):
                for value in (True, False):
                    setattr(k, attribute, value)
                    j = verify(h, e, "--json").json()
                    assert j["works"] is True and j[member] is value, (e, member, value, j)
                    table = verify(h, e).out
                    label = {"withdraw": "withdraw       ", "trade_spot": "trade spot     "}[member]
                    assert label + ("yes" if value else "no") in table, (e, table)
            assert j["latency_ms"] >= 1 and abs(j["skew_ms"]) < 2000 and j["failure"] is None, j
            k.ip = None
            j = verify(h, e, "--json").json()
            assert j["ip_allow_list"] is (None if e == "coinbase" else False), (e, j)


def refused_and_unreached():
    """refused: exit 4, the code and all causes; not reached: exit 1; nothing known is called safe"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            k = put(h, x, e, e)
            k.delete()
            r = verify(h, e, code=4)
            assert "no: the exchange refuses the key" in r.out and "It means" in r.out, r
            assert "withdraw " not in r.out, r
            j = verify(h, e, "--json", code=4).json()
            assert j["works"] is False and j["withdraw"] is None and j["failure"]["causes"], j
            assert j["error"]["code"] == "exchange" and j["error"]["hints"], j
            k.is_deleted = False
            for kind in ("503", "html", "429", "418", "redirect", "empty", "not_json", "deep", "closed",
                         "huge", "truncated"):
                x.heal()
                x.fail(kind, e)
                j = verify(h, e, "--json", code=1).json()
                assert j["works"] is None and j["withdraw"] is None and j["transfer"] is None, j
                assert j["error"]["code"] == "failed" and j["failure"]["message"], (e, kind, j)
            x.heal()
            verify(h, e)
        x.restart("other_ca")
        r = verify(h, "binance", code=1)
        assert "certificate" in r.out and "works          unknown" in r.out, r


def spoilt_rights():
    """rights that cannot be read are unknown, and unknown is a danger"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            put(h, x, e, e)
            for kind in ("missing", "wrong_type", "dup", "dup_escaped", "big_number"):
                x.heal()
                x.fail(kind, e)
                r = said(h.run("verify", e, "--json", "--strict"))
                j = r.json()
                if kind in ("missing", "wrong_type"):
                    assert j["withdraw"] is not False or j["works"] is not True, (e, kind, j)
                    assert r.code != 0, (e, kind, r)
                if j["works"] is not True:
                    assert j["withdraw"] is None and r.code in (1, 4), (e, kind, r)
            x.heal()
            x.fail("unknown_right", e)
            j = said(h.run("verify", e, "--json", "--strict"))
            assert j.code == 5 or e == "coinbase", (e, j)


def all_of_them():
    """no name: every key once, in order of names, one login, a summary; 4 before 1 before 5"""
    h = home()
    with lib.exchange() as x:
        made = {f"{e}-{n}": put(h, x, f"{e}-{n}", e) for e in EXCHANGES for n in (1, 2)}
        r = verify(h)
        at = [r.out.index("\n" + n + "  ") for n in sorted(made)]
        assert r.out.startswith("NAME ") and at == sorted(at) and "8 keys: 8 work, 0 refused, 0 not reached" in r.out, r
        assert r.err == "" or "warning" in r.err, r
        verify(h, "--strict", code=5)           # OKX and Kraken cannot tell or separate transfers
        x.fail("503", "kraken")
        assert "6 work, 0 refused, 2 not reached" in verify(h, code=1).out
        verify(h, "--strict", code=1)
        made["okx-2"].delete()
        j = verify(h, "--json", code=4).json()
        assert [k["name"] for k in j["keys"]] == sorted(made), j
        assert j["summary"]["keys"] == 8 and j["summary"]["refused"] == 1, j
        assert j["summary"]["not_reached"] == 2 and j["summary"]["works"] == 5, j


def a_row_each():
    """many keys: a row each, then all of those with which something is wrong, the count last"""
    h = home()
    with lib.exchange() as x:
        made = {n: put(h, x, n, "binance") for n in ("fine", "gone1", "gone2", "noip", "taker")}
        verify(h)
        made["gone1"].delete()
        made["gone2"].delete()
        made["noip"].ip = None
        made["taker"].withdraw = True
        r = verify(h, code=4)
        table, *details = r.out.split("\n\n")
        rows = {line.split()[0]: line for line in table.splitlines()}
        assert list(rows) == ["NAME", *sorted(made)], r
        assert rows["fine"].split()[1:] == ["yes", "yes", "spot", "no", "no", "yes", "no"], r
        assert "refused: -2008" in rows["gone1"] and "no !" in rows["noip"], r
        assert "yes !" in rows["taker"] and "DANGER: may withdraw" in rows["taker"], r
        heads = [d.split()[0] for d in details]
        assert heads[:4] == ["gone1", "gone2", "noip", "taker"], r
        assert details[1] == "gone2          as 'gone1'", r     # not the same words twice
        assert r.out.endswith("5 keys: 3 work, 2 refused, 0 not reached; DANGER: taker may withdraw; "
                              "problems: noip\n"), r
        h.extra_env = {"TERM": "xterm"}
        r = said(h.tty("verify", "--pin-file", h.pin_file))
        assert "\x1b[1;31m  DANGER: may withdraw" in r.out, r


def more_than_a_batch():
    """40 keys: all are tried, side by side"""
    h = home()
    with lib.exchange() as x:
        for n in range(40):
            put(h, x, f"k{n:02}", "binance")
        verify(h)                               # takes the marks off, one commit each
        x.delay_s = 0.3
        begin = time.time()
        r = verify(h)
        took = time.time() - begin
        assert "40 keys: 40 work" in r.out, r
        assert took < 40 * 0.3, f"{took} s: one after the other"


def a_broken_record_is_listed():
    """a record that cannot be read counts as not reached; the others are tried"""
    h = home()
    with lib.exchange() as x:
        put(h, x, "good", "binance")
        put(h, x, "bad", "binance")
        with open(h.record_file("bad"), "r+b") as f:
            f.seek(20)
            f.write(b"#")
        r = verify(h, code=1)
        assert "2 keys: 1 works, 0 refused, 1 not reached" in r.out, r
        kit.judge_refusal(said(h.run("verify", "bad")), 1, "bad")
        kit.judge_refusal(said(h.run("verify", "none")), 1, "none")


def marks_come_off():
    """never verified: the first good verify takes the mark off in one commit; dangers keep it on"""
    h = home()
    with lib.exchange() as x:
        k = put(h, x, "m", "binance", withdraw=True)
        before = generation(h)
        r = verify(h, "m")
        assert "stays marked as not verified" in r.err, r
        assert "coffer verify m --accept-risk REASON" in r.err, r
        assert generation(h) == before and not listed(h, "m")["verified"]
        k.withdraw = False
        r = verify(h, "m")
        assert "'m' is verified now" in r.out and generation(h) == before + 1, r
        assert listed(h, "m")["verified"] and listed(h, "m")["risks"] == []
        verify(h, "m")
        assert generation(h) == before + 1       # nothing more to write


def risks_are_accepted():
    """--accept-risk writes down the dangers found now, and no later one; it needs a name"""
    h = home()
    with lib.exchange() as x:
        k = put(h, x, "a", "binance", withdraw=True)
        verify(h, "a", "--strict", code=5)
        before = generation(h)
        r = verify(h, "a", "--accept-risk", "sub-account of its own", code=5)
        assert "it may withdraw" in r.err and "does not cover that" in r.err, r
        assert generation(h) == before and "--accept-risk 'sub-account of its own'" in r.err, r
        r = verify(h, "a", "--accept-risk", "withdraws to the cold wallet", "--strict")
        assert generation(h) == before + 1 and "accepted: withdraws to the cold wallet" in r.out, r
        risks = listed(h, "a")["risks"]
        assert [(p["problem"], p["reason"]) for p in risks] == [("may-withdraw", "withdraws to the cold wallet")]
        assert listed(h, "a")["verified"]
        j = verify(h, "a", "--json", "--strict").json()
        assert j["problems"][0]["accepted"] is True, j
        k.transfer = True
        verify(h, "a", "--strict", code=5)
        r = verify(h, "a", "--accept-risk", "x", "--accept-risk", "y", code=2)
        k.delete()
        r = verify(h, "a", "--accept-risk", "x", code=4)
        assert "nothing is accepted" in r.err and generation(h) == before + 1, r
        for bad in (("--accept-risk", "x"), ("--trade", "BTCUSDT"), ("a", "--yes"),
                    ("a", "--accept-risk", " "), ("a", "b")):
            verify(h, *bad, code=2)


def no_right_to_write():
    """a machine that was not told to trust the vault verifies, warns, and changes nothing"""
    h = home()
    with lib.exchange() as x:
        put(h, x, "m", "binance")
        shutil.rmtree(h.state)
        before = generation(h)
        r = verify(h, "m")
        assert "could not be taken off" in r.err and generation(h) == before, r
        assert not listed(h, "m")["verified"]


def test_orders():
    """--trade places one small order and cancels it; --yes or a person says so"""
    h = home()
    with lib.exchange() as x:
        x.funds("A1", {"USDT": "1000", "USD": "1000", "ZUSD": "1000", "USDC": "1000"})
        for e in EXCHANGES:
            put(h, x, e, e)
            r = verify(h, e, "--trade", SYMBOLS[e], "--yes")
            assert "trade test     passed: buy " in r.out and "placed and cancelled" in r.out, r
            orders = x.orders(exchange=e)
            assert len(orders) == 1 and "cancel" in str(orders[0].state).lower(), orders
            j = verify(h, e, "--trade", SYMBOLS[e], "--yes", "--json").json()
            assert j["trade"]["placed"] is True and j["trade"]["cancelled"] is True, j
        n = len(x.orders())
        kit.judge_refusal(said(h.run("verify", "binance", "--trade", "BTCUSDT")), 3, "no terminal",
                          hint="--yes")
        tty = ("verify", "binance", "--trade", "BTCUSDT", "--pin-file", h.pin_file)
        r = said(h.tty(*tty, answers=[("cancel it at once?", "n")]))
        assert r.code == 1 and "no order was placed" in r.out and len(x.orders()) == n, r
        r = said(h.tty(*tty, answers=[("cancel it at once?", "y")]))
        assert r.code == 0 and len(x.orders()) == n + 1, r


def orders_refused():
    """--trade: a key without the right, without funds, a wrong symbol, an unverified record"""
    h = home()
    with lib.exchange() as x:
        for e in EXCHANGES:
            x.funds("A1", {"USDT": "1000", "USD": "1000", "ZUSD": "1000", "USDC": "1000"})
            k = put(h, x, e, e)
            k.spot = False
            n = len(x.log)
            r = verify(h, e, "--trade", SYMBOLS[e], "--yes", code=5)
            assert f"coffer: no test order: '{e}' may not trade\n" in r.err, r
            assert "hint: the right to trade is ticked at https://" in r.err, r
            assert not [c for c in x.log[n:] if "rder" in c.path] and not x.orders(), r
            k.spot = True
            r = said(h.run("verify", e, "--trade", "NO-SUCH", "--yes"))
            assert r.code in (2, 4) and not x.orders(), r
            x.funds("poor", {}, e)
            k.account = "poor"
            r = verify(h, e, "--trade", SYMBOLS[e], "--yes", code=4)
            assert r.err.endswith(f"coffer: no order was placed: too little {QUOTES[e]}; whether the "
                                  "key may trade is not proven\n") and not x.orders(), r
        k = x.key("binance")
        x.fail("closed")
        said(h.ok("add", "unv", "binance", "--connect-to", x.connect_to, "--ca-file", x.ca_file,
                  "--from-json", "-", "--accept-risk", "later", stdin=json.dumps(k.fields)))
        x.heal()
        kit.judge_refusal(said(h.run("verify", "unv", "--trade", "BTCUSDT", "--yes")), 5,
                          "not verified yet", hint="coffer verify unv")


def orders_left_open():
    """--trade: when it cannot be cancelled, or nobody knows, that is said loudly, with the order"""
    h = home()
    with lib.exchange() as x:
        x.funds("A1", {"USDT": "1000"})
        put(h, x, "b", "binance")
        verify(h, "b")
        x.fail("503", "binance", method="DELETE")
        r = verify(h, "b", "--trade", "BTCUSDT", "--yes", code=1)
        order = x.orders()[-1]
        assert "AN ORDER MAY STILL BE OPEN" in r.err and str(order.id) in r.err, r
        assert "hint: look at the open orders of BTCUSDT" in r.err, r
        assert "hint: or by: coffer request b DELETE " in r.err, r
        x.heal()
        x.fail("closed", "binance", method="POST")
        x.fail("503", "binance", method="DELETE")
        r = verify(h, "b", "--trade", "BTCUSDT", "--yes", code=1)
        assert "AN ORDER MAY STILL BE OPEN" in r.err, r
        r = verify(h, "b", "--trade", "BTCUSDT", "--yes", "--json", code=1)
        assert "AN ORDER" in r.json()["error"]["message"], r
        x.heal()
        n = len(x.orders())
        x.fail("html", "binance", method="POST")    # it never took place, as looking shows
        r = said(h.run("verify", "b", "--trade", "BTCUSDT", "--yes"))
        assert r.code != 0 and "AN ORDER" not in r.err and len(x.orders()) == n, r
        assert "look at the open orders of BTCUSDT at Binance once more" in r.err, r


def nothing_to_verify():
    """an empty vault: nothing is asked, nobody logs in"""
    h = lib.Home()
    h.init()
    assert said(h.run("verify", pin=False)).out == "no keys: coffer add NAME EXCHANGE\n"
    assert said(h.run("verify", "--json", pin=False)).json()["keys"] == []
    shutil.rmtree(h.top)


def clock_and_colour():
    """a clock that is off is told once, in one unit and which way; colour only at a terminal"""
    h = home()
    with lib.exchange() as x:
        put(h, x, "c", "binance")
        x.clock_ms = 3000
        r = verify(h, "c", "--strict", code=5)
        assert "behind the exchange" in r.out and "\x1b" not in r.out, r
        x.clock_ms = -3000
        r = verify(h, "c", code=4)
        assert "works          unknown: this machine's clock is 3 s ahead\n" in r.out, r
        assert "to do: set it by network time (NTP)" in r.out and "refuses" not in r.out, r
        assert r.out.count("clock is") == 1 and "\nclock" not in r.out, r
        assert verify(h, "c", "--json", code=4).json()["works"] is None
        x.clock_ms = 0
        r = said(h.tty("verify", "c", "--pin-file", h.pin_file))
        assert r.code == 0 and "\x1b[1;31m" not in r.out, r     # TERM=dumb
        h.extra_env = {"TERM": "xterm"}
        x.clock_ms = 3000
        r = said(h.tty("verify", "c", "--pin-file", h.pin_file))
        assert "\x1b[1;31mclock" in r.out and "\x1b[1;31mwithdraw" not in r.out, r


def no_secret():
    """no secret in anything that was printed, nor in a file of the home"""
    assert len(SECRETS) > 20
    for text in SAID:
        lib.no_secret(text, *SECRETS)
    for path, data in home().snapshot().items():
        for s in SECRETS:
            assert s.encode() not in data, path


if __name__ == "__main__":
    lib.main([what_the_exchange_says, refused_and_unreached, spoilt_rights, all_of_them,
              a_row_each, more_than_a_batch, a_broken_record_is_listed, marks_come_off, risks_are_accepted,
              no_right_to_write, test_orders, orders_refused, orders_left_open, nothing_to_verify,
              clock_and_colour, no_secret])
