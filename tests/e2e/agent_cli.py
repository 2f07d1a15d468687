#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""The commands around the agent: started, unlocked, locked, ended; and that request, balance and
verify say the same with it and without, but ask for no PIN"""
import json
import os
import shutil
import re
import signal
import subprocess
import urllib.parse

import kit
import lib
from agent_kit import processes, wait_for
from request import ORDER, READ, RISK, world

WITHDRAW = "/sapi/v1/capital/withdraw/apply?coin=BTC&address=x&amount=1"


def stop(h):
    """Ends the agent, and whatever is left of it when that fails."""
    r = h.run("agent", "--stop", pin=False)
    for p in processes():
        if r.code and p.name == "coffer-agent" and h.vault in p.argv:
            os.kill(p.pid, signal.SIGKILL)


class Agent:
    """coffer agent for the length of a with; the PIN comes from --pin-file, or not (pin=False)."""

    def __init__(self, h, *more, pin=True):
        self.h, self.more, self.pin = h, more, pin

    def __enter__(self):
        self.started = self.h.run("agent", *self.more, pin=self.pin)
        assert self.started.code == 0, self.started
        return self

    def __exit__(self, *exc):
        stop(self.h)


def no_pin(h, *args, code=0, **kw):
    """Runs a command that has no way to a PIN."""
    r = h.run(*args, pin=False, **kw)
    kit.calm(r)
    lib.no_secret(r.out + r.err, lib.PIN)
    assert r.code == code, f"exit {code} expected\n{r}"
    return r


def test_none():
    """without an agent: each command that needs one says so, and how to start it"""
    h = world().h
    for args in (("unlock",), ("proxy",), ("agent", "--stop"), ("agent", "--reload")):
        kit.refused(h, 1, "no agent", *args, pin=False, hint="coffer agent")
    assert "nothing is unlocked" in no_pin(h, "lock").out
    assert no_pin(h, "status", "--json").json()["agent"] is None


def test_usage():
    """options that contradict each other, or are no numbers, are refused before anything starts"""
    h = world().h
    for args in (("--lock-after", "soon"), ("--lock-after", "session"), ("--proxy-uid", "root"),
                 ("--token-port", "0"), ("--proxy-socket", "here"), ("--listen", "1.2.3.4:5"),
                 ("--no-proxy", "--listen", "127.0.0.1:0"), ("--stop", "--reload"),
                 ("--stop", "--foreground"), ("--foreground", "--pin-fd", "0")):
        r = no_pin(h, "agent", *args, code=2)
        assert not r.out, r
    kit.refused(h, 1, "no agent", "agent", "--stop", pin=False)


def test_start():
    """it starts once, unlocked by the PIN that it is given, and tells where it listens"""
    h = world().h
    with Agent(h, "--listen", "127.0.0.1:0") as a:
        assert "unlocked" in a.started.out and "http://127.0.0.1:" in a.started.out, a.started
        kit.refused(h, 1, "already runs", "agent", pin=False, hint="--stop")
        s = no_pin(h, "status", "--json").json()["agent"]
        assert s["unlocked"] and s["proxy_running"] and s["proxy_tcp"] in a.started.out, s
        assert "unlocked" in no_pin(h, "status").out
        row = [x for x in h.ok("doctor").out.splitlines() if " agent " in x]
        assert len(row) == 1 and row[0].startswith("ok") and str(s["pid"]) in row[0], row
        for pid in os.listdir("/proc"):
            if pid.isdigit() and "coffer" in name_of(pid):
                told = read(f"/proc/{pid}/cmdline") + read(f"/proc/{pid}/environ")
                assert lib.PIN not in told, pid
    kit.refused(h, 1, "no agent", "unlock", pin=False)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def name_of(pid):
    return read(f"/proc/{pid}/comm")


def test_lock():
    """lock and unlock; a key is signed for only between them"""
    h = world().h
    with Agent(h, pin=False) as a:
        assert " locked" in a.started.out and "coffer unlock" in a.started.err, a.started
        kit.refused(h, 3, "no terminal", "request", "binance", *READ["binance"], pin=False)
        assert "unlocked by token" in h.ok("unlock").out
        assert "already" in h.ok("unlock", pin=False).out
        no_pin(h, "request", "binance", *READ["binance"])
        no_pin(h, "lock")
        assert not no_pin(h, "status", "--json").json()["agent"]["unlocked"]
        kit.refused(h, 3, "no terminal", "request", "binance", *READ["binance"], pin=False)
        # with a PIN of one's own it goes on without the agent
        h.ok("request", "binance", *READ["binance"])
        assert not no_pin(h, "status", "--json").json()["agent"]["unlocked"]


def test_terminal():
    """at a terminal the PIN is asked for; the agent outlives the terminal, and says nothing of it"""
    h = world().h
    r = h.tty("agent", answers=[("PIN of token", lib.PIN)])
    try:
        assert r.code == 0 and "unlocked" in r.out, r
        no_pin(h, "request", "binance", *READ["binance"])
        no_pin(h, "lock")
        h.ok("unlock")
        no_pin(h, "request", "binance", *READ["binance"])
    finally:
        stop(h)
    wrong = [("PIN of token", "wrong")] * 3
    r = h.tty("agent", answers=wrong)
    try:
        assert r.code == 3 and "the agent runs, but it is locked" in r.out, r
        assert not no_pin(h, "status", "--json").json()["agent"]["unlocked"]
    finally:
        stop(h)


def test_foreground():
    """in the foreground: it becomes the agent, takes its PIN from the file, and ends when told"""
    h = world().h
    p = subprocess.Popen([lib.COFFER, "agent", "--foreground", "--pin-file", h.pin_file],
                         env=h.environ(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True, start_new_session=True)
    try:
        wait_for("an unlocked agent", lambda: (no_pin(h, "status", "--json").json()["agent"] or
                                               {}).get("unlocked"))
        with open(f"/proc/{p.pid}/comm", encoding="ascii") as f:
            assert f.read() == "coffer-agent\n"
        no_pin(h, "request", "binance", *READ["binance"])
        p.terminate()
        _, err = p.communicate(timeout=20)
        assert p.returncode == 0, (p.returncode, err)
        lib.no_secret(err, lib.PIN)
    finally:
        p.kill()
        p.wait()
    assert no_pin(h, "status", "--json").json()["agent"] is None


def test_wrong_pin():
    """a wrong PIN that nobody typed is tried once; a person's right one lifts that"""
    h = world().h
    wrong = h.private("wrong-pin", "not the PIN at all\n")
    with Agent(h, pin=False):
        r = no_pin(h, "unlock", "--pin-file", wrong, code=3)
        assert "not tried again until one was typed" in r.err, r
        r = no_pin(h, "unlock", "--pin-file", h.pin_file, code=3)
        assert not no_pin(h, "status", "--json").json()["agent"]["unlocked"], r
        r = h.tty("unlock", answers=[("PIN of token", "wrong one"), ("PIN of token", "wrong two"),
                                     ("PIN of token", "wrong three")])
        assert r.code == 3 and r.out.count("PIN of token") == 3, r
        r = h.tty("unlock", answers=[("PIN of token", "wrong one"), ("PIN of token", lib.PIN)])
        assert r.code == 0 and "unlocked by token" in r.out, r
        no_pin(h, "lock")
        h.ok("unlock")


def test_offer():
    """locked, at a terminal: the agent is offered to be unlocked; a no asks for the PIN as ever"""
    h = world().h
    with Agent(h, pin=False):
        args = ("balance", "binance")
        r = h.tty(*args, answers=[("The agent is locked", "n"), ("PIN of token", lib.PIN)])
        assert r.code == 0 and "USDT" in r.out, r
        assert not no_pin(h, "status", "--json").json()["agent"]["unlocked"]
        r = h.tty(*args, answers=[("The agent is locked", "y"), ("PIN of token", lib.PIN)])
        assert r.code == 0 and "USDT" in r.out and r.out.count("PIN of token") == 1, r
        assert no_pin(h, "status", "--json").json()["agent"]["unlocked"]
        r = h.tty(*args)
        assert r.code == 0 and "PIN of token" not in r.out, r
        r = h.tty(*args, "--no-agent", answers=[("PIN of token", lib.PIN)])
        assert r.code == 0, r


def plain(r):
    """What a command printed, without what differs from run to run."""
    out = re.sub(r"\d{13,}", "TIME", r.out)
    out = re.sub(r'"(latency_ms|skew_ms|skew_error_ms)":[^,}]*', r'"\1":N', out)
    return r.code, out, r.err


def test_same():
    """the same is printed with an agent and without: requests, balances, verdicts, refusals"""
    w = world()
    h = w.h
    w.x.funds("A1", {"USDT": "1000", "BTC": "0.5"}, "binance")
    commands = []
    for name in READ:
        commands += [("request", name, *READ[name], "--json"), ("balance", name, "--json"),
                     ("verify", name, "--json")]
    commands += [("verify", "--json"), ("request", "binance", "GET", "/api/v3/nosuch", "--json"),
                 ("request", "binance", "POST", WITHDRAW, "--json"),
                 ("request", "binance", "GET", "https://example.com/", "--json"),
                 ("request", "nosuch", "GET", "/", "--json"), ("balance", "nosuch", "--json"),
                 ("request", "binance", "GET", "/api/v3/order?symbol=BTCUSDT&orderId=99", "--json")]
    alone = [plain(h.run(*c)) for c in commands]
    with Agent(h):
        for c, before in zip(commands, alone):
            r = h.run(*c, pin=False)
            kit.calm(r)
            assert plain(r) == before, f"{c}\nwithout: {before}\nwith: {r}"
    assert {x[0] for x in alone} >= {0, 1, 2, 4, 5}, [x[0] for x in alone]


def test_orders():
    """orders by the agent: placed once each, a test order of verify --trade too, and cancelled"""
    w = world()
    w.x.funds("A1", {"USDT": "100000", "USD": "100000", "BTC": "1"}, "binance")
    with Agent(w.h):
        for name in ORDER:
            w.x.funds("A1", {"USDT": "100000", "USD": "100000"}, name)
            before = len(w.x.orders(exchange=name))
            w.order(name, pin=False)
            assert len(w.x.orders(exchange=name)) == before + 1, name
        r = no_pin(w.h, "verify", "binance", "--trade", "BTCUSDT", "--yes")
        assert "trade test     passed" in r.out, r
    assert all(c.ok for c in w.x.calls(method="POST")), w.x.calls(method="POST")


def told(r):
    """The exit status and the error, without what the TLS or socket layer said itself."""
    errors = [x for x in r.err.splitlines() if x.startswith("coffer: ")]
    return r.code, [re.sub(r" \([^)]*\)", "", x) for x in errors], r.out == ""


def test_bad_answers():
    """what goes wrong at the exchange ends alike with and without; an order is sent once"""
    w = world()
    key = w.keys["binance"]
    path, params = ORDER["binance"]

    def read_it(*more, **kw):
        return w.h.run("request", "binance", *READ["binance"], *more, **kw)

    def order_it(*more, **kw):
        return w.h.run("request", "binance", "POST", path + "?" + urllib.parse.urlencode(params),
                       *more, **kw)

    with Agent(w.h):
        for kind in ("503", "html", "html403", "redirect", "empty", "truncated", "huge", "short",
                     "closed", "429"):
            for what in (read_it, order_it):
                w.x.heal()
                w.x.fail(kind)
                del w.x.log[:]
                alone = what("--no-agent")
                assert len(w.x.log) == 1 and alone.code in (1, 4), (alone, w.x.log)
                both = what(pin=False)
                assert told(both) == told(alone), f"{kind}\n{alone}\n{both}"
                assert len(w.x.log) == 2 or what == read_it, (kind, w.x.log)
        w.x.heal()
        key.delete()
        for c in (("balance", "binance"), ("verify", "binance"), ("request", "binance",
                                                                  *READ["binance"])):
            both, alone = w.h.run(*c, pin=False), w.h.run(*c, "--no-agent")
            assert both.code == 4 and plain(both)[2] == plain(alone)[2], f"{alone}\n{both}"
        key.is_deleted = False


def test_owner():
    """what is its owner's act never goes by the agent: sign, a mark taken off, a risk accepted"""
    w = world()
    h = w.h
    with Agent(h):
        kit.refused(h, 3, "no terminal", "sign", "binance", *READ["binance"], pin=False)
        h.ok("sign", "binance", *READ["binance"])
        key = w.x.key("binance")
        if "marked" not in w.keys:
            w.keys["marked"] = key
            h.ok("add", "marked", "binance", "--connect-to", w.x.connect_to, "--ca-file",
                 w.x.ca_file, "--no-verify", *RISK, "--from-json", "-",
                 stdin=json.dumps(key.fields))
        kit.refused(h, 3, "no terminal", "verify", "marked", pin=False)
        kit.refused(h, 3, "no terminal", "verify", "binance", "--accept-risk", "x", pin=False)
        h.run("verify", "marked", *RISK)
        no_pin(h, "verify", "marked")
        h.ok("remove", "marked", "--yes")
        del w.keys["marked"]


def test_changes():
    """keys that come, change their name and go while it runs are seen at once"""
    w = world()
    h = w.h
    with Agent(h):
        no_pin(h, "request", "binance", *READ["binance"])
        h.ok("rename", "binance", "other")
        no_pin(h, "request", "other", *READ["binance"])
        kit.refused(h, 1, "no key named", "request", "binance", *READ["binance"], pin=False)
        h.ok("rename", "other", "binance")
        no_pin(h, "balance", "binance")


def test_not_ready():
    """an agent that does not become ready in 20 s: said, and that it may yet"""
    h = world().h
    top = os.path.join(h.top, "slow")
    os.mkdir(top)
    shutil.copy(lib.COFFER, top)
    with open(os.path.join(top, "coffer-agent"), "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nexec sleep 22\n")
    os.chmod(os.path.join(top, "coffer-agent"), 0o755)
    r = subprocess.run([os.path.join(top, "coffer"), "agent"], env=h.environ(), check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=60)
    assert r.returncode == 1 and "does not become ready" in r.stderr, r
    assert "coffer agent --stop" in r.stderr, r


if __name__ == "__main__":
    lib.main([test_none, test_usage, test_start, test_lock, test_terminal, test_foreground,
              test_wrong_pin, test_offer, test_same, test_orders, test_bad_answers, test_owner,
              test_changes, test_not_ready])
