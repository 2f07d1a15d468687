#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: slow
"""Rotations and what goes with them, killed or failing at each system call: the vault opens, each
record holds its old or its new key, the other one is beside it or named, and none is ever lost."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

import lib

PRELOAD = os.path.join(lib.TOOLS, "faults_preload.so")
TOOL = os.path.join(lib.TOOLS, "rotate_tool")
BEFORE = {"a": "a1", "b": "b2 b1", "c": "c1"}
AFTER = {"rotate": {"a": "a2 a1"}, "finish": {"b": "b2"}, "rewrite": {}, "rename": {"z": "b2 b1"},
         "reseal": {}, "join": {}, "leave": {}, "test": {}}
SIGNALS = ("SIGKILL", "SIGTERM", "after:SIGKILL")
ERRORS = ("EIO", "ENOSPC+")


class Bench:
    """A vault with keys in files, that can be put back."""

    def __init__(self, step):
        self.base = tempfile.mkdtemp(prefix="rotate-", dir=os.environ.get("TMPDIR"))
        self.top = os.path.join(self.base, "top")
        self.saved = os.path.join(self.base, "saved")
        self.step, self.checked = step, set()
        os.mkdir(self.top, 0o700)
        self.run("make")
        self.before = self.show()
        shutil.copytree(self.top, self.saved)
        self.after = {k: v for k, v in BEFORE.items() if not (step == "rename" and k == "b")}
        self.after.update(AFTER[step])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.base, ignore_errors=True)

    def restore(self):
        shutil.rmtree(self.top)
        shutil.copytree(self.saved, self.top)

    def run(self, *args, fails=False, **faults):
        env = {k: v for k, v in os.environ.items() if k == "PATH" or k.endswith("SAN_OPTIONS")}
        settings = {"LD_PRELOAD": PRELOAD, **faults} if faults else {}
        p = subprocess.run(["env", *(f"{k}={v}" for k, v in settings.items()), TOOL, self.top,
                            *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=60, check=False, text=True)
        r = lib.Result(args, p.returncode, p.stdout, p.stderr)
        assert "Sanitizer" not in r.err and (fails or r.code == 0), r
        return r

    def show(self):
        """What opens now, as {"records": {name: secrets}, "orphans": [(file, kind, name)], ...}"""
        out = {"records": {}, "orphans": [], "recipient": [], "in-list": []}
        for line in self.run("show").out.splitlines():
            word, rest = line.split(" ", 1)
            if word == "record":
                name, secrets = rest.split(" ", 1)
                out["records"][name] = secrets
            elif word == "orphan":
                out["orphans"].append(tuple(rest.split(" ")))
            elif word in ("recipient", "in-list"):
                out[word].append(rest)
            else:
                out[word] = rest
        assert "torn" not in out, out           # a key that opens the vault opens all of it
        return out

    def calls(self):
        log = os.path.join(self.base, "log")
        self.run(self.step, FAULT_LOG=log, FAULT_UNDER=self.top)
        done = self.show()
        assert done["records"] == self.after, done
        assert not done["orphans"], done
        self.restore()
        with open(log, encoding="utf-8") as f:
            return [x.split(" ", 2) for x in f.read().splitlines()]


def check(b, r, what):
    """After a step that went wrong, or not quite."""
    now = b.show()
    is_done = now["records"] == b.after if b.after != BEFORE else \
        now["generation"] != b.before["generation"]
    assert is_done or now["records"] == BEFORE, f"{what}\n{now}\n{r}"
    assert r.code or is_done, f"{what}: said done\n{now}"
    if b.step == "reseal":
        assert (now["key"] == "1") == is_done, f"{what}\n{now}"
        assert (now["fingerprint"] != b.before["fingerprint"]) == is_done, f"{what}\n{now}"
        if " EIO at" in what and r.code and not is_done:    # with ENOSPC+ nothing can be removed
            assert not now["orphans"], f"{what}: files stay\n{now}"
    shape = (r.code < 0, is_done, len(now["orphans"]))
    keeps(b, now, is_done, r, what)
    if shape in b.checked:
        return
    b.checked.add(shape)
    b.run("add")                                # writes go on
    assert b.show()["records"]["later"] == "l1", what
    left = [f for f in os.listdir(os.path.join(b.top, "vault")) if f.startswith(".vault.json")]
    assert not left, f"{what}: left behind: {left}"


def keeps(b, now, is_done, r, what):
    """A new key that was sealed but not committed is found and taken back; all other files that
    nothing refers to hold nothing that the index has not."""
    kinds = [k for _, k, _ in now["orphans"]]
    if b.step == "rotate" and not is_done and kinds:
        said = re.findall(r"coffer doctor --take-back (\S+)", r.out)
        if kinds == ["damaged"]:                # not written to its end: never the only copy
            assert not said, f"{what}\n{now}"
            return
        assert kinds == ["new-key"] and now["orphans"][0][2] == "a", f"{what}\n{now}"
        assert not said or said == [now["orphans"][0][0]], f"{what}\n{r}"
        b.run("take", now["orphans"][0][0])
        assert b.show()["records"] == b.after, what
        return
    assert set(kinds) <= {"version", "damaged"}, f"{what}\n{now}"
    for file, kind, _ in now["orphans"]:
        if kind == "version" and b.step != "reseal":
            assert b.run("take", file, fails=True).code == 1, what


def sweep(step, effects):
    with Bench(step) as b:
        calls = b.calls()
        assert {"openat", "write", "fsync", "renameat"} <= {c for _, c, _ in calls}, calls
        for n, call, path in calls:
            for effect in effects:
                what = f"{step}: {effect} at call {n}, {call} of {os.path.basename(path)}"
                r = b.run(step, fails=True, FAULT=f"any:{n}:{effect}", FAULT_UNDER=b.top)
                dies = re.match(r"(?:after:)?(SIG\w+)", effect)
                if dies:
                    assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
                else:
                    assert r.code in (0, 1), f"{what}\n{r}"
                check(b, r, what)
                b.restore()


def rotate():
    """a rotation, killed or failing at each call"""
    sweep("rotate", SIGNALS + ERRORS)


def finish():
    """the end of a rotation, killed or failing at each call"""
    sweep("finish", SIGNALS + ERRORS)


def rewrite():
    """another header for a record with an old key beside it, killed or failing at each call"""
    sweep("rewrite", SIGNALS + ERRORS)


def rename():
    """another name for a record with an old key beside it, killed or failing at each call"""
    sweep("rename", SIGNALS + ERRORS)


def reseal():
    """a new sealing key, killed or failing at each call"""
    sweep("reseal", SIGNALS + ERRORS)


if __name__ == "__main__":
    lib.main([rotate, finish, rewrite, rename, reseal], needs_softhsm=False)
