#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The PIN by a pinentry: a made-up one that answers as it should, or anyhow, and the real ones."""
# run: once
import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
import time

from lib import COFFER, PIN, Home, main, no_secret, shared
from pinentry_kit import Fake

SIGN = ("sign", "main", "GET", "/api/v3/account")
WRONG = "not the right pin"
ASKED = "PIN of token"
REAL = ("pinentry-tty", "pinentry-curses")


def prepare(h):
    h.init()
    h.add("main")


fresh = shared(prepare)


def begin(*plan):
    h = fresh()
    fake = Fake(h)
    fake.plan(*plan)
    return h, fake


def signs(r, *secrets):
    assert r.code == 0 and "signature=" in r.out, r
    no_secret(r.out + r.err, PIN, *secrets)


def test_asks():
    """without a terminal: the token, its serial and the reason are shown, and nothing leaks to it"""
    h, fake = begin("pin:" + PIN)
    env = h.environ(DISPLAY=":99", WAYLAND_DISPLAY="w", XDG_RUNTIME_DIR="/run/user/1",
                    DBUS_SESSION_BUS_ADDRESS="unix:path=/x", GPG_TTY="/dev/pts/99",
                    COFFER_HOME=h.vault, TPM2_PKCS11_STORE="/x", SECRET_THING="s")
    signs(h.run(*SIGN, "--pinentry", fake.path, pin=False, env=env))
    [(start, lines)] = fake.seen()
    assert start["argv"] == [fake.path], start
    assert sorted(start["fds"]) == ["0", "1", "2"] and not start["ignored"], start
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
                 "GPG_TTY", "TERM", "LANG", "HOME"):
        assert start["env"].get(name) == env[name], (name, start["env"])
    for name in ("COFFER_HOME", "SOFTHSM2_CONF", "TPM2_PKCS11_STORE", "SECRET_THING"):
        assert name not in start["env"], name
    for line in ("OPTION ttyname=/dev/pts/99", "OPTION ttytype=dumb", "OPTION lc-ctype=C.UTF-8",
                 "SETTITLE coffer", "SETTIMEOUT 300", "SETPROMPT PIN:", "GETPIN"):
        assert line in lines, (line, lines)
    [desc] = [x for x in lines if x.startswith("SETDESC ")]
    assert "token 'coffer' (serial " in desc and "%0Ato open 'main'." in desc, desc
    assert not any(x.startswith(("SETERROR", "SETKEYINFO")) or "password-cache" in x
                   for x in lines), lines


def test_doctor():
    """doctor asks it too, where there is no terminal"""
    h, fake = begin("pin:" + PIN)
    r = h.run("doctor", "--pinentry", fake.path, pin=False)
    assert r.code == 0 and "1 of 1 opened by the token" in r.out and len(fake.seen()) == 1, r


def test_answers():
    """the PIN as one piece, in two, with escapes, with options that are not known"""
    h, fake = begin("no-options:" + PIN, "raw:D " + PIN[:7] + "\nD " + PIN[7:] + "\nOK\n",
                    "raw:D " + "".join(f"%{ord(c):02x}" for c in PIN) + "\nOK\n",
                    "raw:S X\n#\nD " + PIN + "\nOK much\n")
    for _ in range(4):
        signs(h.run(*SIGN, "--pinentry", fake.path, pin=False))
    odd = "50%25 of ünïcode% "
    h.ok("pin", "--new-pin-file", h.private("new", odd + "\n"))
    fake.plan("pin:" + odd.encode().decode("latin-1"))
    signs(h.run(*SIGN, "--pinentry", fake.path, pin=False), odd)


def test_cancel():
    """cancelled, closed, or nobody there: exit 3, and the terminal is not asked after it"""
    for answer in ("ERR 83886179 Operation cancelled <Pinentry>\n", "ERR 99\n",
                   "S BUTTON_INFO close\nERR 83886179 canceled\n", "ERR 83886278 x\n",
                   "ERR 83886142 Timeout <Pinentry>\n", "OK\n"):
        h, fake = begin("raw:" + answer)
        h.refuses(*SIGN, "--pinentry", fake.path, pin=False, code=3, says="no PIN was given")
        r = h.refuses(*SIGN, "--pinentry", fake.path, answers=[], code=3, says="no PIN was given")
        assert ASKED not in r.out, r
        assert len(fake.seen()) == 2


BAD = {
    "ends at once": "die",
    "ends when asked": "die-late",
    "garbage for a greeting": "greet:hello\n",
    "an error for a greeting": "greet:ERR 83918950 Inappropriate ioctl\n",
    "a line without an end": "greet:" + "x" * 5000,
    "lines without an end": "raw:" + "S x\n" * 2000,
    "an error": "raw:ERR 83918950 Inappropriate ioctl for device <Pinentry>\n",
    "an error that is none": "raw:ERR many\n",
    "garbage": "raw:\x80\xff\x00\n",
    "an inquiry": "raw:INQUIRE QUALITY secret\n",
    "no piece": "raw:D\nOK\n",
    "half an escape": "raw:D " + PIN + "%4\nOK\n",
    "a wrong escape": "raw:D " + PIN + "%zz\nOK\n",
    "a NUL": "raw:D " + PIN + "\x00\nOK\n",
    "an escaped NUL": "raw:D " + PIN + "%00\nOK\n",
    "a PIN and an end": "raw:D " + PIN + "\n",
    "a huge line": "raw:D " + PIN + "x" * 1000 + "\nOK\n",
    "a PIN from a cache": "raw:S PASSWORD_FROM_CACHE\nD " + PIN + "\nOK\n",
}


def test_falls_back():
    """what cannot ask, or talks nonsense, is told, and the terminal is asked instead"""
    h, fake = begin("die")
    for name, answer in BAD.items():
        if name == "a PIN and an end":
            answer = "raw:D " + PIN + "\nEND\n"
        fake.plan(answer)
        r = h.tty(*SIGN, "--pinentry", fake.path, answers=[(ASKED, PIN)])
        assert r.code == 0 and r.out.count("coffer: warning: pinentry '") == 1, (name, r)
        signs(r)
        assert len(fake.seen()) == 1, name


def test_no_way():
    """a pinentry that cannot ask and no terminal: exit 3; one that cannot be started likewise"""
    h, fake = begin("die-late")
    r = h.refuses(*SIGN, "--pinentry", fake.path, pin=False, code=3, says="no terminal to ask",
                  hint="--pin-fd")
    assert "warning: pinentry '" in r.err, r
    with open(fake.path, "w", encoding="ascii") as f:
        f.write("#!/nonexistent/interpreter\n")
    r = h.refuses(*SIGN, "--pinentry", fake.path, pin=False, code=3, says="no terminal to ask")
    assert "cannot be started" in r.err, r


def test_too_long():
    """a PIN of over 255 bytes is refused, in one piece and in many"""
    for answer in ("D " + "x" * 300 + "\nOK\n", ("D " + "x" * 90 + "\n") * 3 + "OK\n",
                   ("D " + "x" * 990 + "\n") * 90 + "OK\n"):
        h, fake = begin("raw:" + answer)
        r = h.refuses(*SIGN, "--pinentry", fake.path, pin=False, code=3,
                      says="the PIN is longer than 255 bytes")
        no_secret(r.err, "xxxx")


def test_wrong():
    """a wrong PIN is told in the next question; three in all; no longer command is blocked"""
    h, fake = begin("pin:" + WRONG, "pin:" + PIN)
    signs(h.run(*SIGN, "--pinentry", fake.path, pin=False), WRONG)
    (_, first), (_, second) = fake.seen()
    assert not any(x.startswith("SETERROR") for x in first), first
    assert any(x.startswith("SETERROR ") and "wrong PIN" in x for x in second), second
    fake.plan("pin:" + WRONG)
    r = h.refuses(*SIGN, "--pinentry", fake.path, pin=False, code=3, says="wrong PIN")
    assert r.err.count("wrong PIN") == 3 and len(fake.seen()) == 3, r
    no_secret(r.err, WRONG)
    signs(h.run(*SIGN))


def test_is_typed():
    """its PIN counts as typed: it is tried after an unattended failure, and clears it"""
    h, fake = begin("pin:" + PIN)
    h.run(*SIGN, "--pin-file", h.private("bad", WRONG), pin=False)
    h.refuses(*SIGN, code=3, says="none is tried again")
    signs(h.run(*SIGN, "--pinentry", fake.path, pin=False))
    signs(h.run(*SIGN))


def test_never_answers():
    """one that does not even greet is given up, and killed"""
    h, fake = begin("mute")
    r = h.tty(*SIGN, "--pinentry", fake.path, answers=[(ASKED, PIN)])
    assert "does not answer" in r.out, r
    signs(r)
    assert_gone(fake)


def test_lingers():
    """one that answers and then neither ends nor listens to a signal is killed"""
    h, fake = begin("deaf:" + PIN)
    signs(h.run(*SIGN, "--pinentry", fake.path, pin=False))
    assert_gone(fake)


def assert_gone(fake):
    for start, _ in fake.seen():
        path = f"/proc/{start['pid']}/cmdline"
        if os.path.exists(path):
            with open(path, "rb") as f:
                assert b"pinentry-fake" not in f.read(), "it still runs"


def test_interrupted():
    """a signal while it asks ends both"""
    for n in (signal.SIGINT, signal.SIGTERM):
        h, fake = begin("stuck")
        with subprocess.Popen([COFFER, *SIGN, "--pinentry", fake.path], env=h.environ(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True) as p:
            end = time.time() + 20
            while not any("GETPIN" in lines for _, lines in fake.seen()) and time.time() < end:
                time.sleep(0.02)
            p.send_signal(n)
            assert p.wait(timeout=20) == -n
        assert_gone(fake)


def test_choice():
    """which program: an absolute path or a name in the system's directories, never in $PATH"""
    h, fake = begin("pin:" + PIN)
    env = h.environ(PATH=fake.dir + ":/usr/bin:/bin")
    h.refuses(*SIGN, "--pinentry", "pinentry-fake", pin=False, env=env, code=2,
              says="no pinentry 'pinentry-fake'", hint="absolute path")
    for name, says in (("fake/pinentry-fake", "absolute path"), ("", "absolute path"),
                       ("/nonexistent", "can be started"), (fake.dir, "can be started"),
                       (h.pin_file, "can be started"), ("..", "no pinentry"),
                       ("/" + "x" * 520, "can be started")):
        h.refuses(*SIGN, "--pinentry", name, pin=False, code=2, says=says)
    assert not fake.seen()


def test_order():
    """an option for the PIN comes before it; it comes before what this machine remembers"""
    with Home() as h:
        h.init("--keep-pin-file")
        h.add("main")
        fake = Fake(h)
        fake.plan("pin:" + PIN)
        signs(h.run(*SIGN, "--pinentry", fake.path))
        assert not fake.seen()
        signs(h.run(*SIGN, "--pinentry", fake.path, pin=False))
        assert len(fake.seen()) == 1
        signs(h.run(*SIGN, pin=False))
        signs(h.run(*SIGN, "--pinentry", "no", pin=False))
        assert len(fake.seen()) == 1


def test_once_a_command():
    """every command that logs in asks once"""
    h, fake = begin("pin:" + PIN)
    commands = (SIGN, ("rename", "main", "other"), ("rename", "other", "main"),
                ("rotate", "--seal", "--generate", "--yes"), ("remove", "main", "--yes"),
                ("trust", h.fingerprint()))
    for args in commands:
        if args[0] == "trust":
            args = ("trust", h.fingerprint())
        fake.plan("pin:" + PIN)
        r = h.run(*args, "--pinentry", fake.path, pin=False)
        assert r.code == 0 and len(fake.seen()) == 1, (len(fake.seen()), r)
        no_secret(r.out + r.err, PIN)


def test_nowhere():
    """the PIN is in no file of the home, and in nobody's arguments or environment"""
    h, fake = begin("pin:" + PIN)
    with subprocess.Popen([COFFER, *SIGN, "--pinentry", fake.path], env=h.environ(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as p:
        text = p.communicate(timeout=30)[0].decode()
        assert p.returncode == 0, text
    no_secret(text, PIN)
    for start, lines in fake.seen():
        no_secret(json.dumps(start) + "\n".join(lines), PIN)
    for d, _, files in os.walk(h.home):
        for f in files:
            with open(os.path.join(d, f), "rb") as one:
                assert PIN.encode() not in one.read(), f


def test_echo():
    """interrupted at the terminal while a pinentry asks there: the terminal echoes again"""
    if not real("pinentry-tty"):
        return "pinentry-tty is not installed"
    h = fresh()
    ours, theirs = pty.openpty()
    with subprocess.Popen([COFFER, *SIGN, "--pinentry", "pinentry-tty"], env=h.environ(),
                          stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as p:
        seen = b""
        while b"PIN:" not in seen.split(b"SETPROMPT")[-1]:
            seen += os.read(ours, 4096)
        end = time.time() + 10
        while termios.tcgetattr(theirs)[3] & termios.ECHO and time.time() < end:
            time.sleep(0.01)
        assert not termios.tcgetattr(theirs)[3] & termios.ECHO
        os.write(ours, b"\x03")
        assert p.wait(timeout=20) == -signal.SIGINT
    assert termios.tcgetattr(theirs)[3] & termios.ECHO, "no echo after it"
    os.close(ours)
    os.close(theirs)
    return None


def real(*names):
    return [p for n in names for d in ("/usr/local/bin", "/usr/bin", "/bin")
            for p in [os.path.join(d, n)] if os.path.exists(p)][:1]


def test_real_tty():
    """pinentry-tty: the question on the terminal, a wrong PIN, the right one; and cancelled"""
    if not real("pinentry-tty"):
        return "pinentry-tty is not installed"
    h = fresh()
    r = h.tty(*SIGN, "--pinentry", "pinentry-tty", answers=[("PIN:", WRONG), ("PIN:", PIN)])
    assert r.out.count("Please enter the PIN of token 'coffer'") == 2 and "wrong PIN" in r.out, r
    assert ASKED not in r.out.replace("the PIN of token", ""), r
    signs(r, WRONG)
    h.refuses(*SIGN, "--pinentry", "pinentry-tty", answers=[("PIN:", "")], code=3,
              says="no PIN was given")
    return None


def test_real_curses():
    """pinentry-curses draws its box and gives the PIN"""
    if not real("pinentry-curses"):
        return "pinentry-curses is not installed"
    h = fresh()
    h.extra_env = {"TERM": "xterm"}
    h.environ = lambda **more: {**Home.environ(h, **more), "TERM": "xterm"}
    try:
        signs(h.tty(*SIGN, "--pinentry", "pinentry-curses", answers=[("PIN:", PIN + "\r")]))
    finally:
        del h.environ
    return None


def test_by_itself():
    """without --pinentry: used where there is a display, not on a plain terminal"""
    if not real("pinentry"):
        return "no pinentry is installed"
    h = fresh()
    r = h.tty(*SIGN, answers=[(ASKED, PIN)])
    signs(r)
    h.environ = lambda **more: {**Home.environ(h, **more), "TERM": "xterm", "DISPLAY": ":99"}
    try:
        r = h.tty(*SIGN, "--pinentry", "no", answers=[(ASKED, PIN)])
        signs(r)
        r = h.tty(*SIGN, answers=[("PIN:", PIN + "\r")])
        assert "Please enter the PIN" in r.out or "\x1b[" in r.out, r
        signs(r)
    finally:
        del h.environ
    return None


if __name__ == "__main__":
    main([test_asks, test_doctor, test_answers, test_cancel, test_falls_back, test_no_way,
          test_too_long, test_wrong, test_is_typed, test_never_answers, test_lingers, test_interrupted,
          test_choice, test_order, test_once_a_command, test_nowhere, test_real_tty,
          test_real_curses, test_echo, test_by_itself])
