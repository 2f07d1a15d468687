#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 240 s
"""Where no secret is after hundreds of requests by the agent, of every type of key, by its proxy and
by its socket: in no memory of its processes that can be read, between signatures and after the lock;
in no file, argument, environment or core. Held secrets are in memory that the kernel itself cannot
read, and gone from there with the lock. Another user's looks: agent_attack.py."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

import agent_kit
import lib
import no_secret_left as left
import request
import secrets_kit as sk
from agent_kit import Agent, wait_for
from agent_world import HOST, Http
from net_secrets import in_clear

ROUNDS = 8
CONTROL = b"coffer-"                            # in each program's own name
NOT_MEMORY = ("[vsyscall]", "[vvar")
SECRETMEM = "/secretmem (deleted)"
READER = os.path.join(lib.ROOT, "tests/reader/reader.py")
# Prints what the independent reader derives keys from, and what it derives; halves of what is longer.
DERIVED = """import sys
sys.path.insert(0, sys.argv[1])
import reader
real, seen = reader.hkdf, set()
def hkdf(salt, secret, label, size=32):
    out = real(salt, secret, label, size)
    seen.update((secret[:32], secret[-32:], *([out] if size == 32 else [])))
    return out
reader.hkdf = hkdf
vault, tokens, pin = sys.argv[2:5]
for name in sys.argv[5:]:
    reader.with_token(tokens, pin, vault, lambda r: reader.open_record(vault, r, name))
print(*(x.hex() for x in seen))"""
IS_ROOT = os.geteuid() == 0
NOT_ROOT = "not run: only root can look into these processes"


class World(sk.World):
    """Keys of every type, each as one that is unsealed each time and as one that is held."""

    def __init__(self, x, h):
        super().__init__(x, h)
        self.records, self.marks, handler = [], set(), x.server.handler
        for e in sk.SYMBOLS:
            x.funds("A1", dict.fromkeys(("USDT", "USD", "ZUSD", "USDC"), "1000000"), e)
        for i, (e, kind) in enumerate(sk.KINDS):
            for how in ("each-use", "session"):
                key, name = self.key(e, kind), f"k{i}-{how}"
                self.add(name, key, *sk.RISK, "--release", "yes", "--unseal", how)
                self.records.append((name, e, key, how))

        def handle(asked):
            """What requests carry in clear is remembered."""
            if any(w in asked.headers for w in ("x-mbx-apikey", "ok-access-key", "api-key",
                                                "authorization")):
                own, public = in_clear(asked)
                self.marks |= own | public
            return handler(asked)
        x.server.handler = handle
        self.inner = self.read_vault()

    def read_vault(self):
        """What the vault is opened by, as another program does it: of each record what the token
        gives, and all keys that are derived from that."""
        argv = [sys.executable, "-B", "-c", DERIVED, os.path.dirname(READER), self.h.vault,
                os.path.join(self.h.config, "tokens.json"), self.h.pin_file]
        p = subprocess.run([*argv, *(name for name, _, _, _ in self.records)], capture_output=True,
                           text=True, check=False, env=self.h.environ())
        assert p.returncode == 0, p.stderr
        found = {bytes.fromhex(x) for x in p.stdout.split()}
        assert len(found) > 4 * len(self.records), len(found)
        return found

    def secrets(self, *names):
        """All forms, or only those of some records."""
        keys = [k for n, _, k, _ in self.records if not names or n in names]
        return {f for k in keys for f in sk.in_memory(k)}

    def of(self, how):
        return [n for n, _, _, h in self.records if h == how]


def body_of(exchange):
    path, params = request.ORDER[exchange]
    params = {n: os.urandom(8).hex() if n == "client_order_id" else v for n, v in params.items()}
    if exchange in ("okx", "coinbase"):
        return path, json.dumps(params), {"Content-Type": "application/json"}
    return path, urllib.parse.urlencode(params), \
        {"Content-Type": "application/x-www-form-urlencoded"}


def use_all(w, a, rounds=ROUNDS):
    """Each record reads, trades and signs, so many times. How many requests."""
    n = 0
    with Http(a.proxy) as c, a.client() as s:
        for _ in range(rounds):
            for name, e, _, _ in w.records:
                base = f"/{name}/https://{HOST[e]}"
                method, path = request.READ[e]
                r = c.ask(method, base + path, "" if method == "POST" else None)
                assert r.status == 200, (name, r)
                path, body, headers = body_of(e)
                r = c.ask("POST", base + path, body, headers)
                assert r.status == 200, (name, r)
                signed = s.ask("sign", name=name, request={"method": method,
                                                           "url": request.READ[e][1]})
                assert signed["url"].startswith("https://"), signed
                n += 3
    return n


# -- memory --

class Search:
    """memsearch on processes as they run."""

    def __init__(self, needles):
        self.dir = tempfile.mkdtemp(prefix="coffer-needles-")
        self.path = os.path.join(self.dir, "needles")
        self.needles = sorted(needles)
        with open(self.path, "w", encoding="ascii") as f:
            f.write("control:" + CONTROL.decode() + "\n")
            f.writelines(f"hex:{n.hex()}\n" for n in self.needles)

    def close(self):
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def found(self, *pids):
        """The needles in what can be read of them; and the names of maps that cannot."""
        p = subprocess.run([os.path.join(lib.TOOLS, "memsearch"), self.path, "--pid",
                            *map(str, pids)], capture_output=True, text=True, check=False)
        assert p.returncode in (0, 1), p.stdout + p.stderr
        assert p.stdout.count("control found") >= len(pids), p.stdout
        lines = re.findall(r"needle of line (\d+)", p.stdout)
        blind = re.findall(r"^memsearch: unreadable: .*?(/.*|\[.*|)$", p.stdout, re.M)
        return {self.needles[int(i) - 2] for i in lines}, blind


def locked_maps(pid):
    """(address, size) of the memory that the kernel cannot read."""
    out = []
    for line in agent_kit.read(f"/proc/{pid}/maps").splitlines():
        if line.endswith(SECRETMEM):
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            out.append((low, high - low))
    return out


def inside(pid):
    """What the process itself reads there: it is made to copy it, by gdb. None: that did not work."""
    out = b""
    with tempfile.TemporaryDirectory(prefix="coffer-inside-") as top:
        for low, size in locked_maps(pid):
            path = os.path.join(top, "dump")
            words = ["set confirm off", f"set $n = {size}",
                     "set $to = ((char *(*)(unsigned long))malloc)($n)",
                     f"call (void *)memcpy($to, (char *){low}, $n)",
                     f"dump binary memory {path} $to ($to + $n)",
                     "call (void *)memset($to, 0, $n)", "call ((void (*)(void *))free)($to)"]
            p = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid),
                                *(x for word in words for x in ("-ex", word))],
                               capture_output=True, text=True, check=False, timeout=60)
            if not os.path.exists(path) or os.path.getsize(path) != size:
                return None, (p.stdout + p.stderr)[-600:]
            with open(path, "rb") as f:
                out += f.read()
    return out, None


def forced_core(pid, top):
    """What gcore, which root can force, writes of a process."""
    out = os.path.join(top, "forced")
    subprocess.run(["gcore", "-o", out, str(pid)], capture_output=True, check=False, timeout=60)
    with open(f"{out}.{pid}", "rb") as f:
        data = f.read()
    os.unlink(f"{out}.{pid}")
    return data


class Watched:
    """An agent that was used, with what is to be found nowhere."""

    def __init__(self, w, a):
        self.w, self.a = w, a
        self.pids = [a.pid, *(p.pid for p in a.family())]
        assert len(self.pids) == 4
        self.names = {p: agent_kit.Process(p).argv[0] for p in self.pids}

    def nothing(self, search, when):
        """No signing secret, PIN or key of the vault in what can be read of any process. Of the
        driver's process the PIN is exempt: it is in the driver's memory as long as that runs."""
        for pid in filter(agent_kit.is_running, self.pids):
            found, blind = search.found(pid)
            if self.names[pid] == "coffer-token":
                found.discard(lib.PIN.encode())
            assert not found, f"{when}: {len(found)} needles in {self.names[pid]}"
            assert set(blind) <= {SECRETMEM}, f"not searched: {blind}"

    def words(self):
        """Arguments and environments of everything that runs here."""
        for p in agent_kit.processes():
            if p.pid in self.pids or self.w.h.top in " ".join(p.argv):
                for name in ("cmdline", "environ", "comm", "status"):
                    sk.hidden(left.read_proc(p.pid, name), self.w.keys, f"{name} of {p.argv[0]}")


def test_everywhere():
    """hundreds of requests: no secret in memory, argument, environment, core or file; what is held is
    where the kernel cannot read, and gone with the lock"""
    since, skipped = time.time() - 1, []
    with lib.Home() as h, lib.exchange() as x:
        w = World(x, h)
        with Agent(h) as a:
            a.unlock()
            n = use_all(w, a)
            assert n >= 300, n
            held = {r["name"] for r in a.ask("list")["records"] if r["held"]}
            assert held == set(w.of("session")), held
            seen = Watched(w, a)
            seen.words()
            skipped += [memory(w, a, seen)] if IS_ROOT else [NOT_ROOT]
            a.ask("lock")
            a.unlock()
            use_all(w, a, 1)                    # it goes on after all this
            files(w, a, since)
        files(w, a, since)
    return "; ".join(s for s in skipped if s) or None


def memory(w, a, seen):
    needles = w.secrets() | w.inner | {lib.PIN.encode()}
    marks = {m for m in w.marks if len(m) >= 8}
    with Search(needles) as search, Search(marks) as carried:
        seen.nothing(search, "unlocked")
        assert len(marks) > 100
        for pid in seen.pids:
            wait_for("the end of what requests carried", lambda p=pid: not carried.found(p)[0], 5)
        reason = in_locked_memory(w, a, held=True)
        if shutil.which("gcore"):
            for pid in seen.pids:
                data = forced_core(pid, seen.w.h.top)
                assert CONTROL in data, "the control is not in the core"
                bad = [n for n in needles if n in data and not (
                    n == lib.PIN.encode() and seen.names[pid] == "coffer-token")]
                assert not bad, f"{len(bad)} needles in a core of {seen.names[pid]}"
        a.ask("lock")
        wait_for("the end of the token's process", lambda: not a.tokens)
        assert not [r for r in a.ask("list")["records"] if r["held"]]
        seen.nothing(search, "locked")
        return reason or in_locked_memory(w, a, held=False)


def in_locked_memory(w, a, held):
    """What is in the core's memory that nobody else reads: what is held, and when locked nothing."""
    if not locked_maps(a.core):
        return "the kernel has no memfd_secret: held secrets are in locked pages that root reads"
    if not shutil.which("gdb"):
        return "locked memory: not run, no gdb"
    data, why = inside(a.core)
    if data is None:
        return f"locked memory: gdb cannot look: {why}"
    for name, _, key, how in w.records:
        is_in = any(f in data for f in sk.in_memory(key))
        assert is_in == (held and how == "session"), \
            f"{name} is {'not ' if not is_in else ''}there {'held' if held else 'after the lock'}"
    assert lib.PIN.encode() not in data, "the PIN is in the core"
    assert held or not [v for v in w.inner if v in data], "keys of the vault stay after the lock"
    return None


def files(w, a, since):
    for where in (a.top, w.h.state):
        for path, data in sk.files_below(where):
            sk.hidden(data + path.encode(), w.keys, path)
    assert sk.search_files(w, since) > 20
    log = [p for p, _ in sk.files_below(w.h.state) if p.endswith("audit.log")]
    assert len(log) == 1 and os.path.getsize(log[0]) > 10000


def test_finds():
    """the searches find: a secret in a process that runs, in an environment, in a file"""
    with lib.exchange() as x, tempfile.TemporaryDirectory() as top:
        keys = [x.key(e, key_type=kind) for e, kind in sk.KINDS]
        for key in keys:
            half = sorted(sk.in_memory(key))[0]
            with subprocess.Popen([sys.executable, "-c", HOLD, "coffer-"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as p:
                p.stdin.write(half.ljust(4096, b"."))
                p.stdin.close()
                p.stdout.readline()
                if IS_ROOT:
                    with Search(sk.in_memory(key)) as s:
                        assert half in s.found(p.pid)[0], f"of {key!r}"
                p.kill()
            path = os.path.join(top, "f")
            with open(path, "wb") as f:
                f.write(b"x" + key.secret.encode())
            try:
                for where, data in sk.files_below(top):
                    sk.hidden(data, [key], where)
            except AssertionError:
                continue
            raise AssertionError(f"{key!r} in a file is not found")
    return None if IS_ROOT else NOT_ROOT


HOLD = """import sys, time
kept = sys.stdin.buffer.read()
print(flush=True)
time.sleep(100)"""


if __name__ == "__main__":
    lib.main([test_everywhere, test_finds])
