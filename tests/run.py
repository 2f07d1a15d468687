#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the suite: units, fuzz corpora, lints and end-to-end scripts, in parallel, each with a
TMPDIR and HOME of its own in /tmp (the path of a socket is short) that is removed afterwards.
What uses secrets runs a second time with the system call memfd_secret refused, but for scripts with a line '# run: once'.
Those with '# run: slow' run with --slow only, and then alone. Rows 'tokens/...' drive real drivers
(tests/tokens/run.py); with --tokens the scripts of tests/tokens/e2e.py run on them, and nothing else.
With --clients those of tests/clients/ run, and nothing else: real client libraries on the proxy.

A row passes or fails by its TAP lines ('ok', 'not ok', '# SKIP reason', the plan '1..N').
A crash, a time-out, a missing or different plan, or a bad exit status after good lines is one
failure more. A script without any TAP line is one test, judged by its exit status (77: skipped,
its last line says why). Last line: 'N passed, N failed[, N skipped]'.

A script with a line '# sanitizers: no' is left out with them: what it runs of coffer, others run too.

Environment: B (build directory), T (parts of rows' names, with commas: run only these), SAN, JOBS,
ONCE (not empty: scripts do not run a second time).
Rows get COFFER (the program), TOOLS (directory of tests/tools), TMPDIR, HOME.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / os.environ.get("B", "build/release")
SAN = os.environ.get("SAN", "")
WANT = os.environ.get("T", "")
JOBS = int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))
VALGRIND = "--valgrind" in sys.argv[1:]
SLOW = "--slow" in sys.argv[1:]
TOKENS = "--tokens" in sys.argv[1:]
CLIENTS = "--clients" in sys.argv[1:]
TIMEOUT = float(os.environ.get("TEST_TIMEOUT", 120)) * (10 if VALGRIND else 3 if SAN else 1)
REFUSED = " (memfd_secret refused)"
VALGRIND_ARGS = ["valgrind", "-q", "--child-silent-after-fork=yes", "--error-exitcode=99", "--leak-check=full",
                 "--errors-for-leak-kinds=definite",
                 "--show-leak-kinds=definite", "--num-callers=30",
                 f"--suppressions={TOP}/tests/tools/valgrind.supp"]
SHOW = 200   # lines of a failed row's output
DROP = ("COFFER_HOME", "SOFTHSM2_CONF", "CREDENTIALS_DIRECTORY", "DISPLAY", "WAYLAND_DISPLAY",
        "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "B", "T", "V", "SAN", "CC", "CFLAGS", "WERROR")

NOISE = re.compile(r"^--\d+-- ")   # valgrind does not know memfd_secret, and says so at length
POINT = re.compile(r"^(not )?ok\b[ \t]*(?:\d+)?[ \t]*-?[ \t]*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)[ \t]*(?:#[ \t]*SKIP\b[ \t]*(.*))?$", re.I)
SKIP = re.compile(r"^(.*?)[ \t]*#[ \t]*SKIP\b[ \t]*(.*)$", re.I)


class Row:
    def __init__(self, name, argv, needs_tap=False):
        self.name, self.argv, self.needs_tap = name, [str(a) for a in argv], needs_tap
        self.timeout = TIMEOUT
        self.run = "twice"
        self.is_plain = False   # not with sanitizers
        self.passed = self.failed = 0
        self.skipped = []     # (test, reason)
        self.problems = []    # what this runner has to say
        self.output = ""
        self.seconds = 0.0


def environment(tmp, row):
    env = {k: v for k, v in os.environ.items() if k not in DROP and not k.startswith("XDG_")}
    env.update(TMPDIR=str(tmp), HOME=str(tmp / "home"), COFFER=str(BUILD / "coffer"),
               TOOLS=str(BUILD / "tools"), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8",
               PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
    if SAN:
        # The leak checker attaches to its own process, which a hardened coffer forbids to users.
        leaks = int(os.geteuid() == 0 or not row.name.startswith("e2e/"))
        env["ASAN_OPTIONS"] = f"detect_leaks={leaks}:verify_asan_link_order=0:abort_on_error=0"
        env["UBSAN_OPTIONS"] = "print_stacktrace=1"
        env["LSAN_OPTIONS"] = f"suppressions={TOP}/tests/tools/lsan.supp:print_suppressions=0"
    return env


def remove_tree(path):
    def again(fn, name, _):
        os.chmod(os.path.dirname(name), 0o700)
        if os.path.isdir(name) and not os.path.islink(name):
            os.chmod(name, 0o700)
            shutil.rmtree(name, ignore_errors=True)
        else:
            fn(name)
    shutil.rmtree(path, onerror=again)


def run(row):
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="coffer-", dir="/tmp"))
    tmp.chmod(0o711)    # a test may be several users
    (tmp / "home").mkdir(mode=0o700)
    started = time.monotonic()
    try:
        p = subprocess.Popen(row.argv, cwd=TOP, env=environment(tmp, row), text=True,
                             errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
        killed = threading.Event()

        def stop():
            killed.set()
            os.killpg(p.pid, signal.SIGKILL)

        timer = threading.Timer(row.timeout, stop)
        timer.start()
        row.output, _ = p.communicate()
        timer.cancel()
        try:
            os.killpg(p.pid, signal.SIGKILL)  # whatever it left running
        except (ProcessLookupError, PermissionError):
            pass
        judge(row, p.returncode, killed.is_set())
    except OSError as e:
        row.failed += 1
        row.problems.append(f"did not start: {e}")
    finally:
        row.seconds = time.monotonic() - started
        try:
            remove_tree(tmp)
        except OSError as e:
            row.failed += 1
            row.problems.append(f"left behind what cannot be removed: {e}")
    return row


def judge(row, status, timed_out):
    n_points, plan, lines = 0, None, row.output.splitlines()
    for line in lines:
        m = PLAN.match(line)
        if m:
            plan = int(m[1])
            if plan == 0:
                row.skipped.append((row.name, m[2] or "no reason given"))
            continue
        m = POINT.match(line)
        if not m:
            continue
        n_points += 1
        skip = SKIP.match(m[2])
        if m[1]:
            row.failed += 1
        elif skip:
            row.skipped.append((f"{row.name}: {skip[1]}", skip[2] or "no reason given"))
        else:
            row.passed += 1

    if timed_out:
        row.failed += 1
        row.problems.append(f"killed after {row.timeout:.0f} s")
    elif status < 0:
        row.failed += 1
        row.problems.append(f"died of {signal.Signals(-status).name}")
    elif n_points == 0 and plan is None and not row.needs_tap:
        if status == 77:
            row.skipped.append((row.name, lines[-1] if lines else "no reason given"))
        elif status:
            row.failed += 1
            row.problems.append(f"exit status {status}")
        else:
            row.passed += 1
    elif plan is None:
        row.failed += 1
        row.problems.append(f"ended without a plan, exit status {status}")
    elif plan != n_points:
        row.failed += 1
        row.problems.append(f"planned {plan} tests, ran {n_points}")
    elif status and not row.failed:
        row.failed += 1
        row.problems.append(f"exit status {status} although no test failed")


def memfd_secret_is_given():
    tool = BUILD / "tools" / "no_memfd_secret"
    return subprocess.run([tool, "--probe"], stdout=subprocess.DEVNULL).returncode == 0


def script(path):
    head = [sys.executable] if path.suffix == ".py" else ["bash"]
    row = Row(f"{path.parent.name}/{path.stem}", head + [path])
    text = path.read_text(encoding="utf-8")
    limit = re.search(r"^# time-out: (\d+) s$", text, re.M)
    if limit:  # a long test says so in a line of its own
        row.timeout = TIMEOUT / 120 * int(limit[1])
    how = re.search(r"^# run: (once|slow)$", text, re.M)
    if how:
        row.run = how[1]
    row.is_plain = re.search(r"^# sanitizers: no$", text, re.M) is not None
    return row


def on_tokens():
    """A row per world of tests/tokens/, which this runner does not import; the scripts run on SoftHSM
    anyway, and over p11-kit's socket there is one behind."""
    folder = TOP / "tests/tokens"
    if TOKENS:
        text = (folder / "e2e.py").read_text(encoding="utf-8")
        names = re.findall(r'"([a-z0-9-]+)"', re.search(r"^WORLDS = \((.*)\)$", text, re.M)[1])
    else:
        text = (folder / "worlds.py").read_text(encoding="utf-8")
        names = re.findall(r'^[ {A-Z=]*"([a-z0-9-]+)": \(', text, re.M)
    program = folder / ("e2e.py" if TOKENS else "run.py")
    found = [Row(f"tokens/{n}", [sys.executable, program, n], True) for n in names]
    for row in found:
        row.timeout = TIMEOUT * (15 if TOKENS else 2)
    return found


def is_wanted(row):
    return any(part in row.name for part in WANT.split(","))


def scripts(folder):
    """What starts with #! is a test; the rest of the folder is what tests import."""
    return [script(p) for p in sorted((TOP / folder).glob("*"))
            if p.suffix in (".py", ".sh") and p.read_bytes()[:2] == b"#!"]


def rows():
    if CLIENTS:
        return [r for r in scripts("tests/clients") if is_wanted(r)]
    if TOKENS:
        return [r for r in on_tokens() if is_wanted(r)]
    units = [Row(p.stem, [BUILD / "tests" / p.stem], True)
             for p in sorted(TOP.glob("tests/test_*.c"))]
    if VALGRIND:
        # test_wipe reads what it has freed, which is its subject and valgrind's prey; test_sandbox*
        # test which system calls are refused, and valgrind makes others than the program does.
        # The others take half a minute and more there, and the sanitizers run them.
        units = [r for r in units if r.name not in (
            "test_wipe", "test_sandbox", "test_sandbox_files", "test_sandbox_core", "test_mock",
            "test_rewrap_refused", "test_decap", "test_rewrap", "test_advice_roca", "test_keyring",
            "test_keyring_wait", "test_keyring_vault", "test_keyring_fail", "test_http_bad")]
        for row in units:
            row.argv = VALGRIND_ARGS + row.argv
        return [r for r in units if is_wanted(r)]
    e2e = [r for r in scripts("tests/e2e") if (r.run == "slow") == SLOW and not (SAN and r.is_plain)]
    if SLOW:
        return [r for r in e2e if is_wanted(r)]
    corpora = [Row(p.stem, [BUILD / "fuzz" / p.stem,
                            TOP / "tests/fuzz/corpus" / p.stem.removeprefix("fuzz_")], True)
               for p in sorted(TOP.glob("tests/fuzz/fuzz_*.c"))]
    lints = [] if SAN else [Row(f"lint/{p.stem}", ["sh", p])
                            for p in sorted((TOP / "tests/lint").glob("*.sh"))
                            if p.stem in ("layers", "headers", "banned", "size", "names")]
    tools = [Row("tools", ["bash", TOP / "tests/tools/selftest.sh"])]
    second = []
    if memfd_secret_is_given():
        wrap = [str(BUILD / "tools" / "no_memfd_secret")]
        twice = [r for r in e2e if r.run == "twice"] if not os.environ.get("ONCE") else []
        again = twice + (units if not SAN else
                       [r for r in units if re.search("secret|wipe|vault|signer", r.name)])
        second = [Row(r.name + REFUSED, wrap + r.argv, r.needs_tap) for r in again]
        for row, first in zip(second, again):
            row.timeout = first.timeout
    else:
        print("note: this kernel gives no memfd_secret, so every row ran without it once")
    return [r for r in on_tokens() + e2e + second + lints + tools + units + corpora
            if is_wanted(r)]


def report(row):
    verdict = "FAIL" if row.failed else "skip" if row.skipped and not row.passed else "ok"
    tally = f"{row.passed} passed"
    if row.failed:
        tally += f", {row.failed} failed"
    if row.skipped:
        tally += f", {len(row.skipped)} skipped"
    print(f"{verdict:4}  {row.name:46} {tally:24} {row.seconds:6.1f} s")
    if row.failed:
        lines = row.output.splitlines()
        if len(lines) > SHOW:
            print(f"      | ({len(lines) - SHOW} lines left out)")
        for line in (l for l in lines[-SHOW:] if not NOISE.match(l)):
            print("      | " + line)
        for problem in row.problems:
            print("      ! " + problem)
    sys.stdout.flush()


def main():
    # Whoever starts this in the background leaves signals ignored, and children would inherit that.
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(s) == signal.SIG_IGN:
            signal.signal(s, signal.SIG_DFL)
    todo = rows()
    if not todo:
        print(f"no test's name has '{WANT}' in it", file=sys.stderr)
        return 2
    if VALGRIND and not shutil.which("valgrind"):
        print("not run: valgrind is not installed")
        return 1
    with ThreadPoolExecutor(JOBS) as pool:
        for done in as_completed([pool.submit(run, r) for r in todo]):
            report(done.result())
    skipped = [s for r in todo for s in r.skipped]
    bad = [r.name for r in todo if r.failed]
    if skipped:
        print("\nskipped:")
        for name, reason in skipped:
            print(f"  {name}: {reason}")
    if bad:
        print("\nfailed: " + ", ".join(bad))
    failed = sum(r.failed for r in todo)
    print(f"{sum(r.passed for r in todo)} passed, {failed} failed" +
          (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
