#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""coffer rotate NAME and --finish, killed or failing at each system call that changes a file: the
vault opens, the record works with the old or the new key, and the other one is not lost."""
import json
import os
import re
import signal

import kit
import lib
import rotate_kit

PRELOAD = os.path.join(lib.TOOLS, "faults_preload.so")
KILLS = ("SIGKILL", "after:SIGKILL", "SIGTERM")
ERRORS = ("EIO", "ENOSPC+")
WORD = "seen deleted on the site"


class Rig(rotate_kit.Desk):
    """A desk whose home can be put back; the new key's file goes with --remove-source."""

    def __init__(self, x, h, exchange, is_rotated):
        super().__init__(x, h)
        self.exchange, self.checked = exchange, set()
        self.source = os.path.join(h.top, "source")
        os.mkdir(self.source, 0o700)
        h.init()
        self.old, self.new = self.start(exchange), x.key(exchange)
        if is_rotated:
            assert self.rotate(self.new).code == 0
            self.old.delete()
        self.path = os.path.join(self.source, "key.json")
        self.put()
        h.save()

    def put(self):
        rotate_kit.hide(self.new)
        with open(self.path, "w", encoding="ascii") as f:
            json.dump(self.new.fields, f)

    def restore(self):
        self.h.restore()
        self.put()

    def run(self, args, under, fault=None, log=None):
        settings = {"LD_PRELOAD": PRELOAD, "FAULT": fault, "FAULT_LOG": log, "FAULT_UNDER": under}
        self.h.wrapper = ["env", *(f"{k}={v}" for k, v in settings.items() if v)]
        try:
            r = self.h.run(*args)
        finally:
            self.h.wrapper = []
        rotate_kit.SAID.append(r.out + r.err)
        assert "Sanitizer" not in r.err, r
        return r

    def calls(self, args, under):
        log = os.path.join(self.h.top, "log")
        r = self.run(args, under, log=log)
        assert r.code == 0, r
        self.restore()
        with open(log, encoding="utf-8") as f:
            lines = [x.split(" ", 2) for x in f.read().splitlines()]
        os.unlink(log)
        return [c for c in lines if c[1] != "mkdirat"]

    def source_holds_it(self):
        try:
            with open(self.path, encoding="ascii") as f:
                return json.load(f) == self.new.fields
        except (OSError, ValueError):
            return False

    def shape(self, r):
        files = sorted((re.sub(r"[0-9a-f]{8}\.json|tmp\.\d+|\d+$", "", p), len(b))
                       for p, b in self.kept().items())
        return (r.code < 0, r.code == 0, "--take-back" in r.err, self.source_holds_it(),
                tuple(files))

    def sweep(self, args, under, effects, check, wants):
        calls = self.calls(args, under)
        assert wants <= {c[1] for c in calls}, calls
        for n, call, path in calls:
            for effect in effects:
                what = f"{effect} at call {n}, {call} of {os.path.basename(path)}"
                r = self.run(args, under, f"any:{n}:{effect}")
                dies = re.match(r"(?:after:)?(SIG\w+)", effect)
                if dies:
                    assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
                elif r.code:                    # 3: no login without its guard
                    kit.judge_refusal(r, 3 if "guard" in r.err else 1, "")
                check(self, r, what)
                self.restore()
        assert len(self.checked) > 1, "all cases end alike"


def after_rotate(d, r, what):
    """Old or new, and where the other one is."""
    now = d.signs_with()
    assert now in (d.old.id, d.new.id), f"{what}\n{r}"
    is_done = now == d.new.id
    assert is_done or r.code, f"{what}: said done\n{r}"
    assert d.is_retiring() == is_done, f"{what}\n{r}"
    said = re.findall(r"coffer doctor --take-back (\S+)", r.err)
    assert is_done or d.source_holds_it(), f"{what}: the file of the new key is gone\n{r}"
    assert r.code != 1 or is_done or said or "the old key is in place" in r.err, f"{what}\n{r}"
    shape = d.shape(r)
    if shape in d.checked:
        return
    d.checked.add(shape)
    assert d.heard(d.h.run("verify", "mm1")).code == 0, what
    if said:
        d.h.ok("doctor", "--take-back", said[0])
    elif not is_done:                           # run again, it comes to its end
        again = d.rotate(d.new, "--remove-source", file=d.path)
        assert again.code == 0 and not os.path.exists(d.path), f"{what}\n{again}"
    d.in_place(d.new, retiring=True)
    kit.judge_refusal(d.finish(), 3, "still works")     # the old one is there, and the old one
    left = [f for f in os.listdir(d.h.vault) if f.startswith(".vault.json.")]
    assert not left, f"{what}: left behind: {left}"


def after_finish(more, words):
    def check(d, r, what):
        d.in_place(d.new, retiring=d.is_retiring())
        assert r.code or not d.is_retiring(), f"{what}: said done\n{r}"
        shape = d.shape(r)
        if shape in d.checked:
            return
        d.checked.add(shape)
        if d.is_retiring():
            assert d.finish(*more).code == 0, what
        else:
            kit.judge_refusal(d.finish(*more), 1, "no rotation is unfinished")
        d.in_place(d.new)
        got = [x["problem"] for x in d.listed()["risks"] if x["reason"] == WORD]
        assert got == words, f"{what}: {got}"
        assert d.heard(d.h.run("verify", "mm1")).code == 0, what
    return check


def rig(exchange="binance", is_rotated=False):
    def wrap(test):
        def run():
            with lib.exchange() as x, lib.Home() as h:
                d = Rig(x, h, exchange, is_rotated)
                test(d, ("rotate", "mm1", "--finish") if is_rotated else
                     ("rotate", "mm1", "--from-json", d.path, "--remove-source"))
        run.__doc__, run.__name__ = test.__doc__, test.__name__
        return run
    return wrap


WRITES = {"openat", "write", "fsync", "renameat"}


@rig()
def rotate_killed(d, args):
    """a rotation killed at each call in the vault"""
    d.sweep(args, d.h.vault, KILLS, after_rotate, WRITES)


@rig()
def rotate_failing(d, args):
    """a rotation, each call in the vault failing once, or for good as on a full disk"""
    d.sweep(args, d.h.vault, ERRORS, after_rotate, WRITES)


@rig()
def rotate_state(d, args):
    """a rotation killed or failing at each call in this machine's own state"""
    d.sweep(args, d.h.state, ("SIGKILL", "EIO", "ENOSPC+"), after_rotate, WRITES)


@rig()
def rotate_source(d, args):
    """a rotation killed or failing while it wipes the file that the key came from"""
    d.sweep(args, d.source, ("SIGKILL", "after:SIGKILL", "EIO"), after_rotate, {"fsync", "unlinkat"})


@rig(is_rotated=True)
def finish_killed(d, args):
    """the end of a rotation, killed or failing at each call in the vault"""
    d.sweep(args, d.h.vault, KILLS + ERRORS, after_finish((), []), WRITES | {"unlinkat"})


@rig("kraken", is_rotated=True)
def word_killed(d, args):
    """the end on one's word, two commits: killed or failing at each call in the vault"""
    more = ("--accept-risk", WORD)
    d.sweep((*args, *more), d.h.vault, ("SIGKILL", "after:SIGKILL", "EIO", "ENOSPC+"),
            after_finish(more, ["old-key-unproven"]), WRITES | {"unlinkat"})


@rig(is_rotated=True)
def finish_killed_outside(d, args):
    """the end of a rotation, killed or failing at each call in this machine's own state"""
    d.sweep(args, d.h.state, ("SIGKILL", "EIO", "ENOSPC+"), after_finish((), []), WRITES)


def no_secret():
    """no secret in anything that was printed"""
    rotate_kit.no_secret_said()


if __name__ == "__main__":
    lib.main([rotate_killed, rotate_failing, rotate_state, rotate_source, finish_killed,
              word_killed, finish_killed_outside, no_secret])
