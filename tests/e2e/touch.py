#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person is told while the token waits: on the mock driver, whose calls take as long as its
script says."""
# run: once
import os

from lib import PIN, main
from mock_kit import MODULE, SIGN, Mock

SLOW = "C_DeriveKey sleep=1400"
TOUCH = "hint: token 'mock' waits: touch it if it blinks"
made = []


def begin(*lines):
    if not made:
        made.append(Mock().made())
    h = made[0]
    h.restore()
    h.fresh(*lines)
    return h


def told(r):
    return [x for x in r.err.replace("\r\x1b[K", "\n").splitlines() if x.startswith("hint: token")]


def test_told():
    """a touch that is waited for is told once a call, with its reason; quick calls are not"""
    h = begin(SLOW + " times=1")
    r = h.ok(*SIGN)
    assert told(r) == [TOUCH + " (to open 'main')"], r
    h.script("C_DeriveKey sleep=300")
    assert not told(h.ok(*SIGN))


def test_reasons():
    """each command says why"""
    cases = ((("rename", "main", "other"), "to rename 'main'"),
             (("trust", None), "to open the vault"))
    for args, why in cases:
        h = begin()
        args = [h.fingerprint() if a is None else a for a in args]
        h.script(SLOW + " times=1")
        r = h.ok(*args)
        assert told(r)[0] == f"{TOUCH} ({why})", r
    h = begin()
    with Mock() as other:
        other.script(SLOW + " times=1")
        r = other.ok("init", "--token", other.uri())
        assert told(r)[0] == TOUCH + " (to try the sealing key)", r


def test_quiet():
    """--quiet and --json leave it: a person is waited for"""
    h = begin(SLOW)
    for more in ("-q", "--json"):
        assert told(h.ok(*SIGN, more)), more


def test_terminal():
    """on a terminal it is a line of its own"""
    h = begin(SLOW + " times=1")
    r = h.tty(*SIGN, answers=[("PIN of token", PIN)])
    assert r.code == 0 and told(r) == [TOUCH + " (to open 'main')"], r


def test_too_late():
    """a touch that did not come in time: the first hint says so, whatever the driver calls it"""
    for rv in (0x06, 0x101, 0x30):
        h = begin(f"C_DeriveKey sleep=1400 rv={rv:#x}", f"C_Decrypt sleep=1400 rv={rv:#x}")
        r = h.run(*SIGN)
        hints = [x for x in r.err.splitlines() if x.startswith("hint: ") and x not in told(r)]
        assert r.code in (1, 3) and told(r), r
        assert "put it back" in " ".join(hints), r
        assert "touched in time" in hints[0] and "log in" not in " ".join(hints), r


def test_keypad():
    """a PIN that is entered on the device is waited for too, and told so"""
    h = begin("C_Login sleep=1400", "flags PROTECTED_PATH")
    r = h.run(*SIGN, pin=False)     # the mock has no keys, and so refuses it after its time
    assert told(r) == ["hint: token 'mock' waits: enter the PIN on it, or touch it if it blinks "
                       "(to open 'main')"], r
    assert "enter the PIN of token 'mock' on the device" in r.err, r


def test_odd_label():
    """a label cannot steer the terminal"""
    h = begin()
    h.script(SLOW + " times=1", "label " + b"mock\x1b[2J".hex())
    r = h.run("init", "--vault", os.path.join(h.home, "v2"), "--token",
              h.uri("id=%01"))
    assert r.code == 0 and '[2J\' waits: touch it' in r.err and "\x1b[2J" not in r.err, r


def test_recovered():
    """a token that was gone for a moment is told once, at the end"""
    h = begin("C_DeriveKey rv=0xb3 times=1")
    r = h.run(*SIGN)
    assert r.code == 0, r
    assert r.err.count("was gone or reset for a moment; it was opened again") == 1, r


if __name__ == "__main__":
    tests = [test_told, test_reasons, test_quiet, test_terminal, test_too_late, test_keypad,
             test_odd_label, test_recovered]
    if not os.path.exists(MODULE):
        print(f"1..0 # SKIP {MODULE} is not built")
    else:
        try:
            main(tests, needs_softhsm=False)
        finally:
            for home in made:
                home.__exit__()
