# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over TLS on 127.0.0.1: a thread per connection, kept alive. It reads strictly and can
answer badly on purpose. What the answers say is the handler's business."""
import re
import select
import socket
import ssl
import threading

HEAD_MAX, BODY_MAX = 64 * 1024, 4 * 1024 * 1024
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect",
           308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
           418: "I'm a teapot", 421: "Misdirected Request", 429: "Too Many Requests",
           431: "Request Header Fields Too Large", 500: "Internal Server Error",
           501: "Not Implemented", 503: "Service Unavailable"}


class Request:
    """One request as it came. headers: lower-case names."""

    def __init__(self, method, target, headers, sni):
        self.method, self.target, self.headers, self.sni = method, target, headers, sni
        self.path, _, self.query = target.partition("?")
        self.body = b""
        host = headers.get("host", "").lower()
        self.host = host[:-4] if host.endswith(":443") else host


class Reply:
    """What goes back. manner: "" sent well; "short" cut, then closed; "slow" byte by byte;
    "silent" nothing until the client leaves; "closed" nothing, closed at once."""

    def __init__(self, status, body=b"", headers=None, kind="application/json;charset=UTF-8"):
        self.status, self.kind, self.manner = status, kind, ""
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = dict(headers or {})


class Malformed(Exception):
    """A request that is no HTTP/1.1 as it should be, and the status that it gets."""

    def __init__(self, why, status=400):
        super().__init__(why)
        self.status = status


class Gone(Exception):
    """The client left."""


def parse_head(data, sni):
    lines = data.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not TOKEN.fullmatch(parts[0]) or parts[2] != "HTTP/1.1":
        raise Malformed("request line")
    if not re.fullmatch(r"/[\x21-\x7e]*", parts[1]) or "#" in parts[1]:
        raise Malformed("target")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name) or re.search(r"[\x00-\x08\n-\x1f\x7f]", value):
            raise Malformed("header line")
        if name.lower() in headers:
            raise Malformed(f"{name.lower()} stands twice")
        headers[name.lower()] = value.strip(" \t")
    if "transfer-encoding" in headers:
        raise Malformed("transfer-encoding", 501)
    if not headers.get("host"):
        raise Malformed("no host")
    if not re.fullmatch(r"[0-9]{1,9}", headers.get("content-length", "0")):
        raise Malformed("content-length")
    return Request(parts[0], parts[1], headers, sni)


class Server:
    """Listens until close. handler(Request or Malformed) gives a Reply."""

    def __init__(self, handler):
        self.handler, self.context = handler, None
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.open = set()
        self.accepted, self.bad_handshakes = 0, []
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]

    def certificate(self, cert, key):
        """Shown to connections from now on; the open ones end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
        context.sni_callback = lambda conn, name, _: setattr(conn, "wanted_name", name)
        self.context = context
        self.drop()

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self):
        """Ends every open connection."""
        with self.lock:
            conns = list(self.open)
        for conn in conns:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop()

    def _accept(self):
        while not self.closing.is_set():
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._connection, args=(conn,), daemon=True).start()

    def _connection(self, raw):
        with self.lock:
            self.open.add(raw)
        conn = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.settimeout(30)
            try:
                conn = self.context.wrap_socket(raw, server_side=True,
                                                do_handshake_on_connect=False)
                with self.lock:
                    self.open.discard(raw)
                    self.open.add(conn)
                conn.do_handshake()
            except (OSError, ValueError) as e:
                self.bad_handshakes.append(str(e))
                return
            conn.settimeout(300)
            self._serve(conn)
        except (OSError, ValueError, Gone):
            pass
        finally:
            with self.lock:
                self.open.discard(raw)
                self.open.discard(conn)
            conn.close()
            raw.close()

    def _serve(self, conn):
        left = b""
        while not self.closing.is_set():
            try:
                request, left = self._read(conn, left)
            except Malformed as why:
                self._write(conn, self.handler(why), False)
                self._linger(conn)
                return
            keep = request.headers.get("connection", "").lower() != "close"
            if not self._write(conn, self.handler(request), keep):
                return

    def _read(self, conn, data):
        while b"\r\n\r\n" not in data:
            if len(data) > HEAD_MAX:
                raise Malformed("head too long", 431)
            data += self._more(conn)
        head, _, data = data.partition(b"\r\n\r\n")
        request = parse_head(head, getattr(conn, "wanted_name", None))
        size = int(request.headers.get("content-length", "0"))
        if size > BODY_MAX:
            raise Malformed("body too long", 413)
        if request.headers.get("expect", "").lower() == "100-continue":
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(data) < size:
            data += self._more(conn)
        request.body = data[:size]
        return request, data[size:]

    @staticmethod
    def _more(conn):
        data = conn.recv(65536)
        if not data:
            raise Gone
        return data

    def _write(self, conn, reply, keep):
        """Whether the connection goes on."""
        if reply.manner == "closed":
            return False
        if reply.manner == "silent":
            self._wait(conn)
            return False
        lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}",
                 f"Content-Type: {reply.kind}", f"Content-Length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        lines += [] if keep else ["Connection: close"]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if reply.manner == "slow":
            conn.sendall(head)
            for at in range(len(reply.body)):
                conn.sendall(reply.body[at:at + 1])
                if self.closing.wait(0.5):
                    return False
            return keep
        body = reply.body[:len(reply.body) // 2] if reply.manner == "short" else reply.body
        conn.sendall(head + body)
        return keep and reply.manner != "short"

    @staticmethod
    def _linger(conn):
        """Unread bytes would turn the close into a reset, and the reply might be lost."""
        conn.shutdown(socket.SHUT_WR)
        conn.settimeout(0.5)
        while conn.recv(65536):
            pass

    def _wait(self, conn):
        """Until the client leaves; what it still sends is thrown away."""
        while not self.closing.is_set():
            if conn.pending() or select.select([conn], [], [], 0.2)[0]:
                if not conn.recv(65536):
                    return
