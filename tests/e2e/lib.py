# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a throw-away home, running coffer in it (with or without a
terminal), fake credentials, and TAP output. Run by tests/run.py, or alone: python3 tests/e2e/X.py"""
import atexit
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
B = os.environ.get("B", os.path.join(ROOT, "build/release"))
COFFER = os.environ.get("COFFER", os.path.join(B, "coffer"))
TOOLS = os.environ.get("TOOLS", os.path.join(B, "tools"))
# Set by tests/tokens/: the scripts run on that token instead of an embedded SoftHSM. JSON: "uri" (of
# a token with one sealing key), "pin", "env" (what its driver needs), "generate" (options with which
# it makes a key; null: it cannot).
TOKEN = json.loads(os.environ.get("TEST_TOKEN", "null"))
PIN = TOKEN["pin"] if TOKEN else "correct horse 9 battery"

# Fake credentials; the Binance pair is the one that Binance prints in its documentation.
BINANCE = {"api_key": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
           "api_secret": "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"}
BINANCE_QUERY = ("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
                 "&recvWindow=5000&timestamp=1499827319559")
BINANCE_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def vectors(name):
    """The cases of one vector file, by id."""
    with open(os.path.join(ROOT, "tests/vectors", name + ".json"), encoding="utf-8") as f:
        return {c["id"]: c for c in json.load(f)["cases"]}


def exchange():
    """The simulated exchange of tests/exchange: 'with exchange() as x'."""
    tests = os.path.join(ROOT, "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    from exchange import Exchange           # pylint: disable=import-outside-toplevel
    return Exchange()


def softhsm_module():
    """The installed SoftHSM module, or None."""
    for p in ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
              "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
              "/usr/local/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"):
        if os.path.exists(p):
            return p
    return None


class Result:
    """What a command did."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{self.args} -> {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Home:
    """A person's empty home directory, removed at the end."""

    def __init__(self, base=None):
        self.top = tempfile.mkdtemp(prefix="coffer-e2e-", dir=base or os.environ.get("TMPDIR"))
        self.home = os.path.join(self.top, "home")
        os.mkdir(self.home, 0o700)
        self.pin_file = self.private("pin", PIN + "\n")
        self.vault = os.path.join(self.home, ".local/share/coffer")
        self.records = os.path.join(self.vault, "records")
        self.config = os.path.join(self.home, ".config/coffer")
        self.state = os.path.join(self.home, ".local/state/coffer")
        self.softhsm = os.path.join(self.home, ".local/share/coffer-softhsm")
        self.saved = None
        self.wrapper = []           # put before the program: a tracer, a filter
        self.extra_env = dict(TOKEN["env"]) if TOKEN else {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        remove_tree(self.top)

    def private(self, name, text):
        """A file of mode 0600 next to the home."""
        path = os.path.join(self.top, name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def environ(self, **more):
        """A small environment; nothing of the caller's but PATH and sanitizer options."""
        env = {"HOME": self.home, "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TERM": "dumb",
               "LANG": "C.UTF-8"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        env.update(self.extra_env)
        env.update(more)
        return env

    def run(self, *args, stdin="", pin=True, env=None, timeout=60, cwd=None, pass_fds=()):
        """Runs coffer without a terminal. pin: adds --pin-file (True), or nothing (False)."""
        argv = [*self.wrapper, COFFER, *args]
        if pin:
            argv += ["--pin-file", self.pin_file]
        p = subprocess.run(argv, input=stdin if isinstance(stdin, bytes) else stdin.encode(),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=env or self.environ(), timeout=timeout, cwd=cwd or self.top,
                           start_new_session=True, pass_fds=pass_fds, check=False)
        err = p.stderr.decode(errors="replace")
        if TOKEN:       # tpm2-pkcs11 says by itself what goes wrong
            err = "".join(x for x in err.splitlines(True) if not x.startswith(("ERROR:", "WARNING:")))
        return Result(args, p.returncode, p.stdout.decode(errors="replace"), err)

    def ok(self, *args, **kw):
        """As run, and it must succeed."""
        r = self.run(*args, **kw)
        assert r.code == 0, r
        return r

    def tty(self, *args, answers=(), timeout=30, send_signal=None):
        """Runs coffer on a terminal of its own. answers: (text to wait for, reply) pairs, in order.
        A reply of None sends nothing more and, with send_signal, that signal to the program."""
        argv = [*self.wrapper, COFFER, *args]
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.top)
            os.execvpe(argv[0], argv, self.environ())
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        seen, at, end = "", 0, time.time() + timeout
        todo, look = list(answers), os.WEXITED | os.WNOHANG | os.WNOWAIT
        while time.time() < end:
            has_ended = os.waitid(os.P_PID, pid, look)
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                seen += data.decode(errors="replace")
            elif has_ended:         # what it has started may keep the terminal
                break
            if todo and todo[0][0] in seen[at:]:
                wait, reply = todo.pop(0)
                at = seen.index(wait, at) + len(wait)
                time.sleep(0.05)
                if reply is None:
                    os.kill(pid, send_signal or signal.SIGINT)
                else:
                    os.write(fd, reply.encode() + b"\n")
        else:
            os.kill(pid, signal.SIGKILL)
        os.close(fd)
        status = os.waitpid(pid, 0)[1]
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        seen = seen.replace("\r\n", "\n")
        assert not todo or code != 0, f"never asked {todo[0][0]!r}\n{seen}"
        return Result(args, code, seen, seen)

    def init(self, *more):
        """A vault with an embedded software token, or on the token of TEST_TOKEN."""
        how = ["--token", TOKEN["uri"]] if TOKEN else ["--softhsm"]
        return self.ok("init", *how, *more)

    def add(self, name, exchange="binance", creds=None, *more):
        """Adds a key from JSON on stdin."""
        return self.ok("add", name, exchange, "--no-verify", "--accept-risk", "test", "--from-json",
                       "-", *more, stdin=json.dumps(creds or BINANCE))

    def snapshot(self):
        """Every file below the vault, the configuration and the state: path to bytes."""
        out = {}
        for top in (self.vault, self.config, self.state):
            for d, _, files in os.walk(top):
                for f in files:
                    p = os.path.join(d, f)
                    if not os.path.isfile(p):
                        continue
                    with open(p, "rb") as h:
                        out[p] = h.read()
        return out

    def kept(self):
        """As snapshot, but without locks and guards, which come and go with each command."""
        return {p: b for p, b in self.snapshot().items()
                if not p.endswith((".lock", ".pin-guard", ".pin-count", "/lock"))}

    def refuses(self, *args, code, says, hint=None, answers=None, may_change=False, **kw):
        """Runs a command that must fail: exit code, message, hint, nothing printed on stdout,
        nothing changed, no secret shown. With answers it runs on a terminal."""
        before = self.kept()
        if answers is None:
            r = self.run(*args, **kw)
            assert r.out == "" or "--json" in args, r
        else:
            r = self.tty(*args, answers=answers, **kw)
        assert r.code == code, f"exit {r.code}, not {code}: {r}"
        errors = [line for line in r.err.splitlines() if line.startswith("coffer: ")]
        assert any(says in line for line in errors), f"no {says!r} in {r}"
        for line in [] if hint is None else [hint] if isinstance(hint, str) else hint:
            assert any(line in x for x in r.err.splitlines() if x.startswith("hint: ")), \
                f"no hint {line!r} in {r}"
        assert may_change or self.kept() == before, f"files changed: {r}"
        no_secret(r.out + r.err, PIN, BINANCE["api_secret"])
        return r

    def save(self):
        """Remembers the home as it is now, for restore."""
        self.saved = os.path.join(self.top, "saved")
        shutil.rmtree(self.saved, ignore_errors=True)
        shutil.copytree(self.home, self.saved, symlinks=True)

    def restore(self):
        """Puts back the home that save remembered, under its own path."""
        remove_tree(self.home)
        shutil.copytree(self.saved, self.home, symlinks=True)

    def record_file(self, name):
        """The only record file of a name."""
        found = [f for f in sorted(os.listdir(self.records)) if f.startswith(name + ".")]
        assert len(found) == 1, found
        return os.path.join(self.records, found[0])

    def fingerprint(self):
        """Of the vault, as doctor tells it."""
        r = self.ok("doctor", "--json")
        return r.json()["fingerprint"]


def shared(prepare):
    """A function that gives the same home each time, as prepare(home) left it: made once, put back
    before each use, removed at the end."""
    made = []

    def fresh():
        if not made:
            made.append(Home())
            atexit.register(remove_tree, made[0].top)
            prepare(made[0])
            made[0].save()
        else:
            made[0].wrapper, made[0].extra_env = [], dict(TOKEN["env"]) if TOKEN else {}
            made[0].restore()
        return made[0]

    return fresh


def remove_tree(path):
    """Removes a tree, also one whose modes were changed."""
    if os.path.islink(path):
        os.unlink(path)
        return
    for d, dirs, _ in os.walk(path):
        for sub in dirs:
            if not os.path.islink(os.path.join(d, sub)):
                os.chmod(os.path.join(d, sub), 0o700)
    shutil.rmtree(path, ignore_errors=True)


def no_secret(text, *secrets):
    """Fails when one of the secrets is in text."""
    for s in secrets:
        assert s not in text, "a secret was printed"


def main(tests, needs_softhsm=True):
    """Runs the functions, prints TAP, exits 1 when one fails."""
    failed = 0
    missing = needs_softhsm and not softhsm_module()
    print(f"1..{len(tests)}")
    for i, t in enumerate(tests, 1):
        name = (t.__doc__ or t.__name__).strip().splitlines()[0]
        if missing:
            print(f"ok {i} - {name} # SKIP SoftHSM is not installed")
            continue
        try:
            reason = t()
            print(f"ok {i} - {name}" + (f" # SKIP {reason}" if isinstance(reason, str) else ""))
        except Exception:                                      # pylint: disable=broad-except
            failed += 1
            print(f"not ok {i} - {name}")
            for line in traceback.format_exc().splitlines():
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
