#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the bad-input tests and the searches for secrets of tests/e2e/ on the tokens of this folder:
e2e.py [WORLD...] [--script NAME]. Each world in its namespace (see run.py), the scripts one after the
other. Prints TAP: the points of all scripts. What needs a SoftHSM for what it tests is left out:
the reasons stand in LEFT_OUT. softhsm itself is what 'make check' runs them on, so it is not here."""
import json
import os
import subprocess
import sys
import re

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run                                                     # noqa: E402
from world import ROOT, NotRun                                 # noqa: E402
from worlds import world_class                                 # noqa: E402

WORLDS = ("tpm", "nss", "yubikey-ykcs11", "yubikey-opensc")
SCRIPTS = ("bad_sign", "bad_add", "bad_keys", "bad_vault", "no_secret_left", "verb_secrets",
           "rotate_secrets", "net_secrets", "rotate_bad", "sign_vectors")
SEARCHES = ("no_secret_left", "verb_secrets", "rotate_secrets", "net_secrets")    # one by one anyway
OTHER_USER = "a namespace that an ordinary user makes has one user only"
MANY = "thirty programs at once wait for one card or TPM longer than this test allows"
# Single tests, by the beginning of their name. bad_token as a whole makes SoftHSM tokens of many
# kinds, and pin, pin_tries and last_try are rows of the matrix.
LEFT_OUT = {("bad_vault", "init where a vault is"): "it looks into the directory of an embedded SoftHSM",
            ("bad_vault", "of another user"): OTHER_USER,
            ("sign_vectors", "Kraken nonces rise, over 30 processes"): MANY,
            ("rotate_bad", "answers that come too slowly"): MANY,
            ("net_secrets", "neither can be traced"): OTHER_USER}
# Options with which coffer makes a key there; None: it cannot.
GENERATE = {"nss": [], "yubikey-ykcs11": None, "yubikey-opensc": None, "tpm": ["--generate=rsa2048"]}
# The usual PIN 123456 is a part of 0123456789, which is found in the memory of any program.
PIN = "80491726"
# Without the resource manager that a system has (/dev/tpmrm0): one program at a time finds the TPM
# free of what a killed one left.
ONE_BY_ONE = """#!/bin/sh
exec 9>/run/world/lock
flock -w 60 9
for what in -t -l -s; do tpm2_flushcontext $what >/dev/null 2>&1; done
exec %s "$@"
"""
POINT = re.compile(r"^(not ok|ok) \d+ - (.*?)(?: # SKIP (.*))?$")


def left_out(script, name):
    """Why a test is not for these tokens, or None."""
    return next((why for (s, n), why in LEFT_OUT.items() if s == script and name.startswith(n)), None)


def script_run(name, world, script):
    """One script; its points go out as messages."""
    env = world.environ()
    env["TEST_TOKEN"] = json.dumps({"uri": world.uri(world.seals), "pin": world.pin,
                                    "env": world.env, "generate": GENERATE[name]})
    if name == "tpm" and script not in SEARCHES:
        env["COFFER"] = world.write("coffer", ONE_BY_ONE % os.environ["COFFER"])
        os.chmod(env["COFFER"], 0o700)
    p = subprocess.run([sys.executable, os.path.join(ROOT, "tests/e2e", script + ".py")], env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace", check=False, timeout=1200)
    points, why = [], []
    for line in p.stdout.splitlines():
        m = POINT.match(line)
        if m:
            why = []       # what follows belongs to it
            points.append({"script": script, "name": m[2], "good": m[1] == "ok", "skip": m[3] or "",
                           "why": why})
        else:
            why.append(line)
    plan = re.search(r"^1\.\.(\d+)", p.stdout, re.M)
    if not plan or int(plan[1]) != len(points):
        points.append({"script": script, "name": "runs to its end", "good": False, "skip": "",
                       "why": p.stdout.splitlines()[-30:]})
    for m in points:
        run.say(**m)


def inside(name, scripts):
    run.lo_by_ioctl()
    os.chdir(run.DIRECTORY)
    world = world_class(name)(run.DIRECTORY)
    try:
        usual = world.pin
        if not name.startswith("yubikey"):
            world.pin = PIN
        world.start()
        for s in scripts:
            world.restart()
            if name.startswith("yubikey"):     # the card has its first PIN again
                world.piv_tool("-a", "change-pin", "-P", usual, "-N", PIN)
                world.pin = PIN
            script_run(name, world, s)
        run.say(end="done")
    except NotRun as e:
        run.say(end="not run", why=str(e))
    finally:
        world.stop()


def outside(name, scripts, tap):
    why = run.refusal()
    argv = [*run.NAMESPACE, "sh", "-c", run.SETUP, "sh", sys.executable, os.path.abspath(__file__),
            "--inside", name, *scripts]
    if why:
        out = [{"end": "not run", "why": why}]
    else:
        p = subprocess.run(argv, env=run.environ(), stdin=subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        out = [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]
        if not out or "end" not in out[-1]:
            out.append({"end": "died", "why": p.stderr})
    end = out.pop()
    for m in out:
        reason = left_out(m["script"], m["name"])
        tap.point(f"{name}: {m['script']}: {m['name']}", m["good"] or bool(reason),
                  "" if m["good"] else "\n".join(m["why"]), reason or m["skip"])
    if end["end"] == "not run":
        tap.point(f"{name}: {len(scripts)} scripts", True, skip="not run: " + end["why"])
    elif end["end"] != "done":
        tap.point(f"{name}: ends well", False, end["why"])


def main(args):
    if args[:1] == ["--inside"]:
        inside(args[1], args[2:])
        return 0
    scripts = SCRIPTS
    if "--script" in args:
        at = args.index("--script")
        scripts = (args[at + 1],)
        del args[at:at + 2]
    tap = run.Tap()
    for name in args or WORLDS:
        outside(name, scripts, tap)
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
