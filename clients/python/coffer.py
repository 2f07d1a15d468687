# SPDX-License-Identifier: Apache-2.0
"""Signatures from a running coffer agent, over its Unix socket, with Python's standard library alone.

    import coffer
    with coffer.Agent() as agent:
        signed = agent.sign("binance-main", "GET", "https://api.binance.com/api/v3/account")
        # {"method": ..., "url": ..., "headers": {...}, "body": ...}: send it as it is, at once

Only keys that their owner released (`coffer policy NAME --release yes`) are signed for; bots that
can be given a URL are better served by the proxy, which hands out no signature. The protocol is
agent/PROTOCOL.md. An Agent may be used by several threads; each call waits for its answer."""
import json
import os
import socket
import stat
import struct
import threading

__all__ = ["Agent", "Error", "default_socket"]

_LINE_MAX = 4 * 1024 * 1024


class Error(Exception):
    """The agent said no, or is not there. code: as in coffer's --json output ("policy", "person",
    "not_found" ...); hints: what to do."""

    def __init__(self, code, message, hints=()):
        super().__init__("; ".join((message, *hints)))
        self.code, self.message, self.hints = code, message, tuple(hints)


def default_socket():
    """Where coffer's agent of this user listens."""
    run = os.environ.get("XDG_RUNTIME_DIR")
    if run:
        return os.path.join(run, "coffer", "agent.sock")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "coffer", "run", "agent.sock")


class Agent:
    """One connection to the agent. path: of its socket; timeout: seconds for one call, a touch of
    the token included."""

    def __init__(self, path=None, timeout=30.0):
        self._path, self._timeout = path or default_socket(), timeout
        self._lock, self._sock, self._rest, self._id = threading.Lock(), None, b"", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection; the next call makes a new one."""
        with self._lock:
            self._drop()

    def sign(self, name, method, url, headers=None, body="", timestamp_ms=None):
        """The request, signed by the key of that name: {"method", "url", "headers", "body", "covers"}.
        What of the headers is authentication is replaced; the rest comes back among the headers.
        "covers" says what the signature covers."""
        request = {"method": method, "url": url, "headers": dict(headers or {}), "body": body}
        if timestamp_ms is not None:
            request["clock"] = {"timestamp_ms": timestamp_ms}
        return self._call({"op": "sign", "name": name, "request": request})

    def sign_ws(self, name, url=None, message=None):
        """A WebSocket login, or a message that needs a signature: {"url", "headers", "message"}."""
        request = {k: v for k, v in (("url", url), ("message", message)) if v is not None}
        return self._call({"op": "sign_ws", "name": name, "request": request})

    def list(self):
        """The keys of the vault, without their secrets."""
        return self._call({"op": "list"})

    def status(self):
        """What the agent is, and whether it is locked."""
        return self._call({"op": "status"})

    def _call(self, message):
        with self._lock:
            self._id += 1
            message["id"] = self._id
            line = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
            try:
                return self._exchange(line)
            except BaseException:
                self._drop()    # half an answer may be under way
                raise

    def _exchange(self, line):
        if self._sock is None:
            self._connect()
        try:
            self._sock.sendall(line)
            answer = json.loads(self._read_line())
        except socket.timeout:
            raise Error("failed", f"the agent did not answer within {self._timeout} s") from None
        except (OSError, ValueError) as e:
            raise Error("failed", f"the talk with the agent broke off: {e}") from None
        error = answer.get("error")
        if answer.get("id") != self._id and not error:
            raise Error("failed", "the agent answered another question")
        if error:
            raise Error(error.get("code", "failed"), error.get("message", ""), error.get("hints", ()))
        return answer["result"]

    def _connect(self):
        try:
            at = os.lstat(self._path)
        except OSError:
            raise Error("not_found", "no coffer agent is running", ("start it: coffer agent",)) from None
        if not stat.S_ISSOCK(at.st_mode) or at.st_uid != os.geteuid():
            raise Error("untrusted", f"'{self._path}' is no socket of this user's")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout)
            sock.connect(self._path)
            uid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
            if uid != os.geteuid():
                raise Error("untrusted", f"user {uid} answers at '{self._path}'")
        except OSError:
            sock.close()
            raise Error("not_found", "no coffer agent is running", ("start it: coffer agent",)) from None
        except Error:
            sock.close()
            raise
        self._sock, self._rest = sock, b""

    def _read_line(self):
        while b"\n" not in self._rest:
            if len(self._rest) > _LINE_MAX:
                raise ValueError("an answer without an end")
            more = self._sock.recv(65536)
            if not more:
                raise OSError("it has ended")
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def _drop(self):
        if self._sock is not None:
            self._sock.close()
        self._sock, self._rest = None, b""
