#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
"""The way to an exchange: names that do not resolve, ports where nobody listens or something else
does, certificates that prove nothing, redirects, and no network at all, in which everything that
needs none still works."""
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import bad_world
import lib
from bad_world import COMMANDS, HOSTS, MAY_BE_DONE, RISK, at_each, timed

NOWHERE = {"no-such-host.invalid:443": "could not be resolved",
           "127.0.0.1:1": "no connection",
           "[::1]:1": "no connection"}


def flat(text):
    """Without the line breaks that fit it to a page."""
    return " ".join(text.split())


def not_reached(place, commands, words, name="k", **how):
    """Exit 1, the host and the cause named, nothing sent, nothing known, nothing stored."""
    seen = len(place.x.log)
    for command in commands:
        if command == "add":
            r = timed(place.add, place.key, **how)
            assert "new" not in place.sealed(), r
        else:
            r = timed(place.command, command, name)
        text = flat(r.out if command == "verify" else r.err)
        assert r.code == 1 and words in text and HOSTS[place.exchange] in text, (command, words, r)
        assert "to do: " in r.out or bad_world.hints(r), r
        assert MAY_BE_DONE not in text and ("nothing was sent" in text) == (command == "order"), r
        assert "withdraw " not in r.out and "works          yes" not in r.out, r
    j = place.run("verify", name, "--json").json()
    assert j["works"] is None and all(j[f] is None for f in bad_world.FACTS), j
    assert len(place.x.log) == seen, place.x.log[seen:]


@at_each
def nowhere(place):
    """a name that does not resolve, a port where nobody listens"""
    for i, (address, words) in enumerate(NOWHERE.items()):
        place.seal(f"n{i}", place.key, *RISK, connect_to=f"::{address}")
        not_reached(place, ("add", "verify", "balance", "read"), words, f"n{i}",
                    connect_to=f"::{address}")


@at_each
def gone_away(place):
    """nobody listens any more: for a verified key and an order too"""
    place.x.server.close()
    not_reached(place, COMMANDS, "no connection")


@at_each
def certificates(place):
    """of another authority, expired, for another name: nothing is sent; the good one works again"""
    for kind, words in (("other_ca", "not from an authority that is trusted"),
                        ("expired", "has expired"), ("wrong_name", "is for another host")):
        place.x.restart(kind)
        not_reached(place, COMMANDS, words)
    place.x.restart("good")
    assert place.facts()[0]["works"] is True
    # A good certificate, of an authority that this record does not trust.
    with lib.exchange() as other:
        r = place.add(place.key, ca_file=other.ca_file)
        assert r.code == 1 and "not from an authority that is trusted" in r.err, r


class Plain:
    """Something at a port that speaks no TLS. It keeps what it was sent."""

    def __init__(self, answer):
        self.answer, self.seen = answer, b""
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                conn.settimeout(5)
                try:
                    self.seen += conn.recv(65536)
                    conn.sendall(self.answer)
                except OSError:
                    pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@at_each
def no_tls(place):
    """plain HTTP, SSH or rubbish at the port: no handshake, not a byte of a request"""
    for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"SSH-2.0-x\r\n", b"\0" * 99):
        plain = Plain(answer)
        try:
            r = place.add(place.key, connect_to=f"::127.0.0.1:{plain.port}")
            assert r.code == 1 and "TLS handshake failed" in r.err, r
            assert bad_world.hints(r) and "new" not in place.sealed(), r
            r = place.add(place.key, *RISK, connect_to=f"::127.0.0.1:{plain.port}", name="plain")
            assert r.code == 0 and "sealed as unverified" in r.err, r
            for command in ("verify", "balance", "read"):
                r = place.command(command, "plain")
                assert r.code == 1 and "TLS handshake failed" in flat(r.out + r.err), r
            assert plain.seen and not re.search(rb"HTTP|GET|POST|key", plain.seen), plain.seen
            place.h.ok("remove", "plain", "--yes")
        finally:
            plain.close()


@at_each
def redirects(place):
    """to another port, name or scheme: never followed, whatever the status"""
    with lib.exchange() as other:
        host = HOSTS[place.exchange]
        for status in (301, 302, 307, 308):
            for target in (f"https://{host}:{other.port}/", f"https://127.0.0.1:{other.port}/x",
                           f"http://127.0.0.1:{other.port}/", f"//127.0.0.1:{other.port}/"):
                place.x.heal()
                place.x.fail("redirect", status=status, location=target)
                for command in COMMANDS[1:] if status == 307 else ("read",):
                    sent = len(place.sent_orders())
                    r = place.command(command)
                    assert r.code == (4 if command == "read" else 1), r
                    assert "redirect, which coffer never follows" in flat(r.out + r.err), r
                    assert len(place.sent_orders()) == sent + (command == "order"), r
        assert other.connections == 0 and not other.bad_handshakes


# No network --------------------------------------------------------------------------------------

def cut_off():
    """What to put before a command so that it has no network; None where that is not allowed."""
    for enter in (["unshare", "-n"], ["unshare", "-Urn"]):
        try:
            if subprocess.run([*enter, "true"], stderr=subprocess.DEVNULL, check=False,
                              timeout=10).returncode == 0:
                return enter
        except FileNotFoundError:
            return None
    return None


def needs_none(h, run):
    """Every command that has no business with an exchange."""
    run("list", pin=False)
    run("show", "b", pin=False)
    run("status", pin=False)
    run("status", "--json", pin=False)
    run("guide", pin=False)
    for exchange in bad_world.EXCHANGES:
        run("guide", exchange, pin=False)
    run("review", "b", "--json", pin=False)
    run("connectors", pin=False)
    run("help", pin=False)
    run("help", "verify", pin=False)
    run("doctor")
    run("sign", "b", "GET", "/api/v3/account")
    run("rename", "b", "b2")
    run("rename", "b2", "b")
    run("add", "new", "binance", "--no-verify", *RISK, "--from-json", "-",
        stdin=json.dumps(lib.BINANCE))
    run("remove", "new", "--yes")
    run("verify", "--help", pin=False)
    run("--version", pin=False)
    r = h.tty("pin", answers=[("PIN", lib.PIN), ("ew PIN", "another horse 7 stapler"),
                              ("gain", "another horse 7 stapler")])
    assert r.code == 0, r


def without_network():
    """no network at all: what needs none works, what needs one says so"""
    enter = cut_off()
    if not enter:
        return "no network namespace can be had here"
    with lib.Home() as h, lib.exchange() as x:
        h.wrapper = enter
        h.init()
        h.add("b", "binance", None, "--connect-to", x.connect_to, "--ca-file", x.ca_file)
        needs_none(h, h.ok)
    lonely = bad_world.Place("binance")
    try:
        lonely.h.wrapper = enter
        not_reached(lonely, COMMANDS, "no connection")
        lonely.h.wrapper = []
        assert lonely.facts()[0]["works"] is True
    finally:
        lonely.close()
    return None


def no_socket():
    """commands that need no network open no socket to one"""
    if not shutil.which("strace"):
        return "strace is not installed"
    with lib.Home() as h, lib.exchange() as x:
        h.init()
        h.add("b", "binance", None, "--connect-to", x.connect_to, "--ca-file", x.ca_file)
        log = os.path.join(h.top, "trace")
        h.wrapper = ["strace", "-f", "-qq", "-e", "trace=socket,connect", "-o", log]
        if h.run("--version", pin=False).code != 0:
            return "strace may not trace here"

        def run(*args, **how):
            r = h.ok(*args, **how)
            with open(log, encoding="utf-8", errors="replace") as f:
                text = f.read()
            assert "AF_INET" not in text and "AF_PACKET" not in text, (args, text)
            return r

        needs_none(h, run)
        x.fail("503")
        h.pin_file = h.private("pin", "another horse 7 stapler\n")
        h.run("verify", "b")
        with open(log, encoding="utf-8", errors="replace") as f:
            assert "AF_INET" in f.read(), "the trace sees nothing"
    return None


if __name__ == "__main__":
    lib.main([nowhere, gone_away, certificates, no_tls, redirects, without_network, no_socket])
