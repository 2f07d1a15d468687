#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""coffer rotate --seal killed or failing at each of its system calls on the vault, the machine's state
and its list of tokens: this machine opens whichever vault it finds, signs with all keys, goes on."""
import json
import os
import re
import signal

import lib
from faults_kit import Faults, is_in_login
from reseal import SEAL, SECRETS, entries, fresh, seal, signs


class Rig(Faults):
    """The home of fresh() under faults."""

    def __init__(self):
        super().__init__(fresh(), *SEAL)
        self.before = recipient(self.h)


def recipient(h):
    """Whom vault.json is sealed to."""
    with open(os.path.join(h.vault, "vault.json"), "rb") as f:
        return json.loads(f.read().split(b"\n")[0])["recipients"][0]["rid"]


def sweep(effects):
    rig, checked, n_logins = Rig(), set(), 0
    h = rig.h
    calls = rig.calls()
    assert {"openat", "write", "fsync", "renameat", "unlinkat"} <= {c for _, c, _ in calls}
    for n, call, path in calls:
        for effect in effects:
            what = f"{effect} at call {n}, {call} of {os.path.basename(path)}"
            r = rig.run(f"any:{n}:{effect}")
            lib.no_secret(r.out + r.err, *SECRETS)
            dies = re.match(r"(?:after:)?(SIG\w+)", effect)
            if dies:
                assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
            else:
                assert r.code in (0, 1, 3), f"{what}\n{r}"
            if dies and is_in_login(h):
                n_logins += 1
                h.restore()
                continue
            done = recipient(h) != rig.before
            assert r.code or done, f"{what}: said done\n{r}"
            shape = (r.code < 0, done, len(entries(h)), len(os.listdir(h.records)))
            h.ok("sign", "main", "GET", "/api/v3/account")
            if shape not in checked:
                checked.add(shape)
                signs(h)
                h.add("later")
                seal(h)
                signs(h)
            h.restore()
    assert n_logins <= 4 * len(effects) < len(calls), n_logins


def killed():
    """killed at each call: this machine opens whichever vault it finds, and can go on"""
    sweep(("SIGKILL", "after:SIGKILL"))


def failing():
    """each call failing once, or for good"""
    sweep(("EIO", "ENOSPC+"))


if __name__ == "__main__":
    lib.main([killed, failing])
