#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coffer-net while requests are under way: never a signing secret in its memory, in the arguments
or the environment of either program; what a request carries in clear is gone after the reply; no
core dump, no look by another process of the same user. At the programs' end: verb_secrets.py."""
import base64
import ctypes
import errno
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import kit
import lib
import no_secret_left as left
import request
import rotate_secrets as rotated
import secrets_kit as sk

PTRACE_SEIZE, WALL = 0x4206, 0x40000000
SIGNED_HEADERS = ("ok-access-sign", "ok-access-passphrase", "api-sign", "authorization")
KEY_HEADERS = ("x-mbx-apikey", "ok-access-key", "api-key", "authorization")
AS_NOBODY, NOBODY = "as-nobody", 65534


class Gate:
    """Stands before the exchange: while it is shut, a signed request waits for its answer."""

    def __init__(self, x):
        self.exchange, x.server.handler = x.server.handler, self
        self.came, self.lock = queue.Queue(), threading.Lock()
        self.is_shut, self.waiting = False, []

    def __call__(self, asked):
        asked.may_go = threading.Event()
        with self.lock:
            waits = self.is_shut and any(h in asked.headers for h in KEY_HEADERS)
            if waits:
                self.waiting.append(asked)
                self.came.put(asked)
        if waits:
            asked.may_go.wait(30)
        return self.exchange(asked)

    def shut(self):
        self.is_shut = True

    def open(self):
        """What waited is let go, and nobody is to look at it any more."""
        with self.lock:
            self.is_shut = False
            for asked in self.waiting:
                asked.may_go.set()
            self.waiting.clear()
            while not self.came.empty():
                self.came.get()


def in_clear(asked):
    """What one request alone carries, and what its key's every request carries."""
    own = {asked.headers[h].encode() for h in SIGNED_HEADERS if h in asked.headers}
    own |= {x.encode() for x in re.findall(r"signature=([^&]+)", asked.target)}
    own |= {asked.body} if len(asked.body) > 16 else set()
    own |= {asked.target.encode()} if len(asked.target) > 60 else set()
    for value in list(own):                     # the signature of a JWT, without the rest
        own |= {value.rpartition(b".")[2]} if value.startswith(b"Bearer ") else set()
    return own, {asked.headers[h].encode() for h in KEY_HEADERS if h in asked.headers}


def maps_of(pid):
    """The bytes of each map, all of them; a map that goes meanwhile makes it begin again."""
    for left_to_try in range(100, -1, -1):
        try:
            return maps_now(pid)
        except OSError as e:
            if e.errno != errno.EIO or not left_to_try:
                raise
            time.sleep(0.005)
    return None


def maps_now(pid):
    out = []
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            mem.seek(low)
            out.append(mem.read(high - low))
            if len(out[-1]) != high - low:
                raise OSError(errno.EIO, "read in part", line)
    return out


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]


class Watch:
    """One command of coffer, looked at each time that a signed request of it is under way."""

    def __init__(self, w, gate, keys):
        self.w, self.gate, self.keys = w, gate, keys
        self.looks, self.could_look, self.p, self.stays = 0, True, None, set()
        self.clean = set()                      # hashes of maps that were searched

    def run(self, *args, stdin="", code=0, looks=1):
        self.gate.shut()
        with subprocess.Popen([lib.COFFER, *args, "--pin-file", self.w.h.pin_file], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.environ()) as self.p:
            self.p.stdin.write(stdin)
            self.p.stdin.close()
            self.p.stdin = None
            before, end = self.looks, time.time() + 30
            try:
                while self.p.poll() is None:
                    assert time.time() < end, args
                    self.look_at_next()
            finally:
                self.gate.open()
                self.p.send_signal(signal.SIGCONT)
            out = self.p.communicate()[0]
        assert self.p.returncode == code, (args, self.p.returncode, out)
        assert self.looks - before >= looks, f"{args}: looked {self.looks - before} times"
        self.w.said.append((" ".join(args), out))

    def environ(self):
        """With a secret in it, as people have: no process may keep it, nor hand it on."""
        return self.w.h.environ(API_SECRET=self.keys[-1].secret, PIN=lib.PIN)

    def look_at_next(self):
        try:
            self.look(self.gate.came.get(timeout=0.02))
        except queue.Empty:
            pass

    def look(self, asked):
        """The answer to asked is waited for."""
        nets = rotated.children(self.p.pid)
        assert len(nets) == 1, nets
        self.processes(nets[0])
        self.looks += 1
        own, public = in_clear(asked)
        assert own and public
        if "ASAN_OPTIONS" in os.environ or not opens(nets[0], "mem"):
            self.could_look = False
            asked.may_go.set()
            return
        maps = maps_of(nets[0])
        missing = {x for x in own | public if not any(x in m for m in maps)}
        assert not missing, f"what is sent is not found in coffer-net: {missing}"
        self.no_secret(maps)
        self.after_the_reply(nets[0], own | public)

    def processes(self, net):
        assert left.read_proc(net, "cmdline").startswith(b"coffer-net\0")
        assert b"coffer" in left.read_proc(self.p.pid, "cmdline")
        for pid in (self.p.pid, net):
            for name in ("environ", "cmdline", "comm", "status"):
                data = left.read_proc(pid, name)
                sk.hidden(data, self.keys, f"/proc/{pid}/{name}")
            core = re.search(rb"Max core file size +(\S+) +(\S+)", left.read_proc(pid, "limits"))
            assert core and core[1] == core[2] == b"0", core

    def no_secret(self, maps):
        """What is as it was, as most of the libraries is, need not be searched again."""
        new = [m for m in maps if hash(m) not in self.clean]
        data = b"\n".join(new)
        sk.absent(data, self.keys, "coffer-net's memory", sk.in_memory)
        assert lib.PIN.encode() not in data, "the PIN is in coffer-net's memory"
        self.clean |= {hash(m) for m in new}

    def after_the_reply(self, net, marks):
        """coffer stands still, so coffer-net gets its replies and nothing new to send."""
        os.kill(self.p.pid, signal.SIGSTOP)
        while (state := state_of(self.p.pid)) != "T":
            assert state != "Z", "coffer ended without the reply"
            time.sleep(0.001)
        self.gate.open()
        end, stays = time.time() + 3, marks
        while stays and time.time() < end:
            time.sleep(0.005)
            maps = maps_of(net)
            stays = {x for x in marks if any(x in m for m in maps)}
        self.no_secret(maps)
        assert any(b"coffer-net\0" in m for m in maps), "memory is not read any more"
        self.stays |= stays
        self.gate.shut()
        os.kill(self.p.pid, signal.SIGCONT)


def while_under_way():
    """requests under way: no secret, no PIN; then key, passphrase, signature, body are gone too"""
    could_look = True
    with lib.Home() as h, lib.exchange() as x:
        w, gate = sk.World(x, h), Gate(x)
        for i, (e, kind) in enumerate(sk.KINDS):
            bad, good = w.key(e, kind, withdraw=True), w.key(e, kind)
            watch, name = Watch(w, gate, [bad, good]), f"k{i}"
            for key, code, more in ((bad, 5, ()), (good, 0, sk.RISK)):
                watch.run("add", name, e, *w.net(), "--from-json", "-", *more, code=code,
                          stdin=json.dumps(key.fields))
            watch.run("verify", name)
            watch.run("verify", name, "--trade", sk.SYMBOLS[e], "--yes", looks=2)
            watch.run("balance", name)
            watch.run("request", name, *request.READ[e])
            watch.run(*sk.order_args(e, name))
            watch.run("request", name, *sk.WRONG[e], code=4)
            could_look &= watch.could_look
            assert not watch.stays, f"after the reply coffer-net still has {watch.stays}"
        every = Watch(w, gate, w.keys)
        every.run("verify")
        for what, text in w.said:
            sk.hidden(text.encode(), w.keys, f"what '{what}' printed")
    return None if could_look else "coffer-net's memory: for root only, and without a sanitizer"


HOLD = """import sys
print(flush=True)
kept = sys.stdin.buffer.read(40)
print(flush=True)
sys.stdin.buffer.read()"""


def stored_forms(key):
    """As programs keep such a key: its text, and what is in it, decoded."""
    out = [key.secret.encode()]
    if "private_key_pem" in key.credentials:
        out.append(kit.openssl("pkey", "-outform", "DER", stdin=key.secret.encode()))
    elif key.exchange == "kraken" or key.key_type == "ed25519":
        out.append(base64.b64decode(key.secret))
    return out


def search_finds():
    """the search does find a secret of each kind, stored in any form, and a half of it in memory"""
    with lib.exchange() as x:
        for e, kind in sk.KINDS:
            key = x.key(e, key_type=kind)
            for stored in stored_forms(key):
                assert found(stored, key), (key, len(stored))
            half = (stored_forms(key)[-1] if kind == "hmac" else sk.raw(key)[0])[-16:]
            with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as p:
                p.stdout.readline()
                clean = b"".join(maps_of(p.pid))
                assert not found(clean, key)
                p.stdin.write(half.ljust(40, b"."))
                p.stdin.flush()
                p.stdout.readline()
                assert found(b"".join(maps_of(p.pid)), key), f"half of {key!r} is not found"


def found(data, key):
    try:
        sk.absent(data, [key], "a control", sk.in_memory)
    except AssertionError:
        return True
    return False


# -- another process of the same user --

def seize(pid):
    """What the kernel says to a tracer: an errno, or 0, and then the process is ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, pid, None, None):
        return ctypes.get_errno()
    os.kill(pid, signal.SIGKILL)                # its end is told to the tracer first
    os.waitpid(pid, WALL)
    return 0


def opens(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb"):
            return True
    except PermissionError:
        return False


def refuses_its_user():
    """As no root: coffer and coffer-net in the middle of a request."""
    with lib.Home() as h, lib.exchange() as x:
        w = sk.World(x, h)
        w.add("k", w.key("okx", "hmac"), *sk.RISK)
        gate = Gate(x)
        gate.shut()
        with subprocess.Popen([lib.COFFER, "request", "k", *request.READ["okx"], "--pin-file",
                               h.pin_file], env=h.environ(), stdout=subprocess.DEVNULL) as p:
            try:
                gate.came.get(timeout=20)
                shut_to_us(p.pid, *rotated.children(p.pid))
            finally:
                gate.open()
            assert p.wait(20) == 0


def shut_to_us(coffer, net):
    for pid in (coffer, net):
        for name in ("mem", "environ", "maps"):
            assert not opens(pid, name), f"/proc/PID/{name} can be opened"
        assert os.stat(f"/proc/{pid}/status").st_uid == 0, "it is dumpable"
        assert seize(pid) == errno.EPERM, "it can be traced"
    with subprocess.Popen(["sleep", "100"]) as other:       # the control
        assert opens(other.pid, "mem") and opens(other.pid, "environ")
        assert seize(other.pid) == 0


def shut_to_its_user():
    """neither can be traced, nor its memory opened, by another process of the same user"""
    if "ASAN_OPTIONS" in os.environ:
        return "not run: a program with a sanitizer stays dumpable"
    if os.geteuid() != 0:
        return refuses_its_user()
    with tempfile.TemporaryDirectory() as top:
        os.chown(top, NOBODY, NOBODY)
        for python in (sys.executable, "/usr/bin/python3"):
            for path in (python, lib.COFFER, __file__, top):
                if as_nobody(["test", "-x" if path != __file__ else "-r", path], "/").returncode:
                    reason = f"not run: another user cannot get at {path}"
                    break
            else:
                p = as_nobody([python, os.path.abspath(__file__), AS_NOBODY], top)
                assert p.returncode == 0 and p.stdout.endswith("refused\n"), p.stdout
                return None
    return reason


def as_nobody(argv, top):
    return subprocess.run(argv, user=NOBODY, group=NOBODY, extra_groups=[], cwd=top, text=True,
                          env={**os.environ, "TMPDIR": top, "HOME": top}, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    if sys.argv[1:] == [AS_NOBODY]:
        refuses_its_user()
        print("refused")
        sys.exit(0)
    lib.main([while_under_way, search_finds, shut_to_its_user])
