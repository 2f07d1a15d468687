#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent and its proxy, measured: agent.py PROGRAMS-OF-THE-BENCH. COFFER: the program.
All of one comparison runs in turns in the same minute, so that what the machine does besides falls
on all of it; ratios are medians over the rounds. BENCH_SHORT=1: fewer and shorter rounds.
Prints figures, '# ...' notes, and last 'N passed, N failed': the targets met and missed."""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
TOOLS = PROGRAMS.parent / "tools"
COFFER = os.environ.get("COFFER", str(TOP / "build/coffer"))
SHORT = bool(os.environ.get("BENCH_SHORT"))
ROUNDS, SECONDS = (3, 0.5) if SHORT else (7, 2.0)
MANY = int(os.environ.get("MANY", 50_000 if SHORT else 1_000_000))
PIN = "bench-pin-of-no-value"
FIELDS = {"api_key": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
          "api_secret": "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"}
REPLY = json.dumps({"makerCommission": 15, "balances": [
    {"asset": a, "free": "4723846.89208129", "locked": "0.00000000"} for a in "ABCDEFGHIJ"]})
results = [0, 0]


def target(name, value, limit, is_least):
    met = value >= limit if is_least else value <= limit
    results[0 if met else 1] += 1
    print(f"{'ok  ' if met else 'MISS'}  {name}: {value:.2f} (target {'at least' if is_least else 'at most'}"
          f" {limit})")


def run(*argv, **kw):
    return subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **kw).stdout


class Place:
    """A home, a vault with one key, an agent with its proxy."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.env = {"HOME": str(tmp / "home"), "PATH": os.environ["PATH"],
                    "XDG_RUNTIME_DIR": str(tmp / "run")}
        for d in ("home", "run"):
            (tmp / d).mkdir(mode=0o700)
        pin = tmp / "pin"
        pin.touch(0o600)
        pin.write_text(PIN + "\n")
        self.pin = ["--pin-file", pin]

    def coffer(self, *argv, pin=True, **kw):
        return run(COFFER, *argv, *(self.pin if pin else ()), env=self.env, **kw)

    def start(self, port, ca):
        self.coffer("init", "--softhsm", "--label", "bench")
        self.coffer("add", "bench", "binance", "--no-verify", "--accept-risk", "bench",
                    "--from-json", "-", "--release", "yes", "--unseal", "session", "--ca-file", ca,
                    "--connect-to", f"::127.0.0.1:{port}", input=json.dumps(FIELDS))
        self.coffer("agent", "--listen", "127.0.0.1:0")
        where = json.loads(self.coffer("proxy", "--json", pin=False))
        self.url = "http://" + where["tcp"]
        bearer = self.coffer("bearer", "bench", "add", "wrk", pin=False).strip()
        self.prefix = f"{self.url}/bench~{bearer}/"
        self.socket = self.tmp / "run/coffer/agent.sock"

    def stop(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.coffer("agent", "--stop", pin=False)


def load(kind, socket, clients, request):
    out = run(PROGRAMS / "load", kind, socket, clients, SECONDS, request)
    return [float(w) for w in out.split()]


@contextlib.contextmanager
def ssh_agent(tmp):
    p = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp / "ssh")], stdout=subprocess.DEVNULL)
    try:
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp / "key")
        wait_for(tmp / "ssh")
        run("ssh-add", "-q", tmp / "key", env={**os.environ, "SSH_AUTH_SOCK": str(tmp / "ssh")})
        (tmp / "data").write_bytes(bytes(116))
        yield tmp / "ssh", tmp / "data"
    finally:
        p.terminate()
        p.wait()


@contextlib.contextmanager
def gpg_agent(tmp):
    home = tmp / "gpg"
    home.mkdir(mode=0o700)
    env = {**os.environ, "GNUPGHOME": str(home)}
    try:
        run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "bench", "ed25519", "sign",
            "never", env=env)
        listed = run("gpg", "-K", "--with-keygrip", "--with-colons", env=env)
        grip = re.search(r"^grp:+([0-9A-F]+):", listed, re.M)[1]
        (tmp / "gpg.txt").write_text(f"RESET\nSIGKEY {grip}\nSETHASH --hash=sha512 {'5a' * 64}\nPKSIGN\n")
        yield run("gpgconf", "--list-dirs", "agent-socket", env=env).strip(), tmp / "gpg.txt"
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=env, check=False)


@contextlib.contextmanager
def echo(tmp):
    p = subprocess.Popen([str(TOOLS / "echo"), str(tmp / "echo")], stdin=subprocess.PIPE)
    try:
        wait_for(tmp / "echo")
        yield tmp / "echo"
    finally:
        p.stdin.close()
        p.wait()


def wait_for(path):
    for _ in range(200):
        if os.path.exists(path):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{path} does not appear")


def bench_agent(place, tmp):
    line = tmp / "line"
    line.write_text(json.dumps({"op": "sign", "name": "bench", "request": {
        "method": "GET", "url": "https://api.binance.com/api/v3/account?recvWindow=5000"}}) + "\n")
    with contextlib.ExitStack() as stack:
        servers = {"coffer": ("line", place.socket, line),
                   "echo": ("line", stack.enter_context(echo(tmp)), line)}
        if shutil.which("ssh-agent"):
            servers["ssh-agent"] = ("ssh", *stack.enter_context(ssh_agent(tmp)))
        if shutil.which("gpg-agent"):
            servers["gpg-agent"] = ("gpg", *stack.enter_context(gpg_agent(tmp)))
        for clients in (1, 8):
            seen = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, (kind, socket, request) in servers.items():
                    seen[name].append(load(kind, socket, clients, request))
            for name, rows in seen.items():
                rate, p50, p99 = (statistics.median(c) for c in zip(*rows))
                print(f"      {name:10} {clients} client{'s' if clients > 1 else ' '}: {rate:8.0f}/s, p50 "
                      f"{p50:7.1f} us, p99 {p99:7.1f} us")
            if clients == 8:
                judge(seen)


def judge(seen):
    def ratio(other):
        return statistics.median(a[0] / b[0] for a, b in zip(seen["coffer"], seen[other]))
    if "ssh-agent" in seen:
        target("sign over the socket, 8 clients, against ssh-agent (Ed25519)", ratio("ssh-agent"), 20, True)
    else:
        print("# ssh-agent is not installed: not compared")
    target("sign over the socket, 8 clients, against an empty echo", ratio("echo"), 0.5, True)


NGINX = """
daemon off; error_log {dir}/error.log; pid {dir}/nginx.pid; worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_requests 100000000;
  {http}
}}
"""
UPSTREAM = """server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/server.pem;
  ssl_certificate_key {dir}/server.key; ssl_protocols TLSv1.3;
  location / {{ default_type application/json; return 200 '{reply}'; }} }}"""
PROXY = """upstream exchange {{ server 127.0.0.1:{upstream}; keepalive 32; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port};
  location / {{ proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_pass https://exchange; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_set_header Host api.binance.com; proxy_buffering off; }} }}"""


@contextlib.contextmanager
def nginx(tmp, name, http, **words):
    d = tmp / name
    d.mkdir()
    for f in ("server.pem", "server.key"):
        shutil.copy(tmp / f, d / f)
    conf = d / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(NGINX.format(dir=d, user=user, http=http.format(dir=d, reply=REPLY, **words)))
    p = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(conf), "-e",
                          str(d / "error.log")], stderr=subprocess.DEVNULL)
    try:
        wait_for(d / "nginx.pid")
        yield
    except RuntimeError as e:
        raise RuntimeError(f"{e}\n{(d / 'error.log').read_text()[-2000:]}") from None
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait()


def certificates(tmp):
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    run("openssl", "req", "-x509", *new, "-keyout", tmp / "ca.key", "-out", tmp / "ca.pem", "-subj",
        "/CN=Throw-away bench authority", "-addext", "keyUsage=critical,keyCertSign")
    run("openssl", "req", "-x509", *new, "-keyout", tmp / "server.key", "-out", tmp / "server.pem",
        "-subj", "/CN=Bench exchange", "-addext", "subjectAltName=DNS:api.binance.com", "-addext",
        "basicConstraints=critical,CA:false", "-CA", tmp / "ca.pem", "-CAkey", tmp / "ca.key")


def free_port():
    import socket           # pylint: disable=import-outside-toplevel
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


def wrk(url, connections):
    out = run("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(SECONDS))}s", "--latency", url)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if bad:
        raise RuntimeError(f"{url}: {bad[0]}\n{out}")
    p50, unit = re.search(r"50%\s+([0-9.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", out)[1]), float(p50) * UNITS[unit]


def bench_proxy(place, upstream, through):
    target_path = "/api/v3/account?recvWindow=5000"
    urls = {"direct": f"https://127.0.0.1:{upstream}{target_path}",
            "nginx": f"http://127.0.0.1:{through}{target_path}",
            "coffer": f"{place.prefix}https://api.binance.com{target_path}"}
    for connections in (1, 8):
        seen = {name: [] for name in urls}
        for _ in range(ROUNDS):
            for name, url in urls.items():
                seen[name].append(wrk(url, connections))
        for name, rows in seen.items():
            rate, p50 = (statistics.median(c) for c in zip(*rows))
            print(f"      {name:10} {connections} connection{'s' if connections > 1 else ' '}: {rate:8.0f}/s, p50 "
                  f"{p50:7.1f} us")
        added = {n: statistics.median(seen[n][i][1] - seen["direct"][i][1] for i in range(ROUNDS))
                 for n in ("nginx", "coffer")}
        ratio = added["coffer"] / added["nginx"]
        print(f"      added p50: nginx {added['nginx']:.0f} us, coffer {added['coffer']:.0f} us, {ratio:.2f} times")
        if connections == 8:
            target("proxy: added p50 at 8 connections against nginx's", ratio, 4, False)
            target("proxy: throughput at 8 connections against nginx's", statistics.median(
                a[0] / b[0] for a, b in zip(seen["coffer"], seen["nginx"])), 0.65, True)


def processes(place):
    """{pid: name} of what belongs to this agent: the first process and its children."""
    spawner = int((place.tmp / "run/coffer/agent.lock").read_text().split()[0])
    found = {}
    for d in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parent = int((d / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if spawner in (int(d.name), parent):
                found[int(d.name)] = (d / "cmdline").read_bytes().split(b"\0")[0].decode()
    return found


def cpu_us(pid):
    """Processor time that it used so far, in microseconds."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def rss(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M)[1]) / 1024


LIMITS = {"coffer-agent": 8, "coffer-token": 12, "coffer-net": 16}


def bench_memory(place):
    url = f"{place.prefix}https://api.binance.com/api/v3/account?recvWindow=5000"

    def ask(n):
        done = 0
        while done < n:
            out = run("wrk", "-t1", "-c8", "-d2s", url)
            done += int(re.search(r"(\d+) requests in", out)[1])
        return done
    first = ask(MANY // 10)
    before = {p: (rss(p), cpu_us(p)) for p in processes(place)}
    rest = ask(max(MANY - first, MANY // 2))
    for pid, name in sorted(processes(place).items(), key=lambda x: x[1]):
        now, (was, cpu) = rss(pid), before.get(pid, (rss(pid), cpu_us(pid)))
        print(f"      {name:14} {was:5.1f} MiB after {first} requests, {now:5.1f} MiB after {first + rest}; "
              f"{(cpu_us(pid) - cpu) / rest:4.1f} us of processor time each")
        target(f"memory of {name}, MiB", now, LIMITS.get(name, 8), False)
        target(f"growth of {name} after the first tenth, MiB", now - was, 0.5, False)


def search(place, when):
    """What signs is in no memory of the agent's processes that root can read."""
    if os.geteuid() != 0:
        print("# memory is not searched: only root can look into these processes")
        return
    key = FIELDS["api_secret"].encode()
    forms = [key, key.hex().encode(), base64.b64encode(key), *(bytes(b ^ pad for b in key) for pad in (0x36, 0x5c))]
    needles = place.tmp / "needles"
    needles.touch(0o600)
    needles.write_text("control:coffer-\n" + "".join(
        f"hex:{half.hex()}\n" for f in forms for half in (f[:len(f) // 2], f[len(f) // 2:])))
    p = subprocess.run([str(TOOLS / "memsearch"), str(needles), "--pid", *map(str, processes(place))],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    is_clean = p.returncode == 0
    results[0 if is_clean else 1] += 1
    print(f"{'ok  ' if is_clean else 'FAIL'}  no form of the secret in readable memory, {when}")
    if not is_clean:
        print(re.sub(r"^", "# ", p.stdout, flags=re.M))


def main():
    with tempfile.TemporaryDirectory(prefix="coffer-bench-", dir="/tmp") as d:
        tmp = pathlib.Path(d)
        certificates(tmp)
        upstream, through = free_port(), free_port()
        place = Place(tmp)
        has_nginx = shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")
        with contextlib.ExitStack() as stack:
            stack.callback(place.stop)
            place.start(upstream, tmp / "ca.pem")
            if "--proxy" not in sys.argv:
                bench_agent(place, tmp)
            if not (has_nginx and shutil.which("wrk")):
                print("# the proxy: not run: nginx and wrk are wanted")
            else:
                stack.enter_context(nginx(tmp, "upstream", UPSTREAM, port=upstream))
                stack.enter_context(nginx(tmp, "through", PROXY, port=through, upstream=upstream))
                bench_proxy(place, upstream, through)
                bench_memory(place)
                search(place, "the key held")
                place.coffer("lock", pin=False)
                search(place, "locked")
    print(f"{results[0]} passed, {results[1]} failed")
    return 1 if results[1] else 0


if __name__ == "__main__":
    sys.exit(main())
