#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 60 s
"""No room on the disk, or no way to write to it: where the log of decisions or the mark of nonces
cannot be written nothing is signed, clients are told so, and it goes on when there is room again"""
import glob
import json
import os
import subprocess
import sys
import time

import agent_kit
import agent_world as world
import kit
import lib
from agent_world import Later, own, wait_for

SAYS = "the audit log cannot be written, so nothing is signed"


def mount(*args):
    subprocess.run(["mount", *args], check=True, stdout=subprocess.DEVNULL)


def small(h):
    """The state on a disk of its own, of 256 KiB."""
    os.makedirs(h.state, 0o700)
    mount("-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", h.state)
    return lambda: subprocess.run(["umount", h.state], check=True)


get_world, close = world.once("binance", "kraken", prepare=small)


def the_world():
    w = get_world()
    if not hasattr(w, "log"):
        w.log = glob.glob(w.h.state + "/*/audit.log")[0]
        w.full = os.path.join(w.h.state, "filler")
    return w


def fill(w):
    """To the last byte that one can have; the last page of the log itself has room still."""
    with open(w.full, "ab", 0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


def drain(w):
    os.unlink(w.full)


def lines(w):
    """Each is JSON: no line is torn."""
    with open(w.log, encoding="utf-8") as f:
        return [json.loads(x) for x in f.read().splitlines()]


def allowed(w):
    return sum(x.get("op") == "request" and x["outcome"] == "allowed" for x in lines(w))


def until_full(w):
    """Asks until the log's last page is full. Whatever was sent has its line."""
    for _ in range(60):
        order, number = w.order()
        r = w.ask(*order)
        if r.status != 200:
            own(r, 503, SAYS, "room")
            assert w.sent(number) == 0
            return
        assert w.placed(number) == 1
    raise AssertionError("the disk is not full")


def test_full():
    """a full disk: no order and no read is signed, eight clients at once; 503 says why"""
    w = the_world()
    base = allowed(w) - len(w.x.log)
    fill(w)
    until_full(w)
    before = len(w.x.log)

    def ask():
        with w.connect() as c:
            for _ in range(20):
                own(c.ask(*w.order()[0]), 503, SAYS)
                own(c.ask("GET", w.target("binance", "/api/v3/account")), 503, SAYS)
    for c in [Later(ask) for _ in range(8)]:
        c.result()
    assert len(w.x.log) == before, w.x.log[before:]
    audit = w.a.ask("status")["audit"]
    assert not audit["ok"] and SAYS in json.dumps(audit), audit
    r = w.h.run("request", "binance", "GET", "/api/v3/account", pin=False)
    assert r.code == 1 and SAYS in r.err, r
    drain(w)
    order, number = w.order()
    r = w.ask(*order)
    assert r.status == 200 and w.placed(number) == 1, r
    assert w.a.ask("status")["audit"]["ok"]
    assert allowed(w) - len(w.x.log) >= base
    resumed = [x for x in lines(w) if x["outcome"] == "resumed"]
    assert resumed and resumed[-1]["lost"] >= 320, resumed


def test_released():
    """the same for who signs himself: the agent's socket gives no signature"""
    w = the_world()
    w.add("signing", "binance")
    r = w.h.run("policy", "signing", "--release", "yes")
    assert r.code == 0, r
    wish = {"method": "GET", "url": "/api/v3/account"}
    assert "signature" in w.a.ask("sign", name="signing", request=wish)["url"]
    fill(w)
    until_full(w)
    try:
        answer = w.a.ask("sign", name="signing", request=wish)
        raise AssertionError(answer)
    except agent_kit.AgentError as e:
        assert SAYS in e.error["message"] and e.error["code"] == "io", e
    drain(w)
    assert "signature" in w.a.ask("sign", name="signing", request=wish)["url"]


def test_core_killed_full():
    """the core killed while the disk is full: the next one signs nothing either, then goes on"""
    w = the_world()
    fill(w)
    until_full(w)
    before = len(w.x.log)
    w.kill(w.a.core)
    wait_for("an answer", w.a.is_answering)
    for _ in range(5):
        order, number = w.order()
        r = w.ask(*order)
        own(r, 503)
        time.sleep(0.1)
    assert SAYS in r.text and len(w.x.log) == before
    drain(w)
    wait_for("signed again", w.is_good)
    order, number = w.order()
    assert w.ask(*order).status == 200 and w.placed(number) == 1
    lines(w)


def test_nonces_full():
    """the mark of nonces cannot be written: none is used; keys without them go on"""
    w = the_world()
    order, number = w.order("kraken")
    assert w.ask(*order).json()["error"] == []
    with open(w.log, "ab") as f:    # room in the log's last page, so that only the mark has none
        at = f.tell() % 4096
        if at > 2500:
            f.write(json.dumps({"op": "test", "outcome": " " * (4096 - at)}).encode() + b"\n")
    time.sleep(1.1)                 # what was reserved ahead is used up
    fill(w)
    before = len(w.x.log)
    order, number = w.order("kraken")
    r = own(w.ask(*order), 503, "nonce")
    assert w.sent(number) == 0 and len(w.x.log) == before, r
    order, number = w.order()
    assert w.ask(*order).status == 200 and w.placed(number) == 1
    drain(w)
    order, number = w.order("kraken")
    assert w.ask(*order).json()["error"] == [] and w.placed(number) == 1


def test_folder():
    """a folder in the log's place: the same, and it goes on when that is gone"""
    w = the_world()
    before = len(w.x.log)
    os.rename(w.log, w.log + ".old")
    os.mkdir(w.log)
    time.sleep(1.1)     # within a second it is seen
    for exchange in ("binance", "kraken", "binance"):
        order, number = w.order(exchange)
        own(w.ask(*order), 503, SAYS)
        assert w.sent(number) == 0
    assert len(w.x.log) == before
    os.rmdir(w.log)
    order, number = w.order()
    assert w.ask(*order).status == 200 and w.placed(number) == 1
    assert len(w.x.log) == before + 1 and lines(w)


def test_log_replaced():
    """a log that was moved away is begun anew; no link is written to, nor what others may read"""
    w = the_world()
    before = len(w.x.log)
    elsewhere = os.path.join(w.h.top, "elsewhere")
    os.rename(w.log, w.log + ".1")
    os.symlink(elsewhere, w.log)
    time.sleep(1.1)
    order, number = w.order()
    own(w.ask(*order), 503, SAYS)
    assert w.sent(number) == 0 and not os.path.exists(elsewhere)
    os.unlink(w.log)
    order, number = w.order()
    assert w.ask(*order).status == 200 and w.placed(number) == 1
    assert os.stat(w.log).st_mode & 0o777 == 0o600 and lines(w)
    os.unlink(w.log)
    with open(w.log, "wb"):
        os.chmod(w.log, 0o644)
    time.sleep(1.1)
    own(w.ask(*w.order()[0]), 503, SAYS)
    os.chmod(w.log, 0o600)
    order, number = w.order()
    assert w.ask(*order).status == 200 and w.placed(number) == 1
    assert len(w.x.log) == before + 2


def no_namespace():
    """the state directory on a full disk"""
    return "not run: no private mount namespace can be had here"


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        world.main([test_full, test_released, test_core_killed_full, test_nonces_full, test_folder,
                    test_log_replaced], close)
    enter = kit.private_namespace()
    if enter:
        sys.stdout.flush()
        os.execvp(enter[0], [*enter, sys.executable, os.path.abspath(__file__), "inside"])
    lib.main([no_namespace])
