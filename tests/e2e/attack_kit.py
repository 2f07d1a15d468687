# SPDX-License-Identifier: Apache-2.0
"""What a process of the same user can try on another one: each attempt gives 0 when it worked, or
the errno with which the kernel refused it. And running a script as another user, for tests that
root cannot make."""
import ctypes
import errno
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile

import agent_kit
import lib
from agent_kit import AgentError

REQUEST = {"method": "GET", "url": "/api/v3/account"}
NOBODY, AS_NOBODY = 65534, "as-nobody"
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.syscall.restype = ctypes.c_long
PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 0, 16, 17, 0x4206
WALL = 0x40000000
PIDFD_OPEN, PIDFD_GETFD, MADVISE = 434, 438, 440       # the same on every machine
OTHERS = {"x86_64": {"kcmp": 312, "robust": 274}, "aarch64": {"kcmp": 272, "robust": 100}}
CALLS = OTHERS.get(platform.machine(), {})
MADV_COLD = 20
FDS = range(24)
READ = ("mem", "environ", "maps", "smaps", "pagemap", "auxv", "numa_maps", "task/{pid}/mem",
        "task/{pid}/environ", "task/{pid}/maps", "syscall", "personality", "io")
WRITE = ("mem", "oom_score_adj", "clear_refs", "coredump_filter", "task/{pid}/mem", "comm")
FOLDERS = ("fd", "fdinfo", "map_files", "task/{pid}/fd")
LINKS = ("exe", "cwd", "root", "ns/mnt")


def of(call, *args):
    """0, or its errno."""
    try:
        call(*args)
    except OSError as e:
        return e.errno
    return 0


def syscall(number, *args):
    return ctypes.get_errno() if LIBC.syscall(number, *map(ctypes.c_long, args)) < 0 else 0


def opened(path, flags):
    """Opened, and some bytes read where it is for reading."""
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        if flags == os.O_RDONLY and not path.endswith("/mem"):
            os.read(fd, 8)      # pagemap's are so long
    finally:
        os.close(fd)


def ptrace(how, pid):
    """What it attaches to is ended: that is told to a tracer before all else."""
    if LIBC.ptrace(how, pid, None, None):
        return ctypes.get_errno()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, WALL)
    return 0


class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("n", ctypes.c_size_t)]


def vm(name, pid, address):
    """process_vm_readv or process_vm_writev, of some bytes at an address of its."""
    here = ctypes.create_string_buffer(16)
    mine, its = Part(ctypes.addressof(here), 16), Part(address, 16)
    call = getattr(LIBC, name)
    call.restype = ctypes.c_ssize_t
    n = call(pid, ctypes.byref(mine), ctypes.c_ulong(1), ctypes.byref(its), ctypes.c_ulong(1),
             ctypes.c_ulong(0))
    return ctypes.get_errno() if n < 0 else 0


def take_fd(pid, number):
    """pidfd_getfd."""
    fd = LIBC.syscall(PIDFD_OPEN, ctypes.c_long(pid), ctypes.c_long(0))
    if fd < 0:
        return ctypes.get_errno()
    got = LIBC.syscall(PIDFD_GETFD, ctypes.c_long(fd), ctypes.c_long(number), ctypes.c_long(0))
    why = ctypes.get_errno() if got < 0 else 0
    for x in (fd, got):
        if x >= 0:
            os.close(x)
    return why


def advise(pid):
    """process_madvise, which wants to know where its memory is."""
    fd = LIBC.syscall(PIDFD_OPEN, ctypes.c_long(pid), ctypes.c_long(0))
    its = Part(0x10000, 4096)
    n = LIBC.syscall(MADVISE, ctypes.c_long(fd), ctypes.byref(its), ctypes.c_ulong(1),
                     ctypes.c_long(MADV_COLD), ctypes.c_ulong(0))
    why = ctypes.get_errno() if n < 0 else 0
    os.close(fd)
    return why


def address_of(pid):
    """Where the process has memory: of another's it is a guess, which is refused before it matters."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
            return int(f.readline().split("-")[0], 16)
    except OSError:
        return 0x400000


def raise_limit(pid):
    """Core files of it, from now on."""
    resource.prlimit(pid, resource.RLIMIT_CORE, (1 << 20, 1 << 20))


def attempts(pid):
    """name: what is to be called. None of them changes a process that lets it happen, but the last two."""
    out = {}
    for name in READ:
        path = f"/proc/{pid}/" + name.format(pid=pid)
        out["read " + name] = lambda p=path: of(opened, p, os.O_RDONLY)
    for name in WRITE:
        path = f"/proc/{pid}/" + name.format(pid=pid)
        out["write " + name] = lambda p=path: of(opened, p, os.O_WRONLY)
    for name in FOLDERS:
        out["list " + name] = lambda p=f"/proc/{pid}/" + name.format(pid=pid): of(os.listdir, p)
    for name in LINKS:
        out["follow " + name] = lambda p=f"/proc/{pid}/{name}": of(os.stat, p)
        out["read link " + name] = lambda p=f"/proc/{pid}/{name}": of(os.readlink, p)
    out["process_vm_readv"] = lambda: vm("process_vm_readv", pid, address_of(pid))
    out["process_madvise"] = lambda: advise(pid)
    if "kcmp" in CALLS:
        out["kcmp"] = lambda: syscall(CALLS["kcmp"], os.getpid(), pid, 0, 0, 0)
    if "robust" in CALLS:
        out["get_robust_list"] = lambda: robust(pid)
    out["ptrace seize"] = lambda: ptrace(PTRACE_SEIZE, pid)
    out["ptrace attach"] = lambda: ptrace(PTRACE_ATTACH, pid)
    return out


def robust(pid):
    head, n = ctypes.c_void_p(), ctypes.c_size_t()
    rc = LIBC.syscall(CALLS["robust"], ctypes.c_long(pid), ctypes.byref(head), ctypes.byref(n))
    return ctypes.get_errno() if rc < 0 else 0


def newborn(program):
    """A program that stands before its first instruction, traced by nobody."""
    pid = os.fork()
    if pid == 0:
        LIBC.ptrace(PTRACE_TRACEME, 0, None, None)
        try:
            os.execv(program, [program, "newborn"])
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSTOPPED(status), status
    LIBC.ptrace(PTRACE_DETACH, pid, None, signal.SIGSTOP)
    agent_kit.wait_for("its stop", lambda: agent_kit.Process(pid).status["State"][0] == "T")
    return pid


REFUSED = (errno.EPERM, errno.EACCES)


def control():
    """The attempts that work on a process that is not guarded: what is tried on the agent's."""
    works = set()
    for name in attempts(os.getpid()):
        with subprocess.Popen(["sleep", "100"]) as other:
            # until it is the program that it shall be
            while os.readlink(f"/proc/{other.pid}/exe") == os.readlink("/proc/self/exe"):
                pass
            if attempts(other.pid)[name]() == 0:
                works.add(name)
            other.kill()
    with subprocess.Popen(["sleep", "100"]) as other:
        if take_fd(other.pid, 1) == 0:
            works.add("pidfd_getfd")
        other.kill()
    return works


def attack(pid, works):
    """Tries on pid what works elsewhere; {name: errno} of what was not refused."""
    through = {}
    for name, attempt in attempts(pid).items():
        if name in works:
            why = attempt()
            if why not in REFUSED:
                through[name] = why
    for n in FDS:
        for name, attempt in ((f"fd/{n}", lambda i=n: of(opened, f"/proc/{pid}/fd/{i}", os.O_RDWR)),
                              (f"getfd {n}", lambda i=n: take_fd(pid, i))):
            why = attempt()
            if why not in REFUSED:
                through[name] = why
    return through


# -- an agent to attack --

def prepare(h):
    h.init()
    h.add("k", "binance", None, "--release", "yes", "--unseal", "session")


fresh = lib.shared(prepare)


def signs(a):
    try:
        return "signature=" in a.ask("sign", name="k", request=REQUEST)["url"]
    except AgentError:
        return False


def family(a):
    """All four: the first process, the core, the proxy, the token's."""
    found = [agent_kit.Process(a.pid), *a.family()]
    assert [p.name for p in found].count("coffer-agent") == 2 and \
        {"coffer-net", "coffer-token"} <= {p.name for p in found}, [p.name for p in found]
    return found


def left_over(a):
    return [p for p in agent_kit.processes() if p.name in ("coffer-agent", "coffer-net",
                                                           "coffer-token") and a.h.top in str(p.argv)]


# -- as another user --

def reachable(argv0, script):
    """None, or what another user cannot get at."""
    for path, how in ((argv0, "-x"), (lib.COFFER, "-x"), (script, "-r"), (lib.TOOLS, "-x")):
        if as_nobody(["test", how, path], "/").returncode:
            return path
    return None


def as_nobody(argv, top, **kw):
    return subprocess.run(argv, user=NOBODY, group=NOBODY, extra_groups=[], cwd=top, text=True,
                          env={**os.environ, "TMPDIR": top, "HOME": top}, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)


def python_for_nobody(script):
    """(a Python that another user can start, None), or what he cannot get at."""
    for python in (sys.executable, "/usr/bin/python3"):
        missing = reachable(python, os.path.abspath(script))
        if not missing:
            return python, None
    return None, f"not run: another user cannot get at {missing}"


def again_as_nobody(script, *words):
    """Runs a script as nobody; why that cannot be, or None, when all of it was good."""
    python, missing = python_for_nobody(script)
    if missing:
        return missing
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        os.chown(top, NOBODY, NOBODY)
        p = as_nobody([python, "-B", os.path.abspath(script), *(words or (AS_NOBODY,))], top,
                      timeout=110)
    lines = p.stdout.splitlines()
    assert p.returncode == 0 and any(x.startswith("ok ") for x in lines), p.stdout
    skipped = [x for x in lines if x.startswith("ok ") and "# SKIP" in x]
    return f"as another user, not run: {skipped}" if skipped else None
