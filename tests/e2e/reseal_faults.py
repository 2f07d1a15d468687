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
from reseal import SEAL, SECRETS, entries, fresh, seal, signs

PRELOAD = os.path.join(lib.TOOLS, "faults_preload.so")


class Rig:
    """The home of fresh() under faults."""

    def __init__(self):
        self.h = fresh()
        self.before = recipient(self.h)
        self.h.save()

    def run(self, fault=None, log=None):
        settings = {"LD_PRELOAD": PRELOAD, "FAULT": fault, "FAULT_LOG": log,
                    "FAULT_UNDER": os.path.join(self.h.home)}
        self.h.wrapper = ["env", *(f"{k}={v}" for k, v in settings.items() if v)]
        try:
            return self.h.run(*SEAL)
        finally:
            self.h.wrapper = []

    def calls(self):
        log = os.path.join(self.h.top, "log")
        r = self.run(log=log)
        assert r.code == 0, r
        self.h.restore()
        with open(log, encoding="utf-8") as f:
            lines = [x.split(" ", 2) for x in f.read().splitlines()]
        os.unlink(log)
        ours = (self.h.vault, self.h.config, self.h.state)
        return [(n, call, path) for n, call, path in lines
                if any((path + "/").startswith(top + "/") for top in ours)]


def recipient(h):
    """Whom vault.json is sealed to."""
    with open(os.path.join(h.vault, "vault.json"), "rb") as f:
        return json.loads(f.read().split(b"\n")[0])["recipients"][0]["rid"]


def is_in_login(h):
    """The login did not end, which counts as failed: what follows is tested with the PINs."""
    return any(p.endswith(".pin-guard") and data for p, data in h.snapshot().items())


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
