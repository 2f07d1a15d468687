#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 60 s
"""A vault that somebody without its key has changed under an unlocked agent: no request, public
ones neither, goes where its headers say, and a bearer opens no key but its own"""
import base64
import glob
import hashlib
import json
import os
import re
import signal
import socket
import time

import agent_world as world
from agent_world import Http, wait_for

the_world, close = world.once("binance")


def b64(v):
    return base64.urlsafe_b64encode(v).rstrip(b"=").decode()


def put(path, data):
    with os.fdopen(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def record_of(w, name):
    return glob.glob(os.path.join(w.h.vault, "records", name + ".*.json"))[0]


class Forged:
    """The record's header with these members, in a vault of the next generation; at the end the
    vault as it was."""

    def __init__(self, w, name, **members):
        self.file = os.path.join(w.h.vault, "vault.json")
        with open(self.file, encoding="utf-8") as f:
            self.old = f.read()
        path = record_of(w, name)
        with open(path, "rb") as f:
            whole = f.read()
        head, rest = whole.split(b"\n", 1)
        new = json.dumps(json.loads(head) | members, separators=(",", ":")).encode() + b"\n" + rest
        sha = hashlib.sha256(new).digest()
        parts = os.path.basename(path).split(".")
        parts[-2] = sha.hex()[:8]
        self.record = os.path.join(os.path.dirname(path), ".".join(parts))
        put(self.record, new)
        body, mac = self.old.split("\n")[:2]
        forged = body.replace(os.path.basename(path), os.path.basename(self.record))
        forged = forged.replace(b64(hashlib.sha256(whole).digest()), b64(sha))
        assert forged != body
        forged = re.sub(r'"generation":(\d+)', lambda m: f'"generation":{int(m[1]) + 1}', forged)
        put(self.file, f"{forged}\n{mac}\n".encode())

    def __enter__(self):
        return self

    def end(self):
        if os.path.exists(self.record):
            put(self.file, self.old.encode())
            os.unlink(self.record)

    def __exit__(self, *what):
        self.end()


def test_public():
    """a forged connect_to: the bot's public requests do not go there, and coffer-net stays"""
    w = the_world()
    price = ("GET", w.target("binance", "/api/v3/ticker/price?symbol=BTCUSDT"))
    assert w.is_good() and w.ask(*price).status == 200
    net = w.a.net
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen(5)
        trap.settimeout(1)
        with Forged(w, "binance", connect_to=f"::127.0.0.1:{trap.getsockname()[1]}"):
            for _ in range(2):
                r = w.ask(*price)
                assert r.status == 503 and r.headers["x-coffer-error"] == "tampered", r
            try:
                trap.accept()
                raise AssertionError("it went where the forged header says")
            except TimeoutError:
                pass
    wait_for("the vault as it was", w.is_good)
    assert w.ask(*price).status == 200 and w.a.net == net


def test_bearer():
    """a forged rec_id while the key is opened: the bearer of one key does not open the other"""
    w = the_world()
    w.add("low", "binance")
    bearer = w.bearer("low", "bot")
    url = "https://api.binance.com/api/v3/account"
    with Http(w.tcp) as c:
        assert c.ask("GET", f"/low~{bearer}/{url}").status == 200
    with open(record_of(w, "low"), "rb") as f:
        low = json.loads(f.readline())
    token = w.a.tokens[0]
    n = len(w.x.log)
    forged = Forged(w, "binance", rec_id=low["rec_id"])
    os.kill(token, signal.SIGSTOP)      # as if it waited for a touch
    try:
        with forged, Http(w.tcp) as c:
            c.begin("GET", f"/binance~{bearer}/{url}")
            time.sleep(0.5)
            forged.end()
            time.sleep(0.3)
            os.kill(token, signal.SIGCONT)
            r = c.reply()
    finally:
        os.kill(token, signal.SIGCONT)
    assert r.status == 503 and "replaced" in r.text, r
    assert len(w.x.log) == n, "it was sent"


if __name__ == "__main__":
    world.main([test_public, test_bearer], close)
