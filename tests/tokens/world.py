# SPDX-License-Identifier: Apache-2.0
"""A world: one driver with its daemons and an initialised token, inside a namespace of its own (see
run.py). What a token cannot do is None in its class; the matrix then says 'not applicable'."""
import os
import re
import shutil
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LABEL = "coffer-test"
SO_PIN = "12345678"
DRIVER_DIRS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib",
               "/usr/lib64", "/usr/local/lib")


class NotRun(Exception):
    """A world that cannot be had here; the reason is the text."""


class World:
    """Subclasses set name, title, packages, and fill in start."""
    name = title = ""
    packages = []
    driver_package = ""    # whose version is the driver's
    seals = "ec"           # the kind of key that coffer uses here
    # Abilities: methods in the subclasses that have them.
    remove = insert = touch = set_tries = lock = unlock = tamper_next = reset_card = None

    def __init__(self, directory):
        self.dir = directory
        self.pin = "123456"
        self.env = {}          # what the driver needs
        self.module = ""       # the driver, an absolute path
        self.processes = []
        self.tools = os.environ.get("TOOLS", os.path.join(ROOT, "build/release/tools"))

    # What subclasses use.

    def need(self, *programs):
        """Each program must be there."""
        for p in programs:
            if not self.program(p):
                raise NotRun(f"{p} is not installed (packages: {' '.join(self.packages)})")

    @staticmethod
    def program(name):
        """Path of a program, also one that only root's PATH names; or None."""
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def find_driver(self, *names):
        """Path of the first driver found: names below the library folders, or absolute."""
        for n in names:
            for d in ("",) if n.startswith("/") else DRIVER_DIRS:
                path = os.path.join(d, n)
                if os.path.exists(path):
                    return path
        raise NotRun(f"{os.path.basename(names[0])} is not installed "
                     f"(packages: {' '.join(self.packages)})")

    def version(self):
        """Of the driver, as numbers; empty where there is no Debian package of it."""
        try:
            r = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.driver_package],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               check=False)
        except OSError:
            return []
        return [int(n) for n in re.findall(r"\d+", re.sub(r"^\d+:|-[^-]*$", "", r.stdout))[:3]]

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def mkdir(self, *parts):
        os.makedirs(self.path(*parts), mode=0o700, exist_ok=True)
        return self.path(*parts)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def environ(self):
        """The environment of the world's own helpers."""
        return {**os.environ, "LC_ALL": "C.UTF-8", **self.env}

    def tool(self, *argv, stdin="", timeout=60):
        """Runs a set-up program, which must succeed; its standard output."""
        r = subprocess.run([self.program(argv[0]) or argv[0], *argv[1:]], env=self.environ(),
                           cwd=self.dir, input=stdin, text=True, timeout=timeout, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if r.returncode:
            raise RuntimeError(f"{' '.join(argv)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r.stdout

    def token_tool(self, *lines, may_fail=False):
        """Runs the lines in tests/tools/token.c; each must be answered by 'ok'. The answers."""
        out = self.tool(os.path.join(self.tools, "token"), stdin="\n".join(lines) + "\n")
        answers = out.splitlines()
        bad = [a for a in answers if not a.startswith("ok")]
        if bad and not may_fail or len(answers) != len(lines):
            raise RuntimeError(f"{lines}: {answers}")
        return answers

    def spawn(self, *argv, log="daemon.log", stdin=subprocess.DEVNULL):
        """Starts a daemon that stop() ends; its output goes to a file."""
        with open(self.path(log), "ab") as out:
            p = subprocess.Popen([self.program(argv[0]) or argv[0], *argv[1:]], env=self.environ(),
                                 cwd=self.dir, stdin=stdin, stdout=out, stderr=out)
        self.processes.append(p)
        return p

    def end(self, p):
        """Ends one daemon."""
        if p in self.processes:
            self.processes.remove(p)
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p.stdin:
            p.stdin.close()

    @staticmethod
    def children(pid):
        """The process ids of its children, of all its threads."""
        out = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                out += [int(p) for p in f.read().split()]
        return out

    def wait_for_port(self, port):
        """Until somebody listens on it."""
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        self.wait_for(f"port {port}", listens)

    @staticmethod
    def wait_for(what, condition, seconds=10):
        """Until condition() is true."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds} s for {what}")
            time.sleep(0.02)

    # What the matrix uses.

    def start(self):
        """Daemons up, token initialised, with a key of each kind that it can have."""
        raise NotImplementedError

    def stop(self):
        """Ends the daemons, last first."""
        for p in reversed(list(self.processes)):
            self.end(p)

    def restart(self):
        """To a fresh state between cells, where a world keeps something over; most need nothing."""

    def token_part(self):
        """What names the token in a URI."""
        return f"token={LABEL}"

    def key_id(self, kind):
        """id= of the key of that kind ('ec' or 'rsa'), percent-encoded; None: the token has none."""
        return {"ec": "%01", "rsa": "%02"}[kind]

    def uri(self, kind):
        """Of the key of that kind, or None."""
        key = self.key_id(kind)
        return key and f"pkcs11:{self.token_part()};id={key}?module-path={self.module}"

    def free_uri(self):
        """Of the token without a key, for --generate."""
        return f"pkcs11:{self.token_part()}?module-path={self.module}"

    def pin_tries(self):
        """How many wrong PINs are left, or None where the token does not tell."""
        return None
