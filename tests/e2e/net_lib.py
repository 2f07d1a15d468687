# SPDX-License-Identifier: Apache-2.0
"""What the tests of coffer-net share: a throw-away CA, servers that behave in every bad way, and
coffer-net itself, spoken to in its own frames (written here from base/wire.h)."""
import atexit
import functools
import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from lib import COFFER, remove_tree

NET = os.path.join(os.path.dirname(COFFER), "coffer-net")
REPLIED, NOT_SENT, UNKNOWN = range(3)
FAULTS = ("none refused_here dns connect proxy tls certificate certificate_name certificate_time "
          "timeout_connect timeout closed too_large garbage internal").split()
HOST = "api.test"


SANITIZED = "ASAN_OPTIONS" in os.environ
TESTS = []


def case(function):
    """Marks a test."""
    TESTS.append(function)
    return function


@functools.lru_cache
def version():
    """As the program itself says: it takes no partner of another."""
    with Net(argv=[NET, "-"]) as n:
        n.p.wait(20)
        said = n.p.stderr.read().decode()
    return re.match(r"coffer-net: this is version '([^']+)'", said)[1]


# -- certificates --

class Authority:
    """A CA and what it signs, made with the openssl command."""

    def __init__(self, top, name="ca"):
        self.top = top
        self.key, self.pem = os.path.join(top, name + ".key"), os.path.join(top, name + ".pem")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", self.key, "-out", self.pem, "-days", "30", "-subj",
                     f"/CN=throw-away {name}")
        self.made = {}

    def openssl(self, *args, data=None):
        subprocess.run(["openssl", *args], check=True, input=data, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)

    def sign(self, *names, days=30, start=None):
        """Certificate and key in one file for these names; start and days as 'openssl ca' dates."""
        what = (names, days, start)
        if what in self.made:
            return self.made[what]
        base = os.path.join(self.top, f"{os.path.basename(self.pem)}-{len(self.made)}")
        with open(base + ".cnf", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={','.join('DNS:' + n for n in names)}\n"
                    "basicConstraints=CA:FALSE\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", base + ".key", "-out", base + ".csr", "-subj", f"/CN={names[0]}")
        if start:
            self.sign_dated(base, start)
        else:
            self.openssl("x509", "-req", "-in", base + ".csr", "-CA", self.pem, "-CAkey", self.key,
                         "-CAcreateserial", "-days", str(days), "-extfile", base + ".cnf",
                         "-out", base + ".crt")
        with open(base + ".both", "wb") as out:
            for part in (".crt", ".key"):
                with open(base + part, "rb") as f:
                    shutil.copyfileobj(f, out)
        self.made[what] = base + ".both"
        return self.made[what]

    def sign_dated(self, base, dates):
        """With dates that 'openssl x509' has no option for."""
        d = base + ".d"
        os.mkdir(d)
        for name, text in (("index.txt", ""), ("serial", "77\n"), ("conf", (
                "[ca]\ndefault_ca=d\n[d]\ndir=%s\ndatabase=$dir/index.txt\nserial=$dir/serial\n"
                "new_certs_dir=$dir\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n" % d))):
            with open(os.path.join(d, name), "w", encoding="ascii") as f:
                f.write(text)
        self.openssl("ca", "-batch", "-notext", "-config", d + "/conf", "-in", base + ".csr",
                     "-cert", self.pem, "-keyfile", self.key, "-extfile", base + ".cnf",
                     "-startdate", dates[0], "-enddate", dates[1], "-out", base + ".crt")

    def text(self):
        with open(self.pem, "rb") as f:
            return f.read()


# -- servers --

class Server:
    """A TLS server on 127.0.0.1. handler(conn) has one accepted, secured connection; requests that
    it reads by conn.request() are kept in seen."""

    def __init__(self, cert, handler, plain=False, context=None):
        self.seen, self.n_connections, self.errors = [], 0, []
        self.handler, self.plain = handler, plain
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if cert:
            self.context.load_cert_chain(cert)
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.sock.getsockname()[1]
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                raw, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(raw,), daemon=True).start()

    def talk(self, raw):
        with self.lock:
            self.n_connections += 1
            number = self.n_connections
        raw.settimeout(20)
        try:
            sock = raw if self.plain else self.context.wrap_socket(raw, server_side=True)
        except (OSError, ssl.SSLError) as e:
            self.errors.append(str(e))
            raw.close()
            return
        conn = Conn(sock, self, number)
        try:
            self.handler(conn)
        except (OSError, ssl.SSLError, EOFError):
            pass
        conn.cut()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Conn:
    """One connection at the server's end."""

    def __init__(self, sock, server, number):
        self.sock, self.server, self.number, self.data = sock, server, number, b""

    def request(self):
        """Reads one whole request: (head as bytes, body). EOFError at the end."""
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        m = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        n = int(m[1]) if m else 0
        while len(self.data) < n:
            self.more()
        body, self.data = self.data[:n], self.data[n:]
        with self.server.lock:
            self.server.seen.append((head, body))
        return head, body

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise EOFError
        self.data += got

    def send(self, data):
        self.sock.sendall(data)

    def reply(self, body=b"ok", status="200 OK", headers=(), version="HTTP/1.1"):
        lines = [f"{version} {status}", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def cut(self):
        """Closes at once, without TLS's farewell."""
        try:
            self.sock.close()
        except OSError:
            pass

    def end(self):
        """Closes with TLS's farewell."""
        try:
            self.sock = self.sock.unwrap()
        except (OSError, ssl.SSLError, ValueError):
            pass
        self.cut()


def answering(**how):
    """A handler that answers every request alike."""
    def handler(conn):
        while True:
            conn.request()
            conn.reply(**how)
    return handler


# -- coffer-net --

def lp(b):
    b = b.encode() if isinstance(b, str) else b
    return struct.pack(">I", len(b)) + b


def request_frame(number, url, method="GET", body=b"", headers=(), hosts=(HOST,), ca=b"",
                  connect_to="", timeout_ms=10000):
    rest = struct.pack(">BII", 1, number, timeout_ms) + lp(method) + lp(url) + lp(body)
    rest += struct.pack(">I", len(headers)) + b"".join(lp(n) + lp(v) for n, v in headers)
    rest += struct.pack(">I", len(hosts)) + b"".join(lp(h) for h in hosts)
    return lp(rest + lp(ca) + lp(connect_to))


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert len(self.data) >= n, "a reply that is too short"
        out, self.data = self.data[:n], self.data[n:]
        return out

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def text(self):
        return self.take(self.uint(4))


class Reply:
    def __init__(self, frame):
        r = Reader(frame)
        assert r.uint(1) == 2, "not a reply"
        self.id, self.result, self.fault, self.status = r.uint(4), r.uint(1), r.uint(1), r.uint(2)
        self.sent_us, self.answered_us = r.uint(8), r.uint(8)
        self.fault = FAULTS[self.fault]
        self.detail = r.text().decode(errors="replace")
        self.headers = [(r.text(), r.text()) for _ in range(r.uint(4))]
        self.body = r.text()
        assert not r.data, "bytes behind the reply"

    def header(self, name):
        for n, v in self.headers:
            if n.decode("latin-1").lower() == name:
                return v.decode("latin-1")
        return None

    def __repr__(self):
        return (f"Reply(result={self.result} fault={self.fault} status={self.status} "
                f"detail={self.detail!r} body={self.body[:80]!r}[{len(self.body)}])")


class Net:
    """A running coffer-net. ca: PEM that every request brings, unless it says otherwise."""

    def __init__(self, ports=(), env=None, ca=b"", argv=None, stderr=None):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.ca, self.data, self.number = ca, b"", 0
        argv = argv or [NET, version(), *[str(p) for p in ports]]
        full = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        full.update(env or {})
        fd = theirs.fileno()

        def place():
            os.dup2(fd, 3, inheritable=True)
        self.p = subprocess.Popen(argv, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=stderr or subprocess.PIPE, pass_fds=(3, fd),
                                  preexec_fn=place)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise
        finally:
            self.p.stdout.close()
            if self.p.stderr:
                self.p.stderr.close()

    def send(self, url, **how):
        self.number += 1
        how.setdefault("ca", self.ca)
        self.sock.sendall(request_frame(self.number, url, **how))
        return self.number

    def wait(self, timeout=30):
        """The next reply, or None when coffer-net has ended."""
        end = time.monotonic() + timeout
        while True:
            if len(self.data) >= 4:
                n = int.from_bytes(self.data[:4], "big")
                if len(self.data) >= n + 4:
                    frame, self.data = self.data[4:n + 4], self.data[n + 4:]
                    return Reply(frame)
            left = end - time.monotonic()
            assert left > 0 and select.select([self.sock], [], [], left)[0], "no reply in time"
            got = self.sock.recv(1 << 20)
            if not got:
                return None
            self.data += got

    def ask(self, url, **how):
        number = self.send(url, **how)
        r = self.wait()
        assert r and r.id == number, r
        return r

    def at(self, server, path="/", host=HOST, **how):
        """Asks a server by that name."""
        how.setdefault("hosts", (host,))
        how.setdefault("connect_to", f"{host}:443:127.0.0.1:{server.port}")
        return self.ask(f"https://{host}{path}", **how)

    def status(self):
        with open(f"/proc/{self.p.pid}/status", encoding="ascii") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


# -- what every test starts from --

TOP = tempfile.mkdtemp(prefix="coffer-net-", dir=os.environ.get("TMPDIR"))
atexit.register(remove_tree, TOP)
CA = Authority(TOP)
CERT = CA.sign(HOST, "*.binance.com")
PEM = CA.text()


def serve(handler=None, cert=CERT, **how):
    return Server(cert, handler or answering(), **how)


def once(handler, timeout_ms=10000, **how):
    """One request to a server with that handler: its reply and the server."""
    with serve(handler) as s, Net([s.port], ca=PEM) as n:
        return n.at(s, timeout_ms=timeout_ms, **how), s


def raw(data, farewell=True):
    """A handler that reads one request and sends these bytes."""
    def handler(conn):
        conn.request()
        conn.send(data)
        if farewell:
            conn.end()
    return handler


def expect(r, result, fault, detail=None):
    assert (r.result, r.fault) == (result, fault), r
    assert detail is None or detail in r.detail, r
    assert result == REPLIED or (r.status == 0 and not r.body and not r.headers), r


def dies_on_second(conn):
    """Answers the first request; reads the second, and is gone."""
    conn.request()
    conn.reply()
    conn.request()
    conn.cut()
