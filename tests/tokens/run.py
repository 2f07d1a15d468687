#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives coffer through real drivers: run.py [--update] [--bench] [WORLD...]

Each world gets a namespace of its own (user, mount, network, process): /run is empty and in memory,
the network is a loop of its own (the reader's driver listens on all addresses), and when the world
ends nothing of it is left running. Two worlds at a time. Prints TAP: one point for each cell of the
matrix, which must be as expected.json has it, in both directions, and one for each page of
docs/tokens/. --update writes expected.json and the pages. --bench measures instead.
Where a namespace or a package is not to be had, the world's cells are '# SKIP not run: REASON'."""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import matrix                                                  # noqa: E402
import pages                                                   # noqa: E402
from world import ROOT, NotRun                                 # noqa: E402
from worlds import WORLDS, world_class                         # noqa: E402

B = os.environ.get("B", os.path.join(ROOT, "build/release"))
NAMESPACE = ["unshare", "-Urmnp", "--fork", "--kill-child", "--mount-proc"]
SETUP = ("mount -t tmpfs -o mode=0755 none /run && mkdir -m 0700 /run/world /run/world/tmp && "
         "exec \"$@\"")
DIRECTORY = "/run/world"


# -- outside --

def refusal():
    """Why there is no namespace, or None."""
    try:
        r = subprocess.run([*NAMESPACE, "sh", "-c", SETUP, "sh", "true"], text=True, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
    except OSError as e:
        return f"no namespace: {e}"
    lines = r.stderr.strip().splitlines() or ["unshare failed"]
    return f"no namespace: {lines[-1]}" if r.returncode else None


def inside_argv(*args):
    return [*NAMESPACE, "sh", "-c", SETUP, "sh", sys.executable, os.path.abspath(__file__),
            "--inside", *args]


def environ():
    """Absolute paths: the world has directories of its own."""
    b = os.path.join(ROOT, B)
    env = {**os.environ, "B": b,
           "COFFER": os.path.join(ROOT, os.environ.get("COFFER", b + "/coffer")),
           "TOOLS": os.path.join(ROOT, os.environ.get("TOOLS", b + "/tools")),
           "TMPDIR": DIRECTORY + "/tmp", "HOME": DIRECTORY, "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [n for n in env if n.startswith("XDG_")]:
        del env[name]
    if "ASAN_OPTIONS" in env:     # drivers leak, and that is not ours
        env["ASAN_OPTIONS"] += ":detect_leaks=0"
    return env


def run_world(name, *args):
    """What the world printed: a list of its messages, the last one says how it ended."""
    p = subprocess.run(inside_argv(name, *args), env=environ(), text=True, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]
    if not any("end" in m for m in out):
        out.append({"end": "died", "why": f"exit {p.returncode}\n{p.stdout}{p.stderr}"})
    return out


class Tap:
    def __init__(self):
        self.n = self.failed = self.skipped = 0

    def point(self, name, is_good, why="", skip=""):
        self.n += 1
        self.failed += not is_good
        self.skipped += bool(skip)
        print(f"{'ok' if is_good else 'not ok'} {self.n} - {name}" +
              (f" # SKIP {skip}" if skip else ""))
        for line in why.splitlines():
            print("# " + line)
        sys.stdout.flush()


def judge(name, messages, tap):
    """The world's points; the row as it is now, or None."""
    end = messages[-1]
    if end["end"] == "not run":
        for cell in matrix.NAMES:
            tap.point(f"{name}: {cell}", True, skip="not run: " + end["why"])
        return None
    row, version = {}, next((m["version"] for m in messages if "version" in m), [])
    want = matrix.expected_of(name, version)
    for m in (m for m in messages if "cell" in m):
        cell, now, was = m["cell"], m["value"], want.get(m["cell"], "nothing")
        row[cell] = now
        why = f"is   {now}\nwant {was}\n{m['why']}" if now != was else ""
        tap.point(f"{name}: {cell}: {now}", now == was, why)
    for cell in matrix.NAMES[len(row):]:
        tap.point(f"{name}: {cell}", False, "not reached")
    if end["end"] != "done":
        tap.point(f"{name}: ends well", False, end["why"])
        return None
    return row


def check_page(page, rows, tap):
    try:
        is_stale = pages.stale(page, rows)
        why = "run tests/tokens/run.py --update" if is_stale else ""
    except (OSError, RuntimeError) as e:
        is_stale, why = True, str(e)
    tap.point(f"docs/tokens/{page}.md shows what is expected", not is_stale, why)


def outside(names, update):
    why = refusal()
    tap, want, found = Tap(), matrix.expected(), {}
    with ThreadPoolExecutor(2) as pool:
        runs = {n: None if why else pool.submit(run_world, n) for n in names}
        for n, r in runs.items():
            messages = r.result() if r else [{"end": "not run", "why": why}]
            row = judge(n, messages, tap)
            if row:
                found[n] = row
    if update:
        broken = [n for n in found if any(v.startswith("BROKEN") for v in found[n].values())]
        rows = {n: found[n] if n in found and n not in broken else want[n]
                for n in WORLDS if n in want or n in found and n not in broken}
        matrix.expect(rows)
        for page in [*rows, "README"]:
            pages.write(page, rows)
        print(f"# expected.json and docs/tokens/ are written"
              + (f"; not of what is broken: {', '.join(broken)}" if broken else ""))
    else:
        for page in [*names, "README"]:
            check_page(page, want, tap)
    print(f"1..{tap.n}")
    if tap.skipped:
        print(f"# {tap.skipped} cells were NOT RUN")
    return 1 if tap.failed and not update else 0


def bench(names):
    """One after the other: what is measured must not be disturbed."""
    why = refusal()
    passed = failed = 0
    for n in names:
        for m in [{"end": "not run", "why": why}] if why else run_world(n, "--bench"):
            if "line" in m:
                print(m["line"])
                failed += m["missed"]
                passed += not m["missed"]
            elif m["end"] == "not run":
                print(f"skip  {n}: not run: {m['why']}")
            elif m["end"] != "done":
                print(f"FAIL  {n}: {m['why']}")
                failed += 1
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


# -- inside --

def say(**message):
    print(json.dumps(message), flush=True)


def lo_by_ioctl():
    """As 'ip link set lo up', which may not be installed."""
    import fcntl                                           # pylint: disable=import-outside-toplevel
    import socket                                          # pylint: disable=import-outside-toplevel
    import struct                                          # pylint: disable=import-outside-toplevel
    siocsifflags, iff_up = 0x8914, 1
    with socket.socket() as s:
        fcntl.ioctl(s, siocsifflags, struct.pack("16sH14x", b"lo", iff_up))


def measure(name, world):
    from measure import measure as run                     # pylint: disable=import-outside-toplevel
    for line, is_missed in run(name, world):
        say(line=line, missed=is_missed)


def inside(name, is_bench):
    lo_by_ioctl()
    os.chdir(DIRECTORY)
    world = world_class(name)(DIRECTORY)
    try:
        world.start()
        if is_bench:
            measure(name, world)
        else:
            say(version=world.version())
            os.environ["TEST_TOKEN"] = json.dumps(
                {"uri": world.uri(world.seals), "pin": world.pin, "env": world.env})
            sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
            import lib                                     # pylint: disable=import-outside-toplevel
            matrix.Matrix(name, world, lib).run(
                lambda cell, value, why: say(cell=cell, value=value, why=why))
        say(end="done")
    except NotRun as e:
        say(end="not run", why=str(e))
    except Exception:                                      # pylint: disable=broad-except
        import traceback                                   # pylint: disable=import-outside-toplevel
        say(end="broken", why=traceback.format_exc())
    finally:
        world.stop()


def main(args):
    if args[:1] == ["--inside"]:
        inside(args[1], "--bench" in args)
        return 0
    names = [a for a in args if not a.startswith("-")] or list(WORLDS)
    for n in names:
        if n not in WORLDS:
            print(f"no world '{n}'; there are {', '.join(WORLDS)}", file=sys.stderr)
            return 2
    if "--bench" in args:
        return bench(names)
    return outside(names, "--update" in args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
