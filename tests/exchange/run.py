#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulated exchanges as a program of its own, for the demo.

Usage: run.py DIR [--keys FILE.json]

FILE.json: {"NAME": {"exchange": "binance", "withdraw": true, ...}, ...}, with what keys.Key takes;
"funds": {"USDT": "1000"} gives its account that. Without it: one key for each exchange.
Writes DIR/ca.pem, DIR/NAME.json (a credential) and, last, DIR/connect_to. Serves until a pipe on
stdin closes, DIR is removed, the parent is gone, SIGTERM or SIGINT. Takes orders at DIR/control:
see ctl.py."""
import json
import os
import select
import shlex
import shutil
import signal
import socket
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from exchange import Exchange  # noqa: E402  pylint: disable=wrong-import-position
from exchange.switches import KINDS  # noqa: E402  pylint: disable=wrong-import-position

KEYS = {"binance": {"exchange": "binance"}, "okx": {"exchange": "okx"},
        "kraken": {"exchange": "kraken"}, "coinbase": {"exchange": "coinbase"}}
HELP = """new NAME EXCHANGE [WORD=VALUE...]   delete NAME   set NAME ATTRIBUTE VALUE   show NAME
fail SWITCH [EXCHANGE|-] [PATH] [TIMES]   heal   clock MS   delay MS   cert KIND   ambiguous VALUE
funds ACCOUNT ASSET=AMOUNT...   orders [ACCOUNT]   balances ACCOUNT EXCHANGE   log [N]   stop
switches: """ + " ".join(KINDS)


def value_of(word):
    """As JSON where it is that, else the word."""
    try:
        return json.loads(word)
    except ValueError:
        return word


class Desk:
    """Runs the lines that come in at the control socket."""

    def __init__(self, x, directory):
        self.x, self.dir, self.keys, self.is_over = x, directory, {}, False

    def put(self, name, text):
        """Whole or not there, for its owner only."""
        path = os.path.join(self.dir, name)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def add(self, name, wish):
        wish = dict(wish)
        funds = wish.pop("funds", None)
        key = self.keys[name] = self.x.key(wish.pop("exchange"), **wish)
        if funds is not None:
            self.x.funds(key.account, funds, key.exchange)
        self.put(name + ".json", json.dumps(key.fields, indent=1) + "\n")

    def do(self, line):
        """The reply to one line."""
        words = shlex.split(line)
        action = getattr(self, "do_" + words[0], None) if words else None
        if not action:
            return HELP
        try:
            return action(*words[1:]) or "done"
        except (KeyError, ValueError, TypeError) as e:
            return f"error: {type(e).__name__}: {e}"

    def do_new(self, name, exchange, *words):
        self.add(name, {"exchange": exchange,
                        **{n: value_of(v) for n, _, v in (w.partition("=") for w in words)}})

    def do_delete(self, name):
        self.keys[name].delete()

    def do_set(self, name, attribute, word):
        if not hasattr(self.keys[name], attribute):
            raise ValueError(f"a key has no {attribute}")
        setattr(self.keys[name], attribute, value_of(word))

    def do_show(self, name):
        shown = {k.lstrip("_"): v for k, v in vars(self.keys[name]).items()
                 if k not in ("fields", "credentials")}
        return json.dumps(shown)

    def do_fail(self, kind, exchange="-", path=None, times=None):
        self.x.fail(kind, None if exchange == "-" else exchange, path, times and int(times))

    def do_heal(self):
        self.x.heal()

    def do_clock(self, ms):
        self.x.clock_ms = int(ms)

    def do_delay(self, ms):
        self.x.delay_s = int(ms) / 1000

    def do_cert(self, kind):
        self.x.restart(kind)

    def do_ambiguous(self, word):
        self.x.ambiguous = bool(value_of(word))

    def do_funds(self, account, *words):
        self.x.funds(account, dict(w.split("=") for w in words))

    def do_orders(self, account=None):
        return "\n".join(f"{o.exchange} {o.env} {o.id} {o.side} {o.size} {o.market.base} at "
                         f"{o.price} {o.market.quote} {o.state}"
                         for o in self.x.orders(account)) or "no orders"

    def do_balances(self, account, exchange):
        return "\n".join(f"{a} {f} {k}"
                         for a, (f, k) in self.x.balances(account, exchange).items()) or "none"

    def do_log(self, count="20"):
        return "\n".join(f"{e.method} {e.host}{e.path} {e.status}"
                         for e in self.x.log[-int(count):]) or "no requests"

    def do_stop(self):
        self.is_over = True


def reads_stdin():
    """Whether its end means anything: /dev/null is at its end from the start."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def converse(listener, desk):
    conn, _ = listener.accept()
    with conn:
        conn.settimeout(5)
        try:
            with conn.makefile("rw", encoding="utf-8") as f:
                f.write(desk.do(f.readline()) + "\n")
        except OSError:
            pass


def serve(desk, listener, parent):
    watched = [listener] + ([0] if reads_stdin() else [])
    own = os.stat(".")
    while not desk.is_over:
        ready = select.select(watched, [], [], 0.2)[0]
        if listener in ready:
            converse(listener, desk)
        if 0 in ready and not os.read(0, 4096):
            return
        try:
            is_there = os.path.samestat(os.stat(desk.dir), own)
        except OSError:
            is_there = False
        if not is_there or os.getppid() != parent:
            return


def main(argv):
    parent = os.getppid()
    if any(a in ("-h", "--help") for a in argv[1:]):
        print(__doc__)
        return 0
    if len(argv) not in (2, 4) or (len(argv) == 4 and argv[2] != "--keys") or argv[1][:1] == "-":
        print(__doc__, file=sys.stderr)
        return 2
    wishes = KEYS
    if len(argv) == 4:
        with open(argv[3], encoding="utf-8") as f:
            wishes = json.load(f)
    directory = os.path.abspath(argv[1])
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chdir(directory)                      # the path of a socket is short
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    with Exchange() as x, socket.socket(socket.AF_UNIX) as listener:
        desk = Desk(x, directory)
        for name, wish in wishes.items():
            desk.add(name, wish)
        shutil.copyfile(x.ca_file, "ca.pem")
        if os.path.lexists("control"):
            os.unlink("control")
        listener.bind("control")
        os.chmod("control", 0o600)
        listener.listen(8)
        desk.put("connect_to", x.connect_to + "\n")
        serve(desk, listener, parent)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
