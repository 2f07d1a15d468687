# SPDX-License-Identifier: Apache-2.0
"""What the tests of recipients share: a home with a vault on its embedded token and two more tokens
of a SoftHSM configuration of their own, a second machine, and talks on a terminal in which an answer
may depend on what was shown."""
import base64
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import termios
import time

import kit
import lib
from reseal import conf_of, entries, machine, signs, token

NEW_PIN = "another long pin 7"
PLAIN = re.compile(r"\x1b\[[0-9?]*[a-zA-Z]")


def prepare(h):
    h.uris = {}
    conf = conf_of(h, "home/tokens")
    h.extra_env = {"SOFTHSM2_CONF": conf}
    for label in ("spare", "third"):
        h.uris[label] = token(h, conf, label, NEW_PIN)
    h.init()
    h.add("main")
    h.add("okx", "okx", kit.OKX)


fresh_home = lib.shared(prepare)


def fresh():
    h = fresh_home()
    h.conf = os.path.join(h.top, "home/tokens.conf")
    h.extra_env = {"SOFTHSM2_CONF": h.conf}
    h.pin_file = h.private("pin", lib.PIN + "\n")
    h.new_pin = h.private("new-pin", NEW_PIN + "\n")
    return h


def add_spare(h, *more, label="spare", **kw):
    return h.ok("recipients", "add", h.uris[label], "--generate", "--new-pin-file", h.new_pin,
                "--yes", *more, **kw)


def listed(h, **kw):
    """The recipients by label."""
    r = h.ok("recipients", "--json", pin=False, **kw).json()
    assert r["authenticated"] is False and r["untested"] == sum(
        not x["tested"] for x in r["recipients"]), r
    return {x["label"]: x for x in r["recipients"]}


def body(h):
    with open(os.path.join(h.vault, "vault.json"), "rb") as f:
        return json.loads(f.read().split(b"\n")[0])


def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_on(h, label, kind="p256"):
    """Makes a sealing key on a token, on another machine, and gives its public half in DER."""
    with lib.Home() as away:
        away.extra_env, away.pin_file = {"SOFTHSM2_CONF": h.conf}, h.new_pin
        away.ok("init", "--token", h.uris[label], "--generate=" + kind)
        return b64(body(away)["recipients"][0]["spki"])


def put(h, name, data):
    path = os.path.join(h.top, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def embedded_is_gone(h):
    os.rename(h.softhsm, h.softhsm + "-gone")


def copy_vault(h, to):
    lib.remove_tree(to)
    shutil.copytree(h.vault, to)


def other_machine(h, *, tokens=True):
    """A home with a copy of the vault only, which reaches the same two tokens."""
    far = lib.Home()
    os.makedirs(os.path.dirname(far.vault), 0o700)
    for d in (".local", ".local/share"):
        os.chmod(os.path.join(far.home, d), 0o700)
    shutil.copytree(h.vault, far.vault)
    far.uris, far.new_pin = h.uris, h.new_pin
    if tokens:
        far.extra_env = {"SOFTHSM2_CONF": h.conf}
    far.pin_file = h.new_pin
    return far


def talk(h, *args, answers, timeout=60, term="xterm"):
    """As Home.tty, but an answer may be a function of what was shown since the last one. A signal as
    an answer is sent."""
    argv = [*h.wrapper, lib.COFFER, *args]
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(h.top)
        os.execvpe(argv[0], argv, h.environ(TERM=term))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    seen, at, end, todo = "", 0, time.time() + timeout, list(answers)
    while time.time() < end:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            seen += data.decode(errors="replace")
        if todo and todo[0][0] in seen[at:]:
            time.sleep(0.05)
            _, reply = todo.pop(0)
            if isinstance(reply, signal.Signals):
                os.kill(pid, reply)
            else:
                reply = reply(seen[at:]) if callable(reply) else reply
                os.write(fd, reply.encode() + b"\n")
            at = len(seen)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    seen = seen.replace("\r\n", "\n")
    assert not todo or code != 0, f"never asked {todo[0][0]!r}\n{seen}"
    return lib.Result(args, code, seen, seen)


class Paper:
    """What a person writes down, and reads from it."""

    def __init__(self):
        self.words = {}

    def write(self, shown):
        self.words = {int(n): w for n, w in re.findall(r"(?<!\d)(\d{1,2}) ([a-z]{3,8})\s",
                                                       PLAIN.sub("", shown))}
        assert sorted(self.words) == list(range(1, 25)), self.words
        return ""

    def asked(self, shown):
        return self.words[int(re.findall(r"Word (\d+) from the paper", shown)[-1])]

    @property
    def text(self):
        return " ".join(self.words[i] for i in range(1, 25))

    def dialogue(self, pin=True):
        return [*([("PIN of token", lib.PIN)] if pin else []), ("Press Enter", self.write),
                ("from the paper", self.asked), ("from the paper", self.asked)]


def add_paper(h, *more):
    """Adds a paper on a terminal."""
    p = Paper()
    r = talk(h, "recipients", "add", "--paper", "--yes", *more, answers=p.dialogue())
    assert r.code == 0, r
    return p


def words_fd(h, text, *args, run=None, **kw):
    """A command that reads the words from a descriptor."""
    r, w = os.pipe()
    try:
        os.write(w, text.encode())
        os.close(w)
        return (run or h.run)(*args, "--words-fd", str(r), pass_fds=(r,), **kw)
    finally:
        os.close(r)
