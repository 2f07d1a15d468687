#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""coffer recipients add and remove, and coffer recover, killed or failing at each of their system
calls on the vault, the machine's state and its list of tokens: this machine opens whichever vault it
finds, signs with all keys, and goes on."""
import os
import re
import signal

import lib
from faults_kit import Faults, is_in_login
from recipients_kit import add_spare, body, embedded_is_gone, entries, fresh, signs


def recipients(h):
    return sorted((x["rid"], x["tested"]) for x in body(h)["recipients"])


class Rig(Faults):
    """A home under faults, and one command."""

    def __init__(self, h, *args):
        super().__init__(h, *args)
        self.before = recipients(h)

    def judge(self, what, r, dies):
        h = self.h
        done = recipients(h) != self.before
        assert r.code or done, f"{what}: said done\n{r}"
        h.ok("sign", "main", "GET", "/api/v3/account")
        return r.code < 0, done, dies, len(entries(h)), len(os.listdir(h.records))

    def sweep(self, *effects):
        h, checked, n_logins, calls = self.h, set(), 0, self.calls()
        assert {"openat", "write", "fsync", "renameat"} <= {c for _, c, _ in calls}
        for n, call, path in calls:
            for effect in effects:
                what = f"{effect} at call {n}, {call} of {os.path.basename(path)}"
                r = self.run(f"any:{n}:{effect}")
                lib.no_secret(r.out + r.err, lib.PIN, lib.BINANCE["api_secret"])
                dies = re.match(r"(?:after:)?(SIG\w+)", effect)
                if dies:
                    assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
                else:
                    assert r.code in (0, 1, 3), f"{what}\n{r}"
                if dies and is_in_login(h):
                    n_logins += 1
                    h.restore()
                    continue
                shape = self.judge(what, r, dies is not None)
                if shape not in checked:
                    checked.add(shape)
                    signs(h)
                    h.add("later")
                    r = h.run("doctor")         # a token may be gone, but nothing else is wrong
                    assert set(re.findall(r"^fail  (\w+)", r.out, re.M)) <= {"token"}, r
                h.restore()
        assert n_logins <= 8 * len(effects) < len(calls), n_logins
        assert {True, False} <= {x[1] for x in checked}, checked


EFFECTS = ("SIGKILL", "after:SIGKILL", "ENOSPC+")


def add():
    """add URI"""
    h = fresh()
    Rig(h, "recipients", "add", h.uris["spare"], "--generate", "--new-pin-file", h.new_pin,
        "--yes").sweep(*EFFECTS)


def remove():
    """remove, by the recipient that stays"""
    h = fresh()
    add_spare(h)
    Rig(h, "recipients", "remove", "spare", "--yes").sweep(*EFFECTS)


def recover():
    """recover, from a spare to a new token"""
    h = fresh()
    add_spare(h)
    embedded_is_gone(h)
    h.pin_file = h.new_pin
    Rig(h, "recover", "--lost", "coffer", "--to", h.uris["third"], "--generate", "--new-pin-file",
        h.new_pin, "--yes").sweep(*EFFECTS)


if __name__ == "__main__":
    lib.main([add, remove, recover])
