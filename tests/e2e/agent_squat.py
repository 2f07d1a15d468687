#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 180 s
"""What lies in the way of the agent: listeners in the place of its sockets, links in the place of its
files, modes that somebody changed; and what a program of the same user can do all the same. As root
everything is done once more as another user. More of what lies in the way: agent_life.py."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import agent_kit
import attack_kit as at
import lib
from agent_kit import Agent, AgentError, wait_for
from attack_kit import REQUEST, family, fresh, left_over, signs

IS_ROOT = os.geteuid() == 0


# -- sockets --

class Fake:
    """Listens in the place of the agent, and keeps what it is told."""

    def __init__(self, path, mode=0o600):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        os.chmod(path, mode)
        self.s.listen(8)
        self.got, self.connections = b"", 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.connections += 1
            with c:
                c.settimeout(2)
                try:
                    data, fds, _, _ = socket.recv_fds(c, 65536, 4)
                except OSError:
                    continue
                for fd in fds:
                    data += os.read(fd, 4096)
                    os.close(fd)
                self.got += data

    def close(self):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
        self.thread.join(5)


COMMANDS = (("unlock",), ("lock",), ("request", "k", "GET", "/api/v3/account"),
            ("run", "k", "--", "true"), ("balance", "k"))


def refused_by_all(h, fake, says, names=COMMANDS):
    """No command tells such a listener a thing; those that need it say why."""
    for args in names:
        r = h.run(*args, pin=args[0] == "unlock", timeout=30)
        assert r.code not in (0, None) and says in r.err, (args, r)
        assert lib.PIN not in r.err
    assert fake.got == b"", fake.got[:80]


def test_squatters():
    """a listener behind a link, with an open mode, or in an open folder hears nothing"""
    h = fresh()
    with Agent(h, start=False) as a:
        os.mkdir(a.run_dir, 0o700)
        elsewhere = os.path.join(a.top, "fake.sock")
        fake = Fake(elsewhere)
        for name in ("agent.sock", "proxy.sock"):
            os.symlink(elsewhere, os.path.join(a.run_dir, name))
        refused_by_all(h, fake, "it is a symbolic link")
        assert fake.connections == 0
        fake.close()
        for name in ("agent.sock", "proxy.sock"):
            os.unlink(os.path.join(a.run_dir, name))
        fake = Fake(a.socket, 0o666)
        refused_by_all(h, fake, "others can write to it", COMMANDS[:2])
        os.chmod(a.socket, 0o600)
        os.chmod(a.run_dir, 0o770)
        refused_by_all(h, fake, "can be changed by others", COMMANDS[:2])
        os.chmod(a.run_dir, 0o700)
        moved = os.path.join(a.top, "moved")
        os.rename(a.run_dir, moved)
        os.symlink(moved, a.run_dir)
        refused_by_all(h, fake, "symbolic link", COMMANDS[:2])
        os.unlink(a.run_dir)
        os.rename(moved, a.run_dir)
        fake.close()
        os.unlink(a.socket)


def test_other_users():
    """a socket or a listener of another user hears nothing, before the agent's start and after its
    death"""
    h = fresh()
    with Agent(h) as a:
        os.kill(a.pid, signal.SIGKILL)
        wait_for("its end", lambda: not left_over(a) and a.pid is None)
        os.unlink(a.socket)
        # of another user, in a folder that he may not have; then under a name of ours
        for owner, says in ((at.NOBODY, "belongs to another user"), (0, "another user listens")):
            os.chmod(a.top, 0o711)
            os.chown(a.run_dir, at.NOBODY, at.NOBODY)
            p = subprocess.Popen(["setpriv", f"--reuid={at.NOBODY}", f"--regid={at.NOBODY}",
                                  "--clear-groups", "/usr/bin/python3", "-I", "-c", LISTEN, a.socket],
                                 stdout=subprocess.PIPE, text=True)
            a.opened.append(p)
            assert p.stdout.readline() == "listens\n"
            refused = h.run("unlock")
            assert refused.code == 3 and "belongs to user" in refused.err, refused
            os.chown(a.run_dir, 0, 0)
            os.chown(a.socket, owner, owner)
            r = h.run("unlock")
            assert r.code == 3 and says in r.err and lib.PIN not in r.err, r
            p.terminate()
            assert p.communicate(timeout=10)[0] == ""
            os.unlink(a.socket)
        os.chmod(a.top, 0o700)


LISTEN = r"""
import os, socket, sys
os.umask(0o77)
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
print("listens", flush=True)
while True:
    c = s.accept()[0]
    c.settimeout(5)
    data = c.recv(4096)
    if data:
        print("told", repr(data), flush=True)
"""


def test_taken_over():
    """the socket taken away under a running agent: it ends with it, and the PIN"""
    h = fresh()
    with Agent(h) as a:
        a.unlock()
        pids = [p.pid for p in family(a)]
        other = os.path.join(a.top, "other.sock")
        fake = Fake(other)
        os.rename(other, a.socket)
        try:
            wait_for("its end", lambda: not any(map(agent_kit.is_running, pids)), 20)
        finally:
            fake.close()
        r = h.run("agent", pin=False)
        assert r.code == 0, r                       # what is stale is replaced
        assert not a.is_unlocked()


# -- files --

def victim(h, name, text="precious\n"):
    return h.private(name, text)


def state_dir(h):
    found = [os.path.join(h.state, d) for d in os.listdir(h.state)]
    return next(d for d in found if os.path.basename(d).strip("0") and os.path.isdir(d))


def plant(path, how, target):
    if os.path.lexists(path):
        os.unlink(path)
    if how == "fifo":
        os.mkfifo(path, 0o600)
    else:
        (os.symlink if how == "link" else os.link)(target, path)


def untouched(path):
    assert agent_kit.read(path) == "precious\n", f"{path} was written"
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_lock_file():
    """agent.lock as a link, hard or soft, or a pipe: refused, and nothing is emptied by it"""
    h = fresh()
    with Agent(h, start=False) as a:
        os.mkdir(a.run_dir, 0o700)
        target = os.path.join(a.top, "mine")
        with open(target, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("precious\n")
        path = os.path.join(a.run_dir, "agent.lock")
        for how in ("link", "hard", "fifo"):
            plant(path, how, target)
            r = h.run("agent", pin=False)
            assert r.code != 0 and "agent.lock" in r.err, (how, r)
            untouched(target)
            os.unlink(path)


def test_audit_log():
    """audit.log as a link, hard or soft, or a pipe: not one signature, and nothing is written there"""
    h = fresh()
    with Agent(h) as a:
        a.unlock()
        assert signs(a)
        path, target = os.path.join(state_dir(h), "audit.log"), victim(h, "mine")
        for how in ("link", "hard", "fifo"):
            plant(path, how, target)
            time.sleep(1.1)                         # it looks up the name once a second
            try:
                a.ask("sign", name="k", request=REQUEST)
                raise AssertionError(f"signed with {how}")
            except AgentError as e:
                assert "log" in e.error["message"], e
            untouched(target)
            assert a.ask("status")["audit"]["ok"] is False
        os.unlink(path)
        wait_for("a signature", lambda: signs(a))
        a.stop()
        wait_for("its end", lambda: a.pid is None)
        for how in ("link", "hard", "fifo"):
            plant(path, how, target)
            r = h.run("agent", pin=False)
            if r.code == 0:                         # it may start, but not sign
                h.run("unlock")
                assert not signs(a), how
                a.end()
            untouched(target)
        os.unlink(path)


def test_bearers():
    """bearers.json as a link or a pipe: nobody gets in by it, nothing is written through it"""
    h = fresh()
    with Agent(h, "--listen", "127.0.0.1:0") as a:
        bearer = h.ok("bearer", "k", "add", "mm1", pin=False).out.strip()
        path = os.path.join(state_dir(h), "bearers.json")
        assert is_taken(a, bearer), "the control"
        assert bearer not in agent_kit.read(path) and os.stat(path).st_mode & 0o777 == 0o600
        kept = victim(h, "kept", agent_kit.read(path))
        target = victim(h, "mine")
        for how, what in (("link", target), ("link", kept), ("hard", target), ("fifo", None)):
            plant(path, how, what)
            r = h.run("bearer", "k", "add", "mm2", pin=False, timeout=20)
            assert r.code != 0 and "bearers.json" in r.err, (how, r)
            assert not is_taken(a, bearer), how
            untouched(target)
            assert "mm2" not in agent_kit.read(kept)
        os.unlink(path)
        shutil.copy(kept, path)
        os.chmod(path, 0o660)                       # others may have written it
        assert not is_taken(a, bearer)
        os.chmod(path, 0o600)
        wait_for("it to be taken again", lambda: is_taken(a, bearer))


def is_taken(a, bearer):
    """Whether the proxy lets somebody in: the key is locked, and only who is let in is told so."""
    host, port = a.ask("status")["proxy"]["tcp"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as s:
        s.sendall(f"GET /k~{bearer}/https://api.binance.com/api/v3/account HTTP/1.1\r\n"
                  f"Host: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while part := s.recv(65536):
            data += part
    assert data.split()[1] in (b"401", b"503"), data
    return b"coffer unlock" in data


def test_state_moved():
    """the state's folder made a link or opened to others: nothing is signed, nothing written there"""
    h = fresh()
    with Agent(h, start=False) as a:
        state = state_dir(h)
        moved = os.path.join(h.top, "moved")
        os.rename(state, moved)
        os.symlink(moved, state)
        before = sorted(os.listdir(moved))
        r = h.run("agent", pin=False)
        if r.code == 0:
            h.run("unlock")
            assert not signs(a)
            a.end()
        assert sorted(os.listdir(moved)) == before
        os.unlink(state)
        os.rename(moved, state)
        os.chmod(state, 0o777)
        r = h.run("agent", pin=False)
        if r.code == 0:
            h.run("unlock")
            assert not signs(a)
            a.end()
        os.chmod(state, 0o700)


# -- what the same user can do all the same --

def test_denial():
    """limits, stops and kills of the same user stop the work; never is a thing signed unlogged"""
    h = fresh()
    with Agent(h) as a:
        a.unlock()
        assert signs(a)
        log = os.path.join(state_dir(h), "audit.log")
        before = os.path.getsize(log)
        core = a.core
        soft, hard = resource.prlimit(core, resource.RLIMIT_FSIZE)
        resource.prlimit(core, resource.RLIMIT_FSIZE, (0, hard))
        assert not signs(a) and agent_kit.is_running(core)
        assert os.path.getsize(log) == before
        resource.prlimit(core, resource.RLIMIT_FSIZE, (soft, hard))
        wait_for("a signature", lambda: signs(a))
        for _ in range(20):
            for pid in (a.core, a.net):
                os.kill(pid, signal.SIGSTOP)
                os.kill(pid, signal.SIGCONT)
        assert signs(a) and a.core == core
        for pid in a.tokens:
            os.kill(pid, signal.SIGKILL)
        wait_for("it to be locked", lambda: not a.is_unlocked())
        os.kill(a.core, signal.SIGKILL)             # and what was held is gone with it
        wait_for("an answer", a.is_answering)
        assert not signs(a)


TESTS = [test_squatters, test_taken_over, test_lock_file, test_audit_log,
         test_bearers, test_state_moved, test_denial]


def test_as_another_user():
    """all of this as another user than root"""
    return at.again_as_nobody(__file__)


if __name__ == "__main__":
    if sys.argv[1:] == [at.AS_NOBODY] or not IS_ROOT:
        lib.main(TESTS)
    else:
        lib.main([*TESTS, test_other_users, test_as_another_user])
