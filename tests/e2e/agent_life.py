#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent's life: its start and its end, one agent at a time, processes that are killed, what
lies in the way of its sockets, signals, the end of the session, service managers"""
import os
import signal
import socket
import stat
import subprocess
import time

import agent_kit
from agent_kit import Agent, Client, Process, is_running, wait_for
from lib import TOOLS, Home, main, shared


def prepare(h):
    h.init()
    h.add("main")


fresh = shared(prepare)


def mode(path):
    st = os.lstat(path)
    return stat.S_ISSOCK(st.st_mode), stat.S_IMODE(st.st_mode)


def all_gone(pids):
    return not any(map(is_running, pids))


def test_start():
    """coffer agent: sockets of mode 0600, an answer, one core, one proxy; --stop ends them all"""
    with Agent(fresh()) as a:
        assert mode(a.socket) == (True, 0o600) and mode(a.proxy) == (True, 0o600)
        assert stat.S_IMODE(os.stat(a.run_dir).st_mode) == 0o700
        hello = a.ask("hello", protocol=1)
        assert hello["protocol"] == 1, hello
        assert a.core and a.net and not a.tokens, a.family()
        pids = [a.pid] + [p.pid for p in a.family()]
        a.stop()
        wait_for("all processes gone", lambda: all_gone(pids))
        assert os.listdir(a.run_dir) == ["agent.lock"]
        r = a.h.run("agent", "--stop", pin=False)
        assert r.code == 1 and "no agent runs" in r.err, r
        a.start()
        assert a.is_answering()


def test_no_proxy():
    """--no-proxy: no proxy, no socket of it"""
    with Agent(fresh(), "--no-proxy") as a:
        assert a.is_answering() and not os.path.lexists(a.proxy)
        time.sleep(0.3)
        assert a.net is None


def test_two():
    """a second agent is told that one runs, and the first goes on"""
    with Agent(fresh()) as a:
        first = a.pid
        p = a.popen()
        _, err = p.communicate(timeout=agent_kit.PATIENCE)
        assert p.returncode == 1, (p.returncode, err)
        assert f"an agent already runs (pid {first})" in err.decode(), err
        assert "hint: 'coffer agent --stop' ends it" in err.decode(), err
        assert a.pid == first and a.is_answering() and mode(a.proxy)[0]


def ready_text(a, argv):
    """What coffer-agent writes for who waits for its start, and how it ended."""
    r, w = os.pipe()
    p = subprocess.Popen([*argv, "--ready-fd", str(w)], env=a.h.environ(), pass_fds=[w],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        text = f.read()
    return p, text


def test_ready():
    """who waits for the start hears of it, or why there is none"""
    with Agent(fresh(), start=False) as a:
        p, text = ready_text(a, a.argv())
        assert text == b"\0" and p.poll() is None and a.is_answering()
        p2, text = ready_text(a, a.argv())
        lines = text.decode().splitlines()
        assert lines[0] == "-7" and "already runs" in lines[1] and "--stop" in lines[2], lines
        assert p2.wait(10) == 1
        os.kill(a.pid, signal.SIGTERM)
        assert p.wait(10) == 0
        argv = a.argv()
        argv[argv.index("--vault") + 1] = os.path.join(a.h.top, "nothing")
        p, text = ready_text(a, argv)
        lines = text.decode().splitlines()
        assert lines[0] == "-6" and "coffer init" in text.decode(), lines
        assert p.wait(10) == 1 and p.stdout.read() == b""
        for wrong, says in ((["--wrong", "x"], "--wrong"), (["--listen", "0.0.0.0:1"], "0.0.0.0:1"),
                            (["--listen", "127.0.0.1:99999"], "99999"),
                            (["--proxy-socket", "relative"], "--proxy-socket")):
            p = subprocess.run([*a.argv(), *wrong], env=a.h.environ(), capture_output=True,
                               check=False, timeout=10)
            assert p.returncode == 2 and says in p.stderr.decode(), (wrong, p)
        p = subprocess.run([agent_kit.AGENT, "0.0", "--vault", a.h.vault], env=a.h.environ(),
                           capture_output=True, check=False, timeout=10)
        assert p.returncode == 2 and "this is version" in p.stderr.decode(), p
        assert not os.path.lexists(a.socket)


def kill_core(a):
    """kill -9; the next one's pid, when it answers."""
    old = a.core
    os.kill(old, signal.SIGKILL)
    wait_for("the core's end", lambda: not is_running(old))
    wait_for("an answer again", a.is_answering)
    assert a.core != old
    return a.core


def test_core_killed():
    """kill -9 of the core: it is started again and goes on without a PIN; the others lived on"""
    with Agent(fresh()) as a:
        a.unlock()
        pid, net, tokens = a.pid, a.net, a.tokens
        assert len(tokens) == 1 and a.is_unlocked()
        for _ in range(3):
            kill_core(a)
            wait_for("unlocked again", a.is_unlocked)
        assert (a.pid, a.net, a.tokens) == (pid, net, tokens)
        wait_for("a proxy that the core knows", lambda: a.ask("status")["proxy"]["running"])
        a.ask("lock")
        wait_for("no token process", lambda: not a.tokens)
        assert not a.is_unlocked()


def test_spawner_killed():
    """kill -9 of the first process: all end; the next agent replaces the stale sockets"""
    with Agent(fresh()) as a:
        a.unlock()
        pids = [p.pid for p in a.family()]
        assert len(pids) == 3, pids
        os.kill(a.pid, signal.SIGKILL)
        wait_for("all processes gone", lambda: all_gone(pids))
        assert mode(a.socket)[0] and mode(a.proxy)[0]
        a.start()
        assert a.is_answering() and a.net


def test_children_killed():
    """kill -9 of the proxy and of a token's process: the proxy comes again, the token is locked"""
    with Agent(fresh(), "--listen", "127.0.0.1:0") as a:
        a.unlock()
        net, where = a.net, a.ask("status")["proxy"]["tcp"]
        host, port = where.rsplit(":", 1)
        os.kill(net, signal.SIGKILL)
        with socket.create_connection((host, int(port)), agent_kit.PATIENCE) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = s.recv(4096)       # the listener was never gone
        assert answer.startswith(b"HTTP/1.1 "), answer
        assert a.net != net
        assert a.ask("status")["proxy"]["tcp"] == where
        os.kill(a.tokens[0], signal.SIGKILL)
        wait_for("locked", lambda: not a.is_unlocked())
        a.unlock()
        assert a.is_unlocked()


def refused(a, says, hint, code):
    r = a.h.run("agent", pin=False)
    assert r.code == code and says in r.err and hint in r.err, r
    assert a.pid is None


def test_in_the_way():
    """files, links, folders and other programs' sockets in the way: nothing of them is touched"""
    with Agent(fresh(), start=False) as a:
        os.mkdir(a.run_dir, 0o700)
        for name in ("agent.sock", "proxy.sock"):
            path = os.path.join(a.run_dir, name)
            elsewhere = os.path.join(a.top, "elsewhere")
            with open(path, "w", encoding="utf-8") as f:
                f.write("mine")
            refused(a, f"'{path}' is in the way", f"rm '{path}'", 3)
            assert agent_kit.read(path) == "mine"
            os.unlink(path)
            os.symlink(elsewhere, path)
            refused(a, "it is a symbolic link", f"rm '{path}'", 3)
            assert os.readlink(path) == elsewhere and not os.path.lexists(elsewhere)
            os.unlink(path)
            os.mkdir(path)
            refused(a, "it is no socket", "find out who put it there", 3)
            os.rmdir(path)
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(path)
                s.listen(1)
                inode = os.lstat(path).st_ino
                refused(a, f"another program listens on '{path}'", "ss -xlp", 1)
                assert os.lstat(path).st_ino == inode
            # now it is stale
            with a.popen() as p:
                wait_for("an answer", a.is_answering)
                p.terminate()
                assert p.wait(10) == 0
        os.symlink("/dev/null", os.path.join(a.run_dir, "x"))
        os.replace(os.path.join(a.run_dir, "x"), os.path.join(a.run_dir, "agent.lock"))
        refused(a, "agent.lock", "", 1)
        os.unlink(os.path.join(a.run_dir, "agent.lock"))
        os.rmdir(a.run_dir)
        os.mkdir(elsewhere, 0o700)
        os.symlink(elsewhere, a.run_dir)
        refused(a, "is a symbolic link", "links are not followed", 3)
        os.unlink(a.run_dir)
        os.mkdir(a.run_dir)
        os.chmod(a.run_dir, 0o770)
        refused(a, "can be changed by others", "chmod 0700", 3)
        if os.geteuid() == 0:
            os.chmod(a.run_dir, 0o700)
            os.chown(a.run_dir, 65534, 65534)
            refused(a, "belongs to user 65534", "chown", 3)


def test_proxy_socket():
    """--proxy-socket: another place, for others too when they are listed; not an open folder"""
    with Agent(fresh(), start=False) as a:
        place = os.path.join(a.top, "place")
        os.mkdir(place, 0o755)
        os.chmod(place, 0o777)
        path = os.path.join(place, "p.sock")
        r = a.h.run("agent", "--proxy-socket", path, pin=False)
        assert r.code == 3 and "can be changed by others" in r.err, r
        os.chmod(place, 0o755)
        a.start("--proxy-socket", path, "--proxy-uid", "4711")
        assert mode(path) == (True, 0o666) and not os.path.lexists(a.proxy)
        assert a.ask("status")["proxy"]["socket"] == path
        wait_for("its argument", lambda: "uid=4711" in Process(a.net).argv)
        a.stop()
        wait_for("the socket's end", lambda: not os.path.lexists(path))


def test_tcp():
    """--listen with port 0: the port that it got is told, on the loopback interface alone"""
    with Agent(fresh(), "--listen", "127.0.0.1:0") as a:
        where = a.ask("status")["proxy"]["tcp"]
        port = int(where.rsplit(":", 1)[1])
        assert where == f"127.0.0.1:{port}" and port > 0
        assert f"{port}" in " ".join(Process(a.net).argv)
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        with Agent(Home(), start=False) as b:
            b.h.init()
            r = b.h.run("agent", "--listen", where, pin=False)
            assert r.code == 1 and f"listen on '{where}'" in r.err and "has that port" in r.err, r
            b.h.__exit__()


def test_signals():
    """SIGHUP keeps the PIN and lets go of the token; SIGTERM and SIGINT end it with status 0"""
    for number in (signal.SIGTERM, signal.SIGINT):
        with Agent(fresh(), start=False) as a:
            p = a.popen()
            wait_for("an answer", a.is_answering)
            a.unlock()
            tokens, pids = a.tokens, [x.pid for x in a.family()]
            p.send_signal(signal.SIGHUP)
            time.sleep(0.2)
            assert a.is_unlocked() and a.tokens == tokens
            p.send_signal(number)
            assert p.wait(10) == 0
            wait_for("all processes gone", lambda: all_gone(pids))
            assert os.listdir(a.run_dir) == ["agent.lock"]
            p.stderr.close()


def test_hung():
    """a core and a token's process that hang do not keep the agent from its lock and its end"""
    with Agent(fresh(), start=False) as a:
        p = a.popen()
        wait_for("an answer", a.is_answering)
        a.unlock()
        token = a.tokens[0]
        os.kill(token, signal.SIGSTOP)
        a.ask("lock")
        wait_for("the token's process gone", lambda: not is_running(token))
        a.unlock()
        pids = [x.pid for x in a.family()]
        os.kill(a.core, signal.SIGSTOP)
        p.terminate()
        assert p.wait(agent_kit.PATIENCE) == 0
        assert all_gone(pids)
        p.stderr.close()


def test_long_path():
    """a runtime directory whose path is too long for a socket's address"""
    with Agent(fresh(), start=False) as a:
        top = os.path.join(a.top, "d" * 120)
        os.mkdir(top, 0o700)
        a.h.extra_env["XDG_RUNTIME_DIR"] = top
        a.run_dir = os.path.join(top, "coffer")
        a.socket = os.path.join(a.run_dir, "agent.sock")
        a.start()
        assert a.is_answering() and a.net
        a.stop()
        a.start()
        os.kill(a.pid, signal.SIGKILL)
        wait_for("the agent's end", lambda: a.pid is None)
        a.start()
        assert a.is_answering()


def test_session_over():
    """the runtime directory is gone, as at a logout: the agent ends; another's socket is kept"""
    with Agent(fresh(), start=False) as a:
        p = a.popen()
        wait_for("an answer", a.is_answering)
        pids = [x.pid for x in a.family()]
        os.rename(a.run_dir, a.run_dir + ".gone")
        assert p.wait(10) == 0
        wait_for("all processes gone", lambda: all_gone(pids))
        assert b"the agent ends" in p.stderr.read()
        p.stderr.close()
        p = a.popen()
        wait_for("an answer", a.is_answering)
        os.unlink(a.socket)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(a.socket)
            assert p.wait(10) == 0
            assert os.path.lexists(a.socket)
        p.stderr.close()


def test_all_removed():
    """the vault and the runtime directory are gone and the core dies: the agent ends, too"""
    h = fresh()
    with Agent(h, start=False) as a:
        p = a.popen()
        wait_for("an answer", a.is_answering)
        pids = [x.pid for x in a.family()]
        core = a.core
        os.kill(core, signal.SIGSTOP)           # it shall not see it first
        os.rename(h.vault, h.vault + ".gone")
        os.rename(a.run_dir, a.run_dir + ".gone")
        os.kill(core, signal.SIGKILL)
        assert p.wait(10) == 1
        wait_for("all processes gone", lambda: all_gone(pids))
        p.stderr.close()


def test_lifeline():
    """--lifeline-fd: it ends with the other end of that pipe"""
    with Agent(fresh(), start=False) as a:
        r, w = os.pipe()
        p = a.popen("--lifeline-fd", str(r), pass_fds=[r])
        os.close(r)
        wait_for("an answer", a.is_answering)
        assert p.poll() is None
        os.close(w)
        assert p.wait(10) == 0
        p.stderr.close()


def test_lock_after():
    """--lock-after: locked when nothing was signed for so long, and the token's process is gone"""
    with Agent(fresh(), "--lock-after", "2s") as a:
        a.unlock()
        assert a.is_unlocked()
        wait_for("the lock", lambda: not a.is_unlocked())
        wait_for("no token process", lambda: not a.tokens)
        a.unlock()
        assert a.is_unlocked()


def test_sleep():
    """after the machine was asleep everything is locked"""
    h = fresh()
    mark = os.path.join(h.top, "asleep")
    with Agent(h, start=False) as a:
        env = h.environ(LD_PRELOAD=os.path.join(TOOLS, "asleep_preload.so"), ASLEEP_FILE=mark)
        with a.popen(env=env) as p:
            wait_for("an answer", a.is_answering)
            a.unlock()
            time.sleep(1.2)
            assert a.is_unlocked()
            with open(mark, "w", encoding="utf-8"):
                pass
            wait_for("the lock", lambda: not a.is_unlocked())
            a.unlock()
            time.sleep(1.2)
            assert a.is_unlocked()      # it was one sleep
            p.terminate()
            _, err = p.communicate(timeout=10)
            assert b"locked: the machine was asleep" in err, err


def test_new_port():
    """a record that leads to another port: the proxy is started anew with it, on its own"""
    h = fresh()
    with Agent(h) as a:
        a.unlock()
        assert "4711" not in Process(a.net).argv
        tokens = a.tokens
        h.add("other", "binance", None, "--connect-to", "::127.0.0.1:4711")
        wait_for("the port", lambda: a.net and "4711" in Process(a.net).argv)
        wait_for("a proxy that the core knows", lambda: a.ask("status")["proxy"]["running"])
        assert a.tokens == tokens and a.is_unlocked()
        net = a.net
        h.add("third")
        time.sleep(1.3)
        assert a.net == net             # nothing new in that one


def test_reload():
    """reload: a token whose entry stays is not touched; one that is gone ends"""
    h = fresh()
    with Agent(h) as a:
        a.unlock()
        tokens = a.tokens
        a.ask("reload")
        time.sleep(0.3)
        assert a.tokens == tokens and a.is_unlocked()
        path = os.path.join(h.config, "tokens.json")
        os.rename(path, path + ".away")
        a.ask("reload")
        wait_for("no token process", lambda: not a.tokens)
        assert a.ask("status")["tokens"] == []
        os.rename(path + ".away", path)
        a.ask("reload")
        wait_for("the token", lambda: a.ask("status")["tokens"])
        a.unlock()


def test_unattended():
    """--pin-file: unlocked by itself; after a wrong PIN nothing tries again by itself"""
    h = fresh()
    with Agent(h, "--pin-file", h.pin_file) as a:
        wait_for("unlocked", a.is_unlocked)
        kill_core(a)
        wait_for("unlocked again", a.is_unlocked)
    wrong = h.private("wrong", "not the PIN at all\n")
    with Agent(h, "--pin-file", wrong, start=False) as a:
        with a.popen("--pin-file", wrong) as p:
            wait_for("an answer", a.is_answering)
            line = wait_for("an error", p.stderr.readline)
            assert b"wrong PIN" in line, line
            assert not a.is_unlocked()
            p.terminate()
            p.wait(10)


def test_confined():
    """every process: no new privileges, no core files; all but the first under seccomp"""
    with Agent(fresh()) as a:
        a.unlock()
        family = a.family() + [Process(a.pid)]
        assert len(family) == 4
        for p in family:
            assert p.status["NoNewPrivs"] == "1", p.argv
            limits = agent_kit.read(f"/proc/{p.pid}/limits")
            if limits:
                core = next(x for x in limits.splitlines() if x.startswith("Max core file size"))
                assert core.split()[4:6] == ["0", "0"], core
            if p.pid != a.pid and not agent_kit.IS_SANITIZED:
                assert p.status["Seccomp"] == "2", p.argv
        if os.geteuid() != 0 and not agent_kit.IS_SANITIZED:
            for p in family:            # not dumpable: its files are not ours
                for name in ("mem", "environ", "maps", "fd"):
                    try:
                        os.listdir(f"/proc/{p.pid}/fd") if name == "fd" else \
                            open(f"/proc/{p.pid}/{name}", "rb").read(1)
                    except OSError:
                        continue
                    raise AssertionError(f"/proc/{p.pid}/{name} of {p.name} can be read")


def links(pid):
    """What the descriptors of a process are."""
    out = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            out[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            pass
    return out


def test_descriptors():
    """no process holds a descriptor that it was not given"""
    if os.geteuid() != 0:
        return "only root sees another process's descriptors"
    with Agent(fresh(), start=False) as a:
        spare = open(os.path.join(a.h.top, "spare"), "w+b")    # of who starts the agent
        os.set_inheritable(spare.fileno(), True)
        p = a.popen(pass_fds=[spare.fileno()])
        wait_for("an answer", a.is_answering)
        a.unlock()
        shared_sockets = {}
        for x in a.family():
            all_links = links(x.pid)
            for fd, what in all_links.items():
                is_file = what.startswith("/") and fd > 2
                is_own = x.name == "coffer-token" and what.startswith(a.h.softhsm) or \
                    x.pid == a.core and what.startswith((a.h.state, a.h.vault)) or \
                    what in ("/dev/null", "/dev/urandom")
                assert not is_file or is_own, (x.argv, fd, what)
                assert "signalfd" not in what, (x.argv, fd)
                if what.startswith("socket:"):
                    shared_sockets.setdefault(what, []).append(x.name)
        for what, names in shared_sockets.items():
            assert len(names) == 1, f"{what} is held by {names}"
        p.terminate()
        assert p.wait(10) == 0
        p.stderr.close()
        spare.close()
    return None


def test_service():
    """systemd's way: given sockets are used and kept, and it is told of the start and the end"""
    with Agent(fresh(), start=False) as a:
        os.mkdir(a.run_dir, 0o700)
        agent, proxy = (socket.socket(socket.AF_UNIX) for _ in range(2))
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.settimeout(agent_kit.PATIENCE)
        notify = os.path.join(a.top, "notify")
        told.bind(notify)
        proxy_path = os.path.join(a.top, "given.sock")
        agent.bind(a.socket)
        proxy.bind(proxy_path)
        agent.listen(5)
        proxy.listen(5)
        script = ('exec 3<&"$1" 4<&"$2"; shift 2; export LISTEN_PID=$$ LISTEN_FDS=2 '
                  'LISTEN_FDNAMES="$1"; shift; exec "$@"')

        def start(names):
            fds = [os.dup(s.fileno()) for s in (agent, proxy)]
            fds = [fd if fd > 4 else os.dup2(fd, 20 + fd) for fd in fds]
            return a.popen(prefix=["bash", "-c", script, "bash", str(fds[0]), str(fds[1]), names],
                           env=a.h.environ(NOTIFY_SOCKET=notify), pass_fds=fds)

        p = start("agent:proxy")
        assert told.recv(100) == b"READY=1"
        assert a.is_answering()
        assert a.ask("status")["proxy"]["socket"] == proxy_path
        with Client(proxy_path) as c:
            c.send(b"GET / HTTP/1.1\r\nHost: coffer\r\nConnection: close\r\n\r\n")
            assert c.socket.recv(100).startswith(b"HTTP/1.1 ")
        p.terminate()
        assert told.recv(100) == b"STOPPING=1"
        assert p.wait(10) == 0
        assert os.path.lexists(a.socket) and os.path.lexists(proxy_path)
        p.stderr.close()
        p = start("agent:other")
        _, err = p.communicate(timeout=10)
        assert p.returncode == 2 and b"'other'" in err and b"FileDescriptorName" in err, err
        for s in (agent, proxy, told):
            s.close()


if __name__ == "__main__":
    main([test_start, test_no_proxy, test_two, test_ready, test_core_killed, test_spawner_killed,
          test_children_killed, test_in_the_way, test_proxy_socket, test_tcp, test_signals,
          test_hung, test_long_path, test_session_over, test_all_removed, test_lifeline,
          test_lock_after, test_sleep, test_new_port, test_reload, test_unattended, test_confined,
          test_descriptors, test_service])
