#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""coffer policy: how long the agent holds a key and whether signatures leave it; shown without a
PIN, changed with it, and obeyed by an agent that runs"""
import os

import kit
import lib
from agent_cli import stop
from agent_kit import AgentError, Client
from request import READ, world

BY_DEFAULT = {"unseal": "default", "release": False}


def policy(h, name, *more, **kw):
    return h.ok("policy", name, "--json", *more, **kw).json()


def is_as(told, **want):
    assert {k: told[k] for k in ("unseal", "release")} == {**BY_DEFAULT, **want}, told


def test_show():
    """shown without a PIN, in words; nothing is written"""
    h = world().h
    before = h.kept()
    is_as(policy(h, "binance", pin=False))
    r = h.ok("policy", "binance", pin=False)
    assert "15 minutes" in r.out and "only coffer sends" in r.out and "not authenticated" in r.out, r
    assert h.kept() == before


def test_set():
    """set with the PIN, as one new version; both, either, and back; show and list tell it"""
    h = world().h
    version = h.ok("show", "binance", "--json", pin=False).json()["version"]
    is_as(policy(h, "binance", "--unseal", "each-use"), unseal="each-use")
    assert h.ok("show", "binance", "--json", pin=False).json()["version"] == version + 1
    r = h.ok("policy", "binance", "--release", "yes")
    assert "warning" in r.err and "anew for each signature" in r.out, r
    is_as(policy(h, "binance", pin=False), unseal="each-use", release=True)
    assert "may be handed" in h.ok("show", "binance", pin=False).out
    row = [x for x in h.ok("list", pin=False).out.splitlines() if x.startswith("binance ")][0]
    assert "hands out signatures" in row and "unseal each-use" in row, row
    listed = [x for x in h.ok("list", "--json", pin=False).json()["keys"] if x["name"] == "binance"]
    assert listed[0]["release"] is True and listed[0]["unseal"] == "each-use", listed
    before = h.kept()
    is_as(policy(h, "binance", "--unseal", "each-use"), unseal="each-use", release=True)
    assert h.kept() == before, "nothing to change, and something was written"
    for text in ("90s", "15m", "8h", "session"):
        is_as(policy(h, "binance", "--unseal", text), unseal=text, release=True)
    is_as(policy(h, "binance", "--unseal", "default", "--release", "no"))
    h.ok("request", "binance", *READ["binance"])


def test_refused():
    """what is no time and no answer is refused before a PIN is asked for; so is a wrong PIN"""
    h = world().h
    for args in (("--unseal", "soon"), ("--unseal", "0s"), ("--unseal", "8d1"), ("--unseal", ""),
                 ("--unseal", "999999h"), ("--release", "maybe"), ("--release", "")):
        kit.refused(h, 2, "option '--", "policy", "binance", *args, pin=False)
    kit.refused(h, 1, "no key named", "policy", "nosuch", "--release", "yes", pin=False)
    kit.refused(h, 3, "no terminal", "policy", "binance", "--release", "yes", pin=False)
    is_as(policy(h, "binance", pin=False))


def test_add():
    """add takes the same options"""
    w = world()
    w.add("held", w.x.key("binance"), "--unseal", "session", "--release", "yes")
    is_as(policy(w.h, "held", pin=False), unseal="session", release=True)
    r = w.h.run("add", "other", "binance", "--unseal", "x", pin=False)
    assert r.code == 2, r
    w.h.ok("remove", "held", "--yes")
    del w.keys["held"]


def sign(h):
    """What the agent says to a client that wants a signature: the url, or its error's code."""
    with Client(os.path.join(h.state, "run/agent.sock")) as c:
        try:
            return c.ask("sign", name="binance", request={
                "method": "GET", "url": "https://api.binance.com/api/v3/account"})["url"]
        except AgentError as e:
            return e.error["code"]


def test_obeyed():
    """an agent that runs obeys at once: released or not, held or not"""
    h = world().h
    h.ok("agent")
    try:
        assert sign(h) == "policy"
        h.ok("policy", "binance", "--release", "yes", "--unseal", "each-use")
        assert "signature=" in sign(h)
        assert h.ok("status", "--json", pin=False).json()["agent"]["held"] == 0
        h.ok("policy", "binance", "--unseal", "session")
        assert "signature=" in sign(h)
        assert h.ok("status", "--json", pin=False).json()["agent"]["held"] == 1
        h.ok("policy", "binance", "--release", "no", "--unseal", "default")
        assert sign(h) == "policy"
    finally:
        stop(h)


if __name__ == "__main__":
    lib.main([test_show, test_set, test_refused, test_add, test_obeyed])
