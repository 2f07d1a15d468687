#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""A recipient who comes and one who goes, killed or failing at each system call: the vault has the
old recipients or the new ones, each of them opens all of it, and this machine goes on writing."""
import os
import re
import signal

import lib
from rotate_faults import BEFORE, ERRORS, SIGNALS, Bench

# Who opens the vault by which key, before and after; and what the vault says of them.
WHO = {"before": (["0", "2"], ["first tested", "third untested"]),
       "join": (["0", "1", "2"], ["first tested", "third untested", "second tested"]),
       "leave": (["0"], ["first tested"]),
       "test": (["0", "2"], ["first tested", "third tested"])}


class Recipients(Bench):
    def __init__(self, step):
        super().__init__(step)
        assert (self.before["recipient"], self.before["in-list"]) == WHO["before"], self.before


def check(b, r, what):
    now = b.show()
    who = (now["recipient"], now["in-list"])
    is_done = who == WHO[b.step]
    assert is_done or who == WHO["before"], f"{what}\n{now}\n{r}"
    assert now["records"] == BEFORE and now["key"] == "0", f"{what}\n{now}"
    assert r.code or is_done, f"{what}: said done\n{now}"
    has_new_key = is_done and b.step == "leave"
    assert (now["fingerprint"] != b.before["fingerprint"]) == has_new_key, f"{what}\n{now}"
    assert (now["generation"] != b.before["generation"]) == is_done, f"{what}\n{now}"
    kinds = [k for _, k, _ in now["orphans"]]
    assert set(kinds) <= {"version", "damaged"}, f"{what}\n{now}"
    if " EIO at" in what and r.code and not is_done:        # with ENOSPC+ nothing can be removed
        assert not kinds, f"{what}: files stay\n{now}"
    shape = (r.code < 0, is_done, len(kinds))
    if shape in b.checked:
        return
    b.checked.add(shape)
    b.run("add")                                # writes go on, for all who are recipients
    now = b.show()
    assert now["records"]["later"] == "l1" and now["recipient"] == who[0], f"{what}\n{now}"
    b.run(b.step, fails=is_done)                # and so does the change
    now = b.show()
    assert (now["recipient"], now["in-list"]) == WHO[b.step], f"{what}\n{now}"
    left = [f for f in os.listdir(os.path.join(b.top, "vault")) if f.startswith(".vault.json")]
    assert not left, f"{what}: left behind: {left}"


def sweep(step):
    with Recipients(step) as b:
        calls = b.calls()
        assert {"openat", "write", "fsync", "renameat"} <= {c for _, c, _ in calls}, calls
        for n, call, path in calls:
            for effect in SIGNALS + ERRORS:
                what = f"{step}: {effect} at call {n}, {call} of {os.path.basename(path)}"
                r = b.run(step, fails=True, FAULT=f"any:{n}:{effect}", FAULT_UNDER=b.top)
                dies = re.match(r"(?:after:)?(SIG\w+)", effect)
                if dies:
                    assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
                else:
                    assert r.code in (0, 1), f"{what}\n{r}"
                check(b, r, what)
                b.restore()


def join():
    """a new recipient, killed or failing at each call"""
    sweep("join")


def leave():
    """a recipient that goes, killed or failing at each call"""
    sweep("leave")


def tested():
    """the note that a recipient has opened the vault, killed or failing at each call"""
    sweep("test")


if __name__ == "__main__":
    lib.main([join, leave, tested], needs_softhsm=False)
