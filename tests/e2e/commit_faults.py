#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
"""Changes that fail or are killed at each of their system calls: the vault opens, each key is the
old or the new one, nothing of another key is touched, and a secret once sealed is not lost."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import kit
import lib

PRELOAD = os.path.join(lib.TOOLS, "faults_preload.so")
SUBJECT = kit.OKX                      # the key that is added, renamed, removed
SECRETS = kit.secrets_of(SUBJECT) + kit.secrets_of(lib.BINANCE)
WHERE = {"okx": "/api/v5/account/balance", "binance": "/api/v3/account"}
COMMANDS = {"add": kit.add_args("new", "okx"), "rename": ("rename", "old", "new"),
            "remove": ("remove", "old", "--yes")}


class Rig:
    """A home with two keys, 'other' and 'old' (for add only 'other'), that can be put back."""

    def __init__(self, command):
        self.h, self.command, self.checked = lib.Home(), command, set()
        self.h.init()
        self.h.add("other")
        if command != "add":
            self.h.add("old", "okx", SUBJECT)
        self.saved = os.path.join(self.h.top, "saved")
        shutil.copytree(self.h.home, self.saved, symlinks=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.h.__exit__()

    def restore(self):
        shutil.rmtree(self.h.home)
        shutil.copytree(self.saved, self.h.home, symlinks=True)

    def run(self, fault=None, under=None, log=None):
        """The command with a fault. env executes it, so that a sanitizer sees no other preload."""
        settings = {"LD_PRELOAD": PRELOAD, "FAULT": fault, "FAULT_LOG": log,
                    "FAULT_UNDER": under or self.h.vault}
        self.h.wrapper = ["env", *(f"{k}={v}" for k, v in settings.items() if v)]
        try:
            r = self.h.run(*COMMANDS[self.command], stdin=json.dumps(SUBJECT))
        finally:
            self.h.wrapper = []
        lib.no_secret(r.out + r.err, *SECRETS)
        assert "Sanitizer" not in r.err, r
        return r

    def shape(self, r):
        """The outcome less what is random: two of the same shape need one thorough check."""
        files = sorted((re.sub(r"[0-9a-f]{8}\.json|tmp\.\d+", "", path), len(data))
                       for path, data in self.h.snapshot().items())
        return (r.code < 0, r.code == 0, "--take-back" in r.err, tuple(files))

    def calls(self, under):
        """What the command does below a directory: the system calls' names, in order."""
        log = os.path.join(self.h.top, "log")
        r = self.run(log=log, under=under)
        assert r.code == 0, r
        self.restore()
        with open(log, encoding="utf-8") as f:
            lines = [x.split(" ", 2) for x in f.read().splitlines()]
        os.unlink(log)
        return [(int(n), call, path) for n, call, path in lines]


def keys_of(h):
    return sorted(k["name"] for k in h.ok("list", "--json", pin=False).json()["keys"])


def sign(h, name, exchange="okx"):
    h.ok("sign", name, "GET", WHERE[exchange])


def check_after(rig, r, what):
    """The vault after a command that went wrong, or not quite wrong."""
    h, had = rig.h, ["other"] + (["old"] if rig.command != "add" else [])
    names = keys_of(h)
    before = sorted(had)
    after = {"add": ["new", "other"], "rename": ["new", "other"], "remove": ["other"]}[rig.command]
    assert names in (before, sorted(after)), f"{what}: {names}\n{r}"
    if r.code == 0:
        assert names == sorted(after), f"{what}: said done, but {names}\n{r}"
    shape = rig.shape(r)
    if shape in rig.checked:
        return
    sign(h, "other", "binance")
    for name in names:
        if name != "other":
            sign(h, name)
    if rig.command == "add" and names == before:
        take_back(h, r, what)
    h.add("later")
    sign(h, "later", "binance")
    left = [f for f in os.listdir(h.vault) if f.startswith(".vault.json.")]
    assert not left, f"{what}: left behind: {left}"
    rig.checked.add(shape)


def whole_records(h):
    """Record files of the new key that were written to their end: three lines."""
    out = []
    for f in os.listdir(h.records):
        with open(os.path.join(h.records, f), "rb") as r:
            if f.startswith("new.") and r.read().count(b"\n") == 3:
                out.append(f)
    return out


def take_back(h, r, what):
    """A record file that was written is not lost: the error says how to take it back, and it works.
    A killed program says nothing, nor does one whose file may not have reached the disk; but doctor
    does."""
    said = re.findall(r"hint: .*coffer doctor --take-back (\S+)", r.err)
    found = whole_records(h)
    if not said and not found:
        return
    if not said:
        assert r.code < 0 or "fsync of new." in what or "fsync of records" in what, f"{what}\n{r}"
        said = re.findall(r"coffer doctor --take-back (new\.\S+)", h.run("doctor").out)
    assert said == found and len(said) == 1, f"{what}: said {said}, found {found}\n{r}"
    h.ok("doctor", "--take-back", said[0])
    assert "new" in keys_of(h), what
    sign(h, "new")


def sweep(command, effects, part):
    """Each counted call of the command, with each effect."""
    with Rig(command) as rig:
        under = {"vault": rig.h.vault, "state": rig.h.state}[part]
        calls = [c for c in rig.calls(under) if c[1] != "mkdirat"]
        names = {c[1] for c in calls}
        assert {"openat", "write", "fsync", "renameat"} <= names, calls
        for n, call, path in calls:
            for effect in effects:
                what = f"{command}: {effect} at call {n}, {call} of {os.path.basename(path)}"
                r = rig.run(f"any:{n}:{effect}", under)
                dies = re.match(r"(?:after:)?(SIG\w+)", effect)
                if dies:
                    assert r.code == -signal.Signals[dies[1]], f"{what}\n{r}"
                elif effect in ("short", "EINTR") and call == "write":
                    assert r.code == 0, f"{what}\n{r}"
                elif r.code:
                    kit.judge_refusal(r, r.code, "")
                    assert r.code in (1, 3), f"{what}\n{r}"
                check_after(rig, r, what)
                rig.restore()


SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "after:SIGKILL")
ERRORS = ("EIO", "ENOSPC+")


def add_killed():
    """add, killed by each signal at each call in the vault"""
    sweep("add", SIGNALS, "vault")


def add_failing():
    """add, each call in the vault failing once or for good"""
    sweep("add", ERRORS, "vault")


def rename_killed():
    """rename, killed by each signal at each call in the vault"""
    sweep("rename", SIGNALS, "vault")


def rename_failing():
    """rename, each call in the vault failing once or for good"""
    sweep("rename", ERRORS, "vault")


def remove_killed():
    """remove, killed by each signal at each call in the vault"""
    sweep("remove", SIGNALS, "vault")


def remove_failing():
    """remove, each call in the vault failing once or for good"""
    sweep("remove", ERRORS, "vault")


def state_faults():
    """add, killed or failing at each call in the machine's own state"""
    sweep("add", ("SIGKILL", "EIO"), "state")


def short_writes():
    """writes that are cut short or interrupted are gone on with"""
    with Rig("add") as rig:
        for effect in ("short", "EINTR"):
            for n in (1, 2):
                r = rig.run(f"write:{n}:{effect}")
                assert r.code == 0, r
                sign(rig.h, "new")
                rig.restore()


def mount(*args):
    subprocess.run(["mount", *args], check=True, stdout=subprocess.DEVNULL)


def disk_full_inside():
    """A disk of 64 KiB that holds only the vault, with less and less room."""
    with Rig("add") as rig:
        h = rig.h
        mount("-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", h.vault)
        full = os.path.join(h.vault, "filler")
        outcomes = set()
        for free in range(0, 24, 4):
            for f in os.listdir(h.vault):
                p = os.path.join(h.vault, f)
                shutil.rmtree(p) if os.path.isdir(p) else os.unlink(p)
            shutil.copytree(rig.saved + "/.local/share/coffer", h.vault, dirs_exist_ok=True)
            shutil.rmtree(h.state)
            shutil.copytree(rig.saved + "/.local/state/coffer", h.state)
            open(os.path.join(h.vault, "lock"), "a", encoding="ascii").close()
            room = os.statvfs(h.vault)
            with open(full, "wb") as f:
                f.write(b"x" * max(0, room.f_bavail * room.f_bsize - free * 1024))
            r = rig.run()
            assert r.code == 0 or (r.code == 1 and "no space left" in r.err), (free, r)
            kind = "done" if r.code == 0 else "kept" if "--take-back" in r.err else "refused"
            outcomes.add(kind)
            if r.code:
                kit.judge_refusal(r, 1, "", hint="")
            sign(h, "other", "binance")
            os.unlink(full)
            check_after(rig, r, f"{free} KiB free: {kind}")
        assert outcomes == {"refused", "kept", "done"}, outcomes
        subprocess.run(["umount", h.vault], check=True)


def read_only_inside():
    """A vault that cannot be written: every change is refused, signing goes on."""
    with Rig("rename") as rig:
        h = rig.h
        if os.geteuid() == 0:
            mount("--bind", h.vault, h.vault)
            mount("-o", "remount,bind,ro", h.vault)
        else:
            subprocess.run(["chmod", "-R", "a-w", h.vault], check=True)
        try:
            text = json.dumps(lib.BINANCE)
            for args in (kit.add_args("new", "binance"), ("rename", "old", "new"),
                         ("remove", "old", "--yes")):
                r = kit.refused(h, 1, "", *args, stdin=text, secrets=SECRETS)
                assert "read-only" in r.err or "permission denied" in r.err, r
            sign(h, "old")
            sign(h, "other", "binance")
            assert keys_of(h) == ["old", "other"]
            h.ok("show", "old", pin=False)
        finally:
            if os.geteuid() == 0:
                subprocess.run(["umount", h.vault], check=True)
            else:
                subprocess.run(["chmod", "-R", "u+w", h.vault], check=True)


def init_killed():
    """init killed or failing between its token and its vault: the next one just works"""
    with lib.Home() as h:
        cases = [("any:1:SIGKILL", False), ("mkdirat:1:SIGKILL", False),
                 ("renameat:1:SIGKILL", False), ("renameat:1:after:SIGKILL", True),
                 ("mkdirat:1:ENOSPC", False), ("renameat:1:ENOSPC", False)]
        for fault, is_made in cases:
            h.wrapper = ["env", "LD_PRELOAD=" + PRELOAD, "FAULT=" + fault, "FAULT_UNDER=" + h.vault]
            r = h.run("init", "--softhsm")
            h.wrapper = []
            assert r.code == (-9 if "KILL" in fault else 1), (fault, r)
            if "ENOSPC" in fault:
                assert not os.path.exists(h.config), (fault, os.listdir(h.config))
            elif is_made:
                r = h.run("doctor")
                assert "has the key that the vault is sealed to" in r.out, (fault, r)
                h.ok("trust", h.fingerprint())
            if not is_made:
                h.init()
            h.add("main")
            sign(h, "main", "binance")
            for name in os.listdir(h.home):
                lib.remove_tree(os.path.join(h.home, name))


def init_undone():
    """init that cannot make its vault takes its entry of tokens.json out again"""
    with Rig("add") as rig:
        h, before = rig.h, rig.h.kept()
        where = os.path.join(h.top, "full")
        os.mkdir(where, 0o700)
        with open(os.path.join(where, "file"), "w", encoding="ascii"):
            pass
        kit.refused(h, 1, "is not empty", "init", "--softhsm", "--vault", where, changes=True)
        assert h.kept() == before, "files were changed"
        sign(h, "other", "binance")


def disk_full():
    """a disk that is full for real: refused, or kept and taken back when there is room"""
    return kit.rerun_in_namespace(os.path.abspath(__file__), "--disk-full")


def read_only():
    """a read-only vault: changes are refused, signing goes on"""
    if os.geteuid() != 0:
        return read_only_inside()
    return kit.rerun_in_namespace(os.path.abspath(__file__), "--read-only")


if __name__ == "__main__":
    if sys.argv[1:] == ["--disk-full"]:
        disk_full_inside()
    elif sys.argv[1:] == ["--read-only"]:
        read_only_inside()
    else:
        lib.main([add_killed, add_failing, rename_killed, rename_failing, remove_killed,
                  remove_failing, state_faults, short_writes, init_killed, init_undone,
                  disk_full, read_only])
