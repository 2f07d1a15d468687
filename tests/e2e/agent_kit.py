# SPDX-License-Identifier: Apache-2.0
"""What the tests of the agent share: an agent in a home of its own with a runtime directory of its
own, its processes as /proc shows them, and its socket spoken to with Python alone.

    with Agent(h) as a:                 # starts it; ended whatever happens
        a.unlock()
        a.ask("list")["records"]        # one operation, its result; AgentError when it refuses
        with a.client() as c: ...       # a connection for several
        a.core, a.net, a.tokens         # pids, as they are now
"""
import array
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import lib

PROGRAMS = os.path.dirname(os.path.abspath(lib.COFFER))
AGENT = os.path.join(PROGRAMS, "coffer-agent")
IS_SANITIZED = any(k in os.environ for k in ("ASAN_OPTIONS", "UBSAN_OPTIONS"))
PATIENCE = 30 if IS_SANITIZED else 10


def wait_for(what, test, seconds=PATIENCE):
    """Waits until test() gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


class AgentError(Exception):
    """The agent's error object."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.error = error


class Client:
    """One connection to the agent's socket."""

    def __init__(self, path, timeout=PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        # a path too long for an address: through its directory
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        finally:
            os.close(folder)
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message, fd=None):
        """A dict, or raw bytes; a descriptor goes along."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        with_fd = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                          array.array("i", [fd]))]
        sent = self.socket.sendmsg([data], with_fd)
        self.socket.sendall(data[sent:])

    def line(self):
        """The next line as JSON; None at the end."""
        while b"\n" not in self.left:
            part = self.socket.recv(65536)
            if not part:
                return None
            self.left += part
        line, self.left = self.left.split(b"\n", 1)
        return json.loads(line)

    def ask(self, op, fd=None, **members):
        self.send({"op": op, **members}, fd)
        answer = self.line()
        assert answer is not None, "the agent hung up"
        if "error" in answer:
            raise AgentError(answer["error"])
        return answer["result"]


class Process:
    """One of the agent's, as /proc has it."""

    def __init__(self, pid):
        self.pid = pid
        self.argv = read(f"/proc/{pid}/cmdline").split("\0")[:-1]
        self.status = dict(line.split(":\t", 1) for line in
                           read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
        self.parent = int(self.status.get("PPid", 0))

    @property
    def name(self):
        return os.path.basename(self.argv[0]) if self.argv else ""

    def is_alive(self):
        return self.status.get("State", "Z")[0] not in "ZX"


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def processes():
    """All that run now."""
    found = (Process(int(d)) for d in os.listdir("/proc") if d.isdigit())
    return [p for p in found if p.argv and p.is_alive()]


def is_running(pid):
    return Process(pid).is_alive()


class Agent:
    """An agent of the home h. options: of `coffer agent`. start False: a runtime directory only."""

    def __init__(self, h, *options, start=True):
        self.h, self.options, self.is_started, self.opened = h, options, start, []
        self.top = tempfile.mkdtemp(prefix="coffer-agent-", dir="/tmp")
        self.run_dir = os.path.join(self.top, "coffer")
        self.socket = os.path.join(self.run_dir, "agent.sock")
        self.proxy = os.path.join(self.run_dir, "proxy.sock")
        h.extra_env["XDG_RUNTIME_DIR"] = self.top

    def __enter__(self):
        try:
            if self.is_started:
                self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.end()
        finally:
            for p in self.opened:
                if p.poll() is None:
                    p.kill()
                    p.wait()
            self.h.extra_env.pop("XDG_RUNTIME_DIR", None)
            shutil.rmtree(self.top, ignore_errors=True)

    def end(self):
        """SIGTERM, and all gone."""
        pid = self.pid
        if not pid:
            return
        mine = [pid] + [p.pid for p in self.family()]
        os.kill(pid, signal.SIGTERM)
        try:
            wait_for("the end of the agent", lambda: not any(map(is_running, mine)))
        except AssertionError:
            for p in filter(is_running, mine):
                os.kill(p, signal.SIGKILL)
            raise

    # -- life --

    def start(self, *more):
        return self.h.ok("agent", *self.options, *more, pin=False)

    def argv(self, *more):
        """The command line of coffer-agent itself, for starts without coffer."""
        version = self.h.ok("--version", pin=False).out.split()[1]
        return [AGENT, version, "--vault", self.h.vault, *more]

    def popen(self, *more, prefix=(), env=None, **kw):
        """coffer-agent itself, in the foreground."""
        p = subprocess.Popen([*prefix, *self.argv("--foreground", *more)],
                             env=env or self.h.environ(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **kw)
        self.opened.append(p)
        return p

    def stop(self):
        return self.h.ok("agent", "--stop", pin=False)

    @property
    def pid(self):
        """Of the first process: None when none runs."""
        text = read(os.path.join(self.run_dir, "agent.lock")).strip()
        is_there = text.isdigit() and is_running(int(text)) and \
            Process(int(text)).name == "coffer-agent"
        return int(text) if is_there else None

    def family(self):
        """The other processes."""
        first = self.pid
        return [p for p in processes() if first and p.parent == first]

    def children(self, name):
        return [p.pid for p in self.family() if p.name == name]

    @property
    def core(self):
        return next(iter(self.children("coffer-agent")), None)

    @property
    def net(self):
        return next(iter(self.children("coffer-net")), None)

    @property
    def tokens(self):
        return self.children("coffer-token")

    # -- its socket --

    def client(self, **kw):
        return Client(self.socket, **kw)

    def ask(self, op, fd=None, **members):
        with self.client() as c:
            return c.ask(op, fd, **members)

    def is_answering(self):
        try:
            return bool(self.ask("hello", protocol=1))
        except (OSError, AssertionError):
            return False

    def unlock(self):
        return self.h.ok("unlock")

    def is_unlocked(self):
        return any(t["unlocked"] for t in self.ask("status")["tokens"])
