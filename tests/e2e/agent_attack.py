#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: once
# sanitizers: no
# time-out: 180 s
"""A program of the same user attacks the running agent: its memory, its descriptors, its core files
and its loader; and a bot is searched. What is refused is tested here; what the same user can do all
the same is said in SECURITY.md. As root everything is done once more as another user. The sockets
and files: agent_squat.py."""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import agent_kit
import attack_kit as at
import kit
import lib
from agent_kit import Agent, wait_for
from attack_kit import family, fresh, left_over, signs

IS_ROOT = os.geteuid() == 0
ROOT = "root may look everywhere: done as another user"
GCORE = shutil.which("gcore")
WAIT_S = 0.3       # for a core to be written, or not


# -- memory and descriptors --

def test_looks():
    """no memory, no descriptor, no environment of any process is to be had; none can be traced"""
    if IS_ROOT:
        return ROOT
    works = at.control()
    for needed in ("read mem", "write mem", "read environ", "read maps", "read pagemap", "list fd",
                   "process_vm_readv", "ptrace seize", "ptrace attach", "pidfd_getfd"):
        assert needed in works, f"{needed} does not even work on sleep: {sorted(works)}"
    with Agent(fresh()) as a:
        a.unlock()
        for is_held in (False, True):
            assert not is_held or signs(a)
            for p in family(a):
                through = at.attack(p.pid, works)
                assert not through, f"{p.name}: {through}"
                assert os.stat(f"/proc/{p.pid}/status").st_uid == 0, f"{p.name} is dumpable"
                for task in os.listdir(f"/proc/{p.pid}/task"):
                    for name in ("mem", "maps", "environ"):
                        path = f"/proc/{p.pid}/task/{task}/{name}"
                        assert at.of(at.opened, path, os.O_RDONLY) in at.REFUSED, path
        assert signs(a), "the attempts did harm"
    return None


def test_commands():
    """the commands that hold a PIN or lend a key: unlock while it asks, run while the bot runs"""
    if IS_ROOT:
        return ROOT
    works = at.control()
    h = fresh()
    with Agent(h) as a:
        with subprocess.Popen([lib.COFFER, "unlock", "--pin-fd", "0"], env=h.environ(),
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as p:
            hidden(p.pid)
            assert not at.attack(p.pid, works)
            _, said = p.communicate(lib.PIN.encode() + b"\n", timeout=20)
            assert p.returncode == 0, said
        with subprocess.Popen([lib.COFFER, "run", "k", "--", "sleep", "100"], env=h.environ(),
                              stdout=subprocess.DEVNULL) as p:
            hidden(p.pid)
            assert not at.attack(p.pid, works)
            p.terminate()
            p.wait(20)
        assert a.is_unlocked()
    return None


def hidden(pid):
    """Waits until a program has come to its first line: before that the kernel does not know that
    it is to be guarded."""
    wait_for("its guard", lambda: os.stat(f"/proc/{pid}/status").st_uid == 0)


def test_user_namespace():
    """who makes himself root in a user namespace of his own gets no further"""
    if IS_ROOT:
        return ROOT
    if subprocess.run(["unshare", "-Ur", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return "not run: no user namespaces here"
    with Agent(fresh()) as a:
        a.unlock()
        assert signs(a)
        pids = [str(p.pid) for p in family(a)]
        p = subprocess.run(["unshare", "-Ur", sys.executable, "-B", __file__, "in-namespace", *pids],
                           capture_output=True, text=True, check=False, timeout=60)
        assert p.returncode == 0 and p.stdout == f"refused {len(pids)}\n", p.stdout + p.stderr
        assert signs(a)
    return None


def in_namespace(pids):
    assert os.geteuid() == 0
    with subprocess.Popen(["sleep", "100"]) as other:      # the control: it is root of what is its own
        assert at.of(at.opened, f"/proc/{other.pid}/mem", os.O_RDWR) == 0
        other.kill()
    for pid in pids:
        through = at.attack(pid, at.attempts(pid).keys())
        assert not through, through
    print("refused", len(pids))


# -- core files --

def cores(*folders):
    return {os.path.join(d, n) for d in folders for n in os.listdir(d) if "core" in n}


def test_no_core():
    """no core file: neither by a signal, nor by gcore, nor with the limit raised from outside"""
    with Agent(fresh(), start=False) as a:
        folders = ("/", a.top, a.h.top)
        before = cores(*folders)
        can_dump = dumps(a.h.top)
        for sig in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGSYS, signal.SIGQUIT):
            p = a.popen(cwd=a.top)
            wait_for("an answer", a.is_answering)
            a.unlock()
            assert signs(a)
            for x in reversed(family(a)):
                limits = agent_kit.read(f"/proc/{x.pid}/limits")
                assert re.search(r"Max core file size +0 +0 ", limits), x.name
                if not IS_ROOT:
                    refused = at.of(at.raise_limit, x.pid)
                    assert refused in at.REFUSED, f"{x.name}: the limit can be raised"
                    no_gcore(a.top, x.pid, sig)
                if x.pid != p.pid:
                    os.kill(x.pid, sig)
            time.sleep(WAIT_S)
            # the first process leaves SIGQUIT alone
            os.kill(p.pid, signal.SIGABRT if sig == signal.SIGQUIT else sig)
            _, status = os.waitpid(p.pid, 0)
            p.returncode = -1
            assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status), status
            wait_for("the end of all", lambda: not left_over(a))
        assert cores(*folders) == before
    return None if can_dump else "no program's core is written here; limits and flags were tested"


def no_gcore(top, pid, sig):
    if not GCORE or sig != signal.SIGABRT:
        return
    out = os.path.join(top, "dump")
    p = subprocess.run([GCORE, "-o", out, str(pid)], capture_output=True, text=True, check=False,
                       timeout=60)
    assert p.returncode != 0 and not os.path.exists(f"{out}.{pid}"), p.stdout + p.stderr


def dumps(top):
    """Whether a program without coffer's care leaves one here: else its absence proves little."""
    def limits():
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    folder = tempfile.mkdtemp(dir=top)
    with subprocess.Popen(["sleep", "100"], cwd=folder, preexec_fn=limits) as p:
        p.send_signal(signal.SIGABRT)
        _, status = os.waitpid(p.pid, 0)
        p.returncode = -1
    shutil.rmtree(folder)
    return os.WCOREDUMP(status)


# -- the loader --

def marks(lib_path):
    try:
        with open(lib_path + ".mark", encoding="ascii") as f:
            names = f.read().split()
    except FileNotFoundError:
        names = []
    open(lib_path + ".mark", "w", encoding="ascii").close()
    return names


def test_loader():
    """LD_PRELOAD and LD_AUDIT reach what is started with them, and no process of the agent"""
    h = fresh()
    path = os.path.join(h.top, "marking.so")
    shutil.copy(os.path.join(lib.TOOLS, "marking_preload.so"), path)
    own = {"LD_PRELOAD": path, "LD_LIBRARY_PATH": h.top, "GCONV_PATH": h.top,
           "OPENSSL_CONF": os.path.join(h.top, "openssl.cnf"), "OPENSSL_MODULES": h.top}
    for env in (own, {**own, "LD_PRELOAD": "", "LD_AUDIT": path}):
        with Agent(h, start=False) as a:
            r = h.run("agent", pin=False, env=h.environ(**env))
            assert r.code == 0, r
            assert set(marks(path)) == {"coffer"}, "the control: it reaches coffer alone"
            r = h.run("unlock", env=h.environ(**env))
            assert r.code == 0 and signs(a), r
            r = h.run("run", "k", "--", "true", pin=False, env=h.environ(**env))
            assert r.code == 0, r
            seen = marks(path)
            assert "coffer" in seen and not [n for n in seen if n.startswith("coffer-")], seen
            assert "true" in seen, "a bot gets what its caller gave"
            for name in (a.core, a.net):            # and those that are started again
                os.kill(name, signal.SIGKILL)
            wait_for("them again", lambda: a.is_answering() and a.net)
            assert not marks(path)
            for p in family(a) if IS_ROOT else ():
                with open(f"/proc/{p.pid}/environ", "rb") as f:
                    data = f.read()
                assert p.name == "coffer-agent" or (b"LD_" not in data and b"OPENSSL_" not in data)
                with open(f"/proc/{p.pid}/maps", "rb") as f:
                    assert b"marking" not in f.read()


def test_loader_of_run():
    """coffer run starts the agent that it needs: not with the bot's loader either"""
    h = fresh()
    path = os.path.join(h.top, "marking.so")
    shutil.copy(os.path.join(lib.TOOLS, "marking_preload.so"), path)
    with Agent(h, start=False):
        r = h.run("run", "k", "--pin-file", h.pin_file, "--", "true", pin=False,
                  env=h.environ(LD_PRELOAD=path))
        assert r.code == 0, r
        seen = marks(path)
        assert "coffer" in seen and "true" in seen, seen
        assert not [n for n in seen if n.startswith("coffer-")], seen
        wait_for("its end", lambda: not [p for p in agent_kit.processes()
                                         if p.name == "coffer-agent" and h.vault in p.argv])


# -- the first moment --

PROGRAMS = ("coffer", "coffer-agent", "coffer-net", "coffer-token")


def test_born_guarded():
    """installed as they are, programs that their user cannot read: guarded from their first
    instruction on, and they work"""
    with tempfile.TemporaryDirectory(prefix="coffer-born-", dir="/tmp") as top:
        os.chmod(top, 0o755)
        for mode in (0o755, 0o711):
            folder = os.path.join(top, oct(mode)[2:])
            os.mkdir(folder, 0o755)
            for name in PROGRAMS:
                shutil.copy(os.path.join(agent_kit.PROGRAMS, name), folder)
                os.chmod(os.path.join(folder, name), mode)
        return at.again_as_nobody(__file__, "born", top)


def born(top):
    """Each program, stopped before its first instruction."""
    works = at.control()
    for folder in ("755", "711"):
        for name in PROGRAMS:
            pid = at.newborn(os.path.join(top, folder, name))
            through = at.attack(pid, works - {"ptrace attach", "ptrace seize"})
            if folder == "711":
                through |= at.attack(pid, works)
                assert not through, (name, through)
            else:
                assert "read mem" in through, "the control: there is such a moment"
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    lib.COFFER = os.path.join(top, "711", "coffer")
    with Agent(fresh()) as a:
        a.unlock()
        assert signs(a)
        for p in family(a):
            assert not at.attack(p.pid, works)
    print("ok 1 - each refused from the first instruction on")


# -- bots --

BOT = r"""
import os, sys, urllib.request, http.client, socket
c = http.client.HTTPConnection("coffer")
c.sock = socket.socket(socket.AF_UNIX)
c.sock.connect(os.environ["COFFER_PROXY_SOCKET"])
target = os.environ["COFFER_PROXY_URL"].split("/", 3)[3]
c.request("GET", "/" + target + "https://api.binance.com/api/v3/account",
          headers={"X-MBX-APIKEY": os.environ["COFFER_API_KEY"]})
sys.stdout.write("%d\n" % c.getresponse().status)
sys.stdout.flush()
sys.stdin.read()
"""


def test_bot():
    """a bot below coffer run, searched by who may read it: no secret, no API key, no PIN of any"""
    import agent_world                              # pylint: disable=import-outside-toplevel
    import net_secrets                              # pylint: disable=import-outside-toplevel
    with agent_world.World("binance", "okx", options=()) as w:
        with subprocess.Popen([lib.COFFER, "run", "binance", "--", sys.executable, "-c", BOT],
                              env=w.h.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            assert p.stdout.readline() == b"200\n"
            bots = [x for x in agent_kit.processes() if x.parent == p.pid]
            assert len(bots) == 1, bots
            data = b"\n".join(net_secrets.maps_of(bots[0].pid))
            data += open(f"/proc/{bots[0].pid}/environ", "rb").read()
            assert b"coffer_binance" in data, "the control is not found"
            for key in w.keys.values():
                for word in {*kit.secrets_of({"s": 0, **key.credentials}), *key.fields.values()}:
                    assert len(word) < 8 or word.encode() not in data, f"of {key!r}"
            assert lib.PIN.encode() not in data
            p.stdin.close()
            assert p.wait(20) == 0


TESTS = [test_looks, test_commands, test_user_namespace, test_no_core, test_loader,
         test_loader_of_run, test_bot]


def test_as_another_user():
    """all of this as another user than root"""
    return at.again_as_nobody(__file__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["in-namespace"]:
        in_namespace([int(x) for x in sys.argv[2:]])
    elif sys.argv[1:2] == ["born"]:
        born(sys.argv[2])
    elif sys.argv[1:] == [at.AS_NOBODY] or not IS_ROOT:
        lib.main(TESTS)
    else:
        lib.main([*TESTS, test_born_guarded, test_as_another_user])
